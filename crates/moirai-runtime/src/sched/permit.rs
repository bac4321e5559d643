//! Whether one worker may run tasks, as the worker and the watcher see it.
//!
//! ```text
//!          hold                       take (the watcher, or the owner, for tasks that wait)
//!   NONE ───────► HELD ─────────────────────────────────────► TAKEN
//!    ▲             │                                            │
//!    └── give_up ──┘: the caller passes it on                   │
//!    └── give_up ───────────────────────────────────────────────┘: it has been passed on
//! ```
//!
//! The owner looks at its permit between two tasks; a permit
//! that is taken just then is missed for the length of one task, in which one thread too many runs.
//! That is what leaving exchanges out of the loop costs, and it loses nothing: whoever moves the
//! word away from HELD, and nobody else, adds the permit to those that are free (`Idle::release`).
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | every exchange | Relaxed | nothing is read through the word; what is passed on goes through `Idle` |
//!
//! Models: `src/model/permit.rs`.

use moirai_sync::__prim::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::permits::PermitId;

/// The state in the lower two bits, the permit's number above.
#[derive(Debug)]
pub(crate) struct Permit(AtomicU32);

const NONE: u32 = 0;
const HELD: u32 = 1;
const TAKEN: u32 = 2;
const STATE: u32 = 0b11;
const ID_SHIFT: u32 = 2;

/// Who passes a permit on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the permit is lost unless the caller passes it on"]
pub(crate) enum GaveUp {
    /// The caller, this one.
    Held(PermitId),
    /// Nobody: there was none, or the watcher has done it.
    Nothing,
}

impl Permit {
    /// Of a thread that has none yet.
    pub(crate) fn none() -> Self {
        Self(AtomicU32::new(NONE))
    }

    /// The owner has been given a permit.
    pub(crate) fn hold(&self, id: PermitId) {
        self.0.store((id.index() as u32) << ID_SHIFT | HELD, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed) & STATE == HELD
    }

    /// Whether it has been taken from its owner, who has not got another since.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.load(Ordering::Relaxed) & STATE == TAKEN
    }

    /// Whether the owner holds this very permit.
    #[inline]
    pub(crate) fn holds(&self, id: PermitId) -> bool {
        self.0.load(Ordering::Relaxed) == (id.index() as u32) << ID_SHIFT | HELD
    }

    /// The permit that the owner holds, or that has been taken from it.
    pub(crate) fn id(&self) -> Option<PermitId> {
        match self.0.load(Ordering::Relaxed) {
            NONE => None,
            word => Some(id(word)),
        }
    }

    /// The owner has no permit any more.
    pub(crate) fn give_up(&self) -> GaveUp {
        let word = self.0.swap(NONE, Ordering::Relaxed);
        if word & STATE == HELD { GaveUp::Held(id(word)) } else { GaveUp::Nothing }
    }

    /// Takes the permit from its owner, who computes on.
    pub(crate) fn take(&self) -> GaveUp {
        let word = self.0.load(Ordering::Relaxed);
        let taken = word & !STATE | TAKEN;
        if word & STATE != HELD {
            return GaveUp::Nothing;
        }
        match self.0.compare_exchange(word, taken, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => GaveUp::Held(id(word)),
            Err(_) => GaveUp::Nothing,
        }
    }
}

fn id(word: u32) -> PermitId {
    PermitId::new((word >> ID_SHIFT) as usize)
}

/// How many threads compute on without the permit that they have lent: no more than there are
/// permits, however much waits.
#[derive(Debug)]
pub(crate) struct LentPermits {
    count: AtomicUsize,
    max: usize,
}

/// Whether one more may be lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Lent {
    Yes,
    No,
}

impl LentPermits {
    pub(crate) fn new(permits: usize) -> Self {
        Self { count: AtomicUsize::new(0), max: permits }
    }

    /// Relaxed, here and below: a count that is read by nobody else.
    pub(crate) fn take_one(&self) -> Lent {
        let more = |count| (count < self.max).then_some(count + 1);
        match self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Lent::Yes,
            Err(_) => Lent::No,
        }
    }

    pub(crate) fn give_back(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
