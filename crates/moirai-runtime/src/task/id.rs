//! Names for tasks.

use std::cell::Cell;
use std::fmt;

use moirai_sync::__prim::Counter;

/// Names a task: no two tasks of a process have the same.
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
    /// The next id: from a range that the thread owns, so that spawning threads do not meet.
    pub(crate) fn next() -> Self {
        let id = RANGE.try_with(|range| {
            let (mut next, mut end) = range.get();
            if next == end {
                next = IDS.take(RANGE_LEN);
                end = next + RANGE_LEN;
            }
            range.set((next + 1, end));
            next
        });
        // Where the thread-locals are gone, one at a time.
        Self(id.unwrap_or_else(|_| IDS.take(1)))
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

/// Ids that a thread takes at a time.
const RANGE_LEN: u64 = 1024;

static IDS: Counter = Counter::new(1);

std::thread_local! {
    static RANGE: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}
