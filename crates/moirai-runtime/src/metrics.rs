//! A snapshot of a whole runtime.

use crate::sched::pool::Pool;
use crate::slab::TaskPool;
use crate::trace::{BlockingMetrics, WorkerMetrics};

/// A snapshot of a runtime; from [`Handle::metrics`](crate::Handle::metrics).
///
/// # Examples
///
/// ```
/// let runtime = moirai_runtime::Runtime::builder().worker_threads(2).build()?;
/// for _ in 0..100 {
///     runtime.spawn(async {}).join().unwrap();
/// }
/// let metrics = runtime.handle().metrics();
/// assert_eq!(metrics.workers.len(), 2);
/// assert_eq!(metrics.runs(), 100);
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuntimeMetrics {
    /// The workers started so far, by id; those from [`worker_threads`](Self::worker_threads) on
    /// stand in for workers that block.
    pub workers: Vec<WorkerMetrics>,
    /// How many workers run at once.
    pub worker_threads: usize,
    /// Workers that might run at this moment and do not, for want of work.
    pub idle: usize,
    /// Workers that look for work at this moment.
    pub searching: usize,
    /// Times that a future did not return for [`stall_after`](crate::Builder::stall_after).
    pub stalls: u64,
    /// The threads and jobs of `spawn_blocking`.
    pub blocking: BlockingMetrics,
    /// Timers that run at this moment: sleeps, timeouts and intervals that somebody has polled.
    pub timers: usize,
    /// The memory of the tasks.
    pub task_pool: TaskPool,
}

impl RuntimeMetrics {
    /// The runs of all workers.
    pub fn runs(&self) -> u64 {
        self.workers.iter().map(|worker| worker.runs).sum()
    }

    /// The thefts of all workers, and those of them that went to other nodes of memory.
    pub fn thefts(&self) -> (u64, u64) {
        let far = self.workers.iter().map(|worker| worker.far_thefts).sum();
        (self.workers.iter().map(|worker| worker.thefts).sum(), far)
    }
}

/// What `pool` and its workers have done and hold.
pub(crate) fn of(pool: &Pool) -> RuntimeMetrics {
    RuntimeMetrics {
        workers: pool
            .remotes()
            .enumerate()
            .map(|(id, remote)| {
                let (domain, queued) = (remote.domain().index(), remote.queue.ring.len());
                remote.own.counters.read(id, domain, queued, remote.post.asks())
            })
            .collect(),
        worker_threads: pool.config().worker_threads,
        idle: pool.idle.free(),
        searching: pool.idle.searchers(),
        stalls: pool.watch.stalls(),
        blocking: pool.blocking.metrics(),
        timers: pool.driver.timers(),
        task_pool: pool.slab.report(),
    }
}
