//! Random schedules of the whole scheduler: real workers on threads that shuttle moves one step at
//! a time. Run by `cargo xtask shuttle`.
//!
//! A model may be as large as one likes here, but it proves nothing, and shuttle knows no weak
//! memory: orderings and fences are for loom, in `model`. A lost wake-up shows as a deadlock. A
//! failure prints its seed and its schedule: set `SHUTTLE_RANDOM_SEED`, or pass the schedule to
//! `shuttle::replay`. There is no clock: nobody spins and no deadline passes while a worker sleeps.
//!
//! Planted bugs, each found within the schedules of a quick run:
//!
//! | left out | found by, among others |
//! |---|---|
//! | the look at the queues after lying down (`Worker::sleep`) | `what_is_published_from_outside_runs_once` |
//! | the look at the grant before the driver (`Worker::wait_in_driver`) | every test |
//! | the wake-up by the last searcher (`Worker::run`) | `as_many_tasks_compute_at_once_as_there_are_permits` |
//! | the wake-up for what a worker moves (`Worker::take_injected`) | the same |
//! | the wake-up for a second task in the ring (`Worker::slumber`) | `two_tasks_that_one_event_wakes_run_at_once` |
//! | sharing the next task before blocking (`Seat::blocking_begin`) | `a_blocking_task_leaves_what_it_woke_to_others` |
//! | the same when no permit is free (`Worker::regain_permit`) | the same |
//! | the look at the queues after a release (`Pool::release_permit`) | `tasks_that_block_on_each_other_all_end` |
//! | the wake-up after a push to the ring (`Context::schedule`) | `a_task_that_computes_does_not_keep_what_it_published` |
//! | the unpark of the driver (`Pool::rouse`) | every test |
//! | leaving the list of sleepers (`Idle::get_up`) | `events_and_published_work_lose_neither_task_nor_permit` |
//! | a wake-up during a poll (`State::to_idle`) | `wakers_called_from_outside_lead_to_a_poll_each` |
//! | rousing the sleepers (`Pool::close`) | every test |
//! | the look at what a worker keeps (`Watcher::look_at`) | `what_a_stuck_worker_keeps_runs` |
//! | the look whether the permit was taken (`Worker::sleep`) | `permits_that_are_taken_come_back` |
//! | passing on what was taken (`Watcher::relieve`) | the same |
//! | the look at the permits before going off (`Watcher::go_off`) | `a_watcher_that_goes_off_while_a_task_runs_comes_back` |
//! | the look at the threads before going off (`Watcher::go_off`) | `a_watcher_that_goes_off_as_work_comes_for_no_thread_says_so` |
//! | rousing the watcher for a driver that is left (`Pool::hand_over`) | `a_worker_that_leaves_the_driver_for_a_letter_leaves_it_to_the_watcher` |
//! | the look at the call before the driver (`Worker::wait_in_driver`) | `a_lone_worker_misses_neither_a_call_nor_a_task` |
//! | the looks at the mailbox in bed (`Worker::lie`, `Worker::wait_in_driver`) | `scopes_and_broadcasts_end_whoever_waits_for_what` |
//! | the second of them alone (`Worker::wait_in_driver`) | `a_letter_finds_its_worker_on_its_way_to_the_driver` |
//! | that a guest with a permit again is counted no more (`Pool::lend_to`) | `guests_and_workers_compute_and_every_task_finds_a_permit` |
//! | a thread for a second job (`BlockingPool::spawn`) | `blocking_jobs_that_wait_for_each_other_have_a_thread_each` |
//! | the cancel of a child that comes late (`Core::insert` of a group) | `a_nursery_ends_whenever_children_come` |

mod blocking;
mod close;
mod driver;
mod group;
mod join;
mod lone;
mod park;
mod stall;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;
use shuttle::{Config, MaxSteps, Runner};

use crate::blocking::{self as jobs, BlockingPool};
use crate::hooks::{Hook, ThreadHooks};
use crate::sched::driver::{Driver, TimeDriver};
use crate::sched::offers::Interrupts;
use crate::sched::pool::{self, Pool, Sharing, Watching, Workers};
use crate::sched::strategy::StealStrategy;
use crate::sched::watcher::Watcher;
use crate::sched::worker;
use crate::task;
use crate::topology::{Placement, Unbind};
use crate::trace::Metering;

/// Runs `body` under `schedules` schedules, or as many times as many as the environment says: three
/// of four drawn at random, the fourth with few forced switches at random places, which finds what
/// needs one thread to stand still for long.
fn explore(schedules: usize, body: fn()) {
    let factor = std::env::var(FACTOR).ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    let schedules = schedules * factor;
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.silence_warnings = true; // that all orderings count as SeqCst
    let pct = schedules / 4;
    Runner::new(RandomScheduler::new(schedules - pct), config.clone()).run(body);
    Runner::new(PctScheduler::new(FORCED_SWITCHES, pct), config).run(body);
    println!("{schedules} schedules");
}

/// A pool whose workers run.
fn pool(worker_threads: usize) -> Arc<Pool> {
    pool_with(TimeDriver::new(worker_threads), worker_threads)
}

fn pool_with(driver: Arc<dyn Driver>, worker_threads: usize) -> Arc<Pool> {
    pool_of(driver, worker_threads, None, Sharing::All)
}

/// A pool whose workers run and are watched.
fn watched_pool(worker_threads: usize, watching: Watching, sharing: Sharing) -> Arc<Pool> {
    pool_of(TimeDriver::new(worker_threads), worker_threads, Some(watching), sharing)
}

fn pool_of(
    driver: Arc<dyn Driver>,
    worker_threads: usize,
    watching: Option<Watching>,
    sharing: Sharing,
) -> Arc<Pool> {
    pool_with_workers(driver, worker_threads, Workers::Started, SPARES, watching, sharing)
}

/// A watcher that does `turn` again and again until the pool ends.
fn watch(
    pool: &Arc<Pool>,
    turn: impl Fn(&Pool, &mut Watcher<'_>) + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    let pool = Arc::clone(pool);
    Ok(thread::spawn(move || {
        let Some(watching) = &pool.config().watching else { return };
        let mut watcher = Watcher::new(&pool, watching);
        while !pool.is_closed() {
            turn(&pool, &mut watcher);
            thread::yield_now();
        }
    }))
}

/// A pool whose worker is whoever blocks on a future.
fn lone_pool() -> Arc<Pool> {
    pool_with_workers(TimeDriver::new(1), 1, Workers::Blocked, 0, None, Sharing::All)
}

fn pool_with_workers(
    driver: Arc<dyn Driver>,
    worker_threads: usize,
    workers: Workers,
    spare_threads: usize,
    watching: Option<Watching>,
    sharing: Sharing,
) -> Arc<Pool> {
    let blocking = BlockingPool::new(jobs::Config {
        name: String::new(),
        threads_max: 2,
        queue_max: 8,
        // A rest ends at any moment: there is no clock.
        idle_timeout: Duration::from_secs(1),
        stack_bytes: None,
        hooks: ThreadHooks::default(),
        unbind: Unbind::default(),
        start: jobs::start,
    });
    let config = pool::Config {
        worker_threads,
        placement: Placement::flat(worker_threads),
        workers,
        spare_threads,
        name: String::new(),
        stack_bytes: None,
        task_chunks_kept: 1,
        steal: StealStrategy::default(),
        sharing,
        task_metering: Metering::Off,
        task_retention: 0,
        // Who computes lends its permit, or polls tasks itself: each is half of the schedules.
        between_forks: if draw(2) == 0 { Interrupts::Allowed } else { Interrupts::Refused },
        thread_hooks: ThreadHooks::default(),
        work_begins: Hook::default(),
        work_ends: Hook::default(),
        start: worker::start,
        watching,
    };
    let pool = Pool::new(config, driver, blocking);
    pool.start().unwrap();
    pool
}

/// Whatever happened before: as many tasks as there are permits run at the same time, although none
/// tells the scheduler that it waits for the others.
fn all_permits_are_there(pool: &Arc<Pool>) {
    let permits = pool.config().worker_threads as u32;
    let started = Count::default();
    let tasks: Vec<_> =
        (0..permits).map(|_| task::spawn_parallel(pool, meet(&started, permits))).collect();
    tasks.into_iter().for_each(|task| task.join().unwrap());
    // Who has gone on without one, has one or has ended, and is not counted any more.
    while pool.missed.count() != 0 {
        thread::yield_now();
    }
}

/// Computes until `n` have started.
fn meet(started: &Count, n: u32) -> impl FnOnce() + Send + 'static {
    let started = started.clone();
    move || {
        started.up();
        while started.get() < n {
            thread::yield_now();
        }
    }
}

/// One of `0..n`.
fn draw(n: u32) -> u32 {
    thread_rng().gen_range(0..n)
}

/// Lets the others go on for up to `n` steps.
fn dawdle(n: u32) {
    for _ in 0..draw(n) {
        thread::yield_now();
    }
}

/// Counts what runs. std's atomic: it is no step of the schedule.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU32>);

impl Count {
    fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// As many threads as the tasks of a test may block, and more.
const SPARES: usize = 256;

/// The environment's variable for longer runs.
const FACTOR: &str = "MOIRAI_SHUTTLE_FACTOR";

/// Most bugs need two or three.
const FORCED_SWITCHES: usize = 3;

/// Of each thread.
const STACK_BYTES: usize = 256 << 10;

/// Of one schedule: no honest one comes near.
const STEPS_MAX: usize = 100_000;
