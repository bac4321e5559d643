//! What others want of a worker: one word that they set and the owner reads as it goes.
//!
//! A worker that computes calls nobody, so whoever wants something of it leaves a bit here. It reads
//! the word with one relaxed load wherever it forks and between the steps of a long loop.
//!
//! ```text
//!             raise (by anybody)                 take (by the owner)
//!   0 ──────────────────────────────► bits set ─────────────────────► 0, and it does what was asked
//! ```
//!
//! | bit | who sets it | what the owner does |
//! |---|---|---|
//! | [`Ask::Hungry`] | a worker that has found nothing | offers the oldest work that it keeps for itself |
//! | [`Ask::Urgent`] | whoever publishes a task while no worker is free | lends its permit, or polls a few tasks |
//!
//! A bit is a request and not the thing itself: it is raised again if need be, and an owner that has
//! nothing to give just clears it. There is none for stopping: a pool that ends waits for what its
//! workers compute.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchange in `raise` | Release | the Acquire in `take`: what was published before the request is seen |
//! | load in `peek` | Relaxed | only says that `take` is worth its exchange |

use moirai_sync::__prim::atomic::{AtomicU32, Ordering};

#[derive(Debug)]
pub(crate) struct Signal(AtomicU32);

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Ask {
    /// An idle worker would take a part of the work.
    Hungry = 1,
    /// A task waits, and no worker is free.
    Urgent = 2,
}

/// The requests that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked(u32);

/// Whether a request is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Raised {
    New,
    /// It had been made and not been answered.
    Already,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Asks the owner for something.
    pub(crate) fn raise(&self, ask: Ask) -> Raised {
        // Relaxed: who finds the bit set need not set it; the owner has not looked since.
        if self.0.load(Ordering::Relaxed) & ask as u32 != 0 {
            return Raised::Already;
        }
        // Release: pairs with the Acquire in `take`.
        let before = self.0.fetch_or(ask as u32, Ordering::Release);
        if before & ask as u32 == 0 { Raised::New } else { Raised::Already }
    }

    /// Whether anything is asked, and at what price: one load of a line that rarely changes.
    #[inline(always)]
    pub(crate) fn peek(&self) -> Asked {
        Asked(self.0.load(Ordering::Relaxed))
    }

    /// Clears a request that has come to nothing.
    pub(crate) fn forget(&self, ask: Ask) {
        let _: Asked = self.take(Asked(ask as u32));
    }

    /// Clears all of `asked`, and returns what was set of it. Other bits stay for another time.
    pub(crate) fn take(&self, asked: Asked) -> Asked {
        // Acquire: pairs with the Release in `raise`.
        Asked(self.0.fetch_and(!asked.0, Ordering::Acquire) & asked.0)
    }
}

impl Asked {
    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn contains(self, ask: Ask) -> bool {
        self.0 & ask as u32 != 0
    }
}
