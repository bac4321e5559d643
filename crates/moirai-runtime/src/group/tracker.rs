//! Counting tasks, for the end of a service.

#![allow(unsafe_code, reason = "pins a field of a pinned future, which no thread shares")]

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use moirai_sync::__prim::Mutex;
use moirai_sync::{WaitGroup, WaitMember};

use crate::runtime::Handle;
use crate::task::TaskHandle;

/// Counts tasks from their start to the drop of their futures, so that one can wait for the end of
/// all. Clones are one tracker.
///
/// It keeps no results and, unlike a [`JoinSet`](super::JoinSet), nothing of a task that has ended,
/// so it may run for as long as the service does. A wait ends when the tracker is
/// [closed](Self::close) and the last task has ended: closing says that no more are to come, though
/// it refuses none.
///
/// # Examples
///
/// ```
/// use moirai_runtime::{TaskTracker, block_on};
/// use moirai_sync::CancelToken;
///
/// let (tracker, token) = (TaskTracker::new(), CancelToken::new());
/// for _ in 0..10 {
///     let token = token.clone();
///     tracker.spawn(async move { token.cancelled().await }).detach();
/// }
/// // The service ends.
/// token.cancel();
/// tracker.close();
/// block_on(tracker.wait_async());
/// assert!(tracker.is_empty());
/// ```
#[derive(Clone)]
pub struct TaskTracker {
    group: WaitGroup,
    /// One member more, as long as the tracker is not closed.
    open: Arc<Mutex<Option<WaitMember>>>,
}

impl TaskTracker {
    /// A tracker without tasks, not closed.
    pub fn new() -> Self {
        let group = WaitGroup::new();
        let open = Arc::new(Mutex::new(Some(group.add())));
        Self { group, open }
    }

    /// Starts a task on the current runtime and counts it.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_on(future, &Handle::current())
    }

    /// Starts a task on the runtime of `handle` and counts it.
    #[track_caller]
    pub fn spawn_on<F>(&self, future: F, handle: &Handle) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        handle.spawn(self.track_future(future))
    }

    /// Starts a closure that computes, as [`spawn_parallel`](crate::spawn_parallel) does, and counts
    /// it.
    #[track_caller]
    pub fn spawn_parallel<F, T>(&self, f: F) -> TaskHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let member = self.token();
        Handle::current().spawn_parallel(move || counted(f, member))
    }

    /// Starts a closure that blocks, as [`spawn_blocking`](crate::spawn_blocking) does, and counts
    /// it.
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> TaskHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let member = self.token();
        Handle::current().spawn_blocking(move || counted(f, member))
    }

    /// Counts `future` from now on until it is dropped, wherever it runs.
    pub fn track_future<F: Future>(&self, future: F) -> Tracked<F> {
        Tracked { future, _member: self.token() }
    }

    /// Counts as a task until it is dropped.
    pub fn token(&self) -> WaitMember {
        self.group.add()
    }

    /// Lets waits end, once there are no tasks. Whether this call closed it.
    pub fn close(&self) -> bool {
        let member = self.open.lock().take();
        // Dropped without the lock: it may wake those who wait.
        member.is_some()
    }

    /// Lets no wait end before the next [`close`](Self::close). Whether this call opened it.
    pub fn reopen(&self) -> bool {
        let mut open = self.open.lock();
        let opens = open.is_none();
        if opens {
            *open = Some(self.group.add());
        }
        opens
    }

    /// Whether the tracker is closed.
    pub fn is_closed(&self) -> bool {
        self.open.lock().is_none()
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        let open = self.open.lock();
        self.group.len().saturating_sub(usize::from(open.is_some()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until the tracker is closed and empty, on the current strand. Once it was, the wait
    /// ends, whatever has come since.
    pub fn wait(&self) {
        self.group.wait();
    }

    /// As [`wait`](Self::wait), for at most `timeout`: whether it was closed and empty.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.group.wait_timeout(timeout)
    }

    /// As [`wait`](Self::wait), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets that anybody waited, and may be done at any time.
    pub async fn wait_async(&self) {
        self.group.wait_async().await;
    }
}

/// The result is there before the member leaves, but what `f` holds is gone.
fn counted<T>(f: impl FnOnce() -> T, member: WaitMember) -> T {
    let result = f();
    drop(member);
    result
}

impl Default for TaskTracker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TaskTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskTracker")
            .field("len", &self.len())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// A future that counts as a task until it is dropped; from [`TaskTracker::track_future`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Tracked<F> {
    future: F,
    /// Dropped after the future.
    _member: WaitMember,
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the field is pinned with the whole: it has no other way out of a pinned
        // `Tracked`, which is neither `Drop` nor packed, and `Unpin` only if the field is.
        unsafe { self.map_unchecked_mut(|this| &mut this.future) }.poll(cx)
    }
}
