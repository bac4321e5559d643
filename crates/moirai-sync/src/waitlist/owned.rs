//! A waiter that holds what its list lies in: for waits that are no future's and no stack's.

use std::fmt;
use std::pin::Pin;

use crate::prim::Arc;

use super::{WaitList, Waiter};

/// A waiter in a list of what `owner` holds.
pub(crate) struct OwnedWaiter<S> {
    // In this order: it has left the list when the list may go.
    waiter: Waiter<'static>,
    _owner: Arc<S>,
}

impl<S> OwnedWaiter<S> {
    /// A waiter that is not in the list yet.
    pub(crate) fn new(owner: Arc<S>, list: fn(&S) -> &WaitList) -> Pin<Box<Self>> {
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

impl<S> fmt::Debug for OwnedWaiter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWaiter").finish_non_exhaustive()
    }
}
