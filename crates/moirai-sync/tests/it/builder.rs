//! What a builder builds: every combination, and what each strategy does where a channel is full.

#![allow(clippy::unwrap_used, reason = "what helps a test fails as one")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::channel::BackpressureStrategy::{
    self, Block, DropNewest, DropOldest, Error, Timeout,
};
use moirai_sync::channel::{
    ChannelBuilder, ConfigError, Receiver, SendTimeoutError, Sender, TryRecvError, TrySendError,
};
use moirai_sync::{Priority, select, strand};

fn built<T>(capacity: usize, strategy: BackpressureStrategy) -> (Sender<T>, Receiver<T>) {
    ChannelBuilder::new().bounded(capacity).backpressure(strategy).enable_metrics().build().unwrap()
}

/// Every choice with every other: the channel does what was chosen, or the error says what does not go.
#[test]
fn every_combination_builds_what_was_chosen_or_says_why_not() {
    let (mut all, mut channels, mut errors) = (0, 0, 0);
    for capacity in [None, Some(0), Some(1), Some(3)] {
        for levels in [None, Some(0), Some(1), Some(4), Some(64), Some(65)] {
            for homes in [None, Some(0), Some(1), Some(2), Some(1025)] {
                for strategy in [Block, DropNewest, DropOldest, Error, Timeout(SOON)] {
                    for metrics in METERINGS {
                        all += 1;
                        if !usize::is_multiple_of(all, STEP) {
                            continue;
                        }
                        let expected = expected_error(capacity, levels, homes, strategy);
                        let name = if channels % 2 == 0 { None } else { Some("jobs") };
                        match (expected, build(capacity, levels, homes, strategy, metrics, name)) {
                            (Some(expected), built) => {
                                assert_eq!(built.unwrap_err(), expected);
                                errors += 1;
                            }
                            (None, built) => {
                                let (sender, receiver) = built.unwrap();
                                assert_eq!((sender.name(), receiver.name()), (name, name));
                                assert_eq!(sender.capacity(), capacity);
                                assert_eq!(receiver.metrics().is_some(), metrics > 0);
                                check_levels(&sender, &receiver, levels);
                                check_strategy(&sender, &receiver, strategy);
                                channels += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(channels > 0 && channels + errors == all / STEP);
    assert!(STEP > 1 || channels == 153 * METERINGS.count());
}

fn build(
    capacity: Option<usize>,
    levels: Option<usize>,
    homes: Option<usize>,
    strategy: BackpressureStrategy,
    metrics: usize,
    name: Option<&str>,
) -> Result<(Sender<u32>, Receiver<u32>), ConfigError> {
    let mut builder = ChannelBuilder::new().backpressure(strategy);
    builder = match capacity {
        Some(capacity) => builder.bounded(capacity),
        None => builder.bounded(7).unbounded(),
    };
    builder = match metrics {
        0 => builder,
        1 => builder.enable_metrics(),
        _ => builder.enable_latency_tracking().enable_metrics(),
    };
    builder = levels.into_iter().fold(builder, ChannelBuilder::with_priorities);
    builder = homes.into_iter().fold(builder, ChannelBuilder::worker_affinity);
    name.into_iter().fold(builder, ChannelBuilder::name).build()
}

fn expected_error(
    capacity: Option<usize>,
    levels: Option<usize>,
    homes: Option<usize>,
    strategy: BackpressureStrategy,
) -> Option<ConfigError> {
    let drops = matches!(strategy, DropNewest | DropOldest);
    let option = "with_priorities";
    match (capacity, levels) {
        (_, Some(value @ (0 | 65..))) => {
            Some(ConfigError::OutOfRange { option, value, min: 1, max: 64 })
        }
        _ if homes.is_some_and(|homes| homes == 0 || homes > 1024) => {
            let (option, value) = ("worker_affinity", homes.unwrap());
            Some(ConfigError::OutOfRange { option, value, min: 1, max: 1024 })
        }
        (Some(0), Some(_)) => Some(ConfigError::NoPlace { option }),
        (Some(0), None) if drops => Some(ConfigError::NoPlace { option: "backpressure" }),
        (None, _) if drops || matches!(strategy, Timeout(_)) => {
            Some(ConfigError::NeverFull { strategy })
        }
        _ => None,
    }
}

/// Two messages, the second of which is more urgent where there are levels.
fn check_levels(sender: &Sender<u32>, receiver: &Receiver<u32>, levels: Option<usize>) {
    if sender.capacity().is_some_and(|capacity| capacity < 2) {
        return;
    }
    sender.send_priority(1, 0).unwrap();
    sender.send_priority(2, 63).unwrap();
    let first = if levels.is_some_and(|levels| levels > 1) { 2 } else { 1 };
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(first), Ok(3 - first)));
}

/// Fills the channel and sends one more, in every way.
fn check_strategy(sender: &Sender<u32>, receiver: &Receiver<u32>, strategy: BackpressureStrategy) {
    let Some(capacity) = sender.capacity() else {
        (0..100).for_each(|i| sender.send(i).unwrap());
        return assert_eq!(receiver.try_iter().count(), 100);
    };
    (0..capacity as u32).for_each(|i| sender.send(i).unwrap());
    let all: Vec<_> = (0..capacity as u32).collect();
    match strategy {
        DropNewest | DropOldest => {
            sender.send(10).unwrap();
            sender.try_send(11).unwrap();
            sender.send_timeout(12, LATER).unwrap();
            strand::block_on(sender.send_async(13)).unwrap();
            sender.try_send_priority(14, Priority::Normal).unwrap();
            sender.send_batch(&mut vec![15, 16]).unwrap();
            let sent = [all, (10..=16).collect()].concat();
            let left = match strategy {
                DropNewest => &sent[..capacity],
                _ => &sent[sent.len() - capacity..],
            };
            if let Some(metrics) = sender.metrics() {
                assert_eq!(metrics.messages_dropped, 7);
                assert_eq!(metrics.current_queue_size, capacity);
            }
            assert_eq!(receiver.try_iter().collect::<Vec<_>>(), left);
        }
        _ => {
            assert_eq!(sender.try_send(10), Err(TrySendError::Full(10)));
            let sent = sender.send_timeout(11, SOON);
            assert_eq!(sent, Err(SendTimeoutError::Timeout(11)));
            if strategy != Block {
                let start = Instant::now();
                assert_eq!(sender.send(12).unwrap_err().into_inner(), 12);
                let sent = strand::block_on(sender.send_async(13));
                assert_eq!(sent.unwrap_err().into_inner(), 13);
                assert!(sender.send_priority(14, Priority::High).is_err());
                let mut batch = vec![15, 16];
                assert!(sender.send_batch(&mut batch).is_err());
                assert!(strand::block_on(sender.send_batch_async(&mut batch)).is_err());
                assert_eq!(batch, [15, 16]);
                assert!(!sender.is_closed());
                assert!(strategy != Timeout(SOON) || start.elapsed() >= 5 * SOON);
            }
            if capacity > 0 {
                // Whoever may wait waits: for the place that is made meanwhile.
                let waiting = thread::spawn({
                    let sender = sender.clone();
                    move || sender.send_timeout(17, LATER)
                });
                assert_eq!(receiver.recv(), Ok(0));
                waiting.join().unwrap().unwrap();
                // That of another thread may come first, where each has a queue of its own.
                let mut received: Vec<_> = receiver.try_iter().collect();
                received.sort_unstable();
                assert!(received.into_iter().eq(all[1..].iter().copied().chain([17])));
            }
        }
    }
}

#[test]
fn a_full_channel_that_blocks_waits() {
    let (sender, receiver) = built(1, Block);
    sender.send(1).unwrap();
    let waiting = thread::spawn(move || sender.send(2));
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
    waiting.join().unwrap().unwrap();
}

#[test]
fn a_rendezvous_with_a_limit_meets_who_comes_in_time() {
    for strategy in [Timeout(LATER), Block] {
        let (sender, receiver) = built(0, strategy);
        let waiting = thread::spawn(move || (sender.send(1), sender.send(2)));
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        assert_eq!(waiting.join().unwrap(), (Ok(()), Ok(())));
        assert_eq!(receiver.metrics().unwrap().messages_received, 2);
    }
}

#[test]
fn a_place_that_is_kept_is_waited_for_whatever_the_strategy_is() {
    for strategy in [DropNewest, DropOldest, Error] {
        let (sender, receiver) = built(1, strategy);
        let permit = sender.reserve().unwrap();
        // There is nothing old to drop.
        let sent = sender.try_send(1);
        match strategy {
            DropNewest => assert_eq!(sent, Ok(())),
            _ => assert_eq!(sent, Err(TrySendError::Full(1))),
        }
        permit.send(2);
        assert!(sender.reserve_timeout(SOON).is_err());
        select! {
            send(sender, 3) -> _ => panic!("there is no place"),
            default => {}
        }
        assert_eq!(receiver.recv(), Ok(2));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn with_levels_the_least_urgent_is_dropped() {
    let builder = ChannelBuilder::new().bounded(2).with_priorities(4).backpressure(DropOldest);
    let (sender, receiver) = builder.enable_metrics().build().unwrap();
    let send = |message, level| sender.send_priority(message, level).unwrap();
    send(1, Priority::High);
    send(2, Priority::Low);
    send(3, Priority::Normal); // instead of 2
    send(4, Priority::Low); // is itself the least
    send(5, Priority::Normal); // instead of 3
    send(6, Priority::Critical); // instead of 5
    send(7, Priority::High); // instead of 1, which is older
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [6, 7]);
    assert_eq!(sender.metrics().unwrap().messages_dropped, 5);
}

#[test]
fn a_closed_channel_gives_messages_back_whatever_the_strategy_is() {
    for strategy in [DropNewest, DropOldest, Error, Timeout(LATER)] {
        let (sender, receiver) = built(1, strategy);
        sender.send(1).unwrap();
        receiver.close();
        assert_eq!(sender.try_send(2), Err(TrySendError::Disconnected(2)));
        assert_eq!(sender.send(3).unwrap_err().into_inner(), 3);
        assert_eq!(strand::block_on(sender.send_async(4)).unwrap_err().into_inner(), 4);
        let mut batch = vec![5];
        assert!(sender.send_batch(&mut batch).is_err());
        assert_eq!((receiver.recv(), batch.len()), (Ok(1), 1));
    }
}

/// The message that is dropped panics: the other one was sent, and whoever waits for it is told.
#[test]
fn a_drop_that_panics_leaves_the_channel_as_it_should_be() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Fragile(u8);
    impl Drop for Fragile {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
            assert!(self.0 != 1, "planned");
        }
    }

    let (sender, receiver) = built(1, DropOldest);
    sender.send(Fragile(1)).unwrap();
    let sending = thread::spawn({
        let sender = sender.clone();
        move || sender.send(Fragile(2))
    });
    assert!(sending.join().is_err());
    assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
    assert_eq!(receiver.recv().unwrap().0, 2);
    let (sender, receiver) = built(1, DropNewest);
    sender.send(Fragile(3)).unwrap();
    let sending = thread::spawn({
        let sender = sender.clone();
        move || sender.send(Fragile(1))
    });
    assert!(sending.join().is_err());
    assert_eq!(receiver.recv().unwrap().0, 3);
    assert_eq!(sender.metrics().unwrap().messages_dropped, 1);
}

/// Senders that never wait, receivers that cannot keep up: each message is received or dropped, once.
#[test]
fn stress_what_was_sent_was_received_or_dropped() {
    for (strategy, levels) in [(DropNewest, 1), (DropOldest, 1), (DropOldest, 3)] {
        let builder = ChannelBuilder::new().bounded(3).backpressure(strategy).enable_metrics();
        let (sender, receiver) = builder.with_priorities(levels).build().unwrap();
        let alive = Arc::new(());
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < Duration::from_millis(60) {
            let senders: Vec<_> = (0..2)
                .map(|n| {
                    let (sender, alive) = (sender.clone(), Arc::clone(&alive));
                    thread::spawn(move || {
                        for i in 0..200_u8 {
                            sender.send_priority((n, i, Arc::clone(&alive)), i % 3).unwrap();
                        }
                    })
                })
                .collect();
            let receivers: Vec<_> = (0..2)
                .map(|_| {
                    let receiver = receiver.clone();
                    thread::spawn(move || receiver.try_iter().count())
                })
                .collect();
            sent += 400;
            senders.into_iter().for_each(|thread| thread.join().unwrap());
            receivers.into_iter().for_each(|thread| {
                thread.join().unwrap();
            });
        }
        let metrics = sender.metrics().unwrap();
        let refused = sent - metrics.messages_sent;
        let evicted = metrics.messages_dropped - refused;
        let queued = metrics.current_queue_size as u64;
        assert_eq!(metrics.messages_sent, metrics.messages_received + evicted + queued);
        assert_eq!(Arc::strong_count(&alive) as u64, 1 + queued);
        assert!(strategy != DropNewest || evicted == 0);
        println!("{sent} sent with {strategy:?}, {} dropped", metrics.messages_dropped);
    }
}

#[test]
fn errors_say_what_does_not_go() {
    let levels = ChannelBuilder::<u8>::new().with_priorities(65).build().unwrap_err();
    assert_eq!(levels.to_string(), "`with_priorities` is 65, expected 1..=64");
    let never = ChannelBuilder::<u8>::new().backpressure(DropOldest).build().unwrap_err();
    assert!(never.to_string().starts_with("`DropOldest` is for a channel that can be full"));
    let empty = ChannelBuilder::<u8>::new().bounded(0).with_priorities(2).build().unwrap_err();
    assert!(empty.to_string().contains("the capacity is 0"));
}

/// Of so many combinations one is built: prime to the number of choices, so that each choice occurs.
const STEP: usize = if cfg!(miri) { 29 } else { 1 };
/// Off, on, and on with waits.
const METERINGS: std::ops::Range<usize> = 0..3;
const SOON: Duration = Duration::from_micros(200);
const LATER: Duration = Duration::from_secs(60);
