//! What a pool is told when it is made.

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use moirai_sync::__prim::thread::JoinHandle;

use crate::hooks::{Hook, ThreadHooks};
use crate::sched::offers::Interrupts;
use crate::sched::strategy::StealStrategy;
use crate::sched::work::Header;
use crate::topology::Placement;
use crate::trace::{Metering, Noted, Stall};

use super::{Pool, Start};

pub(crate) struct Config {
    pub(crate) worker_threads: usize,
    /// Where they belong.
    pub(crate) placement: Placement,
    pub(crate) workers: Workers,
    /// Threads beyond those, started when workers block.
    pub(crate) spare_threads: usize,
    pub(crate) name: String,
    pub(crate) stack_bytes: Option<usize>,
    /// Chunks of task memory that are kept while no task is in them.
    pub(crate) task_chunks_kept: usize,
    pub(crate) steal: StealStrategy,
    pub(crate) sharing: Sharing,
    pub(crate) task_metering: Metering,
    /// How many ended tasks are remembered.
    pub(crate) task_retention: usize,
    pub(crate) thread_hooks: ThreadHooks,
    /// Called with what has been spawned, before it is queued.
    pub(crate) work_begins: Hook<NonNull<Header>>,
    /// Called with what has ended, on the thread that ends it.
    pub(crate) work_ends: Hook<NonNull<Header>>,
    /// Whether tasks may be polled on top of parallel work.
    pub(crate) between_forks: Interrupts,
    /// Starts the thread of a worker.
    pub(crate) start: Start,
    /// Without it, what nobody announces may stall the pool.
    pub(crate) watching: Option<Watching>,
}

impl Config {
    /// What is noted about each task, and who is told of it.
    pub(super) fn noted(&self) -> Noted {
        let told = self.work_begins.is_set() || self.work_ends.is_set() || self.task_retention != 0;
        let stalls = self.watching.as_ref().is_some_and(|watching| watching.on_stall.is_set());
        let all = [
            (self.task_metering != Metering::Off).then_some(Noted::COUNTS),
            (self.task_metering == Metering::Times).then_some(Noted::TIMES),
            told.then_some(Noted::ENDS),
            stalls.then_some(Noted::STALLS),
        ];
        all.into_iter().flatten().fold(Noted::NOTHING, Noted::and)
    }
}

/// Whether workers take tasks from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Tasks run wherever there is a worker to run them, but for those that have a home.
    All,
    /// Every task has a home.
    Nothing,
}

/// Which threads are the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workers {
    /// Threads of the pool.
    Started,
    /// There is one, and whoever blocks on a future is it.
    Blocked,
}

/// How the workers are watched.
pub(crate) struct Watching {
    /// Starts the thread of the watcher.
    pub(crate) start: fn(&Arc<Pool>) -> io::Result<JoinHandle<()>>,
    pub(crate) stall_after: Duration,
    pub(crate) on_stall: Hook<Stall>,
}
