//! The counters of one worker.

use std::time::Duration;

use moirai_sync::__prim::atomic::{AtomicU64, Ordering};

use super::WorkerMetrics;

/// Written by one thread at a time, read by all.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Also the worker's tick.
    pub(crate) runs: Counter,
    pub(crate) injected: Counter,
    pub(crate) thefts: Counter,
    pub(crate) far_thefts: Counter,
    pub(crate) stolen: Counter,
    pub(crate) futile_searches: Counter,
    pub(crate) overflowed: Counter,
    pub(crate) parks: Counter,
    pub(crate) parked_ns: Counter,
    pub(crate) blocked: Counter,
}

/// A number that only goes up.
#[derive(Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            runs: Counter::new(),
            injected: Counter::new(),
            thefts: Counter::new(),
            far_thefts: Counter::new(),
            stolen: Counter::new(),
            futile_searches: Counter::new(),
            overflowed: Counter::new(),
            parks: Counter::new(),
            parked_ns: Counter::new(),
            blocked: Counter::new(),
        }
    }

    /// What has been counted so far, of this worker in this domain with so much in its queue, which was
    /// asked so often.
    pub(crate) fn read(&self, id: usize, domain: usize, queued: usize, asks: u64) -> WorkerMetrics {
        WorkerMetrics {
            id,
            domain,
            runs: self.runs.get(),
            injected: self.injected.get(),
            thefts: self.thefts.get(),
            far_thefts: self.far_thefts.get(),
            stolen: self.stolen.get(),
            futile_searches: self.futile_searches.get(),
            overflowed: self.overflowed.get(),
            parks: self.parks.get(),
            parked: Duration::from_nanos(self.parked_ns.get()),
            blocked: self.blocked.get(),
            asks,
            queued,
        }
    }
}

impl Counter {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// To be called by the counting thread only. Relaxed, here and below: a count orders nothing.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
