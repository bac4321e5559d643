//! How much a task does before the others have their turn.
//!
//! A task that always finds what it waits for never returns: its channel is never empty, its timers
//! have all passed. So a runtime gives each poll of a task a budget, and each async operation of this
//! library takes one from it when it begins. One that finds nothing left wakes its task and is
//! pending, as if it had to wait; so the task returns, and goes on behind the others.
//!
//! ```text
//!                 limited          poll_proceed, BUDGET times
//!   UNLIMITED ─────────────► BUDGET ───────────────────────────► used up: operations are refused
//!     ▲    ▲                   │                                      │     │
//!     │    └── end of the poll ┴──────────────────────────────────────┘     │
//!     └──────────────────────────── poll_refused, REFUSALS_MAX times ───────┘
//! ```
//!
//! The count is the thread's, so it costs a task two stores a poll, and an operation a load and a
//! store. Where nobody has set a limit, on a thread or in the tasks of another executor, there is
//! none.
//!
//! **Nobody waits for ever.** Blocking code cannot return, so a wait on the strand has no limit. Nor
//! can a foreign executor inside of a task, which polls again and again what says that it was woken:
//! after `REFUSALS_MAX` refusals in one poll the limit is lifted.

#![allow(unsafe_code, reason = "pins a field of a pinned future, which no thread shares")]

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::prim;

/// Takes one operation from the budget of the task that is polled; pending once it is used up, and
/// then the task has been woken. For operations of one's own that may always be ready: call it
/// before the operation takes effect.
///
/// # Examples
///
/// A stream of numbers that lets the other tasks have their turn:
///
/// ```
/// use std::future::poll_fn;
/// use std::task::{Poll, ready};
/// use moirai_sync::{coop, strand};
///
/// let mut next = 0;
/// let mut number = || {
///     next += 1;
///     next
/// };
/// let sum = strand::block_on(async {
///     let mut sum = 0;
///     for _ in 0..1000 {
///         sum += poll_fn(|cx| {
///             ready!(coop::poll_proceed(cx));
///             Poll::Ready(number())
///         })
///         .await;
///     }
///     sum
/// });
/// assert_eq!(sum, 500_500);
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    let left = left();
    if left > 0 {
        set(left - i32::from(left != UNLIMITED));
        Poll::Ready(())
    } else {
        poll_refused(cx, left)
    }
}

#[cold]
fn poll_refused(cx: &mut Context<'_>, left: i32) -> Poll<()> {
    if left == -REFUSALS_MAX {
        set(UNLIMITED);
        return Poll::Ready(());
    }
    set(left - 1);
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Takes one operation from the budget of the current task, and lets the others have their turn once
/// that is used up: for a task that computes, between two steps of its work.
///
/// # Cancel safety
///
/// Dropping the future does nothing.
///
/// # Examples
///
/// ```
/// use moirai_sync::{coop, strand};
///
/// let sum = strand::block_on(async {
///     let mut sum = 0_u64;
///     for n in 0..10_000 {
///         sum += n * n;
///         coop::consume_budget().await;
///     }
///     sum
/// });
/// assert_eq!(sum, 333_283_335_000);
/// ```
pub fn consume_budget() -> ConsumeBudget {
    ConsumeBudget { _private: () }
}

/// Ready unless the budget is used up; from [`consume_budget`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct ConsumeBudget {
    _private: (),
}

impl Future for ConsumeBudget {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_proceed(cx)
    }
}

/// Whether the next operation of the current task need not wait for the turn of others.
///
/// # Examples
///
/// ```
/// use moirai_sync::coop;
///
/// assert!(coop::has_budget_remaining(), "there is no limit outside of tasks");
/// coop::limited(|| assert!(coop::has_budget_remaining()));
/// ```
pub fn has_budget_remaining() -> bool {
    left() > 0
}

/// Whether an operation was refused in this poll: for executors, to be asked inside of [`limited`]. A
/// task that has woken itself only because of that need not run soon, nor elsewhere.
///
/// # Examples
///
/// ```
/// use std::task::{Context, Waker};
/// use moirai_sync::coop;
///
/// let mut cx = Context::from_waker(Waker::noop());
/// let refused = coop::limited(|| {
///     while coop::poll_proceed(&mut cx).is_ready() {}
///     coop::is_refusing()
/// });
/// assert!(refused && !coop::is_refusing());
/// ```
#[inline]
pub fn is_refusing() -> bool {
    left() < 0
}

/// Runs `future` without a limit: its operations do not let the other tasks have their turn. For
/// what must not be interrupted, and ends soon.
///
/// # Cancel safety
///
/// As that of `future`.
///
/// # Examples
///
/// ```
/// use moirai_sync::{channel, coop, strand};
///
/// let (sender, receiver) = channel::unbounded();
/// (0..1000).for_each(|n| sender.send(n).unwrap());
/// drop(sender);
/// let all = strand::block_on(coop::unconstrained(Box::pin(async {
///     let mut all = 0;
///     while receiver.recv_async().await.is_ok() {
///         all += 1;
///     }
///     all
/// })));
/// assert_eq!(all, 1000);
/// ```
pub fn unconstrained<F: Future>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

/// A future without a limit; from [`unconstrained`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Unconstrained<F> {
    future: F,
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the field is pinned with the whole: it has no other way out of a pinned
        // `Unconstrained`, which is neither `Drop` nor packed, and `Unpin` only if the field is.
        let future = unsafe { self.map_unchecked_mut(|this| &mut this.future) };
        unlimited(|| future.poll(cx))
    }
}

/// Calls `f`, a poll of a task, with a new budget: for executors. What was left of the one around it
/// is restored after.
///
/// # Examples
///
/// ```
/// use std::pin::pin;
/// use std::task::{Context, Waker};
/// use moirai_sync::{channel, coop};
///
/// let (sender, receiver) = channel::unbounded();
/// (0..1000).for_each(|n| sender.send(n).unwrap());
/// let mut greedy = pin!(async { while receiver.recv_async().await.is_ok() {} });
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(coop::limited(|| greedy.as_mut().poll(&mut cx)).is_pending());
/// assert_eq!(receiver.len(), 1000 - coop::BUDGET as usize);
/// ```
#[inline]
pub fn limited<R>(f: impl FnOnce() -> R) -> R {
    let _restore = Restore { outer: replace(BUDGET) };
    f()
}

/// Calls `f` without a limit: for code that cannot return before it has what it waits for. The limit
/// around it is restored after.
#[inline]
pub(crate) fn unlimited<R>(f: impl FnOnce() -> R) -> R {
    let _restore = Restore { outer: replace(UNLIMITED) };
    f()
}

struct Restore {
    outer: i32,
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        set(self.outer);
    }
}

// Where the thread-locals are gone, there is no limit.
#[inline]
fn left() -> i32 {
    LEFT.try_with(Cell::get).unwrap_or(UNLIMITED)
}

#[inline]
fn set(left: i32) {
    replace(left);
}

#[inline]
fn replace(left: i32) -> i32 {
    LEFT.try_with(|place| place.replace(left)).unwrap_or(UNLIMITED)
}

/// Operations of one poll of a task: long enough that the switch to another costs little beside
/// them, short enough that it is a few microseconds until then.
pub const BUDGET: i32 = 128;

/// No limit is set.
const UNLIMITED: i32 = i32::MAX;

/// Refusals in one poll. One that waits for many things at once may get one of each; more than this
/// only somebody who does not return.
const REFUSALS_MAX: i32 = 4096;

// How many operations are left, while there are any; then, below zero, how many were refused. loom's
// thread-locals take no `const`.
#[cfg(moirai_loom)]
prim::thread_local! {
    static LEFT: Cell<i32> = Cell::new(UNLIMITED);
}
#[cfg(not(moirai_loom))]
prim::thread_local! {
    static LEFT: Cell<i32> = const { Cell::new(UNLIMITED) };
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Wake, Waker};

    use super::*;
    use crate::{channel, strand};

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll_times(n: i32, cx: &mut Context<'_>) -> i32 {
        (0..n).filter(|_| poll_proceed(cx).is_ready()).count() as i32
    }

    #[test]
    fn a_budget_is_used_up_and_the_task_is_woken_for_the_rest() {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        for _ in 0..2 {
            wakes.0.store(0, Ordering::Relaxed);
            limited(|| {
                assert_eq!(poll_times(BUDGET, &mut cx), BUDGET);
                assert!(!has_budget_remaining());
                assert_eq!(wakes.0.load(Ordering::Relaxed), 0);
                assert!(poll_proceed(&mut cx).is_pending());
                assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
            });
        }
        assert!(has_budget_remaining());
    }

    #[test]
    fn who_does_not_return_is_refused_only_so_often() {
        let mut cx = Context::from_waker(Waker::noop());
        limited(|| {
            assert_eq!(poll_times(BUDGET, &mut cx), BUDGET);
            assert_eq!(poll_times(REFUSALS_MAX, &mut cx), 0);
            assert_eq!(poll_times(REFUSALS_MAX, &mut cx), REFUSALS_MAX);
        });
    }

    #[test]
    fn limits_nest_and_are_restored_also_by_a_panic() {
        let mut cx = Context::from_waker(Waker::noop());
        limited(|| {
            assert_eq!(poll_times(BUDGET - 1, &mut cx), BUDGET - 1);
            let inner = std::panic::catch_unwind(|| {
                limited(|| -> () {
                    let mut cx = Context::from_waker(Waker::noop());
                    assert_eq!(poll_times(BUDGET + 1, &mut cx), BUDGET);
                    panic!("as a task may");
                })
            });
            assert!(inner.is_err());
            unlimited(|| assert_eq!(poll_times(1000, &mut cx), 1000));
            assert_eq!(poll_times(2, &mut cx), 1);
        });
    }

    #[test]
    fn blocking_code_in_a_task_goes_on_with_a_budget_that_is_used_up() {
        let (sender, receiver) = channel::unbounded();
        (0..1000).for_each(|n| sender.send(n).unwrap());
        drop(sender);
        limited(|| {
            strand::block_on(async { while receiver.recv_async().await.is_ok() {} });
        });
        assert!(receiver.is_empty());
    }

    #[test]
    fn an_unconstrained_future_has_no_limit_and_leaves_the_one_around_it() {
        let mut cx = Context::from_waker(Waker::noop());
        let steps = || async {
            for _ in 0..1000 {
                consume_budget().await;
            }
        };
        limited(|| {
            assert!(pin!(unconstrained(steps())).poll(&mut cx).is_ready());
            assert!(pin!(steps()).poll(&mut cx).is_pending());
        });
    }
}
