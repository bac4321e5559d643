//! What an unbounded channel takes that holds nothing.

use std::sync::Arc;
use std::time::Duration;

use moirai_sync::channel::{self, mpsc, spsc};

use crate::allocations;
use crate::harness::{Case, Effort, Entrant, Sample, Workload};

pub(super) fn empty_case() -> Case {
    let entrants = vec![
        entrant("moirai@mpmc", channel::unbounded::<u64>),
        entrant("moirai@mpsc", mpsc::unbounded::<u64>),
        entrant("moirai@spsc", spsc::unbounded::<u64>),
        entrant("crossbeam", crossbeam_channel::unbounded::<u64>),
        entrant("std", std::sync::mpsc::channel::<u64>),
        entrant("flume", flume::unbounded::<u64>),
        entrant("kanal", kanal::unbounded::<u64>),
        entrant("async-channel", async_channel::unbounded::<u64>),
        entrant("tokio", tokio::sync::mpsc::unbounded_channel::<u64>),
        entrant("crossfire-mpmc", crossfire::mpmc::unbounded_blocking::<u64>),
        entrant("may", may::sync::spsc::channel::<u64>),
    ];
    let (name, what) = ("bytes_empty", "of the heap, per unbounded channel that was just made");
    Case { name, unit: "bytes", what, effort: Effort::Once, entrants }
}

/// Both ends are dropped after the bytes were counted.
fn entrant<S: 'static, R: 'static>(peer: &'static str, pair: fn() -> (S, R)) -> Entrant {
    let workload: Workload = Arc::new(move |_| {
        let (bytes, ends) = allocations::bytes_of(pair);
        drop(ends);
        Ok(Sample { elapsed: Duration::from_millis(1), value: bytes as f64 })
    });
    Entrant { peer, workload: Ok(workload) }
}
