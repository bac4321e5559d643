//! A place where a thread offers one part of its work: it puts it in, anybody takes it out, and it
//! takes it back if nobody has.
//!
//! ```text
//!                    put (the owner)
//!   EMPTY ───────────────────────────────────► FULL
//!     ▲ ▲                                       │ ▲ │
//!     │ └── take (anybody), take_back (owner) ──┘ │ └─ take_of ─► LOOKED AT ──┐
//!     │                                           └──── of another tree ──────┤
//!     └──────────────────────────────────────────────── of that tree ─────────┘
//! ```
//!
//! **What is taken of a tree is of that tree.** A helper may not run anything else on its stack, nor
//! leave it elsewhere: the owner waits for it, and a pool that ends waits for the owner. So the helper
//! marks what it has found, which keeps everybody else away, looks which tree that belongs to, and
//! takes it or lets it be. The owner writes the tree before it puts work in, and does not before the
//! place is empty.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | store in `put` | Release | the Acquire of the exchanges that take or mark it: work and tree are written |
//! | exchange in `take`, mark in `take_of` | Acquire | the store in `put`; the store that takes the mark off |
//! | exchange in `take_back` | Acquire | that store, too; else nothing is read but what the owner wrote |
//! | store that takes a mark off | Release | the Acquire of who takes it next: it is as it was |
//! | store that empties a marked place | Relaxed | the owner learns from it only that it must wait |

#![allow(unsafe_code, reason = "turns pointers back into work; model: src/model/place.rs")]

use std::ptr::{self, NonNull};

use moirai_sync::__prim::atomic::{AtomicPtr, AtomicU64, Ordering};
use moirai_sync::__prim::thread;

use super::work::{Header, Work};

#[derive(Debug)]
pub(crate) struct Place {
    word: AtomicPtr<Header>,
    /// Of what was put in last.
    tree: AtomicU64,
}

/// Whether work that was put into a place was still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum TakenBack {
    Yes,
    /// Somebody else has taken it.
    No,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { word: AtomicPtr::new(ptr::null_mut()), tree: AtomicU64::new(0) }
    }

    /// To the owner, who alone fills it, sure if it says yes; to others, a hint.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.word.load(Ordering::Relaxed).is_null()
    }

    /// Puts `work` in, a part of `tree`. To be called by the owner only, and while it is empty.
    pub(crate) fn put(&self, work: Work, tree: u64) {
        debug_assert!(self.is_empty(), "only the owner fills a place, and this one was empty");
        self.tree.store(tree, Ordering::Relaxed);
        // Release: see the table above.
        self.word.store(work.into_raw(), Ordering::Release);
    }

    /// Takes what is in.
    pub(crate) fn take(&self) -> Option<Work> {
        let raw = self.word.load(Ordering::Relaxed);
        // Acquire: see the table above.
        let taken = is_work(raw)
            && self
                .word
                .compare_exchange(raw, ptr::null_mut(), Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        // SAFETY: it was put in, and the exchange gave it to us.
        taken.then(|| unsafe { Work::from_raw(raw) })
    }

    /// Takes what is in if it is a part of `tree`.
    pub(crate) fn take_of(&self, tree: u64) -> Option<Work> {
        // A hint.
        if self.tree.load(Ordering::Relaxed) != tree {
            return None;
        }
        let raw = self.word.load(Ordering::Relaxed);
        // Acquire: see the table above.
        let marked = is_work(raw)
            && self
                .word
                .compare_exchange(raw, mark(raw), Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if !marked {
            return None;
        }
        // Relaxed: written before the work was put in, and not again while it is there.
        if self.tree.load(Ordering::Relaxed) == tree {
            // Relaxed: see the table above.
            self.word.store(ptr::null_mut(), Ordering::Relaxed);
            // SAFETY: it was put in, and while it was marked nobody else took it.
            return Some(unsafe { Work::from_raw(raw) });
        }
        // Release: see the table above.
        self.word.store(raw, Ordering::Release);
        None
    }

    /// Takes back what the owner has put in, if it is still there.
    ///
    /// # Safety
    ///
    /// `header` is that of work that the caller owns again if the place still holds it. (So it is
    /// there, and a header of the same address is the same.)
    #[inline]
    pub(crate) unsafe fn take_back(&self, header: NonNull<Header>) -> TakenBack {
        let raw = header.as_ptr();
        loop {
            // Acquire: see the table above. Failure Relaxed: somebody else has it, and says when it
            // ends, or looks at it, and we look again.
            let taken = self.word.compare_exchange(
                raw,
                ptr::null_mut(),
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match taken {
                Ok(_) => return TakenBack::Yes,
                // For three steps of another thread, unless that has lost its core.
                Err(found) if found == mark(raw) => thread::yield_now(),
                Err(_) => return TakenBack::No,
            }
        }
    }
}

/// Headers are aligned, so the lowest bit is free.
fn mark(raw: *mut Header) -> *mut Header {
    raw.map_addr(|addr| addr | 1)
}

/// Whether there is work, and nobody looks at it.
fn is_work(raw: *mut Header) -> bool {
    !raw.is_null() && raw.addr() & 1 == 0
}

const _: () = assert!(align_of::<Header>() > 1);
