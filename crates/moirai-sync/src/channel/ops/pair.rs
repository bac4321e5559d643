//! Operators on two sources.

use std::fmt;
use std::task::{Context, Poll};

use super::source::{IN_A_ROW_MAX, Source};

/// One of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Either<A, B> {
    /// The first.
    Left(A),
    /// The second.
    Right(B),
}

/// A source, until it has ended.
#[derive(Clone, Debug)]
struct UntilEnd<S>(S, Ended);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    Yes,
}

impl<S: Source> UntilEnd<S> {
    fn new(source: S) -> Self {
        Self(source, Ended::No)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.1 == Ended::Yes {
            return Poll::Ready(None);
        }
        let polled = self.0.poll_recv(cx);
        if let Poll::Ready(None) = polled {
            self.1 = Ended::Yes;
            self.0.rest();
        }
        polled
    }
}

/// Two sources that take turns.
#[derive(Clone, Debug)]
struct Turns<A, B> {
    a: UntilEnd<A>,
    b: UntilEnd<B>,
    next: Next,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    A,
    B,
}

impl<A: Source, B: Source> Turns<A, B> {
    fn new(a: A, b: B) -> Self {
        Self { a: UntilEnd::new(a), b: UntilEnd::new(b), next: Next::A }
    }

    /// A message of the one whose turn it is, or of the other; `None` once both have ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Either<A::Item, B::Item>>> {
        let mut ended = 0;
        for _ in 0..2 {
            let polled = match self.next {
                Next::A => self.a.poll(cx).map(|message| message.map(Either::Left)),
                Next::B => self.b.poll(cx).map(|message| message.map(Either::Right)),
            };
            self.next = match self.next {
                Next::A => Next::B,
                Next::B => Next::A,
            };
            match polled {
                Poll::Ready(Some(message)) => return Poll::Ready(Some(message)),
                Poll::Ready(None) => ended += 1,
                Poll::Pending => {}
            }
        }
        if ended == 2 { Poll::Ready(None) } else { Poll::Pending }
    }

    fn rest(&mut self) {
        self.a.0.rest();
        self.b.0.rest();
    }
}

/// From [`ChannelExt::merge`](super::ChannelExt::merge).
#[derive(Clone, Debug)]
pub struct Merge<A, B>(Turns<A, B>);

impl<A: Source, B: Source<Item = A::Item>> Merge<A, B> {
    pub(super) fn new(a: A, b: B) -> Self {
        Self(Turns::new(a, b))
    }
}

impl<A: Source, B: Source<Item = A::Item>> Source for Merge<A, B> {
    type Item = A::Item;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<A::Item>> {
        self.0.poll(cx).map(|message| message.map(|(Either::Left(it) | Either::Right(it))| it))
    }

    fn rest(&mut self) {
        self.0.rest();
    }
}

/// From [`ChannelExt::zip`](super::ChannelExt::zip).
pub struct Zip<A: Source, B: Source> {
    a: UntilEnd<A>,
    b: UntilEnd<B>,
    /// What waits for its counterpart.
    left: Option<A::Item>,
    right: Option<B::Item>,
}

impl<A: Source, B: Source> Zip<A, B> {
    pub(super) fn new(a: A, b: B) -> Self {
        Self { a: UntilEnd::new(a), b: UntilEnd::new(b), left: None, right: None }
    }
}

impl<A: Source, B: Source> Source for Zip<A, B> {
    type Item = (A::Item, B::Item);

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<(A::Item, B::Item)>> {
        let Self { a, b, left, right } = self;
        if left.is_none()
            && let Poll::Ready(message) = a.poll(cx)
        {
            *left = message;
        }
        if right.is_none()
            && let Poll::Ready(message) = b.poll(cx)
        {
            *right = message;
        }
        match (left.take(), right.take()) {
            (Some(one), Some(other)) => Poll::Ready(Some((one, other))),
            (None, _) if a.1 == Ended::Yes => Poll::Ready(None),
            (_, None) if b.1 == Ended::Yes => Poll::Ready(None),
            (one, other) => {
                (*left, *right) = (one, other);
                Poll::Pending
            }
        }
    }

    fn rest(&mut self) {
        self.a.0.rest();
        self.b.0.rest();
    }
}

/// From [`ChannelExt::combine_latest`](super::ChannelExt::combine_latest).
pub struct CombineLatest<A: Source, B: Source> {
    turns: Turns<A, B>,
    left: Option<A::Item>,
    right: Option<B::Item>,
}

impl<A: Source, B: Source> CombineLatest<A, B> {
    pub(super) fn new(a: A, b: B) -> Self {
        Self { turns: Turns::new(a, b), left: None, right: None }
    }
}

impl<A: Source<Item: Clone>, B: Source<Item: Clone>> Source for CombineLatest<A, B> {
    type Item = (A::Item, B::Item);

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<(A::Item, B::Item)>> {
        for _ in 0..IN_A_ROW_MAX {
            match self.turns.poll(cx) {
                Poll::Ready(Some(Either::Left(message))) => self.left = Some(message),
                Poll::Ready(Some(Either::Right(message))) => self.right = Some(message),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
            if let (Some(left), Some(right)) = (&self.left, &self.right) {
                return Poll::Ready(Some((left.clone(), right.clone())));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn rest(&mut self) {
        self.turns.rest();
    }
}

impl<A: Source + fmt::Debug, B: Source + fmt::Debug> fmt::Debug for Zip<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zip").field("a", &self.a).field("b", &self.b).finish_non_exhaustive()
    }
}

impl<A: Source + fmt::Debug, B: Source + fmt::Debug> fmt::Debug for CombineLatest<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CombineLatest").field("turns", &self.turns).finish_non_exhaustive()
    }
}
