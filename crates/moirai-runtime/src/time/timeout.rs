//! Giving up on a future.

#![allow(unsafe_code, reason = "pins a field of a pinned future, which no thread shares")]

use std::error::Error;
use std::fmt;
use std::future::IntoFuture;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use moirai_sync::coop;

use super::sleep::{Sleep, sleep, sleep_until};

/// Runs `future` for at most `duration`. It is polled once at least, and a result in time counts,
/// however late it is noticed.
///
/// # Errors
///
/// [`Elapsed`] if `duration` passes first; the future has been polled and is dropped with this one.
///
/// # Cancel safety
///
/// As that of `future`, which is dropped with this one.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_runtime::time::timeout;
///
/// moirai_runtime::block_on(async {
///     let limit = Duration::from_millis(1);
///     assert_eq!(timeout(limit, async { 7 }).await, Ok(7));
///     assert!(timeout(limit, std::future::pending::<()>()).await.is_err());
/// });
/// ```
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: sleep(duration) }
}

/// Runs `future` until `deadline` at most, as [`timeout`] does.
///
/// # Errors
///
/// [`Elapsed`] if `deadline` passes first.
///
/// # Cancel safety
///
/// As that of `future`, which is dropped with this one.
///
/// # Examples
///
/// Three steps that share one deadline:
///
/// ```
/// use std::time::{Duration, Instant};
/// use moirai_runtime::time::{Elapsed, timeout_at};
///
/// let deadline = Instant::now() + Duration::from_secs(10);
/// let sum: Result<i32, Elapsed> = moirai_runtime::block_on(async {
///     let mut sum = 0;
///     for n in 1..=3 {
///         sum += timeout_at(deadline, async { n }).await?;
///     }
///     Ok(sum)
/// });
/// assert_eq!(sum, Ok(6));
/// ```
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: sleep_until(deadline) }
}

/// A future with a limit; from [`timeout`] and [`timeout_at`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Timeout<F> {
    future: F,
    sleep: Sleep,
}

impl<F> Timeout<F> {
    /// The future.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future, without the limit.
    pub fn into_inner(self) -> F {
        self.future
    }

    /// When it is given up, if it is.
    pub fn deadline(&self) -> Option<Instant> {
        self.sleep.deadline()
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out of it here.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the field is pinned with the whole: it has no other way out of a pinned
        // `Timeout`, which is neither `Drop` nor packed, and `Unpin` only if the field is.
        let future = unsafe { Pin::new_unchecked(&mut this.future) };
        let had_budget = coop::has_budget_remaining();
        if let Poll::Ready(output) = future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let sleep = Pin::new(&mut this.sleep);
        // A future that uses up the budget in each poll would keep the limit from ever being seen.
        let slept = if had_budget && !coop::has_budget_remaining() {
            pin!(coop::unconstrained(sleep)).poll(cx)
        } else {
            sleep.poll(cx)
        };
        slept.map(|()| Err(Elapsed(())))
    }
}

/// The time was over first; from [`timeout`] and [`timeout_at`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_runtime::time::timeout;
///
/// let never = timeout(Duration::ZERO, std::future::pending::<()>());
/// let elapsed = moirai_runtime::block_on(never).unwrap_err();
/// assert_eq!(elapsed.to_string(), "deadline has elapsed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl Error for Elapsed {}
