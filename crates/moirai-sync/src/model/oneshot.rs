//! Models of the result channel: every pair of things its two halves can do at once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::thread;

use crate::oneshot::{ResultReceiver, result_channel};
use crate::{TaskError, TaskResult, strand};

fn poll_once<T>(receiver: &mut ResultReceiver<T>) -> Option<TaskResult<T>> {
    match Pin::new(receiver).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[test]
fn a_waiting_receiver_gets_the_value() {
    loom::model(|| {
        let (sender, receiver) = result_channel();
        let thread = thread::spawn(move || sender.send(Box::new(7)).unwrap());
        assert_eq!(*receiver.recv().unwrap(), 7);
        thread.join().unwrap();
    });
}

/// A receiver polled with one waker and then awaited with another.
#[test]
fn a_replaced_waker_loses_no_wake_up() {
    loom::model(|| {
        let (sender, mut receiver) = result_channel();
        let thread = thread::spawn(move || sender.send(Box::new(7)).unwrap());
        let early = poll_once(&mut receiver);
        assert_eq!(*early.unwrap_or_else(|| receiver.recv()).unwrap(), 7);
        thread.join().unwrap();
    });
}

#[test]
fn a_dropped_sender_wakes_the_receiver() {
    loom::model(|| {
        let (sender, receiver) = result_channel::<Box<u32>>();
        let thread = thread::spawn(move || drop(sender));
        assert!(matches!(strand::block_on(receiver), Err(TaskError::ResultNotFound)));
        thread.join().unwrap();
    });
}

/// The value goes to exactly one side, whether or not the receiver had polled.
#[test]
fn send_races_drop_of_the_receiver() {
    for polled in [false, true] {
        loom::model(move || {
            let (sender, mut receiver) = result_channel();
            let value = Arc::new(());
            let sent = Arc::clone(&value);
            let thread = thread::spawn(move || drop(sender.send(sent)));
            if polled {
                drop(poll_once(&mut receiver));
            }
            drop(receiver);
            thread.join().unwrap();
            assert_eq!(Arc::strong_count(&value), 1);
        });
    }
}

#[test]
fn send_races_close() {
    loom::model(|| {
        let (sender, mut receiver) = result_channel();
        let thread = thread::spawn(move || sender.send(Box::new(7)).is_ok());
        receiver.close();
        let received = matches!(receiver.try_recv(), Some(Ok(_)));
        drop(receiver);
        let sent = thread.join().unwrap();
        assert!(sent || !received);
    });
}

#[test]
fn drop_of_the_sender_races_close_and_drop() {
    loom::model(|| {
        let (sender, mut receiver) = result_channel::<Box<u32>>();
        let thread = thread::spawn(move || drop(sender));
        assert!(!matches!(poll_once(&mut receiver), Some(Ok(_))));
        receiver.close();
        drop(receiver);
        thread.join().unwrap();
    });
}
