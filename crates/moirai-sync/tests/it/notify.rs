//! Notifications and condition variables: who is told, what is kept, and futures that are dropped.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::lock::{Condvar, Mutex, Notified, Notify, Waited};
use moirai_sync::strand;

use crate::woken::{Woken, poll};

/// Rounds of races between threads.
const ROUNDS: usize = if cfg!(miri) { 20 } else { 2_000 };

#[test]
fn one_notification_is_kept_and_no_more() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    assert!(poll(pin!(notify.notified())).is_ready());
    assert!(poll(pin!(notify.notified())).is_pending());
}

#[test]
fn each_notification_tells_one_in_order_of_arrival() {
    let notify = Notify::new();
    let mut waiting = [(); 3].map(|()| Box::pin(notify.notified()));
    waiting.iter_mut().for_each(|wait| assert!(poll(wait.as_mut()).is_pending()));
    notify.notify_one();
    notify.notify_one();
    let ready = waiting.each_mut().map(|wait| poll(wait.as_mut()).is_ready());
    assert_eq!(ready, [true, true, false]);
}

#[test]
fn all_who_wait_are_told_and_nobody_who_comes_later() {
    let notify = Notify::new();
    let mut polled = pin!(notify.notified());
    assert!(poll(polled.as_mut()).is_pending());
    let unpolled = pin!(notify.notified());
    notify.notify_waiters();
    assert!(poll(polled).is_ready());
    assert!(poll(unpolled).is_ready());
    assert!(poll(pin!(notify.notified())).is_pending());
}

#[test]
fn a_told_wait_that_is_dropped_tells_the_next_or_keeps_it() {
    let notify = Notify::new();
    let woken = Arc::<Woken>::default();
    let mut second = pin!(notify.notified());
    {
        let mut first = pin!(notify.notified());
        assert!(poll(first.as_mut()).is_pending());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(second.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        notify.notify_one();
    }
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(poll(second).is_ready());
    {
        let mut only = pin!(notify.notified());
        assert!(poll(only.as_mut()).is_pending());
        notify.notify_one();
    }
    assert!(poll(pin!(notify.notified())).is_ready());
}

#[test]
fn what_was_told_to_all_is_not_passed_on() {
    let notify = Notify::new();
    {
        let mut wait = pin!(notify.notified());
        assert!(poll(wait.as_mut()).is_pending());
        notify.notify_waiters();
    }
    assert!(poll(pin!(notify.notified())).is_pending());
}

/// tokio's issue 7996.
#[test]
fn a_wait_that_all_were_told_of_leaves_a_later_notification_to_others() {
    let notify = Notify::new();
    let mut old = pin!(notify.notified());
    notify.notify_waiters();
    notify.notify_one();
    assert!(poll(old.as_mut()).is_ready());
    assert!(poll(pin!(notify.notified())).is_ready());
    assert!(poll(pin!(notify.notified())).is_pending());
}

#[test]
fn a_wait_that_is_enabled_stands_in_line() {
    let notify = Notify::new();
    let (mut first, mut second) = (pin!(notify.notified()), Box::pin(notify.notified()));
    assert!(!first.as_mut().enable());
    assert!(!second.as_mut().enable());
    assert!(!first.as_mut().enable());
    notify.notify_one();
    assert!(!second.as_mut().enable());
    assert!(first.as_mut().enable());
    assert!(poll(first).is_ready());
    drop(second);
    assert!(!pin!(notify.notified()).enable());
}

#[test]
fn a_wait_for_a_notification_ends_in_time() {
    let notify = Notify::new();
    assert!(!notify.wait_timeout(Duration::from_millis(1)));
    assert!(!notify.wait_deadline(Instant::now()));
    notify.notify_one();
    assert!(notify.wait_timeout(Duration::ZERO));
}

/// Threads and futures that are dropped at any moment; whoever hears one notification makes the
/// next, so all stop if one is lost.
#[test]
fn notifications_survive_waits_that_are_dropped_at_any_time() {
    let notify = Arc::new(Notify::new());
    let left = Arc::new(AtomicUsize::new(ROUNDS));
    let threads: Vec<_> = (0..3)
        .map(|n| {
            let (notify, left) = (Arc::clone(&notify), Arc::clone(&left));
            thread::spawn(move || {
                while left.load(Ordering::SeqCst) > 0 {
                    match n {
                        0 if poll(pin!(notify.notified())).is_pending() => continue,
                        0 => {}
                        1 => notify.wait(),
                        _ => strand::block_on(notify.notified()),
                    }
                    let before = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                        left.checked_sub(1)
                    });
                    if before.is_ok() {
                        notify.notify_one();
                    }
                }
                // For those who sleep when it is over.
                notify.notify_one();
            })
        })
        .collect();
    notify.notify_one();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn notified_futures_cross_threads() {
    fn both<T: Send + Sync>() {}
    both::<Notify>();
    both::<Notified<'_>>();
    both::<Condvar>();
}

#[test]
fn a_condvar_tells_only_those_who_wait() {
    let (mutex, changed) = (Mutex::new(0), Condvar::new());
    changed.notify_one();
    changed.notify_all();
    let (guard, waited) = changed.wait_timeout(mutex.lock(), Duration::from_millis(1));
    assert_eq!(waited, Waited::TimedOut);
    drop(guard);
    let mut waiting = pin!(changed.wait_async(mutex.lock()));
    assert!(poll(waiting.as_mut()).is_pending());
    assert!(!mutex.is_locked());
    let guard = mutex.lock();
    changed.notify_one();
    assert!(poll(waiting.as_mut()).is_pending());
    drop(guard);
    assert!(poll(waiting).is_ready());
}

#[test]
fn a_told_wait_for_a_change_that_is_dropped_tells_the_next_and_keeps_nothing() {
    let (mutex, changed) = (Mutex::new(()), Condvar::new());
    let mut first = Box::pin(changed.wait_async(mutex.lock()));
    assert!(poll(first.as_mut()).is_pending());
    let mut second = pin!(changed.wait_async(mutex.lock()));
    assert!(poll(second.as_mut()).is_pending());
    changed.notify_one();
    drop(first);
    assert!(poll(second).is_ready());
    {
        let mut only = pin!(changed.wait_async(mutex.lock()));
        assert!(poll(only.as_mut()).is_pending());
        changed.notify_one();
    }
    assert!(poll(pin!(changed.wait_async(mutex.lock()))).is_pending());
}

/// A queue of one, between threads and tasks: all arrives, in order.
#[test]
fn threads_and_tasks_hand_over_under_a_condvar() {
    let shared = Arc::new((Mutex::new(None), Condvar::new()));
    let sender = thread::spawn({
        let shared = Arc::clone(&shared);
        move || {
            for n in 0..ROUNDS {
                let mut place = shared.1.wait_while(shared.0.lock(), |place| place.is_some());
                *place = Some(n);
                shared.1.notify_all();
            }
        }
    });
    strand::block_on(async {
        for n in 0..ROUNDS {
            let mut place = shared.0.lock_async().await;
            while place.is_none() {
                place = shared.1.wait_async(place).await;
            }
            assert_eq!(place.take(), Some(n));
            shared.1.notify_all();
        }
    });
    sender.join().unwrap();
}
