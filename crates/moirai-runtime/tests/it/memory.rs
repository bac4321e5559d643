//! The memory of tasks: every size, names that do not come again, and what a runtime keeps.

use std::collections::HashSet;
use std::future::{Pending, Ready, pending};
use std::pin::Pin;
use std::task::{Context, Poll};

use moirai_runtime::{Builder, Runtime, TaskHandle, TaskPool, TaskResult};

use crate::{times, watch};

#[repr(align(64))]
struct Aligned64([u8; 64]);
#[repr(align(512))]
struct Aligned512(u8);
#[repr(align(65536))]
struct Aligned64K(u8);
#[repr(align(131072))]
struct Aligned128K(u8);

/// A future of 8000 bytes.
struct Large {
    _words: [u64; 1000],
}

impl Future for Large {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

fn runtime(change: impl FnOnce(Builder) -> Builder) -> Runtime {
    change(Runtime::builder().worker_threads(2)).build().unwrap()
}

#[test]
fn a_task_is_a_pointer_to_40_bytes_beside_its_future_or_output() {
    assert_eq!(size_of::<TaskHandle<[u64; 26]>>(), size_of::<*const ()>());
    // With 216 bytes of either, a task has a size that tasks come in: nothing is left over.
    let whole = |task: usize, future: usize, output: usize| {
        assert_eq!((task, future.max(output)), (256, 216), "future {future}, output {output}");
    };
    type Future216 = Ready<[u64; 26]>;
    whole(TaskPool::task_bytes::<Future216>(), size_of::<Future216>(), 216);
    type Output216 = Pending<[u64; 26]>;
    whole(TaskPool::task_bytes::<Output216>(), 0, size_of::<TaskResult<[u64; 26]>>());
    // A large output has a cell of its own, and a large future is a pointer to a box.
    type Output8000 = Pending<[u64; 1000]>;
    assert_eq!(TaskPool::task_bytes::<Output8000>(), size_of::<TaskResult<[u64; 1000]>>() + 40);
    assert_eq!(TaskPool::task_bytes::<Large>(), TaskPool::task_bytes::<Pending<()>>());
}

#[test]
fn outputs_of_every_size_and_alignment_come_back_whole() {
    fn check<const BYTES: usize>(runtime: &Runtime) {
        let handles: Vec<_> =
            (0..times(20) as u8).map(|n| runtime.spawn(async move { [n; BYTES] })).collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert!(handle.join().unwrap().iter().all(|&byte| byte == n as u8), "{BYTES} bytes");
        }
    }
    watch(|| {
        let runtime = runtime(|builder| builder);
        check::<0>(&runtime);
        check::<1>(&runtime);
        check::<24>(&runtime);
        check::<100>(&runtime);
        check::<1000>(&runtime);
        check::<5000>(&runtime);
        check::<5100>(&runtime);
        check::<{ times(100_000) }>(&runtime);
        let aligned = |value: usize, align| assert!(value.is_multiple_of(align));
        for n in 0..times(20) as u8 {
            let output = runtime.spawn_parallel(move || Aligned64([n; 64])).join().unwrap();
            aligned((&raw const output).addr(), 64);
            assert_eq!(output.0, [n; 64]);
            assert_eq!(runtime.spawn_parallel(move || Aligned512(n)).join().unwrap().0, n);
            assert_eq!(
                runtime.spawn_parallel(move || Box::new(Aligned64K(n))).join().unwrap().0,
                n
            );
        }
        // Where the output is too strictly aligned for a chunk, the cell has an allocation of its own.
        let before = runtime.handle().task_pool().solo_tasks;
        let large = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
            let runtime =
                Runtime::builder().worker_threads(1).thread_stack_bytes(16 << 20).build().unwrap();
            assert_eq!(runtime.spawn_parallel(|| Aligned64K(7)).join().unwrap().0, 7);
            assert_eq!(runtime.spawn_parallel(|| Aligned128K(8)).join().unwrap().0, 8);
            assert_eq!(runtime.handle().task_pool().solo_tasks, 2);
        });
        large.unwrap().join().unwrap();
        assert!(before >= times(20) as u64, "{before} tasks had an allocation of their own");
    });
}

/// Far more often than a cell may be used again.
#[test]
fn names_of_tasks_do_not_come_again() {
    watch(|| {
        const TASKS: usize = if cfg!(miri) { 50 } else { 150_000 };
        let runtime = runtime(|builder| builder);
        let ids = || {
            let mut ids = HashSet::new();
            for _ in 0..TASKS {
                let handle = runtime.spawn(async {});
                ids.insert(handle.id());
                handle.join().unwrap();
            }
            ids
        };
        let (here, there) = std::thread::scope(|scope| {
            let there = scope.spawn(ids);
            (ids(), there.join().unwrap())
        });
        assert_eq!(here.len(), TASKS);
        assert_eq!(there.len(), TASKS);
        assert!(here.is_disjoint(&there));
    });
}

fn fill(runtime: &Runtime, tasks: usize) -> Vec<TaskHandle<()>> {
    (0..tasks).map(|_| runtime.spawn(async {})).collect()
}

#[test]
fn a_runtime_keeps_as_much_task_memory_as_it_is_told() {
    const TASKS: usize = if cfg!(miri) { 100 } else { 20_000 };
    watch(|| {
        for kept in [0, 3, 1000] {
            let runtime =
                runtime(|builder| builder.task_pool_kept_bytes(kept * TaskPool::CHUNK_BYTES + 1));
            let handles = fill(&runtime, TASKS);
            let full = runtime.handle().task_pool();
            assert_eq!(full.live_tasks, TASKS);
            // Under Miri a chunk is not used as a whole.
            let bytes_max = TASKS * 96 + 2 * TaskPool::CHUNK_BYTES;
            assert!(cfg!(miri) || full.bytes() < bytes_max, "{full:?}");
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            // The last task's own reference may be on its way.
            let pool = loop {
                let pool = runtime.handle().task_pool();
                if pool.live_tasks == 0 {
                    break pool;
                }
                std::thread::yield_now();
            };
            assert!(pool.kept_chunks <= kept && pool.chunks <= 3, "{kept} to keep: {pool:?}");
            assert_eq!(pool.chunks_max, full.chunks_max.max(pool.chunks_max));
            let there = (pool.chunks + pool.kept_chunks) as u64;
            assert_eq!(pool.mapped_chunks, pool.returned_chunks + there);
            if kept == 1000 {
                assert_eq!(pool.returned_chunks, 0, "{pool:?}");
                let again = fill(&runtime, TASKS);
                assert_eq!(runtime.handle().task_pool().mapped_chunks, pool.mapped_chunks);
                again.into_iter().for_each(TaskHandle::detach);
            }
        }
    });
}

/// A few that stay do not hold what the others took: their chunks are filled again.
#[test]
fn chunks_with_room_are_used_before_new_ones() {
    const TASKS: usize = if cfg!(miri) { 300 } else { 20_000 };
    watch(|| {
        let runtime = runtime(|builder| builder);
        let mut staying: Vec<TaskHandle<()>> = Vec::new();
        for n in 0..TASKS {
            if n % 100 == 0 {
                staying.push(runtime.spawn(pending()));
            } else {
                runtime.spawn(async {}).join().unwrap();
            }
        }
        let before = runtime.handle().task_pool();
        for _ in 0..3 {
            fill(&runtime, TASKS).into_iter().for_each(|handle| handle.join().unwrap());
        }
        let after = runtime.handle().task_pool();
        assert!(after.chunks <= before.chunks + 8, "{before:?}, then {after:?}");
        staying.iter().for_each(TaskHandle::cancel);
        staying.into_iter().for_each(|handle| assert!(handle.join().is_err()));
    });
}

/// The owner of the memory is gone when the last handle goes.
#[test]
fn a_cell_outlives_its_thread_and_its_runtime() {
    watch(|| {
        let handles = std::thread::spawn(|| {
            let runtime = runtime(|builder| builder);
            let handles = fill(&runtime, times(3000));
            let waiting: Vec<_> = (0..10).map(|_| runtime.spawn(pending::<()>())).collect();
            (handles, waiting)
        });
        let (handles, waiting) = handles.join().unwrap();
        handles.into_iter().for_each(|handle| drop(handle.join()));
        waiting.into_iter().for_each(|handle| assert!(handle.join().is_err()));
    });
}
