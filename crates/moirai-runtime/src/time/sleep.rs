//! Sleeping.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

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
    Sleep { deadline: strand::now().checked_add(duration), timer: None }
}

/// Waits until `deadline` without blocking the thread.
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
    Sleep { deadline: Some(deadline), timer: None }
}

/// Ready at a moment; from [`sleep`] and [`sleep_until`].
///
/// # Cancel safety
///
/// Dropping it forgets its timer; it may be polled again after it was ready.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Sleep {
    /// `None`: never.
    deadline: Option<Instant>,
    timer: Option<(Timer, Waker)>,
}

impl Sleep {
    /// When it ends, if it does.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

// A panic elsewhere leaves no timer half changed.
impl UnwindSafe for Sleep {}
impl RefUnwindSafe for Sleep {}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if strand::now() >= deadline {
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
