//! How a run can end badly.

use moirai_sync::TaskError;

/// The first thing that went wrong in a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError<E> {
    /// A stage returned an error.
    #[error("stage `{stage}` failed at item {item}")]
    Failed {
        /// The stage's name.
        stage: String,
        /// The item it was at, counted from 0.
        item: u64,
        /// What it returned.
        source: E,
    },
    /// The work on an item ended without a result: it panicked, or the runtime refused or cancelled it.
    #[error("stage `{stage}` did not finish item {item}")]
    Task {
        /// The stage's name.
        stage: String,
        /// The item it was at, counted from 0.
        item: u64,
        /// How it ended. A panic is [`TaskError::Panicked`] and holds the payload.
        source: TaskError,
    },
    /// The runtime was shut down while the run was going on.
    #[error("the runtime was shut down during the run")]
    Cancelled,
    /// A setting lies outside its range; nothing was started.
    #[error("`{option}` is {value}, expected 1..={max}")]
    OutOfRange {
        /// The setting.
        option: &'static str,
        /// Its value.
        value: usize,
        /// The largest value allowed.
        max: usize,
    },
}

impl<E> PipelineError<E> {
    /// The name of the stage that failed, if one did.
    pub fn stage(&self) -> Option<&str> {
        match self {
            Self::Failed { stage, .. } | Self::Task { stage, .. } => Some(stage),
            Self::Cancelled | Self::OutOfRange { .. } => None,
        }
    }
}
