//! Why a select chose nothing.

use std::fmt;

/// An error from [`Select::try_select`](super::Select::try_select): every operation would have to
/// wait.
///
/// # Examples
///
/// ```
/// use moirai_sync::{Select, TrySelectError, channel};
///
/// let (_sender, receiver) = channel::bounded::<u8>(1);
/// let mut select = Select::new();
/// select.recv(&receiver);
/// assert_eq!(select.try_select().unwrap_err(), TrySelectError);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrySelectError;

/// An error from [`Select::select_timeout`](super::Select::select_timeout) and
/// [`Select::select_deadline`](super::Select::select_deadline): every operation had to wait.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::{Select, SelectTimeoutError, channel};
///
/// let (_sender, receiver) = channel::bounded::<u8>(1);
/// let mut select = Select::new();
/// select.recv(&receiver);
/// let late = select.select_timeout(Duration::from_millis(1));
/// assert_eq!(late.unwrap_err(), SelectTimeoutError);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectTimeoutError;

/// An error from [`Select::try_ready`](super::Select::try_ready): every operation would have to
/// wait.
///
/// # Examples
///
/// ```
/// use moirai_sync::{Select, TryReadyError, channel};
///
/// let (sender, receiver) = channel::bounded(1);
/// let mut select = Select::new();
/// let index = select.recv(&receiver);
/// assert_eq!(select.try_ready(), Err(TryReadyError));
/// sender.send(1).unwrap();
/// assert_eq!(select.try_ready(), Ok(index));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryReadyError;

/// An error from [`Select::ready_timeout`](super::Select::ready_timeout) and
/// [`Select::ready_deadline`](super::Select::ready_deadline): every operation had to wait.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::{ReadyTimeoutError, Select, channel};
///
/// let (_sender, receiver) = channel::bounded::<u8>(1);
/// let mut select = Select::new();
/// select.recv(&receiver);
/// assert_eq!(select.ready_timeout(Duration::from_millis(1)), Err(ReadyTimeoutError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyTimeoutError;

impl fmt::Display for TrySelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every operation of the select would have to wait")
    }
}

impl fmt::Display for SelectTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no operation of the select was ready in time")
    }
}

impl fmt::Display for TryReadyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every operation of the select would have to wait")
    }
}

impl fmt::Display for ReadyTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no operation of the select was ready in time")
    }
}

impl std::error::Error for TrySelectError {}
impl std::error::Error for SelectTimeoutError {}
impl std::error::Error for TryReadyError {}
impl std::error::Error for ReadyTimeoutError {}
