//! How a channel ends: by a close, or when the last handle of a side goes.

use std::mem::ManuallyDrop;

use crate::prim::atomic::{AtomicU32, Ordering};
use crate::prim::fence_after_rmw;
use crate::queue::{Close, Key};

use super::shared::{Flavour, Shared};

impl<T> Shared<T> {
    /// Forbids later sends and wakes everybody who waits.
    pub(super) fn close(&self) -> Close {
        let closed = match &self.flavour {
            Flavour::Queue => self.queue.close(|| self.receivers_waiting.fence()),
            Flavour::Rendezvous(rendezvous) => rendezvous.close(),
            Flavour::Timer(timer) => timer.close(),
            // SeqCst: as the queues' own.
            Flavour::Never(closed) => match closed.swap(true, Ordering::SeqCst) {
                true => Close::AlreadyClosed,
                false => Close::Closed,
            },
        };
        fence_after_rmw();
        if closed == Close::Closed {
            self.senders_waiting.notify_all_fenced();
            self.receiver_seat.call();
            self.receivers_waiting().notify_all_fenced();
        }
        closed
    }

    /// The last sender is gone.
    #[cold]
    pub(super) fn senders_gone(&self) {
        let _: Close = self.close();
    }

    /// The last of many receivers is gone: nobody can receive what is queued.
    #[cold]
    pub(super) fn receivers_gone(&self) {
        if !self.is_closed() {
            let _: Close = self.close();
        }
        match &self.flavour {
            Flavour::Queue if self.queue.is_empty() => {}
            Flavour::Queue => discard(|| self.queue.pop().inspect(|_| self.count_evicted())),
            Flavour::Rendezvous(rendezvous) => rendezvous.discard(),
            Flavour::Timer(_) | Flavour::Never(_) => {}
        }
    }

    /// The only receiver is gone.
    #[cold]
    pub(super) fn receiver_gone(&self, key: &mut Key) {
        self.receiver_seat.rise();
        let _: Close = self.close();
        if !self.queue.is_empty() {
            discard(|| self.queue.pop_sole(key).ok());
        }
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        match &self.flavour {
            Flavour::Queue => self.queue.is_closed(),
            Flavour::Rendezvous(rendezvous) => rendezvous.is_closed(),
            Flavour::Timer(timer) => timer.is_closed(),
            Flavour::Never(closed) => closed.load(Ordering::Relaxed),
        }
    }

    /// Counts one more handle of a side.
    ///
    /// # Panics
    ///
    /// Aborts the process at [`HANDLES_MAX`], before the count could overflow.
    pub(super) fn add_handle(side: &AtomicU32) {
        // Relaxed: the new handle is made from an existing one.
        if side.fetch_add(1, Ordering::Relaxed) >= HANDLES_MAX {
            std::process::abort();
        }
    }

    /// Counts one more handle of a side, unless all of them are gone.
    pub(super) fn revive_handle(side: &AtomicU32) -> Revived {
        // Relaxed: as in `add_handle`, where there is one.
        let raised = side.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| match count {
            0 => None,
            HANDLES_MAX.. => std::process::abort(),
            count => Some(count + 1),
        });
        if raised.is_ok() { Revived::Yes } else { Revived::No }
    }

    /// Counts one handle less; says whether it was the last.
    pub(super) fn remove_handle(side: &AtomicU32) -> LastHandle {
        // AcqRel: what was done through any handle comes before the close by the last one.
        match side.fetch_sub(1, Ordering::AcqRel) {
            1 => LastHandle::Yes,
            _ => LastHandle::No,
        }
    }

    /// [`remove_handle`](Self::remove_handle) of a side without weak handles, where nobody can make a
    /// handle but from another: so the only one needs no read-modify-write to know that it is.
    #[inline]
    pub(super) fn remove_strong_handle(side: &AtomicU32) -> LastHandle {
        // Acquire: pairs with the Release of those that went before, as in `remove_handle`.
        if side.load(Ordering::Acquire) != 1 {
            return Self::remove_handle(side);
        }
        // Relaxed: nobody is left who counts; others only ask.
        side.store(0, Ordering::Relaxed);
        LastHandle::Yes
    }
}

/// Whether a side of the channel is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum LastHandle {
    Yes,
    No,
}

/// Whether a side of the channel was still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Revived {
    Yes,
    No,
}

/// Drops what is in a queue. If a message panics in its drop, those behind it are leaked: a second
/// panic would end the process.
fn discard<T>(mut pop: impl FnMut() -> Option<T>) {
    struct LeakTheRest<T, F: FnMut() -> Option<T>>(F);
    impl<T, F: FnMut() -> Option<T>> Drop for LeakTheRest<T, F> {
        fn drop(&mut self) {
            while let Some(message) = (self.0)() {
                let _leaked = ManuallyDrop::new(message);
            }
        }
    }
    // The queue is empty when the guard goes, unless a drop has panicked.
    let guard = LeakTheRest(&mut pop);
    while let Some(message) = (guard.0)() {
        drop(message);
    }
}

/// More handles than this can only be a leak of handles.
const HANDLES_MAX: u32 = u32::MAX / 2;
