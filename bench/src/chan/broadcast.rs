//! One thread sends, four receive everything.
//!
//! Nobody loses a message: ours and async-broadcast make the sender wait; tokio's sender, which never
//! waits, looks once per half a ring whether the slowest has received the other half; and beside them
//! stand four plain channels, each message sent into all of them.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use moirai_sync::channel::broadcast::{BroadcastChannel, BroadcastReceiver, Broadcaster, Overflow};

use super::{case, checked};
use crate::harness::{Case, Entrant, Workload};

const RECEIVERS: u64 = 4;
const CAPACITY: usize = 1024;

/// The sending end.
trait Tx: Send + 'static {
    fn send(&mut self, message: u64);
}

/// One of the receiving ends; `None` at the end.
trait Rx: Send + 'static {
    fn recv(&mut self) -> Option<u64>;
}

pub(super) fn case_1_4() -> Case {
    let entrants = vec![
        entrant("moirai@threads", || {
            let (sender, receiver) = BroadcastChannel::with_overflow(CAPACITY, Overflow::Block);
            (sender, clones(receiver))
        }),
        entrant("tokio@threads", || {
            let (sender, receiver) = tokio::sync::broadcast::channel(CAPACITY);
            let others = (1..RECEIVERS).map(|_| sender.subscribe());
            let receivers = others.chain([receiver.resubscribe()]).collect();
            (Bursts { sender, left: CAPACITY / 2 }, receivers)
        }),
        entrant("async-broadcast@threads", || {
            let (sender, receiver) = async_broadcast::broadcast(CAPACITY);
            (sender, clones(receiver))
        }),
        entrant("crossbeam-4@threads", || {
            let channels = || crossbeam_channel::bounded(CAPACITY);
            (0..RECEIVERS).map(|_| channels()).unzip::<_, _, Vec<_>, Vec<_>>()
        }),
    ];
    case("broadcast4", "per message, to each of 4", entrants)
}

fn clones<R: Clone>(receiver: R) -> Vec<R> {
    vec![receiver; RECEIVERS as usize]
}

fn entrant<S: Tx, R: Rx>(peer: &'static str, ends: fn() -> (S, Vec<R>)) -> Entrant {
    let workload: Workload = Arc::new(move |iterations| {
        let (mut sender, receivers) = ends();
        let start = Instant::now();
        let sum: Option<u64> = thread::scope(|scope| {
            let receivers: Vec<_> = receivers
                .into_iter()
                .map(|mut receiver| {
                    scope.spawn(move || std::iter::from_fn(|| receiver.recv()).sum::<u64>())
                })
                .collect();
            (0..iterations).for_each(|message| sender.send(message));
            drop(sender);
            receivers.into_iter().map(|receiver| receiver.join().ok()).sum()
        });
        let each = sum.filter(|sum| sum % RECEIVERS == 0).map(|sum| sum / RECEIVERS);
        checked(start.elapsed(), iterations, each)
    });
    Entrant { peer, workload: Ok(workload) }
}

impl Tx for Broadcaster<u64> {
    fn send(&mut self, message: u64) {
        Self::send(self, message).expect("the receivers are alive");
    }
}

impl Rx for BroadcastReceiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        Self::recv(self).ok()
    }
}

/// A sender that lets nobody lag.
struct Bursts {
    sender: tokio::sync::broadcast::Sender<u64>,
    left: usize,
}

impl Tx for Bursts {
    fn send(&mut self, message: u64) {
        if self.left == 0 {
            while self.sender.len() > CAPACITY / 2 {
                thread::yield_now();
            }
            self.left = CAPACITY / 2;
        }
        self.left -= 1;
        self.sender.send(message).expect("the receivers are alive");
    }
}

impl Rx for tokio::sync::broadcast::Receiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        self.blocking_recv().ok()
    }
}

impl Tx for async_broadcast::Sender<u64> {
    fn send(&mut self, message: u64) {
        self.broadcast_blocking(message).expect("the receivers are alive");
    }
}

impl Rx for async_broadcast::Receiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        self.recv_blocking().ok()
    }
}

impl Tx for Vec<crossbeam_channel::Sender<u64>> {
    fn send(&mut self, message: u64) {
        for sender in self {
            sender.send(message).expect("the receivers are alive");
        }
    }
}

impl Rx for crossbeam_channel::Receiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        Self::recv(self).ok()
    }
}
