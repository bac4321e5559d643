//! Messages that are copied into their places, and read where they lie.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use moirai_sync::channel::{
    RecvError, SendError, SendTimeoutError, TryRecvError, TrySendError, spsc,
};
use moirai_sync::strand;
use proptest::prelude::*;

/// What is copied in two halves would be seen.
type Frame = [u64; 64];

fn frame(n: u64) -> Frame {
    [n; 64]
}

fn number(frame: &Frame) -> u64 {
    assert!(frame.iter().all(|n| *n == frame[0]), "torn");
    frame[0]
}

#[test]
fn a_full_channel_is_reported_in_every_form_of_a_send_by_reference() {
    let (mut sender, mut receiver) = spsc::bounded(2);
    assert_eq!(sender.send_ref(&frame(1)), Ok(()));
    assert_eq!(sender.send_ref_timeout(&frame(2), Duration::ZERO), Ok(()));
    let (third, limit) = (frame(3), Duration::from_millis(1));
    assert_eq!(sender.try_send_ref(&third), Err(TrySendError::Full(())));
    assert_eq!(sender.send_ref_timeout(&third, limit), Err(SendTimeoutError::Timeout(())));
    let deadline = strand::now() + limit;
    assert_eq!(sender.send_ref_deadline(&third, deadline), Err(SendTimeoutError::Timeout(())));
    {
        let mut cx = Context::from_waker(Waker::noop());
        let mut sending = pin!(sender.send_ref_async(&third));
        assert!(sending.as_mut().poll(&mut cx).is_pending());
        let first = receiver.recv_ref().unwrap();
        // The guard keeps the place.
        assert!(sending.as_mut().poll(&mut cx).is_pending());
        assert_eq!(number(&first), 1);
        drop(first);
        assert_eq!(sending.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    }
    assert_eq!(receiver.recv().map(|it| number(&it)), Ok(2));
    assert_eq!(receiver.recv().map(|it| number(&it)), Ok(3));
    drop(receiver);
    assert_eq!(sender.send_ref(&third), Err(SendError(())));
    assert_eq!(sender.try_send_ref(&third), Err(TrySendError::Disconnected(())));
}

#[test]
fn frames_that_are_copied_into_their_places_arrive_whole_and_in_order() {
    let (mut sender, mut receiver) = spsc::bounded(3);
    let thread = thread::spawn(move || {
        for n in 0..FRAMES {
            match n % 3 {
                0 => sender.send_ref(&frame(n)).unwrap(),
                1 => strand::block_on(sender.send_ref_async(&frame(n))).unwrap(),
                _ => sender.send(frame(n)).unwrap(),
            }
        }
    });
    for n in 0..FRAMES {
        assert_eq!(receiver.recv_ref().map(|frame| number(&frame)), Ok(n));
    }
    assert_eq!(receiver.recv_ref().map(|frame| number(&frame)), Err(RecvError));
    thread.join().unwrap();
}

proptest! {
    #![proptest_config(crate::cases(300, 2))]

    /// Sends by value, by reference and by loan, receives by value and where it lies.
    #[test]
    fn any_sequence_of_loans_does_what_a_queue_would(
        capacity in 1..4_usize,
        steps in prop::collection::vec(0..5_u8, 0..60),
    ) {
        let (mut sender, mut receiver) = spsc::bounded(capacity);
        let mut model = VecDeque::new();
        for (n, step) in (0..).zip(steps) {
            let sent = match step {
                0 => sender.try_send(frame(n)).is_ok(),
                1 => sender.try_send_ref(&frame(n)).is_ok(),
                2 => sender.try_loan().is_ok_and(|loan| loan.copy(&frame(n)).is_ok()),
                3 => {
                    let received = receiver.try_recv().map(|it| number(&it));
                    prop_assert_eq!(received, model.pop_front().ok_or(TryRecvError::Empty));
                    continue;
                }
                _ => {
                    let received = receiver.try_recv_ref().map(|it| number(&it));
                    prop_assert_eq!(received, model.pop_front().ok_or(TryRecvError::Empty));
                    continue;
                }
            };
            prop_assert_eq!(sent, model.len() < capacity);
            if sent {
                model.push_back(n);
            }
        }
    }
}

/// A task that runs inside whatever wakes it.
struct Task(Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Task {
    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        Arc::new(Self(Mutex::new(Box::pin(future)))).wake();
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        let mut future = self.0.try_lock().expect("it does not wake itself");
        let _: Poll<()> = future.as_mut().poll(&mut Context::from_waker(&waker));
    }
}

/// Miri fails if a guard that was given up claims its place until the function returns that took it.
#[test]
fn who_is_woken_for_a_place_uses_it_before_its_guard_is_gone() {
    let (mut sender, mut receiver) = spsc::bounded(1);
    let (seen, all) = mpsc::channel();
    Task::spawn(async move {
        while let Ok(mut message) = receiver.recv_ref_async().await {
            *message += 1;
            seen.send(*message).unwrap();
        }
    });
    sender.loan().unwrap().send(1).unwrap();
    sender.loan().unwrap().copy(&3).unwrap();
    drop(sender);
    assert_eq!(all.iter().collect::<Vec<_>>(), [2, 4]);

    let (mut sender, mut receiver) = spsc::bounded(1);
    Task::spawn(async move {
        for n in 0..4 {
            sender.send_async([n; 2]).await.unwrap();
        }
    });
    drop(receiver.recv_ref().unwrap());
    assert_eq!(receiver.recv_ref().unwrap().into_inner(), [1; 2]);
    assert_eq!(*receiver.recv_ref().unwrap(), [2; 2]);
    assert_eq!(receiver.recv(), Ok([3; 2]));
}

/// A receiver gives the lines of a large message back with its place. See above.
#[test]
fn the_place_of_a_large_message_is_given_back_before_its_guard_is_gone() {
    let (mut sender, mut receiver) = spsc::bounded(1);
    for n in 1..=2 {
        sender.send([n; 8192]).unwrap();
        let message = receiver.recv_ref().unwrap();
        match n {
            1 => drop(message),
            _ => assert!(message.into_inner() == [n; 8192]),
        }
    }
}

const FRAMES: u64 = if cfg!(miri) { 30 } else { 3_000 };
