//! What a runtime counts.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use moirai_runtime::{
    Metering, Runtime, RuntimeMetrics, TaskHandle, result_channel, spawn, spawn_parallel,
};

use crate::watch;

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).build().unwrap()
}

/// One worker that nobody stands in for, however long the machine keeps it from its core.
fn one_worker() -> Runtime {
    let builder = Runtime::builder().worker_threads(1).spare_threads(0);
    builder.stall_after(Duration::MAX).build().unwrap()
}

fn metrics(runtime: &Runtime) -> RuntimeMetrics {
    runtime.handle().metrics()
}

/// Waits, for as long as it takes, until the counters say so: a worker counts what it does next
/// after a handle has been told of its task's end.
fn until(runtime: &Runtime, what: impl Fn(&RuntimeMetrics) -> bool) -> RuntimeMetrics {
    loop {
        let metrics = metrics(runtime);
        if what(&metrics) {
            return metrics;
        }
        std::thread::yield_now();
    }
}

#[test]
fn each_poll_and_each_closure_is_one_run() {
    watch(|| {
        let runtime = one_worker();
        let handles: Vec<_> = (0..100).map(|_| runtime.spawn(async {})).collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        let handles: Vec<_> = (0..50).map(|_| runtime.spawn_parallel(|| ())).collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert_eq!(metrics(&runtime).runs(), 150);
        assert_eq!(metrics(&runtime).workers[0].injected, 150);
        let (tx, rx) = result_channel();
        let waiting = runtime.spawn(rx);
        // It has been polled, and the worker sleeps.
        until(&runtime, |metrics| metrics.runs() == 151 && metrics.idle == 1);
        tx.send(7).unwrap();
        assert_eq!(waiting.join().unwrap().unwrap(), 7);
        assert_eq!(metrics(&runtime).runs(), 152);
    });
}

/// Whoever waits for many tasks in a row goes behind those that are still queued.
#[test]
fn a_task_that_awaits_a_hundred_others_is_polled_a_few_times() {
    watch(|| {
        let runtime = one_worker();
        let parent = runtime.spawn(async {
            let children: Vec<_> = (0..100).map(|_| spawn(async {})).collect();
            for child in children {
                child.await.unwrap();
            }
        });
        parent.join().unwrap();
        let runs = metrics(&runtime).runs();
        assert!(runs <= 105, "{runs} runs of 101 tasks");
    });
}

#[test]
fn a_theft_counts_what_it_brought() {
    watch(|| {
        let runtime = runtime(2);
        let meet = Arc::new(Barrier::new(2));
        let done = runtime.spawn({
            let meet = Arc::clone(&meet);
            async move {
                let other = spawn_parallel({
                    let meet = Arc::clone(&meet);
                    move || {
                        meet.wait();
                    }
                });
                // The other worker has stolen it, for this one does not run it meanwhile.
                meet.wait();
                other.await.unwrap();
            }
        });
        done.join().unwrap();
        let metrics = metrics(&runtime);
        let (thefts, stolen) = metrics.workers.iter().fold((0, 0), |(thefts, stolen), worker| {
            (thefts + worker.thefts, stolen + worker.stolen)
        });
        assert_eq!((thefts, stolen), (1, 1), "{metrics:?}");
    });
}

#[test]
fn a_full_queue_counts_what_it_gives_away() {
    watch(|| {
        let runtime = one_worker();
        let count = 2_100;
        let all = async move {
            let handles: Vec<TaskHandle<()>> = (0..count).map(|_| spawn_parallel(|| ())).collect();
            for handle in handles {
                handle.await.unwrap();
            }
        };
        runtime.spawn(all).join().unwrap();
        let worker = metrics(&runtime).workers[0];
        assert_eq!(worker.overflowed, 1_025, "half of the ring and the one that did not fit");
        assert_eq!(worker.injected, 1_026);
    });
}

#[test]
fn sleeping_and_blocking_are_counted() {
    watch(|| {
        let runtime = runtime(2);
        let resting = until(&runtime, |metrics| metrics.idle == 2);
        assert_eq!((resting.searching, resting.runs()), (0, 0));
        let (tx, rx) = result_channel::<()>();
        let blocked = runtime.spawn(async move { rx.recv() });
        let blocking = until(&runtime, |metrics| {
            metrics.workers.iter().map(|worker| worker.blocked).sum::<u64>() == 1
        });
        assert!(blocking.workers.iter().any(|worker| worker.runs == 1));
        tx.send(()).unwrap();
        blocked.join().unwrap().unwrap();
        let rested = until(&runtime, |metrics| {
            metrics.workers.iter().all(|worker| worker.parks > 0) && metrics.idle == 2
        });
        assert!(rested.workers.iter().all(|worker| worker.queued == 0), "{rested:?}");
    });
}

#[test]
fn blocking_threads_and_jobs_are_counted() {
    watch(|| {
        let runtime = Runtime::builder().worker_threads(1).blocking_threads(1).build().unwrap();
        let go = Arc::new(AtomicBool::new(false));
        let jobs: Vec<_> = (0..3)
            .map(|_| {
                let go = Arc::clone(&go);
                runtime.spawn_blocking(move || {
                    while !go.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                })
            })
            .collect();
        until(&runtime, |metrics| (metrics.blocking.threads, metrics.blocking.queued) == (1, 2));
        go.store(true, Ordering::Relaxed);
        jobs.into_iter().for_each(|job| job.join().unwrap());
        assert_eq!(metrics(&runtime).blocking.queued, 0);
    });
}

/// Pending for so many polls; wakes itself so often in each.
async fn pending_for(polls: u64, wakes: u64) {
    let mut left = polls;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        (0..wakes).for_each(|_| cx.waker().wake_by_ref());
        Poll::Pending
    })
    .await;
}

fn metered(metering: Metering) -> Runtime {
    Runtime::builder().worker_threads(2).task_metering(metering).build().unwrap()
}

#[test]
fn polls_and_wakes_of_a_task_are_counted_exactly() {
    watch(|| {
        const TIMES: u64 = if cfg!(miri) { 10 } else { 50 };
        let runtime = metered(Metering::Counts);
        let mut tasks: Vec<_> =
            (0..TIMES).map(|n| (n, runtime.spawn(pending_for(n, n % 3 + 1)))).collect();
        for (n, task) in &mut tasks {
            while !task.is_finished() {
                std::thread::yield_now();
            }
            let metrics = task.metrics().unwrap();
            assert_eq!((metrics.polls, metrics.wakes), (*n + 1, *n * (*n % 3 + 1)));
            assert_eq!((metrics.busy, metrics.delayed), (Duration::ZERO, Duration::ZERO));
        }
        tasks.into_iter().for_each(|(_, task)| task.join().unwrap());
    });
}

#[test]
fn wakes_from_many_threads_are_counted_exactly() {
    watch(|| {
        const WAKES: u64 = if cfg!(miri) { 20 } else { 2000 };
        let runtime = metered(Metering::Counts);
        let waker = Arc::new(Mutex::new(None));
        let task = runtime.spawn({
            let waker = Arc::clone(&waker);
            poll_fn(move |cx| {
                waker.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
                Poll::<()>::Pending
            })
        });
        let waker: Waker = loop {
            if let Some(waker) = waker.lock().unwrap().clone() {
                break waker;
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| (0..WAKES).for_each(|_| waker.wake_by_ref()));
            }
        });
        assert_eq!(task.metrics().unwrap().wakes, 3 * WAKES);
        task.cancel();
        assert!(task.join().is_err());
    });
}

#[test]
fn a_task_knows_how_long_it_ran_and_how_long_it_waited() {
    watch(|| {
        let runtime = Runtime::builder()
            .worker_threads(1)
            .task_metering(Metering::Times)
            // Nobody else runs what waits behind the task that computes.
            .stall_after(Duration::MAX)
            .build()
            .unwrap();
        let computing = Duration::from_millis(20);
        let queued = Arc::new(AtomicBool::new(false));
        let first = runtime.spawn_parallel({
            let queued = Arc::clone(&queued);
            move || {
                while !queued.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
                let start = Instant::now();
                while start.elapsed() < computing {}
            }
        });
        let second = runtime.spawn(async {});
        queued.store(true, Ordering::Release);
        while !second.is_finished() || !first.is_finished() {
            std::thread::yield_now();
        }
        let (first, second) = (first.metrics().unwrap(), second.metrics().unwrap());
        assert!(first.busy >= computing && second.busy < first.busy, "{first:?}, {second:?}");
        assert!(second.delayed >= computing, "it was queued behind the first: {second:?}");
    });
}

#[test]
fn nothing_is_noted_about_a_task_unless_asked_for() {
    watch(|| {
        let runtime = metered(Metering::Off);
        let task = runtime.spawn(async {});
        assert_eq!(task.metrics(), None);
        task.join().unwrap();
    });
}
