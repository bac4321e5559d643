//! Workers have their place: near each other, and on processors of their own.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use moirai_runtime::deque::StealStrategy;
use moirai_runtime::{
    Affinity, Builder, Runtime, TaskStatus, Topology, block_in_place, broadcast, current_node,
    detect_numa_topology, spawn, spawn_parallel,
};
use moirai_sync::channel::{self, TrySendError};

use crate::{AtDrop, times, watch, works_on};

/// The processors that the calling thread may use, as the system says.
pub(crate) fn processors() -> Vec<usize> {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let ranges = list.unwrap_or_default().split(',').filter_map(|range| {
        let (first, last) = range.trim().split_once('-').unwrap_or((range.trim(), range.trim()));
        Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

fn machine(nodes: usize, cores: usize) -> Builder {
    Runtime::builder().topology(Topology::synthetic(nodes, cores))
}

/// Where each worker may run, by its own account.
fn bindings(runtime: &Runtime) -> Vec<Vec<usize>> {
    runtime.block_on(async { broadcast(|_| processors()) })
}

#[cfg_attr(any(not(target_os = "linux"), miri), ignore = "binds no threads")]
#[test]
fn every_worker_is_bound_to_a_processor_of_its_own() {
    watch(|| {
        let here = processors();
        let builder = machine(2, 2).affinity(Affinity::Cores);
        let at = |n: usize| vec![here[n * here.len() / 4]];
        assert_eq!(bindings(&builder.build().unwrap()), [at(0), at(1), at(2), at(3)]);
        // The machine itself.
        let runtime = Runtime::builder().affinity(Affinity::Cores).build().unwrap();
        let mut bound: Vec<usize> = bindings(&runtime).into_iter().flatten().collect();
        bound.sort_unstable();
        bound.dedup();
        assert_eq!(bound.len(), runtime.handle().metrics().worker_threads);
    });
}

#[cfg_attr(any(not(target_os = "linux"), miri), ignore = "binds no threads")]
#[test]
fn workers_of_a_node_share_its_processors() {
    watch(|| {
        let here = processors();
        let runtime = machine(2, 2).affinity(Affinity::Numa).build().unwrap();
        let node = |n: usize| -> Vec<usize> {
            let mut cpus: Vec<_> = (0..2).map(|c| here[(n * 2 + c) * here.len() / 4]).collect();
            cpus.dedup();
            cpus
        };
        assert_eq!(bindings(&runtime), [node(0), node(0), node(1), node(1)]);
    });
}

#[cfg_attr(any(not(target_os = "linux"), miri), ignore = "binds no threads")]
#[test]
fn without_affinity_a_worker_runs_anywhere() {
    watch(|| {
        let here = processors();
        let runtime = machine(2, 1).build().unwrap();
        assert_eq!(bindings(&runtime), [here.clone(), here]);
    });
}

/// Neither those that a worker has started, nor those that such a thread has started.
#[cfg_attr(any(not(target_os = "linux"), miri), ignore = "binds no threads")]
#[test]
fn threads_for_blocking_calls_are_not_bound() {
    watch(|| {
        let here = processors();
        let runtime = machine(2, 1).affinity(Affinity::Cores).build().unwrap();
        let both_run = Arc::new(Barrier::new(2));
        let from_worker = runtime.spawn(async move {
            let jobs = [(); 2].map(|()| {
                let both_run = Arc::clone(&both_run);
                moirai_runtime::spawn_blocking(move || {
                    both_run.wait();
                    processors()
                })
            });
            jobs.map(|job| job.join().unwrap())
        });
        assert_eq!(from_worker.join().unwrap(), [here.clone(), here]);
    });
}

/// A worker ends its runtime, and the drop of each of two futures waits for that of the other: a thread
/// that the worker starts goes on.
#[cfg_attr(any(not(target_os = "linux"), miri), ignore = "binds no threads")]
#[test]
fn a_thread_that_helps_a_runtime_end_is_not_bound() {
    watch(|| {
        let here = processors();
        // A thread that stood in for the worker would help, too, and is bound as it was.
        let builder = machine(2, 1).worker_threads(1).spare_threads(0);
        let runtime = builder.affinity(Affinity::Cores).build().unwrap();
        let handle = runtime.handle().clone();
        let dropped_on = Arc::new(Mutex::new(Vec::new()));
        let (to_first, first) = channel::bounded(1);
        let (to_second, second) = channel::bounded(1);
        // Their handles are kept, for a task that nobody can wake or ask ends at once.
        let _tasks = [(to_second, first), (to_first, second)].map(|(other, own)| {
            let dropped_on = Arc::clone(&dropped_on);
            let at_drop = AtDrop::new(move || {
                dropped_on.lock().unwrap().push(processors());
                other.send(()).unwrap();
                own.recv().unwrap();
            });
            let task = runtime.spawn(async move {
                let _at_drop = at_drop;
                pending::<()>().await
            });
            while handle.task_status(task.id()) != TaskStatus::Waiting {
                std::thread::yield_now();
            }
            task
        });
        // In the middle of a blocking call, where a worker does not go on by itself.
        handle.spawn(async { block_in_place(|| drop(runtime)) }).join().unwrap();
        let dropped_on = dropped_on.lock().unwrap();
        assert_eq!(*dropped_on, [vec![here[0]], here], "the worker, and who helped it");
    });
}

/// However many workers block: as many tasks as there are workers, at the same time, are on the
/// processors of all of them.
#[cfg_attr(any(not(target_os = "linux"), miri), ignore = "binds no threads")]
#[test]
fn a_thread_that_stands_in_for_a_worker_runs_where_that_one_did() {
    watch(|| {
        let here = processors();
        // Who waits for the other keeps its place.
        let builder = machine(2, 1).affinity(Affinity::Cores).stall_after(Duration::MAX);
        let runtime = builder.build().unwrap();
        let expected = [vec![here[0]], vec![here[here.len() / 2]]];
        for blocked in 0..4 {
            let (release, released) = channel::bounded::<()>(1);
            let waiting: Vec<_> = (0..blocked)
                .map(|_| {
                    let released = released.clone();
                    runtime.spawn(async move { released.recv() })
                })
                .collect();
            let all_run = Arc::new(Barrier::new(2));
            let running = [(); 2].map(|()| {
                let all_run = Arc::clone(&all_run);
                runtime.spawn_parallel(move || {
                    all_run.wait();
                    processors()
                })
            });
            let mut bound = running.map(|task| task.join().unwrap());
            bound.sort();
            assert_eq!(bound, expected, "{blocked} workers are blocked");
            drop(release);
            waiting.into_iter().for_each(|task| assert!(task.join().unwrap().is_err()));
        }
    });
}

/// Fails if a thread that takes another permit than it had is looked for where it was before.
#[test]
fn a_thread_that_stands_in_for_a_worker_is_found_in_the_node_of_that_one() {
    watch(|| {
        // So the thread of the other worker stands in.
        let builder = machine(2, 1).spare_threads(0).stall_after(Duration::MAX);
        let runtime = builder.build().unwrap();
        while runtime.handle().metrics().idle != 2 {
            std::thread::yield_now();
        }
        let (release, released) = channel::bounded::<()>(1);
        let waiting = runtime.spawn_on(1, async move { released.recv() });
        // It runs as soon as the other thread has the permit.
        runtime.spawn_on(1, async {}).join().unwrap();
        let workers = runtime.handle().metrics().workers;
        assert!(workers.iter().map(|worker| worker.domain).eq([1, 1]), "{workers:?}");
        drop(release);
        waiting.join().unwrap().unwrap_err();
    });
}

#[test]
fn a_hundred_and_twenty_eight_workers_on_eight_nodes_run_everything_once() {
    watch(|| {
        let (nodes, cores) = if cfg!(miri) { (2, 2) } else { (8, 16) };
        let runtime = machine(nodes, cores).build().unwrap();
        let metrics = runtime.handle().metrics();
        assert_eq!(metrics.worker_threads, nodes * cores);
        assert!((0..nodes).all(|node| {
            let there = metrics.workers.iter().filter(|worker| worker.domain == node);
            there.count() == cores
        }));
        works_on(&runtime);
        // From inside, in trees, woken from everywhere.
        let (done, all) = mpsc::channel();
        for n in 0..times(100) as u32 {
            let done = done.clone();
            runtime
                .spawn(async move {
                    let parts: Vec<_> = (0..10).map(|part| spawn(async move { part })).collect();
                    let mut sum = 0;
                    for part in parts {
                        sum += part.await.unwrap();
                        moirai_runtime::yield_now().await;
                    }
                    done.send(n * 1000 + sum).unwrap();
                })
                .detach();
        }
        drop(done);
        let mut all: Vec<u32> = all.iter().collect();
        all.sort_unstable();
        assert!(all.into_iter().eq((0..times(100) as u32).map(|n| n * 1000 + 45)));
    });
}

/// Worker 0 searches; of worker 1 and worker 2 each has tasks, and is held. Worker 3 is held, too.
#[test]
fn a_thief_takes_what_is_near_before_what_is_far() {
    watch(|| {
        let builder = machine(2, 2).steal(StealStrategy::One).stall_after(Duration::MAX);
        // Nobody else steals.
        let runtime = builder.spare_threads(0).build().unwrap();
        let (ran, order) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        // Nobody sleeps who would be woken, and then everything is queued.
        let step = Arc::new(Barrier::new(4));
        let hold = {
            let (step, released) = (Arc::clone(&step), Arc::clone(&released));
            move |worker: usize| {
                step.wait();
                for _ in 0..if worker == 3 { 0 } else { TASKS } {
                    let ran = ran.clone();
                    spawn_parallel(move || ran.send(worker).unwrap_or_default()).detach();
                }
                step.wait();
                let _ = released.lock().unwrap().recv();
            }
        };
        let holding = std::thread::spawn(move || {
            runtime.block_on(async {
                broadcast(move |worker| match worker.index() {
                    0 => {
                        step.wait();
                        step.wait();
                    }
                    worker => hold(worker),
                })
            });
            runtime
        });
        let order: Vec<usize> = order.iter().take(2 * TASKS).collect();
        drop(release);
        let runtime = holding.join().unwrap();
        assert_eq!(order[..TASKS], [1; TASKS]);
        assert_eq!(order[TASKS..], [2; TASKS]);
        assert!(runtime.handle().metrics().thefts().1 >= TASKS as u64);
    });
}

/// Two nodes of eight workers. On each, one of them queues tasks for all; a task that is ahead of the
/// other node waits for it. So there is always something near, but for the last few.
#[test]
fn nine_of_ten_thefts_stay_inside_their_node() {
    watch(|| {
        let builder = machine(2, 8).steal(StealStrategy::One).stall_after(Duration::MAX);
        // Nobody stands in for anybody: every worker stays on its node.
        let runtime = builder.spare_threads(0).build().unwrap();
        let everybody = Arc::new(Barrier::new(16));
        let begun = Arc::new([const { AtomicU32::new(0) }; 2]);
        let (done, all) = mpsc::channel::<()>();
        let count = Arc::clone(&begun);
        runtime.block_on(async {
            broadcast(move |worker| {
                let node = worker.index() / 8;
                let tasks = if worker.index() % 8 == 0 { TASKS } else { 0 };
                everybody.wait();
                for _ in 0..tasks {
                    let (count, done) = (Arc::clone(&count), done.clone());
                    spawn_parallel(move || {
                        let mine = count[node].fetch_add(1, Ordering::SeqCst);
                        while count[1 - node].load(Ordering::SeqCst) < mine {
                            std::thread::yield_now();
                        }
                        drop(done);
                    })
                    .detach();
                }
                // Nobody looks around before everything is queued, and all of it is stolen.
                everybody.wait();
                let all_begun = || begun.iter().all(|n| n.load(Ordering::SeqCst) == TASKS as u32);
                while tasks != 0 && !all_begun() {
                    std::thread::yield_now();
                }
            })
        });
        assert_eq!(all.recv(), Err(mpsc::RecvError));
        let (thefts, far) = runtime.handle().metrics().thefts();
        assert_eq!(thefts, 2 * TASKS as u64);
        assert!(far * 10 <= thefts, "{far} of {thefts}");
    });
}

/// A channel with a queue for each of two nodes, between the workers of both.
#[test]
fn messages_stay_with_the_workers_of_their_node_until_its_share_is_used_up() {
    watch(|| {
        let topology = Topology::synthetic(2, 2);
        let (sender, receiver) = channel::numa(topology.nodes().len(), 12, current_node);
        // Nobody stands in for anybody: every worker stays on its node.
        let runtime = machine(2, 2).spare_threads(0).stall_after(Duration::MAX).build().unwrap();
        let on = |worker: usize, action: Box<dyn FnOnce() -> usize + Send>| {
            runtime.spawn_on(worker, async move { (action)() }).join().unwrap()
        };
        let nodes = (0..4).map(|worker| on(worker, Box::new(current_node)));
        assert!(nodes.eq([0, 0, 1, 1]));
        // Each node has a share of four, whichever worker of it sends.
        for (worker, first) in [(0, 0), (2, 10)] {
            for n in first..first + 4 {
                let sender = sender.clone();
                on(worker + n % 2, Box::new(move || usize::from(sender.send_local(n).is_err())));
            }
            let sender = sender.clone();
            on(
                worker,
                Box::new(move || {
                    assert_eq!(sender.send_local(99), Err(TrySendError::Full(99)));
                    // Then the common one.
                    sender.send(first + 4).map_or(1, |()| 0)
                }),
            );
        }
        assert_eq!(sender.len(), 10);
        // One receive of 64 begins anywhere: of 20 rounds, most begin at home.
        let (mut at_home, rounds) = (0, 20);
        for _ in 0..rounds {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            let first = on(3, Box::new(move || receiver.recv().unwrap()));
            at_home += usize::from((10..14).contains(&first));
            // Put back where it came from.
            let worker = if first < 10 { 0 } else { 3 };
            on(worker, Box::new(move || usize::from(sender.send(first).is_err())));
        }
        assert!(2 * at_home > rounds, "{at_home} of {rounds}");
        drop(sender);
        let mut rest: Vec<usize> = receiver.iter().collect();
        rest.sort_unstable();
        assert_eq!(rest, [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
    });
}

#[test]
fn a_thread_that_is_no_worker_is_on_a_node_of_the_machine() {
    let nodes = detect_numa_topology().unwrap().nodes().len();
    assert!(current_node() < nodes.max(Topology::detect().unwrap().nodes().len()));
    let runtime = Runtime::current_thread().unwrap();
    assert_eq!(runtime.block_on(async { current_node() }), 0);
}

/// They fit in a ring.
const TASKS: usize = if cfg!(miri) { 20 } else { 200 };
