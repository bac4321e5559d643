//! Models of what is made once: by one of those who come, seen by all, and by the next one where the
//! first fails.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::{explore, poll_once};
use crate::lock::{Barrier, OnceCell, Passed};

#[test]
fn one_makes_it_and_all_see_it() {
    explore(20, || {
        let cell = Arc::new(OnceCell::new());
        let thread = thread::spawn({
            let cell = Arc::clone(&cell);
            move || **cell.get_or_init(|| Box::new(1))
        });
        assert_eq!(cell.get_or_init(|| Box::new(1)), &Box::new(1));
        assert_eq!(thread.join().unwrap(), 1);
    });
}

/// An initialiser fails, and another one, a future, is dropped in the middle: the third makes it.
#[test]
fn an_initialiser_that_fails_or_is_dropped_lets_in_the_next() {
    explore(700, || {
        let (cell, made) = (Arc::new(OnceCell::new()), Arc::new(AtomicU32::new(0)));
        let failing = thread::spawn({
            let cell = Arc::clone(&cell);
            move || cell.get_or_try_init(|| Err(())).is_err()
        });
        let making = thread::spawn({
            let (cell, made) = (Arc::clone(&cell), Arc::clone(&made));
            move || {
                let make = || made.fetch_add(1, Ordering::Relaxed);
                assert_eq!(cell.get_or_init(make), &0);
            }
        });
        {
            let mut dropped = pin!(cell.get_or_init_async(std::future::pending));
            let _ = dropped.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        let _either: bool = failing.join().unwrap();
        making.join().unwrap();
        assert_eq!((cell.get(), made.load(Ordering::Relaxed)), (Some(&0), 1));
    });
}

/// A future comes and goes: the two threads pass together, and one of them leads.
#[test]
fn an_arrival_that_is_dropped_does_not_count() {
    explore(30, || {
        let (barrier, before) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
        let pass = |barrier: &Barrier, before: &AtomicU32| {
            // Relaxed on purpose: the barrier alone must order it.
            before.fetch_add(1, Ordering::Relaxed);
            let passed = barrier.wait();
            assert_eq!(before.load(Ordering::Relaxed), 2);
            passed
        };
        let thread = thread::spawn({
            let (barrier, before) = (Arc::clone(&barrier), Arc::clone(&before));
            move || pass(&barrier, &before)
        });
        let passed = pass(&barrier, &before);
        let other = thread.join().unwrap();
        assert!(passed != other && (passed == Passed::Leader || other == Passed::Leader));
        {
            let mut waiting = pin!(barrier.wait_async());
            assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert!(
            pin!(barrier.wait_async()).poll(&mut Context::from_waker(Waker::noop())).is_pending()
        );
    });
}

/// One gives up just when the last one comes: it was let through, or its place is free.
#[test]
fn an_arrival_that_gives_up_races_the_last_one() {
    explore(100, || {
        let barrier = Arc::new(Barrier::new(2));
        let limited = thread::spawn({
            let barrier = Arc::clone(&barrier);
            move || barrier.wait_deadline(Instant::now() + Duration::MAX / 4)
        });
        let waiting = thread::spawn({
            let barrier = Arc::clone(&barrier);
            move || barrier.wait()
        });
        let leaders = match limited.join().unwrap() {
            Some(passed) => [passed, waiting.join().unwrap()],
            None => [barrier.wait(), waiting.join().unwrap()],
        };
        assert_eq!(leaders.iter().filter(|passed| passed.is_leader()).count(), 1);
        assert!(poll_once(barrier.wait_async()).is_none(), "somebody is left");
    });
}

/// Two who come while one that is at it goes away: one of them makes it, and both see it.
#[test]
fn an_initialiser_that_goes_away_races_two_who_wait() {
    explore(700, || {
        let cell = Arc::new(OnceCell::new());
        let threads = [1, 2].map(|n| {
            let cell = Arc::clone(&cell);
            thread::spawn(move || **cell.get_or_init(|| Box::new(n)))
        });
        let _none: Option<&Box<i32>> = poll_once(cell.get_or_init_async(std::future::pending));
        let [one, other] = threads.map(|thread| thread.join().unwrap());
        assert!(one == other && (one == 1 || one == 2));
    });
}

/// One gives up when it was let through already and another one has come: that one's place is its own.
#[test]
fn an_arrival_that_gives_up_late_takes_no_other_with_it() {
    explore(10000, || {
        let barrier = Arc::new(Barrier::new(2));
        let limited = thread::spawn({
            let barrier = Arc::clone(&barrier);
            move || barrier.wait_deadline(Instant::now() + Duration::MAX / 4)
        });
        let others = [(); 2].map(|()| {
            let barrier = Arc::clone(&barrier);
            thread::spawn(move || barrier.wait())
        });
        if limited.join().unwrap().is_some() {
            // With one of the two; the other one waits for somebody.
            let _either: Passed = barrier.wait();
        }
        let [_, _]: [Passed; 2] = others.map(|thread| thread.join().unwrap());
    });
}
