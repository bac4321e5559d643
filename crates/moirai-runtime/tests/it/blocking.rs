//! The blocking pool.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use moirai_runtime::{Runtime, SpawnFailed, TaskError};
use moirai_sync::{channel, strand};

use crate::{Random, runtime, watch};

#[test]
fn a_blocking_guard_that_outlives_its_task_costs_no_permit() {
    thread_local! {
        static GUARD: RefCell<Option<strand::Blocking>> = const { RefCell::new(None) };
    }
    watch(|| {
        let runtime = runtime(1);
        for _ in 0..20 {
            // Spares take part, so either may find the guard of the other's thread.
            let keep = || GUARD.with(|guard| guard.replace(Some(strand::blocking())).is_some());
            runtime.spawn_parallel(keep).join().unwrap();
            runtime.spawn_parallel(|| GUARD.with(|guard| guard.take().is_some())).join().unwrap();
        }
        assert_eq!(runtime.spawn(async { 7 }).join().unwrap(), 7);
    });
}

#[test]
fn jobs_wait_for_each_other_on_as_many_threads_as_they_need() {
    watch(|| {
        let runtime = runtime(1);
        let (sender, receiver) = channel::bounded::<usize>(1);
        let receiving: Vec<_> = (0..20)
            .map(|_| {
                let receiver = receiver.clone();
                runtime.spawn_blocking(move || receiver.recv().unwrap())
            })
            .collect();
        let sending =
            runtime.spawn_blocking(move || (0..20).try_for_each(|i| sender.send(i)).unwrap());
        let sum: usize = receiving.into_iter().map(|handle| handle.join().unwrap()).sum();
        assert_eq!(sum, 190);
        sending.join().unwrap();
    });
}

#[test]
fn no_more_jobs_run_at_once_than_there_may_be_threads() {
    watch(|| {
        let runtime = Runtime::builder().worker_threads(1).blocking_threads(3).build().unwrap();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<_> = (0..300)
            .map(|_| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                runtime.spawn_blocking(move || {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        jobs.into_iter().for_each(|job| job.join().unwrap());
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
    });
}

/// Ten thousand jobs of a millisecond, by default on as many threads as the pool may have.
#[test]
fn ten_thousand_jobs_use_no_more_threads_than_allowed_and_all_of_them_end() {
    watch(|| {
        let (jobs, threads) = if cfg!(miri) { (20, 3) } else { (10_000, 64) };
        let runtime = Runtime::builder()
            .worker_threads(2)
            .blocking_threads(threads)
            .blocking_idle_timeout(Duration::from_millis(10))
            .build()
            .unwrap();
        let blocking = || runtime.handle().metrics().blocking;
        let running: Vec<_> = (0..jobs)
            .map(|n| {
                runtime.spawn_blocking(move || {
                    std::thread::sleep(Duration::from_millis(1));
                    n
                })
            })
            .collect();
        assert!(blocking().threads <= threads);
        let sum: u64 = running.into_iter().map(|job| job.join().unwrap()).sum();
        assert_eq!(sum, jobs * (jobs - 1) / 2);
        let metrics = blocking();
        assert!(metrics.threads <= threads && metrics.queue_wait_max > Duration::ZERO);
        assert_eq!((metrics.jobs, metrics.queued, metrics.refused), (jobs, 0, 0));
        while blocking().threads > 0 {
            std::thread::yield_now();
        }
        assert_eq!(runtime.spawn_blocking(|| 7).join().unwrap(), 7);
    });
}

/// Jobs come as the threads' rests end, again and again: each runs once.
#[test]
fn jobs_that_come_as_rests_end_run_once_each() {
    watch(|| {
        let runtime = Runtime::builder()
            .worker_threads(1)
            .blocking_threads(4)
            .blocking_idle_timeout(Duration::from_micros(50))
            .build()
            .unwrap();
        let mut random = Random::seeded();
        let end = Instant::now() + Duration::from_millis(300);
        let mut jobs = 0;
        while Instant::now() < end {
            let wave: Vec<_> =
                (0..=random.below(6)).map(|n| runtime.spawn_blocking(move || n)).collect();
            jobs += wave.len() as u64;
            for (n, job) in (0..).zip(wave) {
                assert_eq!(job.join().unwrap(), n);
            }
            for _ in 0..random.below(200) {
                std::hint::spin_loop();
            }
        }
        assert_eq!(runtime.handle().metrics().blocking.jobs, jobs);
        println!("{jobs} jobs");
    });
}

#[test]
fn a_job_that_panics_leaves_its_thread_to_the_next() {
    watch(|| {
        let runtime = Runtime::builder().worker_threads(1).blocking_threads(1).build().unwrap();
        for n in 0..10 {
            let failed = runtime.spawn_blocking(move || {
                if n % 2 == 0 {
                    panic!("job {n}");
                }
                n
            });
            match failed.join() {
                Ok(n) => assert_eq!(n % 2, 1),
                Err(TaskError::Panicked(panic)) => assert_eq!(panic.message(), format!("job {n}")),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(runtime.handle().metrics().blocking.threads, 1);
    });
}

/// While jobs are spawned and threads come and go, the runtime ends: each job ran, was cancelled or
/// was refused.
#[test]
fn shutdown_against_spawns_and_ends_of_rests_loses_no_job() {
    watch(|| {
        for round in 0..if cfg!(miri) { 2 } else { 50 } {
            let runtime = Runtime::builder()
                .worker_threads(1)
                .blocking_threads(2)
                .blocking_idle_timeout(Duration::from_micros(round))
                .build()
                .unwrap();
            let handle = runtime.handle().clone();
            let spawning = std::thread::spawn(move || {
                (0..50).map(|n| handle.spawn_blocking(move || n)).collect::<Vec<_>>()
            });
            runtime.spawn_blocking(|| ()).join().unwrap();
            runtime.shutdown();
            for (n, job) in (0..).zip(spawning.join().unwrap()) {
                match job.join() {
                    Ok(result) => assert_eq!(result, n),
                    Err(TaskError::Cancelled | TaskError::SpawnFailed(SpawnFailed::ShutDown)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    });
}
