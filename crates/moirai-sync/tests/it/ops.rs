//! Operators, each against the vector that it makes of a vector.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::channel::broadcast::{BroadcastChannel, Overflow};
use moirai_sync::channel::ops::{Either, Source};
use moirai_sync::channel::{
    self, ChannelExt, Messages, Receiver, RecvError, RecvTimeoutError, TryRecvError, mpsc, spsc,
};
use moirai_sync::strand::{self, Clock, Hooks, TimerKey};
use proptest::prelude::*;

use crate::woken::Woken;

fn filled(messages: &[u8]) -> Receiver<u8> {
    let (sender, receiver) = channel::unbounded();
    messages.iter().for_each(|n| assert_eq!(sender.send(*n), Ok(())));
    receiver
}

thread_local! {
    static FILLING: RefCell<Vec<thread::JoinHandle<()>>> = const { RefCell::new(Vec::new()) };
}

/// A channel that somebody else fills meanwhile, until the receiver is gone.
fn filling(messages: &[u8]) -> Receiver<u8> {
    let (sender, receiver) = channel::bounded(1);
    let messages = messages.to_vec();
    let thread = thread::spawn(move || {
        // Those that nobody takes are left over.
        let _taken = messages.into_iter().try_for_each(|n| sender.send(n));
    });
    FILLING.with_borrow_mut(|threads| threads.push(thread));
    receiver
}

/// Waits for all who fill a channel.
fn filled_all() {
    let threads = FILLING.with_borrow_mut(std::mem::take);
    threads.into_iter().for_each(|thread| assert!(thread.join().is_ok()));
}

async fn await_all<S: Source>(mut messages: Messages<S>) -> Vec<S::Item> {
    let mut all = Vec::new();
    while let Ok(message) = messages.recv_async().await {
        all.push(message);
    }
    assert!(messages.recv_async().await.is_err(), "the end is the end");
    all
}

/// Iterates and awaits, over what is there and over what comes.
fn check<S: Source<Item: PartialEq + std::fmt::Debug>>(
    input: &[u8],
    operator: impl Fn(Receiver<u8>) -> Messages<S>,
    expected: &[S::Item],
) -> Result<(), TestCaseError> {
    prop_assert_eq!(&operator(filled(input)).into_iter().collect::<Vec<_>>()[..], expected);
    prop_assert_eq!(&strand::block_on(await_all(operator(filled(input))))[..], expected);
    prop_assert_eq!(&operator(filled(input)).try_iter().collect::<Vec<_>>()[..], expected);
    prop_assert_eq!(&operator(filling(input)).into_iter().collect::<Vec<_>>()[..], expected);
    prop_assert_eq!(&strand::block_on(await_all(operator(filling(input))))[..], expected);
    Ok(())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..8_u8, 0..(if cfg!(miri) { 6 } else { 30 }))
}

proptest! {
    #![proptest_config(crate::cases(60, 1))]

    #[test]
    fn operators_on_one_channel_do_as_on_a_vector(input in bytes(), n in 0..6_usize) {
        let each = || input.iter().copied();
        let odd = |n: &u8| n % 2 == 1;
        check(&input, |rx| rx.map(u32::from), &each().map(u32::from).collect::<Vec<_>>())?;
        check(&input, |rx| rx.filter(odd), &each().filter(odd).collect::<Vec<_>>())?;
        check(&input, |rx| rx.take(n), &each().take(n).collect::<Vec<_>>())?;
        check(&input, |rx| rx.skip(n), &each().skip(n).collect::<Vec<_>>())?;
        let sum = |sum: &mut u8, n: u8| {
            *sum += n;
            (*sum < 40).then_some(*sum)
        };
        check(&input, |rx| rx.scan(0, sum), &each().scan(0, sum).collect::<Vec<_>>())?;
        let mut seen = HashSet::new();
        let distinct: Vec<u8> = each().filter(|n| seen.insert(*n)).collect();
        check(&input, ChannelExt::distinct, &distinct)?;
        let mut dedup = input.clone();
        dedup.dedup();
        check(&input, ChannelExt::dedup, &dedup)?;
        let batches: Vec<Vec<u8>> = input.chunks(n.max(1)).map(<[u8]>::to_vec).collect();
        check(&input, |rx| rx.batch(n), &batches)?;
        let chain: Vec<Vec<u8>> = each().filter(odd).map(|n| n * 2).collect::<Vec<_>>().chunks(3)
            .map(<[u8]>::to_vec).collect();
        check(&input, |rx| rx.filter(odd).map(|n| n * 2).batch(3), &chain)?;
        filled_all();
    }

    #[test]
    fn operators_on_two_channels_do_as_on_vectors(one in bytes(), two in bytes()) {
        let pairs: Vec<(u8, u8)> = one.iter().copied().zip(two.iter().copied()).collect();
        check(&one, |rx| rx.zip(filled(&two)), &pairs)?;
        let both: Vec<_> = filling(&one).zip(filling(&two)).into_iter().collect();
        prop_assert_eq!(both, pairs);

        // In turns where both have some, and in any order where they come.
        let mut turns = Vec::new();
        for i in 0..one.len().max(two.len()) {
            turns.extend(one.get(i).map(|n| Either::Left(*n)));
            turns.extend(two.get(i).map(|n| Either::Right(*n)));
        }
        let both = || filled(&one).merge_either(filled(&two));
        prop_assert_eq!(both().into_iter().collect::<Vec<_>>(), turns.clone());
        prop_assert_eq!(strand::block_on(await_all(both())), turns.clone());
        for merged in [
            filling(&one).merge_either(filling(&two)).into_iter().collect::<Vec<_>>(),
            strand::block_on(await_all(filling(&one).merge_either(filling(&two)))),
        ] {
            let left = merged.iter().filter_map(|it| match it {
                Either::Left(n) => Some(*n),
                Either::Right(_) => None,
            });
            prop_assert_eq!(left.collect::<Vec<_>>(), &one[..]);
            let right = merged.iter().filter_map(|it| match it {
                Either::Left(_) => None,
                Either::Right(n) => Some(*n),
            });
            prop_assert_eq!(right.collect::<Vec<_>>(), &two[..]);
        }
        let mut merged: Vec<u8> = filling(&one).merge(filling(&two)).into_iter().collect();
        merged.sort_unstable();
        let mut all = [&one[..], &two].concat();
        all.sort_unstable();
        prop_assert_eq!(merged, all);

        // The latest of both, after each of the turns.
        let (mut left, mut right, mut latest) = (None, None, Vec::new());
        for it in turns {
            match it {
                Either::Left(n) => left = Some(n),
                Either::Right(n) => right = Some(n),
            }
            latest.extend(left.zip(right));
        }
        check(&[], |_| filled(&one).combine_latest(filled(&two)), &latest)?;
        let last = filling(&one).combine_latest(filling(&two)).into_iter().last();
        prop_assert_eq!(last, latest.last().copied());
        filled_all();
    }
}

#[test]
fn every_kind_of_receiver_has_the_operators() {
    let twice = |n: u8| 2 * n;
    let (mut sender, receiver) = spsc::bounded(2);
    let thread = thread::spawn(move || (1..=9).try_for_each(|n| sender.send(n)));
    assert_eq!(receiver.map(twice).into_iter().sum::<u8>(), 90);
    thread.join().unwrap().unwrap();
    let (sender, receiver) = mpsc::unbounded();
    let thread = thread::spawn(move || (1..=9).try_for_each(|n| sender.send(n)));
    assert_eq!(strand::block_on(await_all(receiver.map(twice).batch(4))).len(), 3);
    thread.join().unwrap().unwrap();
    let (sender, receiver) = channel::rendezvous();
    let thread = thread::spawn(move || (1..=9).try_for_each(|n| sender.send(n)));
    assert_eq!(receiver.map(twice).into_iter().sum::<u8>(), 90);
    thread.join().unwrap().unwrap();
    let (sender, receiver) = BroadcastChannel::with_overflow(2, Overflow::Block);
    let other = receiver.clone();
    let thread = thread::spawn(move || (1..=9).for_each(|n| assert_eq!(sender.send(n), Ok(2))));
    let pairs = receiver.map(twice).zip(other).into_iter();
    assert!(pairs.map(|(twice, once)| assert_eq!(twice, 2 * once)).count() == 9);
    thread.join().unwrap();
    let (sender, receiver) = channel::broadcast::channel(2);
    (1..=9).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
    drop(sender);
    assert_eq!(receiver.map(twice).into_iter().collect::<Vec<_>>(), [16, 18]);
}

// Waiting.

#[test]
fn what_was_gathered_before_a_wait_is_dropped_or_too_long_is_kept() {
    let (sender, receiver) = channel::unbounded();
    let mut batches = receiver.batch(3);
    let woken = Arc::<Woken>::default();
    for n in 1..=2 {
        sender.send(n).unwrap();
        assert!(woken.poll(pin!(batches.recv_async())).is_pending());
        let timed = batches.recv_timeout(Duration::from_millis(1));
        assert_eq!(timed, Err(RecvTimeoutError::Timeout));
        assert_eq!(batches.try_recv(), Err(TryRecvError::Empty));
    }
    sender.send(3).unwrap();
    assert_eq!(batches.recv(), Ok(vec![1, 2, 3]));
    sender.send(4).unwrap();
    drop(sender);
    assert_eq!(batches.recv(), Ok(vec![4]));
    assert_eq!(batches.recv(), Err(RecvError));
}

/// It waited for both; what comes for the one that it did not need is another receiver's.
#[test]
fn between_two_receives_what_comes_goes_to_other_receivers() {
    let ((one, first), (two, second)) = (channel::unbounded(), channel::unbounded());
    let mut both = first.merge(second.clone());
    let woken = [(); 2].map(|()| Arc::<Woken>::default());
    {
        let mut waiting = pin!(both.recv_async());
        assert!(woken[0].poll(waiting.as_mut()).is_pending());
        let mut other = pin!(second.recv_async());
        assert!(woken[1].poll(other.as_mut()).is_pending());
        two.send(2).unwrap();
        one.send(1).unwrap();
        assert_eq!(woken[0].poll(waiting.as_mut()), Poll::Ready(Ok(1)));
    }
    assert_eq!(woken[1].times(), 1);
    // Nor does a wait that is given up keep anything.
    let mut other = pin!(second.recv_async());
    assert_eq!(woken[1].poll(other.as_mut()), Poll::Ready(Ok(2)));
    let mut waiting = Box::pin(both.recv_async());
    assert!(woken[0].poll(waiting.as_mut()).is_pending());
    let mut other = pin!(second.recv_async());
    assert!(woken[1].poll(other.as_mut()).is_pending());
    two.send(3).unwrap();
    assert_eq!(woken[1].times(), 1);
    drop(waiting);
    assert_eq!(woken[1].times(), 2);
    assert_eq!(woken[1].poll(other.as_mut()), Poll::Ready(Ok(3)));
}

#[test]
fn a_filter_that_keeps_nothing_looks_at_the_time() {
    let (sender, receiver) = channel::bounded(64);
    let ended = Arc::new(AtomicUsize::new(0));
    let thread = thread::spawn({
        let ended = Arc::clone(&ended);
        move || {
            while ended.load(Ordering::SeqCst) == 0 && sender.send(0).is_ok() {}
        }
    });
    let mut nothing = receiver.filter(|n| *n > 0);
    let timed = nothing.recv_timeout(Duration::from_millis(2));
    assert_eq!(timed, Err(RecvTimeoutError::Timeout));
    ended.store(1, Ordering::SeqCst);
    drop(nothing);
    thread.join().unwrap();
}

#[test]
fn operators_cross_threads_if_their_messages_may() {
    fn crosses<T: Send>(_: &T) {}
    let operators = filled(&[]).filter(|n| *n > 0).batch(2).debounce(Duration::ZERO);
    crosses(&operators);
    crosses(&filled(&[]).merge(filled(&[])).zip(filled(&[])).throttle(Duration::ZERO));
}

// Time, which passes only when it is told to.

#[derive(Debug, Default)]
struct VirtualTime {
    passed: Mutex<Duration>,
    timers: Mutex<BTreeMap<u64, (Instant, Waker)>>,
    next: AtomicUsize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

impl Clock for VirtualTime {
    fn now(&self) -> Instant {
        epoch() + *locked(&self.passed)
    }

    fn insert(&self, deadline: Instant, waker: Waker) -> TimerKey {
        let key = self.next.fetch_add(1, Ordering::Relaxed) as u64;
        locked(&self.timers).insert(key, (deadline, waker));
        TimerKey(key)
    }

    fn remove(&self, key: TimerKey) {
        locked(&self.timers).remove(&key.0);
    }
}

struct OnVirtualTime(Arc<dyn Clock>);

impl Hooks for OnVirtualTime {
    fn blocking_begin(&self) {}
    fn blocking_end(&self) {}
    fn clock(&self) -> &Arc<dyn Clock> {
        &self.0
    }
}

impl VirtualTime {
    /// Lets `time` pass, and wakes whose time it is.
    fn pass(&self, time: Duration) {
        *locked(&self.passed) += time;
        let now = self.now();
        let mut timers = locked(&self.timers);
        let later = timers.iter().filter(|(_, timer)| timer.0 > now);
        let later = later.map(|(key, timer)| (*key, timer.clone())).collect();
        let due = std::mem::replace(&mut *timers, later);
        drop(timers);
        due.into_values().filter(|timer| timer.0 <= now).for_each(|(_, waker)| waker.wake());
    }
}

fn on_virtual_time(test: impl FnOnce(&VirtualTime)) {
    let time = Arc::<VirtualTime>::default();
    let clock: Arc<dyn Clock> = Arc::clone(&time) as _;
    strand::with_hooks(&OnVirtualTime(clock), || test(&time));
    assert!(locked(&time.timers).is_empty(), "a timer was left behind");
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn the_last_message_of_a_burst_comes_when_it_has_been_quiet() {
    on_virtual_time(|time| {
        let (sender, receiver) = channel::unbounded();
        let mut typed = receiver.debounce(10 * MS);
        let woken = Arc::<Woken>::default();
        {
            let mut waiting = pin!(typed.recv_async());
            assert!(woken.poll(waiting.as_mut()).is_pending());
            for n in 1..=3 {
                sender.send(n).unwrap();
                assert!(woken.poll(waiting.as_mut()).is_pending());
                time.pass(9 * MS);
            }
            assert!(woken.poll(waiting.as_mut()).is_pending());
            let before = woken.times();
            time.pass(MS);
            assert_eq!(woken.times(), before + 1);
            assert_eq!(woken.poll(waiting.as_mut()), Poll::Ready(Ok(3)));
        }
        // It was quiet, and nobody looked: both come, one after the other.
        sender.send(4).unwrap();
        assert_eq!(typed.try_recv(), Err(TryRecvError::Empty));
        time.pass(20 * MS);
        sender.send(5).unwrap();
        assert_eq!(typed.try_recv(), Ok(4));
        assert_eq!(typed.try_recv(), Err(TryRecvError::Empty));
        drop(sender);
        // The end does not wait.
        assert_eq!(typed.recv(), Ok(5));
        assert_eq!(typed.recv(), Err(RecvError));
    });
}

#[test]
fn one_message_passes_in_each_period() {
    on_virtual_time(|time| {
        let (sender, receiver) = channel::unbounded();
        let mut some = receiver.throttle(10 * MS);
        let mut passed = Vec::new();
        for n in 0..40 {
            sender.send(n).unwrap();
            passed.extend(some.try_iter());
            time.pass(3 * MS);
        }
        // At 0, 12, 24 ms and so on: each first one after 10 ms.
        assert_eq!(passed, (0..40).step_by(4).collect::<Vec<_>>());
        drop(sender);
        assert_eq!(some.recv(), Err(RecvError));
    });
}

#[test]
fn no_duration_is_too_short_or_too_long() {
    on_virtual_time(|_| {
        let all = |d| filled(&[1, 2, 3]).throttle(d).into_iter().collect::<Vec<_>>();
        assert_eq!((all(Duration::ZERO), all(Duration::MAX)), (vec![1, 2, 3], vec![1]));
        let last = |d| filled(&[1, 2, 3]).debounce(d).into_iter().last();
        assert_eq!((last(Duration::ZERO), last(Duration::MAX)), (Some(3), Some(3)));
    });
}
