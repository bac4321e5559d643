//! The end that receives.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use super::end::{End, until};
use super::error::TransferError;
use super::map::Mapping;
use super::ring::{Consumer, Corrupt, Pop};
use super::seat::Peer;

/// The receiving end of a ring, from [`Ring::receiver`](super::Ring::receiver). There is one at a time;
/// dropping it leaves the side, and the messages that are in the ring, to the next.
///
/// Each message is received once, but by a process that dies just then: the next may receive it again.
#[must_use = "dropping the receiver tells the sender that it has left"]
pub struct Receiver<T> {
    end: End,
    consumer: Consumer,
    messages: PhantomData<fn() -> T>,
}

impl<T: Pod> Receiver<T> {
    pub(super) fn new(end: End, consumer: Consumer) -> Self {
        Self { end, consumer, messages: PhantomData }
    }

    /// Takes the oldest message if there is one now.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TransferError::WouldBlock) if the ring is empty; if there is no sender either,
    /// [`Disconnected`](TransferError::Disconnected) or [`PeerDied`](TransferError::PeerDied), the latter
    /// within a quarter of a second; [`Corrupt`](TransferError::Corrupt).
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::shm::{Ring, TransferError};
    ///
    /// let ring = Ring::anonymous(4)?;
    /// let (mut sender, mut receiver) = (ring.sender()?, ring.receiver()?);
    /// assert_eq!(receiver.try_recv(), Err(TransferError::WouldBlock));
    /// sender.send(&[1.5_f32, 2.5])?;
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok([1.5, 2.5]));
    /// assert_eq!(receiver.try_recv(), Err(TransferError::Disconnected));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TransferError> {
        let mut message = T::zeroed();
        self.end.attempt(|mapping| pop(&mut self.consumer, mapping, &mut message))?;
        Ok(message)
    }

    /// Takes the oldest message, waiting while there is none: for a sender that is there, and for the first
    /// to come.
    ///
    /// # Errors
    ///
    /// [`Disconnected`](TransferError::Disconnected) or [`PeerDied`](TransferError::PeerDied) if the ring is
    /// empty and its sender has gone, also while waiting; [`Corrupt`](TransferError::Corrupt).
    pub fn recv(&mut self) -> Result<T, TransferError> {
        self.recv_until(None)
    }

    /// [`recv`](Self::recv), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// As of `recv`, and [`TimedOut`](TransferError::TimedOut).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, TransferError> {
        self.recv_until(until(timeout))
    }

    /// [`recv`](Self::recv), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As of `recv`, and [`TimedOut`](TransferError::TimedOut).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<T, TransferError> {
        self.recv_until(Some(deadline))
    }

    /// [`recv`](Self::recv) into `message`, which a large one is copied into once, and not twice. It is
    /// as it was if there is an error.
    ///
    /// # Errors
    ///
    /// As of `recv`.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::shm::Ring;
    ///
    /// let ring = Ring::anonymous(4)?;
    /// let (mut sender, mut receiver) = (ring.sender()?, ring.receiver()?);
    /// let mut page = [0_u8; 4096];
    /// sender.send(&[7; 4096])?;
    /// receiver.recv_into(&mut page)?;
    /// assert_eq!(page, [7; 4096]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_into(&mut self, message: &mut T) -> Result<(), TransferError> {
        self.end.wait(None, |mapping| pop(&mut self.consumer, mapping, message))
    }

    fn recv_until(&mut self, deadline: Option<Instant>) -> Result<T, TransferError> {
        let mut message = T::zeroed();
        self.end.wait(deadline, |mapping| pop(&mut self.consumer, mapping, &mut message))?;
        Ok(message)
    }

    /// Waits until a process has the sending end, at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](TransferError::TimedOut).
    pub fn wait_for_peer(&self, timeout: Duration) -> Result<(), TransferError> {
        self.end.wait_for_peer(until(timeout))
    }

    /// Who has the sending end. Takes a call of the system.
    pub fn peer(&self) -> Peer {
        self.end.peer()
    }

    /// How many messages are in the ring.
    pub fn len(&self) -> usize {
        self.end.len()
    }

    /// Whether no message is in the ring.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many messages the ring holds at most.
    pub fn capacity(&self) -> usize {
        self.end.capacity()
    }
}

#[inline]
fn pop<T: Pod>(
    consumer: &mut Consumer,
    mapping: &Mapping,
    message: &mut T,
) -> Result<Option<()>, TransferError> {
    match consumer.pop(mapping.shared(), &mapping.places(), bytemuck::bytes_of_mut(message)) {
        Ok(Pop::Done) => Ok(Some(())),
        Ok(Pop::Empty) => Ok(None),
        Err(Corrupt) => Err(TransferError::Corrupt),
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("peer", &self.end.peer()).finish_non_exhaustive()
    }
}
