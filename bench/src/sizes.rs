//! Suite `sizes`: the bytes that a task of ours takes, beside the goals. It fails where one is missed.
//!
//! Sizes are exact and have no rivals, so there are no rounds; `exec` compares resident memory. The
//! sizes of a handle and a header come from types; that they are what a task takes is seen from the
//! chunks that many pending tasks fill, and from the resident memory of this process.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use moirai_runtime::{TaskHandle, TaskPool, TaskResult};

use crate::exec::memory::{PENDING, Pending, SMALL_WORDS};
use crate::harness::{CaseResult, Row};
use crate::machine;
use crate::peer::Peer as _;
use crate::peer::moirai::Moirai;

/// The name of the suite.
pub(crate) const NAME: &str = "sizes";

/// What a handle takes: one pointer.
const HANDLE_BYTES_GOAL: usize = size_of::<*const ()>();

/// What a task takes besides its future or its output.
const HEADER_BYTES_GOAL: usize = 40;

/// What a pending task with a small future takes, all in.
const SMALL_TASK_BYTES_GOAL: usize = 96;

/// Cases that are compared with each other.
const SMALL_TASK: &str = "small_task";
const SMALL_TASK_CHUNKS: &str = "small_task_chunks";

/// Words of a future or an output with which a task has a size that tasks come in: nothing is left
/// over. The output has a word besides, which says whether it is one.
const LARGE_WORDS: usize = 27;

/// One size, and the most that it may be.
#[derive(Debug)]
struct Size {
    case: &'static str,
    what: &'static str,
    bytes: f64,
    goal: usize,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Sizes(Vec<Size>);

/// Measures handle, header and pending tasks.
///
/// # Errors
///
/// If a task does something else than to wait, or if the kernel does not tell what is resident.
pub(crate) fn measure() -> Result<Sizes, String> {
    let small = small_tasks()?;
    let handle = size_of::<TaskHandle<u64>>();
    let future = header::<LARGE_WORDS, 1>();
    let output = header::<1, { LARGE_WORDS - 1 }>();
    let size = |case, what, bytes, goal| Size { case, what, bytes, goal };
    Ok(Sizes(vec![
        size("handle", "TaskHandle<u64>", handle as f64, HANDLE_BYTES_GOAL),
        size("header", "task less its future of 216 bytes", future as f64, HEADER_BYTES_GOAL),
        size(
            "header_output",
            "task less its output of 216 bytes",
            output as f64,
            HEADER_BYTES_GOAL,
        ),
        size(SMALL_TASK, "pending task, future of 24 bytes", small.cell, SMALL_TASK_BYTES_GOAL),
        size(SMALL_TASK_CHUNKS, "the same: chunks in use", small.chunks, SMALL_TASK_BYTES_GOAL),
        size("small_task_resident", "the same: resident", small.resident, SMALL_TASK_BYTES_GOAL),
    ]))
}

/// What a small pending task takes, by three accounts.
struct SmallTask {
    cell: f64,
    chunks: f64,
    resident: f64,
}

/// Call this before anything else uses and frees memory, which would be used again unseen.
fn small_tasks() -> Result<SmallTask, String> {
    let runtime = Moirai::start()?;
    let mut pending = Pending::new(&runtime, PENDING);
    let before = machine::resident_bytes()?;
    pending.spawn::<SMALL_WORDS>();
    let resident = machine::resident_bytes()?.saturating_sub(before) as f64 / PENDING as f64;
    let pool = runtime.spawner().task_pool();
    pending.check()?;
    let chunks = pool.bytes() as f64 / PENDING as f64;
    Ok(SmallTask { cell: task_bytes::<{ 1 + SMALL_WORDS }, 1>() as f64, chunks, resident })
}

/// What a task takes besides the larger of its future and its output, of so many words each.
fn header<const FUTURE: usize, const OUTPUT: usize>() -> usize {
    let future = size_of::<Waiting<FUTURE, OUTPUT>>();
    task_bytes::<FUTURE, OUTPUT>() - future.max(size_of::<TaskResult<[u64; OUTPUT]>>())
}

fn task_bytes<const FUTURE: usize, const OUTPUT: usize>() -> usize {
    TaskPool::task_bytes::<Waiting<FUTURE, OUTPUT>>()
}

/// A future of so many words with an output of so many, never ready.
struct Waiting<const FUTURE: usize, const OUTPUT: usize>([u64; FUTURE]);

impl<const FUTURE: usize, const OUTPUT: usize> Future for Waiting<FUTURE, OUTPUT> {
    type Output = [u64; OUTPUT];

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<[u64; OUTPUT]> {
        Poll::Pending
    }
}

impl Sizes {
    /// The suite's results, as those of the others.
    pub(crate) fn results(&self) -> Vec<CaseResult> {
        let result = |&Size { case, what, bytes, .. }: &Size| {
            let rows = vec![Row { peer: Moirai::NAME, samples: Ok(vec![bytes]) }];
            CaseResult { case, unit: "bytes", what, rows }
        };
        self.0.iter().map(result).collect()
    }

    /// Compares every size with its goal, and the accounts of a small task with each other.
    ///
    /// # Errors
    ///
    /// All that is not as it shall be.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut complaints = Vec::new();
        for Size { case, what, bytes, goal } in &self.0 {
            if *bytes > *goal as f64 {
                complaints.push(format!(
                    "`{case}` ({what}) is {bytes:.1} bytes, expected {goal} at most"
                ));
            }
        }
        let of = |name| self.0.iter().find(|size| size.case == name).map_or(0.0, |size| size.bytes);
        let (cell, chunks) = (of(SMALL_TASK), of(SMALL_TASK_CHUNKS));
        if chunks < cell {
            complaints
                .push(format!("chunks of {chunks:.1} bytes a task cannot hold tasks of {cell}"));
        }
        match complaints.is_empty() {
            true => Ok(()),
            false => Err(complaints.join("\n  ")),
        }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sizes  [bytes, of ours]")?;
        writeln!(f, "  {:<24}{:<36}{:>8}{:>8}", "case", "what", "bytes", "goal")?;
        for Size { case, what, bytes, goal } in &self.0 {
            writeln!(f, "  {case:<24}{what:<36}{bytes:>8.1}{goal:>8}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(bytes: [f64; 3]) -> Sizes {
        let [handle, cell, chunks] = bytes;
        Sizes(vec![
            Size { case: "handle", what: "a handle", bytes: handle, goal: 8 },
            Size { case: SMALL_TASK, what: "a task", bytes: cell, goal: 96 },
            Size { case: SMALL_TASK_CHUNKS, what: "chunks", bytes: chunks, goal: 96 },
        ])
    }

    #[test]
    fn types_keep_to_their_goals() {
        assert_eq!(size_of::<TaskHandle<u64>>(), HANDLE_BYTES_GOAL);
        assert!(header::<LARGE_WORDS, 1>() <= HEADER_BYTES_GOAL);
        assert!(header::<1, { LARGE_WORDS - 1 }>() <= HEADER_BYTES_GOAL);
    }

    #[test]
    fn a_header_is_looked_at_where_nothing_is_left_over() {
        assert_eq!(size_of::<Waiting<LARGE_WORDS, 1>>(), 216);
        assert_eq!(size_of::<TaskResult<[u64; LARGE_WORDS - 1]>>(), 216);
        assert_eq!(size_of::<Waiting<{ 1 + SMALL_WORDS }, 1>>(), 24);
    }

    #[test]
    fn every_size_stands_beside_its_goal() {
        let sizes = sizes([8.0, 64.0, 64.26]).to_string();
        let rows: Vec<Vec<&str>> =
            sizes.lines().map(|row| row.split_whitespace().rev().take(2).collect()).collect();
        assert_eq!(rows[2..], [["8", "8.0"], ["96", "64.0"], ["96", "64.3"]]);
    }

    #[test]
    fn a_goal_that_is_missed_is_named() {
        assert_eq!(sizes([8.0, 96.0, 96.0]).check(), Ok(()));
        let complaint = sizes([16.0, 80.0, 96.5]).check().unwrap_err();
        assert!(complaint.contains("`handle` (a handle) is 16.0 bytes, expected 8"), "{complaint}");
        assert!(complaint.contains("`small_task_chunks` (chunks) is 96.5 bytes"), "{complaint}");
        assert!(!complaint.contains("`small_task`"), "{complaint}");
    }

    #[test]
    fn chunks_that_are_smaller_than_their_tasks_are_no_figure() {
        let complaint = sizes([8.0, 80.0, 64.0]).check().unwrap_err();
        assert_eq!(complaint, "chunks of 64.0 bytes a task cannot hold tasks of 80");
    }
}
