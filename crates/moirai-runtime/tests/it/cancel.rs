//! Ending tasks early.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use moirai_runtime::{Runtime, TaskError, TaskHandle, sleep};
use moirai_sync::channel;

use crate::{AtDrop, named, runtime, watch, works_on};

#[test]
fn a_cancelled_task_drops_its_future_whatever_it_waits_for() {
    watch(|| {
        let runtime = runtime(2);
        let value = Arc::new(());
        let (_sender, receiver) = channel::bounded::<()>(1);
        let held = [(); 3].map(|()| Arc::clone(&value));
        let [a, b, c] = held;
        let handles = [
            runtime.spawn(async move {
                pending::<()>().await;
                drop(a);
            }),
            runtime.spawn(async move {
                sleep(Duration::from_secs(3600)).await;
                drop(b);
            }),
            runtime.spawn(async move {
                let _ = receiver.recv_async().await;
                drop(c);
            }),
        ];
        handles.iter().for_each(|handle| handle.cancel());
        for handle in handles {
            assert!(matches!(handle.join(), Err(TaskError::Cancelled)));
        }
        assert_eq!(Arc::strong_count(&value), 1);
        works_on(&runtime);
    });
}

#[test]
fn cancel_after_the_end_keeps_the_result() {
    watch(|| {
        let runtime = runtime(1);
        let handle = runtime.spawn(async { 7 });
        while !handle.is_finished() {
            std::thread::yield_now();
        }
        handle.cancel();
        assert_eq!(handle.join().unwrap(), 7);
    });
}

#[test]
fn a_dropped_handle_detaches_and_a_cancelling_one_cancels() {
    watch(|| {
        let runtime = runtime(1);
        let (sender, receiver) = channel::bounded(1);
        let tell = sender.clone();
        drop(runtime.spawn(async move { tell.send_async(1).await }));
        assert_eq!(receiver.recv(), Ok(1));
        drop(
            runtime
                .spawn(async move {
                    pending::<()>().await;
                    sender.send_async(2).await
                })
                .cancel_on_drop(),
        );
        // The future, and with it the last sender, is dropped.
        assert!(receiver.recv().is_err());
        let kept = runtime.spawn(async { 3 }).cancel_on_drop();
        assert_eq!(kept.join().unwrap(), 3);
    });
}

#[test]
fn a_task_that_nobody_can_wake_is_dropped() {
    watch(|| {
        let runtime = runtime(1);
        let (sender, receiver) = channel::bounded::<()>(1);
        runtime
            .spawn(async move {
                pending::<()>().await;
                drop(sender);
            })
            .detach();
        assert!(receiver.recv().is_err());
    });
}

thread_local! {
    /// Whether the thread is inside of a call that must not drop a future.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn inside<R>(f: impl FnOnce() -> R) -> R {
    INSIDE.set(true);
    let result = f();
    INSIDE.set(false);
    result
}

/// Notes where it is dropped.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<Vec<Place>>>);

struct Place {
    thread: String,
    inside: bool,
}

/// A future's part that tells [`Places`] of its drop.
struct Noted(Places);

impl Drop for Noted {
    fn drop(&mut self) {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        self.0.0.lock().unwrap().push(Place { thread, inside: INSIDE.get() });
    }
}

/// Whoever cancels or wakes may hold a lock that the future's drop takes. Fails if what comes after
/// the injector's close is shut down in place.
#[test]
fn a_wake_or_a_cancel_drops_no_future_even_while_the_runtime_ends() {
    watch(|| {
        // Nobody stands in for the worker that is held.
        let builder = Runtime::builder().worker_threads(1).spare_threads(0);
        let runtime = builder.stall_after(Duration::MAX).build().unwrap();
        let places = Places::default();
        let (sender, wakers) = channel::bounded::<Waker>(3);
        let [cancelled, woken, detached] = [(); 3].map(|()| {
            let (noted, sender) = (Noted(places.clone()), sender.clone());
            runtime.spawn(poll_fn(move |cx| {
                let _ = &noted;
                let _ = sender.try_send(cx.waker().clone());
                Poll::<()>::Pending
            }))
        });
        let [first, second, third] = [(); 3].map(|()| wakers.recv().unwrap());
        detached.detach();
        // The worker is busy, so what is spawned now stays in the injector, and the shutdown stands
        // still where it drops that.
        let (release, busy) = std::sync::mpsc::channel::<()>();
        let (started, begun) = channel::bounded(1);
        runtime.spawn_parallel(move || started.send(()).map(|()| busy.recv())).detach();
        begun.recv().unwrap();
        let (closing, closed) = std::sync::mpsc::channel();
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let at_drop = AtDrop::new(move || {
            closing.send(()).unwrap();
            let _ = gate.recv();
        });
        runtime.spawn_parallel(move || drop(at_drop)).detach();
        let ends = std::thread::spawn(move || drop(runtime));
        closed.recv().unwrap();
        inside(|| {
            cancelled.cancel();
            first.wake();
            second.wake();
            // Of the detached one, the last reference.
            third.wake_by_ref();
            drop(third);
        });
        assert_eq!(places.0.lock().unwrap().len(), 0);
        drop((go, release));
        ends.join().unwrap();
        assert!(matches!(woken.join(), Err(TaskError::Cancelled)));
        assert_eq!(places.0.lock().unwrap().len(), 3);
    });
}

/// A task that waits for ever, and holds what tells of its drop.
fn idle_task(runtime: &Runtime, places: &Places) -> TaskHandle<()> {
    let (polled, idle) = channel::bounded::<()>(1);
    let (noted, mut polled) = (Noted(places.clone()), Some(polled));
    let task = runtime.spawn(poll_fn(move |_| {
        let _ = &noted;
        // It is idle in a moment.
        drop(polled.take());
        Poll::<()>::Pending
    }));
    assert!(idle.recv().is_err());
    task
}

/// Fails if `cancel` drops an idle future itself.
#[test]
fn a_cancelled_future_is_dropped_once_by_a_worker_whoever_cancels_it() {
    type Canceller = fn(&Runtime, TaskHandle<()>);
    let cancellers: [Canceller; 5] = [
        |_, task| inside(|| task.cancel()),
        |_, task| {
            let task = task.cancel_on_drop();
            inside(|| drop(task));
        },
        |runtime, task| {
            runtime.spawn(async move { inside(|| task.cancel()) }).join().unwrap();
        },
        |runtime, task| {
            runtime.spawn_blocking(move || inside(|| task.cancel())).join().unwrap();
        },
        |_, task| {
            // Again and again, from all sides.
            std::thread::scope(|scope| {
                (0..3).for_each(|_| drop(scope.spawn(|| inside(|| task.cancel()))));
            });
        },
    ];
    for workers in [1, 2] {
        watch(move || {
            for cancel in cancellers {
                let runtime = named("cancelling", workers);
                let places = Places::default();
                cancel(&runtime, idle_task(&runtime, &places));
                while places.0.lock().unwrap().is_empty() {
                    std::thread::yield_now();
                }
                drop(runtime);
                let places = places.0.lock().unwrap();
                let [place] = &places[..] else { panic!("dropped {} times", places.len()) };
                assert!(place.thread.starts_with("cancelling-worker-"), "{:?}", place.thread);
                assert!(!place.inside);
            }
        });
    }
}

/// Fails if the walk over the idle tasks is made twice without looking who has been ended.
#[test]
fn a_runtime_that_ends_drops_each_idle_future_once_on_a_worker_or_where_it_is_dropped() {
    const TASKS: usize = if cfg!(miri) { 5 } else { 200 };
    watch(|| {
        let runtime = named("ending", 2);
        let places = Places::default();
        let tasks: Vec<_> = (0..TASKS).map(|_| idle_task(&runtime, &places)).collect();
        std::thread::Builder::new()
            .name("ending-here".into())
            .spawn(move || drop(runtime))
            .unwrap()
            .join()
            .unwrap();
        let places = places.0.lock().unwrap();
        assert_eq!(places.len(), TASKS);
        assert!(places.iter().all(|place| place.thread.starts_with("ending-")));
        drop(tasks);
    });
}

/// Fails if a future is dropped under a lock of the runtime's.
#[test]
fn a_future_that_is_dropped_may_spawn_cancel_join_and_wake() {
    for (workers, ends) in [(1, false), (2, false), (1, true), (2, true)] {
        watch(move || {
            let runtime = runtime(workers);
            let handle = runtime.handle().clone();
            let places = Places::default();
            let dropped = Arc::new(AtomicUsize::new(0));
            let (sender, wakers) = channel::bounded(1);
            let woken = runtime.spawn(poll_fn(move |cx| {
                let _ = sender.try_send(cx.waker().clone());
                Poll::<()>::Pending
            }));
            let (waker, joined) = (wakers.recv().unwrap(), idle_task(&runtime, &places));
            let other = idle_task(&runtime, &places);
            let at_drop = AtDrop::new({
                let dropped = Arc::clone(&dropped);
                move || {
                    other.cancel();
                    assert!(!joined.is_finished() || ends);
                    joined.cancel();
                    assert!(matches!(joined.join(), Err(TaskError::Cancelled)));
                    waker.wake();
                    // One in a chunk, one in an allocation of its own.
                    let large = [0_u8; 4000];
                    let (small, large) = (
                        handle.spawn(async { 1 }),
                        handle.spawn(async move { usize::from(large[7]) }),
                    );
                    assert!(handle.task_pool().live_tasks > 0);
                    for result in [small.join(), large.join(), other.join().map(|()| 0)] {
                        drop(result);
                    }
                    dropped.fetch_add(1, Ordering::SeqCst);
                }
            });
            let task = runtime.spawn(async move {
                let _at_drop = at_drop;
                pending::<()>().await;
            });
            if ends {
                drop(runtime);
                assert!(matches!(task.join(), Err(TaskError::Cancelled)));
            } else {
                task.cancel();
                assert!(matches!(task.join(), Err(TaskError::Cancelled)));
                woken.cancel();
                works_on(&runtime);
            }
            assert_eq!(dropped.load(Ordering::SeqCst), 1);
        });
    }
}
