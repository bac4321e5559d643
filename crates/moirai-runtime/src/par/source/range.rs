//! Ranges of numbers and characters.

use std::ops::{Range, RangeInclusive};

use super::few::OptionIter;
use crate::par::adapt::Chained;
use crate::par::convert::IntoParallelIterator;
use crate::par::plumbing::{self, Consumer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of a range.
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct RangeIter<T> {
    range: Range<T>,
}

/// The iterator of an inclusive range.
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct RangeInclusiveIter<T> {
    range: RangeInclusive<T>,
}

impl<T> IntoParallelIterator for Range<T>
where
    RangeIter<T>: ParallelIterator,
{
    type Iter = RangeIter<T>;
    type Item = <RangeIter<T> as ParallelIterator>::Item;

    fn into_par_iter(self) -> RangeIter<T> {
        RangeIter { range: self }
    }
}

impl<T> IntoParallelIterator for RangeInclusive<T>
where
    RangeInclusiveIter<T>: ParallelIterator,
{
    type Iter = RangeInclusiveIter<T>;
    type Item = <RangeInclusiveIter<T> as ParallelIterator>::Item;

    fn into_par_iter(self) -> RangeInclusiveIter<T> {
        RangeInclusiveIter { range: self }
    }
}

impl<T> ParallelIterator for RangeIter<T>
where
    T: Send,
    Range<T>: Source<Item = T> + Clone,
{
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.range, consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        // More than that cannot be counted.
        Some(self.range.size()).filter(|&size| size < usize::MAX)
    }
}

/// An inclusive range has one item more than a range, which may be one too many for its type.
impl<T> ParallelIterator for RangeInclusiveIter<T>
where
    T: Copy + Send + Step,
    Range<T>: Source<Item = T> + Clone,
{
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        match Step::parts(self.range) {
            (range, None) => range.into_par_iter().drive(consumer, part),
            (range, last) => range.into_par_iter().chain(last).drive(consumer, part),
        }
    }

    fn opt_len(&self) -> Option<usize> {
        let (range, last) = Step::parts(self.range.clone());
        range.into_par_iter().opt_len()?.checked_add(usize::from(last.is_some()))
    }
}

/// What an inclusive range is divided into.
pub trait Step: Sized {
    /// A range, and the item behind it if no range of this type has it.
    fn parts(range: RangeInclusive<Self>) -> (Range<Self>, Option<Self>);
}

macro_rules! numbers {
    ($($t:ident)*) => {$(
        impl Source for Range<$t> {
            type Item = $t;
            type Iter = Self;

            fn size(&self) -> usize {
                let Self { start, end } = *self;
                if start < end {
                    usize::try_from(end.abs_diff(start)).unwrap_or(usize::MAX)
                } else {
                    0
                }
            }

            fn split_at(self, at: usize) -> (Self, Self) {
                // At most the size; from a negative start it wraps as it should.
                let middle = self.start.wrapping_add(at as $t);
                (self.start..middle, middle..self.end)
            }

            fn into_iter(self) -> Self {
                self
            }
        }

        impl Step for $t {
            fn parts(range: RangeInclusive<$t>) -> (Range<$t>, Option<$t>) {
                let (start, end) = (*range.start(), *range.end());
                match end.checked_add(1) {
                    _ if range.is_empty() => (start..start, None),
                    Some(end) => (start..end, None),
                    None => (start..end, Some(end)),
                }
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

/// Those of which no range has more items than can be counted.
macro_rules! indexed {
    ($($t:ident)*) => {$(
        impl IndexedParallelIterator for RangeIter<$t> {
            type Producer<'a>
                = Range<$t>
            where
                Self: 'a;

            fn len(&self) -> usize {
                self.range.size()
            }

            fn producer(&mut self) -> Range<$t> {
                self.range.clone()
            }
        }

        impl IndexedParallelIterator for RangeInclusiveIter<$t> {
            type Producer<'a>
                = Chained<Range<$t>, OptionIter<$t>>
            where
                Self: 'a;

            fn len(&self) -> usize {
                let (range, last) = Step::parts(self.range.clone());
                range.into_par_iter().chain(last).len()
            }

            fn producer(&mut self) -> Self::Producer<'_> {
                let (range, last) = Step::parts(self.range.clone());
                Chained::new(range, last.into_par_iter())
            }
        }
    )*};
}

indexed!(u8 u16 u32 usize i8 i16 i32 isize);

/// There are no characters between these.
const GAP: Range<u32> = 0xD800..0xE000;

impl Source for Range<char> {
    type Item = char;
    type Iter = Self;

    fn size(&self) -> usize {
        let (start, end) = (u32::from(self.start), u32::from(self.end));
        let gap = if start < GAP.start && end >= GAP.end { GAP.end - GAP.start } else { 0 };
        end.saturating_sub(start + gap) as usize
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let start = u32::from(self.start);
        let middle = start + at as u32;
        let gap = if start < GAP.start && middle >= GAP.start { GAP.end - GAP.start } else { 0 };
        // At most the size, so it is there.
        let middle = char::from_u32(middle + gap).unwrap_or(self.end);
        (self.start..middle, middle..self.end)
    }

    fn into_iter(self) -> Self {
        self
    }
}

impl Step for char {
    fn parts(range: RangeInclusive<Self>) -> (Range<Self>, Option<Self>) {
        let (start, end) = (*range.start(), *range.end());
        if range.is_empty() { (start..start, None) } else { (start..end, Some(end)) }
    }
}
