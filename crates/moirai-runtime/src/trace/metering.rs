//! What can be noted about single tasks.

use std::time::Duration;

/// How much is noted about each task of a runtime; see
/// [`Builder::task_metering`](crate::Builder::task_metering).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Metering {
    /// Nothing.
    #[default]
    Off,
    /// Polls and wake-ups.
    Counts,
    /// Also how long it ran and waited to run, for two or three looks at the clock per poll.
    Times,
}

/// What one task has done; from [`TaskHandle::metrics`](crate::TaskHandle::metrics).
///
/// # Examples
///
/// ```
/// use moirai_runtime::{Metering, Runtime};
///
/// let runtime = Runtime::builder().task_metering(Metering::Times).build()?;
/// let mut task = runtime.spawn(async { (1..=1000).sum::<u64>() });
/// while !task.is_finished() {
///     std::thread::yield_now();
/// }
/// let metrics = task.metrics().unwrap();
/// assert_eq!((metrics.polls, metrics.wakes), (1, 0));
/// assert!(!metrics.busy.is_zero());
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskMetrics {
    /// Times that it was polled; a closure is polled once.
    pub polls: u64,
    /// Times that one of its wakers was called, also when it was scheduled already.
    pub wakes: u64,
    /// How long its polls took in all; zero unless [`Metering::Times`] was asked for.
    pub busy: Duration,
    /// How long it was ready to run, and did not, in all; zero unless [`Metering::Times`] was asked
    /// for.
    pub delayed: Duration,
}

/// What a runtime does about each of its tasks beside running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted(u8);

impl Noted {
    pub(crate) const NOTHING: Self = Self(0);
    /// Polls and wake-ups are counted.
    pub(crate) const COUNTS: Self = Self(1);
    /// So is the time.
    pub(crate) const TIMES: Self = Self(1 << 1);
    /// Somebody is told of each task's beginning or end, or its end is remembered.
    pub(crate) const ENDS: Self = Self(1 << 2);
    /// Somebody is told of tasks that stall; by itself no reason to note anything else.
    pub(crate) const STALLS: Self = Self(1 << 3);

    pub(crate) const fn and(self, noted: Self) -> Self {
        Self(self.0 | noted.0)
    }

    /// Whether all of `noted` is in this.
    #[inline]
    pub(crate) const fn contains(self, noted: Self) -> bool {
        self.0 & noted.0 == noted.0
    }

    /// Whether every task has a side block.
    #[inline]
    pub(crate) const fn of_all(self) -> bool {
        self.0 & (Self::COUNTS.0 | Self::TIMES.0 | Self::ENDS.0) != 0
    }

    /// Whether a poll is more than counted.
    #[inline]
    pub(crate) const fn at_polls(self) -> bool {
        self.0 & (Self::TIMES.0 | Self::STALLS.0) != 0
    }
}
