//! How long a thread looks for work, by what that was worth lately: before it sleeps or blocks, and
//! before it looks far away.

use std::cell::Cell;
use std::time::{Duration, Instant};

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

/// Whether to look on, where that was worth nothing lately: what others fork may be so long, and tasks may
/// come at such intervals, that nobody comes by before a sleep would be over.
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

/// Whether what a worker steals is worth the way. Work that is done as quickly as it is fetched is better
/// left where it is warm: its owner gets on with it sooner than both would.
pub(crate) struct Loot {
    stolen: Cell<Option<Stolen>>,
    /// What was stolen last was done at once.
    fine: Cell<bool>,
    /// Since when it leaves work with its owners.
    left: Cell<Option<Instant>>,
    /// It does so at this look, and has.
    leaves: Cell<bool>,
    seen: Cell<bool>,
}

#[derive(Clone, Copy)]
struct Stolen {
    at: Instant,
    /// How much the thief had run by then.
    runs: u64,
    /// From this on, what it runs now is not fine.
    fine_max: Duration,
}

impl Loot {
    pub(crate) fn new() -> Self {
        Self {
            stolen: Cell::new(None),
            fine: Cell::new(false),
            left: Cell::new(None),
            leaves: Cell::new(false),
            seen: Cell::new(false),
        }
    }

    /// The worker, which has run so much, has stolen so many.
    pub(crate) fn took(&self, runs: u64, stolen: usize) {
        self.left.set(None);
        if FINE_MAX != Duration::ZERO {
            let fine_max = if stolen == 1 { FINE_ALONE_MAX } else { FINE_MAX };
            self.stolen.set(Some(Stolen { at: Instant::now(), runs, fine_max }));
        }
    }

    /// The worker, which has run so much, begins to look for something to steal.
    pub(crate) fn judge(&self, runs: u64) {
        if let Some(stolen) = self.stolen.take() {
            let runs = u32::try_from(runs - stolen.runs).unwrap_or(u32::MAX);
            self.fine.set(stolen.at.elapsed() < stolen.fine_max.saturating_mul(runs));
        }
        self.leaves.set(self.fine.get() && !self.is_time());
        self.seen.set(false);
    }

    /// Whether to leave what is found at this look: it is likely to be fine, too.
    pub(crate) fn leaves(&self) -> bool {
        self.leaves.get()
    }

    /// Something was found, and left.
    pub(crate) fn leave(&self) {
        self.seen.set(true);
        if self.left.get().is_none() {
            self.left.set(Some(Instant::now()));
        }
    }

    /// Whether something was left at this look.
    pub(crate) fn has_left(&self) -> bool {
        self.seen.get()
    }

    /// Whether what was left at the last look is not yet to be looked at again.
    pub(crate) fn is_left_for_now(&self) -> bool {
        self.seen.get() && !self.is_time()
    }

    /// Whether its owner has had enough time for what was left with him.
    fn is_time(&self) -> bool {
        self.left.get().is_some_and(|left| left.elapsed() >= LEFT_MAX)
    }

    /// The look is over, and nothing was stolen.
    pub(crate) fn end_look(&self) {
        if !self.seen.get() {
            self.left.set(None);
        }
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

/// Work is fine that takes less than this where it was stolen to: that is the way of a task's lines from one
/// core to the other, and little more; where nothing is optimised, our own part of it takes longer. In a
/// model nothing is fine, for a model has no clock.
const FINE_MAX: Duration = Duration::from_nanos(if cfg!(any(moirai_loom, moirai_shuttle)) {
    0
} else if cfg!(debug_assertions) {
    5000
} else {
    250
});

/// The same where one was stolen alone, so that none shares the way with it. What it wakes, and who wakes it, stays
/// behind, and both go on through the same lines: four tasks that share a lock take 0.18 us a turn on one worker,
/// and on two, each at the other's heels, 1.5 us, in runs of half a microsecond and more.
const FINE_ALONE_MAX: Duration = FINE_MAX.saturating_mul(4);

/// So long at most a thief leaves fine work with its owner: who has more of it has enough for two, or is
/// at something else.
const LEFT_MAX: Duration = Duration::from_micros(20);

/// Looks around in one's own domain before one in others, at most: a few microseconds in all, which is
/// what a task costs whose memory is far away, and less than sleep does.
const PATIENCE_MAX: u32 = 16;

/// So often at most a thread does not look on before it tries again: what one look costs is nothing
/// beside so many sleeps, and what it waits for may have become finer.
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
    fn work_that_is_done_at_once_is_fine_and_left_for_a_while() {
        let loot = Loot::new();
        loot.judge(0);
        assert!(!loot.leaves());
        loot.took(0, 2);
        loot.judge(u64::from(u32::MAX));
        while loot.leaves() {
            loot.leave();
            loot.end_look();
            assert!(loot.has_left());
            while loot.is_left_for_now() {}
            loot.judge(u64::from(u32::MAX));
        }
        // Where nothing is left any more, it begins anew.
        assert!(!loot.is_left_for_now());
        loot.end_look();
        loot.judge(u64::from(u32::MAX));
        assert!(loot.leaves() && !loot.has_left());
    }

    #[test]
    fn work_that_takes_its_time_is_not_fine() {
        for (stolen, fine_max) in [(1, FINE_ALONE_MAX), (2, FINE_MAX)] {
            let loot = Loot::new();
            loot.took(0, stolen);
            let start = Instant::now();
            while start.elapsed() < fine_max {}
            loot.judge(1);
            assert!(!loot.leaves());
        }
    }

    #[test]
    fn work_that_was_stolen_alone_may_take_longer() {
        // So many that it does not matter how long a look at the clock takes.
        const RUNS: u32 = 1000;
        for (stolen, fine) in [(1, true), (2, false)] {
            // Unless the thread was kept from its core meanwhile.
            assert!((0..100).any(|_| {
                let loot = Loot::new();
                loot.took(0, stolen);
                let start = Instant::now();
                while start.elapsed() < FINE_MAX * RUNS {}
                loot.judge(RUNS.into());
                loot.leaves() == fine
            }));
        }
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
