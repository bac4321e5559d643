//! Tasks in any number, and their memory back: its own binary, for the counting allocator.

#![allow(unsafe_code, reason = "a counting allocator")]
#![allow(clippy::unwrap_used, reason = "what a test calls")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
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

/// One test, so that nothing else allocates meanwhile.
#[test]
fn a_spawn_allocates_nothing_and_every_task_gives_its_memory_back() {
    no_allocation_per_spawn();
    for tasks in [100_000, 1_000_000] {
        memory_returns(tasks);
    }
    dropped_handles_leave_nothing(0);
    dropped_handles_leave_nothing(1000);
    #[cfg(target_os = "linux")]
    a_page_is_faulted_in_once();
}

fn no_allocation_per_spawn() {
    let runtime = Runtime::builder().worker_threads(1).build().unwrap();
    let mut handles: Vec<TaskHandle<u64>> = Vec::with_capacity(1000);
    // The first task wakes the worker and takes a chunk; what is lazy is made by it.
    runtime.spawn(async { 1 }).join().unwrap();
    // A thread of the runtime may begin only now, and allocate what it needs for ever.
    let spawned = (0..5)
        .map(|_| {
            let before = ALLOCATIONS.load(Ordering::SeqCst);
            handles.extend((0..1000).map(|i| runtime.spawn(async move { i })));
            let spawned = ALLOCATIONS.load(Ordering::SeqCst) - before;
            let pool = runtime.handle().task_pool();
            assert!(pool.chunks <= 3, "chunks for 1000 tasks: {pool:?}");
            assert_eq!(
                handles.drain(..).map(|handle| handle.join().unwrap()).sum::<u64>(),
                499_500
            );
            spawned
        })
        .min();
    assert_eq!(spawned, Some(0), "allocations for 1000 spawns");
}

/// A spawn's first touch of new memory is a write. A page that is read first is mapped twice: as zeros that
/// all share, and as its own, of which every core of the process is told.
#[cfg(target_os = "linux")]
fn a_page_is_faulted_in_once() {
    const TASKS: usize = 20_000;
    const PAGE_BYTES: usize = 4096;
    let runtime = Runtime::builder().worker_threads(1).task_pool_kept_bytes(0).build().unwrap();
    let mut handles: Vec<TaskHandle<()>> = Vec::with_capacity(TASKS);
    handles.extend((0..TASKS).map(|_| runtime.spawn(async {})));
    handles.drain(..).for_each(|handle| handle.join().unwrap());
    let (pool, before) = (runtime.handle().task_pool(), page_faults_of_this_thread());
    handles.extend((0..TASKS).map(|_| runtime.spawn(std::future::pending())));
    let faults = page_faults_of_this_thread() - before;
    let mapped = runtime.handle().task_pool().mapped_chunks - pool.mapped_chunks;
    let pages = mapped as usize * moirai_runtime::TaskPool::CHUNK_BYTES / PAGE_BYTES;
    assert!(pages > 200, "{pages} new pages for {TASKS} tasks");
    assert!(faults < pages + pages / 2, "{faults} page faults for {pages} new pages");
}

/// Those that the system mends without a device.
#[cfg(target_os = "linux")]
fn page_faults_of_this_thread() -> usize {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the place is large enough, and is filled in unless the call fails.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    usage.ru_minflt as usize
}

/// Ten million tasks whose handles are dropped at once, spawned from outside and from inside in waves:
/// memory stays where it is. Fewer in a debug build. Fails if one of fifty keeps a reference to its
/// cell (`harness::complete`), or if what is retained of tasks grows with their number.
fn dropped_handles_leave_nothing(retained: usize) {
    const WAVE: u64 = 10_000;
    let waves = if cfg!(debug_assertions) { 100 } else { 1000 };
    let builder = Runtime::builder().worker_threads(2).task_retention(retained);
    let runtime = builder.build().unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let mut spawned = 0;
    let mut wave = |from_inside: bool| {
        let task = {
            let ran = Arc::clone(&ran);
            move || {
                let ran = Arc::clone(&ran);
                async move { [ran.fetch_add(1, Ordering::Relaxed); 16] }
            }
        };
        if from_inside {
            let all = async move { (0..WAVE).for_each(|_| spawn(task()).detach()) };
            runtime.spawn(all).join().unwrap();
        } else {
            (0..WAVE).for_each(|_| runtime.spawn(task()).detach());
        }
        spawned += WAVE as usize;
        while ran.load(Ordering::Relaxed) < spawned {
            std::thread::yield_now();
        }
    };
    (0..10).for_each(|n| wave(n % 2 == 0));
    let before = resident_bytes();
    (0..waves).for_each(|n| wave(n % 2 == 0));
    let growth = resident_bytes() as i64 - before as i64;
    assert!(growth <= 1 << 20, "resident bytes grew by {growth} over {spawned} tasks");
    eprintln!("{spawned} dropped handles, {retained} retained: resident bytes {growth:+}");
}

/// Live bytes are compared around a whole runtime: its drop waits for the workers, so nothing is on
/// its way to be freed.
///
/// Resident bytes say only that nothing else grows with the tasks: of the queues' arrays, a pointer for each
/// task at once, malloc keeps what it likes, more or less by which thread freed what in which order.
fn memory_returns(tasks: u64) {
    // What threads and runtimes make once and keep is made by the first.
    cycles(1000);
    let before = LIVE_BYTES.load(Ordering::SeqCst);
    let resident = cycles(tasks);
    let live = LIVE_BYTES.load(Ordering::SeqCst) - before;
    assert_eq!(live, 0, "live heap bytes after {tasks} tasks, four times");
    let growth = resident[3] as i64 - resident[2] as i64;
    let arrays = (size_of::<usize>() as u64 * tasks) as i64;
    assert!(growth <= (1 << 20) + arrays, "resident bytes grew by {growth}");
    eprintln!("{tasks} tasks: {live} live bytes more, resident {resident:?}");
}

/// Spawns and joins `tasks` from outside and from inside, four times on one runtime; returns the
/// resident bytes after each. Fails if more memory of tasks is left than the pool may keep.
fn cycles(tasks: u64) -> [usize; 4] {
    let runtime = Runtime::builder().worker_threads(2).build().unwrap();
    let expected = tasks * (tasks - 1) / 2;
    // Room for the handles is made once: it is the test's, not the tasks', and malloc may keep it.
    let mut handles: Vec<TaskHandle<u64>> = Vec::with_capacity(tasks as usize);
    std::array::from_fn(|_| {
        handles.extend((0..tasks).map(|i| runtime.spawn(async move { i })));
        let outside: u64 = handles.drain(..).map(|handle| handle.join().unwrap()).sum();
        let mut room = std::mem::take(&mut handles);
        let inside = runtime.spawn(async move {
            let mut sum = 0;
            room.extend((0..tasks).map(|i| spawn(async move { i })));
            for handle in room.drain(..) {
                sum += handle.await.unwrap();
            }
            (sum, room)
        });
        let (inside, room) = inside.join().unwrap();
        handles = room;
        assert_eq!((outside, inside), (expected, expected));
        let pool = runtime.handle().task_pool();
        assert!(pool.bytes() <= (1 << 20) + (256 << 10), "after {tasks} tasks: {pool:?}");
        resident_bytes()
    })
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
