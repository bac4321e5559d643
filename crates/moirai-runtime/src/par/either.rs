//! One of two: what `partition_map` is told, and a parallel iterator of either type.

use super::indexed::IndexedParallelIterator;
use super::parallel::ParallelIterator;
use super::plumbing::{Consumer, Producer, Source};

/// One of two.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let up = true;
/// let numbers = (0..3).into_par_iter();
/// let numbers = if up { Either::Left(numbers) } else { Either::Right(numbers.rev()) };
/// assert_eq!(numbers.collect::<Vec<_>>(), [0, 1, 2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Either<L, R> {
    /// The one.
    Left(L),
    /// The other.
    Right(R),
}

impl<L, R> ParallelIterator for Either<L, R>
where
    L: ParallelIterator,
    R: ParallelIterator<Item = L::Item>,
{
    type Item = L::Item;

    fn drive<C: Consumer<L::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        match self {
            Self::Left(left) => left.drive(consumer, part),
            Self::Right(right) => right.drive(consumer, part),
        }
    }

    fn opt_len(&self) -> Option<usize> {
        match self {
            Self::Left(left) => left.opt_len(),
            Self::Right(right) => right.opt_len(),
        }
    }
}

impl<L, R> IndexedParallelIterator for Either<L, R>
where
    L: IndexedParallelIterator,
    R: IndexedParallelIterator<Item = L::Item>,
{
    type Producer<'a>
        = Either<L::Producer<'a>, R::Producer<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        match self {
            Self::Left(left) => left.len(),
            Self::Right(right) => right.len(),
        }
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        match self {
            Self::Left(left) => Either::Left(left.producer()),
            Self::Right(right) => Either::Right(right.producer()),
        }
    }
}

impl<L: Producer, R: Producer<Item = L::Item>> Source for Either<L, R> {
    type Item = L::Item;
    type Iter = EitherIter<L::Iter, R::Iter>;

    fn size(&self) -> usize {
        match self {
            Self::Left(left) => left.size(),
            Self::Right(right) => right.size(),
        }
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        match self {
            Self::Left(left) => {
                let (first, rest) = left.split_at(at);
                (Self::Left(first), Self::Left(rest))
            }
            Self::Right(right) => {
                let (first, rest) = right.split_at(at);
                (Self::Right(first), Self::Right(rest))
            }
        }
    }

    fn into_iter(self) -> Self::Iter {
        match self {
            Self::Left(left) => EitherIter::Left(left.into_iter()),
            Self::Right(right) => EitherIter::Right(right.into_iter()),
        }
    }

    fn min_len(&self) -> usize {
        match self {
            Self::Left(left) => left.min_len(),
            Self::Right(right) => right.min_len(),
        }
    }

    fn max_len(&self) -> usize {
        match self {
            Self::Left(left) => left.max_len(),
            Self::Right(right) => right.max_len(),
        }
    }
}

/// The items of a block of one of two sources.
#[derive(Debug)]
pub enum EitherIter<L, R> {
    Left(L),
    Right(R),
}

impl<L: Iterator, R: Iterator<Item = L::Item>> Iterator for EitherIter<L, R> {
    type Item = L::Item;

    fn next(&mut self) -> Option<L::Item> {
        match self {
            Self::Left(left) => left.next(),
            Self::Right(right) => right.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Left(left) => left.size_hint(),
            Self::Right(right) => right.size_hint(),
        }
    }

    fn fold<A, F: FnMut(A, L::Item) -> A>(self, start: A, f: F) -> A {
        match self {
            Self::Left(left) => left.fold(start, f),
            Self::Right(right) => right.fold(start, f),
        }
    }
}

impl<L, R> DoubleEndedIterator for EitherIter<L, R>
where
    L: DoubleEndedIterator,
    R: DoubleEndedIterator<Item = L::Item>,
{
    fn next_back(&mut self) -> Option<L::Item> {
        match self {
            Self::Left(left) => left.next_back(),
            Self::Right(right) => right.next_back(),
        }
    }
}

impl<L: ExactSizeIterator, R: ExactSizeIterator<Item = L::Item>> ExactSizeIterator
    for EitherIter<L, R>
{
}
