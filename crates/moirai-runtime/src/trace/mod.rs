//! What a runtime says about itself: counters that are always on, and snapshots of them.
//!
//! Each worker counts for itself, on a cache line of its own, with a load and a store: nobody else
//! writes there, so counting needs no exchange. A snapshot reads the lines one after the other; it
//! stops nobody, and so it is exact only while nobody counts.
//!
//! This module knows no scheduler: the scheduler counts here, and others read.

mod blocking;
mod counters;
mod ended;
mod metering;
mod snapshot;
mod stall;

pub use blocking::BlockingMetrics;
pub(crate) use counters::Counters;
pub use ended::TaskStatus;
pub(crate) use ended::{Ended, Outcome};
pub(crate) use metering::Noted;
pub use metering::{Metering, TaskMetrics};
pub use snapshot::WorkerMetrics;
pub use stall::{Activity, Relief, Stall};
