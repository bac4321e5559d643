//! Pipelines: stages joined by bounded channels, with a stated memory bound and one error path.
//!
//! ```text
//!              credits: one per item, `window` of them
//!          ┌──────────────────────────────────────────────────┐
//!          ▼                                                   │
//!       source ──depth──► stage 1 × n ──depth──► stage 2 × m ──depth──► reorder ─► sink
//!   (spawn_blocking)    (spawn_parallel)       (spawn_parallel)       (spawn_blocking)
//! ```
//!
//! - **No worker ever waits.** A stage is a task that awaits its channel and hands each CPU item to
//!   [`spawn_parallel`](moirai_runtime::spawn_parallel) and each file operation to
//!   [`spawn_blocking`](moirai_runtime::spawn_blocking): one worker is enough for any number of stages.
//! - **Memory is bounded.** The source may begin item `i` only once item `i - window` has been written, so
//!   one slow item cannot make the reorder buffer grow. [`Footprint::bound_bytes`] is the bound in bytes.
//! - **One error ends it.** The first stage that fails closes its channels both ways, every task is cancelled, and
//!   [`Ordered::run`] returns the stage's name with its error at once, even while the source is stuck in
//!   a read that never returns.
//!
//! ```
//! use moirai_pipeline::pipeline;
//!
//! let runtime = moirai_runtime::Runtime::builder().worker_threads(2).build()?;
//! let mut lines = ["3", "1", "4"].into_iter();
//! let mut sum = Vec::new();
//! let finished = runtime.block_on(
//!     pipeline()
//!         .parallel_stage(|line: &str| line.parse::<u32>())
//!         .name("parse")
//!         .concurrency(2)
//!         .ordered()
//!         .run(move || Ok(lines.next()), move |number| {
//!             sum.push(number);
//!             Ok(())
//!         }),
//! )?;
//! assert_eq!(finished.report.items, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod graph;
mod order;
mod run;
mod stage;
mod stats;

pub use error::PipelineError;
pub use graph::{
    CHANNEL_DEPTH_DEFAULT, CHANNEL_DEPTH_MAX, CONCURRENCY_MAX, Ordered, Pipeline, Start,
    WINDOW_MAX, pipeline,
};
pub use run::Finished;
pub use stage::{Sink, Source};
pub use stats::{Footprint, Report, StageReport};
