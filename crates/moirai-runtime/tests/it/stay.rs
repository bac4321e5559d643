//! A task that waits for the one that runs next stays where it is, and nobody can tell.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use moirai_runtime::{TaskError, TaskHandle, result_channel, spawn};
use moirai_sync::channel;

use crate::{runtime, watch, works_on};

fn spin_until(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
}

/// The other worker has nothing to do: it could run whatever is left to it.
#[test]
fn what_waits_for_something_else_too_goes_on_while_the_other_computes() {
    for handle_first in [true, false] {
        watch(move || {
            let runtime = runtime(2);
            let (tx, rx) = channel::bounded::<()>(1);
            let (began, told) =
                (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let waits = runtime.spawn({
                let (began, told) = (Arc::clone(&began), Arc::clone(&told));
                async move {
                    let computes = spawn({
                        let told = Arc::clone(&told);
                        async move {
                            began.store(true, Ordering::Release);
                            spin_until(&told);
                        }
                    });
                    let mut computes = pin!(computes);
                    let mut tells = pin!(async {
                        rx.recv_async().await.unwrap();
                        told.store(true, Ordering::Release);
                    });
                    let (mut ended, mut has_told) = (false, false);
                    poll_fn(|cx| {
                        for is_handle in [handle_first, !handle_first] {
                            if is_handle && !ended {
                                ended = computes.as_mut().poll(cx).is_ready();
                            } else if !is_handle && !has_told {
                                has_told = tells.as_mut().poll(cx).is_ready();
                            }
                        }
                        if ended && has_told { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                }
            });
            spin_until(&began);
            tx.send(()).unwrap();
            waits.join().unwrap();
        });
    }
}

/// The task that blocks waits for what only the end of the waiting one lets go.
#[test]
fn what_waits_for_one_that_blocks_can_be_cancelled_meanwhile() {
    for workers in [1, 2] {
        watch(move || {
            let runtime = runtime(workers);
            let (began, begins) = result_channel();
            let waits = runtime.spawn(async move {
                let (held, until_dropped) = channel::bounded::<()>(1);
                let blocks = spawn(async move {
                    began.send(()).unwrap();
                    until_dropped.recv()
                });
                let _held = held;
                blocks.await.unwrap().unwrap_err();
            });
            begins.recv().unwrap();
            waits.cancel();
            assert!(matches!(waits.join(), Err(TaskError::Cancelled)));
            works_on(&runtime);
        });
    }
}

#[test]
fn what_is_cancelled_by_the_one_it_waits_for_is_not_polled_again() {
    watch(|| {
        let runtime = runtime(1);
        let (tx, rx) = result_channel::<TaskHandle<()>>();
        let (cancelled, late) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let waits = runtime.spawn({
            let late = Arc::clone(&late);
            async move {
                let handle = rx.await.unwrap();
                let cancels = Arc::clone(&cancelled);
                let mut other = spawn(async move {
                    handle.cancel();
                    cancels.store(true, Ordering::Relaxed);
                });
                poll_fn(|cx| {
                    late.fetch_or(cancelled.load(Ordering::Relaxed), Ordering::Relaxed);
                    Pin::new(&mut other).poll(cx).map(Result::unwrap)
                })
                .await;
            }
        });
        tx.send(waits).unwrap();
        while runtime.handle().task_pool().live_tasks != 0 {
            std::thread::yield_now();
        }
        assert!(!late.load(Ordering::Relaxed));
    });
}

/// One that spawns and waits all the time never gives its worker away, and others have their turn.
#[test]
fn what_stays_again_and_again_starves_nobody() {
    watch(|| {
        let runtime = runtime(1);
        let (began, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let waits = runtime.spawn({
            let (began, done) = (Arc::clone(&began), Arc::clone(&done));
            async move {
                while !done.load(Ordering::Relaxed) {
                    spawn(async {}).await.unwrap();
                    began.store(true, Ordering::Release);
                }
            }
        });
        spin_until(&began);
        runtime.spawn(async move { done.store(true, Ordering::Relaxed) }).join().unwrap();
        waits.join().unwrap();
    });
}
