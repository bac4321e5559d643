//! Running a task: poll it, contain its panics, keep or drop its output, wake who waits.
//!
//! The caller has moved the state to RUNNING, so the union is this file's until it completes the
//! task. Nothing here unwinds: a panic of the future, of its drop, of an output's drop or of a
//! waker ends in the result or nowhere.

#![allow(unsafe_code, reason = "owns the union while RUNNING; model: src/model/task.rs")]

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use moirai_sync::{TaskError, TaskResult, coop};

use crate::sched::current::{self, Place};
use crate::sched::work::{Kind, Work};
use crate::trace::Outcome;
use crate::unwind::drop_contained;

use super::raw::{Cell, Core, Destination, Stage, TaskRef, contain};
use super::state::{Completed, Output, Plain, ToIdle, ToRunning, ToShutdown, Waiting};
use super::waker;

/// How a joining worker got the task.
#[derive(Clone, Copy, Debug)]
pub(super) enum Claimed {
    Run,
    Cancel,
}

/// A queue entry has come up.
///
/// # Safety
///
/// `task` is a cell of `F`.
pub(super) unsafe fn run<F: Future>(task: TaskRef) {
    match task.core().state.to_running() {
        // SAFETY: the caller says so, and the state is RUNNING by this thread.
        ToRunning::Run => unsafe { poll::<F>(task) },
        // SAFETY: as above.
        ToRunning::Cancel => unsafe { end::<F>(task, TaskError::Cancelled) },
        ToRunning::Stale => {}
    }
}

/// A joining worker runs a task it has claimed.
///
/// # Safety
///
/// `task` is a cell of `F`, and its state is RUNNING by the caller's claim.
pub(super) unsafe fn run_claimed<F: Future>(task: TaskRef, claimed: Claimed) {
    match claimed {
        // SAFETY: the caller says so.
        Claimed::Run => unsafe { poll::<F>(task) },
        // SAFETY: as above.
        Claimed::Cancel => unsafe { end::<F>(task, TaskError::Cancelled) },
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
        ToShutdown::Drop => unsafe { end::<F>(task, TaskError::Cancelled) },
        ToShutdown::Leave => {}
    }
}

/// Ends a task that is not to run further, with `error` as its result.
///
/// # Safety
///
/// `task` is a cell of `F`, and its state is RUNNING by this thread.
pub(super) unsafe fn end<F: Future>(task: TaskRef, error: TaskError) {
    // SAFETY: the caller says so.
    let stage = unsafe { stage::<F>(task.as_ptr()) };
    // SAFETY: while RUNNING the union is ours and holds the future.
    drop_contained(unsafe { FutureInPlace::new(stage) });
    // SAFETY: as above; the future has been dropped.
    unsafe { complete::<F>(task, Err(error)) };
}

/// # Safety
///
/// `task` is a cell of `F`, and its state is RUNNING by this thread.
unsafe fn poll<F: Future>(task: TaskRef) {
    // SAFETY: the caller says so.
    let stage = unsafe { stage::<F>(task.as_ptr()) };
    let mut refused = false;
    let polled = {
        let begun = task.side().map(|side| (side, side.begin_poll(task.pool())));
        let waker = waker::borrowed(&task);
        let mut cx = Context::from_waker(&waker);
        // SAFETY: while RUNNING the union is ours and holds the future, which never moves.
        let mut poll = || unsafe { Pin::new_unchecked(&mut *(*stage).future) }.poll(&mut cx);
        let polled = contain(|| match task.core().header().kind() {
            Kind::Future => coop::limited(|| {
                let polled = poll();
                refused = polled.is_pending() && coop::is_refusing();
                polled
            }),
            // A closure returns when it is done, and not before.
            Kind::Parallel | Kind::Job | Kind::Share => poll(),
            // Its thread belongs to no pool until it has a job.
            Kind::Blocking => {
                let pool = task.pool().arc();
                let context = current::Context::new(&pool, None);
                context.frames.run(Some(task.as_ptr().cast()));
                current::enter(&context, poll)
            }
        });
        if let Some((side, begun)) = begun {
            side.end_poll(begun, task.pool());
        }
        polled
    };
    let result = match polled {
        Ok(Poll::Pending) => {
            match task.core().state.to_idle() {
                ToIdle::Idle => {
                    // The reference went with the move.
                    let _: NonNull<Core> = task.into_ptr();
                }
                // Behind the others: it has had its turn.
                ToIdle::Reschedule => {
                    let destination = match task.core().state.is_plain() {
                        Plain::Yes if refused => Destination::Anywhere(Place::Again),
                        Plain::Yes => Destination::Anywhere(Place::Back),
                        Plain::No => task.queued(Place::Back),
                    };
                    // Once it is queued it may be freed, and the pool with its last chunk; but this
                    // thread runs a task of that pool, and so holds it.
                    let pool = NonNull::from(task.pool());
                    // SAFETY: the runner's reference is the entry's now.
                    let work = unsafe { Work::from_header(task.into_ptr().cast()) };
                    // SAFETY: as said above.
                    destination.send(unsafe { pool.as_ref() }, work);
                }
                // SAFETY: the state is still RUNNING by this thread.
                ToIdle::Cancel => unsafe { end::<F>(task, TaskError::Cancelled) },
            }
            return;
        }
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => Err(panic),
    };
    // A panic in the future's drop is the task's panic; an output it had is dropped.
    // SAFETY: while RUNNING the union is ours and holds the future.
    let dropped = contain(|| drop(unsafe { FutureInPlace::new(stage) }));
    let result = match (result, dropped) {
        (Ok(output), Err(panic)) => {
            drop_contained(output);
            Err(panic)
        }
        (result, dropped) => {
            // The first panic is the task's; the payload of a second one may panic in its drop.
            drop_contained(dropped);
            result
        }
    };
    // SAFETY: the union is ours and empty.
    unsafe { complete::<F>(task, result) };
}

/// Tells the runtime, if it wants to know: then all its tasks have side blocks.
fn tell_of_the_end(task: &TaskRef, outcome: Outcome) {
    if task.side().is_some() {
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

/// Stores the result and ends the task.
///
/// # Safety
///
/// `task` is a cell of `F`, its state is RUNNING by this thread, and its union is empty.
unsafe fn complete<F: Future>(task: TaskRef, result: TaskResult<F::Output>) {
    let outcome = result.as_ref().err().map_or(Outcome::Completed, outcome_of);
    // SAFETY: the caller says so.
    unsafe { (*stage::<F>(task.as_ptr())).output = ManuallyDrop::new(result) };
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
        drop_contained(WakeOnDrop(waker));
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

/// So that a waker's panic is contained like a drop's.
struct WakeOnDrop(Option<std::task::Waker>);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            waker::wake_joiner(waker);
        }
    }
}
