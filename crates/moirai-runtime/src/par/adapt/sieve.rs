//! None, one or many items for each: `filter`, `filter_map`, `flat_map_iter`, `flatten_iter`.

use std::iter;

use super::{Adapt, Through};
use crate::par::ParallelIterator;
use crate::par::plumbing::Consumer;

/// The iterator of [`ParallelIterator::filter`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Filter<I, F> {
    base: I,
    f: F,
}

/// The iterator of [`ParallelIterator::filter_map`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct FilterMap<I, F> {
    base: I,
    f: F,
}

/// The iterator of [`ParallelIterator::flat_map_iter`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct FlatMapIter<I, F> {
    base: I,
    f: F,
}

/// The iterator of [`ParallelIterator::flatten_iter`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct FlattenIter<I> {
    base: I,
}

impl<I, F> Filter<I, F> {
    pub(in crate::par) fn new(base: I, f: F) -> Self {
        Self { base, f }
    }
}

impl<I, F> FilterMap<I, F> {
    pub(in crate::par) fn new(base: I, f: F) -> Self {
        Self { base, f }
    }
}

impl<I, F> FlatMapIter<I, F> {
    pub(in crate::par) fn new(base: I, f: F) -> Self {
        Self { base, f }
    }
}

impl<I> FlattenIter<I> {
    pub(in crate::par) fn new(base: I) -> Self {
        Self { base }
    }
}

impl<I: ParallelIterator, F: Fn(&I::Item) -> bool + Sync + Send> ParallelIterator for Filter<I, F> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, Filtering(&self.f)), part)
    }
}

impl<I, R, F> ParallelIterator for FilterMap<I, F>
where
    I: ParallelIterator,
    R: Send,
    F: Fn(I::Item) -> Option<R> + Sync + Send,
{
    type Item = R;

    fn drive<C: Consumer<R>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, FilterMapping(&self.f)), part)
    }
}

impl<I, R, F> ParallelIterator for FlatMapIter<I, F>
where
    I: ParallelIterator,
    R: IntoIterator<Item: Send>,
    F: Fn(I::Item) -> R + Sync + Send,
{
    type Item = R::Item;

    fn drive<C: Consumer<R::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, FlatMapping(&self.f)), part)
    }
}

impl<I, R> ParallelIterator for FlattenIter<I>
where
    I: ParallelIterator<Item = R>,
    R: IntoIterator<Item: Send> + Send,
{
    type Item = R::Item;

    fn drive<C: Consumer<R::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, Flattening), part)
    }
}

struct Filtering<'f, F>(&'f F);

struct FilterMapping<'f, F>(&'f F);

struct FlatMapping<'f, F>(&'f F);

struct Flattening;

impl<'f, T, F: Fn(&T) -> bool + Sync> Adapt<T> for Filtering<'f, F> {
    type Item = T;
    type Iter<I: Iterator<Item = T>> = iter::Filter<I, &'f F>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I> {
        items.filter(self.0)
    }
}

impl<'f, T, R, F: Fn(T) -> Option<R> + Sync> Adapt<T> for FilterMapping<'f, F> {
    type Item = R;
    type Iter<I: Iterator<Item = T>> = iter::FilterMap<I, &'f F>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I> {
        items.filter_map(self.0)
    }
}

impl<'f, T, R: IntoIterator, F: Fn(T) -> R + Sync> Adapt<T> for FlatMapping<'f, F> {
    type Item = R::Item;
    type Iter<I: Iterator<Item = T>> = iter::FlatMap<I, R, &'f F>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I> {
        items.flat_map(self.0)
    }
}

impl<T: IntoIterator> Adapt<T> for Flattening {
    type Item = T::Item;
    type Iter<I: Iterator<Item = T>> = iter::Flatten<I>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I> {
        items.flatten()
    }
}
