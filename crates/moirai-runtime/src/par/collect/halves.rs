//! Two collections of one iterator: `unzip`, `partition`.
//!
//! The first is extended by an iterator that extends the second one when it is driven; what extends that
//! knows, when it is driven in its turn, both consumers. So an item goes where it belongs at once.
//!
//! ```text
//!   first.par_extend(Firsts) ──► Firsts::drive(consumer of first) ──► second.par_extend(Seconds) ─┐
//!                                                                                                 ▼
//!                       base.drive(Both) ◄────────────────────── Seconds::drive(consumer of second)
//! ```

use std::marker::PhantomData;

use crate::par::convert::ParallelExtend;
use crate::par::either::Either;
use crate::par::plumbing::Consumer;
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The halves of pairs.
pub(in crate::par) fn unzip<A, B, FromA, FromB>(
    pairs: impl ParallelIterator<Item = (A, B)>,
) -> (FromA, FromB)
where
    A: Send,
    B: Send,
    FromA: Default + Send + ParallelExtend<A>,
    FromB: Default + Send + ParallelExtend<B>,
{
    let (mut first, mut second) = (FromA::default(), FromB::default());
    extend::<Pairs, _>(pairs, &mut first, &mut second);
    (first, second)
}

/// As [`unzip`], behind what is there.
pub(super) fn unzip_behind<A: Send, B: Send>(
    pairs: impl ParallelIterator<Item = (A, B)>,
    first: &mut impl ParallelExtend<A>,
    second: &mut (impl ParallelExtend<B> + Send),
) {
    extend::<Pairs, _>(pairs, first, second);
}

/// As [`unzip`], in place of what was in the vectors.
pub(in crate::par) fn unzip_into_vecs<A: Send, B: Send>(
    pairs: impl IndexedParallelIterator<Item = (A, B)>,
    left: &mut Vec<A>,
    right: &mut Vec<B>,
) {
    left.clear();
    right.clear();
    extend::<Pairs, _>(pairs, left, right);
}

/// What is left and what is right.
pub(in crate::par) fn partition<I, A, B, L, R>(
    items: I,
    f: impl Fn(I::Item) -> Either<L, R> + Sync + Send,
) -> (A, B)
where
    I: ParallelIterator,
    L: Send,
    R: Send,
    A: Default + Send + ParallelExtend<L>,
    B: Default + Send + ParallelExtend<R>,
{
    let (mut first, mut second) = (A::default(), B::default());
    extend::<Sides, _>(items.map(f), &mut first, &mut second);
    (first, second)
}

fn extend<D: Deal<I::Item>, I: ParallelIterator>(
    base: I,
    first: &mut impl ParallelExtend<D::First>,
    second: &mut (impl ParallelExtend<D::Second> + Send),
) {
    first.par_extend(Firsts { base, second, deal: PhantomData::<fn() -> D> });
}

/// What of an item goes where.
trait Deal<T> {
    type First: Send;
    type Second: Send;

    fn deal(item: T) -> (Option<Self::First>, Option<Self::Second>);

    /// How many each of both gets of so many.
    fn share(len: usize) -> Option<usize>;
}

struct Pairs;

impl<A: Send, B: Send> Deal<(A, B)> for Pairs {
    type First = A;
    type Second = B;

    fn deal((a, b): (A, B)) -> (Option<A>, Option<B>) {
        (Some(a), Some(b))
    }

    fn share(len: usize) -> Option<usize> {
        Some(len)
    }
}

struct Sides;

impl<L: Send, R: Send> Deal<Either<L, R>> for Sides {
    type First = L;
    type Second = R;

    fn deal(item: Either<L, R>) -> (Option<L>, Option<R>) {
        match item {
            Either::Left(left) => (Some(left), None),
            Either::Right(right) => (None, Some(right)),
        }
    }

    fn share(_: usize) -> Option<usize> {
        None
    }
}

struct Firsts<'s, I, S, D> {
    base: I,
    second: &'s mut S,
    deal: PhantomData<fn() -> D>,
}

impl<I, S, D> ParallelIterator for Firsts<'_, I, S, D>
where
    I: ParallelIterator,
    S: ParallelExtend<D::Second> + Send,
    D: Deal<I::Item>,
{
    type Item = D::First;

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len().and_then(D::share)
    }

    fn drive<C: Consumer<D::First>>(self, consumer: &C, part: C::Part) -> C::Result {
        let (mut part, mut result) = (Some(part), None);
        self.second.par_extend(Seconds {
            base: self.base,
            first: consumer,
            part: &mut part,
            result: &mut result,
            deal: self.deal,
        });
        match (result, part) {
            (Some(result), _) => result,
            // The second collection wants nothing.
            (None, Some(part)) => consumer.finish(consumer.begin(part)).0,
            (None, None) => panic!("a collection has kept a panic of its iterator to itself"),
        }
    }
}

struct Seconds<'f, I, C: Consumer<D::First>, D: Deal<I::Item>>
where
    I: ParallelIterator,
{
    base: I,
    first: &'f C,
    part: &'f mut Option<C::Part>,
    result: &'f mut Option<C::Result>,
    deal: PhantomData<fn() -> D>,
}

impl<I, C, D> ParallelIterator for Seconds<'_, I, C, D>
where
    I: ParallelIterator,
    C: Consumer<D::First>,
    D: Deal<I::Item>,
{
    type Item = D::Second;

    fn opt_len(&self) -> Option<usize> {
        self.base.opt_len().and_then(D::share)
    }

    fn drive<S: Consumer<D::Second>>(self, second: &S, part: S::Part) -> S::Result {
        let Some(first_part) = self.part.take() else {
            unreachable!("an iterator is driven once");
        };
        let both = Both { first: self.first, second, deal: self.deal };
        let (first_result, result) = self.base.drive(&both, (first_part, part));
        *self.result = Some(first_result);
        result
    }
}

struct Both<'c, A, B, D> {
    first: &'c A,
    second: &'c B,
    deal: PhantomData<fn() -> D>,
}

impl<T, A, B, D> Consumer<T> for Both<'_, A, B, D>
where
    D: Deal<T>,
    A: Consumer<D::First>,
    B: Consumer<D::Second>,
{
    type Part = (A::Part, B::Part);
    type State = (A::State, B::State);
    type Result = (A::Result, B::Result);

    fn split(&self, (a, b): Self::Part, at: usize, of: usize) -> (Self::Part, Self::Part) {
        let ((a, other_a), (b, other_b)) =
            (self.first.split(a, at, of), self.second.split(b, at, of));
        ((a, b), (other_a, other_b))
    }

    fn begin(&self, (a, b): Self::Part) -> Self::State {
        (self.first.begin(a), self.second.begin(b))
    }

    fn feed<I: Iterator<Item = T>>(&self, state: Self::State, items: I) -> Self::State {
        items.fold(state, |(a, b), item| {
            let (first, second) = D::deal(item);
            (self.first.feed(a, first.into_iter()), self.second.feed(b, second.into_iter()))
        })
    }

    fn finish(&self, (a, b): Self::State) -> (Self::Result, Self::Part) {
        let ((a, a_part), (b, b_part)) = (self.first.finish(a), self.second.finish(b));
        ((a, b), (a_part, b_part))
    }

    fn reduce(&self, (a, b): Self::Result, (other_a, other_b): Self::Result) -> Self::Result {
        (self.first.reduce(a, other_a), self.second.reduce(b, other_b))
    }

    fn is_full(&self, (a, b): &Self::State) -> bool {
        self.first.is_full(a) && self.second.is_full(b)
    }

    fn is_done(&self, (a, b): &Self::Part) -> bool {
        self.first.is_done(a) && self.second.is_done(b)
    }
}
