//! One iterator after another: `chain`.

use std::iter;

use super::ExactIter;
use crate::join::join;
use crate::par::plumbing::{Consumer, Producer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of [`ParallelIterator::chain`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Chain<A, B> {
    a: A,
    b: B,
}

impl<A, B> Chain<A, B> {
    pub(in crate::par) fn new(a: A, b: B) -> Self {
        Self { a, b }
    }
}

impl<A, B> ParallelIterator for Chain<A, B>
where
    A: ParallelIterator,
    B: ParallelIterator<Item = A::Item>,
{
    type Item = A::Item;

    fn drive<C: Consumer<A::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let Self { a, b } = self;
        let (at, of) = match (a.opt_len(), b.opt_len()) {
            (Some(left), Some(right)) if left.checked_add(right).is_some() => (left, left + right),
            _ => (1, 2),
        };
        let (left, right) = consumer.split(part, at, of);
        let (left, right) = join(|| a.drive(consumer, left), || b.drive(consumer, right));
        consumer.reduce(left, right)
    }

    fn opt_len(&self) -> Option<usize> {
        self.a.opt_len()?.checked_add(self.b.opt_len()?)
    }
}

impl<A, B> IndexedParallelIterator for Chain<A, B>
where
    A: IndexedParallelIterator,
    B: IndexedParallelIterator<Item = A::Item>,
{
    type Producer<'a>
        = Chained<A::Producer<'a>, B::Producer<'a>>
    where
        Self: 'a;

    /// # Panics
    ///
    /// If it is more than `usize::MAX`.
    fn len(&self) -> usize {
        match self.a.len().checked_add(self.b.len()) {
            Some(len) => len,
            None => panic!("a chain is longer than usize::MAX"),
        }
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Chained::new(self.a.producer(), self.b.producer())
    }
}

#[derive(Debug)]
pub struct Chained<A, B> {
    a: A,
    b: B,
}

impl<A, B> Chained<A, B> {
    pub(in crate::par) fn new(a: A, b: B) -> Self {
        Self { a, b }
    }
}

impl<A: Producer, B: Producer<Item = A::Item>> Source for Chained<A, B> {
    type Item = A::Item;
    type Iter = ExactIter<iter::Chain<A::Iter, B::Iter>>;

    fn size(&self) -> usize {
        self.a.size() + self.b.size()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let size = self.a.size();
        let (left_a, right_a) = self.a.split_at(at.min(size));
        let (left_b, right_b) = self.b.split_at(at.saturating_sub(size));
        (Self { a: left_a, b: left_b }, Self { a: right_a, b: right_b })
    }

    fn into_iter(self) -> Self::Iter {
        let len = self.size();
        ExactIter::new(self.a.into_iter().chain(self.b.into_iter()), len)
    }

    fn min_len(&self) -> usize {
        self.a.min_len().max(self.b.min_len())
    }

    fn max_len(&self) -> usize {
        self.a.max_len().min(self.b.max_len())
    }
}
