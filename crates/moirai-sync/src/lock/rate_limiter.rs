//! So many in a period and no more.
//!
//! The generic cell rate algorithm (ITU-T I.371): one word, the moment at which all that has been
//! let through would have been through at the even rate. Whoever comes may be ahead of it by the
//! burst; who comes too early waits for the difference, in a line, so that one who wants much is not
//! passed by those who want little. Nothing is taken before the wait is over, so that a wait can be
//! dropped.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `paid_until` | Relaxed | nothing: it orders no other memory |

use std::fmt;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::prim::atomic::{AtomicU64, Ordering};
use crate::strand;

use super::turns::Turns;

/// Lets so many through in a period, evenly, after a burst at most.
///
/// First come, first served; time that nobody uses is saved up to the burst. Times come from the
/// runtime's clock, where there is one.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
/// use moirai_sync::lock::RateLimiter;
///
/// // 1000 a second, 5 of them at once.
/// let requests = RateLimiter::new(1000, Duration::from_secs(1)).burst(5);
/// let start = Instant::now();
/// (0..8).for_each(|_| requests.acquire());
/// assert!(start.elapsed() >= Duration::from_millis(2));
/// ```
pub struct RateLimiter {
    /// Nanoseconds from `start`.
    paid_until: AtomicU64,
    start: Instant,
    /// Nanoseconds for one.
    interval: u64,
    burst: u32,
    /// One permit: whoever has it is first, and sleeps.
    line: Turns,
}

impl RateLimiter {
    /// `count` in each `period`, one at a time. An interval is a whole number of nanoseconds, one at
    /// least; `count` 0 counts as 1.
    pub fn new(count: u32, period: Duration) -> Self {
        let interval = period.as_nanos().div_ceil(u128::from(count.max(1))).max(1);
        let interval = u64::try_from(interval).unwrap_or(u64::MAX).min(INTERVAL_MAX);
        let (paid_until, start) = (AtomicU64::new(0), strand::now());
        Self { paid_until, start, interval, burst: 1, line: Turns::new(1) }
    }

    /// Lets up to `burst` through at once where nobody has come for a while; 0 counts as 1.
    #[must_use]
    pub fn burst(mut self, burst: u32) -> Self {
        self.burst = burst.max(1);
        self
    }

    /// Waits for one's turn, on the current strand.
    pub fn acquire(&self) {
        self.acquire_many(1);
    }

    /// Waits until `count` may pass at once, on the current strand. More than the burst count as a
    /// debt: they pass when the burst is full, and those who come next wait for longer.
    pub fn acquire_many(&self, count: u32) {
        let passed = self.wait(count, None);
        debug_assert!(passed.is_some(), "a wait without a deadline ended without a turn");
    }

    /// As [`acquire`](Self::acquire), for at most `timeout`: whether one may pass.
    pub fn acquire_timeout(&self, timeout: Duration) -> bool {
        self.wait(1, strand::now().checked_add(timeout)).is_some()
    }

    /// As [`acquire`](Self::acquire), until `deadline` at most: whether one may pass.
    pub fn acquire_deadline(&self, deadline: Instant) -> bool {
        self.wait(1, Some(deadline)).is_some()
    }

    /// Passes if that is possible now and nobody waits.
    ///
    /// # Errors
    ///
    /// How long it would take, if nobody else came.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::lock::RateLimiter;
    ///
    /// let hourly = RateLimiter::new(1, Duration::from_secs(3600));
    /// assert_eq!(hourly.try_acquire(), Ok(()));
    /// assert!(hourly.try_acquire().is_err_and(|wait| wait > Duration::from_secs(3500)));
    /// ```
    pub fn try_acquire(&self) -> Result<(), Duration> {
        if self.line.available() == 0 {
            // Who is first waits for its own; at least one interval lies behind it.
            return Err(Duration::from_nanos(self.interval));
        }
        self.pass(1)
    }

    /// As [`acquire`](Self::acquire), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line, and nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::{lock::RateLimiter, strand};
    ///
    /// let limiter = RateLimiter::new(1000, Duration::from_secs(1));
    /// strand::block_on(async {
    ///     limiter.acquire_async().await;
    ///     limiter.acquire_async().await;
    /// });
    /// ```
    pub async fn acquire_async(&self) {
        self.acquire_many_async(1).await;
    }

    /// As [`acquire_many`](Self::acquire_many), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line, and nothing else.
    pub async fn acquire_many_async(&self, count: u32) {
        // Nobody closes it.
        let _ = self.line.acquire_async(1).await;
        let _first = First { line: &self.line };
        while let Err(wait) = self.pass(count) {
            sleep_until(strand::now() + wait).await;
        }
    }

    fn wait(&self, count: u32, deadline: Option<Instant>) -> Option<()> {
        // Nobody closes it.
        self.line.acquire(1, deadline).and_then(Result::ok)?;
        let _first = First { line: &self.line };
        while let Err(wait) = self.pass(count) {
            let until = strand::now() + wait;
            if deadline.is_some_and(|deadline| deadline < until) {
                // It would be in vain; who is next may want less.
                return None;
            }
            // Pending until then, for nobody wakes it before.
            let _over: Option<()> = strand::wait(Some(until), |_| Poll::Pending);
        }
        Some(())
    }

    /// Passes now, or says how long to wait.
    fn pass(&self, count: u32) -> Result<(), Duration> {
        let now = strand::now().saturating_duration_since(self.start).as_nanos();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let cost = self.interval.saturating_mul(count.into());
        // What is wanted beyond the burst is a debt.
        let ahead = self.interval.saturating_mul(self.burst.saturating_sub(count).into());
        let mut paid_until = self.paid_until.load(Ordering::Relaxed);
        loop {
            let from = paid_until.max(now);
            if from - now > ahead {
                return Err(Duration::from_nanos(from - now - ahead));
            }
            let (new, order) = (from.saturating_add(cost), Ordering::Relaxed);
            match self.paid_until.compare_exchange_weak(paid_until, new, order, order) {
                Ok(_) => return Ok(()),
                Err(changed) => paid_until = changed,
            }
        }
    }
}

/// The first place in line, given up when this is dropped.
struct First<'a> {
    line: &'a Turns,
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        self.line.release(1);
    }
}

async fn sleep_until(deadline: Instant) {
    let mut timer = None;
    poll_fn(|cx| {
        if strand::now() >= deadline {
            return Poll::Ready(());
        }
        timer = Some(strand::timer(deadline, cx.waker()));
        Poll::Pending
    })
    .await;
    drop(timer);
}

/// The longest interval, in nanoseconds: ten years, so that sums of moments do not overflow.
const INTERVAL_MAX: u64 = 10 * 365 * 24 * 3600 * 1_000_000_000;

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter")
            .field("interval", &Duration::from_nanos(self.interval))
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}
