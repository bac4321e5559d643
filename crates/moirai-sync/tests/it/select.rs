//! Selects: one operation is done, whatever else is ready, and nothing is lost.

use std::time::Duration;

use moirai_sync::channel::{self, RecvError};
use moirai_sync::{select, select_biased, select_if, select_priority, select_weighted, strand};

#[test]
fn an_arm_that_is_ready_is_taken_and_the_others_are_left() {
    let (first, a) = channel::bounded(2);
    let (second, b) = channel::bounded(2);
    first.send(1).unwrap();
    let taken = select! {
        recv(a) -> n => n.map(|_| "first"),
        recv(b) -> word => word,
    };
    assert_eq!(taken, Ok("first"));
    second.send("two").unwrap();
    second.send("three").unwrap();
    select! {
        recv(a) -> _ => panic!("nothing was sent"),
        recv(b) -> word => assert_eq!(word, Ok("two")),
    }
    assert_eq!((a.len(), b.len()), (0, 1));
}

#[test]
fn every_syntax() {
    let (sender, a) = channel::bounded(10);
    let (_keep, b) = channel::bounded::<i32>(10);
    (0..10).for_each(|n| sender.send(n).unwrap());
    let enabled = false;
    let sum = select! { recv(a) -> n => n.unwrap() }
        + select!(n = a.recv() => n.unwrap(), _ = b.recv() => 0)
        + select_biased! { recv(a) -> n => n.unwrap(), recv(b) -> n => n.unwrap() }
        + select! { biased; recv(a) -> n => n.unwrap(), default => -1 }
        + select_weighted! { weight(3) => n = a.recv() => n.unwrap(), weight(1) => recv(b) -> n => n.unwrap() }
        + select_priority! { priority(1) => n = a.recv() => n.unwrap(), priority(2) => n = b.recv() => n.unwrap() }
        + select_if! { if !enabled => n = a.recv() => n.unwrap(), if enabled => n = b.recv() => n.unwrap() }
        + select! { recv(a) -> n, if !enabled => n.unwrap(), default(Duration::from_secs(9)) => -1 }
        + strand::block_on(async {
            select!(async { recv(a) -> n => n.unwrap(), default => -1 }).await
        });
    assert_eq!(sum, (0..9).sum());
    select! {
        recv(a,) -> _, if enabled => unreachable!(),
        recv(b) -> _ => unreachable!(),
        default() => {}
    }
    assert_eq!(a.recv(), Ok(9));
    drop(sender);
    assert_eq!(select! { recv(a) -> n => n }, Err(RecvError));
}

#[test]
fn a_handle_may_be_used_moved_and_replaced_in_a_body() {
    let (sender, receiver) = channel::bounded(1);
    sender.send(1).unwrap();
    let (_keep, other) = channel::bounded::<u8>(1);
    let mut current = receiver;
    select! {
        recv(current) -> n => {
            assert_eq!(n, Ok(1));
            current = other.clone();
        }
        recv(other) -> _ => drop(other),
    }
    drop(current);
}

/// All arms ready, a million times: each message comes once, and each arm has its share.
#[test]
fn with_all_arms_ready_nothing_is_lost_and_every_arm_is_taken_equally_often() {
    let channels = [(); 4].map(|()| channel::bounded(ROUNDS));
    for (sender, _) in &channels {
        (0..ROUNDS).for_each(|n| sender.send(n).unwrap());
    }
    let [a, b, c, d] = channels.each_ref().map(|(_, receiver)| receiver);
    let mut next = [0; 4];
    for _ in 0..ROUNDS {
        let (arm, n) = select! {
            recv(a) -> n => (0, n.unwrap()),
            recv(b) -> n => (1, n.unwrap()),
            recv(c) -> n => (2, n.unwrap()),
            recv(d) -> n => (3, n.unwrap()),
        };
        assert_eq!(n, next[arm]);
        next[arm] += 1;
    }
    assert_eq!(next.iter().sum::<usize>(), ROUNDS);
    for (taken, (_, receiver)) in next.into_iter().zip(&channels) {
        assert_eq!(taken + receiver.len(), ROUNDS);
        assert!(taken.abs_diff(ROUNDS / 4) < ROUNDS / 100, "{next:?}");
    }
}

#[test]
fn weights_of_three_to_one_are_kept_within_a_percent() {
    let (first, a) = channel::bounded(ROUNDS);
    let (second, b) = channel::bounded(ROUNDS);
    (0..ROUNDS).for_each(|n| first.send(n).unwrap());
    (0..ROUNDS).for_each(|n| second.send(n).unwrap());
    let mut taken = [0; 2];
    for _ in 0..ROUNDS {
        select_weighted! {
            weight(3) => n = a.recv() => { n.unwrap(); taken[0] += 1 },
            weight(1) => n = b.recv() => { n.unwrap(); taken[1] += 1 },
        }
    }
    assert_eq!(taken, [ROUNDS - a.len(), ROUNDS - b.len()]);
    assert!(taken[0].abs_diff(ROUNDS * 3 / 4) < ROUNDS / 100, "{taken:?}");
}

#[test]
fn a_biased_select_takes_the_first_only() {
    let (first, a) = channel::bounded(100);
    let (second, b) = channel::bounded(100);
    (0..100).for_each(|n| first.send(n).unwrap());
    (0..100).for_each(|n| second.send(n).unwrap());
    for n in 0..100 {
        select_biased! {
            recv(a) -> message => assert_eq!(message, Ok(n)),
            recv(b) -> _ => panic!("the second before the first"),
        }
    }
    assert_eq!(b.len(), 100);
}

const ROUNDS: usize = if cfg!(miri) { 100 } else { 1_000_000 };
