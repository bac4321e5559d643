//! A channel whose receivers all get every message.
//!
//! The channel keeps the last `capacity` messages, received or not. So whoever
//! [subscribes](Broadcaster::subscribe) later first gets what is still there, or begins with the next
//! message ([`subscribe_at_tail`](Broadcaster::subscribe_at_tail)).
//!
//! A receiver may be slower than the senders. What becomes of a message for which there is no room is
//! said when the channel is made:
//!
//! | [`Overflow`] | `send` | the slow receiver |
//! |---|---|---|
//! | `Lag` | never waits | misses the oldest messages, and is told how many |
//! | `Block` | waits for the slowest | gets every message |
//! | `DropNewest` | never waits; says that nobody gets the message | misses that one, as all do |
//!
//! - **Order.** All receivers get the messages in one and the same order.
//! - **Clones.** Each receiver gets a clone, made where the message lies; `Arc` what is large. With
//!   `Lag`, a send waits for a clone that is being made of the very message that it replaces: there, a
//!   message's `clone` must not use the channel.
//! - **Receivers come and go.** One that is dropped holds up nobody. Without any, a send fails, and
//!   those who subscribe afterwards still find what was sent before.
//! - **Close.** By the last sender, or by [`close`](Broadcaster::close). What is there can be received
//!   first.
//! - **Cancelling.** A message is received by the poll that returns it.
//!
//! The ring is `queue/log.rs`; here is who waits for it. All receivers that wait are woken by one
//! message; those that are awake take what comes as it comes. A sender that waits is woken by the last
//! of the slowest receivers, once it has received the oldest message.
//!
//! # Examples
//!
//! ```
//! use moirai_sync::channel::broadcast;
//!
//! let (sender, receiver) = broadcast::channel(16);
//! let threads = [receiver.clone(), receiver].map(|mut receiver| {
//!     std::thread::spawn(move || receiver.iter().sum::<i32>())
//! });
//! (1..=4).for_each(|n| assert_eq!(sender.send(n), Ok(2)));
//! drop(sender);
//! assert_eq!(threads.map(|thread| thread.join().unwrap()), [10, 10]);
//! ```

mod error;
mod receiver;
mod sender;

pub use error::{RecvError, RecvTimeoutError, TryRecvError};
pub use receiver::BroadcastReceiver;
pub(crate) use receiver::Listening;
pub use sender::{Broadcaster, WeakBroadcaster};

pub use crate::queue::log::Overflow;

use std::fmt;
use std::marker::PhantomData;

use crate::prim::Arc;
use crate::prim::atomic::AtomicU32;
use crate::queue::log::{Log, Room, Start};
use crate::waitlist::WaitList;

/// Makes a channel of the last `capacity` messages (at least 1, and 2^30 at most) whose slow receivers
/// [lag](Overflow::Lag).
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::broadcast::{self, TryRecvError};
///
/// let (sender, mut receiver) = broadcast::channel(2);
/// (1..=3).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(1)));
/// assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Ok(3)));
/// ```
pub fn channel<T>(capacity: usize) -> (Broadcaster<T>, BroadcastReceiver<T>) {
    BroadcastChannel::with_overflow(capacity, Overflow::Lag)
}

/// What makes broadcast channels.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::TrySendError;
/// use moirai_sync::channel::broadcast::{BroadcastChannel, Overflow};
///
/// let (sender, mut receiver) = BroadcastChannel::<u32>::with_overflow(2, Overflow::Block);
/// assert_eq!((sender.send(1), sender.send(2)), (Ok(1), Ok(1)));
/// assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
/// assert_eq!(receiver.recv(), Ok(1));
/// assert_eq!(sender.try_send(3), Ok(1));
///
/// let mut late = sender.subscribe();
/// assert_eq!(late.iter().take(2).collect::<Vec<_>>(), [2, 3]);
/// ```
pub struct BroadcastChannel<T>(PhantomData<fn() -> T>);

impl<T> BroadcastChannel<T> {
    /// As [`channel`].
    pub fn with_capacity(capacity: usize) -> (Broadcaster<T>, BroadcastReceiver<T>) {
        channel(capacity)
    }

    /// Makes a channel of the last `capacity` messages, at least 1, and 2^30 at most.
    pub fn with_overflow(
        capacity: usize,
        overflow: Overflow,
    ) -> (Broadcaster<T>, BroadcastReceiver<T>) {
        let shared = Arc::new(Shared {
            log: Arc::new(Log::new(capacity, overflow)),
            receivers_waiting: WaitList::new(),
            senders_waiting: WaitList::new(),
            senders: AtomicU32::new(1),
        });
        let reader = Log::join(&shared.log, Start::Tail);
        let receiver = BroadcastReceiver::new(Arc::clone(&shared), reader);
        (Broadcaster::first(shared), receiver)
    }
}

impl<T> fmt::Debug for BroadcastChannel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastChannel").finish_non_exhaustive()
    }
}

pub(super) struct Shared<T> {
    log: Arc<Log<T>>,
    receivers_waiting: WaitList,
    /// Nobody waits here unless the channel is one of [`Overflow::Block`].
    senders_waiting: WaitList,
    senders: AtomicU32,
}

impl<T> Shared<T> {
    /// Who waits for a message.
    pub(super) fn receivers_waiting(&self) -> &WaitList {
        &self.receivers_waiting
    }

    fn close(&self) -> bool {
        let closed = self.log.close().into();
        if closed {
            self.receivers_waiting.notify_all_fenced();
            self.senders_waiting.notify_all_fenced();
        }
        closed
    }

    /// A receiver has received the message at `position`, which may have been what a sender waits for.
    #[inline]
    fn received(&self, position: u64) {
        if self.senders_waiting.len() != 0
            && self.log.is_oldest(position)
            && self.log.room() == Room::Some
        {
            self.senders_waiting.notify_one_fenced();
        }
    }

    /// A receiver is gone.
    fn receiver_gone(&self) {
        if self.senders_waiting.len() == 0 {
            return;
        }
        match self.log.readers() {
            0 => self.senders_waiting.notify_all(),
            _ => self.senders_waiting.notify_one(),
        }
    }
}
