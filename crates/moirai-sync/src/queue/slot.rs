//! Places of a ring for one and one, lent to its sender or its receiver. Has no atomics: a place is handed
//! over by the ring's `Pair`, where the orderings are.

#![allow(
    unsafe_code,
    reason = "a slot is its borrower's until it is given back; model: src/model/spsc.rs"
)]

use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::{Deref, DerefMut};

use super::PushError;
use super::spsc::Spsc;

/// A pointer to a slot that is borrowed as by a `&mut`. A reference in an argument is exclusive until its
/// function returns, but the slot is given back before that, and its next user may run inside.
pub(super) struct Lent<'a, T> {
    place: *mut T,
    _borrow: PhantomData<&'a mut T>,
}

// SAFETY: as a `&mut T`: nobody else uses the slot meanwhile.
unsafe impl<T: Send> Send for Lent<'_, T> {}
// SAFETY: a shared one gives out `&T` only.
unsafe impl<T: Sync> Sync for Lent<'_, T> {}

impl<T> Lent<'_, T> {
    pub(super) fn new(place: *mut T) -> Self {
        Self { place, _borrow: PhantomData }
    }
}

/// A slot that its sender has not filled yet. Dropping it changes nothing.
pub(crate) struct FreeSlot<'a, T> {
    pub(super) ring: &'a Spsc<T>,
    pub(super) slot: Lent<'a, MaybeUninit<T>>,
}

impl<T> FreeSlot<'_, T> {
    /// Hands `value` to the receiver; gives it back if the ring was closed.
    pub(crate) fn write(self, value: T) -> Result<(), T> {
        // SAFETY: the slot is the sender's.
        unsafe { (*self.slot.place).write(value) };
        // SAFETY: the slot was borrowed by the only sender, and just filled.
        if unsafe { self.ring.publish_slot() }.is_ok() {
            return Ok(());
        }
        // SAFETY: not published, so the value is still the sender's.
        Err(unsafe { (*self.slot.place).assume_init_read() })
    }
}

impl<T: Copy> FreeSlot<'_, T> {
    /// Hands a copy of `value` to the receiver, made in the slot.
    pub(crate) fn copy(self, value: &T) -> Result<(), PushError<()>> {
        // SAFETY: one value each; the slot is borrowed exclusively, so it is not where `value` is.
        unsafe { self.slot.place.cast::<T>().copy_from_nonoverlapping(value, 1) };
        // SAFETY: the slot was borrowed by the only sender, and just filled.
        unsafe { self.ring.publish_slot() }
    }
}

impl<U: Copy, const N: usize> FreeSlot<'_, [U; N]> {
    /// Hands an array to the receiver that is made in the slot, element by element.
    pub(crate) fn fill(self, mut element: impl FnMut(usize) -> U) -> Result<(), PushError<()>> {
        let first = self.slot.place.cast::<U>();
        for i in 0..N {
            // SAFETY: `i` is within the array. What a panic leaves behind needs no drop.
            unsafe { first.add(i).write(element(i)) };
        }
        // SAFETY: the slot was borrowed by the only sender, and just filled.
        unsafe { self.ring.publish_slot() }
    }
}

impl<T> fmt::Debug for FreeSlot<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreeSlot").finish_non_exhaustive()
    }
}

/// A value in its slot. Dropping it drops the value and frees the slot; a forgotten one leaves the
/// value to the next receive.
pub(crate) struct FilledSlot<'a, T> {
    pub(super) ring: &'a Spsc<T>,
    pub(super) slot: Lent<'a, T>,
}

impl<T> FilledSlot<'_, T> {
    /// Leaves the value where it is.
    pub(crate) fn keep(self) {
        let _leaked = ManuallyDrop::new(self);
    }

    /// Moves the value out and frees the slot.
    pub(crate) fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the slot is the receiver's, whose drop does not run any more.
        let value = unsafe { this.slot.place.read() };
        // SAFETY: the value was moved out.
        unsafe { this.ring.release_slot() };
        value
    }
}

impl<T> Deref for FilledSlot<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the slot is the receiver's, and there is a value in it until this is gone.
        unsafe { &*self.slot.place }
    }
}

impl<T> DerefMut for FilledSlot<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.slot.place }
    }
}

impl<T> Drop for FilledSlot<'_, T> {
    fn drop(&mut self) {
        /// Frees the slot also if the value's drop panics: it is not dropped twice.
        struct Release<'a, T>(&'a Spsc<T>);

        impl<T> Drop for Release<'_, T> {
            fn drop(&mut self) {
                // SAFETY: the value was dropped, or its drop has panicked.
                unsafe { self.0.release_slot() };
            }
        }

        let _release = Release(self.ring);
        // SAFETY: the receiver's value, which nobody uses after this.
        unsafe { std::ptr::drop_in_place(self.slot.place) };
    }
}
