//! Tasks in any number, and their memory back: its own binary, for the counting allocator.

#![allow(unsafe_code, reason = "a counting allocator")]
#![allow(clippy::unwrap_used, reason = "what a test calls")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::Command;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

use moirai_runtime::{Runtime, TaskHandle, spawn};

struct Counting;

static LIVE_BYTES: AtomicIsize = AtomicIsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator, with counters beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as isize, Ordering::Relaxed);
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, so that nothing else allocates meanwhile. In a child process with one malloc arena,
/// trimmed before it is measured: this shows that the tasks leave nothing behind, and not what glibc
/// keeps of what they freed. Left alone, it keeps the memory of a million tasks (135 MB) now and then.
#[test]
fn every_task_is_one_allocation_and_gives_it_back() {
    if std::env::var_os(CHILD).is_none() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "every_task_is_one_allocation_and_gives_it_back", "--nocapture"])
            .envs([(CHILD, "1"), ("MALLOC_ARENA_MAX", "1")])
            .status();
        assert!(child.unwrap().success());
        return;
    }
    one_allocation_per_spawn();
    for tasks in [100_000, 1_000_000] {
        memory_returns(tasks);
    }
}

/// Set in the child.
const CHILD: &str = "MOIRAI_MEMORY_TEST";

fn one_allocation_per_spawn() {
    let runtime = Runtime::builder().worker_threads(1).build().unwrap();
    let mut handles: Vec<TaskHandle<u64>> = Vec::with_capacity(1000);
    // The first task wakes the worker; what is lazy is made by it.
    runtime.spawn(async { 1 }).join().unwrap();
    let before = ALLOCATIONS.load(Ordering::SeqCst);
    handles.extend((0..1000).map(|i| runtime.spawn(async move { i })));
    let spawned = ALLOCATIONS.load(Ordering::SeqCst) - before;
    assert_eq!(spawned, 1000, "allocations for 1000 spawns");
    assert_eq!(handles.into_iter().map(|handle| handle.join().unwrap()).sum::<u64>(), 499_500);
    eprintln!("1000 spawns: {spawned} allocations");
}

/// Live bytes are compared around a whole runtime: its drop waits for the workers, so nothing is on
/// its way to be freed.
fn memory_returns(tasks: u64) {
    // What threads and runtimes make once and keep is made by the first.
    cycles(1000);
    let before = LIVE_BYTES.load(Ordering::SeqCst);
    let resident = cycles(tasks);
    let live = LIVE_BYTES.load(Ordering::SeqCst) - before;
    assert_eq!(live, 0, "live heap bytes after {tasks} tasks, four times");
    let growth = resident[3] as i64 - resident[2] as i64;
    assert!(growth <= 1 << 20, "resident bytes grew by {growth}");
    eprintln!("{tasks} tasks: {live} live bytes more, resident {resident:?}");
}

/// Spawns and joins `tasks` from outside and from inside, four times on one runtime; returns the
/// resident bytes after each.
fn cycles(tasks: u64) -> [usize; 4] {
    let runtime = Runtime::builder().worker_threads(2).build().unwrap();
    let expected = tasks * (tasks - 1) / 2;
    // Room for the handles is made once: it is the test's, not the tasks'.
    let mut handles: Vec<TaskHandle<u64>> = Vec::with_capacity(tasks as usize);
    std::array::from_fn(|_| {
        handles.extend((0..tasks).map(|i| runtime.spawn(async move { i })));
        let outside: u64 = handles.drain(..).map(|handle| handle.join().unwrap()).sum();
        let inside = runtime.spawn(async move {
            let mut sum = 0;
            for handle in (0..tasks).map(|i| spawn(async move { i })).collect::<Vec<_>>() {
                sum += handle.await.unwrap();
            }
            sum
        });
        assert_eq!((outside, inside.join().unwrap()), (expected, expected));
        resident_bytes()
    })
}

/// The resident memory without what malloc keeps for later.
fn resident_bytes() -> usize {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        // SAFETY: may be called at any time; it returns free pages to the system.
        unsafe { malloc_trim(0) };
    }
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
