//! Where an only waiter waits.
//!
//! Who is alone on its side needs no list: there is no order, nobody behind it to pass a baton to, and
//! what it is told of stays where it is until it comes. So its waker lies with the channel, and neither
//! side takes a lock.
//!
//! ```text
//!              1 sit                   2 call, rise               3 the waker is out
//!   EMPTY ─────────────────► TAKEN ─────────────────────► LEAVING ──────────────────► EMPTY
//! ```
//!
//! Whoever wins 2 has the waker to itself until 3, and does nothing else meanwhile; a waiter that would
//! sit down again waits for that.
//!
//! No wake-up is lost, for the reason that [`waitlist`](super) gives: publish, fence, look at the seat;
//! sit down, fence, look at what was published. A caller that finds LEAVING need do nothing: whoever
//! leaves was called by another one, or is up, and looks once more before it sleeps.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `state` swap in `sit` | SeqCst | the Acquire in `leave`: the waker is there; and the fence of whoever calls, which sees it, or is seen |
//! | `state` exchange in `leave` | Acquire | the swap in `sit` |
//! | `state` store in `leave` | Release | the Acquire load in `sit`: the waker is out |

#![allow(unsafe_code, reason = "a waker that its state hands around; model: src/model/seat.rs")]

use std::fmt;
use std::task::Waker;

use crate::backoff::Backoff;
use crate::prim::UnsafeCell;
use crate::prim::atomic::{AtomicU32, Ordering};
use crate::wake::wake;

const EMPTY: u32 = 0;
const TAKEN: u32 = 1;
const LEAVING: u32 = 2;

/// A place for the waker of an only waiter.
pub(crate) struct Seat {
    state: AtomicU32,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: `waker`, which is Send and Sync itself, belongs to the waiter while the seat is EMPTY, and to
// whoever has made it LEAVING until that one makes it EMPTY.
unsafe impl Sync for Seat {}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("taken", &self.is_taken()).finish()
    }
}

impl Seat {
    maybe_const! {
        pub(crate) fn new() -> Self {
            Self { state: AtomicU32::new(EMPTY), waker: UnsafeCell::new(None) }
        }
    }

    /// Has `waker` woken by the next call. Afterwards comes a fence, which may lean on a SeqCst
    /// read-modify-write, and **another try**.
    ///
    /// # Safety
    ///
    /// Nobody else sits down here meanwhile.
    pub(crate) unsafe fn sit(&self, waker: &Waker) {
        let before = self.leave();
        let mut backoff = Backoff::new();
        // Acquire: pairs with the Release in `leave`.
        while self.state.load(Ordering::Acquire) != EMPTY {
            backoff.snooze();
        }
        let waker = match before {
            Some(before) if before.will_wake(waker) => before,
            _ => waker.clone(),
        };
        // SAFETY: as EMPTY as it was just now, for only the caller sits down.
        self.waker.with_mut(|place| unsafe { *place = Some(waker) });
        // SeqCst: see the module's doc.
        self.state.swap(TAKEN, Ordering::SeqCst);
    }

    /// Whether somebody may sit here. To be asked after what it waits for has been published, and a
    /// full fence.
    #[inline]
    pub(crate) fn is_taken(&self) -> bool {
        // Relaxed: the fences order it.
        self.state.load(Ordering::Relaxed) == TAKEN
    }

    /// Wakes whoever sits here.
    #[cold]
    pub(crate) fn call(&self) {
        self.leave().into_iter().for_each(wake);
    }

    /// As [`call`](Self::call), for a caller that has not [looked](Self::is_taken).
    #[inline]
    pub(crate) fn call_if_taken(&self) {
        if self.is_taken() {
            self.call();
        }
    }

    /// The waiter does not wait any more.
    #[inline]
    pub(crate) fn rise(&self) {
        if self.is_taken() {
            self.call_off();
        }
    }

    #[cold]
    fn call_off(&self) {
        drop(self.leave());
    }

    fn leave(&self) -> Option<Waker> {
        if !self.is_taken() {
            return None;
        }
        // Acquire: pairs with the swap in `sit`.
        self.state.compare_exchange(TAKEN, LEAVING, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // SAFETY: whoever makes it LEAVING has it.
        let waker = self.waker.with_mut(|place| unsafe { (*place).take() });
        // Release: pairs with the load in `sit`.
        self.state.store(EMPTY, Ordering::Release);
        waker
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    struct Reenter(Seat, AtomicUsize);

    impl Wake for Reenter {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.call();
            sit(&self.0, Waker::noop());
        }
    }

    /// One thread, which is the only waiter.
    fn sit(seat: &Seat, waker: &Waker) {
        // SAFETY: the tests of this module have one thread.
        unsafe { seat.sit(waker) };
    }

    #[test]
    fn a_waker_may_use_the_seat_it_is_called_from() {
        let shared = Arc::new(Reenter(Seat::new(), AtomicUsize::new(0)));
        sit(&shared.0, &Arc::clone(&shared).into());
        shared.0.call();
        assert_eq!(shared.1.load(Ordering::Relaxed), 1);
        assert!(shared.0.is_taken());
        shared.0.rise();
        assert_eq!(Arc::strong_count(&shared), 1);
    }

    #[test]
    fn the_last_waker_is_called_and_none_after_it_has_risen() {
        let wakers = [(); 2].map(|()| Arc::new(Reenter(Seat::new(), AtomicUsize::new(0))));
        let seat = Seat::new();
        wakers.iter().for_each(|waker| sit(&seat, &Arc::clone(waker).into()));
        assert_eq!(wakers.each_ref().map(Arc::strong_count), [1, 2]);
        seat.call();
        sit(&seat, &Arc::clone(&wakers[0]).into());
        seat.rise();
        seat.call();
        assert_eq!(wakers.each_ref().map(|waker| waker.1.load(Ordering::Relaxed)), [0, 1]);
        assert_eq!(wakers.each_ref().map(Arc::strong_count), [1, 1]);
    }
}
