//! Pieces of anything, divided by a function: `split`.

use crate::join::join;
use crate::par::ParallelIterator;
use crate::par::plumbing::Consumer;

/// The iterator of [`split`].
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct Split<D, S> {
    data: D,
    splitter: S,
}

/// Divides `data` with `splitter`, which returns two parts or, of what shall not be divided, one and
/// none; yields those, in order.
///
/// # Examples
///
/// ```
/// use std::ops::Range;
///
/// use moirai_runtime::par::*;
///
/// let halve = |range: Range<u32>| match range.len() {
///     0..=3 => (range, None),
///     len => {
///         let middle = range.start + len as u32 / 2;
///         (range.start..middle, Some(middle..range.end))
///     }
/// };
/// let parts: Vec<_> = iter::split(0..8, halve).collect();
/// assert_eq!(parts, [0..2, 2..4, 4..6, 6..8]);
/// ```
pub fn split<D: Send, S>(data: D, splitter: S) -> Split<D, S>
where
    S: Fn(D) -> (D, Option<D>) + Sync,
{
    Split { data, splitter }
}

impl<D: Send, S: Fn(D) -> (D, Option<D>) + Sync + Send> ParallelIterator for Split<D, S> {
    type Item = D;

    fn drive<C: Consumer<D>>(self, consumer: &C, part: C::Part) -> C::Result {
        divide(self.data, &self.splitter, consumer, part)
    }
}

fn divide<D, S, C>(data: D, splitter: &S, consumer: &C, part: C::Part) -> C::Result
where
    D: Send,
    S: Fn(D) -> (D, Option<D>) + Sync,
    C: Consumer<D>,
{
    let one = match splitter(data) {
        (left, Some(right)) if !consumer.is_done(&part) => {
            let (left_part, right_part) = consumer.split(part, 1, 2);
            let (left, right) = join(
                || divide(left, splitter, consumer, left_part),
                || divide(right, splitter, consumer, right_part),
            );
            return consumer.reduce(left, right);
        }
        (one, None) => Some(one),
        (_, Some(_)) => None,
    };
    let state = consumer.feed(consumer.begin(part), one.into_iter());
    consumer.finish(state).0
}
