//! Model of the slots of what a worker keeps: an owner that fills, replaces and takes, against a thief.

use loom::sync::Arc;
use loom::thread;

use crate::sched::slot::Slot;
use crate::sched::work::{Tally, Work};

/// Each work has one taker, which sees what was written before it was put in.
#[test]
fn the_owner_and_a_thief_take_each_work_once() {
    loom::model(|| {
        let (slot, tally) = (Arc::new(Slot::new()), Tally::default());
        let thief = thread::spawn({
            let slot = Arc::clone(&slot);
            move || (0..2).filter_map(|_| slot.take()).for_each(Work::run)
        });
        let displaced = (0..3).filter_map(|n| slot.put(tally.work(n)));
        displaced.for_each(Work::run);
        slot.take().into_iter().for_each(Work::run);
        thief.join().unwrap();
        slot.take().into_iter().for_each(Work::run);
        let mut ran = tally.ran();
        ran.sort_unstable();
        assert_eq!(ran, [0, 1, 2]);
    });
}
