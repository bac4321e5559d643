//! Where a queue and two wait lists meet: what both handles do.
//!
//! Every operation is a try, and waiting is: try, register, **try again**, sleep. After a push one
//! waiting receiver is notified, after a pop one waiting sender; a waiter that got what it wanted
//! and sees more passes the word on. This file knows neither threads nor tasks.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::prim::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::queue::{Close, PopError, PushError, Queue};
use crate::waitlist::{Finished, WaitList, Waiter};

use super::error::{RecvError, SendError, TryRecvError, TrySendError};
use super::rendezvous::{OfferId, Offered, Rendezvous};
use super::timer::Timer;

#[derive(Debug)]
pub(crate) struct Shared<T> {
    flavour: Flavour<T>,
    pub(crate) receivers_waiting: WaitList,
    pub(crate) senders_waiting: WaitList,
    pub(crate) senders: AtomicUsize,
    pub(crate) receivers: AtomicUsize,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "the queue's fields lie where every message passes")]
enum Flavour<T> {
    Queue(Queue<T>),
    Rendezvous(Box<Rendezvous<T>>),
    /// Has no senders.
    Timer(Box<Timer<T>>),
    /// Neither has this one; it only knows whether it is closed.
    Never(AtomicBool),
}

/// A send that is waiting; dropping it takes its message back.
#[derive(Debug)]
pub(crate) struct Sending<'a, T> {
    shared: &'a Shared<T>,
    message: Option<T>,
    /// Where the message is, once it was left with a rendezvous channel.
    offer: Option<OfferId>,
}

impl<T> Shared<T> {
    pub(crate) fn queue(queue: Queue<T>) -> Self {
        Self::new(Flavour::Queue(queue))
    }

    pub(crate) fn rendezvous() -> Self {
        Self::new(Flavour::Rendezvous(Box::new(Rendezvous::new())))
    }

    pub(crate) fn timer(timer: Timer<T>) -> Self {
        Self::new(Flavour::Timer(Box::new(timer)))
    }

    pub(crate) fn never() -> Self {
        Self::new(Flavour::Never(AtomicBool::new(false)))
    }

    fn new(flavour: Flavour<T>) -> Self {
        Self {
            flavour,
            receivers_waiting: WaitList::new(),
            senders_waiting: WaitList::new(),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }

    #[inline]
    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let queue = match &self.flavour {
            Flavour::Queue(queue) => queue,
            Flavour::Rendezvous(rendezvous) => {
                return rendezvous.try_send(message, &self.receivers_waiting);
            }
            Flavour::Timer(_) | Flavour::Never(_) => {
                return Err(TrySendError::Disconnected(message));
            }
        };
        match queue.push(message) {
            Ok(()) => {
                self.receivers_waiting.notify_one_fenced();
                Ok(())
            }
            Err(PushError::Full(message)) => Err(TrySendError::Full(message)),
            Err(PushError::Closed(message)) => Err(TrySendError::Disconnected(message)),
        }
    }

    #[inline]
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let queue = match &self.flavour {
            Flavour::Queue(queue) => queue,
            Flavour::Rendezvous(rendezvous) => return rendezvous.try_recv(),
            Flavour::Timer(timer) => return timer.try_recv(),
            // Relaxed: nothing is read through it.
            Flavour::Never(closed) if closed.load(Ordering::Relaxed) => {
                return Err(TryRecvError::Disconnected);
            }
            Flavour::Never(_) => return Err(TryRecvError::Empty),
        };
        match queue.pop() {
            Ok(message) => {
                self.senders_waiting.notify_one_fenced();
                Ok(message)
            }
            Err(PopError::Empty) => Err(TryRecvError::Empty),
            Err(PopError::Closed) => Err(TryRecvError::Disconnected),
        }
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
            if result.is_pending() {
                self.before_receiver_sleeps();
            }
        }
        if result.is_ready() && waiter.finish() == Finished::Waited && self.has_message() {
            self.receivers_waiting().notify_one();
        }
        result
    }

    /// Tells whoever makes the message that somebody waits for it.
    pub(crate) fn before_receiver_sleeps(&self) {
        match &self.flavour {
            Flavour::Queue(_) | Flavour::Never(_) => {}
            // A select that waits to send finds a receiver now.
            Flavour::Rendezvous(_) => self.senders_waiting.notify_one(),
            Flavour::Timer(timer) => timer.set_alarm(),
        }
    }

    /// Whether a receive would find a message.
    pub(crate) fn has_message(&self) -> bool {
        match &self.flavour {
            Flavour::Queue(queue) => !queue.is_empty(),
            Flavour::Rendezvous(rendezvous) => rendezvous.has_message(),
            Flavour::Timer(timer) => timer.has_message(),
            Flavour::Never(_) => false,
        }
    }

    /// Who waits to receive.
    #[inline]
    pub(crate) fn receivers_waiting(&self) -> &WaitList {
        match &self.flavour {
            Flavour::Timer(timer) => timer.waiting(),
            _ => &self.receivers_waiting,
        }
    }

    pub(crate) fn is_rendezvous(&self) -> bool {
        matches!(self.flavour, Flavour::Rendezvous(_))
    }

    /// Whether this is the channel of [`never`](super::never), all of which count as one.
    pub(crate) fn is_never(&self) -> bool {
        matches!(self.flavour, Flavour::Never(_))
    }

    /// Forbids later sends and wakes everybody who waits.
    pub(crate) fn close(&self) -> Close {
        let closed = match &self.flavour {
            Flavour::Queue(queue) => queue.close(),
            Flavour::Rendezvous(rendezvous) => rendezvous.close(),
            Flavour::Timer(timer) => timer.close(),
            // Relaxed: the wait lists' fences order it.
            Flavour::Never(closed) => match closed.swap(true, Ordering::Relaxed) {
                true => Close::AlreadyClosed,
                false => Close::Closed,
            },
        };
        if closed == Close::Closed {
            self.senders_waiting.notify_all();
            self.receivers_waiting().notify_all();
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
        match &self.flavour {
            Flavour::Queue(queue) => while queue.pop().is_ok() {},
            Flavour::Rendezvous(rendezvous) => rendezvous.discard(),
            Flavour::Timer(_) | Flavour::Never(_) => {}
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        match &self.flavour {
            Flavour::Queue(queue) => queue.is_closed(),
            Flavour::Rendezvous(rendezvous) => rendezvous.is_closed(),
            Flavour::Timer(timer) => timer.is_closed(),
            Flavour::Never(closed) => closed.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.flavour {
            Flavour::Queue(queue) => queue.len(),
            Flavour::Timer(timer) => usize::from(timer.has_message()),
            Flavour::Rendezvous(_) | Flavour::Never(_) => 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.flavour {
            Flavour::Queue(queue) => queue.is_empty(),
            Flavour::Timer(timer) => !timer.has_message(),
            Flavour::Rendezvous(_) | Flavour::Never(_) => true,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        match &self.flavour {
            Flavour::Queue(queue) => queue.is_full(),
            Flavour::Timer(timer) => timer.has_message(),
            Flavour::Rendezvous(_) | Flavour::Never(_) => true,
        }
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        match &self.flavour {
            Flavour::Queue(queue) => queue.capacity(),
            Flavour::Timer(_) => Some(1),
            Flavour::Rendezvous(_) | Flavour::Never(_) => Some(0),
        }
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

impl<'a, T> Sending<'a, T> {
    pub(crate) fn new(shared: &'a Shared<T>, message: T) -> Self {
        Self { shared, message: Some(message), offer: None }
    }

    /// Sends the message. After it was ready, it is not to be polled again.
    pub(crate) fn poll(
        &mut self,
        waiter: Pin<&Waiter<'_>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        match &self.shared.flavour {
            Flavour::Queue(queue) => {
                let mut result = self.attempt();
                if result.is_pending() {
                    waiter.register(cx.waker());
                    result = self.attempt();
                }
                if result.is_ready() && waiter.finish() == Finished::Waited && !queue.is_full() {
                    self.shared.senders_waiting.notify_one();
                }
                result
            }
            Flavour::Rendezvous(rendezvous) => self.poll_offer(rendezvous, cx),
            Flavour::Timer(_) | Flavour::Never(_) => self.attempt(),
        }
    }

    fn attempt(&mut self) -> Poll<Result<(), SendError<T>>> {
        let Some(message) = self.message.take() else {
            unreachable!("polled after the message was sent")
        };
        match self.shared.try_send(message) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(TrySendError::Disconnected(message)) => Poll::Ready(Err(SendError(message))),
            Err(TrySendError::Full(message)) => {
                self.message = Some(message);
                Poll::Pending
            }
        }
    }

    fn poll_offer(
        &mut self,
        rendezvous: &Rendezvous<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        if let Some(message) = self.message.take() {
            return match rendezvous.offer(message, cx.waker(), &self.shared.receivers_waiting) {
                Offered::Delivered => Poll::Ready(Ok(())),
                Offered::Closed(message) => Poll::Ready(Err(SendError(message))),
                Offered::Waiting(id) => {
                    self.offer = Some(id);
                    Poll::Pending
                }
            };
        }
        let Some(id) = self.offer else { unreachable!("polled after the message was sent") };
        let result = rendezvous.poll_offer(id, cx.waker()).map_err(SendError);
        if result.is_ready() {
            self.offer = None;
        }
        result
    }

    /// Gives up; `None` if the message has been received meanwhile.
    pub(crate) fn take_back(&mut self) -> Option<T> {
        match (&self.shared.flavour, self.offer.take()) {
            (Flavour::Rendezvous(rendezvous), Some(id)) => rendezvous.withdraw(id),
            _ => self.message.take(),
        }
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        drop(self.take_back());
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
