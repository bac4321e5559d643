//! None, one, or the same again: `empty`, `once`, `repeat`, `repeat_n`, options and results.

use std::iter;

use crate::par::convert::IntoParallelIterator;
use crate::par::plumbing::{self, Consumer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};
use std::marker::PhantomData;

/// The iterator of [`empty`].
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct Empty<T> {
    items: PhantomData<fn() -> T>,
}

/// No items.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// assert_eq!(iter::empty::<u32>().count(), 0);
/// ```
pub fn empty<T: Send>() -> Empty<T> {
    Empty { items: PhantomData }
}

impl<T> Clone for Empty<T> {
    fn clone(&self) -> Self {
        Self { items: PhantomData }
    }
}

/// The iterator of [`once`].
pub type Once<T> = OptionIter<T>;

/// One item.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let all: Vec<u32> = iter::once(7).chain(0..2_u32).collect();
/// assert_eq!(all, [7, 0, 1]);
/// ```
pub fn once<T: Send>(item: T) -> Once<T> {
    OptionIter { item: Some(item) }
}

/// The iterator of an option or of a result: one item or none.
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct OptionIter<T> {
    item: Option<T>,
}

/// The iterator of [`repeat`].
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct Repeat<T> {
    item: T,
}

/// The iterator of [`repeat_n`].
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct RepeatN<T> {
    item: T,
    count: usize,
}

/// Clones of `item` without end: to be zipped with something, or until something is found.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let pairs: Vec<_> = iter::repeat('a').zip(0..2).collect();
/// assert_eq!(pairs, [('a', 0), ('a', 1)]);
/// ```
pub fn repeat<T: Clone + Send>(item: T) -> Repeat<T> {
    Repeat { item }
}

/// `count` clones of `item`.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// assert_eq!(iter::repeat_n(2, 10).product::<u32>(), 1024);
/// ```
pub fn repeat_n<T: Clone + Send>(item: T, count: usize) -> RepeatN<T> {
    RepeatN { item, count }
}

impl<T: Send> ParallelIterator for Empty<T> {
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        OptionIter { item: None }.drive(consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(0)
    }
}

impl<T: Send> IndexedParallelIterator for Empty<T> {
    type Producer<'a>
        = OptionIter<T>
    where
        Self: 'a;

    fn len(&self) -> usize {
        0
    }

    fn producer(&mut self) -> OptionIter<T> {
        OptionIter { item: None }
    }
}

impl<T: Send> IntoParallelIterator for Option<T> {
    type Iter = OptionIter<T>;
    type Item = T;

    fn into_par_iter(self) -> OptionIter<T> {
        OptionIter { item: self }
    }
}

impl<'a, T: Sync> IntoParallelIterator for &'a Option<T> {
    type Iter = OptionIter<&'a T>;
    type Item = &'a T;

    fn into_par_iter(self) -> OptionIter<&'a T> {
        OptionIter { item: self.as_ref() }
    }
}

impl<'a, T: Send> IntoParallelIterator for &'a mut Option<T> {
    type Iter = OptionIter<&'a mut T>;
    type Item = &'a mut T;

    fn into_par_iter(self) -> OptionIter<&'a mut T> {
        OptionIter { item: self.as_mut() }
    }
}

impl<T: Send, E> IntoParallelIterator for Result<T, E> {
    type Iter = OptionIter<T>;
    type Item = T;

    fn into_par_iter(self) -> OptionIter<T> {
        OptionIter { item: self.ok() }
    }
}

impl<'a, T: Sync, E> IntoParallelIterator for &'a Result<T, E> {
    type Iter = OptionIter<&'a T>;
    type Item = &'a T;

    fn into_par_iter(self) -> OptionIter<&'a T> {
        OptionIter { item: self.as_ref().ok() }
    }
}

impl<'a, T: Send, E> IntoParallelIterator for &'a mut Result<T, E> {
    type Iter = OptionIter<&'a mut T>;
    type Item = &'a mut T;

    fn into_par_iter(self) -> OptionIter<&'a mut T> {
        OptionIter { item: self.as_mut().ok() }
    }
}

impl<T: Send> ParallelIterator for OptionIter<T> {
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self, consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.size())
    }
}

impl<T: Send> IndexedParallelIterator for OptionIter<T> {
    type Producer<'a>
        = Self
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.size()
    }

    fn producer(&mut self) -> Self {
        Self { item: self.item.take() }
    }
}

impl<T: Send> Source for OptionIter<T> {
    type Item = T;
    type Iter = std::option::IntoIter<T>;

    fn size(&self) -> usize {
        usize::from(self.item.is_some())
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let none = Self { item: None };
        if at == 0 { (none, self) } else { (self, none) }
    }

    fn into_iter(self) -> Self::Iter {
        self.item.into_iter()
    }
}

impl<T: Clone + Send> ParallelIterator for Repeat<T> {
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.times(usize::MAX), consumer, part)
    }
}

impl<T> Repeat<T> {
    fn times(self, count: usize) -> RepeatN<T> {
        RepeatN { item: self.item, count }
    }
}

impl<T: Clone + Send> Repeat<T> {
    /// The first `count` of them; as [`repeat_n`].
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!(iter::repeat(1).take(3).sum::<u32>(), 3);
    /// ```
    pub fn take(self, count: usize) -> RepeatN<T> {
        self.times(count)
    }

    /// Pairs with each item of `other`.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!(iter::repeat(1).zip([2, 3]).map(|(a, b)| a + b).sum::<u32>(), 7);
    /// ```
    pub fn zip<Z>(self, other: Z) -> crate::par::iter::Zip<RepeatN<T>, Z::Iter>
    where
        Z: IntoParallelIterator<Iter: IndexedParallelIterator>,
    {
        let other = other.into_par_iter();
        self.times(other.len()).zip(other)
    }
}

impl<T: Clone + Send> ParallelIterator for RepeatN<T> {
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self, consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.count)
    }
}

impl<T: Clone + Send> IndexedParallelIterator for RepeatN<T> {
    type Producer<'a>
        = Self
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.count
    }

    fn producer(&mut self) -> Self {
        self.clone()
    }
}

impl<T: Clone + Send> Source for RepeatN<T> {
    type Item = T;
    type Iter = iter::RepeatN<T>;

    fn size(&self) -> usize {
        self.count
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { item, count } = self;
        (Self { item: item.clone(), count: at }, Self { item, count: count - at })
    }

    fn into_iter(self) -> Self::Iter {
        iter::repeat_n(self.item, self.count)
    }
}
