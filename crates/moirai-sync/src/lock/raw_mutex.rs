//! Who has a mutex, and who is next; what it guards is in `mutex`.
//!
//! ```text
//!   bits  31 ... 1 | 0          LOCKED: somebody has it
//!         barring  | LOCKED     barring: how many keep newcomers out
//!
//!               1 try_lock, a newcomer's lock: only where nobody bars
//!   FREE ──────────────────────────────────────────────────────────────► LOCKED
//!     ▲  └─────── 2 the lock of one who has waited ────────────────────────► │
//!     └───────────────────────────── 3 unlock, and tell the oldest waiter ◄──┘
//! ```
//!
//! **Nobody is handed the lock.** The oldest waiter is told to try, and a newcomer may be faster:
//! who runs on goes on, so a lock that is held for nanoseconds costs no switch of threads.
//!
//! **Nobody waits for ever.** Who was told [`VAIN_MAX`] times in vain bars the lock: from then on
//! only those who have waited take it, the oldest first, until the one who bars has it. A newcomer
//! that finds a barred lock free joins the list and tells the next one, which may be itself: so a
//! future that bars and is never polled again costs each newcomer a wait, not the lock.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchanges in `lock`, `take` | Acquire | the Release in `unlock`: what was done under the lock is seen |
//! | subtraction in `unlock` | SeqCst | as above; and with the fence after it, the fence in `Waiter::register`: who waits sees it free or is told |
//! | `barring` | Relaxed | advice: a newcomer that misses it takes the lock once more |

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use crate::coop;
use crate::prim;
use crate::prim::atomic::{AtomicU32, Ordering};
use crate::strand;
use crate::waitlist::{WaitList, Waiter};

/// A mutex without what it guards.
#[derive(Debug)]
pub(super) struct RawMutex {
    word: AtomicU32,
    waiters: WaitList,
}

const LOCKED: u32 = 1;
const BAR: u32 = 2;

/// How often a waiter is told in vain before it keeps newcomers out.
const VAIN_MAX: u32 = 4;

/// Pauses before a strand waits: about a microsecond, what a short critical section takes.
const SPINS_MAX: u32 = if cfg!(any(moirai_loom, moirai_shuttle)) { 0 } else { 100 };

impl RawMutex {
    maybe_const! {
        /// Nobody has it.
        pub(super) fn new() -> Self {
            Self { word: AtomicU32::new(0), waiters: WaitList::new() }
        }
    }

    /// Takes it if nobody has it, whoever waits.
    #[inline]
    pub(super) fn try_lock(&self) -> Option<()> {
        self.enter().or_else(|| self.take(0))
    }

    /// Whether somebody has it.
    pub(super) fn is_locked(&self) -> bool {
        self.word.load(Ordering::Relaxed) & LOCKED != 0
    }

    /// Waits for it on the current strand; `None` if `deadline` passes first.
    #[inline]
    pub(super) fn lock(&self, deadline: Option<Instant>) -> Option<()> {
        self.enter().or_else(|| self.lock_waiting(deadline))
    }

    /// Waits for it in a task.
    #[inline]
    pub(super) async fn lock_async(&self) {
        coop::consume_budget().await;
        if self.enter().is_none() {
            let waiter = pin!(Waiter::new(&self.waiters));
            let mut locking = Locking::new(self);
            poll_fn(|cx| locking.poll(waiter.as_ref(), cx)).await;
        }
    }

    /// Gives it up, and tells the next one.
    #[inline]
    pub(super) fn unlock(&self) {
        // SeqCst: the Release pairs with the Acquire in `enter` and `take`; the rest is for the
        // fence, which pairs with the one in `Waiter::register`.
        self.word.fetch_sub(LOCKED, Ordering::SeqCst);
        prim::fence_after_rmw();
        self.waiters.notify_one_fenced();
    }

    /// A newcomer's try.
    #[inline]
    fn enter(&self) -> Option<()> {
        // Acquire: pairs with the Release in `unlock`. Failure Relaxed: we touch nothing.
        self.word.compare_exchange(0, LOCKED, Ordering::Acquire, Ordering::Relaxed).ok().map(drop)
    }

    /// Takes it if nobody has it, also where it is barred; `barring` goes with it.
    fn take(&self, barring: u32) -> Option<()> {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & LOCKED == 0 {
            // Orderings: as in `enter`.
            match self.word.compare_exchange_weak(
                word,
                (word | LOCKED) - barring,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(()),
                Err(changed) => word = changed,
            }
        }
        None
    }

    #[cold]
    fn lock_waiting(&self, deadline: Option<Instant>) -> Option<()> {
        for _ in 0..SPINS_MAX {
            prim::spin_loop();
            if self.word.load(Ordering::Relaxed) == 0 && self.enter().is_some() {
                return Some(());
            }
        }
        let waiter = pin!(Waiter::blocked(&self.waiters));
        let mut locking = Locking::new(self);
        strand::wait(deadline, |cx| locking.poll(waiter.as_ref(), cx))
    }
}

/// Somebody's wait. It lives shorter than its waiter, which passes on what it was told.
#[derive(Debug)]
struct Locking<'a> {
    raw: &'a RawMutex,
    polls: u32,
    /// [`BAR`] while it keeps newcomers out.
    barring: u32,
}

impl<'a> Locking<'a> {
    fn new(raw: &'a RawMutex) -> Self {
        Self { raw, polls: 0, barring: 0 }
    }

    fn poll(&mut self, waiter: Pin<&Waiter<'_>>, cx: &mut Context<'_>) -> Poll<()> {
        if self.attempt().is_none() {
            waiter.register(cx.waker());
            if self.attempt().is_none() {
                self.wait();
                return Poll::Pending;
            }
        }
        self.barring = 0;
        // The baton, if we had one, is used up: our unlock tells the next one.
        let _ = waiter.finish();
        Poll::Ready(())
    }

    fn attempt(&self) -> Option<()> {
        if self.polls == 0 { self.raw.enter() } else { self.raw.take(self.barring) }
    }

    /// In the list, and about to sleep.
    fn wait(&mut self) {
        let newcomer = self.polls == 0;
        self.polls = self.polls.saturating_add(1);
        if self.polls > VAIN_MAX && self.barring == 0 {
            self.barring = BAR;
            self.raw.word.fetch_add(BAR, Ordering::Relaxed);
        }
        // Nobody has it, yet a newcomer must not take it: whose turn it is may have gone meanwhile.
        if newcomer && !self.raw.is_locked() {
            self.raw.waiters.notify_one();
        }
    }
}

impl Drop for Locking<'_> {
    fn drop(&mut self) {
        if self.barring != 0 {
            self.raw.word.fetch_sub(BAR, Ordering::Relaxed);
        }
    }
}
