//! One runtime for async tasks, parallel work and blocking code, and the channels between them.
//!
//! ```
//! use moirai::channel;
//!
//! #[moirai::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let waiting = moirai::spawn(async { 40 });
//!     let working = moirai::spawn_parallel(|| (1..=20).product::<u64>());
//!     let reading = moirai::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
//!
//!     let (sender, receiver) = channel::bounded(16);
//!     std::thread::spawn(move || (0..100).try_for_each(|n| sender.send(n)));
//!     let mut sum = 0;
//!     while let Ok(n) = receiver.recv_async().await {
//!         sum += n;
//!     }
//!     assert_eq!(sum, 4950);
//!
//!     assert_eq!(waiting.await? + 2, 42);
//!     assert_eq!(working.await?, 2_432_902_008_176_640_000);
//!     assert!(reading.await??.contains("moirai"));
//!     Ok(())
//! }
//! ```
//!
//! # What do I want?
//!
//! | to | use |
//! |---|---|
//! | run a future beside others | [`spawn`] |
//! | keep tasks and their data on one worker | [`spawn_on`], [`Builder::thread_per_core`] |
//! | run a future that is not `Send` | [`LocalSet`], [`spawn_local`] |
//! | use the processor for a while | [`spawn_parallel`] |
//! | wait for a moment, or give up after a while | [`time`] |
//! | call something that blocks | [`spawn_blocking`] |
//! | get a result, now, later or with a limit | [`TaskHandle`] |
//! | pass messages between any of them and plain threads | [`channel`] |
//! | pass messages to another process | `shm`, with the feature of that name |
//! | wait for several channels at once | [`select!`], [`Select`] |
//! | pass one result by hand | [`result_channel`] |
//! | have something to oneself, or let so many in | [`lock`] |
//! | tell others to stop | [`CancelToken`] |
//! | start several tasks that end together | [`nursery()`], [`race()`], [`supervise`], [`JoinSet`], [`TaskTracker`] |
//! | give a task values of its own | [`task_local!`] |
//! | let the other tasks have their turn, or not | [`yield_now`], [`coop`] |
//! | chain stages with bounded memory between them | [`mod@pipeline`] |
//! | choose how many threads there are, and where they run | [`Runtime::builder`], [`Runtime::current_thread`], [`Topology`], [`Affinity`] |
//! | do two things at once, or many, that borrow | [`join()`], [`scope()`] |
//! | use all cores for one loop | [`par`] |
//! | build an executor of your own | [`deque`] |
//!
//! The free functions use the runtime they are called on, or start a global one on first use. The
//! guide in [`_guide`] has a chapter on each.
//!
//! This crate only re-exports: each thing lives in the crate of its floor, and is documented there.

pub use moirai_pipeline as pipeline;
pub use moirai_pipeline::pipeline;
pub use moirai_runtime::{
    AccessError, Activity, Affinity, BlockingMetrics, BroadcastContext, BuildError, Builder,
    CancelOnDrop, Child, Failure, FnContext, Handle, JoinSet, LocalHandle, LocalKey, LocalScope,
    LocalSet, Metering, Node, Nursery, NurseryBuilder, NurseryError, Race, Relief, Runtime,
    RuntimeMetrics, Scope, ShutdownTimeout, Stall, Supervision, Supervisor, TaskBuilder,
    TaskContext, TaskHandle, TaskId, TaskMetrics, TaskPool, TaskStatus, TaskTracker, Topology,
    TopologyError, Tracked, WorkerMetrics, YieldNow, block_in_place, block_on, broadcast,
    current_node, current_num_workers, deque, detect_numa_topology, join, join_context, nursery,
    par, parallel_uninterruptible, race, scope, sleep, spawn, spawn_async, spawn_blocking,
    spawn_local, spawn_on, spawn_parallel, supervise, task, task_local, time, yield_now,
};
pub use moirai_sync::{
    CancelReason, CancelToken, DropGuard, Panicked, Priority, ReadyTimeoutError, ResultReceiver,
    ResultSender, RunUntilCancelled, Select, SelectSet, SelectTimeoutError, SelectedOperation,
    SpawnFailed, TaskError, TaskResult, TryReadyError, TrySelectError, WaitGroup, WaitMember,
    channel, coop, lock, result_channel, select, select_biased, select_if, select_priority,
    select_weighted,
};

#[cfg(all(feature = "shm", target_os = "linux", target_pointer_width = "64"))]
pub use moirai_sync::shm;

/// The same as [`Runtime`].
///
/// # Examples
///
/// ```
/// let moirai = moirai::Moirai::new()?;
/// assert_eq!(moirai.block_on(async { 40 + 2 }), 42);
/// # Ok::<(), moirai::BuildError>(())
/// ```
pub type Moirai = Runtime;

/// The same as [`Handle`]: what cancels a task by its id, and knows its status.
///
/// # Examples
///
/// ```
/// let moirai = moirai::Runtime::new()?;
/// let tasks: &moirai::TaskManager = moirai.handle();
/// let task = tasks.spawn(std::future::pending::<()>());
/// tasks.cancel_task(task.id());
/// assert!(matches!(task.join(), Err(moirai::TaskError::Cancelled)));
/// # Ok::<(), moirai::BuildError>(())
/// ```
pub type TaskManager = Handle;

/// Both ends of a [`result_channel`].
///
/// # Examples
///
/// ```
/// let (sender, receiver): moirai::ResultChannel<i32> = moirai::result_channel();
/// sender.send(42).unwrap();
/// assert_eq!(receiver.recv().unwrap(), 42);
/// ```
pub type ResultChannel<T> = (ResultSender<T>, ResultReceiver<T>);

/// ```
/// #[moirai::main(worker_threads = 2)]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let answer = moirai::spawn(async { 40 + 2 }).await?;
///     assert_eq!(answer, 42);
///     Ok(())
/// }
/// ```
///
/// The function must be async:
///
/// ```compile_fail
/// #[moirai::main(worker_threads = 2)]
/// fn main() {}
/// ```
///
/// take no arguments, and not be generic:
///
/// ```compile_fail
/// #[moirai::main(worker_threads = 2)]
/// async fn main(port: u16) {}
/// ```
///
/// ```compile_fail
/// #[moirai::main(worker_threads = 2)]
/// async fn main<T>() {}
/// ```
///
/// Options must be known, given once, and of the right type:
///
/// ```compile_fail
/// #[moirai::main(threads = 2)]
/// async fn main() {}
/// ```
///
/// ```compile_fail
/// #[moirai::main(worker_threads = 2, worker_threads = 3)]
/// async fn main() {}
/// ```
///
/// ```compile_fail
/// #[moirai::main(worker_threads = "two")]
/// async fn main() {}
/// ```
#[doc(inline)]
pub use moirai_macros::main;
/// ```
/// #[moirai::test(worker_threads = 1)]
/// async fn a_result_comes_back() {
///     assert_eq!(moirai::spawn(async { 42 }).await.unwrap(), 42);
/// }
/// ```
///
/// The attribute replaces `#[test]`; both together are refused:
///
/// ```compile_fail
/// #[moirai::test(worker_threads = 1)]
/// #[test]
/// async fn a_result_comes_back() {}
/// ```
#[doc(inline)]
pub use moirai_macros::test;

#[doc = include_str!("../../../docs/guide/README.md")]
pub mod _guide {
    #[doc = include_str!("../../../docs/guide/channels.md")]
    pub mod channels {}
    #[doc = include_str!("../../../docs/guide/from_rayon.md")]
    pub mod from_rayon {}
    #[doc = include_str!("../../../docs/guide/from_tokio.md")]
    pub mod from_tokio {}
    #[doc = include_str!("../../../docs/guide/parallel.md")]
    pub mod parallel {}
    #[doc = include_str!("../../../docs/guide/pipelines.md")]
    pub mod pipelines {}
    #[doc = include_str!("../../../docs/guide/structure.md")]
    pub mod structure {}
    #[doc = include_str!("../../../docs/guide/tasks.md")]
    pub mod tasks {}
}

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}
