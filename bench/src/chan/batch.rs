//! Messages sent and received by 64.
//!
//! A rival without a batched send sends one by one, and one without a batched receive takes one and
//! then what is there.

use std::sync::{Arc, mpsc as std_mpsc};
use std::thread;
use std::time::Instant;

use moirai_sync::channel::{mpsc, spsc};
use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};

use super::ends::spin;
use super::{Ends, case, checked, one_each, shares, spread_senders};
use crate::harness::{Case, Entrant, Workload};

const BATCH: usize = 64;

/// A sending end that takes many.
trait BatchTx: Send + 'static {
    /// Sends all; the vector is empty afterwards.
    fn send(&mut self, messages: &mut Vec<u64>);
}

/// A receiving end that gives many.
trait BatchRx: Send + 'static {
    /// At least one message, and about [`BATCH`] at most.
    fn recv(&mut self, messages: &mut Vec<u64>) -> Got;
}

/// Whether a receive brought something.
#[derive(PartialEq)]
enum Got {
    Some,
    TheEnd,
}

impl BatchTx for spsc::Sender<u64> {
    fn send(&mut self, messages: &mut Vec<u64>) {
        self.send_batch(messages).expect("the receiver is alive");
    }
}

impl BatchTx for mpsc::Sender<u64> {
    fn send(&mut self, messages: &mut Vec<u64>) {
        self.send_batch(messages).expect("the receiver is alive");
    }
}

impl BatchRx for mpsc::Receiver<u64> {
    fn recv(&mut self, messages: &mut Vec<u64>) -> Got {
        if self.recv_batch(messages, BATCH).is_ok() { Got::Some } else { Got::TheEnd }
    }
}

/// Ends that have nothing for batches but an iterator over what is there.
macro_rules! one_by_one {
    ($tx:ty, $rx:ty) => {
        impl BatchTx for $tx {
            fn send(&mut self, messages: &mut Vec<u64>) {
                for message in messages.drain(..) {
                    <$tx>::send(self, message).expect("the receiver is alive");
                }
            }
        }

        impl BatchRx for $rx {
            fn recv(&mut self, messages: &mut Vec<u64>) -> Got {
                let Ok(first) = <$rx>::recv(self) else { return Got::TheEnd };
                messages.push(first);
                messages.extend(self.try_iter().take(BATCH - 1));
                Got::Some
            }
        }
    };
}

one_by_one!(crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>);
one_by_one!(std_mpsc::SyncSender<u64>, std_mpsc::Receiver<u64>);
one_by_one!(flume::Sender<u64>, flume::Receiver<u64>);

impl BatchTx for kanal::Sender<u64> {
    fn send(&mut self, messages: &mut Vec<u64>) {
        for message in messages.drain(..) {
            Self::send(self, message).expect("the receiver is alive");
        }
    }
}

impl BatchRx for kanal::Receiver<u64> {
    fn recv(&mut self, messages: &mut Vec<u64>) -> Got {
        let Ok(first) = Self::recv(self) else { return Got::TheEnd };
        messages.push(first);
        // All that is there: it has no limit.
        let _ = self.drain_into(messages);
        Got::Some
    }
}

impl BatchTx for tokio::sync::mpsc::Sender<u64> {
    fn send(&mut self, messages: &mut Vec<u64>) {
        for message in messages.drain(..) {
            self.blocking_send(message).expect("the receiver is alive");
        }
    }
}

impl BatchRx for tokio::sync::mpsc::Receiver<u64> {
    fn recv(&mut self, messages: &mut Vec<u64>) -> Got {
        if self.blocking_recv_many(messages, BATCH) > 0 { Got::Some } else { Got::TheEnd }
    }
}

impl BatchTx for crossfire::Tx<crossfire::spsc::Array<u64>> {
    fn send(&mut self, messages: &mut Vec<u64>) {
        for message in messages.drain(..) {
            Self::send(self, message).expect("the receiver is alive");
        }
    }
}

impl BatchTx for crossfire::MTx<crossfire::mpsc::Array<u64>> {
    fn send(&mut self, messages: &mut Vec<u64>) {
        for message in messages.drain(..) {
            crossfire::Tx::send(self, message).expect("the receiver is alive");
        }
    }
}

macro_rules! crossfire_rx {
    ($rx:ty) => {
        impl BatchRx for $rx {
            fn recv(&mut self, messages: &mut Vec<u64>) -> Got {
                let Ok(first) = <$rx>::recv(self) else { return Got::TheEnd };
                messages.push(first);
                while messages.len() < BATCH {
                    match self.try_recv() {
                        Ok(message) => messages.push(message),
                        Err(_) => break,
                    }
                }
                Got::Some
            }
        }
    };
}

crossfire_rx!(crossfire::Rx<crossfire::spsc::Array<u64>>);
crossfire_rx!(crossfire::Rx<crossfire::mpsc::Array<u64>>);

impl BatchTx for rtrb::Producer<u64> {
    fn send(&mut self, messages: &mut Vec<u64>) {
        let n = messages.len();
        spin(|| (self.slots() >= n).then_some(()));
        let chunk = self.write_chunk_uninit(n).expect("there is room");
        chunk.fill_from_iter(messages.drain(..));
    }
}

impl BatchRx for rtrb::Consumer<u64> {
    fn recv(&mut self, messages: &mut Vec<u64>) -> Got {
        let n = spin(|| match self.slots() {
            0 if self.is_abandoned() && self.slots() == 0 => Some(0),
            0 => None,
            n => Some(n.min(BATCH)),
        });
        let Ok(chunk) = self.read_chunk(n) else { return Got::TheEnd };
        messages.extend(chunk);
        if n > 0 { Got::Some } else { Got::TheEnd }
    }
}

impl BatchTx for ringbuf::HeapProd<u64> {
    fn send(&mut self, messages: &mut Vec<u64>) {
        let mut sent = 0;
        spin(|| {
            sent += self.push_slice(&messages[sent..]);
            (sent == messages.len()).then_some(())
        });
        messages.clear();
    }
}

impl BatchRx for ringbuf::HeapCons<u64> {
    fn recv(&mut self, messages: &mut Vec<u64>) -> Got {
        spin(|| {
            messages.extend(self.pop_iter().take(BATCH));
            match messages.is_empty() {
                false => Some(Got::Some),
                true if !self.write_is_held() && self.is_empty() => Some(Got::TheEnd),
                true => None,
            }
        })
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("batch64_spsc", "per message, 1:1, by 64", one_to_one()),
        case("batch64_mpsc", "per message, 4:1, by 64", many_to_one()),
    ]
}

fn one_to_one() -> Vec<Entrant> {
    const N: usize = 1024;
    vec![
        entrant("moirai@threads", || one_each(spsc::bounded(N))),
        entrant("crossbeam@threads", || one_each(crossbeam_channel::bounded(N))),
        entrant("std@threads", || one_each(std_mpsc::sync_channel(N))),
        entrant("flume@threads", || one_each(flume::bounded(N))),
        entrant("kanal@threads", || one_each(kanal::bounded(N))),
        entrant("tokio@threads", || one_each(tokio::sync::mpsc::channel(N))),
        entrant("crossfire-spsc@threads", || one_each(crossfire::spsc::bounded_blocking(N))),
        entrant("rtrb", || one_each(rtrb::RingBuffer::new(N))),
        entrant("ringbuf", || one_each(ringbuf::HeapRb::new(N).split())),
    ]
}

fn many_to_one() -> Vec<Entrant> {
    const N: usize = 1024;
    const MANY: usize = 4;
    vec![
        entrant("moirai@threads", || spread_senders(mpsc::bounded(N), MANY)),
        entrant("crossbeam@threads", || spread_senders(crossbeam_channel::bounded(N), MANY)),
        entrant("std@threads", || spread_senders(std_mpsc::sync_channel(N), MANY)),
        entrant("flume@threads", || spread_senders(flume::bounded(N), MANY)),
        entrant("kanal@threads", || spread_senders(kanal::bounded(N), MANY)),
        entrant("tokio@threads", || spread_senders(tokio::sync::mpsc::channel(N), MANY)),
        entrant("crossfire-mpsc@threads", || {
            spread_senders(crossfire::mpsc::bounded_blocking(N), MANY)
        }),
    ]
}

fn entrant<S: BatchTx, R: BatchRx>(
    peer: &'static str,
    ends: impl Fn() -> Ends<S, R> + Send + Sync + 'static,
) -> Entrant {
    let workload: Workload = Arc::new(move |iterations| {
        let (senders, receivers) = ends();
        let shares = shares(iterations, senders.len());
        let start = Instant::now();
        let sum = thread::scope(|scope| {
            for (mut sender, mut share) in senders.into_iter().zip(shares) {
                scope.spawn(move || {
                    let mut batch = Vec::with_capacity(BATCH);
                    loop {
                        batch.extend(share.by_ref().take(BATCH));
                        if batch.is_empty() {
                            break;
                        }
                        sender.send(&mut batch);
                    }
                });
            }
            let mut sum = 0;
            for mut receiver in receivers {
                let mut batch = Vec::with_capacity(BATCH);
                while receiver.recv(&mut batch) == Got::Some {
                    sum += batch.drain(..).sum::<u64>();
                }
            }
            sum
        });
        checked(start.elapsed(), iterations, Some(sum))
    });
    Entrant { peer, workload: Ok(workload) }
}
