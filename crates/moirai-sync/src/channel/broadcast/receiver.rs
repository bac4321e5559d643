//! The receiving handle of a broadcast channel.

use std::fmt;
use std::future::poll_fn;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::coop;
use crate::prim::atomic::Ordering;
use crate::prim::{Arc, Mutex};
use crate::queue::log::{Reader, Room};
use crate::spin::{Prospect, spin};
use crate::strand;
use crate::waitlist::{WaitList, Waiter};

use super::Shared;
use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::channel::nudge::Nudge;

/// The receiving side of a broadcast channel; each gets every message. A clone begins where the
/// original is.
///
/// Several may clone a message at once, so messages must be `Sync` where the ends leave their thread:
///
/// ```compile_fail,E0277
/// use std::cell::Cell;
///
/// let (sender, receiver) = moirai_sync::channel::broadcast::channel::<Cell<u8>>(1);
/// std::thread::spawn(move || drop(receiver));
/// ```
#[must_use = "a receiver that is dropped receives nothing"]
pub struct BroadcastReceiver<T> {
    // In this order: it has left when the senders are told.
    reader: Reader<T>,
    shared: Leaving<T>,
}

/// Tells the senders that a receiver is gone.
struct Leaving<T>(Arc<Shared<T>>);

impl<T> BroadcastReceiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, reader: Reader<T>) -> Self {
        Self { reader, shared: Leaving(shared) }
    }

    /// Another receiver of the channel, which gets what is sent from now on.
    pub fn resubscribe(&self) -> Self {
        Self::new(Arc::clone(&self.shared.0), self.reader.at_tail())
    }

    /// How many messages a receive gets without waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::broadcast::channel(2);
    /// (1..=3).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
    /// assert_eq!((receiver.len(), receiver.lag()), (2, 3));
    /// ```
    pub fn len(&self) -> usize {
        self.reader.lag().min(self.shared.0.log.capacity()) as usize
    }

    /// Whether no message is there that this receiver has not received.
    pub fn is_empty(&self) -> bool {
        self.reader.lag() == 0
    }

    /// How far this receiver is behind the senders: how many messages were sent that it has not
    /// received, whether it still can or has missed them.
    pub fn lag(&self) -> u64 {
        self.reader.lag()
    }

    /// How many messages the channel holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.0.log.capacity() as usize
    }

    /// Whether the channel is closed.
    pub fn is_closed(&self) -> bool {
        self.shared.0.log.is_closed()
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.0.log.readers()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.0.senders.load(Ordering::Relaxed) as usize
    }

    /// Whether both handles belong to one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared.0, &other.shared.0)
    }

    pub(in crate::channel) fn shared(&self) -> Arc<Shared<T>> {
        Arc::clone(&self.shared.0)
    }

    /// The receiver while it takes part in a select.
    pub(crate) fn listen(&mut self) -> Listening<'_, T> {
        let Self { reader, shared } = self;
        Listening { reader: Mutex::new(reader), shared }
    }
}

impl<T: Clone> BroadcastReceiver<T> {
    /// Receives the next message, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if messages were missed, or all were received and none can follow.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::broadcast::{self, RecvError};
    ///
    /// let (sender, mut receiver) = broadcast::channel(4);
    /// std::thread::spawn(move || sender.send(7));
    /// assert_eq!(receiver.recv(), Ok(7));
    /// assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
    /// ```
    pub fn recv(&mut self) -> Result<T, RecvError> {
        match self.recv_until(None) {
            Ok(message) => Ok(message),
            Err(RecvTimeoutError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
            Err(RecvTimeoutError::Disconnected) => Err(RecvError::Disconnected),
            Err(RecvTimeoutError::Timeout) => unreachable!("a wait without a deadline ended"),
        }
    }

    /// Receives the next message if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] says whether messages were missed, and whether one may still come.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        try_recv(&mut self.reader, &self.shared.0)
    }

    /// Receives the next message, waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, messages were missed, or none can follow.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        // A deadline beyond what an Instant can hold is none.
        self.recv_until(Instant::now().checked_add(timeout))
    }

    /// Receives the next message, waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(deadline))
    }

    /// Receives the next message, suspending the async task while there is none.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// A message is received by the poll that returns it: dropping the future before misses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{channel::broadcast, strand};
    ///
    /// let (sender, mut receiver) = broadcast::channel(1);
    /// std::thread::spawn(move || sender.send(7));
    /// assert_eq!(strand::block_on(receiver.recv_async()), Ok(7));
    /// ```
    pub async fn recv_async(&mut self) -> Result<T, RecvError> {
        coop::consume_budget().await;
        let Self { reader, shared } = self;
        let waiter = pin!(Waiter::new(&shared.0.receivers_waiting));
        let mut nudge = Nudge::default();
        poll_fn(|cx| poll(reader, &shared.0, waiter.as_ref(), &mut nudge, cx)).await
    }

    fn recv_until(&mut self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let Self { reader, shared } = self;
        if let Poll::Ready(result) = attempt(reader, &shared.0) {
            return Ok(result?);
        }
        if let Some(result) = spin(Prospect::Open, deadline, || attempt(reader, &shared.0)) {
            return Ok(result?);
        }
        let waiter = pin!(Waiter::new(&shared.0.receivers_waiting));
        let mut nudge = Nudge::default();
        let received =
            strand::wait(deadline, |cx| poll(reader, &shared.0, waiter.as_ref(), &mut nudge, cx));
        Ok(received.ok_or(RecvTimeoutError::Timeout)??)
    }

    /// One poll of a wait in a place of the caller's.
    pub(in crate::channel) fn poll_recv(
        &mut self,
        waiter: Pin<&Waiter<'_>>,
        nudge: &mut Nudge,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, RecvError>> {
        poll(&mut self.reader, &self.shared.0, waiter, nudge, cx)
    }

    /// An iterator that waits for messages and ends when all were received and none can follow. Where
    /// messages were missed, it goes on with the next.
    pub fn iter(&mut self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| {
            loop {
                match self.recv() {
                    Ok(message) => return Some(message),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Disconnected) => return None,
                }
            }
        })
    }

    /// An iterator over the messages that are there, without waiting. Where messages were missed, it
    /// goes on with the next.
    pub fn try_iter(&mut self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| {
            loop {
                match self.try_recv() {
                    Ok(message) => return Some(message),
                    Err(TryRecvError::Lagged(_)) => {}
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
                }
            }
        })
    }
}

#[inline]
fn try_recv<T: Clone>(reader: &mut Reader<T>, shared: &Shared<T>) -> Result<T, TryRecvError> {
    /// Tells the senders also if the message's clone panics.
    struct Tell<'a, T>(&'a Shared<T>, u64);

    impl<T> Drop for Tell<'_, T> {
        #[inline]
        fn drop(&mut self) {
            self.0.received(self.1);
        }
    }

    let position = reader.position();
    let message = reader.read()?;
    let _tell = Tell(shared, position);
    // Goes before the other, whatever comes of the clone.
    let message = message;
    Ok(T::clone(&message))
}

#[inline]
fn attempt<T: Clone>(reader: &mut Reader<T>, shared: &Shared<T>) -> Poll<Result<T, RecvError>> {
    match try_recv(reader, shared) {
        Ok(message) => Poll::Ready(Ok(message)),
        Err(TryRecvError::Lagged(missed)) => Poll::Ready(Err(RecvError::Lagged(missed))),
        Err(TryRecvError::Disconnected) => Poll::Ready(Err(RecvError::Disconnected)),
        Err(TryRecvError::Empty) => Poll::Pending,
    }
}

/// One poll of a wait for a message.
fn poll<T: Clone>(
    reader: &mut Reader<T>,
    shared: &Shared<T>,
    waiter: Pin<&Waiter<'_>>,
    nudge: &mut Nudge,
    cx: &mut Context<'_>,
) -> Poll<Result<T, RecvError>> {
    let mut result = attempt(reader, shared);
    if result.is_pending() {
        waiter.register(cx.waker());
        result = attempt(reader, shared);
    }
    match result {
        // All were notified, so there is nothing to pass on.
        Poll::Ready(_) => {
            let _ = waiter.finish();
        }
        // Senders that were told of the room that there is may be futures that nobody polls.
        Poll::Pending => {
            let has_room = || shared.log.room() == Room::Some;
            nudge.before_sleep(&shared.senders_waiting, has_room, cx);
        }
    }
    result
}

/// A receiver while it takes part in a select, whose arms are shared between its polls: so its place
/// is under a lock, which nobody else ever holds.
pub(crate) struct Listening<'a, T> {
    reader: Mutex<&'a mut Reader<T>>,
    shared: &'a Leaving<T>,
}

impl<T> Listening<'_, T> {
    /// Receives the next message if there is one now, or says why there is none.
    pub(crate) fn attempt(&self) -> Poll<Result<T, RecvError>>
    where
        T: Clone,
    {
        attempt(&mut self.reader.lock(), &self.shared.0)
    }

    /// Whether a receive would not wait.
    pub(crate) fn is_ready(&self) -> bool {
        self.reader.lock().is_ready()
    }

    pub(crate) fn waiting(&self) -> &WaitList {
        &self.shared.0.receivers_waiting
    }
}

impl<T> fmt::Debug for Listening<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").finish_non_exhaustive()
    }
}

impl<T> Clone for BroadcastReceiver<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared.0), self.reader.duplicate())
    }
}

impl<T> Drop for Leaving<T> {
    fn drop(&mut self) {
        self.0.receiver_gone();
    }
}

// A panic elsewhere leaves no channel half changed.
impl<T> UnwindSafe for BroadcastReceiver<T> {}
impl<T> RefUnwindSafe for BroadcastReceiver<T> {}

impl<T> fmt::Debug for BroadcastReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastReceiver")
            .field("len", &self.len())
            .field("lag", &self.lag())
            .field("closed", &self.is_closed())
            .finish()
    }
}
