//! How long a thread looks for work, by what that was worth lately: before it sleeps or blocks, and
//! before it looks far away.

use std::cell::Cell;
use std::time::Duration;

/// How long this worker has been without work lately.
pub(crate) struct Rest {
    /// A moving average, bounded so that one long rest is soon forgotten.
    average: Cell<Duration>,
}

impl Rest {
    /// A long one: at first nobody looks on.
    pub(crate) fn new() -> Self {
        Self { average: Cell::new(SPIN_WORTH_MAX * 2) }
    }

    /// Whether looking on for a moment pays.
    pub(crate) fn is_short(&self) -> bool {
        self.average.get() < SPIN_WORTH_MAX
    }

    pub(crate) fn took(&self, rest: Duration) {
        let rest = rest.min(SPIN_WORTH_MAX * 2);
        self.average.set((self.average.get() * 3 + rest) / 4);
    }
}

/// Whether to look on for what others fork, where that was worth nothing lately: parts of a computation
/// may be so long that nobody comes by before a sleep would be over.
#[derive(Debug)]
pub(crate) struct Hope {
    /// So many times it is not tried after it was tried in vain.
    interval: Cell<u32>,
    left: Cell<u32>,
}

impl Hope {
    pub(crate) fn new() -> Self {
        Self { interval: Cell::new(0), left: Cell::new(0) }
    }

    /// Whether it is to be tried; asked once each time.
    pub(crate) fn is_due(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 0
    }

    pub(crate) fn learn(&self, trip: Trip) {
        let interval = match trip {
            Trip::Paid => 0,
            Trip::Futile => (self.interval.get() * 2 + 1).min(HOPE_MAX),
        };
        self.interval.set(interval);
        self.left.set(interval);
    }
}

/// How often a worker looks around in its own domain, before it looks in others.
pub(crate) struct Patience {
    rounds: Cell<u32>,
}

/// What became of a look around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trip {
    /// There was enough to bring home.
    Paid,
    Futile,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { rounds: Cell::new(1) }
    }

    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.get()
    }

    pub(crate) fn learn(&self, trip: Trip) {
        let rounds = self.rounds.get();
        self.rounds.set(match trip {
            Trip::Paid => (rounds / 2).max(1),
            Trip::Futile => (rounds * 2).min(PATIENCE_MAX),
        });
    }
}

/// From this average rest on, looking on rarely pays: an idle runtime does not. In a model nobody
/// looks on, for a model has no clock.
const SPIN_WORTH_MAX: Duration =
    Duration::from_micros(if cfg!(any(moirai_loom, moirai_shuttle)) { 0 } else { 200 });

/// Looks around in one's own domain before one in others, at most: a few microseconds in all, which is
/// what a task costs whose memory is far away, and less than sleep does.
const PATIENCE_MAX: u32 = 16;

/// So often at most a thread does not look on before it tries again: what one look costs is nothing
/// beside so many sleeps, and what others fork may have become finer.
const HOPE_MAX: u32 = 15;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn hope_is_tried_less_often_each_time_that_it_is_in_vain_up_to_its_limit() {
        let hope = Hope::new();
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push((0..).take_while(|_| !hope.is_due()).count());
            hope.learn(Trip::Futile);
        }
        assert_eq!(waits, [0, 1, 3, 7, HOPE_MAX as usize, HOPE_MAX as usize]);
        hope.learn(Trip::Paid);
        assert!((0..100).all(|_| hope.is_due()));
    }

    #[test]
    fn patience_grows_with_each_futile_trip_up_to_its_limit_and_shrinks_with_each_that_paid() {
        let patience = Patience::new();
        let after = |trip, times| {
            (0..times).for_each(|_| patience.learn(trip));
            patience.rounds()
        };
        assert_eq!(after(Trip::Futile, 1), 2);
        assert_eq!(after(Trip::Futile, 3), PATIENCE_MAX);
        assert_eq!(after(Trip::Futile, 1), PATIENCE_MAX);
        assert_eq!(after(Trip::Paid, 1), PATIENCE_MAX / 2);
        assert_eq!(after(Trip::Paid, 9), 1);
    }

    #[test]
    fn one_long_rest_is_soon_forgotten() {
        let rest = Rest::new();
        assert!(!rest.is_short());
        rest.took(Duration::from_secs(1000));
        (0..4).for_each(|_| rest.took(Duration::ZERO));
        assert!(rest.is_short());
    }
}
