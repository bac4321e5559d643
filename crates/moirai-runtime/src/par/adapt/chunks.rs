//! Items in groups of a fixed number: `chunks`, `fold_chunks`, `fold_chunks_with`.

use crate::par::plumbing::{self, Consumer, Producer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of [`IndexedParallelIterator::chunks`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Chunks<I> {
    base: I,
    len: usize,
}

/// The iterator of [`IndexedParallelIterator::fold_chunks`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct FoldChunks<I, N, F> {
    base: I,
    len: usize,
    identity: N,
    f: F,
}

/// The iterator of [`IndexedParallelIterator::fold_chunks_with`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct FoldChunksWith<I, T, F> {
    base: I,
    len: usize,
    start: T,
    f: F,
}

impl<I> Chunks<I> {
    #[track_caller]
    pub(in crate::par) fn new(base: I, len: usize) -> Self {
        assert_ne!(len, 0, "the length of a chunk is 0");
        Self { base, len }
    }
}

impl<I, N, F> FoldChunks<I, N, F> {
    #[track_caller]
    pub(in crate::par) fn new(base: I, len: usize, identity: N, f: F) -> Self {
        assert_ne!(len, 0, "the length of a chunk is 0");
        Self { base, len, identity, f }
    }
}

impl<I, T, F> FoldChunksWith<I, T, F> {
    #[track_caller]
    pub(in crate::par) fn new(base: I, len: usize, start: T, f: F) -> Self {
        assert_ne!(len, 0, "the length of a chunk is 0");
        Self { base, len, start, f }
    }
}

impl<I> ParallelIterator for Chunks<I>
where
    I: IndexedParallelIterator,
{
    type Item = Vec<I::Item>;

    fn drive<C: Consumer<Self::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I> IndexedParallelIterator for Chunks<I>
where
    I: IndexedParallelIterator,
{
    type Producer<'a>
        = Grouped<I::Producer<'a>, Gather>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len().div_ceil(self.len)
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        let group = Gather;
        Grouped { base: self.base.producer(), len: self.len, group }
    }
}

impl<I, T, N, F> ParallelIterator for FoldChunks<I, N, F>
where
    I: IndexedParallelIterator,
    T: Send,
    N: Fn() -> T + Sync + Send,
    F: Fn(T, I::Item) -> T + Sync + Send,
{
    type Item = T;

    fn drive<C: Consumer<Self::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I, T, N, F> IndexedParallelIterator for FoldChunks<I, N, F>
where
    I: IndexedParallelIterator,
    T: Send,
    N: Fn() -> T + Sync + Send,
    F: Fn(T, I::Item) -> T + Sync + Send,
{
    type Producer<'a>
        = Grouped<I::Producer<'a>, FoldNew<'a, N, F>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len().div_ceil(self.len)
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        let group = FoldNew { identity: &self.identity, f: &self.f };
        Grouped { base: self.base.producer(), len: self.len, group }
    }
}

impl<I, T, F> ParallelIterator for FoldChunksWith<I, T, F>
where
    I: IndexedParallelIterator,
    T: Send + Clone,
    F: Fn(T, I::Item) -> T + Sync + Send,
{
    type Item = T;

    fn drive<C: Consumer<Self::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<I, T, F> IndexedParallelIterator for FoldChunksWith<I, T, F>
where
    I: IndexedParallelIterator,
    T: Send + Clone,
    F: Fn(T, I::Item) -> T + Sync + Send,
{
    type Producer<'a>
        = Grouped<I::Producer<'a>, FoldClone<'a, T, F>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len().div_ceil(self.len)
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        let group = FoldClone { start: self.start.clone(), f: &self.f };
        Grouped { base: self.base.producer(), len: self.len, group }
    }
}

/// Makes one item of a group. A clone serves another piece.
pub trait Group<T>: Clone + Send {
    type Item;

    fn group(&self, items: impl Iterator<Item = T>) -> Self::Item;
}

#[derive(Clone, Debug)]
pub struct Gather;

impl<T> Group<T> for Gather {
    type Item = Vec<T>;

    fn group(&self, items: impl Iterator<Item = T>) -> Vec<T> {
        items.collect()
    }
}

#[derive(Debug)]
pub struct FoldNew<'f, N, F> {
    identity: &'f N,
    f: &'f F,
}

impl<N, F> Clone for FoldNew<'_, N, F> {
    fn clone(&self) -> Self {
        Self { identity: self.identity, f: self.f }
    }
}

impl<T, R, N: Fn() -> R + Sync, F: Fn(R, T) -> R + Sync> Group<T> for FoldNew<'_, N, F> {
    type Item = R;

    fn group(&self, items: impl Iterator<Item = T>) -> R {
        items.fold((self.identity)(), self.f)
    }
}

#[derive(Debug)]
pub struct FoldClone<'f, R, F> {
    start: R,
    f: &'f F,
}

impl<R: Clone, F> Clone for FoldClone<'_, R, F> {
    fn clone(&self) -> Self {
        Self { start: self.start.clone(), f: self.f }
    }
}

impl<T, R: Clone + Send, F: Fn(R, T) -> R + Sync> Group<T> for FoldClone<'_, R, F> {
    type Item = R;

    fn group(&self, items: impl Iterator<Item = T>) -> R {
        items.fold(self.start.clone(), self.f)
    }
}

#[derive(Debug)]
pub struct Grouped<S, G> {
    base: S,
    len: usize,
    group: G,
}

impl<S: Producer, G: Group<S::Item>> Source for Grouped<S, G> {
    type Item = G::Item;
    type Iter = GroupedIter<S, G>;

    fn size(&self) -> usize {
        self.base.size().div_ceil(self.len)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { base, len, group } = self;
        let at = at.saturating_mul(len).min(base.size());
        let (left, right) = base.split_at(at);
        (Self { base: left, len, group: group.clone() }, Self { base: right, len, group })
    }

    fn into_iter(self) -> Self::Iter {
        GroupedIter { base: Some(self.base), len: self.len, group: self.group }
    }

    fn min_len(&self) -> usize {
        self.base.min_len().div_ceil(self.len)
    }

    fn max_len(&self) -> usize {
        self.base.max_len().div_ceil(self.len)
    }
}

/// The groups of a block: cuts one off at either end.
#[derive(Debug)]
pub struct GroupedIter<S, G> {
    base: Option<S>,
    len: usize,
    group: G,
}

impl<S: Producer, G: Group<S::Item>> Iterator for GroupedIter<S, G> {
    type Item = G::Item;

    fn next(&mut self) -> Option<G::Item> {
        let base = self.base.take().filter(|base| base.size() > 0)?;
        let len = self.len.min(base.size());
        let (first, rest) = base.split_at(len);
        self.base = Some(rest);
        Some(self.group.group(first.into_iter()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.base.as_ref().map_or(0, |base| base.size().div_ceil(self.len));
        (len, Some(len))
    }
}

impl<S: Producer, G: Group<S::Item>> DoubleEndedIterator for GroupedIter<S, G> {
    fn next_back(&mut self) -> Option<G::Item> {
        let base = self.base.take().filter(|base| base.size() > 0)?;
        let before = (base.size() - 1) / self.len * self.len;
        let (rest, last) = base.split_at(before);
        self.base = Some(rest);
        Some(self.group.group(last.into_iter()))
    }
}

impl<S: Producer, G: Group<S::Item>> ExactSizeIterator for GroupedIter<S, G> {}
