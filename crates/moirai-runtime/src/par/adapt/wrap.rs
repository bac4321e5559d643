//! Adaptors that wrap the iterator of a block: what they do, and where it is done.

use crate::par::plumbing::{Consumer, Source};

/// What an adaptor makes of the items of a block.
pub trait Adapt<T>: Sync {
    type Item;
    type Iter<I: Iterator<Item = T>>: Iterator<Item = Self::Item>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I>;

    /// Whether it lets nothing through any more.
    fn is_full(&self) -> bool {
        false
    }
}

/// A consumer of adapted items.
pub(in crate::par) struct Through<'c, C, A> {
    base: &'c C,
    adapt: A,
}

impl<'c, C, A> Through<'c, C, A> {
    pub(in crate::par) fn new(base: &'c C, adapt: A) -> Self {
        Self { base, adapt }
    }
}

impl<T, C: Consumer<A::Item>, A: Adapt<T>> Consumer<T> for Through<'_, C, A> {
    type Part = C::Part;
    type State = C::State;
    type Result = C::Result;

    fn split(&self, part: C::Part, at: usize, of: usize) -> (C::Part, C::Part) {
        self.base.split(part, at, of)
    }

    fn begin(&self, part: C::Part) -> C::State {
        self.base.begin(part)
    }

    fn feed<I: Iterator<Item = T>>(&self, state: C::State, items: I) -> C::State {
        self.base.feed(state, self.adapt.adapt(items))
    }

    fn finish(&self, state: C::State) -> (C::Result, C::Part) {
        self.base.finish(state)
    }

    fn reduce(&self, left: C::Result, right: C::Result) -> C::Result {
        self.base.reduce(left, right)
    }

    fn is_full(&self, state: &C::State) -> bool {
        self.adapt.is_full() || self.base.is_full(state)
    }

    fn is_done(&self, part: &C::Part) -> bool {
        self.adapt.is_full() || self.base.is_done(part)
    }
}

/// A source of adapted items, one for each.
#[derive(Debug)]
pub struct Adapted<S, A> {
    pub(super) base: S,
    pub(super) adapt: A,
}

impl<S: Source, A: Adapt<S::Item> + Copy + Send> Source for Adapted<S, A> {
    type Item = A::Item;
    type Iter = A::Iter<S::Iter>;

    fn size(&self) -> usize {
        self.base.size()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { base, adapt } = self;
        let (left, right) = base.split_at(at);
        (Self { base: left, adapt }, Self { base: right, adapt })
    }

    fn into_iter(self) -> Self::Iter {
        self.adapt.adapt(self.base.into_iter())
    }

    fn min_len(&self) -> usize {
        self.base.min_len()
    }

    fn max_len(&self) -> usize {
        self.base.max_len()
    }
}
