//! Work comes: where it is queued, and who is woken for it.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | fence in `rouse` | SeqCst | the fence in `Worker::wait_in_driver`: it sees the grant, or we see it in the driver |
//! | fence in `has_work` | SeqCst | the fence in `Idle::wake_one`: published work or a changed word is seen |
//! | fence in `wake_home`, `somebody_sleeps` | SeqCst | the fence in `has_work`, of whoever gave a permit back or lay down: it sees the work, or we see that |

use std::ops::Range;

use moirai_sync::__prim::atomic::{Ordering, fence};

use crate::sched::idle::Grant;
use crate::sched::lanes::Lane;
use crate::sched::permits::PermitId;
use crate::sched::post::Post;
use crate::sched::remote::Remote;
use crate::sched::signal::{Ask, Raised};
use crate::sched::watch::Off;
use crate::sched::work::{Chain, Work};
use crate::topology::Domain;

use super::{Begin, Pool, shut_down};

impl Pool {
    /// Queues work from outside of the workers, and wakes one. While the pool ends, the closing
    /// thread shuts it down: the caller may wake or cancel under a lock. Afterwards only what has
    /// just been spawned comes here, and is shut down at once.
    pub(crate) fn inject(&self, work: Work) {
        let domain = self.domain_of(&work);
        self.publish(self.injector(domain).push(work), domain);
    }

    /// The domain of work that comes from nowhere in particular: by where it lies, so that a task which
    /// is woken from outside stays where it is, and many are spread over all.
    fn domain_of(&self, work: &Work) -> Domain {
        match self.injectors.len() {
            1 => Domain::FIRST,
            domains => {
                // Fibonacci hashing: the upper bits of the product depend on all of the address.
                let hash = (work.as_ptr().addr().get() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                Domain::new((hash >> 32) as usize % domains)
            }
        }
    }

    /// Queues work for the holder of one permit, and wakes a thread for it if nobody holds that.
    pub(crate) fn send_home(&self, home: PermitId, work: Work) {
        match self.homes.push(home, work) {
            Ok(()) if self.is_forked() => {}
            Ok(()) => self.wake_home(home),
            Err(work) => self.inject_late(Chain::from_iter([work])),
        }
    }

    /// As [`send_home`](Self::send_home), for several.
    pub(crate) fn send_all_home(&self, home: PermitId, works: Vec<Work>) {
        match self.homes.push_all(home, works) {
            Ok(()) => self.wake_home(home),
            Err(works) => self.inject_late(Chain::from_iter(works)),
        }
    }

    fn wake_home(&self, home: PermitId) {
        // SeqCst fence: pairs with the one in `has_work` of whoever has just given the permit back.
        fence(Ordering::SeqCst);
        match self.idle.wake_for(home) {
            Some(grant) => self.give(grant),
            None => {
                self.watch_what_waits();
                if self.guests.have_permits() || self.forks() {
                    self.press_home(home);
                }
            }
        }
    }

    /// Work waits for a permit whose holder may be busy with something else: a guest gives it up, a
    /// worker that computes is asked to look up.
    #[cold]
    pub(crate) fn press_home(&self, home: PermitId) {
        if let Some(permit) = self.recall(|guests| guests.recall_this(home)) {
            return self.release_permit(permit);
        }
        let holder = self.remotes().find(|remote| remote.own.permit.holds(home));
        if let Some(post) = holder.map(|remote| &remote.post).filter(|post| post.forks()) {
            let _: Raised = post.signal.raise(Ask::Urgent);
        }
    }

    /// Wakes a thread for each free permit whose holder work waits for: called by whoever has given one
    /// back, after a fence.
    pub(crate) fn wake_homes(&self) {
        for home in self.homes.waiting() {
            if let Some(grant) = self.idle.wake_for(home) {
                self.give(grant);
            }
        }
    }

    /// As [`inject`](Self::inject), for work that is not of normal priority.
    pub(crate) fn inject_into(&self, lane: Lane, work: Work) {
        let domain = self.domain_of(&work);
        self.publish(self.lanes.push(lane, work), domain);
    }

    fn publish(&self, pushed: Result<(), Work>, domain: Domain) {
        match pushed {
            // Nobody is there to be woken.
            Ok(()) if self.is_forked() => {}
            Ok(()) => self.wake_near(domain),
            Err(work) => self.inject_late(Chain::from_iter([work])),
        }
    }

    /// As [`inject`](Self::inject), for what a full ring gave back.
    pub(crate) fn inject_all(&self, works: Vec<Work>, domain: Domain) {
        match self.injector(domain).push_all(works) {
            Ok(()) => self.wake_near(domain),
            Err(works) => self.inject_late(Chain::from_iter(works)),
        }
    }

    #[cold]
    pub(super) fn inject_late(&self, chain: Chain) {
        let mut late = self.late.lock();
        match &mut *late {
            Some(late) => late.append(chain),
            None => {
                drop(late);
                shut_down(chain);
            }
        }
    }

    /// Called after work was published, somewhere.
    pub(crate) fn wake_one(&self) {
        self.wake(|| 0..self.config.worker_threads);
    }

    /// Called after work was published in a domain.
    #[inline]
    pub(crate) fn wake_near(&self, domain: Domain) {
        self.wake(|| self.placement().members(domain));
    }

    #[inline]
    fn wake(&self, near: impl FnOnce() -> Range<usize>) {
        match self.idle.wake_one(near) {
            Some(grant) => self.give(grant),
            None => {
                self.watch_what_waits();
                // Of a guest with a permit, either we know here, or it sees the work.
                if self.guests.have_permits() || self.forks() {
                    self.press();
                }
            }
        }
    }

    /// Nobody was woken for work that was published before a fence. If that is for want of a thread, the
    /// watcher is to say so; it may have gone off since the last one blocked.
    #[inline]
    fn watch_what_waits(&self) {
        if self.watch.is_off() == Off::Yes {
            self.begin_to_run();
        }
    }

    /// As [`wake_one`](Self::wake_one), where nobody need be interrupted if no worker is idle.
    #[inline]
    pub(crate) fn wake_idle(&self) {
        if let Some(grant) = self.idle.wake_one(|| 0..self.config.worker_threads) {
            self.give(grant);
        }
    }

    /// The same for a part of a computation: its owner does it itself if no worker is idle.
    pub(crate) fn wake_for_offers(&self) {
        if self.somebody_sleeps() {
            self.wake_idle();
        }
    }

    /// Whether a worker might be woken for a part of a computation that was just published.
    #[inline]
    pub(crate) fn somebody_sleeps(&self) -> bool {
        // SeqCst fence: pairs with the one in `has_work` of a worker that has just lain down: it sees
        // the work, or we see it asleep.
        fence(Ordering::SeqCst);
        self.has_room() && self.idle.searchers() == 0
    }

    #[cold]
    pub(super) fn give(&self, grant: Grant) {
        match grant {
            Grant::Sleeper(id, permit) => {
                if let Some(remote) = self.remote(id) {
                    remote.granted.give(permit);
                    self.rouse(remote);
                    // Here, and not only there: what it is woken for would wait for that.
                    self.begin_to_run();
                }
            }
            Grant::Spare(id, permit) => {
                if self.start_thread(id, Begin::Searching(permit)).is_err() {
                    self.idle.spare_failed(permit);
                    // Ends: no further spare is tried, and each sleeper is woken once.
                    if self.has_work() {
                        self.wake_one();
                    }
                    self.wake_homes();
                }
            }
        }
    }

    /// Has one worker run `work`; it comes back if that worker has ended.
    pub(crate) fn mail(&self, id: usize, work: Work) -> Result<(), Work> {
        match self.remote(id) {
            Some(remote) => {
                remote.mailbox.push(work)?;
                self.rouse(remote);
                Ok(())
            }
            None => Err(work),
        }
    }

    /// Wakes a sleeper, wherever it lies.
    pub(super) fn rouse(&self, remote: &Remote) {
        if let Some(parker) = remote.parker.get() {
            parker.unpark();
        }
        // SeqCst fence: pairs with the one in the worker between `in_driver` and its last look.
        fence(Ordering::SeqCst);
        if remote.in_driver.load(Ordering::Relaxed) {
            self.driver.unpark();
        }
    }

    /// Whether work is queued anywhere. A full fence comes first, so a caller that has just
    /// changed `idle` misses nothing that was published before somebody read that change.
    pub(crate) fn has_work(&self) -> bool {
        // SeqCst fence: pairs with the one in `Idle::wake_one`.
        fence(Ordering::SeqCst);
        self.has_tasks() || (self.has_room() && self.has_offers())
    }

    /// Whether work is queued that nobody will come back to by himself. Without a fence, a hint.
    pub(crate) fn has_tasks(&self) -> bool {
        self.has_common_tasks() || self.has_tasks_in_rings()
    }

    /// Whether work is queued that is in no worker's queue. Without a fence, a hint.
    pub(crate) fn has_common_tasks(&self) -> bool {
        self.injectors.iter().any(|injector| !injector.is_empty()) || !self.lanes.is_empty()
    }

    /// Whether work is queued with a worker, where others may take it. Without a fence, a hint.
    pub(crate) fn has_tasks_in_rings(&self) -> bool {
        // Where nothing is shared, its owner comes back to a ring, or empties it.
        !self.shares_nothing() && self.remotes().any(|remote| remote.queue.ring.len() != 0)
    }

    /// Whether somebody who computes offers a part of it. Without a fence, a hint.
    pub(crate) fn has_offers(&self) -> bool {
        self.posts().any(Post::offers)
    }

    /// The posts of all who may fork.
    pub(crate) fn posts(&self) -> impl Iterator<Item = &Post> {
        self.remotes().map(|remote| &remote.post).chain(self.guests.posts())
    }
}
