//! A part of the items: `skip`, `take`, `step_by`.

use std::iter;

use crate::par::plumbing::{self, Consumer, Producer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of [`IndexedParallelIterator::skip`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Skip<I> {
    base: I,
    count: usize,
}

/// The iterator of [`IndexedParallelIterator::take`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Take<I> {
    base: I,
    count: usize,
}

/// The iterator of [`IndexedParallelIterator::step_by`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct StepBy<I> {
    base: I,
    step: usize,
}

impl<I> Skip<I> {
    pub(in crate::par) fn new(base: I, count: usize) -> Self {
        Self { base, count }
    }
}

impl<I> Take<I> {
    pub(in crate::par) fn new(base: I, count: usize) -> Self {
        Self { base, count }
    }
}

impl<I> StepBy<I> {
    #[track_caller]
    pub(in crate::par) fn new(base: I, step: usize) -> Self {
        assert_ne!(step, 0, "the step of step_by is 0");
        Self { base, step }
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for Skip<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I: IndexedParallelIterator> IndexedParallelIterator for Skip<I> {
    type Producer<'a>
        = I::Producer<'a>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len().saturating_sub(self.count)
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        let count = self.count.min(self.base.len());
        self.base.producer().split_at(count).1
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for Take<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I: IndexedParallelIterator> IndexedParallelIterator for Take<I> {
    type Producer<'a>
        = I::Producer<'a>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len().min(self.count)
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        let count = self.count.min(self.base.len());
        self.base.producer().split_at(count).0
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for StepBy<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I: IndexedParallelIterator> IndexedParallelIterator for StepBy<I> {
    type Producer<'a>
        = Stepping<I::Producer<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len().div_ceil(self.step)
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Stepping { base: self.base.producer(), step: self.step }
    }
}

#[derive(Debug)]
pub struct Stepping<S> {
    base: S,
    step: usize,
}

impl<S: Producer> Source for Stepping<S> {
    type Item = S::Item;
    type Iter = iter::StepBy<S::Iter>;

    fn size(&self) -> usize {
        self.base.size().div_ceil(self.step)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { base, step } = self;
        let at = at.saturating_mul(step).min(base.size());
        let (left, right) = base.split_at(at);
        (Self { base: left, step }, Self { base: right, step })
    }

    fn into_iter(self) -> Self::Iter {
        self.base.into_iter().step_by(self.step)
    }

    fn min_len(&self) -> usize {
        self.base.min_len().div_ceil(self.step)
    }

    fn max_len(&self) -> usize {
        self.base.max_len().div_ceil(self.step)
    }
}
