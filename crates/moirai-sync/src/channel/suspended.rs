//! An operation that waits in a task.
//!
//! Most operations need not wait. So this is polled out of line, and the future around it, with which
//! every operation begins, stays short.

#![allow(unsafe_code, reason = "pins a field of a pinned future, which no thread shares")]

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::waitlist::{Asker, Waiter};

use super::nudge::Nudge;
use super::shared::{Shared, Side, Tried};

/// Attempts that are made until one is ready.
pub(super) struct Suspended<'a, T, A> {
    shared: &'a Shared<T>,
    side: Side,
    tried: Tried,
    /// Pinned with the whole.
    waiter: Waiter<'a>,
    nudge: Nudge,
    attempt: A,
}

impl<'a, T, A> Suspended<'a, T, A> {
    /// After an attempt that was in vain.
    #[inline]
    pub(super) fn new(shared: &'a Shared<T>, side: Side, attempt: A) -> Self {
        let waiter = Waiter::new(shared.waiting(side));
        Self { shared, side, tried: Tried::Yes, waiter, nudge: Nudge::default(), attempt }
    }
}

impl<T, R, A: FnMut(Asker<'_>) -> Poll<R>> Future for Suspended<'_, T, A> {
    type Output = R;

    #[cold]
    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        // SAFETY: `waiter` is moved neither here nor elsewhere once the whole is pinned, nor by a
        // `Drop`, which there is none; nothing else is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let waiter = unsafe { Pin::new_unchecked(&this.waiter) };
        let tried = std::mem::replace(&mut this.tried, Tried::No);
        this.shared.poll(this.side, tried, waiter, &mut this.nudge, cx, &mut this.attempt)
    }
}
