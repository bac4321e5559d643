//! What the watcher shares with the workers: whether it sleeps for good, and how to wake it.
//!
//! It looks at the workers in intervals, but only while one of them runs. When none does, it goes
//! off, and whoever gives the next worker a permit wakes it, after that one; or a worker that takes a
//! permit itself, or whoever publishes work for which there is no thread.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | fence in `go_off` | SeqCst | the one in `was_off`: a worker sees that it is off, or it sees that a permit is held; those in `Idle::wake_one` and `Pool::wake_home`: a publisher does, or it sees what waits |
//! | fence in `rouse` | SeqCst | the one in `enter_driver`: it sees why it is roused, or we see it in the driver |
//! | `off`, `in_driver` | Relaxed | ordered by these fences |
//!
//! Models: `the_watcher_goes_off_against_a_permit` and `the_watcher_goes_off_against_work_without_a_thread`
//! in `src/model/permit.rs`.

use std::sync::{Arc, OnceLock};

use moirai_sync::__prim::Parker;
use moirai_sync::__prim::atomic::{AtomicBool, AtomicU64, Ordering, fence};

use super::driver::Driver;

#[derive(Debug)]
pub(crate) struct Watch {
    off: AtomicBool,
    /// Set by the watcher before it first waits; without one, nobody watches.
    parker: OnceLock<Arc<Parker>>,
    /// It waits in the driver and not on its parker.
    in_driver: AtomicBool,
    /// How often a task did not come back in time.
    stalls: AtomicU64,
}

/// Whether somebody must wake the watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Off {
    Yes,
    No,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            off: AtomicBool::new(false),
            parker: OnceLock::new(),
            in_driver: AtomicBool::new(false),
            stalls: AtomicU64::new(0),
        }
    }

    /// Called by a thread that has just given or been given a permit: whether it is to [`rouse`](Self::rouse)
    /// the watcher.
    pub(crate) fn was_off(&self) -> Off {
        // SeqCst fence: pairs with the one in `go_off`.
        fence(Ordering::SeqCst);
        if self.off.load(Ordering::Relaxed) && self.off.swap(false, Ordering::Relaxed) {
            Off::Yes
        } else {
            Off::No
        }
    }

    /// Whether nobody has found the watcher off yet.
    pub(crate) fn is_off(&self) -> Off {
        if self.off.load(Ordering::Relaxed) { Off::Yes } else { Off::No }
    }

    /// Ends the watcher's present or next wait.
    pub(crate) fn rouse(&self, driver: &dyn Driver) {
        let Some(parker) = self.parker.get() else { return };
        parker.unpark();
        // SeqCst fence: pairs with the one in `enter_driver`.
        fence(Ordering::SeqCst);
        if self.in_driver.load(Ordering::Relaxed) {
            driver.unpark();
        }
    }

    /// The watcher is about to wait until it is roused, unless it sees a permit held after this, or work
    /// that waits for a thread.
    pub(crate) fn go_off(&self) {
        self.off.store(true, Ordering::Relaxed);
        // SeqCst fence: pairs with the one in `was_off`.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn come_back(&self) {
        self.off.store(false, Ordering::Relaxed);
    }

    /// The watcher's parker, from its thread.
    pub(crate) fn appear(&self, parker: &Arc<Parker>) {
        // There is one watcher.
        let _: Result<(), Arc<Parker>> = self.parker.set(Arc::clone(parker));
    }

    /// The watcher is about to wait in the driver; it looks once more whether the pool has closed.
    pub(crate) fn enter_driver(&self) {
        self.in_driver.store(true, Ordering::Relaxed);
        // SeqCst fence: pairs with the one in `rouse`.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn leave_driver(&self) {
        self.in_driver.store(false, Ordering::Relaxed);
    }

    pub(crate) fn count_stall(&self) {
        self.stalls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }
}
