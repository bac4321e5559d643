//! The lines of large values, which are most of what such a message costs.
//!
//! Where the receiver has only read a value, its lines are in both caches, and the sender's next write to
//! each must take it from the receiver's. A receiver that has caught up, and would wait now, can write to
//! the lines of the place first that it gives back; then they are in its caches alone. Whether that helps is
//! for the processor to say. Messages of 64 KiB, filled on one core and added up on another, in a ring of 8:
//!
//! | processor | reads only | writes too |
//! |---|---|---|
//! | AMD EPYC | 1 | 0.5 |
//! | Intel Xeon (Sapphire Rapids) | 1 | 1.08 |
//!
//! It is the lines that cost, not how many places they are of: one or two in turn were no quicker than 8.

#![allow(unsafe_code, reason = "writes to a place without a value")]

use std::mem::MaybeUninit;

/// The size of a value whose lines are worth a thought. For one of 1 KiB they make no difference.
const LARGE_BYTES: usize = 4096;

/// Of a line in the caches, or less.
const LINE_BYTES: usize = 64;

/// Whether a value has so many lines that they matter.
pub(super) const fn are_many<T>() -> bool {
    size_of::<T>() >= LARGE_BYTES
}

/// Whether the sender gets the lines back sooner from a receiver that has written to them.
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) fn are_dear() -> bool {
    // The name of the vendor is in these three, in this order.
    let vendor = std::arch::x86_64::__cpuid(0);
    [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD"
}

/// As far as was measured, not; Miri has no lines, and should see the writes.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(super) fn are_dear() -> bool {
    cfg!(miri)
}

/// Writes to each line of a slot, so that they are in the caches of this core alone.
///
/// # Safety
///
/// The slot is the caller's and holds no value.
pub(super) unsafe fn take<T>(slot: *mut MaybeUninit<T>) {
    for offset in (0..size_of::<T>()).step_by(LINE_BYTES) {
        // SAFETY: within the slot, where any bytes may lie.
        unsafe { slot.cast::<u8>().add(offset).write(0) };
    }
}
