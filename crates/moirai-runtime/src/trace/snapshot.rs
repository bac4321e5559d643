//! What the counters of a worker said at one moment.

use std::time::Duration;

/// What one worker has done since it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerMetrics {
    /// Its number in the runtime.
    pub id: usize,
    /// Which node of memory it has run near to last, by number: zero where there is one.
    pub domain: usize,
    /// Times that it ran something from a queue: polls of futures, closures.
    pub runs: u64,
    /// Tasks taken from the injector, which holds what was spawned or woken from outside.
    pub injected: u64,
    /// Thefts from other workers that succeeded.
    pub thefts: u64,
    /// Those of them from workers of other nodes of memory; the rest were near.
    pub far_thefts: u64,
    /// Tasks that came with them.
    pub stolen: u64,
    /// Searches through all other workers that found nothing.
    pub futile_searches: u64,
    /// Tasks that went to the injector because the worker's own queue was full.
    pub overflowed: u64,
    /// Times that it slept for want of work.
    pub parks: u64,
    /// How long it slept in all.
    pub parked: Duration,
    /// Blocking calls for which it let another thread take its place.
    pub blocked: u64,
    /// Times that a worker without work has asked it for a part of what it computes.
    pub asks: u64,
    /// Tasks in its queue at this moment.
    pub queued: usize,
}
