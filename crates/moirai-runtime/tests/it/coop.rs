//! A task that is always ready does not keep the others from running.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use moirai_runtime::time::{DelayQueue, interval, timeout};
use moirai_runtime::{Runtime, sleep, spawn};
use moirai_sync::channel::{self, watch};
use moirai_sync::{SelectSet, WaitGroup, coop, select};

use crate::watch as watched;

/// Somewhat more than a worker does between two looks at the queue for all: there the other task may
/// be, if the watcher has found this one's worker waiting for its processor.
const STEPS_MAX: i32 = if cfg!(miri) { 3 } else { 100 } * coop::BUDGET;

/// One worker, and no thread to stand in for it: who does not return keeps all others from running.
fn lone() -> Runtime {
    let builder = Runtime::builder().worker_threads(1).spare_threads(0);
    // Each step is slow there, and the watcher would give to all what waits for one.
    let builder = if cfg!(miri) { builder.thread_per_core() } else { builder };
    builder.build().unwrap()
}

type Step = Box<dyn FnMut() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

fn step<F: Future<Output = ()> + Send + 'static>(
    mut f: impl FnMut() -> F + Send + 'static,
) -> Step {
    Box::new(move || Box::pin(f()))
}

/// Operations that never wait.
fn ready_for_ever() -> Vec<(&'static str, Step)> {
    let (sender, receiver) = channel::unbounded();
    let receive = step(move || {
        sender.send(()).unwrap();
        let receiver = receiver.clone();
        async move { receiver.recv_async().await.unwrap() }
    });
    let (sender, receiver) = channel::unbounded();
    let send = step(move || {
        let (sender, _open) = (sender.clone(), receiver.clone());
        async move { sender.send_async(()).await.unwrap() }
    });
    let batch = step(move || {
        let (sender, receiver) = channel::bounded(8);
        async move {
            sender.send_batch_async(&mut vec![1, 2, 3]).await.unwrap();
            receiver.recv_batch_async(&mut Vec::new(), 8).await.unwrap();
        }
    });
    let reserve = step(move || {
        let (sender, receiver) = channel::bounded::<()>(1);
        async move {
            drop(sender.reserve_async().await.unwrap());
            drop(receiver);
        }
    });
    let sole = step(move || {
        let (mut sender, mut receiver) = channel::spsc::bounded(1);
        async move {
            sender.send_async(1).await.unwrap();
            receiver.recv_async().await.unwrap();
        }
    });
    let see = step(move || {
        let (sender, receiver) = watch::channel(1);
        sender.send(2).unwrap();
        async move { _ = receiver.recv_async().await.unwrap() }
    });
    let (always, ready) = channel::unbounded();
    let select = step(move || {
        always.send(()).unwrap();
        let ready = ready.clone();
        async move { select!(async { recv(ready) -> _ => (), }).await }
    });
    let (always, ready) = channel::unbounded();
    let select_now = step(move || {
        always.send(()).unwrap();
        let ready = ready.clone();
        async move { select!(async { recv(ready) -> _ => (), default => () }).await }
    });
    let (always, ready) = channel::unbounded();
    let select_for = step(move || {
        always.send(()).unwrap();
        let ready = ready.clone();
        async move {
            select!(async { recv(ready) -> _ => (), default(Duration::from_secs(1)) => () }).await
        }
    });
    let (always, ready) = channel::unbounded();
    let set = step(move || {
        always.send(()).unwrap();
        let ready = ready.clone();
        async move {
            let mut set = SelectSet::new();
            set.recv(&ready);
            set.ready_async().await;
        }
    });
    let result = step(|| {
        let (sender, receiver) = moirai_sync::result_channel();
        sender.send(()).unwrap();
        async move { receiver.await.unwrap() }
    });
    let group = WaitGroup::new();
    let wait = step(move || {
        let group = group.clone();
        async move { group.wait_async().await }
    });
    let tick = step(|| async {
        interval(Duration::from_nanos(1)).tick().await;
    });
    let delay = step(|| async {
        let mut queue = DelayQueue::new();
        queue.insert((), Duration::ZERO);
        _ = queue.next_expired().await;
    });
    vec![
        ("receive", receive),
        ("send", send),
        ("batch", batch),
        ("reserve", reserve),
        ("sole", sole),
        ("watch", see),
        ("select", select),
        ("select with a default", select_now),
        ("select with a limit", select_for),
        ("set", set),
        ("result", result),
        ("wait group", wait),
        ("sleep", step(|| sleep(Duration::ZERO))),
        ("interval", tick),
        ("delay queue", delay),
        (
            "timeout",
            step(|| async { _ = timeout(Duration::ZERO, std::future::pending::<()>()).await }),
        ),
        ("compute", step(coop::consume_budget)),
    ]
}

/// Fails for each operation that takes nothing from the budget, and for all if a task has none.
#[test]
fn a_task_that_is_always_ready_lets_the_others_have_their_turn() {
    for (name, mut step) in ready_for_ever() {
        watched(move || {
            let runtime = lone();
            let greedy = runtime.spawn(async move {
                let ran = Arc::new(AtomicBool::new(false));
                let other = Arc::clone(&ran);
                spawn(async move { other.store(true, Ordering::Relaxed) }).detach();
                let mut steps = 0;
                while !ran.load(Ordering::Relaxed) && steps < 100_000 {
                    step().await;
                    steps += 1;
                }
                steps
            });
            let steps = greedy.join().unwrap();
            assert!(steps <= STEPS_MAX, "{name}: {steps} steps");
        });
    }
}

#[test]
fn tasks_that_have_ended_are_joined_a_budget_at_a_time() {
    watched(|| {
        let runtime = lone();
        let task = runtime.spawn(async {
            let group = WaitGroup::new();
            let handles: Vec<_> = (0..2 * STEPS_MAX)
                .map(|_| {
                    let member = group.add();
                    spawn(async move { drop(member) })
                })
                .collect();
            // The only worker has ended the last of them before it goes on here.
            group.wait_async().await;
            let ran = Arc::new(AtomicBool::new(false));
            let other = Arc::clone(&ran);
            spawn(async move { other.store(true, Ordering::Relaxed) }).detach();
            let mut joined = 0;
            for handle in handles {
                handle.await.unwrap();
                joined += i32::from(!ran.load(Ordering::Relaxed));
            }
            joined
        });
        assert!(task.join().unwrap() <= STEPS_MAX);
    });
}

#[test]
fn an_unconstrained_task_keeps_its_turn() {
    watched(|| {
        let runtime = lone();
        let task = runtime.spawn(async {
            let ran = Arc::new(AtomicBool::new(false));
            let other = Arc::clone(&ran);
            spawn(async move { other.store(true, Ordering::Relaxed) }).detach();
            let (sender, receiver) = channel::unbounded();
            coop::unconstrained(async move {
                for n in 0..if cfg!(miri) { 2 } else { 10 } * coop::BUDGET {
                    sender.send_async(n).await.unwrap();
                    receiver.recv_async().await.unwrap();
                }
            })
            .await;
            ran.load(Ordering::Relaxed)
        });
        assert!(!task.join().unwrap(), "the other has run meanwhile");
    });
}

#[test]
fn a_limit_is_seen_although_what_it_limits_is_always_ready() {
    watched(|| {
        let runtime = lone();
        let task = runtime.spawn(timeout(Duration::from_millis(5), async {
            loop {
                coop::consume_budget().await;
            }
        }));
        task.join().unwrap().unwrap_err();
    });
}

/// An executor that knows nothing of budgets, inside of a task that has used up its own.
#[test]
fn a_foreign_executor_in_a_task_is_not_refused_for_ever() {
    watched(|| {
        let runtime = lone();
        let task = runtime.spawn(async {
            let (sender, receiver) = channel::unbounded();
            (0..1000).for_each(|n| sender.send(n).unwrap());
            let mut cx = Context::from_waker(Waker::noop());
            let mut all = pin!(async {
                for n in 0..1000 {
                    assert_eq!(receiver.recv_async().await, Ok(n));
                }
            });
            while all.as_mut().poll(&mut cx) == Poll::Pending {}
        });
        task.join().unwrap();
    });
}

/// Two tasks that send to each other stay on one worker as long as their runs are short; where each
/// step takes long, the other worker comes to have one of them.
#[test]
fn tasks_whose_budgets_are_used_up_slowly_come_to_use_every_worker() {
    watched(|| {
        let runtime = Runtime::builder().worker_threads(2).build().unwrap();
        let seen = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
        let tasks = [0, 1].map(|_| {
            let seen = Arc::clone(&seen);
            runtime.spawn(async move {
                let both = || seen.lock().unwrap().len() == 2;
                while !both() {
                    let began = std::time::Instant::now();
                    while began.elapsed() < Duration::from_micros(5) {}
                    seen.lock().unwrap().insert(std::thread::current().id());
                    coop::consume_budget().await;
                }
            })
        });
        for task in tasks {
            task.join().unwrap();
        }
    });
}
