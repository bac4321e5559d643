//! Operators on one source, message by message.

use std::collections::HashSet;
use std::hash::Hash;
use std::mem;
use std::ops::ControlFlow::{Break, Continue};
use std::task::{Context, Poll, ready};

use super::source::{Source, find};

/// From [`ChannelExt::map`](super::ChannelExt::map).
#[derive(Clone, Debug)]
pub struct Map<S, F> {
    source: S,
    f: F,
}

impl<S, F> Map<S, F> {
    pub(super) fn new(source: S, f: F) -> Self {
        Self { source, f }
    }
}

impl<S: Source, U, F: FnMut(S::Item) -> U> Source for Map<S, F> {
    type Item = U;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<U>> {
        Poll::Ready(ready!(self.source.poll_recv(cx)).map(&mut self.f))
    }

    fn rest(&mut self) {
        self.source.rest();
    }
}

/// From [`ChannelExt::filter`](super::ChannelExt::filter).
#[derive(Clone, Debug)]
pub struct Filter<S, F> {
    source: S,
    keep: F,
}

impl<S, F> Filter<S, F> {
    pub(super) fn new(source: S, keep: F) -> Self {
        Self { source, keep }
    }
}

impl<S: Source, F: FnMut(&S::Item) -> bool> Source for Filter<S, F> {
    type Item = S::Item;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { source, keep } = self;
        find(source, cx, |message| if keep(&message) { Break(message) } else { Continue(()) })
    }

    fn rest(&mut self) {
        self.source.rest();
    }
}

/// From [`ChannelExt::take`](super::ChannelExt::take).
#[derive(Clone, Debug)]
pub struct Take<S> {
    source: S,
    left: usize,
}

impl<S> Take<S> {
    pub(super) fn new(source: S, left: usize) -> Self {
        Self { source, left }
    }
}

impl<S: Source> Source for Take<S> {
    type Item = S::Item;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let message = ready!(self.source.poll_recv(cx));
        self.left -= 1;
        Poll::Ready(message)
    }

    fn rest(&mut self) {
        self.source.rest();
    }
}

/// From [`ChannelExt::skip`](super::ChannelExt::skip).
#[derive(Clone, Debug)]
pub struct Skip<S> {
    source: S,
    left: usize,
}

impl<S> Skip<S> {
    pub(super) fn new(source: S, left: usize) -> Self {
        Self { source, left }
    }
}

impl<S: Source> Source for Skip<S> {
    type Item = S::Item;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { source, left } = self;
        find(source, cx, |message| match left.checked_sub(1) {
            None => Break(message),
            Some(fewer) => {
                *left = fewer;
                Continue(())
            }
        })
    }

    fn rest(&mut self) {
        self.source.rest();
    }
}

/// From [`ChannelExt::scan`](super::ChannelExt::scan).
#[derive(Clone, Debug)]
pub struct Scan<S, St, F> {
    source: S,
    state: St,
    f: F,
    ended: bool,
}

impl<S, St, F> Scan<S, St, F> {
    pub(super) fn new(source: S, state: St, f: F) -> Self {
        Self { source, state, f, ended: false }
    }
}

impl<S: Source, St, U, F: FnMut(&mut St, S::Item) -> Option<U>> Source for Scan<S, St, F> {
    type Item = U;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<U>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let message = ready!(self.source.poll_recv(cx));
        let made = message.and_then(|message| (self.f)(&mut self.state, message));
        self.ended = made.is_none();
        Poll::Ready(made)
    }

    fn rest(&mut self) {
        self.source.rest();
    }
}

/// From [`ChannelExt::distinct`](super::ChannelExt::distinct).
#[derive(Debug)]
pub struct Distinct<S: Source> {
    source: S,
    seen: HashSet<S::Item>,
}

impl<S: Source> Distinct<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, seen: HashSet::new() }
    }
}

impl<S: Source<Item: Clone + Eq + Hash>> Source for Distinct<S> {
    type Item = S::Item;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { source, seen } = self;
        find(source, cx, |message| {
            if seen.contains(&message) {
                return Continue(());
            }
            seen.insert(message.clone());
            Break(message)
        })
    }

    fn rest(&mut self) {
        self.source.rest();
    }
}

/// From [`ChannelExt::dedup`](super::ChannelExt::dedup).
#[derive(Debug)]
pub struct Dedup<S: Source> {
    source: S,
    last: Option<S::Item>,
}

impl<S: Source> Dedup<S> {
    pub(super) fn new(source: S) -> Self {
        Self { source, last: None }
    }
}

impl<S: Source<Item: Clone + PartialEq>> Source for Dedup<S> {
    type Item = S::Item;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { source, last } = self;
        find(source, cx, |message| {
            if last.as_ref() == Some(&message) {
                return Continue(());
            }
            *last = Some(message.clone());
            Break(message)
        })
    }

    fn rest(&mut self) {
        self.source.rest();
    }
}

/// From [`ChannelExt::batch`](super::ChannelExt::batch).
#[derive(Debug)]
pub struct Batch<S: Source> {
    source: S,
    n: usize,
    gathered: Vec<S::Item>,
}

impl<S: Source> Batch<S> {
    pub(super) fn new(source: S, n: usize) -> Self {
        Self { source, n: n.max(1), gathered: Vec::new() }
    }
}

impl<S: Source> Source for Batch<S> {
    type Item = Vec<S::Item>;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Vec<S::Item>>> {
        let Self { source, n, gathered } = self;
        let whole = ready!(find(source, cx, |message| {
            gathered.push(message);
            if gathered.len() < *n { Continue(()) } else { Break(mem::take(gathered)) }
        }));
        // At the end, what there is.
        Poll::Ready(whole.or_else(|| Some(mem::take(gathered)).filter(|rest| !rest.is_empty())))
    }

    fn rest(&mut self) {
        self.source.rest();
    }
}
