//! Sleeping and waking: whoever publishes work, somebody runs it, once.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use moirai_sync::channel;
use shuttle::sync::Mutex;
use shuttle::thread;

use super::{Count, dawdle, draw, explore, pool};
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
        // The last is behind the others in no queue in particular, so it is waited for by count.
        while ran.get() < 6 {
            thread::yield_now();
        }
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

/// A busy worker leaves work behind in its ring that another must be woken for.
#[test]
fn a_task_that_waits_for_what_it_woke_is_not_alone() {
    explore(SCHEDULES, || {
        let pool = pool(2);
        let (sender, receiver) = channel::bounded(1);
        let ran = Count::default();
        let parent = task::spawn_parallel(&pool, {
            let (pool, ran) = (Arc::clone(&pool), ran.clone());
            move || {
                for _ in 0..2 {
                    let (sender, ran) = (sender.clone(), ran.clone());
                    task::spawn_parallel(&pool, move || {
                        ran.up();
                        sender.send(()).unwrap();
                    })
                    .detach();
                }
                // Without a word to the scheduler, as a loop that computes would.
                while ran.get() < 1 {
                    thread::yield_now();
                }
            }
        });
        parent.join().unwrap();
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(()), Ok(())));
        assert_eq!(ran.get(), 2);
        pool.close();
    });
}

const SCHEDULES: usize = 12_000;
