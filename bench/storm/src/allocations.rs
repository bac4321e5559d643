//! The allocator of this program: the system's, with a counter that a process may switch on.
//!
//! Only the processes that look at the counter switch it on: child processes that time nothing.
//! Everywhere else an allocation costs one load of a flag that never changes and a branch that is
//! never taken, of every peer alike.

#![allow(unsafe_code, reason = "a global allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// Counts from now on, on all threads.
pub fn count() {
    COUNTS.store(true, Ordering::Relaxed);
}

/// How often any thread has allocated or reallocated since [`count`].
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// How many bytes `f` allocates and does not give back, and what it returns. For processes in which
/// nobody else allocates meanwhile.
pub fn bytes_of<T>(f: impl FnOnce() -> T) -> (u64, T) {
    let before = BYTES.load(Ordering::Relaxed);
    let counted = COUNTS.swap(true, Ordering::Relaxed);
    let value = f();
    COUNTS.store(counted, Ordering::Relaxed);
    (BYTES.load(Ordering::Relaxed).wrapping_sub(before), value)
}

/// The system's allocator, watched.
struct Counting;

impl Counting {
    fn note(bytes: usize, given_back: usize) {
        if COUNTS.load(Ordering::Relaxed) {
            ALLOCATIONS.fetch_add(u64::from(bytes > 0), Ordering::Relaxed);
            BYTES.fetch_add((bytes as u64).wrapping_sub(given_back as u64), Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing and
// never unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size(), 0);
        // SAFETY: the caller's promises are those of `System.alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size(), 0);
        // SAFETY: the caller's promises are those of `System.alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note(size, layout.size());
        // SAFETY: the caller's promises are those of `System.realloc`; the block is the system's.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Self::note(0, layout.size());
        // SAFETY: the caller's promises are those of `System.dealloc`; the block is the system's.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    /// Other tests allocate at the same time: it may be more.
    #[test]
    fn allocations_are_counted_once_it_is_switched_on() {
        count();
        let before = allocations();
        let mut block: Vec<u64> = black_box(Vec::with_capacity(1));
        assert!(allocations() > before);
        let before = allocations();
        block.reserve_exact(1 << 10);
        assert!(allocations() > before);
    }
}
