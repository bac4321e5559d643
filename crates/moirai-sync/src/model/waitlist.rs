//! Models of the wait list, over the smallest thing one can wait for: a number of permits.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::explore;
use crate::strand;
use crate::waitlist::{Finished, WaitList, Waiter};

struct Permits {
    // Relaxed on purpose: the fences of the wait list alone must make the wake-up safe.
    count: AtomicU32,
    list: WaitList,
}

impl Permits {
    fn new() -> Arc<Self> {
        Arc::new(Self { count: AtomicU32::new(0), list: WaitList::new() })
    }

    fn release(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.list.notify_one();
    }

    fn try_acquire(&self) -> bool {
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1))
            .is_ok()
    }

    fn poll_acquire(&self, waiter: Pin<&Waiter<'_>>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.try_acquire() {
            waiter.register(cx.waker());
            if !self.try_acquire() {
                return Poll::Pending;
            }
        }
        if waiter.finish() == Finished::Waited && self.count.load(Ordering::Relaxed) > 0 {
            self.list.notify_one();
        }
        Poll::Ready(())
    }

    fn acquire(&self) {
        let waiter = pin!(Waiter::blocked(&self.list));
        strand::wait(None, |cx| self.poll_acquire(waiter.as_ref(), cx));
    }
}

#[test]
fn no_wake_up_is_lost() {
    explore(6, || {
        let permits = Permits::new();
        let other = Arc::clone(&permits);
        let thread = thread::spawn(move || other.acquire());
        permits.release();
        thread.join().unwrap();
    });
}

#[test]
fn two_waiters_get_one_permit_each() {
    explore(700, || {
        let permits = Permits::new();
        let threads = [(); 2].map(|()| {
            let permits = Arc::clone(&permits);
            thread::spawn(move || permits.acquire())
        });
        permits.release();
        permits.release();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A waiter that leaves, notified or not, does not take the other one's wake-up with it.
#[test]
fn a_dropped_waiter_passes_its_baton_on() {
    explore(300, || {
        let permits = Permits::new();
        let other = Arc::clone(&permits);
        let thread = thread::spawn(move || other.acquire());
        let release = Arc::clone(&permits);
        let releaser = thread::spawn(move || release.release());
        {
            let waiter = pin!(Waiter::new(&permits.list));
            waiter.as_ref().register(Waker::noop());
        }
        thread.join().unwrap();
        releaser.join().unwrap();
    });
}

/// A blocked strand whose time is up keeps what it has promised: it tells the next one.
#[test]
fn a_blocked_waiter_that_gives_up_passes_its_baton_on() {
    explore(200, || {
        let permits = Permits::new();
        let other = Arc::clone(&permits);
        let thread = thread::spawn(move || other.acquire());
        let release = Arc::clone(&permits);
        let releaser = thread::spawn(move || release.release());
        {
            let waiter = pin!(Waiter::blocked(&permits.list));
            waiter.as_ref().register(Waker::noop());
        }
        thread.join().unwrap();
        releaser.join().unwrap();
    });
}

/// A notified waiter that is never polled again costs one wake-up: with one permit more than such
/// waiters, the others go on.
#[test]
fn a_notified_and_never_polled_waiter_stops_nobody() {
    explore(50, || {
        let permits = Permits::new();
        let forgotten = pin!(Waiter::new(&permits.list));
        forgotten.as_ref().register(Waker::noop());
        let other = Arc::clone(&permits);
        let thread = thread::spawn(move || {
            other.acquire();
            other.acquire();
        });
        permits.release();
        permits.release();
        thread.join().unwrap();
    });
}

/// Leaving while being notified: the node is freed right after, so the notifier must be done.
#[test]
fn leaving_races_notify() {
    explore(20, || {
        let list = Arc::new(WaitList::new());
        let other = Arc::clone(&list);
        let thread = thread::spawn(move || other.notify_all());
        let waiter = Box::pin(Waiter::new(&list));
        waiter.as_ref().register(Waker::noop());
        waiter.as_ref().register(Waker::noop());
        drop(waiter);
        thread.join().unwrap();
        assert_eq!(list.len(), 0);
    });
}

/// A waiter that goes back to the head while all are notified does not take the notification of
/// one that has been there before.
#[test]
fn a_waiter_at_the_head_hides_nobody_from_notify_all() {
    explore(600, || {
        // Leaked, so that a waiter can move to another thread.
        let list: &WaitList = Box::leak(Box::new(WaitList::new()));
        let open = Arc::new(AtomicU32::new(1));
        let closing = thread::spawn({
            let open = Arc::clone(&open);
            move || {
                open.store(0, Ordering::Relaxed);
                list.notify_all();
            }
        });
        let back = Box::pin(Waiter::new(list));
        back.as_ref().register(Waker::noop());
        list.notify_one();
        let returning = thread::spawn({
            let open = Arc::clone(&open);
            move || {
                back.as_ref().register(Waker::noop());
                if open.load(Ordering::Relaxed) == 0 {
                    // It has what it waited for, and nothing to pass on.
                    let _ = back.as_ref().finish();
                }
            }
        });
        let waiter = pin!(Waiter::new(list));
        strand::wait(None, |cx| {
            waiter.as_ref().register(cx.waker());
            match open.load(Ordering::Relaxed) {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        });
        closing.join().unwrap();
        returning.join().unwrap();
    });
}
