//! The receiving handle.

use std::iter::FusedIterator;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::prim::atomic::Ordering;
use crate::queue::Queue;
use crate::waitlist::{Asker, Own, WaitList};

use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use super::handle::tells_of_its_channel;
use super::hold::{Handle, Hold, Receivers};
use super::operation::operation;
use super::shared::{Flavour, Shared, Side, received};
use super::suspended::Suspended;

/// The receiving side of a channel; clones share the messages, each goes to one of them.
#[must_use = "dropping the last receiver closes the channel"]
pub struct Receiver<T> {
    shared: Handle<T, Receivers>,
}

impl<T> Receiver<T> {
    /// The first of its channel.
    #[inline]
    pub(super) fn first(hold: Hold<T>) -> Self {
        Self { shared: Handle::first(hold) }
    }

    pub(super) fn shared(&self) -> &Shared<T> {
        &self.shared
    }

    pub(super) fn hold(&self) -> &Hold<T> {
        self.shared.hold()
    }

    /// The receiver of a channel without senders.
    pub(super) fn of(flavour: Flavour<T>) -> Self {
        let (_, hold) = Hold::pair(Queue::nothing, flavour, None);
        Self::first(hold)
    }

    /// Takes the oldest message, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::bounded(1);
    /// std::thread::spawn(move || sender.send(7));
    /// assert_eq!(receiver.recv(), Ok(7));
    /// assert!(receiver.recv().is_err());
    /// ```
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        let now = self.shared.take_now();
        now.map_or_else(|| self.recv_later(None).map_err(|_| RecvError), Ok)
    }

    /// Takes the oldest message if there is one now.
    ///
    /// In a rendezvous channel, a thread whose select waits to send has no message yet. It is woken to make
    /// it, and this waits until it has: for as long as the expression in its arm takes, or for what it does
    /// before it ends a [`SelectedOperation`](crate::SelectedOperation).
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] says whether a message may still come.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, TryRecvError};
    ///
    /// let (sender, receiver) = channel::bounded::<u8>(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.try_recv()
    }

    /// Takes the oldest message, waiting at most `timeout` while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::{self, RecvTimeoutError};
    ///
    /// let (_sender, receiver) = channel::bounded::<u8>(1);
    /// let result = receiver.recv_timeout(Duration::from_millis(1));
    /// assert_eq!(result, Err(RecvTimeoutError::Timeout));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        // A deadline beyond what an Instant can hold is none.
        self.recv_until(Instant::now().checked_add(timeout))
    }

    /// Takes the oldest message, waiting until `deadline` while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(deadline))
    }

    /// Takes the oldest message, suspending the async task while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// The message is taken by the poll that returns it: dropping the future before loses nothing
    /// and passes its turn to the next waiting receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{channel, strand};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// std::thread::spawn(move || sender.send(7));
    /// assert_eq!(strand::block_on(receiver.recv_async()), Ok(7));
    /// ```
    #[inline]
    pub fn recv_async(&self) -> impl Future<Output = Result<T, RecvError>> {
        let later = |shared| {
            let attempt = move |asker: Asker<'_>| received(Shared::try_take(shared, asker));
            Suspended::new(shared, Side::Receivers, attempt)
        };
        operation(&*self.shared, |shared| shared.take_now().map(Ok), later)
    }

    fn recv_until(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        self.shared.take_now().map_or_else(|| self.recv_later(deadline), Ok)
    }

    #[cold]
    #[inline(never)]
    fn recv_later(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        // Not `try_recv`, which may itself wait, whatever the deadline is.
        if let Poll::Ready(result) = received(self.shared.try_take(Asker::Passing)) {
            return Ok(result?);
        }
        let result = self
            .shared
            .wait(Side::Receivers, deadline, |asker| received(self.shared.try_take(asker)));
        Ok(result.ok_or(RecvTimeoutError::Timeout)??)
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
    /// let (sender, receiver) = moirai_sync::channel::unbounded();
    /// sender.send_batch(&mut vec![1, 2, 3]).unwrap();
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.recv_batch(&mut batch, 64), Ok(3));
    /// assert_eq!(batch, [1, 2, 3]);
    /// ```
    #[doc(alias = "AdaptiveBatchChannel")]
    pub fn recv_batch(&self, messages: &mut Vec<T>, max: usize) -> Result<usize, RecvError> {
        self.recv_batch_until(messages, max, None).map_err(|_| RecvError)
    }

    /// [`recv_batch`](Self::recv_batch), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if no message came in time, or the channel is empty and closed.
    pub fn recv_batch_timeout(
        &self,
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
        &self,
        messages: &mut Vec<T>,
        max: usize,
        deadline: Instant,
    ) -> Result<usize, RecvTimeoutError> {
        self.recv_batch_until(messages, max, Some(deadline))
    }

    fn recv_batch_until(
        &self,
        messages: &mut Vec<T>,
        max: usize,
        deadline: Option<Instant>,
    ) -> Result<usize, RecvTimeoutError> {
        let attempt = |asker: Asker<'_>| received(self.shared.try_take_batch(asker, messages, max));
        let result = self.shared.wait(Side::Receivers, deadline, attempt);
        Ok(result.ok_or(RecvTimeoutError::Timeout)??)
    }

    /// Takes up to `max` messages that are there now, at the end of `messages`; says how many.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] if there is none.
    pub fn try_recv_batch(&self, messages: &mut Vec<T>, max: usize) -> Result<usize, TryRecvError> {
        self.shared.try_recv_batch(messages, max)
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
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{channel, strand};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// sender.send(1).unwrap();
    /// let mut batch = Vec::new();
    /// assert_eq!(strand::block_on(receiver.recv_batch_async(&mut batch, 64)), Ok(1));
    /// ```
    pub async fn recv_batch_async(
        &self,
        messages: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, RecvError> {
        let attempt = |asker: Asker<'_>| received(self.shared.try_take_batch(asker, messages, max));
        self.shared.suspend(Side::Receivers, attempt).await
    }

    /// An iterator that waits for messages and ends when the channel is empty and closed.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// An iterator over the messages that are there, without waiting.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// Whether both handles belong to one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.shared.hold().is(other.shared.hold())
            || (self.shared.is_never() && other.shared.is_never())
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.senders.load(Ordering::Relaxed) as usize
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.load(Ordering::Relaxed) as usize
    }

    /// Where a select waits for a message.
    pub(crate) fn waiting(&self) -> &WaitList {
        self.shared.receivers_waiting()
    }

    /// Whether a receive would not wait.
    pub(crate) fn is_ready(&self) -> bool {
        self.shared.has_message_or_end()
    }

    /// Whether the channel is open and empty, where that is seen at once.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.shared.queue.is_idle()
    }

    /// Whether a sender that finds a waiting receiver gives its message to that one.
    pub(crate) fn is_rendezvous(&self) -> bool {
        self.shared.is_rendezvous()
    }

    /// Senders that depend on whoever sleeps on this side.
    pub(crate) fn left_behind(&self, own: Own) -> Option<&WaitList> {
        self.shared.left_behind(Side::Receivers, own)
    }

    /// A select is about to sleep, and has left a waiter.
    pub(crate) fn before_sleep(&self, own: Own) {
        self.shared.before_receiver_sleeps(own);
    }

    /// Takes a message without waiting for that of a select.
    #[inline]
    pub(crate) fn try_take(&self, asker: Asker<'_>) -> Result<T, TryRecvError> {
        self.shared.try_take(asker)
    }

    /// The address of the channel.
    pub(crate) fn channel(&self) -> *const () {
        std::ptr::from_ref(&*self.shared).cast()
    }
}

tells_of_its_channel!(Receiver);

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

/// Messages as they come; from [`Receiver::iter`].
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// The messages that are there; from [`Receiver::try_iter`].
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// Messages as they come; owns its receiver.
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IntoIter<T> {}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}
