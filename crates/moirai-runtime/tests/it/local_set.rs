//! Futures that are not `Send` stay where they were born.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::catch_unwind;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use moirai_runtime::{
    LocalHandle, LocalSet, Runtime, TaskError, block_on, sleep, spawn, spawn_local, yield_now,
};
use moirai_sync::{channel, coop};

use crate::{Random, watch};

/// Panics where it is touched on another thread than the one it was made on.
struct Home {
    thread: ThreadId,
    drops: Rc<Cell<u32>>,
}

impl Home {
    fn new(drops: &Rc<Cell<u32>>) -> Self {
        Self { thread: thread::current().id(), drops: Rc::clone(drops) }
    }

    fn check(&self) {
        assert_eq!(self.thread, thread::current().id());
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.check();
        self.drops.set(self.drops.get() + 1);
    }
}

#[test]
fn tasks_are_polled_and_dropped_where_they_were_born_whoever_wakes_them() {
    let mut random = Random::seeded();
    let rounds = if cfg!(miri) { 1 } else { 100 };
    for _ in 0..rounds {
        let mut random = random.fork();
        watch(move || {
            let drops = Rc::new(Cell::new(0));
            let set = LocalSet::new();
            let (tasks, threads) = (1 + random.below(20), 1 + random.below(3) as u32);
            let (sender, receiver) = channel::bounded(1 + random.below(3) as usize);
            let senders: Vec<_> = (0..threads)
                .map(|_| {
                    let sender = sender.clone();
                    thread::spawn(move || while sender.send(()).is_ok() {})
                })
                .collect();
            drop(sender);
            let mut cancelled = 0;
            let handles: Vec<LocalHandle<Rc<()>>> = (0..tasks)
                .map(|n| {
                    let (home, receiver) = (Home::new(&drops), receiver.clone());
                    let task = set.spawn_local(async move {
                        for _ in 0..n {
                            receiver.recv_async().await.unwrap();
                            home.check();
                        }
                        Rc::new(())
                    });
                    if random.below(4) == 0 {
                        task.cancel();
                        cancelled += 1;
                    }
                    task
                })
                .collect();
            let ended = block_on(set.run_until(async move {
                let mut ended = 0;
                for handle in handles {
                    ended += u64::from(handle.await.is_ok());
                }
                ended
            }));
            assert_eq!(ended, tasks - cancelled);
            assert_eq!(u64::from(drops.get()), tasks);
            drop(receiver);
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        });
    }
}

#[test]
fn wakers_and_handles_elsewhere_outlive_the_set() {
    watch(|| {
        let drops = Rc::new(Cell::new(0));
        let set = LocalSet::new();
        let (sender, receiver) = channel::bounded(1);
        let home = Home::new(&drops);
        let task = set.spawn_local(async move {
            let _home = home;
            poll_fn(|cx| {
                sender.try_send(cx.waker().clone()).unwrap();
                Poll::Pending
            })
            .await
        });
        let waker: Waker = block_on(set.run_until(receiver.recv_async())).unwrap();
        let second = waker.clone();
        let other = thread::spawn(move || {
            second.wake_by_ref();
            second
        });
        let second = other.join().unwrap();
        drop(set);
        assert_eq!(drops.get(), 1);
        // The handle of a result that is `Send` may be anywhere.
        let other = thread::spawn(move || {
            second.wake();
            waker.wake_by_ref();
            task.cancel();
            let result: Result<(), TaskError> = block_on(task);
            assert!(matches!(result, Err(TaskError::Cancelled)));
        });
        other.join().unwrap();
    });
}

#[test]
fn a_task_that_panics_ends_and_the_others_go_on() {
    watch(|| {
        let set = LocalSet::new();
        let bad = set.spawn_local(async { panic!("as a task may") });
        let good = set.spawn_local(async { 7 });
        block_on(set.run_until(async {
            match bad.await {
                Err(TaskError::Panicked(panic)) => assert_eq!(panic.message(), "as a task may"),
                _ => panic!("it panicked"),
            }
            assert_eq!(good.await.unwrap(), 7);
        }));
    });
}

#[test]
fn a_set_that_is_dropped_drops_all_that_is_in_it_and_takes_no_more() {
    struct Spawns(Rc<RefCell<Option<LocalHandle<u8>>>>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            *self.0.borrow_mut() = Some(spawn_local(async { 7 }));
        }
    }
    watch(|| {
        let late = Rc::new(RefCell::new(None));
        let set = LocalSet::new();
        let spawns = Spawns(Rc::clone(&late));
        let task = set.spawn_local(async move {
            let _spawns = spawns;
            pending::<()>().await;
        });
        let ended = set.spawn_local(async {});
        block_on(set.run_until(ended)).unwrap();
        drop(set);
        assert!(matches!(block_on(task), Err(TaskError::Cancelled)));
        let late = late.borrow_mut().take().unwrap();
        assert!(matches!(block_on(late), Err(TaskError::Cancelled)));
    });
}

#[test]
fn of_two_who_poll_a_set_each_is_woken() {
    #[derive(Default)]
    struct Wakes(AtomicU32);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    watch(|| {
        let set = LocalSet::new();
        let (sender, receiver) = channel::bounded(1);
        let task = set.spawn_local(async move { receiver.recv_async().await });
        let wakes = [Arc::new(Wakes::default()), Arc::new(Wakes::default())];
        let wakers = wakes.clone().map(Waker::from);
        let mut first = Box::pin(set.run_until(pending::<()>()));
        let mut second = pin!(set.run_until(task));
        assert!(first.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
        assert!(second.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_pending());
        sender.send(7).unwrap();
        assert!(wakes.iter().all(|wakes| wakes.0.load(Ordering::Relaxed) == 1));
        // One of them goes away, and the other is enough.
        drop(first);
        let ended = second.as_mut().poll(&mut Context::from_waker(&wakers[1]));
        assert!(matches!(ended, Poll::Ready(Ok(Ok(7)))));
    });
}

#[test]
fn tasks_that_are_always_ready_let_the_others_have_their_turn() {
    watch(|| {
        let set = LocalSet::new();
        let steps = Rc::new(Cell::new(0));
        let counted = Rc::clone(&steps);
        let greedy = set.spawn_local(async move {
            loop {
                counted.set(counted.get() + 1);
                coop::consume_budget().await;
            }
        });
        let other = set.spawn_local(async {});
        let runtime = Runtime::current_thread().unwrap();
        let task = runtime.spawn(async { 7 });
        runtime.block_on(set.run_until(async {
            other.await.unwrap();
            assert!(steps.get() <= 100 * coop::BUDGET, "{}", steps.get());
            assert_eq!(task.await.unwrap(), 7);
            sleep(Duration::from_millis(1)).await;
        }));
        greedy.cancel();
        block_on(set.run());
    });
}

#[test]
fn sets_nest_and_spawn_the_rest_on_the_workers() {
    watch(|| {
        let (outer, inner) = (LocalSet::new(), LocalSet::new());
        let log = Rc::new(RefCell::new(Vec::new()));
        let note = |text| {
            let log = Rc::clone(&log);
            async move { log.borrow_mut().push(text) }
        };
        block_on(outer.run_until(async {
            let mine = spawn_local(note("outer"));
            inner
                .run_until(async {
                    spawn_local(note("inner")).await.unwrap();
                    spawn(yield_now()).await.unwrap();
                })
                .await;
            spawn_local(note("outer again")).await.unwrap();
            mine.await.unwrap();
        }));
        let mut log = log.take();
        log.sort_unstable();
        assert_eq!(log, ["inner", "outer", "outer again"]);
    });
}

#[test]
fn outside_of_every_set_there_is_nowhere_to_stay() {
    let panic = catch_unwind(|| drop(spawn_local(async {}))).unwrap_err();
    let message = panic.downcast_ref::<&str>().unwrap();
    assert_eq!(*message, "`spawn_local` is called outside of every `LocalSet`");
}
