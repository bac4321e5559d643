//! Futures that are not `Send`: they live in a value that is not, either.
//!
//! A worker's tasks go from thread to thread: another worker steals them, and a thread that stands in
//! for a blocked one goes on with them. So a future that must stay where it is has no place among
//! them. It lives in a [`LocalSet`], which the compiler keeps on one thread, and is polled and
//! dropped by whoever polls and drops that. No rule is checked at run time, and there is nothing to
//! get wrong: what other threads hold of such a future, in its wakers and its handle, is an
//! [`Entry`], which names it and leads to a queue.
//!
//! ```text
//!   LocalSet (one thread) ──► tasks: place ──► future
//!                        └──► Shared ◄── Entry { place } ◄── wakers, handles (any thread)
//!                               └ queue of entries that were woken, and who polls the set
//! ```
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `queued` swapped in `wake` and `run` | AcqRel | each other: a poll sees what came before the wake-up that it answers |
//! | `cancelled` | Relaxed | set before `queued` is swapped, and read after |
//!
//! No waker is called or dropped under the lock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use moirai_sync::__prim::Mutex;
use moirai_sync::__prim::atomic::{AtomicBool, Ordering};
use moirai_sync::{Panicked, ResultReceiver, TaskError, TaskResult, coop, result_channel};

use crate::unwind::{catch, drop_contained};

/// Tasks that stay on one thread, and so need not be `Send`.
///
/// They run while somebody polls [`run_until`](Self::run_until) or [`run`](Self::run), in
/// [`block_on`](crate::block_on) on any thread; in between they rest. They may be woken from
/// everywhere. Dropping the set drops what has not ended, and its handles yield
/// [`TaskError::Cancelled`].
///
/// The set itself is not `Send`, so neither it nor a future that borrows it can be spawned on the
/// workers: what is in it is polled and dropped on the thread that made it.
///
/// ```compile_fail
/// let set = moirai_runtime::LocalSet::new();
/// moirai_runtime::spawn(async move { set.run().await }).detach();
/// ```
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use moirai_runtime::{LocalSet, block_on, spawn_local};
///
/// let sum = Rc::new(Cell::new(0));
/// let set = LocalSet::new();
/// for n in 1..=4 {
///     let sum = Rc::clone(&sum);
///     set.spawn_local(async move { sum.set(sum.get() + n) }).detach();
/// }
/// block_on(set.run_until(async {
///     // Within the set, the function does the same.
///     let answer = spawn_local(async { Rc::new(32) });
///     sum.set(sum.get() + *answer.await.unwrap());
/// }));
/// assert_eq!(sum.get(), 42);
/// ```
pub struct LocalSet {
    inner: Rc<Inner>,
}

struct Inner {
    tasks: RefCell<Tasks>,
    shared: Arc<Shared>,
}

/// The futures, by place.
#[derive(Default)]
struct Tasks {
    places: Vec<Option<Task>>,
    free: Vec<usize>,
    /// The set is being dropped, and takes no more.
    closed: bool,
}

struct Task {
    entry: Arc<Entry>,
    /// `None` while it is polled.
    future: Option<LocalFuture>,
}

/// A future that stays where it is, and tells its handle the result.
type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;

/// What all threads may reach.
struct Shared {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    woken: VecDeque<Arc<Entry>>,
    /// Of those who poll the set, by their numbers.
    pollers: Vec<(u64, Waker)>,
    next_poller: u64,
    /// The set is gone.
    closed: bool,
}

/// The name of one task.
struct Entry {
    place: usize,
    /// It is in the queue, or about to be polled.
    queued: AtomicBool,
    cancelled: AtomicBool,
    shared: Arc<Shared>,
}

/// Whether the set has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Left {
    /// More has been woken.
    Woken,
    /// All wait.
    Waiting,
    Nothing,
}

impl LocalSet {
    /// A set without tasks.
    pub fn new() -> Self {
        let shared = Arc::new(Shared { queue: Mutex::new(Queue::default()) });
        Self { inner: Rc::new(Inner { tasks: RefCell::default(), shared }) }
    }

    /// Adds a task, which runs when the set is polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    /// use moirai_runtime::{LocalSet, Runtime};
    ///
    /// let runtime = Runtime::current_thread()?;
    /// let set = LocalSet::new();
    /// let task = set.spawn_local(async { Rc::new(7) });
    /// assert_eq!(*runtime.block_on(set.run_until(task)).unwrap(), 7);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn spawn_local<F>(&self, future: F) -> LocalHandle<F::Output>
    where
        F: Future + 'static,
    {
        self.inner.spawn(future)
    }

    /// Runs `future` to its end, and the tasks of the set beside it.
    ///
    /// # Cancel safety
    ///
    /// As that of `future`; the tasks rest until the set is polled again.
    ///
    /// # Examples
    ///
    /// See [`LocalSet`].
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        self.poll_with(|cx, _| future.as_mut().poll(cx)).await
    }

    /// Runs the tasks of the set until all of them have ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future lets the tasks rest until the set is polled again.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use moirai_runtime::{LocalSet, block_on, yield_now};
    ///
    /// let set = LocalSet::new();
    /// let ran = Rc::new(Cell::new(0));
    /// for _ in 0..10 {
    ///     let ran = Rc::clone(&ran);
    ///     set.spawn_local(async move {
    ///         yield_now().await;
    ///         ran.set(ran.get() + 1);
    ///     })
    ///     .detach();
    /// }
    /// block_on(set.run());
    /// assert_eq!(ran.get(), 10);
    /// ```
    pub async fn run(&self) {
        self.poll_with(|_, left| match left {
            Left::Nothing => Poll::Ready(()),
            Left::Woken | Left::Waiting => Poll::Pending,
        })
        .await;
    }

    /// Polls the tasks, and then `poll`, which is told of what is left, until that is ready.
    async fn poll_with<R>(&self, mut poll: impl FnMut(&mut Context<'_>, Left) -> Poll<R>) -> R {
        let poller = Poller::new(&self.inner.shared);
        poll_fn(|cx| {
            poller.register(cx.waker());
            enter(&self.inner, || {
                let left = self.inner.run_some();
                let polled = poll(cx, left);
                if polled.is_pending() && left == Left::Woken {
                    cx.waker().wake_by_ref();
                }
                polled
            })
        })
        .await
    }
}

impl Default for LocalSet {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        let tasks = {
            let mut tasks = self.inner.tasks.borrow_mut();
            mem::replace(&mut *tasks, Tasks { closed: true, ..Tasks::default() })
        };
        enter(&self.inner, || tasks.places.into_iter().for_each(drop_contained));
        let queue = {
            let mut queue = self.inner.shared.queue.lock();
            queue.closed = true;
            (mem::take(&mut queue.woken), mem::take(&mut queue.pollers))
        };
        drop(queue);
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = self.inner.tasks.borrow().live();
        f.debug_struct("LocalSet").field("live", &live).finish_non_exhaustive()
    }
}

impl Inner {
    fn spawn<F: Future + 'static>(&self, future: F) -> LocalHandle<F::Output> {
        let (sender, result) = result_channel();
        let future = Box::pin(async move {
            let result = {
                let mut future = pin!(future);
                poll_fn(|cx| match catch(|| future.as_mut().poll(cx)) {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
                    Err(panic) => Poll::Ready(Err(TaskError::Panicked(Panicked::new(panic)))),
                })
                .await
            };
            // Nobody may want it; then it is dropped here.
            drop(sender.send(result));
        });
        let (entry, refused) = self.tasks.borrow_mut().insert(&self.shared, future);
        drop(refused);
        entry.wake_by_ref();
        LocalHandle { result, entry }
    }

    /// Polls tasks that were woken, but not for ever.
    fn run_some(&self) -> Left {
        for _ in 0..RUNS_MAX {
            match self.shared.pop() {
                Some(entry) => self.run(entry),
                None if self.tasks.borrow().live() == 0 => return Left::Nothing,
                None => return Left::Waiting,
            }
        }
        Left::Woken
    }

    fn run(&self, entry: Arc<Entry>) {
        // AcqRel: see the module's doc.
        entry.queued.swap(false, Ordering::AcqRel);
        let Some(mut future) = self.tasks.borrow_mut().take(&entry) else { return };
        let ended = if entry.cancelled.load(Ordering::Relaxed) {
            true
        } else {
            let waker = Waker::from(Arc::clone(&entry));
            let mut cx = Context::from_waker(&waker);
            let polled = catch(|| coop::limited(|| future.as_mut().poll(&mut cx)));
            let ended = !matches!(polled, Ok(Poll::Pending));
            // Of a panic in the future's drop; its own is the task's result.
            drop_contained(polled);
            ended
        };
        if !ended {
            return self.tasks.borrow_mut().put_back(&entry, future);
        }
        drop_contained(future);
        let live = {
            let mut tasks = self.tasks.borrow_mut();
            tasks.remove(&entry);
            tasks.live()
        };
        if live == 0 {
            self.shared.wake_pollers();
        }
    }
}

impl Tasks {
    fn live(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// A name for `future`, which stays here; of a set that is being dropped it comes back.
    fn insert(
        &mut self,
        shared: &Arc<Shared>,
        future: LocalFuture,
    ) -> (Arc<Entry>, Option<LocalFuture>) {
        let place = self.free.pop().unwrap_or(self.places.len());
        let entry = Arc::new(Entry {
            place,
            queued: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            shared: Arc::clone(shared),
        });
        if self.closed {
            return (entry, Some(future));
        }
        let task = Some(Task { entry: Arc::clone(&entry), future: Some(future) });
        match self.places.get_mut(place) {
            Some(empty) => *empty = task,
            None => self.places.push(task),
        }
        (entry, None)
    }

    /// Where the task of `entry` is, unless it has ended.
    fn place(&mut self, entry: &Arc<Entry>) -> Option<&mut Option<Task>> {
        let place = self.places.get_mut(entry.place)?;
        let is_there = place.as_ref().is_some_and(|task| Arc::ptr_eq(&task.entry, entry));
        is_there.then_some(place)
    }

    fn take(&mut self, entry: &Arc<Entry>) -> Option<LocalFuture> {
        self.place(entry)?.as_mut()?.future.take()
    }

    fn put_back(&mut self, entry: &Arc<Entry>, future: LocalFuture) {
        if let Some(Some(task)) = self.place(entry) {
            task.future = Some(future);
        }
    }

    fn remove(&mut self, entry: &Arc<Entry>) {
        if let Some(place) = self.place(entry) {
            *place = None;
            self.free.push(entry.place);
        }
    }
}

impl Shared {
    fn pop(&self) -> Option<Arc<Entry>> {
        self.queue.lock().woken.pop_front()
    }

    fn push(&self, entry: Arc<Entry>) {
        let pollers = {
            let mut queue = self.queue.lock();
            if queue.closed {
                return;
            }
            queue.woken.push_back(entry);
            mem::take(&mut queue.pollers)
        };
        pollers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn wake_pollers(&self) {
        let pollers = mem::take(&mut self.queue.lock().pollers);
        pollers.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl Wake for Entry {
    fn wake(self: Arc<Self>) {
        // AcqRel: see the module's doc.
        if !self.queued.swap(true, Ordering::AcqRel) {
            let shared = Arc::clone(&self.shared);
            shared.push(self);
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Self::wake(Arc::clone(self));
    }
}

/// One who polls a set.
struct Poller<'a> {
    shared: &'a Shared,
    number: u64,
}

impl<'a> Poller<'a> {
    fn new(shared: &'a Shared) -> Self {
        let mut queue = shared.queue.lock();
        queue.next_poller += 1;
        Self { shared, number: queue.next_poller }
    }

    /// Has `waker` woken when there is something to do.
    fn register(&self, waker: &Waker) {
        let waker = waker.clone();
        let before = {
            let mut queue = self.shared.queue.lock();
            match queue.pollers.iter_mut().find(|(number, _)| *number == self.number) {
                Some((_, place)) => Some(mem::replace(place, waker)),
                None => {
                    queue.pollers.push((self.number, waker));
                    None
                }
            }
        };
        drop(before);
    }
}

impl Drop for Poller<'_> {
    fn drop(&mut self) {
        let mine = {
            let mut queue = self.shared.queue.lock();
            let place = queue.pollers.iter().position(|(number, _)| *number == self.number);
            place.map(|place| queue.pollers.swap_remove(place))
        };
        drop(mine);
    }
}

/// Owns the result of a task of a [`LocalSet`]; a future.
///
/// It may go to another thread if the result may:
///
/// ```compile_fail,E0277
/// let set = moirai_runtime::LocalSet::new();
/// let task = set.spawn_local(async { std::rc::Rc::new(7) });
/// std::thread::spawn(move || moirai_runtime::block_on(task).is_ok());
/// ```
/// Dropping it lets the task go on by itself.
///
/// # Cancel safety
///
/// The result is taken by the poll that returns it.
///
/// # Examples
///
/// ```
/// use moirai_runtime::{LocalSet, TaskError, block_on};
///
/// let set = LocalSet::new();
/// let task = set.spawn_local(std::future::pending::<()>());
/// task.cancel();
/// assert!(matches!(block_on(set.run_until(task)), Err(TaskError::Cancelled)));
/// ```
#[must_use = "dropping a handle detaches the task; say so with `detach`"]
pub struct LocalHandle<T> {
    result: ResultReceiver<TaskResult<T>>,
    entry: Arc<Entry>,
}

impl<T> LocalHandle<T> {
    /// Asks the task to end: its future is dropped when its set is polled next, unless it has ended
    /// before.
    pub fn cancel(&self) {
        self.entry.cancelled.store(true, Ordering::Relaxed);
        self.entry.wake_by_ref();
    }

    /// Lets the task go on by itself; its result is dropped.
    pub fn detach(self) {}
}

impl<T> Future for LocalHandle<T> {
    type Output = TaskResult<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskResult<T>> {
        Pin::new(&mut self.result).poll(cx).map(|result| match result {
            Ok(result) => result,
            // The future was dropped, and the sender in it.
            Err(_) => Err(TaskError::Cancelled),
        })
    }
}

impl<T> fmt::Debug for LocalHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalHandle").finish_non_exhaustive()
    }
}

/// Adds a task to the [`LocalSet`] that the calling code runs in.
///
/// # Panics
///
/// Outside of every set.
///
/// # Examples
///
/// See [`LocalSet`].
pub fn spawn_local<F>(future: F) -> LocalHandle<F::Output>
where
    F: Future + 'static,
{
    let set = CURRENT.try_with(|current| {
        let set = current.take();
        current.set(set.clone());
        set
    });
    match set.ok().flatten() {
        Some(set) => set.spawn(future),
        None => panic!("`spawn_local` is called outside of every `LocalSet`"),
    }
}

/// Calls `f` inside of the set.
fn enter<R>(inner: &Rc<Inner>, f: impl FnOnce() -> R) -> R {
    let _restore = Restore { outer: replace(Some(Rc::clone(inner))) };
    f()
}

struct Restore {
    outer: Option<Rc<Inner>>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        drop(replace(self.outer.take()));
    }
}

// Where the thread-locals are gone, nobody is inside of a set.
fn replace(inner: Option<Rc<Inner>>) -> Option<Rc<Inner>> {
    CURRENT.try_with(|current| current.replace(inner)).ok().flatten()
}

thread_local! {
    static CURRENT: Cell<Option<Rc<Inner>>> = const { Cell::new(None) };
}

/// Polls of tasks in one poll of their set: what else its thread does has its turn after them.
const RUNS_MAX: usize = 61;
