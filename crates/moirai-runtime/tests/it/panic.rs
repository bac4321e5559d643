//! A panic is a value for one, and nothing to all others.

use std::future::poll_fn;
use std::panic::panic_any;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use moirai_runtime::{Runtime, TaskError, TaskHandle, sleep};

use crate::{watch, works_on};

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

/// A worker that nobody stands in for: if a panic takes its thread along, nothing runs any more.
fn one_thread() -> Runtime {
    Runtime::builder().worker_threads(1).spare_threads(0).build().unwrap()
}

fn message<T: std::fmt::Debug>(handle: TaskHandle<T>) -> String {
    match handle.join() {
        Err(TaskError::Panicked(panic)) => panic.message().to_owned(),
        result => panic!("{result:?}"),
    }
}

#[test]
fn a_panic_reaches_the_handle_and_nobody_else() {
    watch(|| {
        let runtime = one_thread();
        assert_eq!(message(runtime.spawn(async { panic!("disk {}", 7) })), "disk 7");
        works_on(&runtime);
        assert_eq!(message(runtime.spawn_parallel(|| panic!("cpu"))), "cpu");
        works_on(&runtime);
        assert_eq!(message(runtime.spawn_blocking(|| panic!("file"))), "file");
        works_on(&runtime);
    });
}

#[test]
fn panics_in_drops_are_contained() {
    watch(|| {
        let runtime = one_thread();
        // Of the future, after it was ready: the task's own panic.
        let handle = runtime.spawn({
            let held = PanicsOnDrop;
            let mut ready = Some(7);
            poll_fn(move |_| {
                let _ = &held;
                Poll::Ready(ready.take())
            })
        });
        assert_eq!(message(handle), "in drop");
        // Of the future, when it is cancelled.
        let handle = runtime.spawn({
            let held = PanicsOnDrop;
            async move {
                let _held = held;
                std::future::pending::<()>().await;
            }
        });
        handle.cancel();
        assert!(matches!(handle.join(), Err(TaskError::Cancelled)));
        // Of the future, after its poll panicked, with a payload that panics in its drop.
        struct PanicsWithMore;
        impl Drop for PanicsWithMore {
            fn drop(&mut self) {
                panic_any(PanicsOnDrop);
            }
        }
        let handle = runtime.spawn(poll_fn({
            let held = PanicsWithMore;
            move |_| -> Poll<()> {
                let _ = &held;
                panic!("in poll")
            }
        }));
        assert_eq!(message(handle), "in poll");
        // Of the output, when nobody wants it.
        runtime.spawn(async { PanicsOnDrop }).detach();
        // Of the payload.
        runtime.spawn(async { panic_any(PanicsOnDrop) }).detach();
        works_on(&runtime);
    });
}

#[test]
fn a_timer_whose_waker_panics_does_not_take_the_driver_along() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("in wake");
        }
    }
    watch(|| {
        let runtime = one_thread();
        let task = runtime.spawn(async {
            let waker = Waker::from(Arc::new(Bad));
            let mut bad = std::pin::pin!(sleep(Duration::from_millis(50)));
            assert!(bad.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            sleep(Duration::from_millis(60)).await;
        });
        task.join().unwrap();
        works_on(&runtime);
    });
}

#[test]
fn a_waker_that_panics_does_not_take_the_worker_along() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("in wake");
        }
    }
    watch(|| {
        let runtime = one_thread();
        let (sender, receiver) = moirai_sync::channel::bounded::<()>(1);
        let mut handle = runtime.spawn(async move { receiver.recv_async().await });
        let waker = Waker::from(Arc::new(Bad));
        let polled = std::pin::Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        sender.send(()).unwrap();
        works_on(&runtime);
        assert_eq!(handle.join().unwrap(), Ok(()));
    });
}
