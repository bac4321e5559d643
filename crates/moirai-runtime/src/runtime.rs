//! The runtime as its users hold it: [`Runtime`] owns it, [`Handle`] points to it.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use moirai_sync::__prim::thread;
use moirai_sync::TaskError;
use moirai_sync::channel::SendError;
use moirai_sync::strand::{self, Clock, Hooks, Polled};

use crate::builder::Builder;
use crate::error::{BuildError, ShutdownTimeout};
use crate::global;
use crate::metrics::{self, RuntimeMetrics};
use crate::sched::current;
use crate::sched::lone::Lone;
use crate::sched::offers::Tree;
use crate::sched::pool::Pool;
use crate::sched::worker;
use crate::slab::TaskPool;
use crate::task::{self, TaskBuilder, TaskHandle, TaskId};
use crate::time::Sleep;
use crate::trace::TaskStatus;

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
}

/// Points to a runtime; spawns on it as long as it is there.
#[derive(Clone, Debug)]
pub struct Handle {
    pool: Arc<Pool>,
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
    pub fn shutdown_timeout(self, timeout: Duration) -> Result<(), ShutdownTimeout> {
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
        match end.recv_timeout(timeout) {
            Err(TaskError::ExecutionTimeout) => Err(ShutdownTimeout),
            _ => Ok(()),
        }
    }
}

// A panic elsewhere leaves no pool half changed.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

impl Builder {
    /// Checks the options and starts the workers.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if an option is out of range, or the system refuses a thread.
    pub fn build(self) -> Result<Runtime, BuildError> {
        Ok(Runtime { handle: Handle { pool: self.start()? } })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let pool = &self.handle.pool;
        if current::runs_on(pool) {
            pool.close_from_inside();
        } else {
            // On a worker of another runtime, waiting for our threads is blocking.
            let _blocking = strand::blocking();
            pool.close();
        }
    }
}

impl Handle {
    #[cfg(all(test, moirai_shuttle))]
    pub(crate) fn of(pool: Arc<Pool>) -> Self {
        Self { pool }
    }

    /// The runtime that the calling code runs on; elsewhere the global one, which the first such
    /// call starts.
    ///
    /// # Panics
    ///
    /// If the global runtime cannot be started: the system refuses threads.
    pub fn current() -> Self {
        Self::try_current().unwrap_or_else(|| Self { pool: Arc::clone(global::pool()) })
    }

    /// The runtime that the calling code runs on, if any.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{Handle, block_on};
    ///
    /// assert!(Handle::try_current().is_none());
    /// assert!(block_on(async { Handle::try_current().is_some() }));
    /// ```
    pub fn try_current() -> Option<Self> {
        current::pool().map(|pool| Self { pool })
    }

    /// Runs `future` to its end on the calling strand, with this runtime as the current one.
    ///
    /// May be called anywhere, also on a worker, which gives its permit to another thread while it
    /// waits. Dropped futures and panics are the caller's: the future runs here, not on a worker.
    ///
    /// # Panics
    ///
    /// In the child of a fork, where the runtime's threads are not; see [`Runtime`].
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = moirai_runtime::Runtime::new()?;
    /// assert_eq!(runtime.handle().block_on(async { 40 + 2 }), 42);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        // Pinned at once: a large future is not moved from frame to frame.
        let mut future = pin!(future);
        if self.pool.lone.is_some() || self.pool.is_forked() || self.is_current() {
            return self.block_here_or_drive(future);
        }
        let mut output = None;
        self.wait(|cx| future.as_mut().poll(cx).map(|value| output = Some(value)));
        has_ended(output)
    }

    /// [`block_on`](Self::block_on) where the thread does something for the runtime.
    #[cold]
    #[inline(never)]
    fn block_here_or_drive<F: Future>(&self, mut future: Pin<&mut F>) -> F::Output {
        assert!(!self.pool.is_forked(), "the runtime was started before this process was forked");
        let here = current::with(|context| {
            let is_current = ptr::eq(context.pool, &*self.pool);
            // As in a worker's own poll: nothing is polled in the middle of the future.
            let run = || context.forks.within(Tree::NONE, || strand::block_on(future.as_mut()));
            is_current.then(run)
        });
        if let Some(output) = here.flatten() {
            return output;
        }
        let mut output = None;
        let mut poll =
            |cx: &mut Context<'_>| future.as_mut().poll(cx).map(|value| output = Some(value));
        match &self.pool.lone {
            None => self.wait(&mut poll),
            Some(lone) => self.drive(lone, &mut poll),
        }
        has_ended(output)
    }

    /// Whether this thread runs something for this runtime.
    #[inline]
    fn is_current(&self) -> bool {
        current::with(|context| ptr::eq(context.pool, &*self.pool)).unwrap_or(false)
    }

    /// Calls `poll` until it is ready, while the workers run the tasks.
    #[inline]
    fn wait(&self, poll: impl FnMut(&mut Context<'_>) -> Poll<()>) {
        strand::hooks(|outer| {
            let guest = Guest { pool: &self.pool, outer };
            // Pending never: there is no deadline.
            let _: Poll<()> = current::enter_pool(&self.pool, || {
                let (begin, end) = (|| guest.blocking_begin(), || guest.blocking_end());
                strand::with_hooks(&guest, || strand::wait_parked(None, poll, begin, end))
            });
        });
    }

    /// Calls `poll` until it is ready, and runs the tasks, unless another thread does.
    fn drive(&self, lone: &Lone, poll: Polled<'_>) {
        let seat = lone.try_sit().or_else(|| {
            let (mut seat, mut empty) = (None, pin!(lone.sit()));
            self.wait(|cx| match poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => empty.as_mut().poll(cx).map(|local| seat = Some(local)),
            });
            seat
        });
        let Some(local) = seat else { return };
        let driven = {
            // On a worker of another runtime, this is blocking.
            let _blocking = strand::blocking();
            worker::drive(&self.pool, lone, local, poll)
        };
        if driven.is_pending() {
            // The runtime has ended, and perhaps the future will.
            self.wait(poll);
        }
    }

    /// A task with options: a name, a priority.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = moirai_runtime::Runtime::new()?;
    /// let task = runtime.handle().task().name("answer").spawn(async { 40 + 2 });
    /// assert_eq!(task.join().unwrap(), 42);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn task(&self) -> TaskBuilder {
        TaskBuilder::new(Arc::clone(&self.pool))
    }

    /// How the task with this name stands.
    ///
    /// A task that has ended is known as long as somebody has its handle, or one of its wakers; beyond
    /// that, if it is among the last that the runtime [retains](crate::Builder::task_retention). Else, and
    /// where the name is another runtime's, it is [`TaskStatus::Unknown`]. No name is ever used again.
    ///
    /// The answer may be out of date when it is there: it is for people who look, not for waiting. This
    /// takes a lock that a spawn takes once in hundreds of times, and looks through what is retained.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{Runtime, TaskStatus};
    ///
    /// let runtime = Runtime::new()?;
    /// let mut task = runtime.spawn(async { 7 });
    /// task.join_timeout(std::time::Duration::MAX).unwrap();
    /// assert_eq!(runtime.handle().task_status(task.id()), TaskStatus::Completed);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn task_status(&self, id: TaskId) -> TaskStatus {
        task::control::status(&self.pool, id)
    }

    /// Asks the task with this name to end, as [`TaskHandle::cancel`] does; returns how it stands then.
    ///
    /// If it is [`Queued`](TaskStatus::Queued) or [`Running`](TaskStatus::Running), its future is dropped
    /// when it comes to its next scheduling point, unless it ends by itself before. If it
    /// [has ended](TaskStatus::has_ended) or is [`Unknown`](TaskStatus::Unknown), nothing has happened: a
    /// name never means another task than the one it was made for.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{Runtime, TaskError};
    ///
    /// let runtime = Runtime::new()?;
    /// let task = runtime.spawn(std::future::pending::<()>());
    /// runtime.handle().cancel_task(task.id());
    /// assert!(matches!(task.join(), Err(TaskError::Cancelled)));
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn cancel_task(&self, id: TaskId) -> TaskStatus {
        task::control::cancel(&self.pool, id)
    }

    /// Whether the runtime ends or has ended: it takes no more tasks.
    pub fn is_shutting_down(&self) -> bool {
        self.pool.is_closed()
    }

    /// What the workers have done so far, and what waits at this moment.
    pub fn metrics(&self) -> RuntimeMetrics {
        metrics::of(&self.pool)
    }

    /// What the memory of this runtime's tasks comes to at this moment.
    pub fn task_pool(&self) -> TaskPool {
        self.pool.slab.report()
    }

    /// Starts an async task on the workers.
    ///
    /// A runtime that was shut down refuses it: the handle yields
    /// [`TaskError::SpawnFailed`](moirai_sync::TaskError::SpawnFailed).
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = moirai_runtime::Handle::current().spawn(async { 40 + 2 });
    /// assert_eq!(handle.join().unwrap(), 42);
    /// ```
    ///
    /// A task goes from thread to thread, so what it keeps across an `await` must be `Send`; for what
    /// is not, there is [`LocalSet`](crate::LocalSet):
    ///
    /// ```compile_fail
    /// let log = std::rc::Rc::new(7);
    /// moirai_runtime::spawn(async move { println!("{log}") }).detach();
    /// ```
    ///
    /// and it may outlive its spawner, so it cannot borrow from it; a [`scope`](crate::scope) can:
    ///
    /// ```compile_fail,E0597
    /// let text = String::from("gone");
    /// let borrowed = &text;
    /// moirai_runtime::spawn(async move { println!("{borrowed}") }).detach();
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_future(&self.pool, future)
    }

    /// The same as [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_async<F>(&self, future: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_future(&self.pool, future)
    }

    /// Starts an async task that only the worker with this number runs, from 0 on: for data that
    /// belongs to one worker, or to the memory that it is near to. Nobody steals it, and whoever wakes
    /// it sends it there.
    ///
    /// A worker is not a thread: if one blocks, or does not come back from a task, another thread goes
    /// on with what waits for it, under the same number. So tasks of one worker never run at the same
    /// time, unless one of them keeps the worker for longer than
    /// [`stall_after`](crate::Builder::stall_after), or goes on after it was blocked; they are `Send`
    /// for that, and need locks for what they share. See
    /// [`TaskContext::worker`](crate::TaskContext::worker).
    ///
    /// A number that no worker has is refused: the handle yields
    /// [`TaskError::SpawnFailed`](moirai_sync::TaskError::SpawnFailed).
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{Runtime, TaskContext, yield_now};
    ///
    /// let runtime = Runtime::builder().worker_threads(4).build()?;
    /// let shards: Vec<_> = (0..4)
    ///     .map(|shard| {
    ///         runtime.spawn_on(shard, async move {
    ///             for _ in 0..10 {
    ///                 assert_eq!(TaskContext::current().unwrap().worker(), Some(shard));
    ///                 yield_now().await;
    ///             }
    ///         })
    ///     })
    ///     .collect();
    /// shards.into_iter().for_each(|shard| shard.join().unwrap());
    /// assert!(runtime.spawn_on(4, async {}).join().is_err());
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(&self, worker: usize, future: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.task().worker(worker).spawn(future)
    }

    /// Runs a closure on the workers: for work that computes. It shares them with the async tasks,
    /// so there is one thread per core, not two.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = moirai_runtime::Handle::current().spawn_parallel(|| (1..=10).product::<u64>());
    /// assert_eq!(handle.join().unwrap(), 3_628_800);
    /// ```
    #[track_caller]
    pub fn spawn_parallel<F, T>(&self, f: F) -> TaskHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        task::spawn_parallel(&self.pool, f)
    }

    /// Runs a closure on a thread of its own: for calls that block.
    ///
    /// The threads are started as needed, up to
    /// [`blocking_threads`](crate::Builder::blocking_threads), and end after a
    /// [while of rest](crate::Builder::blocking_idle_timeout). If the system refuses another thread,
    /// the job waits for those that there are. A job is refused
    /// ([`TaskError::SpawnFailed`](moirai_sync::TaskError::SpawnFailed)) if too many wait, if the
    /// system refuses the first thread, or after shutdown.
    ///
    /// A job that waits for another one keeps its thread: jobs that wait for each other need as many
    /// threads at once. A job that runs cannot be cancelled, and shutdown does not wait for it.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = moirai_runtime::Handle::current().spawn_blocking(|| std::fs::read("Cargo.toml"));
    /// assert!(handle.join().unwrap().is_ok());
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> TaskHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        task::spawn_blocking(&self.pool, f)
    }
}

/// The result of a wait without a deadline.
fn has_ended<T>(output: Option<T>) -> T {
    match output {
        Some(output) => output,
        None => unreachable!("a wait without a deadline ended without a result"),
    }
}

/// A strand inside `block_on` on a thread that is not one of the runtime's own.
struct Guest<'a> {
    pool: &'a Pool,
    /// Of the runtime whose thread this is, if any: it must still hear of blocking.
    outer: Option<&'a dyn Hooks>,
}

impl Hooks for Guest<'_> {
    fn blocking_begin(&self) {
        if let Some(outer) = self.outer {
            outer.blocking_begin();
        }
    }

    fn blocking_end(&self) {
        if let Some(outer) = self.outer {
            outer.blocking_end();
        }
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.pool.clock
    }
}

/// Runs `future` to its end on the calling strand; see [`Handle::block_on`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::block_on(async { 40 + 2 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    Handle::current().block_on(pin!(future))
}

/// Starts an async task on the current runtime; see [`Handle::spawn`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::spawn(async { 40 + 2 }).join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    current::with_pool_or(|| global::pool(), |pool| task::spawn_future(pool, future))
}

/// Starts an async task for one worker of the current runtime; see [`Handle::spawn_on`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::spawn_on(0, async { 40 + 2 }).join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn_on<F>(worker: usize, future: F) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Handle::current().spawn_on(worker, future)
}

/// The same as [`spawn`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::spawn_async(async { 40 + 2 }).join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn_async<F>(future: F) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    current::with_pool_or(|| global::pool(), |pool| task::spawn_future(pool, future))
}

/// Runs a closure that computes on the current runtime's workers; see [`Handle::spawn_parallel`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::spawn_parallel(|| 40 + 2).join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn_parallel<F, T>(f: F) -> TaskHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    current::with_pool_or(|| global::pool(), |pool| task::spawn_parallel(pool, f))
}

/// Runs a closure that blocks on a thread of its own; see [`Handle::spawn_blocking`].
///
/// # Examples
///
/// ```
/// assert!(moirai_runtime::spawn_blocking(|| std::fs::read("Cargo.toml")).join().is_ok());
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> TaskHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    current::with_pool_or(|| global::pool(), |pool| task::spawn_blocking(pool, f))
}

/// A task of the current runtime with options; see [`Handle::task`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::task().name("answer").spawn(async { 40 + 2 }).join().unwrap(), 42);
/// ```
pub fn task() -> TaskBuilder {
    Handle::current().task()
}

/// Runs `f`, which may block its thread, without keeping a worker from its tasks: others run them
/// meanwhile. For calls that the runtime knows nothing of (files, locks, foreign code); what this
/// library waits for, it announces itself. On a thread that is no worker it only calls `f`.
///
/// Unlike [`spawn_blocking`], it needs no second thread to run `f`, and `f` may borrow; but the
/// task's own other branches (of a `select` or a `join`) wait for it.
///
/// # Examples
///
/// ```
/// let handle = moirai_runtime::spawn(async {
///     let name = String::from("Cargo.toml");
///     moirai_runtime::block_in_place(|| std::fs::read(&name)).map(|bytes| bytes.len())
/// });
/// assert!(handle.join().unwrap().is_ok());
/// ```
pub fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    let _blocking = strand::blocking();
    f()
}

/// Waits for `duration` without blocking the thread; see [`time::sleep`](crate::time::sleep).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// moirai_runtime::block_on(moirai_runtime::sleep(Duration::from_millis(1)));
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    crate::time::sleep(duration)
}
