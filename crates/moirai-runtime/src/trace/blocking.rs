//! What the blocking pool said at one moment.

use std::time::Duration;

/// The threads and jobs of [`spawn_blocking`](crate::spawn_blocking), counted since the runtime was
/// started; in [`RuntimeMetrics`](crate::RuntimeMetrics).
///
/// # Examples
///
/// ```
/// let runtime = moirai_runtime::Runtime::builder().blocking_threads(1).build()?;
/// let jobs = [(); 3].map(|()| runtime.spawn_blocking(|| ()));
/// jobs.into_iter().for_each(|job| job.join().unwrap());
/// let blocking = runtime.handle().metrics().blocking;
/// assert_eq!((blocking.jobs, blocking.threads, blocking.queued), (3, 1, 0));
/// assert!(blocking.queue_wait_mean() <= blocking.queue_wait_max);
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockingMetrics {
    /// Threads at this moment.
    pub threads: usize,
    /// Threads that rest at this moment, for want of a job.
    pub idle: usize,
    /// Jobs that wait for a thread at this moment.
    pub queued: usize,
    /// For how long the first of them has waited; zero if none does.
    pub oldest_wait: Duration,
    /// Jobs that were begun.
    pub jobs: u64,
    /// Jobs that were refused: too many waited, or the system refused a thread.
    pub refused: u64,
    /// For how long the jobs that were begun had waited, in all: for a place among the threads, and
    /// for the thread to start or to wake up.
    pub queue_wait: Duration,
    /// The longest of these waits.
    pub queue_wait_max: Duration,
}

impl BlockingMetrics {
    /// For how long a job waited before it was begun, on average.
    pub fn queue_wait_mean(&self) -> Duration {
        let mean = self.queue_wait.as_nanos() / u128::from(self.jobs.max(1));
        u64::try_from(mean).map_or(Duration::MAX, Duration::from_nanos)
    }
}
