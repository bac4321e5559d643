//! A place for one work that its owner means to run, unless somebody else takes it: the next task of
//! a worker, or a half of a join that it offers.
//!
//! Only the owner puts work in, so an empty slot stays empty while it looks, and filling one is a
//! plain store. Anybody takes work out, so taking and replacing are exchanges: 3 to 5 ns more for a
//! task that comes through the slot than if nobody else could reach it.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | store in `put` | Release | the Acquire of the exchange that takes it: the work is written |
//! | exchange in `put`, `take` | AcqRel | each other: a work has one taker |
//! | exchange in `take_back` | Acquire | those of `take`: a work has one taker |

#![allow(unsafe_code, reason = "turns pointers back into work; model: src/model/slot.rs")]

use std::ptr::{self, NonNull};

use moirai_sync::__prim::atomic::{AtomicPtr, Ordering};

use super::work::{Header, Work};

#[derive(Debug)]
pub(crate) struct Slot(AtomicPtr<Header>);

/// Whether work that was put into a slot was still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum TakenBack {
    Yes,
    /// Somebody else has taken it.
    No,
}

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

    /// Takes back what the owner has put in, if it is still there.
    ///
    /// # Safety
    ///
    /// `header` is that of work that the caller owns again if the slot still holds it. (So it is
    /// there, and a header of the same address is the same.)
    #[inline]
    pub(crate) unsafe fn take_back(&self, header: NonNull<Header>) -> TakenBack {
        // Acquire: whoever has emptied the slot before is gone, see `take`; nothing is read but what
        // the owner has written itself. Failure Relaxed: somebody else has it, and says when it ends.
        let taken = self.0.compare_exchange(
            header.as_ptr(),
            ptr::null_mut(),
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if taken.is_ok() { TakenBack::Yes } else { TakenBack::No }
    }

    /// To all but the owner, a hint.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }
}
