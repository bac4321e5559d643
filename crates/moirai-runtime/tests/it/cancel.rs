//! Ending tasks early.

use std::future::pending;
use std::sync::Arc;
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
