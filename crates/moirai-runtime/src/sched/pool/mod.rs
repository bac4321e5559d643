//! What the workers of one runtime share.
//!
//! A pool starts threads, but not by knowing what they do: it is given the function that starts
//! one. It knows queues, sleepers and the driver, and neither the worker's loop nor any task.
//!
//! | file | what |
//! |---|---|
//! | `config` | what a pool is told when it is made |
//! | `publish` | work comes, and somebody is woken for it |
//! | `permits` | who runs, who computes, and who watches the clock |
//! | `end` | the pool ends, and everything with it |
//!
//! What is not in the tables of `publish` and `permits`:
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `closed`: exchange in `begin_to_close`, load in `is_closed` | SeqCst | each other and `to_idle` of a task: whoever ran it sees the close, or `shut_down_idle` sees it idle |
//! | fence in `shut_down_idle` | SeqCst | the same, between the close and the look at the tasks |
//! | fence in `is_closed` | SeqCst | the same, in a loom model only |
//! | `closed` in `refuses` | Relaxed | nothing: a hint |
//! | `started` | Relaxed | nothing: it bounds a search; each place is published by its `OnceLock` |
//! | `next_home` | Relaxed | nothing: it deals out turns |

mod config;
mod end;
mod permits;
mod publish;

use std::fmt;
use std::io;
use std::ptr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use moirai_sync::__prim::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use moirai_sync::__prim::thread::JoinHandle;
use moirai_sync::__prim::{self as prim, Mutex};
use moirai_sync::CachePadded;
use moirai_sync::strand::Clock;

use crate::blocking::BlockingPool;
use crate::fork;
use crate::sched::driver::Driver;
use crate::sched::guests::Guests;
use crate::sched::homes::Homes;
use crate::sched::idle::Idle;
use crate::sched::injector::Injector;
use crate::sched::lanes::Lanes;
use crate::sched::local::LocalQueue;
use crate::sched::lone::Lone;
use crate::sched::permit::{GaveUp, Missed};
use crate::sched::permits::PermitId;
use crate::sched::post::ASK_INTERVAL_US;
use crate::sched::remote::Remote;
use crate::sched::waits::Waits;
use crate::sched::watch::Watch;
use crate::sched::work::Chain;
use crate::slab::{Home, Slab};
use crate::topology::{Domain, Placement};
use crate::trace::{Ended, Noted};

pub(crate) use config::{Config, Sharing, Watching, Workers};

pub(crate) struct Pool {
    /// By domain.
    injectors: Box<[Injector]>,
    pub(crate) lanes: Lanes,
    pub(crate) homes: Homes,
    /// Whose turn it is, of work that needs a home and has none.
    next_home: CachePadded<AtomicUsize>,
    pub(crate) idle: Idle,
    pub(crate) driver: Arc<dyn Driver>,
    /// The driver as the clock of threads that are not workers.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) slab: Slab,
    pub(crate) blocking: BlockingPool,
    pub(crate) watch: Watch,
    pub(crate) missed: Missed,
    pub(crate) waits: Waits,
    /// By the driver's clock.
    pub(crate) began: Instant,
    config: Config,
    /// The last tasks that have ended, if they are retained.
    pub(crate) ended: Ended,
    /// What is noted about each task, and who is told of it.
    pub(crate) noted: Noted,
    /// The workers' shared halves, by id; those below `started` are there.
    remotes: Box<[OnceLock<Remote>]>,
    started: AtomicUsize,
    /// Threads that fork and are no workers.
    pub(crate) guests: Guests,
    /// Whether anybody forks; a hint, which may be out of date for a moment.
    forking: CachePadded<AtomicBool>,
    /// Whether a sleeper waits for the driver.
    driver_manned: AtomicBool,
    closed: AtomicBool,
    /// What came after the injector was closed, for the closing thread; none once that is done.
    late: Mutex<Option<Chain>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Of a pool whose worker is whoever blocks on a future.
    pub(crate) lone: Option<Lone>,
    /// As many as when the threads were started.
    forks: u64,
    /// What a model has for a clock.
    looks: prim::Counter,
    me: Weak<Self>,
}

/// Starts the thread that becomes the worker `id` with the queue `local`, and counts as searching
/// if it was granted its permit.
pub(crate) type Start = fn(&Arc<Pool>, usize, LocalQueue, Begin) -> io::Result<JoinHandle<()>>;

/// How a worker begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// With a permit of its own.
    Running(PermitId),
    /// With a permit it was granted to look for work.
    Searching(PermitId),
}

impl Pool {
    /// A pool without threads; see [`start`](Self::start).
    pub(crate) fn new(
        config: Config,
        driver: Arc<dyn Driver>,
        blocking: BlockingPool,
    ) -> Arc<Self> {
        let (workers, spares) = (config.worker_threads, config.spare_threads);
        let task_chunks_kept = config.task_chunks_kept;
        let began = driver.now();
        let lone = (config.workers == Workers::Blocked).then(|| Lone::new(&driver));
        fork::watch();
        Arc::new_cyclic(|me| Self {
            injectors: (0..config.placement.domains()).map(|_| Injector::new()).collect(),
            lanes: Lanes::new(),
            homes: Homes::new(workers),
            next_home: CachePadded::new(AtomicUsize::new(0)),
            idle: Idle::new(workers, spares),
            clock: Arc::clone(&driver) as Arc<dyn Clock>,
            driver,
            slab: Slab::new(task_chunks_kept),
            blocking,
            watch: Watch::new(),
            missed: Missed::new(workers),
            waits: Waits::new(),
            began,
            ended: Ended::new(config.task_retention),
            noted: config.noted(),
            config,
            remotes: (0..workers + spares).map(|_| OnceLock::new()).collect(),
            started: AtomicUsize::new(0),
            guests: Guests::new(workers, workers + spares),
            forking: CachePadded::new(AtomicBool::new(false)),
            driver_manned: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            late: Mutex::new(Some(Chain::new())),
            threads: Mutex::new(Vec::new()),
            lone,
            forks: fork::count(),
            looks: prim::Counter::new(0),
            me: Weak::clone(me),
        })
    }

    /// A counted pointer to this pool, which is not being dropped: the caller comes from one.
    pub(crate) fn arc(&self) -> Arc<Self> {
        match self.me.upgrade() {
            Some(pool) => pool,
            None => unreachable!("a pool in use is counted"),
        }
    }

    /// Starts the workers, each with a permit, and the watcher.
    pub(crate) fn start(&self) -> Result<(), (usize, io::Error)> {
        let workers = self.config.worker_threads;
        if let Some(lone) = &self.lone {
            lone.stand_up(self.make_place(0, PermitId::FIRST));
            for remote in self.remotes() {
                let _: GaveUp = remote.own.permit.hold(PermitId::FIRST);
            }
            return Ok(());
        }
        for id in 0..workers {
            self.start_thread(id, Begin::Running(PermitId::new(id)))
                .map_err(|error| (id, error))?;
        }
        if let Some(watching) = &self.config.watching {
            let watcher = (watching.start)(&self.arc()).map_err(|error| (workers, error))?;
            self.threads.lock().push(watcher);
        }
        Ok(())
    }

    /// Makes the shared half of the worker `id`; the other half is returned.
    fn make_place(&self, id: usize, permit: PermitId) -> LocalQueue {
        let local = LocalQueue::new();
        let remote = Remote::new(local.shared(), id, self.placement().domain(permit.index()));
        // Ids are given out once, so the place is empty.
        let _: Result<(), Remote> = self.remotes[id].set(remote);
        // Relaxed: the OnceLock publishes the remote; the count only bounds the search.
        self.started.fetch_max(id + 1, Ordering::Relaxed);
        local
    }

    pub(super) fn start_thread(&self, id: usize, begin: Begin) -> io::Result<()> {
        let (Begin::Running(permit) | Begin::Searching(permit)) = begin;
        let local = self.make_place(id, permit);
        let thread = (self.config.start)(&self.arc(), id, local, begin)?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// The shared halves of the workers started so far.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = &Remote> {
        self.remotes[..self.started()].iter().filter_map(OnceLock::get)
    }

    pub(crate) fn remote(&self, id: usize) -> Option<&Remote> {
        self.remotes[id].get()
    }

    pub(crate) fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// What came from outside, or from full rings, in one domain.
    pub(crate) fn injector(&self, domain: Domain) -> &Injector {
        &self.injectors[domain.index()]
    }

    pub(crate) fn placement(&self) -> &Placement {
        &self.config.placement
    }

    /// A home for work that comes from outside: each permit in turn.
    pub(crate) fn next_home(&self) -> PermitId {
        // Relaxed: it orders nothing.
        let turn = self.next_home.fetch_add(1, Ordering::Relaxed);
        PermitId::new(turn % self.config.worker_threads)
    }

    /// Whether every task has a home.
    #[inline]
    pub(crate) fn shares_nothing(&self) -> bool {
        self.config.sharing == Sharing::Nothing
    }

    /// The time since the pool began, in microseconds; in a model, each look is a moment later.
    pub(crate) fn clock_us(&self) -> u64 {
        if !prim::HAS_CLOCK {
            return self.looks.take(ASK_INTERVAL_US);
        }
        self.driver.now().saturating_duration_since(self.began).as_micros() as u64
    }

    /// The number of a worker that stands in for no other.
    pub(crate) fn worker_of(&self, remote: &Remote) -> Option<usize> {
        let mut workers = self.remotes().take(self.config.worker_threads);
        workers.position(|worker| ptr::eq(worker, remote))
    }

    /// Whether spawning is refused; a hint, which spares the slow ways of finding out.
    #[inline]
    pub(crate) fn refuses(&self) -> bool {
        self.closed.load(Ordering::Relaxed) || self.is_forked()
    }

    /// Whether this process is a fork's child, and the pool's threads are in the parent.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        self.forks != fork::count()
    }

    /// Whether the pool ends. Of a task that the caller has just run, either this says so, or
    /// shutdown finds it.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // loom takes SeqCst accesses for AcqRel ones, so it needs the fence that they imply here.
        if cfg!(moirai_loom) {
            fence(Ordering::SeqCst);
        }
        // SeqCst: pairs with the swap in `close`: see `Idle::close`, and `shut_down_idle`.
        self.closed.load(Ordering::SeqCst)
    }
}

impl Home for Pool {
    fn slab(&self) -> &Slab {
        &self.slab
    }

    fn arc(&self) -> Arc<dyn Home> {
        Self::arc(self)
    }
}

/// Shuts down all of `chain`.
pub(crate) fn shut_down(mut chain: Chain) {
    while let Some(work) = chain.pop() {
        work.shutdown();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.config.name)
            .field("worker_threads", &self.config.worker_threads)
            .field("started", &self.started())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
