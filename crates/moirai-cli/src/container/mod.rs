//! The archive: what is in it, byte by byte, and every limit on it.
//!
//! An archive is a plain zstd file, so `zstd -t` checks it and `zstd -dc` restores it. What zstd does not
//! prove (that no frame is missing, moved or changed) stands in frames that zstd skips.
//!
//! ```text
//!  offset
//!  0     ┌ skippable frame ──────────────────────────────────────────────────────────────────────┐
//!        │ 0x184D2A5D u32 │ length u32 │ "MOIRAI" 6 │ version u8 │ flags u8 = 0                  │ header
//!        │ chunk_bytes u32 │ level i32 │ fields: (tag u16 │ length u16 │ value) ...               │
//!        ├ zstd frame, N times ──────────────────────────────────────────────────────────────────┤
//!        │ 0xFD2FB528 u32 │ header with content size │ blocks ... │ XXH64 of the content, u32     │ chunk i
//!        ├ skippable frame ──────────────────────────────────────────────────────────────────────┤
//!        │ 0x184D2A5D u32 │ 58 u32 │ "MOIRAI-END" 10 │ raw_bytes u64 │ frames u64 │ root 32      │ end
//!        ├ skippable frame ──────────────────────────────────────────────────────────────────────┤
//!        │ 0x184D2A5E u32 │ length u32 │ (compressed u32 │ raw u32) for header, N frames, end    │ seek
//!        │ entries u32 = N + 2 │ descriptor u8 = 0 │ 0x8F92EAB1 u32                              │ table
//!  end   └───────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//! Integers are little-endian. Chunk `i` is bytes `i * chunk_bytes ..` of the input; every chunk but the last
//! is whole, and none is empty. The seek table is the one of zstd's `contrib/seekable_format`; the header
//! and the end frame are in it with a raw size of 0, so that the sums of its sizes are file offsets.
//!
//! `root` is BLAKE3, in key derivation mode under [`ROOT_CONTEXT`], of the whole header frame, then
//! `index u64 ‖ BLAKE3(frame)` for each zstd frame in order, then `raw_bytes u64 ‖ frames u64`. The hashes are over the
//! *compressed* frames: that way every byte of the file is covered (zstd itself ignores some), a frame
//! is checked before it is decoded, and hashing costs a fraction of hashing the content; the content is
//! bound to its frame by XXH64.
//!
//! A header field whose tag has [`TAG_CRITICAL`] set and is unknown refuses the archive; other unknown fields are
//! skipped. Version 1 defines no field.
//!
//! This module knows bytes, limits and order. It never decodes a frame, and knows no path, thread or runtime.

mod reader;
mod writer;

pub use reader::{FrameAt, ReadError, Reader, Trailer};
pub use writer::{Totals, Writer};

use std::ops::RangeInclusive;

/// What the header frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The raw size of every chunk but the last, in bytes.
    pub chunk_bytes: u32,
    /// The zstd level that made the frames: information only.
    pub level: i32,
}

impl Header {
    /// The bytes of the header frame, without any field.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(SKIPPABLE_PREFIX_BYTES + HEADER_FIXED_BYTES);
        frame.extend_from_slice(&SKIPPABLE_MAGIC.to_le_bytes());
        frame.extend_from_slice(&(HEADER_FIXED_BYTES as u32).to_le_bytes());
        frame.extend_from_slice(HEADER_NAME);
        frame.extend_from_slice(&[VERSION, 0]);
        frame.extend_from_slice(&self.chunk_bytes.to_le_bytes());
        frame.extend_from_slice(&self.level.to_le_bytes());
        frame
    }
}

/// The hash that proves which frames an archive holds, and in which order.
#[derive(Clone, Debug)]
pub struct Root {
    hasher: blake3::Hasher,
    frames: u64,
}

impl Root {
    /// Starts with the whole header frame.
    #[must_use]
    pub fn new(header_frame: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(ROOT_CONTEXT);
        hasher.update(header_frame);
        Self { hasher, frames: 0 }
    }

    /// Adds the hash of the next frame.
    pub fn push(&mut self, frame_hash: &blake3::Hash) {
        self.hasher.update(&self.frames.to_le_bytes());
        self.hasher.update(frame_hash.as_bytes());
        self.frames += 1;
    }

    /// The root over all frames pushed, which together hold `raw_bytes` bytes of content.
    #[must_use]
    pub fn finish(mut self, raw_bytes: u64) -> blake3::Hash {
        self.hasher.update(&raw_bytes.to_le_bytes());
        self.hasher.update(&self.frames.to_le_bytes());
        self.hasher.finalize()
    }
}

/// What is wrong with an archive. Where it is wrong is said by [`ReadError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Corruption {
    /// The file ends inside something.
    #[error("the archive ends inside {inside}")]
    Truncated {
        /// What is cut.
        inside: &'static str,
    },
    /// A zstd file made by another program.
    #[error(
        "this is a zstd file, but not a Moirai archive, so nothing would prove that it is whole; \
         `zstd -d` reads it"
    )]
    ForeignZstd,
    /// Not a zstd file at all.
    #[error("this is not a Moirai archive")]
    NotAnArchive,
    /// A version that this program does not know.
    #[error("version {found} of the format is not known to this program (it reads {VERSION})")]
    Version {
        /// The version byte.
        found: u8,
    },
    /// A header length, flag or chunk size outside its limits.
    #[error("{what} in the header is {found}, expected {expected}")]
    HeaderField {
        /// Which part of the header.
        what: &'static str,
        /// What it holds.
        found: u64,
        /// What it may hold.
        expected: &'static str,
    },
    /// A header field marked critical that this program does not know.
    #[error("header field {tag:#06x} is marked critical and not known to this program")]
    CriticalField {
        /// The tag, with its critical bit.
        tag: u16,
    },
    /// Neither a frame nor the end frame.
    #[error("expected a frame or the end of the archive, found magic number {found:#010x}")]
    Magic {
        /// The four bytes found.
        found: u32,
    },
    /// A zstd frame of a kind that [`Writer`] never writes.
    #[error("frame header {problem}")]
    FrameHeader {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A content size that breaks the rule "every chunk but the last is whole".
    #[error("frame declares {found} bytes of content, expected {expected}")]
    ContentBytes {
        /// The declared size.
        found: u64,
        /// The largest size allowed there.
        expected: u64,
    },
    /// A frame after one that was shorter than a chunk.
    #[error("a frame follows the short frame that must be the last")]
    FrameAfterShort,
    /// A block of a reserved type or above 128 KiB.
    #[error("block header is not valid")]
    Block,
    /// More compressed bytes than a chunk can need.
    #[error("frame is longer than {max} bytes, the most that a chunk of this archive can need")]
    FrameTooLong {
        /// The limit.
        max: usize,
    },
    /// More frames than [`FRAMES_MAX`].
    #[error("the archive has more than {FRAMES_MAX} frames")]
    TooManyFrames,
    /// zstd refused the frame, for instance because its XXH64 does not match.
    #[error("frame does not decode: {reason}")]
    Decode {
        /// zstd's name for the problem.
        reason: &'static str,
    },
    /// The end frame is not what follows from the frames before it.
    #[error("the end frame says {what} {found}, the frames say {expected}")]
    End {
        /// Which value.
        what: &'static str,
        /// In the end frame.
        found: u64,
        /// From the frames.
        expected: u64,
    },
    /// The root does not match: a frame was changed, moved, or comes from another archive.
    #[error("the frames do not match the root hash: one was changed, moved or replaced")]
    Root,
    /// The seek table is not what follows from the frames.
    #[error("the seek table does not match the frames")]
    SeekTable,
    /// Bytes after the seek table.
    #[error("bytes follow the end of the archive")]
    Trailing,
}

/// A skippable frame that only Moirai gives a meaning to.
const SKIPPABLE_MAGIC: u32 = 0x184D_2A5D;
/// All sixteen magic numbers that zstd skips, without their low four bits.
const SKIPPABLE_MAGIC_BASE: u32 = 0x184D_2A50;
/// The skippable frame of the seekable format.
const SEEK_TABLE_MAGIC: u32 = 0x184D_2A5E;
/// The last four bytes of the seekable format.
const SEEK_TABLE_FOOTER_MAGIC: u32 = 0x8F92_EAB1;
const ZSTD_MAGIC: u32 = 0xFD2F_B528;
/// Magic number and length.
const SKIPPABLE_PREFIX_BYTES: usize = 8;
const HEADER_NAME: &[u8; 6] = b"MOIRAI";
const HEADER_FIXED_BYTES: usize = 16;
const END_NAME: &[u8; 10] = b"MOIRAI-END";
const END_BYTES: usize = 58;
/// Two 32-bit sizes.
const SEEK_ENTRY_BYTES: usize = 8;
/// Count, descriptor, magic number.
const SEEK_FOOTER_BYTES: usize = 9;
/// The header frame and the end frame are in the seek table too.
const SEEK_ENTRIES_EXTRA: u64 = 2;

/// The version of the format that this program writes and reads.
pub const VERSION: u8 = 1;
/// Set in the tag of a header field that a reader must understand.
pub const TAG_CRITICAL: u16 = 0x8000;
/// The BLAKE3 key derivation context of [`Root`].
pub const ROOT_CONTEXT: &str = "Moirai archive version 1, root over header and frames";
/// The smallest and largest chunk: below, headers and hand-offs dominate; above, memory does.
pub const CHUNK_BYTES: RangeInclusive<u32> = 64 << 10..=64 << 20;
/// The most bytes of header fields.
pub const FIELDS_BYTES_MAX: usize = 64 << 10;
/// The most frames: as many as zstd's own seek table reader takes, less header and end.
pub const FRAMES_MAX: u64 = (1 << 27) - SEEK_ENTRIES_EXTRA;
/// The largest window a frame may ask for, as a power of two: what `zstd -d` accepts without a flag.
pub const WINDOW_LOG_MAX: u32 = 27;
/// The largest block, by the zstd format.
const BLOCK_BYTES_MAX: usize = 128 << 10;

const _: () = assert!(*CHUNK_BYTES.end() <= 1 << WINDOW_LOG_MAX);
const _: () = assert!(
    (FRAMES_MAX + SEEK_ENTRIES_EXTRA) * SEEK_ENTRY_BYTES as u64 + SEEK_FOOTER_BYTES as u64
        <= u32::MAX as u64
);

#[cfg(test)]
mod tests;
