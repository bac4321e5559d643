//! Models of a place: its owner, a thief that takes anything, and a helper that takes of one tree only.

#![allow(unsafe_code, reason = "takes back what it has put in; it is the model")]

use std::ptr::NonNull;

use loom::sync::Arc;
use loom::thread;

use crate::sched::place::{Place, TakenBack};
use crate::sched::work::{Header, Tally, Work};

/// Puts works in, the even ones as parts of tree 1, the odd ones of tree 2, and takes back what nobody
/// has taken.
fn offer(place: &Place, tally: &Tally, works: u32) {
    for number in 0..works {
        let work = tally.work(number);
        let header: NonNull<Header> = work.as_ptr();
        place.put(work, u64::from(number % 2) + 1);
        // SAFETY: if it is still there, it is ours again, and nobody has run it.
        unsafe {
            if place.take_back(header) == TakenBack::Yes {
                Work::from_header(header).run();
            }
        }
        assert!(place.is_empty(), "who looked at it has taken it");
    }
}

/// Each work has one taker, who sees what was written before it was put in; and the helper gets none
/// of another tree, although the place had its tree when it looked.
#[test]
fn a_helper_gets_work_of_its_own_tree_only() {
    loom::model(|| {
        let (place, tally) = (Arc::new(Place::new()), Tally::default());
        let helper = thread::spawn({
            let place = Arc::clone(&place);
            move || place.take_of(1)
        });
        offer(&place, &tally, 3);
        if let Some(work) = helper.join().unwrap() {
            work.run();
            assert_eq!(tally.ran().last().unwrap() % 2, 0);
        }
        let mut ran = tally.ran();
        ran.sort_unstable();
        assert_eq!(ran, [0, 1, 2]);
    });
}

/// A helper that looks at a work and lets it be keeps it from nobody for good.
#[test]
fn what_a_helper_lets_be_is_still_taken_once() {
    loom::model(|| {
        let (place, tally) = (Arc::new(Place::new()), Tally::default());
        let taker = |take: fn(&Place) -> Option<Work>| {
            let place = Arc::clone(&place);
            thread::spawn(move || take(&place).into_iter().for_each(Work::run))
        };
        let takers = [taker(|place| place.take_of(1)), taker(Place::take)];
        offer(&place, &tally, 2);
        takers.into_iter().for_each(|taker| taker.join().unwrap());
        let mut ran = tally.ran();
        ran.sort_unstable();
        assert_eq!(ran, [0, 1]);
    });
}
