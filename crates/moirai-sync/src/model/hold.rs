//! Models of who frees a channel. loom tells of a channel that nobody freed.

use loom::thread;

use super::explore;
use crate::channel::{TryRecvError, bounded, mpsc};

#[test]
fn of_two_ends_that_go_at_once_one_frees_the_channel() {
    explore(10, || {
        let (sender, receiver) = bounded::<u8>(1);
        sender.send(1).unwrap();
        let thread = thread::spawn(move || drop(sender));
        drop(receiver);
        thread.join().unwrap();
    });
}

#[test]
fn of_two_senders_that_go_at_once_one_closes_the_channel() {
    explore(10, || {
        let (sender, receiver) = bounded(2);
        let other = sender.clone();
        let thread = thread::spawn(move || other.send(1).unwrap());
        sender.send(2).unwrap();
        drop(sender);
        thread.join().unwrap();
        assert_eq!(receiver.recv().unwrap() + receiver.recv().unwrap(), 3);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// The only handle of a side sees that it is without a read-modify-write, unless there may be a weak one,
/// which may have been made by the other one that was there just before.
#[test]
fn a_weak_sender_revives_a_side_or_finds_it_gone() {
    explore(10, || {
        let (sender, receiver) = bounded(1);
        let other = sender.clone();
        // It only reads; see `explore`.
        let going = thread::spawn(move || drop(sender));
        let reviving = thread::spawn(move || {
            let weak = other.downgrade();
            drop(other);
            weak.upgrade()
        });
        going.join().unwrap();
        if let Some(sender) = reviving.join().unwrap() {
            // It is counted, so nobody else has closed the channel.
            assert_eq!(sender.send(7), Ok(()));
            drop(sender);
            assert_eq!(receiver.recv(), Ok(7));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// A weak sender that has revived the side is gone before the last of the others looks for one.
#[test]
fn a_weak_sender_may_outlive_the_receivers() {
    explore(100, || {
        let (sender, receiver) = mpsc::bounded::<u8>(1);
        let weak = sender.downgrade();
        let going = thread::spawn(move || drop(sender));
        let reviving = thread::spawn(move || weak.upgrade());
        drop(receiver);
        going.join().unwrap();
        if let Some(sender) = reviving.join().unwrap() {
            assert_eq!(sender.sender_count(), 1);
        }
    });
}
