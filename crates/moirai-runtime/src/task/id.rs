//! Names for tasks.

use std::fmt;

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
pub struct TaskId(u64);

impl TaskId {
    pub(super) fn new(serial: u64) -> Self {
        Self(serial)
    }

    /// The number behind the name.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
