//! Time: futures that wait for a moment.
//!
//! They ask the [`strand`](moirai_sync::strand) they run on for the time and for a timer, so they
//! work on a runtime's workers, in its `block_on`, and on any other executor.

mod sleep;

pub use sleep::{Sleep, sleep, sleep_until};
