//! The allocator of this program: the system's, with counters that a process may switch on.
//!
//! Only the processes that look at the counters switch them on: child processes that time nothing,
//! and the suite `sizes`. Everywhere else an allocation costs one load of a flag that never changes
//! and a branch that is never taken, of every peer alike.

#![allow(unsafe_code, reason = "a global allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

/// Counts from now on, on all threads.
pub(crate) fn count() {
    COUNTS.store(true, Ordering::Relaxed);
}

/// How often any thread has allocated or reallocated since [`count`].
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// The bytes asked for less the bytes given back since [`count`].
pub(crate) fn live_bytes() -> i64 {
    LIVE_BYTES.load(Ordering::Relaxed)
}

/// The system's allocator, watched.
struct Counting;

impl Counting {
    fn note(allocations: u64, grown_by: i64) {
        if COUNTS.load(Ordering::Relaxed) {
            ALLOCATIONS.fetch_add(allocations, Ordering::Relaxed);
            LIVE_BYTES.fetch_add(grown_by, Ordering::Relaxed);
        }
    }
}

/// A layout's size is at most `isize::MAX`.
fn signed(bytes: usize) -> i64 {
    bytes as i64
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing and
// never unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(1, signed(layout.size()));
        // SAFETY: the caller's promises are those of `System.alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note(1, signed(layout.size()));
        // SAFETY: the caller's promises are those of `System.alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note(1, signed(size) - signed(layout.size()));
        // SAFETY: the caller's promises are those of `System.realloc`; the block is the system's.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Self::note(0, -signed(layout.size()));
        // SAFETY: the caller's promises are those of `System.dealloc`; the block is the system's.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    /// Other tests allocate at the same time: only what is much larger than theirs can be seen.
    #[test]
    fn blocks_are_counted_while_they_live() {
        const LARGE: usize = 1 << 30;
        const HALF: i64 = 1 << 29;
        count();
        let (allocations_before, bytes_before) = (allocations(), live_bytes());
        // Address space only: nobody touches it.
        let block: Vec<u8> = black_box(Vec::with_capacity(LARGE));
        assert!(live_bytes() - bytes_before > HALF);
        drop(block);
        assert!(live_bytes() - bytes_before < HALF);
        assert!(allocations() > allocations_before);
    }
}
