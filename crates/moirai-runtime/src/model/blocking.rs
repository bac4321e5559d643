//! Models of the blocking pool: every job runs once or comes back, and every thread ends.
//!
//! A rest with a limit ends at any moment here: a model has no clock.

use std::sync::Arc;
use std::time::Duration;

use loom::sync::Notify;
use loom::thread;

use crate::blocking::{self, BlockingPool, Config};
use crate::hooks::ThreadHooks;
use crate::sched::work::Tally;
use crate::topology::Unbind;

fn pool(threads_max: usize, idle_timeout: Duration) -> BlockingPool {
    BlockingPool::new(Config {
        name: String::new(),
        threads_max,
        queue_max: 2,
        idle_timeout,
        stack_bytes: None,
        hooks: ThreadHooks::default(),
        unbind: Unbind::default(),
        start: blocking::start,
    })
}

/// Runs what a close returned, as a runtime that ends does.
fn end(pool: &BlockingPool) {
    let mut unbegun = pool.close();
    while let Some(work) = unbegun.pop() {
        work.shutdown();
    }
}

fn ran_all(pool: &BlockingPool, tally: &Tally, jobs: u32) {
    while tally.ran().len() < jobs as usize {
        thread::yield_now();
    }
    let mut ran = tally.ran();
    ran.sort_unstable();
    assert!(ran.into_iter().eq(0..jobs));
    end(pool);
}

/// A job comes while the thread of an earlier one works, rests, or ends its rest.
#[test]
fn a_job_given_to_a_thread_whose_rest_ends_runs_once() {
    loom::model(|| {
        let (pool, tally) = (pool(1, Duration::from_secs(1)), Tally::default());
        for n in 0..2 {
            assert!(pool.spawn(tally.work(n)).is_ok());
        }
        ran_all(&pool, &tally, 2);
    });
}

/// The same, with time for the thread to end its rest before.
#[test]
fn a_job_that_comes_after_the_end_of_a_rest_runs_on_a_new_thread() {
    loom::model(|| {
        let (pool, tally) = (pool(1, Duration::from_secs(1)), Tally::default());
        assert!(pool.spawn(tally.work(0)).is_ok());
        while pool.metrics().threads > 0 {
            thread::yield_now();
        }
        assert!(pool.spawn(tally.work(1)).is_ok());
        ran_all(&pool, &tally, 2);
    });
}

/// The second of two jobs comes while a thread is on its way to the first, which waits for it: it gets
/// a thread of its own.
#[test]
fn a_job_that_an_earlier_one_waits_for_gets_a_thread() {
    loom::model(|| {
        let (pool, tally) = (pool(2, Duration::MAX), Tally::default());
        let second = Arc::new(Notify::new());
        let waited_for = Arc::clone(&second);
        assert!(pool.spawn(tally.work_after(0, move || waited_for.wait())).is_ok());
        assert!(pool.spawn(tally.work_after(1, move || second.notify())).is_ok());
        ran_all(&pool, &tally, 2);
    });
}

/// Two threads bring jobs, for one thread that rests.
#[test]
fn jobs_from_two_threads_run_once_each() {
    loom::model(|| {
        let (pool, tally) = (pool(1, Duration::MAX), Tally::default());
        let other = thread::spawn({
            let (pool, work) = (pool.clone(), tally.work(1));
            move || assert!(pool.spawn(work).is_ok())
        });
        assert!(pool.spawn(tally.work(0)).is_ok());
        other.join().unwrap();
        ran_all(&pool, &tally, 2);
    });
}

/// The pool closes while a job comes and a thread rests, ends its rest, or is on its way to a job:
/// the job runs, is returned by the close, or is refused, once; and no thread stays.
#[test]
fn close_against_a_spawn_and_the_end_of_a_rest() {
    loom::model(|| {
        let (pool, tally) = (pool(2, Duration::from_secs(1)), Tally::default());
        assert!(pool.spawn(tally.work(0)).is_ok());
        let spawning = thread::spawn({
            let (pool, work) = (pool.clone(), tally.work(1));
            move || {
                if let Err((work, _)) = pool.spawn(work) {
                    work.shutdown();
                }
            }
        });
        end(&pool);
        spawning.join().unwrap();
        while tally.ran().len() < 2 || pool.metrics().threads > 0 {
            thread::yield_now();
        }
        let mut ran = tally.ran();
        ran.sort_unstable();
        assert_eq!(ran, [0, 1]);
        let metrics = pool.metrics();
        assert_eq!((metrics.threads, metrics.idle, metrics.queued), (0, 0, 0));
    });
}
