//! One scheduler for async tasks, parallel work and blocking code: floor 1 of Moirai.
//!
//! | the work | start it with | it runs on |
//! |---|---|---|
//! | waits (I/O, timers, channels) | [`spawn`] | the workers, between its awaits |
//! | computes | [`spawn_parallel`] | the same workers |
//! | blocks (files, foreign calls) | [`spawn_blocking`] | threads of its own |
//!
//! All three return a [`TaskHandle`]: await it, [`join`](TaskHandle::join) it from blocking code,
//! ask it, cancel it. There are as many workers as cores; a worker whose task blocks in a call of
//! ours lends its permit to another thread, so the others go on.
//!
//! ```
//! use std::time::Duration;
//! use moirai_runtime::{Runtime, sleep};
//!
//! let runtime = Runtime::new()?;
//! let answer = runtime.block_on(async {
//!     let slow = moirai_runtime::spawn(async {
//!         sleep(Duration::from_millis(1)).await;
//!         40
//!     });
//!     let quick = moirai_runtime::spawn_parallel(|| 2);
//!     slow.await.unwrap() + quick.await.unwrap()
//! });
//! assert_eq!(answer, 42);
//! # Ok::<(), moirai_runtime::BuildError>(())
//! ```

mod blocking;
mod builder;
pub mod deque;
mod error;
mod fork;
mod global;
mod group;
mod hooks;
mod join;
mod local;
mod local_set;
mod metrics;
mod node;
pub mod par;
mod runtime;
mod sched;
mod slab;
mod stack;
mod task;
pub mod time;
mod topology;
mod trace;
mod unwind;
mod yield_now;

#[cfg(all(test, moirai_loom))]
mod model;

#[cfg(all(test, moirai_shuttle))]
mod random;

pub use builder::Builder;
pub use error::{BuildError, ShutdownTimeout};
pub use group::{
    Child, Failure, JoinSet, Nursery, NurseryBuilder, NurseryError, Race, Supervision, Supervisor,
    TaskTracker, Tracked, nursery, race, supervise,
};
pub use join::{
    BroadcastContext, FnContext, Scope, broadcast, current_num_workers, join, join_context,
    parallel_uninterruptible, scope,
};
pub use local::{AccessError, LocalKey, LocalScope};
pub use local_set::{LocalHandle, LocalSet, spawn_local};
pub use metrics::RuntimeMetrics;
pub use moirai_sync::{
    Panicked, Priority, ResultReceiver, ResultSender, SpawnFailed, TaskError, TaskResult,
    result_channel,
};
pub use node::{current_node, detect_numa_topology};
pub use runtime::{
    Handle, Runtime, block_in_place, block_on, sleep, spawn, spawn_async, spawn_blocking, spawn_on,
    spawn_parallel, task,
};
pub use slab::TaskPool;
pub use task::{CancelOnDrop, TaskBuilder, TaskContext, TaskHandle, TaskId};
pub use topology::{Affinity, Node, Topology, TopologyError};
pub use trace::{
    Activity, BlockingMetrics, Metering, Relief, Stall, TaskMetrics, TaskStatus, WorkerMetrics,
};
pub use yield_now::{YieldNow, yield_now};
