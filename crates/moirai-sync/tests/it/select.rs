//! Selects: one operation is done, whatever else is ready, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use moirai_sync::channel::{self, RecvError, SendError, TryRecvError};
use moirai_sync::{
    Select, SelectSet, select, select_biased, select_if, select_priority, select_weighted, strand,
};

use crate::woken::poll;

#[test]
fn an_arm_that_is_ready_is_taken_and_the_others_are_left() {
    let (first, a) = channel::bounded(2);
    let (second, b) = channel::bounded(2);
    first.send(1).unwrap();
    let taken = select! {
        recv(a) -> n => n.map(|_| "first"),
        recv(b) -> word => word,
    };
    assert_eq!(taken, Ok("first"));
    second.send("two").unwrap();
    second.send("three").unwrap();
    select! {
        recv(a) -> _ => panic!("nothing was sent"),
        recv(b) -> word => assert_eq!(word, Ok("two")),
    }
    assert_eq!((a.len(), b.len()), (0, 1));
}

#[test]
fn every_syntax() {
    let (sender, a) = channel::bounded(10);
    let (_keep, b) = channel::bounded::<i32>(10);
    (0..10).for_each(|n| sender.send(n).unwrap());
    let enabled = false;
    let sum = select! { recv(a) -> n => n.unwrap() }
        + select!(n = a.recv() => n.unwrap(), _ = b.recv() => 0)
        + select_biased! { recv(a) -> n => n.unwrap(), recv(b) -> n => n.unwrap() }
        + select! { biased; recv(a) -> n => n.unwrap(), default => -1 }
        + select_weighted! { weight(3) => n = a.recv() => n.unwrap(), weight(1) => recv(b) -> n => n.unwrap() }
        + select_priority! { priority(1) => n = a.recv() => n.unwrap(), priority(2) => n = b.recv() => n.unwrap() }
        + select_if! { if !enabled => n = a.recv() => n.unwrap(), if enabled => n = b.recv() => n.unwrap() }
        + select! { recv(a) -> n, if !enabled => n.unwrap(), default(Duration::from_secs(9)) => -1 }
        + strand::block_on(async {
            select!(async { recv(a) -> n => n.unwrap(), default => -1 }).await
        });
    assert_eq!(sum, (0..9).sum());
    select! {
        recv(a,) -> _, if enabled => unreachable!(),
        recv(b) -> _ => unreachable!(),
        default() => {}
    }
    assert_eq!(a.recv(), Ok(9));
    drop(sender);
    assert_eq!(select! { recv(a) -> n => n }, Err(RecvError));
}

#[test]
fn a_handle_may_be_used_moved_and_replaced_in_a_body() {
    let (sender, receiver) = channel::bounded(1);
    sender.send(1).unwrap();
    let (_keep, other) = channel::bounded::<u8>(1);
    let mut current = receiver;
    select! {
        recv(current) -> n => {
            assert_eq!(n, Ok(1));
            current = other.clone();
        }
        recv(other) -> _ => drop(other),
    }
    drop(current);
}

#[test]
fn a_biased_select_takes_the_first_only() {
    let (first, a) = channel::bounded(100);
    let (second, b) = channel::bounded(100);
    (0..100).for_each(|n| first.send(n).unwrap());
    (0..100).for_each(|n| second.send(n).unwrap());
    for n in 0..100 {
        select_biased! {
            recv(a) -> message => assert_eq!(message, Ok(n)),
            recv(b) -> _ => panic!("the second before the first"),
        }
    }
    assert_eq!(b.len(), 100);
}

#[test]
fn the_message_of_a_send_is_made_only_when_it_is_sent() {
    let (sender, receiver) = channel::bounded(1);
    let once = String::from("sent");
    select! {
        send(sender, once) -> result => assert_eq!(result, Ok(())),
    }
    select! {
        send(sender, refuse("there is no room")) -> _ => {}
        default => {}
    }
    assert_eq!(receiver.recv().as_deref(), Ok("sent"));
    // A message that cannot be made gives its place back.
    let panicked = std::panic::catch_unwind(|| {
        select! {
            send(sender, refuse("no message")) -> _ => {}
        }
    });
    assert!(panicked.is_err());
    assert_eq!(sender.try_send("room".to_owned()), Ok(()));
}

#[test]
fn a_send_into_a_closed_channel_gives_the_message_back() {
    for (sender, receiver) in [channel::bounded(1), channel::unbounded(), channel::bounded(0)] {
        drop(receiver);
        let result = select!(result = sender.send(7) => result);
        assert_eq!(result, Err(SendError(7)));
    }
}

/// The same channel in two arms, and both sides of one.
#[test]
fn a_select_may_hold_one_channel_several_times() {
    let (sender, receiver) = channel::bounded(1);
    let mut counts = [0; 4];
    for n in 0..1000 {
        select! {
            send(sender, n) -> result => { result.unwrap(); counts[0] += 1 }
            recv(receiver) -> _ => counts[1] += 1,
            send(sender, n) -> result => { result.unwrap(); counts[2] += 1 }
            recv(receiver) -> _ => counts[3] += 1,
        }
    }
    assert_eq!((counts[0] + counts[2], counts[1] + counts[3]), (500, 500));
    assert!(counts.into_iter().all(|count| count > 100), "{counts:?}");
}

/// On a rendezvous channel a select does not meet itself, waits, and meets another one.
#[test]
fn selects_meet_each_other_but_not_themselves() {
    let (sender, receiver) = channel::bounded(0);
    select! {
        send(sender, 0) -> _ => panic!("received by itself"),
        recv(receiver) -> _ => panic!("sent by itself"),
        default(Duration::from_millis(5)) => {}
    }
    let threads: Vec<_> = (1..=MEETINGS)
        .map(|me| {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            thread::spawn(move || {
                select! {
                    send(sender, me) -> result => { result.unwrap(); 0 }
                    recv(receiver) -> other => { assert_ne!(other, Ok(me)); other.unwrap() }
                }
            })
        })
        .collect();
    let met = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|other| *other > 0);
    assert_eq!(met.count(), MEETINGS / 2);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_dynamic_select_sends_and_receives() {
    let (sender, receiver) = channel::bounded(1);
    let mut select = Select::new();
    let (send, recv) = (select.send(&sender), select.recv(&receiver));
    let operation = select.select();
    assert_eq!(operation.index(), send);
    operation.send(&sender, [7_u64; 9]).unwrap();
    let operation = select.select();
    assert_eq!(operation.index(), recv);
    // Any handle of the channel will do.
    assert_eq!(operation.recv(&receiver.clone()), Ok([7; 9]));
}

#[test]
#[should_panic(expected = "not the receiver that was selected")]
fn an_operation_is_ended_at_the_channel_it_was_begun_at() {
    let (sender, receiver) = channel::bounded(1);
    let (_keep, other) = channel::bounded::<u8>(1);
    sender.send(1).unwrap();
    let mut select = Select::new();
    select.recv(&receiver);
    let _ = select.select().recv(&other);
}

/// Dropped or forgotten in the middle: an operation that sends keeps or gives back its place, and
/// memory stays sound.
#[test]
fn an_operation_that_is_not_ended_harms_nobody() {
    let (sender, receiver) = channel::bounded(2);
    let mut sending = Select::new();
    sending.send(&sender);
    drop(sending.select());
    let forgotten = std::mem::ManuallyDrop::new(sending.select());
    assert_eq!(forgotten.index(), 0);
    sender.send(Arc::new(1)).unwrap();
    assert!(sender.try_send(Arc::new(2)).is_err(), "the forgotten operation keeps its place");
    let mut select = Select::new();
    select.recv(&receiver);
    drop(select.select());
    assert!(select.try_select().is_err(), "a dropped receive has dropped its message");
    // Found again, for Miri counts what is forgotten.
    drop(std::mem::ManuallyDrop::into_inner(forgotten));
    assert!(
        (3..5).all(|n| sender.try_send(Arc::new(n)).is_ok()),
        "a dropped send gives its place back"
    );
}

#[test]
#[should_panic(expected = "without an arm that is enabled")]
fn a_select_whose_guards_all_say_no_panics_instead_of_waiting_for_ever() {
    let (_keep, receiver) = channel::bounded::<u8>(1);
    select! {
        recv(receiver) -> _, if false => {}
        recv(receiver) -> _, if receiver.is_closed() => {}
    }
}

#[test]
fn a_set_names_each_end_that_is_ready_in_turn() {
    let channels: Vec<_> = (0..70).map(|_| channel::bounded(2)).collect();
    let mut set = SelectSet::new();
    channels.iter().for_each(|(_, receiver)| assert!(set.recv(receiver) < 70));
    assert!(set.try_ready().is_err());
    for (sender, _) in &channels {
        sender.send(1).unwrap();
        sender.send(2).unwrap();
    }
    for round in 1..=2 {
        for (index, (_, receiver)) in channels.iter().enumerate() {
            assert_eq!(set.ready(), index);
            assert_eq!(receiver.try_recv(), Ok(round));
        }
    }
    assert!(set.try_ready().is_err());
    let (sender, _) = &channels[69];
    let waiting = set.send(sender);
    assert_eq!(set.try_ready(), Ok(waiting));
    sender.send(3).unwrap();
    assert_eq!(set.ready_timeout(Duration::from_secs(60)), Ok(69));
}

/// A permit outlives a close: until it has gone, a receive waits, and so does a set.
#[test]
fn a_permit_of_a_closed_channel_is_waited_for_without_spinning() {
    for (sender, receiver) in [channel::bounded(1), channel::unbounded()] {
        let permit = sender.reserve().unwrap();
        receiver.close();
        let mut set = SelectSet::new();
        let index = set.recv(&receiver);
        assert!(set.try_ready().is_err());
        select! {
            recv(receiver) -> _ => panic!("neither a message nor the end"),
            default(Duration::from_millis(5)) => {}
        }
        permit.send(7);
        assert_eq!(set.ready(), index);
        assert_eq!(select!(recv(receiver) -> n => n), Ok(7));
        assert_eq!(set.ready(), index);
        assert_eq!(select!(recv(receiver) -> n => n), Err(RecvError));
    }
}

/// Each of `N` threads sends into its own channel; a loop over a set gets everything.
#[test]
fn stress_a_set_loses_nothing() {
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..8).map(|n| if n == 0 { channel::unbounded() } else { channel::bounded(n - 1) }).unzip();
    let threads = senders
        .into_iter()
        .map(|sender| thread::spawn(move || (0..EACH).for_each(|n| sender.send(n).unwrap())));
    let threads: Vec<_> = threads.collect();
    let mut set = SelectSet::new();
    receivers.iter().for_each(|receiver| assert!(set.recv(receiver) < 8));
    let mut next = [0; 8];
    while !set.is_empty() {
        let index = set.ready();
        match receivers[index].try_recv() {
            Ok(n) => {
                assert_eq!(n, next[index]);
                next[index] += 1;
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => set.remove(index),
        }
    }
    assert_eq!(next, [EACH; 8]);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Selects held after a poll and never polled again: whatever is sent goes to the others.
#[test]
fn selects_that_are_not_polled_stop_nobody() {
    let (sender, a) = channel::bounded(1);
    let (_keep, b) = channel::bounded::<u32>(1);
    let mut held: Vec<_> = (0..3)
        .map(|_| {
            let (a, b) = (&a, &b);
            Box::pin(async move { select!(async { recv(a) -> n => n, recv(b) -> n => n }).await })
        })
        .collect();
    for future in &mut held {
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let other = a.clone();
    let thread = thread::spawn(move || other.iter().count());
    (0..100).for_each(|n| sender.send(n).unwrap());
    drop(sender);
    let got = thread.join().unwrap();
    drop(held);
    assert_eq!(got, 100);
}

/// Two selects over the same two channels, one of which is always dropped while it waits.
#[test]
fn stress_sent_equals_received_with_selects_that_give_up() {
    let (first, a) = channel::bounded(2);
    let (second, b) = channel::bounded(0);
    let received = Arc::new(AtomicUsize::new(0));
    let mut threads = Vec::new();
    for sender in [first.clone(), second.clone()] {
        threads.push(thread::spawn(move || {
            (0..EACH).for_each(|n| sender.send(n).unwrap());
        }));
    }
    for give_up in [true, false] {
        let (a, b, received) = (a.clone(), b.clone(), Arc::clone(&received));
        threads.push(thread::spawn(move || {
            while received.load(Ordering::SeqCst) < 2 * EACH {
                let got = if give_up {
                    let mut select = Box::pin(async {
                        select!(async { recv(a) -> n => n, recv(b) -> n => n }).await
                    });
                    let mut cx = Context::from_waker(Waker::noop());
                    (0..3).find_map(|_| match select.as_mut().poll(&mut cx) {
                        Poll::Ready(got) => Some(got),
                        Poll::Pending => None,
                    })
                } else {
                    select! {
                        recv(a) -> n => Some(n),
                        recv(b) -> n => Some(n),
                        default(Duration::from_millis(1)) => None,
                    }
                };
                received.fetch_add(usize::from(matches!(got, Some(Ok(_)))), Ordering::SeqCst);
            }
        }));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(received.load(Ordering::SeqCst), 2 * EACH);
}

fn refuse(why: &str) -> String {
    panic!("{why}");
}

const MEETINGS: usize = if cfg!(miri) { 4 } else { 40 };
const EACH: usize = if cfg!(miri) { 20 } else { 2000 };

/// A runtime that moves tasks between threads takes these. Fails to compile if one of them keeps a
/// shared borrow of its places while it waits.
#[test]
fn selects_in_futures_may_move_between_threads() {
    fn check<F: Future + Send>(_: F) {}
    let (sender, receiver) = channel::bounded::<u32>(1);
    check(async {
        select!(async { recv(receiver) -> _ => (), send(sender, 1) -> _ => () }).await;
    });
    check(async {
        select!(async {
            recv(receiver) -> _ => (),
            default(Duration::from_secs(1)) => (),
        })
        .await;
    });
}

#[test]
fn the_only_receiver_of_a_channel_takes_part_in_a_select() {
    let (mut one, mut from_one) = channel::spsc::bounded(2);
    let (many, mut from_many) = channel::mpsc::unbounded();
    let (other, from_other) = channel::bounded::<u64>(1);
    let threads = [
        thread::spawn(move || (0..100_u64).for_each(|n| one.send(n).unwrap())),
        thread::spawn(move || (0..100).for_each(|n| many.send(n).unwrap())),
        thread::spawn(move || (0..100).for_each(|n| other.send(n).unwrap())),
    ];
    let (mut sum, mut ends) = (0, [false; 3]);
    while ends != [true; 3] {
        let (end, message) = select! {
            recv(from_one) -> message, if !ends[0] => (0, message),
            message = from_many.recv(), if !ends[1] => (1, message),
            recv(from_other) -> message, if !ends[2] => (2, message),
        };
        match message {
            Ok(message) => sum += message,
            Err(_) => ends[end] = true,
        }
    }
    assert_eq!(sum, 3 * 4950);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // After a select, the receiver is as before.
    assert!(from_one.try_recv().is_err());
}

#[test]
fn the_only_receiver_of_a_channel_is_woken_out_of_a_select_in_a_future() {
    let (mut one, mut from_one) = channel::spsc::bounded(1);
    let (_many, mut from_many) = channel::mpsc::bounded::<u8>(1);
    let sending = thread::spawn(move || (0..100_u64).for_each(|n| one.send(n).unwrap()));
    let selecting = async move {
        let mut sum = 0;
        loop {
            select!(async {
                recv(from_one) -> n => match n {
                    Ok(n) => sum += n,
                    Err(_) => break sum,
                },
                recv(from_many) -> _ => panic!("nothing was sent"),
            })
            .await;
        }
    };
    // It may be a task of any runtime.
    fn any_thread<F: Future + Send>(future: F) -> F {
        future
    }
    assert_eq!(strand::block_on(any_thread(selecting)), 4950);
    sending.join().unwrap();
}

/// Two selects that send and receive on the same channel meet each other, and never themselves: who was
/// promised a message waits for it, though it looks before the message is made.
#[test]
fn a_select_on_both_ends_never_receives_what_it_sent() {
    let rounds = if cfg!(miri) { 50 } else { 4000 };
    let (sender, receiver) = channel::rendezvous::<u32>();
    thread::scope(|scope| {
        for me in 0..2 {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            scope.spawn(move || {
                for _ in 0..rounds {
                    select! {
                        send(sender, me) -> sent => sent.unwrap(),
                        recv(receiver) -> message => assert_ne!(message.unwrap(), me),
                    }
                }
            });
        }
    });
}

/// A message that was promised and does not come soon is not waited for without an end: the select goes
/// back to its places, and has the message once it is there.
#[test]
fn a_select_waits_for_what_it_is_promised_only_so_long() {
    let (sender, receiver) = channel::rendezvous::<u32>();
    let mut taken =
        Box::pin(async { select!(async { recv(receiver) -> message => message }).await });
    assert!(poll(taken.as_mut()).is_pending());
    let permit = sender.try_reserve().unwrap();
    assert!(poll(taken.as_mut()).is_pending(), "nothing has been sent");
    permit.send(7);
    assert_eq!(poll(taken.as_mut()), Poll::Ready(Ok(7)));
}
