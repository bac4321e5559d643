//! Two collections of one iterator: `unzip`, `partition`.
//!
//! Each piece has two vectors, one for each side; the collections are made of those afterwards.

use std::collections::LinkedList;

use crate::join::join;
use crate::par::convert::{IntoParallelIterator, ParallelExtend};
use crate::par::either::Either;
use crate::par::plumbing::Consumer;
use crate::par::{IndexedParallelIterator, ParallelIterator};

type Lists<A, B> = (LinkedList<Vec<A>>, LinkedList<Vec<B>>);

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
    extend(pairs.drive(&Pairs, ()))
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
    extend(items.map(f).drive(&Sides, ()))
}

/// As [`unzip`], in place of what was in the vectors.
pub(in crate::par) fn unzip_into_vecs<A: Send, B: Send>(
    pairs: impl IndexedParallelIterator<Item = (A, B)>,
    left: &mut Vec<A>,
    right: &mut Vec<B>,
) {
    left.clear();
    right.clear();
    let (a, b) = pairs.drive(&Pairs, ());
    join(|| left.par_extend(pieces(a)), || right.par_extend(pieces(b)));
}

fn extend<A, B, FromA, FromB>((a, b): Lists<A, B>) -> (FromA, FromB)
where
    A: Send,
    B: Send,
    FromA: Default + Send + ParallelExtend<A>,
    FromB: Default + Send + ParallelExtend<B>,
{
    let (mut from_a, mut from_b) = (FromA::default(), FromB::default());
    join(|| from_a.par_extend(pieces(a)), || from_b.par_extend(pieces(b)));
    (from_a, from_b)
}

fn pieces<T: Send>(list: LinkedList<Vec<T>>) -> impl ParallelIterator<Item = T> {
    list.into_par_iter().flatten()
}

struct Pairs;

struct Sides;

macro_rules! two_vecs {
    ($name:ident, $item:ty, |$vecs:ident, $items:ident| $feed:expr) => {
        impl<A: Send, B: Send> Consumer<$item> for $name {
            type Part = ();
            type State = (Vec<A>, Vec<B>);
            type Result = Lists<A, B>;

            fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
                ((), ())
            }

            fn begin(&self, (): ()) -> Self::State {
                (Vec::new(), Vec::new())
            }

            fn feed<I: Iterator<Item = $item>>(
                &self,
                mut $vecs: Self::State,
                $items: I,
            ) -> Self::State {
                $feed;
                $vecs
            }

            fn finish(&self, (a, b): Self::State) -> (Lists<A, B>, ()) {
                ((LinkedList::from([a]), LinkedList::from([b])), ())
            }

            fn reduce(
                &self,
                (mut a, mut b): Lists<A, B>,
                (mut right_a, mut right_b): Lists<A, B>,
            ) -> Lists<A, B> {
                a.append(&mut right_a);
                b.append(&mut right_b);
                (a, b)
            }
        }
    };
}

two_vecs!(Pairs, (A, B), |vecs, items| vecs.extend(items));
two_vecs!(Sides, Either<A, B>, |vecs, items| items.for_each(|item| match item {
    Either::Left(left) => vecs.0.push(left),
    Either::Right(right) => vecs.1.push(right),
}));
