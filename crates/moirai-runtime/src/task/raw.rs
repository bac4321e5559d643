//! The layout of a task's cell, what can be done to it without knowing its types, and its end.
//!
//! A pointer to a [`Core`] is a pointer to the whole [`Cell`]: the core is its first field, and the
//! pointer was made from the cell's allocation, so it may reach all of it.

#![allow(unsafe_code, reason = "type-erased cells; model: src/model/task.rs")]

use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

use moirai_sync::__prim::UnsafeCell;
use moirai_sync::{TaskError, TaskResult};

use crate::sched::current::{self, Place};
use crate::sched::pool::Pool;
use crate::sched::work::{Header, Kind, VTable, Work};

use super::harness;
use super::id::TaskId;
use super::state::{Acquire, RefDropped, State};

/// The part of a cell that does not depend on its types.
#[repr(C)]
pub(super) struct Core {
    header: Header,
    pub(super) state: State,
    pub(super) ops: &'static Ops,
    pub(super) id: TaskId,
    pub(super) pool: Arc<Pool>,
    /// Whom to wake when the task is complete; see the module's doc for who may touch it.
    pub(super) waiter: UnsafeCell<Option<Waker>>,
}

/// A task: one allocation.
#[repr(C)]
pub(super) struct Cell<F: Future> {
    pub(super) core: Core,
    pub(super) stage: UnsafeCell<Stage<F>>,
}

/// What a cell holds: the future until it ends, then its output.
pub(super) union Stage<F: Future> {
    pub(super) future: ManuallyDrop<F>,
    pub(super) output: ManuallyDrop<TaskResult<F::Output>>,
}

/// What the handle needs of a cell whose future's type it does not know.
pub(super) struct Ops {
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
    /// Frees the cell, with nothing in its union.
    ///
    /// # Safety
    ///
    /// The caller held the last reference.
    free: unsafe fn(NonNull<Core>),
}

/// A counted reference to a cell; dropping it drops the count.
pub(super) struct TaskRef(NonNull<Core>);

// SAFETY: the cell is shared between threads as the state word allows; the futures and outputs in
// it are `Send`, see `allocate`.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

/// Makes a cell, scheduled and enqueued, with two references: the handle's and the queue entry's.
pub(super) fn allocate<F>(pool: Arc<Pool>, future: F, kind: Kind) -> (TaskRef, Work)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let cell = Box::new(Cell {
        core: Core {
            header: Header::new(&Types::<F>::VTABLE, kind),
            state: State::new(),
            ops: &Types::<F>::OPS,
            id: TaskId::next(),
            pool,
            waiter: UnsafeCell::new(None),
        },
        stage: UnsafeCell::new(Stage { future: ManuallyDrop::new(future) }),
    });
    let core = NonNull::from(Box::leak(cell)).cast::<Core>();
    let handle = TaskRef(core);
    // SAFETY: the entry's reference keeps the cell until the work is run or shut down; the future
    // and the output are Send.
    let work = unsafe { Work::from_header(core.cast()) };
    (handle, work)
}

/// The tables of one type of task.
struct Types<F>(F);

impl<F> Types<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    const VTABLE: VTable = VTable {
        run: |header| {
            // SAFETY: the table is used by cells of `F` only (`allocate`), and the caller gives up
            // the entry's reference.
            unsafe { harness::run::<F>(TaskRef(header.cast())) }
        },
        shutdown: |header| {
            // SAFETY: as above.
            unsafe { harness::shutdown::<F>(TaskRef(header.cast())) }
        },
        acquire: |header| {
            // SAFETY: the caller says that the cell is allocated.
            let core = unsafe { header.cast::<Core>().as_ref() };
            match core.state.try_acquire() {
                // SAFETY: a reference has been counted for this work.
                Acquire::Acquired => Some(unsafe { Work::from_header(header) }),
                Acquire::Over => None,
            }
        },
        describe: std::any::type_name::<F>,
    };

    const OPS: Ops = Ops {
        run_claimed: |core, claimed| {
            // SAFETY: a cell of `F`, claimed by the caller, whose reference is given up.
            unsafe { harness::run_claimed::<F>(TaskRef(core), claimed) }
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
        free: |core| {
            // SAFETY: allocated by a Box in `allocate`; the caller held the last reference. What
            // was in the union is gone, and a union drops nothing.
            drop(unsafe { Box::from_raw(core.cast::<Cell<F>>().as_ptr()) });
        },
    };
}

impl TaskRef {
    pub(super) fn core(&self) -> &Core {
        // SAFETY: this reference keeps the cell allocated.
        unsafe { self.0.as_ref() }
    }

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

    pub(super) fn into_ptr(self) -> NonNull<Core> {
        ManuallyDrop::new(self).0
    }

    /// The right to run the task: this reference becomes the queue entry's.
    pub(super) fn into_work(self) -> Work {
        // SAFETY: the reference keeps the cell until the work is run or shut down.
        unsafe { Work::from_header(self.into_ptr().cast()) }
    }

    /// Queues the task at its pool; this reference becomes the entry's.
    pub(super) fn schedule(self, place: Place) {
        // Once it is queued the task may end and be freed, and its pointer to the pool with it.
        match current::worker_of(&self.core().pool) {
            Some(context) => context.schedule(self.into_work(), place),
            None => {
                let pool = Arc::clone(&self.core().pool);
                pool.inject(self.into_work());
            }
        }
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> Self {
        self.core().state.add_ref();
        Self(self.0)
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        match self.core().state.drop_ref() {
            RefDropped::Others => {}
            // SAFETY: this was the last reference.
            RefDropped::Free => unsafe { free(self.0) },
            RefDropped::Abandoned => Self(self.0).schedule(Place::Back),
        }
    }
}

/// Frees a cell with nothing in its union.
///
/// # Safety
///
/// Nobody holds a reference, or will look at it through one.
pub(super) unsafe fn free(core: NonNull<Core>) {
    // SAFETY: the cell is allocated.
    let this = unsafe { core.as_ref() };
    if this.header.is_registered() {
        // SAFETY: it was registered with this key.
        unsafe { this.pool.registry.remove(this.id.as_u64(), core.cast()) };
    }
    // A waker that both the handle and the runner left behind may panic when it is dropped.
    // SAFETY: nobody else looks at the cell.
    drop_contained(this.waiter.with_mut(|waiter| unsafe { (*waiter).take() }));
    // SAFETY: the caller says so.
    unsafe { (this.ops.free)(core) };
}

impl Core {
    pub(super) fn header(&self) -> &Header {
        &self.header
    }
}

/// Runs `f`; a panic becomes an error.
pub(super) fn contain<R>(f: impl FnOnce() -> R) -> Result<R, TaskError> {
    catch_unwind(AssertUnwindSafe(f))
        .map_err(|payload| TaskError::Panicked(moirai_sync::Panicked::new(payload)))
}

/// Drops `value`; if that panics, the panic ends here, and so does one from its payload's drop.
pub(super) fn drop_contained<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        let second = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        // A payload whose drop panics with another such payload is leaked.
        let _leaked: ManuallyDrop<Result<(), Box<dyn Any + Send>>> = ManuallyDrop::new(second);
    }
}
