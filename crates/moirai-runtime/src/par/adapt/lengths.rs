//! How small and how large the pieces may be: `with_min_len`, `with_max_len`.

use crate::par::plumbing::{self, Consumer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of [`IndexedParallelIterator::with_min_len`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct MinLen<I> {
    base: I,
    min: usize,
}

/// The iterator of [`IndexedParallelIterator::with_max_len`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct MaxLen<I> {
    base: I,
    max: usize,
}

impl<I> MinLen<I> {
    pub(in crate::par) fn new(base: I, min: usize) -> Self {
        Self { base, min }
    }
}

impl<I> MaxLen<I> {
    pub(in crate::par) fn new(base: I, max: usize) -> Self {
        Self { base, max }
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for MinLen<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I: IndexedParallelIterator> IndexedParallelIterator for MinLen<I> {
    type Producer<'a>
        = Bounded<I::Producer<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        let base = self.base.producer();
        let (min, max) = (base.min_len().max(self.min), base.max_len());
        Bounded { base, min, max }
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for MaxLen<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I: IndexedParallelIterator> IndexedParallelIterator for MaxLen<I> {
    type Producer<'a>
        = Bounded<I::Producer<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        let base = self.base.producer();
        let (min, max) = (base.min_len(), base.max_len().min(self.max));
        Bounded { base, min, max }
    }
}

#[derive(Debug)]
pub struct Bounded<S> {
    base: S,
    min: usize,
    max: usize,
}

impl<S: Source> Source for Bounded<S> {
    type Item = S::Item;
    type Iter = S::Iter;

    fn size(&self) -> usize {
        self.base.size()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { base, min, max } = self;
        let (left, right) = base.split_at(at);
        (Self { base: left, min, max }, Self { base: right, min, max })
    }

    fn into_iter(self) -> Self::Iter {
        self.base.into_iter()
    }

    fn min_len(&self) -> usize {
        self.min
    }

    fn max_len(&self) -> usize {
        self.max
    }
}
