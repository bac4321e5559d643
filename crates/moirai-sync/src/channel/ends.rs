//! How a channel ends: by a close, or when the last handle of a side goes.

use std::mem::ManuallyDrop;

use crate::prim::atomic::Ordering;
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
            self.receiver_seat.call_if_taken();
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
