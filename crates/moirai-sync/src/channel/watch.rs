//! A channel that keeps the latest value only: for configuration, progress, state.
//!
//! Every receiver sees the latest value, whenever it looks; what was sent in between is gone. A
//! receiver knows which value it has [received](Receiver::recv) last, and can wait for a newer one.
//!
//! The value is an [`Arc`] behind a lock that is held for as long as it takes to swap or clone the
//! pointer. So nobody who reads a value keeps the sender waiting, nor the other way round, and values
//! are dropped outside of the lock.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `version` in `replace` | Relaxed | the fences of `notify_all` and `register`: seen or notified |
//! | `version` in `has_newer` | Relaxed | a guess; the value is taken under the lock |
//!
//! # Examples
//!
//! ```
//! use moirai_sync::channel::watch;
//!
//! let (sender, receiver) = watch::channel("starting");
//! let thread = std::thread::spawn({
//!     let receiver = receiver.clone();
//!     move || {
//!         let mut seen = Vec::new();
//!         while let Ok(state) = receiver.recv() {
//!             seen.push(*state);
//!         }
//!         seen
//!     }
//! });
//! sender.send("running").unwrap();
//! sender.send("stopped").unwrap();
//! drop(sender);
//! assert_eq!(thread.join().unwrap().last(), Some(&"stopped")); // "running" may have been missed
//! assert_eq!(*receiver.get(), "stopped");
//! ```

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::coop;
use crate::prim::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::prim::{Arc as SharedArc, Mutex};
use crate::strand;
use crate::waitlist::{WaitList, Waiter};

use super::error::{RecvError, RecvTimeoutError, SendError, TryRecvError};

/// Makes a channel whose value is `first`. Its receiver has seen that one.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{TryRecvError, watch};
///
/// let (sender, receiver) = watch::channel(1);
/// assert_eq!(*receiver.get(), 1);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// sender.send(2).unwrap();
/// assert_eq!(receiver.try_recv().as_deref(), Ok(&2));
/// ```
pub fn channel<T>(first: T) -> (Sender<T>, Receiver<T>) {
    let shared = SharedArc::new(Shared {
        value: Mutex::new(Arc::new(first)),
        version: AtomicU64::new(0),
        waiting: WaitList::new(),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
    });
    let receiver = Receiver { shared: SharedArc::clone(&shared), seen: AtomicU64::new(0) };
    (Sender { shared }, receiver)
}

/// The side that changes the value; clones change the same one.
#[must_use = "dropping the last sender closes the channel"]
pub struct Sender<T> {
    shared: SharedArc<Shared<T>>,
}

/// The side that sees the value; clones see the same one, and each knows what it has received.
#[must_use = "a receiver that is dropped sees nothing"]
pub struct Receiver<T> {
    shared: SharedArc<Shared<T>>,
    /// The version that was received last.
    seen: AtomicU64,
}

struct Shared<T> {
    value: Mutex<Arc<T>>,
    /// Counts the values; changed under the lock of `value`.
    version: AtomicU64,
    waiting: WaitList,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

impl<T> Shared<T> {
    /// Changes the value; returns the one before, if `change` says that there is a new one.
    fn replace(&self, change: impl FnOnce(&mut Arc<T>) -> Option<Arc<T>>) -> Option<Arc<T>> {
        let before = {
            let mut value = self.value.lock();
            let before = change(&mut value)?;
            let version = self.version.load(Ordering::Relaxed);
            self.version.store(version + 1, Ordering::Relaxed);
            before
        };
        self.waiting.notify_all();
        Some(before)
    }

    fn latest(&self) -> (Arc<T>, u64) {
        let value = self.value.lock();
        (Arc::clone(&value), self.version.load(Ordering::Relaxed))
    }

    fn is_closed(&self) -> bool {
        // Acquire: pairs with the AcqRel of the last sender's drop: its values come before.
        self.senders.load(Ordering::Acquire) == 0
    }
}

impl<T> Sender<T> {
    /// Changes the value to `value`, and wakes every receiver that waits for a newer one.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `value` if there is no receiver. The value stays as it is; to change it
    /// nevertheless, use [`replace`](Self::replace).
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::watch::channel(1);
    /// assert!(sender.send(2).is_ok());
    /// assert_eq!(*receiver.get(), 2);
    /// drop(receiver);
    /// assert_eq!(sender.send(3).unwrap_err().into_inner(), 3);
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.receiver_count() == 0 {
            return Err(SendError(value));
        }
        drop(self.replace(value));
        Ok(())
    }

    /// Changes the value to `value`, whether or not anybody sees it; returns the one before.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, _) = moirai_sync::channel::watch::channel("old");
    /// assert_eq!(*sender.replace("new"), "old");
    /// assert_eq!(*sender.subscribe().get(), "new");
    /// ```
    pub fn replace(&self, value: T) -> Arc<T> {
        let value = Arc::new(value);
        match self.shared.replace(|place| Some(std::mem::replace(place, value))) {
            Some(before) => before,
            None => unreachable!("the value was replaced"),
        }
    }

    /// Changes the value by `change`, which gets the latest: no other change comes in between.
    ///
    /// It changes a clone, so whoever reads the value keeps it as it was, and it stays as it was if
    /// `change` panics. `change` runs under the channel's lock: it should be short, and must not use
    /// the channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::watch::channel(vec![1]);
    /// sender.modify(|list| list.push(2));
    /// assert_eq!(*receiver.recv().unwrap(), [1, 2]);
    /// ```
    pub fn modify(&self, change: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        self.shared.replace(|place| {
            let mut value = T::clone(place);
            change(&mut value);
            Some(std::mem::replace(place, Arc::new(value)))
        });
    }

    /// The latest value.
    pub fn get(&self) -> Arc<T> {
        self.shared.latest().0
    }

    /// A new receiver, which has seen the latest value.
    pub fn subscribe(&self) -> Receiver<T> {
        // Relaxed: the new handle is made from an existing one.
        self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        let seen = AtomicU64::new(self.shared.latest().1);
        Receiver { shared: SharedArc::clone(&self.shared), seen }
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.load(Ordering::Relaxed)
    }
}

impl<T> Receiver<T> {
    /// The latest value, received or not.
    pub fn get(&self) -> Arc<T> {
        self.shared.latest().0
    }

    /// Waits until there is a value that this receiver has not received, and takes the latest.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the latest value was received and all senders are gone, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::watch::channel(1);
    /// std::thread::spawn(move || sender.send(2));
    /// assert_eq!(receiver.recv().as_deref(), Ok(&2));
    /// assert!(receiver.recv().is_err());
    /// ```
    pub fn recv(&self) -> Result<Arc<T>, RecvError> {
        self.recv_until(None).map_err(|_| RecvError)
    }

    /// Takes the latest value if this receiver has not received it yet.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] says whether another value may still come.
    pub fn try_recv(&self) -> Result<Arc<T>, TryRecvError> {
        // Closed is asked first: a value from before the close is received.
        let closed = self.shared.is_closed();
        if self.has_newer() {
            let (value, version) = self.shared.latest();
            self.seen.store(version, Ordering::Relaxed);
            return Ok(value);
        }
        Err(if closed { TryRecvError::Disconnected } else { TryRecvError::Empty })
    }

    /// As [`recv`](Self::recv), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if no value came in time, or none can come.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Arc<T>, RecvTimeoutError> {
        // A deadline beyond what an Instant can hold is none.
        self.recv_until(strand::now().checked_add(timeout))
    }

    /// As [`recv`](Self::recv), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if no value came in time, or none can come.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Arc<T>, RecvTimeoutError> {
        self.recv_until(Some(deadline))
    }

    /// As [`recv`](Self::recv), suspending the async task.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the latest value was received and all senders are gone, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// A value counts as received by the poll that returns it: dropping the future before misses
    /// nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{channel::watch, strand};
    ///
    /// let (sender, receiver) = watch::channel(1);
    /// std::thread::spawn(move || sender.send(2));
    /// assert_eq!(strand::block_on(receiver.recv_async()).as_deref(), Ok(&2));
    /// ```
    pub async fn recv_async(&self) -> Result<Arc<T>, RecvError> {
        coop::consume_budget().await;
        let waiter = pin!(Waiter::new(&self.shared.waiting));
        poll_fn(|cx| self.poll_recv(waiter.as_ref(), cx)).await
    }

    fn recv_until(&self, deadline: Option<Instant>) -> Result<Arc<T>, RecvTimeoutError> {
        let waiter = pin!(Waiter::new(&self.shared.waiting));
        let received = strand::wait(deadline, |cx| self.poll_recv(waiter.as_ref(), cx));
        Ok(received.ok_or(RecvTimeoutError::Timeout)??)
    }

    fn poll_recv(
        &self,
        waiter: Pin<&Waiter<'_>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Arc<T>, RecvError>> {
        let attempt = || match self.try_recv() {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(TryRecvError::Disconnected) => Poll::Ready(Err(RecvError)),
            Err(TryRecvError::Empty) => Poll::Pending,
        };
        let mut result = attempt();
        if result.is_pending() {
            waiter.register(cx.waker());
            result = attempt();
        }
        if result.is_ready() {
            // All were notified, so there is nothing to pass on.
            let _ = waiter.finish();
        }
        result
    }

    /// Whether there is a value that this receiver has not received.
    pub fn has_newer(&self) -> bool {
        self.shared.version.load(Ordering::Relaxed) != self.seen.load(Ordering::Relaxed)
    }

    /// Whether all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Where a select waits for a newer value.
    pub(crate) fn waiting(&self) -> &WaitList {
        &self.shared.waiting
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Relaxed: the new handle is made from an existing one.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self { shared: SharedArc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // AcqRel: pairs with the Acquire in `is_closed`; what other senders sent comes before, too.
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.waiting.notify_all();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        // Relaxed: the new handle is made from an existing one.
        self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        let seen = AtomicU64::new(self.seen.load(Ordering::Relaxed));
        Self { shared: SharedArc::clone(&self.shared), seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Relaxed: only counted; the channel's memory is the Arc's affair.
        self.shared.receivers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("receivers", &self.receiver_count()).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("has_newer", &self.has_newer())
            .field("closed", &self.is_closed())
            .finish()
    }
}
