//! A channel that holds nothing.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::channel::{self, SendTimeoutError, TryRecvError, TrySendError};

use crate::woken::{Woken, poll};

#[test]
fn it_holds_nothing_and_has_no_room() {
    let (sender, receiver) = channel::bounded::<u8>(0);
    assert_eq!((sender.capacity(), receiver.capacity()), (Some(0), Some(0)));
    assert!(sender.is_empty() && sender.is_full() && receiver.is_empty() && receiver.is_full());
    assert_eq!((sender.len(), receiver.len()), (0, 0));
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_send_is_over_when_its_message_was_taken() {
    let (sender, receiver) = channel::rendezvous();
    let mut send = pin!(sender.send_async(1));
    assert!(poll(send.as_mut()).is_pending());
    assert!(poll(send.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(poll(send.as_mut()), Poll::Ready(Ok(())));
}

#[test]
fn a_waiting_receiver_takes_part_in_a_try() {
    let (sender, receiver) = channel::rendezvous();
    let mut receive = pin!(receiver.recv_async());
    assert!(poll(receive.as_mut()).is_pending());
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(poll(receive.as_mut()), Poll::Ready(Ok(1)));
}

#[test]
fn a_dropped_send_takes_its_message_with_it() {
    let (sender, receiver) = channel::rendezvous();
    let message = Arc::new(());
    {
        let mut send = pin!(sender.send_async(Arc::clone(&message)));
        assert!(poll(send.as_mut()).is_pending());
    }
    assert_eq!(Arc::strong_count(&message), 1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_receiver_that_goes_away_leaves_its_message_to_the_next() {
    let (sender, receiver) = channel::rendezvous();
    let woken = Arc::<Woken>::default();
    let mut next = pin!(receiver.recv_async());
    {
        let mut dropped = pin!(receiver.recv_async());
        assert!(poll(dropped.as_mut()).is_pending());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    }
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(poll(next), Poll::Ready(Ok(1)));
    // With nobody else waiting, it is there for whoever comes.
    {
        let mut dropped = pin!(receiver.recv_async());
        assert!(poll(dropped.as_mut()).is_pending());
        assert_eq!(sender.try_send(2), Ok(()));
    }
    assert_eq!(receiver.try_recv(), Ok(2));
}

/// It is woken by something else between the claim and the message, and by the message all the same,
/// whichever waker it has by then.
#[test]
fn a_receiver_that_was_promised_a_message_and_looks_too_soon_gets_it_before_all_others() {
    let (sender, receiver) = channel::rendezvous();
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    let mut first = pin!(receiver.recv_async());
    assert!(poll(first.as_mut()).is_pending());
    let permit = sender.try_reserve().unwrap();
    for _ in 0..3 {
        assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    let mut second = pin!(receiver.recv_async());
    assert!(poll(second.as_mut()).is_pending());
    permit.send(1);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(poll(first), Poll::Ready(Ok(1)));
    // What was promised does not come: the receiver waits as before.
    let permit = sender.try_reserve().unwrap();
    assert!(second.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(permit);
    assert_eq!(woken.0.load(Ordering::SeqCst), 2);
    assert!(poll(second.as_mut()).is_pending());
    assert_eq!(sender.try_send(2), Ok(()));
    assert_eq!(poll(second), Poll::Ready(Ok(2)));
}

/// One of two that were brought a message each comes first: it takes its own, or the other one would get the
/// earlier message after the later.
#[test]
fn a_receiver_takes_what_it_was_brought_and_not_what_another_was() {
    let (sender, receiver) = channel::rendezvous();
    let (mut first, mut second) = (pin!(receiver.recv_async()), pin!(receiver.recv_async()));
    assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
    let permit = sender.try_reserve().unwrap();
    assert_eq!(sender.try_send(2), Ok(()));
    assert!(poll(first.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    permit.send(1);
    assert_eq!(poll(first), Poll::Ready(Ok(1)));
    assert_eq!(poll(second), Poll::Ready(Ok(2)));
}

/// Nobody is claimed for a later message while an earlier one is for whoever comes.
#[test]
fn what_was_left_is_received_before_what_is_sent_then() {
    let (sender, receiver) = channel::rendezvous();
    let mut receive = pin!(receiver.recv_async());
    // A set receives nothing itself: what it is told of is for whoever comes.
    let mut set = moirai_sync::SelectSet::new();
    set.recv(&receiver);
    assert!(set.try_ready().is_err());
    // Nor does it wait, before it is polled.
    assert_eq!(sender.try_send(0), Err(TrySendError::Full(0)));
    assert!(set.poll_ready(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(poll(receive.as_mut()).is_pending());
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(sender.try_send(2), Ok(()));
    assert_eq!(poll(receive), Poll::Ready(Ok(1)));
    assert_eq!(receiver.try_recv(), Ok(2));
}

/// The same of a batch, which takes one message for its claim.
#[test]
fn a_batch_that_was_promised_a_message_and_looks_too_soon_gets_it_before_all_others() {
    let (sender, receiver) = channel::rendezvous();
    let mut batch = Vec::new();
    {
        let mut first = pin!(receiver.recv_batch_async(&mut batch, 4));
        assert!(poll(first.as_mut()).is_pending());
        let mut second = pin!(receiver.recv_async());
        assert!(poll(second.as_mut()).is_pending());
        let permits = [(); 2].map(|()| sender.try_reserve().unwrap());
        assert!(poll(first.as_mut()).is_pending());
        for (message, permit) in permits.into_iter().enumerate() {
            permit.send(message);
        }
        assert_eq!(poll(first), Poll::Ready(Ok(1)));
        assert_eq!(poll(second), Poll::Ready(Ok(1)));
    }
    assert_eq!(batch, [0]);
}

/// Its time is up between the claim and the message, which comes soon after: it was sent, so it is
/// received.
#[test]
fn a_receiver_whose_time_is_up_waits_a_moment_for_what_it_was_promised() {
    const LIMIT: Duration = Duration::from_millis(5);
    let in_time = (0..20).any(|_| {
        let (sender, receiver) = channel::rendezvous();
        let receiving = thread::spawn(move || (Instant::now(), receiver.recv_timeout(LIMIT)));
        let permit = loop {
            match sender.try_reserve() {
                Ok(permit) => break permit,
                // It has come too late for the receiver.
                Err(TrySendError::Disconnected(())) => return false,
                Err(TrySendError::Full(())) => thread::yield_now(),
            }
        };
        let reserved = Instant::now();
        while reserved.elapsed() < 2 * LIMIT {
            thread::yield_now();
        }
        permit.send(7);
        let sent = Instant::now();
        let (began, received) = receiving.join().unwrap();
        // On a busy machine this thread may have been away for longer than a receiver waits.
        let judged = sent - began < 10 * LIMIT;
        assert!(received == Ok(7) || !judged, "{received:?}");
        judged
    });
    println!("in time: {in_time}");
}

#[test]
fn a_select_that_gives_up_what_it_was_promised_tells_the_next() {
    let ((first, a), (second, b)) = (channel::bounded(1), channel::rendezvous());
    let mut select = pin!(async {
        moirai_sync::select_biased!(async { recv(a) -> n => n, recv(b) -> n => n }).await
    });
    assert!(poll(select.as_mut()).is_pending());
    let (mut next, woken) = (pin!(b.recv_async()), Arc::<Woken>::default());
    assert!(woken.poll(next.as_mut()).is_pending());
    let permit = second.try_reserve().unwrap();
    // It is woken by something else, and does not wait for the permit alone.
    assert!(poll(select.as_mut()).is_pending());
    assert_eq!(woken.times(), 1);
    first.send(1).unwrap();
    permit.send(2);
    assert_eq!(poll(select), Poll::Ready(Ok(1)));
    assert_eq!(poll(next), Poll::Ready(Ok(2)));
}

#[test]
fn a_send_waits_until_a_future_has_taken_its_message() {
    let (sender, receiver) = channel::rendezvous();
    let mut receive = pin!(receiver.recv_async());
    assert!(poll(receive.as_mut()).is_pending());
    let mut send = pin!(sender.send_async(1));
    assert!(poll(send.as_mut()).is_pending());
    assert_eq!(poll(receive.as_mut()), Poll::Ready(Ok(1)));
    assert_eq!(poll(send.as_mut()), Poll::Ready(Ok(())));
}

#[test]
fn a_send_to_a_future_that_goes_away_waits_for_another_receiver() {
    let (sender, receiver) = channel::rendezvous();
    let mut send = pin!(sender.send_async(1));
    {
        let mut dropped = pin!(receiver.recv_async());
        assert!(poll(dropped.as_mut()).is_pending());
        assert!(poll(send.as_mut()).is_pending());
    }
    assert!(poll(send.as_mut()).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(poll(send.as_mut()), Poll::Ready(Ok(())));
}

#[test]
fn a_closed_channel_ends_when_its_permits_do() {
    for sends in [true, false] {
        let (sender, receiver) = channel::rendezvous();
        let mut receive = Box::pin(receiver.recv_async());
        assert!(poll(receive.as_mut()).is_pending());
        let permit = sender.try_reserve().unwrap();
        sender.close();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let mut next = pin!(receiver.recv_async());
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(receive);
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let before = woken.0.load(Ordering::SeqCst);
        if sends {
            permit.send(1);
        } else {
            drop(permit);
        }
        assert!(woken.0.load(Ordering::SeqCst) > before);
        match (sends, poll(next)) {
            (true, Poll::Ready(Ok(1))) | (false, Poll::Ready(Err(_))) => {}
            (_, other) => panic!("{other:?}"),
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    }
}

/// It may be of the same thread, which cannot poll it while it waits for it.
#[test]
fn a_try_asks_no_select_in_a_future_for_its_message() {
    let (sender, receiver) = channel::rendezvous::<u8>();
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    let mut selecting = pin!(async {
        moirai_sync::select!(async { send(sender, 1) -> _ => {} }).await;
    });
    assert!(selecting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    // Who waits gets it.
    let mut receive = pin!(receiver.recv_async());
    assert!(poll(receive.as_mut()).is_pending());
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(selecting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    assert_eq!(poll(receive), Poll::Ready(Ok(1)));
}

#[test]
fn a_send_with_a_limit_gives_its_message_back() {
    let (sender, receiver) = channel::rendezvous();
    let result = sender.send_timeout(1, Duration::from_millis(1));
    assert_eq!(result, Err(SendTimeoutError::Timeout(1)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn close_gives_waiting_senders_their_messages_back() {
    let (sender, receiver) = channel::rendezvous();
    let woken = Arc::<Woken>::default();
    let waker = Waker::from(Arc::clone(&woken));
    let mut send = pin!(sender.send_async(1));
    assert!(send.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(receiver);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    let Poll::Ready(Err(error)) = poll(send) else { panic!("still waiting") };
    assert_eq!(error.into_inner(), 1);
}

#[test]
fn many_threads_meet_and_every_message_arrives_once() {
    let (sender, receiver) = channel::rendezvous();
    let senders: Vec<_> = (0..3)
        .map(|first| {
            let sender = sender.clone();
            thread::spawn(move || (0..50).for_each(|n| sender.send(first * 50 + n).unwrap()))
        })
        .collect();
    drop(sender);
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.iter().collect::<Vec<u32>>())
        })
        .collect();
    senders.into_iter().for_each(|thread| thread.join().unwrap());
    let mut all: Vec<_> = receivers.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, (0..150).collect::<Vec<_>>());
}
