//! Where a worker looks for work: in its turn outside, and everywhere once its own queue is empty.

use std::time::{Duration, Instant};

use crate::sched::idle::Search;
use crate::sched::lanes::URGENT_STREAK_MAX;
use crate::sched::patience::Trip;
use crate::sched::remote::Remote;
use crate::sched::work::Work;
use crate::topology::Domain;

use super::theft::spin_pause;
use super::{FAIRNESS_INTERVAL, Worker};

/// How much a worker takes out of the injector.
#[derive(Clone, Copy, Debug)]
pub(super) enum Share {
    One,
    /// As much as each worker would get.
    Fair,
}

impl Worker<'_> {
    /// Its own queue is empty.
    #[inline(never)]
    pub(super) fn find_elsewhere(&self) -> Option<Work> {
        self.remote.own.running.end();
        // If enough others search, it looks all the same.
        let _: Search = self.begin_search();
        self.take_injected(self.context.domain(), Share::Fair)
            .or_else(|| self.take_urgent())
            .or_else(|| self.steal())
            .or_else(|| self.take_low())
            .or_else(|| self.spin())
    }

    /// Takes work that waits for this worker, unless it is the turn of its own queue.
    #[inline(never)]
    pub(super) fn take_home(&self) -> Option<Work> {
        let own_turn = self.own_turn.replace(!self.own_turn.get());
        if own_turn && !self.local().is_empty() { None } else { self.context.pop_home() }
    }

    /// Takes work of high priority, unless it is another's turn.
    #[cold]
    pub(super) fn take_urgent(&self) -> Option<Work> {
        let streak = self.urgent_streak.get();
        let work =
            if streak < URGENT_STREAK_MAX { self.pool().lanes.pop_urgent(streak) } else { None };
        self.urgent_streak.set(if work.is_some() { streak + 1 } else { 0 });
        self.share_lanes(work)
    }

    /// Takes work of low priority.
    pub(super) fn take_low(&self) -> Option<Work> {
        let work = self.pool().lanes.pop_low();
        self.share_lanes(work)
    }

    /// What is left in the lanes counts as published anew, as in `take_injected`.
    fn share_lanes(&self, work: Option<Work>) -> Option<Work> {
        if work.is_some() && self.search.get() == Search::No && !self.pool().lanes.is_empty() {
            self.wake_near();
        }
        work
    }

    /// Lets the driver wake tasks, and prefers the injector for once. Tasks that send to each other stay
    /// together only as long as their runs are short.
    #[inline(never)]
    pub(super) fn look_outside(&self) -> Option<Work> {
        self.look_at.set(self.remote.own.counters.runs.get() + FAIRNESS_INTERVAL);
        if self.local().is_empty() {
            let _: Search = self.begin_search();
        }
        let now_us = self.pool().clock_us();
        let lasted_us = now_us.saturating_sub(self.looked_us.replace(now_us));
        if lasted_us >= LONG_RUNS_US && self.local().keeps_some() {
            self.context.share_kept();
        }
        self.quietly(|| self.pool().driver.poll());
        if !self.local().ring().is_empty() {
            self.wake_near();
        }
        // One, and no share: its own queue has not run dry, and what waits longer in it is colder.
        let looks = self.looks.get();
        self.looks.set(looks + 1);
        let low = if looks.is_multiple_of(2) { self.take_low() } else { None };
        // In turns: the workers of another domain may all compute.
        let domain = Domain::new(looks as usize % self.pool().placement().domains());
        let work =
            low.or_else(|| self.take_injected(domain, Share::One)).or_else(|| self.take_low())?;
        // It may run for long, and what was to run next would wait for it.
        self.context.share_kept();
        Some(work)
    }

    /// Takes this worker's share of an injector: one to run, the rest into the ring.
    pub(super) fn take_injected(&self, domain: Domain, share: Share) -> Option<Work> {
        let pool = self.pool();
        let injector = pool.injector(domain);
        let share = |queued: usize| match share {
            Share::One => 0,
            Share::Fair => (queued / pool.placement().members(domain).len())
                .min(INJECTED_MAX)
                .min(self.local().ring().room()),
        };
        let mut moved = 0;
        let work = injector.pop_batch(share, |more| {
            moved += 1;
            if let Err(overflow) = self.local().ring().push(more) {
                unreachable!("{overflow:?} from a ring with room");
            }
        })?;
        self.remote.own.counters.injected.add(1 + moved);
        // What was moved or left behind was in no queue for a moment, so a worker that lay down just
        // then has not seen it: it counts as published anew. (A searcher looks again in `run`.)
        if self.search.get() == Search::No && (moved != 0 || !injector.is_empty()) {
            self.wake_near();
        }
        Some(work)
    }

    /// Looks on for a moment before it sleeps, if work has come soon lately: waking a sleeping
    /// thread costs more than this on both sides. Also where somebody forks, who may give it a part, as
    /// long as that is worth it. Only one searcher does, and nobody is woken while it looks.
    fn spin(&self) -> Option<Work> {
        // Its permit is for tasks, and who has lent it waits for it.
        if !self.pool().may_compute() {
            return None;
        }
        if self.pool().forks() {
            self.beg();
        }
        if self.search.get() == Search::No || !self.pool().idle.is_only_searcher() {
            return None;
        }
        let mut stuck = self.find_keeper();
        let forks = self.pool().forks();
        let pays = self.loot.has_left()
            || (forks && stuck.is_some())
            || ((forks || self.rest.is_short()) && self.hope.is_due());
        if !pays {
            return None;
        }
        let start = Instant::now();
        loop {
            spin_pause();
            // Each look at a queue takes its lines from the owner, who writes to them all the time.
            let is_left = self.loot.is_left_for_now();
            let there = self.pool().has_common_tasks() || self.pool().has_offers();
            let mut work = if there || (!is_left && self.pool().has_tasks_in_rings()) {
                self.steal().or_else(|| self.take_urgent()).or_else(|| self.take_low())
            } else if self.pool().homes.are_used() {
                self.context.pop_home()
            } else {
                None
            };
            if work.is_none() && self.pool().forks() {
                self.beg();
            }
            let spun = start.elapsed();
            if work.is_none() && spun >= NEXT_AGE_MIN {
                work = stuck.take().and_then(|(remote, runs)| self.take_kept(remote, runs));
            }
            if work.is_some() {
                self.rest.took(spun);
                self.hope.learn(Trip::Paid);
                return work;
            }
            let called = self.is_called() || !self.pool().may_compute();
            if spun >= SPIN_MAX || self.pool().is_closed() || called {
                // Or every rest would begin with a spin for the sake of a tree that is long gone.
                self.pool().nobody_forks();
                self.hope.learn(Trip::Futile);
                return None;
            }
        }
    }

    /// A worker that keeps a task for itself, and how much it had run.
    fn find_keeper(&self) -> Option<(&Remote, u64)> {
        if self.pool().shares_nothing() {
            return None;
        }
        let others = (0..self.pool().started()).filter(|&id| id != self.id);
        others
            .filter_map(|id| self.pool().remote(id))
            .find(|remote| !remote.queue.kept.is_empty())
            .map(|remote| (remote, remote.own.counters.runs.get()))
    }

    /// Takes what a worker keeps if it still runs what it ran then: it computes, and what it keeps would
    /// wait for it.
    fn take_kept(&self, remote: &Remote, runs: u64) -> Option<Work> {
        let work =
            if remote.own.counters.runs.get() == runs { remote.queue.kept.take() } else { None };
        if work.is_some() {
            self.count_theft(self.reach(remote), 1);
        }
        work
    }
}

/// If so many runs take longer than this, what the worker keeps for itself is worth the way to
/// another one: 20 microseconds a run.
const LONG_RUNS_US: u64 = FAIRNESS_INTERVAL * 20;

/// How much a worker takes out of the injector, at most: it does so under a lock for which others may wait.
const INJECTED_MAX: usize = 128;

/// How long a searcher looks on; about what it costs to wake a sleeping thread.
const SPIN_MAX: Duration = Duration::from_micros(50);

/// How long a worker keeps a task for itself, at least, before another worker takes it: long enough
/// that tasks which wake each other in turns stay together.
const NEXT_AGE_MIN: Duration = Duration::from_micros(20);
