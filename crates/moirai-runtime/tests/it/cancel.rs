//! Ending tasks early.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use moirai_runtime::{TaskError, sleep};
use moirai_sync::channel;

use crate::{runtime, watch, works_on};

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

/// Whoever cancels or wakes may hold a lock that the future's drop takes.
#[test]
fn a_wake_or_a_cancel_drops_no_future_even_while_the_runtime_ends() {
    const TASKS: usize = if cfg!(miri) { 8 } else { 400 };
    for _ in 0..if cfg!(miri) { 1 } else { 30 } {
        watch(|| {
            let runtime = runtime(2);
            let places = Places::default();
            let (sender, wakers) = channel::bounded::<Waker>(TASKS);
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| {
                    let (noted, sender) = (Noted(places.clone()), sender.clone());
                    runtime.spawn(poll_fn(move |cx| {
                        let _ = &noted;
                        let _ = sender.try_send(cx.waker().clone());
                        Poll::<()>::Pending
                    }))
                })
                .collect();
            let wakers: Vec<_> = (0..TASKS).map(|_| wakers.recv().unwrap()).collect();
            let start = Barrier::new(3);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    // From the end: shutdown comes from the beginning.
                    tasks.iter().rev().for_each(|task| inside(|| task.cancel()));
                });
                scope.spawn(|| {
                    start.wait();
                    wakers.into_iter().for_each(|waker| inside(|| waker.wake()));
                });
                start.wait();
                drop(runtime);
            });
            let places = places.0.lock().unwrap();
            assert_eq!(places.len(), TASKS);
            for place in places.iter() {
                assert!(!place.inside, "dropped inside of a wake or cancel on {:?}", place.thread);
            }
        });
    }
}
