//! Suite `lock`: what a lock costs, beside those of std and parking_lot on threads, and tokio's in
//! tasks.
//!
//! A row is a rival and where it runs, as in `chan`. Every workload counts under its lock, and the
//! count is checked.

use std::hint::black_box;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::lock;

use crate::exec::Group;
use crate::harness::report::Standing;
use crate::harness::{Case, Effort, Entrant, Failure, Outcome, Sample, Workload};
use crate::peer::moirai::Moirai;
use crate::peer::tokio_mt::TokioMt;
use crate::peer::{Peer, Spawner};

/// The name of the suite.
pub(crate) const NAME: &str = "lock";

/// Ours against the best of the others, wherever they run.
pub(crate) const STANDING: Standing = Standing { ours: "moirai", limits: &[] };

/// Threads or tasks of a contended case.
const CONTENDERS: u64 = 4;

/// Reads for each write.
const READS: u64 = 7;

/// Permits of the semaphore that they share.
const PERMITS: usize = 2;

/// The runtimes that the locks are tried on.
pub(crate) struct Executors {
    moirai: Arc<Moirai>,
    tokio: Arc<TokioMt>,
}

impl Executors {
    /// Starts them.
    ///
    /// # Errors
    ///
    /// Why one does not start.
    pub(crate) fn start() -> Result<Self, String> {
        Ok(Self { moirai: Arc::new(Moirai::start()?), tokio: Arc::new(TokioMt::start()?) })
    }

    /// The groups of the suite, in the order in which they run.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let cases = [
            case("mutex_uncontended", "per lock and unlock, by one thread", mutexes(1)),
            case("mutex_contended", "per lock and unlock, by 4 threads", mutexes(CONTENDERS)),
            case("rwlock_uncontended", "per 7 reads and a write, by one thread", rwlocks(1)),
            case("rwlock_contended", "per 7 reads and a write, by 4 threads", rwlocks(CONTENDERS)),
            case("async_mutex", "per lock and unlock, by 4 tasks", self.tasks(CONTENDERS, count)),
            case(
                "async_rwlock",
                "per 7 reads and a write, by 4 tasks",
                self.tasks(CONTENDERS, read_and_count),
            ),
            case("semaphore", "per permit of 2, by 4 tasks", self.tasks(CONTENDERS, enter)),
            case("notify", "per notification to and fro between 2 tasks", self.tasks(2, ping_pong)),
        ];
        cases.into_iter().map(Group::alone).collect()
    }

    /// The same in so many tasks of each runtime, with each one's locks that run there.
    fn tasks(&self, tasks: u64, body: fn(Locks) -> Body) -> Vec<Entrant> {
        vec![
            in_tasks("moirai@moirai", &self.moirai, tasks, body(Locks::Moirai)),
            in_tasks("moirai@tokio", &self.tokio, tasks, body(Locks::Moirai)),
            in_tasks("tokio@tokio", &self.tokio, tasks, body(Locks::Tokio)),
        ]
    }
}

/// Whose locks.
#[derive(Clone, Copy)]
enum Locks {
    Moirai,
    Tokio,
}

/// Makes what the tasks of one sample share; the result makes the task of a number that does
/// something so often.
type Body = fn() -> Arc<dyn Fn(u64, u64) -> Task + Send + Sync>;

/// One allocation for each task, not for each step.
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A count under a mutex.
fn count(locks: Locks) -> Body {
    match locks {
        Locks::Moirai => || {
            let mutex = Arc::new(lock::Mutex::new(0_u64));
            Arc::new(move |_, times| {
                let mutex = Arc::clone(&mutex);
                Box::pin(async move {
                    for _ in 0..times {
                        *mutex.lock_async().await += 1;
                    }
                })
            })
        },
        Locks::Tokio => || {
            let mutex = Arc::new(tokio::sync::Mutex::new(0_u64));
            Arc::new(move |_, times| {
                let mutex = Arc::clone(&mutex);
                Box::pin(async move {
                    for _ in 0..times {
                        *mutex.lock().await += 1;
                    }
                })
            })
        },
    }
}

/// A count under a lock for readers and writers, most of which read.
fn read_and_count(locks: Locks) -> Body {
    match locks {
        Locks::Moirai => || {
            let lock = Arc::new(lock::RwLock::new(0_u64));
            Arc::new(move |_, times| {
                let lock = Arc::clone(&lock);
                Box::pin(async move {
                    for _ in 0..times {
                        for _ in 0..READS {
                            black_box(*lock.read_async().await);
                        }
                        *lock.write_async().await += 1;
                    }
                })
            })
        },
        Locks::Tokio => || {
            let lock = Arc::new(tokio::sync::RwLock::new(0_u64));
            Arc::new(move |_, times| {
                let lock = Arc::clone(&lock);
                Box::pin(async move {
                    for _ in 0..times {
                        for _ in 0..READS {
                            black_box(*lock.read().await);
                        }
                        *lock.write().await += 1;
                    }
                })
            })
        },
    }
}

/// A permit, taken and given back.
fn enter(locks: Locks) -> Body {
    match locks {
        Locks::Moirai => || {
            let semaphore = Arc::new(lock::Semaphore::new(PERMITS));
            Arc::new(move |_, times| {
                let semaphore = Arc::clone(&semaphore);
                Box::pin(async move {
                    for n in 0..times {
                        let permit = semaphore.acquire_async().await;
                        black_box(n);
                        drop(permit);
                    }
                })
            })
        },
        Locks::Tokio => || {
            let semaphore = Arc::new(tokio::sync::Semaphore::new(PERMITS));
            Arc::new(move |_, times| {
                let semaphore = Arc::clone(&semaphore);
                Box::pin(async move {
                    for n in 0..times {
                        let permit = semaphore.acquire().await;
                        black_box(n);
                        drop(permit);
                    }
                })
            })
        },
    }
}

/// Two tasks that notify each other in turn. Both have the same number of turns, but for one.
fn ping_pong(locks: Locks) -> Body {
    match locks {
        Locks::Moirai => || {
            let ends = Arc::new([lock::Notify::new(), lock::Notify::new()]);
            Arc::new(move |task, times| {
                let ends = Arc::clone(&ends);
                Box::pin(async move {
                    let [mine, other] = if task == 0 { [0, 1] } else { [1, 0] };
                    for _ in 0..times {
                        if task == 0 {
                            ends[other].notify_one();
                        }
                        ends[mine].notified().await;
                        if task != 0 {
                            ends[other].notify_one();
                        }
                    }
                })
            })
        },
        Locks::Tokio => || {
            let ends = Arc::new([tokio::sync::Notify::new(), tokio::sync::Notify::new()]);
            Arc::new(move |task, times| {
                let ends = Arc::clone(&ends);
                Box::pin(async move {
                    let [mine, other] = if task == 0 { [0, 1] } else { [1, 0] };
                    for _ in 0..times {
                        if task == 0 {
                            ends[other].notify_one();
                        }
                        ends[mine].notified().await;
                        if task != 0 {
                            ends[other].notify_one();
                        }
                    }
                })
            })
        },
    }
}

fn case(name: &'static str, what: &'static str, entrants: Vec<Entrant>) -> Case {
    Case { name, unit: "ns", what, effort: Effort::Calibrated, entrants }
}

fn in_tasks<E: Peer + Send + Sync>(
    peer: &'static str,
    executor: &Arc<E>,
    tasks: u64,
    body: Body,
) -> Entrant {
    let executor = Arc::clone(executor);
    let workload: Workload = Arc::new(move |iterations| {
        let (body, spawner) = (body(), executor.spawner());
        // As many for each.
        let times = iterations.div_ceil(tasks);
        let start = Instant::now();
        let handles: Vec<_> = (0..tasks)
            .map(|task| {
                let done = body(task, times);
                spawner.spawn(async move {
                    done.await;
                    times
                })
            })
            .collect();
        let done = executor.block_on(async move {
            let mut done = 0;
            for handle in handles {
                done += E::Spawner::join(handle).await;
            }
            done
        });
        checked(start.elapsed(), times * tasks, done)
    });
    Entrant { peer, workload: Ok(workload) }
}

/// Counting under each mutex, on so many threads.
fn mutexes(threads: u64) -> Vec<Entrant> {
    vec![
        on_threads(
            "moirai@threads",
            threads,
            lock::Mutex::new,
            |mutex| *mutex.lock() += 1,
            |mutex| *mutex.lock(),
        ),
        on_threads(
            "std@threads",
            threads,
            std::sync::Mutex::new,
            |mutex| *mutex.lock().unwrap_or_else(PoisonError::into_inner) += 1,
            |mutex| *mutex.lock().unwrap_or_else(PoisonError::into_inner),
        ),
        on_threads(
            "parking_lot@threads",
            threads,
            parking_lot::Mutex::new,
            |mutex| *mutex.lock() += 1,
            |mutex| *mutex.lock(),
        ),
    ]
}

/// Reading and counting under each lock for readers and writers, on so many threads.
fn rwlocks(threads: u64) -> Vec<Entrant> {
    vec![
        on_threads(
            "moirai@threads",
            threads,
            lock::RwLock::new,
            |lock| {
                (0..READS).for_each(|_| drop(black_box(lock.read())));
                *lock.write() += 1;
            },
            |lock| *lock.read(),
        ),
        on_threads(
            "std@threads",
            threads,
            std::sync::RwLock::new,
            |lock| {
                (0..READS).for_each(|_| drop(black_box(lock.read())));
                *lock.write().unwrap_or_else(PoisonError::into_inner) += 1;
            },
            |lock| *lock.read().unwrap_or_else(PoisonError::into_inner),
        ),
        on_threads(
            "parking_lot@threads",
            threads,
            parking_lot::RwLock::new,
            |lock| {
                (0..READS).for_each(|_| drop(black_box(lock.read())));
                *lock.write() += 1;
            },
            |lock| *lock.read(),
        ),
    ]
}

fn on_threads<M: Send + Sync + 'static>(
    peer: &'static str,
    threads: u64,
    new: fn(u64) -> M,
    step: impl Fn(&M) + Copy + Send + Sync + 'static,
    count: fn(&M) -> u64,
) -> Entrant {
    let workload: Workload = Arc::new(move |iterations| {
        let mutex = &new(0);
        let times = iterations.div_ceil(threads);
        let start = Instant::now();
        if threads == 1 {
            (0..times).for_each(|_| step(black_box(mutex)));
        } else {
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(move || (0..times).for_each(|_| step(mutex)));
                }
            });
        }
        checked(start.elapsed(), times * threads, count(mutex))
    });
    Entrant { peer, workload: Ok(workload) }
}

fn checked(elapsed: Duration, expected: u64, counted: u64) -> Outcome {
    if counted != expected {
        return Err(Failure::Wrong(format!("counted {counted}, expected {expected}")));
    }
    Ok(Sample { elapsed, value: elapsed.as_secs_f64() * 1e9 / expected as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Driver;

    #[test]
    fn every_lock_counts_right_in_every_workload() {
        let mut driver = Driver::new();
        let executors = Executors::start().unwrap();
        for case in executors.groups().iter().flat_map(|group| &group.cases) {
            for entrant in &case.entrants {
                let workload = entrant.workload.as_ref().unwrap();
                let outcome = driver.run(workload, 50);
                assert!(outcome.is_ok(), "{} {}: {outcome:?}", case.name, entrant.peer);
            }
        }
    }

    #[test]
    fn a_lost_count_is_no_sample() {
        let lost = checked(Duration::from_secs(1), 2, 1);
        assert_eq!(lost, Err(Failure::Wrong("counted 1, expected 2".to_owned())));
    }
}
