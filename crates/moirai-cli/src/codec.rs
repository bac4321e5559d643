//! One chunk to one zstd frame and back. Contexts are used again; one exists per concurrent call.
//!
//! Knows zstd and nothing else: no files, no order, no pipeline.

#![allow(unsafe_code, reason = "zstd's memory estimates have no safe wrapper")]

use crate::container::Corruption;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use zstd_safe::{CCtx, CParameter, DCtx, get_error_name, zstd_sys};

/// Compresses chunks at one level.
pub struct Encoder {
    level: i32,
    idle: Mutex<Vec<CCtx<'static>>>,
}

impl Encoder {
    /// An encoder at zstd level `level`, which must lie in [`levels`].
    #[must_use]
    pub const fn new(level: i32) -> Self {
        Self { level, idle: Mutex::new(Vec::new()) }
    }

    /// Compresses `chunk` into `frame` as one zstd frame with content size and checksum, and returns its length.
    ///
    /// # Errors
    ///
    /// zstd's name for the problem. None can happen while `frame` has room for
    /// [`frame_bytes_max`] of the chunk and memory lasts.
    pub fn encode(&self, chunk: &[u8], frame: &mut [u8]) -> Result<usize, &'static str> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut context = match idle {
            Some(context) => context,
            None => self.new_context()?,
        };
        let length = context.compress2(frame, chunk).map_err(get_error_name)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(context);
        Ok(length)
    }

    fn new_context(&self) -> Result<CCtx<'static>, &'static str> {
        let mut context = CCtx::try_create().ok_or(OUT_OF_MEMORY)?;
        for parameter in [
            CParameter::CompressionLevel(self.level),
            CParameter::ContentSizeFlag(true),
            CParameter::ChecksumFlag(true),
        ] {
            context.set_parameter(parameter).map_err(get_error_name)?;
        }
        Ok(context)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("level", &self.level).finish_non_exhaustive()
    }
}

/// Decompresses frames.
#[derive(Default)]
pub struct Decoder {
    idle: Mutex<Vec<DCtx<'static>>>,
}

impl Decoder {
    /// A decoder without any context yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decompresses `frame`, which must hold exactly `raw_bytes` bytes of content, into `chunk`.
    ///
    /// # Errors
    ///
    /// [`Corruption::Decode`] if zstd refuses the frame, its checksum included, and
    /// [`Corruption::ContentBytes`] if it holds another number of bytes.
    pub fn decode(&self, frame: &[u8], chunk: &mut [u8]) -> Result<(), Corruption> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut context = match idle {
            Some(context) => context,
            None => DCtx::try_create().ok_or(Corruption::Decode { reason: OUT_OF_MEMORY })?,
        };
        let decoded = context.decompress(chunk, frame);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(context);
        let found = decoded.map_err(|code| Corruption::Decode { reason: get_error_name(code) })?;
        if found == chunk.len() {
            return Ok(());
        }
        Err(Corruption::ContentBytes { found: found as u64, expected: chunk.len() as u64 })
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

/// The levels that zstd knows, negative ones included.
#[must_use]
pub fn levels() -> std::ops::RangeInclusive<i32> {
    zstd_safe::min_c_level()..=zstd_safe::max_c_level()
}

/// The most bytes that a frame of a chunk of `chunk_bytes` bytes can have.
#[must_use]
pub fn frame_bytes_max(chunk_bytes: usize) -> usize {
    zstd_safe::compress_bound(chunk_bytes)
}

/// The memory that compressing chunks of `chunk_bytes` at `level` takes per concurrent call, in bytes.
#[must_use]
pub fn encoder_context_bytes(level: i32, chunk_bytes: usize) -> usize {
    // SAFETY: both are pure functions of their integer arguments; any level and any size is valid.
    unsafe {
        let parameters = zstd_sys::ZSTD_getCParams(level, chunk_bytes as u64, 0);
        zstd_sys::ZSTD_estimateCCtxSize_usingCParams(parameters)
    }
}

/// The memory that decompressing takes per concurrent call, in bytes. Frames are decoded straight into
/// their chunk, so no window is held.
#[must_use]
pub fn decoder_context_bytes() -> usize {
    // SAFETY: a pure function without arguments.
    unsafe { zstd_sys::ZSTD_estimateDCtxSize() }
}

const OUT_OF_MEMORY: &str = "no memory for a zstd context";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    #[test]
    fn a_context_never_outgrows_its_estimate() {
        for level in [-100, -1, 1, 2, 3, 6, 9, 12, 15, 16, 17] {
            for chunk_bytes in [64 << 10, 100_000, 1 << 20, 4 << 20] {
                let encoder = Encoder::new(level);
                let mut frame = vec![0; frame_bytes_max(chunk_bytes)];
                for used in [chunk_bytes, chunk_bytes, 1, chunk_bytes / 3] {
                    encoder.encode(&noise(used, 1), &mut frame).unwrap();
                    let idle = encoder.idle.lock().unwrap();
                    let (real, estimate) =
                        (idle[0].sizeof(), encoder_context_bytes(level, chunk_bytes));
                    assert!(real <= estimate, "level {level}, {used} B: {real} > {estimate}");
                }
            }
        }
    }

    #[test]
    fn concurrent_calls_share_the_contexts_and_no_more_are_made() {
        let (encoder, decoder) = (Encoder::new(1), Decoder::new());
        std::thread::scope(|scope| {
            for seed in 0..3 {
                let (encoder, decoder) = (&encoder, &decoder);
                scope.spawn(move || {
                    let chunk = noise(10_000, seed);
                    let mut frame = vec![0; frame_bytes_max(chunk.len())];
                    for _ in 0..20 {
                        let length = encoder.encode(&chunk, &mut frame).unwrap();
                        let mut back = vec![0; chunk.len()];
                        decoder.decode(&frame[..length], &mut back).unwrap();
                        assert_eq!(back, chunk);
                    }
                });
            }
        });
        assert!((1..=3).contains(&encoder.idle.lock().unwrap().len()));
        assert!((1..=3).contains(&decoder.idle.lock().unwrap().len()));
    }

    #[test]
    fn a_flipped_content_bit_fails_the_checksum() {
        let (encoder, decoder) = (Encoder::new(3), Decoder::new());
        let chunk = noise(1000, 7);
        let mut frame = vec![0; frame_bytes_max(chunk.len())];
        let length = encoder.encode(&chunk, &mut frame).unwrap();
        frame[length / 2] ^= 1;
        let refused = decoder.decode(&frame[..length], &mut vec![0; 1000]).unwrap_err();
        assert!(matches!(refused, Corruption::Decode { .. }), "{refused}");
    }

    #[test]
    fn a_frame_with_another_length_than_declared_is_refused() {
        let (encoder, decoder) = (Encoder::new(3), Decoder::new());
        let mut frame = vec![0; frame_bytes_max(1000)];
        let length = encoder.encode(&[7; 1000], &mut frame).unwrap();
        for room in [999, 1001] {
            assert!(decoder.decode(&frame[..length], &mut vec![0; room]).is_err());
        }
    }
}
