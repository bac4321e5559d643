//! Buffers of one size that are used again instead of being freed.
//!
//! A pool makes a buffer only when none is free, so it holds as many as were ever in use at once:
//! the pipeline's window bounds that. Fresh buffers come zeroed from the operating system and
//! their untouched pages cost nothing. Where memory is limited, the one that does not fit is an error
//! and not the end of the process, which would leave a temporary file behind.

#![allow(unsafe_code, reason = "zeroed memory that may be refused has no safe call")]

use std::alloc::{Layout, alloc_zeroed};
use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// A source of [`Buffer`]s of one capacity.
#[derive(Debug)]
pub struct BufferPool {
    capacity_bytes: usize,
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    storage: Vec<Box<[u8]>>,
    made: usize,
}

impl fmt::Debug for Free {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Free").field("free", &self.storage.len()).field("made", &self.made).finish()
    }
}

impl BufferPool {
    /// A pool of buffers of `capacity_bytes` each, empty at first.
    #[must_use]
    pub fn new(capacity_bytes: usize) -> Arc<Self> {
        Arc::new(Self { capacity_bytes, free: Mutex::default() })
    }

    /// The most recently freed buffer, or a new one. Its length is 0.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::OutOfMemory`].
    pub fn take(self: &Arc<Self>) -> io::Result<Buffer> {
        let recycled = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let recycled = free.storage.pop();
            free.made += usize::from(recycled.is_none());
            recycled
        };
        let storage = match recycled {
            Some(storage) => storage,
            None => zeroed(self.capacity_bytes).ok_or(io::ErrorKind::OutOfMemory)?,
        };
        Ok(Buffer { storage, len: 0, pool: Arc::clone(self) })
    }

    /// How many buffers this pool has made.
    #[must_use]
    pub fn made(&self) -> usize {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).made
    }
}

/// Bytes in a pooled buffer. Dereferences to those that are filled; goes back to its pool when dropped.
pub struct Buffer {
    storage: Box<[u8]>,
    len: usize,
    pool: Arc<BufferPool>,
}

impl Buffer {
    /// The whole storage, filled or not, as long as the pool's capacity.
    pub fn storage_mut(&mut self) -> &mut [u8] {
        &mut self.storage
    }

    /// Declares the first `len` bytes filled.
    ///
    /// # Panics
    ///
    /// If `len` is above the pool's capacity.
    pub fn set_len(&mut self, len: usize) {
        assert!(len <= self.storage.len(), "{len} bytes do not fit into {}", self.storage.len());
        self.len = len;
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.storage[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let storage = std::mem::take(&mut self.storage);
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.storage.push(storage);
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} of {} bytes)", self.len, self.storage.len())
    }
}

fn zeroed(bytes: usize) -> Option<Box<[u8]>> {
    let layout = Layout::array::<u8>(bytes).ok()?;
    if bytes == 0 {
        return Some(Box::default());
    }
    // SAFETY: the layout's size is not zero.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        return None;
    }
    // SAFETY: `start` is not null, and comes from the global allocator with the layout of `bytes`
    // bytes, all of them initialised to 0; nothing else has it.
    Some(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, bytes)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_used_again_and_comes_back_empty() {
        let pool = BufferPool::new(16);
        let mut first = pool.take().unwrap();
        first.storage_mut()[..3].copy_from_slice(b"abc");
        first.set_len(3);
        assert_eq!(&*first, b"abc");
        drop(first);
        let (second, _third) = (pool.take().unwrap(), pool.take().unwrap());
        assert!(second.is_empty());
        assert_eq!(pool.made(), 2);
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let refused = BufferPool::new(isize::MAX as usize).take().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::OutOfMemory);
        assert!(BufferPool::new(usize::MAX).take().is_err());
        assert!(BufferPool::new(0).take().unwrap().storage_mut().is_empty());
    }
}
