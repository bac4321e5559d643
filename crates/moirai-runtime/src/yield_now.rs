//! Letting the others go first.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Lets the tasks run that are queued on this worker, and goes on after them: for a task that
/// computes for long between two awaits.
///
/// On another executor, or in `block_on`, it wakes itself and returns once.
///
/// # Cancel safety
///
/// Dropping the future does nothing.
///
/// # Examples
///
/// ```
/// use moirai_runtime::{spawn, yield_now};
///
/// let task = spawn(async {
///     let mut sum = 0_u64;
///     for n in 0..100_000 {
///         sum += n * n;
///         if n % 10_000 == 0 {
///             yield_now().await;
///         }
///     }
///     sum
/// });
/// assert_eq!(task.join().unwrap(), 333_328_333_350_000);
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// Ready at its second poll; from [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        // A task that wakes itself while it runs is queued behind the others.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
