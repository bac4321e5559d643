//! Tasks for one worker, and runtimes where every task is for one.

use std::future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use moirai_runtime::par::*;
use moirai_runtime::{
    Builder, Priority, Runtime, SpawnFailed, TaskContext, TaskError, join, spawn, spawn_on,
    spawn_parallel, yield_now,
};
use moirai_sync::channel;

use crate::{Random, runtime, times, watch, works_on};

/// The worker that runs this.
pub(crate) fn worker() -> usize {
    TaskContext::current().and_then(|context| context.worker()).unwrap()
}

fn per_core(workers: usize) -> Builder {
    Runtime::builder().worker_threads(workers).thread_per_core()
}

/// Polls `future`, each time on the worker `home`; returns how often.
async fn only_at<F: Future<Output = ()>>(home: usize, future: F) -> u32 {
    let (mut future, mut polls) = (std::pin::pin!(future), 0);
    future::poll_fn(|cx| {
        polls += 1;
        assert_eq!(worker(), home);
        future.as_mut().poll(cx)
    })
    .await;
    polls
}

/// Of each kind a task that is always ready. Fails if what is for one worker waits until that has
/// nothing else to run, or the other way round.
#[test]
fn what_is_for_one_worker_and_what_is_for_all_take_turns() {
    watch(|| {
        let runtime = Runtime::builder().worker_threads(1).stall_after(Duration::MAX);
        let runtime = runtime.build().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let ready = || {
            let stop = Arc::clone(&stop);
            async move {
                while !stop.load(Ordering::Relaxed) {
                    yield_now().await;
                }
            }
        };
        let busy = [runtime.spawn(ready()), runtime.spawn_on(0, ready())];
        for _ in 0..times(20) {
            runtime.spawn_on(0, async {}).join().unwrap();
            runtime.spawn(async { spawn(async {}).await.unwrap() }).join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// Tasks in a ring of channels, of which each is for another worker: every wake-up comes from
/// elsewhere, and now and then from a thread of the test.
fn pass_round(runtime: &Runtime, workers: usize) {
    let (first, mut before) = channel::bounded::<u32>(1);
    let tasks: Vec<_> = (0..workers * 2)
        .map(|n| {
            let (next, after) = channel::bounded(1);
            let before = std::mem::replace(&mut before, after);
            let home = n % workers;
            runtime.spawn_on(
                home,
                only_at(home, async move {
                    while let Ok(n) = before.recv_async().await {
                        yield_now().await;
                        let _ = next.send_async(n + 1).await;
                    }
                }),
            )
        })
        .collect();
    for round in 0..ROUNDS {
        first.send(round).unwrap();
        assert_eq!(before.recv(), Ok(round + workers as u32 * 2));
    }
    drop(first);
    for task in tasks {
        assert!(task.join().unwrap() > ROUNDS);
    }
}

#[test]
fn a_task_for_one_worker_is_polled_by_no_other() {
    watch(|| {
        for workers in [1, 2, 5] {
            pass_round(&runtime(workers), workers);
        }
    });
}

/// It has just found nothing, or has slept for long.
#[test]
fn a_task_for_a_worker_that_sleeps_wakes_that_one() {
    watch(|| {
        let runtime = runtime(3);
        let mut random = Random::seeded();
        for _ in 0..ROUNDS * 10 {
            let home = random.below(3) as usize;
            let task = runtime.task().worker(home);
            let ran_at = match random.below(3) {
                0 => task.spawn(async { worker() }).join(),
                1 => task.spawn_parallel(worker).join(),
                _ => runtime
                    .spawn(async move { spawn_on(home, async { worker() }).await })
                    .join()
                    .unwrap(),
            };
            assert_eq!(ran_at.unwrap(), home);
        }
    });
}

#[test]
fn a_worker_that_does_not_exist_is_refused_by_number() {
    watch(|| {
        let runtime = runtime(2);
        let refused = runtime.spawn_on(2, async {}).join();
        let Err(TaskError::SpawnFailed(reason)) = refused else { panic!("{refused:?}") };
        assert!(matches!(reason, SpawnFailed::NoSuchWorker { worker: 2, workers: 2 }));
        assert_eq!(reason.to_string(), "there is no worker 2 among 2");
        assert!(runtime.spawn_on(usize::MAX, async {}).join().is_err());
        // A thread for blocking calls is no worker.
        assert_eq!(runtime.task().worker(9).spawn_blocking(|| 7).join().unwrap(), 7);
        works_on(&runtime);
    });
}

#[test]
fn a_task_for_another_worker_is_not_run_where_it_is_joined() {
    watch(|| {
        let runtime = runtime(2);
        for _ in 0..ROUNDS {
            let joined = runtime.spawn_on(0, async { spawn_on(1, async { worker() }).join() });
            assert_eq!(joined.join().unwrap().unwrap(), 1);
        }
    });
}

/// Another thread goes on with what waits, as the same worker.
#[test]
fn what_waits_for_a_worker_that_blocks_does_not_wait_for_long() {
    watch(|| {
        for builder in [Runtime::builder().worker_threads(2), per_core(2)] {
            let runtime = builder.stall_after(Duration::from_millis(1)).build().unwrap();
            for _ in 0..times(10) {
                // In a way that it announces.
                let (sender, receiver) = channel::bounded(1);
                let blocked = runtime.spawn_on(1, async move { (receiver.recv(), worker()) });
                let waiting = runtime.spawn_on(1, async move { (sender.send(7), worker()) });
                assert_eq!(waiting.join().unwrap(), (Ok(()), 1));
                assert_eq!(blocked.join().unwrap(), (Ok(7), 1));
                // And in one that it does not.
                let (sender, receiver) = mpsc::channel();
                let blocked = runtime.spawn_on(1, async move { (receiver.recv(), worker()) });
                let waiting = runtime.spawn_on(1, async move { (sender.send(7), worker()) });
                assert_eq!(waiting.join().unwrap(), (Ok(()), 1));
                assert_eq!(blocked.join().unwrap(), (Ok(7), 1));
            }
        }
    });
}

/// A closure that forks lends its place at a fork, and nobody else has to notice. It has forked so often
/// that it looks up by itself only at one fork of many: it must be asked to. All is in one tree, at whose
/// end it would look up.
#[test]
fn what_waits_for_a_worker_that_computes_runs_at_its_next_fork() {
    watch(|| {
        // With two, the other one asks it for a part.
        let builders = [1, 2].map(|n| [Runtime::builder().worker_threads(n), per_core(n)]);
        for builder in builders.into_iter().flatten() {
            let runtime = builder.stall_after(Duration::MAX).build().unwrap();
            let (ready, computes) = mpsc::channel();
            let (send, sent) = mpsc::channel();
            let ran = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&ran);
            let computing = runtime.task().worker(0).spawn_parallel(move || {
                let first = move || {
                    (0..FINE_FORKS).for_each(|_| _ = join(|| (), || ()));
                    ready.send(()).unwrap();
                    sent.recv().unwrap();
                    join(|| (), || ());
                    while !seen.load(Ordering::SeqCst) {
                        std::hint::spin_loop();
                    }
                };
                join(first, || ());
            });
            computes.recv().unwrap();
            let task = runtime.spawn_on(0, async move { ran.store(true, Ordering::SeqCst) });
            send.send(()).unwrap();
            computing.join().unwrap();
            task.join().unwrap();
        }
    });
}

/// Forks again and again inside of one fork.
fn compute_until(done: impl Fn() -> bool + Sync) {
    join(
        || {
            while !done() {
                join(|| (), || ());
            }
        },
        || (),
    );
}

/// Nobody looks after the queue of a worker that computes but itself, when it looks up, and it looks up
/// for the task that is sent.
#[test]
fn with_a_thread_per_core_a_worker_that_makes_way_leaves_its_tasks_to_who_comes() {
    watch(|| {
        let runtime = per_core(1).stall_after(Duration::MAX).build().unwrap();
        let (begin, begun) = mpsc::channel();
        let computing = runtime.spawn_parallel(move || {
            let children = [(); 10].map(|()| spawn(async { worker() }));
            begin.send(()).unwrap();
            compute_until(|| children.iter().all(|child| child.is_finished()));
            children.map(|child| child.join().unwrap())
        });
        begun.recv().unwrap();
        assert_eq!(runtime.spawn_on(0, async { worker() }).join().unwrap(), 0);
        assert_eq!(computing.join().unwrap(), [0; 10]);
    });
}

/// A thread that is no worker computes with the only permit, which nobody calls back but for the task.
#[test]
fn a_guest_gives_up_the_permit_that_a_task_is_for() {
    watch(|| {
        let runtime = runtime(1);
        for _ in 0..ROUNDS {
            runtime.block_on(async {
                join(|| (), || ());
                let mut task = None;
                join(
                    || {
                        let task = task.insert(runtime.spawn_on(0, async {}));
                        while !task.is_finished() {
                            join(|| (), || ());
                        }
                    },
                    || (),
                );
                task.unwrap().join().unwrap();
            });
        }
    });
}

/// One is always ready, and so is the other.
#[test]
fn tasks_for_one_worker_and_tasks_for_any_have_their_turns() {
    watch(|| {
        let runtime = runtime(1);
        let flags = Arc::new([const { AtomicBool::new(false) }; 2]);
        let wait_for_other = |own: usize| {
            let flags = Arc::clone(&flags);
            async move {
                flags[own].store(true, Ordering::SeqCst);
                while !flags[1 - own].load(Ordering::SeqCst) {
                    yield_now().await;
                }
            }
        };
        for homes in [[Some(0), None], [None, Some(0)]] {
            flags.iter().for_each(|flag| flag.store(false, Ordering::SeqCst));
            let tasks = [0, 1].map(|n| match homes[n] {
                Some(home) => runtime.spawn_on(home, wait_for_other(n)),
                None => runtime.spawn(wait_for_other(n)),
            });
            tasks.into_iter().for_each(|task| task.join().unwrap());
        }
    });
}

#[test]
fn a_runtime_ends_with_the_tasks_that_wait_for_its_workers() {
    watch(|| {
        for builder in [Runtime::builder().worker_threads(2), per_core(2)] {
            for n in 0..times(50) {
                let runtime = builder.clone().build().unwrap();
                let idle = runtime.spawn_on(n % 2, future::pending::<()>());
                let tasks: Vec<_> =
                    (0..20).map(|n| runtime.spawn_on(n % 2, async { yield_now().await })).collect();
                runtime.shutdown();
                assert!(matches!(idle.join(), Err(TaskError::Cancelled)));
                for task in tasks {
                    assert!(matches!(task.join(), Ok(()) | Err(TaskError::Cancelled)));
                }
            }
        }
    });
}

#[test]
fn with_a_thread_per_core_every_task_stays_where_it_was_spawned() {
    watch(|| {
        for workers in [1, 2, 5] {
            let runtime = per_core(workers).build().unwrap();
            pass_round(&runtime, workers);
            // A tree, of more tasks than a ring holds.
            let parents: Vec<_> = (0..workers)
                .map(|_| {
                    runtime.spawn(async {
                        let home = worker();
                        let children: Vec<_> = (0..TREE)
                            .map(|n| {
                                let child = only_at(home, async {
                                    yield_now().await;
                                });
                                let task = moirai_runtime::task().priority(Priority::High);
                                if n % 2 == 0 { task.spawn(child) } else { spawn(child) }
                            })
                            .collect();
                        for child in children {
                            assert_eq!(child.await.unwrap(), 2);
                        }
                        home
                    })
                })
                .collect();
            let mut homes: Vec<_> =
                parents.into_iter().map(|parent| parent.join().unwrap()).collect();
            homes.sort_unstable();
            assert!(homes.into_iter().eq(0..workers), "from outside, one after the other");
            let (thefts, _) = runtime.handle().metrics().thefts();
            assert_eq!(thefts, 0);
        }
    });
}

/// Its ring, its next task, and what comes later.
#[test]
fn with_a_thread_per_core_a_worker_that_blocks_takes_no_task_with_it() {
    watch(|| {
        let runtime = per_core(2).stall_after(Duration::from_millis(1)).build().unwrap();
        for announced in [true, false] {
            let parent = runtime.spawn(async move {
                let home = worker();
                let ran = Arc::new(AtomicU32::new(0));
                let (done, all) = channel::bounded(1);
                let (std_done, std_all) = mpsc::channel();
                for _ in 0..10 {
                    let (ran, done, std_done) = (Arc::clone(&ran), done.clone(), std_done.clone());
                    let child = only_at(home, async move {
                        yield_now().await;
                        if ran.fetch_add(1, Ordering::SeqCst) == 9 {
                            let _ = std_done.send(());
                            let _ = done.send_async(()).await;
                        }
                    });
                    spawn(child).detach();
                }
                // Blocks the thread.
                if announced {
                    all.recv().unwrap()
                } else {
                    std_all.recv().unwrap()
                }
                ran.load(Ordering::SeqCst)
            });
            assert_eq!(parent.join().unwrap(), 10);
        }
    });
}

/// Fork-join knows no homes: its parts are no tasks.
#[test]
fn with_a_thread_per_core_computations_still_use_every_worker() {
    watch(|| {
        let runtime = per_core(2).build().unwrap();
        let both = runtime.spawn_parallel(|| {
            let met = [const { AtomicBool::new(false) }; 2];
            let meet = |own: usize| {
                met[own].store(true, Ordering::SeqCst);
                while !met[1 - own].load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            };
            join(|| meet(0), || meet(1));
            (0..times(100_000) as u64).into_par_iter().sum::<u64>()
        });
        assert_eq!(both.join().unwrap(), (0..times(100_000) as u64).sum());
    });
}

/// Random tasks in both modes: they wake each other, block in both ways, compute and spawn.
#[test]
fn random_tasks_for_random_workers_all_end_where_they_began() {
    watch(|| {
        let mut random = Random::seeded();
        for builder in [Runtime::builder().worker_threads(3), per_core(3)] {
            let runtime = builder.stall_after(Duration::from_millis(1)).build().unwrap();
            let (sender, receiver) = channel::unbounded::<usize>();
            let slow = Arc::new(Mutex::new(()));
            let tasks: Vec<_> = (0..ROUNDS as usize * 3)
                .map(|n| {
                    let (home, mut random) = (n % 3, random.fork());
                    let (sender, receiver) = (sender.clone(), receiver.clone());
                    let slow = Arc::clone(&slow);
                    let body = async move {
                        for _ in 0..10 {
                            match random.below(7) {
                                0 => yield_now().await,
                                1 => sender.send_async(home).await.unwrap(),
                                2 => drop(receiver.try_recv()),
                                3 => drop(slow.lock()),
                                4 => spawn_on((home + 1) % 3, async {}).await.unwrap(),
                                5 => spawn_on((home + 1) % 3, async {}).join().unwrap(),
                                _ => spawn_parallel(|| ()).await.unwrap(),
                            }
                        }
                    };
                    runtime.spawn_on(home, only_at(home, body))
                })
                .collect();
            for task in tasks {
                task.join().unwrap();
            }
            works_on(&runtime);
        }
    });
}

/// A future that is polled once more after each wake-up, whoever calls it.
#[test]
fn a_waker_called_from_a_thread_of_the_program_brings_a_task_home() {
    watch(|| {
        let runtime = runtime(2);
        for round in 0..ROUNDS {
            let home = round as usize % 2;
            let (wakers, woken) = mpsc::channel();
            let mut asked = false;
            let task = runtime.spawn_on(
                home,
                future::poll_fn(move |cx| {
                    assert_eq!(worker(), home);
                    if std::mem::replace(&mut asked, true) {
                        return Poll::Ready(());
                    }
                    wakers.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                }),
            );
            woken.recv().unwrap().wake();
            task.join().unwrap();
        }
    });
}

const ROUNDS: u32 = if cfg!(miri) { 3 } else { 100 };

/// Until a thread reads the clock at one fork of a hundred or more.
const FINE_FORKS: u32 = if cfg!(miri) { 100 } else { 20_000 };

const TREE: usize = if cfg!(miri) { 10 } else { 600 };
