//! Broadcast channels under random schedules: subscribers come and go, senders and receivers give up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shuttle::thread;

use super::{draw, explore, poll_and_cancel};
use crate::channel::broadcast::{
    BroadcastChannel, BroadcastReceiver, Broadcaster, Overflow, RecvError,
};

/// Sends three messages, each in one of the ways; says which were sent.
fn send(sender: &Broadcaster<u32>, first: u32) -> u32 {
    let mut sent = 0;
    for n in 0..3 {
        let message = first << n;
        let readers = match draw(3) {
            0 => sender.send(message).ok(),
            1 => sender.try_send(message).ok(),
            _ => poll_and_cancel(sender.send_async(message), draw(3)).and_then(Result::ok),
        };
        if readers.is_some_and(|readers| readers > 0) {
            sent |= message;
        }
    }
    sent
}

/// Receives to the end, giving up at random; says what came and how many were missed.
fn receive(receiver: &mut BroadcastReceiver<u32>) -> (u32, u64) {
    let (mut got, mut missed) = (0, 0);
    loop {
        let result = match draw(2) {
            0 => receiver.recv(),
            _ => match poll_and_cancel(receiver.recv_async(), draw(3)) {
                Some(result) => result,
                None => continue,
            },
        };
        match result {
            Ok(message) => {
                assert_eq!(got & message, 0, "came twice");
                got |= message;
            }
            Err(RecvError::Lagged(n)) => missed += n,
            Err(RecvError::Disconnected) => return (got, missed),
        }
    }
}

/// Two senders, two receivers that stay, and one that goes: all that stay get everything.
#[test]
fn whoever_stays_gets_everything_whoever_goes() {
    explore(SCHEDULES, || {
        let overflow = [Overflow::Lag, Overflow::Block, Overflow::DropNewest][draw(3) as usize];
        let capacity = 1 + draw(2) as usize;
        let (sender, receiver) = BroadcastChannel::with_overflow(capacity, overflow);
        let sent = Arc::new(AtomicU32::new(0));
        let mut going = sender.subscribe();
        let receivers = [receiver.clone(), receiver]
            .map(|mut receiver| thread::spawn(move || receive(&mut receiver)));
        let senders = [1, 1 << 3].map(|first| {
            let (sender, sent) = (sender.clone(), Arc::clone(&sent));
            thread::spawn(move || {
                sent.fetch_or(send(&sender, first), Ordering::Relaxed);
            })
        });
        let coming = thread::spawn(move || {
            let _ = poll_and_cancel(going.recv_async(), draw(3));
            drop(going);
            let mut late = match draw(3) {
                0 => sender.subscribe(),
                1 => sender.subscribe_at_tail(),
                _ => return,
            };
            drop(sender);
            receive(&mut late);
        });
        coming.join().unwrap();
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        let sent = sent.load(Ordering::Relaxed);
        for thread in receivers {
            let (got, missed) = thread.join().unwrap();
            assert_eq!(got & !sent, 0, "received and not sent");
            assert_eq!(u64::from((sent & !got).count_ones()), missed, "lost");
            assert!(overflow == Overflow::Lag || missed == 0);
        }
    });
}

/// All receivers go, one comes again, and at some moment the channel is closed: nobody waits for ever, and
/// nothing comes that was not sent.
#[test]
fn nobody_waits_for_ever_whoever_closes_and_comes_again() {
    explore(SCHEDULES, || {
        let overflow = [Overflow::Lag, Overflow::Block, Overflow::DropNewest][draw(3) as usize];
        let (sender, receiver) = BroadcastChannel::with_overflow(1, overflow);
        let again = sender.clone();
        let coming = thread::spawn(move || {
            drop(receiver);
            let mut receiver = match draw(2) {
                0 => again.subscribe(),
                _ => again.subscribe_at_tail(),
            };
            drop(again);
            receive(&mut receiver).0
        });
        let other = sender.clone();
        let closing = thread::spawn(move || draw(2) == 0 && other.close());
        // A message that no receiver was there for may still be in the ring for the next.
        send(&sender, 1);
        drop(sender);
        closing.join().unwrap();
        assert_eq!(coming.join().unwrap() & !0b111, 0, "received and not sent");
    });
}

const SCHEDULES: usize = 10_000;
