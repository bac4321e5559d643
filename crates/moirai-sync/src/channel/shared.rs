//! Where a queue and two wait lists meet: what both handles do.
//!
//! Every operation is a try, and waiting is: try, register, **try again**, sleep. After a push one
//! waiting receiver is notified, after a pop one waiting sender; a waiter that got what it wanted
//! and sees more passes the word on. This file knows neither threads nor tasks.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::queue::ring::{Close, PopError, PushError, Ring};
use crate::waitlist::{Finished, WaitList, Waiter};

use super::error::{RecvError, SendError, TryRecvError, TrySendError};

#[derive(Debug)]
pub(crate) struct Shared<T> {
    ring: Ring<T>,
    pub(crate) receivers_waiting: WaitList,
    pub(crate) senders_waiting: WaitList,
    pub(crate) senders: AtomicUsize,
    pub(crate) receivers: AtomicUsize,
}

impl<T> Shared<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            ring: Ring::new(capacity),
            receivers_waiting: WaitList::new(),
            senders_waiting: WaitList::new(),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }

    #[inline]
    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.ring.push(message) {
            Ok(()) => {
                self.receivers_waiting.notify_one();
                Ok(())
            }
            Err(PushError::Full(message)) => Err(TrySendError::Full(message)),
            Err(PushError::Closed(message)) => Err(TrySendError::Disconnected(message)),
        }
    }

    #[inline]
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.ring.pop() {
            Ok(message) => {
                self.senders_waiting.notify_one();
                Ok(message)
            }
            Err(PopError::Empty) => Err(TryRecvError::Empty),
            Err(PopError::Closed) => Err(TryRecvError::Disconnected),
        }
    }

    /// Sends what is in `message`; takes it out unless the result is pending.
    ///
    /// # Panics
    ///
    /// If `message` is empty: it was sent before.
    pub(crate) fn poll_send(
        &self,
        waiter: Pin<&Waiter<'_>>,
        cx: &mut Context<'_>,
        message: &mut Option<T>,
    ) -> Poll<Result<(), SendError<T>>> {
        let mut attempt = || {
            let taken = message.take().expect("polled after the message was sent");
            match self.try_send(taken) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(TrySendError::Disconnected(taken)) => Poll::Ready(Err(SendError(taken))),
                Err(TrySendError::Full(taken)) => {
                    *message = Some(taken);
                    Poll::Pending
                }
            }
        };
        let mut result = attempt();
        if result.is_pending() {
            waiter.register(cx.waker());
            result = attempt();
        }
        if result.is_ready() && waiter.finish() == Finished::Waited && !self.ring.is_full() {
            self.senders_waiting.notify_one();
        }
        result
    }

    pub(crate) fn poll_recv(
        &self,
        waiter: Pin<&Waiter<'_>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, RecvError>> {
        let attempt = || match self.try_recv() {
            Ok(message) => Poll::Ready(Ok(message)),
            Err(TryRecvError::Disconnected) => Poll::Ready(Err(RecvError)),
            Err(TryRecvError::Empty) => Poll::Pending,
        };
        let mut result = attempt();
        if result.is_pending() {
            waiter.register(cx.waker());
            result = attempt();
        }
        if result.is_ready() && waiter.finish() == Finished::Waited && !self.ring.is_empty() {
            self.receivers_waiting.notify_one();
        }
        result
    }

    /// Forbids later sends and wakes everybody who waits.
    pub(crate) fn close(&self) -> Close {
        let closed = self.ring.close();
        if closed == Close::Closed {
            self.senders_waiting.notify_all();
            self.receivers_waiting.notify_all();
        }
        closed
    }

    /// The last sender is gone.
    #[cold]
    pub(crate) fn senders_gone(&self) {
        let _: Close = self.close();
    }

    /// The last receiver is gone: nobody can receive what is queued.
    #[cold]
    pub(crate) fn receivers_gone(&self) {
        let _: Close = self.close();
        while self.ring.pop().is_ok() {}
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.ring.is_full()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    /// Counts one more handle of a side.
    ///
    /// # Panics
    ///
    /// Aborts the process at [`HANDLES_MAX`], before the count could overflow.
    pub(crate) fn add_handle(side: &AtomicUsize) {
        // Relaxed: the new handle is made from an existing one.
        if side.fetch_add(1, Ordering::Relaxed) >= HANDLES_MAX {
            std::process::abort();
        }
    }

    /// Counts one handle less; says whether it was the last.
    pub(crate) fn remove_handle(side: &AtomicUsize) -> LastHandle {
        // AcqRel: what was done through any handle comes before the close by the last one.
        match side.fetch_sub(1, Ordering::AcqRel) {
            1 => LastHandle::Yes,
            _ => LastHandle::No,
        }
    }
}

/// Whether a side of the channel is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum LastHandle {
    Yes,
    No,
}

/// More handles than this can only be a leak of handles.
const HANDLES_MAX: usize = usize::MAX / 2;
