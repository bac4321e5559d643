//! Cuts an input into chunks of one size, each in a pooled buffer.
//!
//! Knows nothing of compression, and nothing of files: whether the input stood still while it was read
//! is for `pack` to check.

use crate::buffer::{Buffer, BufferPool};
use std::io::{self, Read};
use std::sync::Arc;

/// The chunks of an input, in order.
#[derive(Debug)]
pub struct ChunkReader<R> {
    input: R,
    pool: Arc<BufferPool>,
    chunk_bytes: usize,
    offset: u64,
    is_at_end: bool,
}

impl<R: Read> ChunkReader<R> {
    /// Cuts `input` into chunks of `chunk_bytes`, in buffers of `pool`, which must have room for one.
    pub const fn new(input: R, chunk_bytes: usize, pool: Arc<BufferPool>) -> Self {
        Self { input, pool, chunk_bytes, offset: 0, is_at_end: false }
    }

    /// Reads the next chunk: whole, or the last one, which is shorter and never empty.
    ///
    /// # Errors
    ///
    /// What reading returns; [`offset`](Self::offset) says where. [`io::ErrorKind::OutOfMemory`].
    pub fn next_chunk(&mut self) -> io::Result<Option<Buffer>> {
        if self.is_at_end {
            return Ok(None);
        }
        let mut chunk = self.pool.take()?;
        let mut filled = 0;
        while filled < self.chunk_bytes {
            match self.input.read(&mut chunk.storage_mut()[filled..self.chunk_bytes]) {
                Ok(0) => {
                    self.is_at_end = true;
                    break;
                }
                Ok(count) => {
                    filled += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        chunk.set_len(filled);
        Ok(if filled == 0 { None } else { Some(chunk) })
    }

    /// Bytes read so far.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The input, to look at after the last chunk.
    pub const fn input(&self) -> &R {
        &self.input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte, then two, then three ..., with an interruption before each.
    struct Dribble<'a> {
        rest: &'a [u8],
        calls: usize,
    }

    impl Read for Dribble<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls % 2 == 1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let most = (self.calls / 2).min(bytes.len());
            self.rest.read(&mut bytes[..most])
        }
    }

    fn cut(input: impl Read, chunk_bytes: usize) -> Vec<Vec<u8>> {
        let mut reader = ChunkReader::new(input, chunk_bytes, BufferPool::new(chunk_bytes + 3));
        let mut chunks = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            chunks.push(chunk.to_vec());
        }
        assert!(reader.next_chunk().unwrap().is_none(), "the end stays the end");
        assert_eq!(reader.pool.made(), 1, "a dropped chunk's buffer is used again");
        chunks
    }

    #[test]
    fn every_chunk_but_the_last_is_whole_and_none_is_empty() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (len, chunk_bytes, chunks) in
            [(0, 8, 0), (1, 8, 1), (7, 8, 1), (8, 8, 1), (9, 8, 2), (16, 8, 2), (255, 8, 32)]
        {
            let cut = cut(&bytes[..len], chunk_bytes);
            assert_eq!(cut.len(), chunks, "{len} bytes");
            assert_eq!(cut.concat(), &bytes[..len]);
            assert!(cut.iter().rev().skip(1).all(|chunk| chunk.len() == chunk_bytes));
        }
    }

    #[test]
    fn short_and_interrupted_reads_make_the_same_chunks() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(cut(Dribble { rest: &bytes, calls: 0 }, 40), cut(&bytes[..], 40));
    }
}
