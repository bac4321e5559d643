//! A value alone on its cache lines.

use std::fmt;
use std::mem::MaybeUninit;
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

/// A value and a gap behind it, so that whatever follows lies on another line, wherever the whole
/// lies. An alignment would do the same, but malloc takes three times as long for aligned memory.
///
/// The gap is of 7 words at least: for what others only read. Between two values that both sides
/// write it is of [`FAR`] words, so that the prefetcher does not pull the one along with the other.
#[repr(C)]
pub(crate) struct Apart<T, const WORDS: usize = NEAR> {
    value: T,
    /// Never written: making a channel costs nothing for it.
    _gap: MaybeUninit<[u64; WORDS]>,
}

/// From the last word of a value to what follows: one line of 64 bytes.
pub(crate) const NEAR: usize = 7;

/// Two lines.
pub(crate) const FAR: usize = 15;

impl<T, const WORDS: usize> Apart<T, WORDS> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value, _gap: MaybeUninit::uninit() }
    }
}

impl<T: fmt::Debug, const WORDS: usize> fmt::Debug for Apart<T, WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T, const WORDS: usize> Deref for Apart<T, WORDS> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T, const WORDS: usize> DerefMut for Apart<T, WORDS> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
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
