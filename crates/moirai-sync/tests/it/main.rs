//! What a user of the channels relies on, by failure theme.

mod broadcast;
mod builder;
mod cancel;
mod close;
mod fanout;
#[cfg(all(unix, not(miri)))] // reads the clock of a thread
mod idle;
mod loans;
mod metrics;
mod mutex;
mod notify;
mod numa;
mod once;
mod ops;
mod order;
mod priority;
mod rendezvous;
mod rwlock;
mod select;
mod semaphore;
mod timers;
mod token;
mod torture;
mod waiting;
mod watch;
mod work_stealing;
