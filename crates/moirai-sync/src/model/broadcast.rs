//! Models of the channel that all receivers get everything from, and of the ring under it.

use loom::thread;

use crate::channel::broadcast::{
    BroadcastChannel, BroadcastReceiver, Overflow, RecvError, TryRecvError,
};

/// What a receiver gets until the end: the messages, and how many it missed.
fn receive_all(mut receiver: BroadcastReceiver<Box<u32>>) -> (Vec<u32>, u64) {
    let (mut got, mut missed) = (Vec::new(), 0);
    loop {
        match receiver.recv() {
            Ok(message) => got.push(*message),
            Err(RecvError::Lagged(n)) => missed += n,
            Err(RecvError::Disconnected) => return (got, missed),
        }
    }
}

/// A message is replaced while a receiver clones it: it gets that one or is told that it is gone.
#[test]
fn what_is_replaced_while_it_is_read_is_whole_or_missed() {
    loom::model(|| {
        let (sender, receiver) = BroadcastChannel::with_overflow(1, Overflow::Lag);
        let thread = thread::spawn(move || {
            (1..=3).for_each(|n| assert_eq!(sender.send(Box::new(n)), Ok(1)));
        });
        let (got, missed) = receive_all(receiver);
        assert_eq!(got.len() as u64 + missed, 3);
        assert!(got.is_sorted());
        assert_eq!(got.last(), Some(&3));
        thread.join().unwrap();
    });
}

/// The sender waits for both receivers, and whoever comes last wakes it.
#[test]
fn a_sender_that_waits_is_woken_by_the_slowest() {
    loom::model(|| {
        let (sender, receiver) = BroadcastChannel::with_overflow(1, Overflow::Block);
        assert_eq!(sender.send(Box::new(1)), Ok(1));
        let threads = [receiver.clone(), receiver].map(|mut receiver| {
            thread::spawn(move || {
                assert_eq!(receiver.try_recv().as_deref(), Ok(&1));
                receiver
            })
        });
        assert_eq!(sender.send(Box::new(2)), Ok(2));
        for thread in threads {
            assert_eq!(thread.join().unwrap().try_recv().as_deref(), Ok(&2));
        }
    });
}

/// A receiver that goes holds up nobody.
#[test]
fn a_sender_that_waits_is_freed_by_who_goes() {
    loom::model(|| {
        let (sender, receiver) = BroadcastChannel::with_overflow(1, Overflow::Block);
        let idle = receiver.clone();
        let thread = thread::spawn(move || drop(idle));
        let sending =
            thread::spawn(move || (1..=2).filter(|n| sender.send(Box::new(*n)).is_ok()).count());
        assert_eq!(receive_all(receiver), (vec![1, 2], 0));
        assert_eq!(sending.join().unwrap(), 2);
        thread.join().unwrap();
    });
}

/// Two senders wait, and each is served.
#[test]
fn two_senders_take_turns() {
    loom::model(|| {
        let (sender, receiver) = BroadcastChannel::with_overflow(1, Overflow::Block);
        let other = sender.clone();
        let first = thread::spawn(move || sender.send(Box::new(1)).is_ok());
        let second = thread::spawn(move || other.send(Box::new(2)).is_ok());
        let (mut got, missed) = receive_all(receiver);
        got.sort_unstable();
        assert_eq!((got, missed), (vec![1, 2], 0));
        assert!(first.join().unwrap() && second.join().unwrap());
    });
}

/// Who subscribes during a send gets the message, from the ring or as it comes.
#[test]
fn who_subscribes_during_a_send_misses_nothing() {
    loom::model(|| {
        let (sender, receiver) = BroadcastChannel::with_overflow(2, Overflow::DropNewest);
        let subscriber = sender.clone();
        let thread = thread::spawn(move || {
            let late = subscriber.subscribe();
            drop(subscriber);
            receive_all(late)
        });
        assert!(sender.send(Box::new(1)).is_ok_and(|n| n > 0));
        assert!(sender.send(Box::new(2)).is_ok_and(|n| n > 0));
        drop(sender);
        assert_eq!(receive_all(receiver), (vec![1, 2], 0));
        assert_eq!(thread.join().unwrap(), (vec![1, 2], 0));
    });
}

/// What was sent before the close is received before it, and everybody is woken.
#[test]
fn a_close_comes_after_what_was_sent() {
    loom::model(|| {
        let (sender, mut receiver) = BroadcastChannel::with_overflow(1, Overflow::Block);
        let closing = sender.clone();
        let thread = thread::spawn(move || closing.close());
        let sent = sender.send(Box::new(1)).is_ok();
        let got = receiver.recv();
        assert_eq!(got.is_ok(), sent);
        assert!(thread.join().unwrap());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    });
}
