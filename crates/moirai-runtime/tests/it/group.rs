//! Join sets and trackers: every task is taken once, whoever drops, cancels or shuts down what.

use std::future::{pending, poll_fn, ready};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use moirai_runtime::{JoinSet, Runtime, SpawnFailed, TaskError, TaskTracker, Tracked, sleep};
use moirai_sync::{channel, strand};

use crate::{AtDrop, Random, TASKS, no_task_is_left, runtime, watch, works_on};

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn groups_go_anywhere() {
    use std::panic::{RefUnwindSafe, UnwindSafe};
    fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe + 'static>() {}
    check::<JoinSet<u32>>();
    check::<TaskTracker>();
    check::<Tracked<std::future::Ready<u32>>>();
}

#[test]
fn a_join_set_gives_results_in_the_order_in_which_tasks_end() {
    watch(|| {
        let runtime = runtime(2);
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let gates: Vec<_> = (0..5)
                .map(|n| {
                    let (open, gate) = channel::bounded::<()>(1);
                    set.spawn(async move {
                        let _ = gate.recv_async().await;
                        n
                    });
                    open
                })
                .collect();
            for n in [3, 0, 4, 1, 2] {
                gates[n].send(()).unwrap();
                assert_eq!(set.join_next().await.unwrap().unwrap(), n);
            }
            assert!(set.join_next().await.is_none());
        });
    });
}

/// Fails if the owner is woken for a task that has not ended, or not for one that has.
#[test]
fn a_task_that_ends_wakes_the_owner_of_its_set_once_however_many_others_there_are() {
    watch(|| {
        let runtime = runtime(2);
        let mut set = JoinSet::new();
        let handle = runtime.handle();
        let gates: Vec<_> = (0..TASKS)
            .map(|n| {
                let (open, gate) = channel::bounded::<()>(1);
                let id = set.spawn_on(
                    async move {
                        let _ = gate.recv_async().await;
                        n
                    },
                    handle,
                );
                (open, id)
            })
            .collect();
        for (n, (open, id)) in gates.into_iter().enumerate().rev() {
            let woken = Arc::<Woken>::default();
            let waker = Waker::from(Arc::clone(&woken));
            let mut next = pin!(set.join_next_with_id());
            assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(woken.0.load(Ordering::SeqCst), 0);
            open.send(()).unwrap();
            while woken.0.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            let Poll::Ready(Some((ended, result))) = next.poll(&mut Context::from_waker(&waker))
            else {
                panic!("woken for nothing");
            };
            assert_eq!((ended, result.unwrap() as usize), (id, n));
            assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        }
        assert!(set.is_empty());
    });
}

#[test]
fn every_kind_of_task_is_taken_on_every_strand() {
    fn fill(runtime: &Runtime) -> JoinSet<u32> {
        let mut set = JoinSet::new();
        let handle = runtime.handle();
        handle.block_on(async {
            set.spawn(async { 1 });
            set.spawn_blocking(|| 2);
            set.spawn_parallel(|| 4);
        });
        set.spawn_on(async { 8 }, handle);
        set.insert(handle.spawn_blocking(|| 16));
        let ended = handle.spawn(async { 32 });
        while !ended.is_finished() {
            std::thread::yield_now();
        }
        set.insert(ended);
        set.extend(Vec::<std::future::Ready<u32>>::new());
        set
    }
    fn blocking(set: &mut JoinSet<u32>) -> u32 {
        std::iter::from_fn(|| set.join_next_blocking()).map(Result::unwrap).sum()
    }
    watch(|| {
        let runtime = runtime(1);
        let mut set = fill(&runtime);
        assert_eq!((set.len(), blocking(&mut set)), (6, 63));
        let mut set = fill(&runtime);
        assert_eq!(runtime.spawn(async move { blocking(&mut set) }).join().unwrap(), 63);
        let set = fill(&runtime);
        let results = strand::block_on(set.join_all());
        assert_eq!(results.into_iter().map(Result::unwrap).sum::<u32>(), 63);
        let mut set = fill(&runtime);
        let mut sum = 0;
        while !set.is_empty() {
            sum += set.try_join_next().map_or(0, Result::unwrap);
        }
        assert_eq!(sum, 63);
        let mut set = fill(&runtime);
        let next = || set.join_next_timeout(Duration::MAX);
        assert_eq!(std::iter::from_fn(next).map(Result::unwrap).sum::<u32>(), 63);
        set.spawn_on(pending(), runtime.handle());
        assert!(set.join_next_timeout(Duration::from_millis(1)).is_none());
        assert_eq!(set.len(), 1);
    });
}

#[test]
fn every_way_to_end_is_a_result_of_the_set() {
    watch(|| {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        let mut set = JoinSet::new();
        set.spawn_on(async { resume_unwind(Box::new("on purpose")) }, &handle);
        let next = set.join_next_blocking().unwrap();
        assert!(matches!(next, Err(TaskError::Panicked(panic)) if panic.message() == "on purpose"));
        set.spawn_on(pending::<()>(), &handle);
        set.cancel_all();
        assert!(matches!(set.join_next_blocking(), Some(Err(TaskError::Cancelled))));
        // One in the set when the runtime ends, one that comes after.
        set.spawn_on(pending(), &handle);
        works_on(&runtime);
        drop(runtime);
        assert!(matches!(set.join_next_blocking(), Some(Err(TaskError::Cancelled))));
        set.spawn_on(pending(), &handle);
        let refused = set.join_next_blocking();
        assert!(matches!(refused, Some(Err(TaskError::SpawnFailed(SpawnFailed::ShutDown)))));
        assert!(set.join_next_blocking().is_none());
    });
}

/// Fails if the drop of a set detaches.
#[test]
fn a_dropped_set_cancels_its_tasks_and_a_detached_one_lets_them_go_on() {
    watch(|| {
        let runtime = runtime(2);
        let (dropped, ran) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let spawn = |gate: &channel::Receiver<()>| {
            let mut set = JoinSet::new();
            for _ in 0..TASKS {
                let (ran, gate) = (Arc::clone(&ran), gate.clone());
                let dropped = Arc::clone(&dropped);
                let at_drop = AtDrop::new(move || {
                    dropped.fetch_add(1, Ordering::SeqCst);
                });
                set.spawn_on(
                    async move {
                        let _at_drop = at_drop;
                        let _ = gate.recv_async().await;
                        ran.fetch_add(1, Ordering::SeqCst);
                    },
                    runtime.handle(),
                );
            }
            set
        };
        let (open, gate) = channel::bounded(1);
        drop(spawn(&gate));
        no_task_is_left(&runtime);
        assert_eq!(
            (dropped.load(Ordering::SeqCst), ran.load(Ordering::SeqCst)),
            (TASKS as usize, 0)
        );
        let mut set = spawn(&gate);
        set.detach_all();
        assert!(set.is_empty() && set.try_join_next().is_none());
        drop((set, open));
        no_task_is_left(&runtime);
        assert_eq!(ran.load(Ordering::SeqCst), TASKS as usize);
    });
}

#[test]
fn a_join_that_is_polled_and_dropped_loses_nothing() {
    watch(|| {
        let runtime = runtime(2);
        let mut set = JoinSet::new();
        (0..TASKS).for_each(|n| {
            set.spawn_on(async move { n }, runtime.handle());
        });
        let mut sum = 0;
        while !set.is_empty() {
            let poll = pin!(set.join_next()).poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(Some(result)) = poll {
                sum += result.unwrap();
            }
        }
        assert_eq!(sum, TASKS * (TASKS - 1) / 2);
    });
}

#[test]
fn a_set_shuts_down_after_the_last_future_is_dropped_and_can_be_used_again() {
    watch(|| {
        let runtime = runtime(2);
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..3 {
                let dropped = Arc::new(AtomicUsize::new(0));
                for _ in 0..20 {
                    let dropped = Arc::clone(&dropped);
                    let at_drop = AtDrop::new(move || {
                        dropped.fetch_add(1, Ordering::SeqCst);
                    });
                    set.spawn(async move {
                        let _at_drop = at_drop;
                        pending::<()>().await;
                    });
                }
                set.shutdown().await;
                assert_eq!((dropped.load(Ordering::SeqCst), set.len()), (20, 0));
            }
        });
    });
}

/// Every operation in random order: what was spawned is what was taken, detached and dropped.
/// Fails if a ring for a task that has left is taken for the end of the next one in its place.
#[test]
fn random_operations_on_a_set_take_every_task_once() {
    watch(|| {
        let runtime = runtime(2);
        let mut random = Random::seeded();
        let dropped = Arc::new(AtomicUsize::new(0));
        let (mut made, mut taken, mut detached) = (0, 0, 0);
        for _ in 0..if cfg!(miri) { 2 } else { 200 } {
            let mut set = JoinSet::new();
            for _ in 0..100 {
                match random.below(16) {
                    0 => set.cancel_all(),
                    1 => {
                        detached += set.len();
                        set.detach_all();
                    }
                    2 => {
                        let poll =
                            pin!(set.join_next()).poll(&mut Context::from_waker(Waker::noop()));
                        taken += usize::from(matches!(poll, Poll::Ready(Some(_))));
                    }
                    3..7 => taken += usize::from(set.try_join_next().is_some()),
                    7 => {
                        let timeout = Duration::from_micros(random.below(200));
                        taken += usize::from(set.join_next_timeout(timeout).is_some());
                    }
                    kind => {
                        let counted = Arc::clone(&dropped);
                        let at_drop = AtDrop::new(move || {
                            counted.fetch_add(1, Ordering::SeqCst);
                        });
                        made += 1;
                        let handle = runtime.handle();
                        let pause = Duration::from_micros(random.below(300));
                        let task = match kind {
                            8 => handle.spawn_blocking(move || drop(at_drop)),
                            9 => handle.spawn_parallel(move || drop(at_drop)),
                            10 => handle.spawn(async move {
                                let _at_drop = at_drop;
                                resume_unwind(Box::new(()))
                            }),
                            11 | 12 => handle.spawn(async move {
                                let _at_drop = at_drop;
                                sleep(pause).await;
                            }),
                            _ => handle.spawn(async move { drop(at_drop) }),
                        };
                        set.insert(task);
                    }
                }
            }
            match random.below(3) {
                0 => {
                    detached += set.len();
                    drop(set);
                }
                1 => {
                    taken += set.len();
                    strand::block_on(set.shutdown());
                }
                _ => taken += strand::block_on(set.join_all()).len(),
            }
        }
        no_task_is_left(&runtime);
        assert_eq!((made, made), (taken + detached, dropped.load(Ordering::SeqCst)));
        println!("{made} tasks, {taken} taken");
    });
}

#[test]
fn a_tracker_waits_until_it_is_closed_and_its_last_future_dropped() {
    watch(|| {
        let runtime = runtime(2);
        let tracker = TaskTracker::new();
        // Empty, but open.
        assert!(!tracker.wait_timeout(Duration::from_millis(1)));
        assert!(tracker.close() && !tracker.close() && tracker.is_closed());
        tracker.wait();
        assert!(tracker.reopen() && !tracker.reopen());
        let ended = Arc::new(AtomicUsize::new(0));
        let at_drop = || {
            let ended = Arc::clone(&ended);
            AtDrop::new(move || {
                ended.fetch_add(1, Ordering::SeqCst);
            })
        };
        let (open, gate) = channel::bounded::<()>(1);
        runtime.block_on(async {
            let held = at_drop();
            let waits = async move {
                let _held = held;
                let _ = gate.recv_async().await;
            };
            tracker.spawn(waits).detach();
            let held = at_drop();
            tracker
                .spawn(async move {
                    let _held = held;
                    resume_unwind(Box::new(()));
                })
                .detach();
            let held = at_drop();
            tracker.spawn_blocking(move || drop(held)).detach();
            let held = at_drop();
            tracker.spawn_parallel(move || drop(held)).detach();
            let held = at_drop();
            let cancelled = tracker.spawn(async move {
                let _held = held;
                pending::<()>().await;
            });
            cancelled.cancel();
        });
        let token = tracker.token();
        assert!(tracker.close());
        assert!(!tracker.wait_timeout(Duration::from_millis(1)));
        drop((open, token));
        tracker.wait();
        assert_eq!((ended.load(Ordering::SeqCst), tracker.len()), (5, 0));
        strand::block_on(tracker.wait_async());
    });
}

/// Fails if the member is given up before the future is dropped.
#[test]
fn a_tracked_future_counts_until_it_is_dropped() {
    let tracker = TaskTracker::new();
    let seen = Arc::new(AtomicUsize::new(0));
    let at_drop = AtDrop::new({
        let (tracker, seen) = (tracker.clone(), Arc::clone(&seen));
        move || seen.store(tracker.len(), Ordering::SeqCst)
    });
    let mut tracked = Box::pin(tracker.track_future(async move {
        let _at_drop = at_drop;
        pending::<()>().await;
    }));
    assert!(tracked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(tracker.len(), 1);
    drop(tracked);
    assert_eq!((seen.load(Ordering::SeqCst), tracker.len()), (1, 0));
    assert_eq!(strand::block_on(tracker.track_future(ready(7))), 7);
}

/// A wait that is woken late does not miss that everything had ended.
#[test]
fn a_tracker_that_is_opened_again_keeps_nobody_waiting() {
    let tracker = TaskTracker::new();
    let mut waiting = pin!(tracker.wait_async());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    tracker.close();
    tracker.reopen();
    assert!(waiting.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

/// Sets are dropped while their tasks end, by whoever wakes.
#[test]
fn stress_sets_are_dropped_while_their_tasks_end() {
    watch(|| {
        let runtime = runtime(2);
        let (stop, mut rounds) = (Arc::new(AtomicBool::new(false)), 0);
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(300) {
            let mut set = JoinSet::new();
            for n in 0..10 {
                let mut left = n % 4;
                set.spawn_on(
                    poll_fn(move |cx| {
                        if left == 0 {
                            return Poll::Ready(());
                        }
                        left -= 1;
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }),
                    runtime.handle(),
                );
            }
            let taken = rounds % 10;
            (0..taken).for_each(|_| drop(set.join_next_blocking()));
            drop(set);
            rounds += 1;
        }
        stop.store(true, Ordering::Relaxed);
        no_task_is_left(&runtime);
        println!("{rounds} sets");
    });
}
