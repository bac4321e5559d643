//! What is counted about one task, where a runtime was asked to: a block behind its cell.
//!
//! A task without the block pays a test of a flag that lies in a word it has just written. The
//! counts of a poll are the runner's, so they need no exchange; wakers are called from anywhere and
//! pay one.

use std::borrow::Cow;
use std::panic::Location;
use std::time::{Duration, Instant};

use moirai_sync::__prim::atomic::{AtomicU64, Ordering};

use crate::sched::current;
use crate::sched::pool::Pool;
use crate::trace::{Metering, TaskMetrics};

use super::name::Name;

/// The block.
#[derive(Debug)]
pub(super) struct Side {
    polls: AtomicU64,
    wakes: AtomicU64,
    busy_ns: AtomicU64,
    delayed_ns: AtomicU64,
    /// When it was queued, in nanoseconds since the pool began and one more; zero for unknown.
    queued: AtomicU64,
    spawned_at: &'static Location<'static>,
    name: Option<Box<Name>>,
}

/// A poll that has begun.
#[derive(Debug)]
#[must_use]
pub(super) struct Poll(Option<u64>);

impl Side {
    /// Of a task that is about to be queued.
    pub(super) fn new(
        name: Option<Cow<'static, str>>,
        spawned_at: &'static Location<'static>,
        pool: &Pool,
    ) -> Self {
        let side = Self {
            polls: AtomicU64::new(0),
            wakes: AtomicU64::new(0),
            busy_ns: AtomicU64::new(0),
            delayed_ns: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            spawned_at,
            name: name.map(|name| Box::new(Name::new(name))),
        };
        side.queued(pool);
        side
    }

    /// Relaxed, here and below: the state word orders one run after the other, and readers only
    /// look.
    fn add(counter: &AtomicU64, n: u64) {
        counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    /// A queue entry is about to be made.
    pub(super) fn queued(&self, pool: &Pool) {
        if let Some(now) = now(pool) {
            self.queued.store(now, Ordering::Relaxed);
        }
    }

    /// A waker was called.
    pub(super) fn woken(&self) {
        // Also where nobody reads it: asking the pool costs as much.
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }

    /// The runner begins a poll.
    pub(super) fn begin_poll(&self, pool: &Pool) -> Poll {
        Self::add(&self.polls, 1);
        let name = self.name.as_deref().and_then(Name::kept);
        show_to_watcher(Some(self.spawned_at), name, pool);
        let now = now(pool);
        if let Some(now) = now {
            let queued = self.queued.load(Ordering::Relaxed);
            Self::add(&self.delayed_ns, now.saturating_sub(queued));
        }
        Poll(now)
    }

    /// The runner's poll has returned.
    pub(super) fn end_poll(&self, poll: Poll, pool: &Pool) {
        show_to_watcher(None, None, pool);
        if let (Poll(Some(begun)), Some(now)) = (poll, now(pool)) {
            Self::add(&self.busy_ns, now.saturating_sub(begun));
        }
    }

    pub(super) fn name(&self) -> Option<&Cow<'static, str>> {
        self.name.as_deref().map(Name::text)
    }

    pub(super) fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    pub(super) fn read(&self) -> TaskMetrics {
        TaskMetrics {
            polls: self.polls.load(Ordering::Relaxed),
            wakes: self.wakes.load(Ordering::Relaxed),
            busy: Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)),
            delayed: Duration::from_nanos(self.delayed_ns.load(Ordering::Relaxed)),
        }
    }
}

/// The time, where it is noted.
fn now(pool: &Pool) -> Option<u64> {
    let times = pool.config().task_metering == Metering::Times;
    times.then(|| nanoseconds(pool.driver.now(), pool.began) + 1)
}

/// Where the task that this worker runs was spawned and as what, if anybody is told of stalls.
fn show_to_watcher(
    spawned_at: Option<&'static Location<'static>>,
    name: Option<&'static &'static str>,
    pool: &Pool,
) {
    if pool.config().watching.as_ref().is_some_and(|watching| watching.on_stall.is_set()) {
        current::with(|context| match context.remote() {
            // The watcher knows the outermost task of a stack.
            Some(remote) if context.frames.depth() == 0 => remote.own.running.at(spawned_at, name),
            _ => {}
        });
    }
}

fn nanoseconds(now: Instant, began: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(began).as_nanos()).unwrap_or(u64::MAX - 1)
}
