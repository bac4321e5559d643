//! Timers.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use moirai_runtime::{Runtime, TaskError, sleep, time};

use crate::{runtime, watch};

#[test]
fn sleeps_end_in_the_order_of_their_deadlines() {
    watch(|| {
        // Nobody stands in for the worker, with timers of his own.
        let runtime =
            Runtime::builder().worker_threads(1).stall_after(Duration::MAX).build().unwrap();
        let sleep_beside = |step: Duration| {
            let (sender, receiver) = moirai_sync::channel::bounded(8);
            let start = Instant::now();
            let first = start + step;
            for n in [3, 1, 2] {
                let sender = sender.clone();
                let deadline = start + step * n;
                runtime
                    .spawn(async move {
                        let mut sleep = time::sleep_until(deadline);
                        poll_fn(|cx| Poll::Ready(Pin::new(&mut sleep).poll(cx).is_ready())).await;
                        let begun = Instant::now();
                        sleep.await;
                        assert!(Instant::now() >= deadline);
                        sender.send_async((n, begun < first)).await.unwrap();
                    })
                    .detach();
            }
            drop(sender);
            let (order, in_time): (Vec<_>, Vec<_>) = receiver.iter().unzip();
            (order, in_time == [true; 3])
        };
        // Those that a busy machine lets begin when one of them is over have no order.
        let mut step = Duration::from_millis(10) * SLOWER;
        let order = loop {
            match sleep_beside(step) {
                (order, true) => break order,
                _ => step *= 2,
            }
        };
        assert_eq!(order, [1, 2, 3]);
    });
}

#[test]
fn the_shortest_and_the_longest_sleep() {
    watch(|| {
        let runtime = runtime(1);
        runtime.block_on(sleep(Duration::ZERO));
        let mut forever = runtime.spawn(sleep(Duration::MAX));
        let result = forever.join_timeout(Duration::from_millis(5));
        assert!(matches!(result, Err(TaskError::ExecutionTimeout)));
        forever.cancel();
        assert!(matches!(forever.join(), Err(TaskError::Cancelled)));
    });
}

#[test]
fn a_sleep_is_woken_while_every_worker_is_blocked() {
    watch(|| {
        let runtime = runtime(2);
        let (sender, receiver) = moirai_sync::channel::bounded::<()>(1);
        let blocked = [(); 2].map(|()| {
            let receiver = receiver.clone();
            runtime.spawn(async move { receiver.recv().is_err() })
        });
        let sleeper = runtime.spawn(async move {
            sleep(Duration::from_millis(5)).await;
            drop(sender);
        });
        sleeper.join().unwrap();
        assert!(blocked.into_iter().all(|task| task.join().unwrap()));
    });
}

#[test]
fn a_sleep_is_woken_while_the_worker_that_watched_the_clock_computes() {
    watch(|| {
        let runtime = runtime(2);
        let woken = Arc::new(AtomicBool::new(false));
        let computing = runtime.spawn({
            let woken = Arc::clone(&woken);
            async move {
                sleep(Duration::from_millis(5) * SLOWER).await;
                while !woken.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            }
        });
        let sleeping = runtime.spawn(async move {
            sleep(Duration::from_millis(20) * SLOWER).await;
            woken.store(true, Ordering::SeqCst);
        });
        computing.join().unwrap();
        sleeping.join().unwrap();
    });
}

/// A step of Miri's takes as long as a thousand of a processor's.
const SLOWER: u32 = if cfg!(miri) { 1000 } else { 1 };
