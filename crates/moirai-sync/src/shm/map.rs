//! The file as memory: the one place where a pointer becomes what the others read and write.
//!
//! What is mapped is only ever seen as atomics, shared, for as long as the mapping lives. So it does not
//! matter to the language what the other process does with it.

#![allow(unsafe_code, reason = "maps a file; what is there is atomics: src/model/shm.rs")]

use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::{io, slice};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::prim::atomic::AtomicU64;

use super::layout::{HEADER_BYTES, Layout};
use super::ring::{Places, Shared};

/// A file that is mapped until this is dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
    layout: Layout,
}

// SAFETY: what the pointer leads to is atomics only, and belongs to no thread.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a file that is as long as `layout` says. One that is made shorter later ends the process with
    /// SIGBUS where it is touched; it does nothing else.
    pub(super) fn new(file: BorrowedFd<'_>, layout: Layout) -> io::Result<Self> {
        let bytes = layout.file_bytes().and_then(|bytes| usize::try_from(bytes).ok());
        let bytes = bytes.ok_or(io::ErrorKind::FileTooLarge)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, where the system finds room, replaces none; and what is there is only
        // accessed through the references below.
        let start =
            unsafe { mmap(std::ptr::null_mut(), bytes, access, MapFlags::SHARED, file, 0) }?;
        // The system maps nothing at 0 unless it is told to.
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { start, bytes, layout })
    }

    #[inline]
    pub(super) fn shared(&self) -> &Shared {
        // SAFETY: the mapping is as long as the header and more, begins with a page, and lives as long as
        // the reference; `Shared` is atomics and numbers, of which any bytes are a value. Its numbers that
        // are no atomics are not read.
        unsafe { self.start.cast().as_ref() }
    }

    #[inline]
    pub(super) fn places(&self) -> Places<'_> {
        let count = self.layout.words();
        // SAFETY: so many words follow the header in the mapping, which `Layout` has computed its length
        // from; a page and so the header's end is aligned for a word. They are atomics, as above.
        let words = unsafe {
            let first = self.start.add(HEADER_BYTES).cast::<AtomicU64>();
            slice::from_raw_parts(first.as_ptr(), count)
        };
        let words_each = self.layout.words_each();
        Places { words, words_each, capacity: self.layout.capacity as u64 }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; all references are gone, for they borrow from this.
        // A failure would leave it mapped, which harms nobody.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

// Models have atomics of other sizes, and no file.
#[cfg(not(any(moirai_loom, moirai_shuttle)))]
const _: () = {
    assert!(size_of::<Shared>() == 512 && align_of::<Shared>() <= HEADER_BYTES);
    assert!(
        size_of::<Shared>() <= HEADER_BYTES && HEADER_BYTES.is_multiple_of(align_of::<AtomicU64>())
    );
};
