//! Models of what is made once: by one of those who come, seen by all, and by the next one where the
//! first fails.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::lock::{Barrier, OnceCell, Passed};

#[test]
fn one_makes_it_and_all_see_it() {
    loom::model(|| {
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
    loom::model(|| {
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
    loom::model(|| {
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
