//! What is noted about one task, where a runtime was asked to: a block behind its cell, and behind
//! that another one if times are noted, too.
//!
//! A task without the block pays a test of a flag that lies in a word it has just written; one whose
//! polls are only counted, an addition for each, and no look at its pool. The counts of a poll are
//! the runner's, so they need no exchange; wakers are called from anywhere and pay one.

use std::borrow::Cow;
use std::panic::Location;
use std::time::{Duration, Instant};

use moirai_sync::__prim::atomic::{AtomicU64, Ordering};

use crate::sched::current;
use crate::sched::pool::Pool;
use crate::trace::{Noted, TaskMetrics};

use super::name::Name;
use super::raw::TaskRef;

/// The block.
#[derive(Debug)]
pub(super) struct Side {
    polls: AtomicU64,
    wakes: AtomicU64,
    spawned_at: &'static Location<'static>,
    name: Option<Box<Name>>,
    /// Its runtime's affair; here, so that nobody need ask for that.
    noted: Noted,
}

/// The block behind that, if [`Noted::TIMES`] are.
#[derive(Debug)]
pub(super) struct Times {
    busy_ns: AtomicU64,
    delayed_ns: AtomicU64,
    /// When it was queued, in nanoseconds since the pool began.
    queued: AtomicU64,
}

/// What is left to do at the end of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Poll {
    Counted,
    /// It began then, if that was noted.
    Noted(Option<u64>),
}

impl Side {
    /// Of a task that is about to be queued.
    pub(super) fn new(
        name: Option<Cow<'static, str>>,
        spawned_at: &'static Location<'static>,
        noted: Noted,
    ) -> Self {
        Self {
            polls: AtomicU64::new(0),
            wakes: AtomicU64::new(0),
            spawned_at,
            name: name.map(|name| Box::new(Name::new(name))),
            noted,
        }
    }

    /// What is noted about the task, and who is told of it.
    #[inline]
    pub(super) fn noted(&self) -> Noted {
        self.noted
    }

    /// A waker was called.
    #[inline]
    pub(super) fn woken(&self) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }

    /// The runner begins a poll of `task`, whose block this is.
    #[inline]
    pub(super) fn begin_poll(&self, task: &TaskRef) -> Poll {
        add(&self.polls, 1);
        if self.noted.at_polls() { self.begin_noted(task) } else { Poll::Counted }
    }

    #[inline(never)]
    fn begin_noted(&self, task: &TaskRef) -> Poll {
        let pool = task.pool();
        if self.noted.contains(Noted::STALLS) {
            show_to_watcher(Some(self.spawned_at), self.name.as_deref().and_then(Name::kept));
        }
        Poll::Noted(task.times().map(|times| times.begin(pool)))
    }

    /// The runner's poll of `task` has returned.
    #[inline]
    pub(super) fn end_poll(&self, poll: Poll, task: &TaskRef) {
        if let Poll::Noted(begun) = poll {
            self.end_noted(begun, task);
        }
    }

    #[inline(never)]
    fn end_noted(&self, begun: Option<u64>, task: &TaskRef) {
        if self.noted.contains(Noted::STALLS) {
            show_to_watcher(None, None);
        }
        if let (Some(begun), Some(times)) = (begun, task.times()) {
            add(&times.busy_ns, nanoseconds(task.pool()).saturating_sub(begun));
        }
    }

    pub(super) fn name(&self) -> Option<&Cow<'static, str>> {
        self.name.as_deref().map(Name::text)
    }

    pub(super) fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    pub(super) fn read(&self, times: Option<&Times>) -> TaskMetrics {
        let (busy, delayed) = times.map(Times::read).unwrap_or_default();
        TaskMetrics {
            polls: self.polls.load(Ordering::Relaxed),
            wakes: self.wakes.load(Ordering::Relaxed),
            busy,
            delayed,
        }
    }
}

impl Times {
    /// Of a task that is about to be queued.
    pub(super) fn new(pool: &Pool) -> Self {
        Self {
            busy_ns: AtomicU64::new(0),
            delayed_ns: AtomicU64::new(0),
            queued: AtomicU64::new(nanoseconds(pool)),
        }
    }

    /// A queue entry is about to be made.
    pub(super) fn queued(&self, pool: &Pool) {
        self.queued.store(nanoseconds(pool), Ordering::Relaxed);
    }

    fn begin(&self, pool: &Pool) -> u64 {
        let now = nanoseconds(pool);
        add(&self.delayed_ns, now.saturating_sub(self.queued.load(Ordering::Relaxed)));
        now
    }

    fn read(&self) -> (Duration, Duration) {
        let read = |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed));
        (read(&self.busy_ns), read(&self.delayed_ns))
    }
}

/// Relaxed, here and above: the state word orders one run after the other, and readers only look.
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}

/// Where the task that this worker runs was spawned and as what.
fn show_to_watcher(
    spawned_at: Option<&'static Location<'static>>,
    name: Option<&'static &'static str>,
) {
    current::with(|context| match context.remote() {
        // The watcher knows the outermost task of a stack.
        Some(remote) if context.frames.depth() == 0 => remote.own.running.at(spawned_at, name),
        _ => {}
    });
}

/// Since the pool began.
fn nanoseconds(pool: &Pool) -> u64 {
    let passed = Instant::saturating_duration_since(&pool.driver.now(), pool.began);
    u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
}
