//! Handles that are alone on their side: not cloneable, their methods take `&mut self`, and the queue
//! needs no compare-exchange where one thread at a time moves an index.

use std::task::Poll;
use std::time::{Duration, Instant};

use crate::coop;
use crate::prim::{Arc, Mutex};
use crate::queue::front::Front;
use crate::queue::{Key, PopError, PushError};

use crate::waitlist::WaitList;

use super::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use super::handle::tells_of_its_channel;
use super::loan::{Loan, RecvRef};
use super::lull::Lull;
use super::sender::{sent_all, sent_some};
use super::sending::sent;
use super::shared::{LastHandle, Shared, Side, received};
use super::suspended::Suspended;

/// The only sender of a channel; from [`spsc`](super::spsc).
///
/// # Examples
///
/// ```
/// let (mut sender, mut receiver) = moirai_sync::channel::spsc::bounded(2);
/// sender.send(1).unwrap();
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
#[must_use = "dropping the sender closes the channel"]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
    key: Key,
}

/// The only receiver of a channel; from [`spsc`](super::spsc) and [`mpsc`](super::mpsc).
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = moirai_sync::channel::mpsc::unbounded();
/// sender.send(1).unwrap();
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
#[must_use = "dropping the receiver closes the channel"]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    key: Key,
    lull: Lull,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, key: Key) -> Self {
        Self { shared, key }
    }

    /// Sends `message`, waiting while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if the channel is closed, also while waiting.
    #[inline]
    pub fn send(&mut self, message: T) -> Result<(), SendError<T>> {
        self.shared.send_now_sole(&mut self.key, message).or_else(|message| {
            self.send_later(message, None).map_err(|error| SendError(error.into_inner()))
        })
    }

    /// Sends `message` if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] returns `message` if the channel is full or closed.
    #[inline]
    pub fn try_send(&mut self, message: T) -> Result<(), TrySendError<T>> {
        self.shared.try_send_sole(&mut self.key, message)
    }

    /// Sends `message`, waiting at most `timeout` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] returns `message` if the channel stayed full or is closed.
    pub fn send_timeout(
        &mut self,
        message: T,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, Instant::now().checked_add(timeout))
    }

    /// Sends `message`, waiting until `deadline` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] returns `message` if the channel stayed full or is closed.
    pub fn send_deadline(
        &mut self,
        message: T,
        deadline: Instant,
    ) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, Some(deadline))
    }

    #[inline]
    fn send_until(
        &mut self,
        message: T,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        self.shared
            .send_now_sole(&mut self.key, message)
            .or_else(|message| self.send_later(message, deadline))
    }

    #[cold]
    #[inline(never)]
    fn send_later(
        &mut self,
        message: T,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        let mut message = Some(message);
        match self
            .shared
            .wait(Side::Senders, deadline, |_| attempt(&self.shared, &mut self.key, &mut message))
        {
            Some(result) => Ok(result?),
            None => Err(SendTimeoutError::Timeout(unsent(message))),
        }
    }

    /// Sends `message`, suspending the async task while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if the channel is closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes drops `message` unsent. To keep it, wait for a
    /// [`loan`](Self::loan_async) first.
    pub async fn send_async(&mut self, message: T) -> Result<(), SendError<T>> {
        coop::consume_budget().await;
        let Self { shared, key } = self;
        let Err(message) = shared.send_now_sole(key, message) else { return Ok(()) };
        let mut message = Some(message);
        let attempt = |_| attempt(shared, key, &mut message);
        Suspended::new(shared, Side::Senders, attempt).await
    }

    /// Sends all of `messages`, in order, waiting while the channel is full. What was sent is gone
    /// from the vector, whose memory stays.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, also while waiting; the rest is still in `messages`.
    ///
    /// # Examples
    ///
    /// ```
    /// let (mut sender, mut receiver) = moirai_sync::channel::spsc::bounded(4);
    /// sender.send_batch(&mut vec![1, 2, 3]).unwrap();
    /// assert_eq!(receiver.try_iter().sum::<i32>(), 6);
    /// ```
    pub fn send_batch(&mut self, messages: &mut Vec<T>) -> Result<(), SendError<()>> {
        self.send_batch_until(messages, None).map_err(|_| SendError(()))
    }

    /// [`send_batch`](Self::send_batch), waiting at most `timeout` in all.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] if the channel stayed full or is closed; the rest is still in `messages`.
    pub fn send_batch_timeout(
        &mut self,
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
        &mut self,
        messages: &mut Vec<T>,
        deadline: Instant,
    ) -> Result<(), SendTimeoutError<()>> {
        self.send_batch_until(messages, Some(deadline))
    }

    fn send_batch_until(
        &mut self,
        messages: &mut Vec<T>,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<()>> {
        let Self { shared, key } = self;
        let mut messages = Front::new(messages);
        match shared.wait(Side::Senders, deadline, |_| attempt_batch(shared, key, &mut messages)) {
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
    pub fn try_send_batch(&mut self, messages: &mut Vec<T>) -> Result<usize, TrySendError<()>> {
        let mut messages = Front::new(messages);
        let result = self.shared.try_send_batch_sole(&mut self.key, &mut messages);
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
    pub async fn send_batch_async(&mut self, messages: &mut Vec<T>) -> Result<(), SendError<()>> {
        let Self { shared, key } = self;
        let mut messages = Front::new(messages);
        shared.suspend(Side::Senders, |_| attempt_batch(shared, key, &mut messages)).await
    }

    /// Borrows the place of the next message, waiting while the channel is full, so that the message
    /// is made where it will be received.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, also while waiting.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    ///
    /// # Examples
    ///
    /// ```
    /// let (mut sender, mut receiver) = moirai_sync::channel::spsc::bounded::<[u64; 512]>(4);
    /// sender.loan().unwrap().fill(|i| i as u64).unwrap(); // never on the stack
    /// assert_eq!(receiver.recv_ref().unwrap()[511], 511); // read in its place
    /// ```
    #[doc(alias = "reserve")]
    pub fn loan(&mut self) -> Result<Loan<'_, T>, SendError<()>> {
        self.loan_until(None).map_err(|_| SendError(()))
    }

    /// [`loan`](Self::loan), waiting at most `timeout` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] if the channel stayed full or is closed.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::{SendTimeoutError, spsc};
    ///
    /// let (mut sender, _receiver) = spsc::bounded(1);
    /// sender.loan_timeout(Duration::ZERO).unwrap().send(1).unwrap();
    /// let second = sender.loan_timeout(Duration::from_millis(1));
    /// assert_eq!(second.unwrap_err(), SendTimeoutError::Timeout(()));
    /// ```
    #[doc(alias = "reserve_timeout")]
    pub fn loan_timeout(&mut self, timeout: Duration) -> Result<Loan<'_, T>, SendTimeoutError<()>> {
        self.loan_until(Instant::now().checked_add(timeout))
    }

    /// [`loan`](Self::loan), waiting until `deadline` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] if the channel stayed full or is closed.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    #[doc(alias = "reserve_deadline")]
    pub fn loan_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<Loan<'_, T>, SendTimeoutError<()>> {
        self.loan_until(Some(deadline))
    }

    fn loan_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Loan<'_, T>, SendTimeoutError<()>> {
        let Self { shared, key } = self;
        let room = shared.wait(Side::Senders, deadline, |_| attempt_room(shared, key));
        room.ok_or(SendTimeoutError::Timeout(()))??;
        self.try_loan().map_err(|_| SendTimeoutError::Disconnected(()))
    }

    /// Borrows the place of the next message if there is one now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if the channel is full or closed.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    #[doc(alias = "try_reserve")]
    pub fn try_loan(&mut self) -> Result<Loan<'_, T>, TrySendError<()>> {
        match self.shared.queue.lend(&mut self.key) {
            Ok(slot) => Ok(Loan::new(&self.shared, slot)),
            Err(PushError::Full(())) => Err(TrySendError::Full(())),
            Err(PushError::Closed(())) => Err(TrySendError::Disconnected(())),
        }
    }

    /// [`loan`](Self::loan), suspending the async task while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, also while waiting.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: there is no message yet.
    #[doc(alias = "reserve_async")]
    pub async fn loan_async(&mut self) -> Result<Loan<'_, T>, SendError<()>> {
        let Self { shared, key } = self;
        shared.suspend(Side::Senders, |_| attempt_room(shared, key)).await?;
        self.try_loan().map_err(|_| SendError(()))
    }
}

impl<T: Copy> Sender<T> {
    /// Sends a copy of `message`, made in its place, waiting while the channel is full: what is large is
    /// copied once.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed, also while waiting.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{TrySendError, spsc};
    ///
    /// let (mut sender, mut receiver) = spsc::bounded(1);
    /// let frame = [7_u8; 4096];
    /// sender.send_ref(&frame).unwrap();
    /// assert_eq!(sender.try_send_ref(&frame), Err(TrySendError::Full(())));
    /// assert_eq!(*receiver.recv_ref().unwrap(), frame);
    /// ```
    pub fn send_ref(&mut self, message: &T) -> Result<(), SendError<()>> {
        self.loan()?.copy(message)
    }

    /// [`send_ref`](Self::send_ref) if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if the channel is full or closed.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    pub fn try_send_ref(&mut self, message: &T) -> Result<(), TrySendError<()>> {
        Ok(self.try_loan()?.copy(message)?)
    }

    /// [`send_ref`](Self::send_ref), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] if the channel stayed full or is closed.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    pub fn send_ref_timeout(
        &mut self,
        message: &T,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError<()>> {
        Ok(self.loan_timeout(timeout)?.copy(message)?)
    }

    /// [`send_ref`](Self::send_ref), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`send_ref_timeout`](Self::send_ref_timeout).
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    pub fn send_ref_deadline(
        &mut self,
        message: &T,
        deadline: Instant,
    ) -> Result<(), SendTimeoutError<()>> {
        Ok(self.loan_deadline(deadline)?.copy(message)?)
    }

    /// [`send_ref`](Self::send_ref), suspending the async task while the channel is full.
    ///
    /// # Errors
    ///
    /// As [`send_ref`](Self::send_ref).
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes sends nothing, and leaves the message where it is.
    pub async fn send_ref_async(&mut self, message: &T) -> Result<(), SendError<()>> {
        self.loan_async().await?.copy(message)
    }
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, key: Key) -> Self {
        Self { shared, key, lull: Lull::default() }
    }

    /// Takes the oldest message, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    #[inline]
    pub fn recv(&mut self) -> Result<T, RecvError> {
        self.look().map_or_else(|| self.recv_later(None).map_err(|_| RecvError), Ok)
    }

    /// Takes the oldest message if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] says whether a message may still come.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.shared.try_recv_sole(&mut self.key)
    }

    /// Takes the oldest message, waiting at most `timeout` while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Instant::now().checked_add(timeout))
    }

    /// Takes the oldest message, waiting until `deadline` while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(deadline))
    }

    fn recv_until(&mut self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        self.look().map_or_else(|| self.recv_later(deadline), Ok)
    }

    #[cold]
    #[inline(never)]
    fn recv_later(&mut self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let Self { shared, key, .. } = self;
        let attempt = |_| received(shared.try_recv_sole(key));
        let result = shared.wait(Side::Receivers, deadline, attempt);
        Ok(result.ok_or(RecvTimeoutError::Timeout)??)
    }

    /// Takes a message if there is one, and lets the sender go on alone for a moment if that pays.
    #[inline]
    fn look(&mut self) -> Option<T> {
        self.shared.take_at_hand(&mut self.key).or_else(|| self.look_at_sender())
    }

    #[cold]
    #[inline(never)]
    fn look_at_sender(&mut self) -> Option<T> {
        let Self { shared, key, lull } = self;
        let (message, found) = shared.look_now_sole(key, || lull.before_look())?;
        lull.found(found);
        Some(message)
    }

    /// Takes the oldest message, suspending the async task while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// The message is taken by the poll that returns it: dropping the future before loses nothing.
    pub async fn recv_async(&mut self) -> Result<T, RecvError> {
        coop::consume_budget().await;
        if let Some(message) = self.look() {
            return Ok(message);
        }
        let Self { shared, key, .. } = self;
        let attempt = |_| received(shared.try_recv_sole(key));
        Suspended::new(shared, Side::Receivers, attempt).await
    }

    /// Takes up to `max` messages, at the end of `messages`, waiting while there is none; says how
    /// many. It never waits for more than one: what is there is the batch.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = moirai_sync::channel::mpsc::unbounded();
    /// sender.send_batch(&mut vec![1, 2, 3]).unwrap();
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.recv_batch(&mut batch, 64), Ok(3));
    /// ```
    pub fn recv_batch(&mut self, messages: &mut Vec<T>, max: usize) -> Result<usize, RecvError> {
        self.recv_batch_until(messages, max, None).map_err(|_| RecvError)
    }

    /// [`recv_batch`](Self::recv_batch), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if no message came in time, or the channel is empty and closed.
    pub fn recv_batch_timeout(
        &mut self,
        messages: &mut Vec<T>,
        max: usize,
        timeout: Duration,
    ) -> Result<usize, RecvTimeoutError> {
        self.recv_batch_until(messages, max, Instant::now().checked_add(timeout))
    }

    /// [`recv_batch`](Self::recv_batch), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if no message came in time, or the channel is empty and closed.
    pub fn recv_batch_deadline(
        &mut self,
        messages: &mut Vec<T>,
        max: usize,
        deadline: Instant,
    ) -> Result<usize, RecvTimeoutError> {
        self.recv_batch_until(messages, max, Some(deadline))
    }

    fn recv_batch_until(
        &mut self,
        messages: &mut Vec<T>,
        max: usize,
        deadline: Option<Instant>,
    ) -> Result<usize, RecvTimeoutError> {
        let Self { shared, key, .. } = self;
        let attempt = |_| received(shared.try_recv_batch_sole(key, messages, max));
        let result = shared.wait(Side::Receivers, deadline, attempt);
        Ok(result.ok_or(RecvTimeoutError::Timeout)??)
    }

    /// Takes up to `max` messages that are there now, at the end of `messages`; says how many.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] if there is none.
    pub fn try_recv_batch(
        &mut self,
        messages: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, TryRecvError> {
        self.shared.try_recv_batch_sole(&mut self.key, messages, max)
    }

    /// [`recv_batch`](Self::recv_batch), suspending the async task while there is no message.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// Messages are taken by the poll that is ready: dropping the future before loses nothing.
    pub async fn recv_batch_async(
        &mut self,
        messages: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, RecvError> {
        let Self { shared, key, .. } = self;
        let attempt = |_| received(shared.try_recv_batch_sole(key, messages, max));
        shared.suspend(Side::Receivers, attempt).await
    }

    /// Borrows the oldest message where it lies, waiting while there is none. Dropping the guard
    /// takes the message out of the channel.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    pub fn recv_ref(&mut self) -> Result<RecvRef<'_, T>, RecvError> {
        self.recv_ref_until(None).map_err(|_| RecvError)
    }

    /// [`recv_ref`](Self::recv_ref), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if no message came in time, or the channel is empty and closed.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    pub fn recv_ref_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<RecvRef<'_, T>, RecvTimeoutError> {
        // A deadline beyond what an Instant can hold is none.
        self.recv_ref_until(Instant::now().checked_add(timeout))
    }

    /// [`recv_ref`](Self::recv_ref), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As of [`recv_ref_timeout`](Self::recv_ref_timeout).
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    pub fn recv_ref_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<RecvRef<'_, T>, RecvTimeoutError> {
        self.recv_ref_until(Some(deadline))
    }

    fn recv_ref_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<RecvRef<'_, T>, RecvTimeoutError> {
        let Self { shared, key, .. } = self;
        let there = shared.wait(Side::Receivers, deadline, |_| attempt_message(shared, key));
        there.ok_or(RecvTimeoutError::Timeout)??;
        self.try_recv_ref().map_err(|_| RecvTimeoutError::Disconnected)
    }

    /// Borrows the oldest message where it lies, if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] says whether a message may still come.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    pub fn try_recv_ref(&mut self) -> Result<RecvRef<'_, T>, TryRecvError> {
        match self.shared.queue.peek(&mut self.key) {
            Ok(slot) => Ok(RecvRef::new(&self.shared, slot)),
            Err(PopError::Empty) => Err(TryRecvError::Empty),
            Err(PopError::Closed) => Err(TryRecvError::Disconnected),
        }
    }

    /// [`recv_ref`](Self::recv_ref), suspending the async task while there is no message.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Panics
    ///
    /// If this is not a bounded `spsc` channel: no other lends its places.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: the message stays in the channel until the guard is dropped.
    pub async fn recv_ref_async(&mut self) -> Result<RecvRef<'_, T>, RecvError> {
        let Self { shared, key, .. } = self;
        shared.suspend(Side::Receivers, |_| attempt_message(shared, key)).await?;
        self.try_recv_ref().map_err(|_| RecvError)
    }

    /// The channel, and the right to receive from it.
    pub(super) fn parts(&mut self) -> (&Arc<Shared<T>>, &mut Key) {
        (&self.shared, &mut self.key)
    }

    /// The receiver while it takes part in a select.
    #[inline]
    pub(crate) fn attend(&mut self) -> Attending<'_, T> {
        Attending { shared: &self.shared, key: Mutex::new(&mut self.key) }
    }

    /// An iterator that waits for messages and ends when the channel is empty and closed.
    pub fn iter(&mut self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }

    /// An iterator over the messages that are there, without waiting.
    pub fn try_iter(&mut self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.try_recv().ok())
    }
}

/// A receiver while it takes part in a select, whose arms are shared between its polls: so the key is
/// under a lock, which nobody else ever holds.
#[derive(Debug)]
pub(crate) struct Attending<'a, T> {
    shared: &'a Shared<T>,
    key: Mutex<&'a mut Key>,
}

impl<T> Attending<'_, T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.try_recv_sole(&mut self.key.lock())
    }

    /// Whether a receive would not wait.
    pub(crate) fn is_ready(&self) -> bool {
        self.shared.has_message_or_end()
    }

    pub(crate) fn waiting(&self) -> &WaitList {
        self.shared.receivers_waiting()
    }
}

/// Sends what is in `message`; takes it out unless the result is pending.
fn attempt<T>(
    shared: &Shared<T>,
    key: &mut Key,
    message: &mut Option<T>,
) -> Poll<Result<(), SendError<T>>> {
    let Some(taken) = message.take() else { unreachable!("polled after the message was sent") };
    sent(shared.try_send_sole(key, taken), message)
}

fn unsent<T>(message: Option<T>) -> T {
    match message {
        Some(message) => message,
        None => unreachable!("a pending send keeps its message"),
    }
}

fn attempt_batch<T>(
    shared: &Shared<T>,
    key: &mut Key,
    messages: &mut Front<'_, T>,
) -> Poll<Result<(), SendError<()>>> {
    sent_all(messages, |messages| shared.try_send_batch_sole(key, messages))
}

/// Whether there is a place to lend.
fn attempt_room<T>(shared: &Shared<T>, key: &mut Key) -> Poll<Result<(), SendError<()>>> {
    match shared.queue.lend(key) {
        Ok(_) => Poll::Ready(Ok(())),
        Err(PushError::Full(())) => Poll::Pending,
        Err(PushError::Closed(())) => Poll::Ready(Err(SendError(()))),
    }
}

/// Whether there is a message to look at.
fn attempt_message<T>(shared: &Shared<T>, key: &mut Key) -> Poll<Result<(), RecvError>> {
    match shared.queue.peek(key) {
        Ok(slot) => {
            slot.keep();
            Poll::Ready(Ok(()))
        }
        Err(PopError::Empty) => Poll::Pending,
        Err(PopError::Closed) => Poll::Ready(Err(RecvError)),
    }
}

tells_of_its_channel!(Sender);
tells_of_its_channel!(Receiver);

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if Shared::<T>::remove_handle(&self.shared.senders) == LastHandle::Yes {
            self.shared.senders_gone();
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if Shared::<T>::remove_handle(&self.shared.receivers) == LastHandle::Yes {
            self.shared.receiver_gone(&mut self.key);
        }
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

/// Messages as they come; owns its receiver.
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}
