//! Writes an archive front to back: header, frames as they come, end frame, seek table.
//!
//! Knows nothing of zstd: a frame is bytes with a raw size and a hash.

use super::{
    END_BYTES, END_NAME, FRAMES_MAX, Header, Root, SEEK_ENTRIES_EXTRA, SEEK_ENTRY_BYTES,
    SEEK_FOOTER_BYTES, SEEK_TABLE_FOOTER_MAGIC, SEEK_TABLE_MAGIC, SKIPPABLE_MAGIC,
    SKIPPABLE_PREFIX_BYTES,
};
use std::io::{self, Write};

/// What a finished archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Bytes of content.
    pub raw_bytes: u64,
    /// Bytes of the whole archive.
    pub archive_bytes: u64,
    /// Number of zstd frames.
    pub frames: u64,
    /// The root hash.
    pub root: blake3::Hash,
}

/// An archive being written to `W`. One `write_all` per frame; nothing is buffered.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    chunk_bytes: u32,
    header_bytes: u32,
    /// The compressed size of every frame: four bytes per frame is all that grows with the archive.
    frame_bytes: Vec<u32>,
    last_raw_bytes: u32,
    archive_bytes: u64,
    raw_bytes: u64,
    root: Root,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// What writing to `output` returns.
    pub fn new(mut output: W, header: &Header) -> io::Result<Self> {
        let frame = header.encode();
        output.write_all(&frame)?;
        Ok(Self {
            output,
            chunk_bytes: header.chunk_bytes,
            header_bytes: frame.len() as u32,
            frame_bytes: Vec::new(),
            last_raw_bytes: 0,
            archive_bytes: frame.len() as u64,
            raw_bytes: 0,
            root: Root::new(&frame),
        })
    }

    /// Appends one zstd frame that holds `raw_bytes` bytes of content.
    ///
    /// Every frame but the last must hold exactly a chunk.
    ///
    /// # Errors
    ///
    /// What writing returns, and [`io::ErrorKind::FileTooLarge`] past [`FRAMES_MAX`] frames.
    pub fn push(&mut self, frame: &[u8], raw_bytes: u32, hash: &blake3::Hash) -> io::Result<()> {
        debug_assert!(raw_bytes > 0 && raw_bytes <= self.chunk_bytes);
        debug_assert!(self.frame_bytes.is_empty() || self.last_raw_bytes == self.chunk_bytes);
        if self.frame_bytes.len() as u64 == FRAMES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "more frames than the format allows; a larger chunk size makes fewer",
            ));
        }
        self.output.write_all(frame)?;
        self.frame_bytes.push(frame.len() as u32);
        self.last_raw_bytes = raw_bytes;
        self.archive_bytes += frame.len() as u64;
        self.raw_bytes += u64::from(raw_bytes);
        self.root.push(hash);
        Ok(())
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn archive_bytes(&self) -> u64 {
        self.archive_bytes
    }

    /// Writes the end frame and the seek table, and gives the output back.
    ///
    /// # Errors
    ///
    /// What writing and flushing return.
    pub fn finish(mut self) -> io::Result<(W, Totals)> {
        let frames = self.frame_bytes.len() as u64;
        let root = self.root.clone().finish(self.raw_bytes);
        self.output.write_all(&end_frame(self.raw_bytes, frames, &root))?;
        self.archive_bytes += (SKIPPABLE_PREFIX_BYTES + END_BYTES) as u64;
        self.write_seek_table()?;
        self.output.flush()?;
        let Self { output, archive_bytes, raw_bytes, .. } = self;
        Ok((output, Totals { raw_bytes, archive_bytes, frames, root }))
    }

    fn write_seek_table(&mut self) -> io::Result<()> {
        let entries = SeekEntries {
            chunk_bytes: self.chunk_bytes,
            header_bytes: self.header_bytes,
            frame_bytes: &self.frame_bytes,
            last_raw_bytes: self.last_raw_bytes,
        };
        for piece in entries.pieces() {
            self.output.write_all(&piece)?;
            self.archive_bytes += piece.len() as u64;
        }
        Ok(())
    }
}

pub(super) fn end_frame(
    raw_bytes: u64,
    frames: u64,
    root: &blake3::Hash,
) -> [u8; SKIPPABLE_PREFIX_BYTES + END_BYTES] {
    let mut frame = [0; SKIPPABLE_PREFIX_BYTES + END_BYTES];
    frame[0..4].copy_from_slice(&SKIPPABLE_MAGIC.to_le_bytes());
    frame[4..8].copy_from_slice(&(END_BYTES as u32).to_le_bytes());
    frame[8..18].copy_from_slice(END_NAME);
    frame[18..26].copy_from_slice(&raw_bytes.to_le_bytes());
    frame[26..34].copy_from_slice(&frames.to_le_bytes());
    frame[34..66].copy_from_slice(root.as_bytes());
    frame
}

/// All that a seek table follows from. The writer writes its bytes, the reader compares with them.
pub(super) struct SeekEntries<'a> {
    pub(super) chunk_bytes: u32,
    pub(super) header_bytes: u32,
    pub(super) frame_bytes: &'a [u32],
    pub(super) last_raw_bytes: u32,
}

impl<'a> SeekEntries<'a> {
    /// The bytes of the seek table frame, in pieces of at most [`PIECE_BYTES`].
    pub(super) fn pieces(&self) -> impl Iterator<Item = Vec<u8>> + use<'a> {
        let entries = self.frame_bytes.len() as u64 + SEEK_ENTRIES_EXTRA;
        let length = entries * SEEK_ENTRY_BYTES as u64 + SEEK_FOOTER_BYTES as u64;
        let mut front = Vec::with_capacity(SKIPPABLE_PREFIX_BYTES + SEEK_ENTRY_BYTES);
        front.extend_from_slice(&SEEK_TABLE_MAGIC.to_le_bytes());
        front.extend_from_slice(&(length as u32).to_le_bytes());
        push_entry(&mut front, self.header_bytes, 0);

        let mut back = Vec::with_capacity(SEEK_ENTRY_BYTES + SEEK_FOOTER_BYTES);
        push_entry(&mut back, (SKIPPABLE_PREFIX_BYTES + END_BYTES) as u32, 0);
        back.extend_from_slice(&(entries as u32).to_le_bytes());
        back.push(0);
        back.extend_from_slice(&SEEK_TABLE_FOOTER_MAGIC.to_le_bytes());

        let (chunk_bytes, last_raw_bytes) = (self.chunk_bytes, self.last_raw_bytes);
        let last = self.frame_bytes.len().wrapping_sub(1);
        let per_piece = PIECE_BYTES / SEEK_ENTRY_BYTES;
        let middle = self.frame_bytes.chunks(per_piece).enumerate().map(move |(piece, sizes)| {
            let mut bytes = Vec::with_capacity(sizes.len() * SEEK_ENTRY_BYTES);
            for (i, &size) in sizes.iter().enumerate() {
                let is_last = piece * per_piece + i == last;
                push_entry(&mut bytes, size, if is_last { last_raw_bytes } else { chunk_bytes });
            }
            bytes
        });
        std::iter::once(front).chain(middle).chain(std::iter::once(back))
    }
}

fn push_entry(bytes: &mut Vec<u8>, compressed_bytes: u32, raw_bytes: u32) {
    bytes.extend_from_slice(&compressed_bytes.to_le_bytes());
    bytes.extend_from_slice(&raw_bytes.to_le_bytes());
}

/// The seek table is written and compared in pieces of this size, so that it is never in memory whole.
const PIECE_BYTES: usize = 64 << 10;
