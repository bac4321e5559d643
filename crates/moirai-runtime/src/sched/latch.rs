//! Says once that something has ended, to one who waits for it; lies on the waiter's stack.
//!
//! ```text
//!               1 wait                2 take the waker             3 done
//!   PENDING ──────────────► WAITING ───────────────────► WAKING ─────────────┐
//!      ▲ ▲                     │                                             ▼
//!      │ └──── 4 wait again ───┘                                           DONE
//!      └───────────────────────────── 5 done, nobody waits ─────────────────►▲
//! ```
//! 1 and 4 `poll`, 2, 3 and 5 `set`.
//!
//! **Who may touch the waker.** The waiter in PENDING, whoever sets the latch in WAKING. There is one in
//! WAITING and WAKING only, so a latch that nobody waits for has nothing to be made or dropped but its
//! state: each fork has one, and hardly any is waited for.
//!
//! **The frame is gone once the latch is DONE**: the waiter returns as soon as it sees that. So `set`
//! takes the waker out before, and touches nothing but that afterwards.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchanges to DONE in `set` | Release | Acquire loads in `is_done` and `poll`: the result is written |
//! | exchange to WAITING | Release | the Acquire exchange to WAKING: the waker is written |
//! | exchange from WAITING to PENDING | Acquire | nothing is read that others wrote; it is the waiter's own again |

#![allow(unsafe_code, reason = "a waker handed over by states; models: src/model/{join,latch}.rs")]

use std::mem::MaybeUninit;
use std::task::{Context, Poll, Waker};

use moirai_sync::__prim::atomic::{AtomicU32, Ordering};
use moirai_sync::__prim::{UnsafeCell, spin_loop};

const PENDING: u32 = 0;
const WAITING: u32 = 1;
const WAKING: u32 = 2;
const DONE: u32 = 3;

#[derive(Debug)]
pub(crate) struct Latch {
    state: AtomicU32,
    waker: UnsafeCell<MaybeUninit<Waker>>,
}

// SAFETY: the waker is touched by one thread at a time, see the module's doc, and is Send.
unsafe impl Sync for Latch {}

impl Latch {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { state: AtomicU32::new(PENDING), waker: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // Acquire: pairs with the Release in `set`.
        self.state.load(Ordering::Acquire) == DONE
    }

    /// Ready once the latch is set; else the context's waker is called then. For one waiter.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // Acquire: pairs with the Release in `set`.
            match self.state.load(Ordering::Acquire) {
                PENDING => {
                    let waker = MaybeUninit::new(cx.waker().clone());
                    // SAFETY: the state is PENDING, so the slot is empty, and ours.
                    self.waker.with_mut(|slot| unsafe { slot.write(waker) });
                    // Release: pairs with the Acquire in `set`. Failure: it is DONE; we look again.
                    let waiting = self.state.compare_exchange(
                        PENDING,
                        WAITING,
                        Ordering::Release,
                        Ordering::Relaxed,
                    );
                    if waiting.is_ok() {
                        return Poll::Pending;
                    }
                    // SAFETY: written above, and nobody has learnt of it.
                    unsafe { self.empty_slot() };
                }
                WAITING => {
                    // Acquire: see the table above. Failure: the latch is being set.
                    let back = self.state.compare_exchange(
                        WAITING,
                        PENDING,
                        Ordering::Acquire,
                        Ordering::Relaxed,
                    );
                    if back.is_ok() {
                        // SAFETY: it was WAITING, so there is one, and it is ours again.
                        unsafe { self.empty_slot() };
                    }
                }
                WAKING => spin_loop(),
                _ => return Poll::Ready(()),
            }
        }
    }

    /// What the owner's next call does to the frame.
    #[cfg(all(test, moirai_loom))]
    pub(crate) fn overwrite(&self) {
        self.waker.with_mut(|_| ());
    }

    /// # Safety
    ///
    /// There is a waker in the slot, and it is the caller's.
    unsafe fn empty_slot(&self) {
        // SAFETY: the caller says so.
        self.waker.with_mut(|slot| unsafe { (*slot).assume_init_drop() });
    }

    /// Says that it is done, and wakes who waits.
    ///
    /// # Safety
    ///
    /// `this` points to a latch that stays there until it is done. It is set once.
    pub(crate) unsafe fn set(this: *const Self) {
        // SAFETY: the latch is not done yet, so it is there.
        let (state, slot) = unsafe { (&raw const (*this).state, &raw const (*this).waker) };
        loop {
            // SAFETY: as above: until the exchange to DONE, which is the last use.
            let waker = unsafe {
                // Release: pairs with the Acquire in `is_done` and `poll`.
                let done =
                    (*state).compare_exchange(PENDING, DONE, Ordering::Release, Ordering::Relaxed);
                if done.is_ok() {
                    return;
                }
                // Acquire: pairs with the Release in `poll`: the waker is there.
                let waking = (*state).compare_exchange(
                    WAITING,
                    WAKING,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                );
                if waking.is_err() {
                    // It has just been taken back, to be put in again.
                    continue;
                }
                // WAKING, so there is a waker, and it is ours.
                let waker = (*slot).with_mut(|slot| (*slot).assume_init_read());
                // Release: as above.
                (*state).swap(DONE, Ordering::Release);
                waker
            };
            return waker.wake();
        }
    }
}
