//! Models of permits: none is lost or given twice, nobody sleeps beside one, and what was done with
//! one is seen by who has it next.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::explore;
use crate::lock::{Closed, Semaphore};

struct Guarded {
    semaphore: Semaphore,
    /// Relaxed on purpose: the permit alone must order it.
    value: AtomicU32,
}

impl Guarded {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self { semaphore: Semaphore::new(permits), value: AtomicU32::new(0) })
    }

    /// Loses what another one adds at the same time, or has added unseen.
    fn add(&self) {
        self.value.store(self.value.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

#[test]
fn one_permit_lets_in_one_at_a_time() {
    explore(20, || {
        let guarded = Guarded::new(1);
        let threads = [(); 2].map(|()| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || {
                let permit = guarded.semaphore.acquire().unwrap();
                guarded.add();
                drop(permit);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(guarded.semaphore.available_permits(), 1);
        assert_eq!(guarded.value.load(Ordering::Relaxed), 2);
    });
}

/// A future is granted, or not, while it is dropped: the thread gets its permits all the same.
#[test]
fn a_wait_that_is_dropped_takes_no_permit_with_it() {
    explore(1000, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let thread = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || drop(semaphore.acquire().unwrap())
        });
        let other = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.add_permits(1)
        });
        {
            let mut waiting = pin!(semaphore.acquire_many_async(1));
            let _ = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        thread.join().unwrap();
        other.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn a_close_is_heard_by_whoever_waits_and_final() {
    explore(700, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let thread = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.acquire().map(drop)
        });
        let other = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || {
                semaphore.forget_permits(1);
                semaphore.add_permits(1);
            }
        });
        semaphore.close();
        let _either: Result<(), Closed> = thread.join().unwrap();
        other.join().unwrap();
        assert!(semaphore.is_closed() && semaphore.try_acquire().is_err());
    });
}

/// A thread whose time is up, perhaps just when it is granted what it wants, and one that wants less
/// behind it.
#[test]
fn a_wait_for_many_that_gives_up_races_the_grant() {
    explore(5000, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let many = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || {
                let deadline = Instant::now() + Duration::MAX / 4;
                drop(semaphore.acquire_many_deadline(2, deadline));
            }
        });
        let one = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || drop(semaphore.acquire().unwrap())
        });
        semaphore.add_permits(1);
        semaphore.add_permits(1);
        [many, one].into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(semaphore.available_permits(), 2);
        drop(semaphore.try_acquire_many(2).expect("nobody is in line any more"));
    });
}

/// One who wants more than there is stands in front, and gives up: who stands behind gets what there is.
#[test]
fn who_gives_up_in_front_lets_in_who_stands_behind() {
    explore(200, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut cx = Context::from_waker(Waker::noop());
        let mut many = Box::pin(semaphore.acquire_many_async(2));
        assert!(many.as_mut().poll(&mut cx).is_pending());
        let one = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || drop(semaphore.acquire().unwrap())
        });
        let adding = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.add_permits(1)
        });
        drop(many);
        [one, adding].into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// Nobody gives a permit: who waits is told by the close alone, or does not begin to wait.
#[test]
fn a_close_races_one_who_begins_to_wait() {
    explore(30, || {
        let semaphore = Arc::new(Semaphore::new(0));
        let waiting = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.acquire().map(drop)
        });
        let closing = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.close()
        });
        assert_eq!(waiting.join().unwrap(), Err(Closed));
        closing.join().unwrap();
    });
}
