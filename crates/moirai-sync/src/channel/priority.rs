//! Channels in which what is urgent goes first.
//!
//! A priority channel has up to 64 levels: a receive takes from the highest one that holds a message,
//! and within a level the oldest. Its handles are those of every other channel, so batches, `select!`,
//! permits, timeouts and futures are there as well; [`send_priority`](Sender::send_priority) and its
//! twins say how urgent a message is, [`recv_priority`](Receiver::recv_priority) how urgent it was, and
//! [`recv_level`](Receiver::recv_level) on which of the levels it came.
//!
//! - **Levels** are numbered from 0, the least urgent. The four [priorities](Priority) are the lowest
//!   four, in their order; a channel with more has levels above [`Priority::Critical`], which only a
//!   [`Level`] tells apart. A level that a channel has not counts as its highest.
//! - **Without a level,** by [`send`](Sender::send), in a batch, through a permit or an arm of a select,
//!   a message is [`Priority::Normal`].
//! - **The bound,** where there is one, is for all levels together: a channel full of what is not urgent
//!   has no place for what is. Waiting senders get places in the order in which they came.
//! - **Starvation.** A level is served only while all above it are empty: if messages come to a high
//!   level faster than they are received, those below wait for as long as that goes on. Where that must
//!   not be, give each kind a channel of its own, and choose among them with
//!   [`select_weighted!`](crate::select_weighted).
//! - **Several receivers** at the same moment may take messages of two levels in either order.
//! - **Memory.** Each level that was ever used keeps one block of 63 messages at most.
//! - **A channel without levels** has one: what is sent by `send_priority` goes as by `send`, and
//!   `recv_priority` says [`Priority::Normal`], as `recv_level` does.

use std::time::{Duration, Instant};

use crate::Priority;
use crate::coop;
use crate::queue::levels::LEVELS_MAX;
use crate::queue::{Part, Queue};
use crate::waitlist::Asker;

use super::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use super::sending::Sending;
use super::shared::{Side, received};
use super::{Receiver, Sender, handles};

/// Makes a channel with `levels` levels, from 1 to 64, that holds at most `capacity` messages. 0 counts
/// as 1, and more levels than 64 count as 64.
///
/// # Examples
///
/// ```
/// use moirai_sync::{Priority, channel::priority};
///
/// let (sender, receiver) = priority::bounded(4, 100);
/// sender.send("soon").unwrap();
/// sender.send_priority("some day", Priority::Low).unwrap();
/// sender.send_priority("now", Priority::Critical).unwrap();
/// assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["now", "soon", "some day"]);
/// ```
pub fn bounded<T>(levels: usize, capacity: usize) -> (Sender<T>, Receiver<T>) {
    handles(|| Queue::levels(levels, None, Some(capacity)))
}

/// Makes a channel with `levels` levels, from 1 to 64, and without a bound. 0 counts as 1, and more
/// than 64 as 64.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::priority;
///
/// let (sender, receiver) = priority::unbounded(64);
/// (0..64_u8).for_each(|level| sender.send_priority(level, level).unwrap());
/// assert!(receiver.try_iter().eq((0..64).rev()));
/// ```
pub fn unbounded<T>(levels: usize) -> (Sender<T>, Receiver<T>) {
    handles(|| Queue::levels(levels, None, None))
}

/// A level of a priority channel: a [`Priority`], or a number from 0 to 63; higher ones go first. Its
/// number is `u8::from(level)`.
///
/// # Examples
///
/// ```
/// use moirai_sync::{Priority, channel::Level};
///
/// assert_eq!(Level::from(Priority::High), Level::from(2));
/// assert!(Level::from(4) > Level::from(Priority::Critical));
/// assert_eq!(u8::from(Level::from(40)), 40);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl From<Priority> for Level {
    fn from(priority: Priority) -> Self {
        Self(priority as u8)
    }
}

/// A number above 63 counts as 63.
impl From<u8> for Level {
    fn from(number: u8) -> Self {
        Self(number.min(LEVELS_MAX as u8 - 1))
    }
}

impl From<Level> for u8 {
    /// The number of the level, from 0 to 63.
    fn from(level: Level) -> Self {
        level.0
    }
}

impl From<Level> for Priority {
    /// The priority of a message on that level: above [`Priority::Critical`], too, it is critical.
    fn from(level: Level) -> Self {
        match level.0 {
            0 => Self::Low,
            1 => Self::Normal,
            2 => Self::High,
            _ => Self::Critical,
        }
    }
}

impl Level {
    fn part(self) -> Part {
        Part::Level(usize::from(self.0))
    }
}

impl<T> Sender<T> {
    /// Sends `message` on `level`, a [`Priority`] or a number, waiting while the channel is full.
    ///
    /// See [`priority`](super::priority) for what that means.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if the channel is closed, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{Priority, channel::priority};
    ///
    /// let (sender, receiver) = priority::unbounded(4);
    /// sender.send("later").unwrap();
    /// sender.send_priority("first", Priority::High).unwrap();
    /// assert_eq!(receiver.recv(), Ok("first"));
    /// ```
    pub fn send_priority(&self, message: T, level: impl Into<Level>) -> Result<(), SendError<T>> {
        self.send_priority_until(message, level.into(), None)
            .map_err(|error| SendError(error.into_inner()))
    }

    /// Sends `message` on `level` if there is room now.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] returns `message` if the channel is full or closed.
    pub fn try_send_priority(
        &self,
        message: T,
        level: impl Into<Level>,
    ) -> Result<(), TrySendError<T>> {
        self.shared().try_send_to(level.into().part(), message)
    }

    /// Sends `message` on `level`, waiting at most `timeout` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] returns `message` if the channel stayed full or is closed.
    pub fn send_priority_timeout(
        &self,
        message: T,
        level: impl Into<Level>,
        timeout: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        // A deadline beyond what an Instant can hold is none.
        self.send_priority_until(message, level.into(), Instant::now().checked_add(timeout))
    }

    /// Sends `message` on `level`, waiting until `deadline` while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] returns `message` if the channel stayed full or is closed.
    pub fn send_priority_deadline(
        &self,
        message: T,
        level: impl Into<Level>,
        deadline: Instant,
    ) -> Result<(), SendTimeoutError<T>> {
        self.send_priority_until(message, level.into(), Some(deadline))
    }

    /// Sends `message` on `level`, suspending the async task while the channel is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if the channel is closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// As of [`send_async`](Self::send_async).
    pub async fn send_priority_async(
        &self,
        message: T,
        level: impl Into<Level>,
    ) -> Result<(), SendError<T>> {
        let part = level.into().part();
        coop::consume_budget().await;
        match self.shared().begin_send_to(part, message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(message)) => Err(SendError(message)),
            Err(TrySendError::Full(message)) => {
                Sending::to_part(self.shared(), part, message).suspend().await
            }
        }
    }

    fn send_priority_until(
        &self,
        message: T,
        level: Level,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        match self.shared().begin_send_to(level.part(), message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Disconnected(message)) => {
                Err(SendTimeoutError::Disconnected(message))
            }
            Err(TrySendError::Full(message)) => {
                Sending::to_part(self.shared(), level.part(), message).wait(deadline)
            }
        }
    }
}

impl<T> Receiver<T> {
    /// Takes the oldest message of the highest level that has one, and says how urgent it was; waits
    /// while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{Priority, channel::priority};
    ///
    /// let (sender, receiver) = priority::unbounded(4);
    /// sender.send_priority("now", Priority::Critical).unwrap();
    /// assert_eq!(receiver.recv_priority(), Ok(("now", Priority::Critical)));
    /// ```
    pub fn recv_priority(&self) -> Result<(T, Priority), RecvError> {
        self.recv_level().map(with_priority)
    }

    /// [`recv_priority`](Self::recv_priority), if there is a message now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] says whether a message may still come.
    pub fn try_recv_priority(&self) -> Result<(T, Priority), TryRecvError> {
        self.try_recv_level().map(with_priority)
    }

    /// [`recv_priority`](Self::recv_priority), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    pub fn recv_priority_timeout(
        &self,
        timeout: Duration,
    ) -> Result<(T, Priority), RecvTimeoutError> {
        self.recv_level_timeout(timeout).map(with_priority)
    }

    /// [`recv_priority`](Self::recv_priority), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    pub fn recv_priority_deadline(
        &self,
        deadline: Instant,
    ) -> Result<(T, Priority), RecvTimeoutError> {
        self.recv_level_deadline(deadline).map(with_priority)
    }

    /// [`recv_priority`](Self::recv_priority), suspending the async task while there is no message.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// As of [`recv_async`](Self::recv_async): nothing is lost.
    pub async fn recv_priority_async(&self) -> Result<(T, Priority), RecvError> {
        self.recv_level_async().await.map(with_priority)
    }

    /// As [`recv_priority`](Self::recv_priority), with the level itself: of a channel that has more than
    /// four, it says which.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::priority;
    ///
    /// let (sender, receiver) = priority::unbounded(64);
    /// sender.send_priority("backup", 5).unwrap();
    /// sender.send_priority("alarm", 63).unwrap();
    /// let (message, level) = receiver.recv_level().unwrap();
    /// assert_eq!((message, u8::from(level)), ("alarm", 63));
    /// let (message, level) = receiver.recv_level().unwrap();
    /// assert_eq!((message, u8::from(level)), ("backup", 5));
    /// ```
    pub fn recv_level(&self) -> Result<(T, Level), RecvError> {
        self.recv_level_until(None).map_err(|_| RecvError)
    }

    /// [`recv_level`](Self::recv_level), if there is a message now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] says whether a message may still come.
    pub fn try_recv_level(&self) -> Result<(T, Level), TryRecvError> {
        self.shared().try_recv_part().map(with_level)
    }

    /// [`recv_level`](Self::recv_level), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    pub fn recv_level_timeout(&self, timeout: Duration) -> Result<(T, Level), RecvTimeoutError> {
        // A deadline beyond what an Instant can hold is none.
        self.recv_level_until(Instant::now().checked_add(timeout))
    }

    /// [`recv_level`](Self::recv_level), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    pub fn recv_level_deadline(&self, deadline: Instant) -> Result<(T, Level), RecvTimeoutError> {
        self.recv_level_until(Some(deadline))
    }

    /// [`recv_level`](Self::recv_level), suspending the async task while there is no message.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// As of [`recv_async`](Self::recv_async): nothing is lost.
    pub async fn recv_level_async(&self) -> Result<(T, Level), RecvError> {
        let shared = self.shared();
        let attempt = |asker: Asker<'_>| received(shared.try_take_part(asker));
        shared.suspend(Side::Receivers, attempt).await.map(with_level)
    }

    fn recv_level_until(&self, deadline: Option<Instant>) -> Result<(T, Level), RecvTimeoutError> {
        let shared = self.shared();
        let attempt = |asker: Asker<'_>| received(shared.try_take_part(asker));
        let result = shared.wait(Side::Receivers, deadline, attempt);
        Ok(with_level(result.ok_or(RecvTimeoutError::Timeout)??))
    }
}

fn with_level<T>((message, level): (T, usize)) -> (T, Level) {
    (message, Level(level as u8))
}

fn with_priority<T>((message, level): (T, Level)) -> (T, Priority) {
    (message, level.into())
}
