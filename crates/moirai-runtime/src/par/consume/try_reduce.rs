//! Puts two items together until one is left or one fails, which ends all pieces.

use std::marker::PhantomData;
use std::ops::ControlFlow::{self, Break, Continue};

use moirai_sync::__prim::atomic::{AtomicBool, Ordering};

use crate::par::attempt::Try;
use crate::par::plumbing::Consumer;

pub(in crate::par) struct TryReduce<N, F> {
    identity: N,
    f: F,
    failed: AtomicBool,
}

pub(in crate::par) struct TryReduceWith<R, F> {
    f: F,
    failed: AtomicBool,
    items: PhantomData<fn() -> R>,
}

impl<N, F> TryReduce<N, F> {
    pub(in crate::par) fn new(identity: N, f: F) -> Self {
        Self { identity, f, failed: AtomicBool::new(false) }
    }
}

impl<R, F> TryReduceWith<R, F> {
    pub(in crate::par) fn new(f: F) -> Self {
        Self { f, failed: AtomicBool::new(false), items: PhantomData }
    }
}

/// Folds until something fails, and then tells all.
fn fold<R: Try>(
    items: &mut impl Iterator<Item = R>,
    first: R::Output,
    f: impl Fn(R::Output, R::Output) -> R,
    failed: &AtomicBool,
) -> ControlFlow<R::Residual, R::Output> {
    let folded = items.try_fold(first, |folded, item| f(folded, item.branch()?).branch());
    if folded.is_break() {
        failed.store(true, Ordering::Relaxed);
    }
    folded
}

impl<R, N, F> Consumer<R> for TryReduce<N, F>
where
    R: Try + Send,
    N: Fn() -> R::Output + Sync,
    F: Fn(R::Output, R::Output) -> R + Sync,
{
    type Part = ();
    type State = ControlFlow<R::Residual, R::Output>;
    type Result = R;

    fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
        ((), ())
    }

    fn begin(&self, (): ()) -> Self::State {
        Continue((self.identity)())
    }

    fn feed<I: Iterator<Item = R>>(&self, state: Self::State, mut items: I) -> Self::State {
        fold(&mut items, state?, &self.f, &self.failed)
    }

    fn finish(&self, state: Self::State) -> (R, ()) {
        (R::from_branch(state), ())
    }

    fn reduce(&self, left: R, right: R) -> R {
        match (left.branch(), right.branch()) {
            (Continue(left), Continue(right)) => (self.f)(left, right),
            (Break(residual), _) | (_, Break(residual)) => R::from_branch(Break(residual)),
        }
    }

    fn is_full(&self, state: &Self::State) -> bool {
        state.is_break() || self.failed.load(Ordering::Relaxed)
    }

    fn is_done(&self, (): &()) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl<R, F> Consumer<R> for TryReduceWith<R, F>
where
    R: Try + Send,
    F: Fn(R::Output, R::Output) -> R + Sync,
{
    type Part = ();
    type State = ControlFlow<R::Residual, Option<R::Output>>;
    type Result = Option<R>;

    fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
        ((), ())
    }

    fn begin(&self, (): ()) -> Self::State {
        Continue(None)
    }

    fn feed<I: Iterator<Item = R>>(&self, state: Self::State, mut items: I) -> Self::State {
        let first = match state? {
            Some(reduced) => Continue(reduced),
            None => match items.next() {
                Some(item) => item.branch(),
                None => return Continue(None),
            },
        };
        if first.is_break() {
            self.failed.store(true, Ordering::Relaxed);
        }
        fold(&mut items, first?, &self.f, &self.failed).map_continue(Some)
    }

    fn finish(&self, state: Self::State) -> (Option<R>, ()) {
        let reduced = match state {
            Continue(None) => None,
            Continue(Some(reduced)) => Some(R::from_branch(Continue(reduced))),
            Break(residual) => Some(R::from_branch(Break(residual))),
        };
        (reduced, ())
    }

    fn reduce(&self, left: Option<R>, right: Option<R>) -> Option<R> {
        let (left, right) = match (left, right) {
            (Some(left), Some(right)) => (left.branch(), right.branch()),
            (left, right) => return left.or(right),
        };
        Some(match (left, right) {
            (Continue(left), Continue(right)) => (self.f)(left, right),
            (Break(residual), _) | (_, Break(residual)) => R::from_branch(Break(residual)),
        })
    }

    fn is_full(&self, state: &Self::State) -> bool {
        state.is_break() || self.failed.load(Ordering::Relaxed)
    }

    fn is_done(&self, (): &()) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}
