//! Waiting with limits, and where there is no runtime.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::channel::{self, RecvTimeoutError, SendTimeoutError};
use moirai_sync::{Select, SelectSet, select, strand};

#[test]
fn a_limit_in_the_past_still_tries_once() {
    let (sender, receiver) = channel::bounded(1);
    let past = Instant::now();
    assert_eq!(sender.send_deadline(1, past), Ok(()));
    assert_eq!(sender.send_deadline(2, past), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(receiver.recv_deadline(past), Ok(1));
    assert_eq!(receiver.recv_deadline(past), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_limit_is_kept_while_notifications_keep_coming() {
    let deadline = Instant::now() + Duration::from_millis(5);
    let result = strand::wait(Some(deadline), |cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    assert_eq!(result, None);
}

#[test]
fn the_longest_timeout_is_no_limit() {
    let (sender, receiver) = channel::bounded(1);
    let thread = thread::spawn(move || receiver.recv_timeout(Duration::MAX));
    sender.send_timeout(1, Duration::MAX).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(1));
}

#[test]
fn a_timer_wakes_on_a_thread_without_a_runtime() {
    let deadline = strand::now() + Duration::from_millis(5);
    let mut timer = None;
    let woken_at = strand::wait(None, |cx: &mut Context<'_>| {
        if strand::now() >= deadline {
            return Poll::Ready(strand::now());
        }
        timer = Some(strand::timer(deadline, cx.waker()));
        Poll::Pending
    });
    assert!(woken_at.unwrap() >= deadline);
}

#[test]
fn blocking_works_where_thread_locals_are_gone() {
    struct AtExit(channel::Sender<u8>, channel::Receiver<u8>, Arc<AtomicBool>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            let sender = self.0.clone();
            let thread = thread::spawn(move || sender.send(7).unwrap());
            self.2.store(self.1.recv() == Ok(7), Ordering::SeqCst);
            thread.join().unwrap();
        }
    }
    thread_local!(static AT_EXIT: std::cell::RefCell<Option<AtExit>> = const { std::cell::RefCell::new(None) });
    let ok = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = channel::bounded(1);
    let in_thread = Arc::clone(&ok);
    thread::spawn(move || {
        AT_EXIT.with(|slot| *slot.borrow_mut() = Some(AtExit(sender, receiver, in_thread)));
        // Used once before the exit, so that its slot is destroyed by then as well.
        strand::wait(Some(Instant::now()), |_| Poll::<()>::Pending);
    })
    .join()
    .unwrap();
    assert!(ok.load(Ordering::SeqCst));
}

#[test]
fn public_types_cross_threads_as_their_contents_allow() {
    fn check<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    check::<channel::Sender<u8>>();
    check::<channel::Receiver<u8>>();
    check::<moirai_sync::ResultSender<u8>>();
    check::<moirai_sync::ResultReceiver<u8>>();
    fn send<T: Send>(_: T) {}
    let (sender, receiver) = channel::bounded::<std::cell::Cell<u8>>(1);
    send(sender.send_async(std::cell::Cell::new(1)));
    send(receiver.recv_async());
    let _ = Waker::noop();
}

/// Hands on that it was woken.
struct Tell(mpsc::Sender<()>);

impl Wake for Tell {
    fn wake(self: Arc<Self>) {
        // Nobody listens once the test is over.
        let _: Result<(), _> = self.0.send(());
    }
}

/// Polls `future` once, which waits then, and goes on with it on a thread as soon as it is woken.
fn go_on_when_woken<F>(future: F) -> thread::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut future = Box::pin(future);
    let (woken, told) = mpsc::channel();
    let waker = Waker::from(Arc::new(Tell(woken)));
    let waits = future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    assert!(waits);
    thread::spawn(move || {
        told.recv_timeout(WATCHDOG).expect("woken");
        strand::block_on(future)
    })
}

/// Futures that wait and are never polled again.
fn forgotten<F: Future>(n: usize, future: impl Fn() -> F) -> Vec<Pin<Box<F>>> {
    let mut futures: Vec<_> = (0..n).map(|_| Box::pin(future())).collect();
    for future in &mut futures {
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    futures
}

#[test]
fn more_forgotten_sends_than_places_stop_no_other_sender() {
    for places in [1, 2] {
        let (sender, receiver) = channel::bounded(places);
        (0..places).for_each(|_| sender.send(0).unwrap());
        let kept = forgotten(places + 3, || sender.send_async(1));
        let other = sender.clone();
        let live = go_on_when_woken(async move { other.send_async(2).await });
        (0..places).for_each(|_| assert_eq!(receiver.recv(), Ok(0)));
        assert_eq!(receiver.recv_timeout(WATCHDOG), Ok(2));
        assert_eq!(live.join().unwrap(), Ok(()));
        drop(kept);
    }
}

#[test]
fn more_forgotten_receives_than_messages_stop_no_other_receiver() {
    for places in [1, 2] {
        let (sender, receiver) = channel::bounded(places);
        let kept = forgotten(places + 3, || receiver.recv_async());
        let other = receiver.clone();
        let live = go_on_when_woken(async move { other.recv_async().await });
        (0..places).for_each(|_| sender.send(0).unwrap());
        let other = sender.clone();
        assert_eq!(watched(async move { other.send_async(1).await }), Ok(()));
        assert_eq!(live.join().unwrap(), Ok(0));
        drop(kept);
    }
}

#[test]
fn forgotten_receives_at_a_rendezvous_stop_no_other_receiver() {
    let (sender, receiver) = channel::rendezvous();
    let kept = forgotten(3, || receiver.recv_async());
    let other = receiver.clone();
    let live = go_on_when_woken(async move { other.recv_async().await });
    assert_eq!(sender.send_timeout(1, WATCHDOG), Ok(()));
    assert_eq!(live.join().unwrap(), Ok(1));
    drop(kept);
}

/// As of a plain receive and a plain send, which look again after a millisecond; blocked and in a future.
#[test]
fn a_select_that_sleeps_leaves_nobody_behind_who_was_forgotten() {
    for asleep in [true, false] {
        let (sender, receiver) = channel::bounded(1);
        let (_quiet, never) = channel::bounded::<()>(1);
        sender.send(0).unwrap();
        let kept = forgotten(4, || sender.send_async(1));
        let other = sender.clone();
        let live = go_on_when_woken(async move { other.send_async(2).await });
        assert_eq!(receiver.recv(), Ok(0));
        let received = match asleep {
            true => select! {
                recv(receiver) -> message => message,
                recv(never) -> _ => unreachable!("nobody sends there"),
                default(WATCHDOG) => panic!("the sender was left behind"),
            },
            false => watched(async move {
                select!(async {
                    recv(receiver) -> message => message,
                    recv(never) -> _ => unreachable!("nobody sends there"),
                })
                .await
            }),
        };
        assert_eq!(received, Ok(2));
        assert_eq!(live.join().unwrap(), Ok(()));
        drop(kept);
    }
}

#[test]
fn a_dynamic_select_that_waits_to_send_leaves_no_receiver_behind() {
    let (sender, receiver) = channel::bounded(1);
    let kept = forgotten(4, || receiver.recv_async());
    let other = receiver.clone();
    let live = go_on_when_woken(async move { other.recv_async().await });
    sender.send(0).unwrap();
    let mut select = Select::new();
    let index = select.send(&sender);
    let operation = select.select_timeout(WATCHDOG).expect("in time");
    assert_eq!(operation.index(), index);
    operation.send(&sender, 1).unwrap();
    assert_eq!(live.join().unwrap(), Ok(0));
    drop(kept);
}

/// As of a select, blocked and in a future; of a set that has asked before, too.
#[test]
fn a_set_that_waits_to_send_leaves_no_receiver_behind() {
    for asleep in [true, false] {
        let (sender, receiver) = channel::bounded(1);
        let kept = forgotten(4, || receiver.recv_async());
        let other = receiver.clone();
        let live = go_on_when_woken(async move { other.recv_async().await });
        sender.send(0).unwrap();
        let waiting = sender.clone();
        match asleep {
            true => {
                let mut set = SelectSet::new();
                let index = set.send(&waiting);
                assert!(set.try_ready().is_err());
                assert_eq!(set.ready_timeout(WATCHDOG), Ok(index), "the receiver was left behind");
            }
            false => watched(async move {
                let mut set = SelectSet::new();
                let index = set.send(&waiting);
                assert_eq!(set.ready_async().await, index);
            }),
        }
        assert_eq!(live.join().unwrap(), Ok(0));
        drop(kept);
    }
}

#[test]
fn a_set_that_waits_to_receive_leaves_no_sender_behind() {
    let (sender, receiver) = channel::bounded(1);
    let (_quiet, never) = channel::bounded::<()>(1);
    sender.send(0).unwrap();
    let kept = forgotten(4, || sender.send_async(1));
    let other = sender.clone();
    let live = go_on_when_woken(async move { other.send_async(2).await });
    assert_eq!(receiver.recv(), Ok(0));
    let mut set = SelectSet::new();
    let index = set.recv(&receiver);
    set.recv(&never);
    assert_eq!(set.ready_timeout(WATCHDOG), Ok(index), "the sender was left behind");
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(live.join().unwrap(), Ok(()));
    drop(kept);
}

/// What `future` comes to, or a panic.
fn watched<F>(future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(strand::block_on(future)));
    result.recv_timeout(WATCHDOG).expect("in time")
}

/// Longer than any test takes.
const WATCHDOG: Duration = Duration::from_secs(30);

/// A sender for which nobody has waited in a while looks for waiters with a lighter fence; whoever waits
/// next makes up for that. Here it does so at the end of each burst.
#[test]
fn a_receiver_that_goes_to_sleep_behind_a_long_burst_misses_nothing() {
    let (bursts, longest) = if cfg!(miri) { (20, 5) } else { (3000, 2200) };
    let (mut sender, mut receiver) = channel::spsc::bounded(4096);
    let (done, all_done) = mpsc::channel();
    let lengths = move || (0..bursts).map(move |n| longest - n % (longest / 12).max(2));
    let receiving = thread::spawn(move || {
        for length in lengths() {
            (0..length).for_each(|i| assert_eq!(receiver.recv(), Ok(i)));
            done.send(()).unwrap();
        }
    });
    for length in lengths() {
        (0..length).for_each(|i| sender.send(i).unwrap());
        let received = all_done.recv_timeout(Duration::from_secs(30));
        assert_eq!(received, Ok(()), "the receiver sleeps, and a message is there");
    }
    receiving.join().unwrap();
}
