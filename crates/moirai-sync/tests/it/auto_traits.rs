//! Which public types go to another thread, and which may be shared: the table of all of them.
//!
//! `S` is `Send`, `Y` is `Sync`, `-` neither. Of a type with a message, for one that is both (`u8`), one
//! that is only sent (`Cell<u8>`), and one that stays where it is (`Rc<u8>`).

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;

use moirai_sync::channel::ops;
use moirai_sync::{
    CachePadded, CancelReason, CancelToken, DropGuard, Panicked, Parked, Parker, Priority,
    ReadyTimeoutError, ResultReceiver, ResultSender, RunUntilCancelled, Select, SelectSet,
    SelectTimeoutError, SelectedOperation, SpawnFailed, TaskError, TryReadyError, TrySelectError,
    WaitGroup, WaitMember, channel, coop, lock, strand,
};

/// Says of a type what it is: an inherent constant goes before that of a trait.
struct Probe<T: ?Sized>(PhantomData<T>);

trait Neither {
    const SEND: bool = false;
    const SYNC: bool = false;
}

impl<T: ?Sized> Neither for Probe<T> {}

impl<T: ?Sized + Send> Probe<T> {
    const SEND: bool = true;
}

impl<T: ?Sized + Sync> Probe<T> {
    const SYNC: bool = true;
}

const fn word(send: bool, sync: bool) -> &'static str {
    match (send, sync) {
        (true, true) => "SY",
        (true, false) => "S",
        (false, true) => "Y",
        (false, false) => "-",
    }
}

macro_rules! word_of {
    ($ty:ty) => {
        word(<Probe<$ty>>::SEND, <Probe<$ty>>::SYNC)
    };
}

macro_rules! check {
    ($($ty:ty = $expected:literal;)*) => {
        [$((stringify!($ty), word_of!($ty).to_owned(), $expected)),*]
    };
}

macro_rules! check_of_messages {
    ($($ty:ty = $expected:literal;)*) => {
        [$({
            type Of<M> = $ty;
            let words = [word_of!(Of<u8>), word_of!(Of<Cell<u8>>), word_of!(Of<Rc<u8>>)];
            (stringify!($ty), words.join(" "), $expected)
        }),*]
    };
}

fn assert_all(rows: &[(&str, String, &str)]) {
    let wrong: Vec<_> = rows.iter().filter(|(_, is, expected)| is != expected).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn types_with_a_message_go_where_it_may() {
    assert_all(&check_of_messages! {
        channel::Sender<M> = "SY SY -";
        channel::WeakSender<M> = "SY SY -";
        channel::Receiver<M> = "SY SY -";
        channel::IntoIter<M> = "SY SY -";
        channel::Iter<'static, M> = "SY SY -";
        channel::TryIter<'static, M> = "SY SY -";
        channel::Permit<'static, M> = "SY SY -";
        channel::ChannelBuilder<M> = "SY SY SY";
        channel::FanoutChannel<M> = "SY SY -";
        channel::ZeroCopyChannel<M> = "SY SY SY";
        channel::BoundedChannel<M> = "SY SY SY";
        channel::PriorityChannel<M> = "SY SY SY";
        channel::NumaChannel<M> = "SY SY SY";
        channel::mpmc_ws::Channel<M> = "SY SY SY";
        channel::broadcast::BroadcastChannel<M> = "SY SY SY";
        channel::DistributionStrategy<M> = "SY SY SY";
        channel::WorkerReceiver<M> = "SY SY -";
        channel::WorkerIter<'static, M> = "SY SY -";
        channel::SendError<M> = "SY S -";
        channel::TrySendError<M> = "SY S -";
        channel::SendTimeoutError<M> = "SY S -";
        channel::SendToWorkerError<M> = "SY S -";
        channel::mpsc::Receiver<M> = "SY SY -";
        channel::mpsc::IntoIter<M> = "SY SY -";
        channel::spsc::Sender<M> = "SY SY -";
        channel::spsc::Receiver<M> = "SY SY -";
        channel::spsc::Loan<'static, M> = "SY S -";
        channel::spsc::RecvRef<'static, M> = "SY S -";
        channel::watch::Sender<M> = "SY - -";
        channel::watch::Receiver<M> = "SY - -";
        channel::broadcast::Broadcaster<M> = "SY - -";
        channel::broadcast::WeakBroadcaster<M> = "SY - -";
        channel::broadcast::BroadcastReceiver<M> = "SY - -";
        ops::ReceiverSource<M> = "SY SY -";
        ops::SoleSource<M> = "SY SY -";
        ops::SubscriberSource<M> = "SY - -";
        channel::Messages<ops::ReceiverSource<M>> = "SY SY -";
        channel::Messages<ops::Take<ops::ReceiverSource<M>>> = "SY SY -";
        channel::Messages<ops::Skip<ops::ReceiverSource<M>>> = "SY SY -";
        channel::Messages<ops::Throttle<ops::ReceiverSource<M>>> = "SY SY -";
        channel::Messages<ops::Filter<ops::ReceiverSource<M>, fn(&M) -> bool>> = "SY SY -";
        channel::Messages<ops::Map<ops::ReceiverSource<M>, fn(M) -> M>> = "SY SY -";
        channel::Messages<ops::Scan<ops::ReceiverSource<M>, u8, fn(&mut u8, M) -> M>> = "SY SY -";
        channel::Messages<ops::Distinct<ops::ReceiverSource<M>>> = "SY S -";
        ops::IntoIter<ops::ReceiverSource<M>> = "SY SY -";
        ops::Either<M, M> = "SY S -";
        channel::Messages<ops::Batch<ops::ReceiverSource<M>>> = "SY S -";
        channel::Messages<ops::Dedup<ops::ReceiverSource<M>>> = "SY S -";
        channel::Messages<ops::Debounce<ops::ReceiverSource<M>>> = "SY S -";
        channel::Messages<ops::Merge<ops::ReceiverSource<M>, ops::SoleSource<M>>> = "SY SY -";
        channel::Messages<ops::Zip<ops::ReceiverSource<M>, ops::SoleSource<M>>> = "SY S -";
        channel::Messages<ops::CombineLatest<ops::ReceiverSource<M>, ops::SoleSource<M>>> = "SY S -";
        lock::Mutex<M> = "SY SY -";
        lock::MutexGuard<'static, M> = "SY S -";
        lock::MappedMutexGuard<'static, M> = "SY S -";
        lock::RwLock<M> = "SY S -";
        lock::RwLockReadGuard<'static, M> = "SY - -";
        lock::RwLockWriteGuard<'static, M> = "SY - -";
        lock::OnceCell<M> = "SY S -";
        ResultSender<M> = "SY SY -";
        ResultReceiver<M> = "SY SY -";
        RunUntilCancelled<'static, M> = "SY S -";
        CachePadded<M> = "SY S -";
        coop::Unconstrained<M> = "SY S -";
    });
}

#[cfg(feature = "futures")]
#[test]
fn streams_and_sinks_go_where_their_messages_may() {
    assert_all(&check_of_messages! {
        channel::RecvStream<M> = "S S -";
        ops::MessageStream<ops::ReceiverSource<M>> = "SY SY -";
        channel::SendSink<M> = "S S -";
    });
}

#[cfg(all(feature = "shm", target_os = "linux", target_pointer_width = "64"))]
#[test]
fn the_ends_of_a_ring_between_processes_go_anywhere() {
    use moirai_sync::shm;

    assert_all(&check! {
        shm::Ring<u8> = "SY";
        shm::Sender<u8> = "SY";
        shm::Receiver<u8> = "SY";
        shm::OpenError = "SY";
        shm::TransferError = "SY";
        shm::Peer = "SY";
    });
}

#[test]
fn types_without_one_go_anywhere_unless_they_are_a_threads_own() {
    assert_all(&check! {
        channel::RecvError = "SY";
        channel::TryRecvError = "SY";
        channel::RecvTimeoutError = "SY";
        channel::ConfigError = "SY";
        channel::BackpressureStrategy = "SY";
        channel::ChannelMetrics = "SY";
        channel::PrometheusExporter = "SY";
        channel::Level = "SY";
        channel::broadcast::Overflow = "SY";
        channel::broadcast::RecvError = "SY";
        channel::broadcast::TryRecvError = "SY";
        channel::broadcast::RecvTimeoutError = "SY";
        lock::Barrier = "SY";
        lock::Passed = "SY";
        lock::Condvar = "SY";
        lock::Waited = "SY";
        lock::Notify = "SY";
        lock::Notified<'static> = "SY";
        lock::Once = "SY";
        lock::Semaphore = "SY";
        lock::SemaphorePermit<'static> = "SY";
        lock::OwnedSemaphorePermit = "SY";
        lock::RateLimiter = "SY";
        lock::AcquireTimeoutError = "SY";
        lock::TryAcquireError = "SY";
        lock::Closed = "SY";
        Select<'static> = "SY";
        SelectedOperation<'static> = "-";
        SelectSet<'static> = "SY";
        ReadyTimeoutError = "SY";
        SelectTimeoutError = "SY";
        TryReadyError = "SY";
        TrySelectError = "SY";
        CancelToken = "SY";
        CancelReason = "SY";
        DropGuard = "SY";
        WaitGroup = "SY";
        WaitMember = "SY";
        Parker = "SY";
        Parked = "SY";
        Priority = "SY";
        Panicked = "SY";
        SpawnFailed = "SY";
        TaskError = "SY";
        strand::Blocking = "-";
        strand::Timer = "SY";
        strand::TimerKey = "SY";
        coop::ConsumeBudget = "SY";
    });
}
