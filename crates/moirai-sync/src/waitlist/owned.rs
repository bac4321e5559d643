//! A waiter that holds what its list lies in: for waits that are no future's and no stack's.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;

use crate::prim::Arc;

use super::{WaitList, Waiter};

/// A pointer that holds what it points to.
///
/// # Safety
///
/// That stays where it is as long as it is held, wherever the pointer goes, and nobody gets it exclusively.
pub(crate) unsafe trait Owner: Deref {}

// SAFETY: whoever has an `Arc` keeps others from having the value exclusively, and never asks for that.
unsafe impl<S> Owner for Arc<S> {}

/// A waiter in a list of what `owner` holds.
pub(crate) struct OwnedWaiter<O: Owner> {
    // In this order: it has left the list when the list may go.
    waiter: Waiter<'static>,
    _owner: O,
}

impl<O: Owner> OwnedWaiter<O> {
    /// A waiter that is not in the list yet.
    pub(crate) fn new(owner: O, list: fn(&O::Target) -> &WaitList) -> Pin<Box<Self>> {
        // SAFETY: the list lies in what `owner` holds, and stays there as long as that is held: nobody
        // gets it exclusively meanwhile. The waiter, which is all that uses the reference, is dropped
        // before `owner`, and lent for as long as this is borrowed.
        let list: &'static WaitList = unsafe { &*std::ptr::from_ref(list(&owner)) };
        Box::pin(Self { waiter: Waiter::new(list), _owner: owner })
    }

    pub(crate) fn waiter<'a>(self: Pin<&'a Self>) -> Pin<&'a Waiter<'a>> {
        // SAFETY: the waiter is pinned with the whole: nobody moves it out, and the drop is its own.
        unsafe { self.map_unchecked(|this| &this.waiter) }
    }

    /// Leaves the list; what it was told and did not use is told to the next one.
    pub(crate) fn rest(self: Pin<&Self>) {
        self.waiter().go_away();
    }
}

impl<O: Owner> fmt::Debug for OwnedWaiter<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWaiter").finish_non_exhaustive()
    }
}
