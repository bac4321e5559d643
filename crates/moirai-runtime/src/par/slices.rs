//! What slices offer beyond `par_iter`: their parts, and sorting.

use std::cmp::Ordering;

use super::convert::IntoParallelRefMutIterator as _;
use super::indexed::IndexedParallelIterator as _;
use super::parallel::ParallelIterator as _;
use super::sort::{sort, sort_unstable};

use super::adapt::Map;
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

    /// All runs of `N` neighbours, as arrays.
    ///
    /// # Panics
    ///
    /// If `N` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 2, 3].par_array_windows().all(|[a, b]| a < b));
    /// ```
    #[track_caller]
    fn par_array_windows<const N: usize>(
        &self,
    ) -> Map<SliceWindows<'_, T>, impl Fn(&[T]) -> &[T; N] + Sync + Send> {
        self.par_windows(N).map(array_of)
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

    /// Sorts; equal items stay in their order.
    ///
    /// A merge sort with std's own sort at the leaves. Needs memory for as many items again.
    ///
    /// # Panics
    ///
    /// If a comparison does; the slice then holds all items in some order. An order that contradicts
    /// itself may panic, too, or leave them in any order.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut words = ["to", "be", "or", "not"];
    /// words.par_sort();
    /// assert_eq!(words, ["be", "not", "or", "to"]);
    /// ```
    fn par_sort(&mut self)
    where
        T: Ord,
    {
        sort(self.as_parallel_slice_mut(), &T::cmp, &|leaf| leaf.sort());
    }

    /// As [`par_sort`](Self::par_sort), by `compare`.
    ///
    /// # Panics
    ///
    /// If a comparison does; the slice then holds all items in some order. An order that contradicts
    /// itself may panic, too, or leave them in any order.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [3, 1, 2];
    /// numbers.par_sort_by(|a, b| b.cmp(a));
    /// assert_eq!(numbers, [3, 2, 1]);
    /// ```
    fn par_sort_by<F>(&mut self, compare: F)
    where
        F: Fn(&T, &T) -> Ordering + Sync,
    {
        sort(self.as_parallel_slice_mut(), &compare, &|leaf| leaf.sort_by(&compare));
    }

    /// As [`par_sort`](Self::par_sort), by a key that is cheap to make.
    ///
    /// # Panics
    ///
    /// If a comparison does; the slice then holds all items in some order. An order that contradicts
    /// itself may panic, too, or leave them in any order.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [-3_i32, 1, 2];
    /// numbers.par_sort_by_key(|n| n.abs());
    /// assert_eq!(numbers, [1, 2, -3]);
    /// ```
    fn par_sort_by_key<K, F>(&mut self, key: F)
    where
        K: Ord,
        F: Fn(&T) -> K + Sync,
    {
        self.par_sort_by(|a, b| key(a).cmp(&key(b)));
    }

    /// As [`par_sort`](Self::par_sort), by a key that is made once for each item.
    ///
    /// # Panics
    ///
    /// If a comparison does; the slice then holds all items in some order. An order that contradicts
    /// itself may panic, too, or leave them in any order.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut words = ["ccc", "a", "bb"];
    /// words.par_sort_by_cached_key(|word| word.repeat(9).len());
    /// assert_eq!(words, ["a", "bb", "ccc"]);
    /// ```
    fn par_sort_by_cached_key<K, F>(&mut self, key: F)
    where
        K: Ord + Send,
        F: Fn(&T) -> K + Sync,
    {
        let slice = self.as_parallel_slice_mut();
        let keys = slice.par_iter_mut().enumerate().map(|(index, item)| (key(item), index));
        let mut order: Vec<(K, usize)> = keys.collect();
        order.par_sort_unstable();
        permute(slice, &mut order);
    }

    /// Sorts; equal items may change places.
    ///
    /// A quicksort in place with std's own unstable sort at the leaves; allocates nothing.
    ///
    /// # Panics
    ///
    /// If a comparison does; the slice then holds all items in some order. An order that contradicts
    /// itself may panic, too, or leave them in any order.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [3, 1, 2];
    /// numbers.par_sort_unstable();
    /// assert_eq!(numbers, [1, 2, 3]);
    /// ```
    fn par_sort_unstable(&mut self)
    where
        T: Ord,
    {
        sort_unstable(self.as_parallel_slice_mut(), &T::lt, &|leaf| leaf.sort_unstable());
    }

    /// As [`par_sort_unstable`](Self::par_sort_unstable), by `compare`.
    ///
    /// # Panics
    ///
    /// If a comparison does; the slice then holds all items in some order. An order that contradicts
    /// itself may panic, too, or leave them in any order.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [0.5, -1.0];
    /// numbers.par_sort_unstable_by(f64::total_cmp);
    /// assert_eq!(numbers, [-1.0, 0.5]);
    /// ```
    fn par_sort_unstable_by<F>(&mut self, compare: F)
    where
        F: Fn(&T, &T) -> Ordering + Sync,
    {
        let is_less = |a: &T, b: &T| compare(a, b) == Ordering::Less;
        let leaf = |leaf: &mut [T]| leaf.sort_unstable_by(&compare);
        sort_unstable(self.as_parallel_slice_mut(), &is_less, &leaf);
    }

    /// As [`par_sort_unstable`](Self::par_sort_unstable), by a key that is cheap to make.
    ///
    /// # Panics
    ///
    /// If a comparison does; the slice then holds all items in some order. An order that contradicts
    /// itself may panic, too, or leave them in any order.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut numbers = [-3_i32, 1, 2];
    /// numbers.par_sort_unstable_by_key(|n| n.abs());
    /// assert_eq!(numbers, [1, 2, -3]);
    /// ```
    fn par_sort_unstable_by_key<K, F>(&mut self, key: F)
    where
        K: Ord,
        F: Fn(&T) -> K + Sync,
    {
        self.par_sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    }
}

impl<T: Send> ParallelSliceMut<T> for [T] {
    fn as_parallel_slice_mut(&mut self) -> &mut [T] {
        self
    }
}

/// Puts the items where `order` says: the index of each item, in the order that they are to have.
fn permute<T, K>(slice: &mut [T], order: &mut [(K, usize)]) {
    for place in 0..slice.len() {
        // The item that was there may have been swapped away, to where it was swapped from.
        let mut index = order[place].1;
        while index < place {
            index = order[index].1;
        }
        order[place].1 = index;
        slice.swap(place, index);
    }
}

/// A window, whose length is known.
fn array_of<T, const N: usize>(window: &[T]) -> &[T; N] {
    match window.as_array() {
        Some(array) => array,
        None => unreachable!("a window has as many items as asked for"),
    }
}
