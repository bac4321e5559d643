//! Channels that keep a message on the node of memory where it was sent, as long as that goes. What that
//! means stands with [`numa`]; what a node is, the caller says: this crate knows none.

use crate::queue::Queue;
use crate::queue::shards::HOMES_MAX;

use super::error::TrySendError;
use super::{Receiver, Sender, bounded, handles};

/// Makes a channel for so many nodes of memory that holds at most `capacity` messages, at least 1: an equal
/// share for each node, and one for all. `node` names that of the calling thread, modulo their number.
///
/// Each node has a queue of its own, and there is one for all. A message goes into its sender's, or
/// where that has its share, into the common one; a receiver takes from its own node's, then from the
/// common one, then from another node's. So nobody's messages are left behind, and the bound is one for
/// all: a channel is full when it is full everywhere.
///
/// With one node (or none) it is [`bounded`]; more than 1024 count as 1024.
///
/// - **Order.** What is sent on one node is received there in order, as long as its share is not used
///   up; what goes through different queues has no order.
/// - **Fairness.** One receive of 64 begins with the messages of any node.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel;
///
/// // A machine of two nodes, as this thread imagines it.
/// let (sender, receiver) = channel::numa(2, 30, || 0);
/// sender.send_local("stays here").unwrap();
/// assert_eq!(receiver.recv(), Ok("stays here"));
/// ```
pub fn numa<T>(nodes: usize, capacity: usize, node: fn() -> usize) -> (Sender<T>, Receiver<T>) {
    match nodes.min(HOMES_MAX) {
        0 | 1 => bounded(capacity.max(1)),
        nodes => handles(|| Queue::of_nodes(nodes, capacity.max(1), node)),
    }
}

impl<T> Sender<T> {
    /// Sends `message` into the queue of this thread's node, if that has a place now. Of a channel
    /// without nodes, as [`try_send`](Self::try_send).
    ///
    /// Where others send on the same node at the same moment and one of them takes its last place first,
    /// the message goes into the common queue.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] returns `message` if the node has used its share up, or the channel is full or
    /// closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, TrySendError};
    ///
    /// let (sender, _receiver) = channel::numa(2, 3, || 0); // one place for each, and one for all
    /// assert_eq!(sender.send_local(1), Ok(()));
    /// assert_eq!(sender.send_local(2), Err(TrySendError::Full(2)));
    /// assert_eq!(sender.send(2), Ok(()));
    /// ```
    pub fn send_local(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.shared().queue.has_local_room() {
            true => self.try_send(message),
            false if self.is_closed() => Err(TrySendError::Disconnected(message)),
            false => Err(TrySendError::Full(message)),
        }
    }
}
