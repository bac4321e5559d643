//! Every name that the documentation promises is there: a name that goes missing does not compile.

use moirai::channel::broadcast::{BroadcastChannel, BroadcastReceiver, Broadcaster};
use moirai::channel::{
    BackpressureStrategy, BoundedChannel, ChannelBuilder, ChannelExt, ChannelMetrics, ConfigError,
    DistributionStrategy, FanoutChannel, MetricsExporter, NumaChannel, PriorityChannel,
    PrometheusExporter, ZeroCopyChannel, mpmc, mpmc_ws, mpsc, spsc, watch,
};
use moirai::deque::StealStrategy;
use moirai::lock::{
    Barrier, Condvar, FastMutex, Mutex, Notify, Once, RateLimiter, RwLock, Semaphore,
};
use moirai::{
    CancelToken, Handle, JoinSet, Moirai, Priority, ResultChannel, ResultReceiver, ResultSender,
    Runtime, Select, SelectSet, TaskBuilder, TaskContext, TaskError, TaskHandle, TaskId,
    TaskManager, TaskPool, TaskResult, TaskStatus, TaskTracker, Topology, WaitGroup, WaitMember,
    channel, current_node, detect_numa_topology, result_channel, select_if, select_priority,
    select_weighted,
};

/// What takes parameters is named with some.
#[test]
fn every_promised_name_is_there() {
    fn is<T: ?Sized>() -> usize {
        size_of::<&T>()
    }
    let names = [
        is::<Moirai>(),
        is::<Runtime>(),
        is::<Handle>(),
        is::<TaskManager>(),
        is::<JoinSet<()>>(),
        is::<TaskTracker>(),
        is::<Topology>(),
        is::<WaitMember>(),
        is::<TaskHandle<()>>(),
        is::<TaskResult<()>>(),
        is::<TaskId>(),
        is::<TaskStatus>(),
        is::<TaskContext>(),
        is::<TaskError>(),
        is::<TaskBuilder>(),
        is::<TaskPool>(),
        is::<Priority>(),
        is::<CancelToken>(),
        is::<StealStrategy>(),
        is::<ResultChannel<()>>(),
        is::<ResultSender<()>>(),
        is::<ResultReceiver<()>>(),
        is::<Select<'_>>(),
        is::<SelectSet<'_>>(),
        is::<WaitGroup>(),
        is::<Mutex<()>>(),
        is::<FastMutex<()>>(),
        is::<RwLock<()>>(),
        is::<Condvar>(),
        is::<Semaphore>(),
        is::<Notify>(),
        is::<Barrier>(),
        is::<Once>(),
        is::<RateLimiter>(),
        is::<ChannelBuilder<()>>(),
        is::<BackpressureStrategy>(),
        is::<ConfigError>(),
        is::<ChannelMetrics>(),
        is::<PrometheusExporter>(),
        is::<dyn MetricsExporter>(),
        is::<DistributionStrategy<()>>(),
        is::<FanoutChannel<()>>(),
        is::<Broadcaster<()>>(),
        is::<BroadcastReceiver<()>>(),
        is::<watch::Receiver<()>>(),
    ];
    assert_eq!(names.len(), 45);
}

/// Of functions, methods and fields.
#[test]
fn work_is_spawned_and_channels_are_built_and_measured_by_their_promised_names() {
    let moirai = Moirai::builder().worker_threads(1).build().unwrap();
    let manager: &TaskManager = moirai.handle();
    let handles: [TaskHandle<i32>; 4] = [
        moirai.spawn(async { 1 }),
        moirai.spawn_async(async { 1 }),
        moirai.spawn_blocking(|| 1),
        moirai.spawn_parallel(|| 1),
    ];
    assert!(handles.into_iter().all(|handle| handle.join().is_ok_and(|one| one == 1)));
    let mut waiting = moirai.spawn(std::future::pending::<()>());
    let late = waiting.join_timeout(std::time::Duration::ZERO);
    assert!(matches!(late, Err(TaskError::ExecutionTimeout)));
    assert!(waiting.try_join().is_none() && !waiting.is_finished());
    manager.cancel_task(waiting.id());
    assert!(matches!(waiting.join(), Err(TaskError::Cancelled)));

    let builder = ChannelBuilder::new().bounded(8).with_priorities(4).name("jobs");
    let builder = builder.backpressure(BackpressureStrategy::DropOldest).enable_metrics();
    let (sender, receiver) = builder.enable_latency_tracking().build().unwrap();
    sender.send_priority(1, Priority::High).unwrap();
    let ChannelMetrics {
        messages_sent,
        messages_received,
        messages_dropped,
        current_queue_size,
        max_queue_size,
        total_wait_time,
        blocked_senders,
        blocked_receivers,
    } = receiver.metrics().unwrap();
    assert_eq!([messages_sent, messages_received, messages_dropped], [1, 0, 0]);
    assert_eq!([current_queue_size, max_queue_size], [1, 1]);
    assert_eq!([blocked_senders, blocked_receivers], [0, 0]);
    assert!(total_wait_time.is_zero());
    let mut exporter = PrometheusExporter::new();
    exporter.export_metrics(&receiver.metrics().unwrap(), "jobs");
    receiver.reset_metrics();
}

#[test]
fn selects_and_nodes_have_their_promised_names() {
    let (sender, receiver) = channel::bounded(3);
    (0..3).for_each(|n| sender.send(n).unwrap());
    let silent = channel::never::<i32>();
    let weighted = select_weighted! {
        weight(3) => message = receiver.recv() => message,
        weight(1) => message = silent.recv() => message,
    };
    let first = select_priority! {
        priority(1) => message = silent.recv() => message,
        priority(9) => message = receiver.recv() => message,
    };
    let allowed = select_if! {
        if first.is_ok() => message = receiver.recv() => message,
        if weighted.is_err() => message = silent.recv() => message,
    };
    assert_eq!([weighted, first, allowed], [Ok(0), Ok(1), Ok(2)]);

    let nodes = detect_numa_topology().unwrap().nodes().len();
    let (sender, receiver) = NumaChannel::with_nodes(nodes, 4, current_node);
    sender.send_local(1).unwrap();
    assert_eq!(receiver.recv(), Ok(1));
}

#[test]
fn channels_are_made_by_the_names_of_types_too() {
    let (sender, receiver) = BoundedChannel::with_capacity(1);
    sender.send(1).unwrap();
    assert_eq!(receiver.map(|n| n + 1).recv(), Ok(2));

    let (sender, receiver) = PriorityChannel::with_capacity(4, 2);
    sender.send_priority(1, Priority::Low).unwrap();
    sender.send_priority(2, Priority::Critical).unwrap();
    assert_eq!(receiver.recv_priority(), Ok((2, Priority::Critical)));

    let (sender, workers) = mpmc_ws::Channel::with_workers(2);
    sender.send_to_worker(0, 1).unwrap();
    assert_eq!(workers[0].recv(), Ok(1));

    let (sender, receiver) = NumaChannel::with_nodes(1, 1, || 0);
    sender.send(1).unwrap();
    assert_eq!(receiver.recv(), Ok(1));

    let (mut sender, mut receiver) = ZeroCopyChannel::with_capacity(1);
    sender.send_ref(&[1, 2]).unwrap();
    assert_eq!(*receiver.recv_ref().unwrap(), [1, 2]);

    let (sender, mut receiver) = BroadcastChannel::with_capacity(1);
    sender.send(1).unwrap();
    assert_eq!(receiver.recv(), Ok(1));

    let (sender, receiver): ResultChannel<u32> = result_channel();
    sender.send(1).unwrap();
    assert_eq!(receiver.recv().unwrap(), 1);

    let (_, _) = (spsc::bounded::<()>(1), mpsc::bounded::<()>(1));
    let (_, receiver) = mpmc::bounded::<()>(1);
    assert_eq!(receiver.pressure(), 0);
}

/// The example of May's `select!`, with its `use` line changed.
#[test]
fn mays_select_takes_what_comes_first() {
    use moirai::channel::mpsc::unbounded as channel;
    use moirai::select;

    let (tx1, mut rx1) = channel();
    let (tx2, mut rx2) = channel();
    tx1.send("hello").unwrap();
    tx2.send(42).unwrap();
    let mut seen = (None, None);
    for _ in 0..2 {
        select!(
            v = rx1.recv() => seen.0 = v.ok(),
            a = rx2.recv() => seen.1 = a.ok(),
        );
    }
    assert_eq!(seen, (Some("hello"), Some(42)));
}
