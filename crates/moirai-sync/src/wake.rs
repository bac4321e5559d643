//! Calling a waker that somebody else wrote.

use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Wakes; a panic of the waker's, which the panic hook has reported, ends here. Whoever wakes has
/// others to wake after it, or is a thread that others rely on.
pub(crate) fn wake(waker: Waker) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        // A payload whose drop panics as well is leaked.
        let second = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        let _leaked = ManuallyDrop::new(second);
    }
}
