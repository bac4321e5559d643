//! How much a worker takes from another.

use std::sync::mpsc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use moirai_runtime::deque::StealStrategy::{self, Adaptive, Half, One, Quarter};
use moirai_runtime::{Runtime, spawn};

use crate::watch;

/// A worker queues a hundred tasks and is held until another has stolen from it and runs the oldest.
/// Returns which task the victim runs next: the first that was not stolen.
fn first_left(strategy: StealStrategy) -> u32 {
    // Both workers are held for long, and nobody is to stand in for them.
    let builder = Runtime::builder().worker_threads(2).stall_after(Duration::MAX);
    let runtime = builder.steal(strategy).build().unwrap();
    let both_run = Arc::new(Barrier::new(2));
    let (release, released) = mpsc::channel::<()>();
    let thief = runtime.spawn_parallel({
        let both_run = Arc::clone(&both_run);
        move || {
            both_run.wait();
            let _ = released.recv();
        }
    });
    let (ran, runs) = mpsc::channel();
    let (report, stolen) = mpsc::channel();
    let (open, gate) = mpsc::channel::<()>();
    let victim = runtime.spawn_parallel(move || {
        both_run.wait();
        let mut first = Some((report, gate));
        for n in 0..100 {
            let (ran, first) = (ran.clone(), first.take());
            drop(moirai_runtime::spawn_parallel(move || {
                let _ = ran.send(n);
                if let Some((report, gate)) = first {
                    let _ = report.send(());
                    let _ = gate.recv(); // holds the thief
                }
            }));
        }
        drop(release);
        let _ = stolen.recv();
    });
    assert_eq!(runs.recv(), Ok(0));
    let left = runs.recv().unwrap();
    drop(open);
    victim.join().unwrap();
    thief.join().unwrap();
    assert_eq!(runs.iter().count(), 98, "all others ran");
    left
}

#[test]
fn a_worker_steals_what_the_builder_says() {
    watch(|| {
        for (strategy, lost) in [(Half, 50), (One, 1), (Quarter, 25), (Adaptive, 50)] {
            assert_eq!(first_left(strategy), lost, "{strategy:?}");
        }
    });
}

#[test]
fn without_an_option_a_worker_steals_half() {
    assert_eq!(StealStrategy::default(), Half);
    assert_eq!(watch(|| first_left(StealStrategy::default())), 50);
}

/// The child lies in the next-task slot of a worker that computes until it has run. The other worker
/// is kept looking for work.
#[test]
fn a_task_that_computes_does_not_keep_the_one_it_woke_from_a_worker_that_searches() {
    watch(|| {
        let runtime = Runtime::builder().worker_threads(2).build().unwrap();
        let parent = runtime.spawn(async {
            let child = spawn(async {});
            while !child.is_finished() {
                std::hint::spin_loop();
            }
        });
        while !parent.is_finished() {
            runtime.spawn_parallel(|| ()).join().unwrap();
        }
        parent.join().unwrap();
    });
}

#[test]
fn a_thief_that_leaves_small_tasks_where_they_are_takes_them_from_an_owner_that_is_busy() {
    const WAVES: usize = if cfg!(miri) { 2 } else { 200 };
    const TASKS: usize = if cfg!(miri) { 10 } else { 100 };
    watch(|| {
        let builder = Runtime::builder().worker_threads(2).stall_after(Duration::MAX);
        let runtime = builder.build().unwrap();
        let root = runtime.spawn(async {
            for _ in 0..20 {
                for _ in 0..WAVES {
                    let tasks: Vec<_> = (0..TASKS).map(|n| spawn(async move { n })).collect();
                    for (n, task) in tasks.into_iter().enumerate() {
                        assert_eq!(task.await.unwrap(), n);
                    }
                }
                let first = spawn(async {});
                // Drives the other one out of the slot of this worker.
                let second = spawn(async {});
                while !first.is_finished() {
                    std::hint::spin_loop();
                }
                second.await.unwrap();
            }
        });
        root.join().unwrap();
    });
}
