//! A select for loops.

use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::channel::nudge::Nudge;
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
/// Others may use the same channels: a set that is at work, or was woken and is not polled, stops nobody.
/// As every waiter, it may be the one that is woken for a message; where the loop goes for another end
/// first, or the set goes, that is passed on to the next who waits.
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
    /// The ends that joined their lists while others depended on them; see `channel/nudge.rs`.
    left_behind: BTreeSet<usize>,
    nudge: Nudge,
}

impl<'a> SelectSet<'a> {
    /// A set without ends.
    pub fn new() -> Self {
        Self {
            ready: ReadySet::new(),
            handles: Vec::new(),
            len: 0,
            next: 0,
            left_behind: BTreeSet::new(),
            nudge: Nudge::default(),
        }
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
        self.left_behind.remove(&index);
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
        self.ready.close();
        let index = self.find_ready().ok_or(TryReadyError)?;
        Ok(self.go_for(index))
    }

    /// The next end that is ready. The others join their lists until one is found.
    fn find_ready(&mut self) -> Option<usize> {
        while let Some(index) = self.ready.next(self.next) {
            // A removed end has no bit.
            let Some(handle) = self.handles[index] else { continue };
            if !handle.is_ready(Own::NONE) {
                self.ready.arm(index);
                if !handle.is_ready(Own::NONE) {
                    handle.before_sleep(Own::NONE);
                    if handle.left_behind(Own::NONE).is_some() {
                        self.left_behind.insert(index);
                    }
                    continue;
                }
                self.ready.mark(index);
            }
            return Some(index);
        }
        None
    }

    /// The loop is told of `index`, which is ready.
    fn go_for(&mut self, index: usize) -> usize {
        self.ready.go_for(index);
        self.next = index + 1;
        index
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
        let wait = Wait(self);
        strand::wait(deadline, |cx| wait.0.poll_ready(cx)).ok_or(ReadyTimeoutError)
    }

    /// Waits in a future until an end is ready; returns its number.
    ///
    /// # Panics
    ///
    /// If there are no ends.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken: the next call says the same. What the set was woken for is passed on.
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
        let wait = Wait(self);
        poll_fn(|cx| wait.0.poll_ready(cx)).await
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
        match self.find_ready() {
            Some(index) => {
                self.ready.close();
                Poll::Ready(self.go_for(index))
            }
            None => {
                self.before_sleep(cx);
                Poll::Pending
            }
        }
    }

    /// The strand of `cx` is about to sleep, until something can be done at one of the ends.
    fn before_sleep(&mut self, cx: &Context<'_>) {
        let depend = |index: &usize| self.handles[*index]?.left_behind(Own::NONE);
        self.left_behind.retain(|index| depend(index).is_some());
        if !self.left_behind.is_empty() {
            self.nudge.before_sleep_among(|| self.left_behind.iter().find_map(depend), cx);
        }
    }

    fn require_an_end(&self) {
        assert!(!self.is_empty(), "a set without ends would wait for ever");
    }
}

/// One wait.
struct Wait<'s, 'a>(&'s mut SelectSet<'a>);

impl Drop for Wait<'_, '_> {
    fn drop(&mut self) {
        self.0.ready.leave();
        self.0.nudge = Nudge::default();
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
