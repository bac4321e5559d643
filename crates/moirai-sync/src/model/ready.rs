//! Models of a set, over counters whose lists it is in.

use std::pin::pin;
use std::task::{Poll, Waker};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::prim::Arc;
use crate::strand;
use crate::waitlist::{Finished, ReadySet, WaitList, Waiter};

struct Counter {
    // Relaxed on purpose: the fences of the wait list alone must make the wake-up safe.
    count: AtomicU32,
    list: WaitList,
}

impl Counter {
    fn release(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.list.notify_one();
    }

    fn is_ready(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn try_acquire(&self) -> bool {
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1))
            .is_ok()
    }

    /// As a receive does it.
    fn acquire(&self) {
        let waiter = pin!(Waiter::new(&self.list));
        strand::wait(None, |cx| {
            if !self.try_acquire() {
                waiter.as_ref().register(cx.waker());
                if !self.try_acquire() {
                    return Poll::Pending;
                }
            }
            if waiter.as_ref().finish() == Finished::Waited && self.is_ready() {
                self.list.notify_one();
            }
            Poll::Ready(())
        });
    }
}

/// As `SelectSet` does it.
fn find_ready(set: &ReadySet<'_>, counters: &[Counter; 2], from: usize) -> Option<usize> {
    while let Some(index) = set.next(from) {
        if !counters[index].is_ready() {
            set.arm(index);
            if !counters[index].is_ready() {
                continue;
            }
            set.mark(index);
        }
        return Some(index);
    }
    None
}

fn ready(set: &mut ReadySet<'_>, counters: &[Counter; 2]) -> usize {
    let index = strand::wait(None, |cx| {
        set.close();
        if let Some(index) = find_ready(set, counters, 0) {
            return Poll::Ready(index);
        }
        set.open(cx.waker());
        match find_ready(set, counters, 0) {
            Some(index) => {
                set.close();
                Poll::Ready(index)
            }
            None => Poll::Pending,
        }
    });
    set.go_for(index.unwrap());
    index.unwrap()
}

fn counters() -> Arc<[Counter; 2]> {
    Arc::new([(); 2].map(|()| Counter { count: AtomicU32::new(0), list: WaitList::new() }))
}

fn release(counters: &Arc<[Counter; 2]>, which: &'static [usize]) -> thread::JoinHandle<()> {
    let counters = Arc::clone(counters);
    thread::spawn(move || which.iter().for_each(|&index| counters[index].release()))
}

/// Two releases of one member: the second comes while the bit may be set, being cleared, or the set
/// asleep.
#[test]
fn every_release_of_a_member_is_found() {
    loom::model(|| {
        let counters = counters();
        let thread = release(&counters, &[0, 0]);
        {
            let mut set = ReadySet::new();
            assert_eq!((set.add(&counters[0].list), set.add(&counters[1].list)), (0, 1));
            for _ in 0..2 {
                assert_eq!(ready(&mut set, &counters), 0);
                counters[0].count.fetch_sub(1, Ordering::Relaxed);
            }
        }
        thread.join().unwrap();
    });
}

#[test]
fn two_members_that_become_ready_at_once_are_both_found() {
    loom::model(|| {
        let counters = counters();
        let threads = [release(&counters, &[0]), release(&counters, &[1])];
        {
            let mut set = ReadySet::new();
            assert_eq!((set.add(&counters[0].list), set.add(&counters[1].list)), (0, 1));
            for _ in 0..2 {
                let index = ready(&mut set, &counters);
                counters[index].count.fetch_sub(1, Ordering::Relaxed);
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(!counters[0].is_ready() && !counters[1].is_ready());
    });
}

/// A set that goes away while it is told passes the word on.
#[test]
fn a_set_that_goes_away_takes_no_wake_up_with_it() {
    loom::model(|| {
        let counters = counters();
        let thread = release(&counters, &[0]);
        {
            let mut set = ReadySet::new();
            set.add(&counters[0].list);
            set.arm(0);
            set.open(Waker::noop());
        }
        let mut other = ReadySet::new();
        assert_eq!((other.add(&counters[0].list), other.add(&counters[1].list)), (0, 1));
        assert_eq!(ready(&mut other, &counters), 0);
        thread.join().unwrap();
        drop(other);
    });
}

/// A set that is awake, told of one member, stops nobody at another, nor one that comes after.
#[test]
fn a_set_that_was_told_passes_the_next_notification_on() {
    loom::model(|| {
        let counters = counters();
        let mut set = ReadySet::new();
        assert_eq!((set.add(&counters[0].list), set.add(&counters[1].list)), (0, 1));
        (0..2).for_each(|index| set.arm(index));
        set.open(Waker::noop());
        counters[0].release(); // wins the set
        let plain = {
            let counters = Arc::clone(&counters);
            thread::spawn(move || counters[1].acquire())
        };
        counters[1].release();
        plain.join().unwrap();
        drop(set);
    });
}

/// It is told of the first member, and goes for the second: the first one's is for whoever waits there.
#[test]
fn a_set_that_goes_for_another_member_passes_its_baton_on() {
    loom::model(|| {
        let counters = counters();
        let plain = {
            let counters = Arc::clone(&counters);
            thread::spawn(move || counters[0].acquire())
        };
        let mut set = ReadySet::new();
        assert_eq!((set.add(&counters[0].list), set.add(&counters[1].list)), (0, 1));
        (0..2).for_each(|index| set.arm(index));
        set.open(Waker::noop());
        let thread = release(&counters, &[0]);
        counters[1].release();
        set.close();
        assert_eq!(find_ready(&set, &counters, 1), Some(1));
        set.go_for(1);
        // The set is held, and asked no more.
        plain.join().unwrap();
        thread.join().unwrap();
        drop(set);
    });
}

/// A wait that ends without a member, while the set is told, passes the word on.
#[test]
fn a_wait_of_a_set_that_ends_passes_its_baton_on() {
    loom::model(|| {
        let counters = counters();
        let plain = {
            let counters = Arc::clone(&counters);
            thread::spawn(move || counters[0].acquire())
        };
        let thread = release(&counters, &[0]);
        let mut set = ReadySet::new();
        assert_eq!((set.add(&counters[0].list), set.add(&counters[1].list)), (0, 1));
        (0..2).for_each(|index| set.arm(index));
        set.open(Waker::noop());
        set.leave();
        plain.join().unwrap();
        thread.join().unwrap();
        drop(set);
    });
}
