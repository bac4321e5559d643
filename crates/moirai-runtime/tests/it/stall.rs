//! A task that does not come back, and told nobody: the others go on, and it is named.

use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use moirai_runtime::{
    Activity, Builder, Metering, Relief, Runtime, Stall, block_in_place, sleep, spawn,
};
use moirai_sync::channel;

use crate::{AtDrop, runtime, watch, works_on};

/// A runtime and what it reports.
fn reporting(builder: Builder) -> (Runtime, Receiver<Stall>) {
    let (report, stalls) = mpsc::channel();
    let runtime = builder
        .stall_after(Duration::from_millis(2))
        .on_stall(move |stall| drop(report.send(stall.clone())))
        .build()
        .unwrap();
    (runtime, stalls)
}

fn one_worker() -> Builder {
    Runtime::builder().worker_threads(1)
}

/// Fails without the watcher: every worker waits, and nobody runs what they wait for.
#[test]
fn tasks_that_block_in_foreign_calls_do_not_stop_what_they_wait_for() {
    // Miri does not tell who waits from who computes, of whom there may be so many.
    let each = if cfg!(miri) { 1 } else { 3 };
    for workers in [1, 2, 4] {
        watch(move || {
            let runtime = runtime(workers);
            let (senders, tasks): (Vec<_>, Vec<_>) = (0..workers * each)
                .map(|i| {
                    let (sender, receiver) = mpsc::channel();
                    (sender, runtime.spawn(async move { receiver.recv().unwrap() + i }))
                })
                .unzip();
            let last = runtime.spawn(async move {
                senders.iter().for_each(|sender| sender.send(100).unwrap());
            });
            last.join().unwrap();
            for (i, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.join().unwrap(), 100 + i);
            }
            works_on(&runtime);
        });
    }
}

/// While its worker is held, the watcher waits in the driver, and then wakes the worker to take that
/// place. Fails, where another processor is idle, if it takes the place again before the worker can: the
/// two would wake each other for ever.
#[test]
fn a_runtime_without_work_comes_to_rest() {
    watch(|| {
        let wakes = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&wakes);
        let builder = one_worker().on_thread_unpark(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let runtime = builder.build().unwrap();
        let held = Duration::from_millis(20);
        runtime.spawn(async move { std::thread::sleep(held) }).join().unwrap();
        let mut before = None;
        // Far longer than the watcher's ticks.
        while before != Some(wakes.load(Ordering::Relaxed)) {
            before = Some(wakes.load(Ordering::Relaxed));
            std::thread::sleep(Duration::from_millis(100));
        }
        let wakes = wakes.load(Ordering::Relaxed);
        assert!(wakes < 50, "the worker woke {wakes} times for one task");
    });
}

/// Fails if the watcher leaves alone what lies in a next-task slot.
#[test]
fn what_a_task_woke_before_it_blocked_runs_elsewhere() {
    for workers in [1, 2] {
        watch(move || {
            let runtime = runtime(workers);
            let task = runtime.spawn(async {
                let (sender, receiver) = mpsc::channel();
                spawn(async move { sender.send(7) }).detach();
                receiver.recv().unwrap()
            });
            assert_eq!(task.join().unwrap(), 7);
        });
    }
}

#[test]
fn tasks_that_spin_do_not_stop_what_they_wait_for() {
    for workers in [1, 2, 4] {
        watch(move || {
            let runtime = runtime(workers);
            let stop = Arc::new(AtomicBool::new(false));
            let tasks: Vec<_> = (0..workers)
                .map(|_| {
                    let stop = Arc::clone(&stop);
                    runtime.spawn(async move {
                        while !stop.load(Ordering::Relaxed) {
                            std::hint::spin_loop();
                        }
                    })
                })
                .collect();
            runtime.spawn(async move { stop.store(true, Ordering::Relaxed) }).join().unwrap();
            tasks.into_iter().for_each(|task| task.join().unwrap());
            works_on(&runtime);
        });
    }
}

/// Nothing is queued, so no permit is lent. Fails if the watcher does not wait in the driver.
#[test]
fn timers_of_other_threads_fire_while_every_worker_blocks() {
    watch(|| {
        let runtime = runtime(1);
        let (sender, receiver) = mpsc::channel();
        let task = runtime.spawn(async move { receiver.recv().unwrap() });
        for _ in 0..3 {
            runtime.block_on(sleep(Duration::from_millis(3)));
        }
        sender.send(()).unwrap();
        task.join().unwrap();
    });
}

#[test]
fn timers_fire_while_every_worker_blocks() {
    for workers in [1, 2] {
        watch(move || {
            let runtime = runtime(workers);
            let tasks: Vec<_> = (0..workers)
                .map(|_| {
                    runtime.spawn(async {
                        let (sender, receiver) = mpsc::channel();
                        spawn(async move {
                            for _ in 0..3 {
                                sleep(Duration::from_millis(1)).await;
                            }
                            sender.send(()).unwrap();
                        })
                        .detach();
                        receiver.recv().unwrap();
                    })
                })
                .collect();
            tasks.into_iter().for_each(|task| task.join().unwrap());
        });
    }
}

#[test]
fn a_blocked_task_is_reported_with_its_type_and_where_it_was_spawned() {
    watch(|| {
        let (runtime, stalls) = reporting(one_worker().task_metering(Metering::Counts));
        let (sender, receiver) = mpsc::channel();
        let line = line!() + 1;
        let task = runtime.spawn(async move { receiver.recv().unwrap() });
        let Stall::Task { task: name, spawned_at, activity, lasted, relief, .. } =
            stalls.recv().unwrap()
        else {
            panic!("a task was blocked");
        };
        let spawned_at = spawned_at.unwrap();
        assert!(name.contains("a_blocked_task_is_reported"), "{name}");
        assert!(spawned_at.file().ends_with("stall.rs"), "{spawned_at}");
        assert_eq!(spawned_at.line(), line);
        assert!(lasted >= Duration::from_millis(2), "{lasted:?}");
        assert_eq!(relief, Relief::NotNeeded);
        if cfg!(all(target_os = "linux", not(miri))) {
            assert_eq!(activity, Activity::Blocked);
        }
        assert_eq!(runtime.handle().metrics().stalls, 1);
        sender.send(()).unwrap();
        task.join().unwrap();
        assert!(stalls.try_recv().is_err(), "once for each poll");
    });
}

/// Also without metering. A name that was made at run time may be gone when it is read, so it is not
/// shown.
#[test]
fn a_stalled_task_is_called_by_its_name() {
    watch(|| {
        let (runtime, stalls) = reporting(one_worker());
        for (shown, name) in [(Some("tick"), "tick".into()), (None, format!("tick {}", 1).into())] {
            let name: std::borrow::Cow<'static, str> = name;
            let (sender, receiver) = mpsc::channel();
            let task = runtime.task().name(name).spawn(async move { receiver.recv().unwrap() });
            let stall = stalls.recv().unwrap();
            let Stall::Task { name, spawned_at, .. } = stall else { panic!("a task was blocked") };
            assert_eq!(name, shown);
            assert!(spawned_at.is_some_and(|at| at.file().ends_with("stall.rs")));
            assert_eq!(stall.to_string().contains("`tick`"), shown.is_some(), "{stall}");
            sender.send(()).unwrap();
            task.join().unwrap();
        }
    });
}

#[test]
fn a_task_that_computes_is_told_from_one_that_waits() {
    watch(|| {
        let (runtime, stalls) = reporting(one_worker());
        let stop = Arc::new(AtomicBool::new(false));
        let task = runtime.spawn({
            let stop = Arc::clone(&stop);
            async move { while !stop.load(Ordering::Relaxed) {} }
        });
        let Stall::Task { activity, spawned_at, .. } = stalls.recv().unwrap() else {
            panic!("a task was blocked");
        };
        // A machine that gives the thread no time makes it look blocked.
        assert!(matches!(activity, Activity::Spinning | Activity::Blocked | Activity::Unknown));
        assert!(spawned_at.is_none(), "nobody asked to note it");
        stop.store(true, Ordering::Relaxed);
        task.join().unwrap();
    });
}

/// A closure on the workers may take its time, and a job on the blocking pool its own thread.
#[test]
fn only_futures_are_reported() {
    watch(|| {
        let (runtime, stalls) = reporting(one_worker());
        let (sender, receiver) = mpsc::channel::<()>();
        let closure = runtime.spawn_parallel(move || receiver.recv());
        // It waits behind the closure, so the watcher has acted when it runs. No future, for one that the
        // machine gives no time is reported.
        runtime.spawn_parallel(|| ()).join().unwrap();
        drop(sender);
        closure.join().unwrap().unwrap_err();
        let job = runtime.spawn_blocking(|| std::thread::sleep(Duration::from_millis(10)));
        job.join().unwrap();
        assert_eq!(runtime.handle().metrics().stalls, 0);
        assert!(stalls.try_recv().is_err());
    });
}

/// One thread more than there are permits computes, and no two: else a thousand long tasks would
/// make a thousand threads.
#[test]
fn as_many_more_threads_compute_as_there_are_permits() {
    watch(|| {
        let (runtime, stalls) = reporting(one_worker());
        let stop = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let stop = Arc::clone(&stop);
                runtime.spawn(async move { while !stop.load(Ordering::Relaxed) {} })
            })
            .collect();
        let mut lent = 0;
        for stall in stalls.iter() {
            match stall {
                Stall::Task { relief: Relief::Refused, .. } => break,
                Stall::Task { activity: Activity::Spinning, relief, .. } => {
                    lent += u32::from(relief == Relief::Lent);
                }
                // The machine gives the thread no time, or does not say: there is nothing to see.
                _ => break,
            }
            assert!(lent <= 1);
        }
        stop.store(true, Ordering::Relaxed);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        works_on(&runtime);
    });
}

/// At the bound, and one above it.
#[test]
fn tasks_that_block_on_every_thread_there_may_be_are_reported() {
    for spares in [0, 1, 3] {
        watch(move || {
            let (runtime, stalls) = reporting(one_worker().spare_threads(spares));
            let (sender, receiver) = channel::bounded::<()>(1);
            let (begin, begun) = mpsc::channel();
            let blocked: Vec<_> = (0..=spares)
                .map(|_| {
                    let (receiver, begin) = (receiver.clone(), begin.clone());
                    runtime.spawn(async move {
                        begin.send(()).unwrap();
                        receiver.recv()
                    })
                })
                .collect();
            // One that was queued behind another that blocks may come after what is spawned later.
            blocked.iter().for_each(|_| begun.recv().unwrap());
            let mut waiting = runtime.spawn(async { 7 });
            let threads = stalls.iter().find_map(|stall| match stall {
                Stall::Threads { threads, .. } => Some(threads),
                _ => None,
            });
            assert_eq!(threads, Some(1 + spares));
            assert!(waiting.try_join().is_none());
            drop(sender);
            blocked.into_iter().for_each(|task| assert!(task.join().unwrap().is_err()));
            assert_eq!(waiting.join().unwrap(), 7);
            works_on(&runtime);
        });
    }
}

/// There is one thread, and it waits. Fails if nobody is told of a task that waits for the worker which
/// that thread was, or if somebody is told while none does.
#[test]
fn a_task_for_a_worker_that_no_thread_can_be_is_reported_and_none_is_not() {
    watch(|| {
        let builder = one_worker().spare_threads(0).stall_after(Duration::from_millis(1));
        let (runtime, stalls) = reporting(builder);
        let (begin, begun) = mpsc::channel();
        let (sender, receiver) = channel::bounded::<()>(1);
        let blocked = runtime.spawn(async move {
            begin.send(()).unwrap();
            receiver.recv()
        });
        begun.recv().unwrap();
        // Whoever is to say nothing has the time to say it. Of the task there may be a word, where the
        // machine gave it no time to come to its wait.
        let end = Instant::now() + Duration::from_millis(30);
        let reported = std::iter::from_fn(|| {
            stalls.recv_timeout(end.saturating_duration_since(Instant::now())).ok()
        });
        reported.for_each(|stall| assert!(matches!(stall, Stall::Task { .. }), "{stall:?}"));
        let waiting = runtime.spawn_on(0, async { 7 });
        let threads = stalls.iter().find_map(|stall| match stall {
            Stall::Threads { threads, .. } => Some(threads),
            _ => None,
        });
        assert_eq!(threads, Some(1));
        drop(sender);
        assert!(blocked.join().unwrap().is_err());
        assert_eq!(waiting.join().unwrap(), 7);
    });
}

#[test]
fn below_the_bound_nobody_waits_for_a_blocked_task() {
    watch(|| {
        let runtime = one_worker().spare_threads(3).build().unwrap();
        let (sender, receiver) = channel::bounded::<()>(1);
        let blocked: Vec<_> = (0..3)
            .map(|_| {
                let receiver = receiver.clone();
                runtime.spawn(async move { receiver.recv() })
            })
            .collect();
        runtime.spawn(async move { drop(sender) }).join().unwrap();
        blocked.into_iter().for_each(|task| assert!(task.join().unwrap().is_err()));
    });
}

/// Also one whose payload panics when it is dropped.
#[test]
fn a_panic_of_the_callback_ends_nothing() {
    watch(|| {
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        let runtime = one_worker()
            .stall_after(Duration::from_millis(1))
            .on_stall(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
                panic_any(AtDrop::new(|| panic!("again")));
            })
            .build()
            .unwrap();
        for expected in 1..=2 {
            let (sender, receiver) = mpsc::channel();
            let task = runtime.spawn(async move { receiver.recv().unwrap() });
            while calls.load(Ordering::Relaxed) != expected {
                std::thread::yield_now();
            }
            sender.send(()).unwrap();
            task.join().unwrap();
        }
        works_on(&runtime);
    });
}

/// The callback is called on a thread of the runtime, and may end it.
#[test]
fn a_callback_may_drop_the_runtime() {
    watch(|| {
        let kept = Arc::new(Mutex::new(None::<Runtime>));
        let (told, stalled) = mpsc::channel();
        let taken = Arc::clone(&kept);
        let runtime = one_worker()
            .stall_after(Duration::from_millis(1))
            .on_stall(move |_| {
                let runtime = taken.lock().unwrap().take();
                told.send("stalled").unwrap();
                drop(runtime);
                told.send("ended").unwrap();
            })
            .build()
            .unwrap();
        let (sender, receiver) = mpsc::channel::<()>();
        let mut place = kept.lock().unwrap();
        let task = runtime.spawn(async move { receiver.recv() });
        *place = Some(runtime);
        drop(place);
        assert_eq!(stalled.recv(), Ok("stalled"));
        // The end of the runtime waits for the worker, which waits for this.
        drop(sender);
        assert_eq!(stalled.recv(), Ok("ended"));
        drop(task);
    });
}

#[test]
fn block_in_place_lets_the_others_go_on_at_once() {
    watch(|| {
        // Far longer than the watchdog: it is not the watcher who sees to it.
        let runtime = one_worker().stall_after(Duration::MAX).build().unwrap();
        let task = runtime.spawn(async {
            let (sender, receiver) = mpsc::channel();
            let other = spawn(async move { sender.send(3).unwrap() });
            let received = block_in_place(|| receiver.recv().unwrap());
            other.await.unwrap();
            received
        });
        assert_eq!(task.join().unwrap(), 3);
    });
    assert_eq!(block_in_place(|| 4), 4, "on any thread");
}

/// Under load, and while permits change hands: asking takes no lock that the scheduler waits for.
#[test]
fn metrics_may_be_asked_for_all_the_time() {
    watch(|| {
        let runtime = one_worker().stall_after(Duration::from_millis(1)).build().unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let asking: Vec<_> = (0..2)
            .map(|_| {
                let (handle, done) = (runtime.handle().clone(), Arc::clone(&done));
                let ask = move || {
                    let mut asked = 0;
                    while !done.load(Ordering::Relaxed) || asked == 0 {
                        assert!(handle.metrics().idle <= 1);
                        asked += 1;
                    }
                    asked
                };
                (std::thread::spawn(ask.clone()), runtime.spawn_blocking(ask))
            })
            .collect();
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(2));
            runtime.spawn(async { std::thread::sleep(Duration::from_millis(3)) }).join().unwrap();
            works_on(&runtime);
        }
        done.store(true, Ordering::Relaxed);
        for (thread, job) in asking {
            assert!(thread.join().unwrap() > 0);
            assert!(job.join().unwrap() > 0);
        }
    });
}

#[cfg(feature = "tracing")]
#[test]
fn a_stall_is_an_event() {
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    /// Passes the target of each event on.
    struct Targets(Mutex<mpsc::Sender<String>>);

    impl Subscriber for Targets {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().starts_with("moirai")
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            drop(self.0.lock().unwrap().send(event.metadata().target().to_owned()));
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    watch(|| {
        let (send, targets) = mpsc::channel();
        tracing::subscriber::set_global_default(Targets(Mutex::new(send))).unwrap();
        let runtime = runtime(1);
        let (sender, receiver) = mpsc::channel();
        let task = runtime.spawn(async move { receiver.recv().unwrap() });
        assert_eq!(targets.recv().unwrap(), "moirai::stall");
        sender.send(()).unwrap();
        task.join().unwrap();
    });
}

/// What has come back from a stall, without a permit by then, goes on.
#[test]
fn tasks_that_stall_again_and_again_lose_no_permit() {
    watch(|| {
        let runtime = Runtime::builder()
            .worker_threads(2)
            .stall_after(Duration::from_millis(1))
            .build()
            .unwrap();
        let tasks: Vec<_> = (0..12)
            .map(|i| {
                runtime.spawn(async move {
                    for turn in 0..4 {
                        std::thread::sleep(Duration::from_millis(1 + (i + turn) % 5));
                        sleep(Duration::from_micros(100 * (i % 3))).await;
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        // As many as there are permits compute at once.
        let started = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let started = Arc::clone(&started);
                runtime.spawn_parallel(move || {
                    started.fetch_add(1, Ordering::Relaxed);
                    while started.load(Ordering::Relaxed) != 2 {}
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        while runtime.handle().metrics().idle != 2 {
            std::thread::yield_now();
        }
    });
}
