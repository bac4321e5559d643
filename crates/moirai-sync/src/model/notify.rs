//! Models of notifications: each tells one, an old wait takes no new one, and what came before a
//! notification is seen after it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::lock::{Condvar, Mutex, Notify};

#[test]
fn a_notification_is_heard_and_orders_what_came_before() {
    loom::model(|| {
        let (notify, value) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
        let thread = thread::spawn({
            let (notify, value) = (Arc::clone(&notify), Arc::clone(&value));
            move || {
                // Relaxed on purpose: the notification alone must order it.
                value.store(1, Ordering::Relaxed);
                notify.notify_one();
            }
        });
        notify.wait();
        assert_eq!(value.load(Ordering::Relaxed), 1);
        thread.join().unwrap();
    });
}

/// Two notifications reach two threads, though a future goes away with one, or without.
#[test]
fn a_wait_that_is_dropped_takes_no_notification_with_it() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let thread = thread::spawn({
            let notify = Arc::clone(&notify);
            move || notify.wait()
        });
        let other = thread::spawn({
            let notify = Arc::clone(&notify);
            move || notify.notify_one()
        });
        {
            let mut waiting = pin!(notify.notified());
            if waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                notify.notify_one();
            }
        }
        thread.join().unwrap();
        other.join().unwrap();
    });
}

/// A wait from before `notify_waiters` is not polled until after a `notify_one`: it leaves that to
/// the thread.
#[test]
fn an_old_wait_takes_no_new_notification() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let old = notify.notified();
        let thread = thread::spawn({
            let notify = Arc::clone(&notify);
            move || {
                notify.notify_waiters();
                notify.notify_one();
            }
        });
        crate::strand::block_on(old);
        // Of the one notification that is new.
        notify.wait();
        thread.join().unwrap();
    });
}

#[test]
fn a_change_under_the_lock_is_seen_by_who_waits_for_it() {
    loom::model(|| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                *shared.0.lock() = 1;
                shared.1.notify_one();
            }
        });
        let guard = shared.1.wait_while(shared.0.lock(), |value| *value == 0);
        assert_eq!(*guard, 1);
        drop(guard);
        thread.join().unwrap();
    });
}
