//! Times as ticks and back.
//!
//! Deadlines are rounded up and the present is rounded down, so that nothing is due early: it is
//! late by less than a tick.

use std::time::{Duration, Instant};

use super::wheel::NEVER;

/// Counts ticks from a moment on.
#[derive(Clone, Copy, Debug)]
pub struct Ticks {
    origin: Instant,
}

impl Ticks {
    /// Tick 0 is `origin`; what was before counts as that.
    pub fn since(origin: Instant) -> Self {
        Self { origin }
    }

    /// The first tick that is not before `time`.
    pub fn after(&self, time: Instant) -> u64 {
        self.nanoseconds(time).div_ceil(TICK_NS)
    }

    /// The last tick that is not after `time`.
    pub fn before(&self, time: Instant) -> u64 {
        self.nanoseconds(time) / TICK_NS
    }

    /// When `tick` is; `None` of [`NEVER`] and of what no [`Instant`] can tell.
    pub fn time_of(&self, tick: u64) -> Option<Instant> {
        match tick {
            NEVER => None,
            tick => self.origin.checked_add(Duration::from_nanos(tick.checked_mul(TICK_NS)?)),
        }
    }

    fn nanoseconds(&self, time: Instant) -> u64 {
        let since = time.saturating_duration_since(self.origin);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The resolution: a quarter of a millisecond, about. A finer one would wake a busy driver more often.
pub const TICK: Duration = Duration::from_nanos(TICK_NS);
const TICK_NS: u64 = 1 << 18;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_rounded_up_and_the_present_down() {
        let origin = Instant::now();
        let ticks = Ticks::since(origin);
        let at = |ns| origin + Duration::from_nanos(ns);
        let rounded = |ns| (ticks.before(at(ns)), ticks.after(at(ns)));
        assert_eq!((rounded(0), rounded(TICK_NS)), ((0, 0), (1, 1)));
        assert_eq!((rounded(1), rounded(TICK_NS - 1)), ((0, 1), (0, 1)));
        assert_eq!(rounded(TICK_NS + 1), (1, 2));
        assert_eq!(ticks.time_of(3), Some(origin + TICK * 3));
    }

    #[test]
    fn no_time_and_no_tick_is_too_far_away() {
        let origin = Instant::now();
        let ticks = Ticks::since(origin);
        assert_eq!((ticks.time_of(NEVER), ticks.time_of(NEVER - 1)), (None, None));
        assert_eq!(ticks.after(origin - Duration::from_nanos(1)), 0);
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        let mut earlier = 0;
        for n in 0..1_000 {
            let Some(time) = origin.checked_add(century * n) else { break };
            assert!(ticks.before(time) >= earlier, "{n} centuries");
            earlier = ticks.before(time);
            assert!(ticks.before(time) <= ticks.after(time) && ticks.after(time) < NEVER);
        }
    }
}
