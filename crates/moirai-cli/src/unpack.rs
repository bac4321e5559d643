//! `moirai unpack`: frames in, chunks out, and proof at the end that nothing was missing.

use crate::buffer::{Buffer, BufferPool};
use crate::codec::Decoder;
use crate::container::{Corruption, FrameAt, ReadError, Reader, Root, Totals};
use crate::error::Error;
use crate::flow::Context;
use crate::output::{Cleanup, Output};
use crate::plan::{Limits, UnpackPlan};
use crate::progress::Progress;
use moirai_pipeline::{Report, Sink, Source};
use std::io::{Read, Write};
use std::sync::Arc;

/// Does what `plan` says.
///
/// # Errors
///
/// Any [`Error`]; then there is no output, unless it is a stream.
pub fn unpack(
    plan: UnpackPlan,
    context: &Context<'_>,
    progress: &Progress,
    cleanup: Cleanup,
) -> Result<Unpacked, Error> {
    let UnpackPlan { files, limits } = plan;
    let (input, mode) = (files.input.name(), files.input.mode());
    let (reader, output) = context.blocking(OPEN, move || {
        let name = files.input.name();
        let archive =
            Reader::open(files.input.open()?).map_err(|error| Error::read_archive(&name, error))?;
        Ok((archive, Output::create(&files.output, mode, cleanup)?))
    })?;
    let chunk_bytes = reader.header().chunk_bytes;
    let sink = WriteChunks::new(output.writer()?, reader.header_frame(), output.name());
    let source = ReadFrames::new(reader, &input, progress.clone());
    let (totals, report) = decompress(context, &limits, source, sink)?;
    let output = context.blocking(WRITE, move || {
        output.sync(totals.raw_bytes)?;
        Ok(output)
    })?;
    context.interrupts.check()?;
    output.commit()?;
    Ok(Unpacked { totals, report, chunk_bytes })
}

/// What a run of `unpack` leaves to tell.
#[derive(Debug)]
pub struct Unpacked {
    /// What the archive held.
    pub totals: Totals,
    /// What the stages did.
    pub report: Report,
    /// The chunk size of the archive.
    pub chunk_bytes: u32,
}

/// The pipeline of `unpack`, over any input and output, with the comparison of the root at its end.
///
/// # Errors
///
/// The first error of any stage, [`Error::Interrupted`], or [`Corruption::Root`].
pub fn decompress<R, W>(
    context: &Context<'_>,
    limits: &Limits,
    source: ReadFrames<R>,
    sink: WriteChunks<W>,
) -> Result<(Totals, Report), Error>
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    let decoder = Decoder::new();
    let (pool, input) = (Arc::clone(&source.pool), source.input.clone());
    let work = move |packed: Packed| {
        let FrameAt { index, offset, raw_bytes, .. } = packed.at;
        let hash = blake3::hash(&packed.bytes);
        let mut bytes = pool.take().map_err(Error::memory)?;
        let raw_bytes = raw_bytes as usize;
        decoder.decode(&packed.bytes, &mut bytes.storage_mut()[..raw_bytes]).map_err(|source| {
            Error::Corrupt { input: input.clone(), offset, frame: Some(index), source }
        })?;
        bytes.set_len(raw_bytes);
        Ok(Restored { bytes, hash })
    };
    let done = context.run(limits, "decompress", source, work, sink)?;
    let totals = done.source.check_root(done.sink)?;
    Ok((totals, done.report))
}

/// A frame as it stands in the archive.
#[derive(Debug)]
pub struct Packed {
    at: FrameAt,
    bytes: Buffer,
}

/// The content of a frame, and the hash of the frame that it came from.
#[derive(Debug)]
pub struct Restored {
    bytes: Buffer,
    hash: blake3::Hash,
}

/// The first stage: walks the archive.
#[derive(Debug)]
pub struct ReadFrames<R> {
    reader: Reader<R>,
    /// For frames and chunks: then no more buffers exist than are in use at once.
    pool: Arc<BufferPool>,
    input: String,
    progress: Progress,
}

impl<R: Read> ReadFrames<R> {
    /// The frames of the archive in `reader`, which is called `input` in messages.
    pub fn new(reader: Reader<R>, input: &str, progress: Progress) -> Self {
        let pool = BufferPool::new(reader.frame_bytes_max());
        Self { reader, pool, input: input.to_owned(), progress }
    }

    /// Compares the frames that went through the pipeline with what the end frame says of them.
    fn check_root<W>(self, sink: WriteChunks<W>) -> Result<Totals, Error> {
        let archive_bytes = self.reader.offset();
        let corrupt = |offset, source| {
            let error = ReadError::Corrupt { offset, frame: None, source };
            Err(Error::read_archive(&self.input, error))
        };
        let Some(trailer) = self.reader.trailer() else {
            return corrupt(archive_bytes, Corruption::Truncated { inside: "the frames" });
        };
        if sink.root.finish(sink.raw_bytes) != trailer.root {
            return corrupt(trailer.offset, Corruption::Root);
        }
        let (raw_bytes, frames, root) = (trailer.raw_bytes, trailer.frames, trailer.root);
        Ok(Totals { raw_bytes, archive_bytes, frames, root })
    }
}

impl<R: Read + Send + 'static> Source for ReadFrames<R> {
    type Item = Packed;
    type Error = Error;

    fn next(&mut self) -> Result<Option<Packed>, Error> {
        let mut bytes = self.pool.take().map_err(Error::memory)?;
        let at = self
            .reader
            .next_frame(bytes.storage_mut())
            .map_err(|error| Error::read_archive(&self.input, error))?;
        self.progress.set(self.reader.offset());
        Ok(at.map(|at| {
            bytes.set_len(at.frame_bytes);
            Packed { at, bytes }
        }))
    }

    fn name(&self) -> &str {
        READ
    }
}

/// The last stage: writes the content.
#[derive(Debug)]
pub struct WriteChunks<W> {
    writer: W,
    raw_bytes: u64,
    root: Root,
    output: String,
}

impl<W: Write> WriteChunks<W> {
    /// Writes to `writer`, which is called `output` in messages, the content of the archive that begins
    /// with `header_frame`.
    pub fn new(writer: W, header_frame: &[u8], output: &str) -> Self {
        Self { writer, raw_bytes: 0, root: Root::new(header_frame), output: output.to_owned() }
    }
}

impl<W: Write + Send + 'static> Sink<Restored> for WriteChunks<W> {
    type Error = Error;

    fn put(&mut self, restored: Restored) -> Result<(), Error> {
        self.writer
            .write_all(&restored.bytes)
            .map_err(|error| Error::write(&self.output, self.raw_bytes, error))?;
        self.raw_bytes += restored.bytes.len() as u64;
        self.root.push(&restored.hash);
        Ok(())
    }

    fn name(&self) -> &str {
        WRITE
    }
}

const OPEN: &str = "open";
const READ: &str = "read";
const WRITE: &str = "write";
