//! Counts the items.

use crate::par::plumbing::Consumer;

pub(in crate::par) struct Count;

impl<T> Consumer<T> for Count {
    type Part = ();
    type State = usize;
    type Result = usize;

    fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
        ((), ())
    }

    fn begin(&self, (): ()) -> usize {
        0
    }

    fn feed<I: Iterator<Item = T>>(&self, counted: usize, items: I) -> usize {
        counted + items.count()
    }

    fn finish(&self, counted: usize) -> (usize, ()) {
        (counted, ())
    }

    fn reduce(&self, left: usize, right: usize) -> usize {
        left + right
    }
}
