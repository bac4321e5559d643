//! The queue of one worker as its owner sees it: a ring, and two slots whose work its owner means to
//! run itself.
//!
//! ```text
//!   push_next ─► next ─► pop        at most NEXT_STREAK_MAX times before the ring has its turn
//!                  │ displaced
//!                  ▼
//!   push_back ─► ring ─► pop        others steal from it
//!
//!   push_again ─► again ─► pop      before the ring, for that was empty when it came
//!
//!   hand_over ─► handed ─► take_handed
//!
//!   await_next: next is awaited; stay ─► staying ─► take_staying
//! ```
//!
//! A task that the running one has just woken goes into `next` and runs next, while its data is warm.
//! One whose [budget](moirai_sync::coop) is used up goes into `again`, where nothing else is queued:
//! it has run for a few microseconds, and the only one that it kept from running is in `next`. So two
//! tasks that send to each other stay on one core; in the ring an idle worker would take one of them
//! each time, and both would work at the pace at which a core fetches what the other has written.
//!
//! Nobody is woken for what is in a slot, and others take it only if the owner seems stuck: so the
//! owner moves both to the ring before it blocks.
//!
//! What waits for a task that has ended is handed over, where nothing is queued: it is there from the task's
//! very end to the next thing that the owner does, so nobody else need reach it, and it is running from the
//! moment that it is woken. What was handed over hands nothing over, so that every second run at least comes
//! by way of the search for work, which lets others have their turn.
//!
//! What waits for the task in `next`, and for nothing else, stays: nobody is told to wake it, and the owner
//! comes back to it as soon as that task has run. It is running by its state meanwhile, where nobody else
//! reaches it, and nobody would: it has no waker. If the owner is to block before, it is queued.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use moirai_sync::__prim::Arc;
use moirai_sync::CachePadded;

use super::deque::{self, Local, Stealer};
use super::slot::Slot;
use super::work::{Header, Work};

pub(crate) struct LocalQueue {
    kept: Arc<CachePadded<Kept>>,
    /// Runs from the slot since the last one from the ring.
    streak: Cell<u32>,
    /// What may come of the work that runs.
    follows: Cell<Follows>,
    /// What it has handed over.
    handed: Cell<Option<Handed>>,
    /// The address of what the running work waits for, which was in `next`.
    awaited: Cell<Option<NonZeroUsize>>,
    /// What has waited for it, and has paused.
    staying: Cell<Option<Staying>>,
    ring: Local<Work>,
}

/// The queue as everybody else sees it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) ring: Stealer<Work>,
    pub(crate) kept: Arc<CachePadded<Kept>>,
}

/// What a worker keeps for itself.
#[derive(Debug)]
pub(crate) struct Kept {
    next: Slot,
    again: Slot,
}

impl Kept {
    fn new() -> Self {
        Self { next: Slot::new(), again: Slot::new() }
    }

    /// Takes what is to run first.
    pub(crate) fn take(&self) -> Option<Work> {
        self.next.take().or_else(|| self.again.take())
    }

    /// To all but the owner, a hint.
    pub(crate) fn is_empty(&self) -> bool {
        self.next.is_empty() && self.again.is_empty()
    }
}

/// Work that is running by its state, and how to run it.
pub(crate) struct Handed {
    pub(crate) work: Work,
    pub(crate) run: fn(Work),
}

/// Work that is running by its state and has paused, how to go on with it, and how to make it a queue's.
pub(crate) struct Staying {
    pub(crate) work: Work,
    pub(crate) go_on: fn(Work),
    pub(crate) to_queue: fn(Work) -> Work,
}

impl Staying {
    /// It does not stay after all.
    pub(crate) fn into_queued(self) -> Work {
        (self.to_queue)(self.work)
    }
}

/// When to come back to what stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Once what it waits for has run.
    Awaited,
    /// At once: it waits for more, or was woken meanwhile.
    Now,
}

/// What may follow a run without a search for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// What it hands over, or what it waits for.
    Any,
    /// What it waits for.
    Awaited,
    Nothing,
}

/// Where pushed work went.
#[derive(Debug)]
#[must_use]
pub(crate) enum Pushed {
    /// Into a slot, or nowhere.
    Kept,
    /// Something is in the ring that others may take.
    Ring,
    /// The ring was full: this is for the injector.
    Overflow(Vec<Work>),
}

impl LocalQueue {
    /// An empty queue.
    pub(crate) fn new() -> Self {
        let kept = Arc::new(CachePadded::new(Kept::new()));
        Self {
            kept,
            streak: Cell::new(0),
            follows: Cell::new(Follows::Nothing),
            handed: Cell::new(None),
            awaited: Cell::new(None),
            staying: Cell::new(None),
            ring: deque::ring().0,
        }
    }

    /// What others see of it.
    pub(crate) fn shared(&self) -> Shared {
        Shared { ring: self.ring.stealer(), kept: Arc::clone(&self.kept) }
    }

    /// Runs `work` next; what was to run next goes to the back.
    #[inline(always)]
    pub(crate) fn push_next(&self, work: Work) -> Pushed {
        match self.kept.next.put(work) {
            None => Pushed::Kept,
            Some(displaced) => self.push_back(displaced),
        }
    }

    /// Whether the work that runs next may have something follow it at once.
    #[inline]
    pub(crate) fn begin_run(&self, follows: Follows) {
        self.follows.set(follows);
        self.awaited.set(None);
    }

    /// Whether what runs now may hand something over: nothing else is to run before.
    #[inline]
    pub(crate) fn takes_over(&self) -> bool {
        self.follows.get() == Follows::Any && self.ring.is_empty() && self.kept.next.is_empty()
    }

    /// Runs `handed` as soon as the running work has ended, which is about to.
    #[inline]
    pub(crate) fn hand_over(&self, handed: Handed) {
        self.handed.set(Some(handed));
    }

    /// What the work that has just ended has handed over.
    #[inline]
    pub(crate) fn take_handed(&self) -> Option<Handed> {
        self.handed.take()
    }

    /// What runs now waits for `work`, and may stay if that is to run next.
    #[inline]
    pub(crate) fn await_next(&self, work: NonNull<Header>) -> bool {
        let is_next = self.follows.get() != Follows::Nothing
            && self.kept.next.holds(work.addr())
            && self.ring.is_empty();
        if is_next {
            self.awaited.set(Some(work.addr()));
        }
        is_next
    }

    /// Whether what runs now waits for what runs next.
    #[inline]
    pub(crate) fn is_awaiting(&self) -> bool {
        self.awaited.get().is_some()
    }

    /// Comes back to `staying`, which has just paused.
    #[inline]
    pub(crate) fn stay(&self, staying: Staying, until: Until) {
        if until == Until::Now {
            self.awaited.set(None);
        }
        self.staying.set(Some(staying));
    }

    /// What is awaited, if it is still to run next.
    #[inline]
    pub(crate) fn take_awaited(&self) -> Option<Work> {
        let awaited = self.awaited.take()?;
        if self.kept.next.holds(awaited) { self.kept.next.take() } else { None }
    }

    /// What has stayed, unless it was queued since.
    #[inline]
    pub(crate) fn take_staying(&self) -> Option<Staying> {
        self.staying.take()
    }

    /// Runs `work` after all that is queued.
    #[inline]
    pub(crate) fn push_again(&self, work: Work) -> Pushed {
        if !self.ring.is_empty() {
            return self.push_back(work);
        }
        match self.kept.again.put(work) {
            None => Pushed::Kept,
            // Nothing is before that one but what is in `next`, and that may be nothing.
            Some(earlier) if self.kept.next.is_empty() => self.push_next(earlier),
            Some(earlier) => self.push_back(earlier),
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
            && let Some(work) = self.kept.next.take()
        {
            self.streak.set(streak + 1);
            return Some(work);
        }
        self.streak.set(0);
        let first = self.kept.again.take().or_else(|| self.ring.pop());
        first.or_else(|| self.kept.next.take())
    }

    /// Puts what is in the slots, and what stays, where others reach it.
    pub(crate) fn share_kept(&self) -> Pushed {
        let mut pushed = Pushed::Kept;
        let queued = || self.take_staying().map(Staying::into_queued);
        while let Some(work) = self.kept.take().or_else(queued) {
            pushed = match (pushed, self.push_back(work)) {
                (Pushed::Overflow(mut first), Pushed::Overflow(more)) => {
                    first.extend(more);
                    Pushed::Overflow(first)
                }
                (Pushed::Overflow(first), _) => Pushed::Overflow(first),
                (_, last) => last,
            };
        }
        pushed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.kept.is_empty()
    }

    /// Whether there is work in a slot.
    pub(crate) fn keeps_some(&self) -> bool {
        !self.kept.is_empty()
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
        assert!(matches!(queue.push_next(tally.work(1)), Pushed::Kept));
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
            assert!(matches!(queue.push_next(tally.work(n)), Pushed::Kept));
            run(queue.pop());
            if n > NEXT_STREAK_MAX {
                run(queue.pop());
            }
        }
        assert_eq!(tally.ran(), [1, 2, 3, 0, 4]);
    }

    #[test]
    fn only_what_runs_next_and_before_all_else_is_awaited() {
        let (queue, tally) = queue();
        let works = [1, 2].map(|n| tally.work(n));
        let [first, second] = [0, 1].map(|n| works[n].as_ptr());
        let [first_work, second_work] = works;
        assert!(matches!(queue.push_next(first_work), Pushed::Kept));
        queue.begin_run(Follows::Nothing);
        assert!(!queue.await_next(first));
        queue.begin_run(Follows::Awaited);
        assert!(!queue.is_awaiting() && !queue.await_next(second) && queue.await_next(first));
        assert!(queue.is_awaiting());
        queue.begin_run(Follows::Any);
        assert!(queue.take_awaited().is_none() && queue.await_next(first));
        // It goes behind another.
        assert!(matches!(queue.push_next(second_work), Pushed::Ring));
        assert!(!queue.await_next(second) && queue.take_awaited().is_none());
        run(queue.pop());
        run(queue.pop());
        assert_eq!(tally.ran(), [2, 1]);
    }

    #[test]
    fn tasks_that_are_to_run_again_take_turns_and_stay_out_of_the_ring() {
        let (queue, tally) = queue();
        assert!(matches!(queue.push_again(tally.work(0)), Pushed::Kept));
        assert!(matches!(queue.push_next(tally.work(1)), Pushed::Kept));
        for n in 2..4 {
            run(queue.pop());
            assert!(matches!(queue.push_again(tally.work(n)), Pushed::Kept));
            assert!(queue.ring().is_empty());
        }
        run(queue.pop());
        run(queue.pop());
        assert_eq!(tally.ran(), [1, 0, 2, 3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_to_run_again_comes_after_what_is_queued_and_before_what_follows() {
        let (queue, tally) = queue();
        assert!(matches!(queue.push_again(tally.work(1)), Pushed::Kept));
        assert!(matches!(queue.push_back(tally.work(2)), Pushed::Ring));
        assert!(matches!(queue.push_again(tally.work(3)), Pushed::Ring));
        assert!(matches!(queue.push_next(tally.work(0)), Pushed::Kept));
        while let Some(work) = queue.pop() {
            work.run();
        }
        assert_eq!(tally.ran(), [0, 1, 2, 3]);
    }

    #[test]
    fn what_is_kept_is_shared_in_order() {
        let (queue, tally) = queue();
        assert!(matches!(queue.push_again(tally.work(1)), Pushed::Kept));
        assert!(matches!(queue.push_next(tally.work(0)), Pushed::Kept));
        assert!(matches!(queue.share_kept(), Pushed::Ring));
        assert!(!queue.keeps_some() && queue.ring().len() == 2);
        while let Some(work) = queue.pop() {
            work.run();
        }
        assert_eq!(tally.ran(), [0, 1]);
    }

    #[test]
    fn a_full_ring_gives_half_of_itself_back_in_order() {
        let (queue, tally) = queue();
        for n in 0..RING_CAPACITY as u32 {
            assert!(matches!(queue.push_back(tally.work(n)), Pushed::Ring));
        }
        let Pushed::Overflow(overflow) = queue.push_back(tally.work(RING_CAPACITY as u32)) else {
            panic!("it took one more than it holds");
        };
        assert_eq!(overflow.len(), RING_CAPACITY / 2 + 1);
        overflow.into_iter().for_each(Work::run);
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
        assert!(matches!(victim.push_next(tally.work(9)), Pushed::Kept));
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
                if let Pushed::Overflow(overflow) = owner.push_back(tally.work(n)) {
                    overflow.into_iter().for_each(Work::run);
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
