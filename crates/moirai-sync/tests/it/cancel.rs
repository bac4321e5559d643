//! Futures dropped or forgotten at any time: nothing is lost, nobody is stopped.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use moirai_sync::{channel, select, strand};

use crate::woken::Woken;

fn poll<F: Future>(future: Pin<&mut F>, woken: &Arc<Woken>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
}

#[test]
fn a_forgotten_notified_receive_stops_no_other() {
    let (sender, receiver) = channel::bounded(4);
    let woken = [(); 3].map(|()| Arc::<Woken>::default());
    let (mut forgotten, mut second, mut third) =
        (pin!(receiver.recv_async()), pin!(receiver.recv_async()), pin!(receiver.recv_async()));
    assert!(poll(forgotten.as_mut(), &woken[0]).is_pending());
    assert!(poll(second.as_mut(), &woken[1]).is_pending());
    assert!(poll(third.as_mut(), &woken[2]).is_pending());
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(woken[0].0.load(Ordering::SeqCst), 1);
    // The second takes the message that the forgotten one was woken for, and passes its own on.
    assert_eq!(poll(second.as_mut(), &woken[1]), Poll::Ready(Ok(1)));
    assert_eq!(woken[2].0.load(Ordering::SeqCst), 1);
    assert_eq!(poll(third.as_mut(), &woken[2]), Poll::Ready(Ok(2)));
}

#[test]
fn a_forgotten_notified_send_stops_no_other() {
    let (sender, receiver) = channel::bounded(2);
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    let woken = [(); 3].map(|()| Arc::<Woken>::default());
    let (mut forgotten, mut second, mut third) =
        (pin!(sender.send_async(3)), pin!(sender.send_async(4)), pin!(sender.send_async(5)));
    assert!(poll(forgotten.as_mut(), &woken[0]).is_pending());
    assert!(poll(second.as_mut(), &woken[1]).is_pending());
    assert!(poll(third.as_mut(), &woken[2]).is_pending());
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
    assert_eq!(poll(second.as_mut(), &woken[1]), Poll::Ready(Ok(())));
    assert_eq!(woken[2].0.load(Ordering::SeqCst), 1);
    assert_eq!(poll(third.as_mut(), &woken[2]), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn a_dropped_send_drops_its_message_and_passes_its_turn_on() {
    let (sender, receiver) = channel::bounded(1);
    let first = Arc::new(1);
    sender.send(Arc::new(0)).unwrap();
    let woken = [(); 2].map(|()| Arc::<Woken>::default());
    let mut next = pin!(sender.send_async(Arc::new(2)));
    {
        let mut dropped = pin!(sender.send_async(Arc::clone(&first)));
        assert!(poll(dropped.as_mut(), &woken[0]).is_pending());
        assert!(poll(next.as_mut(), &woken[1]).is_pending());
        assert_eq!(receiver.recv().as_deref(), Ok(&0));
        assert_eq!(woken[1].0.load(Ordering::SeqCst), 0);
    }
    assert_eq!(Arc::strong_count(&first), 1);
    assert_eq!(woken[1].0.load(Ordering::SeqCst), 1);
    assert_eq!(poll(next, &woken[1]), Poll::Ready(Ok(())));
    assert_eq!(receiver.recv().as_deref(), Ok(&2));
}

/// Receives that are cancelled at random: what was sent is what was received and what is queued.
#[test]
fn stress_sent_equals_received_with_random_cancels() {
    let seed = Instant::now().elapsed().subsec_nanos() as u64 ^ u64::from(std::process::id());
    println!("seed {seed}");
    let (start, mut sent, mut received, mut cancelled) = (Instant::now(), 0_u64, 0_u64, 0_u64);
    let mut random = seed | 1;
    let (sender, receiver) = channel::bounded(3);
    while start.elapsed() < Duration::from_millis(200) {
        let sending = std::thread::spawn({
            let sender = sender.clone();
            move || (0..50).for_each(|i| sender.send(i).unwrap())
        });
        sent += 50;
        while !sending.is_finished() || !receiver.is_empty() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let woken = Arc::<Woken>::default();
            let mut receive = pin!(receiver.recv_async());
            match poll(receive.as_mut(), &woken) {
                Poll::Ready(message) => received += u64::from(message.is_ok()),
                Poll::Pending if random.is_multiple_of(3) => {
                    if receiver.recv_timeout(Duration::from_micros(50)).is_ok() {
                        received += 1;
                    }
                }
                Poll::Pending => cancelled += 1,
            }
        }
        sending.join().unwrap();
    }
    assert_eq!(sent, received + receiver.len() as u64);
    println!("{sent} sent, {cancelled} receives cancelled");
}

/// Polls `future` so many times at most, and drops it.
fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let (mut future, woken) = (pin!(future), Arc::<Woken>::default());
    (0..polls).find_map(|_| match poll(future.as_mut(), &woken) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

#[test]
fn whoever_is_dropped_after_any_poll_has_returned_its_message_or_left_it() {
    for polls in 0..4 {
        for (sender, receiver) in [channel::bounded(1), channel::unbounded()] {
            sender.send(1).unwrap();
            let received = polled(receiver.recv_async(), polls).is_some();
            assert_eq!(receiver.len(), usize::from(!received), "a receive, {polls}");
        }
        for make in [|| channel::bounded(1), channel::unbounded] {
            let ((first, a), (second, b)) = (make(), make());
            first.send(1).unwrap();
            second.send(2).unwrap();
            let select = async { select!(async { recv(a) -> n => n, recv(b) -> n => n }).await };
            let received = polled(select, polls).is_some();
            assert_eq!(a.len() + b.len(), 2 - usize::from(received), "a select, {polls}");
        }
        let (mut sender, mut receiver) = channel::spsc::unbounded();
        sender.send(1).unwrap();
        let received = polled(receiver.recv_async(), polls).is_some();
        assert_eq!(receiver.len(), usize::from(!received), "an only receiver's receive, {polls}");
    }
}

#[test]
fn a_wait_nested_in_a_poll_does_not_swallow_the_outer_wake_up() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    let (inner_sender, inner) = channel::bounded::<u8>(1);
    let mut polls = 0;
    let result = strand::wait(None, |cx| {
        polls += 1;
        if polls == 1 {
            // The outer wake-up comes while the inner wait parks the same thread.
            cx.waker().wake_by_ref();
            let inner_sender = inner_sender.clone();
            let thread = std::thread::spawn(move || inner_sender.send(1));
            assert_eq!(inner.recv(), Ok(1));
            thread.join().unwrap().unwrap();
            sender.send(2).unwrap();
            return Poll::Pending;
        }
        Poll::Ready(receiver.try_recv())
    });
    assert_eq!((result, polls), (Some(Ok(2)), 2));
}
