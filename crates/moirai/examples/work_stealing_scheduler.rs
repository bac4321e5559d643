//! A scheduler of one's own from the public parts: rings, an injector, thieves, parking.
//!
//! `cargo run --example work_stealing_scheduler`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program whose locks panic never")]

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::{iter, thread};

use moirai::deque::{Injector, Parked, Parker, Steal, StealStrategy, Stealer, Worker};

/// A worker for each entry, which is the group (say, the memory node) that it belongs to.
struct Config(Vec<usize>);

struct WorkStealingScheduler {
    config: Config,
    strategy: StealStrategy,
    near_first: bool,
    injector: Injector<Job>,
    /// When all of them sleep, everything is done.
    sleepers: Mutex<Vec<Arc<Parker>>>,
}

/// Must not panic: its worker would be missed among the sleepers.
type Job = Box<dyn FnOnce(&Local<'_>) + Send>;

/// One worker, and what a job sees of it.
struct Local<'a> {
    id: usize,
    ring: Worker<Job>,
    victims: Vec<Stealer<Job>>,
    shared: &'a WorkStealingScheduler,
}

impl WorkStealingScheduler {
    fn new(config: Config) -> Self {
        let (strategy, injector, sleepers) = Default::default();
        Self { config, strategy, near_first: false, injector, sleepers }
    }

    fn with_strategy(self, strategy: StealStrategy) -> Self {
        Self { strategy, ..self }
    }

    /// Whether a worker steals from its own group first.
    fn with_numa_awareness(self, near_first: bool) -> Self {
        Self { near_first, ..self }
    }

    /// Runs `jobs` and all that they spawn.
    fn run(self, jobs: impl IntoIterator<Item = Job>) {
        let (shared, Config(groups)) = (&self, &self.config);
        jobs.into_iter().for_each(|job| self.injector.push(job));
        let rings: Vec<_> = groups.iter().map(|_| Worker::new(&self.injector)).collect();
        let stealers: Vec<_> = rings.iter().map(Worker::stealer).collect();
        thread::scope(|scope| {
            for (id, ring) in rings.into_iter().enumerate() {
                let mut others: Vec<_> = (id + 1..groups.len()).chain(0..id).collect();
                others.sort_by_key(|&other| self.near_first && groups[other] != groups[id]);
                let victims = others.into_iter().map(|other| stealers[other].clone()).collect();
                scope.spawn(move || Local { id, ring, victims, shared }.work());
            }
        });
    }
}

impl Local<'_> {
    fn spawn(&self, job: impl FnOnce(&Local<'_>) + Send + 'static) {
        self.ring.push(Box::new(job));
        self.wake_one();
    }

    fn wake_one(&self) {
        self.shared.sleepers.lock().unwrap().pop().inspect(|sleeper| sleeper.unpark());
    }

    fn work(&self) {
        let parker = Arc::new(Parker::new());
        while self.rest(&parker) {
            iter::from_fn(|| self.ring.pop().or_else(|| self.steal())).for_each(|job| job(self));
        }
    }

    fn steal(&self) -> Option<Job> {
        let WorkStealingScheduler { injector, strategy, .. } = self.shared;
        loop {
            let thefts = self.victims.iter().map(|victim| victim.steal(&self.ring, *strategy));
            match injector.steal(&self.ring, *strategy).or_else(|| thefts.collect()) {
                Steal::Retry => thread::yield_now(),
                found => {
                    (!self.ring.is_empty()).then(|| self.wake_one()); // as if just pushed
                    return found.success();
                }
            }
        }
    }

    /// Sleeps while there is nothing to do; false once there never will be.
    fn rest(&self, parker: &Arc<Parker>) -> bool {
        // Looks under the lock: whoever pushes from now on takes it after us, and wakes us.
        let mut asleep = self.shared.sleepers.lock().unwrap();
        if self.shared.injector.is_empty() && self.victims.iter().all(Stealer::is_empty) {
            asleep.push(Arc::clone(parker));
            if asleep.len() > self.victims.len() {
                asleep.iter().for_each(|sleeper| sleeper.unpark());
            }
            drop(asleep);
            let (Parked::Notified | Parked::TimedOut) = parker.park(None);
            asleep = self.shared.sleepers.lock().unwrap();
        }
        asleep.len() <= self.victims.len()
    }
}

/// Workers 0 and 2 queue a hundred jobs each: who steals the first of each hundred?
fn first_thieves(near_first: bool) -> [usize; 2] {
    let scheduler = WorkStealingScheduler::new(Config(vec![0, 0, 1, 1]))
        .with_strategy(StealStrategy::Half)
        .with_numa_awareness(near_first);
    let (all, (log, runs)) = (Arc::new(Barrier::new(4)), mpsc::channel());
    scheduler.run((0..4).map(|_| -> Job {
        let (all, log) = (Arc::clone(&all), log.clone());
        Box::new(move |local| {
            all.wait(); // each worker has one of these four
            for n in (0..100).filter(|_| local.id % 2 == 0) {
                let (all, log, maker) = (Arc::clone(&all), log.clone(), local.id);
                local.spawn(move |local| {
                    log.send(((maker, n), local.id)).unwrap();
                    (n == 0).then(|| all.wait()); // its thief steals no other
                    while (maker, n) == (0, 99) && local.shared.sleepers.lock().unwrap().len() < 3 {
                        thread::yield_now(); // ends because idle workers sleep
                    }
                });
            }
            all.wait(); // the rings are filled
            (local.id % 2 == 0).then(|| all.wait()); // two thieves have a first job
        })
    }));
    let runs: Vec<_> = runs.try_iter().collect();
    let runner = BTreeMap::from_iter(runs.iter().copied());
    assert_eq!((runs.len(), runner.len()), (200, 200), "each job ran once");
    [runner[&(0, 0)], runner[&(2, 0)]]
}

pub(crate) fn main() {
    assert_eq!([true, false].map(first_thieves), [[1, 3], [3, 1]]); // 1 is near 0, and 3 near 2
    println!("each job ran once, near ones were stolen first, and idle workers slept");
}
