//! The sending handle.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::prim::atomic::Ordering;
use crate::queue::Quick;
use crate::queue::front::Front;
use crate::waitlist::{Asker, Own, Ticket, WaitList};

use super::error::{SendError, SendTimeoutError, TrySendError};
use super::extras::by;
use super::handle::tells_of_its_channel;
use super::hold::{Handle, Hold, Senders};
use super::operation::operation;
use super::sending::{Permit, Sending};
use super::shared::{Shared, Side};

/// The sending side of a channel; clones send into the same channel.
#[must_use = "dropping the last sender closes the channel"]
pub struct Sender<T> {
    shared: Handle<T, Senders>,
}

impl<T> Sender<T> {
    /// The first of its channel.
    #[inline]
    pub(super) fn first(hold: Hold<T>) -> Self {
        Self { shared: Handle::first(hold) }
    }

    pub(super) fn shared(&self) -> &Shared<T> {
        &self.shared
    }

    /// Sends `message`, waiting while the channel is full.
    ///
    /// Waiting senders are served first come, first served.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if the channel is closed, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::bounded(1);
    /// sender.send("chunk").unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send("chunk").unwrap_err().into_inner(), "chunk");
    /// ```
    #[inline]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        match self.shared.send_quickly(message) {
            Quick::Done => Ok(()),
            Quick::Lost(message) => self.send_after_loss(message),
            Quick::No(message) => self.send_slowly(message),
        }
    }

    #[cold]
    #[inline(never)]
    fn send_after_loss(&self, message: T) -> Result<(), SendError<T>> {
        self.shared.queue.stand_back();
        self.send_slowly(message)
    }

    #[cold]
    #[inline(never)]
    fn send_slowly(&self, message: T) -> Result<(), SendError<T>> {
        self.send_later(message, None).map_err(|error| SendError(error.into_inner()))
    }

    /// Sends `message` if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] returns `message` if the channel is full or closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, TrySendError};
    ///
    /// let (sender, _receiver) = channel::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.shared.try_send(message)
    }

    /// Sends `message`, waiting at most `timeout` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] returns `message` if the channel stayed full or is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::{self, SendTimeoutError};
    ///
    /// let (sender, _receiver) = channel::bounded(1);
    /// sender.send(1).unwrap();
    /// let result = sender.send_timeout(2, Duration::from_millis(1));
    /// assert_eq!(result, Err(SendTimeoutError::Timeout(2)));
    /// ```
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        // A deadline beyond what an Instant can hold is none.
        self.send_until(message, Instant::now().checked_add(timeout))
    }

    /// Sends `message`, waiting until `deadline` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] returns `message` if the channel stayed full or is closed.
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, Some(deadline))
    }

    /// Sends `message`, suspending the async task while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if the channel is closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes drops `message` unsent and passes its turn to the
    /// next waiting sender. (In a rendezvous channel a receiver may have taken it just before.) To
    /// keep the message, use [`reserve_async`](Self::reserve_async).
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{channel, strand};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// strand::block_on(async { sender.send_async(7).await }).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    #[inline]
    pub fn send_async(&self, message: T) -> impl Future<Output = Result<(), SendError<T>>> {
        let now = |(shared, message): &mut (&Shared<T>, Option<T>)| {
            let sent = shared.send_now(message.take()?);
            sent.map_err(|back| *message = Some(back)).ok().map(Ok)
        };
        let later = |(shared, message)| Sending::unsent(shared, message).suspend();
        operation((&*self.shared, Some(message)), now, later)
    }

    pub(super) fn send_until(
        &self,
        message: T,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        self.shared.send_now(message).or_else(|message| self.send_later(message, deadline))
    }

    #[cold]
    #[inline(never)]
    fn send_later(&self, message: T, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>> {
        match self.shared.begin_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(message)) => {
                Err(SendTimeoutError::Disconnected(message))
            }
            Err(TrySendError::Full(message)) => Sending::new(&self.shared, message).wait(deadline),
        }
    }

    /// Keeps a place for one message, waiting while there is none.
    ///
    /// What is expensive to make, or must not be lost, is made once there is a place for it. A bounded
    /// channel keeps 65,535 places at once at most (255 where a pointer has 32 bits): for one more it
    /// counts as full, whatever its capacity.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::bounded(1);
    /// let permit = sender.reserve().unwrap();
    /// permit.send("made when there was a place");
    /// assert!(receiver.try_recv().is_ok());
    /// ```
    pub fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        match self.shared.wait(Side::Senders, None, |_| self.attempt_reserve()) {
            Some(result) => result,
            None => unreachable!("a wait without a deadline ended without a result"),
        }
    }

    /// Keeps a place for one message, waiting at most `timeout` while there is none.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] if there was none in time, or the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::{self, SendTimeoutError};
    ///
    /// let (sender, _receiver) = channel::bounded(1);
    /// let permit = sender.reserve_timeout(Duration::ZERO).unwrap();
    /// let second = sender.reserve_timeout(Duration::from_millis(1));
    /// assert_eq!(second.unwrap_err(), SendTimeoutError::Timeout(()));
    /// permit.send(1);
    /// ```
    pub fn reserve_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Permit<'_, T>, SendTimeoutError<()>> {
        // A deadline beyond what an Instant can hold is none.
        self.reserve_until(Instant::now().checked_add(timeout))
    }

    /// Keeps a place for one message, waiting until `deadline` while there is none.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] if there was none in time, or the channel is closed.
    pub fn reserve_deadline(
        &self,
        deadline: Instant,
    ) -> Result<Permit<'_, T>, SendTimeoutError<()>> {
        self.reserve_until(Some(deadline))
    }

    fn reserve_until(
        &self,
        deadline: Option<Instant>,
    ) -> Result<Permit<'_, T>, SendTimeoutError<()>> {
        let reserved = self.shared.wait(Side::Senders, deadline, |_| self.attempt_reserve());
        Ok(reserved.ok_or(SendTimeoutError::Timeout(()))??)
    }

    /// Keeps a place for one message if there is one now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if the channel is full or closed.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        Permit::try_new(&self.shared)
    }

    /// Keeps a place for one message, suspending the async task while there is none.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future passes its turn to the next waiting sender; nothing is lost, for the
    /// message is still the caller's.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{channel, strand};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// strand::block_on(async { sender.reserve_async().await.map(|permit| permit.send(7)) }).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    pub async fn reserve_async(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.shared.suspend(Side::Senders, |_| self.attempt_reserve()).await
    }

    fn attempt_reserve(&self) -> Poll<Result<Permit<'_, T>, SendError<()>>> {
        match self.try_reserve() {
            Ok(permit) => Poll::Ready(Ok(permit)),
            Err(TrySendError::Disconnected(())) => Poll::Ready(Err(SendError(()))),
            Err(TrySendError::Full(())) => Poll::Pending,
        }
    }

    /// Sends all of `messages`, in order, waiting while the channel is full. What was sent is gone
    /// from the vector, whose memory stays.
    ///
    /// Places are claimed as many at a time as there are, and the other side is told once for them:
    /// far cheaper than one send each.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, also while waiting; the rest is still in `messages`.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::unbounded();
    /// let mut messages = vec![1, 2, 3];
    /// sender.send_batch(&mut messages).unwrap();
    /// assert!(messages.is_empty());
    /// assert_eq!(receiver.try_iter().sum::<i32>(), 6);
    /// ```
    pub fn send_batch(&self, messages: &mut Vec<T>) -> Result<(), SendError<()>> {
        self.send_batch_until(messages, None).map_err(|_| SendError(()))
    }

    /// [`send_batch`](Self::send_batch), waiting at most `timeout` in all.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] if the channel stayed full or is closed; the rest is still in `messages`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::{self, SendTimeoutError};
    ///
    /// let (sender, _receiver) = channel::bounded(2);
    /// let mut messages = vec![1, 2, 3];
    /// let sent = sender.send_batch_timeout(&mut messages, Duration::from_millis(1));
    /// assert_eq!((sent, messages), (Err(SendTimeoutError::Timeout(())), vec![3]));
    /// ```
    pub fn send_batch_timeout(
        &self,
        messages: &mut Vec<T>,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError<()>> {
        // A deadline beyond what an Instant can hold is none.
        self.send_batch_until(messages, Instant::now().checked_add(timeout))
    }

    /// [`send_batch`](Self::send_batch), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As of [`send_batch_timeout`](Self::send_batch_timeout).
    pub fn send_batch_deadline(
        &self,
        messages: &mut Vec<T>,
        deadline: Instant,
    ) -> Result<(), SendTimeoutError<()>> {
        self.send_batch_until(messages, Some(deadline))
    }

    fn send_batch_until(
        &self,
        messages: &mut Vec<T>,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<()>> {
        let mut messages = Front::new(messages);
        let limit = self.shared.limit(deadline);
        match self.shared.wait(Side::Senders, limit, |_| self.attempt_batch(&mut messages)) {
            Some(sent) => sent.map_err(|SendError(())| SendTimeoutError::Disconnected(())),
            None => Err(SendTimeoutError::Timeout(())),
        }
    }

    /// Sends as many of `messages` as fit at once, in order; says how many, which are gone
    /// from the vector.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if not one could be sent, because the channel is full or closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _receiver) = moirai_sync::channel::bounded(2);
    /// let mut messages = vec![1, 2, 3];
    /// assert_eq!(sender.try_send_batch(&mut messages), Ok(2));
    /// assert_eq!(messages, [3]);
    /// ```
    pub fn try_send_batch(&self, messages: &mut Vec<T>) -> Result<usize, TrySendError<()>> {
        let mut messages = Front::new(messages);
        let result = self.shared.try_send_batch(&mut messages);
        sent_some(messages.taken(), result)
    }

    /// Sends all of `messages`, in order, suspending the async task while the channel is full.
    ///
    /// # Errors
    ///
    /// As [`send_batch`](Self::send_batch).
    ///
    /// # Cancel safety
    ///
    /// After the future was dropped, `messages` holds exactly those that were not sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{channel, strand};
    ///
    /// let (sender, receiver) = channel::bounded(8);
    /// strand::block_on(sender.send_batch_async(&mut vec![1, 2, 3])).unwrap();
    /// assert_eq!(receiver.len(), 3);
    /// ```
    pub async fn send_batch_async(&self, messages: &mut Vec<T>) -> Result<(), SendError<()>> {
        let mut messages = Front::new(messages);
        let attempt = |_: Asker<'_>| self.attempt_batch(&mut messages);
        let sent = by(self.shared.limit(None), self.shared.suspend(Side::Senders, attempt));
        sent.await.unwrap_or(Err(SendError(())))
    }

    fn attempt_batch(&self, messages: &mut Front<'_, T>) -> Poll<Result<(), SendError<()>>> {
        sent_all(messages, |messages| self.shared.try_send_batch(messages))
    }

    /// Whether both handles belong to one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.shared.hold().is(other.shared.hold())
    }

    /// A handle that does not keep the channel open.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::unbounded::<u8>();
    /// let weak = sender.downgrade();
    /// weak.upgrade().unwrap().send(1).unwrap();
    /// drop(sender);
    /// assert!(weak.upgrade().is_none());
    /// assert_eq!(receiver.iter().count(), 1); // ends: no sender is left
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { channel: self.shared.downgrade() }
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.senders.load(Ordering::Relaxed) as usize
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.load(Ordering::Relaxed) as usize
    }

    /// The address of the channel.
    pub(crate) fn channel(&self) -> *const () {
        std::ptr::from_ref(&*self.shared).cast()
    }

    /// Where a select waits for a place.
    pub(crate) fn waiting(&self) -> &WaitList {
        &self.shared.senders_waiting
    }

    /// Receivers that depend on whoever sleeps on this side.
    /// The place that a receiver keeps for a select which it has asked for its message.
    pub(crate) fn asked(&self, ticket: Ticket) -> Permit<'_, T> {
        Permit::for_ticket(&self.shared, ticket)
    }

    pub(crate) fn left_behind(&self, own: Own) -> Option<&WaitList> {
        self.shared.left_behind(Side::Senders, own)
    }

    /// Whether a send would not wait; a select does not receive what it sends itself.
    pub(crate) fn is_ready(&self, own: Own) -> bool {
        self.shared.has_room(own) || self.shared.is_closed()
    }
}

/// A sender that does not keep the channel open; from [`Sender::downgrade`].
///
/// # Examples
///
/// ```
/// use moirai_sync::channel;
///
/// let (sender, receiver) = channel::unbounded();
/// let weak = sender.downgrade();
/// weak.upgrade().unwrap().send("while another sender is there").unwrap();
/// drop(sender);
/// assert!(weak.upgrade().is_none());
/// assert!(receiver.iter().eq(["while another sender is there"]));
/// ```
pub struct WeakSender<T> {
    channel: Hold<T>,
}

impl<T> WeakSender<T> {
    /// A sender of the same channel, unless all senders are gone.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        Some(Sender { shared: Handle::revive(&self.channel)? })
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self { channel: self.channel.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

/// The result of sending a batch as far as it goes.
pub(super) fn sent_some(
    sent: usize,
    result: Result<(), TrySendError<()>>,
) -> Result<usize, TrySendError<()>> {
    match result {
        Err(error) if sent == 0 => Err(error),
        _ => Ok(sent),
    }
}

/// Sends until nothing is left of `messages`: pending if the channel is full before.
pub(super) fn sent_all<T>(
    messages: &mut Front<'_, T>,
    mut send: impl FnMut(&mut Front<'_, T>) -> Result<(), TrySendError<()>>,
) -> Poll<Result<(), SendError<()>>> {
    while messages.left() > 0 {
        match send(messages) {
            Ok(()) => {}
            Err(TrySendError::Full(())) => return Poll::Pending,
            Err(TrySendError::Disconnected(())) => return Poll::Ready(Err(SendError(()))),
        }
    }
    Poll::Ready(Ok(()))
}

tells_of_its_channel!(Sender);

// A panic elsewhere leaves no channel half changed.
impl<T> UnwindSafe for WeakSender<T> {}
impl<T> RefUnwindSafe for WeakSender<T> {}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}
