//! Parts of a slice that its length alone decides: chunks and windows.

#![allow(single_use_lifetimes, reason = "it does not see what a macro does with one")]

use std::slice;

use crate::par::plumbing::{self, Consumer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator, which is its own source, of one way to cut a slice.
macro_rules! cut {
    ($(
        $(#[$doc:meta])*
        $name:ident<$life:lifetime, $t:ident: $bound:ident>($slice:ty => $part:ty), $iter:ty;
        len($len_slice:ident, $len_n:ident) $len:expr;
        split($split_slice:ident, $split_n:ident, $at:ident) $split:expr;
        iter($iter_slice:ident, $iter_n:ident) $make:expr;
    )*) => {$(
        $(#[$doc])*
        #[must_use = "parallel iterators are lazy"]
        #[derive(Debug)]
        pub struct $name<$life, $t> {
            slice: $slice,
            len: usize,
        }

        impl<$life, $t> $name<$life, $t> {
            #[track_caller]
            pub(in crate::par) fn new(slice: $slice, len: usize) -> Self {
                assert_ne!(len, 0, "the length of a part of a slice is 0");
                Self { slice, len }
            }
        }

        impl<$life, $t: $bound> ParallelIterator for $name<$life, $t> {
            type Item = $part;

            fn drive<C: Consumer<$part>>(self, consumer: &C, part: C::Part) -> C::Result {
                plumbing::drive(self, consumer, part)
            }

            fn opt_len(&self) -> Option<usize> {
                Some(self.size())
            }
        }

        impl<$life, $t: $bound> IndexedParallelIterator for $name<$life, $t> {
            type Producer<'a>
                = Self
            where
                Self: 'a;

            fn len(&self) -> usize {
                self.size()
            }

            fn producer(&mut self) -> Self {
                Self { slice: std::mem::take(&mut self.slice), len: self.len }
            }
        }

        impl<$life, $t: $bound> Source for $name<$life, $t> {
            type Item = $part;
            type Iter = $iter;

            fn size(&self) -> usize {
                let ($len_slice, $len_n) = (&self.slice, self.len);
                $len
            }

            fn split_at(self, $at: usize) -> (Self, Self) {
                let Self { slice: $split_slice, len: $split_n } = self;
                let (left, right) = $split;
                (Self { slice: left, len: $split_n }, Self { slice: right, len: $split_n })
            }

            fn into_iter(self) -> Self::Iter {
                let Self { slice: $iter_slice, len: $iter_n } = self;
                $make
            }
        }
    )*};
}

/// Where `at` parts of `n` items end, in a slice of `len`.
fn front(at: usize, n: usize, len: usize) -> usize {
    at.saturating_mul(n).min(len)
}

/// The same from the back.
fn back(at: usize, n: usize, len: usize) -> usize {
    len - front(at, n, len)
}

cut! {
    /// The iterator of [`ParallelSlice::par_chunks`](crate::par::ParallelSlice::par_chunks).
    SliceChunks<'data, T: Sync>(&'data [T] => &'data [T]), slice::Chunks<'data, T>;
    len(slice, n) slice.len().div_ceil(n);
    split(slice, n, at) slice.split_at(front(at, n, slice.len()));
    iter(slice, n) slice.chunks(n);

    /// The iterator of [`ParallelSlice::par_chunks_exact`](crate::par::ParallelSlice::par_chunks_exact).
    SliceChunksExact<'data, T: Sync>(&'data [T] => &'data [T]), slice::ChunksExact<'data, T>;
    len(slice, n) slice.len() / n;
    split(slice, n, at) slice.split_at(front(at, n, slice.len()));
    iter(slice, n) slice.chunks_exact(n);

    /// The iterator of [`ParallelSlice::par_rchunks`](crate::par::ParallelSlice::par_rchunks).
    SliceRChunks<'data, T: Sync>(&'data [T] => &'data [T]), slice::RChunks<'data, T>;
    len(slice, n) slice.len().div_ceil(n);
    split(slice, n, at) {
        let (right, left) = slice.split_at(back(at, n, slice.len()));
        (left, right)
    };
    iter(slice, n) slice.rchunks(n);

    /// The iterator of [`ParallelSlice::par_rchunks_exact`](crate::par::ParallelSlice::par_rchunks_exact).
    SliceRChunksExact<'data, T: Sync>(&'data [T] => &'data [T]), slice::RChunksExact<'data, T>;
    len(slice, n) slice.len() / n;
    split(slice, n, at) {
        let (right, left) = slice.split_at(back(at, n, slice.len()));
        (left, right)
    };
    iter(slice, n) slice.rchunks_exact(n);

    /// The iterator of [`ParallelSlice::par_windows`](crate::par::ParallelSlice::par_windows).
    SliceWindows<'data, T: Sync>(&'data [T] => &'data [T]), slice::Windows<'data, T>;
    len(slice, n) slice.len().saturating_sub(n - 1);
    split(slice, n, at) {
        // The last window of the left part reaches into the right one.
        let end = at.saturating_add(n - 1).min(slice.len());
        (if at == 0 { &slice[..0] } else { &slice[..end] }, &slice[at..])
    };
    iter(slice, n) slice.windows(n);

    /// The iterator of [`ParallelSliceMut::par_chunks_mut`](crate::par::ParallelSliceMut::par_chunks_mut).
    SliceChunksMut<'data, T: Send>(&'data mut [T] => &'data mut [T]), slice::ChunksMut<'data, T>;
    len(slice, n) slice.len().div_ceil(n);
    split(slice, n, at) {
        let at = front(at, n, slice.len());
        slice.split_at_mut(at)
    };
    iter(slice, n) slice.chunks_mut(n);

    /// The iterator of [`ParallelSliceMut::par_chunks_exact_mut`](crate::par::ParallelSliceMut::par_chunks_exact_mut).
    SliceChunksExactMut<'data, T: Send>(&'data mut [T] => &'data mut [T]), slice::ChunksExactMut<'data, T>;
    len(slice, n) slice.len() / n;
    split(slice, n, at) {
        let at = front(at, n, slice.len());
        slice.split_at_mut(at)
    };
    iter(slice, n) slice.chunks_exact_mut(n);

    /// The iterator of [`ParallelSliceMut::par_rchunks_mut`](crate::par::ParallelSliceMut::par_rchunks_mut).
    SliceRChunksMut<'data, T: Send>(&'data mut [T] => &'data mut [T]), slice::RChunksMut<'data, T>;
    len(slice, n) slice.len().div_ceil(n);
    split(slice, n, at) {
        let at = back(at, n, slice.len());
        let (right, left) = slice.split_at_mut(at);
        (left, right)
    };
    iter(slice, n) slice.rchunks_mut(n);

    /// The iterator of [`ParallelSliceMut::par_rchunks_exact_mut`](crate::par::ParallelSliceMut::par_rchunks_exact_mut).
    SliceRChunksExactMut<'data, T: Send>(&'data mut [T] => &'data mut [T]), slice::RChunksExactMut<'data, T>;
    len(slice, n) slice.len() / n;
    split(slice, n, at) {
        let at = back(at, n, slice.len());
        let (right, left) = slice.split_at_mut(at);
        (left, right)
    };
    iter(slice, n) slice.rchunks_exact_mut(n);
}
