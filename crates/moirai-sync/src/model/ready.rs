//! Models of a set, over counters whose lists it is in.

use std::task::Poll;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::prim::Arc;
use crate::strand;
use crate::waitlist::{ReadySet, WaitList};

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
}

/// As `SelectSet` does it.
fn try_ready(set: &ReadySet<'_>, counters: &[Counter; 2]) -> Option<usize> {
    while let Some(index) = set.next(0) {
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
        if let Some(index) = try_ready(set, counters) {
            return Poll::Ready(index);
        }
        set.open(cx.waker());
        match try_ready(set, counters) {
            Some(index) => {
                set.close();
                Poll::Ready(index)
            }
            None => Poll::Pending,
        }
    });
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
            set.open(std::task::Waker::noop());
        }
        let mut other = ReadySet::new();
        assert_eq!((other.add(&counters[0].list), other.add(&counters[1].list)), (0, 1));
        assert_eq!(ready(&mut other, &counters), 0);
        thread.join().unwrap();
        drop(other);
    });
}
