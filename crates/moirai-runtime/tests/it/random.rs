//! The end of a runtime at a random moment.

use std::future::pending;
use std::hint::spin_loop;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moirai_runtime::{Handle, Runtime, SpawnFailed, TaskError, TaskHandle, sleep};
use moirai_sync::channel;

use crate::{Random, runtime, watch};

/// What became of the tasks of one runtime.
#[derive(Debug, Default)]
struct Counts {
    made: AtomicUsize,
    dropped: AtomicUsize,
    completed: AtomicUsize,
    panicked: AtomicUsize,
}

/// A part of each future and closure.
struct Counted(Arc<Counts>);

impl Counted {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.made.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counts))
    }

    fn completes(&self) {
        self.0.completed.fetch_add(1, Ordering::SeqCst);
    }

    fn panics(&self) {
        self.0.panicked.fetch_add(1, Ordering::SeqCst);
        // Without the hook's message.
        resume_unwind(Box::new("on purpose"));
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// Spawns tasks of all kinds and keeps their handles.
#[derive(Clone)]
struct Spawner {
    handle: Handle,
    counts: Arc<Counts>,
    tasks: Arc<Mutex<Vec<TaskHandle<()>>>>,
}

impl Spawner {
    fn spawn(&self, random: &mut Random, depth: u32) {
        let (counted, mut own) = (Counted::new(&self.counts), random.fork());
        let spawner = self.clone();
        let more = move |random: &mut Random| {
            if depth != 0 {
                (0..random.below(4)).for_each(|_| spawner.spawn(random, depth - 1));
            }
        };
        let task = match random.below(8) {
            0 => self.handle.spawn_parallel(move || {
                more(&mut own);
                counted.completes();
            }),
            1 => self.handle.spawn_blocking(move || {
                more(&mut own);
                counted.completes();
            }),
            2 => self.handle.spawn(async move {
                more(&mut own);
                counted.panics();
            }),
            3 => self.handle.spawn_blocking(move || counted.panics()),
            4 => self.handle.spawn(async move {
                more(&mut own);
                pending::<()>().await;
                counted.completes();
            }),
            5 => self.handle.spawn(async move {
                more(&mut own);
                sleep(Duration::from_micros(own.below(300))).await;
                counted.completes();
            }),
            6 => {
                let (sender, receiver) = channel::bounded(1);
                let other = Counted::new(&self.counts);
                let sending = self.handle.spawn(async move {
                    let _ = sender.send_async(1).await;
                    other.completes();
                });
                self.tasks.lock().unwrap().push(sending);
                self.handle.spawn(async move {
                    let _ = receiver.recv();
                    counted.completes();
                })
            }
            _ => self.handle.spawn(async move {
                more(&mut own);
                counted.completes();
            }),
        };
        if random.below(8) == 0 {
            task.cancel();
        }
        self.tasks.lock().unwrap().push(task);
    }
}

/// Drops the runtime after a while, in one of the places where one may.
fn end(runtime: Runtime, random: &mut Random) {
    let order = random.below(16);
    let spins = random.below(1 << order);
    let wait = move || (0..spins).for_each(|_| spin_loop());
    let handle = runtime.handle().clone();
    let ends = move || {
        wait();
        drop(runtime);
    };
    match random.below(4) {
        0 => handle.spawn_parallel(ends).join().unwrap(),
        1 => handle.spawn_blocking(ends).join().unwrap(),
        _ => ends(),
    }
}

/// Fails if what is in a worker's ring when the runtime ends is forgotten.
#[test]
fn a_thousand_runtimes_end_at_random_moments_and_every_task_with_them() {
    watch(|| {
        let mut random = Random::seeded();
        let mut sums = [0; 4];
        for round in 0..ROUNDS {
            let runtime = runtime(1 + random.below(3) as usize);
            let counts = Arc::new(Counts::default());
            let spawner = Spawner {
                handle: runtime.handle().clone(),
                counts: Arc::clone(&counts),
                tasks: Arc::default(),
            };
            (0..random.below(10)).for_each(|_| spawner.spawn(&mut random, 3));
            let from_outside = std::thread::spawn({
                let (spawner, mut random) = (spawner.clone(), random.fork());
                move || (0..random.below(10)).for_each(|_| spawner.spawn(&mut random, 2))
            });
            end(runtime, &mut random);
            from_outside.join().unwrap();
            // Blocking jobs that run go on, and may spawn: until nothing is left.
            let [mut completed, mut cancelled, mut panicked, mut refused] = [0; 4];
            loop {
                let Some(task) = spawner.tasks.lock().unwrap().pop() else { break };
                match task.join() {
                    Ok(()) => completed += 1,
                    Err(TaskError::Cancelled) => cancelled += 1,
                    Err(TaskError::Panicked(_)) => panicked += 1,
                    Err(TaskError::SpawnFailed(SpawnFailed::ShutDown)) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            // A blocking thread may be about to let go of its last one.
            while spawner.handle.task_pool().live_tasks != 0 {
                std::thread::yield_now();
            }
            let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
            let made = count(&counts.made);
            assert_eq!(made, count(&counts.dropped), "round {round}");
            assert_eq!(made - refused, completed + cancelled + panicked, "round {round}");
            assert_eq!(completed, count(&counts.completed), "round {round}");
            assert_eq!(panicked, count(&counts.panicked), "round {round}");
            for (sum, n) in sums.iter_mut().zip([completed, cancelled, panicked, refused]) {
                *sum += n;
            }
        }
        let [completed, cancelled, panicked, refused] = sums;
        eprintln!(
            "{completed} completed, {cancelled} cancelled, {panicked} panicked, {refused} refused"
        );
    });
}

const ROUNDS: usize = if cfg!(miri) { 5 } else { 1000 };
