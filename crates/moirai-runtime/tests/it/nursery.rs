//! Nurseries: nothing outlives them, nothing that fails in them is lost, whoever ends them how.

use std::cell::{OnceCell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use moirai_runtime::{
    Failure, Handle, Nursery, NurseryBuilder, NurseryError, Runtime, Supervision, TaskError,
    nursery, race, sleep, supervise, yield_now,
};
use moirai_sync::{CancelReason, CancelToken, channel, strand};

use crate::{AtDrop, Random, no_task_is_left, runtime, watch, works_on};

/// How many futures were made, and how many of them are gone.
#[derive(Clone, Debug, Default)]
struct Counts(Arc<[AtomicUsize; 2]>);

impl Counts {
    /// To be held by a future.
    fn held(&self) -> AtDrop {
        self.0[0].fetch_add(1, Ordering::SeqCst);
        let counts = self.clone();
        AtDrop::new(move || {
            counts.0[1].fetch_add(1, Ordering::SeqCst);
        })
    }

    /// A child that never ends by itself.
    fn never(&self) -> impl Future<Output = Result<(), u32>> + use<> {
        let held = self.held();
        async move {
            let _held = held;
            pending().await
        }
    }

    #[track_caller]
    fn all_are_gone(&self) {
        let [made, dropped] = [0, 1].map(|n: usize| self.0[n].load(Ordering::SeqCst));
        assert_eq!(made, dropped);
    }
}

fn errors<E: Copy>(error: &NurseryError<E>) -> Vec<E> {
    error
        .iter()
        .filter_map(|failure| match failure {
            Failure::Error(error) => Some(*error),
            _ => None,
        })
        .collect()
}

#[test]
fn nurseries_go_anywhere() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Nursery<std::cell::Cell<u8>>>();
    check::<NurseryError<String>>();
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    watch(|| {
        let runtime = runtime(1);
        // The whole of it is a task like any other, with errors that are no `Error`.
        let result = runtime
            .spawn(is_send(nursery(async |n| {
                let one = n.spawn(async { Ok(1) });
                let two = n.spawn_blocking(|| Ok(2));
                let four = n.spawn_parallel(|| Ok(4));
                let sum = one.await? + two.await? + four.await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(sum)
            })))
            .join()
            .unwrap();
        assert_eq!(result.unwrap(), 7);
    });
}

/// Fails if a failure does not cancel, or the nursery does not wait.
#[test]
fn the_first_failure_cancels_the_others_and_the_body_and_is_told_after_their_end() {
    watch(|| {
        for workers in [1, 3] {
            let runtime = runtime(workers);
            let counts = Counts::default();
            let result: Result<(), _> = runtime.block_on(nursery(async |n| {
                let _body = counts.held();
                (0..50).for_each(|_| drop(n.spawn(counts.never())));
                n.spawn(async {
                    yield_now().await;
                    Err::<(), _>(7)
                });
                (0..50).for_each(|_| drop(n.spawn(counts.never())));
                pending().await
            }));
            counts.all_are_gone();
            assert_eq!(errors(&result.unwrap_err()), [7]);
            works_on(&runtime);
        }
    });
}

#[test]
fn a_nursery_returns_after_its_last_child() {
    watch(|| {
        let runtime = runtime(2);
        let counts = Counts::default();
        let result = runtime.block_on(nursery(async |n: Nursery<()>| {
            for n_ms in 0..5 {
                let held = counts.held();
                let child = async move {
                    let _held = held;
                    sleep(Duration::from_millis(n_ms)).await;
                    Ok(())
                };
                n.spawn(child);
            }
            // A child starts siblings after the body's end.
            n.spawn({
                let (n, counts) = (n.clone(), counts.clone());
                async move {
                    sleep(Duration::from_millis(2)).await;
                    let held = counts.held();
                    n.spawn(async move {
                        let _held = held;
                        sleep(Duration::from_millis(10)).await;
                        Ok(())
                    });
                    Ok(())
                }
            });
            Ok("done")
        }));
        assert_eq!(result.unwrap(), "done");
        counts.all_are_gone();
    });
}

/// Fails if a child's value is known to be missing before its failure is noted.
#[test]
fn a_childs_failure_comes_before_the_error_that_the_body_makes_of_it() {
    watch(|| {
        let runtime = runtime(2);
        for round in 0..if cfg!(miri) { 5 } else { 500 } {
            let result: Result<(), _> = runtime.block_on(nursery(async |n| {
                let child =
                    n.spawn(async move { if round < 0 { Ok(()) } else { Err("the child") } });
                child.await.map_err(|_| "the body")
            }));
            assert_eq!(errors(&result.unwrap_err())[0], "the child");
        }
    });
}

/// Fails if a failure in the collecting nursery cancels, or is forgotten.
#[test]
fn a_collecting_nursery_lets_all_go_on_and_tells_every_failure() {
    watch(|| {
        let runtime = runtime(2);
        let (counts, ended) = (Counts::default(), Arc::new(AtomicUsize::new(0)));
        let result: Result<(), _> =
            runtime.block_on(NurseryBuilder::new().collect_all().run(async |n| {
                for i in 0..10_u32 {
                    let (held, ended) = (counts.held(), Arc::clone(&ended));
                    n.spawn(async move {
                        let _held = held;
                        sleep(Duration::from_millis(u64::from(i % 3))).await;
                        ended.fetch_add(1, Ordering::SeqCst);
                        match i {
                            5 => resume_unwind(Box::new("five")),
                            i if i % 2 == 0 => Err(i),
                            _ => Ok(()),
                        }
                    });
                }
                Err(100)
            }));
        counts.all_are_gone();
        assert_eq!(ended.load(Ordering::SeqCst), 10);
        let error = result.unwrap_err();
        let mut numbers = errors(&error);
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 2, 4, 6, 8, 100]);
        let panics = |failure: &Failure<u32>| match failure {
            Failure::Task(TaskError::Panicked(panic)) => Some(panic.message().to_owned()),
            _ => None,
        };
        assert_eq!(error.iter().filter_map(panics).collect::<Vec<_>>(), ["five"]);
        assert!(error.to_string().ends_with("(and 6 more)"));
        assert_eq!(error.into_failures().len(), 7);
    });
}

#[test]
fn a_panic_in_a_child_is_a_failure_of_the_nursery() {
    watch(|| {
        let runtime = runtime(2);
        let counts = Counts::default();
        let kinds: [fn(&Nursery<u32>); 4] = [
            |n| drop(n.spawn::<_, ()>(async { resume_unwind(Box::new("on purpose")) })),
            |n| drop(n.spawn_blocking::<_, ()>(|| resume_unwind(Box::new("on purpose")))),
            |n| drop(n.spawn_parallel::<_, ()>(|| resume_unwind(Box::new("on purpose")))),
            // In the drop of a future that is ready.
            |n| {
                let bomb = AtDrop::new(|| resume_unwind(Box::new("on purpose")));
                drop(n.spawn(async move {
                    let _bomb = bomb;
                    Ok(())
                }));
            },
        ];
        for kind in kinds {
            let result = runtime.block_on(nursery(async |n| {
                n.spawn(counts.never());
                kind(&n);
                Ok(())
            }));
            let Failure::Task(TaskError::Panicked(panic)) = result.unwrap_err().into_first() else {
                panic!("no panic");
            };
            assert_eq!(panic.message(), "on purpose");
            counts.all_are_gone();
        }
        works_on(&runtime);
    });
}

/// Fails if the body's panic leaves before the children.
#[test]
fn a_panic_in_the_body_goes_on_after_the_children_have_ended() {
    watch(|| {
        let runtime = runtime(2);
        let counts = Counts::default();
        let run = || {
            runtime.block_on(nursery(async |n| -> Result<(), u32> {
                let _body = counts.held();
                n.spawn(counts.never());
                yield_now().await;
                resume_unwind(Box::new("the body"))
            }))
        };
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"the body"));
        counts.all_are_gone();
    });
}

#[test]
fn a_nursery_is_cancelled_from_anywhere_and_waits_for_its_children() {
    watch(|| {
        let runtime = runtime(2);
        let counts = Counts::default();
        // By a child, before the body has ended.
        let result: Result<(), _> = runtime.block_on(nursery(async |n| {
            n.spawn(counts.never());
            n.spawn({
                let n = n.clone();
                async move {
                    n.cancel();
                    Ok(())
                }
            });
            let _body = counts.held();
            pending().await
        }));
        counts.all_are_gone();
        assert!(matches!(result.unwrap_err().first(), Failure::Cancelled(CancelReason::Cancelled)));
        // After it: its value is there.
        let result = runtime.block_on(nursery(async |n| {
            n.spawn(counts.never());
            n.spawn({
                let n = n.clone();
                async move {
                    sleep(Duration::from_millis(2)).await;
                    n.cancel();
                    Ok(())
                }
            });
            Ok(7)
        }));
        counts.all_are_gone();
        assert_eq!(result.unwrap(), 7);
        // By a token, from another thread.
        let token = CancelToken::new();
        let (begun, begins) = channel::bounded(1);
        let thread = std::thread::spawn({
            let token = token.clone();
            move || {
                begins.recv().unwrap();
                token.cancel();
            }
        });
        let run = NurseryBuilder::new().within(&token).on(runtime.handle()).run(async |n| {
            n.spawn(counts.never());
            // A blocking child ends when it looks at the token.
            n.spawn_blocking({
                let (token, held) = (n.token().clone(), counts.held());
                move || {
                    let _held = held;
                    begun.send(()).unwrap();
                    token.wait();
                    Ok(())
                }
            });
            pending::<Result<(), u32>>().await
        });
        assert!(strand::block_on(run).is_err());
        counts.all_are_gone();
        thread.join().unwrap();
    });
}

#[test]
fn a_nursery_that_has_ended_or_is_cancelled_takes_no_children() {
    watch(|| {
        let runtime = runtime(1);
        let counts = Counts::default();
        let mut kept = None;
        let result = runtime.block_on(nursery(async |n| {
            kept = Some(n.clone());
            n.cancel();
            let refused = n.spawn(counts.never());
            counts.all_are_gone();
            assert!(matches!(refused.await, Err(TaskError::ResultNotFound)));
            Ok(())
        }));
        // The wait for the child was the body's last: it was cancelled there, or had its answer.
        drop(result);
        let refused = kept.unwrap().spawn(counts.never());
        assert!(matches!(refused.join(), Err(TaskError::ResultNotFound)));
        let mut kept = None;
        let ended = runtime.block_on(nursery(async |n| {
            kept = Some(n);
            Ok::<_, u32>(())
        }));
        assert!(ended.is_ok());
        let refused = kept.unwrap().spawn(counts.never());
        assert!(matches!(refused.join(), Err(TaskError::ResultNotFound)));
        no_task_is_left(&runtime);
        counts.all_are_gone();
    });
}

thread_local! {
    /// What this thread does between the beginning of a spawn and its end.
    static WHILE_SPAWNING: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// The nursery is open when the spawn begins. Before it hands its child over, the nursery is cancelled,
/// and its owner cancels the children that it knows. Fails (hangs) if nobody cancels the one that
/// comes then.
#[test]
fn a_child_that_comes_after_all_others_were_cancelled_is_cancelled_too() {
    watch(|| {
        let runtime = Runtime::builder().worker_threads(1).on_task_spawn(|_| {
            WHILE_SPAWNING.take().into_iter().for_each(|f| f());
        });
        let runtime = runtime.build().unwrap();
        let counts = Counts::default();
        let nursery = Rc::new(OnceCell::new());
        let (begin, begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let mut run = Box::pin(NurseryBuilder::new().on(runtime.handle()).run({
            let nursery = Rc::clone(&nursery);
            async move |n: Nursery<u32>| {
                // Whatever is cancelled, this one goes on once it has begun, and the nursery with it.
                n.spawn_blocking(move || {
                    begin.send(()).unwrap();
                    let _ = released.recv();
                    Ok(())
                });
                nursery.set(n).unwrap();
                pending::<Result<(), u32>>().await
            }
        }));
        let mut poll = move |cx: &mut Context<'_>| run.as_mut().poll(cx);
        assert!(poll(&mut Context::from_waker(Waker::noop())).is_pending());
        begun.recv().unwrap();
        let poll = Rc::new(RefCell::new(poll));
        WHILE_SPAWNING.set(Some({
            let (nursery, poll) = (Rc::clone(&nursery), Rc::clone(&poll));
            Box::new(move || {
                nursery.get().unwrap().cancel();
                let mut cx = Context::from_waker(Waker::noop());
                assert!(poll.borrow_mut()(&mut cx).is_pending());
            })
        }));
        let late = nursery.get().unwrap().spawn(counts.never());
        assert!(matches!(late.join(), Err(TaskError::ResultNotFound)));
        counts.all_are_gone();
        drop(release);
        let ended = runtime.block_on(poll_fn(|cx| poll.borrow_mut()(cx)));
        assert!(matches!(ended.unwrap_err().into_first(), Failure::Cancelled(_)));
        no_task_is_left(&runtime);
    });
}

/// One poll looks at 256 children that have ended (`REAPED_MAX`). Fails if the one after them is
/// never looked at.
#[test]
fn a_nursery_ends_with_any_number_of_children_that_end_at_once() {
    watch(|| {
        let runtime = runtime(1);
        for count in [0, 1, 255, 256, 257, 1000] {
            // On one worker all of them have ended when the owner is polled again.
            let task = runtime.spawn(nursery(async move |n: Nursery<()>| {
                (0..count).for_each(|_| drop(n.spawn(async { Ok(()) })));
                yield_now().await;
                Ok(count)
            }));
            assert_eq!(task.join().unwrap().unwrap(), count);
        }
    });
}

/// On a thread that is no worker, which has no budget to stop it before.
#[test]
fn a_nursery_ends_with_any_number_of_children_that_have_ended_before_it_looks() {
    watch(|| {
        let runtime = runtime(1);
        for count in [255, 256, 257, 1000] {
            let handle = runtime.handle().clone();
            let run = nursery(async move |n: Nursery<()>| {
                (0..count).for_each(|_| drop(n.spawn(async { Ok(()) })));
                while handle.metrics().idle == 0 {
                    std::thread::yield_now();
                }
                Ok(count)
            });
            assert_eq!(runtime.block_on(run).unwrap(), count);
        }
    });
}

#[test]
fn a_nursery_that_is_polled_once_and_held_stops_nobody_and_cancels_its_token_at_once() {
    watch(|| {
        let runtime = runtime(2);
        let counts = Counts::default();
        let mut token = None;
        {
            let mut held = pin!(nursery(async |n| -> Result<(), u32> {
                token = Some(n.token().clone());
                n.spawn(counts.never());
                n.spawn(async {
                    yield_now().await;
                    Err::<(), _>(7)
                });
                pending().await
            }));
            let poll = |cx: &mut Context<'_>| match held.as_mut().poll(cx) {
                Poll::Pending => Poll::Ready(()),
                Poll::Ready(_) => panic!("ended at its first poll"),
            };
            let mut poll = poll;
            runtime.block_on(poll_fn(&mut poll));
            works_on(&runtime);
        }
        // Dropped: nobody polls it, and all that is left of it ends.
        no_task_is_left(&runtime);
        counts.all_are_gone();
        assert!(token.unwrap().is_cancelled());
    });
}

/// Fails (deadlocks) if a waker is called under a lock of the nursery.
#[test]
fn a_waker_may_use_the_nursery_that_wakes_it() {
    struct Reenter {
        nursery: OnceLock<Nursery<u32>>,
        counts: Counts,
        wakes: AtomicUsize,
    }
    impl Wake for Reenter {
        fn wake(self: Arc<Self>) {
            self.wakes.fetch_add(1, Ordering::SeqCst);
            if let Some(nursery) = self.nursery.get() {
                nursery.spawn(self.counts.never());
                nursery.cancel();
                nursery.spawn(self.counts.never());
            }
        }
    }
    watch(|| {
        let runtime = runtime(2);
        let counts = Counts::default();
        let reenter = Arc::new(Reenter {
            nursery: OnceLock::new(),
            counts: counts.clone(),
            wakes: AtomicUsize::new(0),
        });
        let waker = Waker::from(Arc::clone(&reenter));
        let mut running = pin!(NurseryBuilder::new().on(runtime.handle()).run(async |n| {
            (0..10).for_each(|_| drop(n.spawn(async { Ok(()) })));
            n.spawn(counts.never());
            drop(reenter.nursery.set(n));
            pending::<Result<(), u32>>().await
        }));
        let result = loop {
            match running.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(result) => break result,
                // The others may all have ended before the waker could reach the nursery.
                Poll::Pending => drop(reenter.nursery.get().unwrap().spawn(async { Ok(()) })),
            }
            std::thread::yield_now();
        };
        assert!(matches!(result.unwrap_err().first(), Failure::Cancelled(_)));
        assert!(reenter.wakes.load(Ordering::SeqCst) > 0);
        // A worker may be in the middle of the last wake-up.
        drop(runtime);
        counts.all_are_gone();
    });
}

#[test]
fn a_race_is_won_by_the_first_success_and_the_others_are_gone_by_then() {
    watch(|| {
        let runtime = runtime(2);
        let counts = Counts::default();
        let winner = runtime.block_on(race(async |r| {
            for _ in 0..20 {
                let never = counts.never();
                r.spawn(async move { never.await.map(|()| 0) });
            }
            r.spawn(async { Err(1) });
            r.spawn(async { resume_unwind(Box::new(())) });
            r.spawn_blocking(|| Ok(7));
            let _body = counts.held();
            pending().await
        }));
        assert_eq!(winner.unwrap(), 7);
        counts.all_are_gone();
        let lost = runtime.block_on(race::<_, (), _>(async |r| {
            (0..10).for_each(|n| r.spawn(async move { Err(n) }));
        }));
        let mut numbers = errors(&lost.unwrap_err());
        numbers.sort_unstable();
        assert_eq!(numbers, Vec::from_iter(0..10));
        let empty = runtime.block_on(race::<_, (), ()>(async |_| ()));
        let first = empty.unwrap_err().into_first();
        assert!(matches!(first, Failure::Task(TaskError::ResultNotFound)));
    });
}

/// One that succeeds when it is cancelled already. Fails if its value replaces the winner's.
#[test]
fn a_success_that_comes_second_wins_nothing() {
    watch(|| {
        let runtime = runtime(2);
        let (gone, is_gone) = mpsc::channel();
        let winner = runtime.block_on(race(async |r| {
            let held = AtDrop::new(move || gone.send(()).unwrap());
            r.spawn(async move {
                let _held = held;
                pending::<Result<i32, ()>>().await
            });
            // The race is won, and the others are cancelled.
            r.spawn_blocking(move || is_gone.recv().map(|()| 2).map_err(drop));
            r.spawn(async { Ok(1) });
        }));
        assert_eq!(winner.unwrap(), 1);
    });
}

/// The first time at once, then after a pause that doubles. Fails if there is none.
#[test]
fn a_supervised_child_that_goes_on_failing_is_started_less_and_less_often() {
    watch(|| {
        let runtime = runtime(1);
        let (started, starts) = mpsc::channel();
        let (first, max) = (Duration::from_millis(10), Duration::from_millis(15));
        let limits = Supervision::new().restarts(4, Duration::from_secs(3600)).backoff(first, max);
        let result = runtime.block_on(supervise(limits, async move |s| {
            s.spawn(move || {
                started.send(Instant::now()).unwrap();
                async { Err::<(), ()>(()) }
            });
            pending::<Result<(), ()>>().await
        }));
        assert!(result.is_err());
        let starts: Vec<_> = starts.iter().collect();
        let pauses: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses.len(), 4);
        assert!(pauses[1] >= first && pauses[2] >= max && pauses[3] >= max, "{pauses:?}");
    });
}

#[test]
fn a_supervised_child_is_started_again_as_often_as_allowed() {
    watch(|| {
        let runtime = runtime(2);
        for panics in [false, true] {
            let (counts, runs) = (Counts::default(), Arc::new(AtomicUsize::new(0)));
            let limits = Supervision::new()
                .restarts(4, Duration::from_secs(3600))
                .backoff(Duration::from_micros(10), Duration::from_micros(20));
            let result = runtime.block_on(supervise(limits, async |s| -> Result<(), usize> {
                let never = counts.clone();
                s.spawn(move || never.never_in_usize());
                let (runs, counts) = (Arc::clone(&runs), counts.clone());
                s.spawn(move || {
                    let (n, held) = (runs.fetch_add(1, Ordering::SeqCst), counts.held());
                    async move {
                        let _held = held;
                        yield_now().await;
                        if panics {
                            resume_unwind(Box::new(format!("run {n}")));
                        }
                        Err::<(), _>(n)
                    }
                });
                pending().await
            }));
            counts.all_are_gone();
            assert_eq!(runs.load(Ordering::SeqCst), 5);
            match result.unwrap_err().into_first() {
                Failure::Error(n) => assert_eq!((n, panics), (4, false)),
                Failure::Task(TaskError::Panicked(panic)) => {
                    assert_eq!((panic.message(), panics), ("run 4", true));
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

impl Counts {
    fn never_in_usize(&self) -> impl Future<Output = Result<(), usize>> + use<> {
        let never = self.never();
        async move { never.await.map_err(|n| n as usize) }
    }
}

#[test]
fn a_runtime_that_ends_fails_the_nurseries_whose_children_it_runs() {
    watch(|| {
        let (other, counts) = (runtime(1), Counts::default());
        let on = other.handle().clone();
        let run = NurseryBuilder::new().on(&on).run(async |n| -> Result<(), u32> {
            n.spawn(counts.never());
            drop(other);
            pending().await
        });
        let result = strand::block_on(run);
        assert!(matches!(result.unwrap_err().first(), Failure::Task(TaskError::Cancelled)));
        counts.all_are_gone();
        let result = strand::block_on(NurseryBuilder::new().on(&on).run(async |n| {
            n.spawn(counts.never());
            Ok(())
        }));
        assert!(matches!(result.unwrap_err().first(), Failure::Task(TaskError::SpawnFailed(_))));
        counts.all_are_gone();
    });
}

/// What nobody can drop: it ends if its nursery's token is cancelled, and only then.
fn until_cancelled<T>(token: &CancelToken, held: T) -> Result<(), u32> {
    while !token.is_cancelled() {
        std::thread::yield_now();
    }
    drop(held);
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Futures,
    /// Which a runtime that ends does not wait for.
    AlsoClosures,
}

/// A tree of nurseries in nurseries, in bodies and in children, whose leaves never end; one of them
/// may fail.
fn tree(
    handle: Handle,
    counts: Counts,
    mut random: Random,
    leaves: Leaves,
    depth: u32,
) -> std::pin::Pin<Box<dyn Future<Output = Result<(), u32>> + Send>> {
    Box::pin(async move {
        let collect = random.below(2) == 0;
        let builder = NurseryBuilder::new().on(&handle);
        let builder = if collect { builder.collect_all() } else { builder };
        let result = builder
            .run(async move |n| {
                for _ in 0..1 + random.below(3) {
                    let (handle, counts) = (handle.clone(), counts.clone());
                    let (held, mut random) = (counts.held(), random.fork());
                    if leaves == Leaves::AlsoClosures && random.below(32) == 0 {
                        let token = n.token().clone();
                        n.spawn_blocking(move || until_cancelled(&token, held));
                        continue;
                    }
                    let kind = random.below(if depth == 0 { 5 } else { 10 });
                    n.spawn(async move {
                        let _held = held;
                        match kind {
                            0 => yield_now().await,
                            1 => sleep(Duration::from_micros(random.below(50))).await,
                            2 if random.below(4) == 0 => return Err(1_u32),
                            2 | 3 => pending().await,
                            4 => counts.never().await?,
                            _ => tree(handle, counts, random, leaves, depth - 1).await?,
                        }
                        Ok(())
                    });
                }
                if depth > 0 && random.below(4) == 0 {
                    tree(handle, counts, random, leaves, depth - 1).await?;
                }
                Ok::<_, u32>(())
            })
            .await;
        result.map_err(|_| 2_u32)
    })
}

/// By a token, by a drop, by the task's cancel, by a failure. Where the nursery is waited for, all
/// below it is gone by then. Fails if a nursery that is dropped does not hand on its children, or does not
/// cancel its token.
#[test]
fn ten_thousand_cancelled_trees_leave_no_task_and_no_future() {
    watch(|| {
        let runtime = runtime(2);
        let mut random = Random::seeded();
        let counts = Counts::default();
        for _ in 0..TREES {
            let own = Counts::default();
            let grown =
                tree(runtime.handle().clone(), own.clone(), random.fork(), Leaves::AlsoClosures, 2);
            match random.below(4) {
                0 => {
                    // Held in a child of an outer nursery, which is cancelled and waits for all.
                    let held = counts.held();
                    let pause = random.below(100);
                    let builder = NurseryBuilder::new().on(runtime.handle());
                    let result = runtime.block_on(builder.run(async move |n| {
                        n.spawn(async move {
                            let _held = held;
                            grown.await
                        });
                        sleep(Duration::from_micros(pause)).await;
                        n.cancel();
                        Ok(())
                    }));
                    drop(result);
                    own.all_are_gone();
                }
                1 => {
                    let token = CancelToken::with_timeout(Duration::from_micros(random.below(200)));
                    let builder = NurseryBuilder::new().on(runtime.handle()).within(&token);
                    let result = runtime.block_on(builder.run(async move |_| grown.await));
                    drop(result);
                    own.all_are_gone();
                }
                2 => {
                    let mut task = runtime.spawn(grown);
                    drop(task.join_timeout(Duration::from_micros(random.below(100))));
                    task.cancel();
                }
                _ => {
                    let token = CancelToken::with_timeout(Duration::from_micros(random.below(100)));
                    let _ = runtime.block_on(token.run_until_cancelled(grown));
                }
            }
        }
        no_task_is_left(&runtime);
        counts.all_are_gone();
        works_on(&runtime);
    });
}

/// As above, counted over all trees: each future that was made is dropped once, also by a runtime
/// that ends in the middle.
#[test]
fn trees_end_with_their_runtime() {
    watch(|| {
        let mut random = Random::seeded();
        for _ in 0..if cfg!(miri) { 2 } else { 200 } {
            let runtime = Runtime::builder().worker_threads(2).build().unwrap();
            let counts = Counts::default();
            for _ in 0..5 {
                let grown = tree(
                    runtime.handle().clone(),
                    counts.clone(),
                    random.fork(),
                    Leaves::Futures,
                    3,
                );
                runtime.spawn(grown).detach();
            }
            (0..random.below(1000)).for_each(|_| std::hint::spin_loop());
            drop(runtime);
            counts.all_are_gone();
        }
    });
}

const TREES: u32 = if cfg!(miri) { 20 } else { 10_000 };
