//! A select for loops.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::channel::{Receiver, Sender};
use crate::coop;
use crate::strand;
use crate::waitlist::{Own, ReadySet};

use super::engine;
use super::error::{ReadyTimeoutError, TryReadyError};
use super::handle::Handle;

/// Many channel ends, of which a loop does what can be done, one after the other.
///
/// Each end is registered once, and its channel sets a bit when there is something to do. So finding
/// the next one costs the same for a thousand ends as for two, where a [`Select`](crate::Select)
/// asks them all. The set says which end is [`ready`](Self::ready), in turn, and again as long as it
/// is; the loop then tries it. That the try fails because somebody else was faster is possible, and
/// no harm.
///
/// A set that is not asked holds back at most one notification for each of its ends. Where others
/// receive from the same channels and messages must not wait for a busy loop, use
/// [`select!`](crate::select!).
///
/// # Examples
///
/// ```
/// use moirai_sync::{SelectSet, channel};
/// use moirai_sync::channel::TryRecvError;
///
/// let (senders, receivers): (Vec<_>, Vec<_>) = (0..100).map(|_| channel::bounded(4)).unzip();
/// let threads = senders.into_iter().enumerate().map(|(n, sender)| {
///     std::thread::spawn(move || sender.send(n))
/// });
/// let threads: Vec<_> = threads.collect();
///
/// let mut set = SelectSet::new();
/// for receiver in &receivers {
///     set.recv(receiver);
/// }
/// let mut sum = 0;
/// while !set.is_empty() {
///     let index = set.ready();
///     match receivers[index].try_recv() {
///         Ok(n) => sum += n,
///         Err(TryRecvError::Empty) => {}
///         Err(TryRecvError::Disconnected) => set.remove(index), // closed: it would stay ready
///     }
/// }
/// assert_eq!(sum, 4950);
/// # threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
/// ```
pub struct SelectSet<'a> {
    ready: ReadySet<'a>,
    handles: Vec<Option<&'a (dyn Handle + 'a)>>,
    len: usize,
    /// Where the search for the next one begins.
    next: usize,
}

impl<'a> SelectSet<'a> {
    /// A set without ends.
    pub fn new() -> Self {
        Self { ready: ReadySet::new(), handles: Vec::new(), len: 0, next: 0 }
    }

    /// Adds a receiver: ready if there is a message, or no message can follow. Returns its number.
    pub fn recv<T: Send>(&mut self, receiver: &'a Receiver<T>) -> usize {
        self.add(receiver)
    }

    /// Adds a sender: ready if there is a place, or no message can be sent any more. Returns its
    /// number.
    pub fn send<T: Send>(&mut self, sender: &'a Sender<T>) -> usize {
        self.add(sender)
    }

    fn add(&mut self, handle: &'a (dyn Handle + 'a)) -> usize {
        self.handles.push(Some(handle));
        self.len += 1;
        self.ready.add(handle.waiting())
    }

    /// Removes an end; the others keep their numbers.
    ///
    /// # Panics
    ///
    /// If there is no such end.
    pub fn remove(&mut self, index: usize) {
        assert!(self.ready.remove(index), "the set has no end {index}");
        self.handles[index] = None;
        self.len -= 1;
    }

    /// How many ends there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no ends.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of an end that is ready now.
    ///
    /// # Errors
    ///
    /// [`TryReadyError`] if none is.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{SelectSet, channel};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// let mut set = SelectSet::new();
    /// let index = set.recv(&receiver);
    /// assert!(set.try_ready().is_err());
    /// sender.send(1).unwrap();
    /// assert_eq!(set.try_ready(), Ok(index));
    /// ```
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        while let Some(index) = self.ready.next(self.next) {
            // A removed end has no bit.
            let Some(handle) = self.handles[index] else { continue };
            if !handle.is_ready(Own::NONE) {
                self.ready.arm(index);
                if !handle.is_ready(Own::NONE) {
                    handle.before_sleep(Own::NONE);
                    continue;
                }
                self.ready.mark(index);
            }
            self.next = index + 1;
            return Ok(index);
        }
        Err(TryReadyError)
    }

    /// Waits until an end is ready; returns its number.
    ///
    /// # Panics
    ///
    /// If there are no ends: nothing could ever end the wait.
    pub fn ready(&mut self) -> usize {
        self.require_an_end();
        match self.ready_until(None) {
            Ok(index) => index,
            Err(ReadyTimeoutError) => unreachable!("a wait without a deadline ended without one"),
        }
    }

    /// Waits for at most `timeout` until an end is ready.
    ///
    /// # Errors
    ///
    /// [`ReadyTimeoutError`] if none was.
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.ready_until(engine::deadline(timeout))
    }

    /// Waits until `deadline` at most until an end is ready.
    ///
    /// # Errors
    ///
    /// [`ReadyTimeoutError`] if none was.
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.ready_until(Some(deadline))
    }

    fn ready_until(&mut self, deadline: Option<Instant>) -> Result<usize, ReadyTimeoutError> {
        if let Ok(index) = self.try_ready() {
            return Ok(index);
        }
        strand::wait(deadline, |cx| self.poll_ready(cx)).ok_or(ReadyTimeoutError)
    }

    /// Waits in a future until an end is ready; returns its number.
    ///
    /// # Panics
    ///
    /// If there are no ends.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken: the next call says the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{SelectSet, channel, strand};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// std::thread::spawn(move || sender.send(7));
    /// let mut set = SelectSet::new();
    /// let index = set.recv(&receiver);
    /// assert_eq!(strand::block_on(set.ready_async()), index);
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// ```
    pub async fn ready_async(&mut self) -> usize {
        self.require_an_end();
        coop::consume_budget().await;
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// One poll of a wait for the next end.
    ///
    /// # Cancel safety
    ///
    /// As [`ready_async`](Self::ready_async); the waker of the last poll is woken.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        if let Ok(index) = self.try_ready() {
            return Poll::Ready(index);
        }
        self.ready.open(cx.waker());
        match self.try_ready() {
            Ok(index) => {
                self.ready.close();
                Poll::Ready(index)
            }
            Err(TryReadyError) => Poll::Pending,
        }
    }

    fn require_an_end(&self) {
        assert!(!self.is_empty(), "a set without ends would wait for ever");
    }
}

impl Default for SelectSet<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SelectSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectSet").field("len", &self.len).finish()
    }
}
