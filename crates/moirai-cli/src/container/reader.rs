//! Walks an archive front to back, from a file or a pipe alike, and trusts nothing in it.
//!
//! ```text
//!   Reader::open ──► FRAMES ──next_frame: Some──► FRAMES
//!     (header)         │
//!                      └──next_frame: None (end frame, seek table and end of file checked)──► trailer()
//! ```
//! A declared size is compared with its limit before anything is read or allocated for it. Frames
//! are found by walking their block headers: their compressed size is written nowhere that could be trusted. They
//! are not decoded and not hashed here: that is the parallel stage's work, and the root that comes
//! out of it is compared with [`Trailer::root`] by whoever has both.

use super::writer::{SeekEntries, end_frame};
use super::{
    BLOCK_BYTES_MAX, CHUNK_BYTES, Corruption, END_BYTES, END_NAME, FIELDS_BYTES_MAX, FRAMES_MAX,
    HEADER_FIXED_BYTES, HEADER_NAME, Header, SKIPPABLE_MAGIC, SKIPPABLE_MAGIC_BASE,
    SKIPPABLE_PREFIX_BYTES, TAG_CRITICAL, VERSION, WINDOW_LOG_MAX, ZSTD_MAGIC,
};
use std::io::{self, Read};

/// Why reading an archive failed, and where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The input could not be read.
    #[error("cannot read at offset {offset}")]
    Io {
        /// Bytes read before.
        offset: u64,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The archive is not whole.
    #[error("{}", Place { offset: *.offset, frame: *.frame })]
    Corrupt {
        /// Where in the archive the part begins that is wrong.
        offset: u64,
        /// The zstd frame, if it is in one.
        frame: Option<u64>,
        /// What is wrong.
        #[source]
        source: Corruption,
    },
}

struct Place {
    offset: u64,
    frame: Option<u64>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.frame {
            Some(frame) => write!(f, "corrupt at offset {}, frame {frame}", self.offset),
            None => write!(f, "corrupt at offset {}", self.offset),
        }
    }
}

/// What the end frame says. The counts have been checked against the frames, the root has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Bytes of content.
    pub raw_bytes: u64,
    /// Number of zstd frames.
    pub frames: u64,
    /// The root that the frames must have.
    pub root: blake3::Hash,
    /// Where the end frame begins.
    pub offset: u64,
}

/// One zstd frame, read into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameAt {
    /// Its number, from 0.
    pub index: u64,
    /// Where it begins in the archive.
    pub offset: u64,
    /// Its compressed size.
    pub frame_bytes: usize,
    /// The content size that its header declares, within the archive's limits.
    pub raw_bytes: u32,
}

/// An archive being read from `R`.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    header: Header,
    header_frame: Vec<u8>,
    frame_bytes_max: usize,
    offset: u64,
    raw_bytes: u64,
    last_raw_bytes: u32,
    /// The compressed size of every frame, to compare the seek table with.
    frame_bytes: Vec<u32>,
    trailer: Option<Trailer>,
}

impl<R: Read> Reader<R> {
    /// Reads and checks the header.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corrupt`] if the input does not begin with a header that this program understands.
    pub fn open(input: R) -> Result<Self, ReadError> {
        let mut reader = Self {
            input,
            header: Header { chunk_bytes: 0, level: 0 },
            header_frame: Vec::new(),
            frame_bytes_max: 0,
            offset: 0,
            raw_bytes: 0,
            last_raw_bytes: 0,
            frame_bytes: Vec::new(),
            trailer: None,
        };
        let mut prefix = [0; SKIPPABLE_PREFIX_BYTES];
        let found = reader.fill(&mut prefix)?;
        reader.offset = 0;
        let length = header_length(&prefix[..found]).map_err(|why| corrupt(0, why))?;
        let mut frame = prefix.to_vec();
        frame.resize(SKIPPABLE_PREFIX_BYTES + length, 0);
        reader.offset = SKIPPABLE_PREFIX_BYTES as u64;
        reader.read_exact(&mut frame[SKIPPABLE_PREFIX_BYTES..], "the header")?;
        reader.header = parse_header(&frame[SKIPPABLE_PREFIX_BYTES..])
            .map_err(|why| corrupt(SKIPPABLE_PREFIX_BYTES as u64, why))?;
        reader.header_frame = frame;
        reader.frame_bytes_max = zstd_safe::compress_bound(reader.header.chunk_bytes as usize);
        Ok(reader)
    }

    /// What the header says.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The header frame as it stands in the archive, for [`Root::new`](super::Root::new).
    #[must_use]
    pub fn header_frame(&self) -> &[u8] {
        &self.header_frame
    }

    /// The longest frame that this archive may hold: the size of the buffers for [`next_frame`](Self::next_frame).
    #[must_use]
    pub const fn frame_bytes_max(&self) -> usize {
        self.frame_bytes_max
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The end frame, once [`next_frame`](Self::next_frame) has returned `None`.
    #[must_use]
    pub const fn trailer(&self) -> Option<&Trailer> {
        self.trailer.as_ref()
    }

    /// Reads the next frame into `buffer`, or, after the last one, the rest of the archive.
    ///
    /// `buffer` must be at least [`frame_bytes_max`](Self::frame_bytes_max) long; a shorter one makes
    /// its length the limit.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corrupt`] if the archive breaks a rule of the format, which includes that it ends
    /// early and that it does not end where it should.
    pub fn next_frame(&mut self, buffer: &mut [u8]) -> Result<Option<FrameAt>, ReadError> {
        if self.trailer.is_some() {
            return Ok(None);
        }
        let offset = self.offset;
        let index = self.frame_bytes.len() as u64;
        let mut magic = [0; 4];
        self.read_exact(&mut magic, "the space between frames")?;
        match u32::from_le_bytes(magic) {
            ZSTD_MAGIC => {}
            SKIPPABLE_MAGIC => return self.read_end(offset).map(|()| None),
            found => return Err(corrupt(offset, Corruption::Magic { found })),
        }
        // From here on an error names the frame.
        let limit = buffer.len().min(self.frame_bytes_max);
        let buffer = &mut buffer[..limit];
        let (frame_bytes, raw_bytes) =
            self.read_frame(buffer, index).map_err(|error| error.in_frame(index))?;
        self.frame_bytes.push(frame_bytes as u32);
        self.raw_bytes += u64::from(raw_bytes);
        self.last_raw_bytes = raw_bytes;
        Ok(Some(FrameAt { index, offset, frame_bytes, raw_bytes }))
    }

    /// Reads what follows the magic number of a frame: header, blocks, checksum.
    fn read_frame(&mut self, buffer: &mut [u8], index: u64) -> Result<(usize, u32), ReadError> {
        let offset = self.offset - 4;
        let fail = |why| Err(corrupt(offset, why));
        if index == FRAMES_MAX {
            return fail(Corruption::TooManyFrames);
        }
        if index > 0 && self.last_raw_bytes < self.header.chunk_bytes {
            return fail(Corruption::FrameAfterShort);
        }
        let inside = "a frame header";
        let mut head = [0; FRAME_HEAD_BYTES_MAX];
        head[..4].copy_from_slice(&ZSTD_MAGIC.to_le_bytes());
        self.read_exact(&mut head[4..5], inside)?;
        let layout = match HeadLayout::of(head[4]) {
            Ok(layout) => layout,
            Err(problem) => return fail(Corruption::FrameHeader { problem }),
        };
        // The header of the first block comes with the rest of the frame header.
        let head_bytes = layout.bytes() + BLOCK_HEAD_BYTES;
        self.read_exact(&mut head[5..head_bytes], inside)?;
        let raw_bytes = match layout.content_bytes(&head) {
            Ok(found) => match self.check_content_bytes(found) {
                Ok(raw_bytes) => raw_bytes,
                Err(why) => return fail(why),
            },
            Err(problem) => return fail(Corruption::FrameHeader { problem }),
        };
        if head_bytes > buffer.len() {
            return fail(Corruption::FrameTooLong { max: buffer.len() });
        }
        buffer[..head_bytes].copy_from_slice(&head[..head_bytes]);
        let frame_bytes = self.read_blocks(buffer, head_bytes)?;
        Ok((frame_bytes, raw_bytes))
    }

    /// Reads block after block; `end` is where the first block's header ends. Returns the frame's length.
    fn read_blocks(&mut self, buffer: &mut [u8], mut end: usize) -> Result<usize, ReadError> {
        loop {
            let head = &buffer[end - BLOCK_HEAD_BYTES..end];
            let head = u32::from_le_bytes([head[0], head[1], head[2], 0]);
            let (is_last, kind, bytes) = (head & 1 == 1, head >> 1 & 3, (head >> 3) as usize);
            if kind == BLOCK_RESERVED || bytes > BLOCK_BYTES_MAX {
                let at = self.offset - BLOCK_HEAD_BYTES as u64;
                return Err(corrupt(at, Corruption::Block));
            }
            let body = if kind == BLOCK_RLE { 1 } else { bytes };
            let tail = if is_last { CHECKSUM_BYTES } else { BLOCK_HEAD_BYTES };
            let next = end + body + tail;
            if next > buffer.len() {
                let why = Corruption::FrameTooLong { max: buffer.len() };
                return Err(corrupt(self.offset, why));
            }
            self.read_exact(&mut buffer[end..next], "a frame")?;
            end = next;
            if is_last {
                return Ok(end);
            }
        }
    }

    /// Every chunk but the last is whole, none is empty: whether this is the last is known later.
    fn check_content_bytes(&self, found: u64) -> Result<u32, Corruption> {
        let expected = u64::from(self.header.chunk_bytes);
        match u32::try_from(found) {
            Ok(bytes @ 1..) if bytes <= self.header.chunk_bytes => Ok(bytes),
            _ => Err(Corruption::ContentBytes { found, expected }),
        }
    }

    /// Reads what follows the magic number of the end frame: the end frame, the seek table, and nothing.
    fn read_end(&mut self, offset: u64) -> Result<(), ReadError> {
        let inside = "the end frame";
        let mut frame = [0; SKIPPABLE_PREFIX_BYTES + END_BYTES];
        frame[..4].copy_from_slice(&SKIPPABLE_MAGIC.to_le_bytes());
        self.read_exact(&mut frame[4..8], inside)?;
        let length = u64::from(u32_at(&frame, 4));
        let wrong = |what, found, expected| Corruption::End { what, found, expected };
        if length != END_BYTES as u64 {
            return Err(corrupt(offset, wrong("length", length, END_BYTES as u64)));
        }
        self.read_exact(&mut frame[8..], inside)?;
        let (raw_bytes, frames) = (u64_at(&frame, 18), u64_at(&frame, 26));
        let walked = self.frame_bytes.len() as u64;
        if frame[8..18] != END_NAME[..] {
            return Err(corrupt(offset, Corruption::Magic { found: SKIPPABLE_MAGIC }));
        }
        if frames != walked {
            return Err(corrupt(offset, wrong("frame count", frames, walked)));
        }
        if raw_bytes != self.raw_bytes {
            return Err(corrupt(offset, wrong("content length", raw_bytes, self.raw_bytes)));
        }
        let mut root = [0; 32];
        root.copy_from_slice(&frame[34..66]);
        let root = blake3::Hash::from_bytes(root);
        debug_assert_eq!(frame, end_frame(raw_bytes, frames, &root));
        self.check_seek_table()?;
        self.check_nothing_follows()?;
        self.trailer = Some(Trailer { raw_bytes, frames, root, offset });
        Ok(())
    }

    fn check_seek_table(&mut self) -> Result<(), ReadError> {
        let sizes = std::mem::take(&mut self.frame_bytes);
        let entries = SeekEntries {
            chunk_bytes: self.header.chunk_bytes,
            header_bytes: self.header_frame.len() as u32,
            frame_bytes: &sizes,
            last_raw_bytes: self.last_raw_bytes,
        };
        for expected in entries.pieces() {
            let offset = self.offset;
            let mut found = vec![0; expected.len()];
            self.read_exact(&mut found, "the seek table")?;
            if let Some(at) = expected.iter().zip(&found).position(|(a, b)| a != b) {
                return Err(corrupt(offset + at as u64, Corruption::SeekTable));
            }
        }
        Ok(())
    }

    fn check_nothing_follows(&mut self) -> Result<(), ReadError> {
        let offset = self.offset;
        match self.fill(&mut [0])? {
            0 => Ok(()),
            _ => Err(corrupt(offset, Corruption::Trailing)),
        }
    }

    /// Reads until `bytes` is full or the input ends; returns how much it read.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, ReadError> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.input.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => {
                    filled += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Io { offset: self.offset, source }),
            }
        }
        Ok(filled)
    }

    fn read_exact(&mut self, bytes: &mut [u8], inside: &'static str) -> Result<(), ReadError> {
        if self.fill(bytes)? == bytes.len() {
            return Ok(());
        }
        Err(corrupt(self.offset, Corruption::Truncated { inside }))
    }
}

const fn corrupt(offset: u64, source: Corruption) -> ReadError {
    ReadError::Corrupt { offset, frame: None, source }
}

impl ReadError {
    /// The same error, in zstd frame `index`.
    #[must_use]
    pub fn in_frame(self, index: u64) -> Self {
        match self {
            Self::Corrupt { offset, frame: None, source } => {
                Self::Corrupt { offset, frame: Some(index), source }
            }
            other => other,
        }
    }
}

/// The length of the header frame's content, from the first bytes of the file.
fn header_length(prefix: &[u8]) -> Result<usize, Corruption> {
    let magic = prefix.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    match magic {
        Some(SKIPPABLE_MAGIC) => {}
        Some(ZSTD_MAGIC) => return Err(Corruption::ForeignZstd),
        Some(magic) if magic & !0xF == SKIPPABLE_MAGIC_BASE => return Err(Corruption::ForeignZstd),
        _ => return Err(Corruption::NotAnArchive),
    }
    if prefix.len() < SKIPPABLE_PREFIX_BYTES {
        return Err(Corruption::Truncated { inside: "the header" });
    }
    let length = u32_at(prefix, 4) as usize;
    if !(HEADER_FIXED_BYTES..=HEADER_FIXED_BYTES + FIELDS_BYTES_MAX).contains(&length) {
        let expected = "16 bytes and up to 64 KiB of fields";
        return Err(Corruption::HeaderField { what: "the length", found: length as u64, expected });
    }
    Ok(length)
}

fn parse_header(content: &[u8]) -> Result<Header, Corruption> {
    let wrong = |what, found, expected| Err(Corruption::HeaderField { what, found, expected });
    if content[..6] != HEADER_NAME[..] {
        return Err(Corruption::ForeignZstd);
    }
    if content[6] != VERSION {
        return Err(Corruption::Version { found: content[6] });
    }
    if content[7] != 0 {
        return wrong("the flags byte", u64::from(content[7]), "0");
    }
    let (chunk_bytes, level) = (u32_at(content, 8), u32_at(content, 12).cast_signed());
    if !CHUNK_BYTES.contains(&chunk_bytes) {
        return wrong("the chunk size", u64::from(chunk_bytes), "64 KiB to 64 MiB");
    }
    let mut fields = &content[HEADER_FIXED_BYTES..];
    while let Some((head, rest)) = fields.split_first_chunk::<4>() {
        let tag = u16::from_le_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        if length > rest.len() {
            return wrong("the length of a field", length as u64, "no more than the header holds");
        }
        if tag & TAG_CRITICAL != 0 {
            return Err(Corruption::CriticalField { tag });
        }
        fields = &rest[length..];
    }
    if !fields.is_empty() {
        return wrong("the space after the last field", fields.len() as u64, "0");
    }
    Ok(Header { chunk_bytes, level })
}

/// Where things are in a zstd frame header, from its descriptor byte.
struct HeadLayout {
    has_window: bool,
    content_size_bytes: usize,
}

impl HeadLayout {
    fn of(descriptor: u8) -> Result<Self, &'static str> {
        let is_single_segment = descriptor & 0x20 != 0;
        let content_size_bytes = match (descriptor >> 6, is_single_segment) {
            (0, false) => return Err("does not declare a content size"),
            (0, true) => 1,
            (log, _) => 1 << log,
        };
        match descriptor {
            byte if byte & 0x03 != 0 => Err("asks for a dictionary"),
            byte if byte & 0x18 != 0 => Err("has reserved bits set"),
            byte if byte & 0x04 == 0 => Err("declares no checksum"),
            _ => Ok(Self { has_window: !is_single_segment, content_size_bytes }),
        }
    }

    fn bytes(&self) -> usize {
        5 + usize::from(self.has_window) + self.content_size_bytes
    }

    fn content_bytes(&self, head: &[u8]) -> Result<u64, &'static str> {
        if self.has_window {
            let base = 1_u64 << (10 + (head[5] >> 3));
            if base + base / 8 * u64::from(head[5] & 7) > 1 << WINDOW_LOG_MAX {
                return Err("asks for a window above 128 MiB");
            }
        }
        let mut value = [0; 8];
        let at = 5 + usize::from(self.has_window);
        value[..self.content_size_bytes].copy_from_slice(&head[at..at + self.content_size_bytes]);
        // The two-byte form counts from 256, as the format has it.
        let bias = if self.content_size_bytes == 2 { 256 } else { 0 };
        Ok(u64::from_le_bytes(value).saturating_add(bias))
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

const BLOCK_HEAD_BYTES: usize = 3;
const BLOCK_RLE: u32 = 1;
const BLOCK_RESERVED: u32 = 3;
const CHECKSUM_BYTES: usize = 4;
/// Magic, descriptor, window, eight bytes of content size, first block header.
const FRAME_HEAD_BYTES_MAX: usize = 4 + 1 + 1 + 8 + BLOCK_HEAD_BYTES;
