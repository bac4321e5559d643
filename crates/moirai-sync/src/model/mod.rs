//! loom models of the files that hold `unsafe`. Run by `cargo xtask loom`.
//!
//! A lost wake-up shows as a deadlock, a race on a cell as a failed access, a wrong ordering as an
//! assertion on a stale value.

mod broadcast;
mod cancel;
mod chain;
mod channel;
mod gate;
mod group;
mod hold;
mod levels;
mod list;
mod mutex;
mod notify;
mod once;
mod oneshot;
mod ops;
mod parker;
mod ready;
mod ring;
mod rwlock;
mod seat;
mod semaphore;
#[cfg(all(feature = "shm", target_os = "linux", target_pointer_width = "64"))]
mod shm;
mod spsc;
mod timer;
mod wait_group;
mod waitlist;
mod watch;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// Runs `body` under every schedule, of which there must be `schedules_min` at least where two switches
/// are forced: a model in which nothing happens at the same time shows nothing. What one side only reads
/// is best read in a thread of its own: of the first thread's reads, loom tries few.
fn explore(schedules_min: usize, body: impl Fn() + Send + Sync + 'static) {
    let schedules = Arc::new(AtomicUsize::new(0));
    loom::model({
        let schedules = Arc::clone(&schedules);
        move || {
            schedules.fetch_add(1, Ordering::Relaxed);
            body();
        }
    });
    let schedules = schedules.load(Ordering::Relaxed);
    println!("{schedules} schedules");
    assert!(schedules >= schedules_min, "only {schedules} schedules");
}

/// Polls a future once and drops it.
fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
