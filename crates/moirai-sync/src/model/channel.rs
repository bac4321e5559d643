//! Models of a channel as a whole: waiting, cancelling, closing.

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loom::thread;

use super::explore;
use crate::channel::{TryRecvError, bounded, rendezvous, spsc};
use crate::select;

#[test]
fn a_full_channel_of_one_passes_two_messages() {
    loom::model(|| {
        let (sender, receiver) = bounded(1);
        let thread = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        thread.join().unwrap();
    });
}

#[test]
fn close_wakes_a_waiting_receiver() {
    loom::model(|| {
        let (sender, receiver) = bounded::<u32>(1);
        let thread = thread::spawn(move || receiver.recv());
        drop(sender);
        assert!(thread.join().unwrap().is_err());
    });
}

#[test]
fn a_receiver_going_away_frees_a_waiting_sender() {
    loom::model(|| {
        let (sender, receiver) = bounded(1);
        sender.send(1).unwrap();
        let thread = thread::spawn(move || sender.send(2));
        drop(receiver);
        assert_eq!(thread.join().unwrap().unwrap_err().into_inner(), 2);
    });
}

/// A receive that waits and is dropped while the message comes leaves it to the other one. (Only
/// one thread pops: two that wait for a half-made push would yield to each other for ever here.)
#[test]
fn a_cancelled_receive_loses_no_message() {
    loom::model(|| {
        let (sender, receiver) = bounded(1);
        let mut cancelled = Box::pin(receiver.recv_async());
        assert!(cancelled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let other = receiver.clone();
        let receiving = thread::spawn(move || other.recv());
        let sending = thread::spawn(move || sender.send(7));
        drop(cancelled);
        assert!(sending.join().unwrap().is_ok());
        assert_eq!(receiving.join().unwrap(), Ok(7));
    });
}

/// A permit that ends while the channel is closed: the receiver sees its message, or the end.
#[test]
fn a_permit_races_close() {
    for sends in [false, true] {
        loom::model(move || {
            let (sender, receiver) = bounded(1);
            let receiving = thread::spawn(move || receiver.recv());
            let permit = sender.reserve().unwrap();
            sender.close();
            if sends {
                permit.send(7);
                assert_eq!(receiving.join().unwrap(), Ok(7));
            } else {
                drop(permit);
                assert!(receiving.join().unwrap().is_err());
            }
        });
    }
}

/// A permit that is dropped gives its place to a sender that waits.
#[test]
fn a_dropped_permit_frees_a_waiting_sender() {
    loom::model(|| {
        let (sender, receiver) = bounded(1);
        let permit = sender.reserve().unwrap();
        let other = sender.clone();
        let sending = thread::spawn(move || other.send(7));
        drop(permit);
        assert!(sending.join().unwrap().is_ok());
        assert_eq!(receiver.try_recv(), Ok(7));
    });
}

/// Two threads with an spsc channel of one: both sides wait.
#[test]
fn an_spsc_channel_of_one_passes_two_messages() {
    loom::model(|| {
        let (mut sender, mut receiver) = spsc::bounded(1);
        let thread = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        thread.join().unwrap();
    });
}

/// A rendezvous with a receive that is cancelled while the message is handed to it: it is left to
/// the next one.
#[test]
fn a_cancelled_rendezvous_leaves_its_message() {
    loom::model(|| {
        let (sender, receiver) = rendezvous();
        let mut cancelled = Box::pin(receiver.recv_async());
        assert!(cancelled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let sending = thread::spawn(move || sender.send(7));
        drop(cancelled);
        assert_eq!(receiver.recv(), Ok(7));
        assert!(sending.join().unwrap().is_ok());
    });
}

/// A rendezvous with a receiver whose time is up: either both have met, or neither has.
#[test]
fn a_rendezvous_is_met_by_both_or_by_neither() {
    loom::model(|| {
        let (sender, receiver) = rendezvous();
        let sending = thread::spawn(move || sender.send(7));
        let received = receiver.recv_timeout(Duration::from_millis(1));
        drop(receiver);
        assert_eq!(sending.join().unwrap().is_ok(), received.is_ok());
    });
}

/// The same with a future that is dropped, and the last receiver with it.
#[test]
fn a_send_to_a_future_that_goes_away_is_not_sent() {
    loom::model(|| {
        let (sender, receiver) = rendezvous();
        let mut cancelled = Box::pin(receiver.recv_async());
        assert!(cancelled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let sending = thread::spawn(move || sender.send(7));
        let got = cancelled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        drop(cancelled);
        drop(receiver);
        assert_eq!(sending.join().unwrap().is_ok(), got);
    });
}

/// A receiver that was claimed looks before its message is made: it is the one that gets it all the same.
#[test]
fn a_receiver_that_looks_too_soon_keeps_its_claim() {
    loom::model(|| {
        let (sender, receiver) = rendezvous();
        let mut receiving = Box::pin(receiver.recv_async());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
        let sending = thread::spawn(move || {
            sender.try_reserve().unwrap().send(7);
            sender
        });
        let early = receiving.as_mut().poll(&mut cx);
        let sender = sending.join().unwrap();
        if early.is_pending() {
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
            assert_eq!(receiving.as_mut().poll(&mut cx), Poll::Ready(Ok(7)));
        }
        drop(sender);
    });
}

/// A receiver is brought one message while it begins to wait, and offered the next.
#[test]
fn what_a_receiver_is_brought_comes_before_what_it_is_offered() {
    explore(30, || {
        let (sender, receiver) = rendezvous();
        let sending = thread::spawn(move || {
            let brought = sender.try_send(1).is_ok();
            sender.send(2).unwrap();
            brought
        });
        let received = receiver.recv().unwrap();
        if received == 1 {
            assert_eq!(receiver.recv(), Ok(2));
        }
        assert_eq!(sending.join().unwrap(), received == 1);
    });
}

/// A receive that does not wait, and a select that is about to: it has the message, or leaves it.
#[test]
fn a_try_gets_the_message_of_a_select_that_is_blocked() {
    explore(30, || {
        let (sender, receiver) = rendezvous();
        let selecting = thread::spawn(move || {
            select! { send(sender, 7) -> sent => sent.unwrap() }
        });
        let early = receiver.try_recv();
        if early != Ok(7) {
            assert_eq!(early, Err(TryRecvError::Empty));
            assert_eq!(receiver.recv(), Ok(7));
        }
        selecting.join().unwrap();
    });
}

/// A select that sends and one that receives, both of which have to wait for the other.
#[test]
fn a_select_that_sends_meets_one_that_receives() {
    explore(30, || {
        let (sender, receiver) = rendezvous();
        let selecting = thread::spawn(move || {
            select! { send(sender, 7) -> sent => sent.unwrap() }
        });
        assert_eq!(select! { recv(receiver) -> message => message }, Ok(7));
        selecting.join().unwrap();
    });
}

/// The same with one place between them, which both selects use: the second message waits for the first.
#[test]
fn two_selects_on_one_place_pass_two_messages() {
    explore(30, || {
        let (sender, receiver) = bounded(1);
        let selecting = thread::spawn(move || {
            for message in [1, 2] {
                select! { send(sender, message) -> sent => sent.unwrap() }
            }
        });
        for message in [1, 2] {
            assert_eq!(select! { recv(receiver) -> received => received }, Ok(message));
        }
        selecting.join().unwrap();
    });
}
