//! A place for one work that its owner means to run next, unless somebody else takes it.
//!
//! Only the owner puts work in, so an empty slot stays empty while it looks, and filling one is a
//! plain store. Anybody takes work out, so taking and replacing are exchanges: up to 5 ns more for a
//! task that comes through the slot than if nobody else could reach it. On an AMD EPYC it is not worth
//! avoiding: with an owner that takes by plain stores, and thieves who pay for the fence of both
//! (`membarrier`), a task spawned and waited for took as long as before.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | store in `put` | Release | the Acquire of the exchange that takes it: the work is written |
//! | exchange in `put`, `take` | AcqRel | each other: a work has one taker |

#![allow(unsafe_code, reason = "turns pointers back into work; model: src/model/slot.rs")]

use std::num::NonZeroUsize;
use std::ptr;

use moirai_sync::__prim::atomic::{AtomicPtr, Ordering};

use super::work::{Header, Work};

#[derive(Debug)]
pub(crate) struct Slot(AtomicPtr<Header>);

impl Slot {
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts `work` in, and returns what it displaces. To be called by the owner only.
    #[inline]
    pub(crate) fn put(&self, work: Work) -> Option<Work> {
        let raw = work.into_raw();
        // Relaxed: nobody else fills the slot.
        if self.0.load(Ordering::Relaxed).is_null() {
            // Release: pairs with the Acquire in `take`.
            self.0.store(raw, Ordering::Release);
            return None;
        }
        // AcqRel: see the table above.
        let before = self.0.swap(raw, Ordering::AcqRel);
        // SAFETY: what was in the slot was put there once, and the exchange gave it to us.
        (!before.is_null()).then(|| unsafe { Work::from_raw(before) })
    }

    /// Takes what is in.
    #[inline]
    pub(crate) fn take(&self) -> Option<Work> {
        if self.is_empty() {
            return None;
        }
        // AcqRel: see the table above.
        let before = self.0.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: as in `put`.
        (!before.is_null()).then(|| unsafe { Work::from_raw(before) })
    }

    /// Whether the work at this address is in; a hint, for others may take it, and to all but the owner more so.
    #[inline]
    pub(crate) fn holds(&self, work: NonZeroUsize) -> bool {
        self.0.load(Ordering::Relaxed).addr() == work.get()
    }

    /// To all but the owner, a hint.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }
}
