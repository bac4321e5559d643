//! The end that sends.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use bytemuck::Pod;

use super::end::{End, until};
use super::error::TransferError;
use super::map::Mapping;
use super::ring::{Corrupt, Producer, Push};
use super::seat::Peer;

/// The sending end of a ring, from [`Ring::sender`](super::Ring::sender). There is one at a time; dropping
/// it leaves the side to the next.
///
/// A send needs a place, not a receiver: what is sent before one comes, or between two, waits in the ring.
#[must_use = "dropping the sender tells the receiver that it has left"]
pub struct Sender<T> {
    end: End,
    producer: Producer,
    messages: PhantomData<fn(&T)>,
}

impl<T: Pod> Sender<T> {
    pub(super) fn new(end: End, producer: Producer) -> Self {
        Self { end, producer, messages: PhantomData }
    }

    /// Copies `message` into the ring if it has a place now.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](TransferError::WouldBlock) if the ring is full; if there is no receiver to make room,
    /// [`Disconnected`](TransferError::Disconnected) or [`PeerDied`](TransferError::PeerDied), the latter
    /// within a quarter of a second; [`Corrupt`](TransferError::Corrupt).
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::shm::{Ring, TransferError};
    ///
    /// let ring = Ring::anonymous(1)?;
    /// let mut sender = ring.sender()?;
    /// sender.try_send(&1_u32)?;
    /// assert_eq!(sender.try_send(&2), Err(TransferError::WouldBlock));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_send(&mut self, message: &T) -> Result<(), TransferError> {
        self.end.attempt(|mapping| push(&mut self.producer, mapping, message))
    }

    /// Copies `message` into the ring, waiting while that is full: for a receiver that is there, and for the
    /// first to come.
    ///
    /// # Errors
    ///
    /// [`Disconnected`](TransferError::Disconnected) or [`PeerDied`](TransferError::PeerDied) if the ring is
    /// full and its receiver has gone, also while waiting; [`Corrupt`](TransferError::Corrupt).
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::shm::Ring;
    ///
    /// let ring = Ring::anonymous(1)?;
    /// let (mut sender, mut receiver) = (ring.sender()?, ring.receiver()?);
    /// let other = std::thread::spawn(move || (0..9).try_for_each(|n| sender.send(&n)));
    /// assert!((0..9).all(|n: u64| receiver.recv() == Ok(n)));
    /// other.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&mut self, message: &T) -> Result<(), TransferError> {
        self.end.wait(None, |mapping| push(&mut self.producer, mapping, message))
    }

    /// [`send`](Self::send), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// As of `send`, and [`TimedOut`](TransferError::TimedOut).
    pub fn send_timeout(&mut self, message: &T, timeout: Duration) -> Result<(), TransferError> {
        self.end.wait(until(timeout), |mapping| push(&mut self.producer, mapping, message))
    }

    /// [`send`](Self::send), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As of `send`, and [`TimedOut`](TransferError::TimedOut).
    pub fn send_deadline(&mut self, message: &T, deadline: Instant) -> Result<(), TransferError> {
        self.end.wait(Some(deadline), |mapping| push(&mut self.producer, mapping, message))
    }

    /// Waits until a process has the receiving end, at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](TransferError::TimedOut).
    pub fn wait_for_peer(&self, timeout: Duration) -> Result<(), TransferError> {
        self.end.wait_for_peer(until(timeout))
    }

    /// Who has the receiving end. Takes a call of the system.
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
fn push<T: Pod>(
    producer: &mut Producer,
    mapping: &Mapping,
    message: &T,
) -> Result<Option<()>, TransferError> {
    match producer.push(mapping.shared(), &mapping.places(), bytemuck::bytes_of(message)) {
        Ok(Push::Done) => Ok(Some(())),
        Ok(Push::Full) => Ok(None),
        Err(Corrupt) => Err(TransferError::Corrupt),
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("peer", &self.end.peer()).finish_non_exhaustive()
    }
}
