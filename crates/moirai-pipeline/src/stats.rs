//! What a run did, and what it may use.

use std::time::Duration;

/// What one stage did in a run, summed over its tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageReport {
    /// The stage's name.
    pub name: String,
    /// How many tasks it had.
    pub tasks: usize,
    /// How many items passed through it.
    pub items: u64,
    /// Time inside the stage's own code.
    pub busy: Duration,
    /// Time waiting for an item from upstream. For the source: for the window to admit the next item.
    pub wait_receive: Duration,
    /// Time waiting for room downstream.
    pub wait_send: Duration,
}

impl StageReport {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), tasks: 1, ..Self::default() }
    }

    /// Adds another task of the same stage.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.tasks += other.tasks;
        self.items += other.items;
        self.busy += other.busy;
        self.wait_receive += other.wait_receive;
        self.wait_send += other.wait_send;
    }
}

/// What a whole run did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many items went from the source to the sink.
    pub items: u64,
    /// From the start to the end of the run.
    pub elapsed: Duration,
    /// The window in force.
    pub window: usize,
    /// The most items that ever waited for their turn at the sink; never above `window`.
    pub reorder_max: usize,
    /// Every stage from the source to the sink.
    pub stages: Vec<StageReport>,
}

/// The memory one item takes, from which the bound of a run follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// What the source puts into one item, at most, in bytes.
    pub input_bytes: u64,
    /// What the stages make of it, at most, in bytes.
    pub output_bytes: u64,
    /// What one concurrent call of a parallel stage needs besides, in bytes.
    pub worker_bytes: u64,
}

impl Footprint {
    /// The most bytes that the items of a run take, with `window` items admitted and `workers`
    /// concurrent calls in the parallel stages.
    ///
    /// At most `window` items are anywhere between the source and the sink. Each holds its input or its
    /// output, and both only while it is worked on:
    ///
    /// ```text
    /// window * max(input_bytes, output_bytes) + workers * (min(input_bytes, output_bytes) + worker_bytes)
    /// ```
    ///
    /// Buffers that are kept in a pool for the next item are covered if one pool serves both sides; with a
    /// pool for each side, each may hold as many as were ever in use on its own.
    #[must_use]
    pub const fn bound_bytes(&self, window: usize, workers: usize) -> u64 {
        let Self { input_bytes, output_bytes, worker_bytes } = *self;
        let (more, less) = if input_bytes < output_bytes {
            (output_bytes, input_bytes)
        } else {
            (input_bytes, output_bytes)
        };
        let workers = (workers as u64).saturating_mul(less.saturating_add(worker_bytes));
        (window as u64).saturating_mul(more).saturating_add(workers)
    }
}
