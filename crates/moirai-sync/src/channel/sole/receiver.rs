//! The only receiver of a channel.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::channel::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::channel::handle::tells_of_its_channel;
use crate::channel::hold::{Hold, leave_sole};
use crate::channel::loan::RecvRef;
use crate::channel::lull::Lull;
use crate::channel::nudge::Nudge;
use crate::channel::operation::operation;
use crate::channel::shared::{Shared, Side, Tried, received};
use crate::prim::Mutex;
use crate::queue::{Key, PopError};
use crate::waitlist::{Own, WaitList};

use super::sitting::Sitting;

/// The only receiver of a channel; from [`spsc`](crate::channel::spsc) and [`mpsc`](crate::channel::mpsc).
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
    shared: Hold<T>,
    key: Key,
    lull: Lull,
}

impl<T> Receiver<T> {
    pub(in crate::channel) fn new(shared: Hold<T>, key: Key) -> Self {
        Self { shared, key, lull: Lull::default() }
    }

    /// Takes the oldest message, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    #[inline]
    pub fn recv(&mut self) -> Result<T, RecvError> {
        match self.shared.take_listed(&mut self.key) {
            Some(message) => Ok(message),
            None if self.shared.queue.is_list() => self.recv_listed(),
            None => self.recv_unlisted(),
        }
    }

    /// [`recv`](Self::recv) from a list of which nothing is at hand.
    #[inline(never)]
    fn recv_listed(&mut self) -> Result<T, RecvError> {
        let Self { shared, key, lull } = self;
        match shared.queue.look_listed(key, || lull.before_look()) {
            Some((message, found)) => {
                lull.found(found);
                Ok(message)
            }
            None => self.recv_later(None).map_err(|_| RecvError),
        }
    }

    #[inline(never)]
    fn recv_unlisted(&mut self) -> Result<T, RecvError> {
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
        let result = self.shared.wait_sole(&mut self.key, deadline, attempt);
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
    #[inline]
    pub fn recv_async(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        operation(
            self,
            |this| this.look().map(Ok),
            |Self { shared, key, .. }| Sitting::new(shared, key, attempt),
        )
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
        let result = self.shared.wait_sole(&mut self.key, deadline, |shared, key| {
            received(shared.try_recv_batch_sole(key, messages, max))
        });
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
        let attempt = |shared: &Shared<T>, key: &mut _| {
            received(shared.try_recv_batch_sole(key, messages, max))
        };
        self.shared.suspend_sole(&mut self.key, attempt).await
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
        let there = self.shared.wait_sole(&mut self.key, deadline, attempt_message);
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
        self.shared.suspend_sole(&mut self.key, attempt_message).await?;
        self.try_recv_ref().map_err(|_| RecvError)
    }

    /// Takes a message, or has `cx` woken when there may be one, until it [rests](Self::rest).
    pub(in crate::channel) fn poll_recv(
        &mut self,
        nudge: &mut Nudge,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, RecvError>> {
        let Self { shared, key, .. } = self;
        shared.poll_sole(key, Tried::No, nudge, cx, &mut attempt)
    }

    /// It does not wait any more.
    pub(in crate::channel) fn rest(&self) {
        self.shared.receiver_seat.rise();
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

    /// Senders that depend on whoever sleeps on this side.
    pub(crate) fn left_behind(&self, own: Own) -> Option<&WaitList> {
        self.shared.left_behind(Side::Receivers, own)
    }
}

/// Takes a message if there is one.
#[inline]
fn attempt<T>(shared: &Shared<T>, key: &mut Key) -> Poll<Result<T, RecvError>> {
    received(shared.try_recv_sole(key))
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

tells_of_its_channel!(Receiver);

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        leave_sole(&self.shared.receivers);
        self.shared.receiver_gone(&mut self.key);
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
