//! Children that are started again.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use moirai_sync::strand;

use crate::time::sleep;

use super::child::Child;
use super::error::NurseryError;
use super::nursery::{Nursery, NurseryBuilder};

/// How often, and how soon, [`supervise`] starts a child again.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_runtime::Supervision;
///
/// let limits = Supervision::new()
///     .restarts(10, Duration::from_secs(60))
///     .backoff(Duration::from_millis(10), Duration::from_secs(1));
/// # let _ = limits;
/// ```
#[derive(Clone, Debug)]
pub struct Supervision {
    restarts: usize,
    window: Duration,
    backoff: Duration,
    backoff_max: Duration,
}

impl Supervision {
    /// At most 3 restarts of one child within 5 seconds, the first at once, later ones after 10 ms,
    /// 20 ms and so on, up to a second.
    pub fn new() -> Self {
        Self {
            restarts: 3,
            window: Duration::from_secs(5),
            backoff: Duration::from_millis(10),
            backoff_max: Duration::from_secs(1),
        }
    }

    /// A child that fails once more than `count` times within `window` is given up: its failure is
    /// the nursery's. At most [`RESTARTS_MAX`](Self::RESTARTS_MAX) are counted; a larger `count`
    /// is that many.
    pub fn restarts(mut self, count: usize, window: Duration) -> Self {
        self.restarts = count.min(Self::RESTARTS_MAX);
        self.window = window;
        self
    }

    /// The second restart within the window comes after `first`, and each further one after twice
    /// the time of the one before, up to `max`.
    pub fn backoff(mut self, first: Duration, max: Duration) -> Self {
        self.backoff = first;
        self.backoff_max = max;
        self
    }

    /// How many restarts of a child are remembered.
    pub const RESTARTS_MAX: usize = 1000;

    /// How long to wait before a restart that follows `earlier` ones in the window.
    fn delay(&self, earlier: usize) -> Duration {
        let Some(doublings) = earlier.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings.try_into().unwrap_or(u32::MAX));
        factor.map_or(self.backoff_max, |factor| {
            self.backoff.saturating_mul(factor).min(self.backoff_max)
        })
    }
}

impl Default for Supervision {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs `body` with a supervisor, which starts its children again when they fail or panic, one by
/// one; returns when all of them, and the body, have ended.
///
/// A child that returns a value has ended. One that fails more often than `limits` allow ends all:
/// the others are cancelled, and its last failure is the result. The failures before it are dropped:
/// a child that wants them noted notes them.
///
/// # Errors
///
/// As [`nursery`](super::nursery()).
///
/// # Panics
///
/// As [`nursery`](super::nursery()).
///
/// # Cancel safety
///
/// As that of [`nursery`](super::nursery()).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use moirai_runtime::{Supervision, block_on, supervise};
///
/// let runs = Arc::new(AtomicU32::new(0));
/// let result = block_on(supervise(Supervision::new(), async |s| {
///     let runs = Arc::clone(&runs);
///     let third = s.spawn(move || {
///         let runs = Arc::clone(&runs);
///         async move {
///             match runs.fetch_add(1, Ordering::Relaxed) {
///                 0 => Err("no disk"),
///                 1 => panic!("no memory"),
///                 n => Ok(n),
///             }
///         }
///     });
///     third.await.map_err(|_| "given up")
/// }));
/// assert_eq!(result.unwrap(), 2);
/// ```
pub async fn supervise<B, T, E>(limits: Supervision, body: B) -> Result<T, NurseryError<E>>
where
    B: AsyncFnOnce(Supervisor<E>) -> Result<T, E>,
    E: Send + 'static,
{
    let run =
        NurseryBuilder::new().run(async move |nursery| body(Supervisor { nursery, limits }).await);
    run.await
}

/// Starts children that are started again, see [`supervise`]. Clones are one supervisor.
pub struct Supervisor<E> {
    nursery: Nursery<E>,
    limits: Supervision,
}

impl<E: Send + 'static> Supervisor<E> {
    /// Starts a child: `make` makes its future, each time anew. A panic of `make` is one of the
    /// child.
    #[track_caller]
    pub fn spawn<M, F, U>(&self, mut make: M) -> Child<U>
    where
        M: FnMut() -> F + Send + 'static,
        F: Future<Output = Result<U, E>> + Send + 'static,
        U: Send + 'static,
    {
        let limits = self.limits.clone();
        self.nursery.spawn(async move {
            let mut restarts = Restarts { limits, times: VecDeque::new() };
            loop {
                let run = {
                    let mut run = pin!(async { make().await });
                    poll_fn(|cx| {
                        catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx)))
                            .map_or_else(|payload| Poll::Ready(Err(payload)), |poll| poll.map(Ok))
                    })
                    .await
                };
                let delay = match (run, restarts.next(strand::now())) {
                    (Ok(Ok(value)), _) => return Ok(value),
                    (_, Some(delay)) => delay,
                    (Ok(Err(error)), None) => return Err(error),
                    (Err(payload), None) => resume_unwind(payload),
                };
                sleep(delay).await;
            }
        })
    }

    /// The nursery of the children.
    pub fn nursery(&self) -> &Nursery<E> {
        &self.nursery
    }
}

/// When one child was started again.
struct Restarts {
    limits: Supervision,
    /// Those within the window, at most as many as are allowed.
    times: VecDeque<Instant>,
}

impl Restarts {
    /// How long to wait before the next, if it is allowed.
    fn next(&mut self, now: Instant) -> Option<Duration> {
        let window = self.limits.window;
        while self.times.front().is_some_and(|&time| now.saturating_duration_since(time) >= window)
        {
            self.times.pop_front();
        }
        let earlier = self.times.len();
        if earlier >= self.limits.restarts {
            return None;
        }
        self.times.push_back(now);
        Some(self.limits.delay(earlier))
    }
}

impl<E> Clone for Supervisor<E> {
    fn clone(&self) -> Self {
        Self { nursery: self.nursery.clone(), limits: self.limits.clone() }
    }
}

// A panic elsewhere leaves nothing half changed.
impl<E> UnwindSafe for Supervisor<E> {}
impl<E> RefUnwindSafe for Supervisor<E> {}

impl<E> fmt::Debug for Supervisor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("nursery", &self.nursery)
            .field("limits", &self.limits)
            .finish()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn restarts_are_counted_within_the_window_and_no_further() {
        let limits = Supervision::new().restarts(2, 5 * SECOND).backoff(SECOND, SECOND);
        let mut restarts = Restarts { limits, times: VecDeque::new() };
        let start = Instant::now();
        let mut at = |seconds| restarts.next(start + seconds * SECOND);
        assert_eq!((at(0), at(1), at(4)), (Some(Duration::ZERO), Some(SECOND), None));
        assert_eq!((at(5), at(5), at(6)), (Some(SECOND), None, Some(SECOND)));
    }

    #[test]
    fn the_backoff_doubles_up_to_its_limit_and_never_overflows() {
        let limits = Supervision::new().backoff(SECOND, 10 * SECOND);
        let delays: Vec<_> = (0..6).map(|n| limits.delay(n).as_secs()).collect();
        assert_eq!(delays, [0, 1, 2, 4, 8, 10]);
        assert_eq!(limits.delay(usize::MAX), 10 * SECOND);
        let long = Supervision::new().backoff(Duration::MAX, Duration::MAX);
        assert_eq!(long.delay(31), Duration::MAX);
    }

    #[test]
    fn no_more_restarts_than_can_be_remembered_are_allowed() {
        for count in [Supervision::RESTARTS_MAX, Supervision::RESTARTS_MAX + 1] {
            let limits = Supervision::new().restarts(count, SECOND);
            assert_eq!(limits.restarts, Supervision::RESTARTS_MAX);
        }
    }
}
