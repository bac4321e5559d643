//! Models of the registry: spawning and freeing against shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::thread;

use moirai_sync::{SpawnFailed, TaskError};

use super::{idle_pool, run_queued};
use crate::task;

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
