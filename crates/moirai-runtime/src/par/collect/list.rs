//! Items of which it is not known how many there are: a vector for each piece.

use std::collections::LinkedList;

use crate::par::ParallelIterator;
use crate::par::plumbing::Consumer;

pub(in crate::par) struct VecList;

impl<T: Send> Consumer<T> for VecList {
    type Part = ();
    type State = Vec<T>;
    type Result = LinkedList<Vec<T>>;

    fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
        ((), ())
    }

    fn begin(&self, (): ()) -> Vec<T> {
        Vec::new()
    }

    fn feed<I: Iterator<Item = T>>(&self, mut state: Vec<T>, items: I) -> Vec<T> {
        // Cheaper than `extend` where the items go through a sieve.
        state.reserve(items.size_hint().0);
        items.for_each(|item| state.push(item));
        state
    }

    fn finish(&self, state: Vec<T>) -> (LinkedList<Vec<T>>, ()) {
        let mut list = LinkedList::new();
        if !state.is_empty() {
            list.push_back(state);
        }
        (list, ())
    }

    fn reduce(
        &self,
        mut left: LinkedList<Vec<T>>,
        mut right: LinkedList<Vec<T>>,
    ) -> LinkedList<Vec<T>> {
        left.append(&mut right);
        left
    }
}

/// Adds all items to `target`, in order.
pub(super) fn append<T: Send>(target: &mut Vec<T>, items: impl ParallelIterator<Item = T>) {
    let pieces = items.collect_vec_list();
    target.reserve(pieces.iter().map(Vec::len).sum());
    for mut piece in pieces {
        target.append(&mut piece);
    }
}
