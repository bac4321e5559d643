//! Selects under random schedules: whoever gives up, nothing is lost, doubled or stuck.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shuttle::thread;

use super::{draw, explore, poll_and_cancel};
use crate::channel::{Receiver, RecvError, Sender, bounded, unbounded};
use crate::{SelectSet, select, select_biased};

/// What went in and came out, as sums over messages, which are all different powers of two.
#[derive(Default)]
struct Book {
    sent: AtomicU32,
    received: AtomicU32,
}

impl Book {
    fn sent(&self, message: u32) {
        assert_eq!(self.sent.fetch_or(message, Ordering::Relaxed) & message, 0);
    }

    fn received(&self, message: u32) {
        assert_eq!(self.received.fetch_or(message, Ordering::Relaxed) & message, 0, "came twice");
    }

    fn is_balanced(&self) -> bool {
        self.sent.load(Ordering::Relaxed) == self.received.load(Ordering::Relaxed)
    }
}

/// A channel of any kind.
fn channel() -> (Sender<u32>, Receiver<u32>) {
    match draw(4) {
        0 => unbounded(),
        capacity => bounded(capacity as usize - 1),
    }
}

/// Receives from either until both are closed and empty, in every way one can.
fn receive(a: &Receiver<u32>, b: &Receiver<u32>, book: &Book) {
    let (mut a_open, mut b_open) = (true, true);
    while a_open || b_open {
        let got: Option<(bool, Result<u32, RecvError>)> = match draw(4) {
            0 => Some(select! {
                recv(a) -> n, if a_open => (true, n),
                recv(b) -> n, if b_open => (false, n),
            }),
            1 => select_biased! {
                recv(a) -> n, if a_open => Some((true, n)),
                recv(b) -> n, if b_open => Some((false, n)),
                default => None,
            },
            2 => select! {
                recv(a) -> n, if a_open => Some((true, n)),
                recv(b) -> n, if b_open => Some((false, n)),
                default(Duration::from_secs(1)) => None,
            },
            _ => poll_and_cancel(
                async {
                    select!(async {
                        recv(a) -> n, if a_open => (true, n),
                        recv(b) -> n, if b_open => (false, n),
                    })
                    .await
                },
                draw(3),
            ),
        };
        match got {
            Some((_, Ok(message))) => book.received(message),
            Some((true, Err(RecvError))) => a_open = false,
            Some((false, Err(RecvError))) => b_open = false,
            None => thread::yield_now(),
        }
    }
}

/// Sends `message` into either, in every way one can, or gives up.
fn send(a: &Sender<u32>, b: &Sender<u32>, message: u32, book: &Book) {
    let sent = match draw(4) {
        0 => select! {
            send(a, message) -> sent => sent.is_ok(),
            send(b, message) -> sent => sent.is_ok(),
        },
        1 => select! {
            send(a, message) -> sent => sent.is_ok(),
            send(b, message) -> sent => sent.is_ok(),
            default => false,
        },
        2 => a.send(message).is_ok(),
        _ => {
            let polled = poll_and_cancel(
                async {
                    select!(async {
                        send(a, message) -> sent => sent.is_ok(),
                        send(b, message) -> sent => sent.is_ok(),
                    })
                    .await
                },
                draw(3),
            );
            polled == Some(true)
        }
    };
    if sent {
        book.sent(message);
    }
}

/// Two senders and two receivers over two channels of any kind.
#[test]
fn what_selects_send_selects_receive_whoever_gives_up() {
    explore(SCHEDULES, || {
        let book = Arc::new(Book::default());
        let (channel_a, channel_b) = (channel(), channel());
        let mut threads = Vec::new();
        for first in [1, 1 << 3] {
            let (a, b, book) = (channel_a.0.clone(), channel_b.0.clone(), Arc::clone(&book));
            threads.push(thread::spawn(move || {
                (0..3).for_each(|n| send(&a, &b, first << n, &book));
            }));
        }
        drop((channel_a.0, channel_b.0));
        for _ in 0..2 {
            let (a, b, book) = (channel_a.1.clone(), channel_b.1.clone(), Arc::clone(&book));
            threads.push(thread::spawn(move || receive(&a, &b, &book)));
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        channel_a.1.try_iter().chain(channel_b.1.try_iter()).for_each(|n| book.received(n));
        assert!(book.is_balanced());
    });
}

/// A plain receiver waits on each of two channels that a select waits on as well, and there are as
/// many messages as there are receivers: whatever the select leaves is theirs.
#[test]
fn a_select_takes_nobodys_wake_up() {
    explore(SCHEDULES, || {
        let ((first, a), (second, b)) = (bounded(1), bounded(1));
        let plain =
            [a.clone(), b.clone()].map(|receiver| thread::spawn(move || receiver.recv().unwrap()));
        let select = thread::spawn(move || {
            // A select that gives up, then one that hands back what it got.
            let gave_up = poll_and_cancel(
                async { select!(async { recv(a) -> n => n, recv(b) -> n => n }).await },
                draw(3),
            );
            gave_up.map(Result::unwrap)
        });
        first.send(1).unwrap();
        second.send(2).unwrap();
        if let Some(message) = select.join().unwrap() {
            let sender = if message == 1 { first } else { second };
            sender.send(message).unwrap();
        }
        let sum: u32 = plain.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(sum, 3);
    });
}

/// An even number of selects that send and receive on one rendezvous channel: none receives from
/// itself, none is left alone, and what none of them receives is left to the next receive.
#[test]
fn selects_at_a_rendezvous_meet_each_other() {
    explore(SCHEDULES, || {
        let (sender, receiver) = bounded(0);
        let threads = [1, 2, 3, 4].map(|me| {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            thread::spawn(move || {
                select! {
                    send(sender, me) -> sent => { sent.unwrap(); (me, 0) }
                    recv(receiver) -> other => { assert_ne!(other, Ok(me)); (0, other.unwrap()) }
                }
            })
        });
        // A message that was being made for a select which did something else needs a receiver.
        let (mut sent, mut received) = (0, 0);
        for thread in threads {
            let (out, into) = thread.join().unwrap();
            sent += out;
            received += into;
        }
        received += receiver.try_iter().sum::<u32>();
        assert_eq!(sent, received);
    });
}

/// A set over channels of all kinds that are closed one after the other.
#[test]
fn a_set_finds_every_message_and_every_end() {
    explore(SCHEDULES, || {
        let channels = [(); 3].map(|()| channel());
        let threads = channels.each_ref().map(|(sender, _)| {
            let sender = sender.clone();
            thread::spawn(move || (0..2).for_each(|n| sender.send(n).unwrap()))
        });
        let (senders, receivers): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        drop(senders);
        let mut set = SelectSet::new();
        receivers.iter().for_each(|receiver| assert!(set.recv(receiver) < 3));
        let mut next = [0; 3];
        while !set.is_empty() {
            let index = set.ready();
            match receivers[index].try_recv() {
                Ok(n) => {
                    assert_eq!(n, next[index]);
                    next[index] += 1;
                }
                Err(error) if error.is_disconnected() => set.remove(index),
                Err(_) => {}
            }
        }
        assert_eq!(next, [2; 3]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

const SCHEDULES: usize = 5_000;
