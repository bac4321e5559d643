//! Threads for calls that block: as many as are needed, up to a limit, gone after a while of rest.
//!
//! It runs [`Work`] and knows neither workers nor tasks. A job is refused, never forgotten: when
//! the queue is full, when the pool is closed, or when the system refuses the very first thread.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moirai_sync::__prim::{self as prim, Condvar, Mutex, thread};
use moirai_sync::SpawnFailed;

use crate::sched::work::{Chain, Work};

#[derive(Clone, Debug)]
pub(crate) struct BlockingPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    jobs: Mutex<Jobs>,
    changed: Condvar,
    config: Config,
}

#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) threads_max: usize,
    pub(crate) queue_max: usize,
    pub(crate) stack_bytes: Option<usize>,
}

#[derive(Debug)]
struct Jobs {
    queue: Chain,
    threads: usize,
    /// Threads that wait for a job, woken or not: a queue shorter than this needs no new thread.
    waiting: usize,
    next_id: usize,
    closed: bool,
}

/// What the pool has to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) threads: usize,
    pub(crate) queued: usize,
}

impl BlockingPool {
    pub(crate) fn new(config: Config) -> Self {
        let jobs = Jobs { queue: Chain::new(), threads: 0, waiting: 0, next_id: 0, closed: false };
        let shared = Shared { jobs: Mutex::new(jobs), changed: Condvar::new(), config };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn load(&self) -> Load {
        let jobs = self.shared.jobs.lock();
        Load { threads: jobs.threads, queued: jobs.queue.len() }
    }

    /// Runs `work` on one of the threads, soon. A refused job comes back with the reason.
    pub(crate) fn spawn(&self, work: Work) -> Result<(), (Work, SpawnFailed)> {
        let shared = &self.shared;
        let mut jobs = shared.jobs.lock();
        if jobs.closed {
            return Err((work, SpawnFailed::ShutDown));
        }
        if jobs.queue.len() < jobs.waiting {
            jobs.queue.push(work);
            drop(jobs);
            shared.changed.notify_one();
            return Ok(());
        }
        if jobs.threads < shared.config.threads_max {
            match self.start_thread(&mut jobs) {
                Ok(()) => {
                    jobs.queue.push(work);
                    return Ok(());
                }
                Err(error) if jobs.threads == 0 => {
                    return Err((work, SpawnFailed::NoThread(error)));
                }
                // The threads that there are will get to it.
                Err(_) => {}
            }
        }
        if jobs.queue.len() >= shared.config.queue_max {
            return Err((work, SpawnFailed::QueueFull { limit: shared.config.queue_max }));
        }
        jobs.queue.push(work);
        Ok(())
    }

    fn start_thread(&self, jobs: &mut Jobs) -> io::Result<()> {
        let config = &self.shared.config;
        let name = format!("{}-blocking-{}", config.name, jobs.next_id);
        let mut builder = thread::Builder::new().name(name);
        if let Some(bytes) = config.stack_bytes {
            builder = builder.stack_size(bytes);
        }
        let shared = Arc::clone(&self.shared);
        builder.spawn(move || shared.work())?;
        jobs.threads += 1;
        jobs.next_id += 1;
        Ok(())
    }

    /// Refuses jobs from now on, lets waiting threads end, and returns what was not begun. Jobs
    /// that run go on: nothing can stop a blocking call.
    pub(crate) fn close(&self) -> Chain {
        let mut jobs = self.shared.jobs.lock();
        jobs.closed = true;
        self.shared.changed.notify_all();
        std::mem::replace(&mut jobs.queue, Chain::new())
    }
}

impl Shared {
    fn work(&self) {
        let mut jobs = self.jobs.lock();
        loop {
            if let Some(work) = jobs.queue.pop() {
                drop(jobs);
                work.run();
                jobs = self.jobs.lock();
                continue;
            }
            let rest_until = Instant::now() + REST;
            jobs.waiting += 1;
            while jobs.queue.len() == 0 && !jobs.closed && Instant::now() < rest_until {
                let rest = rest_until.saturating_duration_since(Instant::now());
                jobs = prim::condvar_wait(&self.changed, jobs, Some(rest));
            }
            jobs.waiting -= 1;
            if jobs.queue.len() == 0 {
                jobs.threads -= 1;
                return;
            }
        }
    }
}

/// How long a thread without a job stays.
const REST: Duration = Duration::from_secs(10);
