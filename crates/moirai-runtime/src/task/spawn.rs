//! From a future or a closure to a queued cell.

#![allow(unsafe_code, reason = "makes handles of new cells; model: src/model/task.rs")]

use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use moirai_sync::{SpawnFailed, TaskError};

use crate::sched::current::{self, Place};
use crate::sched::lanes::Lane;
use crate::sched::permits::PermitId;
use crate::sched::pool::Pool;
use crate::sched::work::Work;
use crate::slab::TaskPool;

use super::handle::TaskHandle;
use super::harness::{self, Turn};
use super::raw::{self, BLOCKING, Cell, FUTURE, Options, PARALLEL, TaskRef};
use super::state::Claim;

impl TaskPool {
    /// What a task takes of the pool with a future of type `F`, in bytes: a header of 40, and the
    /// future or its result, whichever is larger, rounded up to one of the sizes that tasks come in.
    /// Only the pointer to it if the future is so large that it is spawned in a box.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::TaskPool;
    ///
    /// assert!(TaskPool::task_bytes::<std::future::Ready<u64>>() <= 96);
    /// ```
    pub const fn task_bytes<F: Future>() -> usize {
        if is_boxed::<F>() {
            Cell::<Pin<Box<F>>>::LAYOUT.bytes()
        } else {
            Cell::<F>::LAYOUT.bytes()
        }
    }
}

/// A future on the workers.
#[inline]
#[track_caller]
pub(crate) fn spawn_future<F>(pool: &Pool, future: F) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn_future_with(pool, future, Options::default(), Place::Next)
}

/// The same with options, and the place where it is queued.
#[inline]
#[track_caller]
pub(super) fn spawn_future_with<F>(
    pool: &Pool,
    future: F,
    options: Options,
    place: Place,
) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    if is_boxed::<F>() {
        spawn::<_, FUTURE>(pool, Box::pin(future), options, place)
    } else {
        spawn::<_, FUTURE>(pool, future, options, place)
    }
}

/// Whether a future is put in a box to be spawned.
const fn is_boxed<F>() -> bool {
    // Making a cell moves the future several times, in a debug build through the stack each time.
    size_of::<F>() > FUTURE_BYTES_MAX
}

/// A closure on the workers.
#[track_caller]
pub(crate) fn spawn_parallel<F, T>(pool: &Pool, f: F) -> TaskHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn_parallel_with(pool, f, Options::default())
}

/// The same with options.
#[track_caller]
pub(super) fn spawn_parallel_with<F, T>(pool: &Pool, f: F, options: Options) -> TaskHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // A closure computes: let another worker have it.
    spawn::<_, PARALLEL>(pool, Closure(Some(f)), options, Place::Back)
}

/// A closure on the blocking pool.
#[track_caller]
pub(crate) fn spawn_blocking<F, T>(pool: &Pool, f: F) -> TaskHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn_blocking_with(pool, f, Options::default())
}

/// The same with options; the threads of the blocking pool know no priority.
#[track_caller]
pub(super) fn spawn_blocking_with<F, T>(pool: &Pool, f: F, options: Options) -> TaskHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn::<_, BLOCKING>(pool, Closure(Some(f)), options, Place::Back)
}

#[inline]
#[track_caller]
fn spawn<F, const KIND: u8>(
    pool: &Pool,
    future: F,
    options: Options,
    place: Place,
) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (lane, worker) = (Lane::of(options.priority), options.worker);
    let (task, work) = raw::allocate::<F, KIND>(pool, future, options);
    if pool.refuses() {
        refuse::<F>(&task, work, SpawnFailed::ShutDown);
    } else if KIND == BLOCKING {
        if let Err((work, reason)) = pool.blocking.spawn(work) {
            refuse::<F>(&task, work, reason);
        }
    } else if worker.is_some() || pool.shares_nothing() {
        if let Err((work, reason)) = settle(pool, &task, work, worker, place) {
            refuse::<F>(&task, work, reason);
        }
    } else {
        current::schedule(pool, work, lane.map_or(place, Place::Lane));
    }
    // SAFETY: the handle's reference to a cell of `F`.
    unsafe { TaskHandle::new(task) }
}

/// Gives a new task its home, and queues it there: that of the worker it is for, else its spawner's,
/// else each in turn.
#[inline(never)]
fn settle(
    pool: &Pool,
    task: &TaskRef,
    work: Work,
    worker: Option<usize>,
    place: Place,
) -> Result<(), (Work, SpawnFailed)> {
    let workers = pool.config().worker_threads;
    let home = match worker {
        Some(worker) if worker < workers => PermitId::new(worker),
        Some(worker) => {
            // Half as wide, so that the results of all tasks stay small.
            let [worker, workers] =
                [worker, workers].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
            return Err((work, SpawnFailed::NoSuchWorker { worker, workers }));
        }
        None => {
            let here = |context: &current::Context<'_>| {
                context.place().filter(|_| ptr::eq(context.pool, pool))
            };
            current::with(here).flatten().unwrap_or_else(|| pool.next_home())
        }
    };
    task.core().state.settle(home);
    current::schedule_home(pool, work, home, place);
    Ok(())
}

/// Ends a task that was never queued with the reason why.
fn refuse<F: Future>(task: &TaskRef, entry: Work, reason: SpawnFailed) {
    match task.core().state.claim() {
        Claim::Run => {
            // SAFETY: the claim has counted a reference.
            let runner = unsafe { TaskRef::from_ptr(task.as_ptr()) };
            // SAFETY: a cell of `F`, RUNNING by the claim.
            unsafe { harness::end::<F>(runner, TaskError::SpawnFailed(reason), Turn::Anothers) }
        }
        Claim::Cancel | Claim::Refused => {}
    }
    entry.run();
}

/// A closure as a future that is ready at its first poll.
struct Closure<F>(Option<F>);

// The closure is called by value, never pinned.
impl<F> Unpin for Closure<F> {}

impl<F: FnOnce() -> T, T> Future for Closure<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        match self.0.take() {
            Some(f) => Poll::Ready(f()),
            None => unreachable!("a closure is polled once"),
        }
    }
}

/// Larger futures get a box of their own.
const FUTURE_BYTES_MAX: usize = 4096;
