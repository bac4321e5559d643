//! One item for each piece: `fold`, `fold_with`, `try_fold`, `try_fold_with`.

use std::iter;
use std::marker::PhantomData;
use std::ops::ControlFlow::{self, Break, Continue};

use super::with::{Cloned, New, Values};
use crate::par::ParallelIterator;
use crate::par::attempt::Try;
use crate::par::plumbing::Consumer;

/// The iterator of [`ParallelIterator::fold`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Fold<I, N, F> {
    base: I,
    identity: N,
    f: F,
}

/// The iterator of [`ParallelIterator::fold_with`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct FoldWith<I, T, F> {
    base: I,
    start: T,
    f: F,
}

/// The iterator of [`ParallelIterator::try_fold`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct TryFold<I, R, N, F> {
    base: I,
    identity: N,
    f: F,
    result: PhantomData<fn() -> R>,
}

/// The iterator of [`ParallelIterator::try_fold_with`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct TryFoldWith<I, R, T, F> {
    base: I,
    start: T,
    f: F,
    result: PhantomData<fn() -> R>,
}

impl<I, N, F> Fold<I, N, F> {
    pub(in crate::par) fn new(base: I, identity: N, f: F) -> Self {
        Self { base, identity, f }
    }
}

impl<I, T, F> FoldWith<I, T, F> {
    pub(in crate::par) fn new(base: I, start: T, f: F) -> Self {
        Self { base, start, f }
    }
}

impl<I, R, N, F> TryFold<I, R, N, F> {
    pub(in crate::par) fn new(base: I, identity: N, f: F) -> Self {
        Self { base, identity, f, result: PhantomData }
    }
}

impl<I, R, T, F> TryFoldWith<I, R, T, F> {
    pub(in crate::par) fn new(base: I, start: T, f: F) -> Self {
        Self { base, start, f, result: PhantomData }
    }
}

impl<I, T, N, F> ParallelIterator for Fold<I, N, F>
where
    I: ParallelIterator,
    T: Send,
    N: Fn() -> T + Sync + Send,
    F: Fn(T, I::Item) -> T + Sync + Send,
{
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        let folding = Folding::of(consumer, &self.f);
        self.base.drive(&folding, (New(&self.identity), part))
    }
}

impl<I, T, F> ParallelIterator for FoldWith<I, T, F>
where
    I: ParallelIterator,
    T: Send + Clone,
    F: Fn(T, I::Item) -> T + Sync + Send,
{
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        let folding = Folding::of(consumer, &self.f);
        self.base.drive(&folding, (Cloned(self.start), part))
    }
}

impl<I, R, N, F> ParallelIterator for TryFold<I, R, N, F>
where
    I: ParallelIterator,
    R: Try + Send,
    N: Fn() -> R::Output + Sync + Send,
    F: Fn(R::Output, I::Item) -> R + Sync + Send,
{
    type Item = R;

    fn drive<C: Consumer<R>>(self, consumer: &C, part: C::Part) -> C::Result {
        let folding = TryFolding::<_, _, _, R>(Folding::of(consumer, &self.f), PhantomData);
        self.base.drive(&folding, (New(&self.identity), part))
    }
}

impl<I, R, T, F> ParallelIterator for TryFoldWith<I, R, T, F>
where
    I: ParallelIterator,
    R: Try<Output = T> + Send,
    T: Send + Clone,
    F: Fn(T, I::Item) -> R + Sync + Send,
{
    type Item = R;

    fn drive<C: Consumer<R>>(self, consumer: &C, part: C::Part) -> C::Result {
        let folding = TryFolding::<_, _, _, R>(Folding::of(consumer, &self.f), PhantomData);
        self.base.drive(&folding, (Cloned(self.start), part))
    }
}

struct Folding<'c, C, F, V> {
    base: &'c C,
    f: &'c F,
    values: PhantomData<fn() -> V>,
}

impl<'c, C, F, V> Folding<'c, C, F, V> {
    fn of(base: &'c C, f: &'c F) -> Self {
        Self { base, f, values: PhantomData }
    }

    fn split<T>(&self, part: (V, C::Part), at: usize, of: usize) -> [(V, C::Part); 2]
    where
        C: Consumer<T>,
        V: Values,
    {
        let (values, part) = part;
        let (left, right) = self.base.split(part, at, of);
        [(values.again(), left), (values, right)]
    }

    fn finish<T>(&self, values: V, folded: T, part: C::Part) -> (C::Result, (V, C::Part))
    where
        C: Consumer<T>,
    {
        let state = self.base.feed(self.base.begin(part), iter::once(folded));
        let (result, part) = self.base.finish(state);
        (result, (values, part))
    }
}

impl<T, V, C, F> Consumer<T> for Folding<'_, C, F, V>
where
    V: Values,
    C: Consumer<V::Value>,
    F: Fn(V::Value, T) -> V::Value + Sync,
{
    type Part = (V, C::Part);
    type State = (V, V::Value, C::Part);
    type Result = C::Result;

    fn split(&self, part: Self::Part, at: usize, of: usize) -> (Self::Part, Self::Part) {
        Folding::split(self, part, at, of).into()
    }

    fn begin(&self, (values, part): Self::Part) -> Self::State {
        let start = values.again().value();
        (values, start, part)
    }

    fn feed<I: Iterator<Item = T>>(&self, state: Self::State, items: I) -> Self::State {
        let (values, folded, part) = state;
        (values, items.fold(folded, self.f), part)
    }

    fn finish(&self, (values, folded, part): Self::State) -> (C::Result, Self::Part) {
        Folding::finish(self, values, folded, part)
    }

    fn reduce(&self, left: C::Result, right: C::Result) -> C::Result {
        self.base.reduce(left, right)
    }

    fn is_full(&self, (_, _, part): &Self::State) -> bool {
        self.base.is_done(part)
    }

    fn is_done(&self, (_, part): &Self::Part) -> bool {
        self.base.is_done(part)
    }
}

/// `R` is what the closure returns.
struct TryFolding<'c, C, F, V, R>(Folding<'c, C, F, V>, PhantomData<fn() -> R>);

impl<T, R, V, C, F> Consumer<T> for TryFolding<'_, C, F, V, R>
where
    R: Try,
    V: Values<Value = R::Output>,
    C: Consumer<R>,
    F: Fn(R::Output, T) -> R + Sync,
{
    type Part = (V, C::Part);
    type State = (V, ControlFlow<R::Residual, R::Output>, C::Part);
    type Result = C::Result;

    fn split(&self, part: Self::Part, at: usize, of: usize) -> (Self::Part, Self::Part) {
        self.0.split(part, at, of).into()
    }

    fn begin(&self, (values, part): Self::Part) -> Self::State {
        let start = values.again().value();
        (values, Continue(start), part)
    }

    fn feed<I: Iterator<Item = T>>(&self, state: Self::State, mut items: I) -> Self::State {
        let (values, folded, part) = state;
        let folded = match folded {
            Continue(folded) => {
                items.try_fold(folded, |folded, item| (self.0.f)(folded, item).branch())
            }
            Break(residual) => Break(residual),
        };
        (values, folded, part)
    }

    fn finish(&self, (values, folded, part): Self::State) -> (C::Result, Self::Part) {
        self.0.finish(values, R::from_branch(folded), part)
    }

    fn reduce(&self, left: C::Result, right: C::Result) -> C::Result {
        self.0.base.reduce(left, right)
    }

    fn is_full(&self, (_, folded, part): &Self::State) -> bool {
        folded.is_break() || self.0.base.is_done(part)
    }

    fn is_done(&self, (_, part): &Self::Part) -> bool {
        self.0.base.is_done(part)
    }
}
