//! What a user of the channels relies on, by failure theme.

mod auto_traits;
mod broadcast;
mod builder;
mod cancel;
mod close;
mod fanout;
#[cfg(all(unix, not(miri)))] // reads the clock of a thread
mod idle;
mod ledger;
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
mod set;
#[cfg(all(
    feature = "shm",
    target_os = "linux",
    target_pointer_width = "64",
    not(miri) // maps files, starts processes
))]
mod shm;
mod timers;
mod token;
mod torture;
mod waiting;
mod watch;
mod woken;
mod work_stealing;

use proptest::test_runner::Config;

/// So many random cases; under Miri fewer. A failure prints what it fails on, and no file keeps it.
fn cases(n: u32, under_miri: u32) -> Config {
    let cases = if cfg!(miri) { under_miri } else { n };
    Config { cases, failure_persistence: None, ..Config::default() }
}
