//! Sleeping and waking: whoever publishes work, somebody runs it, once.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use moirai_sync::channel;
use shuttle::sync::Mutex;
use shuttle::thread;

use super::{Count, all_permits_are_there, dawdle, draw, explore, meet, pool};
use crate::task;

/// Three threads publish while the workers search, lie down or sleep.
#[test]
fn what_is_published_from_outside_runs_once() {
    explore(SCHEDULES, || {
        let pool = pool(2 + draw(2) as usize);
        let ran = Count::default();
        let publish = {
            let (pool, ran) = (Arc::clone(&pool), ran.clone());
            move || {
                for _ in 0..2 {
                    let ran = ran.clone();
                    let handle = task::spawn_future(&pool, async move { ran.up() });
                    // Now and then the workers may fall asleep in between.
                    if draw(2) == 0 { handle.join().unwrap() } else { handle.detach() }
                }
            }
        };
        let threads = [thread::spawn(publish.clone()), thread::spawn(publish.clone())];
        publish();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        while ran.get() < 6 {
            thread::yield_now();
        }
        all_permits_are_there(&pool);
        pool.close();
        assert_eq!(ran.get(), 6);
    });
}

/// Two tasks hand a token to and fro, each in the other's way to sleep.
#[test]
fn tasks_that_wake_each_other_end() {
    explore(SCHEDULES, || {
        let pool = pool(2);
        let (to_echo, from_caller) = channel::bounded(1);
        let (to_caller, from_echo) = channel::bounded(1);
        let caller = task::spawn_future(&pool, async move {
            for n in 0..3 {
                to_echo.send_async(n).await.unwrap();
                assert_eq!(from_echo.recv_async().await, Ok(n));
            }
        });
        let echo = task::spawn_future(&pool, async move {
            let mut echoed = 0;
            while let Ok(n) = from_caller.recv_async().await {
                to_caller.send_async(n).await.unwrap();
                echoed += 1;
            }
            echoed
        });
        caller.join().unwrap();
        assert_eq!(echo.join().unwrap(), 3);
        pool.close();
    });
}

/// A task's waker is called from outside just as the task is polled, parked or queued.
#[test]
fn wakers_called_from_outside_lead_to_a_poll_each() {
    explore(SCHEDULES, || {
        let pool = pool(2);
        let slot = Arc::new(Mutex::new((0, None::<Waker>)));
        let waiting = Arc::clone(&slot);
        let task = task::spawn_future(
            &pool,
            poll_fn(move |cx| {
                let mut slot = waiting.lock().unwrap();
                if slot.0 == 4 {
                    return Poll::Ready(());
                }
                slot.1 = Some(cx.waker().clone());
                Poll::Pending
            }),
        );
        let threads = [(); 2].map(|()| {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                for _ in 0..2 {
                    let waker = {
                        let mut slot = slot.lock().unwrap();
                        slot.0 += 1;
                        if draw(2) == 0 { slot.1.clone() } else { slot.1.take() }
                    };
                    waker.into_iter().for_each(Waker::wake);
                    dawdle(8);
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        task.join().unwrap();
        pool.close();
    });
}

/// One task spawns more than a ring holds and lies in its own way: the others steal, the injector
/// takes the overflow, and each child runs once.
#[test]
fn children_of_one_task_run_once_each() {
    explore(SCHEDULES, || {
        let pool = pool(3);
        let ran = Count::default();
        let parent = task::spawn_future(&pool, {
            let (pool, ran) = (Arc::clone(&pool), ran.clone());
            async move {
                let children: Vec<_> = (0..7)
                    .map(|_| {
                        let ran = ran.clone();
                        task::spawn_parallel(&pool, move || ran.up())
                    })
                    .collect();
                for child in children {
                    child.await.unwrap();
                }
            }
        });
        parent.join().unwrap();
        assert_eq!(ran.get(), 7);
        pool.close();
    });
}

/// Tasks that compute until all have started, published one by one while workers search, lie down
/// or sleep: the last searcher to find work wakes the next.
#[test]
fn as_many_tasks_compute_at_once_as_there_are_permits() {
    explore(SCHEDULES, || {
        let pool = pool(2);
        let started = Count::default();
        let publish = {
            let (pool, started) = (Arc::clone(&pool), started.clone());
            move || task::spawn_parallel(&pool, meet(&started, 2))
        };
        let other = thread::spawn(publish.clone());
        publish().join().unwrap();
        other.join().unwrap().join().unwrap();
        all_permits_are_there(&pool);
        pool.close();
    });
}

/// A task publishes two others and computes until one of them has run: another worker is woken.
#[test]
fn a_task_that_computes_does_not_keep_what_it_published() {
    explore(SCHEDULES, || {
        let pool = pool(2);
        let ran = Count::default();
        let parent = task::spawn_parallel(&pool, {
            let (pool, ran) = (Arc::clone(&pool), ran.clone());
            move || {
                let children = [(); 2].map(|()| {
                    let ran = ran.clone();
                    task::spawn_parallel(&pool, move || ran.up())
                });
                while ran.get() == 0 {
                    thread::yield_now();
                }
                children
            }
        });
        parent.join().unwrap().into_iter().for_each(|child| child.join().unwrap());
        assert_eq!(ran.get(), 2);
        pool.close();
    });
}

/// So that there are more than 100,000 of sleeping and waking in every check before a push.
const SCHEDULES: usize = 17_000;
