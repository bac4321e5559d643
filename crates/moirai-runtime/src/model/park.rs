//! Models of sleeping: no work is forgotten while somebody could run it.

use std::io;
use std::sync::Arc;

use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::sync::atomic::fence;
use loom::thread::{self, JoinHandle};

use super::{idle_pool, pool};
use crate::sched::idle::{Acquired, Bed, Grant, Idle, LastSearcher, Search};
use crate::sched::local::LocalQueue;
use crate::sched::permits::PermitId;
use crate::sched::pool::{Begin, Pool};
use crate::task;

const ONE: PermitId = PermitId::FIRST;

/// The real worker on a loom thread: finds a task from outside, whether it sleeps or is about to.
#[test]
fn park_against_publish() {
    loom::model(|| {
        let pool = idle_pool();
        pool.start().unwrap();
        let handle = task::spawn_future(&pool, async { 7 });
        assert_eq!(handle.join().unwrap(), 7);
        pool.close();
    });
}

/// Closing wakes the worker, whether it sleeps or is about to.
#[test]
fn park_against_close() {
    loom::model(|| {
        let pool = idle_pool();
        pool.start().unwrap();
        pool.close();
    });
}

fn no_thread(_: &Arc<Pool>, _: usize, _: LocalQueue, _: Begin) -> io::Result<JoinHandle<()>> {
    Err(io::Error::other("a model of one worker"))
}

/// A permit given up by a blocking thread while a publisher looks for one: the work is granted to
/// somebody, or the blocking thread sees it.
#[test]
fn release_against_publish() {
    loom::model(|| {
        let idle = Arc::new(Idle::new(1, 1));
        let queued = Arc::new(loom::sync::atomic::AtomicU32::new(0));
        let publisher = thread::spawn({
            let (idle, queued) = (Arc::clone(&idle), Arc::clone(&queued));
            move || {
                queued.store(1, Relaxed);
                idle.wake_one(|| 0..1).is_some()
            }
        });
        idle.release(ONE);
        fence(SeqCst);
        let seen = queued.load(Relaxed) == 1;
        let granted_here = seen && idle.wake_one(|| 0..1).is_some();
        let granted_there = publisher.join().unwrap();
        assert!(granted_here || granted_there);
    });
}

/// A searcher lies down while a publisher sees it searching, or sees no free permit.
#[test]
fn the_sleeper_looks_again() {
    loom::model(|| {
        let idle = Arc::new(Idle::new(1, 0));
        let queued = Arc::new(loom::sync::atomic::AtomicU32::new(0));
        assert_eq!(idle.begin_search(), Search::Yes);
        let publisher = thread::spawn({
            let (idle, queued) = (Arc::clone(&idle), Arc::clone(&queued));
            move || {
                queued.store(1, Relaxed);
                idle.wake_one(|| 0..1).is_some()
            }
        });
        assert_eq!(idle.sleep(0, ONE, Bed::Own, Search::Yes), None);
        fence(SeqCst);
        let seen = queued.load(Relaxed) == 1;
        let granted_here = seen && idle.wake_one(|| 0..1).is_some();
        let granted_there = publisher.join().unwrap();
        assert!(granted_here || granted_there);
    });
}

/// Work is published in two pieces while one worker searches and another sleeps. Whatever the
/// searcher finds of it: "work, a sleeper with a free permit, and no searcher" is no end.
#[test]
fn the_last_searcher_passes_the_search_on() {
    loom::model(|| {
        let idle = Arc::new(Idle::new(2, 0));
        assert_eq!(idle.sleep(1, PermitId::new(1), Bed::Own, Search::No), None);
        // Worker 1 is woken to search, and worker 0 lies down.
        assert!(matches!(idle.wake_one(|| 0..1), Some(Grant::Sleeper(1, _))));
        assert_eq!(idle.sleep(0, ONE, Bed::Own, Search::No), None);
        let queued = Arc::new(loom::sync::atomic::AtomicU32::new(0));
        let searcher = thread::spawn({
            let (idle, queued) = (Arc::clone(&idle), Arc::clone(&queued));
            move || {
                let take = |queued: u32| queued.checked_sub(1);
                let must_look = match queued.fetch_update(Relaxed, Relaxed, take) {
                    Ok(_) => idle.end_search() == LastSearcher::Yes,
                    Err(_) => {
                        assert_eq!(idle.sleep(1, PermitId::new(1), Bed::Own, Search::Yes), None);
                        true
                    }
                };
                fence(SeqCst);
                must_look && queued.load(Relaxed) != 0 && idle.wake_one(|| 0..1).is_some()
            }
        });
        let granted = [(); 2].map(|()| {
            queued.fetch_add(1, Relaxed);
            idle.wake_one(|| 0..1).is_some()
        });
        let passed_on = searcher.join().unwrap();
        let granted = granted.into_iter().chain([passed_on]).filter(|&granted| granted).count();
        assert!(queued.load(Relaxed) == 0 || granted != 0);
    });
}

/// Two threads want the one free permit: one gets it, and it is still there afterwards.
#[test]
fn one_permit_has_one_holder() {
    loom::model(|| {
        let idle = Arc::new(Idle::new(1, 0));
        assert_eq!(idle.sleep(0, ONE, Bed::Own, Search::No), None);
        let taker = thread::spawn({
            let idle = Arc::clone(&idle);
            move || idle.try_acquire(ONE) != Acquired::No
        });
        let up = idle.get_up(0) != Acquired::No;
        let taken = taker.join().unwrap();
        assert!(up != taken);
        idle.release(ONE);
        assert_eq!(idle.try_acquire(ONE), Acquired::Yes(ONE));
    });
}

/// A pool whose system refuses spares goes on without.
#[test]
fn a_refused_spare_gives_its_permit_back() {
    loom::model(|| {
        let pool = pool(no_thread);
        pool.idle.release(ONE);
        drop(task::spawn_future(&pool, async {}));
        assert_eq!(pool.idle.try_acquire(ONE), Acquired::Yes(ONE));
        pool.close();
    });
}
