//! Who has a mutex, and who is next; what it guards is in `mutex`.
//!
//! ```text
//!   bits  31 ... 2 | 1    | 0         LOCKED: somebody has it
//!         barring  | TELL | LOCKED    TELL: whoever gives it up tells the first in line
//!                                     barring: how many keep newcomers out
//!
//!               1 try_lock, a newcomer's lock: only where nobody bars
//!   FREE ──────────────────────────────────────────────────────────────► LOCKED
//!     ▲  └─────── 2 the lock of one who has waited ────────────────────────► │
//!     └───────────────────────── 3 unlock; where TELL is set, tell_first ◄──┘
//! ```
//!
//! **TELL** is set where somebody stands in line, unless a blocked strand was told and has not tried again
//! yet: that one comes soon, and sees to it that the next one is told ([`Promise`]). Until then all others
//! lock and unlock as if nobody waited. A future may never be polled again, so what it is told is no promise.
//!
//! **No wake-up is lost.** TELL is set under the lock of the line, by who joins it and then tries again: it
//! finds the lock free, or whoever has it finds TELL, or somebody has promised.
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
//! one who bars has it; `try_lock` alone asks nobody. A newcomer that finds a barred lock free joins the line
//! and tells the next one, which may be itself: so a future that bars and is never polled again costs each
//! newcomer a wait, not the lock. One that was told and is never polled again keeps that to itself: whoever is
//! behind it waits until somebody else gives the lock up.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchanges in `enter`, `take` | Acquire | the Release in `unlock`: what was done under the lock is seen |
//! | TELL | Relaxed | ordered by the word itself, and by the lock of the line |
//! | `barring` | Relaxed | advice: a newcomer that misses it takes the lock once more |

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::circle::End;
use crate::coop;
use crate::prim;
use crate::prim::atomic::{AtomicU32, Ordering};
use crate::strand;
use crate::wake::wake;

use super::told::{Line, Place, Standing, Told};

/// A mutex without what it guards, which lies behind the word.
#[derive(Debug)]
#[repr(C)]
pub(super) struct RawMutex {
    line: Line<Who, Promise>,
    word: AtomicU32,
}

/// Whether a blocked strand was told that has not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    None,
    Given,
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// A future: it looks once, for others want its thread, and may never be polled again.
    Future,
    /// A blocked strand: it looks for a while, and once it was told, it tries again soon.
    Blocked,
}

const LOCKED: u32 = 1;
const TELL: u32 = 2;
const BAR: u32 = 4;

/// What keeps a newcomer from the lock, and what one who has waited.
const NEWCOMER: u32 = !TELL;
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
            Self { line: Line::new(Promise::None), word: AtomicU32::new(0) }
        }
    }

    /// Takes it if nobody has it, whoever waits.
    #[inline]
    pub(super) fn try_lock(&self) -> Option<()> {
        self.enter().or_else(|| self.take(LOCKED, 0))
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
        if self.enter().or_else(|| self.take(NEWCOMER, 0)).is_none() {
            let place = pin!(Place::new(&self.line, Who::Future));
            let mut locking = Locking::new(self, place.as_ref());
            poll_fn(|cx| locking.poll(cx)).await;
        }
    }

    /// Gives it up, and tells the next one.
    #[inline]
    pub(super) fn unlock(&self) {
        // Release: pairs with the Acquire in `enter` and `take`.
        if self.word.fetch_sub(LOCKED, Ordering::Release) != LOCKED {
            self.tell();
        }
    }

    /// Tells the first in line, if it is to be told. Where somebody has the lock again, it would be told in
    /// vain: he tells it.
    #[cold]
    #[inline(never)]
    fn tell(&self) {
        if self.word.load(Ordering::Relaxed) & (LOCKED | TELL) == TELL {
            self.tell_first();
        }
    }

    fn tell_first(&self) {
        let waker = {
            let mut line = self.line.lock();
            if *line.state() == Promise::Given {
                return;
            }
            let who = line.first();
            let waker = line.tell_first(Told::One);
            if who == Some(Who::Blocked) {
                *line.state() = Promise::Given;
            }
            if who == Some(Who::Blocked) || line.is_empty() {
                self.word.fetch_and(!TELL, Ordering::Relaxed);
            }
            waker
        };
        waker.into_iter().for_each(wake);
    }

    /// A blocked strand that was told has the lock, or goes away.
    #[cold]
    fn keep_promise(&self) {
        let mut line = self.line.lock();
        *line.state() = Promise::None;
        if !line.is_empty() {
            self.word.fetch_or(TELL, Ordering::Relaxed);
        }
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
        let place = pin!(Place::new(&self.line, Who::Blocked));
        let mut locking = Locking::new(self, place.as_ref());
        strand::wait(deadline, |cx| locking.poll(cx))
    }
}

/// Somebody's wait; dropping it gives up, and passes on what it was told.
#[derive(Debug)]
struct Locking<'a> {
    raw: &'a RawMutex,
    place: Pin<&'a Place<'a, Who, Promise>>,
    polls: u32,
    /// When it was told in vain first.
    vain_since: Option<Instant>,
    /// [`BAR`] while it keeps newcomers out.
    barring: u32,
}

impl<'a> Locking<'a> {
    fn new(raw: &'a RawMutex, place: Pin<&'a Place<'a, Who, Promise>>) -> Self {
        Self { raw, place, polls: 0, vain_since: None, barring: 0 }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.attempts().is_none() {
            self.join(cx);
            if self.attempt().is_none() {
                self.wait();
                return Poll::Pending;
            }
        }
        self.barring = 0;
        // What it was told, if it was, is used up: our unlock tells the next one.
        let _: Standing = self.leave();
        Poll::Ready(())
    }

    fn attempts(&self) -> Option<()> {
        self.attempt().or_else(|| match self.place.who() {
            Who::Future => None,
            Who::Blocked => (PAUSE_FIRST..=PAUSE_LAST).find_map(|step| {
                (0..1 << step).for_each(|_| prim::spin_loop());
                self.attempt()
            }),
        })
    }

    fn attempt(&self) -> Option<()> {
        let barred = if self.polls == 0 { NEWCOMER } else { WAITED };
        self.raw.take(barred, self.barring)
    }

    fn leave(&self) -> Standing {
        let standing = self.place.leave();
        if let (Standing::Told(_), Who::Blocked) = (standing, self.place.who()) {
            self.raw.keep_promise();
        }
        standing
    }

    /// Stands in line, or stays there with another waker. Afterwards it must try again before it sleeps: the
    /// lock may have been given up before it was in line.
    fn join(&self, cx: &Context<'_>) {
        let waker = cx.waker().clone();
        let _replaced = {
            let mut line = self.raw.line.lock();
            let standing = self.place.standing();
            if let (Standing::Told(_), Who::Blocked) = (standing, self.place.who()) {
                *line.state() = Promise::None;
            }
            if *line.state() == Promise::None {
                self.raw.word.fetch_or(TELL, Ordering::Relaxed);
            }
            let end = match standing {
                Standing::InLine => None,
                Standing::Apart => Some(End::Tail),
                // It has waited longest.
                Standing::Told(_) => Some(End::Head),
            };
            match end {
                None => line.replace(&self.place, waker),
                Some(end) => {
                    line.join(self.place, end, Some(waker));
                    None
                }
            }
        };
    }

    /// In line, and about to sleep.
    fn wait(&mut self) {
        let newcomer = self.polls == 0;
        self.polls = self.polls.saturating_add(1);
        if self.barring == 0 && !newcomer && self.is_impatient() {
            self.barring = BAR;
            self.raw.word.fetch_add(BAR, Ordering::Relaxed);
        }
        // Nobody has it, yet a newcomer must not take it: whose turn it is may have gone meanwhile.
        if newcomer {
            self.raw.tell();
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
        // What it was told is for the next one.
        if let Standing::Told(_) = self.leave() {
            self.raw.tell();
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
            let place = pin!(Place::new(&raw.line, Who::Future));
            let mut waiting = Locking::new(&raw, place.as_ref());
            let mut poll = || waiting.poll(&mut Context::from_waker(Waker::noop()));
            assert!(raw.try_lock().is_some());
            assert!(poll().is_pending());
            let mut vain = 0;
            while raw.word.load(Ordering::Relaxed) < BAR {
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
