//! Time: futures that wait for a moment.
//!
//! | to | use |
//! |---|---|
//! | wait once | [`sleep`], [`sleep_until`] |
//! | give up on a future | [`timeout`], [`timeout_at`] |
//! | do something again and again | [`interval`], [`interval_at`], [`MissedTickBehavior`] |
//! | keep many values until their time has come | [`DelayQueue`] |
//!
//! They ask the [`strand`](moirai_sync::strand) they run on for the time and for a timer, so they
//! work on a runtime's workers, in its `block_on`, and on any other executor. Nothing ends before
//! its time, and on a machine with a free core at most about a millisecond after it. Nothing here
//! panics or overflows for any duration or moment: what lies too far away never comes.
//!
//! A timer costs no allocation once as many have been running at the same time before, and a future
//! that is dropped leaves nothing behind.

mod delay_queue;
mod interval;
mod sleep;
mod timeout;

pub use delay_queue::{DelayKey, DelayQueue, Expired, NextExpired};
pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
