//! Something again and again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use moirai_sync::strand;

use super::sleep::Sleep;

/// Ticks at once and then every `period`. A period of zero ticks at every call.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use moirai_runtime::time::interval;
///
/// moirai_runtime::block_on(async {
///     let start = Instant::now();
///     let mut interval = interval(Duration::from_millis(2));
///     for _ in 0..3 {
///         interval.tick().await; // at once, then after 2 ms, then after 4 ms
///     }
///     assert!(start.elapsed() >= Duration::from_millis(4));
/// });
/// ```
pub fn interval(period: Duration) -> Interval {
    interval_at(strand::now(), period)
}

/// Ticks at `start` and then every `period`, as [`interval`] does.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use moirai_runtime::time::interval_at;
///
/// let start = Instant::now() + Duration::from_millis(2);
/// moirai_runtime::block_on(async {
///     let mut interval = interval_at(start, Duration::from_millis(2));
///     assert_eq!(interval.tick().await, start);
///     assert_eq!(interval.tick().await, start + interval.period());
/// });
/// ```
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval { sleep: Sleep::until(Some(start)), period, missed: MissedTickBehavior::Burst }
}

/// What an [`Interval`] does if it is asked for a tick later than that was due.
///
/// A tick every 50 ms, and one of them is taken 120 ms late (`|` is a tick, `x` a missed one):
///
/// ```text
///   due     |    |    |    |    |    |    |    |
///   Burst   |    |    x    x    |||  |    |    |     all of them, as fast as they are taken
///   Delay   |    |    x    x    |    |    |    |     from now on every 50 ms
///                                 (each 20 ms later than they were due at first)
///   Skip    |    |    x    x    | |    |    |        only those that are yet to come
/// ```
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use moirai_runtime::time::{MissedTickBehavior, interval_at};
///
/// let (start, ms) = (Instant::now(), Duration::from_millis);
/// let mut interval = interval_at(start, ms(10));
/// interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
/// std::thread::sleep(ms(25));
/// let (first, second) =
///     moirai_runtime::block_on(async { (interval.tick().await, interval.tick().await) });
/// assert_eq!(first, start);
/// assert!(second >= start + ms(30)); // those of 10 and 20 ms are left out
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Ticks as fast as they are taken until none is missing: as many in all as there should be.
    #[default]
    Burst,
    /// Ticks every period again, counted from the late tick: never two in less than a period.
    Delay,
    /// Leaves out what was missed: always at a multiple of the period from the start.
    Skip,
}

/// Ticks again and again; from [`interval`] and [`interval_at`].
#[derive(Debug)]
pub struct Interval {
    /// Until the next tick.
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick; returns when it was due, which is never later than now.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no tick.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_runtime::time::{interval, timeout};
    ///
    /// moirai_runtime::block_on(async {
    ///     let mut interval = interval(Duration::from_millis(4));
    ///     let first = interval.tick().await;
    ///     while timeout(Duration::from_millis(1), interval.tick()).await.is_err() {}
    ///     assert!(interval.tick().await >= first + interval.period() * 2);
    /// });
    /// ```
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self }
    }

    /// As [`tick`](Self::tick), for a future that is written by hand.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let now = strand::now();
        let due = self.sleep.deadline().unwrap_or(now);
        self.sleep.set(self.next(due, now));
        Poll::Ready(due)
    }

    /// The tick after the one that was due at `due`.
    fn next(&self, due: Instant, now: Instant) -> Option<Instant> {
        let late = now.saturating_duration_since(due);
        match self.missed {
            MissedTickBehavior::Delay if late > LATE_MAX => now.checked_add(self.period),
            MissedTickBehavior::Skip if late > LATE_MAX => {
                // At most `late`, so it is no more than an `Instant` can tell.
                let missed = late.as_nanos() % self.period.as_nanos().max(1);
                let missed = Duration::from_nanos(u64::try_from(missed).unwrap_or(0));
                now.checked_add(self.period).and_then(|next| next.checked_sub(missed))
            }
            _ => due.checked_add(self.period),
        }
    }

    /// The time from one tick to the next.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What it does about ticks that were missed; [`MissedTickBehavior::Burst`] at first.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Changes what it does about ticks that were missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }

    /// The next tick comes one period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick comes at once.
    pub fn reset_immediately(&mut self) {
        self.reset_after(Duration::ZERO);
    }

    /// The next tick comes `after` that much from now.
    pub fn reset_after(&mut self, after: Duration) {
        self.sleep.reset_after(after);
    }

    /// The next tick comes at `deadline`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use moirai_runtime::time::interval;
    ///
    /// let mut interval = interval(Duration::from_secs(3600));
    /// let soon = Instant::now() + Duration::from_millis(1);
    /// interval.reset_at(soon);
    /// assert_eq!(moirai_runtime::block_on(interval.tick()), soon);
    /// ```
    pub fn reset_at(&mut self, deadline: Instant) {
        self.sleep.reset(deadline);
    }
}

/// Waits for a tick; from [`Interval::tick`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.interval.poll_tick(cx)
    }
}

/// A tick that is taken so late counts as one in time: tokio's measure.
const LATE_MAX: Duration = Duration::from_millis(5);

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn next(period: Duration, missed: MissedTickBehavior, late: Duration) -> Option<Duration> {
        let due = Instant::now();
        let interval = Interval { sleep: Sleep::until(Some(due)), period, missed };
        interval.next(due, due + late).map(|next| next - due)
    }

    #[test]
    fn a_late_tick_is_followed_as_its_policy_says() {
        use MissedTickBehavior::{Burst, Delay, Skip};
        for (missed, late, expected) in [
            (Burst, MS * 120, MS * 50),
            (Delay, MS * 120, MS * 170),
            (Skip, MS * 120, MS * 150),
            (Skip, MS * 100, MS * 150),
            // As good as in time.
            (Burst, MS * 5, MS * 50),
            (Delay, MS * 5, MS * 50),
            (Skip, MS * 5, MS * 50),
            (Delay, MS * 6, MS * 56),
            (Skip, MS * 6, MS * 50),
        ] {
            assert_eq!(next(MS * 50, missed, late), Some(expected), "{missed:?} {late:?}");
        }
    }

    #[test]
    fn no_period_and_no_lateness_overflows() {
        use MissedTickBehavior::{Burst, Delay, Skip};
        let long = Duration::from_secs(30 * 365 * 24 * 3600);
        for missed in [Burst, Delay, Skip] {
            for late in [Duration::ZERO, MS * 6, long] {
                assert_eq!(next(Duration::MAX, missed, late), None, "{missed:?} {late:?}");
                let zero = next(Duration::ZERO, missed, late);
                assert!(zero.is_some_and(|next| next <= late), "{missed:?} {late:?}");
                assert!(next(Duration::from_nanos(1), missed, late).is_some());
            }
        }
    }
}
