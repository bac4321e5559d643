//! Waiting, queues and channels: floor 0 of Moirai, usable without its runtime.
//!
//! # Which channel do I want?
//!
//! | to hand over | use |
//! |---|---|
//! | a stream of messages, with backpressure | [`channel::bounded`] |
//! | one result, once | [`result_channel`] |
//! | nothing but a wake-up for one thread | [`Parker`] |
//!
//! Every end works from a thread, from an async task of any executor, and (with the runtime) from a
//! coroutine: blocking and async methods stand side by side on one handle.
//!
//! ```
//! use moirai_sync::{channel, strand};
//!
//! let (sender, receiver) = channel::bounded(8);
//! std::thread::spawn(move || (1..=4).try_for_each(|n| sender.send(n))); // blocks the thread
//! let sum = strand::block_on(async move {
//!     let mut sum = 0;
//!     while let Ok(n) = receiver.recv_async().await {                   // suspends the future
//!         sum += n;
//!     }
//!     sum
//! });
//! assert_eq!(sum, 10);
//! ```
//!
//! # How it is built
//!
//! `prim` names the primitives and swaps them for model checkers. [`strand`] says how whatever is
//! running waits; `waitlist` who waits for what; `queue` holds messages and waits for nobody;
//! [`channel`] puts the three together. Nothing here knows a scheduler.

mod backoff;
mod cache_padded;
pub mod channel;
mod clock;
mod error;
mod oneshot;
mod parker;
mod prim;
mod priority;
mod queue;
mod select;
pub mod strand;
mod timer;
mod waitlist;
mod wake;

#[cfg(all(test, moirai_loom))]
mod model;

#[cfg(all(test, moirai_shuttle))]
mod random;

pub use cache_padded::CachePadded;
pub use error::{Panicked, SpawnFailed, TaskError, TaskResult};
pub use oneshot::{ResultReceiver, ResultSender, result_channel};
pub use parker::{Parked, Parker};
pub use priority::Priority;
pub use select::{
    ReadyTimeoutError, Select, SelectSet, SelectTimeoutError, SelectedOperation, TryReadyError,
    TrySelectError,
};

/// What the macros of a select expand to; no part of the public interface.
#[doc(hidden)]
pub use select::__private as __select_private;

/// What the runtime shares with this crate; no part of the public interface.
#[doc(hidden)]
pub mod __prim {
    pub use crate::parker::{Parked, Parker};
    pub use crate::prim::*;
    pub use crate::timer::{Inserted, Key, NEVER, Step, TICK, Ticks, Timers, Wheel, timer_thread};
}
