//! How much of the calling thread's stack is left.

#![allow(unsafe_code, reason = "asks the system; it has one caller and no states to model")]

use std::ptr;

/// The lowest address that the calling thread's stack may come to, if the system tells.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
pub(crate) fn floor() -> Option<usize> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut bytes) = (ptr::null_mut(), 0);
    // SAFETY: the calling thread exists, and the places are there; the attributes are initialised if
    // the first call succeeds, and destroyed once.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let told = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut bytes);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        (told == 0).then(|| low.addr())
    }
}

/// Nobody knows how to ask.
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
pub(crate) fn floor() -> Option<usize> {
    None
}

/// How many bytes are left above `floor`.
pub(crate) fn left(floor: usize) -> usize {
    let here = 0_u8;
    ptr::from_ref(&here).addr().saturating_sub(floor)
}
