//! A function with a value at hand: a clone for each piece (`map_with`) or a new one (`map_init`).

use std::marker::PhantomData;

use crate::par::plumbing::{Consumer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of [`ParallelIterator::map_with`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct MapWith<I, T, F> {
    base: I,
    value: T,
    f: F,
}

/// The iterator of [`ParallelIterator::map_init`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct MapInit<I, N, F> {
    base: I,
    init: N,
    f: F,
}

impl<I, T, F> MapWith<I, T, F> {
    pub(in crate::par) fn new(base: I, value: T, f: F) -> Self {
        Self { base, value, f }
    }
}

impl<I, N, F> MapInit<I, N, F> {
    pub(in crate::par) fn new(base: I, init: N, f: F) -> Self {
        Self { base, init, f }
    }
}

impl<I, T, R, F> ParallelIterator for MapWith<I, T, F>
where
    I: ParallelIterator,
    T: Send + Clone,
    R: Send,
    F: Fn(&mut T, I::Item) -> R + Sync + Send,
{
    type Item = R;

    fn drive<C: Consumer<R>>(self, consumer: &C, part: C::Part) -> C::Result {
        let values = Cloned(self.value);
        self.base.drive(&With::of(consumer, &self.f, &values), (values, part))
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<I, T, R, F> IndexedParallelIterator for MapWith<I, T, F>
where
    I: IndexedParallelIterator,
    T: Send + Clone,
    R: Send,
    F: Fn(&mut T, I::Item) -> R + Sync + Send,
{
    type Producer<'a>
        = WithSource<'a, I::Producer<'a>, Cloned<T>, F>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        let values = Cloned(self.value.clone());
        WithSource { base: self.base.producer(), values, f: &self.f }
    }
}

impl<I, T, R, N, F> ParallelIterator for MapInit<I, N, F>
where
    I: ParallelIterator,
    R: Send,
    N: Fn() -> T + Sync + Send,
    F: Fn(&mut T, I::Item) -> R + Sync + Send,
{
    type Item = R;

    fn drive<C: Consumer<R>>(self, consumer: &C, part: C::Part) -> C::Result {
        let values = New(&self.init);
        self.base.drive(&With::of(consumer, &self.f, &values), (values, part))
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<I, T, R, N, F> IndexedParallelIterator for MapInit<I, N, F>
where
    I: IndexedParallelIterator,
    R: Send,
    N: Fn() -> T + Sync + Send,
    F: Fn(&mut T, I::Item) -> R + Sync + Send,
{
    type Producer<'a>
        = WithSource<'a, I::Producer<'a>, New<'a, N>, F>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        WithSource { base: self.base.producer(), values: New(&self.init), f: &self.f }
    }
}

/// Where the values of the pieces come from.
pub trait Values: Send {
    type Value;

    /// For another piece.
    fn again(&self) -> Self;

    fn value(self) -> Self::Value;
}

#[derive(Debug)]
pub struct Cloned<T>(pub(super) T);

impl<T: Clone + Send> Values for Cloned<T> {
    type Value = T;

    fn again(&self) -> Self {
        Self(self.0.clone())
    }

    fn value(self) -> T {
        self.0
    }
}

#[derive(Debug)]
pub struct New<'f, N>(pub(super) &'f N);

impl<T, N: Fn() -> T + Sync> Values for New<'_, N> {
    type Value = T;

    fn again(&self) -> Self {
        Self(self.0)
    }

    fn value(self) -> T {
        (self.0)()
    }
}

struct With<'c, C, F, V> {
    base: &'c C,
    f: &'c F,
    values: PhantomData<fn() -> V>,
}

impl<'c, C, F, V> With<'c, C, F, V> {
    fn of(base: &'c C, f: &'c F, _: &V) -> Self {
        Self { base, f, values: PhantomData }
    }
}

impl<T, R, V, C, F> Consumer<T> for With<'_, C, F, V>
where
    V: Values,
    C: Consumer<R>,
    F: Fn(&mut V::Value, T) -> R + Sync,
{
    type Part = (V, C::Part);
    /// The source of values is for what comes after the piece.
    type State = (V, V::Value, C::State);
    type Result = C::Result;

    fn split(&self, (values, part): Self::Part, at: usize, of: usize) -> (Self::Part, Self::Part) {
        let (left, right) = self.base.split(part, at, of);
        ((values.again(), left), (values, right))
    }

    fn begin(&self, (values, part): Self::Part) -> Self::State {
        let value = values.again().value();
        (values, value, self.base.begin(part))
    }

    fn feed<I: Iterator<Item = T>>(&self, state: Self::State, items: I) -> Self::State {
        let (values, mut value, state) = state;
        let state = self.base.feed(state, items.map(|item| (self.f)(&mut value, item)));
        (values, value, state)
    }

    fn finish(&self, (values, _, state): Self::State) -> (C::Result, Self::Part) {
        let (result, part) = self.base.finish(state);
        (result, (values, part))
    }

    fn reduce(&self, left: C::Result, right: C::Result) -> C::Result {
        self.base.reduce(left, right)
    }

    fn is_full(&self, (_, _, state): &Self::State) -> bool {
        self.base.is_full(state)
    }

    fn is_done(&self, (_, part): &Self::Part) -> bool {
        self.base.is_done(part)
    }
}

#[derive(Debug)]
pub struct WithSource<'f, S, V, F> {
    base: S,
    values: V,
    f: &'f F,
}

impl<'f, S, R, V, F> Source for WithSource<'f, S, V, F>
where
    S: Source,
    V: Values,
    F: Fn(&mut V::Value, S::Item) -> R + Sync,
{
    type Item = R;
    type Iter = WithIter<'f, S::Iter, V::Value, F>;

    fn size(&self) -> usize {
        self.base.size()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { base, values, f } = self;
        let (left, right) = base.split_at(at);
        (Self { base: left, values: values.again(), f }, Self { base: right, values, f })
    }

    fn into_iter(self) -> Self::Iter {
        WithIter { items: self.base.into_iter(), value: self.values.value(), f: self.f }
    }

    fn min_len(&self) -> usize {
        self.base.min_len()
    }

    fn max_len(&self) -> usize {
        self.base.max_len()
    }
}

#[derive(Debug)]
pub struct WithIter<'f, I, T, F> {
    items: I,
    value: T,
    f: &'f F,
}

impl<I: Iterator, T, R, F: Fn(&mut T, I::Item) -> R> Iterator for WithIter<'_, I, T, F> {
    type Item = R;

    fn next(&mut self) -> Option<R> {
        let item = self.items.next()?;
        Some((self.f)(&mut self.value, item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I, T, R, F> DoubleEndedIterator for WithIter<'_, I, T, F>
where
    I: DoubleEndedIterator,
    F: Fn(&mut T, I::Item) -> R,
{
    fn next_back(&mut self) -> Option<R> {
        let item = self.items.next_back()?;
        Some((self.f)(&mut self.value, item))
    }
}

impl<I, T, R, F> ExactSizeIterator for WithIter<'_, I, T, F>
where
    I: ExactSizeIterator,
    F: Fn(&mut T, I::Item) -> R,
{
}
