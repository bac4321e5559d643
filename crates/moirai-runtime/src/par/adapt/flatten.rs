//! A parallel iterator for each item: `flat_map`, `flatten`.

use crate::par::plumbing::Consumer;
use crate::par::{IntoParallelIterator, ParallelIterator};

/// The iterator of [`ParallelIterator::flat_map`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct FlatMap<I, F> {
    base: I,
    f: F,
}

/// The iterator of [`ParallelIterator::flatten`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Flatten<I> {
    base: I,
}

impl<I, F> FlatMap<I, F> {
    pub(in crate::par) fn new(base: I, f: F) -> Self {
        Self { base, f }
    }
}

impl<I> Flatten<I> {
    pub(in crate::par) fn new(base: I) -> Self {
        Self { base }
    }
}

impl<I, R, F> ParallelIterator for FlatMap<I, F>
where
    I: ParallelIterator,
    R: IntoParallelIterator,
    F: Fn(I::Item) -> R + Sync + Send,
{
    type Item = R::Item;

    fn drive<C: Consumer<R::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Flat { base: consumer, f: &self.f }, part)
    }
}

impl<I, R> ParallelIterator for Flatten<I>
where
    I: ParallelIterator<Item = R>,
    R: IntoParallelIterator + Send,
{
    type Item = R::Item;

    fn drive<C: Consumer<R::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Flat { base: consumer, f: &|item: R| item }, part)
    }
}

struct Flat<'c, C, F> {
    base: &'c C,
    f: &'c F,
}

impl<T, R, C, F> Consumer<T> for Flat<'_, C, F>
where
    R: IntoParallelIterator,
    C: Consumer<R::Item>,
    F: Fn(T) -> R + Sync,
{
    type Part = C::Part;
    /// What the items so far have come to, if there were any, and the part for those to come.
    type State = (Option<C::Result>, C::Part);
    type Result = C::Result;

    fn split(&self, part: C::Part, at: usize, of: usize) -> (C::Part, C::Part) {
        self.base.split(part, at, of)
    }

    fn begin(&self, part: C::Part) -> Self::State {
        (None, part)
    }

    fn feed<I: Iterator<Item = T>>(&self, state: Self::State, mut items: I) -> Self::State {
        let (mut result, mut rest) = state;
        while let Some(item) = items.next() {
            let (part, after) = self.base.split(rest, 1, items.size_hint().0.saturating_add(2));
            rest = after;
            let more = (self.f)(item).into_par_iter().drive(self.base, part);
            result = Some(match result {
                Some(result) => self.base.reduce(result, more),
                None => more,
            });
            if self.base.is_done(&rest) {
                break;
            }
        }
        (result, rest)
    }

    fn finish(&self, (result, part): Self::State) -> (C::Result, C::Part) {
        match result {
            Some(result) => (result, part),
            None => self.base.finish(self.base.begin(part)),
        }
    }

    fn reduce(&self, left: C::Result, right: C::Result) -> C::Result {
        self.base.reduce(left, right)
    }

    fn is_full(&self, (_, part): &Self::State) -> bool {
        self.base.is_done(part)
    }

    fn is_done(&self, part: &C::Part) -> bool {
        self.base.is_done(part)
    }
}
