//! The first bytes of the file, and how long it is: what both sides must agree on before they map it.
//!
//! Version 1, in the byte order of the machine:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | the magic number, `MOIRAIRG` read as a number; in the other byte order it is another one |
//! | 8 | 8 | the version, 1 |
//! | 16 | 8 | the bytes of a message |
//! | 24 | 8 | the alignment of a message |
//! | 32 | 8 | the capacity, in messages |
//! | 128 | 8 | the sender's position: how many messages have been sent |
//! | 256 | 8 | the receiver's position: how many have been received |
//! | 384 | 4 | the sender's coming and going: 0, then odd while one is there and even after it has left |
//! | 388 | 4 | 1 while the sender sleeps, else 0; a futex |
//! | 392 | 4 | the receiver's coming and going |
//! | 396 | 4 | 1 while the receiver sleeps, else 0; a futex |
//! | 4096 | | the places: each message begins at a multiple of 8 |
//!
//! All else is zero. The file ends with its last place. The sender holds a lock on the first byte of the
//! file, the receiver on the second: see `seat`.

use super::error::OpenError;
use super::ring::WORD;

/// What the header says, once it has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    message_bytes: usize,
    message_align: usize,
    pub(super) capacity: usize,
}

impl Layout {
    /// A ring of `capacity` messages of type `T`.
    pub(super) fn of<T>(capacity: usize) -> Result<Self, OpenError> {
        let layout =
            Self { message_bytes: size_of::<T>(), message_align: align_of::<T>(), capacity };
        match layout.file_bytes() {
            Some(_) if capacity > 0 => Ok(layout),
            _ => Err(OpenError::Capacity { capacity }),
        }
    }

    /// Reads the header of a file of `file_bytes` that is to be a ring of messages of type `T`.
    pub(super) fn read<T>(header: &[u8; FACTS_BYTES], file_bytes: u64) -> Result<Self, OpenError> {
        let (words, _) = header.as_chunks::<WORD>();
        let mut words = words.iter().map(|word| u64::from_ne_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        let (magic, version) = (next(), next());
        if magic != MAGIC {
            return Err(OpenError::NotARing);
        }
        if version != VERSION {
            return Err(OpenError::Version { found: version, expected: VERSION });
        }
        let (found, expected) = ((next(), next()), (size_of::<T>() as u64, align_of::<T>() as u64));
        if found != expected {
            return Err(OpenError::Message { found, expected });
        }
        let capacity = usize::try_from(next()).map_err(|_| OpenError::NotARing)?;
        let layout = Self::of::<T>(capacity)?;
        match layout.file_bytes() {
            Some(expected) if expected == file_bytes => Ok(layout),
            expected => {
                let expected = expected.unwrap_or_default();
                Err(OpenError::Length { found: file_bytes, expected })
            }
        }
    }

    pub(super) fn header(&self) -> [u8; FACTS_BYTES] {
        let (bytes, align) = (self.message_bytes as u64, self.message_align as u64);
        let facts = [MAGIC, VERSION, bytes, align, self.capacity as u64];
        let mut header = [0; FACTS_BYTES];
        for (place, fact) in header.as_chunks_mut::<WORD>().0.iter_mut().zip(facts) {
            *place = fact.to_ne_bytes();
        }
        header
    }

    /// The words of one place.
    pub(super) fn words_each(&self) -> usize {
        self.message_bytes.div_ceil(WORD)
    }

    /// The words of all places; that there are not too many was checked when this was made.
    pub(super) fn words(&self) -> usize {
        self.words_each() * self.capacity
    }

    /// How long the file is, unless that is too long.
    pub(super) fn file_bytes(&self) -> Option<u64> {
        let places = (self.words_each() * WORD).checked_mul(self.capacity)?;
        let bytes = places.checked_add(HEADER_BYTES)? as u64;
        (bytes <= FILE_BYTES_MAX && self.capacity as u64 <= CAPACITY_MAX).then_some(bytes)
    }
}

/// The facts at the beginning of the header.
pub(super) const FACTS_BYTES: usize = 5 * WORD;

/// Where the places begin: behind a page.
pub(super) const HEADER_BYTES: usize = 4096;

/// A file that is larger than a terabyte is a mistake.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 40;

/// Only messages without a size reach it before the file is too long.
pub(super) const CAPACITY_MAX: u64 = 1 << 40;

const MAGIC: u64 = u64::from_be_bytes(*b"MOIRAIRG");
const VERSION: u64 = 1;
