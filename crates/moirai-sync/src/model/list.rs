//! Models of the block list: blocks of three, switched, freed and closed at every place.

use std::sync::Arc;

use loom::thread;

use crate::queue::list::List;
use crate::queue::{Close, PopError};

fn pop(list: &List<Box<u32>>) -> u32 {
    loop {
        match list.pop() {
            Ok(value) => return *value,
            Err(_) => thread::yield_now(),
        }
    }
}

/// A list whose tail stands `used` values behind its beginning, all taken.
fn used(used: u32) -> Arc<List<Box<u32>>> {
    let list = List::new();
    for value in 0..used {
        assert!(list.push(Box::new(value)).is_ok());
        assert_eq!(pop(&list), value);
    }
    Arc::new(list)
}

/// Every value comes out once, whole and in order, over the end of a block.
#[test]
fn a_block_is_switched_while_it_is_read() {
    for before in [0, 2] {
        loom::model(move || {
            let list = used(before);
            let other = Arc::clone(&list);
            let sender = thread::spawn(move || {
                (0..2).for_each(|value| assert!(other.push(Box::new(value)).is_ok()));
            });
            assert_eq!((pop(&list), pop(&list)), (0, 1));
            sender.join().unwrap();
            assert_eq!(list.pop(), Err(PopError::Empty));
        });
    }
}

/// Two senders, one of which has to install the first or the next block.
#[test]
fn two_senders_share_the_end_of_a_block() {
    for before in [0, 1, 2] {
        loom::model(move || {
            let list = used(before);
            let senders = [1, 2].map(|value| {
                let list = Arc::clone(&list);
                thread::spawn(move || assert!(list.push(Box::new(value)).is_ok()))
            });
            // Joined first: a receiver and a sender that both wait for the same third thread yield
            // to each other for ever here.
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            assert_eq!(pop(&list) + pop(&list), 3);
        });
    }
}

/// The last values of a block are taken out of order; whoever is last frees it, once.
#[test]
fn two_receivers_share_the_end_of_a_block() {
    for before in [1, 2] {
        loom::model(move || {
            let list = used(before);
            for value in [1, 2] {
                assert!(list.push(Box::new(value)).is_ok());
            }
            let other = Arc::clone(&list);
            let receiver = thread::spawn(move || *other.pop().unwrap());
            let mine = *list.pop().unwrap();
            assert_eq!(mine + receiver.join().unwrap(), 3);
            assert_eq!(list.len(), 0);
        });
    }
}

/// A push that succeeded before the close is received; none succeeds after it.
#[test]
fn close_races_push_at_the_end_of_a_block() {
    for before in [0, 1, 2] {
        loom::model(move || {
            let list = used(before);
            let other = Arc::clone(&list);
            let sender = thread::spawn(move || other.push(Box::new(7)).is_ok());
            assert_eq!(list.close(), Close::Closed);
            let received = list.pop().is_ok();
            assert_eq!(list.pop().map(|value| *value), Err(PopError::Closed));
            assert_eq!(sender.join().unwrap(), received);
        });
    }
}

/// The length is never one that the list did not have.
#[test]
fn the_length_races_push_and_pop() {
    for before in [0, 2] {
        loom::model(move || {
            let list = used(before);
            let other = Arc::clone(&list);
            let thread = thread::spawn(move || {
                assert!(other.push(Box::new(7)).is_ok());
                assert!(other.pop().is_ok());
            });
            assert!(list.len() <= 1);
            thread.join().unwrap();
            assert_eq!(list.len(), 0);
        });
    }
}

/// The list's end waits for a push that was announced before the close.
#[test]
fn a_reserved_push_races_close() {
    loom::model(|| {
        let list = used(2);
        list.reserve().unwrap();
        let other = Arc::clone(&list);
        let sender = thread::spawn(move || other.push_reserved(Box::new(7)));
        assert_eq!(list.close(), Close::Closed);
        assert_eq!(pop(&list), 7);
        sender.join().unwrap();
        assert_eq!(list.pop().map(|value| *value), Err(PopError::Closed));
    });
}
