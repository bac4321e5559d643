//! Waiting for results, from everywhere.

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use moirai_runtime::{
    Runtime, TaskError, block_on, result_channel, sleep, spawn, spawn_blocking, spawn_parallel,
    yield_now,
};
use moirai_sync::channel;

use crate::{runtime, watch, works_on};

#[test]
fn a_join_with_a_limit_on_a_worker_does_not_wait_for_a_slow_task() {
    watch(|| {
        let runtime = runtime(1);
        let (release, released) = channel::bounded::<()>(1);
        let task = runtime.spawn_parallel(move || {
            let mut slow = spawn_parallel(move || released.recv().is_err());
            let early = slow.join_timeout(Duration::from_millis(5));
            assert!(matches!(early, Err(TaskError::ExecutionTimeout)));
            drop(release);
            assert!(slow.join().unwrap());
        });
        task.join().unwrap();
    });
}

#[test]
fn a_handle_is_asked_a_thousand_times_and_still_yields_its_result() {
    watch(|| {
        let runtime = runtime(1);
        let mut handle = runtime.spawn(async { 7 });
        while !handle.is_finished() {
            std::thread::yield_now();
        }
        assert!((0..1000).all(|_| handle.is_finished()));
        assert_eq!(handle.try_join().unwrap().unwrap(), 7);
        assert!(handle.is_finished());
        assert!(matches!(handle.try_join(), Some(Err(TaskError::ResultNotFound))));
        assert!(matches!(handle.join(), Err(TaskError::ResultNotFound)));
    });
}

#[test]
fn every_kind_of_handle_works_from_every_strand() {
    for workers in [1, 2, 4] {
        watch(move || {
            let runtime = runtime(workers);
            let spawn_all = || [spawn(async { 1 }), spawn_parallel(|| 1), spawn_blocking(|| 1)];
            let wait_all = move || {
                let mut sum = 0;
                spawn_all().into_iter().for_each(|handle| sum += handle.join().unwrap());
                spawn_all().into_iter().for_each(|mut handle| {
                    sum += handle.join_timeout(Duration::MAX).unwrap();
                });
                spawn_all().into_iter().for_each(|handle| sum += block_on(handle).unwrap());
                sum
            };
            assert_eq!(runtime.block_on(async move { wait_all() }), 9);
            assert_eq!(runtime.spawn(async move { wait_all() }).join().unwrap(), 9);
            assert_eq!(runtime.spawn_parallel(wait_all).join().unwrap(), 9);
            assert_eq!(runtime.spawn_blocking(wait_all).join().unwrap(), 9);
            let awaiting = runtime.spawn(async move {
                let mut sum = 0;
                for handle in spawn_all() {
                    sum += handle.await.unwrap();
                }
                sum
            });
            assert_eq!(awaiting.join().unwrap(), 3);
        });
    }
}

#[test]
fn a_task_that_blocks_on_what_it_has_just_spawned_is_never_forgotten() {
    const ROUNDS: u32 = if cfg!(miri) { 50 } else { 20_000 };
    watch(|| {
        let runtime = runtime(1);
        let task = runtime.spawn(async {
            for i in 0..ROUNDS {
                // The second comes back without a permit now and then, and blocks again.
                let children = [spawn(async move { i }), spawn(async move { i })];
                for child in children {
                    assert_eq!(block_on(child).unwrap(), i);
                }
            }
        });
        task.join().unwrap();
    });
}

#[test]
fn join_in_an_async_fn_on_one_worker_does_not_hang() {
    watch(|| {
        let runtime = runtime(1);
        let outer = runtime.spawn(async {
            let queued = spawn(async { 1 });
            let waiting = spawn(async {
                sleep(Duration::from_millis(5)).await;
                2
            });
            let needs_another = spawn(async {
                let (sender, receiver) = channel::bounded(1);
                spawn(async move { sender.send_async(4).await }).detach();
                receiver.recv_async().await.unwrap()
            });
            queued.join().unwrap() + waiting.join().unwrap() + needs_another.join().unwrap()
        });
        assert_eq!(outer.join().unwrap(), 7);
    });
}

#[test]
fn joins_nest_deeper_than_the_stack_takes_them() {
    const DEPTH: u32 = if cfg!(miri) { 40 } else { 200 };
    fn nested(depth: u32) -> u32 {
        if depth == 0 { 0 } else { spawn(async move { nested(depth - 1) }).join().unwrap() + 1 }
    }
    for workers in [1, 2] {
        watch(move || {
            let runtime = runtime(workers);
            assert_eq!(runtime.spawn(async { nested(DEPTH) }).join().unwrap(), DEPTH);
        });
    }
}

#[test]
fn a_chain_of_results_does_not_keep_the_others_waiting() {
    const LENGTH: usize = 1000;
    const TURN_MAX: usize = 200;
    watch(|| {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let root = runtime.spawn(async move {
            let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (sender, receiver) = result_channel::<()>();
            let (noted, note) = result_channel::<usize>();
            let mut last = spawn(async move { receiver.await.unwrap() });
            let mut noted = Some((noted, handle));
            for link in 0..LENGTH {
                let (begun, ended) = (Arc::clone(&begun), Arc::clone(&ended));
                let other = (link == 5).then(|| noted.take().unwrap());
                last = spawn(async move {
                    begun.fetch_add(1, Ordering::Relaxed);
                    last.await.unwrap();
                    ended.fetch_add(1, Ordering::Relaxed);
                    if let Some((noted, handle)) = other {
                        // From a thread that is no worker, so it comes from outside.
                        let note = async move { noted.send(ended.load(Ordering::Relaxed)) };
                        let spawner = std::thread::spawn(move || handle.spawn(note).detach());
                        spawner.join().unwrap();
                    }
                });
            }
            while begun.load(Ordering::Relaxed) < LENGTH {
                yield_now().await;
            }
            sender.send(()).unwrap();
            last.await.unwrap();
            note.await.unwrap()
        });
        let turn = root.join().unwrap();
        assert!(turn < TURN_MAX, "{turn} links went before what came from outside");
    });
}

#[test]
fn what_waits_for_a_task_that_was_run_in_place_need_not_wait_for_the_rest() {
    watch(|| {
        // Nobody runs in its stead what waits for a worker that is slow.
        let builder = Runtime::builder().worker_threads(1);
        let runtime = builder.stall_after(Duration::MAX).build().unwrap();
        let (sender, receiver) = channel::bounded::<()>(1);
        let waker = Arc::new(Mutex::new(None::<Waker>));
        let waiter = Arc::clone(&waker);
        let mut polls = 0;
        let waits = runtime.spawn(future::poll_fn(move |cx| {
            polls += 1;
            if polls == 1 {
                *waiter.lock().unwrap() = Some(cx.waker().clone());
                return Poll::Pending;
            }
            sender.try_send(()).unwrap();
            Poll::Ready(())
        }));
        let joins = runtime.spawn(async move {
            let waker = loop {
                let waker = waker.lock().unwrap().take();
                match waker {
                    Some(waker) => break waker,
                    None => yield_now().await,
                }
            };
            let (release, released) = result_channel();
            let mut joined = spawn(async { released.await.unwrap() });
            yield_now().await;
            // Into no queue of this worker, in which it would be before what is woken next.
            std::thread::spawn(|| release.send(7).unwrap()).join().unwrap();
            // The other one is told of the end of what is run here, in the middle of this task.
            let polled = Pin::new(&mut joined).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            assert_eq!(joined.join().unwrap(), 7);
            receiver.recv().unwrap();
        });
        joins.join().unwrap();
        waits.join().unwrap();
    });
}

#[test]
fn a_tree_of_joins_adds_up() {
    const DEPTH: u32 = if cfg!(miri) { 4 } else { 10 };
    fn tree(depth: u32) -> u64 {
        if depth == 0 {
            return 1;
        }
        let left = spawn_parallel(move || tree(depth - 1));
        let right = spawn_parallel(move || tree(depth - 1));
        left.join().unwrap() + right.join().unwrap()
    }
    for workers in [1, 2, 4] {
        watch(move || {
            let runtime = runtime(workers);
            assert_eq!(runtime.spawn_parallel(|| tree(DEPTH)).join().unwrap(), 1 << DEPTH);
        });
    }
}

#[test]
fn blocking_channel_calls_in_tasks_do_not_stop_the_workers() {
    const ROUNDS: u32 = if cfg!(miri) { 20 } else { 500 };
    for workers in [1, 2, 4] {
        watch(move || {
            let runtime = runtime(workers);
            let (request, requests) = channel::bounded::<u32>(1);
            let (reply, replies) = channel::bounded::<u32>(1);
            let server = runtime.spawn(async move {
                requests.iter().try_for_each(|n| reply.send(n + 1)).unwrap();
            });
            let client = runtime.spawn(async move {
                let sum = (0..ROUNDS).map(|n| {
                    request.send(n).unwrap();
                    replies.recv().unwrap()
                });
                sum.sum::<u32>()
            });
            assert_eq!(client.join().unwrap(), ROUNDS * (ROUNDS + 1) / 2);
            server.join().unwrap();
        });
    }
}

#[test]
fn a_hundred_blocked_tasks_wait_for_one_that_runs() {
    const TASKS: usize = if cfg!(miri) { 8 } else { 100 };
    const STEP: Duration = Duration::from_millis(if cfg!(miri) { 1000 } else { 1 });
    watch(|| {
        let runtime = runtime(1);
        let (gate, waiting) = channel::bounded::<()>(1);
        let arrived = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (waiting, arrived) = (waiting.clone(), Arc::clone(&arrived));
                runtime.spawn(async move {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    waiting.recv().unwrap_err();
                })
            })
            .collect();
        let opener = runtime.spawn(async move {
            while arrived.load(Ordering::SeqCst) < TASKS {
                sleep(STEP).await;
            }
            drop(gate);
        });
        opener.join().unwrap();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// 256 threads may stand in for blocked workers; tasks beyond that wait for one to go on.
#[test]
fn more_tasks_block_than_there_are_spare_threads() {
    watch(|| {
        let runtime = runtime(1);
        let (gate, waiting) = channel::bounded::<u32>(1);
        let tasks: Vec<_> = (0..300)
            .map(|_| {
                let waiting = waiting.clone();
                runtime.spawn(async move { waiting.recv().unwrap() })
            })
            .collect();
        // From outside: the workers are all blocked.
        (0..300).for_each(|n| gate.send(n).unwrap());
        let sum: u32 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(sum, 300 * 299 / 2);
        works_on(&runtime);
    });
}

#[test]
fn as_many_workers_as_there_may_be() {
    watch(|| works_on(&runtime(1024)));
}

#[test]
fn a_result_sent_by_hand_wakes_every_kind_of_receiver() {
    watch(|| {
        let runtime = runtime(2);
        let (sender, receiver) = result_channel();
        let task = runtime.spawn(async move { receiver.await.unwrap() });
        sender.send(1).unwrap();
        assert_eq!(task.join().unwrap(), 1);
        let (sender, receiver) = result_channel();
        let thread = std::thread::spawn(move || receiver.recv().unwrap());
        runtime.spawn(async move { sender.send(2).unwrap() }).join().unwrap();
        assert_eq!(thread.join().unwrap(), 2);
    });
}

#[test]
fn tasks_of_one_worker_all_get_their_turn() {
    watch(|| {
        let runtime = runtime(1);
        let stop = Arc::new(AtomicUsize::new(0));
        let spinner = runtime.spawn({
            let stop = Arc::clone(&stop);
            async move {
                // Always ready again at once: wakes itself before it returns.
                while stop.load(Ordering::SeqCst) == 0 {
                    let mut yielded = false;
                    future::poll_fn(|cx| {
                        if yielded {
                            return Poll::Ready(());
                        }
                        yielded = true;
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    })
                    .await;
                }
            }
        });
        // From outside, through the injector; and by a timer.
        runtime.spawn(async { sleep(Duration::from_millis(2)).await }).join().unwrap();
        stop.store(1, Ordering::SeqCst);
        spinner.join().unwrap();
    });
}
