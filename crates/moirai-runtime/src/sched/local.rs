//! The queue of one worker as its owner sees it: a next-task slot before the ring.
//!
//! A task that the running one has just woken goes into the slot and runs next, while its data is
//! warm; nobody is woken for it. What it displaces goes to the back of the ring. Others take it only
//! if its owner seems stuck, so the owner empties the slot into the ring before it blocks, and after
//! [`NEXT_STREAK_MAX`] runs in a row from the slot the ring gets its turn.

use std::cell::Cell;
use std::fmt;

use moirai_sync::__prim::Arc;
use moirai_sync::CachePadded;

use super::deque::{self, Local, Stealer};
use super::slot::Slot;
use super::work::{Chain, Work};

pub(crate) struct LocalQueue {
    next: Arc<CachePadded<Slot>>,
    /// Runs from the slot since the last one from the ring.
    streak: Cell<u32>,
    ring: Local<Work>,
}

/// The queue as everybody else sees it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) ring: Stealer<Work>,
    pub(crate) next: Arc<CachePadded<Slot>>,
}

/// Where pushed work went.
#[derive(Debug)]
#[must_use]
pub(crate) enum Pushed {
    /// Into the empty slot, where it runs next, or nowhere.
    Next,
    /// Something is in the ring that others may take.
    Ring,
    /// The ring was full: this is for the injector.
    Overflow(Chain),
}

impl LocalQueue {
    /// An empty queue.
    pub(crate) fn new() -> Self {
        let next = Arc::new(CachePadded::new(Slot::new()));
        Self { next, streak: Cell::new(0), ring: deque::ring().0 }
    }

    /// What others see of it.
    pub(crate) fn shared(&self) -> Shared {
        Shared { ring: self.ring.stealer(), next: Arc::clone(&self.next) }
    }

    /// Runs `work` next; what was to run next goes to the back.
    #[inline]
    pub(crate) fn push_next(&self, work: Work) -> Pushed {
        match self.next.put(work) {
            None => Pushed::Next,
            Some(displaced) => self.push_back(displaced),
        }
    }

    #[inline]
    pub(crate) fn push_back(&self, work: Work) -> Pushed {
        match self.ring.push(work) {
            Ok(()) => Pushed::Ring,
            Err(overflow) => Pushed::Overflow(overflow.collect()),
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Work> {
        let streak = self.streak.get();
        if streak < NEXT_STREAK_MAX
            && let Some(work) = self.next.take()
        {
            self.streak.set(streak + 1);
            return Some(work);
        }
        self.streak.set(0);
        self.ring.pop().or_else(|| self.next.take())
    }

    /// Puts what is in the slot where others reach it.
    pub(crate) fn share_next(&self) -> Pushed {
        match self.next.take() {
            None => Pushed::Next,
            Some(work) => self.push_back(work),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.next.is_empty()
    }

    pub(crate) fn ring(&self) -> &Local<Work> {
        &self.ring
    }
}

impl fmt::Debug for LocalQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalQueue").field("ring", &self.ring).finish_non_exhaustive()
    }
}

/// So often in a row the slot goes before the ring: two tasks that wake each other keep a core
/// warm, and starve nobody.
pub(crate) const NEXT_STREAK_MAX: u32 = 3;

#[cfg(all(test, not(moirai_loom)))]
mod tests {
    use super::*;
    use crate::sched::deque::{self, RING_CAPACITY};
    use crate::sched::work::Tally;

    fn queue() -> (LocalQueue, Tally) {
        (LocalQueue::new(), Tally::default())
    }

    fn run(work: Option<Work>) {
        work.into_iter().for_each(Work::run);
    }

    #[test]
    fn what_was_woken_last_runs_first_and_displaces_what_was_before() {
        let (queue, tally) = queue();
        assert!(matches!(queue.push_next(tally.work(1)), Pushed::Next));
        assert!(matches!(queue.push_next(tally.work(2)), Pushed::Ring));
        run(queue.pop());
        run(queue.pop());
        assert_eq!(tally.ran(), [2, 1]);
        assert!(queue.pop().is_none());
    }

    #[test]
    fn the_ring_gets_its_turn_after_a_streak_from_the_slot() {
        let (queue, tally) = queue();
        assert!(matches!(queue.push_back(tally.work(0)), Pushed::Ring));
        for n in 1..=NEXT_STREAK_MAX + 1 {
            assert!(matches!(queue.push_next(tally.work(n)), Pushed::Next));
            run(queue.pop());
            if n > NEXT_STREAK_MAX {
                run(queue.pop());
            }
        }
        assert_eq!(tally.ran(), [1, 2, 3, 0, 4]);
    }

    #[test]
    fn a_full_ring_gives_half_of_itself_back_in_order() {
        let (queue, tally) = queue();
        for n in 0..RING_CAPACITY as u32 {
            assert!(matches!(queue.push_back(tally.work(n)), Pushed::Ring));
        }
        let Pushed::Overflow(mut overflow) = queue.push_back(tally.work(RING_CAPACITY as u32))
        else {
            panic!("it took one more than it holds");
        };
        assert_eq!(overflow.len(), RING_CAPACITY / 2 + 1);
        while let Some(work) = overflow.pop() {
            work.run();
        }
        while let Some(work) = queue.pop() {
            work.run();
        }
        let half = RING_CAPACITY as u32 / 2;
        let expected = (0..half).chain([half * 2]).chain(half..half * 2);
        assert!(tally.ran().into_iter().eq(expected));
    }

    #[test]
    fn a_thief_takes_half_of_the_ring_and_never_the_slot() {
        let (victim, tally) = queue();
        let stealer = victim.shared().ring;
        let (thief, _) = deque::ring();
        for n in 0..5 {
            assert!(matches!(victim.push_back(tally.work(n)), Pushed::Ring));
        }
        assert!(matches!(victim.push_next(tally.work(9)), Pushed::Next));
        let steal = || stealer.steal(&thief, |len| len.div_ceil(2)).ok();
        run(steal());
        assert_eq!((tally.ran(), thief.len(), stealer.len()), (vec![0], 2, 2));
        while let Some(work) = thief.pop().or_else(steal) {
            work.run();
        }
        assert_eq!(tally.ran(), [0, 1, 2, 3, 4]);
        run(victim.pop());
        assert_eq!(tally.ran().last(), Some(&9));
    }

    #[test]
    fn the_owner_and_two_thieves_take_each_work_once() {
        let count = if cfg!(miri) { 40 } else { 20_000 };
        let (owner, tally) = queue();
        let stealer = owner.shared().ring;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let (own, _) = deque::ring();
                    while tally.ran().len() < count as usize {
                        let steal = || stealer.steal(&own, |len| len.div_ceil(2)).ok();
                        run(own.pop().or_else(steal));
                        std::thread::yield_now();
                    }
                });
            }
            for n in 0..count {
                if let Pushed::Overflow(mut overflow) = owner.push_back(tally.work(n)) {
                    while let Some(work) = overflow.pop() {
                        work.run();
                    }
                }
                if n % 3 == 0 {
                    run(owner.pop());
                }
            }
            while let Some(work) = owner.pop() {
                work.run();
            }
        });
        let mut ran = tally.ran();
        ran.sort_unstable();
        assert!(ran.into_iter().eq(0..count));
    }
}
