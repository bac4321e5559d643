//! Every option of the builder changes something that can be seen, and no hook harms anybody.

use std::panic::panic_any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use moirai_runtime::{
    Affinity, BuildError, Builder, Metering, Priority, Runtime, SpawnFailed, Stall, TaskContext,
    TaskError, TaskId, TaskStatus, Topology,
};

use moirai_runtime::deque::StealStrategy;

use crate::homes::worker;
use crate::placement::processors;
use crate::{AtDrop, times, watch, works_on};

/// The options, each with what shows that it acts.
const OPTIONS: &[(&str, fn())] = &[
    ("worker_threads", worker_threads),
    ("topology", topology),
    ("affinity", affinity),
    ("current_thread", current_thread),
    ("spare_threads", spare_threads),
    ("blocking_threads", blocking_threads),
    ("blocking_queue_depth", blocking_queue_depth),
    ("blocking_idle_timeout", blocking_idle_timeout),
    ("thread_stack_bytes", thread_stack_bytes),
    ("blocking_stack_bytes", blocking_stack_bytes),
    ("task_pool_kept_bytes", task_pool_kept_bytes),
    ("steal", steal),
    ("thread_per_core", thread_per_core),
    ("poll_between_forks", poll_between_forks),
    ("task_metering", task_metering),
    ("task_retention", task_retention),
    ("stall_after", stall_after),
    ("on_stall", stall_after),
    ("on_thread_start", threads_start_and_stop),
    ("on_thread_stop", threads_start_and_stop),
    ("on_thread_park", workers_park_and_unpark),
    ("on_thread_unpark", workers_park_and_unpark),
    ("on_task_spawn", tasks_begin_and_end),
    ("on_task_end", tasks_begin_and_end),
    ("name", name),
];

#[test]
fn every_option_acts() {
    for (option, acts) in OPTIONS {
        eprintln!("{option}");
        watch(acts);
    }
}

/// The table above against the builder's text.
#[test]
fn no_option_is_without_a_test() {
    let text = include_str!("../../src/builder.rs");
    let mut offered: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub fn "))
        .filter(|method| method.contains("(mut self"))
        .filter_map(|method| method.split('(').next())
        .collect();
    let mut tested: Vec<_> = OPTIONS.iter().map(|(option, _)| *option).collect();
    offered.sort_unstable();
    tested.sort_unstable();
    assert_eq!(offered, tested);
}

fn builder() -> Builder {
    Runtime::builder().worker_threads(1)
}

fn worker_threads() {
    let runtime = Runtime::builder().worker_threads(3).build().unwrap();
    assert_eq!(runtime.handle().metrics().worker_threads, 3);
    let barrier = Arc::new(Barrier::new(3));
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let barrier = Arc::clone(&barrier);
            runtime.spawn_parallel(move || barrier.wait().is_leader())
        })
        .collect();
    let leaders = tasks.into_iter().filter_map(|task| task.join().ok()).filter(|leader| *leader);
    assert_eq!(leaders.count(), 1);
}

fn topology() {
    let runtime = Runtime::builder().topology(Topology::synthetic(2, 2)).build().unwrap();
    let metrics = runtime.handle().metrics();
    assert_eq!(metrics.worker_threads, 4);
    assert!(metrics.workers.iter().map(|worker| worker.domain).eq([0, 0, 1, 1]));
    for (nodes, cores) in [(0, 1), (1, 0), (1 << 16, 2), (usize::MAX, usize::MAX)] {
        let nonsense = Runtime::builder().topology(Topology::synthetic(nodes, cores)).build();
        assert!(matches!(nonsense, Err(BuildError::OutOfRange { option: "topology", .. })));
    }
}

/// Where the system says where a thread may run; elsewhere the option has no effect.
fn affinity() {
    for affinity in [Affinity::Cores, Affinity::Numa] {
        let builder = builder().topology(Topology::synthetic(1, 1)).affinity(affinity);
        let runtime = builder.build().unwrap();
        works_on(&runtime);
        if cfg!(all(target_os = "linux", not(miri))) {
            let bound = runtime.spawn_parallel(processors).join().unwrap();
            assert_eq!(bound, processors()[..1], "{affinity:?}");
        }
    }
}

fn current_thread() {
    let runtime = builder().current_thread().build().unwrap();
    let task = runtime.spawn(async { std::thread::current().id() });
    assert_eq!(runtime.block_on(task).unwrap(), std::thread::current().id());
}

fn spare_threads() {
    let runtime = builder().spare_threads(0).stall_after(Duration::MAX).build().unwrap();
    let (sender, receiver) = moirai_sync::channel::bounded::<()>(1);
    let blocked = runtime.spawn(async move { receiver.recv() });
    let mut waiting = runtime.spawn(async {});
    let result = waiting.join_timeout(Duration::from_millis(5));
    assert!(matches!(result, Err(TaskError::ExecutionTimeout)));
    drop(sender);
    blocked.join().unwrap().unwrap_err();
    waiting.join().unwrap();
    assert_eq!(runtime.handle().metrics().workers.len(), 1);
}

fn blocking_threads() {
    let runtime = builder().blocking_threads(2).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let jobs: Vec<_> = (0..5)
        .map(|_| {
            let released = Arc::clone(&released);
            runtime.spawn_blocking(move || released.lock().unwrap().recv().unwrap_err())
        })
        .collect();
    // One thread starts the next.
    while runtime.handle().metrics().blocking.threads < 2 {
        std::thread::yield_now();
    }
    assert_eq!(runtime.handle().metrics().blocking.threads, 2);
    drop(release);
    jobs.into_iter().for_each(|job| {
        job.join().unwrap();
    });
}

fn blocking_queue_depth() {
    let runtime = builder().blocking_threads(1).blocking_queue_depth(1).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let running = runtime.spawn_blocking(move || released.recv().unwrap_err());
    let queued = runtime.spawn_blocking(|| ());
    let refused = runtime.spawn_blocking(|| ()).join();
    assert!(
        matches!(refused, Err(TaskError::SpawnFailed(SpawnFailed::QueueFull { limit: 1 }))),
        "{refused:?}"
    );
    drop(release);
    running.join().unwrap();
    queued.join().unwrap();
}

/// It rests for ten seconds unless it is told otherwise.
fn blocking_idle_timeout() {
    let start = Instant::now();
    let runtime = builder().blocking_idle_timeout(Duration::from_millis(1)).build().unwrap();
    runtime.spawn_blocking(|| ()).join().unwrap();
    while runtime.handle().metrics().blocking.threads != 0 {
        std::thread::yield_now();
    }
    let ended = start.elapsed();
    assert!(cfg!(miri) || ended < Duration::from_secs(5), "after {ended:?}");
}

/// Deeper than the default stack of a thread, which is 2 MiB.
fn deep() -> u8 {
    let stack = std::hint::black_box([0_u8; 4 << 20]);
    stack[stack.len() / 2]
}

fn thread_stack_bytes() {
    let runtime = builder().thread_stack_bytes(16 << 20).build().unwrap();
    assert_eq!(runtime.spawn_parallel(deep).join().unwrap(), 0);
}

fn blocking_stack_bytes() {
    let runtime = builder().blocking_stack_bytes(16 << 20).build().unwrap();
    assert_eq!(runtime.spawn_blocking(deep).join().unwrap(), 0);
}

fn task_pool_kept_bytes() {
    let kept = |bytes| {
        let runtime = builder().task_pool_kept_bytes(bytes).build().unwrap();
        let tasks: Vec<_> = (0..times(10_000)).map(|i| runtime.spawn(async move { i })).collect();
        tasks.into_iter().for_each(|task| drop(task.join()));
        runtime.handle().task_pool().kept_chunks
    };
    assert_eq!(kept(0), 0);
    assert!(kept(1 << 30) > 0);
}

/// What a strategy means is tested where it is used: here, that the runtime takes it at all.
fn steal() {
    let runtime = Runtime::builder().worker_threads(2).steal(StealStrategy::One).build().unwrap();
    works_on(&runtime);
    let text = format!("{:?}", Runtime::builder().steal(StealStrategy::Quarter));
    assert!(text.contains("Quarter"), "{text}");
}

/// A task on worker 0 computes while worker 1 comes by, again and again, with nothing else to do.
fn thread_per_core() {
    let children_stay = |builder: Builder| {
        let runtime = builder.worker_threads(2).stall_after(Duration::MAX).build().unwrap();
        let handle = runtime.handle().clone();
        let parent = runtime.spawn_on(0, async move {
            let children = [(); 8].map(|()| moirai_runtime::spawn(async { worker() }));
            let left = || children.iter().all(|child| !child.is_finished());
            let mut visits = if cfg!(miri) { 30 } else { 1000 };
            while left() && visits > 0 {
                let visit = handle.spawn_on(1, async {});
                while !visit.is_finished() {
                    std::thread::yield_now();
                }
                visits -= 1;
            }
            let mut stay = left();
            for child in children {
                stay &= child.await.unwrap() == worker();
            }
            stay
        });
        parent.join().unwrap()
    };
    assert!(children_stay(builder().thread_per_core()));
    assert!(!children_stay(builder()));
}

fn poll_between_forks() {
    let polled_here = |builder: Builder| {
        let runtime = builder.stall_after(Duration::MAX).build().unwrap();
        let computing = runtime.spawn_parallel(|| {
            let (polled, by) = mpsc::channel();
            let current = || std::thread::current().id();
            drop(moirai_runtime::spawn(async move { polled.send(current()).unwrap() }));
            loop {
                moirai_runtime::join(|| (), || ());
                if let Ok(by) = by.try_recv() {
                    return by == current();
                }
            }
        });
        computing.join().unwrap()
    };
    assert!(polled_here(builder().poll_between_forks()));
    assert!(!polled_here(builder()));
}

fn task_metering() {
    let metered = |metering| {
        let runtime = builder().task_metering(metering).build().unwrap();
        let task = runtime.spawn(async {});
        task.metrics().is_some()
    };
    assert!(!metered(Metering::Off) && metered(Metering::Counts));
}

fn task_retention() {
    let remembered = |tasks| {
        let runtime = builder().task_retention(tasks).build().unwrap();
        let task = runtime.spawn(async {});
        let name = task.id();
        task.join().unwrap();
        crate::no_task_is_left(&runtime);
        runtime.task_status(name)
    };
    assert_eq!(remembered(0), TaskStatus::Unknown);
    assert_eq!(remembered(1), TaskStatus::Completed);
}

fn stall_after() {
    const STALL: Duration = Duration::from_millis(50);
    let (report, stalls) = mpsc::channel();
    let runtime = builder()
        .stall_after(STALL)
        .on_stall(move |stall| drop(report.send(stall.clone())))
        .build()
        .unwrap();
    let (release, released) = mpsc::channel::<()>();
    let task = runtime.spawn(async move { released.recv() });
    let stall = stalls.recv().unwrap();
    // Otherwise it is reported after a tenth of that.
    assert!(matches!(stall, Stall::Task { lasted, .. } if lasted >= STALL), "{stall:?}");
    drop(release);
    task.join().unwrap().unwrap_err();
}

/// The threads of workers, of those who stand in for them, and of blocking jobs.
fn threads_start_and_stop() {
    let (starts, stops) = (Threads::default(), Threads::default());
    let (start, stop) = (starts.clone(), stops.clone());
    let runtime = builder()
        .on_thread_start(move || start.note())
        .on_thread_stop(move || stop.note())
        .build()
        .unwrap();
    let (sender, receiver) = moirai_sync::channel::bounded::<()>(1);
    let blocked = runtime.spawn(async move { receiver.recv() });
    runtime.spawn(async move { drop(sender) }).join().unwrap();
    blocked.join().unwrap().unwrap_err();
    runtime.spawn_blocking(|| ()).join().unwrap();
    let started = starts.0.lock().unwrap().clone();
    assert_eq!(started.len(), 3, "a worker, a spare, a blocking thread");
    assert!(stops.0.lock().unwrap().is_empty());
    drop(runtime);
    // Nobody waits for blocking threads.
    while stops.0.lock().unwrap().len() != 3 {
        std::thread::yield_now();
    }
    assert!(started.iter().all(|thread| stops.0.lock().unwrap().contains(thread)));
}

#[derive(Clone, Default)]
struct Threads(Arc<Mutex<Vec<ThreadId>>>);

impl Threads {
    fn note(&self) {
        self.0.lock().unwrap().push(std::thread::current().id());
    }
}

fn count(counter: &AtomicU32) {
    counter.fetch_add(1, Ordering::SeqCst);
}

fn workers_park_and_unpark() {
    let (parks, unparks) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (park, unpark) = (Arc::clone(&parks), Arc::clone(&unparks));
    let runtime = builder()
        .on_thread_park(move || count(&park))
        .on_thread_unpark(move || count(&unpark))
        .build()
        .unwrap();
    for parked in 1..5 {
        // A worker that lies down again has got up before.
        while parks.load(Ordering::SeqCst) < parked {
            std::thread::yield_now();
        }
        runtime.spawn(async {}).join().unwrap();
        assert!(unparks.load(Ordering::SeqCst) >= parked);
    }
}

/// Also tasks that are refused, cancelled, or end with their runtime: what begins ends.
fn tasks_begin_and_end() {
    let alive = Arc::new(Mutex::new(Vec::<(TaskId, Priority)>::new()));
    let (begin, end) = (Arc::clone(&alive), Arc::clone(&alive));
    let ended = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&ended);
    let about = |context: &TaskContext| (context.id(), context.priority());
    let runtime = builder()
        .blocking_threads(1)
        .blocking_queue_depth(1)
        .on_task_spawn(move |context| begin.lock().unwrap().push(about(context)))
        .on_task_end(move |context| {
            let mut alive = end.lock().unwrap();
            let place = alive.iter().position(|task| *task == about(context)).unwrap();
            alive.swap_remove(place);
            count(&counted);
        })
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    let high = runtime.task().priority(Priority::High).spawn(std::future::pending::<()>());
    assert_eq!(*alive.lock().unwrap(), [(high.id(), Priority::High)]);
    high.cancel();
    assert!(matches!(high.join(), Err(TaskError::Cancelled)));
    assert!(alive.lock().unwrap().is_empty(), "it has ended before the join is told");
    runtime.spawn_parallel(|| panic!("contained")).join().unwrap_err();
    // Nobody is left to wake it.
    runtime.spawn(std::future::pending::<()>()).detach();
    let (release, released) = mpsc::channel::<()>();
    let running = runtime.spawn_blocking(move || released.recv().unwrap_err());
    let queued = runtime.spawn_blocking(|| ());
    assert!(matches!(runtime.spawn_blocking(|| ()).join(), Err(TaskError::SpawnFailed(_))));
    drop(release);
    running.join().unwrap();
    queued.join().unwrap();
    let (_sender, receiver) = moirai_runtime::result_channel::<()>();
    let idle = runtime.spawn(receiver);
    drop(runtime);
    assert!(matches!(idle.join(), Err(TaskError::Cancelled)));
    assert!(matches!(handle.spawn(async {}).join(), Err(TaskError::SpawnFailed(_))));
    assert!(alive.lock().unwrap().is_empty());
    assert_eq!(ended.load(Ordering::SeqCst), 8);
}

fn name() {
    let runtime = builder().name("ingest").build().unwrap();
    let name = || std::thread::current().name().map(str::to_owned);
    assert_eq!(runtime.spawn_parallel(name).join().unwrap().unwrap(), "ingest-worker-0");
}

/// Each time, with a payload whose drop panics.
#[test]
fn a_hook_that_panics_is_contained() {
    watch(|| {
        let called = Arc::new(AtomicU32::new(0));
        let hook = || {
            let called = Arc::clone(&called);
            move || {
                count(&called);
                panic_any(AtDrop::new(|| panic!("again")));
            }
        };
        let (start, stop, park, unpark) = (hook(), hook(), hook(), hook());
        let (spawn, end) = (hook(), hook());
        let runtime = Runtime::builder()
            .worker_threads(2)
            .on_thread_start(start)
            .on_thread_stop(stop)
            .on_thread_park(park)
            .on_thread_unpark(unpark)
            .on_task_spawn(move |_| spawn())
            .on_task_end(move |_| end())
            .build()
            .unwrap();
        for _ in 0..times(20) {
            assert_eq!(runtime.spawn(async { 7 }).join().unwrap(), 7);
            assert_eq!(runtime.spawn_blocking(|| 7).join().unwrap(), 7);
        }
        drop(runtime);
        assert!(called.load(Ordering::SeqCst) >= 4 * times(20) as u32 + 2 + 2);
    });
}
