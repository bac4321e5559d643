//! Who runs: permits that are given back, lent and called back, and who watches the clock meanwhile.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `driver_manned` | SeqCst | belongs to what `has_work` orders |
//! | `forking` | Relaxed | nothing: a hint |

use moirai_sync::__prim::atomic::Ordering;

use crate::sched::guests::{Guest, Guests};
use crate::sched::idle::{Acquired, Bed, Grant, Rested};
use crate::sched::offers::Interrupts;
use crate::sched::permit::{GaveUp, Lent};
use crate::sched::permits::PermitId;
use crate::sched::remote::Remote;
use crate::sched::signal::{Ask, Raised};
use crate::sched::watch::Off;

use super::Pool;

impl Pool {
    /// Tasks wait, and nobody was woken for them. If that is because all permits are taken, a guest
    /// gives one up, or that of a worker that computes is lent, which makes way when it looks up. Where
    /// such a worker may poll tasks itself, it is only asked to.
    #[cold]
    pub(crate) fn press(&self) {
        if self.idle.searchers() != 0 || !self.has_tasks() {
            return;
        }
        if let Some(permit) = self.recall(Guests::recall) {
            self.idle.release(permit);
            self.wake_idle();
            self.wake_homes();
        } else if self.idle.free() == 0 {
            let mut forking = self.remotes().filter(|remote| remote.post.forks()).peekable();
            if forking.peek().is_none() {
                return self.nobody_forks();
            }
            // One who has not been asked yet.
            let asked = forking.find(|remote| {
                remote.own.permit.is_held() && remote.post.signal.raise(Ask::Urgent) == Raised::New
            });
            if let Some(remote) = asked
                && self.others_lend()
            {
                // As many are lent as may be: then tasks have threads enough.
                let _: Lent = self.lend(remote);
            }
        }
    }

    /// Whether whoever brings a task next lends the permit of this worker, which computes. What has a home is
    /// only asked for, and nothing is if it was forgotten that anybody forks.
    pub(crate) fn would_lend(&self, remote: &Remote) -> bool {
        let asked = remote.post.signal.peek().contains(Ask::Urgent);
        let forks = self.forks() && remote.post.forks();
        forks && !asked && !self.homes.are_used() && self.others_lend()
    }

    /// Else a worker polls tasks itself, or its queue goes with the permit, which it lends itself.
    fn others_lend(&self) -> bool {
        self.config.between_forks == Interrupts::Refused && !self.shares_nothing()
    }

    /// Lends the permit of a worker that computes to a thread that runs tasks.
    pub(crate) fn lend(&self, remote: &Remote) -> Lent {
        if self.missed.lend_one() == Lent::No {
            return Lent::No;
        }
        match remote.own.permit.lend() {
            GaveUp::Held(permit) => {
                self.release_permit(permit);
                Lent::Yes
            }
            // Somebody was quicker, or it has given it up.
            GaveUp::Lent | GaveUp::Without | GaveUp::Nothing => {
                self.missed.end_loan();
                Lent::No
            }
        }
    }

    /// A thread that went on without a permit, as `before` says, has one or computes no longer.
    pub(crate) fn no_longer_without(&self, before: GaveUp) {
        match before {
            GaveUp::Lent => self.missed.end_loan(),
            GaveUp::Without => self.missed.end_without(),
            GaveUp::Held(_) | GaveUp::Nothing => return,
        }
        // Somebody else may.
        if self.has_offers() {
            self.wake_for_offers();
        }
    }

    /// Whether who has a permit may compute: what is free is enough for those who compute without.
    pub(crate) fn may_compute(&self) -> bool {
        self.missed.count() <= self.idle.free()
    }

    /// Whether one more thread may compute.
    pub(super) fn has_room(&self) -> bool {
        self.missed.count() < self.idle.free()
    }

    /// Calls a permit back that a guest has borrowed: the guest goes on without.
    pub(super) fn recall(&self, recall: impl FnOnce(&Guests) -> GaveUp) -> Option<PermitId> {
        if !self.guests.have_permits() {
            return None;
        }
        self.missed.go_without();
        match recall(&self.guests) {
            GaveUp::Held(permit) => Some(permit),
            GaveUp::Lent | GaveUp::Without | GaveUp::Nothing => {
                self.missed.end_without();
                None
            }
        }
    }

    /// A guest begins to compute, or goes on.
    pub(crate) fn admit(&self, guest: &Guest<'_>) {
        if self.lend_to(guest) == Lent::No {
            self.missed.go_without();
            guest.go_without();
        }
    }

    /// A guest that goes on without takes a permit if one is free.
    pub(crate) fn readmit(&self, guest: &Guest<'_>) {
        if guest.is_without() {
            let _: Lent = self.lend_to(guest);
        }
    }

    /// Lends a permit to a guest, if one is free; if a task waits for it, the guest does without at once.
    fn lend_to(&self, guest: &Guest<'_>) -> Lent {
        if self.idle.free() == 0 {
            return Lent::No;
        }
        let Acquired::Yes(permit) = self.idle.try_acquire(PermitId::FIRST) else { return Lent::No };
        self.no_longer_without(guest.borrow_permit(permit));
        // The fence in `borrow_permit` pairs with the publisher's: one of us sees the other.
        if (self.has_tasks() || self.homes.has_work(permit))
            && let Some(permit) = self.recall(|_| guest.renounce())
        {
            self.release_permit(permit);
        }
        Lent::Yes
    }

    /// A guest computes no longer: it leaves, or blocks.
    pub(crate) fn dismiss(&self, guest: &Guest<'_>) {
        match guest.return_permit() {
            GaveUp::Held(permit) => self.release_permit(permit),
            gone => self.no_longer_without(gone),
        }
    }

    /// A tree begins.
    pub(crate) fn somebody_forks(&self) {
        if !self.forking.load(Ordering::Relaxed) {
            self.forking.store(true, Ordering::Relaxed);
        }
    }

    /// Forgets that anybody forks. A tree that has just begun may be forgotten, too; then its owner
    /// looks up by itself, if a little later.
    #[cold]
    pub(crate) fn nobody_forks(&self) {
        if self.forks() && self.posts().all(|post| post.tree() == 0) {
            self.forking.store(false, Ordering::Relaxed);
        }
    }

    /// Whether anybody forks; a hint.
    pub(crate) fn forks(&self) -> bool {
        self.forking.load(Ordering::Relaxed)
    }

    /// A running thread passes its permit on because it blocks. Somebody else must take over what
    /// it leaves: queued work, and the watch over the clock.
    pub(crate) fn release_permit(&self, permit: PermitId) {
        self.idle.release(permit);
        self.hand_over();
        self.wake_homes();
        // Tasks came first. (Who has just begun to rest does so for a moment only, so a hint will do.)
        if self.idle.somebody_rests()
            && let Some(rested) = self.idle.wake_rested()
        {
            self.wake_rested(rested);
        }
    }

    /// Wakes who has rested, and has a permit now.
    pub(crate) fn wake_rested(&self, Rested(id, permit): Rested) {
        self.give(Grant::Sleeper(id, permit));
    }

    /// A thread that was about to run, or to watch the clock, does neither.
    pub(crate) fn hand_over(&self) {
        if self.needs_a_worker() {
            self.wake_one();
        } else if self.is_clock_alone() {
            self.watch.rouse(&*self.driver);
        }
    }

    /// Whether work is queued, or nobody watches the clock and nobody ever will. As for
    /// [`has_work`](Self::has_work), a caller that has just changed `idle` misses nothing.
    pub(crate) fn needs_a_worker(&self) -> bool {
        self.has_work() || (self.config.watching.is_none() && self.is_clock_alone())
    }

    fn is_clock_alone(&self) -> bool {
        // SeqCst: the flag belongs to what `has_work`'s fence orders.
        !self.driver_manned.load(Ordering::SeqCst)
    }

    /// A thread has been given a permit, or ought to have been: somebody must watch.
    pub(crate) fn begin_to_run(&self) {
        if self.config.watching.is_some() && self.watch.was_off() == Off::Yes {
            self.watch.rouse(&*self.driver);
        }
    }

    /// Whether the caller is the one to wait for the driver.
    pub(crate) fn man_driver(&self) -> Bed {
        // SeqCst: see `needs_a_worker`.
        if self.driver_manned.swap(true, Ordering::SeqCst) { Bed::Own } else { Bed::Driver }
    }

    pub(crate) fn leave_driver(&self) {
        // SeqCst: see `needs_a_worker`.
        self.driver_manned.store(false, Ordering::SeqCst);
    }
}
