//! Where an item stands: `rev`, `enumerate`.

use std::iter;
use std::ops::Range;

use crate::par::plumbing::{self, Consumer, Producer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of [`IndexedParallelIterator::rev`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Rev<I> {
    base: I,
}

/// The iterator of [`IndexedParallelIterator::enumerate`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Enumerate<I> {
    base: I,
}

impl<I> Rev<I> {
    pub(in crate::par) fn new(base: I) -> Self {
        Self { base }
    }
}

impl<I> Enumerate<I> {
    pub(in crate::par) fn new(base: I) -> Self {
        Self { base }
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for Rev<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I: IndexedParallelIterator> IndexedParallelIterator for Rev<I> {
    type Producer<'a>
        = Reversed<I::Producer<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Reversed(self.base.producer())
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for Enumerate<I> {
    type Item = (usize, I::Item);

    fn drive<C: Consumer<Self::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I: IndexedParallelIterator> IndexedParallelIterator for Enumerate<I> {
    type Producer<'a>
        = Numbered<I::Producer<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Numbered { base: self.base.producer(), first: 0 }
    }
}

#[derive(Debug)]
pub struct Reversed<S>(S);

impl<S: Producer> Source for Reversed<S> {
    type Item = S::Item;
    type Iter = iter::Rev<S::Iter>;

    fn size(&self) -> usize {
        self.0.size()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let (right, left) = {
            let size = self.0.size();
            self.0.split_at(size - at)
        };
        (Self(left), Self(right))
    }

    fn into_iter(self) -> Self::Iter {
        self.0.into_iter().rev()
    }

    fn min_len(&self) -> usize {
        self.0.min_len()
    }

    fn max_len(&self) -> usize {
        self.0.max_len()
    }
}

#[derive(Debug)]
pub struct Numbered<S> {
    base: S,
    first: usize,
}

impl<S: Producer> Source for Numbered<S> {
    type Item = (usize, S::Item);
    type Iter = iter::Zip<Range<usize>, S::Iter>;

    fn size(&self) -> usize {
        self.base.size()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { base, first } = self;
        let (left, right) = base.split_at(at);
        (Self { base: left, first }, Self { base: right, first: first + at })
    }

    fn into_iter(self) -> Self::Iter {
        (self.first..self.first + self.base.size()).zip(self.base.into_iter())
    }

    fn min_len(&self) -> usize {
        self.base.min_len()
    }

    fn max_len(&self) -> usize {
        self.base.max_len()
    }
}
