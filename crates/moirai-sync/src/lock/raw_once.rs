//! Who runs an initialiser, and who waits for it; what it makes is in `once`.
//!
//! ```text
//!             1 enter                   2 Running::complete
//!   EMPTY ───────────────► RUNNING ─────────────────────────► DONE
//!     ▲                       │
//!     └───────────────────────┘ 3 Running's drop: it failed, panicked or was dropped; the next tries
//! ```
//! Whoever waits and is told tries to enter; one who finds that another has entered waits again, at
//! the head of the list.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | DONE in `Running::complete` | Release | the Acquire loads in `is_done` and `enter`: what was made is seen |
//! | EMPTY in `Running`'s drop | Release | the Acquire exchange in `enter`: what a failed one has left is seen |
//! | fences in `notify_one`, `notify_all` | SeqCst | the one in `Waiter::register`: who waits sees the end or is told |

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use crate::coop;
use crate::prim::atomic::{AtomicU32, Ordering};
use crate::strand;
use crate::waitlist::{WaitList, Waiter};

const EMPTY: u32 = 0;
const RUNNING: u32 = 1;
const DONE: u32 = 2;

/// Something that happens once.
#[derive(Debug)]
pub(super) struct RawOnce {
    word: AtomicU32,
    waiters: WaitList,
}

/// What one who comes has to do.
#[must_use]
pub(super) enum Entered<'a> {
    /// Nothing: it has happened.
    Done,
    /// To do it.
    Mine(Running<'a>),
}

/// The right to do it; dropped unused, it goes to the next one.
#[must_use]
pub(super) struct Running<'a> {
    once: &'a RawOnce,
}

impl RawOnce {
    maybe_const! {
        /// It has not happened.
        pub(super) fn new() -> Self {
            Self { word: AtomicU32::new(EMPTY), waiters: WaitList::new() }
        }
    }

    maybe_const! {
        /// It has happened.
        pub(super) fn done() -> Self {
            Self { word: AtomicU32::new(DONE), waiters: WaitList::new() }
        }
    }

    /// Whether it has happened.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        // Acquire: pairs with the Release in `complete`.
        self.word.load(Ordering::Acquire) == DONE
    }

    /// It has not happened after all.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// Begins, unless somebody is at it.
    pub(super) fn try_enter(&self) -> Option<Entered<'_>> {
        // Acquire, of success and failure: pairs with both Releases.
        match self.word.compare_exchange(EMPTY, RUNNING, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => Some(Entered::Mine(Running { once: self })),
            Err(DONE) => Some(Entered::Done),
            Err(_) => None,
        }
    }

    /// Begins, or waits for who is at it, on the current strand.
    #[cold]
    pub(super) fn enter(&self) -> Entered<'_> {
        let waiter = pin!(Waiter::blocked(&self.waiters));
        match strand::wait(None, |cx| self.poll_enter(waiter.as_ref(), cx)) {
            Some(entered) => entered,
            None => unreachable!("a wait without a deadline ended without a result"),
        }
    }

    /// Begins, or waits for who is at it, in a task.
    pub(super) async fn enter_async(&self) -> Entered<'_> {
        coop::consume_budget().await;
        let waiter = pin!(Waiter::new(&self.waiters));
        poll_fn(|cx| self.poll_enter(waiter.as_ref(), cx)).await
    }

    fn poll_enter(&self, waiter: Pin<&Waiter<'_>>, cx: &mut Context<'_>) -> Poll<Entered<'_>> {
        let entered = self.try_enter().or_else(|| {
            waiter.register(cx.waker());
            self.try_enter()
        });
        match entered {
            Some(entered) => {
                // A baton is used up: who enters tells the next one; at the end, all are told.
                let _ = waiter.finish();
                Poll::Ready(entered)
            }
            None => Poll::Pending,
        }
    }
}

impl Running<'_> {
    /// It has happened.
    pub(super) fn complete(self) {
        let once = self.once;
        // Nothing is left to pass on.
        let _ = std::mem::ManuallyDrop::new(self);
        // Release: pairs with the Acquire in `is_done` and `try_enter`.
        once.word.store(DONE, Ordering::Release);
        once.waiters.notify_all();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `try_enter`.
        self.once.word.store(EMPTY, Ordering::Release);
        self.once.waiters.notify_one();
    }
}
