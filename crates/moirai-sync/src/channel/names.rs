//! Channels under the names of types: each makes what a function makes, and nothing more.

use std::fmt;
use std::marker::PhantomData;

use super::{Receiver, Sender, bounded, numa, priority};

/// What makes channels with a bound, as [`bounded`] does.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{BoundedChannel, TrySendError};
///
/// let (sender, receiver) = BoundedChannel::with_capacity(1);
/// sender.send(1).unwrap();
/// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
pub struct BoundedChannel<T>(PhantomData<fn() -> T>);

impl<T> BoundedChannel<T> {
    /// As [`bounded`].
    pub fn with_capacity(capacity: usize) -> (Sender<T>, Receiver<T>) {
        bounded(capacity)
    }
}

/// What makes channels of which the urgent messages go first, as [`priority`](super::priority) does.
///
/// # Examples
///
/// ```
/// use moirai_sync::{Priority, channel::PriorityChannel};
///
/// let (sender, receiver) = PriorityChannel::with_levels(4);
/// sender.send_priority("later", Priority::Low).unwrap();
/// sender.send_priority("now", Priority::High).unwrap();
/// assert_eq!(receiver.recv_priority(), Ok(("now", Priority::High)));
/// ```
pub struct PriorityChannel<T>(PhantomData<fn() -> T>);

impl<T> PriorityChannel<T> {
    /// As [`priority::unbounded`].
    pub fn with_levels(levels: usize) -> (Sender<T>, Receiver<T>) {
        priority::unbounded(levels)
    }

    /// As [`priority::bounded`].
    pub fn with_capacity(levels: usize, capacity: usize) -> (Sender<T>, Receiver<T>) {
        priority::bounded(levels, capacity)
    }
}

/// What makes channels with a queue for each node of memory, as [`numa`] does.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::NumaChannel;
///
/// let (sender, receiver) = NumaChannel::with_nodes(2, 100, || 0);
/// sender.send_local(7).unwrap();
/// assert_eq!(receiver.recv(), Ok(7));
/// ```
pub struct NumaChannel<T>(PhantomData<fn() -> T>);

impl<T> NumaChannel<T> {
    /// As [`numa`].
    pub fn with_nodes(
        nodes: usize,
        capacity: usize,
        node: fn() -> usize,
    ) -> (Sender<T>, Receiver<T>) {
        numa(nodes, capacity, node)
    }
}

/// Channels with a queue for each worker.
pub mod mpmc_ws {
    use std::fmt;
    use std::marker::PhantomData;

    use crate::channel::{Sender, WorkerReceiver, work_stealing};

    /// What makes them, as [`work_stealing`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::mpmc_ws;
    ///
    /// let (sender, workers) = mpmc_ws::Channel::with_workers(2);
    /// sender.send_to_worker(1, "for the second").unwrap();
    /// assert_eq!(workers[1].recv(), Ok("for the second"));
    /// ```
    pub struct Channel<T>(PhantomData<fn() -> T>);

    impl<T> Channel<T> {
        /// As [`work_stealing`].
        pub fn with_workers(workers: usize) -> (Sender<T>, Vec<WorkerReceiver<T>>) {
            work_stealing(workers)
        }
    }

    impl<T> fmt::Debug for Channel<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Channel").finish_non_exhaustive()
        }
    }
}

/// None of them holds anything.
macro_rules! shows_its_name {
    ($($name:ident)*) => {
        $(impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })*
    };
}

shows_its_name!(BoundedChannel PriorityChannel NumaChannel);
