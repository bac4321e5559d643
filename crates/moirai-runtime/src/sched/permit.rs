//! Whether one worker may run tasks, as the worker and the watcher see it.
//!
//! ```text
//!          hold                       take (the watcher: it has been stuck in one task for long)
//!   NONE ───────► HELD ─────────────────────────────────────► TAKEN
//!    ▲             │                                            │
//!    └── give_up ──┘: the caller passes it on                   │
//!    └── give_up ───────────────────────────────────────────────┘: it has been passed on
//! ```
//!
//! The owner moves it everywhere but to TAKEN. It looks at its permit between two tasks; a permit
//! that is taken just then is missed for the length of one task, in which one thread too many runs.
//! That is what leaving exchanges out of the loop costs, and it loses nothing: whoever moves the
//! word away from HELD, and nobody else, adds the permit to those that are free (`Idle::release`).
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | every exchange | Relaxed | nothing is read through the word; what is passed on goes through `Idle` |
//!
//! Models: `src/model/permit.rs`.

use moirai_sync::__prim::atomic::{AtomicU8, Ordering};

#[derive(Debug)]
pub(crate) struct Permit(AtomicU8);

const NONE: u8 = 0;
const HELD: u8 = 1;
const TAKEN: u8 = 2;

/// Who passes a permit on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the permit is lost unless the caller passes it on"]
pub(crate) enum GaveUp {
    /// The caller.
    Held,
    /// Nobody: there was none, or the watcher has done it.
    Nothing,
}

impl Permit {
    /// Of a thread that has none yet.
    pub(crate) fn none() -> Self {
        Self(AtomicU8::new(NONE))
    }

    /// The owner has been given a permit.
    pub(crate) fn hold(&self) {
        self.0.store(HELD, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed) == HELD
    }

    /// Whether the watcher has taken it from its owner, who has not looked since.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.load(Ordering::Relaxed) == TAKEN
    }

    /// The owner has no permit any more.
    pub(crate) fn give_up(&self) -> GaveUp {
        match self.0.swap(NONE, Ordering::Relaxed) {
            HELD => GaveUp::Held,
            _ => GaveUp::Nothing,
        }
    }

    /// Takes the permit from its owner.
    pub(crate) fn take(&self) -> GaveUp {
        match self.0.compare_exchange(HELD, TAKEN, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => GaveUp::Held,
            Err(_) => GaveUp::Nothing,
        }
    }
}
