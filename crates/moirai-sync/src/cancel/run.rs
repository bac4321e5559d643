//! A future that ends when its token is cancelled.

#![allow(unsafe_code, reason = "pins fields of a pinned future; model: src/model/cancel.rs")]

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::waitlist::Waiter;

use super::CancelReason;
use super::node::{Alarm, Node};

/// A future and a token; from
/// [`CancelToken::run_until_cancelled`](super::CancelToken::run_until_cancelled).
#[must_use = "futures do nothing unless they are polled"]
pub struct RunUntilCancelled<'a, F> {
    node: &'a Node,
    waiter: Waiter<'a>,
    alarm: Alarm,
    future: F,
}

impl<'a, F> RunUntilCancelled<'a, F> {
    pub(super) fn new(node: &'a Arc<Node>, future: F) -> Self {
        let (waiter, alarm) = (Waiter::new(node.waiters()), Alarm::new(node.deadline()));
        Self { node, waiter, alarm, future }
    }
}

impl<F: Future> Future for RunUntilCancelled<'_, F> {
    type Output = Result<F::Output, CancelReason>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out of it here.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the field is pinned with the whole: it has no other way out of a pinned
        // `RunUntilCancelled`, which is neither `Drop`, packed nor `Unpin` (its waiter is not).
        let (waiter, future) =
            unsafe { (Pin::new_unchecked(&this.waiter), Pin::new_unchecked(&mut this.future)) };
        if let Some(reason) = this.node.reason() {
            return Poll::Ready(Err(reason));
        }
        if let Poll::Ready(output) = future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        this.node.poll_cancelled(waiter, &mut this.alarm, cx).map(Err)
    }
}

impl<F: fmt::Debug> fmt::Debug for RunUntilCancelled<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunUntilCancelled")
            .field("future", &self.future)
            .field("cancelled", &self.node.reason())
            .finish_non_exhaustive()
    }
}
