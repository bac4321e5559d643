//! What a user of the runtime relies on, by failure theme. Every test runs under a watchdog: what
//! hangs fails.

#![allow(clippy::unwrap_used, reason = "what tests share, outside of a test function")]

mod blocking;
mod cancel;
mod context;
mod control;
mod coop;
mod deadlock;
mod drops;
mod errors;
#[cfg(unix)]
mod fork;
mod group;
mod homes;
mod join;
mod local;
mod local_set;
mod lone;
mod memory;
mod metrics;
mod nursery;
mod options;
mod panic;
mod par;
mod parallel;
mod placement;
mod priority;
mod progress;
mod random;
mod reenter;
mod shutdown;
mod stall;
mod stay;
mod steal;
mod time;
mod timer;
mod waker;

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use moirai_runtime::Runtime;

/// Runs `test` on a thread of its own; fails if it takes longer than any honest run.
#[track_caller]
fn watch<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = test();
        let _ = done.send(());
        result
    });
    match result.recv_timeout(WATCHDOG) {
        // Disconnected: it panicked, and the join says how.
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        },
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs"),
    }
}

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

fn named(name: &str, workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).name(name).build().unwrap()
}

/// What went wrong before, many tasks run.
#[track_caller]
fn works_on(runtime: &Runtime) {
    let handles: Vec<_> = (0..TASKS).map(|i| runtime.spawn(async move { i })).collect();
    let sum: u32 = handles.into_iter().map(|handle| handle.join().unwrap()).sum();
    assert_eq!(sum, TASKS * (TASKS - 1) / 2);
}

/// Draws numbers (Marsaglia's xorshift). A failing test shows the seed, and runs the same again with
/// it in `MOIRAI_SEED`.
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    /// With a seed from the environment or a new one, which is printed.
    fn seeded() -> Self {
        let given = std::env::var("MOIRAI_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
        eprintln!("seed {seed}");
        Self(seed | 1)
    }

    /// One of `0..n`.
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }

    /// Another series, for another task.
    fn fork(&mut self) -> Self {
        Self(self.below(1 << 50) << 1 | 1)
    }
}

/// Waits until every task's memory is given back: what a worker does last for a task.
fn no_task_is_left(runtime: &Runtime) {
    while runtime.handle().task_pool().live_tasks != 0 {
        thread::yield_now();
    }
}

/// Does something when it is dropped, wherever that is.
struct AtDrop(Option<Box<dyn FnOnce() + Send>>);

impl AtDrop {
    fn new(f: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(f)))
    }
}

impl Drop for AtDrop {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|f| f());
    }
}

/// `n` times, or not as many: under Miri each costs milliseconds.
const fn times(n: usize) -> usize {
    if cfg!(miri) { n.div_ceil(30) } else { n }
}

/// Under Miri each costs milliseconds.
const TASKS: u32 = if cfg!(miri) { 20 } else { 1000 };

/// Miri's clock counts steps, and most of them are its own.
const WATCHDOG: Duration = Duration::from_secs(if cfg!(miri) { 36_000 } else { 60 });
