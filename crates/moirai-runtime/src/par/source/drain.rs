//! Items by value: of a vector, or of a part of one.
//!
//! The pieces own the items that lie in their part of the memory, and drop what nobody takes. The
//! memory itself is freed by the iterator that lent it, afterwards.

#![allow(unsafe_code, reason = "moves items out of memory that is divided among workers")]

use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ops::{Bound, RangeBounds};
use std::ptr::{self, NonNull};

use crate::par::convert::{IntoParallelIterator, ParallelDrainRange};
use crate::par::plumbing::{self, Consumer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of `into_par_iter` of a vector, and of what is collected into one first.
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct VecIntoIter<T> {
    vec: Vec<T>,
}

/// The iterator of `par_drain` of a vector.
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct VecDrain<'data, T> {
    /// The items of the range are there and nobody else's.
    count: usize,
    // Dropped after this, also when an item panics.
    hole: Hole<'data, T>,
}

/// A vector that ends where a range of it began.
#[derive(Debug)]
struct Hole<'data, T> {
    vec: &'data mut Vec<T>,
    /// How many places behind its end are to be closed.
    hole: usize,
    /// How many items lie behind those.
    tail: usize,
}

impl<T: Send> IntoParallelIterator for Vec<T> {
    type Iter = VecIntoIter<T>;
    type Item = T;

    fn into_par_iter(self) -> VecIntoIter<T> {
        VecIntoIter { vec: self }
    }
}

impl<T: Send> ParallelIterator for VecIntoIter<T> {
    type Item = T;

    fn drive<C: Consumer<T>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.vec.len())
    }
}

impl<T: Send> IndexedParallelIterator for VecIntoIter<T> {
    type Producer<'a>
        = Drain<'a, T>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.vec.len()
    }

    fn producer(&mut self) -> Drain<'_, T> {
        let items = NonNull::from(self.vec.as_mut_slice());
        // SAFETY: the items are the drain's from here on, and not the vector's.
        unsafe { self.vec.set_len(0) };
        Drain { start: items.cast(), len: items.len(), items: PhantomData }
    }
}

impl<'data, T: Send> ParallelDrainRange for &'data mut Vec<T> {
    type Iter = VecDrain<'data, T>;
    type Item = T;

    /// # Panics
    ///
    /// If the range does not lie in the vector.
    fn par_drain<R: RangeBounds<usize>>(self, range: R) -> VecDrain<'data, T> {
        let len = self.len();
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last + 1,
            Bound::Excluded(&end) => end,
            Bound::Unbounded => len,
        };
        assert!(start <= end && end <= len, "the range {start}..{end} of a vector of {len}");
        // SAFETY: the items behind are the drain's and the hole's from here on.
        unsafe { self.set_len(start) };
        let count = end - start;
        VecDrain { count, hole: Hole { vec: self, hole: count, tail: len - end } }
    }
}

impl<T: Send> ParallelIterator for VecDrain<'_, T> {
    type Item = T;

    fn drive<C: Consumer<T>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.count)
    }
}

impl<T: Send> IndexedParallelIterator for VecDrain<'_, T> {
    type Producer<'a>
        = Drain<'a, T>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.count
    }

    fn producer(&mut self) -> Drain<'_, T> {
        self.items()
    }
}

impl<T> VecDrain<'_, T> {
    fn items(&mut self) -> Drain<'_, T> {
        // They are the drain's from here on.
        let len = mem::take(&mut self.count);
        let spare = NonNull::from(self.hole.vec.spare_capacity_mut());
        Drain { start: spare.cast(), len, items: PhantomData }
    }
}

impl<T> Drop for VecDrain<'_, T> {
    fn drop(&mut self) {
        drop(self.items());
    }
}

impl<T> Drop for Hole<'_, T> {
    fn drop(&mut self) {
        let spare = self.vec.spare_capacity_mut();
        let (from, to) = (self.hole, 0);
        let end = spare.as_mut_ptr();
        // SAFETY: `tail` items lie `hole` places behind the end, all within the capacity, and what
        // was in the hole has been given away.
        unsafe {
            ptr::copy(end.add(from), end.add(to), self.tail);
            self.vec.set_len(self.vec.len() + self.tail);
        }
    }
}

/// `len` items from `start` on: owns them, and drops what nobody takes.
#[derive(Debug)]
pub struct Drain<'data, T> {
    start: NonNull<T>,
    len: usize,
    items: PhantomData<&'data mut [T]>,
}

// SAFETY: it owns the items, as a vector does.
unsafe impl<T: Send> Send for Drain<'_, T> {}

impl<T: Send> Source for Drain<'_, T> {
    type Item = T;
    type Iter = Self;

    fn size(&self) -> usize {
        self.len
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        assert!(at <= self.len, "{} items are divided at {at}", self.len);
        let Self { start, len, .. } = *ManuallyDrop::new(self);
        // SAFETY: at most the end of the items.
        let middle = unsafe { start.add(at) };
        let right = Self { start: middle, len: len - at, items: PhantomData };
        (Self { start, len: at, items: PhantomData }, right)
    }

    fn into_iter(self) -> Self {
        self
    }
}

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        let item = self.start;
        // SAFETY: there was an item, so one behind it is at most the end; and the item is read once,
        // since the drain begins behind it now.
        unsafe {
            self.start = item.add(1);
            Some(item.read())
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl<T> DoubleEndedIterator for Drain<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the last item, which is read once, since the drain ends before it now.
        Some(unsafe { self.start.add(self.len).read() })
    }
}

impl<T> ExactSizeIterator for Drain<'_, T> {}

impl<T> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        let items = NonNull::slice_from_raw_parts(self.start, self.len);
        // SAFETY: it owns these items, and is not used any more.
        unsafe { ptr::drop_in_place(items.as_ptr()) };
    }
}
