//! What the workers of one runtime share.
//!
//! A pool starts threads, but not by knowing what they do: it is given the function that starts
//! one. It knows queues, sleepers and the driver, and neither the worker's loop nor any task.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | fence in `rouse` | SeqCst | the fence in `Worker::wait_in_driver`: it sees the grant, or we see it in the driver |
//! | fence in `has_work` | SeqCst | the fence in `Idle::wake_one`: published work or a changed word is seen |
//! | `driver_manned` | SeqCst | belongs to what `has_work` orders |
//! | `closed` | SeqCst | the moves to IDLE of tasks: see `shut_down_idle` |

#![allow(unsafe_code, reason = "takes the slab's cells for work; model: src/model/task.rs")]

use std::cell::Cell;
use std::fmt;
use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use moirai_sync::__prim::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use moirai_sync::__prim::thread::{JoinHandle, ThreadId};
use moirai_sync::__prim::{self as prim, Mutex, thread};
use moirai_sync::CachePadded;
use moirai_sync::strand::{self, Clock, Hooks};

use crate::blocking::BlockingPool;
use crate::fork;
use crate::hooks::{Hook, ThreadHooks};
use crate::slab::{self, Home, Slab};
use crate::topology::{Domain, Placement};
use crate::trace::{Ended, Metering, Noted, Stall};

use super::driver::Driver;
use super::guests::{Guest, Guests};
use super::homes::Homes;
use super::idle::{Acquired, Bed, Grant, Idle, Rested};
use super::injector::Injector;
use super::lanes::{Lane, Lanes};
use super::local::LocalQueue;
use super::lone::Lone;
use super::offers::Interrupts;
use super::permit::{GaveUp, Lent, Missed};
use super::permits::PermitId;
use super::post::{ASK_INTERVAL_US, Post};
use super::remote::Remote;
use super::signal::{Ask, Raised};
use super::strategy::StealStrategy;
use super::waits::Waits;
use super::watch::{Off, Watch};
use super::work::{Chain, Header, Work};

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
    fn noted(&self) -> Noted {
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

    fn start_thread(&self, id: usize, begin: Begin) -> io::Result<()> {
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

    /// Queues work from outside of the workers, and wakes one. While the pool ends, the closing
    /// thread shuts it down: the caller may wake or cancel under a lock. Afterwards only what has
    /// just been spawned comes here, and is shut down at once.
    pub(crate) fn inject(&self, work: Work) {
        let domain = self.domain_of(&work);
        self.publish(self.injector(domain).push(work), domain);
    }

    /// The domain of work that comes from nowhere in particular: by where it lies, so that a task which
    /// is woken from outside stays where it is, and many are spread over all.
    fn domain_of(&self, work: &Work) -> Domain {
        match self.injectors.len() {
            1 => Domain::FIRST,
            domains => {
                // Fibonacci hashing: the upper bits of the product depend on all of the address.
                let hash = (work.as_ptr().addr().get() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                Domain::new((hash >> 32) as usize % domains)
            }
        }
    }

    /// What came from outside, or from full rings, in one domain.
    pub(crate) fn injector(&self, domain: Domain) -> &Injector {
        &self.injectors[domain.index()]
    }

    pub(crate) fn placement(&self) -> &Placement {
        &self.config.placement
    }

    /// Queues work for the holder of one permit, and wakes a thread for it if nobody holds that.
    pub(crate) fn send_home(&self, home: PermitId, work: Work) {
        match self.homes.push(home, work) {
            Ok(()) if self.is_forked() => {}
            Ok(()) => self.wake_home(home),
            Err(work) => self.inject_late(Chain::from_iter([work])),
        }
    }

    /// As [`send_home`](Self::send_home), for several.
    pub(crate) fn send_chain_home(&self, home: PermitId, chain: Chain) {
        match self.homes.push_chain(home, chain) {
            Ok(()) => self.wake_home(home),
            Err(chain) => self.inject_late(chain),
        }
    }

    fn wake_home(&self, home: PermitId) {
        // SeqCst fence: pairs with the one in `has_work` of whoever has just given the permit back.
        fence(Ordering::SeqCst);
        match self.idle.wake_for(home) {
            Some(grant) => self.give(grant),
            None => {
                self.watch_what_waits();
                if self.guests.have_permits() || self.forks() {
                    self.press_home(home);
                }
            }
        }
    }

    /// Work waits for a permit whose holder may be busy with something else: a guest gives it up, a
    /// worker that computes is asked to look up.
    #[cold]
    pub(crate) fn press_home(&self, home: PermitId) {
        if let Some(permit) = self.recall(|guests| guests.recall_this(home)) {
            return self.release_permit(permit);
        }
        let holder = self.remotes().find(|remote| remote.own.permit.holds(home));
        if let Some(post) = holder.map(|remote| &remote.post).filter(|post| post.forks()) {
            let _: Raised = post.signal.raise(Ask::Urgent);
        }
    }

    /// Wakes a thread for each free permit whose holder work waits for: called by whoever has given one
    /// back, after a fence.
    pub(crate) fn wake_homes(&self) {
        for home in self.homes.waiting() {
            if let Some(grant) = self.idle.wake_for(home) {
                self.give(grant);
            }
        }
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

    /// As [`inject`](Self::inject), for work that is not of normal priority.
    pub(crate) fn inject_into(&self, lane: Lane, work: Work) {
        let domain = self.domain_of(&work);
        self.publish(self.lanes.push(lane, work), domain);
    }

    fn publish(&self, pushed: Result<(), Work>, domain: Domain) {
        match pushed {
            // Nobody is there to be woken.
            Ok(()) if self.is_forked() => {}
            Ok(()) => self.wake_near(domain),
            Err(work) => self.inject_late(Chain::from_iter([work])),
        }
    }

    /// As [`inject`](Self::inject), for what a full ring gave back.
    pub(crate) fn inject_chain(&self, chain: Chain, domain: Domain) {
        match self.injector(domain).push_chain(chain) {
            Ok(()) => self.wake_near(domain),
            Err(chain) => self.inject_late(chain),
        }
    }

    #[cold]
    fn inject_late(&self, chain: Chain) {
        let mut late = self.late.lock();
        match &mut *late {
            Some(late) => late.append(chain),
            None => {
                drop(late);
                shut_down(chain);
            }
        }
    }

    /// Called after work was published, somewhere.
    pub(crate) fn wake_one(&self) {
        self.wake(|| 0..self.config.worker_threads);
    }

    /// Called after work was published in a domain.
    #[inline]
    pub(crate) fn wake_near(&self, domain: Domain) {
        self.wake(|| self.placement().members(domain));
    }

    #[inline]
    fn wake(&self, near: impl FnOnce() -> Range<usize>) {
        match self.idle.wake_one(near) {
            Some(grant) => self.give(grant),
            None => {
                self.watch_what_waits();
                // Of a guest with a permit, either we know here, or it sees the work.
                if self.guests.have_permits() || self.forks() {
                    self.press();
                }
            }
        }
    }

    /// Nobody was woken for work that was published before a fence. If that is for want of a thread, the
    /// watcher is to say so; it may have gone off since the last one blocked.
    #[inline]
    fn watch_what_waits(&self) {
        if self.watch.is_off() == Off::Yes {
            self.begin_to_run();
        }
    }

    /// As [`wake_one`](Self::wake_one), where nobody need be interrupted if no worker is idle.
    #[inline]
    pub(crate) fn wake_idle(&self) {
        if let Some(grant) = self.idle.wake_one(|| 0..self.config.worker_threads) {
            self.give(grant);
        }
    }

    /// The same for a part of a computation: its owner does it itself if no worker is idle.
    pub(crate) fn wake_for_offers(&self) {
        if self.somebody_sleeps() {
            self.wake_idle();
        }
    }

    /// Tasks wait, and nobody was woken for them. If that is because all permits are taken, a guest
    /// gives one up, or that of a worker that computes is lent, which makes way when it looks up. Where
    /// such a worker may poll tasks itself, it is only asked to.
    #[cold]
    pub(crate) fn press(&self) {
        if self.idle.searchers() != 0 || !self.has_tasks() {
            return;
        }
        if let Some(permit) = self.recall(Guests::recall) {
            self.idle.release(permit);
            self.wake_idle();
            self.wake_homes();
        } else if self.idle.free() == 0 {
            let mut forking = self.remotes().filter(|remote| remote.post.forks()).peekable();
            if forking.peek().is_none() {
                return self.nobody_forks();
            }
            // One who has not been asked yet.
            let asked = forking.find(|remote| {
                remote.own.permit.is_held() && remote.post.signal.raise(Ask::Urgent) == Raised::New
            });
            if let Some(remote) = asked
                && self.config.between_forks == Interrupts::Refused
                // Else its queue goes with the permit: it lends that itself.
                && !self.shares_nothing()
            {
                // As many are lent as may be: then tasks have threads enough.
                let _: Lent = self.lend(remote);
            }
        }
    }

    /// Lends the permit of a worker that computes to a thread that runs tasks.
    pub(crate) fn lend(&self, remote: &Remote) -> Lent {
        if self.missed.lend_one() == Lent::No {
            return Lent::No;
        }
        match remote.own.permit.lend() {
            GaveUp::Held(permit) => {
                self.release_permit(permit);
                Lent::Yes
            }
            // Somebody was quicker, or it has given it up.
            GaveUp::Lent | GaveUp::Without | GaveUp::Nothing => {
                self.missed.end_loan();
                Lent::No
            }
        }
    }

    /// A thread that went on without a permit, as `before` says, has one or computes no longer.
    pub(crate) fn no_longer_without(&self, before: GaveUp) {
        match before {
            GaveUp::Lent => self.missed.end_loan(),
            GaveUp::Without => self.missed.end_without(),
            GaveUp::Held(_) | GaveUp::Nothing => return,
        }
        // Somebody else may.
        if self.has_offers() {
            self.wake_for_offers();
        }
    }

    /// Whether who has a permit may compute: what is free is enough for those who compute without.
    pub(crate) fn may_compute(&self) -> bool {
        self.missed.count() <= self.idle.free()
    }

    /// Whether one more thread may compute.
    fn has_room(&self) -> bool {
        self.missed.count() < self.idle.free()
    }

    /// Calls a permit back that a guest has borrowed: the guest goes on without.
    fn recall(&self, recall: impl FnOnce(&Guests) -> GaveUp) -> Option<PermitId> {
        if !self.guests.have_permits() {
            return None;
        }
        self.missed.go_without();
        match recall(&self.guests) {
            GaveUp::Held(permit) => Some(permit),
            GaveUp::Lent | GaveUp::Without | GaveUp::Nothing => {
                self.missed.end_without();
                None
            }
        }
    }

    /// A guest begins to compute, or goes on.
    pub(crate) fn admit(&self, guest: &Guest<'_>) {
        if self.lend_to(guest) == Lent::No {
            self.missed.go_without();
            guest.go_without();
        }
    }

    /// A guest that goes on without takes a permit if one is free.
    pub(crate) fn readmit(&self, guest: &Guest<'_>) {
        if guest.is_without() {
            let _: Lent = self.lend_to(guest);
        }
    }

    /// Lends a permit to a guest, if one is free; if a task waits for it, the guest does without at once.
    fn lend_to(&self, guest: &Guest<'_>) -> Lent {
        if self.idle.free() == 0 {
            return Lent::No;
        }
        let Acquired::Yes(permit) = self.idle.try_acquire(PermitId::FIRST) else { return Lent::No };
        self.no_longer_without(guest.borrow_permit(permit));
        // The fence in `borrow_permit` pairs with the publisher's: one of us sees the other.
        if (self.has_tasks() || self.homes.has_work(permit))
            && let Some(permit) = self.recall(|_| guest.renounce())
        {
            self.release_permit(permit);
        }
        Lent::Yes
    }

    /// A guest computes no longer: it leaves, or blocks.
    pub(crate) fn dismiss(&self, guest: &Guest<'_>) {
        match guest.return_permit() {
            GaveUp::Held(permit) => self.release_permit(permit),
            gone => self.no_longer_without(gone),
        }
    }

    /// A tree begins.
    pub(crate) fn somebody_forks(&self) {
        if !self.forking.load(Ordering::Relaxed) {
            self.forking.store(true, Ordering::Relaxed);
        }
    }

    /// Forgets that anybody forks. A tree that has just begun may be forgotten, too; then its owner
    /// looks up by itself, if a little later.
    #[cold]
    pub(crate) fn nobody_forks(&self) {
        if self.forks() && self.posts().all(|post| post.tree() == 0) {
            self.forking.store(false, Ordering::Relaxed);
        }
    }

    /// Whether anybody forks; a hint.
    pub(crate) fn forks(&self) -> bool {
        self.forking.load(Ordering::Relaxed)
    }

    /// The time since the pool began, in microseconds; in a model, each look is a moment later.
    pub(crate) fn clock_us(&self) -> u64 {
        if !prim::HAS_CLOCK {
            return self.looks.take(ASK_INTERVAL_US);
        }
        self.driver.now().saturating_duration_since(self.began).as_micros() as u64
    }

    /// Whether a worker might be woken for a part of a computation that was just published.
    #[inline]
    pub(crate) fn somebody_sleeps(&self) -> bool {
        // SeqCst fence: pairs with the one in `has_work` of a worker that has just lain down: it sees
        // the work, or we see it asleep.
        fence(Ordering::SeqCst);
        self.has_room() && self.idle.searchers() == 0
    }

    #[cold]
    fn give(&self, grant: Grant) {
        match grant {
            Grant::Sleeper(id, permit) => {
                if let Some(remote) = self.remote(id) {
                    remote.granted.give(permit);
                    self.rouse(remote);
                }
            }
            Grant::Spare(id, permit) => {
                if self.start_thread(id, Begin::Searching(permit)).is_err() {
                    self.idle.spare_failed(permit);
                    // Ends: no further spare is tried, and each sleeper is woken once.
                    if self.has_work() {
                        self.wake_one();
                    }
                    self.wake_homes();
                }
            }
        }
    }

    /// Has one worker run `work`; it comes back if that worker has ended.
    pub(crate) fn mail(&self, id: usize, work: Work) -> Result<(), Work> {
        match self.remote(id) {
            Some(remote) => {
                remote.mailbox.push(work)?;
                self.rouse(remote);
                Ok(())
            }
            None => Err(work),
        }
    }

    /// The number of a worker that stands in for no other.
    pub(crate) fn worker_of(&self, remote: &Remote) -> Option<usize> {
        let mut workers = self.remotes().take(self.config.worker_threads);
        workers.position(|worker| ptr::eq(worker, remote))
    }

    /// Wakes a sleeper, wherever it lies.
    fn rouse(&self, remote: &Remote) {
        if let Some(parker) = remote.parker.get() {
            parker.unpark();
        }
        // SeqCst fence: pairs with the one in the worker between `in_driver` and its last look.
        fence(Ordering::SeqCst);
        if remote.in_driver.load(Ordering::Relaxed) {
            self.driver.unpark();
        }
    }

    /// Whether work is queued anywhere. A full fence comes first, so a caller that has just
    /// changed `idle` misses nothing that was published before somebody read that change.
    pub(crate) fn has_work(&self) -> bool {
        // SeqCst fence: pairs with the one in `Idle::wake_one`.
        fence(Ordering::SeqCst);
        self.has_tasks() || (self.has_room() && self.has_offers())
    }

    /// Whether work is queued that nobody will come back to by himself. Without a fence, a hint.
    pub(crate) fn has_tasks(&self) -> bool {
        self.injectors.iter().any(|injector| !injector.is_empty())
            || !self.lanes.is_empty()
            // Where nothing is shared, its owner comes back to a ring, or empties it.
            || (!self.shares_nothing()
                && self.remotes().any(|remote| remote.queue.ring.len() != 0))
    }

    /// Whether somebody who computes offers a part of it. Without a fence, a hint.
    pub(crate) fn has_offers(&self) -> bool {
        self.posts().any(Post::offers)
    }

    /// The posts of all who may fork.
    pub(crate) fn posts(&self) -> impl Iterator<Item = &Post> {
        self.remotes().map(|remote| &remote.post).chain(self.guests.posts())
    }

    /// A running thread passes its permit on because it blocks. Somebody else must take over what
    /// it leaves: queued work, and the watch over the clock.
    pub(crate) fn release_permit(&self, permit: PermitId) {
        self.idle.release(permit);
        self.hand_over();
        self.wake_homes();
        // Tasks came first. (Who has just begun to rest does so for a moment only, so a hint will do.)
        if self.idle.somebody_rests()
            && let Some(rested) = self.idle.wake_rested()
        {
            self.wake_rested(rested);
        }
    }

    /// Wakes who has rested, and has a permit now.
    pub(crate) fn wake_rested(&self, Rested(id, permit): Rested) {
        self.give(Grant::Sleeper(id, permit));
    }

    /// A thread that was about to run, or to watch the clock, does neither.
    pub(crate) fn hand_over(&self) {
        if self.needs_a_worker() {
            self.wake_one();
        } else if self.is_clock_alone() {
            self.watch.rouse(&*self.driver);
        }
    }

    /// Whether work is queued, or nobody watches the clock and nobody ever will. As for
    /// [`has_work`](Self::has_work), a caller that has just changed `idle` misses nothing.
    pub(crate) fn needs_a_worker(&self) -> bool {
        self.has_work() || (self.config.watching.is_none() && self.is_clock_alone())
    }

    fn is_clock_alone(&self) -> bool {
        // SeqCst: the flag belongs to what `has_work`'s fence orders.
        !self.driver_manned.load(Ordering::SeqCst)
    }

    /// A thread has been given a permit, or ought to have been: somebody must watch.
    pub(crate) fn begin_to_run(&self) {
        if self.config.watching.is_some() && self.watch.was_off() == Off::Yes {
            self.watch.rouse(&*self.driver);
        }
    }

    /// Whether the caller is the one to wait for the driver.
    pub(crate) fn man_driver(&self) -> Bed {
        // SeqCst: see `needs_a_worker`.
        if self.driver_manned.swap(true, Ordering::SeqCst) { Bed::Own } else { Bed::Driver }
    }

    pub(crate) fn leave_driver(&self) {
        // SeqCst: see `needs_a_worker`.
        self.driver_manned.store(false, Ordering::SeqCst);
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

    /// Ends the pool: refuses new work, shuts down what there is, and waits for the threads, but
    /// for the calling one. A second call waits for nothing.
    pub(crate) fn close(&self) {
        self.close_for(thread::current().id());
    }

    /// The same on behalf of the thread `me`, which waits for the caller.
    pub(crate) fn close_for(&self, me: ThreadId) {
        if self.begin_to_close() == Closing::Now {
            self.outlive_threads(Some(me));
        }
    }

    /// The same for code that the pool itself runs. It waits for no thread, for that may wait for it:
    /// as the owner of a fork does for its other half. Another thread waits.
    pub(crate) fn close_from_inside(&self) {
        if self.begin_to_close() == Closing::Now
            && self.leave_to_another(|pool| pool.outlive_threads(None)).is_err()
        {
            self.outlive_threads(Some(thread::current().id()));
        }
    }

    /// Ends everything but the threads, which hear of it.
    fn begin_to_close(&self) -> Closing {
        // What a fork's child has inherited is its parent's to end.
        // SeqCst: pairs with `is_closed`.
        if self.is_forked() || self.closed.swap(true, Ordering::SeqCst) {
            return Closing::Before;
        }
        for id in self.idle.close() {
            self.remote(id).into_iter().for_each(|remote| self.rouse(remote));
        }
        self.watch.rouse(&*self.driver);
        self.end(|| {
            self.injectors.iter().for_each(|injector| shut_down(injector.close()));
            shut_down(self.lanes.close());
            shut_down(self.homes.close());
            shut_down(self.blocking.close());
        });
        self.shut_down_idle();
        // After the idle tasks, whose timers are gone with them.
        self.driver.close();
        Closing::Now
    }

    /// Waits for all threads but `me`, and ends what is left then.
    fn outlive_threads(&self, me: Option<ThreadId>) {
        if let Some(local) = self.lone.as_ref().and_then(|lone| lone.close(me)) {
            self.end(|| self.empty(&local));
        }
        // One by one: a thread may start another before it ends.
        loop {
            let Some(thread) = self.threads.lock().pop() else { break };
            if Some(thread.thread().id()) != me {
                // A worker catches the panics of what it runs; its own would be reported by the hook.
                drop(thread.join());
            }
        }
        // All of it has been ended as idle, but for what was spawned meanwhile.
        let late = self.late.lock().take();
        late.into_iter().for_each(shut_down);
        slab::leave(self);
        self.slab.close();
    }

    /// The worker of a pool without threads ends, or is nobody: shuts down what it would have run.
    pub(crate) fn empty(&self, local: &LocalQueue) {
        let mut mail = self.remote(0).map(|remote| remote.mailbox.close());
        while let Some(work) = mail.as_mut().and_then(Chain::pop) {
            work.run();
        }
        while let Some(work) = local.pop() {
            work.shutdown();
        }
    }

    /// Ends the tasks that are in no queue, since they wait for a wake-up from elsewhere; called
    /// once the pool is closed. A task that runs meanwhile ends at its next scheduling point. One
    /// that goes idle meanwhile may be missed: whoever ran it finds the pool closed after that, and
    /// calls this again.
    #[cold]
    pub(crate) fn shut_down_idle(&self) {
        // SeqCst fence: the close, then the look at the tasks; pairs with `is_closed` after a run.
        fence(Ordering::SeqCst);
        self.end(|| {
            self.slab.for_each_live(|cell| {
                // SAFETY: the pool's cells start with a header, and a reference has been counted.
                unsafe { Work::from_header(cell.cast()) }.shutdown();
            });
        });
    }

    /// Calls `f`, which ends tasks. A future whose drop blocks may wait for a task that `f` has not
    /// come to: then another thread goes on.
    fn end(&self, f: impl FnOnce()) {
        strand::hooks(|outer| {
            let ending = Ending { pool: self, outer, relieved: Cell::new(false) };
            strand::with_hooks(&ending, f);
        });
    }

    /// Starts a thread that ends what is left; without one, as with too many, the tasks wait.
    fn relieve(&self) {
        let mut threads = self.threads.lock();
        let limit = self.config.worker_threads + self.config.spare_threads + RELIEFS_MAX;
        if threads.len() < limit {
            threads.extend(self.leave_to_another(Self::shut_down_idle));
        }
    }

    /// Starts a thread for a part of the shutdown.
    fn leave_to_another(
        &self,
        f: impl FnOnce(&Self) + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let pool = self.arc();
        let builder = thread::Builder::new().name(format!("{}-shutdown", self.config.name));
        builder.spawn(move || {
            pool.placement().unbind().this_thread();
            f(&pool);
        })
    }
}

/// Whether the pool was open until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Closing {
    Now,
    Before,
}

/// A thread that ends tasks.
struct Ending<'a> {
    pool: &'a Pool,
    outer: Option<&'a dyn Hooks>,
    /// Whether another thread does it by now.
    relieved: Cell<bool>,
}

impl Hooks for Ending<'_> {
    fn blocking_begin(&self) {
        if !self.relieved.replace(true) {
            self.pool.relieve();
        }
        self.outer.into_iter().for_each(Hooks::blocking_begin);
    }

    fn blocking_end(&self) {
        self.outer.into_iter().for_each(Hooks::blocking_end);
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        // Not the pool's: nobody watches it.
        match self.outer {
            Some(outer) => outer.clock(),
            None => prim::timer_thread(),
        }
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

/// Threads that the end of a pool may start because drops of futures block.
const RELIEFS_MAX: usize = 256;
