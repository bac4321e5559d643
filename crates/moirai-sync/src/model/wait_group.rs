//! Models of wait groups: the last one to leave is heard, and what all have done is seen.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use super::explore;
use crate::strand;
use crate::wait_group::WaitGroup;

#[test]
fn the_wait_ends_after_the_last_member_and_sees_what_all_have_done() {
    explore(400, || {
        let group = WaitGroup::new();
        let done = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let threads = [0, 1].map(|n| {
            let (member, done) = (group.add(), Arc::clone(&done));
            thread::spawn(move || {
                // Relaxed on purpose: the group alone must order it.
                done[n].store(1, Ordering::Relaxed);
                drop(member);
            })
        });
        group.wait();
        assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A member that comes right after the last one has gone does not keep those who waited.
#[test]
fn a_moment_without_members_is_enough() {
    explore(10, || {
        let group = WaitGroup::new();
        let first = group.add();
        let mut waiting = pin!(group.wait_async());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        let thread = thread::spawn({
            let group = group.clone();
            move || {
                drop(first);
                group.add()
            }
        });
        strand::block_on(waiting);
        drop(thread.join().unwrap());
    });
}
