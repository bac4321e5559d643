//! The loop of one worker: find, run, sleep.
//!
//! Everything here belongs to one thread; what others reach is the [`Remote`](super::pool::Remote)
//! in the pool. The worker knows nothing about what it runs.

use std::cell::Cell;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use moirai_sync::__prim::atomic::{Ordering, fence};
use moirai_sync::__prim::thread::{self, JoinHandle};
use moirai_sync::__prim::{Parked, Parker, spin_loop};
use moirai_sync::coop;
use moirai_sync::strand::{self, Clock, Hooks, Polled};

use super::cpu_clock::CpuClock;
use super::current::{self, Busy, Context};
use super::deque::{Missed, RING_CAPACITY};
use super::idle::{Acquired, Bed, LastSearcher, Rose, Search};
use super::lanes::URGENT_STREAK_MAX;
use super::local::LocalQueue;
use super::lone::{Called, Lone};
use super::offers::{Interrupts, Tree};
use super::patience::{Hope, Patience, Rest, Trip};
use super::permit::GaveUp;
use super::permits::PermitId;
use super::pool::{Begin, Pool};
use super::post::{ASK_INTERVAL_US, Begged, Post};
use super::remote::Remote;
use super::work::{Kind, Work};
use crate::slab;
use crate::topology::Domain;
use crate::unwind::catch;

/// Starts a worker's thread; see [`Start`](super::pool::Start).
pub(crate) fn start(
    pool: &Arc<Pool>,
    id: usize,
    local: LocalQueue,
    begin: Begin,
) -> io::Result<JoinHandle<()>> {
    let config = pool.config();
    let mut builder = thread::Builder::new().name(format!("{}-worker-{id}", config.name));
    if let Some(bytes) = config.stack_bytes {
        builder = builder.stack_size(bytes);
    }
    let pool = Arc::clone(pool);
    builder.spawn(move || run(pool, id, local, begin))
}

fn run(pool: Arc<Pool>, id: usize, local: LocalQueue, begin: Begin) {
    let parker = Arc::new(Parker::new());
    // Set before the thread was started.
    let Some(remote) = pool.remote(id) else { return };
    // The thread of an id is started once.
    let _: Result<(), Arc<Parker>> = remote.parker.set(Arc::clone(&parker));
    if let Some(clock) = CpuClock::of_this_thread() {
        let _: Result<(), CpuClock> = remote.cpu.set(clock);
    }
    let context = Context::of_worker(&pool, local, remote);
    let (Begin::Running(permit) | Begin::Searching(permit)) = begin;
    let seat = Seat::new(&context, remote, id);
    let search = match begin {
        Begin::Searching(_) => Search::Yes,
        Begin::Running(_) => Search::No,
    };
    let worker = Worker::new(&context, &seat, remote, parker, id, search);
    seat.hold_permit(permit);
    let hooks = &pool.config().thread_hooks;
    current::enter(&context, || {
        strand::with_hooks(&seat, || {
            hooks.start.call(&());
            worker.work();
            hooks.stop.call(&());
        });
    });
    // Nothing is pushed here any more: this thread has left the pool's context.
    while let Some(work) = worker.local().pop() {
        work.shutdown();
    }
    slab::leave(&*pool);
}

/// Runs the tasks of a pool without threads on the calling thread, whose seat in `lone` is `local`'s,
/// until `poll` is ready; pending if the pool ends before.
pub(crate) fn drive(pool: &Pool, lone: &Lone, local: LocalQueue, poll: Polled<'_>) -> Poll<()> {
    let Some(remote) = pool.remote(0) else { return Poll::Pending };
    let mut context = Context::of_lone_worker(pool, local, remote);
    let driven = catch(|| {
        let seat = Seat::new(&context, remote, 0);
        let parker = Arc::new(Parker::new());
        let worker = Worker::new(&context, &seat, remote, parker, 0, Search::No);
        current::enter(&context, || strand::with_hooks(&seat, || worker.work_for(lone, poll)))
    });
    if let Some(local) = context.local.take() {
        if pool.is_closed() {
            pool.empty(&local);
            // What went idle in the last run may have been missed.
            pool.shut_down_idle();
        }
        lone.stand_up(local);
    }
    driven.unwrap_or_else(|panic| resume_unwind(panic))
}

/// What a thread needs to block without stopping the others.
struct Seat<'a> {
    context: &'a Context<'a>,
    remote: &'a Remote,
    clock: Arc<dyn Clock>,
    /// What the outermost blocking call has interrupted.
    interrupted: Cell<Busy>,
}

impl<'a> Seat<'a> {
    fn new(context: &'a Context<'a>, remote: &'a Remote, id: usize) -> Self {
        let clock = context.pool.driver.clock(id);
        Self { context, remote, clock, interrupted: Cell::new(Busy::Task) }
    }

    fn hold_permit(&self, permit: PermitId) {
        self.context.hold_permit(self.remote, permit);
    }
}

impl Hooks for Seat<'_> {
    fn blocking_begin(&self) {
        let depth = self.context.blocking_depth.get();
        self.context.blocking_depth.set(depth + 1);
        if depth == 0 {
            self.interrupted.set(self.context.busy.replace(Busy::Blocked));
            self.context.leave_queue();
            match self.remote.own.permit.give_up() {
                GaveUp::Held(permit) => {
                    self.remote.own.counters.blocked.add(1);
                    self.context.pool.release_permit(permit);
                }
                gone => self.context.pool.no_longer_without(gone),
            }
            // What this task has just spawned may have been missed by a shutdown, and it may be
            // what the call is about to wait for.
            if self.context.pool.is_closed() {
                self.context.pool.shut_down_idle();
            }
        }
    }

    fn blocking_end(&self) {
        // Zero if the guard has outlived its task: see `Worker::run`.
        let depth = self.context.blocking_depth.get().saturating_sub(1);
        self.context.blocking_depth.set(depth);
        if depth != 0 {
            return;
        }
        self.context.busy.set(self.interrupted.get());
        let own = &self.remote.own.permit;
        if own.is_held() || own.is_away() {
            return;
        }
        // Without a permit the task goes on all the same, up to its next scheduling point, or until it
        // looks up and one is free.
        match self.context.pool.idle.try_acquire(self.context.last()) {
            Acquired::Yes(permit) => self.hold_permit(permit),
            Acquired::No => {
                self.context.pool.missed.go_without();
                own.go_without();
            }
        }
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}

struct Worker<'a> {
    context: &'a Context<'a>,
    seat: &'a Seat<'a>,
    remote: &'a Remote,
    parker: Arc<Parker>,
    id: usize,
    search: Cell<Search>,
    /// Urgent work that it has run in a row.
    urgent_streak: Cell<u32>,
    random: Cell<u32>,
    /// When it has looked outside last, or was woken.
    looked_us: Cell<u64>,
    rest: Rest,
    patience: Patience,
    hope: Hope,
}

/// How much a worker takes out of the injector.
#[derive(Clone, Copy, Debug)]
enum Share {
    One,
    /// As much as each worker would get.
    Fair,
}

/// How far away something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// In the same domain.
    Near,
    Far,
}

impl<'a> Worker<'a> {
    fn new(
        context: &'a Context<'a>,
        seat: &'a Seat<'a>,
        remote: &'a Remote,
        parker: Arc<Parker>,
        id: usize,
        search: Search,
    ) -> Self {
        Self {
            context,
            seat,
            remote,
            parker,
            id,
            search: Cell::new(search),
            urgent_streak: Cell::new(0),
            random: Cell::new(id as u32 * 2 + 1),
            looked_us: Cell::new(context.pool.clock_us()),
            rest: Rest::new(),
            patience: Patience::new(),
            hope: Hope::new(),
        }
    }

    fn pool(&self) -> &Pool {
        self.context.pool
    }

    fn local(&self) -> &LocalQueue {
        match &self.context.local {
            Some(local) => local,
            None => unreachable!("a worker's context has a queue"),
        }
    }

    fn work(&self) {
        while !self.pool().is_closed() {
            if let Some(mail) = self.remote.mailbox.pop() {
                self.run(mail);
            } else if !self.remote.own.permit.is_held() {
                self.regain_permit();
            } else if let Some(work) = self.find() {
                self.run(work);
            } else {
                self.sleep();
            }
        }
        let mut mail = self.remote.mailbox.close();
        while let Some(work) = mail.pop() {
            work.run();
        }
        // What went idle in the last run may have been missed.
        self.pool().shut_down_idle();
    }

    /// As [`work`](Self::work), but polls `poll` whenever it is called; pending if the pool ends first.
    fn work_for(&self, lone: &Lone, poll: Polled<'_>) -> Poll<()> {
        let waker = lone.waker();
        let mut cx = task::Context::from_waker(&waker);
        lone.begin();
        while !self.pool().is_closed() {
            if lone.take_call() == Called::Yes {
                // As in a worker's own poll: nothing is polled in the middle of the future.
                let poll = || coop::limited(|| poll(&mut cx));
                if self.context.forks.within(Tree::NONE, poll).is_ready() {
                    return Poll::Ready(());
                }
            }
            self.work_a_little(lone);
        }
        Poll::Pending
    }

    /// Runs what is there, or sleeps until there is something: a task, or a call.
    fn work_a_little(&self, lone: &Lone) {
        for _ in 0..FAIRNESS_INTERVAL {
            if self.pool().is_closed() {
                return;
            } else if let Some(mail) = self.remote.mailbox.pop() {
                self.run(mail);
            } else if !self.remote.own.permit.is_held() {
                return self.regain_permit();
            } else if let Some(work) = self.find() {
                self.run(work);
            } else if lone.is_called() == Called::Yes {
                return self.end_search(self.search.replace(Search::No));
            } else {
                return self.sleep();
            }
        }
    }

    /// Whether the future that the thread blocks on is to be polled, where there is one.
    fn is_called(&self) -> bool {
        self.pool().lone.as_ref().is_some_and(|lone| lone.is_called() == Called::Yes)
    }

    #[inline]
    fn find(&self) -> Option<Work> {
        if self.remote.own.counters.runs.get().is_multiple_of(FAIRNESS_INTERVAL)
            && let Some(work) = self.look_outside()
        {
            return Some(work);
        }
        if self.pool().lanes.has_urgent()
            && let Some(work) = self.take_urgent()
        {
            return Some(work);
        }
        if self.pool().homes.are_used()
            && let Some(work) = self.take_home()
        {
            return Some(work);
        }
        self.local().pop().or_else(|| self.find_elsewhere())
    }

    /// Its own queue is empty.
    #[inline(never)]
    fn find_elsewhere(&self) -> Option<Work> {
        self.remote.own.running.end();
        self.take_injected(self.context.domain(), Share::Fair)
            .or_else(|| self.take_urgent())
            .or_else(|| self.steal())
            .or_else(|| self.take_low())
            .or_else(|| self.spin())
    }

    /// Takes work that waits for this worker, unless it is the turn of its own queue.
    #[inline(never)]
    fn take_home(&self) -> Option<Work> {
        let own_turn = !self.remote.own.counters.runs.get().is_multiple_of(2);
        if own_turn && !self.local().is_empty() { None } else { self.context.pop_home() }
    }

    /// Takes work of high priority, unless it is another's turn.
    #[cold]
    fn take_urgent(&self) -> Option<Work> {
        let streak = self.urgent_streak.get();
        let work =
            if streak < URGENT_STREAK_MAX { self.pool().lanes.pop_urgent(streak) } else { None };
        self.urgent_streak.set(if work.is_some() { streak + 1 } else { 0 });
        self.share_lanes(work)
    }

    /// Takes work of low priority.
    fn take_low(&self) -> Option<Work> {
        let work = self.pool().lanes.pop_low();
        self.share_lanes(work)
    }

    /// What is left in the lanes counts as published anew, as in `take_injected`.
    fn share_lanes(&self, work: Option<Work>) -> Option<Work> {
        if work.is_some() && self.search.get() == Search::No && !self.pool().lanes.is_empty() {
            self.wake_near();
        }
        work
    }

    /// Lets the driver wake tasks, and prefers the injector for once. Tasks that send to each other stay
    /// together only as long as their runs are short.
    #[inline(never)]
    fn look_outside(&self) -> Option<Work> {
        let now_us = self.pool().clock_us();
        let lasted_us = now_us.saturating_sub(self.looked_us.replace(now_us));
        if lasted_us >= LONG_RUNS_US && self.local().keeps_some() {
            self.context.share_kept();
        }
        self.quietly(|| self.pool().driver.poll());
        if !self.local().ring().is_empty() {
            self.wake_near();
        }
        // One, and no share: its own queue has not run dry, and what waits longer in it is colder.
        let looks = self.remote.own.counters.runs.get() / FAIRNESS_INTERVAL;
        let low = if looks.is_multiple_of(2) { self.take_low() } else { None };
        // In turns: the workers of another domain may all compute.
        let domain = Domain::new(looks as usize % self.pool().placement().domains());
        let work =
            low.or_else(|| self.take_injected(domain, Share::One)).or_else(|| self.take_low())?;
        // It may run for long, and what was to run next would wait for it.
        self.context.share_kept();
        Some(work)
    }

    /// What the driver wakes in `f` goes into the ring, in order, and nobody is woken for it.
    fn quietly(&self, f: impl FnOnce()) {
        self.context.busy.set(Busy::Driver);
        f();
        self.context.busy.set(Busy::Task);
    }

    fn run(&self, work: Work) {
        self.end_search(self.search.replace(Search::No));
        self.remote.own.counters.runs.add(1);
        self.remote.own.running.begin(work.vtable_ptr());
        self.context.begin_run();
        self.context.frames.run(Some(work.as_ptr()));
        let interrupts = match work.kind() {
            // Of what belongs to a tree, the tree says so.
            Kind::Parallel | Kind::Job | Kind::Share => self.pool().config().between_forks,
            Kind::Future | Kind::Blocking => Interrupts::Refused,
        };
        self.context.forks.interrupts(interrupts);
        work.run();
        self.context.frames.run(None);
        // A task may leave its guard behind, forgotten or in a thread-local: the next one does not
        // block inside of it.
        self.context.blocking_depth.set(0);
        self.context.busy.set(Busy::Task);
    }

    /// The worker searches no more: the last one to stop looks whether there is more to find.
    fn end_search(&self, search: Search) {
        if search == Search::Yes
            && self.pool().idle.end_search() == LastSearcher::Yes
            && self.pool().needs_a_worker()
        {
            self.wake_near();
        }
    }

    fn wake_near(&self) {
        self.pool().wake_near(self.context.domain());
    }

    /// Takes this worker's share of an injector: one to run, the rest into the ring.
    fn take_injected(&self, domain: Domain, share: Share) -> Option<Work> {
        let pool = self.pool();
        let injector = pool.injector(domain);
        let share = |queued: usize| match share {
            Share::One => 0,
            Share::Fair => (queued / pool.placement().members(domain).len())
                .min(RING_CAPACITY / 2)
                .min(self.local().ring().room()),
        };
        let (work, mut rest) = injector.pop_batch(share)?;
        let moved = rest.len() != 0;
        self.remote.own.counters.injected.add(1 + rest.len() as u64);
        while let Some(more) = rest.pop() {
            // The share is no more than the room.
            if let Err(overflow) = self.local().ring().push(more) {
                pool.inject_chain(overflow.collect(), domain);
            }
        }
        // What was moved or left behind was in no queue for a moment, so a worker that lay down just
        // then has not seen it: it counts as published anew. (A searcher looks again in `run`.)
        if self.search.get() == Search::No && (moved || !injector.is_empty()) {
            self.wake_near();
        }
        Some(work)
    }

    fn steal(&self) -> Option<Work> {
        if self.search.get() == Search::No {
            self.search.set(self.pool().idle.begin_search());
            if self.search.get() == Search::No {
                return None;
            }
        }
        let mut missed = Missed::Empty;
        let work = self.steal_within(Reach::Near, &mut missed).or_else(|| {
            // If somebody is at it near by, there is something near by.
            let stay = self.pool().placement().domains() == 1 || missed == Missed::Busy;
            if stay { None } else { self.steal_far() }
        });
        if work.is_some() {
            return work;
        }
        self.remote.own.counters.futile_searches.add(1);
        // Whoever is in the middle of a theft may have no core. There is work, so this thread would
        // be woken at once if it slept.
        if missed == Missed::Busy {
            thread::yield_now();
        }
        self.take_injected(self.context.domain(), Share::Fair)
    }

    /// Takes a share of somebody's queue, or a part of what somebody has forked. What it has missed is
    /// noted if somebody else was at it.
    fn steal_within(&self, reach: Reach, missed: &mut Missed) -> Option<Work> {
        if self.pool().shares_nothing() {
            return self.take_offer(reach);
        }
        let (strategy, thieves) = (self.pool().config().steal, self.pool().idle.searchers());
        let share = |len| strategy.share(len, thieves);
        let started = self.pool().started();
        let first = self.random() as usize % started;
        let ids = (first..started).chain(0..first).filter(|&id| id != self.id);
        let victims = ids.filter_map(|id| self.pool().remote(id));
        for remote in victims.filter(|remote| self.reach(remote) == reach) {
            match remote.queue.ring.steal(self.local().ring(), share) {
                Ok(work) => {
                    // The ring was empty before.
                    self.count_theft(reach, 1 + self.local().ring().len());
                    return Some(work);
                }
                Err(Missed::Busy) => *missed = Missed::Busy,
                Err(Missed::Empty) => {}
            }
        }
        self.take_offer(reach)
    }

    /// Takes work of another domain, but not before it has looked around in its own for a while: less
    /// long each time that the way was worth it, longer each time that it was not.
    #[cold]
    fn steal_far(&self) -> Option<Work> {
        let mut missed = Missed::Empty;
        let (own, domains) = (self.context.domain(), self.pool().placement().domains());
        for _ in 0..self.patience.rounds() {
            spin_pause();
            let work = self
                .take_injected(own, Share::Fair)
                .or_else(|| self.steal_within(Reach::Near, &mut missed));
            if work.is_some() || missed == Missed::Busy {
                return work;
            }
        }
        let first = own.index() + 1;
        let others = (first..domains).chain(0..own.index()).map(Domain::new);
        let work = others
            .filter(|&domain| !self.pool().injector(domain).is_empty())
            .find_map(|domain| self.take_injected(domain, Share::Fair))
            .or_else(|| self.steal_within(Reach::Far, &mut missed));
        let worth = work.is_some() && !self.local().ring().is_empty();
        self.patience.learn(if worth { Trip::Paid } else { Trip::Futile });
        work
    }

    /// How far it is to another worker.
    fn reach(&self, remote: &Remote) -> Reach {
        let is_near =
            self.pool().placement().domains() == 1 || remote.domain() == self.context.domain();
        if is_near { Reach::Near } else { Reach::Far }
    }

    fn count_theft(&self, reach: Reach, stolen: usize) {
        let counters = &self.remote.own.counters;
        counters.thefts.add(1);
        counters.stolen.add(stolen as u64);
        if reach == Reach::Far {
            counters.far_thefts.add(1);
        }
    }

    /// Takes a part of what another thread has forked. One that is no worker is near to all.
    fn take_offer(&self, reach: Reach) -> Option<Work> {
        if !self.pool().may_compute() {
            return None;
        }
        let remotes = self.pool().remotes().filter(|remote| self.reach(remote) == reach);
        let guests = match reach {
            Reach::Near => Some(self.pool().guests.posts()),
            Reach::Far => None,
        };
        let mut posts = remotes.map(|remote| &remote.post).chain(guests.into_iter().flatten());
        let work = posts.find_map(|post| if self.is_own(post) { None } else { post.take() })?;
        self.count_theft(reach, 1);
        Some(work)
    }

    fn is_own(&self, post: &Post) -> bool {
        std::ptr::eq(post, &self.remote.post)
    }

    /// Asks for a part of what another thread keeps for itself.
    fn beg(&self) {
        let now_us = self.pool().clock_us();
        let first = self.random() as usize % ASK_INTERVAL_US as usize;
        let mut posts = self.others_posts().filter(|post| post.tree() != 0);
        // One at a time, and not always the same.
        let post = posts.nth(first).or_else(|| self.others_posts().find(|post| post.tree() != 0));
        if let Some(post) = post {
            let _: Begged = post.beg(now_us);
        }
    }

    fn others_posts(&self) -> impl Iterator<Item = &Post> {
        self.pool().posts().filter(|&post| !self.is_own(post))
    }

    /// Looks on for a moment before it sleeps, if work has come soon lately: waking a sleeping
    /// thread costs more than this on both sides. Also where somebody forks, who may give it a part, as
    /// long as that is worth it. Only one searcher does, and nobody is woken while it looks.
    fn spin(&self) -> Option<Work> {
        // Its permit is for tasks, and who has lent it waits for it.
        if !self.pool().may_compute() {
            return None;
        }
        if self.pool().forks() {
            self.beg();
        }
        if self.search.get() == Search::No || !self.pool().idle.is_only_searcher() {
            return None;
        }
        let mut stuck = self.find_keeper();
        let forks = self.pool().forks();
        let pays = self.rest.is_short() || (forks && (stuck.is_some() || self.hope.is_due()));
        if !pays {
            return None;
        }
        let start = Instant::now();
        loop {
            spin_pause();
            let mut work = if self.pool().has_tasks() || self.pool().has_offers() {
                self.steal().or_else(|| self.take_urgent()).or_else(|| self.take_low())
            } else if self.pool().homes.are_used() {
                self.context.pop_home()
            } else {
                None
            };
            if work.is_none() && self.pool().forks() {
                self.beg();
            }
            let spun = start.elapsed();
            if work.is_none() && spun >= NEXT_AGE_MIN {
                work = stuck.take().and_then(|(remote, runs)| self.take_kept(remote, runs));
            }
            if work.is_some() {
                self.rest.took(spun);
                self.hope.learn(Trip::Paid);
                return work;
            }
            let called = self.is_called() || !self.pool().may_compute();
            if spun >= SPIN_MAX || self.pool().is_closed() || called {
                // Or every rest would begin with a spin for the sake of a tree that is long gone.
                self.pool().nobody_forks();
                self.hope.learn(Trip::Futile);
                return None;
            }
        }
    }

    /// A worker that keeps a task for itself, and how much it had run.
    fn find_keeper(&self) -> Option<(&Remote, u64)> {
        if self.pool().shares_nothing() {
            return None;
        }
        let others = (0..self.pool().started()).filter(|&id| id != self.id);
        others
            .filter_map(|id| self.pool().remote(id))
            .find(|remote| !remote.queue.kept.is_empty())
            .map(|remote| (remote, remote.own.counters.runs.get()))
    }

    /// Takes what a worker keeps if it still runs what it ran then: it computes, and what it keeps would
    /// wait for it.
    fn take_kept(&self, remote: &Remote, runs: u64) -> Option<Work> {
        let work =
            if remote.own.counters.runs.get() == runs { remote.queue.kept.take() } else { None };
        if work.is_some() {
            self.count_theft(self.reach(remote), 1);
        }
        work
    }

    /// Gives the permit back and sleeps until there is work.
    fn sleep(&self) {
        let search = self.search.replace(Search::No);
        let permit = match self.remote.own.permit.give_up() {
            GaveUp::Held(permit) => permit,
            // It has been passed on meanwhile.
            gone => {
                self.end_search(search);
                return self.pool().no_longer_without(gone);
            }
        };
        self.remote.own.counters.parks.add(1);
        let bed = self.pool().man_driver();
        if let Some(rested) = self.pool().idle.sleep(self.id, permit, bed, search) {
            self.pool().wake_rested(rested);
        }
        if self.pool().needs_a_worker() {
            self.pool().wake_one();
        }
        // It has fenced.
        self.pool().wake_homes();
        let start = Instant::now();
        self.slumber(bed);
        let rest = start.elapsed();
        self.remote.own.counters.parked_ns.add(rest.as_nanos() as u64);
        self.rest.took(rest);
        self.looked_us.set(self.pool().clock_us());
    }

    /// A thread that came back from blocking waits until a permit is free.
    fn regain_permit(&self) {
        // It may have been taken or lent, and is no longer missed.
        self.pool().no_longer_without(self.remote.own.permit.give_up());
        // Perhaps before it could begin to look for what it was woken for: others would rely on that.
        self.end_search(self.search.replace(Search::No));
        // What the task has woken since it came back is for others now.
        self.context.leave_queue();
        match self.pool().idle.sleep_without(self.id, self.context.last()) {
            Acquired::Yes(permit) => self.seat.hold_permit(permit),
            // The parker is that of a thread, and this worker may be another one tomorrow.
            Acquired::No if self.pool().lone.is_some() => self.slumber(self.pool().man_driver()),
            Acquired::No => self.slumber(Bed::Own),
        }
    }

    fn slumber(&self, bed: Bed) {
        self.pool().config().thread_hooks.park.call(&());
        self.lie(bed);
        self.pool().config().thread_hooks.unpark.call(&());
    }

    fn lie(&self, bed: Bed) {
        let remote = self.remote;
        loop {
            if let Some(permit) = remote.granted.take() {
                self.seat.hold_permit(permit);
                self.search.set(Search::Yes);
                break;
            }
            if self.pool().is_closed() {
                break;
            }
            // It needs no permit, and a sleeper must not be granted one that computes: so it gets up.
            let called = !remote.mailbox.is_empty() || self.is_called();
            if called && self.pool().idle.rise(self.id) == Rose::Yes {
                break;
            }
            // The driver's wakers were called on this thread and filled its ring.
            if !self.local().ring().is_empty()
                && let Acquired::Yes(permit) = self.pool().idle.get_up(self.id)
            {
                self.seat.hold_permit(permit);
                break;
            }
            // They run here once a permit is free, or elsewhere.
            if !self.local().ring().is_empty() {
                self.pool().press();
            }
            match bed {
                Bed::Driver => self.wait_in_driver(remote),
                Bed::Own => {
                    let _: Parked = self.parker.park(None);
                }
            }
        }
        if bed == Bed::Driver {
            self.pool().leave_driver();
            if !self.remote.own.permit.is_held() {
                self.pool().hand_over();
            }
        }
        // One task in the ring is for this worker. For more, another is woken; and to watch the
        // clock while this one computes, unless there is a watcher.
        let clock_is_left = bed == Bed::Driver && self.pool().config().watching.is_none();
        if self.remote.own.permit.is_held() && (self.local().ring().len() > 1 || clock_is_left) {
            self.pool().wake_one();
        }
    }

    fn wait_in_driver(&self, remote: &Remote) {
        remote.in_driver.store(true, Ordering::Relaxed);
        self.pool().lone.iter().for_each(Lone::lie_down);
        // SeqCst fence: pairs with the one in `Pool::rouse`, and in a call to a lone worker: it sees
        // that we are in the driver, or we see why it woke us.
        fence(Ordering::SeqCst);
        let called = remote.granted.is_given() || !remote.mailbox.is_empty() || self.is_called();
        if !called && !self.pool().is_closed() {
            self.quietly(|| self.pool().driver.wait(None::<Instant>));
        }
        self.pool().lone.iter().for_each(Lone::get_up);
        remote.in_driver.store(false, Ordering::Relaxed);
    }

    /// Marsaglia's xorshift: it only spreads the thieves.
    fn random(&self) -> u32 {
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        self.random.set(random);
        random
    }
}

/// Runs between two looks at the injector and the driver: a prime, so that it keeps no step with
/// programs that work in round numbers.
pub(super) const FAIRNESS_INTERVAL: u64 = 61;

/// If so many runs take longer than this, what the worker keeps for itself is worth the way to
/// another one: 20 microseconds a run.
const LONG_RUNS_US: u64 = FAIRNESS_INTERVAL * 20;

/// How long a searcher looks on; about what it costs to wake a sleeping thread.
const SPIN_MAX: Duration = Duration::from_micros(50);

/// How long a worker keeps a task for itself, at least, before another worker takes it: long enough
/// that tasks which wake each other in turns stay together.
const NEXT_AGE_MIN: Duration = Duration::from_micros(20);

/// Pauses between two looks.
const SPIN_PAUSES: u32 = 8;

fn spin_pause() {
    for _ in 0..SPIN_PAUSES {
        spin_loop();
    }
}
