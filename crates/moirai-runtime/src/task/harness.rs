//! Running a task: poll it, contain its panics, keep or drop its output, wake who waits.
//!
//! The caller has moved the state to RUNNING, so the union is this file's until it completes the
//! task. Nothing here unwinds: a panic of the future, of its drop, of an output's drop or of a
//! waker ends in the result or nowhere.

#![allow(unsafe_code, reason = "owns the union while RUNNING; model: src/model/task.rs")]

use std::any::Any;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use moirai_sync::{Panicked, TaskError, coop};

use crate::sched::current::{self, Place};
use crate::trace::{Noted, Outcome};
use crate::unwind::{catch, drop_contained};

use super::raw::{BLOCKING, Cell, Core, FUTURE, Stage, TaskRef};
use super::state::{Completed, Output, ToIdle, ToRunning, ToShutdown, Waiting};
use super::waker::{self, BACK, JOINED};

/// How a worker got a task that it did not take out of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Claimed {
    /// It joins the task, which waited in some queue.
    Run,
    /// The same, but the task was cancelled.
    Cancel,
    /// It was woken by the end of the one that the worker ran before, or has waited for that.
    HandedOver,
}

/// Whose turn it is on the worker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// Of this task: what it hands over runs right after it.
    Own,
    /// Of what runs, or ends, this one in place, and goes on after it.
    Anothers,
}

/// A queue entry has come up.
///
/// # Safety
///
/// `task` is a cell of `F`.
#[inline]
pub(super) unsafe fn run<F: Future, const KIND: u8>(task: TaskRef) {
    match task.core().state.to_running() {
        // SAFETY: the caller says so, and the state is RUNNING by this thread.
        ToRunning::Run => unsafe { poll::<F, KIND>(task, Turn::Own) },
        // SAFETY: as above.
        ToRunning::Cancel => unsafe { end::<F>(task, TaskError::Cancelled, Turn::Own) },
        ToRunning::Stale => {}
    }
}

/// A worker runs a task it has claimed.
///
/// # Safety
///
/// `task` is a cell of `F`, and its state is RUNNING by the caller's claim.
pub(super) unsafe fn run_claimed<F: Future, const KIND: u8>(task: TaskRef, claimed: Claimed) {
    match claimed {
        // SAFETY: the caller says so.
        Claimed::Run => unsafe { poll::<F, KIND>(task, Turn::Anothers) },
        // SAFETY: as above.
        Claimed::HandedOver => unsafe { poll::<F, KIND>(task, Turn::Own) },
        // SAFETY: as above.
        Claimed::Cancel => unsafe { end::<F>(task, TaskError::Cancelled, Turn::Anothers) },
    }
}

/// The runtime ends: a task that nobody runs ends here.
///
/// # Safety
///
/// `task` is a cell of `F`.
pub(super) unsafe fn shutdown<F: Future>(task: TaskRef) {
    match task.core().state.to_shutdown() {
        // SAFETY: the caller says so, and the state is RUNNING by this thread.
        ToShutdown::Drop => unsafe { end::<F>(task, TaskError::Cancelled, Turn::Anothers) },
        ToShutdown::Leave => {}
    }
}

/// Ends a task that is not to run further, with `error` as its result.
///
/// # Safety
///
/// `task` is a cell of `F`, and its state is RUNNING by this thread.
pub(super) unsafe fn end<F: Future>(task: TaskRef, error: TaskError, turn: Turn) {
    // SAFETY: the caller says so.
    let stage = unsafe { stage::<F>(task.as_ptr()) };
    // SAFETY: while RUNNING the union is ours and holds the future.
    drop_contained(unsafe { FutureInPlace::new(stage) });
    // SAFETY: as above; the future has been dropped.
    unsafe { fail::<F>(task, error, turn) };
}

/// # Safety
///
/// `task` is a cell of `F`, and its state is RUNNING by this thread.
unsafe fn poll<F: Future, const KIND: u8>(task: TaskRef, turn: Turn) {
    // SAFETY: the caller says so.
    let stage = unsafe { stage::<F>(task.as_ptr()) };
    let mut left = Left::Future;
    let polled = {
        let begun = task.side().map(|side| (side, side.begin_poll(&task)));
        let waker = waker::borrowed(&task);
        let mut cx = Context::from_waker(&waker);
        // SAFETY: while RUNNING the union is ours and holds the future, which never moves.
        let poll = || unsafe { Pin::new_unchecked(&mut *(*stage).future) }.poll(&mut cx);
        let polled = catch(|| {
            let Polled { poll, refused } = inside::<_, KIND>(&task, poll);
            // The output goes at once where it stays.
            let poll = poll.map(|output| {
                let output = Contained::new(output);
                left = Left::Nothing;
                // SAFETY: while RUNNING the union is ours and holds the future.
                drop(unsafe { FutureInPlace::new(stage) });
                // SAFETY: while RUNNING the union is ours, and now empty.
                unsafe { (*stage).output = ManuallyDrop::new(Ok(output.into_inner())) };
            });
            Polled { poll, refused }
        });
        if let Some((side, begun)) = begun {
            side.end_poll(begun, &task);
        }
        polled
    };
    match polled {
        // SAFETY: the caller says so, and the union holds the output.
        Ok(Polled { poll: Poll::Ready(()), .. }) => unsafe {
            complete::<F>(task, Outcome::Completed, turn);
        },
        // SAFETY: the caller says so.
        Ok(Polled { refused, .. }) => unsafe { pause::<F>(task, turn, refused) },
        // SAFETY: the caller says so.
        Err(panic) => unsafe { after_a_panic::<F>(task, panic, left, turn) },
    }
}

/// What a panic leaves in the union.
#[derive(Clone, Copy, Debug)]
enum Left {
    Future,
    Nothing,
}

/// The output of a future that is being dropped: if that unwinds, the output's drop does not.
struct Contained<T>(ManuallyDrop<T>);

impl<T> Contained<T> {
    #[inline]
    fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }

    #[inline]
    fn into_inner(self) -> T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once; the drop does not run.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        // SAFETY: the value was not taken: who takes it forgets this.
        drop_contained(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}

/// Sets up what a task finds around it.
#[inline(always)]
fn inside<T, const KIND: u8>(task: &TaskRef, poll: impl FnOnce() -> Poll<T>) -> Polled<T> {
    match KIND {
        FUTURE => coop::limited(|| {
            let poll = poll();
            Polled { refused: poll.is_pending() && coop::is_refusing(), poll }
        }),
        // Its thread belongs to no pool until it has a job.
        BLOCKING => {
            let pool = task.pool().arc();
            let context = current::Context::new(&pool, None);
            context.frames.run(Some(task.as_ptr().cast()));
            Polled { poll: current::enter(&context, poll), refused: false }
        }
        // A closure returns when it is done, and not before.
        _ => Polled { poll: poll(), refused: false },
    }
}

struct Polled<T> {
    poll: Poll<T>,
    /// It is pending, and its budget is used up.
    refused: bool,
}

/// A poll was pending.
///
/// # Safety
///
/// As for [`poll`].
#[inline(always)]
unsafe fn pause<F: Future>(task: TaskRef, turn: Turn, refused: bool) {
    if let Turn::Own = turn
        && current::with(|context| context.is_awaiting()).unwrap_or(false)
    {
        // SAFETY: the state is RUNNING by this thread, a worker whose turn this is.
        return unsafe { task.stay() };
    }
    match task.core().state.to_idle() {
        ToIdle::Idle => {
            // The reference went with the move.
            let _: NonNull<Core> = task.into_ptr();
        }
        // Behind the others: it has had its turn.
        ToIdle::Reschedule => {
            let place = match turn {
                Turn::Own if refused => Place::Again,
                Turn::Own => Place::Behind,
                Turn::Anothers => Place::Back,
            };
            // SAFETY: the runner's reference is the entry's now, and this thread runs a task of the
            // pool.
            unsafe { task.enqueue(place) }
        }
        // SAFETY: the state is still RUNNING by this thread.
        ToIdle::Cancel => unsafe { end::<F>(task, TaskError::Cancelled, turn) },
    }
}

/// A task has panicked in its poll, or in the drop of its future: what is left of that goes.
///
/// # Safety
///
/// As for [`poll`]; the union holds what is left.
#[cold]
#[inline(never)]
unsafe fn after_a_panic<F: Future>(
    task: TaskRef,
    panic: Box<dyn Any + Send>,
    left: Left,
    turn: Turn,
) {
    let error = TaskError::Panicked(Panicked::new(panic));
    match left {
        // SAFETY: the caller says so.
        Left::Future => unsafe { end::<F>(task, error, turn) },
        // SAFETY: the caller says so.
        Left::Nothing => unsafe { fail::<F>(task, error, turn) },
    }
}

/// Tells the runtime, if it wants to know: then all its tasks have side blocks.
#[inline]
fn tell_of_the_end(task: &TaskRef, outcome: Outcome) {
    if task.side().is_some_and(|side| side.noted().contains(Noted::ENDS)) {
        let pool = task.pool();
        pool.ended.note(task.id().as_u64(), outcome);
        pool.config().work_ends.call(&task.as_ptr().cast());
    }
}

/// How a task has ended that has no output.
#[cold]
fn outcome_of(error: &TaskError) -> Outcome {
    match error {
        TaskError::Panicked(_) => Outcome::Panicked,
        TaskError::SpawnFailed(_) => Outcome::Refused,
        _ => Outcome::Cancelled,
    }
}

/// Ends a task without an output.
///
/// # Safety
///
/// `task` is a cell of `F`, its state is RUNNING by this thread, and its union is empty.
unsafe fn fail<F: Future>(task: TaskRef, error: TaskError, turn: Turn) {
    let outcome = outcome_of(&error);
    // SAFETY: the caller says so.
    unsafe { (*stage::<F>(task.as_ptr())).output = ManuallyDrop::new(Err(error)) };
    // SAFETY: the caller says so, and the union holds the result.
    unsafe { complete::<F>(task, outcome, turn) };
}

/// Ends a task whose result is stored.
///
/// # Safety
///
/// `task` is a cell of `F`, its state is RUNNING by this thread, and its union holds the result.
unsafe fn complete<F: Future>(task: TaskRef, outcome: Outcome, turn: Turn) {
    tell_of_the_end(&task, outcome);
    let core = task.core();
    let Completed::Act { output, waiter } = core.state.to_complete(outcome) else {
        // The reference went with the move.
        let _: NonNull<Core> = task.into_ptr();
        return;
    };
    if waiter == Waiting::Yes {
        // SAFETY: WAITER was set when the task completed, so the slot is the runner's.
        let waker = core.waiter.with_mut(|waiter| unsafe { (*waiter).take() });
        match turn {
            Turn::Own => waker.into_iter().for_each(waker::wake_joiner::<JOINED>),
            Turn::Anothers => waker.into_iter().for_each(waker::wake_joiner::<BACK>),
        }
    }
    if output == Output::Caller {
        // SAFETY: there was no handle when the task completed: the output is the runner's.
        unsafe { drop_output::<F>(task.as_ptr()) };
    }
}

/// # Safety
///
/// `core` is a cell of `F` that is complete, and its output is the caller's.
pub(super) unsafe fn drop_output<F: Future>(core: NonNull<Core>) {
    // SAFETY: the caller says so; the output is taken once.
    let output = unsafe { ManuallyDrop::take(&mut (*stage::<F>(core)).output) };
    drop_contained(output);
}

/// # Safety
///
/// `core` is a cell of `F`; what the pointer is used for must be allowed by the state.
unsafe fn stage<F: Future>(core: NonNull<Core>) -> *mut Stage<F> {
    // SAFETY: the caller says so.
    unsafe { core.cast::<Cell<F>>().as_ref() }.stage.with_mut(|stage| stage)
}

/// Drops a future where it lies: it is pinned.
struct FutureInPlace<F: Future>(*mut Stage<F>);

impl<F: Future> FutureInPlace<F> {
    /// # Safety
    ///
    /// `stage` holds a future, is the caller's, and is not used as one again.
    unsafe fn new(stage: *mut Stage<F>) -> Self {
        Self(stage)
    }
}

impl<F: Future> Drop for FutureInPlace<F> {
    fn drop(&mut self) {
        // SAFETY: by the contract of `new`.
        unsafe { ManuallyDrop::drop(&mut (*self.0).future) };
    }
}
