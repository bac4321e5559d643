//! A task's cell as a `Waker`: each clone is one of its references.

#![allow(unsafe_code, reason = "a waker's vtable over cells; model: src/model/task.rs")]

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::sched::current::{self, Place};

use crate::unwind::call_contained;

use super::raw::{Core, TaskRef};
use super::state::{Plain, ToScheduled, Woken};

/// A waker for the time of one poll: it borrows the runner's reference, and its clones have their
/// own.
pub(super) fn borrowed(task: &TaskRef) -> BorrowedWaker<'_> {
    let raw = RawWaker::new(task.as_ptr().as_ptr().cast_const().cast(), &VTABLE);
    // SAFETY: the table's functions keep the contract of RawWaker; the reference that a drop would
    // give up is never dropped, by the ManuallyDrop.
    let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
    BorrowedWaker { waker, _task: std::marker::PhantomData }
}

pub(super) struct BorrowedWaker<'a> {
    waker: ManuallyDrop<Waker>,
    _task: std::marker::PhantomData<&'a TaskRef>,
}

impl Deref for BorrowedWaker<'_> {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.waker
    }
}

/// The cell that `waker` wakes, if it is one.
#[inline]
pub(super) fn core_of(waker: &Waker) -> Option<&Core> {
    // SAFETY: a waker of this table, whose reference keeps the cell while the waker is borrowed.
    ptr::eq(waker.vtable(), &VTABLE).then(|| unsafe { &*waker.data().cast() })
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// # Safety
///
/// `data` is that of a waker of this table, whose reference is lent.
unsafe fn lend(data: *const ()) -> ManuallyDrop<TaskRef> {
    // SAFETY: wakers of this table are made from a cell's pointer only, with a reference.
    ManuallyDrop::new(unsafe {
        TaskRef::from_ptr(NonNull::new_unchecked(data.cast_mut()).cast::<Core>())
    })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: called with a waker of this table.
    let task = unsafe { lend(data) };
    RawWaker::new(TaskRef::clone(&task).into_ptr().as_ptr().cast_const().cast(), &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: called with a waker of this table, whose reference is given up.
    let task = ManuallyDrop::into_inner(unsafe { lend(data) });
    wake_task::<NEXT>(task);
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: called with a waker of this table.
    let task = unsafe { lend(data) };
    wake_task_by_ref(&task, Place::Next);
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: called with a waker of this table, whose reference is given up.
    drop(ManuallyDrop::into_inner(unsafe { lend(data) }));
}

/// Wakes whoever waits for a task that has ended, at `place`; the panic of a waker ends here.
#[inline]
pub(super) fn wake_joiner<const PLACE: u8>(waker: Waker) {
    if !ptr::eq(waker.vtable(), &VTABLE) {
        return call_contained(|| waker.wake());
    }
    let waker = ManuallyDrop::new(waker);
    // SAFETY: a waker of this table, whose reference is given up: it is not used again.
    let task = ManuallyDrop::into_inner(unsafe { lend(waker.data()) });
    wake_task::<PLACE>(task);
}

/// Places as parameters of functions.
const NEXT: u8 = 0;
/// For the joiner of what a worker has run from its queue.
pub(super) const JOINED: u8 = 1;
/// For the joiner of what was run in place, inside something that goes on.
pub(super) const BACK: u8 = 2;

/// On a worker of the task's pool the reference becomes the entry's.
#[inline]
fn wake_task<const PLACE: u8>(task: TaskRef) {
    // Known when this is compiled: queueing is short, once it is clear where.
    let place = match PLACE {
        JOINED => Place::Joined,
        BACK => Place::Back,
        _ => Place::Next,
    };
    current::with_else(
        task,
        |task, context| match &context.local {
            Some(local) if ptr::eq(context.pool, task.pool()) => {
                if let Some(side) = task.side() {
                    side.woken();
                }
                let state = &task.core().state;
                if PLACE == JOINED && context.takes_over(local) && state.is_plain() == Plain::Yes {
                    return match state.hand_over() {
                        // SAFETY: the state is RUNNING, and the reference is the runner's.
                        Woken::Push => unsafe { task.hand_over(local) },
                        // SAFETY: the reference has just been given up.
                        Woken::Dropped(dropped) => unsafe {
                            ManuallyDrop::new(task).dropped(dropped);
                        },
                    };
                }
                match state.wake() {
                    // SAFETY: the reference is the entry's, and a worker holds its pool.
                    Woken::Push => unsafe { task.enqueue_here(context, local, place) },
                    // SAFETY: the reference has just been given up.
                    Woken::Dropped(dropped) => unsafe { ManuallyDrop::new(task).dropped(dropped) },
                }
            }
            _ => wake_task_elsewhere(task, place),
        },
        |task| wake_task_elsewhere(task, place),
    );
}

/// The reference holds the pool until the task is queued and a worker woken for it.
#[inline(never)]
fn wake_task_elsewhere(task: TaskRef, place: Place) {
    wake_task_by_ref(&task, place);
}

fn wake_task_by_ref(task: &TaskRef, place: Place) {
    if let Some(side) = task.side() {
        side.woken();
    }
    match task.core().state.to_scheduled() {
        // SAFETY: a reference has been counted for the queue entry.
        ToScheduled::Push => unsafe { task.schedule(place) },
        ToScheduled::Nothing => {}
    }
}
