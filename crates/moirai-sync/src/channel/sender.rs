//! The sending handle.

use crate::prim::Arc;
use std::fmt;
use std::future::poll_fn;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::time::{Duration, Instant};

use crate::strand;
use crate::waitlist::Waiter;

use super::error::{SendError, SendTimeoutError, TrySendError};
use super::shared::{LastHandle, Sending, Shared};

/// The sending side of a channel; clones send into the same channel.
#[must_use = "dropping the last sender closes the channel"]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// The handle that `Shared::new` has counted.
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
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
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.send_until(message, None).map_err(|error| SendError(error.into_inner()))
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
    /// next waiting sender.
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
    pub async fn send_async(&self, message: T) -> Result<(), SendError<T>> {
        let message = match self.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(message)) => return Err(SendError(message)),
            Err(TrySendError::Full(message)) => message,
        };
        let waiter = pin!(Waiter::new(&self.shared.senders_waiting));
        let mut sending = Sending::new(&self.shared, message);
        poll_fn(|cx| sending.poll(waiter.as_ref(), cx)).await
    }

    fn send_until(&self, message: T, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>> {
        let message = match self.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Disconnected(message)) => {
                return Err(SendTimeoutError::Disconnected(message));
            }
            Err(TrySendError::Full(message)) => message,
        };
        let waiter = pin!(Waiter::new(&self.shared.senders_waiting));
        let mut sending = Sending::new(&self.shared, message);
        match strand::wait(deadline, |cx| sending.poll(waiter.as_ref(), cx)) {
            Some(result) => Ok(result?),
            // In the last moment somebody may have taken it.
            None => sending
                .take_back()
                .map_or(Ok(()), |message| Err(SendTimeoutError::Timeout(message))),
        }
    }

    /// Closes the channel for everybody: no later send succeeds; what is queued can be received.
    /// Says whether this call closed it.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::bounded(2);
    /// sender.send(1).unwrap();
    /// sender.close();
    /// assert!(sender.send(2).is_err());
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [1]);
    /// ```
    pub fn close(&self) -> bool {
        self.shared.close().into()
    }

    /// Whether the channel is closed.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// How many messages are queued.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether no message is queued; always so in a rendezvous channel.
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty()
    }

    /// Whether the channel holds as many messages as it may; always so in a rendezvous channel.
    pub fn is_full(&self) -> bool {
        self.shared.is_full()
    }

    /// How many messages the channel holds at most; `None` if it has no bound.
    pub fn capacity(&self) -> Option<usize> {
        self.shared.capacity()
    }

    /// Whether both handles belong to one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

// A panic elsewhere leaves no channel half changed.
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Shared::<T>::add_handle(&self.shared.senders);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if Shared::<T>::remove_handle(&self.shared.senders) == LastHandle::Yes {
            self.shared.senders_gone();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}
