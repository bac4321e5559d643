//! The cell as the owner of its result.

#![allow(unsafe_code, reason = "reads the output and the waiter slot; model: src/model/task.rs")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use moirai_sync::{TaskError, TaskResult, coop, strand};

use crate::fork;
use crate::sched::current;
use crate::sched::offers::{Interrupts, Tree};
use crate::sched::waits::Circle;
use crate::sched::work::{Header, Kind};
use crate::trace::{Noted, TaskMetrics};

use super::harness::Claimed;
use super::id::TaskId;
use super::raw::TaskRef;
use super::state::{Claim, HandleDropped, TakeOutput, WaiterMove, Waiting};
use super::waker;

/// Owns the result of a spawned task: wait for it, ask for it, cancel it. Also a future.
///
/// Dropping the handle detaches the task: it goes on, and its result is dropped. To stop it
/// instead, see [`cancel_on_drop`](Self::cancel_on_drop).
///
/// # Cancel safety
///
/// The handle may be polled, dropped or asked by another method at any time; the result is taken
/// by the poll or call that returns it, and asking again yields [`TaskError::ResultNotFound`].
///
/// # Examples
///
/// ```
/// let handle = moirai_runtime::spawn(async { 40 + 2 });
/// assert_eq!(handle.join().unwrap(), 42);
///
/// let handle = moirai_runtime::spawn_parallel(|| 40 + 2);
/// assert_eq!(moirai_runtime::block_on(handle).unwrap(), 42);
/// ```
#[must_use = "dropping a handle detaches the task; say so with `detach`"]
pub struct TaskHandle<T> {
    /// Given up by the handle's own drop, with one exchange.
    task: ManuallyDrop<TaskRef>,
    _output: PhantomData<fn() -> T>,
}

impl<T> TaskHandle<T> {
    /// # Safety
    ///
    /// `task` is the handle's reference to a cell whose output is a `T`.
    pub(super) unsafe fn new(task: TaskRef) -> Self {
        Self { task: ManuallyDrop::new(task), _output: PhantomData }
    }

    /// Waits for the result on the current strand.
    ///
    /// On a worker of the same runtime, a task that has not begun is run at once, inside this call;
    /// else the worker gives its permit to another thread while it waits.
    /// [`join_timeout`](Self::join_timeout) always does the latter.
    ///
    /// # Errors
    ///
    /// [`TaskError`] says why there is no result. It is [`TaskError::Deadlock`] if the task itself
    /// waits, in a `join` of its own or through those of others, for the task that calls this: of
    /// such a circle the last join ends, and the others go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{TaskError, spawn};
    ///
    /// match spawn(async { panic!("no disk") }).join() {
    ///     Err(TaskError::Panicked(panic)) => assert_eq!(panic.message(), "no disk"),
    ///     _ => unreachable!(),
    /// }
    /// ```
    pub fn join(mut self) -> TaskResult<T> {
        if let Some(result) = self.try_join() {
            return result;
        }
        // The task decides how long it runs, so it is run here only where there is no limit.
        self.run_inline();
        if let Some(result) = self.try_join() {
            return result;
        }
        current::with(|context| context.pool.waits.begin(&context.frames, self.header())).map_or(
            Ok(()),
            |circle| match circle {
                Circle::Closed => Err(TaskError::Deadlock),
                Circle::Open => Ok(()),
            },
        )?;
        let result = self.wait_until(None);
        current::with(|context| context.pool.waits.end(&context.frames));
        match result {
            Some(result) => result,
            None => unreachable!("a wait without a deadline ended without a result"),
        }
    }

    /// Waits for the result for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TaskError::ExecutionTimeout`] if the task has not ended in time: it goes on, and the
    /// handle can be asked again. Else as [`join`](Self::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_runtime::{TaskError, result_channel, spawn};
    ///
    /// let (sender, receiver) = result_channel();
    /// let mut handle = spawn(receiver);
    /// let result = handle.join_timeout(Duration::from_millis(1));
    /// assert!(matches!(result, Err(TaskError::ExecutionTimeout)));
    /// sender.send(7)?;
    /// assert_eq!(handle.join_timeout(Duration::MAX).unwrap().unwrap(), 7);
    /// # Ok::<(), moirai_sync::channel::SendError<i32>>(())
    /// ```
    pub fn join_timeout(&mut self, timeout: Duration) -> TaskResult<T> {
        if let Some(result) = self.try_join() {
            return result;
        }
        // A deadline beyond what an Instant can hold is none.
        let deadline = Instant::now().checked_add(timeout);
        self.wait_until(deadline).unwrap_or(Err(TaskError::ExecutionTimeout))
    }

    /// The result, if the task has ended.
    ///
    /// # Errors
    ///
    /// [`TaskError`] says why there is no result.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut handle = moirai_runtime::spawn(async { 7 });
    /// let result = loop {
    ///     if let Some(result) = handle.try_join() {
    ///         break result;
    ///     }
    ///     std::thread::yield_now();
    /// };
    /// assert_eq!(result.unwrap(), 7);
    /// ```
    pub fn try_join(&mut self) -> Option<TaskResult<T>> {
        match self.task.core().state.take_output() {
            // Whoever could run it is in the parent of this process.
            TakeOutput::NotYet if fork::count() != 0 && self.task.pool().is_forked() => {
                Some(Err(TaskError::Cancelled))
            }
            TakeOutput::NotYet => None,
            TakeOutput::Gone => Some(Err(TaskError::ResultNotFound)),
            TakeOutput::Take => {
                let mut result = MaybeUninit::<TaskResult<T>>::uninit();
                let core = self.task.core();
                // SAFETY: the output is the handle's now, and a `TaskResult<T>` by the contract of
                // `new`.
                unsafe {
                    (core.ops().read_output)(self.task.as_ptr(), result.as_mut_ptr().cast());
                    Some(result.assume_init())
                }
            }
        }
    }

    /// Whether the task has ended. Asking changes nothing.
    pub fn is_finished(&self) -> bool {
        self.task.core().state.is_complete()
    }

    /// Asks the task to end. Its future is dropped at its next scheduling point, and the result is
    /// [`TaskError::Cancelled`], unless it ends by itself before. A closure that runs is not
    /// interrupted.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{TaskError, spawn};
    ///
    /// let handle = spawn(std::future::pending::<()>());
    /// handle.cancel();
    /// assert!(matches!(handle.join(), Err(TaskError::Cancelled)));
    /// ```
    pub fn cancel(&self) {
        self.task.cancel();
    }

    /// What the task has done so far, also while it runs; `None` unless its runtime was told to note
    /// it, with [`Builder::task_metering`](crate::Builder::task_metering).
    pub fn metrics(&self) -> Option<TaskMetrics> {
        let side = self.task.side().filter(|side| side.noted().contains(Noted::COUNTS))?;
        Some(side.read(self.task.times()))
    }

    /// The task's name among all tasks of the process.
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    /// Lets the task go on by itself; its result is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// moirai_runtime::spawn(async { println!("somewhere, some time") }).detach();
    /// ```
    pub fn detach(self) {}

    /// A handle that cancels the task when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = moirai_runtime::spawn(std::future::pending::<()>()).cancel_on_drop();
    /// drop(handle); // the future is dropped soon
    /// ```
    pub fn cancel_on_drop(self) -> CancelOnDrop<T> {
        CancelOnDrop { handle: self }
    }

    fn header(&self) -> NonNull<Header> {
        self.task.as_ptr().cast()
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Option<TaskResult<T>> {
        let result = strand::wait(deadline, |cx| Pin::new(&mut *self).poll(cx));
        if result.is_none() {
            self.take_waiter();
        }
        result
    }

    /// Runs the task here and now, if it waits in a queue of the worker's own runtime.
    fn run_inline(&self) {
        let core = self.task.core();
        // A blocking job belongs on its own threads.
        if core.header().kind() == Kind::Blocking {
            return;
        }
        current::with(|context| {
            if context.local.is_none()
                || !ptr::eq(context.pool, self.task.pool())
                || context.frames.depth() >= JOIN_INLINE_MAX
                || core.state.home().is_some_and(|home| context.place() != Some(home))
            {
                return;
            }
            let claimed = match core.state.claim() {
                Claim::Run => Claimed::Run,
                Claim::Cancel => Claimed::Cancel,
                Claim::Refused => return,
            };
            // SAFETY: the claim made the state RUNNING and counted a reference, given up here.
            let run = || unsafe { (core.ops().run_claimed)(self.task.as_ptr(), claimed) };
            // It is no part of what waits for it here; and a future may hold a lock or a borrow.
            let interrupts = match core.header().kind() {
                Kind::Future => Interrupts::Refused,
                _ => context.pool.config().between_forks,
            };
            let tree = Tree { interrupts, ..Tree::NONE };
            context.forks.within(tree, || context.frames.inside(self.header(), run));
            // As at the end of a worker's run: shutdown may have missed that it went idle.
            if context.pool.is_closed() {
                context.pool.shut_down_idle();
            }
        });
    }

    /// Whether the task is the next to run on this worker, where what polls this waits for nothing else: then
    /// it need not be woken, but stays until the task has run.
    fn is_next_here(&self, waker: &Waker) -> bool {
        let Some(joiner) = waker::core_of(waker) else { return false };
        joiner.state.may_stay()
            && current::with(|context| context.await_next(joiner.header(), self.header()))
                .unwrap_or(false)
    }

    /// Puts `waker` where the task's end will find it.
    fn register(&mut self, waker: &Waker) -> WaiterMove {
        let core = self.task.core();
        if core.state.has_waiter() == Waiting::Yes
            && core.state.unset_waiter() == WaiterMove::Complete
        {
            return WaiterMove::Complete;
        }
        // SAFETY: WAITER is clear and the task was not complete when we cleared it, or had never
        // been set: the runner does not touch the slot.
        let registered = core
            .waiter
            .with(|slot| unsafe { (*slot).as_ref() }.is_some_and(|old| old.will_wake(waker)));
        if !registered {
            let waker = waker.clone();
            // SAFETY: as above.
            let old = core.waiter.with_mut(|slot| unsafe { (*slot).replace(waker) });
            drop(old);
        }
        core.state.set_waiter()
    }

    /// Takes the waker out of the slot, unless the task's end has it.
    fn take_waiter(&mut self) {
        let core = self.task.core();
        if core.state.waits() == Waiting::Yes && core.state.unset_waiter() == WaiterMove::Done {
            // SAFETY: WAITER is clear and the task was not complete: the slot is the handle's.
            let waker = core.waiter.with_mut(|slot| unsafe { (*slot).take() });
            drop(waker);
        }
    }
}

impl<T> Future for TaskHandle<T> {
    type Output = TaskResult<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskResult<T>> {
        if self.is_finished() {
            ready!(coop::poll_proceed(cx));
        }
        loop {
            if let Some(result) = self.try_join() {
                return Poll::Ready(result);
            }
            if self.is_next_here(cx.waker()) {
                return Poll::Pending;
            }
            if self.register(cx.waker()) == WaiterMove::Done {
                return Poll::Pending;
            }
        }
    }
}

impl<T> Drop for TaskHandle<T> {
    #[inline]
    fn drop(&mut self) {
        self.take_waiter();
        match self.task.core().state.drop_handle() {
            // SAFETY: the handle's reference has just been given up.
            HandleDropped::Reference(dropped) => unsafe { self.task.dropped(dropped) },
            HandleDropped::Output => {
                // SAFETY: the task is complete and its output was not taken: it is the handle's. So
                // is the reference, which nobody uses after this.
                unsafe {
                    (self.task.core().ops().drop_output)(self.task.as_ptr());
                    ManuallyDrop::drop(&mut self.task);
                }
            }
        }
    }
}

// The result is elsewhere, and reached by one owner only.
impl<T> Unpin for TaskHandle<T> {}
impl<T> UnwindSafe for TaskHandle<T> {}
impl<T> RefUnwindSafe for TaskHandle<T> {}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle")
            .field("id", &self.id())
            .field("of", &self.task.core().header().describe())
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// A [`TaskHandle`] that cancels its task when it is dropped; from
/// [`TaskHandle::cancel_on_drop`].
///
/// # Examples
///
/// ```
/// let runtime = moirai_runtime::Runtime::new()?;
/// let kept = runtime.spawn(async { 42 }).cancel_on_drop();
/// let dropped = runtime.spawn(std::future::pending::<()>()).cancel_on_drop();
/// drop(dropped);
/// assert_eq!(kept.join().unwrap(), 42);
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
#[must_use = "dropping this cancels the task"]
pub struct CancelOnDrop<T> {
    handle: TaskHandle<T>,
}

impl<T> CancelOnDrop<T> {
    /// The plain handle again, which detaches when it is dropped.
    pub fn into_handle(self) -> TaskHandle<T> {
        let this = ManuallyDrop::new(self);
        // SAFETY: moved out once; the drop that would cancel does not run.
        unsafe { ptr::read(&raw const this.handle) }
    }

    /// Waits for the result on the current strand; see [`TaskHandle::join`].
    ///
    /// # Errors
    ///
    /// [`TaskError`] says why there is no result.
    pub fn join(self) -> TaskResult<T> {
        self.into_handle().join()
    }
}

impl<T> std::ops::Deref for CancelOnDrop<T> {
    type Target = TaskHandle<T>;

    fn deref(&self) -> &TaskHandle<T> {
        &self.handle
    }
}

impl<T> std::ops::DerefMut for CancelOnDrop<T> {
    fn deref_mut(&mut self) -> &mut TaskHandle<T> {
        &mut self.handle
    }
}

impl<T> Future for CancelOnDrop<T> {
    type Output = TaskResult<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskResult<T>> {
        Pin::new(&mut self.handle).poll(cx)
    }
}

impl<T> Drop for CancelOnDrop<T> {
    fn drop(&mut self) {
        self.handle.cancel();
    }
}

impl<T> fmt::Debug for CancelOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

/// Joined tasks that may run inside each other on one stack; beyond, a joining worker waits.
pub(crate) const JOIN_INLINE_MAX: usize = 16;
