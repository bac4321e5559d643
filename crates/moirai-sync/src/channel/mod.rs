//! Channels between threads, async tasks of any executor, and coroutines.
//!
//! One pair of handles, both cloneable, with blocking and async methods side by side:
//!
//! | | now or never | waiting, blocks the strand | waiting, with a limit | waiting, async |
//! |---|---|---|---|---|
//! | send | [`try_send`](Sender::try_send) | [`send`](Sender::send) | [`send_timeout`](Sender::send_timeout), [`send_deadline`](Sender::send_deadline) | [`send_async`](Sender::send_async) |
//! | receive | [`try_recv`](Receiver::try_recv) | [`recv`](Receiver::recv), [`iter`](Receiver::iter) | [`recv_timeout`](Receiver::recv_timeout), [`recv_deadline`](Receiver::recv_deadline) | [`recv_async`](Receiver::recv_async) |
//! | send many | [`try_send_batch`](Sender::try_send_batch) | [`send_batch`](Sender::send_batch) | [`send_batch_timeout`](Sender::send_batch_timeout), [`send_batch_deadline`](Sender::send_batch_deadline) | [`send_batch_async`](Sender::send_batch_async) |
//! | send before others | [`try_send_priority`](Sender::try_send_priority) | [`send_priority`](Sender::send_priority) | [`send_priority_timeout`](Sender::send_priority_timeout), [`send_priority_deadline`](Sender::send_priority_deadline) | [`send_priority_async`](Sender::send_priority_async) |
//! | receive, and know how urgent | [`try_recv_priority`](Receiver::try_recv_priority) | [`recv_priority`](Receiver::recv_priority) | [`recv_priority_timeout`](Receiver::recv_priority_timeout), [`recv_priority_deadline`](Receiver::recv_priority_deadline) | [`recv_priority_async`](Receiver::recv_priority_async) |
//! | receive, and know the level | [`try_recv_level`](Receiver::try_recv_level) | [`recv_level`](Receiver::recv_level) | [`recv_level_timeout`](Receiver::recv_level_timeout), [`recv_level_deadline`](Receiver::recv_level_deadline) | [`recv_level_async`](Receiver::recv_level_async) |
//! | receive many | [`try_recv_batch`](Receiver::try_recv_batch) | [`recv_batch`](Receiver::recv_batch) | [`recv_batch_timeout`](Receiver::recv_batch_timeout), [`recv_batch_deadline`](Receiver::recv_batch_deadline) | [`recv_batch_async`](Receiver::recv_batch_async) |
//! | keep a place | [`try_reserve`](Sender::try_reserve) | [`reserve`](Sender::reserve) | [`reserve_timeout`](Sender::reserve_timeout), [`reserve_deadline`](Sender::reserve_deadline) | [`reserve_async`](Sender::reserve_async) |
//!
//! - **Order.** Messages of one sender arrive in the order of its sends.
//! - **Fairness.** Waiters are woken first come, first served; somebody who does not wait may take
//!   a message or a place before a woken waiter gets to it, which then waits at the head.
//! - **Close.** By [`close`](Sender::close), by the last sender or by the last receiver going away.
//!   No send succeeds afterwards; what is queued can be received first, unless no receiver is left:
//!   then it is dropped at once.
//! - **Cancelling.** A message is taken by the poll that returns it. Dropping a waiting receive
//!   loses nothing; dropping a waiting send drops its message unsent.
//! - **Waiting costs no processor time.** A thread that waits may spin for some microseconds, where
//!   that has paid lately, and then sleeps.
//! - **Memory.** An unbounded channel takes its memory with its first message, in blocks of some 60
//!   messages. Of those that were received it fills some again and frees the others; a receive that finds
//!   nothing leaves one block at most.
//! - **A blocking method inside another executor's task** blocks that executor's thread; use the
//!   async one there. On a Moirai worker it is allowed: the worker's permit goes to another thread.
//!
//! A rendezvous channel holds no message: a receiver that was told of one and goes away leaves it to
//! the next receive, if need be after what was sent later and has been received meanwhile.
//!
//! Channels of another kind have handles of their own: [`broadcast`], whose receivers all get every
//! message, and [`watch`], which keeps the latest value only.
//!
//! What is received can be mapped, gathered, delayed and merged before: see [`ops`]. A
//! [`FanoutChannel`] is a sending end for several channels at once.
//!
//! | file | knows |
//! |---|---|
//! | `shared` | where the queue and the two wait lists meet: how everybody waits |
//! | `attempts`, `telling`, `ends` | what is tried in between, who is told of it, and how that ends |
//! | `sender`, `receiver`, `handle` | the handles, and what all have |
//! | `hold` | who holds a channel, and frees it |
//! | `sole`, `loan`, `lull` | those that are alone on their side, what they lend, how they look for messages |
//! | `priority`, `work_stealing`, `numa` | levels; a receiving end for each worker; a queue for each node |
//! | `builder`, `extras`, `metrics` | what is asked of a channel, what that adds, and what it tells |
//! | `rendezvous`, `sending` | a channel without places; a send that waits, and a permit |
//! | `operation`, `suspended`, `nudge` | what a task awaits, how it waits, and what if nobody polls it |

mod attempts;
pub mod broadcast;
mod builder;
mod ends;
mod error;
mod extras;
mod fanout;
mod handle;
mod hold;
mod loan;
mod lull;
mod metrics;
mod names;
pub(crate) mod nudge;
mod numa;
mod operation;
pub mod ops;
pub mod priority;
mod receiver;
mod rendezvous;
mod sender;
mod sending;
mod shared;
mod sole;
#[cfg(feature = "futures")]
mod stream;
mod suspended;
mod telling;
mod timer;
pub mod watch;
mod work_stealing;

pub use builder::{BackpressureStrategy, ChannelBuilder, ConfigError};
pub use error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
pub use fanout::{DistributionStrategy, FanoutChannel};
pub use loan::ZeroCopyChannel;
pub use metrics::{ChannelMetrics, MetricsExporter, PrometheusExporter};
pub use names::{BoundedChannel, NumaChannel, PriorityChannel, mpmc_ws};
pub use numa::numa;
pub use ops::{ChannelExt, Messages};
pub use priority::Level;
pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::{Sender, WeakSender};
pub use sending::Permit;
pub(crate) use sole::Attending;
#[cfg(feature = "futures")]
pub use stream::{RecvStream, SendSink};
pub use timer::{after, at, never, tick};
pub use work_stealing::{SendToWorkerError, WorkerIter, WorkerReceiver, work_stealing};

use hold::Hold;
use shared::Flavour;

use crate::queue::Queue;

/// Makes a channel that holds at most `capacity` messages. With a capacity of 0 it is a
/// [`rendezvous`].
///
/// # Examples
///
/// ```
/// use moirai_sync::channel;
///
/// let (sender, receiver) = channel::bounded(2);
/// let thread = std::thread::spawn(move || (0..10).try_for_each(|i| sender.send(i)));
/// assert_eq!(receiver.iter().sum::<i32>(), 45);
/// thread.join().unwrap().unwrap();
/// ```
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    match capacity {
        0 => rendezvous(),
        _ => handles(|| Queue::bounded(capacity)),
    }
}

/// Makes a channel without a bound: a send never waits, and what is not received stays in memory.
/// The memory of what was received is given back.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel;
///
/// let (sender, receiver) = channel::unbounded();
/// (0..10).for_each(|i| sender.send(i).unwrap());
/// drop(sender);
/// assert_eq!(receiver.iter().sum::<i32>(), 45);
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles(Queue::unbounded)
}

/// Makes a channel that holds nothing: a send waits until a receive takes its message, and a
/// receive until a send has brought one.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{self, TrySendError};
///
/// let (sender, receiver) = channel::rendezvous();
/// assert_eq!(sender.try_send(1), Err(TrySendError::Full(1))); // nobody is receiving
/// let thread = std::thread::spawn(move || sender.send(2));
/// assert_eq!(receiver.recv(), Ok(2));
/// thread.join().unwrap().unwrap();
/// ```
pub fn rendezvous<T>() -> (Sender<T>, Receiver<T>) {
    let (senders, receivers) = Hold::pair(Queue::nothing, Flavour::rendezvous(), None);
    (Sender::first(senders), Receiver::first(receivers))
}

/// Many senders and many receivers: the channels of [`channel`](self) themselves.
pub mod mpmc {
    pub use super::{Receiver, Sender, WeakSender, bounded, rendezvous, unbounded};
}

/// Many senders and one receiver, whose receives need no compare-exchange.
pub mod mpsc {
    pub use super::loan::RecvRef;
    pub use super::sole::{IntoIter, Receiver};
    pub use super::{Permit, Sender, WeakSender};

    use super::{Flavour, Hold, Queue};

    /// Makes a channel that holds at most `capacity` messages; 0 counts as 1.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = moirai_sync::channel::mpsc::bounded(2);
    /// let other = sender.clone();
    /// sender.send(1).unwrap();
    /// other.send(2).unwrap();
    /// assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
    /// ```
    pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let (queue, key) = Queue::mpsc_bounded(capacity);
        let (senders, receivers) = Hold::pair(|| queue, Flavour::Queue, None);
        (Sender::first(senders), Receiver::new(receivers, key))
    }

    /// Makes a channel without a bound.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::channel::mpsc::unbounded();
    /// (0..10).for_each(|i| sender.send(i).unwrap());
    /// drop(sender);
    /// assert_eq!(receiver.into_iter().sum::<i32>(), 45);
    /// ```
    pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
        let (queue, key) = Queue::mpsc_unbounded();
        let (senders, receivers) = Hold::pair(|| queue, Flavour::Queue, None);
        (Sender::first(senders), Receiver::new(receivers, key))
    }
}

/// One sender and one receiver: the fastest, and the only one that lends places.
pub mod spsc {
    pub use super::loan::{Loan, RecvRef};
    pub use super::sole::{IntoIter, Receiver, Sender};

    use super::{Flavour, Hold, Queue};

    /// Makes a channel that holds at most `capacity` messages; 0 counts as 1.
    ///
    /// # Examples
    ///
    /// ```
    /// let (mut sender, receiver) = moirai_sync::channel::spsc::bounded(2);
    /// let thread = std::thread::spawn(move || (0..10).try_for_each(|i| sender.send(i)));
    /// assert_eq!(receiver.into_iter().sum::<i32>(), 45);
    /// thread.join().unwrap().unwrap();
    /// ```
    pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let (queue, producer, consumer) = Queue::spsc_bounded(capacity);
        let (senders, receivers) = Hold::pair(|| queue, Flavour::Queue, None);
        (Sender::new(senders, producer), Receiver::new(receivers, consumer))
    }

    /// Makes a channel without a bound.
    ///
    /// # Examples
    ///
    /// ```
    /// let (mut sender, mut receiver) = moirai_sync::channel::spsc::unbounded();
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.recv(), Ok(1));
    /// ```
    pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
        let (queue, producer, consumer) = Queue::spsc_unbounded();
        let (senders, receivers) = Hold::pair(|| queue, Flavour::Queue, None);
        (Sender::new(senders, producer), Receiver::new(receivers, consumer))
    }
}

/// The handles of a channel that is a queue.
#[inline]
fn handles<T>(queue: impl FnOnce() -> Queue<T>) -> (Sender<T>, Receiver<T>) {
    let (senders, receivers) = Hold::pair(queue, Flavour::Queue, None);
    (Sender::first(senders), Receiver::first(receivers))
}
