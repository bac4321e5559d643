//! Takes every item and keeps none.

use crate::par::plumbing::Consumer;

pub(in crate::par) struct Discard;

impl<T> Consumer<T> for Discard {
    type Part = ();
    type State = ();
    type Result = ();

    fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
        ((), ())
    }

    fn begin(&self, (): ()) {}

    fn feed<I: Iterator<Item = T>>(&self, (): (), items: I) {
        items.for_each(drop);
    }

    fn finish(&self, (): ()) -> ((), ()) {
        ((), ())
    }

    fn reduce(&self, (): (), (): ()) {}
}
