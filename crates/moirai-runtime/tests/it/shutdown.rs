//! How a runtime ends.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use moirai_runtime::{
    Runtime, SpawnFailed, TaskError, TaskHandle, block_on, join, result_channel, scope, sleep,
};
use moirai_sync::channel::{self, Sender};
use moirai_sync::strand;

use crate::{AtDrop, runtime, times, watch, works_on};

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

thread_local! {
    /// What a thread does when it ends.
    static AT_EXIT: RefCell<Vec<AtDrop>> = const { RefCell::new(Vec::new()) };
}

fn at_exit(f: impl FnOnce() + Send + 'static) {
    AT_EXIT.with(|slot| slot.borrow_mut().push(AtDrop::new(f)));
}

/// Fails if a thread-local of the runtime's is reached without asking whether it is still there.
#[test]
fn a_thread_local_destructor_may_use_a_runtime() {
    watch(|| {
        let (ending, living) = (runtime(1), Arc::new(runtime(1)));
        let (done, exits) = channel::bounded(16);
        let use_both = |ending: &Runtime| {
            let (ending, living) = (ending.handle().clone(), Arc::clone(&living));
            let done = done.clone();
            move || {
                drop(ending.spawn(async {}));
                ending.spawn(pending::<()>()).cancel();
                assert_eq!(living.spawn(async { 7 }).join().unwrap(), 7);
                assert_eq!(living.spawn_blocking(|| 7).join().unwrap(), 7);
                assert_eq!(living.block_on(async { sleep(Duration::ZERO).await }), ());
                living.handle().clone().spawn_parallel(|| ()).detach();
                done.send(()).unwrap();
            }
        };
        // Registered after the runtime's own thread-locals, and before.
        let (worker, job) = (use_both(&ending), use_both(&ending));
        ending.spawn(async move { at_exit(worker) }).join().unwrap();
        ending.spawn_blocking(move || at_exit(job)).join().unwrap();
        for first in [true, false] {
            let (call, handle) = (use_both(&ending), ending.handle().clone());
            let thread = std::thread::spawn(move || {
                let spawn = || drop(handle.block_on(handle.spawn(async {})));
                if first {
                    spawn();
                }
                at_exit(call);
                spawn();
            });
            thread.join().unwrap();
        }
        drop(ending);
        (0..4).for_each(|_| exits.recv().unwrap());
        works_on(&living);
    });
}

/// Fails if `close` joins the thread that calls it.
#[test]
fn a_runtime_is_dropped_by_whatever_runs_on_it_or_by_an_ending_thread() {
    fn check(end: impl FnOnce(Runtime, Sender<()>)) {
        let runtime = runtime(2);
        let idle = runtime.spawn(pending::<()>());
        let (sender, receiver) = channel::bounded(1);
        end(runtime, sender);
        receiver.recv().unwrap();
        assert!(matches!(idle.join(), Err(TaskError::Cancelled)));
    }
    watch(|| {
        check(|runtime, sender| {
            let handle = runtime.handle().clone();
            let job = move || (drop(runtime), sender.send(())).1.unwrap();
            handle.spawn_blocking(job).detach();
        });
        check(|runtime, sender| {
            let handle = runtime.handle().clone();
            let closure = move || (drop(runtime), sender.send(())).1.unwrap();
            handle.spawn_parallel(closure).detach();
        });
        // By a future that is dropped on a worker.
        check(|runtime, sender| {
            let handle = runtime.handle().clone();
            let at_drop = AtDrop::new(move || (drop(runtime), sender.send(())).1.unwrap());
            let task = handle.spawn(async move {
                let _at_drop = at_drop;
                pending::<()>().await;
            });
            task.cancel();
        });
        // By a worker of another runtime that ends.
        check(|runtime, sender| {
            let other = crate::runtime(1);
            let exit = move || (drop(runtime), sender.send(())).1.unwrap();
            other.spawn(async move { at_exit(exit) }).join().unwrap();
        });
    });
}

/// The pool goes with the last pointer to it, on one of its own threads. Fails if the
/// shutdown leaves idle tasks alone.
#[test]
fn the_last_handle_is_dropped_on_a_worker() {
    for _ in 0..if cfg!(miri) { 2 } else { 100 } {
        watch(|| {
            // Nobody stands in for the worker: its own end waits for no other that is in a task still.
            let builder = Runtime::builder().worker_threads(1);
            let runtime = builder.stall_after(Duration::MAX).build().unwrap();
            let handle = runtime.handle().clone();
            let tasks: Vec<_> = (0..10).map(|_| handle.spawn(pending::<()>())).collect();
            let (sender, receiver) = channel::bounded(1);
            let last = handle.clone();
            let task = handle.spawn(async move {
                drop(runtime);
                assert!(tasks.iter().all(TaskHandle::is_finished));
                drop(tasks);
                drop(last);
                sender.send(()).unwrap();
            });
            drop(handle);
            task.detach();
            receiver.recv().unwrap();
        });
    }
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

#[test]
fn a_shutdown_with_a_limit_says_whether_everything_has_ended() {
    watch(|| {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        assert!(!handle.is_shutting_down());
        let idle = runtime.spawn(pending::<()>());
        assert_eq!(runtime.shutdown_timeout(Duration::from_secs(30)), Ok(()));
        assert!(handle.is_shutting_down());
        assert!(matches!(idle.join(), Err(TaskError::Cancelled)));
    });
}

/// A task that has begun, and does not come back until what is returned with it is dropped.
fn stuck(runtime: &Runtime) -> (TaskHandle<()>, mpsc::Sender<()>) {
    let (started, is_started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let stuck = runtime.spawn(async move {
        started.send(()).unwrap();
        released.recv().unwrap_err();
        pending::<()>().await;
    });
    is_started.recv().unwrap();
    (stuck, release)
}

/// The limit passes, and the end goes on: the task that came back late is the last.
#[test]
fn a_task_that_does_not_come_back_is_left_behind() {
    watch(|| {
        let runtime = runtime(2);
        let (stuck, release) = stuck(&runtime);
        let idle = runtime.spawn(pending::<()>());
        let late = runtime.shutdown_timeout(Duration::from_millis(5));
        assert_eq!(late.unwrap_err().to_string(), "tasks of the runtime have not ended in time");
        assert!(matches!(idle.join(), Err(TaskError::Cancelled)));
        assert!(!stuck.is_finished());
        drop(release);
        assert!(matches!(stuck.join(), Err(TaskError::Cancelled)));
    });
}

/// Hangs if the drop of the runtime ends what the other thread has not begun to end.
#[test]
fn a_limit_may_be_over_before_the_end_has_begun() {
    watch(|| {
        for _ in 0..times(50) {
            let runtime = runtime(1);
            let (stuck, release) = stuck(&runtime);
            assert!(runtime.shutdown_timeout(Duration::ZERO).is_err());
            drop(release);
            assert!(matches!(stuck.join(), Err(TaskError::Cancelled)));
        }
    });
}

/// On a worker of its own the calling thread is not waited for.
#[test]
fn a_task_may_shut_its_own_runtime_down_with_a_limit() {
    watch(|| {
        let runtime = runtime(1);
        let (give, given) = mpsc::channel::<Runtime>();
        let (ended, end) = mpsc::channel();
        runtime
            .spawn(async move {
                let runtime = given.recv().unwrap();
                ended.send(runtime.shutdown_timeout(Duration::from_secs(30))).unwrap();
            })
            .detach();
        give.send(runtime).unwrap();
        assert_eq!(end.recv().unwrap(), Ok(()));
    });
}

/// Who waits for the part that drops the runtime is not waited for. Fails if `close` joins its thread.
#[test]
fn a_runtime_is_dropped_by_a_part_of_what_its_workers_wait_for() {
    fn check(end: impl FnOnce(Runtime) + Send + 'static) {
        watch(|| {
            let runtime = runtime(2);
            let handle = runtime.handle().clone();
            let idle = runtime.spawn(pending::<()>());
            let (done, ended) = mpsc::channel();
            let closure = move || {
                end(runtime);
                done.send(()).unwrap();
            };
            handle.spawn_parallel(closure).detach();
            ended.recv().unwrap();
            assert!(matches!(idle.join(), Err(TaskError::Cancelled)));
            // The workers may be ending still: one that finds the new task before it is refused ends it.
            let late = handle.spawn(async {}).join();
            assert!(matches!(late, Err(TaskError::SpawnFailed(_) | TaskError::Cancelled)));
        });
    }
    check(|runtime| {
        let taken = Barrier::new(2);
        let second = || {
            taken.wait();
            drop(runtime);
        };
        join(|| taken.wait(), second);
    });
    check(|runtime| {
        let taken = Barrier::new(2);
        scope(|scope| {
            scope.spawn(|_| {
                taken.wait();
                drop(runtime);
            });
            taken.wait();
        });
    });
    check(|runtime| {
        let other = runtime.handle().clone();
        other.spawn_blocking(move || drop(runtime)).join().unwrap();
    });
    // Hidden by another runtime's context.
    check(|runtime| {
        let taken = Barrier::new(2);
        let second = || {
            taken.wait();
            self::runtime(1).block_on(async { drop(runtime) });
        };
        join(|| taken.wait(), second);
    });
}
