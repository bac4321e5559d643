//! The runtime as its users hold it: [`Runtime`] owns it, [`Handle`] points to it, and free functions
//! use the one that the calling code runs on.

mod free;
mod handle;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use moirai_sync::__prim::thread;
use moirai_sync::TaskError;
use moirai_sync::channel::SendError;
use moirai_sync::strand;

use crate::builder::Builder;
use crate::error::{BuildError, ShutdownTimeout};
use crate::sched::current;
use crate::task::{self, TaskBuilder, TaskHandle, TaskId};
use crate::trace::TaskStatus;

pub use free::{
    block_in_place, block_on, sleep, spawn, spawn_async, spawn_blocking, spawn_on, spawn_parallel,
    task,
};
pub use handle::Handle;

/// Workers, timers and blocking threads; everything spawned here runs on them.
///
/// Dropping the runtime shuts it down, see [`shutdown`](Self::shutdown).
///
/// # Forks
///
/// The child of a fork inherits a runtime without its threads, which counts as shut down there:
/// spawns are refused, unfinished tasks yield [`TaskError::Cancelled`](moirai_sync::TaskError),
/// [`block_on`](Self::block_on) panics, and dropping it drops none of its futures, which are the
/// parent's. The child may build a runtime of its own. As anywhere, a lock that another thread held
/// at the time of the fork stays locked in the child; and a child that was forked on a thread of the
/// runtime must end, by `exec` or `_exit`, before it returns there.
///
/// # Examples
///
/// ```
/// use moirai_runtime::Runtime;
///
/// let runtime = Runtime::new()?;
/// let page = runtime.spawn(async { "page" });
/// let bytes = runtime.spawn_blocking(|| std::fs::read("Cargo.toml"));
/// let sum = runtime.spawn_parallel(|| (1..=100).sum::<u32>());
/// runtime.block_on(async {
///     assert_eq!(page.await.unwrap(), "page");
///     assert!(bytes.await.unwrap().is_ok());
///     assert_eq!(sum.await.unwrap(), 5050);
/// });
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
#[derive(Debug)]
#[doc(alias = "AsyncRuntime")]
pub struct Runtime {
    handle: Handle,
    /// Whether another thread ends it, for which a drop does not wait.
    ends_elsewhere: bool,
}

impl Runtime {
    /// A runtime with the default options.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the system refuses a thread.
    pub fn new() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// A runtime without workers: the thread that calls [`block_on`](Self::block_on) runs the tasks
    /// while it waits for its future. See [`Builder::current_thread`].
    ///
    /// For programs that have little to do at a time, and for tests: no task runs beside another, and
    /// none where nobody waits. Between two calls of `block_on` the tasks rest, and timers that have
    /// passed meanwhile fire in the next one; [`spawn_blocking`](Self::spawn_blocking) has threads all
    /// the same. If several threads call `block_on` at once, each polls its own future and one of them
    /// runs the tasks; when it leaves, another takes its place.
    ///
    /// A task that blocks its thread (a [`join`](TaskHandle::join) of a task that has begun, a
    /// `recv`, a `block_on` inside of the runtime itself) stops all others: it waits for ever if it
    /// waits for one of them. Dropping the runtime drops what rests on the thread that drops it; what
    /// runs at that moment on another thread is waited for.
    ///
    /// # Errors
    ///
    /// None at present: no thread is started.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_runtime::{Runtime, sleep, spawn};
    ///
    /// let runtime = Runtime::current_thread()?;
    /// let rests = runtime.spawn(async { 7 });
    /// assert!(!rests.is_finished());
    /// let sum = runtime.block_on(async {
    ///     let other = spawn(async {
    ///         sleep(Duration::from_millis(1)).await;
    ///         35
    ///     });
    ///     rests.await.unwrap() + other.await.unwrap()
    /// });
    /// assert_eq!(sum, 42);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn current_thread() -> Result<Self, BuildError> {
        Self::builder().current_thread().build()
    }

    /// The options of a new runtime.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A pointer to this runtime, to be cloned and given away.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// See [`Handle::task`].
    pub fn task(&self) -> TaskBuilder {
        self.handle.task()
    }

    /// See [`Handle::task_status`].
    pub fn task_status(&self, id: TaskId) -> TaskStatus {
        self.handle.task_status(id)
    }

    /// See [`Handle::cancel_task`].
    pub fn cancel_task(&self, id: TaskId) -> TaskStatus {
        self.handle.cancel_task(id)
    }

    /// See [`Handle::block_on`].
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(pin!(future))
    }

    /// See [`Handle::spawn`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_future(&self.handle.pool, future)
    }

    /// The same as [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_async<F>(&self, future: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_future(&self.handle.pool, future)
    }

    /// See [`Handle::spawn_on`].
    #[track_caller]
    pub fn spawn_on<F>(&self, worker: usize, future: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn_on(worker, future)
    }

    /// See [`Handle::spawn_parallel`].
    #[track_caller]
    pub fn spawn_parallel<F, T>(&self, f: F) -> TaskHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_parallel(f)
    }

    /// See [`Handle::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> TaskHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.handle.spawn_blocking(f)
    }

    /// Ends the runtime, as dropping it does.
    ///
    /// Tasks that have not ended are cancelled: their futures are dropped, and their handles yield
    /// [`TaskError::Cancelled`](moirai_sync::TaskError::Cancelled). A task in the middle of a poll
    /// is waited for, a blocking job that runs is not. Later spawns are refused.
    ///
    /// Called by code that the runtime itself runs (a task, a closure of one, a half of a
    /// [`join`](crate::join())), this waits for nobody: what it would wait for may wait for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{Runtime, TaskError};
    ///
    /// let runtime = Runtime::new()?;
    /// let handle = runtime.spawn(std::future::pending::<()>());
    /// runtime.shutdown();
    /// assert!(matches!(handle.join(), Err(TaskError::Cancelled)));
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn shutdown(self) {}

    /// Ends the runtime as [`shutdown`](Self::shutdown) does, but waits for at most `timeout` until
    /// the tasks that are in the middle of a poll have come back. If the system gives no thread to
    /// wait on, this waits as long as it takes.
    ///
    /// # Errors
    ///
    /// [`ShutdownTimeout`] if some have not. They are cancelled all the same, whenever they come
    /// back, and a thread waits for that.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_runtime::Runtime;
    ///
    /// let runtime = Runtime::builder().worker_threads(1).build()?;
    /// let (stop, stopped) = std::sync::mpsc::channel::<()>();
    /// let (started, start) = std::sync::mpsc::channel();
    /// runtime.spawn(async move {
    ///     started.send(()).unwrap();
    ///     stopped.recv() // blocks, and does not come back
    /// }).detach();
    /// start.recv().unwrap();
    /// assert!(runtime.shutdown_timeout(Duration::from_millis(10)).is_err());
    /// drop(stop);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Result<(), ShutdownTimeout> {
        let pool = Arc::clone(&self.handle.pool);
        let (ended, mut end) = moirai_sync::result_channel();
        let me = thread::current().id();
        let builder = thread::Builder::new().name(format!("{}-shutdown", pool.config().name));
        let closing = builder.spawn(move || {
            pool.close_for(me);
            // The other end may have given up.
            let _: Result<(), SendError<()>> = ended.send(());
        });
        if closing.is_err() {
            return Ok(()); // and so `self` is dropped
        }
        // That thread may not have begun when the time is up.
        self.ends_elsewhere = true;
        match end.recv_timeout(timeout) {
            Err(TaskError::ExecutionTimeout) => Err(ShutdownTimeout),
            _ => Ok(()),
        }
    }
}

impl Builder {
    /// Checks the options and starts the workers.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if an option is out of range, or the system refuses a thread.
    pub fn build(self) -> Result<Runtime, BuildError> {
        Ok(Runtime { handle: Handle { pool: self.start()? }, ends_elsewhere: false })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let pool = &self.handle.pool;
        if self.ends_elsewhere {
            return;
        }
        if current::runs_on(pool) {
            pool.close_from_inside();
        } else {
            // On a worker of another runtime, waiting for our threads is blocking.
            let _blocking = strand::blocking();
            pool.close();
        }
    }
}
