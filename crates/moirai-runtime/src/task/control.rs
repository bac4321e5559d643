//! Asking for a task, and ending it, by its name.
//!
//! There is no table of tasks: a name says in which chunk the task's cell lies, where in it, and the
//! how manieth use of it the task is. So a name costs a spawn nothing, and one that is older than the
//! cell's present use finds nobody.

#![allow(unsafe_code, reason = "takes references to cells by name; model: src/model/control.rs")]

use std::ptr::NonNull;

use crate::sched::pool::Pool;
use crate::slab::Found;
use crate::trace::TaskStatus;

use super::id::TaskId;
use super::raw::TaskRef;
use super::state;

/// How the task of this name stands, or has ended if that is remembered.
pub(crate) fn status(pool: &Pool, id: TaskId) -> TaskStatus {
    match pool.slab.find(id.name()) {
        Some(Found::InUse(cell)) => task_of(cell).core().state.status(),
        Some(Found::Ended(word)) => state::status_of(word),
        // It has ended, and has been remembered before its cell was given back.
        None => pool.ended.find(id.as_u64()).map_or(TaskStatus::Unknown, TaskStatus::from),
    }
}

/// Asks the task of this name to end; returns how it stands then.
pub(crate) fn cancel(pool: &Pool, id: TaskId) -> TaskStatus {
    if let Some(Found::InUse(cell)) = pool.slab.find(id.name()) {
        task_of(cell).cancel();
    }
    status(pool, id)
}

/// The task in a cell that was found in a pool's slab.
fn task_of(cell: NonNull<u8>) -> TaskRef {
    // SAFETY: a pool's cells are those of tasks, and a reference to this one was counted for us.
    unsafe { TaskRef::from_ptr(cell.cast()) }
}
