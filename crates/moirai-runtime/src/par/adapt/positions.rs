//! The numbers of the items that match: `positions`.

use crate::par::IndexedParallelIterator;
use crate::par::ParallelIterator;
use crate::par::plumbing::Consumer;

/// The iterator of [`IndexedParallelIterator::positions`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Positions<I, P> {
    base: I,
    matches: P,
}

impl<I, P> Positions<I, P> {
    pub(in crate::par) fn new(base: I, matches: P) -> Self {
        Self { base, matches }
    }
}

impl<I: IndexedParallelIterator, P: Fn(I::Item) -> bool + Sync + Send> ParallelIterator
    for Positions<I, P>
{
    type Item = usize;

    fn drive<C: Consumer<usize>>(self, consumer: &C, part: C::Part) -> C::Result {
        let Self { base, matches } = self;
        let numbered = base.enumerate();
        numbered.filter_map(|(index, item)| matches(item).then_some(index)).drive(consumer, part)
    }
}
