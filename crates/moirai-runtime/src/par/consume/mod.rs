//! Consumers that end an operation: what a parallel iterator comes to.

mod count;
mod discard;
mod find;
mod reduce;
mod total;
mod try_reduce;

pub(super) use count::Count;
pub(super) use discard::Discard;
pub(super) use find::{FindAny, FindFirst, FindLast, Span};
pub(super) use reduce::{Reduce, ReduceWith};
pub(super) use total::{Product, Sum};
pub(super) use try_reduce::{TryReduce, TryReduceWith};
