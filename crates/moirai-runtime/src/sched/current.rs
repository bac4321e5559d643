//! Which pool the calling thread belongs to, and its queue if it is a worker.
//!
//! A saved and restored stack, and on the stack: entering a runtime inside another's task hides the
//! outer one until it is left. Entering stores a pointer and allocates nothing. `schedule`
//! compares: work goes to this thread's queue only if it belongs to this thread's pool.
//!
//! A thread that runs work of a pool, or forks on it, has a [`Context`]. One that only waits in
//! `block_on` has a pool and no context: to make one costs as much as the whole call.

#![allow(
    unsafe_code,
    reason = "contexts on the stack, reached through a thread-local; model: src/model/task.rs"
)]

use std::cell::Cell;
use std::iter;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::{Duration, Instant};

use moirai_sync::__prim::{Parked, thread, thread_local};

use super::forks::Forks;
use super::guests::Guest;
use super::idle::{Acquired, Rose};
use super::lanes::Lane;
use super::local::{LocalQueue, Pushed, Staying, Until};
use super::patience::Hope;
use super::permit::Lent;
use super::permits::PermitId;
use super::pool::Pool;
use super::remote::Remote;
use super::waits::Frames;
use super::work::{Header, Work};
use crate::stack;
use crate::topology::Domain;

/// Where the calling thread stands.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) pool: &'a Pool,
    /// The queue, on a worker's thread.
    pub(crate) local: Option<LocalQueue>,
    /// The worker's shared half.
    remote: Option<&'a Remote>,
    /// On a thread of the program's own that forks.
    guest: Option<&'a Guest<'a>>,
    pub(crate) busy: Cell<Busy>,
    /// What it has done since its permit was lent.
    way: Cell<Way>,
    /// The permit that it has held last.
    last: Cell<Option<PermitId>>,
    /// Where that one belongs.
    domain: Cell<Domain>,
    /// The permit with which the present run began, whatever became of it since.
    place: Cell<Option<PermitId>>,
    pub(crate) frames: Frames,
    /// Blocking calls inside each other; the outermost gives the permit up.
    pub(crate) blocking_depth: Cell<u32>,
    /// How many parts of a tree run on top of each other here, each while another waits.
    pub(crate) help_depth: Cell<u32>,
    /// Whether the other half of a fork ends soon after one's own.
    pub(crate) hope: Hope,
    /// What the thread has forked.
    pub(crate) forks: Forks<'a>,
    /// The lowest address that the stack may come to, if it is known.
    pub(crate) stack_floor: Option<usize>,
}

/// What the thread is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// A task, after which it runs the next.
    Task,
    /// The driver, which wakes tasks on this thread, and it looks at them next: they keep their
    /// order, and no one else is woken.
    Driver,
    /// A call that blocks: whatever it wakes there, others must run.
    Blocked,
}

/// How far a thread that computes makes way for whoever runs tasks with its permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Not yet.
    Kept,
    /// It has left its core to whoever wants it.
    Yielded,
    /// It has slept.
    Rested,
}

/// How soon scheduled work is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Right after the running task, on the same worker: it has just been given something.
    Next,
    /// After what is queued, on whichever worker gets to it.
    Back,
    /// As `Back`, but as `Next` where nothing is queued: it has been told that the running task has ended,
    /// and may wait for those that are queued, too. So it is polled once for all of them.
    Joined,
    /// After what is queued: it has just run on this worker, and others are to have their turn.
    Behind,
    /// As `Behind`, if it need be on the same worker: it has run for a moment only.
    Again,
    /// By its priority, on whichever worker gets to it.
    Lane(Lane),
}

impl<'a> Context<'a> {
    #[inline]
    pub(crate) fn new(pool: &'a Pool, local: Option<LocalQueue>) -> Self {
        Self {
            pool,
            local,
            remote: None,
            guest: None,
            busy: Cell::new(Busy::Task),
            way: Cell::new(Way::Kept),
            last: Cell::new(None),
            domain: Cell::new(Domain::FIRST),
            place: Cell::new(None),
            frames: Frames::default(),
            blocking_depth: Cell::new(0),
            help_depth: Cell::new(0),
            hope: Hope::new(),
            forks: Forks::new(None),
            stack_floor: None,
        }
    }

    /// The context of a thread that is no worker and forks.
    pub(crate) fn of_guest(guest: &'a Guest<'a>, pool: &'a Pool) -> Self {
        let forks = Forks::new(Some(guest.post()));
        Self { guest: Some(guest), forks, ..Self::new(pool, None) }
    }

    /// The context of a worker's thread.
    pub(crate) fn of_worker(pool: &'a Pool, local: LocalQueue, remote: &'a Remote) -> Self {
        Self {
            // The permit that it is given first decides where it runs.
            last: Cell::new(None),
            stack_floor: stack::floor(),
            ..Self::of_lone_worker(pool, local, remote)
        }
    }

    /// The context of a thread that is a worker for a while; what is left of its stack is not asked,
    /// which takes longer than some that it runs.
    pub(crate) fn of_lone_worker(pool: &'a Pool, local: LocalQueue, remote: &'a Remote) -> Self {
        Self {
            remote: Some(remote),
            last: Cell::new(Some(PermitId::FIRST)),
            forks: Forks::new(Some(&remote.post)),
            ..Self::new(pool, Some(local))
        }
    }

    /// The worker's shared half, on a worker's thread.
    pub(crate) fn remote(&self) -> Option<&'a Remote> {
        self.remote
    }

    /// A worker that computes makes way for tasks that wait: another thread gets its permit, if it has
    /// not got that yet, and its core: at first it only leaves that, and if it has no permit at its next look,
    /// it rests until it gets one back, or [`REST_MAX`] has passed.
    ///
    /// Where a thread has been woken for them already, that gets the core: the system may have put it behind
    /// this one, and leaves it there for a millisecond, also while another core is free.
    pub(crate) fn make_way(&self) {
        let Some(remote) = self.remote else { return };
        let permit = &remote.own.permit;
        if permit.is_held() && self.tasks_wait() {
            self.send_queue_home();
            // As many are lent as may be: then tasks have threads enough.
            let _: Lent = self.pool.lend(remote);
        } else if permit.is_held() && self.somebody_comes() {
            thread::yield_now();
        }
        if permit.is_missed() {
            self.make_way_for_loan(remote);
        }
    }

    /// Most tasks take less time than it takes to rest and to be woken, and the system has given their thread
    /// a core already, or does as soon as this one leaves its own.
    fn make_way_for_loan(&self, remote: &Remote) {
        match self.way.get() {
            Way::Kept => {
                self.way.set(Way::Yielded);
                self.regain_permit();
                if remote.own.permit.is_missed() {
                    thread::yield_now();
                    self.regain_permit();
                }
            }
            Way::Yielded => {
                self.way.set(Way::Rested);
                self.rest(remote);
            }
            Way::Rested => {}
        }
    }

    fn rest(&self, remote: &Remote) {
        let (pool, id) = (self.pool, remote.id);
        let Some(parker) = remote.parker.get() else { return };
        if let Acquired::Yes(permit) = pool.idle.rest(id, self.last()) {
            return self.hold_permit(remote, permit);
        }
        let mut deadline = Some(Instant::now() + REST_MAX);
        loop {
            if let Some(permit) = remote.granted.take() {
                return self.hold_permit(remote, permit);
            }
            let parked = parker.park(deadline);
            if deadline.is_some() && (parked == Parked::TimedOut || pool.is_closed()) {
                if pool.idle.end_rest(id) == Rose::Yes {
                    return;
                }
                // It has been given a permit, and is about to be woken.
                deadline = None;
            }
        }
    }

    /// Whether tasks wait for a thread that has been woken for them.
    fn somebody_comes(&self) -> bool {
        self.pool.idle.searchers() != 0 && self.pool.has_tasks()
    }

    /// Whether tasks wait that run only if this worker lets another have its permit.
    fn tasks_wait(&self) -> bool {
        let kept = || self.local.as_ref().is_some_and(|local| !local.is_empty());
        let idle = &self.pool.idle;
        // A searcher comes to those that are for all by itself.
        (idle.free() == 0 && idle.searchers() == 0 && self.pool.has_tasks())
            || self.pool.homes.has_work(self.last())
            || (self.pool.shares_nothing() && kept())
    }

    /// The worker has a permit again.
    pub(crate) fn hold_permit(&self, remote: &Remote, permit: PermitId) {
        if self.last.replace(Some(permit)) != Some(permit) {
            let placement = self.pool.placement();
            placement.bind(permit.index());
            self.domain.set(placement.domain(permit.index()));
            remote.move_to(self.domain.get());
        }
        let before = remote.own.permit.hold(permit);
        self.way.set(Way::Kept);
        self.pool.begin_to_run();
        self.pool.no_longer_without(before);
    }

    /// A thread whose permit was taken, lent or called back takes a free one.
    pub(crate) fn regain_permit(&self) {
        if let Some(guest) = self.guest {
            self.pool.readmit(guest);
        }
        if let Some(remote) = self.remote
            && remote.own.permit.is_away()
            && let Acquired::Yes(permit) = self.pool.idle.try_acquire(self.last())
        {
            self.hold_permit(remote, permit);
        }
    }

    /// The permit that the worker has held last.
    pub(crate) fn last(&self) -> PermitId {
        match self.last.get() {
            Some(permit) => permit,
            None => unreachable!("a worker starts with a permit"),
        }
    }

    /// A run begins.
    #[inline]
    pub(crate) fn begin_run(&self) {
        self.place.set(self.last.get());
    }

    /// The permit with which the present run began; none on a thread that is no worker, or has not run
    /// anything.
    pub(crate) fn place(&self) -> Option<PermitId> {
        self.place.get()
    }

    /// Work that waits for this worker, if it has its permit.
    pub(crate) fn pop_home(&self) -> Option<Work> {
        let permit = self.last();
        let mine = self.remote.is_some_and(|remote| remote.own.permit.holds(permit));
        if mine { self.pool.homes.pop(permit) } else { None }
    }

    /// Where the thread is; on one that is no worker, nowhere in particular.
    pub(crate) fn domain(&self) -> Domain {
        self.domain.get()
    }

    /// Queues `work` of this context's pool, whose queue is `local`.
    #[inline(always)]
    pub(crate) fn schedule(&self, local: &LocalQueue, work: Work, place: Place) {
        let in_task = self.busy.get() == Busy::Task;
        let pushed = match place {
            Place::Lane(lane) => return self.pool.inject_into(lane, work),
            Place::Next if in_task => local.push_next(work),
            Place::Joined if in_task && local.ring().is_empty() => local.push_next(work),
            Place::Again if in_task => local.push_again(work),
            _ => local.push_back(work),
        };
        match pushed {
            Pushed::Kept => {}
            // It was there before, and is no more work than it was.
            Pushed::Ring if place == Place::Again => {}
            // So it was here, and if nothing goes before the ring, then as much is in that as before it
            // ran, for which somebody has been woken.
            Pushed::Ring if place == Place::Behind && !local.keeps_some() => {}
            Pushed::Ring if self.busy.get() == Busy::Driver => {}
            Pushed::Ring => self.pool.wake_near(self.domain.get()),
            Pushed::Overflow(overflow) => self.overflow(overflow),
        }
    }

    /// Queues work that has a home: with this thread only if nobody steals from it, and it is there.
    fn schedule_home(&self, local: &LocalQueue, work: Work, home: PermitId, place: Place) {
        let is_here = self.pool.shares_nothing()
            && self.remote.is_some_and(|remote| remote.own.permit.holds(home));
        let pushed = match (place, self.busy.get()) {
            _ if !is_here => return self.pool.send_home(home, work),
            (Place::Next, Busy::Task) => local.push_next(work),
            _ => local.push_back(work),
        };
        if let Pushed::Overflow(overflow) = pushed {
            self.overflow(overflow);
        }
    }

    /// Where nothing is shared, this thread's queue belongs to the permit that it has, or has just
    /// lost: whoever gets that finds it at home.
    fn send_queue_home(&self) {
        if !self.pool.shares_nothing() {
            return;
        }
        let queued = iter::from_fn(|| self.local.as_ref()?.pop());
        let queued: Vec<Work> = queued.collect();
        if !queued.is_empty() {
            self.pool.send_all_home(self.last(), queued);
        }
    }

    /// Whether the running work, which is about to end, may hand something over.
    #[inline(always)]
    pub(crate) fn takes_over(&self, local: &LocalQueue) -> bool {
        local.takes_over() && self.runs_by_itself()
    }

    /// Whether `running` may stay, which waits for `work`: it runs here, and that runs next.
    pub(crate) fn await_next(&self, running: &Header, work: NonNull<Header>) -> bool {
        let Some(local) = &self.local else { return false };
        self.runs_by_itself() && self.frames.is_alone(running) && local.await_next(work)
    }

    /// Whether what runs waits for what runs next.
    #[inline]
    pub(crate) fn is_awaiting(&self) -> bool {
        self.local.as_ref().is_some_and(LocalQueue::is_awaiting)
    }

    /// Comes back to `staying`: see [`LocalQueue::stay`].
    pub(crate) fn stay(&self, staying: Staying, until: Until) {
        match &self.local {
            Some(local) => local.stay(staying, until),
            None => self.keep(staying.into_queued()),
        }
    }

    /// Whether the worker is in the middle of work that is nobody else's business.
    #[inline(always)]
    fn runs_by_itself(&self) -> bool {
        self.busy.get() == Busy::Task
            && self.remote.is_none_or(|remote| remote.own.permit.is_held())
    }

    /// Queues work that has come up and is not to run yet; nobody is woken for it again.
    pub(crate) fn keep(&self, work: Work) {
        let Some(local) = &self.local else { return self.pool.inject(work) };
        if let Pushed::Overflow(overflow) = local.push_back(work) {
            self.overflow(overflow);
        }
    }

    #[cold]
    fn overflow(&self, overflow: Vec<Work>) {
        if let Some(remote) = self.remote {
            remote.own.counters.overflowed.add(overflow.len() as u64);
        }
        if self.pool.shares_nothing() {
            self.pool.send_all_home(self.last(), overflow);
        } else {
            self.pool.inject_all(overflow, self.domain.get());
        }
    }

    /// The thread will not come to its queue soon: others may have all of it.
    pub(crate) fn leave_queue(&self) {
        self.share_kept();
        self.send_queue_home();
    }

    /// The thread will not come to what it keeps soon: others may have it, and one is woken for it.
    /// (A thread that has a permit to give back wakes somebody anyway; one without must not leave
    /// its tasks behind.)
    pub(crate) fn share_kept(&self) {
        match self.local.as_ref().map(LocalQueue::share_kept) {
            None | Some(Pushed::Kept) => {}
            Some(Pushed::Ring) if self.pool.shares_nothing() => {}
            Some(Pushed::Ring) => self.pool.wake_near(self.domain.get()),
            Some(Pushed::Overflow(overflow)) => self.overflow(overflow),
        }
    }
}

/// What has been entered: there, on the stack, as long as a pointer to it is in the thread-local.
struct Entered {
    pool: NonNull<Pool>,
    context: Option<NonNull<Context<'static>>>,
    /// What this hides.
    outer: Option<NonNull<Self>>,
}

/// Calls `f` with `context` as the current one.
#[inline]
pub(crate) fn enter<R>(context: &Context<'_>, f: impl FnOnce() -> R) -> R {
    // Only the lifetime changes.
    inside(context.pool, Some(NonNull::from(context).cast()), f)
}

/// Calls `f` with `pool` as the current one, on a thread that runs nothing for it.
#[inline]
pub(crate) fn enter_pool<R>(pool: &Pool, f: impl FnOnce() -> R) -> R {
    inside(pool, None, f)
}

/// As [`enter_pool`], if nothing has been entered on this thread; else gives `value` back.
#[inline]
pub(crate) fn enter_first<T, R>(pool: &Pool, value: T, f: impl FnOnce(T) -> R) -> Result<R, T> {
    if entered().is_some() {
        return Err(value);
    }
    let _restore = Restore { outer: None };
    let here = Entered { pool: NonNull::from(pool), context: None, outer: None };
    set_entered(Some(NonNull::from(&here)));
    Ok(f(value))
}

/// The pointers leave the thread-local before this returns or unwinds, so what the callers have
/// borrowed is used only while they borrow it.
#[inline]
fn inside<R>(pool: &Pool, context: Option<NonNull<Context<'static>>>, f: impl FnOnce() -> R) -> R {
    let outer = entered();
    let _restore = Restore { outer };
    let here = Entered { pool: NonNull::from(pool), context, outer };
    set_entered(Some(NonNull::from(&here)));
    f()
}

struct Restore {
    outer: Option<NonNull<Entered>>,
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        set_entered(self.outer);
    }
}

// Where the thread-locals are gone, nothing has been entered.
#[inline]
fn entered() -> Option<NonNull<Entered>> {
    CURRENT.try_with(Cell::get).ok().flatten()
}

#[inline]
fn set_entered(entered: Option<NonNull<Entered>>) {
    let _: Result<(), _> = CURRENT.try_with(|current| current.set(entered));
}

/// What was entered last.
#[inline(always)]
fn innermost<'a>() -> Option<&'a Entered> {
    // SAFETY: `inside`, further down this stack, holds it; nobody here keeps it for longer than a call.
    entered().map(|entered| unsafe { &*entered.as_ptr() })
}

/// Calls `f` with the current context, if there is one.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&Context<'_>) -> R) -> Option<R> {
    with_else(f, |f, context| Some(f(context)), |_| None)
}

/// Calls `f` with `value` and the current context, or `g` with `value` where there is none.
#[inline(always)]
pub(crate) fn with_else<T, R>(
    value: T,
    f: impl FnOnce(T, &Context<'_>) -> R,
    g: impl FnOnce(T) -> R,
) -> R {
    match innermost().and_then(|entered| entered.context) {
        // SAFETY: `enter`, further down this stack, holds what it has entered.
        Some(context) => f(value, unsafe { context.as_ref() }),
        None => g(value),
    }
}

/// Calls `f` with the current pool, if there is one.
#[inline]
pub(crate) fn with_pool<R>(f: impl FnOnce(&Pool) -> R) -> Option<R> {
    // SAFETY: `enter` or `enter_pool`, further down this stack, holds what it has entered.
    innermost().map(|entered| f(unsafe { entered.pool.as_ref() }))
}

/// Calls `f` with the current pool, or with `other` where there is none.
#[inline]
pub(crate) fn with_pool_or<R>(
    other: impl FnOnce() -> &'static Pool,
    f: impl FnOnce(&Pool) -> R,
) -> R {
    match innermost() {
        // SAFETY: as in `with_pool`.
        Some(entered) => f(unsafe { entered.pool.as_ref() }),
        None => f(other()),
    }
}

/// Whether what the calling thread runs, it runs for `pool`, further down its stack if not here.
pub(crate) fn runs_on(pool: &Pool) -> bool {
    let mut at = innermost();
    while let Some(entered) = at {
        if entered.context.is_some() && ptr::eq(entered.pool.as_ptr(), pool) {
            return true;
        }
        // SAFETY: `inside`, further down this stack, holds what it has hidden.
        at = entered.outer.map(|outer| unsafe { &*outer.as_ptr() });
    }
    false
}

/// The current pool.
pub(crate) fn pool() -> Option<Arc<Pool>> {
    with_pool(Pool::arc)
}

/// Queues `work` of `pool`: with this thread if it is a worker of that pool, else in the injector.
/// Wakes a worker if need be. A pool that ends shuts it down; see [`Pool::inject`].
#[inline]
pub(crate) fn schedule(pool: &Pool, work: Work, place: Place) {
    with_else(
        work,
        |work, context| match &context.local {
            Some(local) if ptr::eq(context.pool, pool) => context.schedule(local, work, place),
            _ => inject(pool, work, place),
        },
        |work| inject(pool, work, place),
    );
}

/// As [`schedule`], for work that only the holder of the permit `home` runs: at once or after what is
/// queued there.
#[inline(never)]
pub(crate) fn schedule_home(pool: &Pool, work: Work, home: PermitId, place: Place) {
    with_else(
        work,
        |work, context| match &context.local {
            Some(local) if ptr::eq(context.pool, pool) => {
                context.schedule_home(local, work, home, place);
            }
            _ => pool.send_home(home, work),
        },
        |work| pool.send_home(home, work),
    );
}

#[inline(never)]
fn inject(pool: &Pool, work: Work, place: Place) {
    match place {
        Place::Lane(lane) => pool.inject_into(lane, work),
        Place::Next | Place::Back | Place::Behind | Place::Again | Place::Joined => {
            pool.inject(work);
        }
    }
}

/// How long a thread that computes rests for the sake of tasks: those that take longer, or block and
/// tell nobody, run beside it.
const REST_MAX: Duration = Duration::from_micros(500);

#[cfg(moirai_loom)]
thread_local! {
    static CURRENT: Cell<Option<NonNull<Entered>>> = Cell::new(None);
}
#[cfg(not(moirai_loom))]
thread_local! {
    static CURRENT: Cell<Option<NonNull<Entered>>> = const { Cell::new(None) };
}
