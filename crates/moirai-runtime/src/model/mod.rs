//! loom models of the files that hold `unsafe` or order two threads. Run by `cargo xtask loom`.
//!
//! They run the real code on a pool without threads: a task's queue entries land in the injector,
//! and the model decides which of its threads takes them out.

mod blocking;
mod control;
mod deque;
mod injector;
mod join;
mod latch;
mod park;
mod permit;
mod place;
mod slab;
mod slot;
mod task;

use std::sync::Arc;
use std::time::Duration;

use crate::blocking::{self as jobs, BlockingPool};
use crate::hooks::{Hook, ThreadHooks};
use crate::sched::driver::TimeDriver;
use crate::sched::offers::Interrupts;
use crate::sched::pool::{Config, Pool, Sharing, Start, Workers};
use crate::sched::strategy::StealStrategy;
use crate::sched::worker;
use crate::topology::{Domain, Placement, Unbind};
use crate::trace::Metering;

/// A pool for one worker, which remembers so many ended tasks.
fn pool_with(start: Start, task_retention: usize) -> Arc<Pool> {
    let blocking = BlockingPool::new(jobs::Config {
        name: String::new(),
        threads_max: 1,
        queue_max: 1,
        idle_timeout: Duration::MAX,
        stack_bytes: None,
        hooks: ThreadHooks::default(),
        unbind: Unbind::default(),
        start: jobs::start,
    });
    let config = Config {
        worker_threads: 1,
        placement: Placement::flat(1),
        workers: Workers::Started,
        spare_threads: 256,
        name: String::new(),
        stack_bytes: None,
        task_chunks_kept: 1,
        steal: StealStrategy::default(),
        sharing: Sharing::All,
        task_metering: Metering::Off,
        task_retention,
        between_forks: Interrupts::Allowed,
        thread_hooks: ThreadHooks::default(),
        work_begins: Hook::default(),
        work_ends: Hook::default(),
        start,
        watching: None,
    };
    Pool::new(config, TimeDriver::new(1), blocking)
}

/// A pool for one worker.
fn pool(start: Start) -> Arc<Pool> {
    pool_with(start, 0)
}

/// A pool that nobody starts, and which remembers a task that has ended.
fn retaining_pool() -> Arc<Pool> {
    pool_with(worker::start, 1)
}

/// A pool that nobody starts.
fn idle_pool() -> Arc<Pool> {
    pool(worker::start)
}

/// Runs what is in the injector until it is empty; says whether there was anything.
fn run_queued(pool: &Pool) -> bool {
    let mut ran = false;
    while let Some(work) = pool.injector(Domain::FIRST).pop() {
        work.run();
        ran = true;
    }
    ran
}
