//! The blocking pool.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use moirai_runtime::Runtime;
use moirai_sync::{channel, strand};

use crate::{runtime, watch};

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
