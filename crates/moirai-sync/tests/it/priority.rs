//! Channels with levels: what goes first, the bound, the close, and every way to send and receive.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::channel::{
    self, Level, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError,
    priority,
};
use moirai_sync::{Priority, select, strand};

#[test]
fn levels_go_from_the_highest_to_the_lowest_and_each_in_order() {
    const MESSAGES: usize = if cfg!(miri) { 150 } else { 1000 };
    for levels in [1, 2, 3, 4, 17, 64] {
        let (sender, receiver) = priority::unbounded(levels);
        for i in 0..MESSAGES {
            let level = i * 7919 % levels;
            sender.send_priority((level, i), level as u8).unwrap();
        }
        let received: Vec<_> = receiver.try_iter().collect();
        let mut expected = received.clone();
        expected.sort_by_key(|&(level, i)| (std::cmp::Reverse(level), i));
        assert_eq!(received.len(), MESSAGES);
        assert!(received == expected, "{levels} levels");
    }
}

#[test]
fn a_message_without_a_level_is_normal() {
    let (sender, receiver) = priority::unbounded(4);
    sender.send(1).unwrap();
    sender.send_batch(&mut vec![2, 3]).unwrap();
    sender.reserve().unwrap().send(4);
    select! { send(sender, 5) -> sent => sent.unwrap() };
    sender.send_priority(6, Priority::High).unwrap();
    sender.send_priority(0, Priority::Low).unwrap();
    assert_eq!(receiver.recv_priority(), Ok((6, Priority::High)));
    for message in 1..=5 {
        assert_eq!(receiver.recv_priority(), Ok((message, Priority::Normal)));
    }
    assert_eq!(receiver.recv_priority(), Ok((0, Priority::Low)));
}

#[test]
fn a_level_that_is_not_there_counts_as_the_highest() {
    for levels in [0, 1, 2, 64, 65, usize::MAX] {
        let (sender, receiver) = priority::unbounded(levels);
        sender.send_priority(1, Priority::Low).unwrap();
        sender.send_priority(2, 63).unwrap();
        sender.send_priority(3, u8::MAX).unwrap();
        let expected = if levels < 2 { [1, 2, 3] } else { [2, 3, 1] };
        assert!(receiver.try_iter().eq(expected), "{levels} levels");
    }
    assert_eq!(Level::from(64), Level::from(63));
    assert_eq!(Priority::from(Level::from(63)), Priority::Critical);
}

#[test]
fn every_way_to_send_and_receive_knows_the_level() {
    let (sender, receiver) = priority::bounded(4, 8);
    let later = Duration::from_secs(60);
    sender.send_priority(0, Priority::Low).unwrap();
    sender.try_send_priority(3, Priority::Critical).unwrap();
    sender.send_priority_timeout(2, Priority::High, later).unwrap();
    strand::block_on(sender.send_priority_async(1, Priority::Normal)).unwrap();
    assert_eq!(receiver.recv_priority(), Ok((3, Priority::Critical)));
    assert_eq!(receiver.try_recv_priority(), Ok((2, Priority::High)));
    assert_eq!(receiver.recv_priority_timeout(later), Ok((1, Priority::Normal)));
    assert_eq!(strand::block_on(receiver.recv_priority_async()), Ok((0, Priority::Low)));
    assert_eq!(receiver.try_recv_priority(), Err(TryRecvError::Empty));
    let soon = Duration::from_millis(1);
    assert_eq!(receiver.recv_priority_timeout(soon), Err(RecvTimeoutError::Timeout));
    drop(sender);
    assert_eq!(receiver.try_recv_priority(), Err(TryRecvError::Disconnected));
    assert!(receiver.recv_priority().is_err());
    assert!(strand::block_on(receiver.recv_priority_async()).is_err());
}

#[test]
fn the_level_of_a_message_can_be_read_back_in_every_way() {
    let (sender, receiver) = priority::unbounded(64);
    (0..64_u8).for_each(|number| sender.send_priority(number, number).unwrap());
    let later = Duration::from_secs(60);
    for number in (0..64).rev() {
        let (message, level) = match number % 5 {
            0 => receiver.recv_level().unwrap(),
            1 => receiver.try_recv_level().unwrap(),
            2 => receiver.recv_level_timeout(later).unwrap(),
            3 => receiver.recv_level_deadline(Instant::now() + later).unwrap(),
            _ => strand::block_on(receiver.recv_level_async()).unwrap(),
        };
        assert_eq!((message, u8::from(level)), (number, number));
    }
    assert_eq!(receiver.try_recv_level(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_level_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    assert_eq!(receiver.recv_level_deadline(Instant::now()), Err(RecvTimeoutError::Timeout));
    drop(sender);
    assert_eq!(receiver.try_recv_level(), Err(TryRecvError::Disconnected));
    assert!(receiver.recv_level().is_err());
    assert!(strand::block_on(receiver.recv_level_async()).is_err());

    // The level that the message has, of those that there are.
    let (sender, receiver) = priority::unbounded(3);
    sender.send_priority((), 63).unwrap();
    assert_eq!(receiver.recv_level(), Ok(((), Level::from(2))));
}

#[test]
fn every_other_way_works_as_on_any_channel() {
    let (sender, receiver) = priority::unbounded(3);
    let weak = sender.downgrade();
    weak.upgrade().unwrap().send_priority(1, Priority::Low).unwrap();
    sender.send_priority(2, Priority::High).unwrap();
    assert_eq!((receiver.len(), receiver.capacity(), receiver.is_full()), (2, None, false));
    select! {
        recv(receiver) -> message => assert_eq!(message, Ok(2)),
        default => panic!("there is a message"),
    }
    assert_eq!(strand::block_on(receiver.recv_async()), Ok(1));
    sender.send_batch(&mut vec![3, 4]).unwrap();
    sender.send_priority(5, Priority::High).unwrap();
    let mut batch = Vec::new();
    assert_eq!(receiver.recv_batch(&mut batch, 2), Ok(2));
    assert_eq!(receiver.try_recv_batch(&mut batch, 64), Ok(1));
    assert_eq!(batch, [5, 3, 4]);
    assert_eq!(receiver.try_recv_batch(&mut batch, 64), Err(TryRecvError::Empty));
    drop(sender);
    assert!(weak.upgrade().is_none());
    assert_eq!(receiver.try_recv_batch(&mut batch, 64), Err(TryRecvError::Disconnected));
}

#[test]
fn a_bound_is_one_for_all_levels() {
    let (sender, receiver) = priority::bounded(4, 2);
    sender.send_priority(1, Priority::Low).unwrap();
    let permit = sender.reserve().unwrap();
    assert!(sender.is_full());
    assert_eq!(sender.try_send_priority(2, Priority::Critical), Err(TrySendError::Full(2)));
    assert_eq!(sender.try_send_batch(&mut vec![2]), Err(TrySendError::Full(())));
    let soon = Duration::from_millis(1);
    let sent = sender.send_priority_timeout(2, Priority::High, soon);
    assert_eq!(sent, Err(SendTimeoutError::Timeout(2)));
    drop(permit);
    let mut batch = vec![2, 3];
    assert_eq!(sender.try_send_batch(&mut batch), Ok(1));
    assert_eq!(batch, [3]);
    let waiting = thread::spawn({
        let sender = sender.clone();
        move || sender.send_priority(4, Priority::Critical)
    });
    assert_eq!(receiver.recv(), Ok(2));
    waiting.join().unwrap().unwrap();
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(4), Ok(1)));
    assert_eq!((receiver.len(), receiver.capacity()), (0, Some(2)));
}

#[test]
fn a_closed_channel_gives_back_what_is_sent_and_keeps_what_was() {
    let (sender, receiver) = priority::bounded(4, 4);
    sender.send_priority(1, Priority::Low).unwrap();
    let permit = sender.reserve().unwrap();
    assert!(receiver.close());
    assert!(!sender.close());
    for level in 0..4_u8 {
        assert_eq!(sender.send_priority(2, level).unwrap_err().into_inner(), 2);
        assert_eq!(sender.try_send_priority(2, level), Err(TrySendError::Disconnected(2)));
    }
    assert!(strand::block_on(sender.send_priority_async(2, Priority::High)).is_err());
    assert!(sender.reserve().is_err());
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty)); // the permit may still send
    permit.send(3);
    assert_eq!(receiver.recv_priority(), Ok((3, Priority::Normal)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_channel_without_levels_has_one() {
    let channels = [channel::bounded(1), channel::unbounded(), channel::rendezvous()];
    for (sender, receiver) in channels {
        let thread = thread::spawn(move || sender.send_priority(7, Priority::Critical));
        assert_eq!(receiver.recv_level(), Ok((7, Level::from(Priority::Normal))));
        thread.join().unwrap().unwrap();
        assert!(strand::block_on(receiver.recv_priority_async()).is_err());
    }
    let tick = channel::after(Duration::from_millis(1));
    assert_eq!(tick.recv_priority().map(|(_, priority)| priority), Ok(Priority::Normal));
    let never = channel::never::<u8>();
    assert_eq!(never.try_recv_priority(), Err(TryRecvError::Empty));
}

/// Random operations, against queues of which it is plain what goes first.
#[test]
fn it_is_what_a_queue_for_each_level_would_be() {
    let seed = seed();
    println!("seed {seed}");
    let mut random = Random(seed);
    for _ in 0..if cfg!(miri) { 2 } else { 100 } {
        let levels = 1 + random.below(64);
        let capacity = 1 + random.below(20);
        let (sender, receiver) = priority::bounded(levels, capacity);
        let mut model = vec![VecDeque::new(); levels];
        let normal = 1.min(levels - 1);
        for i in 0..200 {
            let queued: usize = model.iter().map(VecDeque::len).sum();
            assert_eq!((sender.len(), sender.is_full()), (queued, queued == capacity));
            match random.below(8) {
                0 => {
                    let mut batch: Vec<_> = (0..random.below(5)).map(|n| i * 100 + n).collect();
                    let room = capacity - queued;
                    model[normal].extend(batch.iter().take(room));
                    let _ = sender.try_send_batch(&mut batch);
                }
                1 => {
                    let (mut batch, max) = (Vec::new(), random.below(5));
                    let n = receiver.try_recv_batch(&mut batch, max).unwrap_or(0);
                    assert_eq!(n, batch.len());
                    for message in batch {
                        let highest = model.iter_mut().rfind(|level| !level.is_empty()).unwrap();
                        assert_eq!(highest.pop_front(), Some(message));
                    }
                    assert_eq!(n, max.min(queued));
                }
                2..=4 => {
                    let highest = model.iter_mut().rfind(|level| !level.is_empty());
                    assert_eq!(receiver.try_recv().ok(), highest.and_then(VecDeque::pop_front));
                }
                _ => {
                    let level = random.below(levels);
                    match sender.try_send_priority(i * 100, level as u8) {
                        Ok(()) => model[level].push_back(i * 100),
                        Err(_) => assert_eq!(queued, capacity),
                    }
                }
            }
        }
    }
}

/// Senders and receivers of every kind, some of which give up: what was sent is what was received and
/// what is queued.
#[test]
fn stress_nothing_is_lost_or_doubled_whoever_gives_up() {
    let seed = seed();
    println!("seed {seed}");
    let (start, mut sent, mut rounds) = (Instant::now(), 0, 0);
    while start.elapsed() < Duration::from_millis(200) {
        rounds += 1;
        let (sender, receiver) = match rounds % 2 {
            0 => priority::unbounded(5),
            _ => priority::bounded(5, 3),
        };
        let senders: Vec<_> = (1..=3)
            .map(|n| {
                let (sender, random) = (sender.clone(), Random(seed + rounds * n));
                thread::spawn(move || send_some(&sender, random, n * 1_000_000))
            })
            .collect();
        let receivers: Vec<_> = (4..=5)
            .map(|n| {
                let (receiver, random) = (receiver.clone(), Random(seed + rounds * n));
                thread::spawn(move || receive_all(&receiver, random))
            })
            .collect();
        drop((sender, receiver));
        let mut all_sent: Vec<u64> = join_all(senders);
        let mut all_received = join_all(receivers);
        all_sent.sort_unstable();
        all_received.sort_unstable();
        assert!(all_sent == all_received, "round {rounds}");
        sent += all_sent.len();
    }
    println!("{rounds} rounds, {sent} messages");
}

fn send_some(sender: &Sender<u64>, mut random: Random, first: u64) -> Vec<u64> {
    let mut sent = Vec::new();
    for message in first..first + 100 {
        let level = random.below(5) as u8;
        let ok = match random.below(5) {
            0 => sender.send_priority(message, level).is_ok(),
            1 => sender.try_send_priority(message, level).is_ok(),
            2 => {
                let limit = Duration::from_micros(20);
                sender.send_priority_timeout(message, level, limit).is_ok()
            }
            3 => cancelled(sender.send_priority_async(message, level)).is_some(),
            _ => match cancelled(sender.reserve_async()) {
                Some(Ok(permit)) => {
                    permit.send(message);
                    true
                }
                _ => false,
            },
        };
        if ok {
            sent.push(message);
        }
    }
    sent
}

fn receive_all(receiver: &Receiver<u64>, mut random: Random) -> Vec<u64> {
    let mut received = Vec::new();
    loop {
        match random.below(5) {
            0 => match receiver.recv() {
                Ok(message) => received.push(message),
                Err(_) => return received,
            },
            1 => received.extend(receiver.try_recv()),
            2 => received.extend(receiver.recv_timeout(Duration::from_micros(20))),
            3 => {
                let _ = receiver.try_recv_batch(&mut received, 3);
            }
            _ => received.extend(
                cancelled(receiver.recv_priority_async())
                    .and_then(Result::ok)
                    .map(|(message, _)| message),
            ),
        }
    }
}

/// Polls `future` once and drops it.
fn cancelled<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn join_all(threads: Vec<thread::JoinHandle<Vec<u64>>>) -> Vec<u64> {
    threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
}

#[test]
fn messages_without_a_size_are_counted() {
    let (sender, receiver) = priority::bounded(3, 100);
    for i in 0..100_u8 {
        sender.send_priority((), i % 3).unwrap();
    }
    assert!(sender.try_send(()).is_err());
    let mut counts = [0; 3];
    while let Ok(((), level)) = receiver.try_recv_priority() {
        counts[level as usize] += 1;
    }
    assert_eq!(counts, [34, 33, 33]);
}

#[test]
fn what_is_queued_is_dropped_with_the_last_receiver_though_a_drop_panics() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Fragile(bool);
    impl Drop for Fragile {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
            assert!(!self.0, "planned");
        }
    }

    let (sender, receiver) = priority::unbounded(2);
    sender.send_priority(Fragile(false), Priority::Low).unwrap();
    sender.send_priority(Fragile(false), Priority::Normal).unwrap();
    sender.send_priority(Fragile(true), Priority::Normal).unwrap();
    let dropping = thread::spawn(move || drop(receiver));
    assert!(dropping.join().is_err());
    assert_eq!(DROPPED.load(Ordering::Relaxed), 2); // the one behind it is leaked
    assert!(sender.is_closed() && sender.is_empty());
    assert!(sender.send_priority(Fragile(false), Priority::Low).is_err());
    let value = Arc::new(());
    let (sender, receiver) = priority::unbounded(2);
    sender.send_priority(Arc::clone(&value), Priority::Low).unwrap();
    drop(sender);
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);
}

struct Random(u64);

impl Random {
    /// A number below `n`; Marsaglia's xorshift64.
    fn below(&mut self, n: usize) -> usize {
        self.0 |= 1;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

fn seed() -> u64 {
    RandomState::new().hash_one(0) >> 1
}
