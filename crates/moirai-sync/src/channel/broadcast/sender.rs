//! The sending handle of a broadcast channel.

use std::fmt;
use std::future::poll_fn;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::coop;
use crate::prim::Arc;
use crate::prim::atomic::Ordering;
use crate::queue::PushError;
use crate::queue::log::{Log, Overflow, Room, Start};
use crate::spin::{Prospect, spin};
use crate::strand;
use crate::waitlist::{Finished, Waiter};

use super::{BroadcastReceiver, Shared};
use crate::channel::error::{SendError, SendTimeoutError, TrySendError};
use crate::channel::hold::{self, Last, Revived};

/// The sending side of a broadcast channel; clones send into the same channel.
#[must_use = "dropping the last sender closes the channel"]
pub struct Broadcaster<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Broadcaster<T> {
    /// The handle that is counted already.
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Sends `message` to every receiver, waiting while there is no room, if the channel is one of
    /// [`Overflow::Block`]. Says how many receivers there are, or 0 if it was left out
    /// ([`Overflow::DropNewest`]).
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if there is no receiver, or the channel is closed, also while
    /// waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = moirai_sync::channel::broadcast::channel(8);
    /// let mut other = receiver.clone();
    /// assert_eq!(sender.send("all"), Ok(2));
    /// assert_eq!((receiver.recv(), other.recv()), (Ok("all"), Ok("all")));
    /// drop((receiver, other));
    /// assert_eq!(sender.send("nobody").unwrap_err().into_inner(), "nobody");
    /// ```
    pub fn send(&self, message: T) -> Result<usize, SendError<T>> {
        self.send_until(message, None).map_err(|error| SendError(error.into_inner()))
    }

    /// Sends `message` to every receiver if there is room now; says how many they are.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] returns `message` if a receiver is in the way, unless the channel is one of
    /// [`Overflow::Lag`]; and if there is no receiver, or the channel is closed.
    pub fn try_send(&self, message: T) -> Result<usize, TrySendError<T>> {
        match self.shared.log.push(message) {
            Ok(pushed) => {
                self.shared.receivers_waiting.notify_all_fenced();
                // The message that was replaced is dropped here, outside of all locks.
                Ok(pushed.readers)
            }
            Err(PushError::Full(message)) => Err(TrySendError::Full(message)),
            Err(PushError::Closed(message)) => Err(TrySendError::Disconnected(message)),
        }
    }

    /// As [`send`](Self::send), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] returns `message` if there was no room in time, there is no receiver, or
    /// the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::SendTimeoutError;
    /// use moirai_sync::channel::broadcast::{BroadcastChannel, Overflow};
    ///
    /// let (sender, _receiver) = BroadcastChannel::with_overflow(1, Overflow::Block);
    /// assert_eq!(sender.send(1), Ok(1));
    /// let result = sender.send_timeout(2, Duration::from_millis(1));
    /// assert_eq!(result, Err(SendTimeoutError::Timeout(2)));
    /// ```
    pub fn send_timeout(
        &self,
        message: T,
        timeout: Duration,
    ) -> Result<usize, SendTimeoutError<T>> {
        // A deadline beyond what an Instant can hold is none.
        self.send_until(message, Instant::now().checked_add(timeout))
    }

    /// As [`send`](Self::send), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_deadline(
        &self,
        message: T,
        deadline: Instant,
    ) -> Result<usize, SendTimeoutError<T>> {
        self.send_until(message, Some(deadline))
    }

    /// As [`send`](Self::send), suspending the async task.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes drops `message` unsent and passes its turn to the next
    /// waiting sender.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{channel::broadcast, strand};
    ///
    /// let (sender, mut receiver) = broadcast::channel(1);
    /// assert_eq!(strand::block_on(sender.send_async(7)), Ok(1));
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    pub async fn send_async(&self, message: T) -> Result<usize, SendError<T>> {
        coop::consume_budget().await;
        let mut message = Some(message);
        let waiter = pin!(Waiter::new(&self.shared.senders_waiting));
        poll_fn(|cx| self.poll_send(waiter.as_ref(), &mut message, cx)).await
    }

    fn send_until(
        &self,
        message: T,
        deadline: Option<Instant>,
    ) -> Result<usize, SendTimeoutError<T>> {
        let mut message = match self.try_send(message) {
            Ok(readers) => return Ok(readers),
            Err(TrySendError::Disconnected(message)) => {
                return Err(SendTimeoutError::Disconnected(message));
            }
            Err(TrySendError::Full(message)) => Some(message),
        };
        let spun = spin(Prospect::Near, deadline, || self.attempt(&mut message));
        let sent = spun.or_else(|| {
            let waiter = pin!(Waiter::blocked(&self.shared.senders_waiting));
            strand::wait(deadline, |cx| self.poll_send(waiter.as_ref(), &mut message, cx))
        });
        match (sent, message) {
            (Some(result), _) => Ok(result?),
            (None, Some(message)) => Err(SendTimeoutError::Timeout(message)),
            (None, None) => unreachable!("a pending send keeps its message"),
        }
    }

    fn poll_send(
        &self,
        waiter: Pin<&Waiter<'_>>,
        message: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, SendError<T>>> {
        let mut result = self.attempt(message);
        if result.is_pending() {
            waiter.register(cx.waker());
            result = self.attempt(message);
        }
        // Who has waited, and leaves room, passes the word on.
        if result.is_ready()
            && waiter.finish() == Finished::Waited
            && self.shared.log.room() == Room::Some
        {
            self.shared.senders_waiting.notify_one();
        }
        result
    }

    /// Sends what is in `message`; takes it out unless the result is pending.
    fn attempt(&self, message: &mut Option<T>) -> Poll<Result<usize, SendError<T>>> {
        let Some(taken) = message.take() else { unreachable!("polled after the message was sent") };
        match self.try_send(taken) {
            Ok(readers) => Poll::Ready(Ok(readers)),
            Err(TrySendError::Disconnected(message)) => Poll::Ready(Err(SendError(message))),
            Err(TrySendError::Full(_)) if self.shared.log.overflow() == Overflow::DropNewest => {
                Poll::Ready(Ok(0))
            }
            Err(TrySendError::Full(back)) => {
                *message = Some(back);
                Poll::Pending
            }
        }
    }

    /// A new receiver, which first gets what the channel still holds: the last messages, as many as its
    /// capacity says, whoever has received them.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = moirai_sync::channel::broadcast::channel(2);
    /// (1..=3).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
    /// assert_eq!(sender.subscribe().try_iter().collect::<Vec<_>>(), [2, 3]);
    /// assert_eq!(sender.subscribe_at_tail().try_iter().count(), 0);
    /// ```
    pub fn subscribe(&self) -> BroadcastReceiver<T> {
        let reader = Log::join(&self.shared.log, Start::Oldest);
        BroadcastReceiver::new(Arc::clone(&self.shared), reader)
    }

    /// A new receiver, which gets what is sent from now on.
    pub fn subscribe_at_tail(&self) -> BroadcastReceiver<T> {
        let reader = Log::join(&self.shared.log, Start::Tail);
        BroadcastReceiver::new(Arc::clone(&self.shared), reader)
    }

    /// Closes the channel for everybody: no later send succeeds; what is there can be received. Says
    /// whether this call closed it.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// Whether the channel is closed. It is not because no receiver is left: others may follow.
    pub fn is_closed(&self) -> bool {
        self.shared.log.is_closed()
    }

    /// How many messages a new receiver would get at once.
    pub fn len(&self) -> usize {
        self.shared.log.len() as usize
    }

    /// Whether nothing was ever sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages the channel holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.log.capacity() as usize
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.log.readers()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.senders.load(Ordering::Relaxed) as usize
    }

    /// Whether both handles belong to one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// A handle that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = moirai_sync::channel::broadcast::channel::<u8>(1);
    /// let weak = sender.downgrade();
    /// assert_eq!(weak.upgrade().unwrap().send(1), Ok(1));
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakBroadcaster<T> {
        WeakBroadcaster { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Clone for Broadcaster<T> {
    fn clone(&self) -> Self {
        hold::add(&self.shared.senders);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Broadcaster<T> {
    fn drop(&mut self) {
        if hold::remove(&self.shared.senders) == Last::Yes {
            self.shared.close();
        }
    }
}

/// A sender that does not keep the channel open; from [`Broadcaster::downgrade`].
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::broadcast::BroadcastChannel;
///
/// let (sender, mut receiver) = BroadcastChannel::with_capacity(4);
/// let weak = sender.downgrade();
/// weak.upgrade().unwrap().send(1).unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
pub struct WeakBroadcaster<T> {
    shared: Arc<Shared<T>>,
}

impl<T> WeakBroadcaster<T> {
    /// A sender of the same channel, unless all senders are gone.
    pub fn upgrade(&self) -> Option<Broadcaster<T>> {
        match hold::revive(&self.shared.senders) {
            Revived::Yes => Some(Broadcaster { shared: Arc::clone(&self.shared) }),
            Revived::No => None,
        }
    }
}

impl<T> Clone for WeakBroadcaster<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

// A panic elsewhere leaves no channel half changed.
impl<T> UnwindSafe for Broadcaster<T> {}
impl<T> RefUnwindSafe for Broadcaster<T> {}
impl<T> UnwindSafe for WeakBroadcaster<T> {}
impl<T> RefUnwindSafe for WeakBroadcaster<T> {}

impl<T> fmt::Debug for Broadcaster<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcaster")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("receivers", &self.receiver_count())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<T> fmt::Debug for WeakBroadcaster<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakBroadcaster").finish_non_exhaustive()
    }
}
