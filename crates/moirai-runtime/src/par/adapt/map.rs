//! One item for each: `map`, `inspect`, `update`, `cloned`, `copied`.

use std::iter;

use super::{Adapt, Adapted, Through};
use crate::par::plumbing::Consumer;
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of [`ParallelIterator::map`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Map<I, F> {
    base: I,
    f: F,
}

/// The iterator of [`ParallelIterator::inspect`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Inspect<I, F> {
    base: I,
    f: F,
}

/// The iterator of [`ParallelIterator::update`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Update<I, F> {
    base: I,
    f: F,
}

/// The iterator of [`ParallelIterator::cloned`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Cloned<I> {
    base: I,
}

/// The iterator of [`ParallelIterator::copied`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Copied<I> {
    base: I,
}

impl<I, F> Map<I, F> {
    pub(in crate::par) fn new(base: I, f: F) -> Self {
        Self { base, f }
    }
}

impl<I, F> Inspect<I, F> {
    pub(in crate::par) fn new(base: I, f: F) -> Self {
        Self { base, f }
    }
}

impl<I, F> Update<I, F> {
    pub(in crate::par) fn new(base: I, f: F) -> Self {
        Self { base, f }
    }
}

impl<I> Cloned<I> {
    pub(in crate::par) fn new(base: I) -> Self {
        Self { base }
    }
}

impl<I> Copied<I> {
    pub(in crate::par) fn new(base: I) -> Self {
        Self { base }
    }
}

impl<I: ParallelIterator, R: Send, F: Fn(I::Item) -> R + Sync + Send> ParallelIterator
    for Map<I, F>
{
    type Item = R;

    fn drive<C: Consumer<R>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, Mapping(&self.f)), part)
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<I: IndexedParallelIterator, R: Send, F: Fn(I::Item) -> R + Sync + Send> IndexedParallelIterator
    for Map<I, F>
{
    type Producer<'a>
        = Adapted<I::Producer<'a>, Mapping<'a, F>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Adapted { base: self.base.producer(), adapt: Mapping(&self.f) }
    }
}

impl<I: ParallelIterator, F: Fn(&I::Item) + Sync + Send> ParallelIterator for Inspect<I, F> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, Inspecting(&self.f)), part)
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<I: IndexedParallelIterator, F: Fn(&I::Item) + Sync + Send> IndexedParallelIterator
    for Inspect<I, F>
{
    type Producer<'a>
        = Adapted<I::Producer<'a>, Inspecting<'a, F>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Adapted { base: self.base.producer(), adapt: Inspecting(&self.f) }
    }
}

impl<I: ParallelIterator, F: Fn(&mut I::Item) + Sync + Send> ParallelIterator for Update<I, F> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, Updating(&self.f)), part)
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<I: IndexedParallelIterator, F: Fn(&mut I::Item) + Sync + Send> IndexedParallelIterator
    for Update<I, F>
{
    type Producer<'a>
        = Adapted<I::Producer<'a>, Updating<'a, F>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Adapted { base: self.base.producer(), adapt: Updating(&self.f) }
    }
}

impl<'d, T: Clone + Send + Sync + 'd, I: ParallelIterator<Item = &'d T>> ParallelIterator
    for Cloned<I>
{
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, Cloning), part)
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<'d, T: Clone + Send + Sync + 'd, I: IndexedParallelIterator<Item = &'d T>>
    IndexedParallelIterator for Cloned<I>
{
    type Producer<'a>
        = Adapted<I::Producer<'a>, Cloning>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Adapted { base: self.base.producer(), adapt: Cloning }
    }
}

impl<'d, T: Copy + Send + Sync + 'd, I: ParallelIterator<Item = &'d T>> ParallelIterator
    for Copied<I>
{
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, Copying), part)
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<'d, T: Copy + Send + Sync + 'd, I: IndexedParallelIterator<Item = &'d T>>
    IndexedParallelIterator for Copied<I>
{
    type Producer<'a>
        = Adapted<I::Producer<'a>, Copying>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Adapted { base: self.base.producer(), adapt: Copying }
    }
}

#[derive(Debug)]
pub struct Mapping<'f, F>(&'f F);

#[derive(Debug)]
pub struct Inspecting<'f, F>(&'f F);

#[derive(Debug)]
pub struct Updating<'f, F>(&'f F);

#[derive(Clone, Copy, Debug)]
pub struct Cloning;

#[derive(Clone, Copy, Debug)]
pub struct Copying;

/// A derived `Clone` would ask for that of the closure.
macro_rules! shared {
    ($($name:ident)*) => {$(
        impl<F> Copy for $name<'_, F> {}

        impl<F> Clone for $name<'_, F> {
            fn clone(&self) -> Self {
                *self
            }
        }
    )*};
}

shared!(Mapping Inspecting Updating);

impl<'f, T, R, F: Fn(T) -> R + Sync> Adapt<T> for Mapping<'f, F> {
    type Item = R;
    type Iter<I: Iterator<Item = T>> = iter::Map<I, &'f F>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I> {
        items.map(self.0)
    }
}

impl<'f, T, F: Fn(&T) + Sync> Adapt<T> for Inspecting<'f, F> {
    type Item = T;
    type Iter<I: Iterator<Item = T>> = iter::Inspect<I, &'f F>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I> {
        items.inspect(self.0)
    }
}

impl<'f, T, F: Fn(&mut T) + Sync> Adapt<T> for Updating<'f, F> {
    type Item = T;
    type Iter<I: Iterator<Item = T>> = Updated<'f, I, F>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I> {
        Updated { items, f: self.0 }
    }
}

impl<'d, T: Clone + 'd> Adapt<&'d T> for Cloning {
    type Item = T;
    type Iter<I: Iterator<Item = &'d T>> = iter::Cloned<I>;

    fn adapt<I: Iterator<Item = &'d T>>(&self, items: I) -> Self::Iter<I> {
        items.cloned()
    }
}

impl<'d, T: Copy + 'd> Adapt<&'d T> for Copying {
    type Item = T;
    type Iter<I: Iterator<Item = &'d T>> = iter::Copied<I>;

    fn adapt<I: Iterator<Item = &'d T>>(&self, items: I) -> Self::Iter<I> {
        items.copied()
    }
}

/// The items of a block, changed.
#[derive(Debug)]
pub struct Updated<'f, I, F> {
    items: I,
    f: &'f F,
}

impl<I: Iterator, F: Fn(&mut I::Item)> Iterator for Updated<'_, I, F> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let mut item = self.items.next()?;
        (self.f)(&mut item);
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }

    fn fold<A, G: FnMut(A, I::Item) -> A>(self, start: A, mut g: G) -> A {
        let f = self.f;
        self.items.fold(start, |folded, mut item| {
            f(&mut item);
            g(folded, item)
        })
    }
}

impl<I: DoubleEndedIterator, F: Fn(&mut I::Item)> DoubleEndedIterator for Updated<'_, I, F> {
    fn next_back(&mut self) -> Option<I::Item> {
        let mut item = self.items.next_back()?;
        (self.f)(&mut item);
        Some(item)
    }
}

impl<I: ExactSizeIterator, F: Fn(&mut I::Item)> ExactSizeIterator for Updated<'_, I, F> {}
