//! Waiting, queues and channels: floor 0 of Moirai, usable without its runtime.
//!
//! # Which channel do I want?
//!
//! | to hand over | use |
//! |---|---|
//! | a stream of messages, with backpressure | [`channel::bounded`] |
//! | a stream of messages, and the sender must never wait | [`channel::unbounded`] |
//! | a message, and know that it was taken | [`channel::rendezvous`] |
//! | the same to one receiver, a little faster | [`channel::mpsc`] |
//! | from one sender to one receiver, as fast as it goes | [`channel::spsc`] |
//! | messages of which the urgent ones go first | [`channel::priority`] |
//! | large messages, made or copied once and read where they lie | [`spsc::Sender::loan`](channel::spsc::Sender::loan), [`send_ref`](channel::spsc::Sender::send_ref), [`recv_ref`](channel::spsc::Receiver::recv_ref) |
//! | messages to another process | `shm`, with the feature of that name |
//! | messages of which some may be dropped, or refused, when there are too many | [`channel::ChannelBuilder`] |
//! | messages, and know how many there are and for how long one waits | [`enable_metrics`](channel::ChannelBuilder::enable_metrics) |
//! | work to so many workers, and what one does not get to, to the others | [`channel::work_stealing`] |
//! | messages that had better stay on their node of memory, or with their thread | [`channel::numa()`], [`worker_affinity`](channel::ChannelBuilder::worker_affinity) |
//! | many small messages | [`send_batch`](channel::Sender::send_batch), [`recv_batch`](channel::Receiver::recv_batch) on any of these |
//! | a message that is made once there is room for it | [`reserve`](channel::Sender::reserve) |
//! | messages to one of several workers each: in turns, by load, by key, at random | [`channel::FanoutChannel`] |
//! | the latest value, to many | [`channel::watch`] |
//! | every message, to many, also to those who come later | [`channel::broadcast`] |
//! | a message in the future | [`channel::after`], [`channel::at`], [`channel::tick`] |
//! | one result, once | [`result_channel`] |
//! | something made of the messages: mapped, in batches, when it has been quiet, two channels as one | [`channel::ChannelExt`] on any receiver |
//! | whatever comes first of several channels | [`select!`], [`Select`], [`SelectSet`] |
//! | nothing but a wake-up for one thread | [`Parker`] |
//! | the word to stop, to all below | [`CancelToken`] |
//! | the end of the last of many | [`WaitGroup`] |
//! | the turn of the other tasks | [`coop`] |
//! | what only one, or so many, may have at a time | [`mod@lock`] |
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
//! # Coming from another channel
//!
//! | from | what changes |
//! |---|---|
//! | `crossbeam-channel` | nothing but the `use`: `bounded`, `unbounded`, `after`, `tick`, `never`, `select!` and the errors have the same names; async methods come on top |
//! | `std::sync::mpsc` | `sync_channel(n)` is [`channel::bounded`], `channel()` is [`channel::unbounded`]; receivers can be cloned |
//! | `flume` | the methods have the same names, `send_async` and `recv_async` too; `drain` is `try_iter`, `Selector` is [`Select`] |
//! | `kanal` | one handle for both worlds: `as_async().recv()` is `recv_async()`; a receive that is dropped loses nothing; `drain_into` is `try_recv_batch` |
//! | `async-channel` | `send(..).await` is `send_async(..).await`, `send_blocking` is `send`; `WeakSender` is there |
//! | `tokio::sync::mpsc` | `send(..).await` is `send_async(..).await`, `blocking_send` is `send`, `recv_many` is `recv_batch_async`; `reserve` blocks and `reserve_async` waits; receivers of [`channel::bounded`] can be cloned, those of [`channel::mpsc`] take `&mut self` as tokio's do |
//! | `tokio::sync::broadcast` | [`channel::broadcast`]: `subscribe` gets what is still there, `subscribe_at_tail` and `resubscribe` begin with the next message; the capacity is exact, and a sender may wait for the slowest |
//! | `may` | [`channel::spsc`], [`channel::mpsc`], [`channel::mpmc`]; `pressure()` is `len()` |
//!
//! # What a dropped future costs
//!
//! | future | dropped before it is ready |
//! |---|---|
//! | `recv_async`, `recv_batch_async`, `recv_ref_async` | nothing: a message is taken by the poll that returns it |
//! | `send_async` | its message is dropped unsent; of a rendezvous, a receiver may have taken it |
//! | `send_batch_async` | nothing: the vector holds exactly what was not sent |
//! | `reserve_async`, `loan_async` | nothing: there is no message yet |
//! | a [`ResultReceiver`] | the result goes back to its sender |
//!
//! A future that is kept and not polled again stops nobody: others are served in its place.
//!
//! # How it is built
//!
//! `prim` names the primitives and swaps them for model checkers. [`strand`] says how whatever is
//! running waits; `waitlist` who waits for what; `queue` holds messages and waits for nobody;
//! [`channel`] puts the three together. Nothing here knows a scheduler.

#[macro_use]
mod prim;

mod alarm;
mod asymmetric;
mod backoff;
mod cache_padded;
mod cancel;
pub mod channel;
mod circle;
mod clock;
pub mod coop;
mod error;
mod free_list;
pub mod lock;
mod oneshot;
mod parker;
mod priority;
mod queue;
mod select;
#[cfg(all(feature = "shm", target_os = "linux", target_pointer_width = "64"))]
pub mod shm;
mod spin;
pub mod strand;
mod timer;
mod wait_group;
mod waitlist;
mod wake;

#[cfg(all(test, moirai_loom))]
mod model;

#[cfg(all(test, moirai_shuttle))]
mod random;

pub use cache_padded::CachePadded;
pub use cancel::{CancelReason, CancelToken, DropGuard, RunUntilCancelled};
pub use error::{Panicked, SpawnFailed, TaskError, TaskResult};
pub use oneshot::{ResultReceiver, ResultSender, result_channel};
pub use parker::{Parked, Parker};
pub use priority::Priority;
pub use select::{
    ReadyTimeoutError, Select, SelectSet, SelectTimeoutError, SelectedOperation, TryReadyError,
    TrySelectError,
};
pub use wait_group::{WaitGroup, WaitMember};

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
