//! The channel that keeps the latest value only.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use moirai_sync::channel::{RecvError, RecvTimeoutError, TryRecvError, watch};
use moirai_sync::{select, select_biased};

#[test]
fn a_receiver_gets_each_value_at_most_once_and_never_an_older_one() {
    let (sender, receiver) = watch::channel(0);
    let threads = [(); 3].map(|()| {
        let receiver = receiver.clone();
        std::thread::spawn(move || {
            let mut last = 0;
            while let Ok(value) = receiver.recv() {
                assert!(*value > last, "{value} after {last}");
                last = *value;
            }
            last
        })
    });
    (1..=LAST).for_each(|value| sender.send(value).unwrap());
    drop(sender);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), LAST);
    }
}

#[test]
fn the_end_comes_after_the_last_value() {
    let (sender, receiver) = watch::channel("first");
    let late = sender.subscribe();
    sender.send("last").unwrap();
    drop(sender);
    assert_eq!(receiver.try_recv().as_deref(), Ok(&"last"));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(late.recv().as_deref(), Ok(&"last"));
    assert_eq!(late.recv(), Err(RecvError));
    assert_eq!(*late.get(), "last");
}

#[test]
fn a_dropped_wait_misses_nothing() {
    let (sender, receiver) = watch::channel(0);
    {
        let mut dropped = Box::pin(receiver.recv_async());
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        sender.send(1).unwrap();
    }
    assert_eq!(receiver.try_recv().as_deref(), Ok(&1));
    assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_change_that_panics_leaves_the_value_as_it_was() {
    let (sender, receiver) = watch::channel(vec![1]);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sender.modify(|list| {
            list.push(2);
            panic!("in the middle");
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(*receiver.get(), [1]);
    sender.modify(|list| list.push(3));
    assert_eq!(receiver.recv().as_deref(), Ok(&vec![1, 3]));
}

/// A waker, and a value's drop, that use the channel they come from.
#[test]
fn wakers_and_values_may_use_the_channel() {
    struct Reenter(watch::Sender<Noisy>, watch::Receiver<Noisy>, AtomicUsize);
    #[derive(Clone)]
    struct Noisy(Option<watch::Receiver<u8>>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            if let Some(receiver) = &self.0 {
                receiver.get();
            }
        }
    }
    impl Wake for Reenter {
        fn wake(self: Arc<Self>) {
            self.0.get();
            self.1.try_recv().ok();
            if self.2.fetch_add(1, Ordering::SeqCst) == 0 {
                self.0.replace(Noisy(None));
            }
        }
    }
    let (_inner, noise) = watch::channel(0);
    let (sender, receiver) = watch::channel(Noisy(Some(noise.clone())));
    let reenter = Arc::new(Reenter(sender.clone(), receiver.clone(), AtomicUsize::new(0)));
    let mut waiting = Box::pin(receiver.recv_async());
    let waker = Waker::from(Arc::clone(&reenter));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    sender.send(Noisy(Some(noise))).ok().unwrap();
    assert_eq!(reenter.2.load(Ordering::SeqCst), 1);
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn a_newer_value_is_an_arm_of_a_select() {
    let (config, current) = watch::channel(1);
    let (sender, receiver) = moirai_sync::channel::bounded(1);
    select! {
        recv(current) -> _ => panic!("nothing is newer"),
        recv(receiver) -> _ => panic!("nothing was sent"),
        default => {}
    }
    sender.send(()).unwrap();
    let thread = std::thread::spawn(move || config.send(2));
    select_biased! {
        recv(receiver) -> unit => assert_eq!(unit, Ok(())),
        recv(current) -> _ => panic!("the second before the first"),
    }
    select! {
        recv(current) -> value => assert_eq!(value.as_deref(), Ok(&2)),
        recv(receiver) -> _ => panic!("nothing was sent"),
    }
    thread.join().unwrap().unwrap();
}

const LAST: u32 = if cfg!(miri) { 50 } else { 100_000 };
