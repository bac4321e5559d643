//! Tasks by their names: how they stand, and their end.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use moirai_runtime::{
    BuildError, Runtime, SpawnFailed, TaskContext, TaskError, TaskHandle, TaskId, TaskStatus,
    yield_now,
};

use crate::{AtDrop, Random, no_task_is_left, runtime, watch, works_on};

/// One worker that nobody stands in for, which remembers so many.
fn retaining(tasks: usize) -> Runtime {
    let builder = Runtime::builder().worker_threads(1).stall_after(Duration::MAX);
    builder.task_retention(tasks).build().unwrap()
}

/// Waits until the worker has nothing to run.
fn rests(runtime: &Runtime) {
    while runtime.handle().metrics().idle == 0 {
        std::thread::yield_now();
    }
}

fn ends<T>(handle: &TaskHandle<T>) {
    while !handle.is_finished() {
        std::thread::yield_now();
    }
}

/// Each status, of tasks of each kind; those of ended ones also when nothing is left of the task.
/// Fails if the outcome is not in the state word, or if the words are not told apart.
#[test]
fn a_task_is_queued_running_waiting_completed_cancelled_panicked_or_refused() {
    watch(|| {
        let runtime = retaining(100);
        let status = |id| runtime.task_status(id);
        let (started, is_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let running = runtime.spawn(async move {
            started.send(()).unwrap();
            released.recv().unwrap_err();
        });
        let queued = runtime.spawn(async {});
        is_started.recv().unwrap();
        assert_eq!(status(running.id()), TaskStatus::Running);
        assert_eq!(status(queued.id()), TaskStatus::Queued);
        drop(release);
        let panicked = runtime.spawn_parallel(|| panic!("on purpose"));
        let blocking = runtime.spawn_blocking(|| ());
        let waiting = runtime.spawn(pending::<()>());
        // It keeps no waker, and is dropped once its handle is.
        let abandoned = runtime.spawn(pending::<()>());
        let refused = runtime.task().worker(7).spawn(async {});
        ends(&running);
        ends(&queued);
        ends(&panicked);
        ends(&blocking);
        rests(&runtime);
        let ids = [
            (running.id(), TaskStatus::Completed),
            (queued.id(), TaskStatus::Completed),
            (blocking.id(), TaskStatus::Completed),
            (panicked.id(), TaskStatus::Panicked),
            (refused.id(), TaskStatus::Refused),
            (waiting.id(), TaskStatus::Waiting),
            (abandoned.id(), TaskStatus::Waiting),
        ];
        let check = |ids: &[(TaskId, TaskStatus)]| {
            for &(id, expected) in ids {
                assert_eq!(status(id), expected, "{id}");
                assert_eq!(status(id).has_ended(), expected != TaskStatus::Waiting);
            }
        };
        check(&ids);
        let [ended @ .., (waiting_id, _), (abandoned_id, _)] = ids;
        waiting.cancel();
        ends(&waiting);
        drop(abandoned);
        assert_eq!(status(waiting_id), TaskStatus::Cancelled);
        running.join().unwrap();
        queued.join().unwrap();
        blocking.join().unwrap();
        panicked.join().unwrap_err();
        waiting.join().unwrap_err();
        let refusal = refused.join();
        assert!(matches!(
            refusal,
            Err(TaskError::SpawnFailed(SpawnFailed::NoSuchWorker { worker: 7, .. }))
        ));
        no_task_is_left(&runtime);
        // From memory.
        check(&ended);
        check(&[(waiting_id, TaskStatus::Cancelled), (abandoned_id, TaskStatus::Cancelled)]);
        drop(runtime);
    });
}

/// What a task asks of itself, and of what its runtime has told it.
#[test]
fn a_task_that_asks_for_itself_runs() {
    watch(|| {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        let task = runtime.spawn(async move {
            let id = TaskContext::current().unwrap().id();
            let before = handle.task_status(id);
            // At its next scheduling point.
            let asked = handle.cancel_task(id);
            (before, asked)
        });
        assert_eq!(task.join().unwrap(), (TaskStatus::Running, TaskStatus::Running));
        let handle = runtime.handle().clone();
        let task = runtime.spawn(async move {
            let id = TaskContext::current().unwrap().id();
            handle.cancel_task(id);
            yield_now().await;
        });
        assert!(matches!(task.join(), Err(TaskError::Cancelled)));
    });
}

/// A task that is cancelled by its name drops its future, whatever it does: queued, waiting, or
/// running.
#[test]
fn a_task_is_cancelled_by_its_name_wherever_it_is() {
    watch(|| {
        let runtime = retaining(0);
        let dropped = Arc::new(AtomicUsize::new(0));
        let counted = || {
            let dropped = Arc::clone(&dropped);
            AtDrop::new(move || _ = dropped.fetch_add(1, Ordering::SeqCst))
        };
        let (started, is_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let guard = counted();
        let running = runtime.spawn(async move {
            let _guard = guard;
            started.send(()).unwrap();
            released.recv().unwrap_err();
            pending::<()>().await;
        });
        is_started.recv().unwrap();
        let guard = counted();
        let queued = runtime.spawn(async move { drop(guard) });
        assert_eq!(runtime.cancel_task(running.id()), TaskStatus::Running);
        assert_eq!(runtime.cancel_task(queued.id()), TaskStatus::Queued);
        drop(release);
        assert!(matches!(running.join(), Err(TaskError::Cancelled)));
        assert!(matches!(queued.join(), Err(TaskError::Cancelled)));
        let guard = counted();
        let waiting = runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        rests(&runtime);
        assert!(!runtime.cancel_task(waiting.id()).has_ended() || waiting.is_finished());
        assert!(matches!(waiting.join(), Err(TaskError::Cancelled)));
        assert_eq!(dropped.load(Ordering::SeqCst), 3);
        works_on(&runtime);
    });
}

/// Fails if the generation in the name is not compared with that of the cell.
#[test]
fn an_old_name_never_means_a_new_task() {
    watch(|| {
        let runtime = retaining(0);
        let old = runtime.spawn(async { 1 });
        let name = old.id();
        old.join().unwrap();
        no_task_is_left(&runtime);
        let cell = |name: TaskId| name.as_u64() >> 16;
        // Whoever frees a cell, in the end it is given out again.
        let new = loop {
            let task = runtime.spawn(pending::<i32>());
            if cell(task.id()) == cell(name) {
                break task;
            }
        };
        assert_ne!(new.id(), name);
        assert_eq!(runtime.task_status(name), TaskStatus::Unknown);
        assert_eq!(runtime.cancel_task(name), TaskStatus::Unknown);
        rests(&runtime);
        assert!(!new.is_finished());
    });
}

/// A cell that has a chunk of its own, for its size or its alignment.
#[test]
fn a_task_of_any_size_has_a_name() {
    #[derive(Clone, Copy)]
    #[repr(align(1024))]
    struct Aligned;

    /// Beyond what a name can say of a cell's place.
    #[repr(align(65_536))]
    struct Far;

    /// Frames are as strictly aligned as what is in them.
    const STACK_BYTES: usize = 32 << 20;

    watch(|| {
        let builder = Runtime::builder().worker_threads(1).stall_after(Duration::MAX);
        let runtime = builder.task_retention(10).thread_stack_bytes(STACK_BYTES).build().unwrap();
        let (large, aligned) = ([0_u8; 6000], Aligned);
        let large = runtime.spawn(async move {
            pending::<()>().await;
            large
        });
        let aligned = runtime.spawn(async move {
            pending::<()>().await;
            aligned
        });
        let far = std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
            let spawn = || {
                runtime.spawn(async {
                    pending::<()>().await;
                    Far
                })
            };
            builder.spawn_scoped(scope, spawn).unwrap().join().unwrap()
        });
        rests(&runtime);
        let names = [large.id(), aligned.id(), far.id()];
        assert_eq!(runtime.handle().task_pool().solo_tasks, 3);
        assert!(names.iter().all(|&name| runtime.task_status(name) == TaskStatus::Waiting));
        names.into_iter().for_each(|name| _ = runtime.cancel_task(name));
        assert!(matches!(large.join(), Err(TaskError::Cancelled)));
        assert!(matches!(aligned.join(), Err(TaskError::Cancelled)));
        // The result is as large as the task.
        while !far.is_finished() {
            std::thread::yield_now();
        }
        drop(far);
        no_task_is_left(&runtime);
        assert!(names.iter().all(|&name| runtime.task_status(name) == TaskStatus::Cancelled));
    });
}

#[test]
fn the_name_of_another_runtimes_task_is_unknown() {
    watch(|| {
        let (one, other) = (runtime(1), runtime(1));
        let task = one.spawn(pending::<()>());
        assert_eq!(other.cancel_task(task.id()), TaskStatus::Unknown);
        assert!(!task.is_finished());
        let name = task.id();
        drop(one);
        // Its handle keeps it.
        assert_eq!(other.task_status(name), TaskStatus::Unknown);
        task.join().unwrap_err();
    });
}

/// The task after a shutdown, whose runtime only its handle is left of.
#[test]
fn a_name_outlives_its_runtime() {
    watch(|| {
        let runtime = retaining(10);
        let (handle, task) = (runtime.handle().clone(), runtime.spawn(pending::<()>()));
        let name = task.id();
        drop(runtime);
        assert_eq!(handle.task_status(name), TaskStatus::Cancelled);
        assert_eq!(handle.cancel_task(name), TaskStatus::Cancelled);
        task.join().unwrap_err();
        assert_eq!(handle.task_status(name), TaskStatus::Cancelled);
        let late = handle.spawn(async {});
        let name = late.id();
        late.join().unwrap_err();
        assert_eq!(handle.task_status(name), TaskStatus::Refused);
    });
}

/// Fails if the ring is not bounded, or if it forgets any but the oldest.
#[test]
fn as_many_ended_tasks_are_remembered_as_the_builder_says() {
    watch(|| {
        for retained in [0, 1, 7] {
            let runtime = retaining(retained);
            let names: Vec<_> = (0..20)
                .map(|n| {
                    let task = runtime.spawn(async move { n });
                    let name = task.id();
                    task.join().unwrap();
                    name
                })
                .collect();
            no_task_is_left(&runtime);
            let known: Vec<_> = names.iter().map(|&name| runtime.task_status(name)).collect();
            let (forgotten, last) = known.split_at(20 - retained);
            assert!(forgotten.iter().all(|status| *status == TaskStatus::Unknown), "{known:?}");
            assert!(last.iter().all(|status| *status == TaskStatus::Completed), "{known:?}");
        }
    });
}

#[test]
fn as_many_may_be_remembered_as_the_limit_says_and_not_one_more() {
    let build = |tasks| Runtime::builder().worker_threads(1).task_retention(tasks).build();
    assert!(build(1 << 20).is_ok());
    let refused = build((1 << 20) + 1).unwrap_err();
    assert!(
        matches!(refused, BuildError::OutOfRange { option: "task_retention", max: 1_048_576, .. }),
        "{refused}"
    );
}

/// Tasks end while others ask for them and cancel them by name. Each is one of what it may be at every
/// moment, never unknown, and what is told in the end is what the handle says.
#[test]
fn whoever_asks_while_tasks_end_is_told_the_truth() {
    watch(|| {
        let mut random = Random::seeded();
        let runtime = Runtime::builder().worker_threads(2).task_retention(TASKS).build().unwrap();
        let (names, asked) = mpsc::channel::<TaskId>();
        let over = Arc::new(AtomicBool::new(false));
        let asker = std::thread::spawn({
            let (handle, over, mut random) =
                (runtime.handle().clone(), Arc::clone(&over), random.fork());
            move || {
                let (mut known, mut cancelled) = (Vec::new(), 0);
                while !over.load(Ordering::Relaxed) {
                    known.extend(asked.try_iter());
                    if known.is_empty() {
                        std::thread::yield_now();
                        continue;
                    }
                    let name = known[random.below(known.len() as u64) as usize];
                    let status = match random.below(4) {
                        0 => handle.cancel_task(name),
                        _ => handle.task_status(name),
                    };
                    assert_ne!(status, TaskStatus::Unknown);
                    cancelled += usize::from(status == TaskStatus::Cancelled);
                }
                cancelled
            }
        });
        let mut tasks = Vec::new();
        for _ in 0..TASKS {
            let mut polls = random.below(5);
            let ends = random.below(8);
            let task = runtime.spawn(poll_fn(move |cx| {
                cx.waker().wake_by_ref();
                match (polls, ends) {
                    (0, 0) => panic_quietly(),
                    (0, _) => return Poll::Ready(()),
                    _ => polls -= 1,
                }
                Poll::Pending
            }));
            names.send(task.id()).unwrap();
            tasks.push(task);
            if random.below(16) == 0 {
                let task = tasks.swap_remove(random.below(tasks.len() as u64) as usize);
                check(&runtime, task);
            }
        }
        tasks.into_iter().for_each(|task| check(&runtime, task));
        over.store(true, Ordering::Relaxed);
        eprintln!("{} times a cancelled task was met", asker.join().unwrap());
        works_on(&runtime);
    });

    fn check(runtime: &Runtime, task: TaskHandle<()>) {
        let name = task.id();
        let expected = match task.join() {
            Ok(()) => TaskStatus::Completed,
            Err(TaskError::Cancelled) => TaskStatus::Cancelled,
            Err(TaskError::Panicked(_)) => TaskStatus::Panicked,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(runtime.task_status(name), expected);
    }

    const TASKS: usize = if cfg!(miri) { 50 } else { 2000 };
}

/// Without the hook's message.
fn panic_quietly() {
    std::panic::resume_unwind(Box::new("on purpose"));
}
