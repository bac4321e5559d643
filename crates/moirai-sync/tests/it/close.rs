//! How a channel ends.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use moirai_sync::channel::{self, TryRecvError, TrySendError};

#[test]
fn a_waker_that_panics_does_not_keep_others_asleep() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("in wake");
        }
    }
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (sender, receiver) = channel::bounded::<u8>(1);
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let (mut first, mut second) = (pin!(receiver.recv_async()), pin!(receiver.recv_async()));
    let (bad, good) = (Waker::from(Arc::new(Bad)), Waker::from(Arc::clone(&woken)));
    assert!(first.as_mut().poll(&mut Context::from_waker(&bad)).is_pending());
    assert!(second.as_mut().poll(&mut Context::from_waker(&good)).is_pending());
    assert!(sender.close());
    assert!(woken.0.load(Ordering::Relaxed));
}

#[test]
fn close_wakes_every_waiting_sender() {
    let (sender, receiver) = channel::bounded(1);
    sender.send(0).unwrap();
    let threads: Vec<_> = (1..5)
        .map(|i| {
            let sender = sender.clone();
            std::thread::spawn(move || sender.send(i).unwrap_err().into_inner())
        })
        .collect();
    assert!(receiver.close());
    assert!(!sender.close());
    let mut returned: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    returned.sort_unstable();
    assert_eq!(returned, [1, 2, 3, 4]);
    assert_eq!(receiver.recv(), Ok(0));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn close_wakes_every_waiting_receiver() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let receiver = receiver.clone();
            std::thread::spawn(move || receiver.recv())
        })
        .collect();
    drop(sender);
    assert!(threads.into_iter().all(|thread| thread.join().unwrap().is_err()));
}

#[test]
fn a_weak_sender_is_a_sender_again_until_the_last_one_is_gone() {
    for (sender, receiver) in [channel::bounded(2), channel::unbounded(), channel::rendezvous()] {
        let weak = sender.downgrade();
        let again = weak.upgrade().unwrap();
        assert!(again.same_channel(&sender));
        drop(sender);
        let other = weak.clone();
        assert_eq!((again.sender_count(), other.upgrade().is_some()), (1, true));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        drop(again);
        assert!(weak.upgrade().is_none() && other.upgrade().is_none());
        assert_eq!(receiver.try_recv(), Err::<u8, _>(TryRecvError::Disconnected));
    }
}

#[test]
fn the_last_receiver_takes_what_is_queued_with_it() {
    let (sender, receiver) = channel::bounded(4);
    let message = Arc::new(());
    sender.send(Arc::clone(&message)).unwrap();
    drop(receiver.clone());
    assert_eq!(Arc::strong_count(&message), 2);
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1);
    assert!(matches!(sender.try_send(message), Err(TrySendError::Disconnected(_))));
}
