//! The channel whose receivers all get everything.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use moirai_sync::channel::broadcast::{
    self, BroadcastChannel, BroadcastReceiver, Broadcaster, Overflow, RecvError, RecvTimeoutError,
    TryRecvError, WeakBroadcaster,
};
use moirai_sync::channel::{SendTimeoutError, TrySendError};
use moirai_sync::{select, strand};

use crate::woken::{Woken, poll};
use proptest::prelude::*;

const EACH: [Overflow; 3] = [Overflow::Lag, Overflow::Block, Overflow::DropNewest];

// Order, lag, catching up.

#[test]
fn every_receiver_gets_every_message_in_order() {
    for overflow in EACH {
        let (sender, mut one) = BroadcastChannel::with_overflow(16, overflow);
        let mut two = sender.subscribe();
        assert_eq!(one.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(sender.send("hello"), Ok(2));
        assert_eq!(sender.send("world"), Ok(2));
        assert_eq!((one.try_recv(), one.try_recv()), (Ok("hello"), Ok("world")));
        assert_eq!(one.try_recv(), Err(TryRecvError::Empty));
        assert_eq!((two.try_recv(), two.try_recv()), (Ok("hello"), Ok("world")));
    }
}

#[test]
fn a_receiver_that_lags_is_told_how_many_it_missed_and_goes_on_at_the_oldest() {
    let (sender, mut one) = broadcast::channel(2);
    let mut two = sender.subscribe();
    let send = |message| assert_eq!(sender.send(message), Ok(2));
    send("one");
    send("two");
    assert_eq!(one.try_recv(), Ok("one"));
    send("three");
    assert_eq!(two.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!(two.try_recv(), Ok("two"));
    assert_eq!((one.try_recv(), one.try_recv()), (Ok("two"), Ok("three")));
    send("four");
    send("five");
    assert_eq!(two.try_recv(), Err(TryRecvError::Lagged(1)));
    send("six");
    assert_eq!(two.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!((two.try_recv(), two.try_recv()), (Ok("five"), Ok("six")));
    assert_eq!(two.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_receiver_that_lags_gets_the_last_messages_before_the_end() {
    for sent in 1..=6_u64 {
        let (sender, mut receiver) = broadcast::channel(2);
        (1..=sent).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
        drop(sender);
        if sent > 2 {
            assert_eq!(receiver.recv(), Err(RecvError::Lagged(sent - 2)));
        }
        for n in sent.saturating_sub(1).max(1)..=sent {
            assert_eq!(receiver.recv(), Ok(n));
        }
        assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    }
}

#[test]
fn the_capacity_is_exact() {
    for capacity in [1, 2, 3, 5, 7, 100] {
        for overflow in [Overflow::Block, Overflow::DropNewest] {
            let (sender, mut receiver) = BroadcastChannel::with_overflow(capacity, overflow);
            assert_eq!(sender.capacity(), capacity);
            for lap in 0..3 {
                for n in 0..capacity {
                    assert_eq!(sender.try_send(lap * capacity + n), Ok(1));
                }
                assert_eq!(sender.try_send(usize::MAX), Err(TrySendError::Full(usize::MAX)));
                assert_eq!(receiver.try_recv(), Ok(lap * capacity));
                assert_eq!(sender.try_send(usize::MAX), Ok(1));
                assert_eq!(sender.try_send(usize::MAX), Err(TrySendError::Full(usize::MAX)));
                assert_eq!(receiver.try_iter().count(), capacity);
            }
        }
        let (sender, mut receiver) = broadcast::channel(capacity);
        (0..3 * capacity).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
        let mut late = sender.subscribe();
        assert_eq!(receiver.len(), capacity);
        assert_eq!(receiver.recv(), Err(RecvError::Lagged(2 * capacity as u64)));
        let last: Vec<_> = (2 * capacity..3 * capacity).collect();
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), last);
        assert_eq!(late.try_iter().collect::<Vec<_>>(), last);
    }
    assert_eq!(broadcast::channel::<u8>(0).0.capacity(), 1);
}

#[test]
fn who_subscribes_late_gets_what_others_have_received() {
    for overflow in EACH {
        let (sender, mut receiver) = BroadcastChannel::with_overflow(3, overflow);
        for n in 0..5 {
            assert_eq!(sender.send(n), Ok(1));
            assert_eq!(receiver.recv(), Ok(n));
        }
        assert_eq!(sender.len(), 3);
        let (mut late, mut next) = (sender.subscribe(), sender.subscribe_at_tail());
        let mut again = receiver.resubscribe();
        assert_eq!((late.len(), next.len(), again.len()), (3, 0, 0));
        assert_eq!(late.recv(), Ok(2));
        assert_eq!(sender.send(5), Ok(4));
        assert_eq!(late.try_iter().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!((next.try_recv(), again.try_recv()), (Ok(5), Ok(5)));
    }
}

#[test]
fn a_clone_begins_where_the_original_is() {
    let (sender, mut one) = broadcast::channel(3);
    (1..=2).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
    assert_eq!(one.recv(), Ok(1));
    let mut two = one.clone();
    assert_eq!(sender.receiver_count(), 2);
    assert_eq!((one.try_recv(), two.try_recv()), (Ok(2), Ok(2)));
    (3..=6).for_each(|n| assert_eq!(sender.send(n), Ok(2)));
    let mut behind = two.clone();
    assert_eq!((two.recv(), behind.recv()), (Err(RecvError::Lagged(1)), Err(RecvError::Lagged(1))));
    assert_eq!((two.recv(), behind.recv()), (Ok(4), Ok(4)));
}

#[test]
fn each_receiver_knows_how_far_it_is_behind() {
    let (sender, mut receiver) = broadcast::channel(3);
    assert!(receiver.is_empty() && sender.is_empty());
    (0..4).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
    assert_eq!((receiver.len(), receiver.lag(), sender.len()), (3, 4, 3));
    assert_eq!(receiver.recv(), Err(RecvError::Lagged(1)));
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!((receiver.len(), receiver.lag()), (2, 2));
}

#[test]
fn the_newest_message_is_left_out_if_that_is_wanted() {
    let (sender, mut receiver) = BroadcastChannel::with_overflow(2, Overflow::DropNewest);
    assert_eq!([1, 2, 3].map(|n| sender.send(n).unwrap()), [1, 1, 0]);
    assert_eq!(strand::block_on(sender.send_async(4)), Ok(0));
    assert_eq!(sender.send_timeout(5, Duration::MAX), Ok(0));
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
}

// Waiting.

#[test]
fn a_message_wakes_all_who_wait_and_nobody_else() {
    let (sender, mut receiver) = broadcast::channel(16);
    let (mut other, mut idle) = (sender.subscribe(), sender.subscribe());
    let woken = [(); 3].map(|()| Arc::<Woken>::default());
    let mut one = pin!(receiver.recv_async());
    let mut two = pin!(other.recv_async());
    assert!(woken[0].poll(one.as_mut()).is_pending());
    assert!(woken[1].poll(two.as_mut()).is_pending());
    drop(idle.recv_async());
    assert_eq!(sender.send(1), Ok(3));
    assert_eq!(sender.send(2), Ok(3));
    // One wake-up each, whatever follows.
    assert_eq!(woken.each_ref().map(|woken| woken.times()), [1, 1, 0]);
    assert_eq!(woken[0].poll(one.as_mut()), Poll::Ready(Ok(1)));
    assert_eq!(woken[1].poll(two.as_mut()), Poll::Ready(Ok(1)));
}

#[test]
fn a_wait_that_changes_its_task_wakes_the_last_one() {
    let (sender, mut receiver) = broadcast::channel(1);
    let woken = [(); 2].map(|()| Arc::<Woken>::default());
    let mut waiting = Box::pin(receiver.recv_async());
    assert!(woken[0].poll(waiting.as_mut()).is_pending());
    assert!(woken[1].poll(waiting.as_mut()).is_pending());
    assert_eq!(sender.send(()), Ok(1));
    assert_eq!(woken.each_ref().map(|woken| woken.times()), [0, 1]);
}

#[test]
fn a_wait_that_is_dropped_misses_nothing() {
    let (sender, mut receiver) = broadcast::channel(1);
    {
        let mut dropped = pin!(receiver.recv_async());
        assert!(poll(dropped.as_mut()).is_pending());
        assert_eq!(sender.send(1), Ok(1));
    }
    assert_eq!(receiver.try_recv(), Ok(1));
    let late = receiver.recv_timeout(Duration::from_millis(1));
    assert_eq!(late, Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_blocked_sender_waits_for_the_slowest_and_is_woken_once() {
    let (sender, mut fast) = BroadcastChannel::with_overflow(2, Overflow::Block);
    let mut slow = fast.clone();
    (1..=2).for_each(|n| assert_eq!(sender.send(n), Ok(2)));
    let woken = Arc::<Woken>::default();
    let mut sending = pin!(sender.send_async(3));
    assert!(woken.poll(sending.as_mut()).is_pending());
    assert_eq!(fast.try_iter().count(), 2);
    assert_eq!(woken.times(), 0);
    assert_eq!(slow.try_recv(), Ok(1));
    assert_eq!(woken.times(), 1);
    assert_eq!(slow.try_recv(), Ok(2));
    assert_eq!(woken.times(), 1);
    assert_eq!(woken.poll(sending.as_mut()), Poll::Ready(Ok(2)));
    assert_eq!((fast.try_recv(), slow.try_recv()), (Ok(3), Ok(3)));
}

#[test]
fn a_send_has_a_limit_in_time() {
    let (sender, _receiver) = BroadcastChannel::with_overflow(1, Overflow::Block);
    assert_eq!(sender.send(1), Ok(1));
    let timeout = Duration::from_millis(1);
    assert_eq!(sender.send_timeout(2, timeout), Err(SendTimeoutError::Timeout(2)));
    let deadline = strand::now() + timeout;
    assert_eq!(sender.send_deadline(2, deadline), Err(SendTimeoutError::Timeout(2)));
}

#[test]
fn a_send_that_is_dropped_leaves_its_turn_to_the_next() {
    let (sender, mut receiver) = BroadcastChannel::with_overflow(1, Overflow::Block);
    assert_eq!(sender.send(0), Ok(1));
    let woken = [(); 2].map(|()| Arc::<Woken>::default());
    let mut one = Box::pin(sender.send_async(1));
    let mut two = Box::pin(sender.send_async(2));
    assert!(woken[0].poll(one.as_mut()).is_pending());
    assert!(woken[1].poll(two.as_mut()).is_pending());
    assert_eq!(receiver.recv(), Ok(0));
    assert_eq!(woken.each_ref().map(|woken| woken.times()), [1, 0]);
    drop(one);
    assert_eq!(woken[1].times(), 1);
    assert_eq!(woken[1].poll(two.as_mut()), Poll::Ready(Ok(1)));
    assert_eq!(receiver.recv(), Ok(2));
}

/// Told of the only room that there will be, and never polled again.
#[test]
fn a_send_that_is_forgotten_stops_no_other() {
    let (sender, mut receiver) = BroadcastChannel::with_overflow(1, Overflow::Block);
    assert_eq!(sender.send(0), Ok(1));
    let mut forgotten = Box::pin(sender.send_async(1));
    assert!(poll(forgotten.as_mut()).is_pending());
    let mut second = Box::pin(sender.send_async(2));
    let woken = Arc::<Woken>::default();
    assert!(woken.poll(second.as_mut()).is_pending());
    assert_eq!(receiver.recv(), Ok(0));
    // Whoever waits for a message tells the next one, after a millisecond.
    while woken.times() == 0 {
        let waited = receiver.recv_timeout(Duration::from_millis(5));
        assert_eq!(waited, Err(RecvTimeoutError::Timeout));
    }
    assert_eq!(woken.poll(second.as_mut()), Poll::Ready(Ok(1)));
    assert_eq!(receiver.recv(), Ok(2));
}

#[test]
fn a_subscriber_that_goes_never_blocks_the_sender() {
    let (sender, mut receiver) = BroadcastChannel::with_overflow(1, Overflow::Block);
    let gone = receiver.clone();
    assert_eq!(sender.send(1), Ok(2));
    assert_eq!(receiver.recv(), Ok(1));
    let sending = thread::spawn({
        let sender = sender.clone();
        move || sender.send(2)
    });
    drop(gone);
    assert_eq!(receiver.recv(), Ok(2));
    assert!(sending.join().unwrap().is_ok());
    let sending = thread::spawn(move || sender.send(3));
    drop(receiver);
    // Sent before the last receiver went, or given back.
    match sending.join().unwrap() {
        Ok(readers) => assert_eq!(readers, 1),
        Err(error) => assert_eq!(error.into_inner(), 3),
    }
}

#[test]
fn threads_and_tasks_get_every_message_whoever_is_slow() {
    for (capacity, last) in [(1, LAST / 40), (3, LAST / 20), (64, LAST / 2)] {
        let (sender, receiver) = BroadcastChannel::with_overflow(capacity, Overflow::Block);
        let threads = [0, 1, 2].map(|i| {
            let mut receiver = receiver.clone();
            thread::spawn(move || match i {
                0 => strand::block_on(async move {
                    let mut last = [0; 2];
                    while let Ok((from, n)) = receiver.recv_async().await {
                        assert_eq!(n, last[from] + 1);
                        last[from] = n;
                    }
                    last
                }),
                _ => receiver.iter().fold([0; 2], |mut last, (from, n)| {
                    assert_eq!(n, last[from] + 1);
                    last[from] = n;
                    last
                }),
            })
        });
        drop(receiver);
        let senders = [0, 1].map(|from| {
            let sender = sender.clone();
            thread::spawn(move || {
                (1..=last).for_each(|n| match from {
                    0 => assert_eq!(sender.send((from, n)), Ok(3)),
                    _ => assert_eq!(strand::block_on(sender.send_async((from, n))), Ok(3)),
                });
            })
        });
        drop(sender);
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), [last; 2]));
    }
}

#[test]
fn what_lags_loses_only_what_it_is_told_of() {
    let (sender, receiver) = broadcast::channel(4);
    let threads = [receiver.clone(), receiver].map(|mut receiver| {
        thread::spawn(move || {
            let (mut next, mut got) = (1, 0);
            loop {
                match receiver.recv() {
                    Ok(n) => {
                        assert_eq!(n, next);
                        (next, got) = (n + 1, got + 1);
                    }
                    Err(RecvError::Lagged(missed)) => next += missed,
                    Err(RecvError::Disconnected) => return (next - 1, got),
                }
            }
        })
    });
    (1..=u64::from(LAST)).for_each(|n| assert_eq!(sender.send(n), Ok(2)));
    drop(sender);
    for thread in threads {
        let (last, got) = thread.join().unwrap();
        assert_eq!(last, u64::from(LAST));
        println!("{got} of {LAST} received");
    }
}

#[test]
fn a_broadcast_is_an_arm_of_a_select() {
    let (sender, mut receiver) = broadcast::channel(2);
    let (_other, nothing) = moirai_sync::channel::bounded::<u8>(1);
    select! {
        recv(receiver) -> _ => panic!("nothing was sent"),
        recv(nothing) -> _ => panic!("nothing was sent"),
        default => {}
    }
    let thread = thread::spawn({
        let sender = sender.clone();
        move || sender.send(1)
    });
    select! {
        recv(receiver) -> message => assert_eq!(message, Ok(1)),
        recv(nothing) -> _ => panic!("nothing was sent"),
    }
    assert_eq!(thread.join().unwrap(), Ok(1));
    (2..=4).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
    drop(sender);
    let mut seen = Vec::new();
    while !seen.contains(&Err(RecvError::Disconnected)) {
        strand::block_on(async {
            select!(async {
                recv(receiver) -> message => seen.push(message),
                recv(nothing) -> _ => panic!("nothing was sent"),
            })
            .await;
        });
    }
    let (lagged, end) = (Err(RecvError::Lagged(1)), Err(RecvError::Disconnected));
    assert_eq!(seen, [lagged, Ok(3), Ok(4), end]);
}

// The end.

#[test]
fn the_last_sender_that_goes_wakes_every_receiver() {
    let (sender, mut one) = broadcast::channel::<u8>(16);
    let mut two = sender.subscribe();
    let (other, weak) = (sender.clone(), sender.downgrade());
    let woken = Arc::<Woken>::default();
    let mut waits = [Box::pin(one.recv_async()), Box::pin(two.recv_async())];
    waits.iter_mut().for_each(|wait| assert!(woken.poll(wait.as_mut()).is_pending()));
    drop(sender);
    assert_eq!(woken.times(), 0);
    let upgraded = weak.upgrade().unwrap();
    assert_eq!(upgraded.sender_count(), 2);
    drop((other, upgraded));
    assert_eq!(woken.times(), 2);
    assert!(weak.upgrade().is_none());
    for wait in &mut waits {
        assert_eq!(poll(wait.as_mut()), Poll::Ready(Err(RecvError::Disconnected)));
    }
}

#[test]
fn a_send_without_receivers_fails_until_somebody_subscribes() {
    let (sender, receiver) = broadcast::channel(2);
    assert_eq!(sender.send(1), Ok(1));
    drop(receiver);
    assert_eq!(sender.send(2).unwrap_err().into_inner(), 2);
    assert!(!sender.is_closed());
    let mut receiver = sender.subscribe();
    assert_eq!(sender.send(3), Ok(1));
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn after_a_close_what_is_there_is_received() {
    for overflow in EACH {
        let (sender, mut receiver) = BroadcastChannel::with_overflow(1, overflow);
        assert_eq!(sender.send(1), Ok(1));
        let waiting = (overflow == Overflow::Block).then(|| {
            let sender = sender.clone();
            thread::spawn(move || sender.send(2))
        });
        assert!(sender.close() && !sender.close() && receiver.is_closed());
        if let Some(waiting) = waiting {
            assert_eq!(waiting.join().unwrap().unwrap_err().into_inner(), 2);
        }
        assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Err(RecvError::Disconnected)));
        assert_eq!(sender.subscribe().recv(), Ok(1));
    }
}

#[test]
fn subscribers_come_and_go_while_messages_are_sent() {
    for overflow in EACH {
        let (sender, receiver) = BroadcastChannel::with_overflow(3, overflow);
        drop(receiver);
        let coming = [(); 2].map(|()| {
            let sender = sender.clone();
            thread::spawn(move || {
                for _ in 0..LAST / 20 {
                    let mut last = 0;
                    for n in sender.subscribe().try_iter().take(5) {
                        assert!(n > last);
                        last = n;
                    }
                }
            })
        });
        let sent = (1..=LAST).filter(|n| sender.send(*n).is_ok()).count();
        coming.into_iter().for_each(|thread| thread.join().unwrap());
        println!("{overflow:?}: {sent} of {LAST} sent");
    }
}

// What has gone wrong elsewhere.

/// RUSTSEC-2025-0023: clones made at the same time, of what must not be shared. (That such a channel
/// cannot leave its thread is shown where its handle is documented.)
#[test]
fn ends_cross_threads_only_with_messages_that_may_be_shared() {
    fn crosses<T: Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    crosses::<Broadcaster<String>>();
    crosses::<BroadcastReceiver<String>>();
    crosses::<WeakBroadcaster<String>>();
    // On one thread it is fine.
    let (sender, mut receiver) = broadcast::channel(1);
    assert_eq!(sender.send(Cell::new(7)), Ok(1));
    assert_eq!(receiver.recv().map(|cell| cell.get()), Ok(7));
}

#[derive(Debug)]
struct Counted {
    alive: Arc<AtomicUsize>,
    /// Panics at the clone or drop that brings this to 0.
    fuse: Arc<AtomicUsize>,
}

impl Counted {
    fn new(alive: &Arc<AtomicUsize>, fuse: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self { alive: Arc::clone(alive), fuse: Arc::clone(fuse) }
    }

    fn burn(&self, what: &str) {
        let left = self.fuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        assert!(left != Ok(1) || thread::panicking(), "a {what} that panics");
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.burn("clone");
        Self::new(&self.alive, &self.fuse)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
        self.burn("drop");
    }
}

#[test]
fn a_clone_or_drop_that_panics_leaves_the_channel_whole() {
    for overflow in EACH {
        for k in 1..(if cfg!(miri) { 6 } else { 40 }) {
            let alive = Arc::<AtomicUsize>::default();
            let fuse = Arc::new(AtomicUsize::new(k));
            let (sender, mut receiver) = BroadcastChannel::with_overflow(3, overflow);
            let mut other = receiver.clone();
            let panics = Cell::new(0);
            let step = |step: &mut dyn FnMut()| {
                panics
                    .set(panics.get() + usize::from(catch_unwind(AssertUnwindSafe(step)).is_err()));
            };
            for _ in 0..4 {
                step(&mut || drop(sender.try_send(Counted::new(&alive, &fuse))));
                step(&mut || drop(sender.try_send(Counted::new(&alive, &fuse))));
                step(&mut || drop(receiver.try_recv()));
                step(&mut || drop(other.try_recv()));
                step(&mut || drop(other.try_recv()));
            }
            // A receive that panics has received: the channel goes on behind it.
            fuse.store(0, Ordering::SeqCst);
            assert!(receiver.try_iter().count() <= 3);
            assert!(other.try_iter().count() <= 3);
            assert!(sender.try_send(Counted::new(&alive, &fuse)).is_ok());
            assert!(receiver.try_recv().is_ok());
            assert!(panics.get() <= 1);
            let mut gone = (sender, receiver, other);
            fuse.store(k % 5, Ordering::SeqCst);
            step(&mut || {
                let (sender, receiver) = broadcast::channel(1);
                drop(std::mem::replace(&mut gone, (sender, receiver.clone(), receiver)));
            });
            assert_eq!(alive.load(Ordering::SeqCst), 0, "{overflow:?} {k}");
        }
    }
}

#[test]
fn a_clone_that_panics_counts_as_received_and_frees_its_place() {
    #[derive(Debug, PartialEq)]
    struct Zero(u8);
    impl Clone for Zero {
        fn clone(&self) -> Self {
            assert_ne!(self.0, 0);
            Self(self.0)
        }
    }
    for overflow in EACH {
        let (sender, mut receiver) = BroadcastChannel::with_overflow(2, overflow);
        (0..2).for_each(|n| assert_eq!(sender.send(Zero(n)), Ok(1)));
        let mut waiting = pin!(sender.send_async(Zero(2)));
        let woken = Arc::<Woken>::default();
        let blocked = overflow == Overflow::Block && woken.poll(waiting.as_mut()).is_pending();
        assert!(catch_unwind(AssertUnwindSafe(|| receiver.try_recv())).is_err());
        assert_eq!(woken.times(), usize::from(blocked));
        assert_eq!(receiver.try_recv(), Ok(Zero(1)));
    }
}

/// Wakers, and drops of messages, that use the channel they come from.
#[test]
fn wakers_and_messages_may_use_the_channel() {
    #[derive(Clone)]
    struct Noisy(Option<Broadcaster<Self>>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            if let Some(sender) = &self.0 {
                // Takes the lock that pushes hold, twice.
                drop(sender.subscribe_at_tail());
            }
        }
    }
    struct Reenter(Broadcaster<Noisy>, Mutex<BroadcastReceiver<Noisy>>, AtomicUsize);
    impl Wake for Reenter {
        fn wake(self: Arc<Self>) {
            drop(self.1.lock().unwrap().try_recv());
            if self.2.fetch_add(1, Ordering::SeqCst) == 0 {
                drop(self.0.try_send(Noisy(None)));
            }
        }
    }
    let (sender, receiver) = broadcast::channel(1);
    let mut second = receiver.clone();
    let reenter = Arc::new(Reenter(sender.clone(), Mutex::new(receiver), AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&reenter));
    {
        let mut waiting = pin!(second.recv_async());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(sender.send(Noisy(Some(sender.clone()))).is_ok());
        assert_eq!(reenter.2.load(Ordering::SeqCst), 1);
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    }
    assert!(sender.send(Noisy(None)).is_ok());
    drop(second);
    // The messages hold the channel, and it them.
    assert!(sender.send(Noisy(None)).is_ok());
}

#[test]
fn messages_without_a_size_pass() {
    #[derive(Clone, Debug, PartialEq)]
    struct Nothing;
    let (sender, mut receiver) = broadcast::channel(3);
    (0..10).for_each(|_| assert_eq!(sender.send(Nothing), Ok(1)));
    assert_eq!(receiver.recv(), Err(RecvError::Lagged(7)));
    assert_eq!(receiver.try_iter().count(), 3);
}

#[test]
fn a_receive_that_is_forgotten_holds_up_nobody_where_nobody_may() {
    let (sender, mut receiver) = broadcast::channel(1);
    let mut other = receiver.clone();
    let mut waiting = Box::pin(receiver.recv_async());
    assert!(poll(waiting.as_mut()).is_pending());
    // It is kept, and not polled again.
    (0..3).for_each(|n| assert_eq!(sender.send(n), Ok(2)));
    assert_eq!(other.recv(), Err(RecvError::Lagged(2)));
    assert_eq!(other.recv(), Ok(2));
}

// Against a model.

#[derive(Clone, Debug)]
enum Step {
    Send,
    Recv(usize),
    Subscribe,
    SubscribeAtTail,
    Duplicate(usize),
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Send),
        6 => (0..5_usize).prop_map(Step::Recv),
        1 => Just(Step::Subscribe),
        1 => Just(Step::SubscribeAtTail),
        1 => (0..5_usize).prop_map(Step::Duplicate),
        1 => (0..5_usize).prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    #![proptest_config(crate::cases(500, 1))]

    /// A vector of all that was sent, and for each receiver where it is.
    #[test]
    fn any_sequence_of_operations_does_what_a_vector_would(
        capacity in 1..5_usize,
        kind in 0..3_usize,
        steps in steps(),
    ) {
        let overflow = EACH[kind];
        let (sender, receiver) = BroadcastChannel::with_overflow(capacity, overflow);
        let mut sent: Vec<usize> = Vec::new();
        let mut receivers = vec![(receiver, 0)];
        for step in steps {
            let oldest = sent.len().saturating_sub(capacity);
            match step {
                Step::Send => {
                    let full = overflow != Overflow::Lag
                        && receivers.iter().any(|(_, at)| at + capacity == sent.len());
                    let message = sent.len();
                    let expected = match receivers.len() {
                        0 => Err(TrySendError::Disconnected(message)),
                        _ if full => Err(TrySendError::Full(message)),
                        n => Ok(n),
                    };
                    prop_assert_eq!(sender.try_send(message), expected);
                    if expected.is_ok() {
                        sent.push(message);
                    }
                }
                Step::Recv(i) => {
                    let count = receivers.len().max(1);
                    let Some((receiver, at)) = receivers.get_mut(i % count) else { continue };
                    prop_assert_eq!(receiver.lag(), (sent.len() - *at) as u64);
                    if *at < oldest {
                        let missed = (oldest - *at) as u64;
                        prop_assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(missed)));
                        *at = oldest;
                    } else if *at < sent.len() {
                        prop_assert_eq!(receiver.try_recv(), Ok(*at));
                        *at += 1;
                    } else {
                        prop_assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
                    }
                }
                Step::Subscribe => receivers.push((sender.subscribe(), oldest)),
                Step::SubscribeAtTail => receivers.push((sender.subscribe_at_tail(), sent.len())),
                Step::Duplicate(i) => {
                    let count = receivers.len().max(1);
                    let Some((receiver, at)) = receivers.get(i % count) else { continue };
                    let other = (receiver.clone(), *at);
                    receivers.push(other);
                }
                Step::Leave(i) => {
                    if let Some(i) = i.checked_rem(receivers.len()) {
                        drop(receivers.swap_remove(i));
                    }
                }
            }
            prop_assert_eq!(sender.len(), sent.len().min(capacity));
            prop_assert_eq!(sender.receiver_count(), receivers.len());
        }
    }
}

const LAST: u32 = if cfg!(miri) { 40 } else { 20_000 };
