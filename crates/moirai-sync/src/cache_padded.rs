//! A value alone on its cache lines.

use std::ops::{Deref, DerefMut};

/// Aligns `T` to 128 bytes: a cache line of x86-64 and the neighbour that its prefetcher pulls
/// along, and the line of the larger aarch64 cores.
///
/// # Examples
///
/// ```
/// use moirai_sync::CachePadded;
///
/// let counters = [CachePadded::new(0_u64), CachePadded::new(0)];
/// assert_eq!(align_of_val(&counters[0]), 128);
/// assert_eq!(*counters[1], 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(128))]
pub struct CachePadded<T>(T);

impl<T> CachePadded<T> {
    /// Pads `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Unwraps the value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Alone on one line, 64 bytes. For two of them with a line that is only read in between: then the
/// prefetcher does not pull the one along with the other either.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Line<T>(pub(crate) T);

impl<T> Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Line<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for CachePadded<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
