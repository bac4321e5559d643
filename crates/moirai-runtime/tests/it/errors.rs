//! Each error through the public interface.

use std::time::Duration;

use moirai_runtime::{BuildError, Runtime, SpawnFailed, TaskError, result_channel, sleep};
use moirai_sync::channel;

use crate::{runtime, watch, works_on};

#[test]
fn a_nul_ends_the_name_and_is_no_panic() {
    watch(|| {
        let runtime = Runtime::builder().worker_threads(1).name("a\0b").build().unwrap();
        let name = || std::thread::current().name().map(str::to_owned);
        assert_eq!(runtime.spawn(async move { name() }).join().unwrap().unwrap(), "a-worker-0");
        assert_eq!(runtime.spawn_blocking(name).join().unwrap().unwrap(), "a-blocking-0");
    });
}

#[test]
fn a_sleeper_times_out_and_goes_on() {
    watch(|| {
        let runtime = runtime(1);
        // Miri's clock counts steps, of which a millisecond has few.
        let long = Duration::from_millis(if cfg!(miri) { 20_000 } else { 20 });
        let mut handle = runtime.spawn(async move {
            sleep(long).await;
            7
        });
        let early = handle.join_timeout(Duration::from_millis(1));
        assert!(matches!(early, Err(TaskError::ExecutionTimeout)));
        works_on(&runtime);
        assert_eq!(handle.join().unwrap(), 7);
    });
}

#[test]
fn a_sender_dropped_unsent_leaves_no_result() {
    watch(|| {
        let runtime = runtime(1);
        let (sender, receiver) = result_channel::<u8>();
        let handle = runtime.spawn(receiver);
        drop(sender);
        assert!(matches!(handle.join().unwrap(), Err(TaskError::ResultNotFound)));
        works_on(&runtime);
    });
}

#[test]
fn a_refused_first_thread_is_an_error_and_no_hang() {
    watch(|| {
        // More stack than the system has memory: it refuses the thread.
        let runtime =
            Runtime::builder().worker_threads(1).blocking_stack_bytes(1 << 40).build().unwrap();
        match runtime.spawn_blocking(|| 7).join() {
            Err(TaskError::SpawnFailed(SpawnFailed::NoThread(error))) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}");
            }
            result => panic!("{result:?}"),
        }
        works_on(&runtime);
    });
}

#[test]
fn a_full_blocking_queue_refuses_the_next_job() {
    watch(|| {
        let runtime = Runtime::builder()
            .worker_threads(1)
            .blocking_threads(1)
            .blocking_queue_depth(2)
            .build()
            .unwrap();
        let (gate, closed) = channel::bounded::<()>(1);
        let (started, running) = channel::bounded(1);
        let first = runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            let _ = closed.recv();
        });
        running.recv().unwrap();
        let queued = [runtime.spawn_blocking(|| 1), runtime.spawn_blocking(|| 2)];
        match runtime.spawn_blocking(|| 3).join() {
            Err(TaskError::SpawnFailed(SpawnFailed::QueueFull { limit: 2 })) => {}
            result => panic!("{result:?}"),
        }
        drop(gate);
        first.join().unwrap();
        assert_eq!(queued.map(|handle| handle.join().unwrap()), [1, 2]);
    });
}

#[test]
fn spawning_after_shutdown_is_refused() {
    watch(|| {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        runtime.shutdown();
        for refused in
            [handle.spawn(async { 1 }), handle.spawn_parallel(|| 1), handle.spawn_blocking(|| 1)]
        {
            let result = refused.join();
            assert!(matches!(result, Err(TaskError::SpawnFailed(SpawnFailed::ShutDown))));
        }
    });
}

#[test]
fn options_out_of_range_are_named() {
    let errors = [
        Runtime::builder().worker_threads(0).build(),
        Runtime::builder().worker_threads(1025).build(),
        Runtime::builder().blocking_threads(0).build(),
        Runtime::builder().blocking_threads(32_769).build(),
        Runtime::builder().blocking_queue_depth(0).build(),
        Runtime::builder().thread_stack_bytes(1).build(),
        Runtime::builder().blocking_stack_bytes((1 << 40) + 1).build(),
    ]
    .map(|result| match result {
        Err(BuildError::OutOfRange { option, .. }) => option,
        result => panic!("{result:?}"),
    });
    assert_eq!(
        errors,
        [
            "worker_threads",
            "worker_threads",
            "blocking_threads",
            "blocking_threads",
            "blocking_queue_depth",
            "thread_stack_bytes",
            "blocking_stack_bytes",
        ]
    );
}

#[test]
fn a_refused_worker_thread_fails_the_build() {
    watch(|| {
        let result = Runtime::builder().worker_threads(2).thread_stack_bytes(1 << 40).build();
        assert!(matches!(result, Err(BuildError::SpawnWorker { worker: 0, .. })));
    });
}
