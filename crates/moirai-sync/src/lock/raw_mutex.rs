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
//! **Who spins looks seldom,** and ever less often ([`PAUSE_FIRST`]). Each look takes the line of the
//! lock from whoever has it, who waits for it to come back: with a look at each pause, two threads
//! that lock again and again had it for an operation or two at a time, and each of them cost three
//! times as much as by one thread. While nobody looks, the holder has it hundreds of times over. A
//! thread that was told spins like a newcomer before it waits again: to be told costs the holder more.
//!
//! **Nobody waits for ever.** Who was told [`VAIN_MAX`] times in vain, or once [`PATIENCE`] ago and now
//! again, bars the lock: from then on only those who have waited take it, the oldest first, until the
//! one who bars has it. A newcomer that finds a barred lock free joins the list and tells the next one,
//! which may be itself: so a future that bars and is never polled again costs each newcomer a wait, not
//! the lock.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchanges in `enter`, `take` | Acquire | the Release in `unlock`: what was done under the lock is seen |
//! | subtraction in `unlock` | SeqCst | as above; and with the fence after it, the fence in `Waiter::register`: who waits sees it free or is told |
//! | `barring` | Relaxed | advice: a newcomer that misses it takes the lock once more |

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

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

/// What keeps a newcomer from the lock, and what one who has waited.
const NEWCOMER: u32 = !0;
const WAITED: u32 = LOCKED;

/// How often a waiter is told in vain before it keeps newcomers out.
const VAIN_MAX: u32 = if cfg!(any(moirai_loom, moirai_shuttle)) { 4 } else { 16 };

/// How long after it was told in vain first a waiter that is told in vain keeps newcomers out, however
/// often it was told: of a lock that is held for long, few tell.
const PATIENCE: Duration = Duration::from_millis(1);

/// How long a strand that blocks pauses before its second look, as a power of two, and before its last
/// one; each pause is twice the one before. Three microseconds in all: less than it takes to sleep and
/// be woken.
const PAUSE_FIRST: u32 = 2;
const PAUSE_LAST: u32 = if cfg!(any(moirai_loom, moirai_shuttle, miri)) { 0 } else { 6 };

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
        self.enter().or_else(|| self.take(WAITED, 0))
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
            let mut locking = Locking::new(self, Looks::Once);
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

    /// Takes it if none of the bits `barred` is set; `barring` goes with it.
    fn take(&self, barred: u32, barring: u32) -> Option<()> {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & barred == 0 {
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
        let waiter = pin!(Waiter::blocked(&self.waiters));
        let mut locking = Locking::new(self, Looks::ForAWhile);
        strand::wait(deadline, |cx| locking.poll(waiter.as_ref(), cx))
    }
}

/// How often somebody looks whether it is free before it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// A future: others want its thread.
    Once,
    ForAWhile,
}

/// Somebody's wait. It lives shorter than its waiter, which passes on what it was told.
#[derive(Debug)]
struct Locking<'a> {
    raw: &'a RawMutex,
    looks: Looks,
    polls: u32,
    /// When it was told in vain first.
    vain_since: Option<Instant>,
    /// [`BAR`] while it keeps newcomers out.
    barring: u32,
}

impl<'a> Locking<'a> {
    fn new(raw: &'a RawMutex, looks: Looks) -> Self {
        Self { raw, looks, polls: 0, vain_since: None, barring: 0 }
    }

    fn poll(&mut self, waiter: Pin<&Waiter<'_>>, cx: &mut Context<'_>) -> Poll<()> {
        if self.attempts().is_none() {
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

    fn attempts(&self) -> Option<()> {
        self.attempt().or_else(|| match self.looks {
            Looks::Once => None,
            Looks::ForAWhile => (PAUSE_FIRST..=PAUSE_LAST).find_map(|step| {
                (0..1 << step).for_each(|_| prim::spin_loop());
                self.attempt()
            }),
        })
    }

    fn attempt(&self) -> Option<()> {
        let barred = if self.polls == 0 { NEWCOMER } else { WAITED };
        self.raw.take(barred, self.barring)
    }

    /// In the list, and about to sleep.
    fn wait(&mut self) {
        let newcomer = self.polls == 0;
        self.polls = self.polls.saturating_add(1);
        if self.barring == 0 && !newcomer && self.is_impatient() {
            self.barring = BAR;
            self.raw.word.fetch_add(BAR, Ordering::Relaxed);
        }
        // Nobody has it, yet a newcomer must not take it: whose turn it is may have gone meanwhile.
        if newcomer && !self.raw.is_locked() {
            self.raw.waiters.notify_one();
        }
    }

    /// Whether it has been told in vain too often, or for too long. It was just now.
    fn is_impatient(&mut self) -> bool {
        if self.polls > VAIN_MAX {
            return true;
        }
        if !prim::HAS_CLOCK {
            return false;
        }
        let now = strand::now();
        now.saturating_duration_since(*self.vain_since.get_or_insert(now)) >= PATIENCE
    }
}

impl Drop for Locking<'_> {
    fn drop(&mut self) {
        if self.barring != 0 {
            self.raw.word.fetch_sub(BAR, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};
    use std::task::Waker;

    use super::*;
    use crate::strand::{Clock, Hooks, TimerKey};

    /// Time that stands still until it is told to pass.
    #[derive(Debug)]
    struct StoppedTime(Mutex<Instant>);

    struct OnStoppedTime(Arc<dyn Clock>);

    impl Clock for StoppedTime {
        fn now(&self) -> Instant {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
        fn insert(&self, _: Instant, _: Waker) -> TimerKey {
            unreachable!("nobody waits with a limit here")
        }
        fn remove(&self, _: TimerKey) {}
    }

    impl Hooks for OnStoppedTime {
        fn blocking_begin(&self) {}
        fn blocking_end(&self) {}
        fn clock(&self) -> &Arc<dyn Clock> {
            &self.0
        }
    }

    /// Has somebody told in vain again and again, `between` after each time, until it keeps newcomers
    /// out; says how often that was.
    fn vain_until_barred(between: Duration) -> u32 {
        let time = Arc::new(StoppedTime(Mutex::new(Instant::now())));
        let pass = || *time.0.lock().unwrap_or_else(PoisonError::into_inner) += between;
        strand::with_hooks(&OnStoppedTime(Arc::clone(&time) as _), || {
            let raw = RawMutex::new();
            let waiter = pin!(Waiter::new(&raw.waiters));
            let mut waiting = Locking::new(&raw, Looks::Once);
            let mut poll =
                || waiting.poll(waiter.as_ref(), &mut Context::from_waker(Waker::noop()));
            assert!(raw.try_lock().is_some());
            assert!(poll().is_pending());
            let mut vain = 0;
            while raw.word.load(Ordering::Relaxed) == LOCKED {
                raw.unlock();
                assert!(raw.enter().is_some(), "a newcomer is faster");
                assert!(poll().is_pending());
                pass();
                vain += 1;
            }
            raw.unlock();
            assert!(raw.enter().is_none(), "a newcomer is kept out");
            assert!(poll().is_ready());
            raw.unlock();
            assert!(raw.enter().is_some(), "nobody bars it any more");
            vain
        })
    }

    #[test]
    fn who_was_told_so_often_in_vain_keeps_newcomers_out() {
        assert_eq!(vain_until_barred(Duration::ZERO), VAIN_MAX);
        assert_eq!(vain_until_barred(PATIENCE / VAIN_MAX), VAIN_MAX);
    }

    #[test]
    fn who_was_told_in_vain_for_so_long_keeps_newcomers_out() {
        assert_eq!(vain_until_barred(PATIENCE - Duration::from_nanos(1)), 3);
        assert_eq!(vain_until_barred(PATIENCE), 2);
        assert_eq!(vain_until_barred(PATIENCE * 1000), 2);
    }
}
