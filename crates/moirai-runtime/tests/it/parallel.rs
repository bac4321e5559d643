//! Fork-join: what is forked runs once, at the same time if a worker is free, and whatever panics,
//! nothing is left behind.

use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, ThreadId};
use std::time::Duration;

use moirai_runtime::{
    Builder, Handle, Runtime, block_on, broadcast, current_num_workers, join, join_context,
    parallel_uninterruptible, scope, spawn,
};

use super::{AtDrop, Random, runtime, times, watch, works_on};

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = join(|| fib(n - 1), || fib(n - 2));
    a + b
}

/// Runs `f` with `workers`, everywhere that one may fork from.
fn from_everywhere<T: Send + 'static>(
    workers: usize,
    f: impl Fn() -> T + Clone + Send + Sync + 'static,
    check: impl Fn(T),
) {
    let runtime = runtime(workers);
    let g = f.clone();
    check(runtime.spawn_parallel(g).join().unwrap());
    let g = f.clone();
    check(runtime.spawn(async move { g() }).join().unwrap());
    let g = f.clone();
    check(runtime.spawn_blocking(g).join().unwrap());
    check(runtime.block_on(async { f() }));
    works_on(&runtime);
}

#[test]
fn a_tree_has_the_same_result_wherever_it_is_forked() {
    let n = if cfg!(miri) { 5 } else { 16 };
    let expected = if cfg!(miri) { 5 } else { 987 };
    for workers in [1, 2, 4] {
        watch(move || from_everywhere(workers, move || fib(n), |sum| assert_eq!(sum, expected)));
    }
    watch(move || assert_eq!(fib(n), expected));
}

/// Two parts that cannot end before both have begun.
#[test]
fn both_halves_run_at_once_although_every_other_worker_sleeps() {
    watch(|| {
        from_everywhere(
            2,
            || {
                let both = Barrier::new(2);
                join(|| both.wait(), || both.wait());
            },
            |()| (),
        );
    });
}

/// As above, after trees from the same place that were too short to be worth waking anybody: the part
/// that is published at the next fork wakes somebody.
#[test]
fn what_is_forked_inside_block_on_runs_on_that_runtime() {
    watch(|| {
        let outer = runtime(1);
        let inner = Runtime::builder().worker_threads(2).name("inner").build().unwrap();
        let fork = move || {
            inner.block_on(async {
                let both = Barrier::new(2);
                let (_, name) = join(
                    || both.wait(),
                    || {
                        both.wait();
                        thread::current().name().map(str::to_owned)
                    },
                );
                (current_num_workers(), name.unwrap())
            })
        };
        // On a worker of another runtime, which is hidden meanwhile.
        let (workers, name) = outer.spawn_parallel(fork).join().unwrap();
        assert_eq!(workers, 2);
        assert!(name.starts_with("inner"), "the second half ran on `{name}`");
    });
}

#[test]
fn a_long_tree_after_many_short_ones_finds_a_second_worker() {
    fn tree(depth: u32, begun: &AtomicU32, wanted: u32) {
        if depth != 0 {
            join(|| tree(depth - 1, begun, wanted), || tree(depth - 1, begun, wanted));
            return;
        }
        begun.fetch_add(1, Ordering::Relaxed);
        while begun.load(Ordering::Relaxed) < wanted {
            thread::yield_now();
        }
    }
    watch(|| {
        let runtime = runtime(2);
        runtime.block_on(async {
            for _ in 0..times(100) {
                tree(1, &AtomicU32::new(0), 0);
            }
            // Two of four leaves must be at work at once, and no earlier than the second is begun.
            let begun = AtomicU32::new(0);
            let first = AtomicU32::new(0);
            join(
                || tree(3, &begun, 1),
                || {
                    first.store(1, Ordering::Relaxed);
                },
            );
            assert_eq!(first.load(Ordering::Relaxed), 1);
        });
    });
}

/// Leaves so coarse that their owners look up from none of them; also where forks were fine before.
#[test]
fn coarse_leaves_of_a_deep_tree_all_run_at_once() {
    fn tree(depth: u32, leaves: &Barrier) {
        if depth == 0 {
            leaves.wait();
        } else {
            join(|| tree(depth - 1, leaves), || tree(depth - 1, leaves));
        }
    }
    let depth = if cfg!(miri) { 2 } else { 4 };
    watch(move || {
        let runtime = runtime(1 << depth);
        let tree = move || {
            let n = if cfg!(miri) { 2 } else { 20 };
            assert!(fib(n) > 0);
            tree(depth, &Barrier::new(1 << depth));
        };
        runtime.spawn_parallel(tree).join().unwrap();
        runtime.block_on(async { tree() });
    });
}

#[test]
fn every_kth_fork_panics_and_nothing_is_lost() {
    struct Counted<'a>(&'a AtomicU32);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    /// A tree of forks, the `k`th of which panics; says how many leaves it has.
    fn tree(depth: u32, left: &AtomicU64, alive: &AtomicU32, ended: &AtomicU32) -> u32 {
        alive.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted(alive);
        assert_ne!(left.fetch_sub(1, Ordering::Relaxed), 1, "the kth");
        if depth == 0 {
            ended.fetch_add(1, Ordering::Relaxed);
            return 1;
        }
        let half = || tree(depth - 1, left, alive, ended);
        let (a, b) = join(half, half);
        a + b
    }
    let (depth, forks) = if cfg!(miri) { (2, 7) } else { (6, 127) };
    watch(move || {
        let runtime = runtime(3);
        for k in 1..=forks + 1 {
            let job = move || {
                let (alive, ended) = (AtomicU32::new(0), AtomicU32::new(0));
                let left = AtomicU64::new(k);
                let result = catch_unwind(AssertUnwindSafe(|| tree(depth, &left, &alive, &ended)));
                assert_eq!(alive.load(Ordering::Relaxed), 0, "somebody is still at it");
                match result {
                    Ok(leaves) => assert_eq!((leaves, k), (1 << depth, forks + 1)),
                    Err(panic) => {
                        let said = panic.downcast_ref::<String>().unwrap();
                        assert!(said.contains("the kth"), "{said}");
                    }
                }
            };
            runtime.spawn_parallel(job).join().unwrap();
        }
        works_on(&runtime);
    });
}

/// The tree that the numbers describe, summed up by hand.
fn sequential(random: &mut Random, depth: u64) -> u64 {
    match kind(random, depth) {
        Kind::Leaf(n) => n,
        Kind::Fork(mut left, mut right) => sequential(&mut left, depth - 1)
            .wrapping_add(sequential(&mut right, depth - 1).wrapping_mul(3)),
    }
}

/// The same with forks, waits and tasks.
fn forked(random: &mut Random, depth: u64) -> u64 {
    match kind(random, depth) {
        Kind::Leaf(n) => {
            match n % 97 {
                0 => assert_eq!(spawn(async { 7 }).join().unwrap(), 7),
                1 => assert_eq!(block_on(async { 8 }), 8),
                2 => thread::yield_now(),
                3..20 => drop(spawn(async {})),
                _ => {}
            }
            n
        }
        Kind::Fork(mut left, mut right) => {
            let (a, b) =
                join(move || forked(&mut left, depth - 1), move || forked(&mut right, depth - 1));
            a.wrapping_add(b.wrapping_mul(3))
        }
    }
}

enum Kind {
    Leaf(u64),
    Fork(Random, Random),
}

fn kind(random: &mut Random, depth: u64) -> Kind {
    if depth == 0 || random.below(8) == 0 {
        return Kind::Leaf(random.below(1 << 40));
    }
    let left = random.fork();
    Kind::Fork(left, random.fork())
}

#[test]
fn random_trees_come_to_what_they_come_to_without_forks() {
    let mut random = Random::seeded();
    let (rounds, depth) = if cfg!(miri) { (2, 4) } else { (60, 12) };
    watch(move || {
        for round in 0..rounds {
            let runtime = runtime(1 + random.below(4) as usize);
            let trees: Vec<_> = (0..1 + random.below(3))
                .map(|_| {
                    let strand = random.below(3);
                    let mut numbers = random.fork();
                    let mut again = numbers.clone();
                    let mut tree = move || forked(&mut numbers, depth);
                    let handle = match strand {
                        0 => runtime.spawn_parallel(tree),
                        1 => runtime.spawn(async move { tree() }),
                        _ => runtime.spawn_blocking(tree),
                    };
                    (handle, sequential(&mut again, depth))
                })
                .collect();
            let mut here = random.fork();
            let mut again = here.clone();
            let sum = runtime.block_on(async { forked(&mut here, depth) });
            assert_eq!(sum, sequential(&mut again, depth), "round {round}");
            for (handle, expected) in trees {
                assert_eq!(handle.join().unwrap(), expected, "round {round}");
            }
        }
    });
}

#[test]
fn a_hundred_and_twenty_eight_workers_share_a_tree() {
    if cfg!(miri) {
        return;
    }
    watch(|| {
        let runtime = runtime(128);
        for _ in 0..3 {
            assert_eq!(runtime.spawn_parallel(|| fib(22)).join().unwrap(), 17711);
        }
        assert_eq!(runtime.block_on(async { fib(22) }), 17711);
        works_on(&runtime);
    });
}

#[test]
fn many_threads_fork_on_one_runtime_at_once() {
    let (threads, n, expected) = if cfg!(miri) { (3, 4, 3) } else { (16, 15, 610) };
    watch(move || {
        let runtime = runtime(2);
        thread::scope(|scope| {
            for _ in 0..threads {
                let runtime = &runtime;
                scope.spawn(move || {
                    for _ in 0..10 {
                        assert_eq!(runtime.block_on(async { fib(n) }), expected);
                    }
                });
            }
        });
        works_on(&runtime);
    });
}

#[test]
fn a_runtime_that_has_ended_still_joins_on_the_calling_thread() {
    watch(|| {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        runtime.shutdown();
        assert_eq!(handle.block_on(async { fib(5) }), 5);
    });
}

#[test]
fn a_task_is_polled_in_the_middle_of_a_computation_on_the_only_worker() {
    let test = |runtime: Runtime| {
        let polled = Arc::new(AtomicU32::new(0));
        let (began, begin) = std::sync::mpsc::channel();
        let computing = runtime.spawn_parallel({
            let polled = Arc::clone(&polled);
            move || {
                began.send(()).unwrap();
                while polled.load(Ordering::Relaxed) == 0 {
                    join(|| (), || ());
                }
            }
        });
        begin.recv().unwrap();
        drop(runtime.spawn({
            let polled = Arc::clone(&polled);
            async move {
                polled.fetch_add(1, Ordering::Relaxed);
            }
        }));
        computing.join().unwrap();
    };
    watch(move || lending_and_polling(test));
}

#[test]
fn a_timer_fires_in_the_middle_of_a_computation_on_the_only_worker() {
    let test = |runtime: Runtime| {
        let polled = Arc::new(AtomicU32::new(0));
        drop(runtime.spawn({
            let polled = Arc::clone(&polled);
            async move {
                moirai_runtime::sleep(Duration::from_millis(5)).await;
                polled.fetch_add(1, Ordering::Relaxed);
            }
        }));
        let computing = runtime.spawn_parallel({
            let polled = Arc::clone(&polled);
            move || {
                while polled.load(Ordering::Relaxed) == 0 {
                    join(|| (), || ());
                }
            }
        });
        computing.join().unwrap();
    };
    watch(move || lending_and_polling(test));
}

/// One worker, whose permit nobody takes while it computes.
fn one_worker() -> Builder {
    Runtime::builder().worker_threads(1).stall_after(Duration::from_secs(3600))
}

/// As it is by default, and as it may be asked for.
fn lending_and_polling(test: fn(Runtime)) {
    test(one_worker().build().unwrap());
    test(one_worker().poll_between_forks().build().unwrap());
}

/// On which threads `f` and what it forks polled the tasks that waited meanwhile.
fn polled_meanwhile(
    runtime: Builder,
    forks: impl FnOnce(&dyn Fn()) + Send + 'static,
) -> (ThreadId, Option<ThreadId>) {
    let runtime = runtime.build().unwrap();
    let computing = runtime.spawn_parallel(move || {
        let polled = Arc::new(std::sync::Mutex::new(None));
        let shared = Arc::clone(&polled);
        let spawn = move || {
            let polled = Arc::clone(&shared);
            drop(Handle::current().spawn(async move {
                *polled.lock().unwrap() = Some(thread::current().id());
            }));
        };
        forks(&spawn);
        let polled = *polled.lock().unwrap();
        (thread::current().id(), polled)
    });
    computing.join().unwrap()
}

#[test]
fn no_task_is_polled_inside_of_uninterruptible_work() {
    watch(|| {
        let rounds = if cfg!(miri) { 20 } else { 100_000 };
        let forks = move |spawn: &dyn Fn()| {
            spawn();
            for _ in 0..rounds {
                join(|| (), || ());
            }
        };
        let (here, polled) = polled_meanwhile(one_worker().poll_between_forks(), move |spawn| {
            parallel_uninterruptible(|| forks(spawn));
        });
        assert_ne!(polled, Some(here));
        let (here, polled) = polled_meanwhile(one_worker(), forks);
        assert_ne!(polled, Some(here), "nor at all, unless that is asked for");
        let (here, polled) = polled_meanwhile(one_worker().poll_between_forks(), forks);
        if !cfg!(miri) {
            assert_eq!(polled, Some(here), "the same, interrupted");
        }
    });
}

#[test]
fn no_task_is_polled_inside_of_another_tasks_poll() {
    watch(|| {
        let runtime = one_worker().poll_between_forks().build().unwrap();
        let polls = || async {
            let polled = Arc::new(AtomicU32::new(0));
            let shared = Arc::clone(&polled);
            let here = thread::current().id();
            drop(spawn(async move {
                // Another thread may, with the permit that this one lends.
                shared.fetch_add((thread::current().id() == here).into(), Ordering::Relaxed);
            }));
            for _ in 0..if cfg!(miri) { 20 } else { 100_000 } {
                join(|| (), || ());
            }
            polled.load(Ordering::Relaxed)
        };
        assert_eq!(runtime.spawn(polls()).join().unwrap(), 0);
        // Nor where the future is polled by a closure that might itself be interrupted.
        let in_place = runtime.spawn_parallel(move || spawn(polls()).join().unwrap());
        assert_eq!(in_place.join().unwrap(), 0, "joined in place");
        let blocking = runtime.spawn_parallel(move || Handle::current().block_on(polls()));
        assert_eq!(blocking.join().unwrap(), 0, "blocked on");
    });
}

/// What is forked waits for a worker, and every permit is with the thread that waits for it.
#[test]
fn a_thread_of_the_program_that_blocks_keeps_no_permit() {
    watch(|| {
        let runtime = runtime(1);
        for _ in 0..if cfg!(miri) { 2 } else { 100 } {
            let (done, ran) = moirai_sync::channel::bounded(1);
            let halves = async { join(move || ran.recv().unwrap(), move || done.send(7).unwrap()) };
            assert_eq!(runtime.block_on(halves), (7, ()));
        }
    });
}

/// A guest holds the only permit, computes, and never looks up.
#[test]
fn a_task_runs_while_a_thread_of_the_program_computes_with_the_only_permit() {
    watch(|| {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        runtime.block_on(async {
            let (done, ran) = std::sync::mpsc::channel();
            join(
                move || {
                    drop(handle.spawn(async move { done.send(()).unwrap() }));
                    ran.recv().unwrap();
                },
                || (),
            );
        });
    });
}

/// The only permit goes to and fro between a guest that computes and a worker that runs tasks: the worker
/// takes no part of the computation, for the guest is still at it.
#[test]
fn no_worker_computes_in_the_stead_of_a_guest_whose_permit_was_called_back() {
    fn tree(depth: u32, leaf: &(impl Fn() + Sync)) {
        if depth == 0 {
            leaf();
        } else {
            join(|| tree(depth - 1, leaf), || tree(depth - 1, leaf));
        }
    }
    watch(|| {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let tasks = if cfg!(miri) { 2 } else { 200 };
        runtime.block_on(async {
            let (me, elsewhere) = (thread::current().id(), AtomicU32::new(0));
            let leaf = || {
                (0..100).for_each(|_| spin_loop());
                if thread::current().id() != me {
                    elsewhere.fetch_add(1, Ordering::Relaxed);
                }
            };
            let ran = Arc::new(AtomicU32::new(0));
            let compute = || {
                for task in 1..=tasks {
                    let counted = Arc::clone(&ran);
                    drop(handle.spawn(async move { counted.fetch_add(1, Ordering::Relaxed) }));
                    while ran.load(Ordering::Relaxed) < task {
                        tree(4, &leaf);
                    }
                }
            };
            join(compute, leaf);
            assert_eq!(elsewhere.into_inner(), 0);
        });
    });
}

#[test]
fn a_thread_that_borrows_the_only_permit_keeps_no_timer_from_firing() {
    watch(|| {
        let runtime = runtime(1);
        let (done, fired) = std::sync::mpsc::channel();
        drop(runtime.spawn(async move {
            moirai_runtime::sleep(Duration::from_millis(20)).await;
            done.send(()).unwrap();
        }));
        runtime.block_on(async { join(move || fired.recv().unwrap(), || ()) });
    });
}

#[test]
fn the_first_half_stays_and_the_second_says_whether_it_was_taken() {
    watch(|| {
        let runtime = runtime(2);
        runtime.block_on(async {
            let here = thread::current().id();
            let both = Barrier::new(2);
            let ((), (id, migrated)) = join_context(
                |context| {
                    assert!(!context.migrated());
                    assert_eq!(thread::current().id(), here);
                    both.wait();
                },
                |context| {
                    both.wait();
                    (thread::current().id(), context.migrated())
                },
            );
            assert!(migrated && id != here);
            assert_eq!(current_num_workers(), 2);
        });
    });
}

#[test]
fn what_a_scope_spawns_borrows_and_ends_before_the_scope() {
    let jobs = if cfg!(miri) { 10 } else { 1000 };
    watch(move || {
        from_everywhere(
            2,
            move || {
                let mut numbers = vec![0; jobs];
                let nested = AtomicU32::new(0);
                scope(|scope| {
                    for (i, number) in numbers.iter_mut().enumerate() {
                        let nested = &nested;
                        scope.spawn(move |scope| {
                            *number = i;
                            scope.spawn(move |_| _ = nested.fetch_add(1, Ordering::Relaxed));
                        });
                    }
                });
                assert!(numbers.into_iter().eq(0..jobs));
                nested.into_inner()
            },
            move |nested| assert_eq!(nested, jobs as u32),
        );
    });
}

#[test]
fn two_closures_of_a_scope_run_at_once_while_its_owner_waits_for_both() {
    watch(|| {
        from_everywhere(
            2,
            || {
                let both = Barrier::new(2);
                scope(|scope| {
                    scope.spawn(|_| _ = both.wait());
                    scope.spawn(|_| _ = both.wait());
                });
            },
            |()| (),
        );
    });
}

/// The scope's own closure waits for what it has spawned: somebody else must come to it.
#[test]
fn what_a_scope_spawns_begins_before_the_scopes_closure_ends() {
    watch(|| {
        let runtime = runtime(2);
        runtime.block_on(async {
            let met = Barrier::new(2);
            for _ in 0..20 {
                scope(|scope| {
                    scope.spawn(|_| _ = met.wait());
                    met.wait();
                });
            }
        });
    });
}

#[test]
fn a_panic_in_a_scope_waits_for_all_others_and_the_scopes_own_wins() {
    watch(|| {
        let runtime = runtime(2);
        for own in [false, true] {
            let ended = AtomicU32::new(0);
            let panic = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async {
                    scope(|scope| {
                        for i in 0..20 {
                            let ended = &ended;
                            scope.spawn(move |_| {
                                ended.fetch_add(1, Ordering::Relaxed);
                                assert_ne!(i, 7, "a job");
                            });
                        }
                        assert!(!own, "the scope");
                    });
                });
            }))
            .unwrap_err();
            assert_eq!(ended.load(Ordering::Relaxed), 20);
            let said = match panic.downcast_ref::<String>() {
                Some(said) => said.clone(),
                None => (*panic.downcast_ref::<&str>().unwrap()).to_owned(),
            };
            assert!(said.contains(if own { "the scope" } else { "a job" }), "{said}");
        }
        works_on(&runtime);
    });
}

/// T48: a worker that is about to sleep hears of it all the same, whatever bed it lies in.
#[test]
fn a_broadcast_reaches_every_worker_asleep_or_about_to_sleep() {
    let rounds = if cfg!(miri) { 3 } else { 2000 };
    for workers in [1, 2, 5] {
        watch(move || {
            let runtime = runtime(workers);
            for round in 0..rounds {
                let threads = runtime.block_on(async {
                    if round % 3 == 0 {
                        drop(spawn(async {}));
                    }
                    broadcast(|worker| (worker.index(), thread::current().id()))
                });
                let indices = threads.iter().map(|&(index, _)| index);
                assert!(indices.eq(0..workers), "{threads:?}");
                let threads: std::collections::HashSet<_> = threads.iter().map(|t| t.1).collect();
                assert_eq!(threads.len(), workers);
            }
            works_on(&runtime);
        });
    }
}

#[test]
fn broadcasts_from_workers_and_from_each_others_shares_end() {
    let rounds = if cfg!(miri) { 2 } else { 50 };
    watch(move || {
        let runtime = runtime(3);
        let broadcasts: Vec<_> = (0..rounds)
            .map(|_| runtime.spawn_parallel(|| broadcast(|_| join(|| 1, || 1)).len()))
            .collect();
        for broadcast in broadcasts {
            assert_eq!(broadcast.join().unwrap(), 3);
        }
        let nested = runtime.spawn_parallel(|| broadcast(|_| broadcast(|_| 1).len()));
        assert_eq!(nested.join().unwrap(), [3, 3, 3]);
        works_on(&runtime);
    });
}

/// One worker waits for a half that the other one runs, and which needs the first one's share.
#[test]
fn a_worker_that_waits_for_a_half_answers_its_broadcast() {
    watch(|| {
        let runtime = runtime(2);
        let (first, second) = runtime
            .spawn_parallel(|| {
                let both = Barrier::new(2);
                join(
                    || _ = both.wait(),
                    || {
                        both.wait();
                        // Long enough for the other one to go to sleep over it.
                        thread::sleep(Duration::from_millis(5));
                        broadcast(|worker| worker.index())
                    },
                )
            })
            .join()
            .unwrap();
        assert_eq!((first, second), ((), vec![0, 1]));
    });
}

#[test]
fn a_panic_in_a_broadcast_waits_for_all_other_shares() {
    watch(|| {
        let runtime = runtime(3);
        let ended = AtomicU32::new(0);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                broadcast(|worker| {
                    ended.fetch_add(1, Ordering::Relaxed);
                    assert_ne!(worker.index(), 1, "its share");
                });
            });
        }));
        assert!(panic.is_err());
        assert_eq!(ended.load(Ordering::Relaxed), 3);
        works_on(&runtime);
    });
}

/// T47: the halves of one runtime's joins fork on another, and back.
#[test]
fn trees_cross_from_one_runtime_to_another() {
    fn crossing(here: &Handle, there: &Handle, n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let (a, b) = here.block_on(async {
            join(|| crossing(there, here, n - 1), || crossing(there, here, n - 2))
        });
        a + b
    }
    let (n, expected) = if cfg!(miri) { (3, 2) } else { (12, 144) };
    watch(move || {
        let (first, second) = (runtime(2), runtime(2));
        let (here, there) = (first.handle().clone(), second.handle().clone());
        assert_eq!(crossing(&here, &there, n), expected);
        let crossed = first.spawn_parallel(move || crossing(&here, &there, n));
        assert_eq!(crossed.join().unwrap(), expected);
        works_on(&first);
        works_on(&second);
    });
}

/// However many are hungry: one question in five microseconds.
#[test]
fn a_worker_is_asked_for_work_no_more_often_than_agreed() {
    if cfg!(miri) {
        return;
    }
    watch(|| {
        let runtime = runtime(8);
        let start = std::time::Instant::now();
        assert_eq!(runtime.spawn_parallel(|| fib(24)).join().unwrap(), 46368);
        let ticks = start.elapsed().as_micros() as u64 / 5 + 1;
        let workers = runtime.handle().metrics().workers;
        for worker in &workers {
            assert!(worker.asks <= ticks, "{} in {ticks} intervals", worker.asks);
        }
        println!("{:?} asks in {ticks} intervals", workers.iter().map(|w| w.asks).max());
    });
}

/// A task that waits for a computation runs while that computes, on the only worker: by blocking, too.
/// Fails if it is polled on top of what it waits for.
#[test]
fn a_task_may_block_for_the_computation_that_it_interrupts() {
    watch(|| {
        let runtime = one_worker().build().unwrap();
        let (sender, receiver) = moirai_sync::channel::bounded::<u32>(1);
        let (began, begin) = std::sync::mpsc::channel();
        let polled = Arc::new(AtomicU32::new(0));
        let computing = runtime.spawn_parallel({
            let polled = Arc::clone(&polled);
            move || {
                began.send(()).unwrap();
                // Two tasks begin meanwhile, and both block until this has ended.
                while polled.load(Ordering::Relaxed) < 2 {
                    join(|| (), || ());
                }
                sender.send(7).unwrap();
                3
            }
        });
        begin.recv().unwrap();
        let receiving = runtime.spawn({
            let polled = Arc::clone(&polled);
            async move {
                polled.fetch_add(1, Ordering::Relaxed);
                receiver.recv().unwrap()
            }
        });
        let joining = runtime.spawn(async move {
            polled.fetch_add(1, Ordering::Relaxed);
            computing.join().unwrap()
        });
        assert_eq!(receiving.join().unwrap(), 7);
        assert_eq!(joining.join().unwrap(), 3);
    });
}

/// The computation holds a lock of the standard library, of which nobody is told, where a task runs that
/// wants it. Fails if who makes way for a task waits until that has run.
#[test]
fn a_task_may_wait_for_a_lock_that_the_computation_holds() {
    watch(|| {
        let runtime = one_worker().build().unwrap();
        let (began, begin) = std::sync::mpsc::channel();
        let (locked, wanted) = (Arc::new(std::sync::Mutex::new(0)), Arc::new(AtomicU32::new(0)));
        let computing = runtime.spawn_parallel({
            let (locked, wanted) = (Arc::clone(&locked), Arc::clone(&wanted));
            move || {
                let mut locked = locked.lock().unwrap();
                began.send(()).unwrap();
                while wanted.load(Ordering::Relaxed) == 0 {
                    join(|| (), || ());
                }
                *locked += 1;
            }
        });
        begin.recv().unwrap();
        let waiting = runtime.spawn(async move {
            wanted.store(1, Ordering::Relaxed);
            *locked.lock().unwrap()
        });
        assert_eq!(waiting.join().unwrap(), 1);
        computing.join().unwrap();
    });
}

/// A worker that computes is asked to look for tasks when it has polled some a moment ago, and will not
/// yet, or between two trees; what waits lies in the ring of another worker, which does not come back
/// before it has run. Fails if it looks there only as soon as it is asked.
#[test]
fn what_is_asked_for_too_early_is_done_later() {
    watch(|| {
        let workers = Runtime::builder().worker_threads(2).stall_after(Duration::from_secs(3600));
        let runtime = workers.poll_between_forks().build().unwrap();
        // 1: the idle task is idle. 2: the second worker is busy. 3: the first has polled a task. 4: and
        // computes again. 5: the idle task has ended.
        let step = Arc::new(AtomicU32::new(0));
        let reach = |n: u32| {
            let step = Arc::clone(&step);
            move || step.store(n, Ordering::Relaxed)
        };
        let wait = |n: u32| {
            let step = Arc::clone(&step);
            move || {
                while step.load(Ordering::Relaxed) < n {
                    thread::yield_now();
                }
            }
        };
        let (idle, ended) = (reach(1), AtDrop::new(reach(5)));
        let task = runtime.spawn(async move {
            let _ended = ended;
            idle();
            std::future::pending::<()>().await;
        });
        wait(1)();
        let (busy, computes, has_ended) = (reach(2), wait(4), wait(5));
        let keeping = runtime.spawn_parallel(move || {
            busy();
            computes();
            task.cancel();
            has_ended();
        });
        wait(2)();
        let computing = runtime.spawn_parallel({
            let step = Arc::clone(&step);
            move || {
                while step.load(Ordering::Relaxed) < 5 {
                    join(|| (), || ());
                    let _only_now =
                        step.compare_exchange(3, 4, Ordering::Relaxed, Ordering::Relaxed);
                }
            }
        });
        // Polled on top of the computation, and takes its time: for as long no other is.
        let polled = reach(3);
        let slow = runtime.spawn(async move {
            let start = std::time::Instant::now();
            while start.elapsed() < Duration::from_millis(3) {
                spin_loop();
            }
            polled();
        });
        computing.join().unwrap();
        keeping.join().unwrap();
        slow.join().unwrap();
    });
}
