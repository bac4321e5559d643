//! Models of the ring: every item is taken once, by somebody, and dropped once.

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use moirai_sync::__prim::Arc;

use crate::sched::deque::{Local, Missed, RING_CAPACITY, Stealer, ring_at};

/// A number on the heap: a model sees whether it is read after it was freed, or never freed.
type Item = Box<u32>;

fn half(len: usize) -> usize {
    len.div_ceil(2)
}

fn drain(local: &Local<Item>, seen: &mut Vec<u32>) {
    while let Some(item) = local.pop() {
        seen.push(*item);
    }
}

/// Steals once into a ring of its own; returns all it got.
fn thief(stealer: Stealer<Item>) -> thread::JoinHandle<Vec<u32>> {
    thread::spawn(move || {
        let (mine, _) = ring_at(0);
        let mut seen: Vec<u32> = stealer.steal(&mine, half).into_iter().map(|item| *item).collect();
        drain(&mine, &mut seen);
        seen
    })
}

#[track_caller]
fn each_once(mut seen: Vec<u32>, all: u32) {
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..all), "{seen:?} of {all}");
}

/// The owner pushes, more than fits if asked to, and pops, while `thieves` steal once each;
/// positions wrap.
fn owner_and_thieves(thieves: usize, pushes: u32) {
    loom::model(move || {
        let (local, stealer) = ring_at(u32::MAX - 1);
        let thieves: Vec<_> = (0..thieves).map(|_| thief(stealer.clone())).collect();
        let mut seen = Vec::new();
        for n in 0..pushes {
            if let Err(overflow) = local.push(Box::new(n)) {
                seen.extend(overflow.map(|item| *item));
            }
        }
        drain(&local, &mut seen);
        thieves.into_iter().for_each(|thief| seen.extend(thief.join().unwrap()));
        drain(&local, &mut seen);
        each_once(seen, pushes);
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

/// Three items are there before the thieves come; the owner pops one and pushes two over the place
/// where positions wrap, into slots that a thief may still be reading.
#[test]
fn two_thieves_take_half_while_the_owner_wraps_around() {
    loom::model(|| {
        let (local, stealer) = ring_at(u32::MAX - 1);
        (0..3).for_each(|n| local.push(Box::new(n)).unwrap());
        let thieves = [thief(stealer.clone()), thief(stealer)];
        let mut seen: Vec<u32> = local.pop().into_iter().map(|item| *item).collect();
        for n in 3..5 {
            if let Err(overflow) = local.push(Box::new(n)) {
                seen.extend(overflow.map(|item| *item));
            }
        }
        thieves.into_iter().for_each(|thief| seen.extend(thief.join().unwrap()));
        drain(&local, &mut seen);
        each_once(seen, 5);
    });
}

/// The ring is full when a thief takes one and the owner gives half away: one of them gets the
/// oldest.
#[test]
fn a_single_theft_races_an_overflow() {
    loom::model(|| {
        let (local, stealer) = ring_at(u32::MAX - 2);
        let all = RING_CAPACITY as u32;
        (0..all).for_each(|n| local.push(Box::new(n)).unwrap());
        let thief = thread::spawn(move || stealer.steal_one().map(|item| *item));
        let mut seen = Vec::new();
        if let Err(overflow) = local.push(Box::new(all)) {
            seen.extend(overflow.map(|item| *item));
        }
        match thief.join().unwrap() {
            Ok(item) => seen.push(item),
            Err(missed) => assert_eq!(missed, Missed::Busy, "the ring was never empty"),
        }
        drain(&local, &mut seen);
        each_once(seen, all + 1);
    });
}

/// Counts its drops.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The ends go on two threads, one of which steals first: every item is dropped once.
#[test]
fn the_last_end_drops_what_is_left() {
    loom::model(|| {
        let drops = Arc::new(AtomicU32::new(0));
        let (local, stealer) = ring_at(0);
        for _ in 0..3 {
            assert!(local.push(Dropped(Arc::clone(&drops))).is_ok());
        }
        let thief = thread::spawn(move || drop(stealer.steal_one()));
        drop(local);
        thief.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 3);
    });
}
