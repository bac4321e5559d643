//! Adds or multiplies, as std's traits say how.

use std::iter;
use std::marker::PhantomData;

use crate::par::plumbing::Consumer;

pub(in crate::par) struct Sum<S>(PhantomData<fn() -> S>);

pub(in crate::par) struct Product<P>(PhantomData<fn() -> P>);

macro_rules! total {
    ($name:ident $method:ident) => {
        impl<S> $name<S> {
            pub(in crate::par) fn new() -> Self {
                Self(PhantomData)
            }
        }

        impl<T, S> Consumer<T> for $name<S>
        where
            S: iter::$name<T> + iter::$name<S> + Send,
        {
            type Part = ();
            /// None before the first block, so that no neutral element is made and added.
            type State = Option<S>;
            type Result = S;

            fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
                ((), ())
            }

            fn begin(&self, (): ()) -> Option<S> {
                None
            }

            fn feed<I: Iterator<Item = T>>(&self, state: Option<S>, items: I) -> Option<S> {
                let block = items.$method();
                Some(match state {
                    Some(before) => [before, block].into_iter().$method(),
                    None => block,
                })
            }

            fn finish(&self, state: Option<S>) -> (S, ()) {
                (state.unwrap_or_else(|| iter::empty::<T>().$method()), ())
            }

            fn reduce(&self, left: S, right: S) -> S {
                [left, right].into_iter().$method()
            }
        }
    };
}

total!(Sum sum);
total!(Product product);
