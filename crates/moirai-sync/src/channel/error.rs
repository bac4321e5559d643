//! Why a message did not go through. As in std: an error of a send gives the message back.

use std::fmt;

/// An error from [`Sender::send`](super::Sender::send): no receiver is left, or the channel was
/// closed; or it is full, where its [strategy](super::BackpressureStrategy) is not to wait.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{self, SendError};
///
/// let (sender, receiver) = channel::unbounded();
/// drop(receiver);
/// let SendError(message) = sender.send("kept").unwrap_err();
/// assert_eq!(message, "kept");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// An error from [`Sender::try_send`](super::Sender::try_send).
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{self, TrySendError};
///
/// let (sender, receiver) = channel::bounded(1);
/// sender.send(1).unwrap();
/// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
/// drop(receiver);
/// let error = sender.try_send(3).unwrap_err();
/// assert!(error.is_disconnected() && !error.is_full());
/// assert_eq!(error.into_inner(), 3);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The channel holds as many messages as it may.
    Full(T),
    /// No receiver is left, or the channel was closed.
    Disconnected(T),
}

/// An error from [`Sender::send_timeout`](super::Sender::send_timeout) or
/// [`Sender::send_deadline`](super::Sender::send_deadline).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::channel;
///
/// let (sender, _receiver) = channel::bounded(1);
/// sender.send(1).unwrap();
/// let error = sender.send_timeout(2, Duration::from_millis(1)).unwrap_err();
/// assert!(error.is_timeout());
/// assert_eq!(error.into_inner(), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The channel stayed full.
    Timeout(T),
    /// No receiver is left, or the channel was closed.
    Disconnected(T),
}

/// An error from [`Receiver::recv`](super::Receiver::recv): the channel is empty, and no message
/// can follow.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{self, RecvError};
///
/// let (sender, receiver) = channel::unbounded();
/// sender.send("last").unwrap();
/// drop(sender);
/// assert_eq!((receiver.recv(), receiver.recv()), (Ok("last"), Err(RecvError)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// An error from [`Receiver::try_recv`](super::Receiver::try_recv).
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{self, TryRecvError};
///
/// let (sender, receiver) = channel::unbounded::<u8>();
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// drop(sender);
/// assert!(receiver.try_recv().unwrap_err().is_disconnected());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// No message is there now.
    Empty,
    /// The channel is empty, and no message can follow.
    Disconnected,
}

/// An error from [`Receiver::recv_timeout`](super::Receiver::recv_timeout) or
/// [`Receiver::recv_deadline`](super::Receiver::recv_deadline).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::channel;
///
/// let (_sender, receiver) = channel::unbounded::<u8>();
/// let error = receiver.recv_timeout(Duration::from_millis(1)).unwrap_err();
/// assert!(error.is_timeout() && !error.is_disconnected());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// No message came in time.
    Timeout,
    /// The channel is empty, and no message can follow.
    Disconnected,
}

impl<T> SendError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(message) | Self::Disconnected(message) => message,
        }
    }

    /// Whether there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the channel is closed.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

impl<T> SendTimeoutError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(message) | Self::Disconnected(message) => message,
        }
    }

    /// Whether the time was up.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Whether the channel is closed.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

impl TryRecvError {
    /// Whether there was no message.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether no message can follow.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }
}

impl RecvTimeoutError {
    /// Whether the time was up.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }

    /// Whether no message can follow.
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Disconnected(error.0)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(error: SendError<T>) -> Self {
        Self::Disconnected(error.0)
    }
}

impl From<RecvError> for TryRecvError {
    fn from(_: RecvError) -> Self {
        Self::Disconnected
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(_: RecvError) -> Self {
        Self::Disconnected
    }
}

// Debug without `T: Debug`, as in std: the message is not part of the reason.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Disconnected(_) => "Disconnected(..)",
        })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "Timeout(..)",
            Self::Disconnected(_) => "Disconnected(..)",
        })
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sending on a channel that is closed, or full and does not wait")
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "sending on a full channel",
            Self::Disconnected(_) => "sending on a closed channel",
        })
    }
}

impl<T> fmt::Display for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout(_) => "the channel stayed full",
            Self::Disconnected(_) => "sending on a closed channel",
        })
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("receiving on an empty and closed channel")
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "receiving on an empty channel",
            Self::Disconnected => "receiving on an empty and closed channel",
        })
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no message came in time",
            Self::Disconnected => "receiving on an empty and closed channel",
        })
    }
}

impl<T> std::error::Error for SendError<T> {}
impl<T> std::error::Error for TrySendError<T> {}
impl<T> std::error::Error for SendTimeoutError<T> {}
impl std::error::Error for RecvError {}
impl std::error::Error for TryRecvError {}
impl std::error::Error for RecvTimeoutError {}
