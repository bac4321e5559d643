//! Why a ring cannot be had, and why a message was not passed on.

use std::{error, fmt, io};

use super::layout::{CAPACITY_MAX, FILE_BYTES_MAX};
use super::ring::Role;

/// A [`Ring`](super::Ring) cannot be made, opened, or one of its sides taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The system refused; also [`AlreadyExists`](io::ErrorKind::AlreadyExists) and
    /// [`NotFound`](io::ErrorKind::NotFound).
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// What was opened is no ring, or one of a machine with the other byte order.
    NotARing,
    /// The ring was made by a program whose rings look different.
    Version {
        /// That of the ring.
        found: u64,
        /// That of this program.
        expected: u64,
    },
    /// The ring is for messages of another type.
    Message {
        /// The bytes and the alignment of its messages.
        found: (u64, u64),
        /// Those of the type that was asked for.
        expected: (u64, u64),
    },
    /// The capacity is 0, or so large that the file would be too long.
    Capacity {
        /// In messages.
        capacity: usize,
    },
    /// The file is not as long as its header says: it was cut off, or something was appended.
    Length {
        /// In bytes.
        found: u64,
        /// In bytes.
        expected: u64,
    },
    /// The descriptor is of memory that whoever else has it can make shorter.
    Unsealed,
    /// The positions in the ring cannot be: somebody has written over them.
    Corrupt,
    /// A living process has the side that was asked for.
    Taken {
        /// `"sender"` or `"receiver"`.
        side: &'static str,
    },
}

impl OpenError {
    pub(super) fn io(action: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }

    pub(super) fn taken(role: Role) -> Self {
        let side = match role {
            Role::Sender => "sender",
            Role::Receiver => "receiver",
        };
        Self::Taken { side }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, .. } => write!(f, "cannot {action}"),
            Self::NotARing => write!(f, "no ring of this machine"),
            Self::Version { found, expected } => {
                write!(f, "a ring of version {found}, expected {expected}")
            }
            Self::Message { found, expected } => write!(
                f,
                "messages of {} bytes aligned to {}, expected {} aligned to {}",
                found.0, found.1, expected.0, expected.1
            ),
            Self::Capacity { capacity } => write!(
                f,
                "`capacity` is {capacity}, expected 1..={CAPACITY_MAX} in at most {FILE_BYTES_MAX} bytes"
            ),
            Self::Length { found, expected } => {
                write!(f, "the file has {found} bytes, expected {expected}")
            }
            Self::Unsealed => write!(f, "the memory is not sealed against becoming shorter"),
            Self::Corrupt => write!(f, "the positions in the ring cannot be"),
            Self::Taken { side } => write!(f, "a living process is the ring's {side}"),
        }
    }
}

impl error::Error for OpenError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A message was not sent or received.
///
/// The ring is still there: once another process has taken the other side, or has written a position that
/// can be, messages pass again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferError {
    /// There is no place, or no message, now.
    WouldBlock,
    /// There was no place, or no message, or nobody on the other side, until the limit in time.
    TimedOut,
    /// The other side has left, and there is no place or no message.
    Disconnected,
    /// The process on the other side has ended without leaving, and there is no place or no message.
    PeerDied,
    /// The other side's position cannot be: that process is broken, or hostile.
    Corrupt,
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WouldBlock => "the other side has not got so far",
            Self::TimedOut => "the other side did not get so far in time",
            Self::Disconnected => "the other side has left",
            Self::PeerDied => "the process on the other side has died",
            Self::Corrupt => "the other side's position cannot be",
        })
    }
}

impl error::Error for TransferError {}
