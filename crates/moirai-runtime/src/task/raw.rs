//! The layout of a task's cell, what can be done to it without knowing its types, and its end.
//!
//! A pointer to a [`Core`] is a pointer to the whole [`Cell`]: the core is its first field, and the
//! pointer was made from the cell's allocation, so it may reach all of it.

#![allow(unsafe_code, reason = "type-erased cells; model: src/model/task.rs")]

use std::borrow::Cow;
use std::mem::{ManuallyDrop, offset_of};
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

use moirai_sync::__prim::UnsafeCell;
use moirai_sync::{Priority, TaskResult};

use crate::sched::current::{self, Place};
use crate::sched::lanes::Lane;
use crate::sched::local::{Handed, LocalQueue, Staying, Until};
use crate::sched::permits::PermitId;
use crate::sched::pool::Pool;
use crate::sched::work::{Header, Kind, VTable, Work};
use crate::slab::{self, CellLayout, word};
use crate::trace::Noted;
use crate::unwind::drop_contained;

use super::harness;
use super::id::TaskId;
use super::side::{Side, Times};
use super::state::{HasSide, Plain, RefDropped, State, ToScheduled};

/// The part of a cell that does not depend on its types.
#[repr(C)]
pub(super) struct Core {
    header: Header,
    pub(super) state: State,
    /// Whom to wake when the task is complete; see the module's doc for who may touch it.
    pub(super) waiter: UnsafeCell<Option<Waker>>,
}

const _: () = assert!(offset_of!(Core, state) == word::WORD_OFFSET);
// What a task takes besides its future or its output.
const _: () = assert!(size_of::<Core>() <= 40 || cfg!(any(moirai_loom, moirai_shuttle)));

/// A task: one cell of the slab.
#[repr(C)]
pub(super) struct Cell<F: Future> {
    pub(super) core: Core,
    pub(super) stage: UnsafeCell<Stage<F>>,
}

impl<F: Future> Cell<F> {
    pub(super) const LAYOUT: CellLayout = CellLayout::of::<Self>();
}

/// A task of which more is known.
#[repr(C)]
struct SideCell<F: Future> {
    cell: Cell<F>,
    side: Side,
}

/// A task of which also the times are.
#[repr(C)]
struct TimedCell<F: Future> {
    side: SideCell<F>,
    times: Times,
}

/// What a cell holds: the future until it ends, then its output.
pub(super) union Stage<F: Future> {
    pub(super) future: ManuallyDrop<F>,
    pub(super) output: ManuallyDrop<TaskResult<F::Output>>,
}

/// What can be done with a cell whose types are not known.
#[repr(C)]
pub(super) struct Ops {
    /// What the scheduler knows of.
    work: VTable,
    /// Runs a task that the caller has claimed.
    ///
    /// # Safety
    ///
    /// The state is RUNNING by the caller's claim, whose reference is given up.
    pub(super) run_claimed: unsafe fn(NonNull<Core>, harness::Claimed),
    /// Moves the output to the place of a `TaskResult<T>`.
    ///
    /// # Safety
    ///
    /// The output is the caller's, and `to` is valid for a write of the task's result type.
    pub(super) read_output: unsafe fn(NonNull<Core>, to: *mut ()),
    /// Drops the output.
    ///
    /// # Safety
    ///
    /// The output is the caller's.
    pub(super) drop_output: unsafe fn(NonNull<Core>),
    /// Where the side block of a task lies that has one.
    side: usize,
    /// And where that of its times does.
    times: usize,
}

/// A counted reference to a cell; dropping it drops the count.
pub(super) struct TaskRef(NonNull<Core>);

// SAFETY: the cell is shared between threads as the state word allows; the futures and outputs in
// it are `Send`, see `allocate`.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

/// What a task is given at its spawn, beside what it runs.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) priority: Priority,
    /// The number of the worker that it is for.
    pub(crate) worker: Option<usize>,
}

/// Makes a cell, scheduled and enqueued, with two references: the handle's and the queue entry's.
#[inline]
#[track_caller]
pub(super) fn allocate<F, const KIND: u8>(
    pool: &Pool,
    future: F,
    options: Options,
) -> (TaskRef, Work)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let noted = pool.noted;
    let has_side = match &options.name {
        None if !noted.of_all() => HasSide::No,
        _ => HasSide::Yes,
    };
    let layout = match has_side {
        HasSide::No => &Cell::<F>::LAYOUT,
        HasSide::Yes if noted.contains(Noted::TIMES) => const { &CellLayout::of::<TimedCell<F>>() },
        HasSide::Yes => const { &CellLayout::of::<SideCell<F>>() },
    };
    let fresh = slab::allocate(pool, layout);
    let cell = fresh.cell.cast::<Cell<F>>().as_ptr();
    // SAFETY: the cell is ours, and large enough; nobody looks at it but at its state, which is an
    // atomic from the start, until it begins. The table is a constant.
    unsafe {
        let header = Header::new(NonNull::from(&Types::<F, KIND>::OPS).cast());
        (&raw mut (*cell).core.header).write(header);
        (&raw mut (*cell).core.waiter).write(UnsafeCell::new(None));
        let stage = Stage { future: ManuallyDrop::new(future) };
        (&raw mut (*cell).stage).write(UnsafeCell::new(stage));
        if has_side == HasSide::Yes {
            let side = fresh.cell.byte_add(Types::<F, KIND>::OPS.side).cast::<Side>();
            side.write(Side::new(options.name, Location::caller(), noted));
            if noted.contains(Noted::TIMES) {
                let times = fresh.cell.byte_add(Types::<F, KIND>::OPS.times).cast::<Times>();
                times.write(Times::new(pool));
            }
        }
        (*cell).core.state.begin(fresh.generation, has_side, options.priority);
    }
    let core = fresh.cell.cast::<Core>();
    if has_side == HasSide::Yes && noted.contains(Noted::ENDS) {
        pool.config().work_begins.call(&core.cast());
    }
    // SAFETY: the entry's reference keeps the cell until the work is run or shut down; the future
    // and the output are Send.
    let work = unsafe { Work::from_header(core.cast()) };
    (TaskRef(core), work)
}

/// The tables of one type of task.
struct Types<F, const KIND: u8>(F);

/// Kinds as parameters of types.
pub(super) const FUTURE: u8 = 0;
pub(super) const PARALLEL: u8 = 1;
pub(super) const BLOCKING: u8 = 2;

const fn kind(kind: u8) -> Kind {
    match kind {
        FUTURE => Kind::Future,
        PARALLEL => Kind::Parallel,
        _ => Kind::Blocking,
    }
}

impl<F, const KIND: u8> Types<F, KIND>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    const OPS: Ops = Ops {
        work: VTable {
            run: |header| {
                // SAFETY: the table is used by cells of `F` only (`allocate`), and the caller gives
                // up the entry's reference.
                unsafe { harness::run::<F, KIND>(TaskRef(header.cast())) }
            },
            shutdown: |header| {
                // SAFETY: as above.
                unsafe { harness::shutdown::<F>(TaskRef(header.cast())) }
            },
            describe: std::any::type_name::<F>,
            kind: kind(KIND),
        },
        run_claimed: |core, claimed| {
            // SAFETY: a cell of `F`, claimed by the caller, whose reference is given up.
            unsafe { harness::run_claimed::<F, KIND>(TaskRef(core), claimed) }
        },
        read_output: |core, to| {
            // SAFETY: a cell of `F`; the output is the caller's and `to` fits it.
            unsafe {
                core.cast::<Cell<F>>().as_ref().stage.with_mut(|stage| {
                    let output = ManuallyDrop::take(&mut (*stage).output);
                    to.cast::<TaskResult<F::Output>>().write(output);
                });
            }
        },
        drop_output: |core| {
            // SAFETY: a cell of `F`; the output is the caller's.
            unsafe { harness::drop_output::<F>(core) }
        },
        side: offset_of!(SideCell<F>, side),
        times: offset_of!(TimedCell<F>, times),
    };
}

impl TaskRef {
    #[inline]
    pub(super) fn core(&self) -> &Core {
        // SAFETY: this reference keeps the cell allocated.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> NonNull<Core> {
        self.0
    }

    /// # Safety
    ///
    /// `core` points to a cell, made with its allocation's provenance, and a reference to it is
    /// given up.
    pub(super) unsafe fn from_ptr(core: NonNull<Core>) -> Self {
        Self(core)
    }

    #[inline]
    pub(super) fn into_ptr(self) -> NonNull<Core> {
        ManuallyDrop::new(self).0
    }

    /// The pool that the task runs on.
    #[inline]
    pub(super) fn pool(&self) -> &Pool {
        // SAFETY: this reference keeps the cell alive, which was allocated for a pool.
        unsafe { slab::home(self.0.cast()) }
    }

    /// The side block, if the task has one.
    #[inline]
    pub(super) fn side(&self) -> Option<&Side> {
        if self.core().state.side() == HasSide::No {
            return None;
        }
        // SAFETY: `allocate` has written the block there, and this reference keeps the cell.
        Some(unsafe { self.0.byte_add(self.core().ops().side).cast().as_ref() })
    }

    /// The block of its times, if the task has one.
    pub(super) fn times(&self) -> Option<&Times> {
        if !self.side()?.noted().contains(Noted::TIMES) {
            return None;
        }
        // SAFETY: as above: it was noted when `allocate` wrote both.
        Some(unsafe { self.0.byte_add(self.core().ops().times).cast().as_ref() })
    }

    pub(super) fn id(&self) -> TaskId {
        // SAFETY: this reference keeps the cell alive.
        TaskId::new(unsafe { slab::name(self.0.cast()) })
    }

    /// Asks the task to end.
    pub(super) fn cancel(&self) {
        match self.core().state.cancel() {
            // SAFETY: a reference has been counted for the queue entry.
            ToScheduled::Push => unsafe { self.schedule(Place::Back) },
            ToScheduled::Nothing => {}
        }
    }

    /// Queues a task whose state says that an entry is to be made; `self` stays the caller's.
    ///
    /// # Safety
    ///
    /// A reference has been counted for the entry.
    pub(super) unsafe fn schedule(&self, place: Place) {
        // SAFETY: the caller says so.
        let work = unsafe { Work::from_header(self.0.cast()) };
        match self.core().state.is_plain() {
            Plain::Yes => current::schedule(self.pool(), work, place),
            Plain::No => self.queued(place).send(self.pool(), work),
        }
    }

    /// Queues a task, with this reference as the entry's.
    ///
    /// # Safety
    ///
    /// The state says that an entry is to be made, and that the reference is the entry's. The calling
    /// thread runs tasks of the same pool, and so holds that: the task may be run at once, and freed,
    /// and the pool with its last chunk.
    pub(super) unsafe fn enqueue(self, place: Place) {
        let destination = match self.core().state.is_plain() {
            Plain::Yes => Destination::Anywhere(place),
            Plain::No => self.queued(place),
        };
        let pool = NonNull::from(self.pool());
        // SAFETY: the caller says so.
        let work = unsafe { Work::from_header(self.into_ptr().cast()) };
        // SAFETY: the calling thread holds the pool.
        destination.send(unsafe { pool.as_ref() }, work);
    }

    /// [`enqueue`](Self::enqueue) on a worker of the task's pool, whose context and queue these are.
    ///
    /// # Safety
    ///
    /// As for [`enqueue`](Self::enqueue).
    #[inline(always)]
    pub(super) unsafe fn enqueue_here(
        self,
        context: &current::Context<'_>,
        local: &LocalQueue,
        place: Place,
    ) {
        if self.core().state.is_plain() == Plain::No {
            // SAFETY: the caller says so.
            return unsafe { self.enqueue(place) };
        }
        // SAFETY: the caller says so.
        let work = unsafe { Work::from_header(self.into_ptr().cast()) };
        context.schedule(local, work, place);
    }

    /// Has the worker of `local` run the task as soon as the running one has ended.
    ///
    /// # Safety
    ///
    /// The state is RUNNING by the caller, whom the reference belongs to. The calling thread is the worker,
    /// which runs a task of its queue that is about to end.
    #[inline(always)]
    pub(super) unsafe fn hand_over(self, local: &LocalQueue) {
        // SAFETY: the runner's reference keeps the cell until `run` is called.
        let work = unsafe { Work::from_header(self.into_ptr().cast()) };
        let run = |work: Work| {
            let task = Self(work.as_ptr().cast());
            // SAFETY: a cell, RUNNING by the hand-over, whose reference is given up.
            unsafe {
                (task.core().ops().run_claimed)(task.into_ptr(), harness::Claimed::HandedOver)
            }
        };
        local.hand_over(Handed { work, run });
    }

    /// Has the worker come back to the task, which has paused, once what it waits for has run.
    ///
    /// # Safety
    ///
    /// The state is RUNNING by the calling thread, a worker whose turn the task has had; the reference is the
    /// runner's.
    pub(super) unsafe fn stay(self) {
        let until = if self.core().state.may_stay() { Until::Awaited } else { Until::Now };
        // SAFETY: the runner's reference keeps the cell until `go_on` or `to_queue` is called.
        let work = unsafe { Work::from_header(self.into_ptr().cast()) };
        let staying = Staying { work, go_on: Self::go_on, to_queue: Self::into_queued };
        current::with(|context| context.stay(staying, until));
    }

    /// Goes on with a task that has stayed.
    fn go_on(work: Work) {
        let task = Self(work.as_ptr().cast());
        let core = task.core();
        let claimed = match core.state.is_cancelled() {
            true => harness::Claimed::Cancel,
            false => harness::Claimed::HandedOver,
        };
        // SAFETY: a cell, RUNNING by the thread on which it has stayed, whose reference is given up.
        unsafe { (core.ops().run_claimed)(task.into_ptr(), claimed) }
    }

    /// The entry of a task that has stayed.
    fn into_queued(work: Work) -> Work {
        let task = Self(work.as_ptr().cast());
        task.core().state.to_queued();
        // SAFETY: the runner's reference is the entry's now.
        unsafe { Work::from_header(task.into_ptr().cast()) }
    }

    /// A task that is not plain is about to be queued; returns where its home or its priority wants it.
    fn queued(&self, place: Place) -> Destination {
        if let Some(times) = self.times() {
            times.queued(self.pool());
        }
        let state = &self.core().state;
        match state.home() {
            Some(home) => Destination::Home(home, place),
            None => {
                let place = Lane::of(state.priority()).map_or(place, Place::Lane);
                Destination::Anywhere(place)
            }
        }
    }
}

/// Where a task is queued that is not plain.
enum Destination {
    Anywhere(Place),
    Home(PermitId, Place),
}

impl Destination {
    fn send(self, pool: &Pool, work: Work) {
        match self {
            Self::Anywhere(place) => current::schedule(pool, work, place),
            Self::Home(home, place) => current::schedule_home(pool, work, home, place),
        }
    }
}

impl Clone for TaskRef {
    #[inline]
    fn clone(&self) -> Self {
        self.core().state.add_ref();
        Self(self.0)
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        let dropped = self.core().state.drop_ref();
        // SAFETY: the reference has just been given up.
        unsafe { self.dropped(dropped) }
    }
}

impl TaskRef {
    /// Does what dropping a reference leaves to do.
    ///
    /// # Safety
    ///
    /// The state word says so of this reference, which is not used again.
    #[inline]
    pub(super) unsafe fn dropped(&self, dropped: RefDropped) {
        match dropped {
            RefDropped::Others => {}
            // SAFETY: this was the last reference.
            RefDropped::Free => unsafe { free(self.0) },
            // SAFETY: the reference that was to be dropped is the entry's.
            RefDropped::Abandoned => unsafe { self.abandoned() },
        }
    }

    /// Queues a task that nobody can wake any more.
    ///
    /// # Safety
    ///
    /// A reference has been counted for the entry.
    #[cold]
    unsafe fn abandoned(&self) {
        // Once it is queued it may be freed, and the pool with its last chunk.
        let pool = self.pool().arc();
        // SAFETY: the caller says so.
        let work = unsafe { Work::from_header(self.0.cast()) };
        current::schedule(&pool, work, Place::Back);
    }
}

/// Frees a cell with nothing in its union.
///
/// # Safety
///
/// Nobody holds a reference, or will look at it through one.
#[inline(never)]
pub(super) unsafe fn free(core: NonNull<Core>) {
    // SAFETY: the cell is allocated.
    let this = unsafe { core.as_ref() };
    // A waker that both the handle and the runner left behind may panic when it is dropped.
    // SAFETY: nobody else looks at the cell.
    if let Some(waker) = this.waiter.with_mut(|waiter| unsafe { (*waiter).take() }) {
        drop_contained(waker);
    }
    if this.state.side() == HasSide::Yes {
        // SAFETY: `allocate` has written the block, and nobody looks at it any more.
        unsafe { core.byte_add(this.ops().side).cast::<Side>().drop_in_place() };
    }
    // SAFETY: the caller says so; what was in the union is gone.
    unsafe { slab::free(core.cast()) };
}

impl Core {
    #[inline]
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    #[inline]
    pub(super) fn ops(&self) -> &'static Ops {
        // SAFETY: the header's table is the first part of an `Ops`, and points to all of it
        // (`allocate`).
        unsafe { self.header.vtable_ptr().cast().as_ref() }
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::future::Ready;

    use super::*;

    #[test]
    fn what_is_noted_about_a_task_lies_behind_its_cell_and_takes_no_more_than_it_must() {
        assert_eq!((size_of::<Side>(), size_of::<Times>()), (40, 24));
        let lines = |layout: CellLayout| layout.bytes().div_ceil(64);
        let plain = CellLayout::of::<Cell<Ready<()>>>();
        let counted = CellLayout::of::<SideCell<Ready<()>>>();
        let timed = CellLayout::of::<TimedCell<Ready<()>>>();
        assert_eq!([plain, counted, timed].map(lines), [1, 2, 2]);
        // The blocks lie one behind the other, whatever the future is.
        let (side, times) =
            (offset_of!(SideCell<Ready<u8>>, side), offset_of!(TimedCell<Ready<u8>>, times));
        assert_eq!(times, side + size_of::<Side>());
    }
}
