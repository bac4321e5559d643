//! Models of the seat of an only waiter, over the smallest thing one can wait for: a number of permits.

#![allow(unsafe_code, reason = "a seat has one waiter at a time")]

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::sync::atomic::{AtomicU32, Ordering, fence};
use loom::thread;

use super::explore;
use crate::channel::mpsc;
use crate::prim::fence_after_rmw;
use crate::strand;
use crate::waitlist::Seat;

struct Permits {
    // Relaxed on purpose: the fences around the seat alone must make the wake-up safe.
    count: AtomicU32,
    seat: Seat,
}

impl Permits {
    fn new() -> Arc<Self> {
        Arc::new(Self { count: AtomicU32::new(0), seat: Seat::new() })
    }

    fn release(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.seat.is_taken() {
            self.seat.call();
        }
    }

    fn try_acquire(&self) -> bool {
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1))
            .is_ok()
    }

    /// For one thread at a time.
    fn poll_acquire(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.try_acquire() {
            // SAFETY: for one thread at a time.
            unsafe { self.seat.sit(cx.waker()) };
            fence_after_rmw();
            if !self.try_acquire() {
                return Poll::Pending;
            }
        }
        self.seat.rise();
        Poll::Ready(())
    }

    /// For one thread at a time.
    fn acquire(&self) {
        strand::wait(None, |cx| self.poll_acquire(cx));
    }
}

#[test]
fn no_call_is_lost() {
    explore(6, || {
        let permits = Permits::new();
        let other = Arc::clone(&permits);
        let thread = thread::spawn(move || other.acquire());
        permits.release();
        thread.join().unwrap();
    });
}

/// The second wait may begin while the call that ended the first one is on its way.
#[test]
fn two_callers_are_heard_one_after_the_other() {
    explore(100, || {
        let permits = Permits::new();
        let threads = [(); 2].map(|()| {
            let permits = Arc::clone(&permits);
            thread::spawn(move || permits.release())
        });
        permits.acquire();
        permits.acquire();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A future that was forgotten leaves its waker behind; the next wait is called all the same.
#[test]
fn a_forgotten_waiter_stops_nobody() {
    explore(20, || {
        let permits = Permits::new();
        assert!(permits.poll_acquire(&Context::from_waker(Waker::noop())).is_pending());
        let other = Arc::clone(&permits);
        let thread = thread::spawn(move || other.release());
        permits.acquire();
        thread.join().unwrap();
    });
}

/// An only receiver that stands up and sits down again meets a message, then the end.
#[test]
fn a_receive_after_a_cancelled_one_hears_of_a_message_and_of_the_end() {
    explore(100, || {
        let (sender, mut receiver) = mpsc::bounded(1);
        let sending = thread::spawn(move || sender.send(7));
        let mut cancelled = Box::pin(receiver.recv_async());
        let early = cancelled.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(cancelled);
        match early {
            Poll::Ready(message) => assert_eq!(message, Ok(7)),
            Poll::Pending => assert_eq!(receiver.recv(), Ok(7)),
        }
        assert!(receiver.recv().is_err());
        assert!(sending.join().unwrap().is_ok());
    });
}

/// A permit that ends while the channel is closed: the only receiver sees its message, or the end.
#[test]
fn a_permit_races_close() {
    for sends in [false, true] {
        explore(20, move || {
            let (sender, mut receiver) = mpsc::bounded(1);
            let receiving = thread::spawn(move || receiver.recv());
            let permit = sender.reserve().unwrap();
            sender.close();
            if sends {
                permit.send(7);
                assert_eq!(receiving.join().unwrap(), Ok(7));
            } else {
                drop(permit);
                assert!(receiving.join().unwrap().is_err());
            }
        });
    }
}
