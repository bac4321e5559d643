//! Waiting for a half that somebody else runs.
//!
//! A waiting thread first helps, with parts of the same tree only: what it takes on holds up what it
//! waits for no longer than that would have taken anyway, and nothing that it takes on can wait for
//! what lies below it on this stack. It asks whoever works on the tree for more. When there has been
//! nothing for a while, it blocks as its strand does: a worker gives its permit to another thread. How
//! long a while is depends on what looking was worth lately.

use std::time::{Duration, Instant};

use moirai_sync::__prim::{HAS_CLOCK, spin_loop, thread};
use moirai_sync::strand;

use crate::sched::current::Context;
use crate::sched::edge;
use crate::sched::latch::Latch;
use crate::sched::offers::Tree;
use crate::sched::patience::Trip;
use crate::sched::post::Begged;
use crate::sched::work::Work;

/// Returns once `latch` is set. Until then `own` is asked for work first.
#[cold]
#[inline(never)]
pub(super) fn until_set(context: &Context<'_>, latch: &Latch, own: impl Fn() -> Option<Work>) {
    let own = || own().or_else(|| context.remote().and_then(|remote| remote.mailbox.pop()));
    let mut idle: Option<Instant> = None;
    let mut yields = 0;
    let patience = if context.hope.is_due() { SPIN } else { SPIN / 8 };
    while !latch.is_done() {
        if let Some(work) = own() {
            work.run();
            edge::at_step(context);
            idle = None;
            continue;
        }
        if help(context) == Helped::Yes {
            idle = None;
            continue;
        }
        if !HAS_CLOCK {
            yields += 1;
            if yields > MODEL_YIELDS {
                return block(context, latch);
            }
            thread::yield_now();
            continue;
        }
        let now = Instant::now();
        if now.saturating_duration_since(*idle.get_or_insert(now)) >= patience {
            if patience == SPIN {
                context.hope.learn(Trip::Futile);
            }
            return block(context, latch);
        }
        for _ in 0..PAUSES {
            spin_loop();
        }
    }
    if idle.is_some() {
        context.hope.learn(Trip::Paid);
    }
}

/// Blocks as the strand does. Only what must be run on this very thread is still run.
fn block(context: &Context<'_>, latch: &Latch) {
    let mailbox = context.remote().map(|remote| &remote.mailbox);
    let ready = context.forks.within(Tree::NONE, || {
        strand::wait(None, |cx| {
            while let Some(mail) = mailbox.and_then(|mailbox| mailbox.pop_or_wait(cx.waker())) {
                mail.run();
            }
            latch.poll(cx)
        })
    });
    debug_assert!(ready.is_some(), "a wait without a deadline ends when the latch is set");
}

/// Whether the thread has done anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Helped {
    Yes,
    No,
}

/// Runs a part of the tree that the thread works on, or asks for one.
fn help(context: &Context<'_>) -> Helped {
    let forks = &context.forks;
    let Some(own) = forks.post() else { return Helped::No };
    if !own.signal.peek().is_none() {
        edge::look_up(context);
    }
    if context.help_depth.get() >= HELP_DEPTH_MAX {
        return Helped::No;
    }
    let tree = forks.tree().id;
    if tree == 0 {
        return Helped::No;
    }
    if let Some(work) = context.pool.posts().find_map(|post| post.take_of(tree)) {
        let depth = context.help_depth.get();
        context.help_depth.set(depth + 1);
        work.run();
        context.help_depth.set(depth);
        return Helped::Yes;
    }
    let mut others =
        context.pool.posts().filter(|&post| post.tree() == tree && !std::ptr::eq(post, own));
    let now_us = context.pool.clock_us();
    let _asked = others.find(|post| post.beg(now_us) == Begged::Yes);
    Helped::No
}

/// How long a waiting thread looks for something to do before it blocks: about what it costs to be
/// woken.
const SPIN: Duration = Duration::from_micros(50);

/// How many parts of a tree a thread runs on top of each other while it waits.
const HELP_DEPTH_MAX: u32 = 64;

/// Pauses between two looks.
const PAUSES: u32 = 16;

/// In a model, which has no clock, so many looks.
const MODEL_YIELDS: u32 = 1;
