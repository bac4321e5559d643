//! How a runtime ends.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use moirai_runtime::{
    Runtime, SpawnFailed, TaskError, TaskHandle, block_on, result_channel, sleep,
};
use moirai_sync::{channel, strand};

use crate::{AtDrop, runtime, watch};

#[test]
fn a_handle_is_joined_after_its_runtime_is_gone() {
    watch(|| {
        let runtime = runtime(1);
        let done = runtime.spawn(async { 7 });
        while !done.is_finished() {
            std::thread::yield_now();
        }
        let idle = runtime.spawn(pending::<u8>());
        let sleeping = runtime.spawn(sleep(Duration::from_secs(3600)));
        drop(runtime);
        assert_eq!(done.join().unwrap(), 7);
        assert!(matches!(idle.join(), Err(TaskError::Cancelled)));
        assert!(matches!(sleeping.join(), Err(TaskError::Cancelled)));
    });
}

#[test]
fn a_wake_after_shutdown_does_nothing() {
    watch(|| {
        let runtime = runtime(1);
        let slot = Arc::new(Mutex::new(None::<Waker>));
        let (sender, receiver) = channel::bounded(1);
        let left = Arc::clone(&slot);
        let handle = runtime.spawn(poll_fn(move |cx| {
            *left.lock().unwrap() = Some(cx.waker().clone());
            let _ = sender.try_send(());
            Poll::<()>::Pending
        }));
        receiver.recv().unwrap();
        drop(runtime);
        let waker = slot.lock().unwrap().take().unwrap();
        waker.wake_by_ref();
        let second = waker.clone();
        waker.wake();
        drop(second);
        assert!(matches!(handle.join(), Err(TaskError::Cancelled)));
    });
}

#[test]
fn a_runtime_dropped_on_its_own_worker_does_not_wait_for_itself() {
    watch(|| {
        let runtime = runtime(2);
        let (sender, receiver) = channel::bounded(1);
        let handle = runtime.handle().clone();
        let other = handle.spawn(pending::<()>());
        handle
            .spawn(async move {
                drop(runtime);
                sender.send(()).unwrap();
            })
            .detach();
        receiver.recv().unwrap();
        assert!(matches!(other.join(), Err(TaskError::Cancelled)));
    });
}

#[test]
fn timers_are_kept_after_the_runtime_is_gone() {
    watch(|| {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        let (started, running) = channel::bounded(1);
        // In the middle of a poll, and waiting there for a timer: shutdown waits for it.
        let blocked = runtime.spawn(async move {
            started.send(()).unwrap();
            block_on(sleep(Duration::from_millis(20)));
            7
        });
        let mut begun = Box::pin(sleep(Duration::from_millis(100)));
        runtime.block_on(poll_fn(|cx| {
            assert!(begun.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        }));
        running.recv().unwrap();
        drop(runtime);
        assert_eq!(blocked.join().unwrap(), 7);
        // Begun before, and on the same thread, which wakes by the same waker.
        strand::block_on(begun);
        // Begun after.
        handle.block_on(sleep(Duration::from_millis(1)));
    });
}

#[test]
fn shutdown_frees_tasks_that_block_on_each_other() {
    watch(|| {
        let runtime = runtime(1);
        let (sender, receiver) = channel::bounded::<()>(1);
        let (started, running) = channel::bounded(1);
        // Blocked in a call of ours until the idle task's sender is dropped.
        let blocked = runtime.spawn(async move {
            started.send(()).unwrap();
            receiver.recv().unwrap_err();
        });
        let idle = runtime.spawn(async move {
            pending::<()>().await;
            drop(sender);
        });
        running.recv().unwrap();
        drop(runtime);
        assert!(matches!(blocked.join(), Ok(()) | Err(TaskError::Cancelled)));
        assert!(matches!(idle.join(), Err(TaskError::Cancelled)));
    });
}

#[test]
fn a_task_that_spawns_while_the_runtime_ends_loses_nothing() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (start, budget, mut rounds) = (Instant::now(), Duration::from_millis(500), 0_u64);
    while start.elapsed() < budget {
        watch(|| {
            let drops = Arc::new(AtomicUsize::new(0));
            let spawns = Arc::new(AtomicUsize::new(0));
            let ended = Arc::new(AtomicUsize::new(0));
            let runtime = runtime(2);
            let handle = runtime.handle().clone();
            let (all, handles) = channel::bounded::<TaskHandle<()>>(4096);
            let spawner = std::thread::spawn({
                let (drops, spawns) = (Arc::clone(&drops), Arc::clone(&spawns));
                let ended = Arc::clone(&ended);
                move || {
                    loop {
                        let counted = Counted(Arc::clone(&drops));
                        spawns.fetch_add(1, Ordering::SeqCst);
                        let task = handle.spawn(async move {
                            let _counted = counted;
                            sleep(Duration::from_micros(50)).await;
                        });
                        // Full after 4096, or refused: the runtime has ended by then.
                        if all.try_send(task).is_err() || ended.load(Ordering::SeqCst) == 1 {
                            break;
                        }
                    }
                }
            });
            drop(runtime);
            ended.store(1, Ordering::SeqCst);
            spawner.join().unwrap();
            let mut ends = [0_usize; 3];
            for handle in handles.try_iter() {
                match handle.join() {
                    Ok(()) => ends[0] += 1,
                    Err(TaskError::Cancelled) => ends[1] += 1,
                    Err(TaskError::SpawnFailed(SpawnFailed::ShutDown)) => ends[2] += 1,
                    result => panic!("{result:?}"),
                }
            }
            assert_eq!(drops.load(Ordering::SeqCst), spawns.load(Ordering::SeqCst));
        });
        rounds += 1;
    }
    println!("{rounds} rounds");
}

#[test]
fn a_thread_local_destructor_may_spawn() {
    struct AtExit(Option<moirai_runtime::Handle>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            if let Some(handle) = self.0.take() {
                drop(handle.spawn(async {}));
            }
        }
    }
    thread_local!(static AT_EXIT: std::cell::RefCell<AtExit> = const { std::cell::RefCell::new(AtExit(None)) });
    watch(|| {
        let runtime: Runtime = runtime(1);
        let handle = runtime.handle().clone();
        runtime
            .spawn(async move { AT_EXIT.with(|slot| slot.borrow_mut().0 = Some(handle)) })
            .join()
            .unwrap();
        drop(runtime);
    });
}

/// More tasks that wait in their drop than there are threads to drop them on: half of them for a
/// task, as a scope does, half for what a task holds. Fails if nobody goes on with the others while
/// a drop blocks.
#[test]
fn idle_tasks_whose_drops_wait_for_others_do_not_stop_the_shutdown() {
    watch(|| {
        let runtime = runtime(1);
        let (idle, waiting) = channel::bounded(8);
        let (senders, tasks): (Vec<_>, Vec<_>) = (0..8)
            .map(|_| {
                let (sender, receiver) = result_channel::<AtDrop>();
                let idle = idle.clone();
                let task = runtime.spawn(async move {
                    let _waits = receiver.await;
                    idle.send_async(()).await.unwrap();
                    pending::<()>().await;
                });
                (sender, task)
            })
            .unzip();
        // Spawned last, so that shutdown finds them last.
        for (n, sender) in senders.into_iter().enumerate() {
            let (held, released) = channel::bounded::<()>(1);
            let last = runtime.spawn(async move {
                pending::<()>().await;
                drop(held);
            });
            let waits = AtDrop::new(move || match n % 2 {
                0 => assert!(matches!(last.join(), Err(TaskError::Cancelled))),
                _ => assert!(released.recv().is_err()),
            });
            assert!(sender.send(waits).is_ok());
        }
        (0..8).for_each(|_| waiting.recv().unwrap());
        drop(runtime);
        for task in tasks {
            assert!(matches!(task.join(), Err(TaskError::Cancelled)));
        }
    });
}
