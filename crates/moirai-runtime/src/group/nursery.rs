//! A nursery: tasks that end before the code that started them goes on.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use moirai_sync::{CancelReason, CancelToken, result_channel};

use crate::runtime::Handle;
use crate::task::TaskHandle;

use super::child::{Child, Report, Running};
use super::core::{Close, Core, ENCLOSING, Enclosing, Policy, Stopping};
use super::error::{Failure, NurseryError};

/// Runs `body` with a nursery, in which it starts tasks; returns when all of them have ended.
///
/// The first that fails, child or body, ends the nursery: the others are cancelled at their next
/// await, and the failure is the result. A panic of a child is a failure as well; one of the body is
/// passed on, after all children have ended. For other policies see [`NurseryBuilder`].
///
/// A nursery within a child of another one is cancelled with it, and the outer one waits for the
/// children of the inner one, too.
///
/// Children are `'static`: a future may be forgotten at any time, and a child that borrowed from the
/// stack would then outlive what it borrows:
///
/// ```compile_fail
/// # let _ = moirai_runtime::block_on(async {
/// let numbers = vec![1, 2, 3];
/// moirai_runtime::nursery(async |n| {
///     n.spawn(async { Ok::<_, ()>(numbers.len()) });
///     Ok(())
/// })
/// .await
/// # });
/// ```
///
/// # Errors
///
/// [`NurseryError`] with what went wrong, in order: also what failed while the others were cancelled.
/// [`Failure::Cancelled`] if the nursery was cancelled before the body had ended.
///
/// # Panics
///
/// If `body` panics, with its payload, after all children have ended.
///
/// # Cancel safety
///
/// Dropping the future cancels the children without waiting for them. (An enclosing nursery waits.)
/// To cancel and wait, [`Nursery::cancel`] it. A nursery that is not polled leaves a failure's
/// other children alone until it is, though its token is cancelled at once.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_runtime::{TaskError, block_on, nursery, sleep};
///
/// async fn fetch(n: u64) -> Result<u64, TaskError> {
///     sleep(Duration::from_millis(n)).await;
///     Ok(n)
/// }
///
/// let sum = block_on(nursery(async |n| {
///     let (one, two) = (n.spawn(fetch(1)), n.spawn(fetch(2)));
///     Ok(one.await? + two.await?)
/// }));
/// assert_eq!(sum.unwrap(), 3);
/// ```
pub async fn nursery<B, T, E>(body: B) -> Result<T, NurseryError<E>>
where
    B: AsyncFnOnce(Nursery<E>) -> Result<T, E>,
    E: Send + 'static,
{
    NurseryBuilder::new().run(body).await
}

/// Starts children in a nursery, see [`nursery()`]. Clones are one nursery: a child that holds one
/// starts siblings.
pub struct Nursery<E> {
    core: Arc<Core<E>>,
}

/// How a nursery is run.
///
/// # Examples
///
/// All go on, whatever fails, and all failures are told:
///
/// ```
/// use moirai_runtime::{NurseryBuilder, block_on};
///
/// let result = block_on(NurseryBuilder::new().collect_all().run(async |n| {
///     for disk in 0..4 {
///         n.spawn(async move { if disk % 2 == 0 { Ok(()) } else { Err(disk) } });
///     }
///     Ok(())
/// }));
/// assert_eq!(result.unwrap_err().iter().count(), 2);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `run`"]
pub struct NurseryBuilder {
    policy: Policy,
    within: Option<CancelToken>,
    runtime: Option<Handle>,
}

impl NurseryBuilder {
    /// As [`nursery()`] does it: the first failure cancels the others.
    pub fn new() -> Self {
        Self { policy: Policy::FailFast, within: None, runtime: None }
    }

    /// A failure cancels nobody: all go on to their ends, and [`NurseryError`] has every failure.
    pub fn collect_all(mut self) -> Self {
        self.policy = Policy::CollectAll;
        self
    }

    /// The nursery is cancelled with `token`, also by its deadline. Without this it is cancelled
    /// with the nursery whose child runs it, if any.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use std::time::Duration;
    /// use moirai_runtime::{Failure, NurseryBuilder, block_on};
    /// use moirai_sync::{CancelReason, CancelToken};
    ///
    /// let token = CancelToken::with_timeout(Duration::from_millis(1));
    /// let result = block_on(NurseryBuilder::new().within(&token).run(async |n| {
    ///     n.spawn(pending::<Result<(), &str>>());
    ///     pending::<Result<(), _>>().await // the body is cancelled, too
    /// }));
    /// let first = result.unwrap_err().into_first();
    /// assert!(matches!(first, Failure::Cancelled(CancelReason::DeadlineExceeded)));
    /// ```
    pub fn within(mut self, token: &CancelToken) -> Self {
        self.within = Some(token.clone());
        self
    }

    /// The children run on the runtime of `handle`; without this, on the current one.
    pub fn on(mut self, handle: &Handle) -> Self {
        self.runtime = Some(handle.clone());
        self
    }

    /// Runs `body` with the nursery; see [`nursery()`].
    ///
    /// # Errors
    ///
    /// As [`nursery()`].
    ///
    /// # Panics
    ///
    /// As [`nursery()`].
    ///
    /// # Cancel safety
    ///
    /// As that of [`nursery()`].
    pub async fn run<B, T, E>(self, body: B) -> Result<T, NurseryError<E>>
    where
        B: AsyncFnOnce(Nursery<E>) -> Result<T, E>,
        E: Send + 'static,
    {
        let runtime = self.runtime.unwrap_or_else(Handle::current);
        let core = Core::new(self.policy, self.within.as_ref(), runtime);
        // Dropped after all that follows.
        let _owner = Owner { core: Arc::clone(&core) };
        let enclosing: Arc<dyn Enclosing> = Arc::<Core<E>>::clone(&core);
        let body = ENCLOSING.scope(enclosing, body(Nursery { core: Arc::clone(&core) }));
        let mut body = pin!(Some(body));
        let mut cancelled = pin!(core.token.cancelled());
        let mut ended = pin!(core.ended.recv_async());
        let (mut reason, mut value, mut panic) = (None, None, None);
        poll_fn(|cx| {
            loop {
                if reason.is_none()
                    && let Poll::Ready(why) = cancelled.as_mut().poll(cx)
                {
                    reason = Some(why);
                    panic =
                        panic.take().or(catch_unwind(AssertUnwindSafe(|| body.set(None))).err());
                    core.cancel_children();
                }
                let stopping = if reason.is_some() { Stopping::Yes } else { Stopping::No };
                for n in 1.. {
                    let Poll::Ready(place) = ended.as_mut().poll(cx) else { break };
                    ended.set(core.ended.recv_async());
                    // An error never: the core has a sender.
                    place.into_iter().for_each(|place| core.reap(place, stopping));
                    if n == REAPED_MAX {
                        // Not waiting for the next one: come again.
                        cx.waker().wake_by_ref();
                        break;
                    }
                }
                let Some(running) = body.as_mut().as_pin_mut() else { return end(&core) };
                match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
                    Ok(Poll::Pending) => return Poll::Pending,
                    Ok(Poll::Ready(Ok(output))) => value = Some(output),
                    Ok(Poll::Ready(Err(error))) => drop(core.fail(Failure::Error(error))),
                    Err(payload) => {
                        panic = Some(payload);
                        core.token.cancel();
                    }
                }
                body.set(None);
            }
        })
        .await;
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
        match (core.take_error(), value) {
            (Some(error), _) => Err(error),
            (None, Some(value)) => Ok(value),
            (None, None) => {
                let reason = reason.unwrap_or(CancelReason::Cancelled);
                Err(NurseryError::new(Failure::Cancelled(reason), Vec::new()))
            }
        }
    }
}

impl<E: Send + 'static> Nursery<E> {
    /// Starts a child on the nursery's runtime. What it returns can be awaited; how it fails is the
    /// nursery's to say.
    ///
    /// A nursery that is cancelled or has ended takes no more children: the future is dropped.
    #[track_caller]
    pub fn spawn<F, U>(&self, future: F) -> Child<U>
    where
        F: Future<Output = Result<U, E>> + Send + 'static,
        U: Send + 'static,
    {
        self.start(|runtime, report| runtime.spawn(Running::new(future, report)))
    }

    /// Starts a closure that computes, as [`spawn_parallel`](crate::spawn_parallel) does. Once it
    /// runs, it is waited for; it may look at the nursery's [`token`](Self::token).
    #[track_caller]
    pub fn spawn_parallel<F, U>(&self, f: F) -> Child<U>
    where
        F: FnOnce() -> Result<U, E> + Send + 'static,
        U: Send + 'static,
    {
        self.start(|runtime, report| runtime.spawn_parallel(|| report.run(f)))
    }

    /// Starts a closure that blocks, as [`spawn_blocking`](crate::spawn_blocking) does. Once it
    /// runs, it is waited for; it may look at the nursery's [`token`](Self::token).
    #[track_caller]
    pub fn spawn_blocking<F, U>(&self, f: F) -> Child<U>
    where
        F: FnOnce() -> Result<U, E> + Send + 'static,
        U: Send + 'static,
    {
        self.start(|runtime, report| runtime.spawn_blocking(|| report.run(f)))
    }

    #[track_caller]
    fn start<U>(&self, spawn: impl FnOnce(&Handle, Report<U, E>) -> TaskHandle<()>) -> Child<U> {
        let (value, child) = result_channel();
        if !self.is_cancelled() {
            let report = Report { value, core: Arc::clone(&self.core) };
            self.core.insert(spawn(&self.core.runtime, report));
        }
        Child::new(child)
    }

    /// Cancels the children, and the body at its next await. That alone is no failure: if the body
    /// has ended, its value is the result.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use moirai_runtime::{block_on, nursery};
    ///
    /// let result = block_on(nursery(async |n| {
    ///     n.spawn(pending::<Result<(), ()>>());
    ///     n.cancel();
    ///     Ok(7)
    /// }));
    /// assert_eq!(result.unwrap(), 7);
    /// ```
    pub fn cancel(&self) {
        self.core.token.cancel();
    }

    /// Whether the nursery is cancelled, by whomever.
    pub fn is_cancelled(&self) -> bool {
        self.core.token.is_cancelled()
    }

    /// The nursery's token: cancelled with it, at the latest.
    pub fn token(&self) -> &CancelToken {
        &self.core.token
    }
}

impl<E> Clone for Nursery<E> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

// A panic elsewhere leaves nothing half changed.
impl<E> UnwindSafe for Nursery<E> {}
impl<E> RefUnwindSafe for Nursery<E> {}

impl<E> fmt::Debug for Nursery<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}

impl Default for NurseryBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a nursery whose body has ended is over.
fn end<E: Send + 'static>(core: &Core<E>) -> Poll<()> {
    match core.close() {
        Close::Closed => Poll::Ready(()),
        Close::Busy => Poll::Pending,
    }
}

/// Whoever runs the nursery.
struct Owner<E: Send + 'static> {
    core: Arc<Core<E>>,
}

impl<E: Send + 'static> Drop for Owner<E> {
    fn drop(&mut self) {
        self.core.abandon();
    }
}

/// How many children that have ended one poll of the owner looks at.
const REAPED_MAX: u32 = 256;
