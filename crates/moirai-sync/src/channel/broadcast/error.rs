//! Why nothing was received from a broadcast channel.

use std::fmt;

use crate::queue::log::ReadError;

/// An error from [`BroadcastReceiver::recv`](super::BroadcastReceiver::recv).
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::broadcast::{BroadcastChannel, RecvError};
///
/// let (sender, mut receiver) = BroadcastChannel::with_capacity(2);
/// (1..=5).for_each(|n| _ = sender.send(n));
/// assert_eq!(receiver.recv(), Err(RecvError::Lagged(3)));
/// assert_eq!((receiver.recv(), receiver.recv()), (Ok(4), Ok(5)));
/// drop(sender);
/// assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// So many messages were replaced before they were received. The next receive gets the oldest one
    /// that is left.
    Lagged(u64),
    /// All messages were received, and none can follow.
    Disconnected,
}

/// An error from [`BroadcastReceiver::try_recv`](super::BroadcastReceiver::try_recv).
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::broadcast::{BroadcastChannel, TryRecvError};
///
/// let (sender, mut receiver) = BroadcastChannel::with_capacity(1);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// (1..=2).for_each(|n| _ = sender.send(n));
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(1)));
/// assert_eq!(receiver.try_recv(), Ok(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// No message is there now.
    Empty,
    /// So many messages were replaced before they were received. The next receive gets the oldest one
    /// that is left.
    Lagged(u64),
    /// All messages were received, and none can follow.
    Disconnected,
}

/// An error from [`BroadcastReceiver::recv_timeout`](super::BroadcastReceiver::recv_timeout) or
/// [`BroadcastReceiver::recv_deadline`](super::BroadcastReceiver::recv_deadline).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::channel::broadcast::{BroadcastChannel, RecvTimeoutError};
///
/// let (_sender, mut receiver) = BroadcastChannel::<u8>::with_capacity(1);
/// let late = receiver.recv_timeout(Duration::from_millis(1));
/// assert_eq!(late, Err(RecvTimeoutError::Timeout));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// No message came in time.
    Timeout,
    /// So many messages were replaced before they were received. The next receive gets the oldest one
    /// that is left.
    Lagged(u64),
    /// All messages were received, and none can follow.
    Disconnected,
}

impl From<ReadError> for TryRecvError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Empty => Self::Empty,
            ReadError::Closed => Self::Disconnected,
            ReadError::Lagged(missed) => Self::Lagged(missed),
        }
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Lagged(missed) => Self::Lagged(missed),
            RecvError::Disconnected => Self::Disconnected,
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RecvTimeoutError::from(*self).fmt(f)
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => f.write_str("receiving on an empty channel"),
            Self::Lagged(missed) => RecvError::Lagged(missed).fmt(f),
            Self::Disconnected => RecvError::Disconnected.fmt(f),
        }
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no message came in time"),
            Self::Lagged(missed) => write!(f, "the receiver was too slow for {missed} messages"),
            Self::Disconnected => f.write_str("receiving on an empty and closed channel"),
        }
    }
}

impl std::error::Error for RecvError {}
impl std::error::Error for TryRecvError {}
impl std::error::Error for RecvTimeoutError {}
