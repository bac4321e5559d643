//! The counters of one worker, which are always on.

use std::time::Duration;

use moirai_sync::__prim::atomic::{AtomicU64, Ordering};

use super::WorkerMetrics;

/// Written by one thread at a time, read by all.
#[derive(Debug)]
pub(crate) struct Counters {
    /// The worker's tick: counted in every build.
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

    /// To be called by the counting thread only. In a build with `--cfg moirai_no_counters`, which is
    /// for `cargo xtask bench counters` and nothing else, it counts nothing.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        if cfg!(not(moirai_no_counters)) {
            self.set(self.get().wrapping_add(n));
        }
    }

    /// One more, in any build; as [`add`](Self::add) else.
    #[inline]
    pub(crate) fn tick(&self) {
        self.set(self.get().wrapping_add(1));
    }

    /// Relaxed, here and below: a count orders nothing.
    #[inline]
    fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
