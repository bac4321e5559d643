//! What went wrong in a nursery.

use std::error::Error;
use std::fmt;

use moirai_sync::{CancelReason, TaskError};

/// One thing that went wrong in a nursery, or in what is made of one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure<E> {
    /// A child, or the body, returned an error.
    Error(E),
    /// A child panicked, was refused, or was cancelled by somebody else than its nursery.
    Task(TaskError),
    /// The nursery was cancelled before its body had ended.
    Cancelled(CancelReason),
}

/// Why a nursery has no result: what went wrong in it, in order. At least one failure.
///
/// # Examples
///
/// ```
/// use moirai_runtime::{Failure, block_on, nursery};
///
/// let result = block_on(nursery(async |n| {
///     n.spawn(async { Err::<(), _>("no disk") });
///     Ok(())
/// }));
/// assert!(matches!(result.unwrap_err().into_first(), Failure::Error("no disk")));
/// ```
pub struct NurseryError<E> {
    first: Failure<E>,
    more: Vec<Failure<E>>,
}

impl<E> NurseryError<E> {
    pub(super) fn new(first: Failure<E>, more: Vec<Failure<E>>) -> Self {
        Self { first, more }
    }

    /// What went wrong first.
    pub fn first(&self) -> &Failure<E> {
        &self.first
    }

    /// What went wrong first; the rest is dropped.
    pub fn into_first(self) -> Failure<E> {
        self.first
    }

    /// Everything that went wrong.
    pub fn iter(&self) -> impl Iterator<Item = &Failure<E>> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// Everything that went wrong.
    pub fn into_failures(self) -> Vec<Failure<E>> {
        let mut failures = self.more;
        failures.insert(0, self.first);
        failures
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Task(error) => error.fmt(f),
            Self::Cancelled(reason) => write!(f, "the nursery was cancelled: {reason}"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for NurseryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        match self.more.len() {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for NurseryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

// The error shows as the failure's own text, so it is no source as well; and `E` may be a
// `Box<dyn Error>`, which is none.
impl<E: fmt::Debug + fmt::Display> Error for Failure<E> {}
impl<E: fmt::Debug + fmt::Display> Error for NurseryError<E> {}
