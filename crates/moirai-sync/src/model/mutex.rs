//! Models of the mutex: one has it at a time and sees what was done before, whoever gives up.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use loom::thread;

use super::{explore, poll_once};
use crate::lock::Mutex;

fn spawn(mutex: &Arc<Mutex<u32>>, body: fn(&Mutex<u32>)) -> thread::JoinHandle<()> {
    let mutex = Arc::clone(mutex);
    thread::spawn(move || body(&mutex))
}

#[test]
fn one_has_the_value_at_a_time_and_sees_what_was_done_before() {
    explore(10, || {
        let mutex = Arc::new(Mutex::new(0));
        let threads = [(); 2].map(|()| spawn(&mutex, |mutex| *mutex.lock() += 1));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*mutex.lock(), 2);
    });
}

/// A future that was told, or not, is dropped: the thread behind it gets the lock.
#[test]
fn a_future_that_is_dropped_passes_its_turn_on() {
    explore(50, || {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock();
        let thread = spawn(&mutex, |mutex| *mutex.lock() += 1);
        {
            let mut waiting = pin!(mutex.lock_async());
            let _ = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            drop(guard);
        }
        thread.join().unwrap();
        assert_eq!(*mutex.lock(), 1);
    });
}

/// A thread gives up (in a model, after one park) while the lock is given up as well.
#[test]
fn a_thread_that_gives_up_passes_its_turn_on() {
    explore(300, || {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock();
        let threads = [
            spawn(&mutex, |mutex| drop(mutex.lock_deadline(Instant::now() + Duration::MAX / 4))),
            spawn(&mutex, |mutex| *mutex.lock() += 1),
        ];
        drop(guard);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*mutex.lock(), 1);
    });
}

/// A future bars the lock and is not polled again; threads have it all the same, one after another.
#[test]
fn a_future_that_bars_the_lock_and_is_not_polled_again_stops_nobody() {
    explore(100, || {
        let mutex = Arc::new(Mutex::new(0));
        let mut cx = Context::from_waker(Waker::noop());
        let guard = mutex.lock();
        let mut waiting = pin!(mutex.lock_async());
        for _ in 0..10 {
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
        }
        let thread = spawn(&mutex, |mutex| *mutex.lock() += 1);
        drop(guard);
        *mutex.lock() += 1;
        thread.join().unwrap();
        assert_eq!(*mutex.lock(), 2);
    });
}

/// While the lock is given up, one joins the list and a future that is in it, or in front of it, is
/// dropped, which may have been told.
#[test]
fn an_unlock_races_a_waiter_that_comes_and_one_that_goes() {
    explore(200, || {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock();
        let coming = spawn(&mutex, |mutex| *mutex.lock() += 1);
        let going = spawn(&mutex, |mutex| {
            if let Some(mut guard) = poll_once(mutex.lock_async()) {
                *guard += 10;
            }
        });
        drop(guard);
        [coming, going].into_iter().for_each(|thread| thread.join().unwrap());
        let value = *mutex.lock();
        assert!(value == 1 || value == 11, "{value}");
    });
}

/// One that has waited bars the lock while a newcomer takes it or joins the list.
#[test]
fn a_bar_races_a_newcomer() {
    explore(50, || {
        let mutex = Arc::new(Mutex::new(0));
        let mut cx = Context::from_waker(Waker::noop());
        let guard = mutex.lock();
        let mut waiting = Box::pin(mutex.lock_async());
        for _ in 0..4 {
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
        }
        let newcomer = spawn(&mutex, |mutex| *mutex.lock() += 1);
        drop(guard);
        // The poll that bars it, or has it.
        match waiting.as_mut().poll(&mut cx) {
            Poll::Ready(mut guard) => *guard += 1,
            Poll::Pending => *crate::strand::block_on(waiting.as_mut()) += 1,
        }
        newcomer.join().unwrap();
        assert_eq!(*mutex.lock(), 2);
        assert!(mutex.try_lock().is_some());
        let _newcomer = poll_once(mutex.lock_async()).expect("nobody bars it any more");
    });
}
