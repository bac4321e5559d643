//! Models of the ring: laps, full and empty, close.

use std::sync::Arc;

use loom::thread;

use super::explore;
use crate::queue::front::Front;
use crate::queue::ring::Ring;
use crate::queue::{Close, PopError, PushError};

fn push(ring: &Ring<Box<u32>>, value: u32) {
    let mut value = Box::new(value);
    while let Err(PushError::Full(back)) = ring.push(value) {
        value = back;
        thread::yield_now();
    }
}

fn pop(ring: &Ring<Box<u32>>) -> u32 {
    loop {
        match ring.pop() {
            Ok(value) => return *value,
            Err(_) => thread::yield_now(),
        }
    }
}

/// Every value comes out once, whole, in order; slots are reused.
fn one_to_one(capacity: usize, values: u32) {
    loom::model(move || {
        let ring = Arc::new(Ring::new(capacity));
        let other = Arc::clone(&ring);
        let sender = thread::spawn(move || (0..values).for_each(|value| push(&other, value)));
        for value in 0..values {
            assert_eq!(pop(&ring), value);
        }
        sender.join().unwrap();
        assert_eq!(ring.pop().map(|value| *value), Err(PopError::Empty));
    });
}

#[test]
fn a_ring_of_one_laps() {
    one_to_one(1, 2);
}

#[test]
fn a_ring_of_two_laps() {
    one_to_one(2, 3);
}

#[test]
fn two_senders_share_the_ring() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(2));
        let senders = [1, 2].map(|value| {
            let ring = Arc::clone(&ring);
            thread::spawn(move || push(&ring, value))
        });
        assert_eq!(pop(&ring) + pop(&ring), 3);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

#[test]
fn two_receivers_share_the_ring() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(1));
        push(&ring, 7);
        let receivers = [(); 2].map(|()| {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.pop().is_ok())
        });
        let taken = receivers.map(|receiver| usize::from(receiver.join().unwrap()));
        assert_eq!(taken.iter().sum::<usize>() + usize::from(ring.pop().is_ok()), 1);
    });
}

/// A push that succeeded before the close is received; none succeeds after it.
#[test]
fn close_races_push() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(1));
        let other = Arc::clone(&ring);
        let sender = thread::spawn(move || other.push(Box::new(7)).is_ok());
        assert_eq!(ring.close(), Close::Closed);
        let received = ring.pop().is_ok();
        assert_eq!(ring.pop().map(|value| *value), Err(PopError::Closed));
        assert_eq!(sender.join().unwrap(), received);
    });
}

/// The length is never one that the ring did not have.
#[test]
fn the_length_of_a_ring_races_push_and_pop() {
    explore(30, || {
        let ring = Arc::new(Ring::new(3));
        let other = Arc::clone(&ring);
        let looking = thread::spawn(move || assert!(other.len() <= 1));
        push(&ring, 7);
        assert_eq!(pop(&ring), 7);
        looking.join().unwrap();
        assert_eq!(ring.len(), 0);
    });
}

/// A reserved place is there when its message comes, whoever pushes meanwhile; the ring's end waits
/// for it.
#[test]
fn a_reserved_place_races_push_and_close() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(2));
        ring.reserve().unwrap();
        let pushing = thread::spawn({
            let ring = Arc::clone(&ring);
            move || {
                usize::from(ring.push(Box::new(1)).is_ok())
                    + usize::from(ring.push(Box::new(2)).is_ok())
            }
        });
        let reserved = thread::spawn({
            let ring = Arc::clone(&ring);
            move || ring.push_reserved(Box::new(7))
        });
        let _ = ring.close();
        // The end is not said before the reserved one is there.
        let mut received = 0;
        loop {
            match ring.pop() {
                Ok(_) => received += 1,
                Err(PopError::Closed) => break,
                Err(PopError::Empty) => thread::yield_now(),
            }
        }
        reserved.join().unwrap();
        assert_eq!(pushing.join().unwrap() + 1, received);
    });
}

/// Batches of two sides meet at the end of a lap.
#[test]
fn batches_lap() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(2));
        push(&ring, 0);
        assert_eq!(pop(&ring), 0);
        let other = Arc::clone(&ring);
        let sender = thread::spawn(move || {
            let mut values = vec![Box::new(1), Box::new(2)];
            let mut front = Front::new(&mut values);
            while front.left() > 0 {
                if other.push_batch(&mut front).is_err() {
                    thread::yield_now();
                }
            }
        });
        let mut received = Vec::new();
        while received.len() < 2 {
            if ring.pop_batch(&mut received, 2).is_err() {
                thread::yield_now();
            }
        }
        assert_eq!(received, [Box::new(1), Box::new(2)]);
        sender.join().unwrap();
    });
}
