//! How long to spin for another thread that is in the middle of two stores.

use crate::prim::{spin_loop, thread};

/// Spins for exponentially longer, then yields the core: for loops whose other side has already
/// begun what we wait for. Never for waiting on a message: that is what a waiter is for.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    step: u32,
}

impl Backoff {
    pub(crate) const fn new() -> Self {
        Self { step: 0 }
    }

    /// After a lost compare-exchange: somebody else made progress.
    pub(crate) fn spin(&mut self) {
        for _ in 0..1_u32 << self.step.min(SPIN_STEP_MAX) {
            spin_loop();
        }
        self.step = (self.step + 1).min(SPIN_STEP_MAX);
    }

    /// After a compare-exchange was lost on a line that others use as fast as they can: long enough
    /// for the winner to do many more before the line has to move again. Without it two threads pass
    /// the line to and fro, and each message costs both of them a transfer.
    pub(crate) fn contended(&mut self) {
        self.step = self.step.max(CONTENDED_STEP);
        self.spin();
    }

    /// [`contended`](Self::contended) where nothing ends the winner's run, neither a lack of room nor one of
    /// values: it does some hundreds before the line moves, and whatever else has to move with it.
    #[cold]
    #[inline(never)]
    pub(crate) fn outrun(&mut self) {
        self.step = self.step.max(OUTRUN_STEP);
        self.spin();
    }

    /// [`snooze`](Self::snooze) where others use the line as fast as they can, as in
    /// [`contended`](Self::contended): the other side is then rather at work than without a core, so
    /// it is given longer before ours is given away.
    pub(crate) fn stand_back(&mut self) {
        self.step = self.step.max(CONTENDED_STEP);
        self.snooze_up_to(STAND_BACK_STEP_MAX);
    }

    /// While the other side must finish before we can go on: after a few spins the core is given
    /// away, for its thread may be the one that waits for it.
    pub(crate) fn snooze(&mut self) {
        self.snooze_up_to(SPIN_STEP_MAX);
    }

    fn snooze_up_to(&mut self, step_max: u32) {
        if self.step <= step_max {
            for _ in 0..1_u32 << self.step {
                spin_loop();
            }
            self.step += 1;
        } else {
            thread::yield_now();
        }
    }
}

// Nobody spins in a model, nor under Miri, where four of five weak exchanges fail by design.

/// The first spin of who has lost: 2^4 pauses, about half a microsecond.
const CONTENDED_STEP: u32 = if cfg!(any(moirai_loom, moirai_shuttle, miri)) { 0 } else { 4 };

/// The first spin of who was outrun: 2^6 pauses, about 2 µs, or a third of that where pauses are short. With
/// 2^4, two threads that do nothing but send, or receive, take up to twice as long for a message.
const OUTRUN_STEP: u32 = if cfg!(any(moirai_loom, moirai_shuttle)) { 0 } else { SPIN_STEP_MAX };

/// The last spin of who has stood back before it gives its core away: 2^8 pauses, about 8 µs.
const STAND_BACK_STEP_MAX: u32 = if cfg!(any(moirai_loom, moirai_shuttle, miri)) { 0 } else { 8 };

/// The longest spin is 2^6 pauses, about 2 µs.
const SPIN_STEP_MAX: u32 = if cfg!(any(moirai_loom, moirai_shuttle, miri)) { 0 } else { 6 };
