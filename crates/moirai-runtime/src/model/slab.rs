//! Models of the slab: freeing from several threads against the end and the adoption of a chunk, and
//! spawning against shutdown.
//!
//! A chunk has four cells here. A home notes its end: its last chunk has been returned, and once.

#![allow(unsafe_code, reason = "frees cells; model: src/model/slab.rs")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use loom::thread;

use moirai_sync::{SpawnFailed, TaskError};

use super::{idle_pool, run_queued};
use crate::sched::current::{self, Context};
use crate::sched::local::LocalQueue;
use crate::sched::work::Work;
use crate::slab::{self, CellLayout, Home, Slab};
use crate::task;

/// A home that notes its end.
struct TestHome {
    me: Weak<Self>,
    slab: Slab,
    ended: Arc<AtomicUsize>,
}

impl Home for TestHome {
    fn slab(&self) -> &Slab {
        &self.slab
    }

    fn arc(&self) -> Arc<dyn Home> {
        match self.me.upgrade() {
            Some(home) => home,
            None => unreachable!("a home in use is counted"),
        }
    }
}

impl Drop for TestHome {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// The memory of a cell, to be freed by whoever has it.
struct Cell(NonNull<u8>);

// SAFETY: freed once, anywhere.
unsafe impl Send for Cell {}

impl Cell {
    fn new(home: &Arc<TestHome>) -> Self {
        let layout = CellLayout::of::<[usize; 8]>();
        Self(slab::allocate(&**home, &layout).cell)
    }

    fn free(self) {
        // SAFETY: allocated by `new`, and nobody else has it.
        unsafe { slab::free(self.0) };
    }
}

fn home() -> (Arc<TestHome>, Arc<AtomicUsize>) {
    let ended = Arc::default();
    let new = |me: &Weak<TestHome>| TestHome {
        me: Weak::clone(me),
        slab: Slab::new(0),
        ended: Arc::clone(&ended),
    };
    (Arc::new_cyclic(new), ended)
}

/// Two threads free the last two cells of a chunk whose owner leaves: it is returned once.
#[test]
fn the_last_free_returns_the_chunk() {
    loom::model(|| {
        let (home, ended) = home();
        let cells = [Cell::new(&home), Cell::new(&home)];
        let threads = cells.map(|cell| thread::spawn(move || cell.free()));
        slab::leave(&*home);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(home.slab.report().chunks, 0);
        assert_eq!(home.slab.report().returned_chunks, 1);
        drop(home);
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    });
}

/// An orphan is emptied while a thread looks for a chunk: it is adopted or returned, not both, and
/// whoever adopts it gets cells that nobody else has.
#[test]
fn adoption_against_the_last_free() {
    loom::model(|| {
        let (home, ended) = home();
        let cells = [Cell::new(&home), Cell::new(&home)];
        slab::leave(&*home);
        let freeing = thread::spawn(move || cells.into_iter().for_each(Cell::free));
        let adopting = thread::spawn({
            let home = Arc::clone(&home);
            move || {
                let cells = [Cell::new(&home), Cell::new(&home)];
                assert_ne!(cells[0].0, cells[1].0);
                // SAFETY: the cells are live.
                let names = cells.each_ref().map(|cell| unsafe { slab::name(cell.0) });
                assert_ne!(names[0], names[1]);
                cells.into_iter().for_each(Cell::free);
                slab::leave(&*home);
            }
        });
        freeing.join().unwrap();
        adopting.join().unwrap();
        assert_eq!(home.slab.report().chunks, 0);
        drop(home);
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    });
}

/// The owner goes on allocating while others free: it gets back what they freed, once.
#[test]
fn remote_free_against_allocation() {
    loom::model(|| {
        let (home, ended) = home();
        let [one, two, three] = std::array::from_fn(|_| Cell::new(&home));
        let freeing = thread::spawn(move || {
            one.free();
            two.free();
        });
        let mut held = vec![three];
        for _ in 0..3 {
            let cell = Cell::new(&home);
            assert!(held.iter().all(|other| other.0 != cell.0));
            held.push(cell);
        }
        freeing.join().unwrap();
        held.into_iter().for_each(Cell::free);
        slab::leave(&*home);
        assert_eq!(home.slab.report().chunks, 0);
        drop(home);
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    });
}

/// A full orphan gets room on two threads at once: it is listed once, and the list ends with it.
#[test]
fn listing_against_the_last_free() {
    loom::model(|| {
        let (home, ended) = home();
        let [one, two, three, four] = std::array::from_fn(|_| Cell::new(&home));
        slab::leave(&*home);
        one.free();
        let threads = [vec![two], vec![three, four]]
            .map(|cells| thread::spawn(move || cells.into_iter().for_each(Cell::free)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(home.slab.report().chunks, 0);
        drop(home);
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    });
}

/// A task is refused, or shut down, or runs: never lost, never both.
#[test]
fn spawn_against_shutdown() {
    loom::model(|| {
        let pool = idle_pool();
        let runs = Arc::new(AtomicUsize::new(0));
        let spawner = thread::spawn({
            let (pool, runs) = (Arc::clone(&pool), Arc::clone(&runs));
            move || task::spawn_parallel(&pool, move || runs.fetch_add(1, Ordering::Relaxed))
        });
        pool.close();
        let handle = spawner.join().unwrap();
        run_queued(&pool);
        match handle.join() {
            Err(TaskError::SpawnFailed(SpawnFailed::ShutDown) | TaskError::Cancelled) => {
                assert_eq!(runs.load(Ordering::Relaxed), 0);
            }
            result => panic!("{result:?}"),
        }
    });
}

/// A task is freed while shutdown walks over it.
#[test]
fn free_against_shutdown() {
    loom::model(|| {
        let pool = idle_pool();
        task::spawn_future(&pool, async {}).detach();
        let other = task::spawn_future(&pool, async {});
        let runner = thread::spawn({
            let pool = Arc::clone(&pool);
            move || run_queued(&pool)
        });
        pool.close();
        runner.join().unwrap();
        assert!(matches!(other.join(), Ok(()) | Err(TaskError::Cancelled)));
    });
}

/// A worker spawns a task that goes idle for ever, while shutdown looks for idle tasks: one of the
/// two ends it. The worker's first look whether the pool is closed comes too early to say.
#[test]
fn going_idle_against_shutdown() {
    loom::model(|| {
        let pool = idle_pool();
        let worker = thread::spawn({
            let pool = Arc::clone(&pool);
            move || {
                let local = LocalQueue::new();
                let context = Context::new(&pool, Some(local));
                let handle = current::enter(&context, || {
                    let handle = task::spawn_future(&pool, std::future::pending::<()>());
                    let work = context.local.as_ref().and_then(LocalQueue::pop);
                    work.into_iter().for_each(Work::run);
                    handle
                });
                // As at the end of a worker's loop.
                if pool.is_closed() {
                    pool.shut_down_idle();
                }
                handle
            }
        });
        pool.close();
        let mut handle = worker.join().unwrap();
        assert!(handle.try_join().is_some());
    });
}
