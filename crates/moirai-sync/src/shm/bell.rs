//! How one process sleeps until the other one rings: a futex in memory that both have mapped.
//!
//! ```text
//!            sleep_unless            ring: also wakes
//!   AWAKE ─────────────────► ASLEEP ──────────────────► AWAKE
//!     ▲                         │
//!     └── ready, late, or woken ┘ sleep_unless
//! ```
//!
//! The sleeper says that it sleeps, then looks once more; whoever publishes does so, then looks whether
//! it sleeps. With a full fence between the two on each side, at least one sees the other.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | fence in `sleep_unless` | SeqCst | the fence in `ring`: the look of one of the two comes after the other's store |
//! | `asleep`, everywhere | Relaxed | nothing is read through it: the fences order it, and the kernel compares it under its lock |
//!
//! One process sleeps and one rings. The word lies where the other process may write anything: then a
//! sleep ends too early, or lasts until its limit, which it always has.

use std::time::Duration;

use crate::prim::atomic::{AtomicU32, Ordering, fence};

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

#[derive(Debug)]
#[repr(C)]
pub(crate) struct Bell {
    asleep: AtomicU32,
}

/// What the sleeper finds when it looks once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Look {
    /// What it waits for is there.
    Ready,
    Nothing,
}

impl Bell {
    /// One that nobody waits for; a mapped one is made by the zeros of a new file.
    #[cfg(moirai_loom)]
    pub(crate) fn new() -> Self {
        Self { asleep: AtomicU32::new(AWAKE) }
    }

    /// Sleeps until the other process rings, `limit` has passed, or for no reason; not at all if `look`
    /// finds what is waited for.
    pub(crate) fn sleep_unless(&self, look: impl FnOnce() -> Look, limit: Duration) {
        self.asleep.store(ASLEEP, Ordering::Relaxed);
        // SeqCst: pairs with the fence in `ring`.
        fence(Ordering::SeqCst);
        if look() == Look::Nothing {
            futex::wait(&self.asleep, ASLEEP, limit);
        }
        self.asleep.store(AWAKE, Ordering::Relaxed);
    }

    /// Wakes the other process if it sleeps. To be called after what it waits for was published.
    #[inline]
    pub(crate) fn ring(&self) {
        // SeqCst: pairs with the fence in `sleep_unless`.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) == ASLEEP {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        // Who is about to sleep finds the word changed, and who sleeps already is woken.
        self.asleep.store(AWAKE, Ordering::Relaxed);
        futex::wake(&self.asleep);
    }
}

#[cfg(not(any(moirai_loom, moirai_shuttle)))]
mod futex {
    use std::time::Duration;

    use rustix::thread::futex::{Flags, Timespec, wait as futex_wait, wake as futex_wake};

    use crate::prim::atomic::AtomicU32;

    /// Whatever the kernel says, the caller looks again.
    pub(super) fn wait(word: &AtomicU32, expected: u32, limit: Duration) {
        let limit = Timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        // Not private: the other process finds the sleeper by the page, not by the address.
        let _ = futex_wait(word, Flags::empty(), expected, Some(&limit));
    }

    /// There is nobody to tell of a failure, and the sleep has a limit.
    pub(super) fn wake(word: &AtomicU32) {
        let _ = futex_wake(word, Flags::empty(), 1);
    }
}

/// A model has neither a kernel nor a clock: who sleeps comes back when the word changes, and never
/// where nobody changes it.
#[cfg(any(moirai_loom, moirai_shuttle))]
mod futex {
    use std::time::Duration;

    use crate::prim::atomic::{AtomicU32, Ordering};
    use crate::prim::thread;

    pub(super) fn wait(word: &AtomicU32, expected: u32, _limit: Duration) {
        while word.load(Ordering::Relaxed) == expected {
            thread::yield_now();
        }
    }

    pub(super) fn wake(_word: &AtomicU32) {}
}
