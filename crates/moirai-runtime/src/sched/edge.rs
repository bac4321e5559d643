//! What a thread does between two steps of its parallel work: it looks up.
//!
//! At a fork, and between the steps of a long loop, a thread reads its signal word. If somebody has
//! asked for something, or enough forks have passed that the clock is worth reading, it comes here. It
//! gives the oldest of its forks to the hungry; and if tasks wait and no worker is free, it lends its
//! permit to another thread, which runs them, and takes it again when it looks up later and one is
//! free. So neither a timer nor a message waits for the end of a computation.
//!
//! **Polling on top instead** ([`Builder::poll_between_forks`](crate::Builder::poll_between_forks)): it
//! looks every [`LOOK_US`](super::forks::LOOK_US) whether tasks wait, lets the driver wake some, and
//! polls a few. That costs no switch of threads, but is off unless asked for: a task that blocks, and
//! may, then blocks on top of the computation, and waits for ever if it waits for that.
//!
//! **When tasks are polled on top of parallel work,** where that is asked for: where the work began in
//! a closure of `spawn_parallel`, and so also in the parts of it that other workers take. Not
//!
//! - in what began inside a future's own poll, wherever that happens (a closure may join it in place,
//!   or block on it): the future may hold a lock or a borrow;
//! - in what began on a thread of the program's own: a program that was written for a pool without
//!   tasks may hold a lock there, which a task wants, too. Such a thread runs no tasks at all; it
//!   gives its permit up instead (see `guests`);
//! - inside of `parallel_uninterruptible`;
//! - in the middle of a task that is itself polled here: one level, no more;
//! - with less than [`STACK_BYTES_MIN`] of stack left.
//!
//! A closure of `spawn_parallel` that forks must therefore hold no lock at the fork that a task waits
//! for by blocking its thread: the task might be polled by the thread that holds it.

use std::ptr::{self, NonNull};
use std::time::Instant;

use moirai_sync::__prim::HAS_CLOCK;

use super::current::{Busy, Context};
use super::forks::Due;
use super::local::LocalQueue;
use super::offers::{Interrupts, Tree};
use super::signal::Ask;
use super::work::{Kind, Work};
use crate::stack;

/// Called at each fork.
#[inline(always)]
pub(crate) fn at_fork(context: &Context<'_>) {
    let quiet = context.forks.post().is_none_or(|post| post.signal.peek().is_none());
    if context.forks.tick() == Due::Yes || !quiet {
        look_up(context);
    }
}

/// Does what others have asked for, and looks around if it is time to.
#[cold]
#[inline(never)]
pub(crate) fn look_up(context: &Context<'_>) {
    let Some(post) = context.forks.post() else { return };
    let peeked = post.signal.peek();
    let asked = if peeked.is_none() { peeked } else { post.signal.take(peeked) };
    if asked.contains(Ask::Hungry) {
        context.forks.feed(context.pool);
    }
    let urgent = asked.contains(Ask::Urgent);
    if !HAS_CLOCK {
        match may_poll(context) {
            MayPoll::Yes if urgent => {
                let _: Polled = poll_tasks(context, Reach::Everywhere);
            }
            MayPoll::No if urgent => context.lend_permit(),
            _ => {}
        }
        return;
    }
    let now = Instant::now();
    let due = context.forks.look_due(now);
    if due == Due::Yes {
        // It may have been forgotten; see `Pool::nobody_forks`.
        if context.forks.tree().id != 0 {
            context.pool.somebody_forks();
        }
        context.forks.spread(context.pool);
        context.regain_permit();
    }
    let reach = match (urgent, due) {
        (true, _) => Reach::Everywhere,
        (false, Due::Yes) => Reach::Own,
        (false, Due::No) => return,
    };
    match may_poll(context) {
        MayPoll::No => context.lend_permit(),
        MayPoll::Yes => {
            if context.forks.may_resume(now) == Due::Yes
                && poll_tasks(context, reach) == Polled::Some
            {
                context.forks.polled(now, Instant::now());
            }
        }
    }
}

/// Whether tasks may be polled in the middle of what the thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MayPoll {
    Yes,
    No,
}

fn may_poll(context: &Context<'_>) -> MayPoll {
    let room = context.stack_floor.is_none_or(|floor| stack::left(floor) >= STACK_BYTES_MIN);
    if context.forks.tree().interrupts == Interrupts::Allowed && context.local.is_some() && room {
        MayPoll::Yes
    } else {
        MayPoll::No
    }
}

/// Whether there were any tasks to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Polled {
    Some,
    None,
}

/// Where a thread looks for tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// In its own queue, and in the one for all.
    Own,
    /// In the other workers' queues, too: no one else is free to look there.
    Everywhere,
}

/// Polls up to [`TASKS_MAX`] tasks, as if the worker had come back to its loop, and leaves everything
/// as it was.
fn poll_tasks(context: &Context<'_>, reach: Reach) -> Polled {
    let busy = context.busy.replace(Busy::Driver);
    let blocking_depth = context.blocking_depth.take();
    context.pool.driver.poll();
    context.busy.set(Busy::Task);
    let mut polled = Polled::None;
    for _ in 0..TASKS_MAX {
        let Some(task) = next_task(context, reach) else { break };
        polled = Polled::Some;
        let own = context.remote().map(|remote| &remote.own);
        let outer = own.and_then(|own| own.running.read());
        if let Some(own) = own {
            own.counters.runs.add(1);
            own.running.begin(task.vtable_ptr());
        }
        let header = task.as_ptr();
        context.forks.within(Tree::NONE, || context.frames.inside(header, || task.run()));
        if let (Some(own), Some(outer)) = (own, outer) {
            own.running.begin(NonNull::from(outer.vtable));
        }
        context.busy.set(Busy::Task);
        context.blocking_depth.set(0);
    }
    context.busy.set(busy);
    context.blocking_depth.set(blocking_depth);
    // Nobody was woken for what the driver has put into the ring, and what was passed over was in no
    // queue for a moment: both count as published anew.
    let local = context.local.as_ref();
    let kept = local.is_some_and(|local| !local.ring().is_empty());
    if (kept && !context.pool.shares_nothing())
        || !context.pool.injector(context.domain()).is_empty()
        || !context.pool.lanes.is_empty()
    {
        context.pool.wake_idle();
    }
    polled
}

/// A task that waits within reach.
fn next_task(context: &Context<'_>, reach: Reach) -> Option<Work> {
    let local = context.local.as_ref()?;
    let pool = context.pool;
    for _ in 0..CLOSURES_MAX {
        let urgent = if pool.lanes.has_urgent() { pool.lanes.pop_urgent(0) } else { None };
        let work = urgent
            .or_else(|| local.pop())
            .or_else(|| if pool.homes.are_used() { context.pop_home() } else { None })
            .or_else(|| pool.injector(context.domain()).pop_batch(|_| 0).map(|(work, _)| work))
            .or_else(|| match reach {
                Reach::Own => None,
                Reach::Everywhere => steal(context, local),
            })?;
        match work.kind() {
            Kind::Future => return Some(work),
            // It may compute for as long as what it would interrupt.
            Kind::Parallel | Kind::Blocking | Kind::Job | Kind::Share => context.keep(work),
        }
    }
    None
}

fn steal(context: &Context<'_>, local: &LocalQueue) -> Option<Work> {
    if context.pool.shares_nothing() {
        return None;
    }
    let own = context.forks.post()?;
    let mut others = context.pool.remotes().filter(|remote| !ptr::eq(&remote.post, own));
    others.find_map(|remote| remote.queue.ring.steal(local.ring(), |_| 1).ok())
}

/// How many tasks are polled in a row before the thread goes on with its own work.
const TASKS_MAX: u32 = 8;

/// How many closures are passed over in the search for a task.
const CLOSURES_MAX: u32 = 4;

/// With less stack than this left, no task is polled on top of what the thread does.
const STACK_BYTES_MIN: usize = 256 << 10;
