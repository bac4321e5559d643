//! Whatever blocks in a call of ours, the others go on.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use moirai_runtime::{
    Runtime, block_on, result_channel, sleep, spawn, spawn_blocking, spawn_parallel,
};
use moirai_sync::channel::{self, Sender};
use moirai_sync::strand;

use crate::{Random, named, runtime, times, watch, works_on};

/// Fails if what is woken inside a guard goes into the next-task slot, which nobody else reaches.
#[test]
fn a_task_that_is_started_inside_a_blocking_guard_runs_meanwhile() {
    for workers in [1, 2] {
        watch(move || {
            let runtime = runtime(workers);
            let task = runtime.spawn(async {
                let guard = strand::blocking();
                // A call that blocks in our way, inside of one that blocks in any way.
                let (sender, receiver) = channel::bounded(1);
                spawn(async move { sender.send_async(3).await }).detach();
                let ours = receiver.recv().unwrap();
                let (sender, receiver) = std::sync::mpsc::channel();
                spawn(async move { sender.send(4) }).detach();
                let foreign = receiver.recv().unwrap();
                drop(guard);
                ours + foreign
            });
            assert_eq!(task.join().unwrap(), 7);
        });
    }
}

/// What the task that calls others back is told to do.
type Call = Box<dyn FnOnce() + Send>;

/// A random tree of tasks, jobs and closures that wait for each other in every way there is.
#[derive(Clone)]
struct Tree {
    random: Random,
    depth: u32,
    /// Of a task that calls what it is sent: who sends to it wakes it, into the next-task slot.
    calls: Sender<Call>,
    steps: Arc<AtomicU64>,
}

impl Tree {
    fn child(&mut self) -> Self {
        Self { random: self.random.fork(), depth: self.depth - 1, ..self.clone() }
    }

    /// How many steps it has.
    fn run(mut self) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move {
            let mut sum = 0;
            for _ in 0..self.random.below(4) {
                self.steps.fetch_add(1, Ordering::Relaxed);
                sum += 1 + self.step().await;
            }
            sum
        })
    }

    async fn step(&mut self) -> u64 {
        if self.depth != 0 && self.random.below(2) == 0 {
            let child = self.child();
            return match self.random.below(7) {
                0 => spawn(child.run()).await.unwrap(),
                1 => spawn(child.run()).join().unwrap(),
                2 => spawn_blocking(|| block_on(child.run())).await.unwrap(),
                3 => spawn_blocking(|| block_on(child.run())).join().unwrap(),
                4 => spawn_parallel(|| block_on(child.run())).await.unwrap(),
                5 => spawn_parallel(|| block_on(child.run())).join().unwrap(),
                _ => block_on(spawn(child.run())).unwrap(),
            };
        }
        match self.random.below(6) {
            // Each wakes another task and blocks at once.
            0 => {
                self.call(|| ());
                spawn_blocking(|| ()).join().unwrap();
            }
            1 => {
                let (sender, receiver) = channel::bounded(1);
                self.call(move || sender.send(()).unwrap());
                receiver.recv().unwrap();
            }
            2 => {
                let (sender, receiver) = result_channel();
                self.call(move || sender.send(()).unwrap());
                receiver.recv().unwrap();
            }
            3 => {
                let guard = strand::blocking();
                let (sender, receiver) = std::sync::mpsc::channel();
                self.call(move || sender.send(()).unwrap());
                receiver.recv().unwrap();
                drop(guard);
            }
            4 => block_on(sleep(Duration::from_micros(self.random.below(200)))),
            _ => sleep(Duration::from_micros(self.random.below(200))).await,
        }
        0
    }

    fn call(&self, call: impl FnOnce() + Send + 'static) {
        assert!(self.calls.send(Box::new(call)).is_ok());
    }
}

/// Runs random trees, several at once, until the time is up; fails if there is no step for long.
fn grow_trees(runtime: &Runtime, random: &mut Random, time: Duration) {
    let (calls, called) = channel::bounded::<Call>(2);
    let caller = runtime.spawn(async move {
        while let Ok(call) = called.recv_async().await {
            call();
        }
    });
    let start = Instant::now();
    let steps = Arc::new(AtomicU64::new(0));
    let mut sum = 0;
    while start.elapsed() < time {
        let trees: Vec<_> = (0..TREES)
            .map(|_| {
                let (calls, steps) = (calls.clone(), Arc::clone(&steps));
                runtime.spawn(Tree { random: random.fork(), depth: 4, calls, steps }.run())
            })
            .collect();
        for mut tree in trees {
            sum += loop {
                let before = steps.load(Ordering::Relaxed);
                match tree.join_timeout(NO_PROGRESS) {
                    Ok(steps) => break steps,
                    Err(_) if steps.load(Ordering::Relaxed) != before => {}
                    Err(error) => panic!("no progress: {error}"),
                }
            };
        }
    }
    assert_eq!(sum, steps.load(Ordering::Relaxed));
    drop(calls);
    caller.join().unwrap();
    works_on(runtime);
    eprintln!("{sum} steps");
}

/// Fails if a worker that is about to block keeps what is in its next-task slot.
#[test]
fn tasks_that_wake_others_and_block_leave_nobody_behind() {
    watch(|| {
        let mut random = Random::seeded();
        for workers in [1, 2, 4] {
            grow_trees(&runtime(workers), &mut random, TREE_TIME);
        }
    });
}

/// Far more workers than cores. Fails if a worker that finds no work goes on looking.
#[test]
fn a_hundred_and_twenty_eight_workers_work_and_then_rest() {
    const WORKERS: usize = if cfg!(miri) { 4 } else { 128 };
    watch(|| {
        let mut random = Random::seeded();
        let runtime = named("many", WORKERS);
        grow_trees(&runtime, &mut random, TREE_TIME);
        ping_pong(&runtime);
        // What was begun may be on its way to its end: some pause is quiet.
        let rests = (0..10).any(|_| {
            let before = cpu_time("many-");
            std::thread::sleep(PAUSE);
            let used = cpu_time("many-").saturating_sub(before);
            eprintln!("{used:?} of processor time in {PAUSE:?}");
            used < PAUSE / 10
        });
        assert!(rests);
        works_on(&runtime);
    });
}

/// Pairs of tasks that hand a number to and fro.
fn ping_pong(runtime: &Runtime) {
    let players: Vec<_> = (0..times(64))
        .map(|_| {
            let (to, from_here) = channel::bounded::<u32>(1);
            let (back, from_there) = channel::bounded::<u32>(1);
            let echo = runtime.spawn(async move {
                while let Ok(n) = from_here.recv_async().await {
                    back.send_async(n + 1).await.unwrap();
                }
            });
            let player = runtime.spawn(async move {
                let mut n = 0;
                for _ in 0..HITS {
                    to.send_async(n).await.unwrap();
                    n = from_there.recv_async().await.unwrap();
                }
                n
            });
            (player, echo)
        })
        .collect();
    for (player, echo) in players {
        assert_eq!(player.join().unwrap(), HITS);
        echo.join().unwrap();
    }
}

/// What this process's threads have used whose name begins with `name`; nothing where the system
/// does not say.
fn cpu_time(name: &str) -> Duration {
    if cfg!(miri) {
        return Duration::ZERO;
    }
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    // A thread may end meanwhile.
    let used = threads.flatten().filter_map(|thread| {
        let read = |file| std::fs::read_to_string(thread.path().join(file)).ok();
        let nanos = read("schedstat")?.split(' ').next()?.parse().ok()?;
        read("comm")?.starts_with(name).then_some(Duration::from_nanos(nanos))
    });
    used.sum()
}

const TREES: usize = if cfg!(miri) { 2 } else { 32 };
const HITS: u32 = if cfg!(miri) { 2 } else { 100 };
const TREE_TIME: Duration = Duration::from_millis(500);
const NO_PROGRESS: Duration = Duration::from_secs(if cfg!(miri) { 3600 } else { 10 });
const PAUSE: Duration = Duration::from_millis(200);
