//! How an only receiver waits: as all do, but in a [seat](crate::waitlist::Seat), not in a list. Such a
//! channel is always a plain queue, without a strategy or metrics.

#![allow(unsafe_code, reason = "only one sits down, which its key shows; model: src/model/seat.rs")]

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::channel::nudge::Nudge;
use crate::channel::shared::{Shared, Side, Tried};
use crate::coop;
use crate::queue::Key;
use crate::spin::{Prospect, spin};
use crate::strand;

impl<T> Shared<T> {
    /// [`poll`](Self::poll) for the only receiver.
    #[inline]
    pub(in crate::channel) fn poll_sole<R>(
        &self,
        key: &mut Key,
        tried: Tried,
        nudge: &mut Nudge,
        cx: &mut Context<'_>,
        attempt: &mut impl FnMut(&Self, &mut Key) -> Poll<R>,
    ) -> Poll<R> {
        let mut result = match tried {
            Tried::Yes => Poll::Pending,
            Tried::No => attempt(self, key),
        };
        if result.is_pending() {
            self.sit(key, cx);
            result = attempt(self, key);
        }
        match result {
            Poll::Ready(_) => self.receiver_seat.rise(),
            Poll::Pending => self.nudge_other(Side::Receivers, nudge, cx),
        }
        result
    }

    /// The only receiver waits from now on, and tries again next.
    fn sit(&self, key: &mut Key, cx: &Context<'_>) {
        self.queue.assert_consumer(key);
        // SAFETY: the only key for this side, borrowed exclusively.
        unsafe { self.receiver_seat.sit(cx.waker()) };
        self.receivers_waiting.fence_after_rmw();
    }

    /// [`poll_sole`](Self::poll_sole) on the current strand, which tries at once, then spins a little if
    /// that has paid lately; `None` if `deadline` passes first.
    pub(in crate::channel) fn wait_sole<R>(
        &self,
        key: &mut Key,
        deadline: Option<Instant>,
        mut attempt: impl FnMut(&Self, &mut Key) -> Poll<R>,
    ) -> Option<R> {
        if let Poll::Ready(result) = attempt(self, key) {
            return Some(result);
        }
        let spun = spin(Prospect::Open, deadline, || attempt(self, key));
        if spun.is_some() {
            return spun;
        }
        let mut nudge = Nudge::default();
        let met = strand::wait(deadline, |cx| {
            self.poll_sole(key, Tried::No, &mut nudge, cx, &mut attempt)
        });
        if met.is_none() {
            self.receiver_seat.rise();
        }
        met
    }

    /// [`poll_sole`](Self::poll_sole) in a task, as one operation of its budget.
    pub(in crate::channel) async fn suspend_sole<R>(
        &self,
        key: &mut Key,
        mut attempt: impl FnMut(&Self, &mut Key) -> Poll<R> + Unpin,
    ) -> R {
        coop::consume_budget().await;
        match attempt(self, key) {
            Poll::Ready(result) => result,
            Poll::Pending => Sitting::new(self, key, attempt).await,
        }
    }
}

/// An only receiver that waits in a task.
pub(super) struct Sitting<'a, T, A> {
    shared: &'a Shared<T>,
    key: &'a mut Key,
    nudge: Nudge,
    tried: Tried,
    attempt: A,
}

impl<'a, T, A> Sitting<'a, T, A> {
    /// After an attempt that was in vain.
    #[inline]
    pub(super) fn new(shared: &'a Shared<T>, key: &'a mut Key, attempt: A) -> Self {
        Self { shared, key, nudge: Nudge::default(), tried: Tried::Yes, attempt }
    }
}

impl<T, R, A: FnMut(&Shared<T>, &mut Key) -> Poll<R> + Unpin> Future for Sitting<'_, T, A> {
    type Output = R;

    #[cold]
    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        let tried = std::mem::replace(&mut this.tried, Tried::No);
        this.shared.poll_sole(this.key, tried, &mut this.nudge, cx, &mut this.attempt)
    }
}

impl<T, A> Drop for Sitting<'_, T, A> {
    #[inline]
    fn drop(&mut self) {
        self.shared.receiver_seat.rise();
    }
}
