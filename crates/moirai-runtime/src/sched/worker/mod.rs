//! The loop of one worker: find, run, sleep.
//!
//! Everything here belongs to one thread; what others reach is the [`Remote`](super::remote::Remote)
//! in the pool. The worker knows nothing about what it runs.
//!
//! | file | knows |
//! |---|---|
//! | `mod` | the loop |
//! | `seat` | what a blocking call gives up |
//! | `search` | where work may be, and how long to look for it |
//! | `theft` | what to take from whom |
//! | `rest` | sleep, and the way back to a permit |

mod rest;
mod search;
mod seat;
mod theft;

use std::cell::Cell;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{self, Poll};

use moirai_sync::__prim::thread::JoinHandle;
use moirai_sync::__prim::{Parker, thread};
use moirai_sync::strand::Polled;
use moirai_sync::{coop, strand};

use crate::sched::cpu_clock::CpuClock;
use crate::sched::current::{self, Busy, Context};
use crate::sched::idle::{LastSearcher, Search};
use crate::sched::local::{Follows, Handed, LocalQueue, Staying, Until};
use crate::sched::lone::{Called, Lone};
use crate::sched::offers::{Interrupts, Tree};
use crate::sched::patience::{Hope, Loot, Patience, Rest};
use crate::sched::pool::{Begin, Pool};
use crate::sched::remote::Remote;
use crate::sched::work::{Kind, Work};
use crate::slab;
use crate::unwind::catch;

use self::seat::Seat;

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
    /// At how many runs it looks outside next, and how often it has.
    look_at: Cell<u64>,
    looks: Cell<u64>,
    /// Whether its own queue comes before what has a home here.
    own_turn: Cell<bool>,
    /// When it has looked outside last, or was woken.
    looked_us: Cell<u64>,
    rest: Rest,
    patience: Patience,
    loot: Loot,
    hope: Hope,
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
            look_at: Cell::new(0),
            looks: Cell::new(0),
            own_turn: Cell::new(false),
            looked_us: Cell::new(context.pool.clock_us()),
            rest: Rest::new(),
            patience: Patience::new(),
            loot: Loot::new(),
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
            match self.next() {
                Some(work) => self.run(work),
                None if self.remote.own.permit.is_held() => self.sleep(),
                None => self.regain_permit(),
            }
        }
        let mut mail = self.remote.mailbox.close();
        while let Some(work) = mail.pop() {
            self.run(work);
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
            }
            match self.next() {
                Some(work) => self.run(work),
                None if !self.remote.own.permit.is_held() => return self.regain_permit(),
                None if lone.is_called() == Called::Yes => {
                    return self.end_search(self.search.replace(Search::No));
                }
                None => return self.sleep(),
            }
        }
    }

    /// Whether the future that the thread blocks on is to be polled, where there is one.
    fn is_called(&self) -> bool {
        self.pool().lone.as_ref().is_some_and(|lone| lone.is_called() == Called::Yes)
    }

    /// What to run next: without a permit only what nobody else may run.
    #[inline(always)]
    fn next(&self) -> Option<Work> {
        let mail = self.remote.mailbox.pop();
        if mail.is_some() || !self.remote.own.permit.is_held() {
            return mail;
        }
        if self.remote.own.counters.runs.get() >= self.look_at.get()
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

    /// What the driver wakes in `f` goes into the ring, in order, and nobody is woken for it.
    fn quietly(&self, f: impl FnOnce()) {
        self.context.busy.set(Busy::Driver);
        f();
        self.context.busy.set(Busy::Task);
    }

    /// Runs `work`, and then what that hands over, or what it waits for and stays.
    #[inline(always)]
    fn run(&self, work: Work) {
        self.end_search(self.search.replace(Search::No));
        self.run_as(work, Work::run, Follows::Any);
        loop {
            if let Some(staying) = self.local().take_staying() {
                self.run_awaited(staying);
            } else if let Some(Handed { work, run }) = self.local().take_handed() {
                self.run_as(work, run, Follows::Awaited);
            } else {
                return;
            }
        }
    }

    /// Runs what `staying` waits for, and goes on with that.
    #[inline(always)]
    fn run_awaited(&self, staying: Staying) {
        let local = self.local();
        let awaited = if self.is_due_elsewhere() { None } else { local.take_awaited() };
        let Some(awaited) = awaited else {
            // So it has itself woken.
            return self.run_as(staying.work, staying.go_on, Follows::Nothing);
        };
        // Where it can be queued if this blocks.
        local.stay(staying, Until::Awaited);
        self.run_as(awaited, Work::run, Follows::Nothing);
        if let Some(Staying { work, go_on, .. }) = local.take_staying() {
            self.run_as(work, go_on, Follows::Any);
        }
    }

    /// Whether something else comes before what is to run next.
    fn is_due_elsewhere(&self) -> bool {
        let pool = self.pool();
        self.remote.own.counters.runs.get() >= self.look_at.get()
            || !self.remote.own.permit.is_held()
            || !self.remote.mailbox.is_empty()
            || pool.lanes.has_urgent()
            || pool.homes.has_work(self.context.last())
            || pool.is_closed()
    }

    #[inline(always)]
    fn run_as(&self, work: Work, run: impl FnOnce(Work), follows: Follows) {
        self.local().begin_run(follows);
        self.remote.own.counters.runs.tick();
        self.remote.own.running.begin(work.vtable_ptr());
        self.context.begin_run();
        self.context.frames.run(Some(work.as_ptr()));
        let interrupts = match work.kind() {
            // Of what belongs to a tree, the tree says so.
            Kind::Parallel | Kind::Job | Kind::Share => self.pool().config().between_forks,
            Kind::Future | Kind::Blocking => Interrupts::Refused,
        };
        self.context.forks.interrupts(interrupts);
        run(work);
        self.context.frames.run(None);
        // A task may leave its guard behind, forgotten or in a thread-local: the next one does not
        // block inside of it.
        self.context.blocking_depth.set(0);
        self.context.busy.set(Busy::Task);
    }

    /// The worker searches from now on, unless enough others do: nobody is woken for what is published
    /// meanwhile. So it says so before it looks anywhere: whom its last task has woken may publish the next
    /// one at once.
    fn begin_search(&self) -> Search {
        if self.search.get() == Search::No {
            self.search.set(self.pool().idle.begin_search());
        }
        self.search.get()
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
}

/// Runs between two looks at the injector and the driver: a prime, so that it keeps no step with
/// programs that work in round numbers.
pub(super) const FAIRNESS_INTERVAL: u64 = 61;
