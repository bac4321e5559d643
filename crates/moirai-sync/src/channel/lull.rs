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
//!      └────────────────────────────────────────────────┘   a rest of 32 looks, twice as many each time
//! ```
//!
//! Where a message is answered before the next one comes, a pause brings one: so of 32 receives, then of
//! 64, and at last of 4096, one takes a quarter of a microsecond longer. Knows no queue.

use crate::prim;

/// What one receiver has learned.
#[derive(Debug, Default)]
pub(super) struct Lull {
    /// By the last look.
    found: usize,
    pauses: u32,
    /// Looks that are left before it tries a pause again.
    rest: u32,
    /// How many they were the last time.
    last: u32,
}

impl Lull {
    /// Learns from the last look, and looks away. To be called before a look at the sender's side.
    #[inline]
    pub(super) fn before_look(&mut self) {
        let found = std::mem::take(&mut self.found);
        self.learn(found);
        (0..self.pauses).for_each(|_| prim::spin_loop());
    }

    /// The look has found so many messages, or so many more.
    #[inline]
    pub(super) fn found(&mut self, messages: usize) {
        self.found = self.found.saturating_add(messages);
    }

    /// A look found so many messages.
    #[inline]
    fn learn(&mut self, messages: usize) {
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
        if self.pauses > PAUSES_MIN {
            self.last = 0;
        }
        if (1..PAUSES_MIN).contains(&self.pauses) {
            self.last = (2 * self.last).clamp(REST_MIN, REST_MAX);
            (self.pauses, self.rest) = (0, self.last);
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

/// Looks without a pause, after pauses that did not pay for the first time, and at most.
const REST_MIN: u32 = 32;
const REST_MAX: u32 = 4096;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_fast_sender_is_left_alone_for_longer_up_to_a_limit() {
        let mut lull = Lull::default();
        lull.learn(1);
        assert_eq!(lull.pauses, PAUSES_MIN);
        (0..10).for_each(|_| lull.learn(MANY as usize - 1));
        assert_eq!(lull.pauses, PAUSES_MAX);
        lull.learn(usize::MAX);
        assert_eq!(lull.pauses, PAUSES_MAX / 2);
    }

    #[test]
    fn an_answer_at_a_time_is_waited_for_without_pauses_but_for_fewer_and_fewer_tries() {
        let mut lull = Lull::default();
        let mut tries_in = |looks: u32| {
            let tries = (0..looks).filter(|_| {
                lull.learn(1);
                lull.pauses != 0
            });
            tries.count() as u32
        };
        // One after 0, 32, 64, .. 2048 looks without, then after 4096 each time; each costs two looks.
        let first = 2 * REST_MAX - REST_MIN;
        assert_eq!(tries_in(first), 8);
        let rests = if cfg!(miri) { 2 } else { 100 };
        assert!((rests - 1..=rests).contains(&tries_in(rests * REST_MAX)));
    }

    #[test]
    fn what_a_look_finds_counts_at_the_next_one() {
        let mut lull = Lull::default();
        lull.found(1);
        lull.found(FEW as usize);
        lull.before_look();
        assert_eq!((lull.found, lull.pauses), (0, 0));
        lull.found(FEW as usize - 1);
        lull.before_look();
        assert_eq!((lull.found, lull.pauses), (0, PAUSES_MIN));
    }

    #[test]
    fn an_idle_receiver_never_pauses() {
        let mut lull = Lull::default();
        (0..100).for_each(|_| lull.learn(0));
        assert_eq!(lull.pauses, 0);
        lull.learn(1);
        lull.learn(0);
        assert_eq!((lull.pauses, lull.rest), (0, REST_MIN));
    }
}
