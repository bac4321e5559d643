//! Models of a task's life: every pair of moves that two threads can make at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use loom::sync::Mutex;
use loom::sync::atomic::AtomicU32;
use loom::thread;

use moirai_sync::TaskError;

use super::{idle_pool, run_queued};
use crate::sched::current;
use crate::sched::local::{Follows, Handed, LocalQueue, Staying};
use crate::sched::pool::Pool;
use crate::sched::work::Work;
use crate::task::{self, TaskHandle};
use crate::topology::Domain;

/// Counts how often it is dropped: always once.
struct Once(Arc<AtomicUsize>);

impl Once {
    fn new() -> (Self, Arc<AtomicUsize>) {
        let drops = Arc::new(AtomicUsize::new(0));
        (Self(Arc::clone(&drops)), drops)
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), 0, "dropped twice");
    }
}

/// Runs queue entries until the task has ended.
fn run_to_end<T>(pool: &Pool, handle: &TaskHandle<T>) {
    while !handle.is_finished() {
        if !run_queued(pool) {
            thread::yield_now();
        }
    }
}

/// A task that leaves its waker in `slot`, and is ready once `ready` is set.
fn waiting(
    slot: Arc<Mutex<Option<Waker>>>,
    ready: Arc<AtomicU32>,
) -> impl Future<Output = u32> + Send {
    poll_fn(move |cx: &mut Context<'_>| {
        if ready.load(Ordering::Relaxed) != 0 {
            return Poll::Ready(7);
        }
        *slot.lock().unwrap() = Some(cx.waker().clone());
        // Looked at again after the waker is out, as everybody must who waits.
        if ready.load(Ordering::Relaxed) == 0 { Poll::Pending } else { Poll::Ready(7) }
    })
}

/// A wake-up before, during or after a poll leads to another poll that sees what was written
/// before it, although nothing but the wake-up orders the two.
#[test]
fn a_wake_during_a_poll_is_not_lost() {
    loom::model(|| {
        let pool = idle_pool();
        let (slot, ready) = (Arc::new(Mutex::new(None)), Arc::new(AtomicU32::new(0)));
        let handle = task::spawn_future(&pool, waiting(Arc::clone(&slot), Arc::clone(&ready)));
        let waker = thread::spawn(move || {
            loop {
                let waker = slot.lock().unwrap().take();
                match waker {
                    Some(waker) => {
                        ready.store(1, Ordering::Relaxed);
                        waker.wake();
                        break;
                    }
                    None => thread::yield_now(),
                }
            }
        });
        run_to_end(&pool, &handle);
        waker.join().unwrap();
        assert_eq!(handle.join().unwrap(), 7);
    });
}

/// A waker that is called and dropped while the task ends.
#[test]
fn a_wake_against_the_end_does_nothing() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let slot = Arc::new(Mutex::new(None));
        let left = Arc::clone(&slot);
        let mut polls = 0;
        let handle = task::spawn_future(
            &pool,
            poll_fn(move |cx: &mut Context<'_>| {
                let _ = &once;
                polls += 1;
                if polls == 1 {
                    *left.lock().unwrap() = Some(cx.waker().clone());
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            }),
        );
        let waker = thread::spawn(move || {
            let waker = slot.lock().unwrap().take();
            waker.map(Waker::wake)
        });
        run_to_end(&pool, &handle);
        waker.join().unwrap();
        run_queued(&pool);
        handle.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// The output is dropped once, by the handle or by the runner.
#[test]
fn drop_of_the_handle_against_the_end() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let handle = task::spawn_future(&pool, async move { once });
        let dropper = thread::spawn(move || drop(handle));
        run_queued(&pool);
        dropper.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// As above, with a waker in the slot that both may want.
#[test]
fn drop_of_a_waiting_handle_against_the_end() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let mut handle = task::spawn_future(&pool, async move { once });
        let dropper = thread::spawn(move || {
            let _ = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
            drop(handle);
        });
        run_queued(&pool);
        dropper.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// A join that gives up just when the task ends still has the result, once.
#[test]
fn join_timeout_against_the_end() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let mut handle = task::spawn_future(&pool, async move { once });
        let runner = thread::spawn(move || run_queued(&pool));
        let early = match handle.join_timeout(Duration::ZERO) {
            Err(TaskError::ExecutionTimeout) => None,
            result => Some(result),
        };
        let taken = early.is_some();
        drop(early);
        let late = handle.join();
        assert_eq!(late.is_ok(), !taken);
        drop(late);
        runner.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// The task ends by itself or cancelled; the future is dropped once, and the waiter is woken.
#[test]
fn cancel_against_poll() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let mut polls = 0;
        let mut handle = task::spawn_future(
            &pool,
            poll_fn(move |cx: &mut Context<'_>| {
                let _ = &once;
                polls += 1;
                cx.waker().wake_by_ref();
                if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
            }),
        );
        let early = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        assert!(early.is_pending());
        let runner = thread::spawn({
            let pool = Arc::clone(&pool);
            move || run_queued(&pool)
        });
        handle.cancel();
        runner.join().unwrap();
        run_queued(&pool);
        assert!(matches!(handle.join(), Ok(()) | Err(TaskError::Cancelled)));
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// A joining worker claims the task while another takes its queue entry.
#[test]
fn an_inline_join_against_the_queue() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let handle = task::spawn_future(&pool, async move { drop(once) });
        let runner = thread::spawn({
            let pool = Arc::clone(&pool);
            move || run_queued(&pool)
        });
        {
            let context = current::Context::new(&pool, Some(LocalQueue::new()));
            current::enter(&context, || handle.join().unwrap());
        }
        runner.join().unwrap();
        run_queued(&pool);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// Two wakers are given up at once, by a worker, whose reference becomes the queue entry's, and by a
/// thread that is none: the task is polled again, and its cell freed.
#[test]
fn a_worker_gives_a_waker_up_against_another() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let wakers = Arc::new(Mutex::new(Vec::new()));
        let left = Arc::clone(&wakers);
        let mut polls = 0;
        let handle = task::spawn_future(
            &pool,
            poll_fn(move |cx: &mut Context<'_>| {
                let _ = &once;
                polls += 1;
                if polls == 1 {
                    left.lock().unwrap().extend([cx.waker().clone(), cx.waker().clone()]);
                    return Poll::Pending;
                }
                Poll::Ready(())
            }),
        );
        run_queued(&pool);
        let [first, second] = [(); 2].map(|()| wakers.lock().unwrap().pop().unwrap());
        let worker = thread::spawn({
            let pool = Arc::clone(&pool);
            move || {
                let context = current::Context::new(&pool, Some(LocalQueue::new()));
                current::enter(&context, || first.wake());
                while let Some(work) = context.local.as_ref().and_then(LocalQueue::pop) {
                    work.run();
                }
            }
        });
        second.wake();
        run_queued(&pool);
        worker.join().unwrap();
        handle.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        assert_eq!(pool.slab.report().live_tasks, 0);
    });
}

/// Two tasks of which the second waits for the first, and the first's entry.
fn one_for_another<F>(
    pool: &Arc<Pool>,
    second: impl FnOnce(TaskHandle<()>) -> F,
) -> (Work, TaskHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let first = task::spawn_future(pool, async {});
    let second = task::spawn_future(pool, second(first));
    let work = pool.injector(Domain::FIRST).pop().unwrap();
    run_queued(pool);
    (work, second)
}

/// Runs `work` as a worker does, and what that hands over.
fn run_as_a_worker(pool: &Pool, work: Work) {
    let context = current::Context::new(pool, Some(LocalQueue::new()));
    current::enter(&context, || {
        let local = context.local.as_ref().unwrap();
        local.begin_run(Follows::Any);
        work.run();
        if let Some(Handed { work, run }) = local.take_handed() {
            run(work);
        }
        while let Some(work) = local.pop() {
            work.run();
        }
        if pool.is_closed() {
            pool.shut_down_idle();
        }
    });
}

/// A task is cancelled while the end of another hands it over: it ends, one way or the other.
#[test]
fn a_hand_over_against_a_cancel() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let (work, second) = one_for_another(&pool, |first| async move {
            let _once = once;
            first.await.unwrap();
        });
        let worker = thread::spawn({
            let pool = Arc::clone(&pool);
            move || run_as_a_worker(&pool, work)
        });
        second.cancel();
        worker.join().unwrap();
        run_queued(&pool);
        assert!(matches!(second.join(), Ok(()) | Err(TaskError::Cancelled)));
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        assert_eq!(pool.slab.report().live_tasks, 0);
    });
}

/// A task is woken by another thread while the end of a task hands it over: it sees what both wrote.
#[test]
fn a_hand_over_against_a_wake() {
    loom::model(|| {
        let pool = idle_pool();
        let (slot, ready) = (Arc::new(Mutex::new(None)), Arc::new(AtomicU32::new(0)));
        let (left, other) = (Arc::clone(&slot), Arc::clone(&ready));
        let (work, second) = one_for_another(&pool, |mut first| {
            let mut ended = false;
            poll_fn(move |cx: &mut Context<'_>| {
                left.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
                ended = ended || Pin::new(&mut first).poll(cx).is_ready();
                let both = ended && other.load(Ordering::Relaxed) != 0;
                if both { Poll::Ready(()) } else { Poll::Pending }
            })
        });
        let worker = thread::spawn({
            let pool = Arc::clone(&pool);
            move || run_as_a_worker(&pool, work)
        });
        let waker = slot.lock().unwrap().take().unwrap();
        ready.store(1, Ordering::Relaxed);
        waker.wake();
        run_queued(&pool);
        worker.join().unwrap();
        run_queued(&pool);
        assert!(second.is_finished());
        second.join().unwrap();
        drop(slot);
        assert_eq!(pool.slab.report().live_tasks, 0);
    });
}

/// The runtime ends while a task is handed over.
#[test]
fn a_hand_over_against_shutdown() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let (work, second) = one_for_another(&pool, |first| async move {
            let _once = once;
            let _: Result<(), TaskError> = first.await;
            std::future::pending::<()>().await;
        });
        let worker = thread::spawn({
            let pool = Arc::clone(&pool);
            move || run_as_a_worker(&pool, work)
        });
        pool.close();
        worker.join().unwrap();
        run_queued(&pool);
        assert!(matches!(second.join(), Err(TaskError::Cancelled)));
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// Runs a task that waits for the one it spawns as a worker does. What becomes of it if it stays, `then` says.
fn run_staying(pool: &Pool, work: Work, then: impl FnOnce(&LocalQueue, Staying)) {
    let context = current::Context::new(pool, Some(LocalQueue::new()));
    current::enter(&context, || {
        let local = context.local.as_ref().unwrap();
        local.begin_run(Follows::Any);
        context.frames.run(Some(work.as_ptr()));
        work.run();
        context.frames.run(None);
        if let Some(staying) = local.take_staying() {
            then(local, staying);
        }
        while let Some(work) = local.take_awaited().or_else(|| local.pop()) {
            work.run();
        }
        if pool.is_closed() {
            pool.shut_down_idle();
        }
    });
}

/// A task that spawns another and waits for it, run on a thread of its own. It stays, and is gone on with once
/// the other has run, or at once if it was cancelled in its poll; or, if it is `queued`, for the other blocks,
/// any worker runs it.
fn spawn_staying(
    pool: &Arc<Pool>,
    queued: bool,
) -> (thread::JoinHandle<()>, TaskHandle<()>, Arc<AtomicUsize>) {
    let (once, drops) = Once::new();
    let spawner = {
        let pool = Arc::downgrade(pool);
        async move {
            let _once = once;
            let pool = pool.upgrade().unwrap();
            let other = task::spawn_future(&pool, async {});
            drop(pool);
            let _: Result<(), TaskError> = other.await;
        }
    };
    let handle = task::spawn_future(pool, spawner);
    let work = pool.injector(Domain::FIRST).pop().unwrap();
    let pool = Arc::clone(pool);
    let worker = thread::spawn(move || {
        run_staying(&pool, work, |local, staying| {
            if queued {
                return pool.inject(staying.into_queued());
            }
            local.take_awaited().into_iter().for_each(Work::run);
            local.begin_run(Follows::Nothing);
            (staying.go_on)(staying.work);
        });
    });
    (worker, handle, drops)
}

/// A task that stays is cancelled: it ends, one way or the other.
#[test]
fn a_stay_against_a_cancel() {
    for queued in [false, true] {
        loom::model(move || {
            let pool = idle_pool();
            let (worker, handle, drops) = spawn_staying(&pool, queued);
            handle.cancel();
            run_queued(&pool);
            worker.join().unwrap();
            run_queued(&pool);
            assert!(matches!(handle.join(), Ok(()) | Err(TaskError::Cancelled)));
            assert_eq!(drops.load(Ordering::Relaxed), 1);
            assert_eq!(pool.slab.report().live_tasks, 0);
        });
    }
}

/// The runtime ends while a task stays.
#[test]
fn a_stay_against_shutdown() {
    for queued in [false, true] {
        loom::model(move || {
            let pool = idle_pool();
            let (worker, handle, drops) = spawn_staying(&pool, queued);
            pool.close();
            worker.join().unwrap();
            run_queued(&pool);
            assert!(matches!(handle.join(), Ok(()) | Err(TaskError::Cancelled)));
            assert_eq!(drops.load(Ordering::Relaxed), 1);
        });
    }
}

/// Shutdown finds a task wherever it is: queued, running, idle.
#[test]
fn shutdown_against_poll() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let handle = task::spawn_future(
            &pool,
            poll_fn(move |_| {
                let _ = &once;
                Poll::<()>::Pending
            }),
        );
        let runner = thread::spawn({
            let pool = Arc::clone(&pool);
            move || run_queued(&pool)
        });
        pool.close();
        runner.join().unwrap();
        assert!(matches!(handle.join(), Err(TaskError::Cancelled)));
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// The last waker of an idle task without a handle goes away: the future is dropped, by a worker.
#[test]
fn an_abandoned_task_is_dropped() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let slot = Arc::new(Mutex::new(None));
        let left = Arc::clone(&slot);
        task::spawn_future(
            &pool,
            poll_fn(move |cx: &mut Context<'_>| {
                let _ = &once;
                *left.lock().unwrap() = Some(cx.waker().clone());
                Poll::<()>::Pending
            }),
        )
        .detach();
        let dropper = thread::spawn(move || {
            let waker = slot.lock().unwrap().take();
            drop(waker);
            slot
        });
        run_queued(&pool);
        let slot = dropper.join().unwrap();
        let waker = slot.lock().unwrap().take();
        drop(waker);
        run_queued(&pool);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// The handle looks at the waiter, has the task end and goes, while the last waker is dropped elsewhere:
/// whoever frees the cell has seen all of that.
#[test]
fn the_last_waker_goes_after_the_handle() {
    loom::model(|| {
        let pool = idle_pool();
        let (once, drops) = Once::new();
        let slot = Arc::new(Mutex::new(None));
        let left = Arc::clone(&slot);
        let mut output = Some(once);
        let mut handle = task::spawn_future(
            &pool,
            poll_fn(move |cx: &mut Context<'_>| {
                match left.lock().unwrap().replace(cx.waker().clone()) {
                    None => Poll::Pending,
                    Some(_) => Poll::Ready(output.take()),
                }
            }),
        );
        run_queued(&pool);
        let waker = slot.lock().unwrap().clone().unwrap();
        waker.wake_by_ref();
        let dropper = thread::spawn(move || drop(waker));
        let waiting = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        assert!(waiting.is_pending());
        run_queued(&pool);
        *slot.lock().unwrap() = None;
        drop(handle);
        dropper.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        assert_eq!(pool.slab.report().live_tasks, 0);
    });
}

/// A task is claimed where it is joined, so that its queue entry is stale, and woken while it is polled
/// there: the entry serves, and no reference is left over.
#[test]
fn a_stale_entry_serves_a_wake_during_an_inline_poll() {
    loom::model(|| {
        let pool = idle_pool();
        let mut polls = 0;
        let handle = task::spawn_future(
            &pool,
            poll_fn(move |cx: &mut Context<'_>| {
                polls += 1;
                cx.waker().wake_by_ref();
                if polls == 2 { Poll::Ready(7) } else { Poll::Pending }
            }),
        );
        let queue = LocalQueue::new();
        let ring = queue.shared().ring;
        let joined = Arc::new(AtomicU32::new(0));
        let runner = thread::spawn({
            let (pool, joined) = (Arc::clone(&pool), Arc::clone(&joined));
            move || {
                while joined.load(Ordering::Relaxed) == 0 {
                    let stolen = ring.steal_one().map(Work::run).is_ok();
                    if !stolen && !run_queued(&pool) {
                        thread::yield_now();
                    }
                }
            }
        });
        let context = current::Context::new(&pool, Some(queue));
        assert_eq!(current::enter(&context, || handle.join().unwrap()), 7);
        joined.store(1, Ordering::Relaxed);
        runner.join().unwrap();
        while let Some(work) = context.local.as_ref().and_then(LocalQueue::pop) {
            work.run();
        }
        run_queued(&pool);
        assert_eq!(pool.slab.report().live_tasks, 0);
    });
}
