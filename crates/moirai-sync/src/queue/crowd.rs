//! Who was at one end of a queue last, and whether others had better let it go on.
//!
//! Two threads that take one value each in turns pass the line of the index to and fro, and the lines of
//! the block with it, although neither of them ever loses an exchange: each value costs some transfers of
//! a line, and both move at a tenth of their pace. So who finds that another thread has been there since it
//! was itself, while many values are left, stands back for a moment before it takes the next one. The other
//! takes hundreds meanwhile, and then it is that one's turn to stand back.
//!
//! ```text
//!                another was here              it took many meanwhile
//!   go on ───────────────────────► stand back ────────────────────────► go on
//!     ▲                               │ few: each does something else with what it took, or sleeps
//!     └───────────────────────────────┘ a rest of 8 such meetings, twice as many each time, up to 256
//! ```
//!
//! Knows no queue, and orders nothing: all accesses are Relaxed, and hints. It lies on the line of the index,
//! which whoever comes needs anyway. In models and under Miri nobody stands back.

use crate::prim::atomic::{AtomicU16, AtomicU32, Ordering};
use crate::prim::{spin_loop, thread_token};

/// Of one end.
#[derive(Debug)]
pub(super) struct Crowd {
    /// The token of the thread that was here last.
    last: AtomicU32,
    /// Meetings that are left before somebody stands back again.
    rest: AtomicU16,
    /// How many they were the last time.
    rested: AtomicU16,
}

impl Crowd {
    #[inline]
    pub(super) fn new() -> Self {
        Self { last: AtomicU32::new(0), rest: AtomicU16::new(0), rested: AtomicU16::new(0) }
    }

    /// Whether another thread has been here since this one was.
    #[inline(always)]
    pub(super) fn is_met(&self) -> bool {
        STANDS_BACK && self.last.load(Ordering::Relaxed) != thread_token()
    }

    /// What to do then: `left` values are left, and `passed` counts those that were taken so far.
    pub(super) fn meet(&self, left: usize, passed: impl Fn() -> usize) {
        let rest = self.rest.load(Ordering::Relaxed);
        if rest != 0 {
            self.rest.store(rest - 1, Ordering::Relaxed);
        } else if left >= MANY {
            let before = passed();
            (0..PAUSES).for_each(|_| spin_loop());
            self.learn(passed().wrapping_sub(before));
        }
        // Last: until now the other one is to find itself.
        self.last.store(thread_token(), Ordering::Relaxed);
    }

    /// While somebody stood back, so many values were taken.
    fn learn(&self, taken: usize) {
        let rest = match taken {
            MANY.. => 0,
            _ => (2 * self.rested.load(Ordering::Relaxed)).clamp(REST_MIN, REST_MAX),
        };
        self.rested.store(rest, Ordering::Relaxed);
        self.rest.store(rest, Ordering::Relaxed);
    }
}

const STANDS_BACK: bool = !cfg!(any(moirai_loom, moirai_shuttle, miri));

/// So many values, and it is worth to stand back.
const MANY: usize = 32;

/// For how long one stands back: about 2 µs, or a third of that where pauses are short.
const PAUSES: u32 = 64;

/// Meetings without a pause, after one that did not pay for the first time, and at most.
const REST_MIN: u16 = 8;
const REST_MAX: u16 = 256;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Meets others again and again, who take `taken` values meanwhile; says how often it stood back.
    fn stands_back(crowd: &Crowd, meetings: u16, left: usize, taken: usize) -> u16 {
        let looks = Cell::new(0_u16);
        let passed = || if looks.replace(looks.get() + 1).is_multiple_of(2) { 0 } else { taken };
        (0..meetings).for_each(|_| crowd.meet(left, passed));
        looks.get() / 2
    }

    #[test]
    fn who_lets_another_take_many_does_so_each_time() {
        assert_eq!(stands_back(&Crowd::new(), 100, MANY, usize::MAX), 100);
    }

    #[test]
    fn who_does_so_for_nothing_tries_less_and_less_often() {
        let crowd = Crowd::new();
        // At meetings 0, 9, 26, 59, 124, 253, and from there on one of 257.
        assert_eq!(stands_back(&crowd, 253, MANY, 0), 5);
        assert_eq!(stands_back(&crowd, 10 * (REST_MAX + 1), MANY, 0), 10);
        crowd.learn(MANY);
        assert_eq!(stands_back(&crowd, REST_MIN + 2, MANY, 0), 2, "it is as if it were new");
    }

    #[test]
    fn where_little_is_left_nobody_stands_back() {
        assert_eq!(stands_back(&Crowd::new(), 100, MANY - 1, usize::MAX), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "nobody stands back there")]
    fn a_thread_meets_another_one_and_not_itself() {
        let crowd = Crowd::new();
        for _ in 0..2 {
            assert!(crowd.is_met());
            crowd.meet(0, || 0);
            assert!(!crowd.is_met());
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    assert!(crowd.is_met());
                    crowd.meet(0, || 0);
                });
            });
        }
    }
}
