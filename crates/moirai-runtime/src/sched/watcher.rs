//! Sees to it that a task which does not come back keeps nothing from running but itself.
//!
//! ```text
//!        a permit is given                nobody runs for a while
//!   OFF ──────────────────► TICKING ───────────────────────────────► OFF
//!                            │   ▲
//!                            └───┘ tick: look at every worker; wait, in the driver if no worker
//!                                        is there and none comes by
//! ```
//!
//! A worker counts its runs, and that is all it does for the watcher. One that has not begun another
//! between two ticks is in one task all the time. Then, in this order:
//!
//! 1. what it keeps for itself goes to others at once;
//! 2. after [`stall_after`](crate::Builder::stall_after), a future that does not return is reported
//!    with what its thread does: the processor time it uses tells waiting from computing;
//! 3. if tasks wait, its permit goes to another thread. If it computes, that makes one more thread
//!    than there are permits, so it is done at most as many times as there are permits. A closure
//!    may compute for long, and lends its permit by itself wherever it forks: one that does not
//!    answer so loses its permit after a [tenth](CLOSURE_SHARE) of that time. Where whoever brings a
//!    task lends it at once, the watcher looks in as rarely as if nothing were stuck.
//!
//! Who forks wakes others only so often, and may then compute for long without looking up: if what it
//! offers lies there for two ticks while a worker sleeps, the watcher wakes that one.
//!
//! The watcher also waits for the clock where no worker does, and says so when every thread that
//! the runtime may start is blocked.
//!
//! It runs no task, and reads no task: only the tables of their types, which live for ever.

use std::io;
use std::iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moirai_sync::__prim::thread::{self, JoinHandle};
use moirai_sync::__prim::{Parked, Parker};

use super::deque::{self, Local};
use super::idle::Bed;
use super::permit::{GaveUp, Lent};
use super::pool::{Pool, Watching};
use super::remote::{Remote, Shown};
use super::signal::Ask;
use super::watch::Off;
use super::work::{Kind, Work};
use super::worker::FAIRNESS_INTERVAL;
use crate::trace::{Activity, Relief, Stall};

/// Starts the watcher's thread; see [`Watching`].
pub(crate) fn start(pool: &Arc<Pool>) -> io::Result<JoinHandle<()>> {
    let builder = thread::Builder::new().name(format!("{}-watcher", pool.config().name));
    let pool = Arc::clone(pool);
    builder.spawn(move || {
        if let Some(watching) = &pool.config().watching {
            Watcher::new(&pool, watching).watch();
        }
    })
}

pub(crate) struct Watcher<'a> {
    pool: &'a Pool,
    watching: &'a Watching,
    parker: Arc<Parker>,
    /// By worker.
    seen: Vec<Seen>,
    /// The runs of all workers.
    runs: u64,
    /// How long tasks have waited without any run.
    waited: Duration,
    /// Whether somebody offered a part of a computation while a worker slept.
    offered: bool,
    /// How long all threads have been blocked while tasks wait.
    blocked: Duration,
    blocked_reported: bool,
    idle_ticks: u32,
    /// What is on its way from one queue to another.
    spill: Local<Work>,
}

/// Whether tasks wait for one worker and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Yes,
    No,
}

/// What the last tick saw of one worker.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    runs: u64,
    /// How long it has been in the same task.
    age: Duration,
    /// When its processor time was first read in this task: its age, and the time.
    cpu: Option<(Duration, Duration)>,
    reported: bool,
}

/// Whether a worker was woken to wait in the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum HandedOver {
    Yes,
    No,
}

/// What to do after a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) wait: Wait,
    /// Whether some worker looks at the driver anyway.
    pub(crate) driver: DriverIs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// As long as nothing happens.
    Longer,
    /// It will be time to act for some worker.
    For(Duration),
    /// Until somebody runs.
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DriverIs {
    Served,
    Neglected,
}

impl<'a> Watcher<'a> {
    /// Called on the watcher's thread.
    pub(crate) fn new(pool: &'a Pool, watching: &'a Watching) -> Self {
        let parker = Arc::new(Parker::new());
        pool.watch.appear(&parker);
        Self {
            pool,
            watching,
            parker,
            seen: Vec::new(),
            runs: 0,
            waited: Duration::ZERO,
            offered: false,
            blocked: Duration::ZERO,
            blocked_reported: false,
            idle_ticks: 0,
            spill: deque::ring().0,
        }
    }

    fn watch(&mut self) {
        let mut interval = TICK_MIN;
        let mut driver = DriverIs::Served;
        while !self.pool.is_closed() {
            let start = Instant::now();
            let handed_over = self.wait(Some(interval), driver);
            // A process that was stopped for a while has not stalled.
            let next = self.tick(start.elapsed().min(interval * 2));
            driver = match handed_over {
                // Or it would never find the place free, and be woken for it again and again.
                HandedOver::Yes => DriverIs::Served,
                HandedOver::No => next.driver,
            };
            interval = match next.wait {
                Wait::Longer => (interval * 2).min(TICK_MAX),
                Wait::For(left) => left.clamp(TICK_MIN, TICK_MAX),
                Wait::Off => {
                    self.go_off();
                    TICK_MIN
                }
            };
        }
    }

    /// Waits until a worker runs.
    pub(crate) fn go_off(&mut self) {
        self.pool.watch.go_off();
        // A rousing that came before may have ended the last wait: so all reasons are looked at.
        let nobody_runs = self.pool.idle.free() == self.pool.config().worker_threads;
        if nobody_runs && self.threads() == Threads::Enough && !self.pool.is_closed() {
            let _: HandedOver = self.wait(None, DriverIs::Neglected);
        }
        self.pool.watch.come_back();
        self.idle_ticks = 0;
    }

    /// Waits, in the driver if nobody looks at that; says whether a worker was woken to take the place.
    fn wait(&self, interval: Option<Duration>, driver: DriverIs) -> HandedOver {
        let bed = match driver {
            DriverIs::Neglected => self.pool.man_driver(),
            DriverIs::Served => Bed::Own,
        };
        match bed {
            Bed::Own => {
                let _: Parked = self.parker.park(interval.map(|left| Instant::now() + left));
            }
            Bed::Driver => {
                self.wait_in_driver(interval.map(|left| self.pool.driver.now() + left));
                self.pool.leave_driver();
                // A worker that has lain down meanwhile takes the place: it runs what the driver
                // wakes without waking anybody.
                if self.pool.idle.has_sleeper() {
                    self.pool.wake_one();
                    return HandedOver::Yes;
                }
            }
        }
        HandedOver::No
    }

    fn wait_in_driver(&self, deadline: Option<Instant>) {
        self.pool.watch.enter_driver();
        // A rousing that came before has not ended this wait. One that has a limit may go on.
        let roused = deadline.is_none() && self.pool.watch.is_off() == Off::No;
        if !roused && !self.pool.is_closed() {
            self.pool.driver.wait(deadline);
        }
        self.pool.watch.leave_driver();
    }

    /// Looks at every worker; `elapsed` has passed since the last time.
    pub(crate) fn tick(&mut self, elapsed: Duration) -> Next {
        let pool = self.pool;
        self.seen.resize(pool.started(), Seen::default());
        let mut round = Round { active: false, served: false, due: None };
        let runs = pool.remotes().map(|remote| remote.own.counters.runs.get()).sum();
        let unanswered = std::mem::replace(&mut self.runs, runs) == runs && pool.has_tasks();
        self.waited = if unanswered { self.waited + elapsed } else { Duration::ZERO };
        for (id, remote) in pool.remotes().enumerate() {
            self.look_at(id, remote, elapsed, &mut round);
        }
        self.look_at_offers(&mut round);
        self.look_at_threads(elapsed, &mut round);
        self.idle_ticks = if round.active { 0 } else { self.idle_ticks + 1 };
        let wait = match round.due {
            Some(left) => Wait::For(left),
            None if self.idle_ticks >= IDLE_TICKS_MAX => Wait::Off,
            None => Wait::Longer,
        };
        let driver = if round.served { DriverIs::Served } else { DriverIs::Neglected };
        Next { wait, driver }
    }

    fn look_at(&mut self, id: usize, remote: &Remote, elapsed: Duration, round: &mut Round) {
        let own = &remote.own;
        let Some(seen) = self.seen.get_mut(id) else { return };
        let runs = own.counters.runs.get();
        let running = own.running.read();
        let begun = runs.wrapping_sub(seen.runs);
        let has_permit = own.permit.is_held();
        // Also who has run and sleeps again: it is woken more often than the watcher would be, once off.
        round.active |= has_permit || begun != 0;
        round.served |= has_permit && (begun >= FAIRNESS_INTERVAL || running.is_none());
        // Without a permit it has said that it blocks, or waits for one.
        if begun != 0 || running.is_none() || !(has_permit || own.permit.is_away()) {
            *seen = Seen { runs, ..Seen::default() };
            return;
        }
        round.active = true;
        seen.age += elapsed;
        // Nobody is woken for what lies there: its owner was to come to it at once.
        if !self.pool.shares_nothing() {
            iter::from_fn(|| remote.queue.kept.take()).for_each(|work| self.pool.inject(work));
        }
        let is_future = running.is_some_and(|shown| shown.vtable.kind == Kind::Future);
        let answer_after = self.watching.stall_after / CLOSURE_SHARE;
        let patience = if is_future { self.watching.stall_after } else { answer_after };
        let Some((cpu_age, cpu)) = seen.cpu else {
            let used = remote.cpu.get().and_then(|clock| clock.used());
            seen.cpu = Some((seen.age, used.unwrap_or_default()));
            round.due_in(patience.saturating_sub(seen.age));
            return;
        };
        if seen.age < patience {
            round.due_in(patience - seen.age);
            return;
        }
        if has_permit
            && !is_future
            && (self.pool.idle.free() == 0 || self.pool.shares_nothing())
            && !self.pool.would_lend(remote)
        {
            // Something may come to wait at any time, and whoever brings it does nothing about it.
            round.due_in(answer_after.saturating_mul(2));
        }
        let activity = match remote.cpu.get().and_then(|clock| clock.used()) {
            Some(used) if used.saturating_sub(cpu) * COMPUTING_SHARE >= seen.age - cpu_age => {
                Activity::Spinning
            }
            Some(_) => Activity::Blocked,
            None => Activity::Unknown,
        };
        let (age, reported) = (seen.age, std::mem::replace(&mut seen.reported, true));
        let relief = self.relieve(remote, activity);
        match running {
            // A closure on the workers computes, and may.
            Some(Shown { vtable, spawned_at, name })
                if !reported && vtable.kind == Kind::Future =>
            {
                self.pool.watch.count_stall();
                let task = (vtable.describe)();
                let lasted = age;
                self.report(|| Stall::Task { task, name, spawned_at, activity, lasted, relief });
            }
            _ => {}
        }
    }

    /// Lends the permit of a worker that is stuck, if tasks wait for it.
    fn relieve(&self, remote: &Remote, activity: Activity) -> Relief {
        let permit = &remote.own.permit;
        if permit.is_away() {
            self.empty_queue(remote);
            // Whoever lent it may have thought that it computes.
            if activity == Activity::Blocked {
                self.pool.no_longer_without(permit.settle());
            }
            return Relief::Lent;
        }
        let waits_for_it = self.waits_for(remote);
        // One that nobody holds would do as well; and what has just come may yet be answered.
        let answer_after = self.watching.stall_after / CLOSURE_SHARE;
        let any = self.pool.idle.free() != 0 || self.waited.is_zero() || self.waited < answer_after;
        if any && waits_for_it == Waits::No {
            return Relief::NotNeeded;
        }
        // It polls tasks itself when it is asked to; only if it was and has not looked up since, another
        // thread is to.
        if remote.post.forks() && !remote.post.signal.peek().contains(Ask::Urgent) {
            self.pool.press();
            remote.own.permit.id().into_iter().for_each(|home| self.pool.press_home(home));
            return Relief::NotNeeded;
        }
        if activity != Activity::Blocked {
            self.empty_queue(remote);
            return match self.pool.lend(remote) {
                Lent::Yes => Relief::Lent,
                Lent::No => Relief::Refused,
            };
        }
        match permit.take() {
            GaveUp::Held(permit) => {
                self.empty_queue(remote);
                self.pool.release_permit(permit);
                Relief::Lent
            }
            // It has just come back.
            GaveUp::Lent | GaveUp::Without | GaveUp::Nothing => Relief::NotNeeded,
        }
    }

    /// Whether tasks wait for this worker and no other.
    fn waits_for(&self, remote: &Remote) -> Waits {
        let sent = remote.own.permit.id().is_some_and(|home| self.pool.homes.has_work(home));
        let kept = || remote.queue.ring.len() != 0 || !remote.queue.kept.is_empty();
        if sent || (self.pool.shares_nothing() && kept()) { Waits::Yes } else { Waits::No }
    }

    /// Where nothing is shared: the queue of a worker that has lost its permit goes with that.
    fn empty_queue(&self, remote: &Remote) {
        let Some(home) = remote.own.permit.id().filter(|_| self.pool.shares_nothing()) else {
            return;
        };
        let stolen = iter::from_fn(|| {
            let stolen = || remote.queue.ring.steal(&self.spill, |len| len).ok();
            self.spill.pop().or_else(stolen)
        });
        let kept = iter::from_fn(|| remote.queue.kept.take());
        let queued: Vec<Work> = kept.chain(stolen).collect();
        if !queued.is_empty() {
            self.pool.send_all_home(home, queued);
        }
    }

    /// Whether parts of a computation wait for nobody.
    fn look_at_offers(&mut self, round: &mut Round) {
        let offered = self.pool.has_offers() && self.pool.somebody_sleeps();
        if offered {
            round.due_in(Duration::ZERO);
            if self.offered {
                self.pool.wake_for_offers();
            }
        }
        self.offered = offered;
    }

    /// Whether tasks wait although permits are free, because no thread is.
    fn threads(&self) -> Threads {
        let pool = self.pool;
        let at_home = || pool.homes.waiting().any(|home| pool.idle.is_free(home));
        let short =
            pool.idle.free() != 0 && pool.idle.has_nobody() && (pool.has_work() || at_home());
        if short { Threads::TooFew } else { Threads::Enough }
    }

    fn look_at_threads(&mut self, elapsed: Duration, round: &mut Round) {
        if self.threads() == Threads::Enough {
            self.blocked = Duration::ZERO;
            self.blocked_reported = false;
            return;
        }
        round.active = true;
        self.blocked += elapsed;
        if self.blocked >= self.watching.stall_after && !self.blocked_reported {
            self.blocked_reported = true;
            let (threads, lasted) = (self.pool.started(), self.blocked);
            self.report(|| Stall::Threads { threads, lasted });
        }
    }

    fn report(&self, stall: impl Fn() -> Stall) {
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "moirai::stall", runtime = self.pool.config().name, "{}", stall());
        if self.watching.on_stall.is_set() {
            self.watching.on_stall.call(&stall());
        }
    }
}

/// Whether there is a thread for everything that waits and has a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Threads {
    Enough,
    TooFew,
}

/// What one tick has found.
struct Round {
    /// Somebody runs.
    active: bool,
    /// Somebody looks at the driver now and then.
    served: bool,
    due: Option<Duration>,
}

impl Round {
    fn due_in(&mut self, left: Duration) {
        self.due = Some(self.due.map_or(left, |due| due.min(left)));
    }
}

/// Between two ticks, at first; a stall is seen no sooner. Miri counts 5 µs for each step, and a tick takes
/// hundreds of them.
const TICK_MIN: Duration = Duration::from_micros(if cfg!(miri) { 50_000 } else { 500 });

/// This part of the time that a future is given: a closure that forks answers much sooner.
const CLOSURE_SHARE: u32 = 10;

/// A thread computes that has had this part of the time: on a busy machine that is all it gets, and
/// one that waits uses far less.
const COMPUTING_SHARE: u32 = 32;

/// As long as nothing is stuck.
const TICK_MAX: Duration = Duration::from_millis(if cfg!(miri) { 400 } else { 4 });

/// So many ticks after one by which somebody has run, and it goes off: 3 to 8 ms. A program that
/// wakes more often than that keeps it from going off, so that it is not woken each time.
const IDLE_TICKS_MAX: u32 = 2;
