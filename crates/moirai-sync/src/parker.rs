//! A thread that can be woken through a [`Waker`](std::task::Waker).
//!
//! ```text
//!            unpark                      park finds it: returns
//!   EMPTY ───────────► NOTIFIED ─────────────────────────────────► EMPTY
//!     │                   ▲
//!     └─ park ─► PARKED ──┘ unpark, which also unparks the thread
//! ```
//!
//! A notification is never lost and never counted: two before a park are one. Foreign code on the
//! same thread may use `std::thread::park` as well: it may take our token, but not our state word,
//! and a thread that took its token is awake and looks at the word.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | swap in `unpark` | Release | the Acquire in `take`, `park`, `give_up`: what came before the wake-up is seen after it |
//! | EMPTY to PARKED | Relaxed | nothing is read through it; the swap in `unpark` sees it or is seen |
//!
//! This file knows one thread; who waits for what is [`strand`](crate::strand)'s affair.

use std::sync::Arc;
use std::task::Wake;
use std::time::Instant;

use crate::prim::atomic::{AtomicU32, Ordering};
use crate::prim::thread::{self, Thread};
use crate::prim::{self, spin_loop};

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// Pauses before the thread sleeps, where spinning has paid lately: about 4 µs, which a sleeping
/// thread costs its waker anyway.
const SPIN_MAX: u32 = if cfg!(any(moirai_loom, moirai_shuttle, miri)) { 0 } else { 100 };

/// So many parks at most do not spin after one that has spun in vain. Fewer at first: a thread whose
/// waker was kept from its core once goes on spinning, one whose wake-ups come late soon does not.
const SPIN_PASSED_MAX: u32 = 31;

/// Why [`Parker::park`] returned.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use moirai_sync::{Parked, Parker};
///
/// assert_eq!(Parker::new().park(Some(Instant::now())), Parked::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Parked {
    /// [`Parker::unpark`] was called.
    Notified,
    /// The deadline passed first.
    TimedOut,
}

/// Parks the thread that made it; as an `Arc` it is a [`Waker`](std::task::Waker).
///
/// A notification is never lost and never counted: one that comes first makes the next park return
/// at once, and two before a park are one. Where spinning has paid lately, a park spins for a few
/// microseconds before it sleeps; a sleeping thread uses no processor time.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use moirai_sync::{Parked, Parker};
///
/// let parker = Arc::new(Parker::new());
/// let ready = Arc::new(AtomicBool::new(false));
/// let (waker, shared) = (Arc::clone(&parker), Arc::clone(&ready));
/// let other = std::thread::spawn(move || {
///     shared.store(true, Ordering::Relaxed);
///     waker.unpark();
/// });
/// assert_eq!(parker.park(None), Parked::Notified);
/// assert!(ready.load(Ordering::Relaxed)); // what came before `unpark` is seen after `park`
/// other.join().unwrap();
/// ```
#[derive(Debug)]
pub struct Parker {
    state: AtomicU32,
    /// So many parks do not spin; only the parked thread writes it, as the next one.
    passed: AtomicU32,
    /// How many that were after the last spin that was in vain; none if it paid.
    futile: AtomicU32,
    thread: Thread,
}

impl Parker {
    /// A parker for the calling thread.
    pub fn new() -> Self {
        Self {
            state: AtomicU32::new(EMPTY),
            passed: AtomicU32::new(0),
            futile: AtomicU32::new(0),
            thread: thread::current(),
        }
    }

    /// Waits until [`unpark`](Self::unpark) was called or `deadline` has passed, without one for
    /// ever. To be called on the thread that made the parker: another one would not be woken.
    pub fn park(&self, deadline: Option<Instant>) -> Parked {
        if self.spin() {
            return Parked::Notified;
        }
        let parked =
            self.state.compare_exchange(EMPTY, PARKED, Ordering::Relaxed, Ordering::Relaxed);
        if parked.is_err() {
            // Acquire: pairs with the Release in `unpark`. A swap and not a store: it reads the
            // last of several notifications, so none is overwritten unseen.
            self.state.swap(EMPTY, Ordering::Acquire);
            return Parked::Notified;
        }
        loop {
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() && prim::HAS_CLOCK {
                        return self.give_up();
                    }
                    prim::park_timeout(left);
                    if !prim::HAS_CLOCK {
                        return self.give_up();
                    }
                }
            }
            if self.take() {
                return Parked::Notified;
            }
        }
    }

    /// Wakes the thread if it is parked, else makes its next [`park`](Self::park) return at once.
    pub fn unpark(&self) {
        // Release: pairs with the Acquire in `take`, so what was done before the wake-up is seen
        // after it. Acquire is not needed: nothing is read here.
        if self.state.swap(NOTIFIED, Ordering::Release) == PARKED {
            self.thread.unpark();
        }
    }

    /// Takes a notification that is there.
    fn take(&self) -> bool {
        // Acquire: pairs with the Release in `unpark`.
        self.state.compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn give_up(&self) -> Parked {
        // Acquire: pairs with the Release in `unpark`, which may just have happened.
        match self.state.swap(EMPTY, Ordering::Acquire) {
            NOTIFIED => Parked::Notified,
            _ => Parked::TimedOut,
        }
    }

    /// Waits a little without sleeping, if that has paid lately: a thread whose wake-ups come late
    /// spins in few of its parks.
    fn spin(&self) -> bool {
        if self.take() {
            return true;
        }
        let passed = self.passed.load(Ordering::Relaxed);
        if passed != 0 {
            self.passed.store(passed - 1, Ordering::Relaxed);
            return false;
        }
        for _ in 0..SPIN_MAX {
            spin_loop();
            if self.state.load(Ordering::Relaxed) == NOTIFIED && self.take() {
                self.futile.store(0, Ordering::Relaxed);
                return true;
            }
        }
        let futile = (self.futile.load(Ordering::Relaxed) * 2 + 1).min(SPIN_PASSED_MAX);
        self.futile.store(futile, Ordering::Relaxed);
        self.passed.store(futile, Ordering::Relaxed);
        false
    }
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.unpark();
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_notification_before_the_park_is_kept_and_not_counted() {
        let parker = Parker::new();
        parker.unpark();
        parker.unpark();
        assert_eq!(parker.park(None), Parked::Notified);
        assert_eq!(parker.park(Some(Instant::now())), Parked::TimedOut);
    }

    #[test]
    fn a_stray_token_of_the_thread_wakes_nobody() {
        let parker = Parker::new();
        thread::current().unpark();
        let deadline = Instant::now() + Duration::from_millis(5);
        assert_eq!(parker.park(Some(deadline)), Parked::TimedOut);
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn who_spins_in_vain_spins_less_often_up_to_a_limit() {
        let parker = Parker::new();
        let mut intervals = Vec::new();
        for _ in 0..6 {
            assert!(!parker.spin());
            intervals.push(
                (0..)
                    .take_while(|_| parker.passed.load(Ordering::Relaxed) != 0 && !parker.spin())
                    .count(),
            );
        }
        assert_eq!(intervals, [1, 3, 7, 15, 31, SPIN_PASSED_MAX as usize]);
        parker.unpark();
        assert!(parker.spin());
    }

    #[test]
    fn another_thread_wakes_the_parked_one() {
        let parker = Arc::new(Parker::new());
        let other = Arc::clone(&parker);
        let thread = thread::spawn(move || other.unpark());
        assert_eq!(parker.park(None), Parked::Notified);
        thread.join().unwrap();
    }
}
