//! The end of a pool at a random moment.

use std::future::pending;
use std::sync::Arc;

use moirai_sync::{TaskError, channel};
use shuttle::thread;

use super::{Count, dawdle, draw, explore, pool};
use crate::sched::pool::Pool;
use crate::task::{self, TaskHandle};

/// Counts how often it is dropped.
struct Dropped(Count);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.up();
    }
}

fn ended<T>(handle: TaskHandle<T>) {
    let result = handle.join();
    assert!(matches!(result, Ok(_) | Err(TaskError::Cancelled | TaskError::SpawnFailed(_))));
}

/// Tasks that wait for each other, for nothing, or run: each ends, its future is dropped once, and
/// so do the workers, whether they sleep, search or run.
#[test]
fn a_pool_that_closes_ends_every_task_and_worker() {
    explore(SCHEDULES, || {
        let pool = pool(2);
        let drops = Count::default();
        let dropped = || Dropped(drops.clone());
        let (sender, receiver) = channel::bounded(1);
        let sending = task::spawn_future(&pool, {
            let dropped = dropped();
            async move {
                let _dropped = dropped;
                for n in 0..3 {
                    let _ = sender.send_async(n).await;
                }
            }
        });
        let receiving = task::spawn_future(&pool, {
            let dropped = dropped();
            async move {
                let _dropped = dropped;
                while receiver.recv_async().await.is_ok() {}
            }
        });
        let forever = task::spawn_future(&pool, {
            let dropped = dropped();
            async move {
                let _dropped = dropped;
                pending::<()>().await;
            }
        });
        dawdle(60);
        let late = thread::spawn({
            let (pool, dropped): (Arc<Pool>, _) = (Arc::clone(&pool), dropped());
            move || ended(task::spawn_parallel(&pool, move || drop(dropped)))
        });
        pool.close();
        ended(sending);
        ended(receiving);
        assert!(matches!(forever.join(), Err(TaskError::Cancelled)));
        late.join().unwrap();
        assert_eq!(drops.get(), 4);
    });
}

/// A worker that blocks when the pool closes is waited for, and is freed by the tasks that end.
#[test]
fn a_pool_that_closes_frees_who_blocks_on_its_tasks() {
    explore(SCHEDULES, || {
        let pool = pool(1);
        let (sender, receiver) = channel::bounded::<()>(1);
        let blocked = task::spawn_future(&pool, async move { assert!(receiver.recv().is_err()) });
        let idle = task::spawn_future(&pool, async move {
            pending::<()>().await;
            drop(sender);
        });
        dawdle(40);
        pool.close();
        ended(blocked);
        ended(idle);
    });
}

/// Handles that cancel, detach or wait while their tasks wake each other.
#[test]
fn cancelled_tasks_end_whatever_they_wait_for() {
    explore(SCHEDULES, || {
        let pool = pool(2);
        let drops = Count::default();
        let (sender, receiver) = channel::bounded(1);
        let handles: Vec<_> = (0..3)
            .map(|_| {
                let (receiver, dropped) = (receiver.clone(), Dropped(drops.clone()));
                task::spawn_future(&pool, async move {
                    let _dropped = dropped;
                    while receiver.recv_async().await.is_ok() {}
                })
            })
            .collect();
        drop(receiver);
        let sending = task::spawn_future(&pool, async move {
            for n in 0..3 {
                let _ = sender.send_async(n).await;
            }
        });
        for handle in &handles {
            if draw(2) == 0 {
                handle.cancel();
            }
            dawdle(10);
        }
        handles.into_iter().for_each(ended);
        sending.join().unwrap();
        assert_eq!(drops.get(), 3);
        pool.close();
    });
}

const SCHEDULES: usize = 10_000;
