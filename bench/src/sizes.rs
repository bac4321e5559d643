//! Suite `sizes`: the bytes that a task of ours takes, beside the goals.
//!
//! Bytes are exact, so there are no rounds and no rivals; `exec` compares resident memory.

use std::fmt;

use moirai_runtime::TaskHandle;

use crate::allocations;
use crate::exec::memory::{PENDING, Pending, SMALL_WORDS};
use crate::peer::Peer as _;
use crate::peer::moirai::Moirai;

/// The name of the suite.
pub(crate) const NAME: &str = "sizes";

/// What a handle takes, always.
const HANDLE_BYTES: usize = size_of::<*const ()>();

/// What a task shall take besides its future or its output.
const HEADER_BYTES_GOAL: usize = 40;

/// Words of a future that is larger than the output of any task here, besides a pointer.
const LARGE_WORDS: usize = 31;
const LARGE_BYTES: f64 = 256.0;

/// What was found, in bytes.
#[derive(Debug)]
pub(crate) struct Sizes {
    handle: usize,
    small_task: f64,
    header: f64,
}

/// Measures handle, task and header.
///
/// # Errors
///
/// If a handle is larger than a pointer, or if a task does something else than to wait.
pub(crate) fn measure() -> Result<Sizes, String> {
    let handle = size_of::<TaskHandle<u64>>();
    if handle != HANDLE_BYTES {
        return Err(format!("a task's handle takes {handle} bytes, expected {HANDLE_BYTES}"));
    }
    allocations::count();
    let small_task = heap_bytes::<SMALL_WORDS>()?;
    let header = heap_bytes::<LARGE_WORDS>()? - LARGE_BYTES;
    Ok(Sizes { handle, small_task, header })
}

/// What a pending task has asked of the allocator, with a future of a pointer and so many words: the
/// mean of many, so that a block which many tasks share is shared out.
fn heap_bytes<const WORDS: usize>() -> Result<f64, String> {
    let runtime = Moirai::start()?;
    let mut pending = Pending::new(&runtime, PENDING);
    let before = allocations::live_bytes();
    pending.spawn::<WORDS>();
    let grown = allocations::live_bytes() - before;
    pending.check()?;
    Ok(grown as f64 / PENDING as f64)
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handle, small_task, header } = self;
        writeln!(f, "sizes  [bytes, of ours]")?;
        writeln!(f, "  {:<44}{:>8}{:>8}", "what", "bytes", "goal")?;
        let handle_name = "TaskHandle<u64>";
        writeln!(f, "  {handle_name:<44}{handle:>8}{HANDLE_BYTES:>8}")?;
        let task_name = "heap of a pending task, future of 24 bytes";
        writeln!(f, "  {task_name:<44}{small_task:>8.0}{:>8}", "-")?;
        let header_name = "header: heap less a future of 256 bytes";
        writeln!(f, "  {header_name:<44}{header:>8.0}{HEADER_BYTES_GOAL:>8}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handle_of_a_task_is_one_pointer() {
        assert_eq!(size_of::<TaskHandle<u64>>(), HANDLE_BYTES);
    }

    #[test]
    fn every_size_stands_beside_its_goal() {
        let sizes = Sizes { handle: 8, small_task: 135.6, header: 112.2 }.to_string();
        let rows: Vec<Vec<&str>> =
            sizes.lines().map(|row| row.split_whitespace().rev().take(2).collect()).collect();
        assert_eq!(rows[2..], [["8", "8"], ["-", "136"], ["40", "112"]]);
    }
}
