//! How long a worker looks for work, by what that was worth lately: before it sleeps, and before it
//! looks far away.

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

/// How often a worker looks around in its own domain, before it looks in others.
pub(crate) struct Patience {
    rounds: Cell<u32>,
}

/// What became of a look in other domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trip {
    /// There was more than one task to bring home.
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

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

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
