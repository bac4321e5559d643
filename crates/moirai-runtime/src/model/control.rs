//! Models of asking for a task, and ending it, by its name.

use std::future::pending;
use std::sync::Arc;

use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;

use moirai_sync::TaskError;

use super::{idle_pool, retaining_pool, run_queued};
use crate::task::{self, control};
use crate::trace::TaskStatus;

/// A task is cancelled by name while it ends, its cell is given back, and another task gets the cell:
/// that one is never cancelled.
#[test]
fn a_name_against_the_next_use_of_its_cell() {
    loom::model(|| {
        let pool = idle_pool();
        let old = task::spawn_future(&pool, async {});
        let name = old.id();
        let canceller = thread::spawn({
            let pool = Arc::clone(&pool);
            move || control::cancel(&pool, name)
        });
        run_queued(&pool);
        drop(old.join());
        let new = task::spawn_future(&pool, async { 7 });
        assert_ne!(new.id(), name);
        run_queued(&pool);
        let asked = canceller.join().unwrap();
        run_queued(&pool);
        assert_eq!(new.join().unwrap(), 7);
        assert_ne!(asked, TaskStatus::Waiting);
    });
}

/// A task that ends, without a handle, while somebody asks for it: it is there or it is remembered.
#[test]
fn a_name_against_the_end() {
    loom::model(|| {
        let pool = retaining_pool();
        let task = task::spawn_future(&pool, async {});
        let name = task.id();
        task.detach();
        let runner = thread::spawn({
            let pool = Arc::clone(&pool);
            move || run_queued(&pool)
        });
        let status = control::status(&pool, name);
        assert!(!matches!(status, TaskStatus::Unknown | TaskStatus::Cancelled), "{status:?}");
        runner.join().unwrap();
        assert_eq!(control::status(&pool, name), TaskStatus::Completed);
    });
}

/// The one who asks has the last reference, for a moment, to a task that nobody can wake: it ends all
/// the same.
#[test]
fn a_name_against_the_last_reference() {
    loom::model(|| {
        let pool = retaining_pool();
        let task = task::spawn_future(&pool, pending::<()>());
        let name = task.id();
        task.detach();
        let runner = thread::spawn({
            let pool = Arc::clone(&pool);
            move || run_queued(&pool)
        });
        let status = control::status(&pool, name);
        assert_ne!(status, TaskStatus::Unknown);
        runner.join().unwrap();
        run_queued(&pool);
        assert_eq!(control::status(&pool, name), TaskStatus::Cancelled);
    });
}

/// A shutdown and a cancel by name of a task that waits: its future is dropped by one of them.
#[test]
fn a_name_against_shutdown() {
    loom::model(|| {
        let pool = idle_pool();
        let task = task::spawn_future(&pool, pending::<()>());
        run_queued(&pool);
        let name = task.id();
        let canceller = thread::spawn({
            let pool = Arc::clone(&pool);
            move || control::cancel(&pool, name)
        });
        pool.close();
        let status = canceller.join().unwrap();
        run_queued(&pool);
        assert!(matches!(task.join(), Err(TaskError::Cancelled)));
        assert_ne!(status, TaskStatus::Unknown);
    });
}

/// A task ends, and its handle, which alone is left, takes its output, while somebody asks for it by its
/// name: who is told that it has ended sees what it did.
#[test]
fn who_is_told_of_an_end_sees_what_was_done() {
    loom::model(|| {
        let pool = idle_pool();
        let did = Arc::new(AtomicU32::new(0));
        let mut task = task::spawn_future(&pool, {
            let did = Arc::clone(&did);
            async move { did.store(7, Relaxed) }
        });
        let name = task.id();
        let asker = thread::spawn({
            let pool = Arc::clone(&pool);
            move || match control::status(&pool, name) {
                TaskStatus::Completed => assert_eq!(did.load(Relaxed), 7),
                TaskStatus::Queued | TaskStatus::Running => {}
                status => panic!("{status:?}"),
            }
        });
        run_queued(&pool);
        task.try_join().unwrap().unwrap();
        asker.join().unwrap();
    });
}
