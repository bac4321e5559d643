//! The trait of parallel iterators that know how many items they have, and which is where.

use std::cmp::Ordering;

use super::adapt::{
    Chunks, Enumerate, ExponentialBlocks, FoldChunks, FoldChunksWith, Interleave,
    InterleaveShortest, MaxLen, MinLen, Positions, Rev, Skip, StepBy, Take, UniformBlocks, Zip,
    ZipEq,
};
use super::collect;
use super::convert::{IntoParallelIterator, ParallelExtend};
use super::parallel::ParallelIterator;
use super::plumbing::Producer;

/// A parallel iterator that can be divided at any item.
#[allow(clippy::len_without_is_empty, reason = "as std's `ExactSizeIterator`")]
pub trait IndexedParallelIterator: ParallelIterator {
    /// What is divided, and borrows the iterator.
    type Producer<'a>: Producer<Item = Self::Item>
    where
        Self: 'a;

    /// The number of items.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!((0..10).into_par_iter().skip(3).len(), 7);
    /// ```
    fn len(&self) -> usize;

    /// All items, to be divided. For implementors: the iterator is empty afterwards.
    fn producer(&mut self) -> Self::Producer<'_>;

    /// The items in blocks, one after another, each in parallel and twice as large as the one before: for
    /// searches that are likely to end early.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!((0..1000).into_par_iter().by_exponential_blocks().find_first(|&n| n == 7), Some(7));
    /// ```
    fn by_exponential_blocks(self) -> ExponentialBlocks<Self> {
        ExponentialBlocks::new(self)
    }

    /// The items in blocks of `len`, one after another, each in parallel.
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
    /// assert_eq!((0..1000).into_par_iter().by_uniform_blocks(100).count(), 1000);
    /// ```
    fn by_uniform_blocks(self, len: usize) -> UniformBlocks<Self> {
        UniformBlocks::new(self, len)
    }

    /// All items in `target` in place of what was there; its memory is used again.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let mut target = vec![7; 100];
    /// (0..3).into_par_iter().collect_into_vec(&mut target);
    /// assert_eq!(target, [0, 1, 2]);
    /// ```
    fn collect_into_vec(self, target: &mut Vec<Self::Item>) {
        target.clear();
        target.par_extend(self);
    }

    /// The halves of the items in two vectors in place of what was there.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let (mut left, mut right) = (Vec::new(), Vec::new());
    /// vec![(1, 'a'), (2, 'b')].into_par_iter().unzip_into_vecs(&mut left, &mut right);
    /// assert_eq!((left, right), (vec![1, 2], vec!['a', 'b']));
    /// ```
    fn unzip_into_vecs<A, B>(self, left: &mut Vec<A>, right: &mut Vec<B>)
    where
        Self: IndexedParallelIterator<Item = (A, B)>,
        A: Send,
        B: Send,
    {
        collect::unzip_into_vecs(self, left, right);
    }

    /// Pairs with the items of `other`, up to the shorter length.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let sum: i32 = [1, 2, 3].par_iter().zip(&[4, 5]).map(|(a, b)| a * b).sum();
    /// assert_eq!(sum, 14);
    /// ```
    fn zip<Z>(self, other: Z) -> Zip<Self, Z::Iter>
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
    {
        Zip::new(self, other.into_par_iter())
    }

    /// Pairs with the items of `other`, which must have as many.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 2].par_iter().zip_eq(&[4, 5]).count(), 2);
    /// ```
    fn zip_eq<Z>(self, other: Z) -> ZipEq<Self, Z::Iter>
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
    {
        ZipEq::new(self, other.into_par_iter())
    }

    /// The items and those of `other` in turn; then the rest of the longer one.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let all: Vec<i32> = vec![1, 2, 3].into_par_iter().interleave(vec![7]).collect();
    /// assert_eq!(all, [1, 7, 2, 3]);
    /// ```
    fn interleave<Z>(self, other: Z) -> Interleave<Self, Z::Iter>
    where
        Z: IntoParallelIterator<Item = Self::Item, Iter: IndexedParallelIterator>,
    {
        Interleave::new(self, other.into_par_iter())
    }

    /// The items and those of `other` in turn, until it is the turn of one that has no more.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let all: Vec<i32> = vec![1, 2, 3].into_par_iter().interleave_shortest(vec![7]).collect();
    /// assert_eq!(all, [1, 7, 2]);
    /// ```
    fn interleave_shortest<Z>(self, other: Z) -> InterleaveShortest<Self, Z::Iter>
    where
        Z: IntoParallelIterator<Item = Self::Item, Iter: IndexedParallelIterator>,
    {
        InterleaveShortest::new(self, other.into_par_iter())
    }

    /// The items in vectors of `len`; the last one may be shorter. To go over a slice, its own
    /// [`par_chunks`](super::ParallelSlice::par_chunks) copies nothing.
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
    /// let chunks: Vec<Vec<u32>> = (0..5_u32).into_par_iter().chunks(2).collect();
    /// assert_eq!(chunks, [vec![0, 1], vec![2, 3], vec![4]]);
    /// ```
    fn chunks(self, len: usize) -> Chunks<Self> {
        Chunks::new(self, len)
    }

    /// Folds each `len` items into one; the last may be of fewer.
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
    /// let sums: Vec<u32> = (0..5_u32).into_par_iter().fold_chunks(2, || 0, |sum, n| sum + n).collect();
    /// assert_eq!(sums, [1, 5, 4]);
    /// ```
    fn fold_chunks<T, N, F>(self, len: usize, identity: N, f: F) -> FoldChunks<Self, N, F>
    where
        N: Fn() -> T + Sync + Send,
        F: Fn(T, Self::Item) -> T + Sync + Send,
        T: Send,
    {
        FoldChunks::new(self, len, identity, f)
    }

    /// As [`fold_chunks`](Self::fold_chunks), from a clone of `start`.
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
    /// let sums: Vec<u32> = (0..5_u32).into_par_iter().fold_chunks_with(2, 0, |sum, n| sum + n).collect();
    /// assert_eq!(sums, [1, 5, 4]);
    /// ```
    fn fold_chunks_with<T, F>(self, len: usize, start: T, f: F) -> FoldChunksWith<Self, T, F>
    where
        T: Send + Clone,
        F: Fn(T, Self::Item) -> T + Sync + Send,
    {
        FoldChunksWith::new(self, len, start, f)
    }

    /// Compares item by item with `other`, as words in a dictionary.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// use std::cmp::Ordering;
    /// assert_eq!([1, 2].par_iter().cmp(&[1, 3]), Ordering::Less);
    /// ```
    fn cmp<Z>(self, other: Z) -> Ordering
    where
        Z: IntoParallelIterator<Item = Self::Item, Iter: IndexedParallelIterator>,
        Self::Item: Ord,
    {
        let other = other.into_par_iter();
        let lens = self.len().cmp(&other.len());
        let pairs = self.zip(other).map(|(a, b)| a.cmp(&b));
        pairs.find_first(|&order| order != Ordering::Equal).unwrap_or(lens)
    }

    /// Compares item by item with `other`, until two differ or cannot be compared.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// use std::cmp::Ordering;
    /// assert_eq!([1.0].par_iter().partial_cmp(&[f64::NAN]), None);
    /// assert_eq!([1.0].par_iter().partial_cmp(&[1.0]), Some(Ordering::Equal));
    /// ```
    fn partial_cmp<Z>(self, other: Z) -> Option<Ordering>
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
        Self::Item: PartialOrd<Z::Item>,
    {
        let other = other.into_par_iter();
        let lens = self.len().cmp(&other.len());
        let pairs = self.zip(other).map(|(a, b)| a.partial_cmp(&b));
        pairs.find_first(|&order| order != Some(Ordering::Equal)).unwrap_or(Some(lens))
    }

    /// Whether `other` has equal items.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 2].par_iter().eq(&[1, 2]));
    /// ```
    fn eq<Z>(self, other: Z) -> bool
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
        Self::Item: PartialEq<Z::Item>,
    {
        let other = other.into_par_iter();
        self.len() == other.len() && self.zip(other).all(|(a, b)| a == b)
    }

    /// Whether `other` has other items.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 2].par_iter().ne(&[1]));
    /// ```
    fn ne<Z>(self, other: Z) -> bool
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
        Self::Item: PartialEq<Z::Item>,
    {
        !self.eq(other)
    }

    /// Whether the items are less than those of `other`, as words in a dictionary.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 2].par_iter().lt(&[1, 3]));
    /// ```
    fn lt<Z>(self, other: Z) -> bool
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
        Self::Item: PartialOrd<Z::Item>,
    {
        matches!(self.partial_cmp(other), Some(Ordering::Less))
    }

    /// Whether the items are less than or equal to those of `other`, as words in a dictionary.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 2].par_iter().le(&[1, 2]));
    /// ```
    fn le<Z>(self, other: Z) -> bool
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
        Self::Item: PartialOrd<Z::Item>,
    {
        matches!(self.partial_cmp(other), Some(Ordering::Less | Ordering::Equal))
    }

    /// Whether the items are greater than those of `other`, as words in a dictionary.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 2].par_iter().gt(&[1]));
    /// ```
    fn gt<Z>(self, other: Z) -> bool
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
        Self::Item: PartialOrd<Z::Item>,
    {
        matches!(self.partial_cmp(other), Some(Ordering::Greater))
    }

    /// Whether the items are greater than or equal to those of `other`, as words in a dictionary.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 2].par_iter().ge(&[1, 2]));
    /// ```
    fn ge<Z>(self, other: Z) -> bool
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
        Self::Item: PartialOrd<Z::Item>,
    {
        matches!(self.partial_cmp(other), Some(Ordering::Greater | Ordering::Equal))
    }

    /// Each item with its number, from 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let pairs: Vec<_> = ['a', 'b'].into_par_iter().enumerate().collect();
    /// assert_eq!(pairs, [(0, 'a'), (1, 'b')]);
    /// ```
    fn enumerate(self) -> Enumerate<Self> {
        Enumerate::new(self)
    }

    /// The first item, and each `step`th after it.
    ///
    /// # Panics
    ///
    /// If `step` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let third: Vec<u32> = (0..8_u32).into_par_iter().step_by(3).collect();
    /// assert_eq!(third, [0, 3, 6]);
    /// ```
    fn step_by(self, step: usize) -> StepBy<Self> {
        StepBy::new(self, step)
    }

    /// The items without the first `count`.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let rest: Vec<u32> = (0..4_u32).into_par_iter().skip(2).collect();
    /// assert_eq!(rest, [2, 3]);
    /// ```
    fn skip(self, count: usize) -> Skip<Self> {
        Skip::new(self, count)
    }

    /// The first `count` items.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let first: Vec<u32> = (0..4_u32).into_par_iter().take(2).collect();
    /// assert_eq!(first, [0, 1]);
    /// ```
    fn take(self, count: usize) -> Take<Self> {
        Take::new(self, count)
    }

    /// The number of an item that matches, whichever is found.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 5, 7].par_iter().position_any(|&n| n > 3).is_some_and(|index| index > 0));
    /// ```
    fn position_any<P>(self, matches: P) -> Option<usize>
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        self.map(matches).enumerate().find_any(|&(_, matches)| matches).map(|(index, _)| index)
    }

    /// The number of the first item that matches.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 5, 7].par_iter().position_first(|&n| n > 3), Some(1));
    /// ```
    fn position_first<P>(self, matches: P) -> Option<usize>
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        self.map(matches).enumerate().find_first(|&(_, matches)| matches).map(|(index, _)| index)
    }

    /// The number of the last item that matches.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 5, 7].par_iter().position_last(|&n| n > 3), Some(2));
    /// ```
    fn position_last<P>(self, matches: P) -> Option<usize>
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        self.map(matches).enumerate().find_last(|&(_, matches)| matches).map(|(index, _)| index)
    }

    /// The numbers of the items that match.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let positions: Vec<usize> = [1, 5, 7].par_iter().positions(|&n| n > 3).collect();
    /// assert_eq!(positions, [1, 2]);
    /// ```
    fn positions<P>(self, matches: P) -> Positions<Self, P>
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        Positions::new(self, matches)
    }

    /// The items from the last to the first.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let down: Vec<u32> = (0..3_u32).into_par_iter().rev().collect();
    /// assert_eq!(down, [2, 1, 0]);
    /// ```
    fn rev(self) -> Rev<Self> {
        Rev::new(self)
    }

    /// The items, in pieces of no fewer than `min` unless there are fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let pieces = (0..100).into_par_iter().with_min_len(60).fold(|| 0, |count, _| count + 1);
    /// assert_eq!(pieces.collect::<Vec<_>>(), [100]);
    /// ```
    fn with_min_len(self, min: usize) -> MinLen<Self> {
        MinLen::new(self, min)
    }

    /// The items, in pieces of no more than `max`: for items that take long each.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let pieces = (0..100).into_par_iter().with_max_len(10).fold(|| 0, |count, _| count + 1);
    /// assert!(pieces.all(|count| count <= 10));
    /// ```
    fn with_max_len(self, max: usize) -> MaxLen<Self> {
        MaxLen::new(self, max)
    }
}
