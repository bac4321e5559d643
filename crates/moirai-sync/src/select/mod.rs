//! Waiting for several channels at once, and doing exactly one operation.
//!
//! | to choose among | of several that are ready | use |
//! |---|---|---|
//! | arms that are written down | each equally often | [`select!`](crate::select!) |
//! | | the first | [`select_biased!`](crate::select_biased!) |
//! | | each as often as its weight says | [`select_weighted!`](crate::select_weighted!) |
//! | | the one of the highest priority | [`select_priority!`](crate::select_priority!) |
//! | arms with conditions | as in `select!` | [`select_if!`](crate::select_if!), or a guard on any arm |
//!
//! Each of them waits as its strand does: on a thread, or on a worker of the runtime, which gives
//! its permit up meanwhile. `select!(async { .. })` waits in a future instead, on any executor.
//!
//! # What holds for all of them
//!
//! - **Exactly one operation is done.** The messages of the other channels stay where they are.
//! - **An operation on a closed channel is ready**: its arm gets the error.
//! - **Nothing is lost when a waiting select is dropped** or times out: it has taken nothing, and
//!   what it was woken for goes to the next who waits.
//! - **A select that is not polled stops nobody**: a notification that reaches one that was woken
//!   already goes on to the next waiter.
//! - The same channel may stand in several arms.
//!
//! # How it works
//!
//! `arms` is what can be done, `order` which arm is tried first, `macros` the syntax, and `engine`
//! the wait: try all arms; leave a waiter in the list of each channel, all with one claim; look
//! again; sleep. The first notifier wins the claim (`waitlist/claim.rs`), and the woken select takes
//! the message itself, which was in its queue all the time. `dynamic` and `set` choose among ends whose
//! number is not known before, `handle` makes them alike, and `erased` keeps a message until its
//! receiver is named.

mod arms;
mod dynamic;
mod engine;
mod erased;
mod error;
mod handle;
mod macros;
mod order;
mod set;

pub use dynamic::{Select, SelectedOperation};
pub use error::{ReadyTimeoutError, SelectTimeoutError, TryReadyError, TrySelectError};
pub use set::SelectSet;

/// What the macros expand to; no part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use super::arms::{
        Arm, Arms, BroadcastArm, Cons, End, Handed, Never, Oneself, Pick, Place, RecvArm, Reserved,
        SendArm, SoleRecvArm, WatchArm,
    };
    pub use super::engine::{block, block_for, try_now, wait, wait_for};
    pub use super::order::{Biased, Fair, Order, Priority, Weighted};
    pub use std::future::ready;
}
