//! What holds messages. Nothing here waits for a message or wakes anybody; that is `channel`'s.
//!
//! | queue | capacity | ends | one message costs |
//! |---|---|---|---|
//! | [`ring`] | fixed | many and many | a compare-exchange each to push and to pop |
//! | [`list`] | none | many and many | a compare-exchange to push, two read-modify-writes to pop |
//!
//! Every queue has the same few operations. A push moves the queue's tail and a pop its head by a
//! SeqCst exchange followed by a full fence, so whoever then looks for waiters needs no fence of its
//! own, and "empty" and "full" are decided by head and tail alone: a value that is still being
//! written counts as there.

pub(crate) mod list;
pub(crate) mod ring;

use list::List;
use ring::Ring;

/// Why a push did not happen; the value comes back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PushError<T> {
    Full(T),
    Closed(T),
}

/// Why a pop found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PopError {
    Empty,
    /// Empty, and no push can follow.
    Closed,
}

/// Whether this call closed the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Close {
    Closed,
    AlreadyClosed,
}

impl From<Close> for bool {
    fn from(close: Close) -> Self {
        close == Close::Closed
    }
}

/// One of the queues, chosen when the channel is made.
#[derive(Debug)]
pub(crate) enum Queue<T> {
    Ring(Ring<T>),
    List(List<T>),
}

impl<T> Queue<T> {
    #[inline]
    pub(crate) fn push(&self, value: T) -> Result<(), PushError<T>> {
        match self {
            Self::Ring(ring) => ring.push(value),
            Self::List(list) => list.push(value).map_err(PushError::Closed),
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Result<T, PopError> {
        match self {
            Self::Ring(ring) => ring.pop(),
            Self::List(list) => list.pop(),
        }
    }

    /// Forbids every later push; what is queued can still be taken.
    pub(crate) fn close(&self) -> Close {
        match self {
            Self::Ring(ring) => ring.close(),
            Self::List(list) => list.close(),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Ring(ring) => ring.is_closed(),
            Self::List(list) => list.is_closed(),
        }
    }

    /// How many values are queued, including those that a sender is still writing.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ring(ring) => ring.len(),
            Self::List(list) => list.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Ring(ring) => ring.is_empty(),
            Self::List(list) => list.is_empty(),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Ring(ring) => ring.is_full(),
            Self::List(_) => false,
        }
    }

    /// `None`: as many as the memory holds.
    pub(crate) fn capacity(&self) -> Option<usize> {
        match self {
            Self::Ring(ring) => Some(ring.capacity()),
            Self::List(_) => None,
        }
    }
}
