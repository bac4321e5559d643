//! From collections to parallel iterators and back.

use super::parallel::ParallelIterator;

/// What a parallel iterator can be made of, by value: `IntoIterator`, in parallel.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// assert_eq!(vec![1, 2, 3].into_par_iter().sum::<i32>(), 6);
/// assert_eq!((1..4).into_par_iter().sum::<i32>(), 6);
/// ```
pub trait IntoParallelIterator {
    /// The parallel iterator.
    type Iter: ParallelIterator<Item = Self::Item>;
    /// What it consists of.
    type Item: Send;

    /// Makes one of it.
    fn into_par_iter(self) -> Self::Iter;
}

impl<I: ParallelIterator> IntoParallelIterator for I {
    type Iter = Self;
    type Item = I::Item;

    fn into_par_iter(self) -> Self {
        self
    }
}

/// What a parallel iterator over references can be made of.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// assert_eq!([1, 2, 3].par_iter().max(), Some(&3));
/// ```
pub trait IntoParallelRefIterator<'data> {
    /// The parallel iterator.
    type Iter: ParallelIterator<Item = Self::Item>;
    /// A reference.
    type Item: Send + 'data;

    /// Makes one of it.
    fn par_iter(&'data self) -> Self::Iter;
}

impl<'data, I: ?Sized + 'data> IntoParallelRefIterator<'data> for I
where
    &'data I: IntoParallelIterator,
{
    type Iter = <&'data I as IntoParallelIterator>::Iter;
    type Item = <&'data I as IntoParallelIterator>::Item;

    fn par_iter(&'data self) -> Self::Iter {
        self.into_par_iter()
    }
}

/// What a parallel iterator over mutable references can be made of.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let mut numbers = [1, 2, 3];
/// numbers.par_iter_mut().for_each(|n| *n *= 2);
/// assert_eq!(numbers, [2, 4, 6]);
/// ```
pub trait IntoParallelRefMutIterator<'data> {
    /// The parallel iterator.
    type Iter: ParallelIterator<Item = Self::Item>;
    /// A mutable reference.
    type Item: Send + 'data;

    /// Makes one of it.
    fn par_iter_mut(&'data mut self) -> Self::Iter;
}

impl<'data, I: ?Sized + 'data> IntoParallelRefMutIterator<'data> for I
where
    &'data mut I: IntoParallelIterator,
{
    type Iter = <&'data mut I as IntoParallelIterator>::Iter;
    type Item = <&'data mut I as IntoParallelIterator>::Item;

    fn par_iter_mut(&'data mut self) -> Self::Iter {
        self.into_par_iter()
    }
}

/// What a parallel iterator can be collected into: `FromIterator`, in parallel.
///
/// # Examples
///
/// ```
/// use std::collections::HashSet;
///
/// use moirai_runtime::par::*;
///
/// let set = HashSet::<u32>::from_par_iter([1, 2, 1]);
/// assert_eq!(set.len(), 2);
/// ```
pub trait FromParallelIterator<T: Send>: Sized {
    /// Makes one of all items.
    fn from_par_iter<I: IntoParallelIterator<Item = T>>(items: I) -> Self;
}

/// What a parallel iterator can be added to: `Extend`, in parallel.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let mut numbers = vec![7];
/// numbers.par_extend((0..3).into_par_iter());
/// assert_eq!(numbers, [7, 0, 1, 2]);
/// ```
pub trait ParallelExtend<T: Send> {
    /// Adds all items.
    fn par_extend<I: IntoParallelIterator<Item = T>>(&mut self, items: I);
}

/// Takes everything out of a collection.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
///
/// use moirai_runtime::par::*;
///
/// let mut map = HashMap::from([(1, 2)]);
/// assert_eq!(map.par_drain().count(), 1);
/// assert!(map.is_empty());
/// ```
pub trait ParallelDrainFull {
    /// The parallel iterator.
    type Iter: ParallelIterator<Item = Self::Item>;
    /// What it consists of.
    type Item: Send;

    /// Everything in it; what is not taken is dropped.
    fn par_drain(self) -> Self::Iter;
}

/// Takes a range out of a collection.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let mut numbers = vec![0, 1, 2, 3, 4];
/// assert_eq!(numbers.par_drain(1..3).sum::<i32>(), 3);
/// assert_eq!(numbers, [0, 3, 4]);
/// ```
pub trait ParallelDrainRange<Index = usize> {
    /// The parallel iterator.
    type Iter: ParallelIterator<Item = Self::Item>;
    /// What it consists of.
    type Item: Send;

    /// What is in `range`; what is not taken is dropped.
    fn par_drain<R: std::ops::RangeBounds<Index>>(self, range: R) -> Self::Iter;
}
