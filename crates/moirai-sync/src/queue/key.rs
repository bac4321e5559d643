//! Who may be alone on a side of a queue, and what that side has learned.
//!
//! Each queue for one and one has [`Locks`], each of the others a [`Gate`](super::gate::Gate), and there
//! is one [`Key`] for each side that one thread at a time has to itself. Whoever calls for such a side
//! borrows its key exclusively; those for many are refused.

use crate::asymmetric::Support;
use crate::prim::Counter;

use super::pair::Fence;

/// Which keys fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locks {
    /// Who may push alone.
    pub(super) producer: u64,
    /// Who may pop alone.
    pub(super) consumer: u64,
}

/// The right to be alone on one side of one queue.
#[derive(Debug)]
pub(crate) struct Key {
    pub(super) id: u64,
    /// How often in a row nobody was waiting for what this side has done; see [`calm`](Self::calm).
    calm: u32,
    /// How many values the only consumer of a list has seen to be ready; 0 for all others.
    pub(super) at_hand: usize,
}

/// Keys that were given out; 0 is nobody's.
static KEYS: Counter = Counter::new(1);

impl Locks {
    #[inline]
    pub(super) fn check_producer(&self, key: u64) {
        assert!(self.producer == key, "another sender has this queue to itself");
    }

    #[inline]
    pub(super) fn check_consumer(&self, key: u64) {
        assert!(self.consumer == key, "another receiver has this queue to itself");
    }
}

impl Key {
    /// Of a queue whose fences are what they are.
    pub(super) fn new() -> Self {
        Self { id: KEYS.take(1), calm: NEVER_CALM, at_hand: 0 }
    }

    /// Of a queue that knows light fences.
    pub(super) fn of_spsc() -> Self {
        Self { calm: 0, ..Self::new() }
    }

    /// The fence in the next operation.
    #[inline]
    pub(super) fn fence(&self) -> Fence {
        if self.calm == CALM { Fence::Light } else { Fence::Full }
    }

    /// Nobody waits for what was just done. Says whether that is so for long enough now that who waits
    /// next may pay for the fence.
    #[inline]
    pub(crate) fn calm(&mut self) -> BeginLight {
        match self.calm {
            CALM.. => BeginLight::No,
            _ => self.calm_down(),
        }
    }

    fn calm_down(&mut self) -> BeginLight {
        self.calm += 1;
        if self.calm == CALM { BeginLight::Yes } else { BeginLight::No }
    }

    /// Somebody waits, or light fences are not to be had: so they are full again. Says what they were.
    #[cold]
    pub(crate) fn stir(&mut self, support: Support) -> Fence {
        let before = self.fence();
        self.calm = match (support, self.calm) {
            (Support::None, _) | (_, NEVER_CALM) => NEVER_CALM,
            (Support::Yes | Support::NotYet, _) => 0,
        };
        before
    }
}

/// Whether it is time for light fences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum BeginLight {
    Yes,
    No,
}

/// Operations in a row for which nobody waits, before fences are light: as many as take much longer than
/// the next wait, which pays for it. Fewer in a model, and never a multiple of a usual capacity: a
/// sender that fills its channel each time waits for just that long.
const CALM: u32 = if cfg!(any(moirai_loom, moirai_shuttle, miri)) { 1 } else { 2000 };

/// Light fences are not to be had.
const NEVER_CALM: u32 = u32::MAX;
