//! One half of a join, on the stack of whoever forked it.
//!
//! ```text
//!                      pop: own                                the owner runs it, in place
//!   forked ────────────────────────────────────────────────────────────────────────────► over
//!      │                                                                                  ▲
//!      │ published, and taken by a worker                                                 │
//!      └───────────► away ── run: result written ── latch set ── the owner takes the result
//! ```
//!
//! **Who may touch what.** The owner has the closure until the job is away, and the result once the
//! latch is set. In between both are the runner's. The runner does not touch the frame once it has
//! set the latch.
//!
//! All pointers to a job are made from one `&raw const` of the whole of it, and everything that changes
//! behind them is in a cell.

#![allow(unsafe_code, reason = "a closure and its result in one place; model: src/model/join.rs")]

use std::any::type_name;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use moirai_sync::__prim::UnsafeCell;

use crate::sched::current;
use crate::sched::latch::Latch;
use crate::sched::offers::Offer;
use crate::sched::work::{Header, Kind, VTable};
use crate::unwind::{Caught, catch};

use super::context::FnContext;

#[repr(C)]
pub(super) struct StackJob<F, R> {
    /// First: a pointer to it is a pointer to the job.
    offer: Offer,
    stage: UnsafeCell<Stage<F, R>>,
}

union Stage<F, R> {
    closure: ManuallyDrop<F>,
    result: ManuallyDrop<Caught<R>>,
}

/// The tables of one type of job.
struct Types<F, R>(F, R);

impl<F, R> Types<F, R>
where
    F: FnOnce(FnContext) -> R + Send,
    R: Send,
{
    const VTABLE: VTable = VTable {
        run: |header| {
            // SAFETY: the table is used by jobs of these types only, and what is run is away.
            unsafe { StackJob::<F, R>::run_away(header) }
        },
        // Its owner waits for it.
        shutdown: |header| {
            // SAFETY: as above.
            unsafe { StackJob::<F, R>::run_away(header) }
        },
        describe: type_name::<F>,
        kind: Kind::Job,
    };
}

impl<F, R> StackJob<F, R>
where
    F: FnOnce(FnContext) -> R + Send,
    R: Send,
{
    #[inline(always)]
    pub(super) fn new(closure: F) -> Self {
        // SAFETY: the table is a constant.
        let header = unsafe { Header::new(NonNull::from(&Types::<F, R>::VTABLE)) };
        Self {
            offer: Offer::new(header),
            stage: UnsafeCell::new(Stage { closure: ManuallyDrop::new(closure) }),
        }
    }

    /// Takes the closure.
    ///
    /// # Safety
    ///
    /// The job is the caller's, and the closure is taken once.
    #[inline(always)]
    pub(super) unsafe fn closure(this: *const Self) -> F {
        // SAFETY: the caller says so.
        unsafe { (*this).stage.with_mut(|stage| ManuallyDrop::take(&mut (*stage).closure)) }
    }

    /// Takes the result.
    ///
    /// # Safety
    ///
    /// The latch is set, and the result is taken once, by the owner.
    pub(super) unsafe fn result(this: *const Self) -> Caught<R> {
        // SAFETY: the runner has written it before it set the latch.
        unsafe { (*this).stage.with_mut(|stage| ManuallyDrop::take(&mut (*stage).result)) }
    }

    /// Runs a job that was taken from its owner.
    ///
    /// # Safety
    ///
    /// `header` is that of a job of these types, which was taken out of a place by the caller, who
    /// runs it once.
    unsafe fn run_away(header: NonNull<Header>) {
        let this = header.cast::<Self>().as_ptr().cast_const();
        // SAFETY: it was taken out of a place, and is ours; its owner waits for the latch.
        let (tree, closure) = unsafe { ((*this).offer.tree(), Self::closure(this)) };
        let closure = || catch(|| closure(FnContext { migrated: true }));
        let result = current::with_else(
            closure,
            |closure, context| context.forks.within(tree, closure),
            |closure| closure(),
        );
        // SAFETY: the place is empty and ours. The latch is the last that we touch.
        unsafe {
            (*this).stage.with_mut(|stage| (*stage).result = ManuallyDrop::new(result));
            Latch::set(Offer::latch(this.cast()));
        }
    }
}
