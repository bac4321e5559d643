//! Channels that time sends into.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use moirai_sync::channel::{self, RecvTimeoutError, TryRecvError, after, at, never, tick};
use moirai_sync::{select, strand};

/// Miri's clock takes a step of the program for microseconds.
const MS: Duration = Duration::from_millis(if cfg!(miri) { 100 } else { 1 });
const SHORT: Duration = MS.saturating_mul(5);
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn one_message_comes_when_it_is_due_and_says_when_that_was() {
    let receiver = after(LONG);
    assert_eq!((receiver.len(), receiver.is_empty(), receiver.capacity()), (0, true, Some(1)));
    let when = Instant::now() + SHORT;
    let receiver = at(when);
    assert_eq!(receiver.recv(), Ok(when));
    assert!(Instant::now() >= when);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
}

#[test]
fn one_of_many_that_wait_gets_the_message_and_the_others_wait_on() {
    let receiver = after(SHORT);
    let threads = [(); 3].map(|()| {
        let receiver = receiver.clone();
        std::thread::spawn(move || receiver.recv().is_ok())
    });
    // Only one of them returns before the close.
    while !threads.iter().any(|thread| thread.is_finished()) {
        std::thread::yield_now();
    }
    assert!(receiver.close());
    let got = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|got| *got).count();
    assert_eq!(got, 1);
}

#[test]
fn ticks_that_are_missed_are_left_out() {
    let ticks = tick(MS);
    let first = ticks.recv().unwrap();
    let received = Instant::now(); // perhaps long after it was due, and then a new period began
    while received.elapsed() < 20 * MS {
        std::thread::yield_now();
    }
    assert_eq!(ticks.len(), 1);
    let late = ticks.recv().unwrap();
    let next = ticks.recv().unwrap();
    assert!(next >= first + 21 * MS, "the next period begins when one is received");
    assert!(late < next);
}

/// Waiting in a list that nobody polls: the others are woken all the same.
#[test]
fn a_waiter_that_is_never_polled_again_stops_no_tick() {
    let ticks = tick(MS);
    // A tick may be there already, where this thread was kept from its core.
    let held = loop {
        let mut held = Box::pin(ticks.recv_async());
        if held.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            break held;
        }
    };
    for _ in 0..3 {
        assert!(ticks.recv_timeout(Duration::from_secs(60)).is_ok());
    }
    drop(held);
}

#[test]
fn a_future_on_any_executor_is_woken_by_the_timer_thread() {
    struct Woken(AtomicUsize, std::thread::Thread);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            self.1.unpark();
        }
    }
    let woken = Arc::new(Woken(AtomicUsize::new(0), std::thread::current()));
    let waker = Waker::from(Arc::clone(&woken));
    // It may be due already, where this thread was kept from its core.
    let mut future = loop {
        let receiver = after(SHORT);
        let mut future = Box::pin(async move { receiver.recv_async().await });
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            break future;
        }
    };
    while woken.0.load(Ordering::SeqCst) == 0 {
        std::thread::park();
    }
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn what_never_comes_is_waited_for_in_vain() {
    let nothing = never::<u8>();
    assert_eq!(nothing.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(nothing.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
    assert!(nothing.same_channel(&never()));
    assert_eq!(after(Duration::MAX).try_recv(), Err(TryRecvError::Empty));
    assert_eq!(tick(Duration::MAX).try_recv(), Err(TryRecvError::Empty));
    assert!(nothing.close());
    assert_eq!(nothing.recv(), Err(channel::RecvError));
}

#[test]
fn a_select_with_a_timeout_ends_in_a_thread_and_in_a_future() {
    let (_keep, receiver) = channel::bounded::<u8>(1);
    let start = Instant::now();
    select! {
        recv(receiver) -> _ => unreachable!(),
        default(SHORT) => assert!(start.elapsed() >= SHORT),
    }
    select! {
        recv(receiver) -> _ => unreachable!(),
        recv(after(LONG)) -> _ => unreachable!(),
        recv(after(SHORT)) -> _ => assert!(start.elapsed() >= 2 * SHORT),
    }
    strand::block_on(async {
        select!(async {
            recv(receiver) -> _ => unreachable!(),
            default(SHORT) => assert!(start.elapsed() >= 3 * SHORT),
        })
        .await;
        select!(async {
            recv(receiver) -> _ => unreachable!(),
            recv(after(SHORT)) -> _ => assert!(start.elapsed() >= 4 * SHORT),
        })
        .await;
    });
}
