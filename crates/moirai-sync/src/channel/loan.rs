//! Places and messages that are borrowed where they lie.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::queue::{FilledSlot, FreeSlot};

use super::error::SendError;
use super::shared::Shared;
use super::spsc;

/// What makes channels whose messages are made, or copied, and read where they lie: those of
/// [`spsc`], under the name of what they are for.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::ZeroCopyChannel;
///
/// let (mut sender, mut receiver) = ZeroCopyChannel::<[u8; 4096]>::with_capacity(4);
/// sender.loan().unwrap().fill(|i| i as u8).unwrap();
/// sender.send_ref(&[7; 4096]).unwrap();
/// assert_eq!(receiver.recv_ref().unwrap()[9], 9);
/// assert_eq!(receiver.recv_ref().unwrap()[9], 7);
/// ```
pub struct ZeroCopyChannel<T>(PhantomData<fn() -> T>);

impl<T> ZeroCopyChannel<T> {
    /// As [`spsc::bounded`].
    pub fn with_capacity(capacity: usize) -> (spsc::Sender<T>, spsc::Receiver<T>) {
        spsc::bounded(capacity)
    }
}

impl<T> fmt::Debug for ZeroCopyChannel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZeroCopyChannel").finish_non_exhaustive()
    }
}

/// The place of the next message, from [`Sender::loan`](super::spsc::Sender::loan). Dropping it sends nothing.
#[must_use = "a loan that is dropped sends nothing"]
pub struct Loan<'a, T> {
    shared: &'a Shared<T>,
    slot: FreeSlot<'a, T>,
}

impl<'a, T> Loan<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, slot: FreeSlot<'a, T>) -> Self {
        Self { shared, slot }
    }

    /// Moves `message` into its place.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if the channel was closed meanwhile.
    pub fn send(self, message: T) -> Result<(), SendError<T>> {
        let shared = self.shared;
        self.slot.write(message).map_err(SendError)?;
        shared.tell_receiver();
        Ok(())
    }
}

impl<T: Copy> Loan<'_, T> {
    /// Sends a copy of `message`, made in its place.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel was closed meanwhile.
    pub fn copy(self, message: &T) -> Result<(), SendError<()>> {
        let shared = self.shared;
        self.slot.copy(message).map_err(|_| SendError(()))?;
        shared.tell_receiver();
        Ok(())
    }
}

impl<U: Copy, const N: usize> Loan<'_, [U; N]> {
    /// Sends an array whose elements are made one by one, in their place.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel was closed meanwhile.
    pub fn fill(self, element: impl FnMut(usize) -> U) -> Result<(), SendError<()>> {
        let shared = self.shared;
        self.slot.fill(element).map_err(|_| SendError(()))?;
        shared.tell_receiver();
        Ok(())
    }
}

impl<T> fmt::Debug for Loan<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").finish_non_exhaustive()
    }
}

/// A message where it lies, from [`Receiver::recv_ref`](super::spsc::Receiver::recv_ref).
///
/// Dropping it drops the message and frees its place; a forgotten one leaves the message to the next
/// receive. As long as it is there, nobody else has the place:
///
/// ```compile_fail,E0499
/// let (mut sender, mut receiver) = moirai_sync::channel::spsc::bounded(1);
/// sender.send(1).unwrap();
/// let message = receiver.recv_ref().unwrap();
/// assert!(receiver.try_recv().is_err()); // borrowed already
/// assert_eq!(*message, 1);
/// ```
#[must_use = "the message is dropped with this"]
pub struct RecvRef<'a, T> {
    shared: &'a Shared<T>,
    /// Always there, until the drop.
    slot: Option<FilledSlot<'a, T>>,
}

impl<'a, T> RecvRef<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, slot: FilledSlot<'a, T>) -> Self {
        Self { shared, slot: Some(slot) }
    }

    /// Moves the message out.
    pub fn into_inner(mut self) -> T {
        match self.slot.take() {
            Some(slot) => {
                let message = slot.into_inner();
                self.shared.senders_waiting.notify_one_fenced();
                message
            }
            None => unreachable!("a guard without a message"),
        }
    }

    fn slot(&self) -> &FilledSlot<'_, T> {
        match &self.slot {
            Some(slot) => slot,
            None => unreachable!("a guard without a message"),
        }
    }
}

impl<T> Deref for RecvRef<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.slot()
    }
}

impl<T> DerefMut for RecvRef<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.slot {
            Some(slot) => slot,
            None => unreachable!("a guard without a message"),
        }
    }
}

impl<T> Drop for RecvRef<'_, T> {
    fn drop(&mut self) {
        /// Tells the sender also if the message's drop panics.
        struct Tell<'a, T>(&'a Shared<T>);

        impl<T> Drop for Tell<'_, T> {
            fn drop(&mut self) {
                self.0.senders_waiting.notify_one_fenced();
            }
        }

        if let Some(slot) = self.slot.take() {
            let _tell = Tell(self.shared);
            drop(slot);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for RecvRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RecvRef").field(&**self).finish()
    }
}
