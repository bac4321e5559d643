//! What points to a runtime.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};

use moirai_sync::strand::{self, Hooks, Polled};

use crate::global;
use crate::metrics::{self, RuntimeMetrics};
use crate::sched::current;
use crate::sched::lone::Lone;
use crate::sched::offers::Tree;
use crate::sched::pool::Pool;
use crate::sched::visitor::Visitor;
use crate::sched::worker;
use crate::slab::TaskPool;
use crate::task::{self, TaskBuilder, TaskHandle, TaskId};
use crate::trace::TaskStatus;

/// Points to a runtime; spawns on it as long as it is there.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) pool: Arc<Pool>,
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
    /// In the child of a fork, where the runtime's threads are not; see [`Runtime`](crate::Runtime).
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = moirai_runtime::Runtime::new()?;
    /// assert_eq!(runtime.handle().block_on(async { 40 + 2 }), 42);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    // Compiled where it is called, the future need not be moved at all; unless nothing is optimised, where
    // the caller's frame would have room for each move.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        // Pinned at once: a large future is not moved from frame to frame.
        let future = pin!(future);
        if strand::has_hooks() || self.pool.lone.is_some() || self.pool.is_forked() {
            return self.block_where_it_matters(future);
        }
        match current::enter_first(&self.pool, future, strand::block_on_parked) {
            Ok(output) => output,
            Err(future) => self.block_where_it_matters(future),
        }
    }

    /// [`block_on`](Self::block_on) where the thread does something for this runtime or another.
    #[cold]
    #[inline(never)]
    fn block_where_it_matters<F: Future>(&self, mut future: Pin<&mut F>) -> F::Output {
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

    /// Calls `poll` until it is ready, while the workers run the tasks.
    fn wait(&self, poll: impl FnMut(&mut Context<'_>) -> Poll<()>) {
        strand::hooks(|outer| {
            let visitor = Visitor { pool: &self.pool, outer };
            // Pending never: there is no deadline.
            let _: Poll<()> = current::enter_pool(&self.pool, || {
                let (begin, end) = (|| visitor.blocking_begin(), || visitor.blocking_end());
                strand::with_hooks(&visitor, || strand::wait_parked(None, poll, begin, end))
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

// A panic elsewhere leaves no pool half changed.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

/// The result of a wait without a deadline.
fn has_ended<T>(output: Option<T>) -> T {
    match output {
        Some(output) => output,
        None => unreachable!("a wait without a deadline ended without a result"),
    }
}
