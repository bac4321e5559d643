//! Looks for an item: whichever is found, the first or the last.
//!
//! For the first and the last, each piece owns a span of numbers, divided as the items are. What has
//! been found is noted by the beginning of its piece's span; pieces on the wrong side of it end.

use moirai_sync::__prim::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::par::plumbing::Consumer;

pub(in crate::par) struct FindAny<P> {
    matches: P,
    found: AtomicBool,
}

impl<P> FindAny<P> {
    pub(in crate::par) fn new(matches: P) -> Self {
        Self { matches, found: AtomicBool::new(false) }
    }
}

impl<T: Send, P: Fn(&T) -> bool + Sync> Consumer<T> for FindAny<P> {
    type Part = ();
    type State = Option<T>;
    type Result = Option<T>;

    fn split(&self, (): (), _: usize, _: usize) -> ((), ()) {
        ((), ())
    }

    fn begin(&self, (): ()) -> Option<T> {
        None
    }

    fn feed<I: Iterator<Item = T>>(&self, found: Option<T>, mut items: I) -> Option<T> {
        let found = found.or_else(|| items.find(&self.matches));
        if found.is_some() {
            self.found.store(true, Ordering::Relaxed);
        }
        found
    }

    fn finish(&self, found: Option<T>) -> (Option<T>, ()) {
        (found, ())
    }

    fn reduce(&self, left: Option<T>, right: Option<T>) -> Option<T> {
        left.or(right)
    }

    fn is_full(&self, _: &Option<T>) -> bool {
        self.found.load(Ordering::Relaxed)
    }

    fn is_done(&self, (): &()) -> bool {
        self.found.load(Ordering::Relaxed)
    }
}

/// The numbers that a piece owns.
#[derive(Clone, Copy, Debug)]
pub(in crate::par) struct Span {
    start: u64,
    count: u64,
}

impl Span {
    /// Of the whole. The largest number stands for "nothing found".
    pub(in crate::par) const ALL: Self = Self { start: 1, count: u64::MAX - 2 };

    fn split(self, at: usize, of: usize) -> (Self, Self) {
        let left = u128::from(self.count) * at as u128 / of.max(1) as u128;
        // At most all of it.
        let left = self.count.min(left as u64);
        let right = Self { start: self.start + left, count: self.count - left };
        (Self { count: left, ..self }, right)
    }
}

pub(in crate::par) struct FindFirst<P> {
    matches: P,
    /// The least beginning of a span in which something was found.
    best: AtomicU64,
}

impl<P> FindFirst<P> {
    pub(in crate::par) fn new(matches: P) -> Self {
        Self { matches, best: AtomicU64::new(u64::MAX) }
    }

    fn is_done_at(&self, span: &Span) -> bool {
        self.best.load(Ordering::Relaxed) < span.start
    }
}

impl<T: Send, P: Fn(&T) -> bool + Sync> Consumer<T> for FindFirst<P> {
    type Part = Span;
    type State = (Option<T>, Span);
    type Result = Option<T>;

    fn split(&self, span: Span, at: usize, of: usize) -> (Span, Span) {
        span.split(at, of)
    }

    fn begin(&self, span: Span) -> Self::State {
        (None, span)
    }

    fn feed<I: Iterator<Item = T>>(&self, (found, span): Self::State, mut items: I) -> Self::State {
        let found = found.or_else(|| items.find(&self.matches));
        if found.is_some() {
            self.best.fetch_min(span.start, Ordering::Relaxed);
        }
        (found, span)
    }

    fn finish(&self, (found, span): Self::State) -> (Option<T>, Span) {
        (found, span)
    }

    fn reduce(&self, left: Option<T>, right: Option<T>) -> Option<T> {
        left.or(right)
    }

    fn is_full(&self, (found, span): &Self::State) -> bool {
        found.is_some() || self.is_done_at(span)
    }

    fn is_done(&self, span: &Span) -> bool {
        self.is_done_at(span)
    }
}

pub(in crate::par) struct FindLast<P> {
    matches: P,
    /// The greatest beginning of a span in which something was found.
    best: AtomicU64,
}

impl<P> FindLast<P> {
    pub(in crate::par) fn new(matches: P) -> Self {
        Self { matches, best: AtomicU64::new(0) }
    }

    fn is_done_at(&self, span: &Span) -> bool {
        self.best.load(Ordering::Relaxed) > span.start
    }
}

impl<T: Send, P: Fn(&T) -> bool + Sync> Consumer<T> for FindLast<P> {
    type Part = Span;
    type State = (Option<T>, Span);
    type Result = Option<T>;

    fn split(&self, span: Span, at: usize, of: usize) -> (Span, Span) {
        span.split(at, of)
    }

    fn begin(&self, span: Span) -> Self::State {
        (None, span)
    }

    fn feed<I: Iterator<Item = T>>(&self, (found, span): Self::State, items: I) -> Self::State {
        let found = items.filter(&self.matches).last().or(found);
        if found.is_some() {
            self.best.fetch_max(span.start, Ordering::Relaxed);
        }
        (found, span)
    }

    fn finish(&self, (found, span): Self::State) -> (Option<T>, Span) {
        (found, span)
    }

    fn reduce(&self, left: Option<T>, right: Option<T>) -> Option<T> {
        right.or(left)
    }

    fn is_full(&self, (_, span): &Self::State) -> bool {
        self.is_done_at(span)
    }

    fn is_done(&self, span: &Span) -> bool {
        self.is_done_at(span)
    }
}
