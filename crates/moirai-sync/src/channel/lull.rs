//! How long a receiver looks away from its sender.
//!
//! A receiver that is faster than its sender finds one message at each look, and each look takes the
//! line with the sender's index away: both then move at the pace of that line, at a tenth of theirs.
//! So a receiver that blocks, and finds few messages where it looks, lets its sender go on alone for a
//! moment before the next look, and for longer as long as that brings more:
//!
//! ```text
//!              few messages, and the rest is over                 many for the time
//!   0 pauses ─────────────────────────────────────► 8 pauses ◄───────────────────────► 64 pauses
//!      ▲                                                │   few for the time, or none
//!      └────────────────────────────────────────────────┘   a rest of 32 looks
//! ```
//!
//! Where a message is answered before the next one comes, a pause brings one: of 32 receives, one
//! takes a quarter of a microsecond longer. Knows no queue.

use crate::prim;

/// What one receiver has learned.
#[derive(Debug, Default)]
pub(super) struct Lull {
    pauses: u32,
    /// Looks that are left before it tries a pause again.
    rest: u32,
}

impl Lull {
    /// Looks away. To be called before a look at the sender's side.
    #[inline]
    pub(super) fn pass(&self) {
        (0..self.pauses).for_each(|_| prim::spin_loop());
    }

    /// The look found so many messages.
    #[inline]
    pub(super) fn found(&mut self, messages: usize) {
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.pauses = match self.pauses {
            0 if !(1..FEW).contains(&messages) => 0,
            0 if self.rest > 0 => {
                self.rest -= 1;
                0
            }
            0 => PAUSES_MIN,
            pauses if messages >= MANY => pauses / 2,
            pauses if messages >= pauses / 2 => (pauses * 2).min(PAUSES_MAX),
            pauses => pauses / 2,
        };
        if (1..PAUSES_MIN).contains(&self.pauses) {
            (self.pauses, self.rest) = (0, REST);
        }
    }
}

/// The shortest time to look away, about a quarter of a microsecond: a few transfers of a line.
const PAUSES_MIN: u32 = if cfg!(any(moirai_loom, moirai_shuttle)) { 0 } else { 8 };

/// The longest, about two microseconds.
const PAUSES_MAX: u32 = 8 * PAUSES_MIN;

/// Fewer messages than this at one look, and looking costs more than receiving.
const FEW: u32 = 8;

/// So many at one look are enough.
const MANY: u32 = 256;

/// Looks without a pause, after pauses that did not pay.
const REST: u32 = 32;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_fast_sender_is_left_alone_for_longer_up_to_a_limit() {
        let mut lull = Lull::default();
        lull.found(1);
        assert_eq!(lull.pauses, PAUSES_MIN);
        (0..10).for_each(|_| lull.found(MANY as usize - 1));
        assert_eq!(lull.pauses, PAUSES_MAX);
        lull.found(usize::MAX);
        assert_eq!(lull.pauses, PAUSES_MAX / 2);
    }

    #[test]
    fn an_answer_at_a_time_is_waited_for_without_pauses_but_for_one_try_in_many() {
        let mut lull = Lull::default();
        let tries = (0..10 * REST).filter(|_| {
            lull.found(1);
            lull.pauses != 0
        });
        let tries = tries.count() as u32;
        assert!((9..=11).contains(&tries), "{tries}");
        assert!(lull.pauses <= PAUSES_MIN);
    }

    #[test]
    fn an_idle_receiver_never_pauses() {
        let mut lull = Lull::default();
        (0..100).for_each(|_| lull.found(0));
        assert_eq!(lull.pauses, 0);
        lull.found(1);
        lull.found(0);
        assert_eq!((lull.pauses, lull.rest), (0, REST));
    }
}
