//! What stops or skips for all pieces at once: `while_some`, `take_any`, `skip_any`,
//! `take_any_while`, `skip_any_while`, `with_cancel`.
//!
//! The pieces share a flag or a count, which decides item by item. It orders nothing: the items
//! themselves come by way of the joins.

use std::ops::ControlFlow::{self, Break, Continue};

use moirai_sync::__prim::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Adapt, Through};
use crate::par::plumbing::Consumer;
use crate::par::{Cancel, ParallelIterator};

/// The iterator of [`ParallelIterator::while_some`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct WhileSome<I> {
    base: I,
}

/// The iterator of [`ParallelIterator::take_any`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct TakeAny<I> {
    base: I,
    count: usize,
}

/// The iterator of [`ParallelIterator::skip_any`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct SkipAny<I> {
    base: I,
    count: usize,
}

/// The iterator of [`ParallelIterator::take_any_while`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct TakeAnyWhile<I, F> {
    base: I,
    f: F,
}

/// The iterator of [`ParallelIterator::skip_any_while`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct SkipAnyWhile<I, F> {
    base: I,
    f: F,
}

/// The iterator of [`ParallelIterator::with_cancel`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct WithCancel<'t, I, T> {
    base: I,
    token: &'t T,
}

impl<I> WhileSome<I> {
    pub(in crate::par) fn new(base: I) -> Self {
        Self { base }
    }
}

impl<I> TakeAny<I> {
    pub(in crate::par) fn new(base: I, count: usize) -> Self {
        Self { base, count }
    }
}

impl<I> SkipAny<I> {
    pub(in crate::par) fn new(base: I, count: usize) -> Self {
        Self { base, count }
    }
}

impl<I, F> TakeAnyWhile<I, F> {
    pub(in crate::par) fn new(base: I, f: F) -> Self {
        Self { base, f }
    }
}

impl<I, F> SkipAnyWhile<I, F> {
    pub(in crate::par) fn new(base: I, f: F) -> Self {
        Self { base, f }
    }
}

impl<'t, I, T> WithCancel<'t, I, T> {
    pub(in crate::par) fn new(base: I, token: &'t T) -> Self {
        Self { base, token }
    }
}

impl<T: Send, I: ParallelIterator<Item = Option<T>>> ParallelIterator for WhileSome<I> {
    type Item = T;

    fn drive<C: Consumer<T>>(self, consumer: &C, part: C::Part) -> C::Result {
        let gate = UntilNone(AtomicBool::new(false));
        self.base.drive(&Through::new(consumer, &gate), part)
    }
}

impl<I: ParallelIterator> ParallelIterator for TakeAny<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let gate = First(AtomicUsize::new(self.count));
        self.base.drive(&Through::new(consumer, &gate), part)
    }
}

impl<I: ParallelIterator> ParallelIterator for SkipAny<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let gate = AfterFirst(AtomicUsize::new(self.count));
        self.base.drive(&Through::new(consumer, &gate), part)
    }
}

impl<I: ParallelIterator, F: Fn(&I::Item) -> bool + Sync + Send> ParallelIterator
    for TakeAnyWhile<I, F>
{
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let gate = While { f: &self.f, ended: AtomicBool::new(false) };
        self.base.drive(&Through::new(consumer, &gate), part)
    }
}

impl<I: ParallelIterator, F: Fn(&I::Item) -> bool + Sync + Send> ParallelIterator
    for SkipAnyWhile<I, F>
{
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let gate = AfterWhile { f: &self.f, ended: AtomicBool::new(false) };
        self.base.drive(&Through::new(consumer, &gate), part)
    }
}

impl<I: ParallelIterator, T: Cancel> ParallelIterator for WithCancel<'_, I, T> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let gate = Uncancelled(self.token);
        self.base.drive(&Through::new(consumer, &gate), part)
    }
}

/// Decides what becomes of an item, for all pieces.
pub trait Gate<T>: Sync {
    type Item;

    /// The item, or none instead of it; or there are no more.
    fn pass(&self, item: T) -> ControlFlow<(), Option<Self::Item>>;

    fn is_shut(&self) -> bool;
}

impl<'g, T, G: Gate<T>> Adapt<T> for &'g G {
    type Item = G::Item;
    type Iter<I: Iterator<Item = T>> = Gated<'g, I, G>;

    fn adapt<I: Iterator<Item = T>>(&self, items: I) -> Self::Iter<I> {
        Gated { items, gate: self }
    }

    fn is_full(&self) -> bool {
        self.is_shut()
    }
}

/// The items of a block, as far as the gate lets them pass.
#[derive(Debug)]
pub struct Gated<'g, I, G> {
    items: I,
    gate: &'g G,
}

impl<I: Iterator, G: Gate<I::Item>> Iterator for Gated<'_, I, G> {
    type Item = G::Item;

    fn next(&mut self) -> Option<G::Item> {
        let gate = self.gate;
        if gate.is_shut() {
            return None;
        }
        self.items.find_map(|item| match gate.pass(item) {
            Continue(passed) => passed.map(Some),
            Break(()) => Some(None),
        })?
    }

    fn fold<A, F: FnMut(A, G::Item) -> A>(mut self, start: A, mut f: F) -> A {
        let gate = self.gate;
        if gate.is_shut() {
            return start;
        }
        let folded = self.items.try_fold(start, |folded, item| match gate.pass(item) {
            Continue(Some(passed)) => Continue(f(folded, passed)),
            Continue(None) => Continue(folded),
            Break(()) => Break(folded),
        });
        match folded {
            Continue(folded) | Break(folded) => folded,
        }
    }
}

struct UntilNone(AtomicBool);

impl<T> Gate<Option<T>> for UntilNone {
    type Item = T;

    fn pass(&self, item: Option<T>) -> ControlFlow<(), Option<T>> {
        if item.is_none() {
            self.0.store(true, Ordering::Relaxed);
        }
        if item.is_none() || self.0.load(Ordering::Relaxed) { Break(()) } else { Continue(item) }
    }

    fn is_shut(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The count is of those still to pass.
struct First(AtomicUsize);

/// Takes one off the count, if there is one.
fn take_one(count: &AtomicUsize) -> bool {
    let less = |count: usize| count.checked_sub(1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
}

impl<T> Gate<T> for First {
    type Item = T;

    fn pass(&self, item: T) -> ControlFlow<(), Option<T>> {
        if take_one(&self.0) { Continue(Some(item)) } else { Break(()) }
    }

    fn is_shut(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// The count is of those still to be left out.
struct AfterFirst(AtomicUsize);

impl<T> Gate<T> for AfterFirst {
    type Item = T;

    fn pass(&self, item: T) -> ControlFlow<(), Option<T>> {
        Continue(if take_one(&self.0) { None } else { Some(item) })
    }

    fn is_shut(&self) -> bool {
        false
    }
}

struct While<'f, F> {
    f: &'f F,
    ended: AtomicBool,
}

impl<T, F: Fn(&T) -> bool + Sync> Gate<T> for While<'_, F> {
    type Item = T;

    fn pass(&self, item: T) -> ControlFlow<(), Option<T>> {
        if !self.ended.load(Ordering::Relaxed) && (self.f)(&item) {
            return Continue(Some(item));
        }
        self.ended.store(true, Ordering::Relaxed);
        Break(())
    }

    fn is_shut(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

struct AfterWhile<'f, F> {
    f: &'f F,
    ended: AtomicBool,
}

impl<T, F: Fn(&T) -> bool + Sync> Gate<T> for AfterWhile<'_, F> {
    type Item = T;

    fn pass(&self, item: T) -> ControlFlow<(), Option<T>> {
        if self.ended.load(Ordering::Relaxed) {
            return Continue(Some(item));
        }
        if (self.f)(&item) {
            return Continue(None);
        }
        self.ended.store(true, Ordering::Relaxed);
        Continue(Some(item))
    }

    fn is_shut(&self) -> bool {
        false
    }
}

struct Uncancelled<'t, T>(&'t T);

impl<I, T: Cancel> Gate<I> for Uncancelled<'_, T> {
    type Item = I;

    fn pass(&self, item: I) -> ControlFlow<(), Option<I>> {
        if self.0.is_cancelled() { Break(()) } else { Continue(Some(item)) }
    }

    fn is_shut(&self) -> bool {
        self.0.is_cancelled()
    }
}
