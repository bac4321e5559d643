//! Puts two items together until one is left.

use std::marker::PhantomData;

use crate::par::plumbing::Consumer;

pub(in crate::par) struct Reduce<N, F> {
    pub(in crate::par) identity: N,
    pub(in crate::par) f: F,
}

impl<T, N, F> Consumer<T> for Reduce<N, F>
where
    T: Send,
    N: Fn() -> T + Sync,
    F: Fn(T, T) -> T + Sync,
{
    type Part = ();
    type State = T;
    type Result = T;

    fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
        ((), ())
    }

    fn begin(&self, (): ()) -> T {
        (self.identity)()
    }

    fn feed<I: Iterator<Item = T>>(&self, reduced: T, items: I) -> T {
        items.fold(reduced, &self.f)
    }

    fn finish(&self, reduced: T) -> (T, ()) {
        (reduced, ())
    }

    fn reduce(&self, left: T, right: T) -> T {
        (self.f)(left, right)
    }
}

/// Without an item to begin with, so that nothing may come of it.
pub(in crate::par) struct ReduceWith<T, F> {
    f: F,
    items: PhantomData<fn() -> T>,
}

impl<T, F> ReduceWith<T, F> {
    pub(in crate::par) fn new(f: F) -> Self {
        Self { f, items: PhantomData }
    }
}

impl<T: Send, F: Fn(T, T) -> T + Sync> Consumer<T> for ReduceWith<T, F> {
    type Part = ();
    type State = Option<T>;
    type Result = Option<T>;

    fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
        ((), ())
    }

    fn begin(&self, (): ()) -> Option<T> {
        None
    }

    fn feed<I: Iterator<Item = T>>(&self, reduced: Option<T>, items: I) -> Option<T> {
        match reduced {
            Some(reduced) => Some(items.fold(reduced, &self.f)),
            None => items.reduce(&self.f),
        }
    }

    fn finish(&self, reduced: Option<T>) -> (Option<T>, ()) {
        (reduced, ())
    }

    fn reduce(&self, left: Option<T>, right: Option<T>) -> Option<T> {
        match (left, right) {
            (Some(left), Some(right)) => Some((self.f)(left, right)),
            (left, right) => left.or(right),
        }
    }
}
