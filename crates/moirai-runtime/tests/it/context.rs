//! Which runtime is the current one.

use std::time::Duration;

use moirai_runtime::{
    CancelOnDrop, Handle, Runtime, TaskHandle, block_on, sleep, spawn, spawn_blocking,
    spawn_parallel, time,
};
use moirai_sync::channel;

use crate::{named, runtime, watch};

fn thread_name() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[test]
fn free_functions_use_the_runtime_they_are_called_on() {
    watch(|| {
        let runtime = named("north", 1);
        let name = runtime.block_on(async { spawn(async { thread_name() }).await.unwrap() });
        assert!(name.starts_with("north-worker-"), "{name}");
        let name =
            runtime.spawn_blocking(|| spawn_parallel(thread_name).join().unwrap()).join().unwrap();
        assert!(name.starts_with("north-worker-"), "{name}");
        let name =
            runtime.spawn(async { spawn_blocking(thread_name).await.unwrap() }).join().unwrap();
        assert!(name.starts_with("north-blocking-"), "{name}");
    });
}

#[test]
fn two_runtimes_share_a_channel() {
    const ROUNDS: u32 = if cfg!(miri) { 20 } else { 1000 };
    watch(|| {
        let (north, south) = (runtime(1), runtime(1));
        let (to_south, from_north) = channel::bounded::<u32>(1);
        let (to_north, from_south) = channel::bounded::<u32>(1);
        let echo = south.spawn(async move {
            while let Ok(n) = from_north.recv_async().await {
                to_north.send_async(n + 1).await.unwrap();
            }
        });
        let sum = north.spawn(async move {
            let mut sum = 0;
            for n in 0..ROUNDS {
                to_south.send_async(n).await.unwrap();
                sum += from_south.recv_async().await.unwrap();
            }
            sum
        });
        assert_eq!(sum.join().unwrap(), ROUNDS * (ROUNDS + 1) / 2);
        echo.join().unwrap();
    });
}

#[test]
fn a_runtime_inside_a_task_of_another_hides_it_and_gives_it_back() {
    watch(|| {
        let outer = named("outer", 1);
        let task = outer.spawn(async {
            let inner = named("inner", 1);
            let (here, there) = inner.block_on(async {
                // On the outer's worker, with the inner runtime current; the inner's timer wakes it.
                sleep(Duration::from_millis(1)).await;
                (thread_name(), spawn(async { thread_name() }).await.unwrap())
            });
            let after = spawn(async { thread_name() }).join().unwrap();
            drop(inner);
            [here, there, after]
        });
        let [here, there, after] = task.join().unwrap();
        assert!(here.starts_with("outer-worker-"), "{here}");
        assert!(there.starts_with("inner-worker-"), "{there}");
        assert!(after.starts_with("outer-worker-"), "{after}");
    });
}

#[test]
fn block_on_works_everywhere() {
    watch(|| {
        let runtime = runtime(1);
        let nested = || block_on(async { spawn(async { block_on(async { 7 }) }).await.unwrap() });
        assert_eq!(runtime.spawn(async move { nested() }).join().unwrap(), 7);
        assert_eq!(runtime.spawn_parallel(nested).join().unwrap(), 7);
        assert_eq!(runtime.spawn_blocking(nested).join().unwrap(), 7);
        assert_eq!(nested(), 7);
    });
}

/// Hooks are not installed on a thread that only blocks on a future: they are found when they are asked
/// for, as long as it does.
#[test]
fn what_waits_in_block_on_goes_by_its_runtimes_clock() {
    watch(|| {
        let has_clock = || moirai_sync::strand::hooks(|hooks| hooks.is_some());
        let [outer, inner] = [runtime(1), runtime(1)];
        assert!(!has_clock());
        outer.block_on(async {
            assert!(has_clock());
            assert!(inner.block_on(async { has_clock() }));
            assert!(has_clock());
            // A blocked thread is this one, and has no permit to give up.
            drop(moirai_sync::strand::blocking());
            sleep(Duration::from_millis(1)).await;
        });
        let panic =
            || outer.block_on(async { panic!("what has been entered is left all the same") });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panic)).is_err());
        assert!(!has_clock() && Handle::try_current().is_none());
    });
}

#[test]
fn a_foreign_executor_awaits_our_handles_and_timers() {
    watch(|| {
        let runtime = runtime(1);
        let handle = runtime.spawn(async {
            sleep(Duration::from_millis(1)).await;
            7
        });
        // An executor that knows nothing of us: std's waker over a thread.
        let result = moirai_sync::strand::block_on(async move {
            sleep(Duration::from_millis(1)).await;
            handle.await.unwrap()
        });
        assert_eq!(result, 7);
    });
}

#[test]
fn the_global_runtime_is_used_where_there_is_none() {
    watch(|| {
        assert!(Handle::try_current().is_none());
        assert_eq!(spawn(async { 7 }).join().unwrap(), 7);
        assert!(Handle::try_current().is_none());
    });
}

#[test]
fn a_large_future_fits_a_small_stack() {
    const BYTES: usize = if cfg!(miri) { 20 << 10 } else { 200 << 10 };
    async fn large() -> usize {
        let bytes = [1_u8; BYTES];
        sleep(Duration::from_micros(10)).await;
        bytes.iter().map(|byte| usize::from(*byte)).sum()
    }
    watch(|| {
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
            let runtime = runtime(1);
            assert_eq!(runtime.block_on(large()), BYTES);
            assert_eq!(runtime.spawn(large()).join().unwrap(), BYTES);
            runtime.block_on(async {
                assert_eq!(spawn(large()).await.unwrap(), BYTES);
            });
        });
        thread.unwrap().join().unwrap();
    });
}

#[test]
fn public_types_cross_threads_and_panics() {
    use std::panic::{RefUnwindSafe, UnwindSafe};
    fn check<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + std::fmt::Debug>() {}
    check::<Runtime>();
    check::<Handle>();
    check::<moirai_runtime::Builder>();
    check::<moirai_runtime::TaskId>();
    check::<time::Sleep>();
    // Whatever the result is: the handle shows it to nobody.
    check::<TaskHandle<std::cell::Cell<u8>>>();
    check::<CancelOnDrop<std::cell::Cell<u8>>>();
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    error::<moirai_runtime::BuildError>();
    error::<moirai_runtime::TaskError>();
    error::<moirai_runtime::SpawnFailed>();
    assert_eq!(size_of::<TaskHandle<[u64; 100]>>(), size_of::<usize>());
}
