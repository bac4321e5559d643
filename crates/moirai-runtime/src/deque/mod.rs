//! The parts to build an executor of one's own: the queues of the scheduler, for items of any type.
//!
//! | part | what it is | who holds it |
//! |---|---|---|
//! | [`Worker`] | the owner's end of a ring of [`CAPACITY`] items | one thread |
//! | [`Stealer`] | the other end: takes a share of the ring | all others, one clone each |
//! | [`Injector`] | a queue without a bound, for what comes from outside and what a ring has no room for | everybody |
//! | [`StealStrategy`] | how much a theft takes | |
//! | [`Parker`] | puts a thread to sleep until another wakes it | its thread, and in an `Arc` whoever wakes it |
//!
//! Everything is first in, first out, but for what a full ring spills. No part knows what an item
//! is, starts a thread or waits; the lock of an [`Injector`] is held for moves only, never while an
//! item is dropped or code of the caller runs. Nothing here panics.
//!
//! # Which thread sleeps
//!
//! The lengths are hints: an item may come or go between the look and the answer. A thread that
//! wants to sleep must not miss an item that comes while it lies down. It is enough that it looks at
//! every length *while it holds the lock of the list of sleepers*, and adds itself to that list only
//! if all are 0; whoever has pushed takes the same lock afterwards and wakes one of the list. An
//! executor without such a lock needs a `SeqCst` fence on both sides between its write and its look.
//!
//! What a thief is copying shows in no length. So a thief whose ring is not empty after a theft wakes
//! one too, as if it had just pushed.
//!
//! # Examples
//!
//! ```
//! use moirai_runtime::deque::{Injector, Steal, StealStrategy, Worker};
//!
//! let injector = Injector::new();
//! let (busy, idle) = (Worker::new(&injector), Worker::new(&injector));
//! let stealer = busy.stealer();
//! for n in 0..100 {
//!     busy.push(n);
//! }
//! // A quarter of the oldest: one to run at once, the others in the thief's own ring.
//! assert_eq!(stealer.steal(&idle, StealStrategy::Quarter), Steal::Success(0));
//! assert_eq!((idle.len(), busy.len()), (24, 75));
//! assert_eq!((idle.pop(), busy.pop()), (Some(1), Some(25)));
//! ```
//!
//! A whole executor with parking is the example `work_stealing_scheduler` of the crate `moirai`.

mod injector;

use std::fmt;

use moirai_sync::__prim::Arc;
use moirai_sync::__prim::atomic::{AtomicUsize, Ordering};
use moirai_sync::CachePadded;

use crate::sched::deque::{self as ring, Missed};

pub use crate::sched::strategy::StealStrategy;
pub use injector::Injector;
pub use moirai_sync::{Parked, Parker};

/// How many items a [`Worker`] holds before it spills.
pub const CAPACITY: usize = ring::RING_CAPACITY;

/// The owner's end of a ring: it pushes and pops, others steal through a [`Stealer`].
///
/// The ring holds [`CAPACITY`] items, as large as a `T` each, and does not grow. A full one spills:
/// half of it, the oldest, goes to the [`Injector`] that the worker was made with, and the item that
/// did not fit after them. So nothing is refused and nothing is lost, but a spilled item may run
/// after younger ones.
///
/// A `Worker` may move to another thread but not be shared: it is `Send` where `T` is, and not
/// `Sync`. When the worker is dropped its stealers can still take what is left; the last end that
/// goes drops the rest, each item once.
///
/// # Examples
///
/// ```
/// use moirai_runtime::deque::{CAPACITY, Injector, Worker};
///
/// let injector = Injector::new();
/// let worker = Worker::new(&injector);
/// for n in 0..=CAPACITY {
///     worker.push(n);
/// }
/// assert_eq!(injector.len(), CAPACITY / 2 + 1);
/// assert_eq!(worker.pop(), Some(CAPACITY / 2));
/// ```
pub struct Worker<T> {
    ring: ring::Local<T>,
    stealer: Stealer<T>,
    injector: Injector<T>,
}

impl<T> Worker<T> {
    /// An empty ring that spills into `injector`. Allocates room for [`CAPACITY`] items.
    #[must_use]
    pub fn new(injector: &Injector<T>) -> Self {
        Self::of(ring::ring(), injector)
    }

    fn of((local, stealer): (ring::Local<T>, ring::Stealer<T>), injector: &Injector<T>) -> Self {
        let thieves = Arc::new(Thieves::new());
        let stealer = Stealer { ring: stealer, thieves };
        Self { ring: local, stealer, injector: injector.clone() }
    }

    /// Adds `item` at the back: a load and two stores. If the ring is full, half of it moves to the
    /// injector first, under its lock.
    #[inline]
    pub fn push(&self, item: T) {
        if let Err(overflow) = self.ring.push(item) {
            self.injector.extend(overflow);
        }
    }

    /// Takes the oldest item: one atomic exchange, more of them only against thieves.
    #[inline]
    pub fn pop(&self) -> Option<T> {
        self.ring.pop()
    }

    /// How many items the ring holds; thieves may take some before the caller looks. What a thief is
    /// copying does not count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether the ring holds nothing; see [`len`](Self::len).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// The end for other threads.
    #[must_use]
    pub fn stealer(&self) -> Stealer<T> {
        self.stealer.clone()
    }
}

/// The end of a [`Worker`]'s ring that other threads hold.
///
/// A clone is another handle to the same ring. `Send` and `Sync` where `T` is `Send`: an item is
/// moved and never shared.
///
/// # Examples
///
/// ```
/// use moirai_runtime::deque::{Injector, Steal, Worker};
///
/// let worker = Worker::new(&Injector::new());
/// worker.push("job");
/// let stealer = worker.stealer();
/// std::thread::spawn(move || assert_eq!(stealer.steal_one(), Steal::Success("job")))
///     .join()
///     .unwrap();
/// assert_eq!(worker.pop(), None);
/// ```
pub struct Stealer<T> {
    ring: ring::Stealer<T>,
    /// Those in [`steal`](Self::steal).
    thieves: Arc<Thieves>,
}

impl<T> Stealer<T> {
    /// Takes the oldest items, as many as `strategy` says and as `to` has room for, at least one:
    /// returns the oldest, and the others follow in `to`, in order. Call it on the thread that
    /// holds `to`.
    ///
    /// Two atomic exchanges and a move for each item. For [`StealStrategy::Adaptive`] the thieves
    /// are those in a call of this function for the same ring, which are counted with two more.
    ///
    /// If `to` is the owner's end of the same ring, its oldest item is popped.
    pub fn steal(&self, to: &Worker<T>, strategy: StealStrategy) -> Steal<T> {
        let thief = self.thieves.enter(strategy);
        Steal::from_ring(self.ring.steal(&to.ring, |len| strategy.share(len, thief.seen)))
    }

    /// Takes the oldest item, for a thief without a ring: two atomic exchanges.
    pub fn steal_one(&self) -> Steal<T> {
        Steal::from_ring(self.ring.steal_one())
    }

    /// How many items the ring holds; a hint, see [`Worker::len`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether the ring holds nothing; a hint, see [`Worker::len`].
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What became of an attempt to steal.
///
/// # Examples
///
/// The first success of several victims; `Retry` if there was none but one of them was busy:
///
/// ```
/// use moirai_runtime::deque::{Injector, Steal, StealStrategy, Worker};
///
/// let injector = Injector::new();
/// let (me, other) = (Worker::new(&injector), Worker::new(&injector));
/// other.push(7);
/// let found = injector
///     .steal(&me, StealStrategy::Half)
///     .or_else(|| other.stealer().steal(&me, StealStrategy::Half));
/// assert_eq!(found.success(), Some(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a stolen item is dropped with it"]
pub enum Steal<T> {
    /// There was nothing to take.
    Empty,
    /// Another thief was at it, or the owner giving half away. It may leave something: look again.
    Retry,
    /// The item that was taken.
    Success(T),
}

impl<T> Steal<T> {
    fn from_ring(stolen: Result<T, Missed>) -> Self {
        match stolen {
            Ok(item) => Self::Success(item),
            Err(Missed::Empty) => Self::Empty,
            Err(Missed::Busy) => Self::Retry,
        }
    }

    /// The item, if one was taken.
    #[must_use]
    pub fn success(self) -> Option<T> {
        match self {
            Self::Success(item) => Some(item),
            Self::Empty | Self::Retry => None,
        }
    }

    /// Whether there was nothing to take.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether another attempt may find something.
    #[must_use]
    pub const fn is_retry(&self) -> bool {
        matches!(self, Self::Retry)
    }

    /// Without success, tries `next`: `Empty` if both were empty, `Retry` if either was busy.
    pub fn or_else(self, next: impl FnOnce() -> Self) -> Self {
        match (self, next) {
            (Self::Success(item), _) => Self::Success(item),
            (Self::Empty, next) => next(),
            (Self::Retry, next) => match next() {
                Self::Success(item) => Self::Success(item),
                Self::Empty | Self::Retry => Self::Retry,
            },
        }
    }
}

/// The first success, and nothing is asked after it; else as [`or_else`](Steal::or_else).
impl<T> FromIterator<Self> for Steal<T> {
    fn from_iter<I: IntoIterator<Item = Self>>(attempts: I) -> Self {
        let mut found = Self::Empty;
        for attempt in attempts {
            found = found.or_else(|| attempt);
            if matches!(found, Self::Success(_)) {
                break;
            }
        }
        found
    }
}

/// Those that look at one queue now.
#[derive(Debug)]
struct Thieves(CachePadded<AtomicUsize>);

/// One of them, until it is dropped.
#[derive(Debug)]
struct Thief<'a> {
    /// Where it is counted, if it is.
    counted: Option<&'a Thieves>,
    /// How many there were, with itself.
    seen: usize,
}

impl Thieves {
    fn new() -> Self {
        Self(CachePadded::new(AtomicUsize::new(0)))
    }

    /// Counts a thief if `strategy` asks how many there are.
    fn enter(&self, strategy: StealStrategy) -> Thief<'_> {
        match strategy {
            StealStrategy::Adaptive => {
                Thief { counted: Some(self), seen: self.0.fetch_add(1, Ordering::Relaxed) + 1 }
            }
            _ => Thief { counted: None, seen: 1 },
        }
    }
}

impl Drop for Thief<'_> {
    fn drop(&mut self) {
        if let Some(thieves) = self.counted {
            thieves.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self { ring: self.ring.clone(), thieves: Arc::clone(&self.thieves) }
    }
}

impl<T> fmt::Debug for Worker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Stealer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stealer").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests;
