//! What a thread needs to block without stopping the others.

use std::cell::Cell;
use std::sync::Arc;

use moirai_sync::strand::{Clock, Hooks};

use crate::sched::current::{Busy, Context};
use crate::sched::idle::Acquired;
use crate::sched::permit::GaveUp;
use crate::sched::permits::PermitId;
use crate::sched::remote::Remote;

/// What a thread needs to block without stopping the others.
pub(super) struct Seat<'a> {
    context: &'a Context<'a>,
    remote: &'a Remote,
    clock: Arc<dyn Clock>,
    /// What the outermost blocking call has interrupted.
    interrupted: Cell<Busy>,
}

impl<'a> Seat<'a> {
    pub(super) fn new(context: &'a Context<'a>, remote: &'a Remote, id: usize) -> Self {
        let clock = context.pool.driver.clock(id);
        Self { context, remote, clock, interrupted: Cell::new(Busy::Task) }
    }

    pub(super) fn hold_permit(&self, permit: PermitId) {
        self.context.hold_permit(self.remote, permit);
    }
}

impl Hooks for Seat<'_> {
    fn blocking_begin(&self) {
        let depth = self.context.blocking_depth.get();
        self.context.blocking_depth.set(depth + 1);
        if depth == 0 {
            self.interrupted.set(self.context.busy.replace(Busy::Blocked));
            self.context.leave_queue();
            match self.remote.own.permit.give_up() {
                GaveUp::Held(permit) => {
                    self.remote.own.counters.blocked.add(1);
                    self.context.pool.release_permit(permit);
                }
                gone => self.context.pool.no_longer_without(gone),
            }
            // What this task has just spawned may have been missed by a shutdown, and it may be
            // what the call is about to wait for.
            if self.context.pool.is_closed() {
                self.context.pool.shut_down_idle();
            }
        }
    }

    fn blocking_end(&self) {
        // Zero if the guard has outlived its task: see `Worker::run`.
        let depth = self.context.blocking_depth.get().saturating_sub(1);
        self.context.blocking_depth.set(depth);
        if depth != 0 {
            return;
        }
        self.context.busy.set(self.interrupted.get());
        let own = &self.remote.own.permit;
        if own.is_held() || own.is_away() {
            return;
        }
        // Without a permit the task goes on all the same, up to its next scheduling point, or until it
        // looks up and one is free.
        match self.context.pool.idle.try_acquire(self.context.last()) {
            Acquired::Yes(permit) => self.hold_permit(permit),
            Acquired::No => {
                self.context.pool.missed.go_without();
                own.go_without();
            }
        }
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}
