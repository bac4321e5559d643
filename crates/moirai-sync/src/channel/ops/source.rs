//! Where operators receive from.

use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::coop;
use crate::prim::Arc;
use crate::waitlist::{Asker, OwnedWaiter, Owner};

use crate::channel::Receiver;
use crate::channel::broadcast::{self, BroadcastReceiver};
use crate::channel::hold::Hold;
use crate::channel::nudge::Nudge;
use crate::channel::shared::{Shared, Side, Tried, received};
use crate::channel::sole;

/// What messages are received from, one poll at a time.
pub trait Source {
    /// A message.
    type Item;

    /// The next message; `None` once none can follow, and from then on. If it is pending, `cx` is woken
    /// when there may be more to say; what was gathered by then is kept for the next poll.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::Item>>;

    /// Nobody waits any more, until the next poll: what a channel has told this one goes to others.
    fn rest(&mut self);
}

/// Receives until `decide` makes something of a message; `None` if no message is left.
pub(super) fn find<S: Source, U>(
    source: &mut S,
    cx: &mut Context<'_>,
    mut decide: impl FnMut(S::Item) -> ControlFlow<U>,
) -> Poll<Option<U>> {
    for _ in 0..IN_A_ROW_MAX {
        let Some(message) = ready!(source.poll_recv(cx)) else { return Poll::Ready(None) };
        if let ControlFlow::Break(made) = decide(message) {
            return Poll::Ready(Some(made));
        }
    }
    // Whoever waits for so long only must be able to look at the time.
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// So many messages are taken in one poll at most.
pub(super) const IN_A_ROW_MAX: usize = 1000;

/// One place to wait in, made with the first wait.
struct Waiting<C: Owner> {
    waiter: Pin<Box<OwnedWaiter<C>>>,
    nudge: Nudge,
}

fn rest<C: Owner>(waiting: &mut Option<Waiting<C>>) {
    if let Some(waiting) = waiting {
        waiting.waiter.as_ref().rest();
        waiting.nudge = Nudge::default();
    }
}

impl<T> Waiting<Hold<T>> {
    fn poll(
        waiting: &mut Option<Self>,
        channel: &Hold<T>,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(Asker<'_>) -> Poll<Option<T>>,
    ) -> Poll<Option<T>> {
        ready!(coop::poll_proceed(cx));
        let mut tried = Tried::No;
        if waiting.is_none() {
            let now = attempt(Asker::Passing);
            if now.is_ready() {
                return now;
            }
            tried = Tried::Yes;
        }
        let Self { waiter, nudge } = waiting.get_or_insert_with(|| Self {
            waiter: OwnedWaiter::new(channel.clone(), Shared::receivers_waiting),
            nudge: Nudge::default(),
        });
        let waiter = waiter.as_ref().waiter();
        channel.poll(Side::Receivers, tried, waiter, nudge, cx, attempt)
    }
}

/// The messages of a [`Receiver`].
pub struct ReceiverSource<T> {
    waiting: Option<Waiting<Hold<T>>>,
    receiver: Receiver<T>,
}

impl<T> ReceiverSource<T> {
    pub(super) fn new(receiver: Receiver<T>) -> Self {
        Self { waiting: None, receiver }
    }
}

impl<T> Source for ReceiverSource<T> {
    type Item = T;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let channel = self.receiver.hold();
        let attempt = |asker: Asker<'_>| received(channel.try_take(asker)).map(Result::ok);
        Waiting::poll(&mut self.waiting, channel, cx, attempt)
    }

    fn rest(&mut self) {
        rest(&mut self.waiting);
    }
}

/// The messages of the only receiver of a channel.
pub struct SoleSource<T> {
    nudge: Nudge,
    receiver: sole::Receiver<T>,
}

impl<T> SoleSource<T> {
    pub(super) fn new(receiver: sole::Receiver<T>) -> Self {
        Self { nudge: Nudge::default(), receiver }
    }
}

impl<T> Source for SoleSource<T> {
    type Item = T;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(coop::poll_proceed(cx));
        self.receiver.poll_recv(&mut self.nudge, cx).map(Result::ok)
    }

    fn rest(&mut self) {
        self.receiver.rest();
        self.nudge = Nudge::default();
    }
}

/// The messages of a [`BroadcastReceiver`], without those that it missed.
pub struct SubscriberSource<T> {
    waiting: Option<Waiting<Arc<broadcast::Shared<T>>>>,
    receiver: BroadcastReceiver<T>,
}

impl<T> SubscriberSource<T> {
    pub(super) fn new(receiver: BroadcastReceiver<T>) -> Self {
        Self { waiting: None, receiver }
    }
}

impl<T: Clone> Source for SubscriberSource<T> {
    type Item = T;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(coop::poll_proceed(cx));
        let Self { waiting, receiver } = self;
        let Waiting { waiter, nudge } = waiting.get_or_insert_with(|| Waiting {
            waiter: OwnedWaiter::new(receiver.shared(), broadcast::Shared::receivers_waiting),
            nudge: Nudge::default(),
        });
        loop {
            return match ready!(receiver.poll_recv(waiter.as_ref().waiter(), nudge, cx)) {
                Ok(message) => Poll::Ready(Some(message)),
                Err(broadcast::RecvError::Lagged(_)) => continue,
                Err(broadcast::RecvError::Disconnected) => Poll::Ready(None),
            };
        }
    }

    fn rest(&mut self) {
        rest(&mut self.waiting);
    }
}

macro_rules! debug_without_messages {
    ($($source:ident)*) => {$(
        impl<T> fmt::Debug for $source<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($source)).field("receiver", &self.receiver).finish()
            }
        }
    )*};
}

debug_without_messages! { ReceiverSource SoleSource SubscriberSource }
