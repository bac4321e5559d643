//! Something between any two items: `intersperse`.

use std::iter;

use crate::par::plumbing::{self, Consumer, Producer, Source};
use crate::par::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// The iterator of [`ParallelIterator::intersperse`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Intersperse<I: ParallelIterator> {
    base: I,
    separator: I::Item,
}

impl<I: ParallelIterator<Item: Clone>> Intersperse<I> {
    pub(in crate::par) fn new(base: I, separator: I::Item) -> Self {
        Self { base, separator }
    }
}

impl<I: ParallelIterator<Item: Clone>> ParallelIterator for Intersperse<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let Self { base, separator } = self;
        if base.opt_len().is_some() {
            return base.drive(&Separate(consumer), (Lead::None(separator), part));
        }
        // A piece may turn out empty; then nothing is to stand between its neighbours and it.
        let mut items = base.collect::<Vec<_>>().into_par_iter();
        let source = Separated::new(items.producer(), separator);
        plumbing::drive(source, consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()?.checked_mul(2).map(|len| len.saturating_sub(1))
    }
}

impl<I: IndexedParallelIterator<Item: Clone>> IndexedParallelIterator for Intersperse<I> {
    type Producer<'a>
        = Separated<I::Producer<'a>>
    where
        Self: 'a;

    /// # Panics
    ///
    /// If it is more than `usize::MAX`.
    fn len(&self) -> usize {
        match self.base.len().checked_mul(2) {
            Some(len) => len.saturating_sub(1),
            None => panic!("an interspersed iterator is longer than usize::MAX"),
        }
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Separated::new(self.base.producer(), self.separator.clone())
    }
}

/// What stands before the first item of a piece.
enum Lead<T> {
    None(T),
    Separator(T),
}

/// A consumer of pieces none of which is empty.
struct Separate<'c, C>(&'c C);

impl<T: Clone + Send, C: Consumer<T>> Consumer<T> for Separate<'_, C> {
    type Part = (Lead<T>, C::Part);
    type State = (Lead<T>, C::State);
    type Result = C::Result;

    fn split(&self, (lead, part): Self::Part, at: usize, of: usize) -> (Self::Part, Self::Part) {
        let (separator, without) = match &lead {
            Lead::None(separator) => (separator.clone(), 1),
            Lead::Separator(separator) => (separator.clone(), 0),
        };
        let doubled = |count: usize| (2 * count).saturating_sub(without);
        let (left, right) = self.0.split(part, doubled(at), doubled(of));
        ((lead, left), (Lead::Separator(separator), right))
    }

    fn begin(&self, (lead, part): Self::Part) -> Self::State {
        (lead, self.0.begin(part))
    }

    fn feed<I: Iterator<Item = T>>(&self, state: Self::State, items: I) -> Self::State {
        let (mut lead, state) = state;
        let items = items.flat_map(|item| {
            let separator = match &lead {
                Lead::None(separator) => {
                    lead = Lead::Separator(separator.clone());
                    None
                }
                Lead::Separator(separator) => Some(separator.clone()),
            };
            separator.into_iter().chain(iter::once(item))
        });
        let state = self.0.feed(state, items);
        (lead, state)
    }

    fn finish(&self, (lead, state): Self::State) -> (C::Result, Self::Part) {
        let (result, part) = self.0.finish(state);
        (result, (lead, part))
    }

    fn reduce(&self, left: C::Result, right: C::Result) -> C::Result {
        self.0.reduce(left, right)
    }

    fn is_full(&self, (_, state): &Self::State) -> bool {
        self.0.is_full(state)
    }

    fn is_done(&self, (_, part): &Self::Part) -> bool {
        self.0.is_done(part)
    }
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Item,
    Separator,
}

impl Kind {
    fn after(self, places: usize) -> Self {
        match (self, places % 2) {
            (kind, 0) => kind,
            (Self::Item, _) => Self::Separator,
            (Self::Separator, _) => Self::Item,
        }
    }
}

/// Items and separators in turn: `len` places, the first of which holds a `first`.
#[derive(Debug)]
pub struct Separated<S: Source> {
    base: S,
    separator: S::Item,
    first: Kind,
    len: usize,
}

impl<S: Producer> Separated<S> {
    fn new(base: S, separator: S::Item) -> Self {
        let len = (2 * base.size()).saturating_sub(1);
        Self { base, separator, first: Kind::Item, len }
    }
}

impl<S: Producer<Item: Clone + Send>> Source for Separated<S> {
    type Item = S::Item;
    type Iter = SeparatedIter<S::Iter>;

    fn size(&self) -> usize {
        self.len
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { base, separator, first, len } = self;
        let items = if first == Kind::Item { at.div_ceil(2) } else { at / 2 };
        let (left, right) = base.split_at(items);
        let left = Self { base: left, separator: separator.clone(), first, len: at };
        (left, Self { base: right, separator, first: first.after(at), len: len - at })
    }

    fn into_iter(self) -> Self::Iter {
        let Self { base, separator, first, len } = self;
        SeparatedIter { items: base.into_iter(), separator, next: first, len }
    }

    fn min_len(&self) -> usize {
        self.base.min_len()
    }

    fn max_len(&self) -> usize {
        self.base.max_len()
    }
}

#[derive(Debug)]
pub struct SeparatedIter<I: Iterator> {
    items: I,
    separator: I::Item,
    next: Kind,
    len: usize,
}

impl<I: Iterator<Item: Clone>> Iterator for SeparatedIter<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.len = self.len.checked_sub(1)?;
        let kind = self.next;
        self.next = kind.after(1);
        match kind {
            Kind::Item => self.items.next(),
            Kind::Separator => Some(self.separator.clone()),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }
}

impl<I: DoubleEndedIterator<Item: Clone>> DoubleEndedIterator for SeparatedIter<I> {
    fn next_back(&mut self) -> Option<I::Item> {
        self.len = self.len.checked_sub(1)?;
        match self.next.after(self.len) {
            Kind::Item => self.items.next_back(),
            Kind::Separator => Some(self.separator.clone()),
        }
    }
}

impl<I: Iterator<Item: Clone>> ExactSizeIterator for SeparatedIter<I> {}
