//! A watcher that takes permits from workers, whenever it likes: there is no clock, so every task
//! that it sees twice is stuck.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moirai_sync::{channel, strand};
use shuttle::thread::{self, JoinHandle};

use super::{
    Count, all_permits_are_there, dawdle, draw, explore, pool_with_workers, watch, watched_pool,
};
use crate::hooks::Hook;
use crate::sched::driver::TimeDriver;
use crate::sched::pool::{Pool, Sharing, Watching, Workers};
use crate::task::{self, TaskBuilder, TaskContext};
use crate::trace::Stall;

/// A watcher that does not sleep.
fn watch_all_the_time(pool: &Arc<Pool>) -> io::Result<JoinHandle<()>> {
    watch(pool, |pool, watcher| {
        // None is made.
        assert!(pool.idle.free() <= pool.config().worker_threads);
        // Not at each of its turns: a schedule has only so many steps.
        if draw(4) == 0 {
            let _ = watcher.tick(STALL_AFTER);
        }
    })
}

/// A watcher that goes off all the time, and counts how often it has come back.
fn go_off_all_the_time(pool: &Arc<Pool>) -> io::Result<JoinHandle<()>> {
    watch(pool, |pool, watcher| {
        watcher.go_off();
        pool.watch.count_stall();
    })
}

fn pool(worker_threads: usize) -> Arc<Pool> {
    pool_with(worker_threads, Sharing::All)
}

fn pool_with(worker_threads: usize, sharing: Sharing) -> Arc<Pool> {
    watched_pool(worker_threads, watching(watch_all_the_time), sharing)
}

fn watching(start: fn(&Arc<Pool>) -> io::Result<JoinHandle<()>>) -> Watching {
    Watching { start, stall_after: STALL_AFTER, on_stall: Hook::default() }
}

/// All permits come back. (Whoever comes back late takes one again, only to find nothing to do.)
fn settles(pool: &Arc<Pool>) {
    all_permits_are_there(pool);
    while pool.idle.free() != pool.config().worker_threads {
        thread::yield_now();
    }
    pool.close();
}

/// Tasks that compute, block in our way and in foreign ways, and spawn others.
#[test]
fn permits_that_are_taken_come_back() {
    explore(SCHEDULES, || {
        let pool = pool(1 + draw(2) as usize);
        let ran = Count::default();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (inner, ran) = (Arc::clone(&pool), ran.clone());
                task::spawn_future(&pool, async move {
                    dawdle(12);
                    let child = task::spawn_future(&inner, {
                        let ran = ran.clone();
                        async move {
                            dawdle(6);
                            ran.up();
                        }
                    });
                    match draw(4) {
                        0 => drop(strand::blocking()),
                        1 => dawdle(20),
                        2 => child.join().unwrap(),
                        _ => child.await.unwrap(),
                    }
                    ran.up();
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        while ran.get() != 8 {
            thread::yield_now();
        }
        settles(&pool);
    });
}

/// A worker computes until a task has run that lies in its own slot, or behind it in its
/// ring, and nobody else is there.
#[test]
fn what_a_stuck_worker_keeps_runs() {
    explore(SCHEDULES, || {
        let pool = pool(1);
        let ran = Count::default();
        let stuck = task::spawn_future(&pool, {
            let (inner, ran) = (Arc::clone(&pool), ran.clone());
            async move {
                let n = 1 + draw(2);
                for _ in 0..n {
                    let ran = ran.clone();
                    task::spawn_future(&inner, async move { ran.up() }).detach();
                }
                while ran.get() != n {
                    thread::yield_now();
                }
            }
        });
        stuck.join().unwrap();
        settles(&pool);
    });
}

/// A message goes through a row of tasks that block for it while the watcher takes what it can.
#[test]
fn blocked_tasks_pass_a_message_on() {
    explore(SCHEDULES, || {
        let pool = pool(1 + draw(2) as usize);
        let (first, mut before) = channel::bounded(1);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (sender, receiver) = channel::bounded(1);
                let before = std::mem::replace(&mut before, receiver);
                task::spawn_future(&pool, async move {
                    let n: u32 = before.recv().unwrap();
                    dawdle(4);
                    sender.send(n + 1).unwrap();
                })
            })
            .collect();
        first.send(0).unwrap();
        assert_eq!(before.recv(), Ok(3));
        tasks.into_iter().for_each(|task| task.join().unwrap());
        settles(&pool);
    });
}

/// Tasks for one worker each, in a pool that shares all or nothing: they yield, compute, block in our
/// way and in foreign ways, and wake each other, while permits are taken from under them.
#[test]
fn tasks_for_one_worker_end_where_they_began() {
    explore(SCHEDULES, || {
        let workers = 1 + draw(2) as usize;
        let sharing = if draw(2) == 0 { Sharing::All } else { Sharing::Nothing };
        let pool = pool_with(workers, sharing);
        let here = || TaskContext::current().and_then(|context| context.worker());
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let (home, inner) = (n % workers, Arc::clone(&pool));
                let body = async move {
                    assert_eq!(here(), Some(home));
                    let other = (home + 1) % workers;
                    let child =
                        TaskBuilder::new(Arc::clone(&inner)).worker(other).spawn(async move {
                            assert_eq!(here(), Some(other));
                            dawdle(6);
                        });
                    match draw(5) {
                        0 => drop(strand::blocking()),
                        1 => dawdle(20),
                        2 => child.join().unwrap(),
                        3 => crate::yield_now().await,
                        _ => child.await.unwrap(),
                    }
                    assert_eq!(here(), Some(home));
                    if draw(2) == 0 {
                        task::spawn_future(&inner, async { dawdle(3) }).await.unwrap();
                    }
                    assert_eq!(here(), Some(home));
                };
                TaskBuilder::new(Arc::clone(&pool)).worker(home).spawn(body)
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        settles(&pool);
    });
}

/// A task computes until the watcher has come back, which was off already, goes off right now, or did
/// so when the task had its permit.
#[test]
fn a_watcher_that_goes_off_while_a_task_runs_comes_back() {
    explore(1_000, || {
        let pool = watched_pool(1 + draw(2) as usize, watching(go_off_all_the_time), Sharing::All);
        for _ in 0..2 {
            dawdle(30);
            let inner = Arc::clone(&pool);
            let computing = task::spawn_future(&pool, async move {
                let before = inner.watch.stalls();
                while inner.watch.stalls() == before {
                    thread::yield_now();
                }
            });
            computing.join().unwrap();
        }
        settles(&pool);
    });
}

/// A watcher that goes off all the time, and looks round whenever it comes back.
fn go_off_and_look(pool: &Arc<Pool>) -> io::Result<JoinHandle<()>> {
    watch(pool, |_, watcher| {
        watcher.go_off();
        let _ = watcher.tick(STALL_AFTER);
    })
}

/// The only thread has blocked, and a task comes: while the watcher goes off, or when it was off already.
/// That there is no thread is reported, which here ends the wait.
#[test]
fn a_watcher_that_goes_off_as_work_comes_for_no_thread_says_so() {
    explore(SCHEDULES, || {
        let (sender, receiver) = channel::bounded::<()>(1);
        let sender = Mutex::new(Some(sender));
        let on_stall = Hook::new(move |stall: &Stall| {
            if let Stall::Threads { .. } = stall {
                drop(sender.lock().unwrap().take());
            }
        });
        let watching = Watching { start: go_off_and_look, stall_after: STALL_AFTER, on_stall };
        let (driver, started) = (TimeDriver::new(1), Workers::Started);
        let pool = pool_with_workers(driver, 1, started, 0, Some(watching), Sharing::All);
        let begun = Count::default();
        let blocked = task::spawn_future(&pool, {
            let begun = begun.clone();
            async move {
                begun.up();
                assert!(receiver.recv().is_err());
            }
        });
        while begun.get() == 0 {
            thread::yield_now();
        }
        dawdle(60);
        let waiting = task::spawn_future(&pool, async {});
        blocked.join().unwrap();
        waiting.join().unwrap();
        settles(&pool);
    });
}

/// The pool ends while permits are taken.
#[test]
fn a_watched_pool_ends_at_any_time() {
    explore(SCHEDULES, || {
        let pool = pool(1 + draw(2) as usize);
        for _ in 0..3 {
            task::spawn_future(&pool, async move { dawdle(20) }).detach();
        }
        dawdle(60);
        pool.close();
    });
}

const SCHEDULES: usize = 2_500;

/// What a turn of the watcher counts as, and for how long a stuck task runs: so what it sees twice is stuck.
const STALL_AFTER: Duration = Duration::from_millis(1);
