//! Models of cancel tokens: whoever is below hears of it, whenever it came, and leaves nothing.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Instant;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::cancel::{CancelReason, CancelToken};

fn cancelling(token: &CancelToken) -> thread::JoinHandle<()> {
    let token = token.clone();
    thread::spawn(move || token.cancel())
}

#[test]
fn a_child_made_meanwhile_is_cancelled_with_its_parent() {
    loom::model(|| {
        let parent = CancelToken::new();
        let thread = cancelling(&parent);
        let child = parent.child();
        let below = child.child();
        thread.join().unwrap();
        assert!(child.is_cancelled() && below.is_cancelled());
    });
}

/// The walk may hold the last pointer to a child, and to the chain above.
#[test]
fn a_child_may_go_while_its_parent_is_cancelled() {
    loom::model(|| {
        let parent = CancelToken::new();
        let (child, stays) = (parent.child(), parent.child());
        let below = child.child();
        let thread = cancelling(&parent);
        drop(child);
        drop(parent);
        drop(below);
        thread.join().unwrap();
        assert!(stays.is_cancelled());
    });
}

#[test]
fn a_wait_below_ends() {
    loom::model(|| {
        let parent = CancelToken::new();
        let child = parent.child();
        let waiting = thread::spawn(move || child.wait());
        parent.cancel();
        waiting.join().unwrap();
    });
}

/// Also for the one that comes second.
#[test]
fn whoever_has_cancelled_sees_all_below_cancelled() {
    loom::model(|| {
        let parent = CancelToken::new();
        let below = parent.child().child();
        let thread = cancelling(&parent);
        parent.cancel();
        assert!(below.is_cancelled());
        thread.join().unwrap();
    });
}

#[test]
fn what_came_before_the_cancel_is_seen_below() {
    loom::model(|| {
        let parent = CancelToken::new();
        let child = parent.child();
        let written = Arc::new(AtomicU32::new(0));
        let thread = thread::spawn({
            let written = Arc::clone(&written);
            move || {
                // Relaxed on purpose: the token alone must order it.
                written.store(1, Ordering::Relaxed);
                parent.cancel();
            }
        });
        if child.is_cancelled() {
            assert_eq!(written.load(Ordering::Relaxed), 1);
        }
        thread.join().unwrap();
    });
}

/// A future that is polled once and dropped leaves nothing, notified or not.
#[test]
fn a_dropped_wait_races_the_cancel() {
    loom::model(|| {
        let token = CancelToken::new();
        let thread = cancelling(&token);
        {
            let cancelled = pin!(token.cancelled());
            let _ = cancelled.poll(&mut Context::from_waker(Waker::noop()));
        }
        token.wait();
        thread.join().unwrap();
    });
}

/// A deadline that has passed, and nobody has noticed, against a cancel: whoever comes first gives the
/// reason, and everybody who asks from then on is told that one.
#[test]
fn the_deadline_against_a_cancel_gives_one_reason_for_ever() {
    loom::model(|| {
        let token = CancelToken::with_deadline(Instant::now());
        let asking = thread::spawn({
            let token = token.clone();
            move || token.reason()
        });
        let cancelling = cancelling(&token);
        let here = token.reason();
        let there = asking.join().unwrap();
        cancelling.join().unwrap();
        assert!(here.is_some());
        assert_eq!((here, there), (token.reason(), token.reason()));
    });
}

/// The parent is cancelled while its child's own deadline has passed: the child has one reason, and
/// nobody loses sight of it.
#[test]
fn a_deadline_below_against_a_cancel_above() {
    loom::model(|| {
        let parent = CancelToken::new();
        let child = parent.child_with_deadline(Instant::now());
        let thread = cancelling(&parent);
        let early = child.reason();
        thread.join().unwrap();
        assert_eq!(parent.reason(), Some(CancelReason::Cancelled));
        assert!(early.is_some());
        assert_eq!(child.reason(), early);
    });
}

/// Uses the token that wakes it in every way that takes a lock.
struct Meddler(CancelToken);

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        assert!(self.0.is_cancelled());
        drop(self.0.child());
        self.0.cancel();
        self.0.wait();
    }
}

/// Fails, as a deadlock, if a waker is called, or dropped, under a lock of the tree.
#[test]
fn a_waker_uses_the_tree_that_wakes_it() {
    loom::model(|| {
        let parent = CancelToken::new();
        let child = parent.child();
        let waiting = thread::spawn({
            let waker = Waker::from(Arc::new(Meddler(child.clone())));
            move || {
                let cancelled = pin!(child.cancelled());
                let _ = cancelled.poll(&mut Context::from_waker(&waker));
            }
        });
        parent.cancel();
        waiting.join().unwrap();
    });
}
