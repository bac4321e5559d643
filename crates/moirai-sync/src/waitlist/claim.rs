//! Which case of a select won, and whom to wake for it.
//!
//! ```text
//!             1 open                2 win (case)
//!   CLOSED ───────────► OPEN ──────────────────────► WON + case
//!     ▲                  │                               │
//!     └──────────────────┴───────── 3 close ─────────────┘
//! ```
//!
//! While it is open, the first notifier wins, takes the waker, and has told the select. While it is
//! closed, the select is at work (it tries all its cases after it has opened the claim again), so a
//! notifier that finds it closed or won has told nobody and goes on to the next waiter.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | OPEN in `open` | Release | the Acquire in `win`: the waker is there |
//! | CLOSED in `close` | Relaxed | who won is done with the claim when its node's state says so |
//!
//! **Who may touch the waker.** Whoever wins, until it has set its node's state; else the select
//! while the claim is closed.

use std::task::Waker;

use crate::prim::UnsafeCell;
use crate::prim::atomic::{AtomicU32, Ordering};

const CLOSED: u32 = 0;
const OPEN: u32 = 1;
const WON: u32 = 2;

/// The word that the notifiers of one select compete for.
pub(super) struct Claim {
    word: AtomicU32,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: `word` is atomic; `waker` (Send + Sync) is reached by whoever won the claim or, while it is
// closed, by the select.
unsafe impl Send for Claim {}
// SAFETY: as above; what could break it, a second `open` at the same time, is the caller's to exclude.
unsafe impl Sync for Claim {}

/// Whether a notification has reached its select.
#[must_use]
pub(super) enum Won {
    /// It has; this is to be woken.
    Yes(Option<Waker>),
    /// Another one was faster, or the select is at work.
    No,
}

impl Claim {
    pub(super) fn new() -> Self {
        Self { word: AtomicU32::new(CLOSED), waker: UnsafeCell::new(None) }
    }

    /// Lets notifiers compete; returns the waker from before, to be dropped.
    ///
    /// # Safety
    ///
    /// The claim is closed, and who won it last has set its node's state, seen by the caller.
    pub(super) unsafe fn open(&self, waker: Waker) -> Option<Waker> {
        // SAFETY: the claim is closed and its last winner has done, so the waker is the caller's.
        let replaced = self.waker.with_mut(|place| unsafe { (*place).replace(waker) });
        // Release: pairs with the Acquire in `win`.
        self.word.store(OPEN, Ordering::Release);
        replaced
    }

    /// Competes for the select's attention.
    pub(super) fn win(&self, case: u32) -> Won {
        // Acquire: pairs with the Release in `open`. Failure Relaxed: we touch nothing.
        match self.word.compare_exchange(OPEN, WON + case, Ordering::Acquire, Ordering::Relaxed) {
            // SAFETY: we won, which happens once between an `open` and the next.
            Ok(_) => Won::Yes(self.waker.with_mut(|waker| unsafe { (*waker).take() })),
            Err(_) => Won::No,
        }
    }

    /// Whether a notifier could win now.
    pub(super) fn is_open(&self) -> bool {
        // Relaxed: a guess, under the lock of a list that the select has joined after it opened.
        self.word.load(Ordering::Relaxed) == OPEN
    }

    /// Whether `case` has won since the claim was opened.
    pub(super) fn is_won_by(&self, case: u32) -> bool {
        // Relaxed: who wins does so under the lock of the case's list, which the caller holds.
        self.word.load(Ordering::Relaxed) == WON + case
    }

    /// Ends the competition; says which case won it.
    pub(super) fn close(&self) -> Option<u32> {
        // A load first: the claim of a select that has not waited costs no exchange.
        // Relaxed: whoever closes has opened, and a winner is seen through its node's state.
        if self.word.load(Ordering::Relaxed) == CLOSED {
            return None;
        }
        self.word.swap(CLOSED, Ordering::Relaxed).checked_sub(WON)
    }
}
