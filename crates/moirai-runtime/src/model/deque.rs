//! Models of the ring: every piece of work is taken once, by somebody.

use loom::thread;

use crate::sched::deque::{Local, RING_CAPACITY, ring_at};
use crate::sched::work::Tally;

fn drain(local: &Local) {
    while let Some(work) = local.pop() {
        work.run();
    }
}

/// The owner pushes more than fits and pops, while `thieves` steal once each; positions wrap.
fn owner_and_thieves(thieves: usize, pushes: u32) {
    loom::model(move || {
        let tally = Tally::default();
        let (local, stealer) = ring_at(u32::MAX - 1);
        let thieves: Vec<_> = (0..thieves)
            .map(|_| {
                let stealer = stealer.clone();
                thread::spawn(move || {
                    let (mine, _) = ring_at(0);
                    if let Some(work) = stealer.steal_half(&mine) {
                        work.run();
                    }
                    drain(&mine);
                })
            })
            .collect();
        for i in 0..pushes {
            if let Err(mut overflow) = local.push(tally.work(i)) {
                while let Some(work) = overflow.pop() {
                    work.run();
                }
            }
        }
        drain(&local);
        thieves.into_iter().for_each(|thief| thief.join().unwrap());
        drain(&local);
        let mut ran = tally.ran();
        ran.sort_unstable();
        assert!(ran.into_iter().eq(0..pushes));
    });
}

#[test]
fn a_thief_and_the_owner_share_the_ring() {
    owner_and_thieves(1, 3);
}

#[test]
fn a_full_ring_overflows_while_a_thief_is_at_it() {
    owner_and_thieves(1, RING_CAPACITY as u32 + 2);
}

#[test]
fn two_thieves_and_the_owner_share_the_ring() {
    owner_and_thieves(2, 2);
}
