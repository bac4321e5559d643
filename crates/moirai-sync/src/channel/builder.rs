//! Channels with more to choose than a capacity.

use std::fmt;
use std::time::Duration;

use crate::queue::Queue;
use crate::queue::levels::LEVELS_MAX;
use crate::queue::shards::HOMES_MAX;

use super::extras::{Extras, Metering};
use super::hold::Hold;
use super::shared::Flavour;
use super::{Receiver, Sender};

/// What a send does where a bounded channel is full.
///
/// | | `send`, `send_async` | `try_send` |
/// |---|---|---|
/// | [`Block`](Self::Block) | waits | gives the message back |
/// | [`DropNewest`](Self::DropNewest) | drops the message | drops the message |
/// | [`DropOldest`](Self::DropOldest) | drops the oldest one | drops the oldest one |
/// | [`Error`](Self::Error) | gives the message back | gives the message back |
/// | [`Timeout`](Self::Timeout) | waits so long, then gives it back | gives the message back |
///
/// - **Batches** and [`send_priority`](Sender::send_priority) do as `send`, their twins as its twins.
/// - **A limit of the call's own**, as of [`send_timeout`](Sender::send_timeout), goes before that of the
///   channel: such a call waits under `Error` and `Timeout`.
/// - **A dropped message was sent,** as far as the call says: it returns `Ok`. How many were dropped is
///   told by [`metrics`](Sender::metrics). A message is dropped by the thread that sends, with no lock
///   held; where its drop panics, the channel goes on.
/// - **Of a channel with levels,** `DropOldest` drops the oldest message of the lowest level up to that
///   of the new one; where all that is queued is more urgent, it drops the new one.
/// - **A place that is kept,** by [`reserve`](Sender::reserve) or for an arm of a select, is waited for
///   whatever the strategy is, and its message is not lost. Where permits have all the places, there is
///   nothing old to drop: then a send waits, also under `DropOldest`.
/// - **Closed** is closed: no strategy drops a message that it can give back with an error.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{BackpressureStrategy, ChannelBuilder};
///
/// let strategy = BackpressureStrategy::DropOldest;
/// let (sender, receiver) = ChannelBuilder::new().bounded(2).backpressure(strategy).build()?;
/// (1..=5).for_each(|i| sender.send(i).unwrap());
/// assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [4, 5]);
/// # Ok::<(), moirai_sync::channel::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackpressureStrategy {
    /// Waits for a place.
    #[default]
    Block,
    /// Drops the message that is sent.
    DropNewest,
    /// Drops the message that would be received next.
    DropOldest,
    /// Gives the message back at once.
    Error,
    /// Waits for a place, but no longer than this.
    Timeout(Duration),
}

impl BackpressureStrategy {
    /// Whether messages are dropped.
    fn drops(self) -> bool {
        matches!(self, Self::DropNewest | Self::DropOldest)
    }
}

/// Chooses what a channel is like; [`build`](Self::build) makes it.
///
/// Without a choice it has no bound, one level, one queue, no metrics and no name.
///
/// # Examples
///
/// ```
/// use moirai_sync::Priority;
/// use moirai_sync::channel::{BackpressureStrategy, ChannelBuilder};
///
/// let (sender, receiver) = ChannelBuilder::<&str>::new()
///     .bounded(1000)
///     .with_priorities(4)
///     .backpressure(BackpressureStrategy::DropOldest)
///     .enable_metrics()
///     .name("jobs")
///     .build()?;
/// sender.send_priority("now", Priority::Critical).unwrap();
/// assert_eq!(receiver.recv_priority(), Ok(("now", Priority::Critical)));
/// assert_eq!(receiver.name(), Some("jobs"));
/// # Ok::<(), moirai_sync::channel::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `build`"]
pub struct ChannelBuilder<T> {
    capacity: Option<usize>,
    levels: Option<usize>,
    homes: Option<usize>,
    strategy: BackpressureStrategy,
    metrics: Metering,
    name: Option<Box<str>>,
    _message: std::marker::PhantomData<fn(T)>,
}

impl<T> ChannelBuilder<T> {
    /// A builder without a choice.
    pub fn new() -> Self {
        Self {
            capacity: None,
            levels: None,
            homes: None,
            strategy: BackpressureStrategy::Block,
            metrics: Metering::Off,
            name: None,
            _message: std::marker::PhantomData,
        }
    }

    /// At most `capacity` messages; 0 makes a [`rendezvous`](super::rendezvous).
    pub fn bounded(mut self, capacity: usize) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// As many messages as the memory holds.
    pub fn unbounded(mut self) -> Self {
        self.capacity = None;
        self
    }

    /// So many levels, from 1 to 64; see [`priority`](super::priority).
    pub fn with_priorities(mut self, levels: usize) -> Self {
        self.levels = Some(levels);
        self
    }

    /// A queue for each of so many threads, from 1 to 1024: a thread receives first what it has sent
    /// itself, while that is still in its cache, and then what others have. Where there are more threads
    /// than queues, some share one.
    ///
    /// For threads that both send and receive, as workers do. What is sent on one thread is received in
    /// order; a task that sends on several has no order. One receive of 64 begins with the messages of
    /// any thread, so that none wait for ever. With [levels](Self::with_priorities), the level counts
    /// first. A channel of capacity 0 has nothing to choose from.
    pub fn worker_affinity(mut self, workers: usize) -> Self {
        self.homes = Some(workers);
        self
    }

    /// What a send does where the channel is full.
    pub fn backpressure(mut self, strategy: BackpressureStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Has the channel measured, for [`metrics`](Sender::metrics).
    pub fn enable_metrics(mut self) -> Self {
        if self.metrics == Metering::Off {
            self.metrics = Metering::Counts;
        }
        self
    }

    /// As [`enable_metrics`](Self::enable_metrics), and measures for how long each send and receive
    /// waits: two looks at the clock for each that does.
    pub fn enable_latency_tracking(mut self) -> Self {
        self.metrics = Metering::CountsAndWaits;
        self
    }

    /// What the channel is called, by its handles and where they are printed.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Makes the channel.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where the choices do not go together, or a number is out of range.
    pub fn build(self) -> Result<(Sender<T>, Receiver<T>), ConfigError> {
        let Self { capacity, levels, homes, strategy, metrics, name, _message } = self;
        in_range("with_priorities", levels, LEVELS_MAX)?;
        in_range("worker_affinity", homes, HOMES_MAX)?;
        match capacity {
            Some(0) if levels.is_some() => Err(ConfigError::NoPlace { option: "with_priorities" }),
            Some(0) if strategy.drops() => Err(ConfigError::NoPlace { option: "backpressure" }),
            None if strategy.drops() => Err(ConfigError::NeverFull { strategy }),
            None if matches!(strategy, BackpressureStrategy::Timeout(_)) => {
                Err(ConfigError::NeverFull { strategy })
            }
            _ => Ok(()),
        }?;
        let queue = match (capacity, levels, homes) {
            (Some(0), ..) => None,
            (_, Some(levels), _) => Some(Queue::levels(levels, homes, capacity)),
            (_, None, Some(homes)) => Some(Queue::of_threads(homes, capacity)),
            (None, None, None) => Some(Queue::unbounded()),
            (Some(capacity), None, None) => Some(Queue::bounded(capacity)),
        };
        let queue = queue.map(|queue| match metrics {
            Metering::Off => queue,
            Metering::Counts | Metering::CountsAndWaits => queue.watched(),
        });
        let extras = Some(Box::new(Extras::new(strategy, name, metrics)));
        let (senders, receivers) = match queue {
            Some(queue) => Hold::pair(|| queue, Flavour::Queue, extras),
            None => Hold::pair(Queue::nothing, Flavour::rendezvous(), extras),
        };
        Ok((Sender::first(senders), Receiver::first(receivers)))
    }
}

/// Whether `value`, if there is one, lies in `1..=max`.
fn in_range(option: &'static str, value: Option<usize>, max: usize) -> Result<(), ConfigError> {
    match value {
        Some(value) if !(1..=max).contains(&value) => {
            Err(ConfigError::OutOfRange { option, value, min: 1, max })
        }
        _ => Ok(()),
    }
}

impl<T> Default for ChannelBuilder<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// An error from [`ChannelBuilder::build`].
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::ChannelBuilder;
///
/// let error = ChannelBuilder::<u8>::new().with_priorities(65).build().unwrap_err();
/// assert_eq!(error.to_string(), "`with_priorities` is 65, expected 1..=64");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A number lies outside of its range.
    OutOfRange {
        /// The method that was given it.
        option: &'static str,
        /// The number.
        value: usize,
        /// The least that goes.
        min: usize,
        /// The most that goes.
        max: usize,
    },
    /// A channel of capacity 0 holds no message, so there is none to drop or to put in order.
    NoPlace {
        /// The method that asks for it.
        option: &'static str,
    },
    /// A channel without a bound is never full, so the strategy would never be used.
    NeverFull {
        /// The strategy.
        strategy: BackpressureStrategy,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { option, value, min, max } => {
                write!(f, "`{option}` is {value}, expected {min}..={max}")
            }
            Self::NoPlace { option } => {
                write!(f, "`{option}` is for a channel that holds messages, and the capacity is 0")
            }
            Self::NeverFull { strategy } => {
                write!(f, "`{strategy:?}` is for a channel that can be full, and this has no bound")
            }
        }
    }
}

impl std::error::Error for ConfigError {}
