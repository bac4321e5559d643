//! An iterator whose length is known from elsewhere.

/// `len` items of an iterator that does not say how many it has.
#[derive(Clone, Debug)]
pub struct ExactIter<I> {
    items: I,
    len: usize,
}

impl<I> ExactIter<I> {
    pub(in crate::par) fn new(items: I, len: usize) -> Self {
        Self { items, len }
    }
}

impl<I: Iterator> Iterator for ExactIter<I> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        let item = self.items.next()?;
        self.len -= 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len, Some(self.len))
    }

    #[inline]
    fn fold<A, F: FnMut(A, I::Item) -> A>(self, start: A, f: F) -> A {
        self.items.fold(start, f)
    }
}

impl<I: DoubleEndedIterator> DoubleEndedIterator for ExactIter<I> {
    #[inline]
    fn next_back(&mut self) -> Option<I::Item> {
        let item = self.items.next_back()?;
        self.len -= 1;
        Some(item)
    }
}

impl<I: Iterator> ExactSizeIterator for ExactIter<I> {}
