//! What a thread does between two steps of its parallel work: it looks up.
//!
//! At a fork, and between the steps of a long loop, a thread reads its signal word. If somebody has
//! asked for something, or enough forks have passed that the clock is worth reading, it comes here. It
//! gives the oldest of its forks to the hungry; and if tasks wait and no worker is free, it makes way
//! for them, so that neither a timer nor a message waits for the end of a computation:
//!
//! ```text
//!   who computes:   look up ─► lend the permit, wake ─► yield ─► look up ─► rest ······► go on with it
//!                                               │              (leaves its core) ▲
//!   a spare:                                    └─► runs tasks until there are none
//!                                                    ─► lies down, gives the permit back
//! ```
//!
//! **One thread for each permit,** but for a moment: what tasks there are has nearly always run before the
//! next look, and to rest and be woken would cost more than it did. One that has no permit by then rests
//! until it gets one. If the other thread blocks, the permit comes back at once; if it takes long, the rest
//! ends (`REST_MAX` in `current`), and until there is a free permit, both run and the system divides the core
//! between them. So no task can keep a computation from going on, and none that waits for that computation
//! hangs.
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

/// Called between two parts of a tree.
pub(crate) fn at_step(context: &Context<'_>) {
    if let Some(post) = context.forks.post()
        && context.forks.tick(post) == Due::Yes
    {
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
    let (due, now) = if HAS_CLOCK {
        time_to_look(context)
    } else {
        context.regain_permit();
        (Due::No, None)
    };
    if due == Due::No && !urgent {
        return;
    }
    match may_poll(context) {
        MayPoll::No => context.make_way(),
        MayPoll::Yes => poll_in_turn(context, now),
    }
}

/// Reads the clock, and looks around if it is time to.
fn time_to_look(context: &Context<'_>) -> (Due, Option<Instant>) {
    let now = Instant::now();
    let due = context.forks.look_due(now);
    if due == Due::Yes {
        // It may have been forgotten; see `Pool::nobody_forks`.
        if context.forks.tree().id != 0 {
            context.pool.somebody_forks();
        }
        context.forks.spread(context.pool);
        watch_clock(context);
        context.regain_permit();
    }
    (due, Some(now))
}

/// Lets the driver wake tasks. Somebody may wait for it, but the system lets a thread that computes keep
/// its core for a while, also from one whose time has come.
fn watch_clock(context: &Context<'_>) {
    let Some(local) = &context.local else { return };
    quietly(context, || context.pool.driver.poll());
    if !local.ring().is_empty() {
        context.pool.wake_one();
    }
}

/// What the driver wakes in `f` goes into the ring, in order, and nobody is woken for it.
fn quietly(context: &Context<'_>, f: impl FnOnce()) {
    let busy = context.busy.replace(Busy::Driver);
    f();
    context.busy.set(busy);
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

/// Polls tasks, unless that was done a moment ago: they take no more than half of the time. Those that
/// wait meanwhile are found at a later look, wherever they lie.
fn poll_in_turn(context: &Context<'_>, now: Option<Instant>) {
    let forks = &context.forks;
    if now.is_some_and(|now| forks.may_resume(now) == Due::No) {
        return;
    }
    if poll_tasks(context) == Polled::Some
        && let Some(began) = now
    {
        forks.polled(began, Instant::now());
    }
}

/// Polls up to [`TASKS_MAX`] tasks, as if the worker had come back to its loop, and leaves everything
/// as it was.
fn poll_tasks(context: &Context<'_>) -> Polled {
    quietly(context, || context.pool.driver.poll());
    let busy = context.busy.replace(Busy::Task);
    let blocking_depth = context.blocking_depth.take();
    let mut polled = Polled::None;
    for _ in 0..TASKS_MAX {
        let Some(task) = next_task(context) else { break };
        polled = Polled::Some;
        let own = context.remote().map(|remote| &remote.own);
        let outer = own.and_then(|own| own.running.read());
        if let Some(own) = own {
            own.counters.runs.tick();
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
fn next_task(context: &Context<'_>) -> Option<Work> {
    let local = context.local.as_ref()?;
    let pool = context.pool;
    for _ in 0..CLOSURES_MAX {
        let urgent = if pool.lanes.has_urgent() { pool.lanes.pop_urgent(0) } else { None };
        let work = urgent
            .or_else(|| local.pop())
            .or_else(|| if pool.homes.are_used() { context.pop_home() } else { None })
            .or_else(|| pool.injector(context.domain()).pop())
            // No one else may be free to look there.
            .or_else(|| if pool.has_tasks() { steal(context, local) } else { None })?;
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
