//! Whether one worker may run tasks, as the worker and those who may take that from it see it.
//!
//! ```text
//!          hold                       take (the watcher: it blocks, and told nobody)
//!   NONE ───────► HELD ──────────────────────────────────────────► TAKEN
//!    ▲ │           │ │                                               ▲
//!    │ │ give_up ──┘ ├── lend (anybody, for tasks that wait) ► LENT ─┤ settle
//!    │ │             └── recall (the same, from a guest) ► WITHOUT ──┤
//!    │ └── go_without ─────────────────────────────────────► WITHOUT ┘
//!    │
//!    └── give_up, from everywhere; the caller passes on what was HELD
//! ```
//! [`hold`](Permit::hold) leads to HELD from everywhere.
//!
//! **Who computes on without a permit,** because it was lent to a thread that runs tasks, or because none
//! was free when it came back from blocking, is counted: so many permits that are free are kept for
//! tasks, and nobody takes one to compute. So no more threads compute than there are permits.
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

/// The state in the lower three bits, the permit's number above.
#[derive(Debug)]
pub(crate) struct Permit(AtomicU32);

const NONE: u32 = 0;
const HELD: u32 = 1;
const TAKEN: u32 = 2;
const LENT: u32 = 3;
const WITHOUT: u32 = 4;
const STATE: u32 = 0b111;
const ID_SHIFT: u32 = 3;

/// Who passes a permit on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the permit is lost unless the caller passes it on"]
pub(crate) enum GaveUp {
    /// The caller, this one.
    Held(PermitId),
    /// Nobody: it had been lent. The caller sees to it that its thread is not counted any more.
    Lent,
    /// Nobody, for the owner went on without one. As above.
    Without,
    /// Nobody: there was none, or whoever took it has done it.
    Nothing,
}

impl Permit {
    /// Of a thread that has none yet.
    pub(crate) fn none() -> Self {
        Self(AtomicU32::new(NONE))
    }

    /// The owner has been given a permit. Says what it did without.
    pub(crate) fn hold(&self, id: PermitId) -> GaveUp {
        let before = self.0.swap((id.index() as u32) << ID_SHIFT | HELD, Ordering::Relaxed);
        debug_assert_ne!(before & STATE, HELD, "nobody has two");
        gave_up(before)
    }

    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed) & STATE == HELD
    }

    /// Whether its owner computes on without.
    pub(crate) fn is_missed(&self) -> bool {
        matches!(self.0.load(Ordering::Relaxed) & STATE, LENT | WITHOUT)
    }

    /// Whether its owner runs without, whatever it does.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.0.load(Ordering::Relaxed) & STATE, TAKEN | LENT | WITHOUT)
    }

    /// Whether the owner holds this very permit.
    #[inline]
    pub(crate) fn holds(&self, id: PermitId) -> bool {
        self.0.load(Ordering::Relaxed) == (id.index() as u32) << ID_SHIFT | HELD
    }

    /// The permit that the owner holds, or that has been taken from it.
    pub(crate) fn id(&self) -> Option<PermitId> {
        let word = self.0.load(Ordering::Relaxed);
        matches!(word & STATE, HELD | TAKEN | LENT).then(|| id(word))
    }

    /// The owner has no permit any more.
    pub(crate) fn give_up(&self) -> GaveUp {
        let word = self.0.swap(NONE, Ordering::Relaxed);
        gave_up(word)
    }

    /// Takes the permit from its owner, who blocks.
    pub(crate) fn take(&self) -> GaveUp {
        self.change(HELD, TAKEN)
    }

    /// Takes the permit from its owner, who computes on.
    pub(crate) fn lend(&self) -> GaveUp {
        self.change(HELD, LENT)
    }

    /// Takes the permit from a guest, who computes on without.
    pub(crate) fn recall(&self) -> GaveUp {
        self.change(HELD, WITHOUT)
    }

    /// An owner that goes on without does not compute, after all.
    pub(crate) fn settle(&self) -> GaveUp {
        match self.change(LENT, TAKEN) {
            GaveUp::Nothing => self.change(WITHOUT, TAKEN),
            lent => lent,
        }
    }

    /// The owner goes on, and there is no permit for it.
    pub(crate) fn go_without(&self) {
        self.0.store(WITHOUT, Ordering::Relaxed);
    }

    fn change(&self, from: u32, to: u32) -> GaveUp {
        let word = self.0.load(Ordering::Relaxed);
        let changed = word & !STATE | to;
        if word & STATE != from {
            return GaveUp::Nothing;
        }
        match self.0.compare_exchange(word, changed, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => gave_up(word),
            Err(_) => GaveUp::Nothing,
        }
    }
}

fn gave_up(word: u32) -> GaveUp {
    match word & STATE {
        HELD => GaveUp::Held(id(word)),
        LENT => GaveUp::Lent,
        WITHOUT => GaveUp::Without,
        _ => GaveUp::Nothing,
    }
}

fn id(word: u32) -> PermitId {
    PermitId::new((word >> ID_SHIFT) as usize)
}

/// How many threads compute on without a permit.
#[derive(Debug)]
pub(crate) struct Missed {
    /// Theirs were lent: no more than there are, however much waits.
    lent: AtomicUsize,
    lent_max: usize,
    /// There was none for them.
    without: AtomicUsize,
}

/// Whether one more may be lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Lent {
    Yes,
    No,
}

impl Missed {
    pub(crate) fn new(permits: usize) -> Self {
        Self { lent: AtomicUsize::new(0), lent_max: permits, without: AtomicUsize::new(0) }
    }

    /// Relaxed, here and below: counts, and nothing is read through them.
    pub(crate) fn lend_one(&self) -> Lent {
        let more = |lent| (lent < self.lent_max).then_some(lent + 1);
        match self.lent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Lent::Yes,
            Err(_) => Lent::No,
        }
    }

    /// A thread goes on that has none, whether it may or not.
    pub(crate) fn go_without(&self) {
        self.without.fetch_add(1, Ordering::Relaxed);
    }

    /// A loan was not made, or is over.
    pub(crate) fn end_loan(&self) {
        self.lent.fetch_sub(1, Ordering::Relaxed);
    }

    /// A thread that went on without does so no longer.
    pub(crate) fn end_without(&self) {
        self.without.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are; a hint.
    pub(crate) fn count(&self) -> usize {
        self.lent.load(Ordering::Relaxed) + self.without.load(Ordering::Relaxed)
    }
}
