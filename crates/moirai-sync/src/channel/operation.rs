//! One operation of a task: it is tried, and only if that was in vain does it wait.
//!
//! Most need not wait. So the try is compiled into the future that awaits it, and all else is out of line.

#![allow(unsafe_code, reason = "pins a field of a pinned future, which no thread shares")]

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::coop;

/// Takes one operation from the task's budget, tries it `now`, and if that gives nothing waits as `later`
/// does. `now` leaves in `input` what `later` needs.
#[inline]
pub(super) fn operation<I, R, F: Future<Output = R>>(
    input: I,
    now: impl Fn(&mut I) -> Option<R>,
    later: impl FnOnce(I) -> F,
) -> impl Future<Output = R> {
    Operation { now, stage: Stage::First(input, later) }
}

struct Operation<I, N, L, F> {
    now: N,
    stage: Stage<I, L, F>,
}

enum Stage<I, L, F> {
    First(I, L),
    /// Pinned with the whole.
    Waiting(F),
    /// `later` has panicked.
    Over,
}

impl<I, R, N, L, F> Future for Operation<I, N, L, F>
where
    N: Fn(&mut I) -> Option<R>,
    L: FnOnce(I) -> F,
    F: Future<Output = R>,
{
    type Output = R;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        // SAFETY: only what `Waiting` holds is pinned with the whole, and that is moved no more, neither
        // here nor by a `Drop`, which there is none.
        let this = unsafe { self.get_unchecked_mut() };
        if let Stage::First(input, _) = &mut this.stage {
            ready!(coop::poll_proceed(cx));
            if let Some(result) = (this.now)(input) {
                return Poll::Ready(result);
            }
        }
        this.stage.wait(cx)
    }
}

impl<I, L: FnOnce(I) -> F, F: Future> Stage<I, L, F> {
    /// For one that is pinned.
    #[cold]
    #[inline(never)]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        if matches!(self, Self::First(..))
            && let Self::First(input, later) = std::mem::replace(self, Self::Over)
        {
            *self = Self::Waiting(later(input));
        }
        match self {
            // SAFETY: as in `poll`, which alone calls this.
            Self::Waiting(waiting) => unsafe { Pin::new_unchecked(waiting) }.poll(cx),
            Self::First(..) | Self::Over => unreachable!("polled after a panic"),
        }
    }
}
