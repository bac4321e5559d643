//! What a source of time can do. Who has one is the [`strand`](crate::strand)'s affair.

use std::fmt;
use std::task::Waker;
use std::time::Instant;

/// A source of time that also wakes at a time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The current time.
    fn now(&self) -> Instant;

    /// Wakes `waker` at or after `deadline`, once.
    fn insert(&self, deadline: Instant, waker: Waker) -> TimerKey;

    /// Forgets a timer, whether or not it has fired.
    fn remove(&self, key: TimerKey);
}

/// Names one timer of one [`Clock`]; what the number says is the clock's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerKey(pub u64);
