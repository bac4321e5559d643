//! Sleeping.

use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use moirai_sync::__prim::TICK;
use moirai_sync::coop;
use moirai_sync::strand::{self, Timer};

/// Waits for `duration` without blocking the thread. One too long for an [`Instant`] waits for
/// ever; zero is ready at once.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// moirai_runtime::block_on(moirai_runtime::sleep(Duration::from_millis(2)));
/// assert!(start.elapsed() >= Duration::from_millis(2));
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    let deadline = strand::now().checked_add(duration);
    Sleep { is_ahead: duration >= TICK, ..Sleep::until(deadline) }
}

/// Waits until `deadline` without blocking the thread; one that has passed is ready at once.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_millis(2);
/// moirai_runtime::block_on(moirai_runtime::time::sleep_until(deadline));
/// assert!(Instant::now() >= deadline);
/// ```
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::until(Some(deadline))
}

/// Ready at a moment; from [`sleep`] and [`sleep_until`].
///
/// # Cancel safety
///
/// Dropping it forgets its timer; it may be polled again after it was ready.
///
/// # Examples
///
/// A watchdog that is put off as long as something happens:
///
/// ```
/// use std::time::Duration;
/// use moirai_runtime::time::{sleep, timeout};
///
/// moirai_runtime::block_on(async {
///     let limit = Duration::from_millis(5);
///     let mut watchdog = sleep(limit);
///     for _ in 0..3 {
///         sleep(Duration::from_millis(1)).await; // something happens
///         watchdog.reset_after(limit);
///     }
///     (&mut watchdog).await;
///     assert!(watchdog.is_elapsed());
/// });
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Sleep {
    /// `None`: never.
    deadline: Option<Instant>,
    /// It lay ahead when this was made, and most are polled right then: the first poll does not look
    /// at the clock, which costs a fifth of all that a timer costs. If it has passed meanwhile, the
    /// timer fires as soon as somebody looks at it.
    is_ahead: bool,
    timer: Option<(Timer, Waker)>,
}

impl Sleep {
    pub(super) fn until(deadline: Option<Instant>) -> Self {
        Self { deadline, is_ahead: false, timer: None }
    }

    /// When it ends, if it does.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether its time has come.
    pub fn is_elapsed(&self) -> bool {
        self.deadline.is_some_and(|deadline| strand::now() >= deadline)
    }

    /// Has it end at another moment. Whoever waits for it already is woken at that one.
    pub fn reset(&mut self, deadline: Instant) {
        self.set(Some(deadline));
    }

    /// Has it end after `duration` from now, as [`reset`](Self::reset) does; one too long for an
    /// [`Instant`] is for ever.
    pub fn reset_after(&mut self, duration: Duration) {
        self.set(strand::now().checked_add(duration));
    }

    pub(super) fn set(&mut self, deadline: Option<Instant>) {
        if self.deadline == deadline {
            return;
        }
        self.deadline = deadline;
        self.is_ahead = false;
        if let Some((timer, waker)) = self.timer.take() {
            drop(timer);
            self.timer = deadline.map(|deadline| (strand::timer(deadline, &waker), waker));
        }
    }
}

// A panic elsewhere leaves no timer half changed.
impl UnwindSafe for Sleep {}
impl RefUnwindSafe for Sleep {}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if !mem::take(&mut self.is_ahead) && strand::now() >= deadline {
            ready!(coop::poll_proceed(cx));
            self.timer = None;
            return Poll::Ready(());
        }
        match &self.timer {
            Some((_, waker)) if waker.will_wake(cx.waker()) => {}
            _ => {
                let timer = strand::timer(deadline, cx.waker());
                self.timer = Some((timer, cx.waker().clone()));
            }
        }
        Poll::Pending
    }
}
