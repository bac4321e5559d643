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

/// Wakers that are collected under a lock and called after it; one of them costs no memory.
#[derive(Debug, Default)]
#[must_use = "those who were told must be woken"]
pub(crate) struct Wakers {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakers {
    /// Nobody.
    pub(crate) const fn new() -> Self {
        Self { first: None, more: Vec::new() }
    }

    /// One more, if there is one.
    pub(crate) fn extend(&mut self, waker: Option<Waker>) {
        match (&self.first, waker) {
            (None, waker) => self.first = waker,
            (Some(_), waker) => self.more.extend(waker),
        }
    }

    /// Wakes all of them.
    pub(crate) fn wake(self) {
        self.first.into_iter().chain(self.more).for_each(wake);
    }
}
