//! `moirai pack`: chunks in, frames out.

use crate::buffer::{Buffer, BufferPool};
use crate::chunk::ChunkReader;
use crate::codec::{Encoder, frame_bytes_max};
use crate::container::{Header, Totals, Writer};
use crate::error::Error;
use crate::flow::Context;
use crate::output::{Cleanup, Output};
use crate::plan::{Limits, PackPlan};
use crate::progress::Progress;
use moirai_pipeline::{Report, Sink, Source};
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Does what `plan` says.
///
/// # Errors
///
/// Any [`Error`]; then there is no output, unless it is a stream.
pub fn pack(
    plan: PackPlan,
    context: &Context<'_>,
    progress: &Progress,
    cleanup: Cleanup,
) -> Result<(Totals, Report), Error> {
    let PackPlan { files, limits, level, chunk_bytes } = plan;
    let header = Header { chunk_bytes, level };
    let (input_name, mode) = (files.input.name(), files.input.mode());
    let expected_bytes = files.input.bytes();
    let (input, before, output, writer) = context.blocking(OPEN, move || {
        let input = files.input.open()?;
        let before = input.metadata().map_err(|error| Error::open(&files.input.name(), error))?;
        let output = Output::create(&files.output, mode, cleanup)?;
        let writer = WriteFrames::new(output.writer()?, &header, output.name())?;
        Ok((input, before, output, writer))
    })?;
    // One pool for chunks and frames: then no more buffers exist than are in use at once.
    let pool = BufferPool::new(frame_bytes_max(chunk_bytes as usize));
    let source = ReadChunks {
        reader: ChunkReader::new(input, chunk_bytes as usize, Arc::clone(&pool)),
        pool,
        next: 0,
        expected_bytes: expected_bytes.filter(|&bytes| bytes > 0),
        input: input_name,
        progress: progress.clone(),
    };
    let (source, writer, report) = compress(context, &limits, &header, source, writer)?;
    source.check_unchanged(&before)?;
    let output = context.blocking(WRITE, move || {
        let totals = writer.finish()?;
        output.sync(totals.archive_bytes)?;
        Ok((output, totals))
    });
    let (output, totals) = output?;
    context.interrupts.check()?;
    output.commit()?;
    Ok((totals, report))
}

/// The pipeline of `pack`, over any input and output.
///
/// # Errors
///
/// The first error of any stage, or [`Error::Interrupted`].
pub fn compress<R, W>(
    context: &Context<'_>,
    limits: &Limits,
    header: &Header,
    source: ReadChunks<R>,
    sink: WriteFrames<W>,
) -> Result<(ReadChunks<R>, WriteFrames<W>, Report), Error>
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    let encoder = Encoder::new(header.level);
    let (pool, input) = (Arc::clone(&source.pool), source.input.clone());
    let work = move |chunk: Chunk| {
        let mut frame = pool.take().map_err(Error::memory)?;
        let encode = |reason| Error::Encode { input: input.clone(), chunk: chunk.index, reason };
        let length = encoder.encode(&chunk.bytes, frame.storage_mut()).map_err(encode)?;
        frame.set_len(length);
        let hash = blake3::hash(&frame);
        Ok(Frame { raw_bytes: chunk.bytes.len() as u32, bytes: frame, hash })
    };
    let done = context.run(limits, "compress", source, work, sink)?;
    Ok((done.source, done.sink, done.report))
}

/// A chunk of the input.
#[derive(Debug)]
pub struct Chunk {
    index: u64,
    bytes: Buffer,
}

/// A chunk as a zstd frame.
#[derive(Debug)]
pub struct Frame {
    bytes: Buffer,
    raw_bytes: u32,
    hash: blake3::Hash,
}

/// The first stage: reads chunks.
#[derive(Debug)]
pub struct ReadChunks<R> {
    reader: ChunkReader<R>,
    pool: Arc<BufferPool>,
    next: u64,
    /// What the size of the input promises.
    expected_bytes: Option<u64>,
    input: String,
    progress: Progress,
}

impl<R> ReadChunks<R> {
    fn changed(&self, what: String) -> Error {
        Error::Changed { input: self.input.clone(), what }
    }
}

impl<R: Read + Send + 'static> Source for ReadChunks<R> {
    type Item = Chunk;
    type Error = Error;

    fn next(&mut self) -> Result<Option<Chunk>, Error> {
        let chunk = self.reader.next_chunk().map_err(|source| match source.kind() {
            io::ErrorKind::OutOfMemory => Error::memory(source),
            _ => {
                let offset = self.reader.offset();
                Error::Read { input: self.input.clone(), offset, source }
            }
        })?;
        let read = self.reader.offset();
        self.progress.set(read);
        // A file that grows as fast as it is read has no end.
        if let Some(expected) = self.expected_bytes.filter(|&expected| read > expected) {
            return Err(self.changed(format!("it grew past its {expected} bytes")));
        }
        let index = self.next;
        self.next += 1;
        Ok(chunk.map(|bytes| Chunk { index, bytes }))
    }

    fn name(&self) -> &str {
        READ
    }
}

impl ReadChunks<File> {
    /// Fails if the file is not what it was `before`, or less was read than it held.
    fn check_unchanged(&self, before: &Metadata) -> Result<(), Error> {
        let read = self.reader.offset();
        if let Some(expected) = self.expected_bytes.filter(|&expected| read != expected) {
            return Err(self.changed(format!("{read} of its {expected} bytes were there to read")));
        }
        if !before.is_file() {
            return Ok(());
        }
        let stat = |source| Error::Read { input: self.input.clone(), offset: read, source };
        let after = self.reader.input().metadata().map_err(stat)?;
        if after.len() != before.len() {
            let (from, to) = (before.len(), after.len());
            return Err(self.changed(format!("its size went from {from} to {to} bytes")));
        }
        if after.modified().ok() != before.modified().ok() {
            return Err(self.changed("it was written to".to_owned()));
        }
        Ok(())
    }
}

/// The last stage: writes the archive.
#[derive(Debug)]
pub struct WriteFrames<W> {
    writer: Writer<W>,
    output: String,
}

impl<W: Write> WriteFrames<W> {
    /// Writes the header to `writer`, which is called `output` in messages.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] and [`Error::BrokenPipe`].
    pub fn new(writer: W, header: &Header, output: &str) -> Result<Self, Error> {
        let writer = Writer::new(writer, header).map_err(|error| Error::write(output, 0, error))?;
        Ok(Self { writer, output: output.to_owned() })
    }

    /// Writes what follows the last frame.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] and [`Error::BrokenPipe`].
    pub fn finish(self) -> Result<Totals, Error> {
        let Self { writer, output } = self;
        let offset = writer.archive_bytes();
        let (_, totals) = writer.finish().map_err(|error| Error::write(&output, offset, error))?;
        Ok(totals)
    }
}

impl<W: Write + Send + 'static> Sink<Frame> for WriteFrames<W> {
    type Error = Error;

    fn put(&mut self, frame: Frame) -> Result<(), Error> {
        let offset = self.writer.archive_bytes();
        self.writer
            .push(&frame.bytes, frame.raw_bytes, &frame.hash)
            .map_err(|error| Error::write(&self.output, offset, error))
    }

    fn name(&self) -> &str {
        WRITE
    }
}

const OPEN: &str = "open";
const READ: &str = "read";
const WRITE: &str = "write";
