//! Items in turn: `interleave`, `interleave_shortest`.

use crate::par::plumbing::{self, Consumer, Producer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

use super::Take;

/// The iterator of [`IndexedParallelIterator::interleave`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Interleave<A, B> {
    a: A,
    b: B,
}

/// The iterator of [`IndexedParallelIterator::interleave_shortest`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct InterleaveShortest<A, B> {
    interleave: Interleave<Take<A>, Take<B>>,
}

impl<A, B> Interleave<A, B> {
    pub(in crate::par) fn new(a: A, b: B) -> Self {
        Self { a, b }
    }
}

impl<A: IndexedParallelIterator, B: IndexedParallelIterator> InterleaveShortest<A, B> {
    pub(in crate::par) fn new(a: A, b: B) -> Self {
        // `a` begins, so it gives one more if it can.
        let a_count = a.len().min(b.len().saturating_add(1));
        let b_count = b.len().min(a.len());
        let interleave = Interleave { a: a.take(a_count), b: b.take(b_count) };
        Self { interleave }
    }
}

impl<A, B> ParallelIterator for Interleave<A, B>
where
    A: IndexedParallelIterator,
    B: IndexedParallelIterator<Item = A::Item>,
{
    type Item = A::Item;

    fn drive<C: Consumer<A::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<A, B> IndexedParallelIterator for Interleave<A, B>
where
    A: IndexedParallelIterator,
    B: IndexedParallelIterator<Item = A::Item>,
{
    type Producer<'a>
        = Interleaved<A::Producer<'a>, B::Producer<'a>>
    where
        Self: 'a;

    /// # Panics
    ///
    /// If it is more than `usize::MAX`.
    fn len(&self) -> usize {
        match self.a.len().checked_add(self.b.len()) {
            Some(len) => len,
            None => panic!("an interleaved iterator is longer than usize::MAX"),
        }
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Interleaved { a: self.a.producer(), b: self.b.producer(), turn: Turn::A }
    }
}

impl<A, B> ParallelIterator for InterleaveShortest<A, B>
where
    A: IndexedParallelIterator,
    B: IndexedParallelIterator<Item = A::Item>,
{
    type Item = A::Item;

    fn drive<C: Consumer<A::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.interleave.drive(consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        self.interleave.opt_len()
    }
}

impl<A, B> IndexedParallelIterator for InterleaveShortest<A, B>
where
    A: IndexedParallelIterator,
    B: IndexedParallelIterator<Item = A::Item>,
{
    type Producer<'a>
        = Interleaved<A::Producer<'a>, B::Producer<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.interleave.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        self.interleave.producer()
    }
}

/// Whose item comes next, where both have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    A,
    B,
}

impl Turn {
    fn after(self, items: usize) -> Self {
        match (self, items % 2) {
            (turn, 0) => turn,
            (Self::A, _) => Self::B,
            (Self::B, _) => Self::A,
        }
    }
}

#[derive(Debug)]
pub struct Interleaved<A, B> {
    a: A,
    b: B,
    turn: Turn,
}

impl<A: Producer, B: Producer<Item = A::Item>> Source for Interleaved<A, B> {
    type Item = A::Item;
    type Iter = InterleavedIter<A::Iter, B::Iter>;

    fn size(&self) -> usize {
        self.a.size() + self.b.size()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { a, b, turn } = self;
        // In turn, as long as neither is exhausted; then the rest is the other's.
        let a_turns = if turn == Turn::A { at.div_ceil(2) } else { at / 2 };
        let from_a = a_turns.min(a.size()).max(at.saturating_sub(b.size()));
        let (left_a, right_a) = a.split_at(from_a);
        let (left_b, right_b) = b.split_at(at - from_a);
        let right = Self { a: right_a, b: right_b, turn: turn.after(at) };
        (Self { a: left_a, b: left_b, turn }, right)
    }

    fn into_iter(self) -> Self::Iter {
        InterleavedIter { a: self.a.into_iter(), b: self.b.into_iter(), turn: self.turn }
    }

    fn min_len(&self) -> usize {
        self.a.min_len().max(self.b.min_len())
    }

    fn max_len(&self) -> usize {
        self.a.max_len().min(self.b.max_len())
    }
}

#[derive(Debug)]
pub struct InterleavedIter<A, B> {
    a: A,
    b: B,
    turn: Turn,
}

impl<A: Iterator, B: Iterator<Item = A::Item>> Iterator for InterleavedIter<A, B> {
    type Item = A::Item;

    fn next(&mut self) -> Option<A::Item> {
        let turn = self.turn;
        self.turn = turn.after(1);
        match turn {
            Turn::A => self.a.next().or_else(|| self.b.next()),
            Turn::B => self.b.next().or_else(|| self.a.next()),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (a, b) = (self.a.size_hint(), self.b.size_hint());
        let most = a.1.and_then(|a| a.checked_add(b.1?));
        (a.0.saturating_add(b.0), most)
    }
}

impl<A, B> DoubleEndedIterator for InterleavedIter<A, B>
where
    A: DoubleEndedIterator + ExactSizeIterator,
    B: DoubleEndedIterator<Item = A::Item> + ExactSizeIterator,
{
    fn next_back(&mut self) -> Option<A::Item> {
        // The longer one has the last; of equals, the one whose turn it is not.
        let (a, b) = (self.a.len(), self.b.len());
        if a > b || (a == b && self.turn == Turn::B) {
            self.a.next_back()
        } else {
            self.b.next_back()
        }
    }
}

impl<A, B> ExactSizeIterator for InterleavedIter<A, B>
where
    A: ExactSizeIterator,
    B: ExactSizeIterator<Item = A::Item>,
{
}
