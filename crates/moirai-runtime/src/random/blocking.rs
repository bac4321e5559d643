//! Permits that are handed over because their holders block.

use std::sync::Arc;

use moirai_sync::{channel, strand};

use super::{Count, all_permits_are_there, dawdle, draw, explore, pool};
use crate::task;

/// Tasks that block on each other in a row, on fewer permits than tasks: spare threads run the
/// ones that free the others.
#[test]
fn tasks_that_block_on_each_other_all_end() {
    explore(SCHEDULES, || {
        let pool = pool(1 + draw(2) as usize);
        let (first, mut before) = channel::bounded(1);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (sender, receiver) = channel::bounded(1);
                let before = std::mem::replace(&mut before, receiver);
                task::spawn_future(&pool, async move {
                    let n: u32 = before.recv().unwrap();
                    sender.send(n + 1).unwrap();
                })
            })
            .collect();
        let start = task::spawn_future(&pool, async move { first.send(0).unwrap() });
        assert_eq!(before.recv(), Ok(3));
        start.join().unwrap();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        all_permits_are_there(&pool);
        pool.close();
    });
}

/// A worker that blocks leaves the task it has just woken to others, and so does one that came back
/// without a permit and ends its task.
#[test]
fn a_blocking_task_leaves_what_it_woke_to_others() {
    explore(SCHEDULES, || {
        let pool = pool(1);
        let ran = Count::default();
        let parent = task::spawn_future(&pool, {
            let (pool, ran) = (Arc::clone(&pool), ran.clone());
            async move {
                let (sender, receiver) = channel::bounded(1);
                let spawn = || {
                    let (sender, ran) = (sender.clone(), ran.clone());
                    task::spawn_future(&pool, async move {
                        ran.up();
                        sender.send_async(()).await.unwrap();
                    })
                };
                spawn().detach();
                receiver.recv().unwrap();
                (spawn(), receiver)
            }
        });
        let other = task::spawn_future(&pool, {
            let ran = ran.clone();
            async move { ran.up() }
        });
        let (last, _receiver) = parent.join().unwrap();
        last.join().unwrap();
        other.join().unwrap();
        assert_eq!(ran.get(), 3);
        pool.close();
    });
}

/// Work from outside while the only worker blocks in foreign code and comes back.
#[test]
fn work_published_while_permits_change_hands_runs() {
    explore(SCHEDULES, || {
        let pool = pool(1 + draw(2) as usize);
        let ran = Count::default();
        let spawn = |blocks: u32| {
            let ran = ran.clone();
            task::spawn_parallel(&pool, move || {
                for _ in 0..blocks {
                    let blocking = strand::blocking();
                    dawdle(6);
                    drop(blocking);
                }
                ran.up();
            })
        };
        let handles = [spawn(2), spawn(0), spawn(1), spawn(0)];
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert_eq!(ran.get(), 4);
        all_permits_are_there(&pool);
        pool.close();
    });
}

/// A join on a worker runs its target in place or blocks; nested, and from several at once.
#[test]
fn joins_inside_of_tasks_end() {
    explore(SCHEDULES, || {
        let pool = pool(1 + draw(2) as usize);
        let ran = Count::default();
        let roots = [(); 2].map(|()| {
            let (pool, ran) = (Arc::clone(&pool), ran.clone());
            task::spawn_parallel(&Arc::clone(&pool), move || {
                let ran_by_child = ran.clone();
                let child = task::spawn_parallel(&pool, move || ran_by_child.up());
                dawdle(4);
                child.join().unwrap();
                ran.up();
            })
        });
        roots.into_iter().for_each(|root| root.join().unwrap());
        assert_eq!(ran.get(), 4);
        pool.close();
    });
}

/// Jobs of the blocking pool, on fewer threads than jobs, and tasks that wait for them.
#[test]
fn blocking_jobs_run_once_each() {
    explore(SCHEDULES, || {
        let pool = pool(1);
        let ran = Count::default();
        let spawn = || {
            let ran = ran.clone();
            task::spawn_blocking(&pool, move || ran.up())
        };
        let (first, second) = (spawn(), spawn());
        dawdle(10);
        let third = spawn();
        let waiting = task::spawn_future(&pool, async move {
            first.await.unwrap();
            second.await.unwrap();
        });
        third.join().unwrap();
        waiting.join().unwrap();
        assert_eq!(ran.get(), 3);
        pool.close();
    });
}

/// Jobs of the blocking pool that wait for each other, with a thread that rests or is about to.
#[test]
fn blocking_jobs_that_wait_for_each_other_have_a_thread_each() {
    explore(SCHEDULES, || {
        let pool = pool(1);
        let first = task::spawn_blocking(&pool, || ());
        if draw(2) == 0 {
            first.join().unwrap();
        }
        dawdle(10);
        let (sender, receiver) = channel::bounded(1);
        let receiving = task::spawn_blocking(&pool, move || receiver.recv());
        let sending = task::spawn_blocking(&pool, move || sender.send(7));
        assert_eq!(receiving.join().unwrap(), Ok(7));
        assert!(sending.join().unwrap().is_ok());
        pool.close();
    });
}

const SCHEDULES: usize = 10_000;
