//! The slots of a block: which of them are ready, and a value's way in and out.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `ready` | Release, Acquire | each other: the value is there |
//! | `next` | Acquire | the Release in `append_block`: the block is initialised, and `head` stays behind `tail` |

#![allow(unsafe_code, reason = "slots are written and read once; model: src/model/list.rs")]

use std::ptr::{self, NonNull};

use crate::backoff::Backoff;
use crate::prim::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};

use super::{Block, LAP};

/// What there is to know of a block.
pub(super) struct Head<T> {
    pub(super) next: AtomicPtr<Block<T>>,
    pub(super) taken: AtomicUsize,
    ready: [AtomicU8; LAP],
}

impl<T> Head<T> {
    pub(super) fn new() -> Self {
        Self {
            next: AtomicPtr::new(ptr::null_mut()),
            taken: AtomicUsize::new(0),
            ready: std::array::from_fn(|_| AtomicU8::new(0)),
        }
    }

    /// As if it were new; for whoever has the block alone.
    pub(super) fn clear(&self) {
        // Relaxed: who fills the block installs it with Release.
        self.next.store(ptr::null_mut(), Ordering::Relaxed);
        self.taken.store(0, Ordering::Relaxed);
        self.ready.iter().for_each(|ready| ready.store(0, Ordering::Relaxed));
    }

    #[inline]
    pub(super) fn is_ready(&self, offset: usize) -> bool {
        // Acquire: pairs with the Release in `put`.
        self.ready[offset].load(Ordering::Acquire) != 0
    }

    /// The block after this one, whose sender is about to link it.
    pub(super) fn wait_for_next(&self) -> NonNull<Block<T>> {
        let mut backoff = Backoff::new();
        loop {
            // Acquire: pairs with the Release in `append_block`: the block is initialised.
            if let Some(next) = NonNull::new(self.next.load(Ordering::Acquire)) {
                return next;
            }
            backoff.snooze();
        }
    }
}

/// Moves a value into a slot, for the receiver to take. The last access to the block.
///
/// # Safety
///
/// `tail` was moved past the slot of `block` by the caller.
#[inline]
pub(super) unsafe fn put<T>(block: NonNull<Block<T>>, offset: usize, value: T) {
    // SAFETY: who moves `tail` past a slot writes it, once.
    unsafe { Block::value(block, offset).with_mut(|place| (*place).write(value)) };
    // Release: pairs with the Acquire in `is_ready`.
    // SAFETY: not freed before the value was taken.
    unsafe { block.as_ref() }.ready[offset].store(1, Ordering::Release);
}

/// Moves the value out of a slot, waiting until its sender has written it.
///
/// # Safety
///
/// `head` was moved past the slot of `block` by the caller, and the block is alive.
#[inline]
pub(super) unsafe fn take<T>(block: NonNull<Block<T>>, offset: usize) -> T {
    let mut backoff = Backoff::new();
    // SAFETY: the caller says that the block is alive.
    while !unsafe { block.as_ref() }.is_ready(offset) {
        backoff.snooze();
    }
    // SAFETY: ready; the caller has moved `head` past it.
    unsafe { take_ready(block, offset) }
}

/// Moves the value out of a slot that is ready.
///
/// # Safety
///
/// The block is alive; the caller has seen that the slot is ready, and `head` is moved past it once, by
/// the caller.
#[inline]
pub(super) unsafe fn take_ready<T>(block: NonNull<Block<T>>, offset: usize) -> T {
    // SAFETY: ready, so the value is there; who moves `head` past a slot reads it, once.
    unsafe { Block::value(block, offset).with(|place| (*place).assume_init_read()) }
}
