//! Why a runtime was not built.

use std::fmt;
use std::io;

/// An error from [`Builder::build`](crate::Builder::build).
///
/// # Examples
///
/// ```
/// use moirai_runtime::{BuildError, Runtime};
///
/// let error = Runtime::builder().worker_threads(0).build().unwrap_err();
/// assert!(matches!(error, BuildError::OutOfRange { option: "worker_threads", value: 0, .. }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// An option lies outside its range.
    #[non_exhaustive]
    OutOfRange {
        /// The builder's method.
        option: &'static str,
        /// What it was given.
        value: usize,
        /// The least it takes.
        min: usize,
        /// The most it takes.
        max: usize,
    },
    /// The operating system refused a worker's thread.
    #[non_exhaustive]
    SpawnWorker {
        /// Which worker, from 0.
        worker: usize,
        /// What the system said.
        source: io::Error,
    },
}

/// An error from [`Runtime::shutdown_timeout`](crate::Runtime::shutdown_timeout): something does not
/// come to an end. The runtime's end goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownTimeout;

impl fmt::Display for ShutdownTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tasks of the runtime have not ended in time")
    }
}

impl std::error::Error for ShutdownTimeout {}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { option, value, min, max } => {
                write!(f, "`{option}` is {value}, expected {min}..={max}")
            }
            Self::SpawnWorker { worker, .. } => write!(f, "cannot start worker {worker}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::OutOfRange { .. } => None,
            Self::SpawnWorker { source, .. } => Some(source),
        }
    }
}
