//! One closure on every worker.
//!
//! Each worker has a mailbox, `sched::mailbox`, and looks into it between two tasks, in its sleep, and
//! while it waits for a part of its own work.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `left` counted down in `Share::run` | AcqRel | each other: who is last has seen the results of all, and passes them on with the latch |

#![allow(unsafe_code, reason = "shares on the caller's stack; model: src/model/join.rs")]

use std::any::type_name;
use std::mem::MaybeUninit;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use moirai_sync::__prim::UnsafeCell;
use moirai_sync::__prim::atomic::{AtomicUsize, Ordering};
use moirai_sync::strand;

use crate::global;
use crate::sched::current;
use crate::sched::latch::Latch;
use crate::sched::pool::Pool;
use crate::sched::work::{Header, Kind, VTable, Work};
use crate::unwind::{Caught, catch};

use super::wait;

/// What the closure of a [`broadcast`] is told.
///
/// # Examples
///
/// ```
/// let shares = moirai_runtime::broadcast(|context| (context.index(), context.num_workers()));
/// let workers = shares.len();
/// assert!(shares.into_iter().eq((0..workers).map(|index| (index, workers))));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BroadcastContext {
    index: usize,
    workers: usize,
}

impl BroadcastContext {
    /// The worker's number, below [`num_workers`](Self::num_workers).
    pub fn index(&self) -> usize {
        self.index
    }

    /// How many workers there are.
    pub fn num_workers(&self) -> usize {
        self.workers
    }
}

/// Calls `f` once on every worker of the current runtime, else of the global one, and returns the
/// results in the order of the workers.
///
/// A worker comes to it when it has done with its present task, also if it waits there for a part of
/// its own parallel work; one that blocks in something else, when that has ended. Called on a worker,
/// its own share runs first. Of a runtime that has ended, all shares run on the calling thread.
///
/// # Panics
///
/// If a share panics, with its payload, when all others have ended; with that of the first worker, if
/// several do.
///
/// # Examples
///
/// ```
/// let runtime = moirai_runtime::Runtime::builder().worker_threads(3).build()?;
/// let indices = runtime.block_on(async { moirai_runtime::broadcast(|worker| worker.index()) });
/// assert_eq!(indices, [0, 1, 2]);
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
pub fn broadcast<F, R>(f: F) -> Vec<R>
where
    F: Fn(BroadcastContext) -> R + Sync,
    R: Send,
{
    match current::pool() {
        Some(pool) => on_all(&pool, &f),
        None => on_all(global::pool(), &f),
    }
}

fn on_all<F, R>(pool: &Pool, f: &F) -> Vec<R>
where
    F: Fn(BroadcastContext) -> R + Sync,
    R: Send,
{
    let workers = pool.config().worker_threads;
    let core = Core { f, left: AtomicUsize::new(workers), ended: Latch::new() };
    let shares: Vec<Share<'_, F, R>> = (0..workers)
        .map(|index| Share {
            // SAFETY: the table is a constant.
            header: unsafe { Header::new(NonNull::from(&Share::<F, R>::VTABLE)) },
            core: &raw const core,
            context: BroadcastContext { index, workers },
            result: UnsafeCell::new(MaybeUninit::uninit()),
        })
        .collect();
    let own = current::with(|context| pool.worker_of(context.remote()?)).flatten();
    let first = shares.as_ptr();
    let work = |index: usize| {
        // SAFETY: within the vector, whose shares stay until all have been run: we wait for that.
        unsafe {
            let share = first.add(index).cast_mut().cast::<Header>();
            Work::from_header(NonNull::new_unchecked(share))
        }
    };
    for index in (0..workers).filter(|&index| Some(index) != own) {
        if let Err(work) = pool.mail(index, work(index)) {
            work.run();
        }
    }
    own.into_iter().for_each(|own| work(own).run());
    let waited = current::with(|context| {
        wait::until_set(context, &core.ended, || None);
    });
    if waited.is_none() {
        // Without a deadline, it is ready when it returns.
        let _: Option<()> = strand::wait(None, |cx| core.ended.poll(cx));
    }
    let results: Vec<Caught<R>> = shares
        .into_iter()
        // SAFETY: every share has been run, which has written its result.
        .map(|share| share.result.with(|result| unsafe { (*result).assume_init_read() }))
        .collect();
    results.into_iter().map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
}

/// What the shares have in common.
struct Core<'f, F> {
    f: &'f F,
    left: AtomicUsize,
    /// Set by the last share.
    ended: Latch,
}

#[repr(C)]
struct Share<'f, F, R> {
    header: Header,
    core: *const Core<'f, F>,
    context: BroadcastContext,
    result: UnsafeCell<MaybeUninit<Caught<R>>>,
}

impl<F, R> Share<'_, F, R>
where
    F: Fn(BroadcastContext) -> R + Sync,
    R: Send,
{
    const VTABLE: VTable = VTable {
        // SAFETY: the table is used by shares of this type only, and work is run once.
        run: |header| unsafe { Self::run(header) },
        // SAFETY: as above. Its owner waits for it.
        shutdown: |header| unsafe { Self::run(header) },
        describe: type_name::<F>,
        kind: Kind::Share,
    };

    /// # Safety
    ///
    /// `header` is that of a share of this type, which stays until it has been counted off.
    unsafe fn run(header: NonNull<Header>) {
        let share = header.cast::<Self>().as_ptr();
        // SAFETY: the caller says so. Once it is counted off, only the last goes on, to the latch,
        // which stays until it is set.
        unsafe {
            let (core, context) = ((*share).core, (*share).context);
            let result = catch(|| ((*core).f)(context));
            (*share).result.with_mut(|place| (*place).write(result));
            // AcqRel: whoever is last has seen the results of all.
            if (*core).left.fetch_sub(1, Ordering::AcqRel) == 1 {
                Latch::set(&raw const (*core).ended);
            }
        }
    }
}
