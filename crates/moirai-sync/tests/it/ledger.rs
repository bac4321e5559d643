//! Every way to send and to receive, with every way to give up: each message is received once, or comes
//! back, or goes with the future that was to send it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "what a test calls")]

use std::hash::{BuildHasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::channel::{
    self, ChannelBuilder, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError,
    TrySendError, priority, spsc, watch,
};
use moirai_sync::{select, strand};

/// What became of each message.
struct Ledger(Vec<AtomicU8>);

const SENT: u8 = 1;
/// An error gave it back, or the vector of a batch still has it.
const RETURNED: u8 = 2;
/// It went with a future that was dropped.
const DROPPED: u8 = 4;
const RECEIVED: u8 = 8;

impl Ledger {
    fn note(&self, message: usize, fate: u8) {
        let before = self.0[message].fetch_or(fate, Ordering::Relaxed);
        assert_eq!(before & fate, 0, "message {message} twice");
    }

    fn sent<E>(&self, message: usize, result: Result<(), E>) {
        self.note(message, if result.is_ok() { SENT } else { RETURNED });
    }

    /// Whether all are where they should be. At a rendezvous, a receiver may have what its sender has given up.
    fn check(&self, kind: &str) {
        for (message, fate) in self.0.iter().enumerate() {
            match fate.load(Ordering::Relaxed) {
                0 => {}
                fate if fate == SENT | RECEIVED || fate == RETURNED || fate == DROPPED => {}
                fate if fate == DROPPED | RECEIVED && kind == "rendezvous" => {}
                fate => panic!("message {message} of a {kind} channel: {fate:04b}"),
            }
        }
    }
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % n
    }
}

/// Polls a few times, and gives up.
fn polls<F: Future>(mut future: Pin<&mut F>, times: u64) -> Option<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match future.as_mut().poll(&mut cx) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => {
            thread::yield_now();
            None
        }
    })
}

const MOMENT: Duration = Duration::from_micros(20);

/// Sends the messages of `range` in whatever way is drawn.
fn send(
    sender: &Sender<usize>,
    range: std::ops::Range<usize>,
    ledger: &Ledger,
    mut random: Random,
) {
    let mut next = range.start;
    while next < range.end {
        let (message, soon) = (next, Instant::now() + MOMENT);
        let level = random.below(2) as u8;
        next += 1;
        match random.below(13) {
            0 => ledger.sent(message, sender.try_send(message)),
            1 => ledger.sent(message, sender.send_timeout(message, MOMENT)),
            2 => ledger.sent(message, sender.send_deadline(message, soon)),
            3 => match polls(pin!(sender.send_async(message)), random.below(4)) {
                Some(result) => ledger.sent(message, result),
                None => ledger.note(message, DROPPED),
            },
            4 => ledger.sent(message, sender.try_send_priority(message, level)),
            5 => ledger.sent(message, sender.send_priority_timeout(message, level, MOMENT)),
            6 => ledger.sent(message, sender.send_priority_deadline(message, level, soon)),
            7 => match polls(pin!(sender.send_priority_async(message, level)), random.below(4)) {
                Some(result) => ledger.sent(message, result),
                None => ledger.note(message, DROPPED),
            },
            8 => {
                let permit = match random.below(4) {
                    0 => sender.try_reserve().ok(),
                    1 => sender.reserve_timeout(MOMENT).ok(),
                    2 => sender.reserve_deadline(soon).ok(),
                    _ => polls(pin!(sender.reserve_async()), random.below(4)).and_then(Result::ok),
                };
                match permit {
                    // A permit of a rendezvous is a promise to meet somebody.
                    Some(permit) if random.below(2) == 0 => {
                        permit.send(message);
                        ledger.note(message, SENT);
                    }
                    _ => ledger.note(message, RETURNED),
                }
            }
            way => {
                next = (message + 5).min(range.end);
                let mut batch: Vec<_> = (message..next).collect();
                let _all = match way {
                    9 => sender.try_send_batch(&mut batch).is_ok(),
                    10 => sender.send_batch_timeout(&mut batch, MOMENT).is_ok(),
                    11 => sender.send_batch_deadline(&mut batch, soon).is_ok(),
                    _ => {
                        polls(pin!(sender.send_batch_async(&mut batch)), random.below(4)).is_some()
                    }
                };
                // What was sent is gone from the front, in order.
                let kept = next - batch.len();
                assert!(batch.iter().copied().eq(kept..next), "{batch:?}");
                (message..kept).for_each(|message| ledger.note(message, SENT));
                (kept..next).for_each(|message| ledger.note(message, RETURNED));
            }
        }
    }
}

/// Receives in whatever way is drawn, until the channel is empty and closed.
fn receive(receiver: &Receiver<usize>, ledger: &Ledger, mut random: Random) {
    let mut batch = Vec::new();
    loop {
        let soon = Instant::now() + MOMENT;
        let limited = |result: Result<usize, RecvTimeoutError>| result.ok();
        let received = match random.below(12) {
            0 => match receiver.try_recv() {
                Err(TryRecvError::Disconnected) => return,
                received => received.ok(),
            },
            1 => limited(receiver.recv_timeout(MOMENT)),
            2 => limited(receiver.recv_deadline(soon)),
            3 => polls(pin!(receiver.recv_async()), random.below(4)).and_then(Result::ok),
            4 => receiver.try_recv_priority().ok().map(|(message, _)| message),
            5 => receiver.recv_priority_timeout(MOMENT).ok().map(|(message, _)| message),
            6 => receiver.recv_priority_deadline(soon).ok().map(|(message, _)| message),
            7 => {
                let received = polls(pin!(receiver.recv_priority_async()), random.below(4));
                received.and_then(Result::ok).map(|(message, _)| message)
            }
            8 => select! {
                recv(receiver) -> message => message.ok(),
                default(MOMENT) => None,
            },
            way => {
                let _some = match way {
                    9 => receiver.try_recv_batch(&mut batch, 3).ok(),
                    10 => receiver.recv_batch_timeout(&mut batch, 3, MOMENT).ok(),
                    _ => polls(pin!(receiver.recv_batch_async(&mut batch, 3)), random.below(4))
                        .and_then(Result::ok),
                };
                batch.drain(..).for_each(|message| ledger.note(message, RECEIVED));
                receiver.recv_batch_deadline(&mut batch, 3, soon).ok();
                batch.pop()
            }
        };
        received.into_iter().chain(batch.drain(..)).for_each(|it| ledger.note(it, RECEIVED));
    }
}

type Ends = (Sender<usize>, Receiver<usize>);

/// Channels of every kind with the common handles.
fn channels() -> Vec<(&'static str, Ends)> {
    let (sender, workers) = channel::work_stealing(2);
    let of_workers = workers[0].as_receiver().clone();
    vec![
        ("bounded", channel::bounded(1)),
        ("bounded", channel::bounded(3)),
        ("unbounded", channel::unbounded()),
        ("rendezvous", channel::rendezvous()),
        ("priority", priority::bounded(2, 2)),
        ("priority", priority::unbounded(2)),
        ("numa", channel::numa(2, 6, || 1)),
        ("affine", ChannelBuilder::new().bounded(4).worker_affinity(2).build().unwrap()),
        ("work-stealing", (sender, of_workers)),
    ]
}

#[test]
fn stress_what_was_sent_was_received_and_what_was_not_came_back() {
    let seed = RandomState::new().hash_one(0) | 1;
    println!("seed {seed}");
    let (start, mut rounds, mut received) = (Instant::now(), 0_u64, 0);
    while start.elapsed() < TIME {
        for (kind, (sender, receiver)) in channels() {
            let ledger = Arc::new(Ledger((0..3 * EACH).map(|_| AtomicU8::new(0)).collect()));
            let random = |n| Random(seed.wrapping_add((rounds + n) << 8) | 1);
            thread::scope(|scope| {
                for n in 0..3 {
                    let (sender, ledger, random) = (sender.clone(), &ledger, random(n as u64));
                    scope.spawn(move || send(&sender, n * EACH..(n + 1) * EACH, ledger, random));
                }
                drop(sender);
                for n in 3..5 {
                    let (receiver, ledger, random) = (&receiver, &ledger, random(n));
                    scope.spawn(move || receive(receiver, ledger, random));
                }
            });
            ledger.check(kind);
            let is_received = |fate: &&AtomicU8| fate.load(Ordering::Relaxed) & RECEIVED != 0;
            received += ledger.0.iter().filter(is_received).count();
            rounds += 5;
        }
    }
    println!("{received} messages received");
}

/// With a limit that has passed already, each does what it would without waiting.
#[test]
fn every_wait_has_a_limit_in_time() {
    let (now, none) = (Instant::now(), Duration::ZERO);
    let (sender, receiver) = channel::bounded(1);
    let full = SendTimeoutError::Timeout(2);
    sender.send(1).unwrap();
    assert_eq!(sender.send_timeout(2, none), Err(full));
    assert_eq!(sender.send_deadline(2, now), Err(full));
    assert_eq!(sender.send_priority_timeout(2, 0, none), Err(full));
    assert_eq!(sender.send_priority_deadline(2, 0, now), Err(full));
    assert!(sender.reserve_timeout(none).is_err() && sender.reserve_deadline(now).is_err());
    let batch = &mut vec![2];
    assert_eq!(sender.send_batch_timeout(batch, none), Err(SendTimeoutError::Timeout(())));
    assert_eq!(sender.send_batch_deadline(batch, now), Err(SendTimeoutError::Timeout(())));
    assert_eq!(*batch, [2]);
    assert_eq!(receiver.recv(), Ok(1));
    let late = RecvTimeoutError::Timeout;
    let batch = &mut Vec::new();
    assert_eq!(receiver.recv_timeout(none), Err(late));
    assert_eq!(receiver.recv_deadline(now), Err(late));
    assert_eq!(receiver.recv_priority_timeout(none), Err(late));
    assert_eq!(receiver.recv_priority_deadline(now), Err(late));
    assert_eq!(receiver.recv_batch_timeout(batch, 1, none), Err(late));
    assert_eq!(receiver.recv_batch_deadline(batch, 1, now), Err(late));

    let (mut sender, mut receiver) = spsc::bounded(1);
    sender.send(1).unwrap();
    assert_eq!(sender.send_timeout(2, none), Err(full));
    assert_eq!(sender.send_deadline(2, now), Err(full));
    assert!(sender.loan_timeout(none).is_err() && sender.loan_deadline(now).is_err());
    assert!(sender.send_ref_timeout(&2, none).is_err());
    assert!(sender.send_ref_deadline(&2, now).is_err());
    let batch = &mut vec![2];
    assert_eq!(sender.send_batch_timeout(batch, none), Err(SendTimeoutError::Timeout(())));
    assert_eq!(sender.send_batch_deadline(batch, now), Err(SendTimeoutError::Timeout(())));
    assert_eq!(receiver.recv_ref_timeout(none).map(|it| *it), Ok(1));
    assert_eq!(receiver.recv_ref_timeout(none).map(|it| *it), Err(late));
    assert_eq!(receiver.recv_ref_deadline(now).map(|it| *it), Err(late));
    assert_eq!(receiver.recv_timeout(none), Err(late));
    assert_eq!(receiver.recv_deadline(now), Err(late));
    assert_eq!(receiver.recv_batch_timeout(batch, 1, none), Err(late));
    assert_eq!(receiver.recv_batch_deadline(batch, 1, now), Err(late));

    let (sender, receiver) = watch::channel(1);
    assert_eq!(receiver.recv_timeout(none).as_deref(), Err(&late));
    assert_eq!(receiver.recv_deadline(now).as_deref(), Err(&late));
    sender.send(2).unwrap();
    assert_eq!(receiver.recv_deadline(now).as_deref(), Ok(&2));
}

/// A batch is what is there, if that is one message.
#[test]
fn a_lone_message_waits_for_no_other() {
    let mut cx = Context::from_waker(Waker::noop());
    for (kind, (sender, receiver)) in channels() {
        if kind == "rendezvous" {
            continue;
        }
        let mut batch = Vec::new();
        sender.send(1).unwrap();
        assert_eq!(receiver.recv_batch(&mut batch, 64), Ok(1), "{kind}");
        sender.send(2).unwrap();
        assert_eq!(receiver.recv_batch_timeout(&mut batch, 64, Duration::MAX), Ok(1), "{kind}");
        sender.send(3).unwrap();
        let received = pin!(receiver.recv_batch_async(&mut batch, 64)).poll(&mut cx);
        assert_eq!(received, Poll::Ready(Ok(1)), "{kind}");
        assert_eq!(batch, [1, 2, 3]);
    }
    for (mut sender, mut receiver) in [spsc::bounded(8), spsc::unbounded()] {
        let mut batch = Vec::new();
        sender.send(1).unwrap();
        assert_eq!(receiver.recv_batch(&mut batch, 64), Ok(1));
        sender.send(2).unwrap();
        let received = pin!(receiver.recv_batch_async(&mut batch, 64)).poll(&mut cx);
        assert_eq!((received, &batch[..]), (Poll::Ready(Ok(1)), &[1, 2][..]));
    }
}

/// A limit that has not passed is waited for, and an end of the channel is told at once.
#[test]
fn a_wait_with_a_limit_hears_of_places_messages_and_the_end() {
    let (sender, receiver) = channel::bounded(2);
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut batch: Vec<_> = (0..9).collect();
            (sender.send_batch_timeout(&mut batch, Duration::MAX), batch)
        });
        let mut received = Vec::new();
        while received.len() < 9 {
            receiver.recv_batch_deadline(&mut received, 9, far()).unwrap();
        }
        assert!(received.into_iter().eq(0..9));
        assert_eq!(sending.join().unwrap(), (Ok(()), vec![]));
    });
    receiver.close();
    let gone = Err(SendTimeoutError::Disconnected(()));
    assert_eq!(sender.send_batch_deadline(&mut vec![1], far()), gone);
    assert_eq!(sender.try_send_batch(&mut vec![1]), Err(TrySendError::Disconnected(())));

    let (mut sender, mut receiver) = spsc::bounded(2);
    thread::scope(|scope| {
        let sending = scope.spawn(move || {
            let mut batch: Vec<_> = (0..9).collect();
            sender.send_batch_deadline(&mut batch, far())
        });
        for n in 0..9 {
            assert_eq!(receiver.recv_ref_deadline(far()).map(|it| *it), Ok(n));
        }
        assert_eq!(sending.join().unwrap(), Ok(()));
        let gone = Err(RecvTimeoutError::Disconnected);
        assert_eq!(receiver.recv_ref_timeout(Duration::MAX).map(|it| *it), gone);
    });
    assert_eq!(strand::block_on(receiver.recv_async()).ok(), None);
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// Messages of each of three senders.
const EACH: usize = if cfg!(miri) { 12 } else { 200 };
const TIME: Duration = Duration::from_millis(if cfg!(miri) { 1 } else { 300 });
