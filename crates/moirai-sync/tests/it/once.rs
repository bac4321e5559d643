//! What is made once: initialisers that fail, panic or are dropped, and who waits for them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use moirai_sync::lock::{Once, OnceCell};
use moirai_sync::{channel, strand};

use crate::woken::{Woken, poll};

/// Rounds of races between threads.
const ROUNDS: usize = if cfg!(miri) { 10 } else { 500 };

/// RUSTSEC-2023-0031: what the first one had failed to make was there for the others.
#[test]
fn of_many_initialisers_those_that_fail_or_panic_leave_it_to_the_next() {
    for _ in 0..ROUNDS {
        let (cell, calls) = (OnceCell::new(), AtomicUsize::new(0));
        // The first of those who are let in panics, the second fails, the third makes it.
        let make = || match calls.fetch_add(1, Ordering::SeqCst) {
            0 => std::panic::resume_unwind(Box::new("first")),
            1 => Err("second"),
            call => Ok(Box::new(call)),
        };
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|n| {
                    let (cell, make) = (&cell, &make);
                    scope.spawn(move || {
                        let made = catch_unwind(AssertUnwindSafe(|| match n % 2 {
                            0 => cell.get_or_try_init(make).map(|made| **made),
                            _ => strand::block_on(cell.get_or_try_init_async(async || make()))
                                .map(|made| **made),
                        }));
                        made.unwrap_or(Err("panicked"))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let count = |outcome| outcomes.iter().filter(|seen| **seen == outcome).count();
        assert_eq!([count(Err("panicked")), count(Err("second")), count(Ok(2))], [1, 1, 2]);
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }
}

#[test]
fn an_initialiser_that_fails_or_is_dropped_at_an_await_wakes_and_lets_in_whoever_waits() {
    let cell = OnceCell::new();
    let woken = Arc::<Woken>::default();
    let mut waiting = pin!(cell.get_or_init_async(async || 2));
    {
        let mut dropped = pin!(cell.get_or_init_async(std::future::pending));
        assert!(poll(dropped.as_mut()).is_pending());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!((cell.get(), cell.set(1)), (None, Err(1)));
    }
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(cell.get_or_try_init(|| Err(())).is_err());
    assert_eq!(poll(waiting), Poll::Ready(&2));
}

#[test]
fn who_waits_and_gives_up_passes_its_turn_on() {
    let cell = OnceCell::new();
    let mut last = pin!(cell.get_or_init_async(async || 3));
    {
        let mut waiting = pin!(cell.get_or_init_async(async || 2));
        {
            let mut first = pin!(cell.get_or_init_async(std::future::pending));
            assert!(poll(first.as_mut()).is_pending());
            assert!(poll(waiting.as_mut()).is_pending());
            assert!(poll(last.as_mut()).is_pending());
        }
        // Told, and dropped.
    }
    assert_eq!(poll(last), Poll::Ready(&3));
}

#[test]
fn threads_wait_for_who_makes_it() {
    let cell = Arc::new(OnceCell::new());
    let (sender, receiver) = channel::bounded(1);
    let making = thread::spawn({
        let cell = Arc::clone(&cell);
        move || *cell.get_or_init(|| receiver.recv().unwrap())
    });
    let waiting = thread::spawn({
        let cell = Arc::clone(&cell);
        move || *cell.get_or_init(|| 2)
    });
    // Nobody receives it if the other one was faster.
    let _ = sender.send(1);
    let (made, seen) = (making.join().unwrap(), waiting.join().unwrap());
    assert_eq!(made, seen);
}

#[test]
fn a_cell_gives_its_value_back_and_drops_it_once() {
    let alive = Arc::new(());
    let mut cell = OnceCell::with_value(Arc::clone(&alive));
    assert_eq!(Arc::strong_count(&alive), 2);
    assert!(cell.get_mut().is_some());
    drop(cell.take());
    assert!(cell.get().is_none());
    assert!(cell.set(Arc::clone(&alive)).is_ok());
    assert!(cell.into_inner().is_some());
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn once_is_done_once_and_again_after_a_panic() {
    let (once, calls) = (Once::new(), Cell::new(0));
    let panicked = catch_unwind(AssertUnwindSafe(|| once.call_once(|| panic!("the first one"))));
    assert!(panicked.is_err() && !once.is_completed());
    once.call_once(|| calls.set(calls.get() + 1));
    strand::block_on(once.call_once_async(async || calls.set(calls.get() + 1)));
    assert_eq!(calls.get(), 1);
}

/// A cell that can be shared must hold what can be sent and shared.
#[test]
fn cells_cross_threads_only_with_values_that_may() {
    trait NotSync<A> {
        fn some() {}
    }
    struct IsSync;
    impl<T: ?Sized> NotSync<()> for T {}
    impl<T: ?Sized + Sync> NotSync<IsSync> for T {}
    fn both<T: Send + Sync>() {}
    fn send<T: Send>() {}
    both::<OnceCell<u32>>();
    send::<OnceCell<Cell<u32>>>();
    // Ambiguous, and errors, if one of them were `Sync`.
    <OnceCell<Cell<u32>> as NotSync<_>>::some();
    <OnceCell<std::sync::MutexGuard<'static, u32>> as NotSync<_>>::some();
}
