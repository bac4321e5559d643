//! Spawning with options: a name, a priority, a worker, what it costs.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use moirai_sync::Priority;

use crate::sched::current::Place;
use crate::sched::pool::Pool;

use super::handle::TaskHandle;
use super::raw::Options;
use super::spawn;

/// Spawns one task with options; from [`Handle::task`](crate::Handle::task).
///
/// # Examples
///
/// ```
/// use moirai_runtime::{Priority, TaskContext};
///
/// let task = moirai_runtime::task().name("tick").priority(Priority::High).spawn(async {
///     TaskContext::current().and_then(|context| context.name().map(str::to_owned))
/// });
/// assert_eq!(task.join().unwrap().as_deref(), Some("tick"));
/// ```
#[derive(Debug)]
#[must_use = "nothing is spawned until one of the `spawn` methods is called"]
pub struct TaskBuilder {
    pool: Arc<Pool>,
    options: Options,
    /// Where it is queued when it is spawned, if it is a future.
    place: Place,
}

impl TaskBuilder {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, options: Options::default(), place: Place::Next }
    }

    /// What the task is called in [`TaskContext`](crate::TaskContext) and in reports of
    /// [stalls](crate::Stall). A named task takes 40 bytes more, and an allocation.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Which tasks it runs before and after; without this, it is [`Priority::Normal`].
    ///
    /// Of the tasks that wait for a worker, those of higher priority run first, in the order in
    /// which they were queued. Nobody starves: after eight tasks of high priority in a row, a worker
    /// runs one that is not. The threads of [`spawn_blocking`](Self::spawn_blocking) know no
    /// priority.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.options.priority = priority;
        self
    }

    /// Which worker runs it, and no other does: see [`Handle::spawn_on`](crate::Handle::spawn_on).
    /// Among the tasks that are for one worker, those of higher priority do not run before others, and
    /// the threads of [`spawn_blocking`](Self::spawn_blocking) are no workers.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = moirai_runtime::Runtime::builder().worker_threads(2).build()?;
    /// let worker = || moirai_runtime::TaskContext::current().and_then(|context| context.worker());
    /// let task = runtime.task().name("shard 1").worker(1).spawn_parallel(worker);
    /// assert_eq!(task.join().unwrap(), Some(1));
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    #[doc(alias = "affinity")]
    pub fn worker(mut self, worker: usize) -> Self {
        self.options.worker = Some(worker);
        self
    }

    /// About how long it computes before it first waits for something; without this, hardly at all.
    ///
    /// An async task that one worker's task spawns runs right after that, on the same worker, whose cache
    /// has what the two have in common. One that computes for 50 µs or longer is better off where there
    /// is time: it goes behind what is queued, and another worker is woken for it, as for the closures of
    /// [`spawn_parallel`](Self::spawn_parallel), which always do. A task with a
    /// [priority](Self::priority) goes where that says.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let builder = moirai_runtime::task().estimated_cost(Duration::from_millis(2));
    /// let task = builder.spawn(async { (1..=1_000_000_u64).map(|n| n % 7).sum::<u64>() });
    /// assert_eq!(task.join().unwrap(), 2_999_998);
    /// ```
    pub fn estimated_cost(mut self, cost: Duration) -> Self {
        self.place = if cost >= OFFERED_COST_MIN { Place::Back } else { Place::Next };
        self
    }

    /// Starts an async task on the workers; see [`Handle::spawn`](crate::Handle::spawn).
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> TaskHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawn::spawn_future_with(&self.pool, future, self.options, self.place)
    }

    /// Runs a closure that computes on the workers; see
    /// [`Handle::spawn_parallel`](crate::Handle::spawn_parallel).
    ///
    /// # Examples
    ///
    /// ```
    /// let task = moirai_runtime::task().name("sum").spawn_parallel(|| (1..=4).sum::<u32>());
    /// assert_eq!(task.join().unwrap(), 10);
    /// ```
    #[track_caller]
    pub fn spawn_parallel<F, T>(self, f: F) -> TaskHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn::spawn_parallel_with(&self.pool, f, self.options)
    }

    /// Runs a closure that blocks on a thread of its own; see
    /// [`Handle::spawn_blocking`](crate::Handle::spawn_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// let task = moirai_runtime::task().name("read").spawn_blocking(|| std::fs::read("Cargo.toml"));
    /// assert!(task.join().unwrap().is_ok());
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(self, f: F) -> TaskHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn::spawn_blocking_with(&self.pool, f, self.options)
    }
}

/// About what it takes to wake a worker: what is shorter has run here by then.
const OFFERED_COST_MIN: Duration = Duration::from_micros(50);
