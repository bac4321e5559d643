//! What a user of the channels relies on, by failure theme.

mod cancel;
mod close;
mod order;
mod rendezvous;
mod select;
mod timers;
mod token;
mod torture;
mod waiting;
mod watch;
