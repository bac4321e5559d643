//! Models of what one sender or one receiver does alone: laps, close, loans, blocks freed in turn.

#![allow(unsafe_code, reason = "calls what only one thread may call, from one thread")]

use std::sync::Arc;

use loom::thread;

use super::explore;
use crate::asymmetric;
use crate::queue::front::Front;
use crate::queue::list::List;
use crate::queue::pair::Fence;
use crate::queue::ring::Ring;
use crate::queue::spsc::Spsc;
use crate::queue::{Close, PopError, PushError};

/// In a model both fences are full, but a light move is a plain store.
const BY: Fence = Fence::Light;

fn push(ring: &Spsc<Box<u32>>, value: u32) {
    let mut value = Box::new(value);
    // SAFETY: each model has one sender.
    while let Err(PushError::Full(back)) = unsafe { ring.push(value, BY) } {
        value = back;
        thread::yield_now();
    }
}

fn pop(ring: &Spsc<Box<u32>>) -> u32 {
    loop {
        // SAFETY: each model has one receiver.
        match unsafe { ring.pop(BY) } {
            Ok(value) => return *value,
            Err(_) => thread::yield_now(),
        }
    }
}

/// Every value comes out once, whole, in order; slots are reused.
#[test]
fn a_ring_of_one_or_two_laps() {
    for capacity in [1, 2] {
        loom::model(move || {
            let ring = Arc::new(Spsc::new(capacity));
            let other = Arc::clone(&ring);
            let sender = thread::spawn(move || (0..3).for_each(|value| push(&other, value)));
            (0..3).for_each(|value| assert_eq!(pop(&ring), value));
            sender.join().unwrap();
        });
    }
}

/// The length is never one that the ring did not have.
#[test]
fn the_length_of_a_ring_for_two_races_push_and_pop() {
    explore(30, || {
        let ring = Arc::new(Spsc::new(2));
        let other = Arc::clone(&ring);
        let looking = thread::spawn(move || assert!(other.len() <= 1));
        push(&ring, 7);
        assert_eq!(pop(&ring), 7);
        looking.join().unwrap();
        assert_eq!(ring.len(), 0);
    });
}

/// A push that succeeded before the close is received; none succeeds after it.
#[test]
fn close_races_push() {
    loom::model(|| {
        let ring = Arc::new(Spsc::new(1));
        let other = Arc::clone(&ring);
        // SAFETY: the only sender.
        let sender = thread::spawn(move || unsafe { other.push(Box::new(7), BY) }.is_ok());
        assert_eq!(ring.close(|| asymmetric::heavy()), Close::Closed);
        // SAFETY: the only receiver.
        let received = unsafe { ring.pop(BY) }.is_ok();
        // SAFETY: as above.
        assert_eq!(unsafe { ring.pop(BY) }.map(|value| *value), Err(PopError::Closed));
        assert_eq!(sender.join().unwrap(), received);
    });
}

/// The same with two pushes, of which the close may come between: what was said to be sent is received.
#[test]
fn close_races_two_pushes() {
    loom::model(|| {
        let ring = Arc::new(Spsc::new(2));
        let other = Arc::clone(&ring);
        let sender = thread::spawn(move || {
            // SAFETY: the only sender.
            (0..2).filter(|value| unsafe { other.push(Box::new(*value), BY) }.is_ok()).count()
        });
        assert_eq!(ring.close(|| asymmetric::heavy()), Close::Closed);
        // SAFETY: the only receiver.
        let received = std::iter::from_fn(|| unsafe { ring.pop(BY) }.ok()).count();
        // SAFETY: as above.
        assert_eq!(unsafe { ring.pop(BY) }.map(|value| *value), Err(PopError::Closed));
        assert_eq!(sender.join().unwrap(), received);
        assert_eq!(ring.len(), 0);
    });
}

/// The sender closes: nothing that it has sent is lost, whatever the receiver sees of it first.
#[test]
fn the_sender_closes_while_the_receiver_looks() {
    loom::model(|| {
        let ring = Arc::new(Spsc::<Box<u32>>::new(2));
        let other = Arc::clone(&ring);
        let receiver = thread::spawn(move || {
            // SAFETY: the only receiver.
            let seen = unsafe { other.pop(BY) }.map(|value| *value);
            assert_ne!(seen, Err(PopError::Closed));
            seen.is_ok()
        });
        push(&ring, 7);
        assert_eq!(ring.close(|| asymmetric::heavy()), Close::Closed);
        // SAFETY: the only sender.
        assert!(unsafe { ring.push(Box::new(8), BY) }.is_err());
        let received = receiver.join().unwrap();
        // SAFETY: the receiver is gone.
        let rest = unsafe { ring.pop(BY) }.map(|value| *value);
        assert_eq!(rest, if received { Err(PopError::Closed) } else { Ok(7) });
    });
}

/// A batch comes out as it went in, also where the ring is closed meanwhile.
#[test]
fn close_races_a_batch() {
    loom::model(|| {
        let ring = Arc::new(Spsc::new(2));
        let other = Arc::clone(&ring);
        let sender = thread::spawn(move || {
            let mut values = vec![Box::new(1), Box::new(2)];
            // SAFETY: the only sender.
            let _ = unsafe { other.push_batch(&mut Front::new(&mut values)) };
            values.len()
        });
        let _ = ring.close(|| asymmetric::heavy());
        let mut received = Vec::new();
        // SAFETY: the only receiver.
        let _ = unsafe { ring.pop_batch(&mut received, 2) };
        assert_eq!(sender.join().unwrap() + received.len(), 2);
    });
}

/// One receiver of a list, over the end of a block, beside two senders.
#[test]
fn one_receiver_frees_blocks_in_turn() {
    loom::model(|| {
        let list = Arc::new(List::new());
        (0..2).for_each(|value| assert!(list.push(Box::new(value)).is_ok()));
        let other = Arc::clone(&list);
        let sender = thread::spawn(move || {
            (2..4).for_each(|value| assert!(other.push(Box::new(value)).is_ok()));
        });
        let mut at_hand = 0;
        for expected in 0..4 {
            loop {
                // SAFETY: the only receiver.
                match unsafe { list.pop_sole(&mut at_hand) } {
                    Ok(value) => break assert_eq!(*value, expected),
                    Err(_) => thread::yield_now(),
                }
            }
        }
        sender.join().unwrap();
    });
}

/// One receiver that looks while the first block is being installed, or the last one is being left.
#[test]
fn one_receiver_looks_where_there_is_no_block_yet() {
    loom::model(|| {
        let list = Arc::new(List::new());
        let other = Arc::clone(&list);
        let sender = thread::spawn(move || assert!(other.push(Box::new(7)).is_ok()));
        let mut at_hand = 0;
        // SAFETY: the only receiver.
        let early = unsafe { list.pop_sole(&mut at_hand) };
        assert!(list.len() <= 1);
        sender.join().unwrap();
        // SAFETY: as above.
        let value = early.or_else(|_| unsafe { list.pop_sole(&mut at_hand) });
        assert_eq!(value.map(|value| *value), Ok(7));
        assert_eq!(list.len(), 0);
    });
}

/// The same, taking what is ready at once: never past the end of a block, nor what is half written.
#[test]
fn one_receiver_takes_batches_over_the_end_of_a_block() {
    loom::model(|| {
        let list = Arc::new(List::new());
        (0..2).for_each(|value| assert!(list.push(Box::new(value)).is_ok()));
        let other = Arc::clone(&list);
        let sender = thread::spawn(move || {
            (2..4).for_each(|value| assert!(other.push(Box::new(value)).is_ok()));
        });
        let (mut received, mut at_hand) = (Vec::new(), 0);
        while received.len() < 4 {
            // SAFETY: the only receiver.
            if unsafe { list.pop_batch_sole(&mut at_hand, &mut received, 4) }.is_err() {
                thread::yield_now();
            }
        }
        assert!(received.iter().map(|value| **value).eq(0..4));
        sender.join().unwrap();
        // SAFETY: as above.
        assert!(unsafe { list.pop_sole(&mut at_hand) }.is_err());
    });
}

/// One receiver of a ring with stamps.
#[test]
fn one_receiver_of_a_ring_for_many_senders() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(1));
        let other = Arc::clone(&ring);
        let sender = thread::spawn(move || {
            for value in 0..2 {
                let mut value = Box::new(value);
                while let Err(PushError::Full(back)) = other.push(value) {
                    value = back;
                    thread::yield_now();
                }
            }
        });
        for expected in 0..2 {
            loop {
                // SAFETY: the only receiver.
                match unsafe { ring.pop_sole() } {
                    Ok(value) => break assert_eq!(*value, expected),
                    Err(_) => thread::yield_now(),
                }
            }
        }
        sender.join().unwrap();
    });
}
