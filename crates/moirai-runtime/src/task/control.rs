//! Asking for a task, and ending it, by its name.
//!
//! There is no table of tasks: a name says in which chunk the task's cell lies, where in it, and the
//! how manieth use of it the task is. So a name costs a spawn nothing, and one that is older than the
//! cell's present use finds nobody.

#![allow(unsafe_code, reason = "takes references to cells by name; model: src/model/control.rs")]

use crate::sched::pool::Pool;
use crate::trace::TaskStatus;

use super::id::TaskId;
use super::raw::TaskRef;

/// How the task of this name stands, or has ended if that is remembered.
pub(crate) fn status(pool: &Pool, id: TaskId) -> TaskStatus {
    match find(pool, id) {
        Some(task) => task.core().state.status(),
        // It has ended, and has been remembered before its cell was given back.
        None => pool.ended.find(id.as_u64()).map_or(TaskStatus::Unknown, TaskStatus::from),
    }
}

/// Asks the task of this name to end; returns how it stands then.
pub(crate) fn cancel(pool: &Pool, id: TaskId) -> TaskStatus {
    if let Some(task) = find(pool, id) {
        task.cancel();
    }
    status(pool, id)
}

/// The task of this name, if it has not been freed.
fn find(pool: &Pool, id: TaskId) -> Option<TaskRef> {
    let cell = pool.slab.find(id.name())?;
    // SAFETY: a pool's cells are those of tasks, and a reference to this one was counted for us.
    Some(unsafe { TaskRef::from_ptr(cell.cast()) })
}
