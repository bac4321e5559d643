//! Why a lock was not taken.

use std::fmt;

/// An error from the methods of a [`Semaphore`](super::Semaphore) that wait: it was closed.
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::{Closed, Semaphore};
///
/// let semaphore = Semaphore::new(1);
/// semaphore.close();
/// assert_eq!(semaphore.acquire().unwrap_err(), Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// An error from [`Semaphore::try_acquire`](super::Semaphore::try_acquire).
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::{Semaphore, TryAcquireError};
///
/// let semaphore = Semaphore::new(1);
/// let permit = semaphore.acquire().unwrap();
/// assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
/// drop(permit);
/// assert!(semaphore.try_acquire().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// There are too few permits, or others wait for them.
    NoPermits,
    /// The semaphore was closed.
    Closed,
}

/// An error from [`Semaphore::acquire_timeout`](super::Semaphore::acquire_timeout) or
/// [`Semaphore::acquire_deadline`](super::Semaphore::acquire_deadline).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::lock::{AcquireTimeoutError, Semaphore};
///
/// let semaphore = Semaphore::new(0);
/// let late = semaphore.acquire_timeout(Duration::from_millis(1));
/// assert_eq!(late.unwrap_err(), AcquireTimeoutError::Timeout);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireTimeoutError {
    /// It was not one's turn in time.
    Timeout,
    /// The semaphore was closed.
    Closed,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore was closed")
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPermits => f.write_str("the semaphore has too few permits now"),
            Self::Closed => Closed.fmt(f),
        }
    }
}

impl fmt::Display for AcquireTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the permits did not come in time"),
            Self::Closed => Closed.fmt(f),
        }
    }
}

impl std::error::Error for Closed {}
impl std::error::Error for TryAcquireError {}
impl std::error::Error for AcquireTimeoutError {}

impl From<Closed> for TryAcquireError {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}

impl From<Closed> for AcquireTimeoutError {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}
