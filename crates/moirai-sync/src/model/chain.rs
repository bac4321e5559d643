//! Models of the list for one sender and one receiver: blocks of two, linked, left and filled again, and
//! the close at every place.

#![allow(unsafe_code, reason = "calls what only one thread may call, from one thread")]

use std::sync::Arc;

use loom::thread;

use crate::asymmetric;
use crate::queue::chain::Chain;
use crate::queue::front::Front;
use crate::queue::pair::Fence;
use crate::queue::{Close, PopError};

/// In a model both fences are full, but a light move is a plain store.
const BY: Fence = Fence::Light;

type Boxes = Chain<Box<u32>>;

fn push(chain: &Boxes, value: u32) {
    // SAFETY: each model has one sender.
    assert!(unsafe { chain.push(Box::new(value), BY) }.is_ok());
}

fn pop(chain: &Boxes) -> u32 {
    loop {
        // SAFETY: each model has one receiver.
        match unsafe { chain.pop() } {
            Ok(value) => return *value,
            Err(_) => thread::yield_now(),
        }
    }
}

/// A list whose tail stands `used` values behind its beginning, all taken.
fn used(used: u32) -> Arc<Boxes> {
    let chain = Chain::new();
    for value in 0..used {
        push(&chain, value);
        assert_eq!(pop(&chain), value);
    }
    Arc::new(chain)
}

/// Every value comes out once, whole, in order, through a block that was left and filled again.
#[test]
fn blocks_are_switched_and_filled_again() {
    for before in [0, 1] {
        loom::model(move || {
            let chain = used(before);
            let other = Arc::clone(&chain);
            let sender = thread::spawn(move || (0..4).for_each(|value| push(&other, value)));
            (0..4).for_each(|value| assert_eq!(pop(&chain), value));
            sender.join().unwrap();
            // SAFETY: the only receiver.
            assert_eq!(unsafe { chain.pop() }.map(|value| *value), Err(PopError::Empty));
        });
    }
}

/// A push that succeeded before the close is received, wherever a block ends; none succeeds after it.
#[test]
fn close_races_push_at_the_end_of_a_block() {
    for before in [0, 1, 2] {
        loom::model(move || {
            let chain = used(before);
            let other = Arc::clone(&chain);
            // SAFETY: the only sender.
            let sender = thread::spawn(move || unsafe { other.push(Box::new(7), BY) }.is_ok());
            assert_eq!(chain.close(|| asymmetric::heavy()), Close::Closed);
            // SAFETY: the only receiver.
            let received = unsafe { chain.pop() }.is_ok();
            // SAFETY: as above.
            let end = unsafe { chain.pop() }.map(|value| *value);
            assert_eq!(end, Err(PopError::Closed));
            assert_eq!(sender.join().unwrap(), received);
        });
    }
}

/// The sender closes: nothing that it has sent is lost, whatever the receiver sees of it first.
#[test]
fn the_sender_closes_while_the_receiver_looks() {
    loom::model(|| {
        let chain = used(2);
        let other = Arc::clone(&chain);
        let receiver = thread::spawn(move || {
            // SAFETY: the only receiver.
            let seen = unsafe { other.pop() }.map(|value| *value);
            assert_ne!(seen, Err(PopError::Closed));
            seen.is_ok()
        });
        push(&chain, 7);
        assert_eq!(chain.close(|| asymmetric::heavy()), Close::Closed);
        // SAFETY: the only sender.
        assert!(unsafe { chain.push(Box::new(8), BY) }.is_err());
        let received = receiver.join().unwrap();
        // SAFETY: the receiver is gone.
        let rest = unsafe { chain.pop() }.map(|value| *value);
        assert_eq!(rest, if received { Err(PopError::Closed) } else { Ok(7) });
    });
}

/// A batch comes out as it went in, over the end of a block, also where the list is closed meanwhile.
#[test]
fn close_races_a_batch() {
    for before in [0, 1] {
        loom::model(move || {
            let chain = used(before);
            let other = Arc::clone(&chain);
            let sender = thread::spawn(move || {
                let mut values = vec![Box::new(1), Box::new(2), Box::new(3)];
                // SAFETY: the only sender.
                let _ = unsafe { other.push_batch(&mut Front::new(&mut values)) };
                values.len()
            });
            let _ = chain.close(|| asymmetric::heavy());
            let mut received = Vec::new();
            // SAFETY: the only receiver.
            while unsafe { chain.pop_batch(&mut received, 2) } != Err(PopError::Closed) {
                thread::yield_now();
            }
            assert!(received.iter().map(|value| **value).eq(1..=received.len() as u32));
            assert_eq!(sender.join().unwrap() + received.len(), 3);
        });
    }
}
