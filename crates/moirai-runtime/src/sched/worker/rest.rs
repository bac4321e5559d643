//! How a worker sleeps, with or without the driver, and gets a permit back.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | fence in `wait_in_driver` | SeqCst | those in `Pool::rouse` and in a call to a lone worker: we see the grant, the mail, the call or the close, or they see us in the driver |
//! | `in_driver` | Relaxed | ordered by these fences |

use std::time::Instant;

use moirai_sync::__prim::Parked;
use moirai_sync::__prim::atomic::{Ordering, fence};

use crate::sched::idle::{Acquired, Bed, Rose, Search};
use crate::sched::lone::Lone;
use crate::sched::permit::GaveUp;
use crate::sched::remote::Remote;

use super::Worker;

impl Worker<'_> {
    /// Gives the permit back and sleeps until there is work.
    pub(super) fn sleep(&self) {
        let search = self.search.replace(Search::No);
        let permit = match self.remote.own.permit.give_up() {
            GaveUp::Held(permit) => permit,
            // It has been passed on meanwhile.
            gone => {
                self.end_search(search);
                return self.pool().no_longer_without(gone);
            }
        };
        self.remote.own.counters.parks.add(1);
        let bed = self.pool().man_driver();
        if let Some(rested) = self.pool().idle.sleep(self.id, permit, bed, search) {
            self.pool().wake_rested(rested);
        }
        if self.pool().needs_a_worker() {
            self.pool().wake_one();
        }
        // It has fenced.
        self.pool().wake_homes();
        let start = Instant::now();
        self.slumber(bed);
        let rest = start.elapsed();
        self.remote.own.counters.parked_ns.add(rest.as_nanos() as u64);
        self.rest.took(rest);
        self.looked_us.set(self.pool().clock_us());
    }

    /// A thread that came back from blocking waits until a permit is free.
    pub(super) fn regain_permit(&self) {
        // It may have been taken or lent, and is no longer missed.
        self.pool().no_longer_without(self.remote.own.permit.give_up());
        // Perhaps before it could begin to look for what it was woken for: others would rely on that.
        self.end_search(self.search.replace(Search::No));
        // What the task has woken since it came back is for others now.
        self.context.leave_queue();
        match self.pool().idle.sleep_without(self.id, self.context.last()) {
            Acquired::Yes(permit) => self.seat.hold_permit(permit),
            // The parker is that of a thread, and this worker may be another one tomorrow.
            Acquired::No if self.pool().lone.is_some() => self.slumber(self.pool().man_driver()),
            Acquired::No => self.slumber(Bed::Own),
        }
    }

    fn slumber(&self, bed: Bed) {
        self.pool().config().thread_hooks.park.call(&());
        self.lie(bed);
        self.pool().config().thread_hooks.unpark.call(&());
    }

    fn lie(&self, bed: Bed) {
        let remote = self.remote;
        loop {
            if let Some(permit) = remote.granted.take() {
                self.seat.hold_permit(permit);
                self.search.set(Search::Yes);
                break;
            }
            if self.pool().is_closed() {
                break;
            }
            // It needs no permit, and a sleeper must not be granted one that computes: so it gets up.
            let called = !remote.mailbox.is_empty() || self.is_called();
            if called && self.pool().idle.rise(self.id) == Rose::Yes {
                break;
            }
            // The driver's wakers were called on this thread and filled its ring.
            if !self.local().ring().is_empty()
                && let Acquired::Yes(permit) = self.pool().idle.get_up(self.id)
            {
                self.seat.hold_permit(permit);
                break;
            }
            // They run here once a permit is free, or elsewhere.
            if !self.local().ring().is_empty() {
                self.pool().press();
            }
            match bed {
                Bed::Driver => self.wait_in_driver(remote),
                Bed::Own => {
                    let _: Parked = self.parker.park(None);
                }
            }
        }
        if bed == Bed::Driver {
            self.pool().leave_driver();
            if !self.remote.own.permit.is_held() {
                self.pool().hand_over();
            }
        }
        // One task in the ring is for this worker. For more, another is woken; and to watch the
        // clock while this one computes, unless there is a watcher.
        let clock_is_left = bed == Bed::Driver && self.pool().config().watching.is_none();
        if self.remote.own.permit.is_held() && (self.local().ring().len() > 1 || clock_is_left) {
            self.pool().wake_one();
        }
    }

    fn wait_in_driver(&self, remote: &Remote) {
        remote.in_driver.store(true, Ordering::Relaxed);
        self.pool().lone.iter().for_each(Lone::lie_down);
        // SeqCst fence: pairs with the one in `Pool::rouse`, and in a call to a lone worker: it sees
        // that we are in the driver, or we see why it woke us.
        fence(Ordering::SeqCst);
        let called = remote.granted.is_given() || !remote.mailbox.is_empty() || self.is_called();
        if !called && !self.pool().is_closed() {
            self.quietly(|| self.pool().driver.wait(None::<Instant>));
        }
        self.pool().lone.iter().for_each(Lone::get_up);
        remote.in_driver.store(false, Ordering::Relaxed);
    }
}
