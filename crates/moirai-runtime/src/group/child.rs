//! A task of a nursery, from the inside, and its value from the outside.

#![allow(unsafe_code, reason = "pins a field of a pinned future, which no thread shares")]

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use moirai_sync::{Panicked, ResultReceiver, ResultSender, TaskError, TaskResult};

use crate::local::LocalScope;

use super::core::{Core, ENCLOSING, Enclosing};
use super::error::Failure;

/// The value that a child of a nursery returns: await it, or leave it.
///
/// Dropping it changes nothing for the child.
///
/// # Cancel safety
///
/// It may be polled or dropped at any time; the value is taken by the poll that returns it.
///
/// # Examples
///
/// ```
/// use moirai_runtime::{TaskError, block_on, nursery};
///
/// let sum = block_on(nursery(async |n| {
///     let (left, right) = (n.spawn(async { Ok(20) }), n.spawn(async { Ok(22) }));
///     Ok::<_, TaskError>(left.await? + right.await?)
/// }));
/// assert_eq!(sum.unwrap(), 42);
/// ```
pub struct Child<U> {
    value: ResultReceiver<U>,
}

impl<U> Child<U> {
    pub(super) fn new(value: ResultReceiver<U>) -> Self {
        Self { value }
    }

    /// Waits for the value on the current strand.
    ///
    /// # Errors
    ///
    /// [`TaskError::ResultNotFound`] if there is none: the child failed or was cancelled, and its
    /// nursery says how.
    pub fn join(self) -> TaskResult<U> {
        self.value.recv()
    }
}

impl<U> Future for Child<U> {
    /// [`TaskError::ResultNotFound`] as that of [`Child::join`].
    type Output = TaskResult<U>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskResult<U>> {
        Pin::new(&mut self.value).poll(cx)
    }
}

// A panic elsewhere leaves nothing half changed.
impl<U> UnwindSafe for Child<U> {}
impl<U> RefUnwindSafe for Child<U> {}

impl<U> fmt::Debug for Child<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").finish_non_exhaustive()
    }
}

/// The child's task: runs the future and tells what became of it.
pub(super) struct Running<F, U, E> {
    future: LocalScope<Arc<dyn Enclosing>, F>,
    report: Option<Report<U, E>>,
}

/// Where a child's result goes.
pub(super) struct Report<U, E> {
    pub(super) value: ResultSender<U>,
    pub(super) core: Arc<Core<E>>,
}

impl<F, U, E> Running<F, U, E>
where
    F: Future<Output = Result<U, E>>,
    E: Send + 'static,
{
    pub(super) fn new(future: F, report: Report<U, E>) -> Self {
        let core: Arc<dyn Enclosing> = Arc::<Core<E>>::clone(&report.core);
        Self { future: ENCLOSING.scope(core, future), report: Some(report) }
    }
}

impl<F, U, E> Future for Running<F, U, E>
where
    F: Future<Output = Result<U, E>>,
    E: Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out of `future` here.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the field is pinned with the whole: it has no other way out of a pinned
        // `Running`, which is neither `Drop` nor packed, and `Unpin` only if the field is.
        let future = unsafe { Pin::new_unchecked(&mut this.future) };
        let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => Ok(result),
            Err(payload) => Err(payload),
        };
        if let Some(report) = this.report.take() {
            report.tell(result);
        }
        Poll::Ready(())
    }
}

// What is not the future is moved, never pinned.
impl<F: Unpin, U, E> Unpin for Running<F, U, E> {}

impl<U, E: Send + 'static> Report<U, E> {
    /// Runs a closure instead of a future.
    pub(super) fn run(self, f: impl FnOnce() -> Result<U, E>) {
        let result = catch_unwind(AssertUnwindSafe(f));
        self.tell(result);
    }

    /// The failure is noted before the value's receiver hears that there is none: so an error that
    /// the body makes of that comes second.
    fn tell(self, result: Result<Result<U, E>, Box<dyn Any + Send>>) {
        let failure = match result {
            Ok(Ok(value)) => {
                // Whoever does not wait for it does not want it.
                drop(self.value.send(value));
                return;
            }
            Ok(Err(error)) => Failure::Error(error),
            Err(payload) => Failure::Task(TaskError::Panicked(Panicked::new(payload))),
        };
        if let Some(Failure::Task(TaskError::Panicked(panic))) = self.core.fail(failure) {
            // The nursery is gone; whoever has the task's handle now hears of it.
            resume_unwind(panic.into_payload());
        }
    }
}
