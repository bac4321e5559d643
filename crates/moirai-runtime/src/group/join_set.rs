//! A set of tasks whose results are taken as they come.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use moirai_sync::TaskResult;
use moirai_sync::channel::{self, Receiver};

use crate::runtime::Handle;
use crate::task::{TaskHandle, TaskId};

use super::members::{Left, Members};

/// Tasks with results of one type, which are taken in the order in which they end.
///
/// Dropping the set cancels its tasks; to let them go on, see [`detach_all`](Self::detach_all).
/// A task that ends costs the set one wake-up and a few steps, however many others there are.
///
/// # Examples
///
/// ```
/// use moirai_runtime::JoinSet;
///
/// let mut set = JoinSet::new();
/// for n in 1..=10 {
///     set.spawn(async move { n });
/// }
/// let sum = moirai_runtime::block_on(async {
///     let mut sum = 0;
///     while let Some(result) = set.join_next().await {
///         sum += result.unwrap();
///     }
///     sum
/// });
/// assert_eq!(sum, 55);
/// ```
pub struct JoinSet<T> {
    members: Members<T>,
    ended: Receiver<usize>,
}

impl<T> JoinSet<T> {
    /// A set without tasks.
    pub fn new() -> Self {
        let (sender, ended) = channel::unbounded();
        Self { members: Members::new(sender), ended }
    }

    /// How many tasks there are whose results were not taken.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a task that was spawned elsewhere into the set. Returns its id, as all that add one
    /// do.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{JoinSet, spawn_blocking};
    ///
    /// let mut set = JoinSet::new();
    /// let id = set.insert(spawn_blocking(|| std::fs::read("Cargo.toml").is_ok()));
    /// let (ended, result) = moirai_runtime::block_on(set.join_next_with_id()).unwrap();
    /// assert_eq!((ended, result.unwrap()), (id, true));
    /// ```
    pub fn insert(&mut self, handle: TaskHandle<T>) -> TaskId {
        let id = handle.id();
        self.members.insert(handle).tell();
        id
    }

    /// Waits for the next task to end, and takes its result; `None` if there is no task left.
    ///
    /// # Cancel safety
    ///
    /// A result is taken by the poll that returns it: dropping the future before loses nothing.
    pub async fn join_next(&mut self) -> Option<TaskResult<T>> {
        self.join_next_with_id().await.map(|(_, result)| result)
    }

    /// As [`join_next`](Self::join_next), and says which task it was.
    ///
    /// # Cancel safety
    ///
    /// As that of [`join_next`](Self::join_next).
    pub async fn join_next_with_id(&mut self) -> Option<(TaskId, TaskResult<T>)> {
        while !self.is_empty() {
            // An error never: the set has a sender.
            let place = self.ended.recv_async().await.ok()?;
            let ended = self.take(place);
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    /// As [`join_next`](Self::join_next), on the current strand.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::JoinSet;
    ///
    /// let mut set: JoinSet<u32> = (1..=4).map(|n| async move { n * n }).collect();
    /// let mut squares = Vec::new();
    /// while let Some(square) = set.join_next_blocking() {
    ///     squares.push(square.unwrap());
    /// }
    /// squares.sort();
    /// assert_eq!(squares, [1, 4, 9, 16]);
    /// ```
    pub fn join_next_blocking(&mut self) -> Option<TaskResult<T>> {
        self.join_next_until(None)
    }

    /// As [`join_next_blocking`](Self::join_next_blocking), for at most `timeout`; `None` also if
    /// that passes first.
    pub fn join_next_timeout(&mut self, timeout: Duration) -> Option<TaskResult<T>> {
        // A deadline beyond what an Instant can hold is none.
        self.join_next_until(Instant::now().checked_add(timeout))
    }

    fn join_next_until(&mut self, deadline: Option<Instant>) -> Option<TaskResult<T>> {
        while !self.is_empty() {
            let place = match deadline {
                None => self.ended.recv().ok()?,
                Some(deadline) => self.ended.recv_deadline(deadline).ok()?,
            };
            if let Some((_, result)) = self.take(place) {
                return Some(result);
            }
        }
        None
    }

    /// The result of a task that has ended, if there is one.
    pub fn try_join_next(&mut self) -> Option<TaskResult<T>> {
        while let Ok(place) = self.ended.try_recv() {
            if let Some((_, result)) = self.take(place) {
                return Some(result);
            }
        }
        None
    }

    fn take(&mut self, place: usize) -> Option<(TaskId, TaskResult<T>)> {
        let Left { handle, result } = self.members.take(place)?;
        Some((handle.id(), result))
    }

    /// Waits until all tasks have ended; their results in the order in which they did.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the set: the tasks are cancelled, and the results are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::JoinSet;
    ///
    /// let set: JoinSet<u32> = (0..4).map(|n| async move { n }).collect();
    /// let results = moirai_runtime::block_on(set.join_all());
    /// assert_eq!(results.into_iter().map(Result::unwrap).sum::<u32>(), 6);
    /// ```
    pub async fn join_all(mut self) -> Vec<TaskResult<T>> {
        let mut results = Vec::with_capacity(self.len());
        while let Some(result) = self.join_next().await {
            results.push(result);
        }
        results
    }

    /// Asks every task to end, as [`TaskHandle::cancel`] does. They stay in the set until their
    /// results are taken.
    pub fn cancel_all(&self) {
        self.members.for_each(TaskHandle::cancel);
    }

    /// Lets all tasks go on by themselves; the set is empty.
    pub fn detach_all(&mut self) {
        self.members.drain().into_iter().for_each(TaskHandle::detach);
    }

    /// Cancels all tasks and waits until they have ended; the set is empty and can be used again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the tasks that have not ended in the set, cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::JoinSet;
    ///
    /// let mut set = JoinSet::new();
    /// set.spawn(std::future::pending::<()>());
    /// moirai_runtime::block_on(set.shutdown());
    /// assert!(set.is_empty());
    /// ```
    pub async fn shutdown(&mut self) {
        self.cancel_all();
        while self.join_next().await.is_some() {}
    }
}

impl<T: Send + 'static> JoinSet<T> {
    /// Starts a task in the set, on the current runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> TaskId
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.spawn_on(future, &Handle::current())
    }

    /// Starts a task in the set, on the runtime of `handle`.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, future: F, handle: &Handle) -> TaskId
    where
        F: Future<Output = T> + Send + 'static,
    {
        self.insert(handle.spawn(future))
    }

    /// Starts a closure that computes, as [`spawn_parallel`](crate::spawn_parallel) does.
    #[track_caller]
    pub fn spawn_parallel<F>(&mut self, f: F) -> TaskId
    where
        F: FnOnce() -> T + Send + 'static,
    {
        self.insert(Handle::current().spawn_parallel(f))
    }

    /// Starts a closure that blocks, as [`spawn_blocking`](crate::spawn_blocking) does. Once it
    /// runs, it is not interrupted by a cancel.
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> TaskId
    where
        F: FnOnce() -> T + Send + 'static,
    {
        self.insert(Handle::current().spawn_blocking(f))
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        for handle in self.members.drain() {
            drop(handle.cancel_on_drop());
        }
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Send + 'static, F: Future<Output = T> + Send + 'static> FromIterator<F> for JoinSet<T> {
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

impl<T: Send + 'static, F: Future<Output = T> + Send + 'static> Extend<F> for JoinSet<T> {
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        let handle = Handle::current();
        for future in futures {
            self.spawn_on(future, &handle);
        }
    }
}

// A panic elsewhere leaves nothing half changed.
impl<T> UnwindSafe for JoinSet<T> {}
impl<T> RefUnwindSafe for JoinSet<T> {}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}
