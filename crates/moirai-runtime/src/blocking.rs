//! Threads for calls that block: as many as are needed, up to a limit, gone after a while of rest.
//!
//! ```text
//!              call: start             arrive            no job is queued
//!   VACANT ───────────────► CALLED ─────────────► BUSY ───────────────────► IDLE
//!     ▲                        ▲                                            │  │
//!     │                        └────────────── call: wake ──────────────────┘  │
//!     └──────────────────────────────── the rest ends, or closed ─────────────┘
//! ```
//!
//! Jobs are queued, and a thread takes the next one when it comes by. Whoever queues a job calls one
//! thread, unless one is on its way: that one takes a job, and calls the next if more are queued. So
//! many jobs at once cost whoever spawns them one wake-up, threads that come back find what is queued,
//! and yet every queued job is on the way to a thread of its own, as long as there may be more.
//!
//! The thread that has rested for the shortest time is called first, so that those who are not
//! needed rest on until they end. It is called under the lock: a thread whose rest ends at the same
//! time finds that. Jobs are queued only while there are threads, and a thread ends only while none
//! is queued, so none is forgotten. Checked by the models in `src/model/blocking.rs`.
//!
//! This file runs [`Work`] and knows neither workers nor tasks. A job is refused, never forgotten:
//! when the queue is full, when the pool is closed, or when the system refuses the very first thread.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moirai_sync::__prim::{Mutex, Parked, Parker, thread};
use moirai_sync::SpawnFailed;

use crate::hooks::ThreadHooks;
use crate::sched::work::{Chain, Work};
use crate::topology::Unbind;
use crate::trace::BlockingMetrics;

#[derive(Clone, Debug)]
pub(crate) struct BlockingPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    jobs: Mutex<Jobs>,
    config: Config,
}

#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) threads_max: usize,
    pub(crate) queue_max: usize,
    /// How long a thread without a job stays.
    pub(crate) idle_timeout: Duration,
    pub(crate) stack_bytes: Option<usize>,
    pub(crate) hooks: ThreadHooks,
    pub(crate) unbind: Unbind,
    pub(crate) start: Start,
}

/// Starts a thread. What the system refuses now and then, a test refuses on purpose.
pub(crate) type Start = fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<()>;

/// The system's threads.
pub(crate) fn start(builder: thread::Builder, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    builder.spawn(run).map(drop)
}

#[derive(Debug)]
struct Jobs {
    queue: VecDeque<Job>,
    /// By the number of the thread.
    seats: Vec<Seat>,
    vacant: Vec<usize>,
    /// The threads that rest, whoever rests longest first.
    idle: Vec<usize>,
    /// The threads that are on their way: each takes one of the queued jobs, if they last.
    called: usize,
    closed: bool,
    counts: Counts,
}

#[derive(Debug)]
struct Job {
    work: Work,
    since: Instant,
}

/// Where a thread stands.
#[derive(Debug)]
enum Seat {
    Vacant,
    Called,
    Busy,
    Idle(Arc<Parker>),
}

#[derive(Debug, Default)]
struct Counts {
    jobs: u64,
    refused: u64,
    waited: Duration,
    waited_max: Duration,
}

/// Whom to call.
#[must_use = "whoever is called is not called again until it comes"]
enum Call {
    /// There is nobody else.
    Nobody,
    /// To be unparked.
    Wake(Arc<Parker>),
    /// To be started, in this seat.
    Start(usize),
}

/// What a thread does next.
#[must_use]
enum Next {
    Run(Work),
    Rest,
    End,
}

/// How a rest ended.
#[must_use]
enum Rested {
    /// By a call, or for nothing.
    Woken,
    /// By its length: the seat is vacant.
    Enough,
}

impl BlockingPool {
    pub(crate) fn new(config: Config) -> Self {
        let jobs = Jobs {
            queue: VecDeque::new(),
            seats: Vec::new(),
            vacant: Vec::new(),
            idle: Vec::new(),
            called: 0,
            closed: false,
            counts: Counts::default(),
        };
        Self { shared: Arc::new(Shared { jobs: Mutex::new(jobs), config }) }
    }

    pub(crate) fn metrics(&self) -> BlockingMetrics {
        let jobs = self.shared.jobs.lock();
        let oldest = jobs.queue.front().map(|job| job.since);
        BlockingMetrics {
            threads: jobs.threads(),
            idle: jobs.idle.len(),
            queued: jobs.queue.len(),
            jobs: jobs.counts.jobs,
            refused: jobs.counts.refused,
            queue_wait: jobs.counts.waited,
            queue_wait_max: jobs.counts.waited_max,
            oldest_wait: oldest.map_or(Duration::ZERO, |since| since.elapsed()),
        }
    }

    /// Runs `work` on one of the threads, soon. A refused job comes back with the reason.
    pub(crate) fn spawn(&self, work: Work) -> Result<(), (Work, SpawnFailed)> {
        let Config { threads_max, queue_max, .. } = self.shared.config;
        let job = Job { work, since: Instant::now() };
        let mut jobs = self.shared.jobs.lock();
        if jobs.closed {
            return Err((job.work, SpawnFailed::ShutDown));
        }
        // What no thread is on its way to.
        let waiting = jobs.queue.len().saturating_sub(jobs.called);
        let is_full = waiting >= queue_max;
        let call = if jobs.called == 0 || is_full { jobs.call(threads_max) } else { Call::Nobody };
        let parker = match call {
            Call::Wake(parker) => Some(parker),
            Call::Start(id) => match self.shared.start_thread(id) {
                Ok(()) => None,
                Err(error) => {
                    jobs.uncall(id);
                    if jobs.threads() == 0 {
                        jobs.counts.refused += 1;
                        return Err((job.work, SpawnFailed::NoThread(error)));
                    }
                    // The threads that there are will get to it.
                    if is_full {
                        return Err((job.work, jobs.refuse(queue_max)));
                    }
                    None
                }
            },
            Call::Nobody if is_full => return Err((job.work, jobs.refuse(queue_max))),
            Call::Nobody => None,
        };
        jobs.queue.push_back(job);
        drop(jobs);
        parker.iter().for_each(|parker| parker.unpark());
        Ok(())
    }

    /// Refuses jobs from now on, lets resting threads end, and returns what was not begun. Jobs
    /// that run go on: nothing can stop a blocking call.
    pub(crate) fn close(&self) -> Chain {
        let mut jobs = self.shared.jobs.lock();
        jobs.closed = true;
        let unbegun = jobs.queue.drain(..).map(|job| job.work).collect();
        let mut resting = Vec::new();
        while let Call::Wake(parker) = jobs.call(0) {
            resting.push(parker);
        }
        drop(jobs);
        resting.iter().for_each(|parker| parker.unpark());
        unbegun
    }
}

impl Shared {
    fn start_thread(self: &Arc<Self>, id: usize) -> io::Result<()> {
        let config = &self.config;
        let mut builder = thread::Builder::new().name(format!("{}-blocking-{id}", config.name));
        if let Some(bytes) = config.stack_bytes {
            builder = builder.stack_size(bytes);
        }
        let shared = Arc::clone(self);
        let run = move || {
            shared.config.unbind.this_thread();
            shared.config.hooks.start.call(&());
            shared.work(id);
            shared.config.hooks.stop.call(&());
        };
        (config.start)(builder, Box::new(run))
    }

    fn work(self: &Arc<Self>, id: usize) {
        let parker = Arc::new(Parker::new());
        let mut jobs = self.jobs.lock();
        loop {
            match jobs.next(id, &parker) {
                Next::Run(work) => {
                    let more = jobs.called == 0 && !jobs.queue.is_empty();
                    let call = if more { jobs.call(self.config.threads_max) } else { Call::Nobody };
                    drop(jobs);
                    self.act(call);
                    work.run();
                    jobs = self.jobs.lock();
                }
                Next::Rest => {
                    drop(jobs);
                    // A timeout that no `Instant` can tell is for ever.
                    let parked = parker.park(Instant::now().checked_add(self.config.idle_timeout));
                    jobs = self.jobs.lock();
                    if let Rested::Enough = jobs.end_rest(id, parked) {
                        return;
                    }
                }
                Next::End => return,
            }
        }
    }

    /// Calls somebody, without the lock: the calling thread is one that gets to the queue later,
    /// should the system refuse another.
    fn act(self: &Arc<Self>, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Wake(parker) => parker.unpark(),
            Call::Start(id) => {
                if self.start_thread(id).is_err() {
                    self.jobs.lock().uncall(id);
                }
            }
        }
    }
}

impl Jobs {
    fn threads(&self) -> usize {
        self.seats.len() - self.vacant.len()
    }

    fn refuse(&mut self, limit: usize) -> SpawnFailed {
        self.counts.refused += 1;
        SpawnFailed::QueueFull { limit }
    }

    /// One more thread is to come.
    fn call(&mut self, threads_max: usize) -> Call {
        if let Some(id) = self.idle.pop() {
            self.called += 1;
            return match self.seats[id].replace(Seat::Called) {
                Seat::Idle(parker) => Call::Wake(parker),
                _ => unreachable!("the idle threads are in their seats"),
            };
        }
        if self.threads() >= threads_max {
            return Call::Nobody;
        }
        self.called += 1;
        Call::Start(match self.vacant.pop() {
            Some(id) => {
                self.seats[id] = Seat::Called;
                id
            }
            None => {
                self.seats.push(Seat::Called);
                self.seats.len() - 1
            }
        })
    }

    /// A thread that was called has not been started.
    fn uncall(&mut self, id: usize) {
        self.called -= 1;
        self.leave_seat(id);
    }

    fn leave_seat(&mut self, id: usize) {
        self.seats[id] = Seat::Vacant;
        self.vacant.push(id);
    }

    fn next(&mut self, id: usize, parker: &Arc<Parker>) -> Next {
        if let Seat::Called = self.seats[id].replace(Seat::Busy) {
            self.called -= 1;
        }
        if let Some(Job { work, since }) = self.queue.pop_front() {
            let waited = since.elapsed();
            self.counts.jobs += 1;
            self.counts.waited += waited;
            self.counts.waited_max = self.counts.waited_max.max(waited);
            return Next::Run(work);
        }
        // What a storm of jobs needed is given back.
        if self.queue.capacity() > QUEUE_KEPT {
            self.queue = VecDeque::new();
        }
        if self.closed {
            self.leave_seat(id);
            return Next::End;
        }
        self.seats[id] = Seat::Idle(Arc::clone(parker));
        self.idle.push(id);
        Next::Rest
    }

    fn end_rest(&mut self, id: usize, parked: Parked) -> Rested {
        if !matches!(self.seats[id], Seat::Idle(_)) {
            return Rested::Woken;
        }
        // Near the front, if its rest was long.
        if let Some(place) = self.idle.iter().position(|&other| other == id) {
            self.idle.remove(place);
        }
        match parked {
            Parked::Notified => Rested::Woken,
            Parked::TimedOut => {
                self.leave_seat(id);
                Rested::Enough
            }
        }
    }
}

impl Seat {
    fn replace(&mut self, seat: Self) -> Self {
        std::mem::replace(self, seat)
    }
}

/// Places of an empty queue that are kept.
const QUEUE_KEPT: usize = 1024;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc;

    use super::*;
    use crate::sched::work::Tally;

    thread_local! {
        /// How many more threads this test may start; its threads may start none.
        static ALLOWED: Cell<usize> = const { Cell::new(0) };
    }

    /// Miri's clock counts steps.
    const WATCHDOG: Duration = Duration::from_secs(if cfg!(miri) { 36_000 } else { 60 });

    /// What a system does whose limit of threads is reached.
    fn start_if_allowed(builder: thread::Builder, run: Box<dyn FnOnce() + Send>) -> io::Result<()> {
        match ALLOWED.get() {
            0 => Err(io::Error::from(io::ErrorKind::WouldBlock)),
            allowed => {
                ALLOWED.set(allowed - 1);
                start(builder, run)
            }
        }
    }

    /// A pool to which the system gives any thread.
    fn pool(threads_max: usize, idle_timeout: Duration) -> BlockingPool {
        pool_with(start, threads_max, idle_timeout)
    }

    /// A pool to which the system gives so many threads.
    fn refused_pool(allowed: usize) -> BlockingPool {
        ALLOWED.set(allowed);
        pool_with(start_if_allowed, 4, Duration::MAX)
    }

    fn pool_with(start: Start, threads_max: usize, idle_timeout: Duration) -> BlockingPool {
        BlockingPool::new(Config {
            name: "test".into(),
            threads_max,
            queue_max: 2,
            idle_timeout,
            stack_bytes: None,
            hooks: ThreadHooks::default(),
            unbind: Unbind::default(),
            start,
        })
    }

    fn until(pool: &BlockingPool, what: impl Fn(&BlockingMetrics) -> bool) {
        let start = Instant::now();
        while !what(&pool.metrics()) {
            assert!(start.elapsed() < WATCHDOG, "hangs: {:?}", pool.metrics());
            thread::yield_now();
        }
    }

    fn refused(spawned: Result<(), (Work, SpawnFailed)>) -> SpawnFailed {
        let Err((work, reason)) = spawned else { panic!("not refused") };
        work.shutdown();
        reason
    }

    /// Until the other end is dropped.
    fn wait(gate: &mpsc::Receiver<()>) {
        assert!(gate.recv().is_err());
    }

    #[test]
    fn a_refused_first_thread_refuses_the_job_and_the_next_one_is_tried_again() {
        let (pool, tally) = (refused_pool(0), Tally::default());
        let reason = refused(pool.spawn(tally.work(1)));
        assert!(matches!(reason, SpawnFailed::NoThread(error)
            if error.kind() == io::ErrorKind::WouldBlock));
        let BlockingMetrics { threads, queued, jobs, refused, .. } = pool.metrics();
        assert_eq!((threads, queued, jobs, refused), (0, 0, 0, 1));
        ALLOWED.set(1);
        assert!(pool.spawn(tally.work(2)).is_ok());
        until(&pool, |metrics| metrics.idle == 1);
        assert_eq!(tally.ran(), [1, 2]);
        assert_eq!(pool.close().len(), 0);
    }

    #[test]
    fn a_refused_second_thread_leaves_its_job_to_the_first() {
        let (pool, tally) = (refused_pool(1), Tally::default());
        let (gate, closed) = mpsc::channel::<()>();
        let blocked = tally.work_after(1, move || wait(&closed));
        assert!(pool.spawn(blocked).is_ok());
        until(&pool, |metrics| metrics.jobs == 1);
        assert!(pool.spawn(tally.work(2)).is_ok() && pool.spawn(tally.work(3)).is_ok());
        // The queue is as long as it may be: an error, and no hang.
        assert!(matches!(refused(pool.spawn(tally.work(4))), SpawnFailed::QueueFull { limit: 2 }));
        let metrics = pool.metrics();
        assert_eq!((metrics.threads, metrics.queued, metrics.refused), (1, 2, 1));
        assert!(metrics.oldest_wait > Duration::ZERO);
        drop(gate);
        until(&pool, |metrics| metrics.idle == 1);
        assert_eq!(tally.ran(), [4, 1, 2, 3]);
        let metrics = pool.metrics();
        assert_eq!((metrics.jobs, metrics.queued, metrics.oldest_wait), (3, 0, Duration::ZERO));
        assert!(metrics.queue_wait >= metrics.queue_wait_max);
        assert!(metrics.queue_wait_max >= metrics.queue_wait_mean());
        assert_eq!(pool.close().len(), 0);
    }

    #[test]
    fn a_job_goes_to_the_thread_that_has_rested_for_the_shortest_time() {
        let (pool, tally) = (pool(2, Duration::MAX), Tally::default());
        let names = Arc::new(std::sync::Mutex::new(Vec::new()));
        let name = |after: Option<mpsc::Receiver<()>>| {
            let names = Arc::clone(&names);
            move || {
                after.iter().for_each(wait);
                names.lock().unwrap().push(thread::current().name().map(str::to_owned));
            }
        };
        let (gate, closed) = mpsc::channel::<()>();
        assert!(pool.spawn(tally.work_after(0, name(Some(closed)))).is_ok());
        assert!(pool.spawn(tally.work_after(1, name(None))).is_ok());
        until(&pool, |metrics| metrics.idle == 1);
        drop(gate);
        // Now the first one has rested for the shortest time, and does so again.
        for idle in 2..5 {
            until(&pool, |metrics| metrics.idle == 2);
            assert!(pool.spawn(tally.work_after(idle, name(None))).is_ok());
            until(&pool, |metrics| metrics.jobs == u64::from(idle) + 1 && metrics.idle == 2);
        }
        let names: Vec<_> = names.lock().unwrap().iter().flatten().cloned().collect();
        let (first, second) = ("test-blocking-0", "test-blocking-1");
        assert_eq!(names, [second, first, first, first, first]);
        assert_eq!(pool.close().len(), 0);
    }

    #[test]
    fn a_storm_uses_no_more_threads_than_allowed_and_all_of_them_end() {
        let jobs = if cfg!(miri) { 20 } else { 2_000 };
        for timeout in [Duration::ZERO, Duration::from_millis(5)] {
            let (pool, tally) = (pool(3, timeout), Tally::default());
            let queue_full = |reason| matches!(reason, SpawnFailed::QueueFull { .. });
            for n in 0..jobs {
                if let Err((work, reason)) = pool.spawn(tally.work(n)) {
                    assert!(queue_full(reason));
                    work.shutdown();
                }
                assert!(pool.metrics().threads <= 3);
            }
            until(&pool, |metrics| metrics.threads == 0);
            let metrics = pool.metrics();
            assert_eq!(metrics.jobs + metrics.refused, u64::from(jobs));
            assert_eq!((metrics.idle, metrics.queued), (0, 0));
            let mut ran = tally.ran();
            ran.sort_unstable();
            assert!(ran.into_iter().eq(0..jobs));
        }
    }

    #[test]
    fn closing_returns_what_was_not_begun_and_ends_the_threads() {
        let (pool, tally) = (pool(2, Duration::MAX), Tally::default());
        let (gates, closed): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel::<()>()).unzip();
        for (n, closed) in (0..2).zip(closed) {
            assert!(pool.spawn(tally.work_after(n, move || wait(&closed))).is_ok());
        }
        until(&pool, |metrics| metrics.jobs == 2);
        assert!(pool.spawn(tally.work(2)).is_ok());
        let mut unbegun = pool.close();
        assert_eq!(unbegun.len(), 1);
        unbegun.pop().into_iter().for_each(Work::shutdown);
        assert!(matches!(refused(pool.spawn(tally.work(3))), SpawnFailed::ShutDown));
        drop(gates);
        until(&pool, |metrics| metrics.threads == 0);
        let mut ran = tally.ran();
        ran.sort_unstable();
        assert_eq!(ran, [0, 1, 2, 3]);
    }
}
