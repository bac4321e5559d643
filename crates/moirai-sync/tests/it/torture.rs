//! What has gone wrong in other channels, each as a test; the table is in `docs/torture.md`.

use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use std::collections::VecDeque;

use moirai_sync::channel::{
    self, Permit, Receiver, Sender, TryRecvError, TrySendError, WeakSender, mpsc, spsc,
};
use moirai_sync::{CancelToken, WaitGroup, lock};
use proptest::prelude::*;

use crate::woken::poll;

/// Rounds of races between threads.
const ROUNDS: usize = if cfg!(miri) { 20 } else { 2_000 };

/// Counts how many of it there are.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Every kind of channel with cloneable ends.
fn channels<T>() -> Vec<(Sender<T>, Receiver<T>)> {
    vec![channel::bounded(1), channel::bounded(3), channel::unbounded()]
}

#[test]
fn the_last_receiver_leaves_during_the_first_send() {
    let alive = Arc::<AtomicUsize>::default();
    for _ in 0..ROUNDS {
        for (sender, receiver) in channels() {
            let message = Counted::new(&alive);
            let leaving = thread::spawn(move || drop(receiver));
            drop(sender.send(message));
            leaving.join().unwrap();
            drop(sender);
            assert_eq!(alive.load(Ordering::SeqCst), 0);
        }
    }
}

#[test]
fn a_send_that_races_the_end_keeps_or_delivers() {
    let alive = Arc::<AtomicUsize>::default();
    for _ in 0..ROUNDS {
        for (sender, receiver) in channels() {
            let message = Counted::new(&alive);
            let sending = thread::spawn(move || sender.send(message).is_ok());
            receiver.close();
            let received = receiver.recv().is_ok();
            assert_eq!(sending.join().unwrap(), received);
            assert_eq!(alive.load(Ordering::SeqCst), 0);
        }
        let (mut sender, mut receiver) = spsc::bounded(1);
        let message = Counted::new(&alive);
        let sending = thread::spawn(move || sender.send(message).is_ok());
        receiver.close();
        let received = receiver.recv().is_ok();
        assert_eq!(sending.join().unwrap(), received);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn each_message_is_taken_once_by_many_with_batches() {
    const EACH: usize = if cfg!(miri) { 50 } else { 5_000 };
    for (sender, receiver) in channels() {
        let seen: Vec<AtomicUsize> = (0..4 * EACH).map(|_| AtomicUsize::new(0)).collect();
        thread::scope(|scope| {
            for part in 0..4 {
                let sender = sender.clone();
                scope.spawn(move || {
                    let mut batch: Vec<usize> = (part * EACH..(part + 1) * EACH).collect();
                    let mut rest = batch.split_off(EACH / 2);
                    sender.send_batch(&mut batch).unwrap();
                    rest.drain(..).for_each(|message| sender.send(message).unwrap());
                });
            }
            drop(sender);
            for by in 1..=3 {
                let (receiver, seen) = (receiver.clone(), &seen);
                scope.spawn(move || {
                    let mut batch = Vec::new();
                    while receiver.recv_batch(&mut batch, by).is_ok() {
                        for message in batch.drain(..) {
                            assert_eq!(seen[message].fetch_add(1, Ordering::Relaxed), 0);
                        }
                    }
                });
            }
            drop(receiver);
        });
        assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1));
    }
}

#[test]
fn futures_that_were_polled_and_dropped_leave_nothing_behind() {
    let waker = Waker::from(Arc::new(Counting::default()));
    for (sender, receiver) in channels::<u32>() {
        {
            let mut cx = Context::from_waker(&waker);
            let (mut one, mut two) = (pin!(receiver.recv_async()), Box::pin(receiver.recv_async()));
            assert!(one.as_mut().poll(&mut cx).is_pending());
            assert!(two.as_mut().poll(&mut cx).is_pending());
            sender.send(1).unwrap();
            drop(two);
            assert_eq!(one.as_mut().poll(&mut cx), Poll::Ready(Ok(1)));
        }
        while sender.try_send(2).is_ok() && sender.len() < 5 {}
        if sender.is_full() {
            let mut cx = Context::from_waker(&waker);
            let mut reserve = Box::pin(sender.reserve_async());
            assert!(reserve.as_mut().poll(&mut cx).is_pending());
            let mut batch = vec![3];
            {
                let mut send = pin!(sender.send_batch_async(&mut batch));
                assert!(send.as_mut().poll(&mut cx).is_pending());
            }
            assert_eq!(batch, [3]);
            drop(reserve);
        }
        drop(receiver);
        assert!(sender.send(4).is_err());
    }
}

#[test]
fn every_small_capacity_laps() {
    for capacity in 1..=9 {
        let (sender, receiver) = channel::bounded(capacity);
        let (mut only_sender, mut only_receiver) = spsc::bounded(capacity);
        for round in 0..40 {
            for i in 0..1 + round % capacity {
                sender.send(i).unwrap();
                only_sender.send(i).unwrap();
            }
            for i in 0..1 + round % capacity {
                assert_eq!((receiver.recv(), only_receiver.recv()), (Ok(i), Ok(i)));
            }
        }
    }
}

/// On one channel, whose ends have the same methods by whatever reference.
macro_rules! as_a_deque {
    ($ends:expr, $capacity:expr, $steps:expr) => {{
        #[allow(unused_mut, reason = "some ends are shared")]
        let ((mut sender, mut receiver), capacity) = ($ends, $capacity.unwrap_or(usize::MAX));
        let (mut model, mut next) = (VecDeque::new(), 0_u32);
        for &(step, n) in $steps {
            match step {
                0 => {
                    let sent = sender.try_send(Box::new(next));
                    match model.len() < capacity {
                        true => prop_assert_eq!(sent, Ok(())),
                        false => prop_assert_eq!(sent, Err(TrySendError::Full(Box::new(next)))),
                    }
                    model.extend((model.len() < capacity).then_some(next));
                    next += 1;
                }
                1 => {
                    let mut batch: Vec<_> = (next..next + n).map(Box::new).collect();
                    let fits = (n as usize).min(capacity - model.len().min(capacity));
                    let sent = sender.try_send_batch(&mut batch);
                    prop_assert_eq!(sent.unwrap_or(0), fits);
                    let kept: Vec<_> = batch.iter().map(|value| **value).collect();
                    let sent = next + fits as u32;
                    prop_assert_eq!(kept, (sent..next + n).collect::<Vec<_>>());
                    model.extend(next..sent);
                    next += n;
                }
                2 => {
                    let received = receiver.try_recv().map(|value| *value);
                    prop_assert_eq!(received, model.pop_front().ok_or(TryRecvError::Empty));
                }
                _ => {
                    let mut batch = Vec::new();
                    let received = receiver.try_recv_batch(&mut batch, n as usize);
                    let there = model.drain(..model.len().min(n as usize));
                    prop_assert_eq!(received.unwrap_or(0), batch.len());
                    let batch: Vec<_> = batch.iter().map(|value| **value).collect();
                    prop_assert_eq!(batch, there.collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(receiver.len(), model.len());
        }
        // And what is left is dropped once.
    }};
}

proptest! {
    #![proptest_config(crate::cases(300, 4))]

    #[test]
    fn any_sequence_of_operations_does_what_a_deque_would(
        capacity in 1..9_usize,
        steps in prop::collection::vec((0..4_u8, 0..40_u32), 0..60),
    ) {
        let bound = Some(capacity);
        as_a_deque!(channel::bounded(capacity), bound, &steps);
        as_a_deque!(channel::unbounded(), None, &steps);
        as_a_deque!(mpsc::bounded(capacity), bound, &steps);
        as_a_deque!(mpsc::unbounded(), None, &steps);
        as_a_deque!(spsc::bounded(capacity), bound, &steps);
        as_a_deque!(spsc::unbounded(), None, &steps);
    }
}

#[test]
fn values_that_cannot_be_zero_pass() {
    let value = 7;
    for (sender, receiver) in channels() {
        sender.send((&value, Box::new(1), std::num::NonZeroU8::MIN)).unwrap();
        assert_eq!(receiver.recv().map(|message| *message.0), Ok(7));
    }
}

#[test]
fn messages_of_any_size_and_alignment_pass() {
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(256))]
    struct Aligned(u8);

    fn passes<T: Clone + PartialEq + std::fmt::Debug>(message: T) {
        let mut ends = channels();
        ends.push(channel::bounded(2));
        for (sender, receiver) in ends {
            for _ in 0..3 {
                sender.send(message.clone()).unwrap();
                assert_eq!(receiver.recv().as_ref(), Ok(&message));
            }
        }
        let (mut sender, mut receiver) = spsc::bounded(2);
        sender.send(message.clone()).unwrap();
        assert_eq!(receiver.recv_ref().as_deref(), Ok(&message));
        let (sender, mut receiver) = mpsc::unbounded();
        sender.send(message.clone()).unwrap();
        assert_eq!(receiver.recv(), Ok(message));
    }

    passes(());
    passes(Aligned(3));
    // Without optimisation it is copied from frame to frame.
    let large = thread::Builder::new().stack_size(32 << 20).spawn(|| passes([7_u8; 64 << 10]));
    large.unwrap().join().unwrap();
}

/// Panics in its drop, once. Some are never dropped, so it owns nothing.
struct Grenade(&'static AtomicUsize);

impl Drop for Grenade {
    fn drop(&mut self) {
        if self.0.fetch_add(1, Ordering::SeqCst) == 1 {
            panic!("the second one");
        }
    }
}

#[test]
fn a_message_whose_drop_panics_is_dropped_once() {
    static DROPS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
    for (capacity, drops) in [4, 0].into_iter().zip(&DROPS) {
        let (sender, receiver) =
            if capacity == 0 { channel::unbounded() } else { channel::bounded(capacity) };
        for _ in 0..4 {
            assert!(sender.send(Grenade(drops)).is_ok());
        }
        let dropped = std::panic::catch_unwind(move || drop(receiver));
        assert!(dropped.is_err());
        assert!(sender.is_closed());
        drop(sender);
        // Those behind it are leaked: a second panic would end the process.
        assert_eq!(drops.load(Ordering::SeqCst), 2);
    }
    // In its place, and by its guard.
    let drops = &DROPS[2];
    let (mut sender, mut receiver) = spsc::bounded(4);
    for _ in 0..3 {
        assert!(sender.send(Grenade(drops)).is_ok());
    }
    drop(receiver.recv_ref());
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(receiver.recv_ref());
    }));
    assert!(dropped.is_err());
    assert_eq!(receiver.len(), 1);
    drop((sender, receiver));
    assert_eq!(drops.load(Ordering::SeqCst), 3);
}

#[test]
fn batches_go_behind_what_is_in_the_vector() {
    for (sender, receiver) in channels() {
        let mut messages = vec![1];
        sender.send(2).unwrap();
        assert_eq!(receiver.recv_batch(&mut messages, 8), Ok(1));
        drop(sender);
        assert!(receiver.recv_batch(&mut messages, 8).is_err());
        assert_eq!(messages, [1, 2]);
    }
}

#[test]
fn a_batch_of_a_closed_channel_keeps_the_rest() {
    let (sender, receiver) = channel::bounded(2);
    let mut messages = vec![1, 2, 3, 4];
    assert_eq!(sender.try_send_batch(&mut messages), Ok(2));
    let sending = thread::spawn(move || (sender.send_batch(&mut messages).is_err(), messages));
    assert_eq!(receiver.recv(), Ok(1));
    while receiver.len() < 2 {
        thread::yield_now();
    }
    receiver.close();
    let (closed, rest) = sending.join().unwrap();
    assert!(closed);
    assert_eq!(rest, [4]);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn the_length_is_never_more_than_what_was_sent() {
    for (sender, receiver) in channels() {
        thread::scope(|scope| {
            let looking = receiver.clone();
            scope.spawn(move || (0..ROUNDS).for_each(|i| sender.send(i).unwrap()));
            scope.spawn(move || receiver.iter().count());
            for _ in 0..ROUNDS {
                assert!(looking.len() <= ROUNDS);
            }
        });
    }
}

/// Uses the channel whenever it is woken or dropped.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Reenter {
    sender: Sender<u32>,
    receiver: Receiver<u32>,
    seen: Mutex<Vec<u32>>,
}

impl Reenter {
    fn use_it(&self) {
        let _ = self.sender.try_send(9);
        let mut receive = pin!(self.receiver.recv_async());
        if let Poll::Ready(Ok(message)) = poll(receive.as_mut()) {
            self.seen.lock().expect("nobody panics").push(message);
        }
        assert!(self.sender.len() <= 9);
    }
}

impl Wake for Reenter {
    fn wake(self: Arc<Self>) {
        self.use_it();
    }
}

#[test]
fn wakers_may_use_the_channel_they_are_woken_from() {
    for make in [|| channel::bounded(1), || channel::bounded(4), channel::unbounded] {
        let (sender, receiver) = make();
        let reenter = Arc::new(Reenter {
            sender: sender.clone(),
            receiver: receiver.clone(),
            seen: Mutex::default(),
        });
        let waker = Waker::from(Arc::clone(&reenter));
        let mut cx = Context::from_waker(&waker);
        let (mut one, mut two) = (pin!(receiver.recv_async()), pin!(receiver.recv_async()));
        assert!(one.as_mut().poll(&mut cx).is_pending());
        assert!(two.as_mut().poll(&mut cx).is_pending());
        sender.send(1).unwrap();
        assert_eq!(reenter.seen.lock().unwrap().first(), Some(&1));
        // Registered again with another waker: the old one is dropped by this.
        drop(waker);
        let _ = poll(one.as_mut());
        receiver.close();
        assert!(sender.send(2).is_err());
    }
}

#[test]
fn forgotten_permits_loans_and_guards_are_safe() {
    let (sender, receiver) = channel::bounded(2);
    #[allow(clippy::mem_forget, reason = "what is tested")]
    std::mem::forget(sender.reserve().unwrap());
    // The place is gone for good, and nothing else.
    sender.send(1).unwrap();
    assert!(sender.try_send(2).is_err());
    assert_eq!(receiver.recv(), Ok(1));

    let (mut sender, mut receiver) = spsc::bounded::<Box<u32>>(2);
    drop(sender.loan().unwrap());
    sender.send(Box::new(1)).unwrap();
    #[allow(clippy::mem_forget, reason = "what is tested")]
    std::mem::forget(receiver.recv_ref().unwrap());
    // A forgotten guard leaves its message.
    assert_eq!(receiver.recv().as_deref(), Ok(&1));
    sender.loan().unwrap().send(Box::new(2)).unwrap();
    assert_eq!(receiver.recv_ref().unwrap().into_inner(), Box::new(2));
}

/// What has a lock is not given back, and who waits for it can give up; the rest goes on.
#[test]
#[allow(clippy::mem_forget, reason = "what is tested")]
fn forgotten_guards_of_locks_keep_what_they_have_and_no_more() {
    use std::mem::forget;

    const SOON: Duration = Duration::from_millis(1);

    let mutex = lock::Mutex::new(1);
    forget(mutex.lock());
    assert!(mutex.is_locked() && mutex.lock_timeout(SOON).is_none());
    assert!(poll(pin!(mutex.lock_async())).is_pending());
    assert_eq!(mutex.into_inner(), 1);

    let rwlock = lock::RwLock::new(1);
    forget(rwlock.read());
    assert_eq!(rwlock.try_read().as_deref(), Some(&1));
    assert!(rwlock.write_timeout(SOON).is_none());
    assert_eq!(rwlock.try_read().as_deref(), Some(&1));
    assert_eq!(rwlock.into_inner(), 1);

    let semaphore = lock::Semaphore::new(3);
    forget(semaphore.acquire().unwrap());
    forget(semaphore.acquire_many(1).unwrap().split(1));
    assert_eq!(semaphore.available_permits(), 1);
    assert!(semaphore.acquire_many_timeout(2, SOON).is_err());
    drop(semaphore.acquire().unwrap());
    assert_eq!(semaphore.available_permits(), 1);

    let group = WaitGroup::new();
    let member = std::mem::ManuallyDrop::new(group.add());
    assert!(!group.wait_timeout(SOON));
    drop(std::mem::ManuallyDrop::into_inner(member));
    assert!(group.wait_timeout(SOON));

    let token = CancelToken::new();
    let guard = std::mem::ManuallyDrop::new(token.clone().drop_guard());
    assert!(!token.is_cancelled());
    drop(std::mem::ManuallyDrop::into_inner(guard));
    assert!(token.is_cancelled());
}

#[test]
fn a_future_that_is_never_polled_again_stops_nobody() {
    for (sender, receiver) in channels() {
        let mut held = pin!(receiver.recv_async());
        assert!(poll(held.as_mut()).is_pending());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let receiver = receiver.clone();
                thread::spawn(move || receiver.recv().unwrap())
            })
            .collect();
        (0..3).for_each(|i| sender.send(i).unwrap());
        let sum: i32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        // The one message that is left is there for it, or for anybody.
        assert_eq!(receiver.try_iter().sum::<i32>() + sum, 3);
    }
}

macro_rules! is_not {
    ($type:ty: $trait:ident) => {{
        trait Ambiguous<A> {
            fn some() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        struct IfItWere;
        impl<T: ?Sized + $trait> Ambiguous<IfItWere> for T {}
        // Does not compile if there are two.
        let _ = <$type as Ambiguous<_>>::some;
    }};
}

#[test]
fn ends_cross_threads_only_with_messages_that_may() {
    fn both<T: Send + Sync>() {}
    both::<Sender<u8>>();
    both::<Receiver<u8>>();
    both::<WeakSender<u8>>();
    both::<Permit<'_, u8>>();
    both::<spsc::Sender<u8>>();
    both::<spsc::Receiver<u8>>();
    both::<spsc::Loan<'_, u8>>();
    both::<spsc::RecvRef<'_, u8>>();
    // A message need not be shared to be sent.
    both::<Sender<std::cell::Cell<u8>>>();
    both::<spsc::Receiver<std::cell::Cell<u8>>>();
    is_not!(Sender<Rc<u8>>: Send);
    is_not!(Sender<Rc<u8>>: Sync);
    is_not!(Receiver<Rc<u8>>: Send);
    is_not!(Receiver<Rc<u8>>: Sync);
    is_not!(WeakSender<Rc<u8>>: Send);
    is_not!(Permit<'_, Rc<u8>>: Send);
    is_not!(spsc::Sender<Rc<u8>>: Send);
    is_not!(spsc::Receiver<Rc<u8>>: Send);
    is_not!(spsc::Loan<'_, Rc<u8>>: Send);
    is_not!(spsc::RecvRef<'_, Rc<u8>>: Send);
    // A guard gives a shared reference to the message.
    is_not!(spsc::RecvRef<'_, std::cell::Cell<u8>>: Sync);
}
