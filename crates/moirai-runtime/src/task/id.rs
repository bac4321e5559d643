//! Names for tasks.

use std::fmt;

use crate::slab::CellName;

/// Names a task: no two tasks of a process have the same.
///
/// The name says where the task's memory is and how often that has been used, so it costs nothing
/// to make; names are not in the order of the spawns.
///
/// # Examples
///
/// ```
/// let first = moirai_runtime::spawn(async {});
/// let second = moirai_runtime::spawn(async {});
/// assert_ne!(first.id(), second.id());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(CellName);

impl TaskId {
    pub(super) fn new(name: CellName) -> Self {
        Self(name)
    }

    pub(super) fn name(self) -> CellName {
        self.0
    }

    /// The number behind the name.
    pub fn as_u64(self) -> u64 {
        self.0.as_u64()
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.as_u64())
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_u64())
    }
}
