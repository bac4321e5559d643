//! One block of items after another, each in parallel: `by_exponential_blocks`, `by_uniform_blocks`.

use crate::join::current_num_workers;
use crate::par::plumbing::{self, Consumer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of [`IndexedParallelIterator::by_exponential_blocks`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct ExponentialBlocks<I> {
    base: I,
}

/// The iterator of [`IndexedParallelIterator::by_uniform_blocks`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct UniformBlocks<I> {
    base: I,
    len: usize,
}

impl<I> ExponentialBlocks<I> {
    pub(in crate::par) fn new(base: I) -> Self {
        Self { base }
    }
}

impl<I> UniformBlocks<I> {
    #[track_caller]
    pub(in crate::par) fn new(base: I, len: usize) -> Self {
        assert_ne!(len, 0, "the length of a block is 0");
        Self { base, len }
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for ExponentialBlocks<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        one_by_one(self.base.producer(), consumer, part, current_num_workers(), |len| {
            len.saturating_mul(2)
        })
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for UniformBlocks<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        one_by_one(self.base.producer(), consumer, part, self.len, |len| len)
    }
}

/// Drives blocks of `len` items, and then so many as `next` says, until the consumer wants no more.
fn one_by_one<S, C>(
    mut source: S,
    consumer: &C,
    mut part: C::Part,
    mut len: usize,
    next: impl Fn(usize) -> usize,
) -> C::Result
where
    S: Source,
    C: Consumer<S::Item>,
{
    let mut result = None;
    loop {
        let size = source.size();
        let (block, rest) = source.split_at(len.min(size));
        let (mine, after) = consumer.split(part, len.min(size), size.max(1));
        let more = plumbing::drive(block, consumer, mine);
        let all = match result {
            Some(result) => consumer.reduce(result, more),
            None => more,
        };
        if rest.size() == 0 || consumer.is_done(&after) {
            return all;
        }
        (source, part, result, len) = (rest, after, Some(all), next(len));
    }
}
