//! Memory for chunks, from the system where it can be given back page by page, else from the
//! program's allocator.
//!
//! The allocator would do, but a few live blocks in its way keep it from giving pages back: after a
//! million tasks a runtime would hold on to what they took.

#![allow(unsafe_code, reason = "asks the system for memory; model: src/model/slab.rs")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// The size of a chunk, and what its address is a multiple of.
pub(super) const CHUNK_BYTES: usize = 1 << 16;

const CHUNK: Layout = match Layout::from_size_align(CHUNK_BYTES, CHUNK_BYTES) {
    Ok(layout) => layout,
    Err(_) => panic!("a power of two"),
};

/// Memory that is not initialised; the process ends if there is none, as for a `Box`.
pub(super) fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout here has size zero.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

/// # Safety
///
/// `block` came from [`allocate`] with the same `layout`, and nobody uses it any more.
pub(super) unsafe fn free(block: NonNull<u8>, layout: Layout) {
    // SAFETY: the caller says so.
    unsafe { dealloc(block.as_ptr(), layout) }
}

#[cfg(all(unix, not(any(miri, moirai_loom, moirai_shuttle))))]
mod pages {
    use super::*;

    /// A chunk that reads as zeros: the words of its cells need no making.
    pub(in super::super) const ZEROED: bool = true;

    pub(in super::super) fn map_chunk() -> NonNull<u8> {
        // Systems hand out neighbouring ranges, so after an aligned chunk comes an aligned chunk.
        let block = map(CHUNK_BYTES);
        if block.addr().get().is_multiple_of(CHUNK_BYTES) {
            return block;
        }
        // SAFETY: mapped above, and not used.
        unsafe { unmap(block, CHUNK_BYTES) };
        // Twice as much has an aligned chunk in it.
        let block = map(2 * CHUNK_BYTES);
        let before = block.addr().get().next_multiple_of(CHUNK_BYTES) - block.addr().get();
        let after = CHUNK_BYTES - before;
        // SAFETY: the chunk and what lies before and after it are parts of what was mapped; the
        // latter two are not used.
        unsafe {
            let chunk = block.byte_add(before);
            unmap(block, before);
            unmap(chunk.byte_add(CHUNK_BYTES), after);
            chunk
        }
    }

    /// # Safety
    ///
    /// `chunk` came from [`map_chunk`], and nobody uses it any more.
    pub(in super::super) unsafe fn unmap_chunk(chunk: NonNull<u8>) {
        // SAFETY: the caller says so.
        unsafe { unmap(chunk, CHUNK_BYTES) }
    }

    fn map(bytes: usize) -> NonNull<u8> {
        // SAFETY: an anonymous private mapping at an address of the system's choice touches nothing
        // that is there.
        let block = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        match NonNull::new(block) {
            Some(mapped) if block != libc::MAP_FAILED => mapped.cast(),
            _ => handle_alloc_error(CHUNK),
        }
    }

    /// # Safety
    ///
    /// The range is mapped, and nobody uses it any more.
    unsafe fn unmap(block: NonNull<u8>, bytes: usize) {
        if bytes != 0 {
            // SAFETY: the caller says so. A refusal (too many mappings) leaves the memory unused.
            unsafe { libc::munmap(block.as_ptr().cast(), bytes) };
        }
    }
}

#[cfg(any(not(unix), miri, moirai_loom, moirai_shuttle))]
mod pages {
    use super::*;

    pub(in super::super) const ZEROED: bool = false;

    pub(in super::super) fn map_chunk() -> NonNull<u8> {
        allocate(CHUNK)
    }

    /// # Safety
    ///
    /// `chunk` came from [`map_chunk`], and nobody uses it any more.
    pub(in super::super) unsafe fn unmap_chunk(chunk: NonNull<u8>) {
        // SAFETY: the caller says so.
        unsafe { free(chunk, CHUNK) }
    }
}

pub(super) use pages::{ZEROED, map_chunk, unmap_chunk};

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    /// Under Miri a look at each byte would take hours.
    const STEP: usize = if cfg!(miri) { 4093 } else { 1 };

    #[test]
    fn a_chunk_is_aligned_and_its_own() {
        let chunks: Vec<_> = (0..20).map(|_| map_chunk()).collect();
        for (n, chunk) in chunks.iter().enumerate() {
            assert!(chunk.addr().get().is_multiple_of(CHUNK_BYTES));
            // SAFETY: the chunk is ours.
            unsafe { chunk.as_ptr().write_bytes(n as u8, CHUNK_BYTES) };
        }
        for (n, chunk) in chunks.iter().enumerate() {
            // SAFETY: written above.
            let bytes = unsafe { std::slice::from_raw_parts(chunk.as_ptr(), CHUNK_BYTES) };
            assert!(bytes.iter().step_by(STEP).all(|&byte| byte == n as u8));
        }
        // SAFETY: mapped above, and not used again.
        chunks.into_iter().for_each(|chunk| unsafe { unmap_chunk(chunk) });
    }
}
