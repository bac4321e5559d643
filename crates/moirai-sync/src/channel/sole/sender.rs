//! The only sender of a channel.

use std::task::Poll;
use std::time::{Duration, Instant};

use crate::channel::error::{SendError, SendTimeoutError, TrySendError};
use crate::channel::handle::tells_of_its_channel;
use crate::channel::hold::{Hold, leave_sole};
use crate::channel::loan::Loan;
use crate::channel::operation::operation;
use crate::channel::sender::{sent_all, sent_some};
use crate::channel::sending::sent;
use crate::channel::shared::{Shared, Side};
use crate::channel::suspended::Suspended;
use crate::queue::front::Front;
use crate::queue::{Key, PushError};
use crate::waitlist::Asker;

/// The only sender of a channel; from [`spsc`](crate::channel::spsc).
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
    shared: Hold<T>,
    key: Key,
}

impl<T> Sender<T> {
    pub(in crate::channel) fn new(shared: Hold<T>, key: Key) -> Self {
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
    #[inline]
    pub fn send_async(&mut self, message: T) -> impl Future<Output = Result<(), SendError<T>>> {
        operation(
            (self, Some(message)),
            |(Self { shared, key }, message)| {
                let sent = shared.send_now_sole(key, message.take()?);
                sent.map_err(|back| *message = Some(back)).ok().map(Ok)
            },
            |(Self { shared, key }, mut message)| {
                let shared: &Shared<T> = shared;
                let attempt = move |_: Asker<'_>| attempt(shared, key, &mut message);
                Suspended::new(shared, Side::Senders, attempt)
            },
        )
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

tells_of_its_channel!(Sender);

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        leave_sole(&self.shared.senders);
        self.shared.senders_gone();
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
