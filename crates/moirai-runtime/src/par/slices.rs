//! What slices offer beyond `par_iter`: their parts, and sorting.

use super::source::{
    SliceChunkBy, SliceChunkByMut, SliceChunks, SliceChunksExact, SliceChunksExactMut,
    SliceChunksMut, SliceRChunks, SliceRChunksExact, SliceRChunksExactMut, SliceRChunksMut,
    SliceSplit, SliceSplitInclusive, SliceSplitInclusiveMut, SliceSplitMut, SliceWindows,
};

/// Parts of a slice in parallel, named as those of std.
pub trait ParallelSlice<T: Sync> {
    /// The slice itself.
    fn as_parallel_slice(&self) -> &[T];

    /// Parts of `len` items; the last one may be shorter.
    ///
    /// # Panics
    ///
    /// If `len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 2, 3].par_chunks(2).map(<[_]>::len).collect::<Vec<_>>(), [2, 1]);
    /// ```
    #[track_caller]
    fn par_chunks(&self, len: usize) -> SliceChunks<'_, T> {
        SliceChunks::new(self.as_parallel_slice(), len)
    }

    /// Parts of `len` items, without the rest.
    ///
    /// # Panics
    ///
    /// If `len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 2, 3].par_chunks_exact(2).count(), 1);
    /// ```
    #[track_caller]
    fn par_chunks_exact(&self, len: usize) -> SliceChunksExact<'_, T> {
        SliceChunksExact::new(self.as_parallel_slice(), len)
    }

    /// Parts of `len` items from the end; the last one may be shorter.
    ///
    /// # Panics
    ///
    /// If `len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 2, 3].par_rchunks(2).collect::<Vec<_>>(), [&[2, 3][..], &[1]]);
    /// ```
    #[track_caller]
    fn par_rchunks(&self, len: usize) -> SliceRChunks<'_, T> {
        SliceRChunks::new(self.as_parallel_slice(), len)
    }

    /// Parts of `len` items from the end, without the rest.
    ///
    /// # Panics
    ///
    /// If `len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 2, 3].par_rchunks_exact(2).collect::<Vec<_>>(), [[2, 3]]);
    /// ```
    #[track_caller]
    fn par_rchunks_exact(&self, len: usize) -> SliceRChunksExact<'_, T> {
        SliceRChunksExact::new(self.as_parallel_slice(), len)
    }

    /// All runs of `len` neighbours.
    ///
    /// # Panics
    ///
    /// If `len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 2, 3].par_windows(2).all(|pair| pair[0] < pair[1]));
    /// ```
    #[track_caller]
    fn par_windows(&self, len: usize) -> SliceWindows<'_, T> {
        SliceWindows::new(self.as_parallel_slice(), len)
    }

    /// What stands between items that `separates` accepts.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 0, 2].par_split(|&n| n == 0).collect::<Vec<_>>(), [[1], [2]]);
    /// ```
    fn par_split<P>(&self, separates: P) -> SliceSplit<'_, T, P>
    where
        P: Fn(&T) -> bool + Sync + Send,
    {
        SliceSplit::new(self.as_parallel_slice(), separates)
    }

    /// Parts up to and with an item that `ends` accepts, and the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 0, 2].par_split_inclusive(|&n| n == 0).collect::<Vec<_>>(), [&[1, 0][..], &[2]]);
    /// ```
    fn par_split_inclusive<P>(&self, ends: P) -> SliceSplitInclusive<'_, T, P>
    where
        P: Fn(&T) -> bool + Sync + Send,
    {
        SliceSplitInclusive::new(self.as_parallel_slice(), ends)
    }

    /// Runs of neighbours that belong together as `same` says.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 1, 2].par_chunk_by(|a, b| a == b).count(), 2);
    /// ```
    fn par_chunk_by<P>(&self, same: P) -> SliceChunkBy<'_, T, P>
    where
        P: Fn(&T, &T) -> bool + Sync + Send,
    {
        SliceChunkBy::new(self.as_parallel_slice(), same)
    }
}

impl<T: Sync> ParallelSlice<T> for [T] {
    fn as_parallel_slice(&self) -> &[T] {
        self
    }
}

/// Parts of a slice to be changed in parallel, named as those of std.
pub trait ParallelSliceMut<T: Send> {
    /// The slice itself.
    fn as_parallel_slice_mut(&mut self) -> &mut [T];

    /// Parts of `len` items; the last one may be shorter.
    ///
    /// # Panics
    ///
    /// If `len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [0; 3];
    /// numbers.par_chunks_mut(2).enumerate().for_each(|(index, part)| part.fill(index));
    /// assert_eq!(numbers, [0, 0, 1]);
    /// ```
    #[track_caller]
    fn par_chunks_mut(&mut self, len: usize) -> SliceChunksMut<'_, T> {
        SliceChunksMut::new(self.as_parallel_slice_mut(), len)
    }

    /// Parts of `len` items, without the rest.
    ///
    /// # Panics
    ///
    /// If `len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [0; 3];
    /// numbers.par_chunks_exact_mut(2).for_each(|part| part.fill(1));
    /// assert_eq!(numbers, [1, 1, 0]);
    /// ```
    #[track_caller]
    fn par_chunks_exact_mut(&mut self, len: usize) -> SliceChunksExactMut<'_, T> {
        SliceChunksExactMut::new(self.as_parallel_slice_mut(), len)
    }

    /// Parts of `len` items from the end; the last one may be shorter.
    ///
    /// # Panics
    ///
    /// If `len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [0; 3];
    /// numbers.par_rchunks_mut(2).enumerate().for_each(|(index, part)| part.fill(index));
    /// assert_eq!(numbers, [1, 0, 0]);
    /// ```
    #[track_caller]
    fn par_rchunks_mut(&mut self, len: usize) -> SliceRChunksMut<'_, T> {
        SliceRChunksMut::new(self.as_parallel_slice_mut(), len)
    }

    /// Parts of `len` items from the end, without the rest.
    ///
    /// # Panics
    ///
    /// If `len` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [0; 3];
    /// numbers.par_rchunks_exact_mut(2).for_each(|part| part.fill(1));
    /// assert_eq!(numbers, [0, 1, 1]);
    /// ```
    #[track_caller]
    fn par_rchunks_exact_mut(&mut self, len: usize) -> SliceRChunksExactMut<'_, T> {
        SliceRChunksExactMut::new(self.as_parallel_slice_mut(), len)
    }

    /// What stands between items that `separates` accepts.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [1, 0, 2];
    /// numbers.par_split_mut(|&n| n == 0).for_each(|part| part[0] += 1);
    /// assert_eq!(numbers, [2, 0, 3]);
    /// ```
    fn par_split_mut<P>(&mut self, separates: P) -> SliceSplitMut<'_, T, P>
    where
        P: Fn(&T) -> bool + Sync + Send,
    {
        SliceSplitMut::new(self.as_parallel_slice_mut(), separates)
    }

    /// Parts up to and with an item that `ends` accepts, and the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [1, 0, 2];
    /// numbers.par_split_inclusive_mut(|&n| n == 0).for_each(|part| part[0] += 1);
    /// assert_eq!(numbers, [2, 0, 3]);
    /// ```
    fn par_split_inclusive_mut<P>(&mut self, ends: P) -> SliceSplitInclusiveMut<'_, T, P>
    where
        P: Fn(&T) -> bool + Sync + Send,
    {
        SliceSplitInclusiveMut::new(self.as_parallel_slice_mut(), ends)
    }

    /// Runs of neighbours that belong together as `same` says.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [1, 1, 2];
    /// numbers.par_chunk_by_mut(|a, b| a == b).for_each(|run| run[0] = 0);
    /// assert_eq!(numbers, [0, 1, 0]);
    /// ```
    fn par_chunk_by_mut<P>(&mut self, same: P) -> SliceChunkByMut<'_, T, P>
    where
        P: Fn(&T, &T) -> bool + Sync + Send,
    {
        SliceChunkByMut::new(self.as_parallel_slice_mut(), same)
    }
}

impl<T: Send> ParallelSliceMut<T> for [T] {
    fn as_parallel_slice_mut(&mut self) -> &mut [T] {
        self
    }
}
