//! A panic in one piece ends the others: `panic_fuse`.

use moirai_sync::__prim::atomic::{AtomicBool, Ordering};
use moirai_sync::__prim::panicking;

use super::{Adapt, Adapted, Through};
use crate::par::plumbing::Consumer;
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of [`ParallelIterator::panic_fuse`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Debug)]
pub struct PanicFuse<I> {
    base: I,
    blown: AtomicBool,
}

impl<I> PanicFuse<I> {
    pub(in crate::par) fn new(base: I) -> Self {
        Self { base, blown: AtomicBool::new(false) }
    }
}

impl<I: ParallelIterator> ParallelIterator for PanicFuse<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.base.drive(&Through::new(consumer, Fusing(&self.blown)), part)
    }

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len()
    }
}

impl<I: IndexedParallelIterator> IndexedParallelIterator for PanicFuse<I> {
    type Producer<'a>
        = Adapted<I::Producer<'a>, Fusing<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.base.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Adapted { base: self.base.producer(), adapt: Fusing(&self.blown) }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Fusing<'f>(&'f AtomicBool);

impl<'f, T> Adapt<T> for Fusing<'f> {
    type Item = T;
    type Iter<I: Iterator<Item = T>> = Fused<'f, I>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I> {
        Fused { items, fuse: Fuse(self.0) }
    }

    fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The items of a block, until a panic anywhere.
#[derive(Debug)]
pub struct Fused<'f, I> {
    items: I,
    fuse: Fuse<'f>,
}

/// Blows when it is dropped by a panic: of the items' source or of whoever takes them.
#[derive(Debug)]
struct Fuse<'f>(&'f AtomicBool);

impl Drop for Fuse<'_> {
    fn drop(&mut self) {
        if panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl<I: Iterator> Iterator for Fused<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        if self.fuse.0.load(Ordering::Relaxed) { None } else { self.items.next() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I: DoubleEndedIterator> DoubleEndedIterator for Fused<'_, I> {
    fn next_back(&mut self) -> Option<I::Item> {
        if self.fuse.0.load(Ordering::Relaxed) { None } else { self.items.next_back() }
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for Fused<'_, I> {}
