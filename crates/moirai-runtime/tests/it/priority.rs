//! Which task runs first, and that none waits for ever.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use moirai_runtime::{
    Metering, Priority, Runtime, TaskContext, TaskHandle, broadcast, scope, spawn,
};

use crate::{times, watch, works_on};

const ALL: [Priority; 4] = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical];

/// One worker that nobody stands in for.
fn one_worker() -> Runtime {
    Runtime::builder().worker_threads(1).stall_after(Duration::MAX).build().unwrap()
}

/// Keeps the worker until the sender is dropped.
fn hold(runtime: &Runtime) -> (mpsc::Sender<()>, TaskHandle<()>) {
    let (started, is_started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let held = runtime.spawn(async move {
        started.send(()).unwrap();
        let _ = released.recv();
    });
    is_started.recv().unwrap();
    (release, held)
}

/// Notes who ran when.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Priority>>>);

impl Log {
    fn note(&self) {
        let priority = TaskContext::current().unwrap().priority();
        self.0.lock().unwrap().push(priority);
    }

    fn take(&self) -> Vec<Priority> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn yield_now() -> impl Future<Output = ()> {
    let mut yielded = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Fails if a worker does not look at the urgent lanes first, or at the low one last.
#[test]
fn tasks_run_in_the_order_of_their_priority() {
    watch(|| {
        let runtime = one_worker();
        let log = Log::default();
        let (release, held) = hold(&runtime);
        let tasks: Vec<_> = (0..3)
            .flat_map(|_| ALL)
            .map(|priority| {
                let log = log.clone();
                runtime.task().priority(priority).spawn(async move { log.note() })
            })
            .collect();
        drop(release);
        held.join().unwrap();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let mut expected = log.0.lock().unwrap().clone();
        expected.sort_by_key(|priority| std::cmp::Reverse(*priority));
        assert_eq!(log.take(), expected);
    });
}

/// Closures, and tasks that are woken: every time they are queued.
#[test]
fn the_priority_holds_whenever_a_task_is_queued() {
    watch(|| {
        let runtime = one_worker();
        let log = Log::default();
        let (gates, waiting): (Vec<_>, Vec<_>) = ALL
            .map(|priority| {
                let log = log.clone();
                let (gate, opened) = moirai_runtime::result_channel::<()>();
                let task = runtime.task().priority(priority).spawn(async move {
                    opened.await.unwrap();
                    log.note();
                    yield_now().await;
                    log.note();
                });
                (gate, task)
            })
            .into_iter()
            .unzip();
        // Each has been polled once, and waits.
        while runtime.handle().metrics().runs() != 4 {
            std::thread::yield_now();
        }
        let (release, held) = hold(&runtime);
        gates.into_iter().for_each(|gate| gate.send(()).unwrap());
        let closure = runtime.task().priority(Priority::Critical).spawn_parallel({
            let log = log.clone();
            move || log.note()
        });
        drop(release);
        held.join().unwrap();
        waiting.into_iter().for_each(|task| task.join().unwrap());
        closure.join().unwrap();
        let [low, normal, high, critical] = ALL;
        let expected = [critical, critical, critical, high, high, normal, normal, low, low];
        assert_eq!(log.take(), expected);
    });
}

/// Of each priority, a task that is always ready: all of them get on. Fails if a streak of urgent
/// tasks has no end, if the high ones get no turn before the critical ones, or if the low ones are
/// looked at only when nothing else is there.
#[test]
fn no_priority_starves_another() {
    watch(|| {
        let runtime = one_worker();
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = ALL
            .iter()
            .flat_map(|priority| [*priority; 2])
            .map(|priority| {
                let stop = Arc::clone(&stop);
                runtime.task().priority(priority).spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        yield_now().await;
                    }
                })
            })
            .collect();
        // Also what comes from outside, and what others spawn.
        for priority in ALL {
            for _ in 0..times(20) {
                let spawned = runtime.task().priority(priority).spawn(async move {
                    spawn(async {}).await.unwrap();
                });
                spawned.join().unwrap();
            }
        }
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|task| task.join().unwrap());
        works_on(&runtime);
    });
}

/// Fails if what a task costs does not decide where it is queued.
#[test]
fn a_task_that_computes_for_long_runs_behind_what_is_queued() {
    watch(|| {
        let (short, long) = (Duration::from_micros(49), Duration::from_micros(50));
        for (cost, expected) in [(None, "second"), (Some(short), "second"), (Some(long), "first")] {
            let runtime = one_worker();
            let (ran, order) = mpsc::channel();
            let spawning = runtime.spawn(async move {
                let also = ran.clone();
                let first = spawn(async move { also.send("first").unwrap() });
                let builder = moirai_runtime::task();
                let builder = match cost {
                    Some(cost) => builder.estimated_cost(cost),
                    None => builder,
                };
                let second = builder.spawn(async move { ran.send("second").unwrap() });
                first.await.unwrap();
                second.await.unwrap();
            });
            spawning.join().unwrap();
            assert_eq!(order.recv().unwrap(), expected, "{cost:?}");
        }
    });
}

/// Fails if nobody is woken for it: its spawner computes until it has run, and the watcher does not
/// look.
#[test]
fn a_task_that_computes_for_long_is_another_workers_at_once() {
    watch(|| {
        let builder = Runtime::builder().worker_threads(2).stall_after(Duration::MAX);
        let runtime = builder.build().unwrap();
        let spawning = runtime.spawn(async {
            let builder = moirai_runtime::task().estimated_cost(Duration::from_millis(1));
            let child = builder.spawn(async {});
            while !child.is_finished() {
                std::hint::spin_loop();
            }
        });
        spawning.join().unwrap();
    });
}

/// Each of the handle's ways to spawn, and the builder's.
#[test]
fn a_task_knows_where_it_was_spawned() {
    watch(|| {
        let place = || TaskContext::current().unwrap().spawned_at();
        let line = |task: TaskHandle<Option<&std::panic::Location<'static>>>| {
            let place = task.join().unwrap()?;
            assert!(place.file().ends_with("priority.rs"));
            Some(place.line())
        };
        let runtime = one_worker();
        assert_eq!(line(runtime.spawn(async move { place() })), None);
        let here = line!() + 1;
        assert_eq!(line(runtime.task().name("here").spawn(async move { place() })), Some(here));
        let builder = Runtime::builder().task_metering(Metering::Counts);
        let runtime = builder.worker_threads(1).build().unwrap();
        let here = line!() + 1;
        assert_eq!(line(runtime.spawn(async move { place() })), Some(here));
        assert_eq!(line(runtime.spawn_parallel(place)), Some(here + 1));
        assert_eq!(line(runtime.spawn_blocking(place)), Some(here + 2));
        assert_eq!(line(runtime.spawn_on(0, async move { place() })), Some(here + 3));
    });
}

#[test]
fn tasks_of_every_priority_end_with_their_runtime() {
    watch(|| {
        let runtime = one_worker();
        let (release, _held) = hold(&runtime);
        let tasks = ALL.map(|priority| runtime.task().priority(priority).spawn(async {}));
        let idle = ALL.map(|priority| {
            runtime.task().priority(priority).name("idle").spawn(std::future::pending::<()>())
        });
        drop(release);
        runtime.shutdown();
        for task in tasks.into_iter().chain(idle) {
            assert!(task.is_finished());
        }
    });
}

#[test]
fn a_task_knows_its_name_and_its_priority() {
    watch(|| {
        for metering in [Metering::Off, Metering::Counts] {
            let runtime = Runtime::builder().task_metering(metering).build().unwrap();
            let about = || {
                let context = TaskContext::current().unwrap();
                (context.id(), context.name().map(str::to_owned), context.priority())
            };
            let builder = || runtime.task().name("tick").priority(Priority::High);
            let tasks = [
                builder().spawn(async move { about() }),
                builder().spawn_parallel(about),
                builder().spawn_blocking(about),
                builder().name(String::from("tick")).spawn(async move {
                    // What is joined in place has a context of its own.
                    let inner = spawn(async move { about() });
                    let id = inner.id();
                    assert_eq!(inner.join().unwrap(), (id, None, Priority::Normal));
                    about()
                }),
            ];
            for task in tasks {
                let metered = task.metrics().is_some();
                assert_eq!(metered, metering != Metering::Off);
                let id = task.id();
                assert_eq!(task.join().unwrap(), (id, Some("tick".to_owned()), Priority::High));
            }
            assert!(TaskContext::current().is_none());
        }
    });
}

/// What a worker takes up of a scope or a broadcast is no task, and is not taken for one.
#[test]
fn a_part_of_other_work_has_no_context_of_its_own() {
    watch(|| {
        let runtime = Runtime::builder().worker_threads(2).build().unwrap();
        let none = || TaskContext::current().is_none();
        runtime.block_on(async {
            assert_eq!(broadcast(|_| none()), [true, true]);
            let ran = AtomicBool::new(false);
            scope(|scope| {
                // The owner is here until a worker has come.
                scope.spawn(|_| {
                    assert!(none());
                    ran.store(true, Ordering::Release);
                });
                while !ran.load(Ordering::Acquire) {
                    std::thread::yield_now();
                }
            });
            assert!(none());
        });
    });
}
