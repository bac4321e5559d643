//! Models of notifications: each tells one, an old wait takes no new one, and what came before a
//! notification is seen after it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::{explore, poll_once};
use crate::lock::{Condvar, Mutex, Notify, Waited};

#[test]
fn a_notification_is_heard_and_orders_what_came_before() {
    explore(10, || {
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
    explore(2000, || {
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

/// A wait from before `notify_waiters` is not polled until after a `notify_one`, or until between them:
/// it leaves that to the one that comes later.
#[test]
fn an_old_wait_takes_no_new_notification() {
    explore(100, || {
        // Leaked, so that a wait can move to another thread.
        let notify: &Notify = Box::leak(Box::new(Notify::new()));
        let old = notify.notified();
        let waiting = thread::spawn(move || {
            crate::strand::block_on(old);
            // Of the one notification that is new.
            notify.wait();
        });
        let telling = thread::spawn(move || {
            notify.notify_waiters();
            notify.notify_one();
        });
        [waiting, telling].into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_change_under_the_lock_is_seen_by_who_waits_for_it() {
    explore(10, || {
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

/// One who is told just when its time is up leaves that to the next one, unless it says that it was.
#[test]
fn a_notification_races_the_end_of_a_wait() {
    explore(300, || {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let limited = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let deadline = Instant::now() + Duration::MAX / 4;
                let (guard, waited) = shared.1.wait_deadline(shared.0.lock(), deadline);
                drop(guard);
                if waited == Waited::Notified {
                    shared.1.notify_one();
                }
            }
        });
        let waiting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || drop(shared.1.wait_while(shared.0.lock(), |value| *value == 0))
        });
        *shared.0.lock() = 1;
        shared.1.notify_one();
        [limited, waiting].into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A notification that is for a future which goes away is kept, or told to the next.
#[test]
fn a_notification_races_the_drop_of_who_is_told() {
    explore(10, || {
        let notify = Arc::new(Notify::new());
        let telling = thread::spawn({
            let notify = Arc::clone(&notify);
            move || notify.notify_one()
        });
        let going = thread::spawn({
            let notify = Arc::clone(&notify);
            move || poll_once(notify.notified()).is_some()
        });
        telling.join().unwrap();
        match going.join().unwrap() {
            true => assert!(poll_once(notify.notified()).is_none(), "told twice"),
            false => assert!(poll_once(notify.notified()).is_some(), "lost"),
        }
    });
}

/// Of two who wait for all to be told, none is left, and one who comes later is told nothing.
#[test]
fn all_are_told_and_nothing_is_kept() {
    explore(2000, || {
        let notify = Arc::new(Notify::new());
        let (first, second) = (Arc::clone(&notify), Arc::clone(&notify));
        let telling = thread::spawn(move || first.notify_waiters());
        let dropped = thread::spawn(move || poll_once(second.notified()).is_some());
        let told = poll_once(notify.notified()).is_some();
        telling.join().unwrap();
        let _either: (bool, bool) = (told, dropped.join().unwrap());
        assert!(poll_once(notify.notified()).is_none(), "kept");
    });
}

/// All are told, one in line and one that is polled late: either sees what came before, also where that one
/// learns it from the word alone, which was written again when the line was empty.
#[test]
fn an_end_of_the_epoch_orders_what_came_before() {
    explore(50, || {
        // Leaked, so that a wait can move to another thread.
        let notify: &Notify = Box::leak(Box::new(Notify::new()));
        let value = Arc::new(AtomicU32::new(0));
        let late = notify.notified();
        let mut first = Box::pin(notify.notified());
        assert!(!first.as_mut().enable());
        let telling = thread::spawn({
            let value = Arc::clone(&value);
            move || {
                // Relaxed on purpose: the notification alone must order it.
                value.store(1, Ordering::Relaxed);
                notify.notify_waiters();
            }
        });
        let looking = thread::spawn({
            let value = Arc::clone(&value);
            move || {
                let told = poll_once(late).is_some();
                assert!(!told || value.load(Ordering::Relaxed) == 1, "told of nothing");
            }
        });
        if first.as_mut().enable() {
            assert_eq!(value.load(Ordering::Relaxed), 1);
        }
        [telling, looking].into_iter().for_each(|thread| thread.join().unwrap());
        assert!(first.as_mut().enable(), "told");
    });
}
