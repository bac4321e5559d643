//! What a worker takes from others: of their queues, and of what they have forked.

use moirai_sync::__prim::{spin_loop, thread};

use crate::sched::deque::Missed;
use crate::sched::idle::Search;
use crate::sched::patience::Trip;
use crate::sched::post::{ASK_INTERVAL_US, Begged, Post};
use crate::sched::remote::Remote;
use crate::sched::work::Work;
use crate::topology::Domain;

use super::Worker;
use super::search::Share;

/// How far away something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// In the same domain.
    Near,
    Far,
}

impl Worker<'_> {
    pub(super) fn steal(&self) -> Option<Work> {
        if self.begin_search() == Search::No {
            return None;
        }
        self.loot.judge(self.remote.own.counters.runs.get());
        let mut missed = Missed::Empty;
        let work = self.steal_within(Reach::Near, &mut missed).or_else(|| {
            // If somebody is at it near by, there is something near by.
            let near = missed == Missed::Busy || self.loot.has_left();
            let stay = self.pool().placement().domains() == 1 || near;
            if stay { None } else { self.steal_far() }
        });
        if work.is_some() {
            return work;
        }
        self.loot.end_look();
        self.remote.own.counters.futile_searches.add(1);
        // Whoever is in the middle of a theft may have no core. There is work, so this thread would
        // be woken at once if it slept.
        if missed == Missed::Busy {
            thread::yield_now();
        }
        self.take_injected(self.context.domain(), Share::Fair)
    }

    /// Takes a share of somebody's queue, or a part of what somebody has forked. What it has missed is
    /// noted if somebody else was at it.
    fn steal_within(&self, reach: Reach, missed: &mut Missed) -> Option<Work> {
        if self.pool().shares_nothing() {
            return self.take_offer(reach);
        }
        let (strategy, thieves) = (self.pool().config().steal, self.pool().idle.searchers());
        let share = |len| strategy.share(len, thieves);
        let started = self.pool().started();
        let first = self.random() as usize % started;
        let ids = (first..started).chain(0..first).filter(|&id| id != self.id);
        let victims = ids.filter_map(|id| self.pool().remote(id));
        for remote in victims.filter(|remote| self.reach(remote) == reach) {
            if self.loot.leaves() {
                if remote.queue.ring.len() != 0 {
                    self.loot.leave();
                }
                continue;
            }
            match remote.queue.ring.steal(self.local().ring(), share) {
                Ok(work) => {
                    // The ring was empty before.
                    let stolen = 1 + self.local().ring().len();
                    self.loot.took(self.remote.own.counters.runs.get(), stolen);
                    self.count_theft(reach, stolen);
                    return Some(work);
                }
                Err(Missed::Busy) => *missed = Missed::Busy,
                Err(Missed::Empty) => {}
            }
        }
        self.take_offer(reach)
    }

    /// Takes work of another domain, but not before it has looked around in its own for a while: less
    /// long each time that the way was worth it, longer each time that it was not.
    #[cold]
    fn steal_far(&self) -> Option<Work> {
        let mut missed = Missed::Empty;
        let (own, domains) = (self.context.domain(), self.pool().placement().domains());
        for _ in 0..self.patience.rounds() {
            spin_pause();
            let work = self
                .take_injected(own, Share::Fair)
                .or_else(|| self.steal_within(Reach::Near, &mut missed));
            if work.is_some() || missed == Missed::Busy {
                return work;
            }
        }
        let first = own.index() + 1;
        let others = (first..domains).chain(0..own.index()).map(Domain::new);
        let work = others
            .filter(|&domain| !self.pool().injector(domain).is_empty())
            .find_map(|domain| self.take_injected(domain, Share::Fair))
            .or_else(|| self.steal_within(Reach::Far, &mut missed));
        let worth = work.is_some() && !self.local().ring().is_empty();
        self.patience.learn(if worth { Trip::Paid } else { Trip::Futile });
        work
    }

    /// How far it is to another worker.
    pub(super) fn reach(&self, remote: &Remote) -> Reach {
        let is_near =
            self.pool().placement().domains() == 1 || remote.domain() == self.context.domain();
        if is_near { Reach::Near } else { Reach::Far }
    }

    pub(super) fn count_theft(&self, reach: Reach, stolen: usize) {
        let counters = &self.remote.own.counters;
        counters.thefts.add(1);
        counters.stolen.add(stolen as u64);
        if reach == Reach::Far {
            counters.far_thefts.add(1);
        }
    }

    /// Takes a part of what another thread has forked. One that is no worker is near to all.
    fn take_offer(&self, reach: Reach) -> Option<Work> {
        if !self.pool().may_compute() {
            return None;
        }
        let remotes = self.pool().remotes().filter(|remote| self.reach(remote) == reach);
        let guests = match reach {
            Reach::Near => Some(self.pool().guests.posts()),
            Reach::Far => None,
        };
        let mut posts = remotes.map(|remote| &remote.post).chain(guests.into_iter().flatten());
        let work = posts.find_map(|post| if self.is_own(post) { None } else { post.take() })?;
        self.count_theft(reach, 1);
        Some(work)
    }

    fn is_own(&self, post: &Post) -> bool {
        std::ptr::eq(post, &self.remote.post)
    }

    /// Asks for a part of what another thread keeps for itself.
    pub(super) fn beg(&self) {
        let now_us = self.pool().clock_us();
        let first = self.random() as usize % ASK_INTERVAL_US as usize;
        let mut posts = self.others_posts().filter(|post| post.tree() != 0);
        // One at a time, and not always the same.
        let post = posts.nth(first).or_else(|| self.others_posts().find(|post| post.tree() != 0));
        if let Some(post) = post {
            let _: Begged = post.beg(now_us);
        }
    }

    pub(super) fn others_posts(&self) -> impl Iterator<Item = &Post> {
        self.pool().posts().filter(|&post| !self.is_own(post))
    }

    /// Marsaglia's xorshift: it only spreads the thieves.
    pub(super) fn random(&self) -> u32 {
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        self.random.set(random);
        random
    }
}

/// Pauses between two looks.
const SPIN_PAUSES: u32 = 4;

pub(super) fn spin_pause() {
    for _ in 0..SPIN_PAUSES {
        spin_loop();
    }
}
