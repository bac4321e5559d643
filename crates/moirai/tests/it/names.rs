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
    CancelToken, Moirai, Priority, ResultChannel, ResultReceiver, ResultSender, Runtime, Select,
    SelectSet, TaskBuilder, TaskContext, TaskError, TaskHandle, TaskId, TaskPool, TaskResult,
    TaskStatus, WaitGroup, result_channel,
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
    assert_eq!(names.len(), 39);
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
