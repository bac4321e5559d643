//! One sending end for several channels.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use moirai_sync::channel::{
    self, DistributionStrategy, FanoutChannel, Receiver, SendTimeoutError, Sender, TrySendError,
};
use moirai_sync::strand;

use crate::woken::{Woken, poll};
use proptest::prelude::*;

const EACH: [DistributionStrategy<u64>; 4] = [
    DistributionStrategy::RoundRobin,
    DistributionStrategy::LeastLoaded,
    DistributionStrategy::Hash(|n| *n),
    DistributionStrategy::Random,
];

const MESSAGES: u64 = if cfg!(miri) { 200 } else { 100_000 };
const WORKERS: usize = 4;

fn channels(n: usize, capacity: Option<usize>) -> (Vec<Sender<u64>>, Vec<Receiver<u64>>) {
    (0..n).map(|_| capacity.map_or_else(channel::unbounded, channel::bounded)).unzip()
}

fn counts(receivers: &[Receiver<u64>]) -> Vec<u64> {
    receivers.iter().map(|receiver| receiver.try_iter().count() as u64).collect()
}

#[test]
fn in_turns_each_worker_gets_exactly_as_many_as_the_others() {
    let (senders, receivers) = channels(WORKERS, Some(8));
    let fanout = Arc::new(FanoutChannel::new(senders, DistributionStrategy::RoundRobin));
    let workers: Vec<_> = receivers
        .into_iter()
        .map(|receiver| thread::spawn(move || receiver.iter().count() as u64))
        .collect();
    let sending = [(); 2].map(|()| {
        let fanout = Arc::clone(&fanout);
        thread::spawn(move || (0..MESSAGES / 2).for_each(|n| fanout.send(n).unwrap()))
    });
    sending.into_iter().for_each(|thread| thread.join().unwrap());
    drop(fanout);
    for worker in workers {
        assert_eq!(worker.join().unwrap(), MESSAGES / WORKERS as u64);
    }
}

#[test]
fn messages_of_one_key_go_to_one_worker_in_their_order() {
    let (senders, receivers) = channels(WORKERS, None);
    let fanout = FanoutChannel::new(senders, DistributionStrategy::Hash(|n| n % 100));
    (0..MESSAGES).for_each(|n| fanout.send(n).unwrap());
    let mut worker_of = [None; 100];
    for (worker, receiver) in receivers.iter().enumerate() {
        let mut last = [None; 100];
        for n in receiver.try_iter() {
            let key = (n % 100) as usize;
            assert_eq!(*worker_of[key].get_or_insert(worker), worker);
            assert!(last[key].replace(n) < Some(n));
        }
    }
    assert!(worker_of.iter().all(Option::is_some));
}

/// Pearson's chi-squared test, 3 degrees of freedom: 25.9 is exceeded once in 100,000.
#[test]
fn at_random_each_worker_is_as_probable_as_the_others() {
    for seed in 0..(if cfg!(miri) { 1 } else { 20_u64 }) {
        let seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        println!("seed {seed}");
        let draw = || {
            let (senders, receivers) = channels(WORKERS, None);
            let fanout = FanoutChannel::with_seed(senders, DistributionStrategy::Random, seed);
            (0..MESSAGES).for_each(|n| fanout.send(n).unwrap());
            counts(&receivers)
        };
        let counts = draw();
        let expected = MESSAGES as f64 / WORKERS as f64;
        let squares = counts.iter().map(|n| (*n as f64 - expected).powi(2) / expected);
        assert!(squares.sum::<f64>() < 25.9, "{counts:?}");
        assert_eq!(counts, draw(), "the same seed draws the same");
    }
}

#[test]
fn a_slow_worker_gets_fewer_where_the_load_decides() {
    let (senders, receivers) = channels(WORKERS, Some(16));
    let fanout = FanoutChannel::new(senders, DistributionStrategy::LeastLoaded);
    let mut received = [0_u64; WORKERS];
    for n in 0..MESSAGES {
        fanout.try_send(n).unwrap();
        // The first one receives only once in a while.
        for (worker, receiver) in receivers.iter().enumerate() {
            if worker > 0 || n % 16 == 0 {
                received[worker] += u64::from(receiver.try_recv().is_ok());
            }
        }
    }
    println!("{received:?}");
    assert!(received[0] < MESSAGES / 8);
    // The others share the rest.
    assert!(received[1..].iter().all(|n| *n > MESSAGES / 5));
}

#[test]
fn where_the_load_decides_a_send_waits_for_room_anywhere() {
    let (senders, receivers) = channels(3, Some(1));
    let fanout = FanoutChannel::new(senders, DistributionStrategy::LeastLoaded);
    for receiver in &receivers {
        while fanout.try_send(0).is_ok() {}
        assert_eq!(fanout.try_send(7), Err(TrySendError::Full(7)));
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let mut sending = pin!(fanout.send_async(7));
        assert!(sending.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(receiver.recv(), Ok(0));
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert_eq!(poll(sending.as_mut()), Poll::Ready(Ok(())));
        assert_eq!(receiver.recv(), Ok(7));
    }
    while fanout.try_send(0).is_ok() {}
    thread::scope(|scope| {
        let sending = scope.spawn(|| fanout.send(8));
        assert_eq!(receivers[2].recv(), Ok(0));
        assert_eq!(sending.join().unwrap(), Ok(()));
    });
    assert_eq!(receivers[2].recv(), Ok(8));
}

#[test]
fn a_send_that_is_dropped_leaves_its_turn_in_every_channel_to_others() {
    let (senders, receivers) = channels(2, Some(1));
    let other = senders[1].clone();
    let fanout = FanoutChannel::new(senders, DistributionStrategy::LeastLoaded);
    while fanout.try_send(0).is_ok() {}
    let mut dropped = Box::pin(fanout.send_async(1));
    assert!(poll(dropped.as_mut()).is_pending());
    thread::scope(|scope| {
        let waiting = scope.spawn(move || other.send(2));
        assert_eq!(receivers[1].recv(), Ok(0));
        drop(dropped);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!((receivers[0].len(), receivers[1].recv()), (1, Ok(2)));
}

#[test]
fn the_share_of_a_worker_that_is_gone_goes_to_others() {
    for strategy in EACH {
        let (senders, mut receivers) = channels(WORKERS, None);
        let fanout = FanoutChannel::new(senders, strategy);
        drop(receivers.remove(1));
        (0..100).for_each(|n| fanout.send(n).unwrap());
        strand::block_on(async {
            for n in 100..200 {
                fanout.send_async(n).await.unwrap();
            }
        });
        (200..300).for_each(|n| fanout.try_send(n).unwrap());
        let counts = counts(&receivers);
        assert_eq!(counts.iter().sum::<u64>(), 300);
        assert!(counts.iter().all(|n| *n > 20), "{strategy:?}: {counts:?}");
        assert!(!fanout.is_closed() && fanout.is_empty());
    }
}

#[test]
fn without_workers_the_message_comes_back() {
    for strategy in EACH {
        for workers in [0, 2] {
            let (senders, receivers) = channels(workers, Some(1));
            let fanout = FanoutChannel::new(senders, strategy);
            drop(receivers);
            assert!(fanout.is_closed());
            assert_eq!(fanout.send(7).unwrap_err().into_inner(), 7);
            assert_eq!(fanout.try_send(7), Err(TrySendError::Disconnected(7)));
            let timed = fanout.send_timeout(7, Duration::ZERO);
            assert_eq!(timed, Err(SendTimeoutError::Disconnected(7)));
            let sent = strand::block_on(fanout.send_async(7));
            assert_eq!(sent.unwrap_err().into_inner(), 7);
        }
    }
}

#[test]
fn a_send_that_waits_goes_to_another_worker_if_its_own_goes() {
    for strategy in EACH {
        let (senders, receivers) = channels(2, Some(1));
        let fanout = FanoutChannel::new(senders, strategy);
        let senders = fanout.senders();
        senders.iter().for_each(|sender| sender.send(0).unwrap());
        let mut sending = pin!(fanout.send_async(8));
        assert!(poll(sending.as_mut()).is_pending());
        // Whichever it waits for.
        let mut receivers = receivers.into_iter();
        drop(receivers.next());
        let left = receivers.next().unwrap();
        assert!(poll(sending.as_mut()).is_pending());
        assert_eq!(left.recv(), Ok(0));
        assert_eq!(poll(sending.as_mut()), Poll::Ready(Ok(())), "{strategy:?}");
        assert_eq!(left.recv(), Ok(8));
    }
}

#[test]
fn a_send_has_a_limit_in_time() {
    for strategy in EACH {
        let (senders, _receivers) = channels(2, Some(1));
        let fanout = FanoutChannel::new(senders, strategy);
        fanout.senders().iter().for_each(|sender| sender.send(0).unwrap());
        let timed = fanout.send_timeout(7, Duration::from_millis(1));
        assert_eq!(timed, Err(SendTimeoutError::Timeout(7)));
        let timed = fanout.send_deadline(7, strand::now());
        assert_eq!(timed, Err(SendTimeoutError::Timeout(7)));
    }
}

proptest! {
    #![proptest_config(crate::cases(60, 1))]

    /// Workers close their channels while others send, wait and give up: what was sent is received.
    #[test]
    fn what_is_sent_is_received_whoever_closes_and_gives_up(
        kind in 0..4_usize,
        capacity in 1..4_usize,
        polls in prop::collection::vec(0..4_u32, 40),
        closes in prop::collection::vec(1..30_usize, WORKERS),
    ) {
        let (senders, receivers) = channels(WORKERS, Some(capacity));
        let fanout = FanoutChannel::new(senders, EACH[kind]);
        let workers: Vec<_> = receivers
            .into_iter()
            .zip(closes)
            .map(|(receiver, after)| thread::spawn(move || {
                let some: u64 = receiver.iter().take(after).sum();
                receiver.close();
                some + receiver.iter().sum::<u64>()
            }))
            .collect();
        let mut sent = 0;
        for (n, polls) in polls.into_iter().enumerate() {
            let message = n as u64 + 1;
            let ok = match polls {
                0 => fanout.send(message).is_ok(),
                polls => {
                    let mut sending = pin!(fanout.send_async(message));
                    (0..polls).find_map(|_| match poll(sending.as_mut()) {
                        Poll::Ready(result) => Some(result.is_ok()),
                        Poll::Pending => None,
                    }) == Some(true)
                }
            };
            sent += if ok { message } else { 0 };
        }
        drop(fanout);
        let received: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        prop_assert_eq!(received, sent);
    }
}
