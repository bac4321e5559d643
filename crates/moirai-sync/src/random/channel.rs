//! Channels under random schedules: whatever is cancelled, nothing is lost and nothing doubled.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};

use shuttle::thread;

use super::{draw, explore, poll_and_cancel};
use crate::channel::{
    ChannelBuilder, Receiver, Sender, TryRecvError, bounded, priority, spsc, unbounded,
};
use crate::queue::list::List;
use crate::strand;

/// What went in and came out, as sums over messages, which are all different powers of two.
#[derive(Default)]
struct Book {
    sent: AtomicU32,
    /// Sent by futures that were dropped: a receiver that met one may have taken its message.
    perhaps_sent: AtomicU32,
    received: AtomicU32,
}

impl Book {
    fn sent(&self, message: u32) {
        assert_eq!(self.sent.fetch_or(message, Ordering::Relaxed) & message, 0);
    }

    /// Whether all that was sent was received, and nothing else.
    fn close(&self) {
        let [sent, perhaps, received] = [&self.sent, &self.perhaps_sent, &self.received]
            .map(|messages| messages.load(Ordering::Relaxed));
        assert_eq!(sent & !received, 0, "lost");
        assert_eq!(received & !(sent | perhaps), 0, "received and not sent");
    }

    fn received(&self, message: u32) {
        assert_eq!(self.received.fetch_or(message, Ordering::Relaxed) & message, 0, "came twice");
    }
}

/// A channel of any kind, with room for at most `places` messages if it has a bound.
fn any_channel(places: u32) -> (Sender<u32>, Receiver<u32>) {
    match (draw(places + 2), draw(3)) {
        (0, 0) if draw(2) == 0 => ChannelBuilder::new().worker_affinity(2).build().unwrap(),
        (0, 0) => priority::unbounded(2),
        (0, _) => unbounded(),
        (capacity @ 2.., 0) => priority::bounded(2, capacity as usize - 1),
        (capacity, _) => bounded(capacity as usize - 1),
    }
}

fn send(sender: &Sender<u32>, message: u32, book: &Book) {
    let sent = match draw(4) {
        2 => match poll_and_cancel(sender.reserve_async(), draw(3)) {
            Some(Ok(permit)) if draw(2) == 0 => {
                permit.send(message);
                true
            }
            // The permit is dropped.
            _ => false,
        },
        0 => sender.send_priority(message, draw(2) as u8).is_ok(),
        1 => sender.try_send(message).is_ok(),
        _ => match poll_and_cancel(sender.send_async(message), draw(3)) {
            Some(result) => result.is_ok(),
            None if sender.capacity() == Some(0) => {
                book.perhaps_sent.fetch_or(message, Ordering::Relaxed);
                false
            }
            None => false,
        },
    };
    if sent {
        book.sent(message);
    }
}

/// Receives until the channel is closed and empty.
fn receive(receiver: &Receiver<u32>, book: &Book) {
    loop {
        let message = match draw(2) {
            0 => match receiver.recv() {
                Ok(message) => Some(message),
                Err(_) => return,
            },
            _ => poll_and_cancel(receiver.recv_async(), draw(3)).and_then(Result::ok),
        };
        message.into_iter().for_each(|message| book.received(message));
    }
}

/// Three senders and two receivers that wait, try and give up at random: what was sent is received.
#[test]
fn what_is_sent_is_received_whoever_gives_up() {
    explore(SCHEDULES, || {
        let book = Arc::new(Book::default());
        let (sender, receiver) = any_channel(2);
        let mut threads = Vec::new();
        for first in [1, 1 << 3, 1 << 6] {
            let (sender, book) = (sender.clone(), Arc::clone(&book));
            threads.push(thread::spawn(move || {
                (0..3).for_each(|n| send(&sender, first << n, &book));
            }));
        }
        drop(sender);
        for _ in 0..2 {
            let (receiver, book) = (receiver.clone(), Arc::clone(&book));
            threads.push(thread::spawn(move || receive(&receiver, &book)));
        }
        drop(receiver);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        book.close();
    });
}

/// A close at a random moment: everybody ends, and what was sent before it is received or still in
/// the channel.
#[test]
fn a_close_wakes_everybody_and_keeps_what_was_sent() {
    explore(SCHEDULES, || {
        let book = Arc::new(Book::default());
        let (sender, receiver) = any_channel(1);
        let mut threads = Vec::new();
        for first in [1, 1 << 3] {
            let (sender, book) = (sender.clone(), Arc::clone(&book));
            threads.push(thread::spawn(move || {
                (0..3).for_each(|n| send(&sender, first << n, &book));
            }));
        }
        for _ in 0..2 {
            let (receiver, book) = (receiver.clone(), Arc::clone(&book));
            threads.push(thread::spawn(move || {
                for _ in 0..2 {
                    receiver.recv().into_iter().for_each(|message| book.received(message));
                }
            }));
        }
        for _ in 0..draw(20) {
            thread::yield_now();
        }
        sender.close();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        receiver.try_iter().for_each(|message| book.received(message));
        book.close();
    });
}

/// As many receivers as messages, and no close to wake who was forgotten: one that got a message
/// and a wake-up meant for another passes it on.
#[test]
fn each_of_three_receivers_gets_one_of_three_messages() {
    explore(SCHEDULES, || {
        let (sender, receiver) = any_channel(3);
        let receivers = [(); 3].map(|()| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.recv().unwrap())
        });
        let senders = [1, 2].map(|message| {
            let sender = sender.clone();
            thread::spawn(move || sender.send(message).unwrap())
        });
        sender.send(4).unwrap();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let sum: u32 = receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum();
        assert_eq!(sum, 7);
    });
}

/// The last receiver goes away while senders wait: they are woken, and their messages come back.
#[test]
fn senders_are_freed_when_the_receivers_go() {
    explore(SCHEDULES, || {
        let (sender, receiver) = bounded(draw(2) as usize);
        let threads = [1, 2, 3].map(|message| {
            let sender = sender.clone();
            thread::spawn(move || match sender.send(message) {
                Ok(()) => {}
                Err(error) => assert_eq!(error.into_inner(), message),
            })
        });
        for _ in 0..draw(3) {
            let _ = poll_and_cancel(receiver.recv_async(), draw(3));
        }
        drop(receiver);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(sender.send(4).is_err());
    });
}

/// Two receivers at the end of a block, and nothing after it: neither takes what nobody has sent.
#[test]
fn receivers_stay_behind_the_sender_at_the_end_of_a_block() {
    explore(SCHEDULES, || {
        let (sender, receiver) = unbounded();
        let mut used = vec![0; List::<u32>::BLOCK - 1 - draw(2) as usize];
        let taken = used.len();
        assert_eq!(sender.try_send_batch(&mut used), Ok(taken));
        assert_eq!(receiver.try_recv_batch(&mut used, taken), Ok(taken));
        let receivers = [(); 2].map(|()| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.iter().sum::<u32>())
        });
        (0..2).for_each(|n| sender.send(1 << n).unwrap());
        drop(sender);
        let sum: u32 = receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum();
        assert_eq!(sum, 3);
    });
}

/// A future that is told of a message and never polled again costs that one wake-up, wherever it
/// stands among blocked threads: there are as many messages as receivers.
#[test]
fn a_future_that_is_never_polled_again_keeps_no_thread_asleep() {
    explore(SCHEDULES, || {
        let (sender, receiver) = if draw(2) == 0 { unbounded() } else { bounded(2) };
        let threads = [(); 2].map(|()| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.recv().unwrap())
        });
        (0..draw(20)).for_each(|_| thread::yield_now());
        let mut forgotten = pin!(receiver.recv_async());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(forgotten.as_mut().poll(&mut cx).is_pending());
        (0..draw(20)).for_each(|_| thread::yield_now());
        (1..=3).for_each(|message| sender.send(message).unwrap());
        let sum: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!((3..=5).contains(&sum)); // two different ones of 1, 2 and 3
    });
}

/// Two threads wait for a receiver, and a future that goes away: what it was told of, another is told.
#[test]
fn a_sender_that_leaves_a_rendezvous_leaves_the_receiver_to_another() {
    explore(SCHEDULES, || {
        let (sender, receiver) = bounded(0);
        let mut leaving = Box::pin(sender.reserve_async());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(leaving.as_mut().poll(&mut cx).is_pending());
        let senders = [(); 2].map(|()| {
            let sender = sender.clone();
            thread::spawn(move || sender.send_batch(&mut vec![1]).unwrap())
        });
        (0..draw(20)).for_each(|_| thread::yield_now());
        let receivers = [(); 2].map(|()| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.recv().unwrap())
        });
        (0..draw(20)).for_each(|_| thread::yield_now());
        drop(leaving);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let sum: u32 = receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum();
        assert_eq!(sum, 2);
    });
}

const SCHEDULES: usize = 10_000;

/// One sender and one receiver, which wait, try and close at random: what was said to be sent is received,
/// in order, and nothing else.
#[test]
fn an_only_sender_and_an_only_receiver_agree_on_the_end() {
    explore(SCHEDULES, || {
        let (mut sender, mut receiver) = spsc::bounded(1 + draw(2) as usize);
        let sending = thread::spawn(move || {
            let mut sent = Vec::new();
            for message in 0..4 {
                let done = match draw(3) {
                    0 => sender.try_send(message).is_ok(),
                    1 => strand::block_on(sender.send_async(message)).is_ok(),
                    _ => sender.send(message).is_ok(),
                };
                sent.extend(done.then_some(message));
                if draw(8) == 0 {
                    sender.close();
                }
            }
            sent
        });
        let mut received = Vec::new();
        loop {
            let message = match draw(3) {
                0 => receiver.try_recv().map_err(|error| error == TryRecvError::Disconnected),
                1 => strand::block_on(receiver.recv_async()).map_err(|_| true),
                _ => receiver.recv().map_err(|_| true),
            };
            match message {
                Ok(message) => received.push(message),
                Err(true) => break,
                Err(false) => thread::yield_now(),
            }
            if draw(8) == 0 {
                receiver.close();
            }
        }
        assert_eq!(sending.join().unwrap(), received);
    });
}
