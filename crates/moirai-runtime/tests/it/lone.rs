//! A runtime without workers: whoever blocks on a future runs the tasks.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use moirai_runtime::{
    Runtime, SpawnFailed, TaskError, TaskHandle, block_on, broadcast, join, sleep, spawn,
    spawn_blocking, spawn_parallel, yield_now,
};
use moirai_sync::channel;
use moirai_sync::coop;

use crate::{AtDrop, Random, runtime, times, watch};

fn lone() -> Runtime {
    Runtime::current_thread().unwrap()
}

fn works(runtime: &Runtime) {
    let sum = runtime.block_on(async {
        let handles: Vec<_> = (0..100_u32).map(|n| spawn(async move { n })).collect();
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 4950);
}

#[test]
fn tasks_run_on_the_thread_that_blocks_and_nowhere_else() {
    watch(|| {
        let runtime = Arc::new(lone());
        let ask = |runtime: &Runtime| -> (ThreadId, ThreadId) {
            runtime.block_on(async {
                let task = spawn(async {
                    yield_now().await;
                    thread::current().id()
                });
                let job = spawn_parallel(|| thread::current().id());
                (task.await.unwrap(), job.await.unwrap())
            })
        };
        let here = thread::current().id();
        assert_eq!(ask(&runtime), (here, here));
        let (shared, other) = (Arc::clone(&runtime), thread::spawn);
        let (asked, there) = other(move || (ask(&shared), thread::current().id())).join().unwrap();
        assert_eq!(asked, (there, there));
        assert_eq!(ask(&runtime), (here, here));
    });
}

#[test]
fn tasks_rest_between_two_calls() {
    watch(|| {
        let runtime = lone();
        let (sender, receiver) = channel::bounded(1);
        let (step, steps) = channel::unbounded();
        let task = runtime.spawn(async move {
            step.send(1).unwrap();
            let received = receiver.recv_async().await;
            step.send(2).unwrap();
            received
        });
        assert!(steps.is_empty(), "nobody runs it");
        assert_eq!(runtime.block_on(steps.recv_async()), Ok(1));
        sender.send(7).unwrap();
        assert!(steps.is_empty() && !task.is_finished(), "it rests");
        assert_eq!(runtime.block_on(task).unwrap(), Ok(7));
    });
}

#[test]
fn what_rests_is_dropped_with_the_runtime_by_the_thread_that_drops_it() {
    watch(|| {
        let runtime = lone();
        let (dropped, drops) = channel::unbounded();
        let guard = || {
            let dropped = dropped.clone();
            AtDrop::new(move || dropped.send(thread::current().id()).unwrap())
        };
        let waits = guard();
        let waiting = runtime.spawn(async move {
            let _waits = waits;
            pending::<()>().await;
        });
        let sleeps = guard();
        let sleeping = runtime.spawn(async move {
            let _sleeps = sleeps;
            sleep(Duration::from_secs(3600)).await;
        });
        runtime.block_on(yield_now());
        let rests = guard();
        let resting = runtime.spawn(async move { drop(rests) });
        let here = thread::spawn(move || {
            drop(runtime);
            thread::current().id()
        });
        let here = here.join().unwrap();
        assert_eq!(drops.try_iter().collect::<Vec<_>>(), [here; 3]);
        for task in [waiting, sleeping, resting] {
            assert!(matches!(task.join(), Err(TaskError::Cancelled)));
        }
    });
}

#[test]
fn a_call_from_another_thread_wakes_the_future_and_the_tasks() {
    watch(|| {
        let runtime = lone();
        let rounds = if cfg!(miri) { 20 } else { 5_000 };
        for task in [false, true] {
            let (ping, pinged) = channel::bounded(1);
            let (pong, ponged) = channel::bounded(1);
            let other = thread::spawn(move || {
                while let Ok(n) = pinged.recv() {
                    pong.send(n).unwrap();
                }
            });
            let play = async move {
                for n in 0..rounds {
                    ping.send_async(n).await.unwrap();
                    assert_eq!(ponged.recv_async().await, Ok(n));
                }
            };
            if task {
                let play = runtime.spawn(play);
                runtime.block_on(play).unwrap();
            } else {
                runtime.block_on(play);
            }
            other.join().unwrap();
        }
    });
}

#[test]
fn timers_jobs_and_forks_work_as_elsewhere() {
    watch(|| {
        let runtime = lone();
        let start = Instant::now();
        runtime.block_on(async {
            let sleeping = spawn(sleep(Duration::from_millis(2)));
            let blocking = spawn_blocking(|| thread::current().id());
            assert_ne!(blocking.await.unwrap(), thread::current().id());
            sleeping.await.unwrap();
            assert_eq!(spawn(async { join(|| 1, || 2) }).await.unwrap(), (1, 2));
            assert_eq!(broadcast(|context| context.index()), [0]);
            // It has not begun, and is run in place.
            assert_eq!(spawn(async { 7 }).join().unwrap(), 7);
        });
        assert!(start.elapsed() >= Duration::from_millis(2));
        works(&runtime);
        // From outside, a closure computes on the calling thread.
        assert_eq!(runtime.handle().metrics().worker_threads, 1);
    });
}

#[test]
fn when_one_thread_leaves_another_takes_its_place() {
    watch(|| {
        let runtime = Arc::new(lone());
        let (first, second) = (channel::bounded::<()>(1), channel::bounded::<()>(1));
        let (driving, drives) = channel::bounded(1);
        let task = runtime.spawn(async move { second.1.recv_async().await });
        let driver = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || {
                runtime.block_on(async {
                    driving.send_async(()).await.unwrap();
                    first.1.recv_async().await
                })
            })
        };
        drives.recv().unwrap();
        // The seat is taken: this one's own future ends all the same.
        assert_eq!(runtime.block_on(async { 7 }), 7);
        let next = {
            let runtime = Arc::clone(&runtime);
            thread::spawn(move || runtime.block_on(task))
        };
        first.0.send(()).unwrap();
        driver.join().unwrap().unwrap();
        second.0.send(()).unwrap();
        next.join().unwrap().unwrap().unwrap();
        works(&runtime);
    });
}

#[test]
fn a_panic_of_the_future_leaves_the_seat_to_the_next() {
    watch(|| {
        let runtime = lone();
        for _ in 0..2 {
            let panic = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async {
                    yield_now().await;
                    panic!("as a future may")
                })
            }));
            assert!(panic.is_err());
            works(&runtime);
        }
    });
}

#[test]
fn a_runtime_may_end_while_it_is_driven() {
    watch(|| {
        for inside in [false, true] {
            let runtime = lone();
            let handle = runtime.handle().clone();
            let (started, start) = channel::bounded(1);
            let idle = handle.spawn(async move {
                started.send_async(()).await.unwrap();
                pending::<()>().await;
            });
            let end = move || {
                start.recv().unwrap();
                drop(runtime);
            };
            // Its drop by a task, by the future, or by another thread.
            let ended = if inside {
                handle.block_on(async move {
                    yield_now().await;
                    spawn(async move { end() }).detach();
                    idle.await
                })
            } else {
                let other = thread::spawn(end);
                let ended = handle.block_on(idle);
                other.join().unwrap();
                ended
            };
            assert!(matches!(ended, Err(TaskError::Cancelled)));
            assert!(matches!(
                handle.spawn(async {}).join(),
                Err(TaskError::SpawnFailed(SpawnFailed::ShutDown))
            ));
            // Futures of its own still end: nobody runs tasks for them.
            assert_eq!(handle.block_on(async { 7 }), 7);
        }
    });
}

#[test]
fn neither_the_future_nor_a_task_keeps_the_other_from_running() {
    watch(|| {
        let runtime = lone();
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        let steps = runtime.block_on(async move {
            spawn(async move { flag.store(true, Ordering::Relaxed) }).detach();
            let mut steps = 0;
            while !done.load(Ordering::Relaxed) && steps < 100_000 {
                coop::consume_budget().await;
                steps += 1;
            }
            steps
        });
        assert!(steps <= coop::BUDGET + 1, "{steps} steps");
        // And the other way round: tasks that are always ready, and a future that is woken once.
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..times(100) {
            let stop = Arc::clone(&stop);
            let busy = async move {
                while !stop.load(Ordering::Relaxed) {
                    yield_now().await;
                }
            };
            runtime.spawn(busy).detach();
        }
        runtime.block_on(sleep(Duration::from_millis(1)));
        stop.store(true, Ordering::Relaxed);
        works(&runtime);
    });
}

#[test]
fn runtimes_nest_in_each_other() {
    watch(|| {
        let outer = runtime(1);
        let task = outer.spawn(async {
            let inner = lone();
            // The outer worker's place is lent meanwhile.
            let other = spawn(async { 3 });
            let inner_task = inner.spawn(async { 4 });
            inner.block_on(async { other.await.unwrap() + inner_task.await.unwrap() })
        });
        assert_eq!(task.join().unwrap(), 7);
        let lone = lone();
        assert_eq!(lone.block_on(async { block_on(async { 7 }) }), 7);
        assert_eq!(
            lone.block_on(async move { outer.block_on(outer.spawn(async { 8 })) }).unwrap(),
            8
        );
    });
}

/// Threads that come and go, tasks that wake each other across all of them: nothing is lost.
#[test]
fn random_threads_drive_one_runtime_by_turns() {
    let mut random = Random::seeded();
    let rounds = if cfg!(miri) { 1 } else { 200 };
    for _ in 0..rounds {
        let mut random = random.fork();
        watch(move || {
            let runtime = Arc::new(lone());
            let ran = Arc::new(AtomicU32::new(0));
            let (sender, receiver) = channel::bounded(1 + random.below(4) as usize);
            let (tasks, threads) = (1 + random.below(20) as u32, 1 + random.below(4) as u32);
            let send = |n: u32| {
                let (sender, ran) = (sender.clone(), Arc::clone(&ran));
                async move {
                    for _ in 0..n % 4 {
                        yield_now().await;
                    }
                    sender.send_async(n).await.unwrap();
                    ran.fetch_add(1, Ordering::Relaxed);
                }
            };
            let handles: Vec<TaskHandle<()>> =
                (0..tasks * threads).map(|n| runtime.spawn(send(n))).collect();
            drop(sender);
            let drivers: Vec<_> = (0..threads)
                .map(|_| {
                    let (runtime, receiver) = (Arc::clone(&runtime), receiver.clone());
                    let mut random = random.fork();
                    thread::spawn(move || {
                        let mut left = tasks;
                        while left != 0 {
                            let some = left.min(1 + random.below(5) as u32);
                            runtime.block_on(async {
                                for _ in 0..some {
                                    receiver.recv_async().await.unwrap();
                                }
                            });
                            left -= some;
                        }
                    })
                })
                .collect();
            drivers.into_iter().for_each(|driver| driver.join().unwrap());
            runtime.block_on(async move {
                for handle in handles {
                    handle.await.unwrap();
                }
            });
            assert_eq!(ran.load(Ordering::Relaxed), tasks * threads);
        });
    }
}
