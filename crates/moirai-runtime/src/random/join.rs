//! Fork-join on several workers and on threads of the program's own, with tasks that want to run in the
//! middle of it, on a thread that gets the permit for that or on top.

use std::sync::Arc;

use shuttle::thread;

use super::{Count, all_permits_are_there, dawdle, draw, explore, pool};
use crate::join::{broadcast, join, scope};
use crate::sched::current::{self, Context};
use crate::sched::pool::Pool;
use crate::task;

/// A tree of forks whose leaves count themselves, and spawn a task now and then.
fn tree(pool: &Arc<Pool>, depth: u32, leaves: &Count, tasks: &Count) {
    if depth == 0 {
        leaves.up();
        if draw(2) == 0 {
            let tasks = tasks.clone();
            drop(task::spawn_future(pool, async move { tasks.up() }));
        } else {
            tasks.up();
        }
        return;
    }
    join(|| tree(pool, depth - 1, leaves, tasks), || tree(pool, depth - 1, leaves, tasks));
}

#[test]
fn trees_of_forks_end_and_so_do_the_tasks_that_they_spawn() {
    explore(600, || {
        let pool = pool(1 + draw(3) as usize);
        let (leaves, tasks) = (Count::default(), Count::default());
        let trees: Vec<_> = (0..2)
            .map(|_| {
                let (pool, leaves, tasks) = (Arc::clone(&pool), leaves.clone(), tasks.clone());
                let shared = Arc::clone(&pool);
                task::spawn_parallel(&shared, move || tree(&pool, 2, &leaves, &tasks))
            })
            .collect();
        trees.into_iter().for_each(|tree| tree.join().unwrap());
        assert_eq!(leaves.get(), 8);
        all_permits_are_there(&pool);
        while tasks.get() < 8 {
            thread::yield_now();
        }
        pool.close();
    });
}

/// Guests borrow permits, lose them to tasks, go on without and take others, while workers compute and
/// lend theirs.
#[test]
fn guests_and_workers_compute_and_every_task_finds_a_permit() {
    explore(600, || {
        let pool = pool(1 + draw(2) as usize);
        let (leaves, tasks) = (Count::default(), Count::default());
        let compute = || {
            let (pool, leaves, tasks) = (Arc::clone(&pool), leaves.clone(), tasks.clone());
            move || tree(&pool, 2, &leaves, &tasks)
        };
        let guests: Vec<_> = (0..1 + draw(2))
            .map(|_| {
                let (pool, compute) = (Arc::clone(&pool), compute());
                thread::spawn(move || current::enter(&Context::new(&pool, None), compute))
            })
            .collect();
        let trees = 1 + guests.len() as u32;
        task::spawn_parallel(&pool, compute()).join().unwrap();
        guests.into_iter().for_each(|guest| guest.join().unwrap());
        assert_eq!(leaves.get(), 4 * trees);
        while tasks.get() < 4 * trees {
            thread::yield_now();
        }
        all_permits_are_there(&pool);
        pool.close();
    });
}

#[test]
fn scopes_and_broadcasts_end_whoever_waits_for_what() {
    explore(400, || {
        let workers = 1 + draw(3);
        let pool = pool(workers as usize);
        let ran = Count::default();
        let computing: Vec<_> = (0..2)
            .map(|_| {
                let ran = ran.clone();
                task::spawn_parallel(&pool, move || {
                    scope(|scope| {
                        scope.spawn(|_| ran.up());
                        scope.spawn(|_| ran.up());
                    });
                    broadcast(|_| ran.up()).len() as u32
                })
            })
            .collect();
        for computing in computing {
            assert_eq!(computing.join().unwrap(), workers);
        }
        assert_eq!(ran.get(), 2 * (2 + workers));
        all_permits_are_there(&pool);
        pool.close();
    });
}

/// A letter comes whenever it likes: also when its worker has looked for one, and is about to wait in the
/// driver.
#[test]
fn a_letter_finds_its_worker_on_its_way_to_the_driver() {
    explore(2_000, || {
        let pool = pool(1);
        let ran = Count::default();
        current::enter(&Context::new(&pool, None), || {
            for _ in 0..4 {
                dawdle(150);
                assert_eq!(broadcast(|_| ran.up()).len(), 1);
            }
        });
        assert_eq!(ran.get(), 4);
        all_permits_are_there(&pool);
        pool.close();
    });
}
