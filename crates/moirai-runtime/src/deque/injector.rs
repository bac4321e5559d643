//! The public injector: a queue behind a lock. Knows no thread; who waits for items is its user's
//! affair.
//!
//! Rejected: the scheduler's own injector, which links what comes from outside through its headers, so
//! items must have one; a lock-free list of blocks, which pays where many threads inject at once, and an
//! executor that does so is better served by its rings.

use std::collections::VecDeque;
use std::fmt;

use moirai_sync::__prim::atomic::{AtomicUsize, Ordering};
use moirai_sync::__prim::{Arc, Mutex};
use moirai_sync::CachePadded;

use super::{Steal, StealStrategy, Thieves, Worker};

/// A queue without a bound that everybody pushes to and takes from.
///
/// First in, first out. A clone is another handle to the same queue; `Send` and `Sync` where `T` is
/// `Send`. Each operation takes one lock for as long as it takes to move the items, and looking at an
/// empty queue takes none. The queue keeps the memory of its greatest length until its last handle
/// goes, and drops what is left then.
///
/// # Examples
///
/// ```
/// use moirai_runtime::deque::{Injector, Steal, StealStrategy, Worker};
///
/// let injector = Injector::new();
/// for n in 0..100 {
///     injector.push(n);
/// }
/// let worker = Worker::new(&injector);
/// assert_eq!(injector.steal(&worker, StealStrategy::Half), Steal::Success(0));
/// assert_eq!((worker.len(), injector.len()), (49, 50));
/// assert_eq!(injector.steal_one(), Steal::Success(50));
/// ```
pub struct Injector<T> {
    queue: Arc<Queue<T>>,
}

struct Queue<T> {
    items: Mutex<VecDeque<T>>,
    /// The length of `items`, written under the lock and readable without.
    len: CachePadded<AtomicUsize>,
    /// Those in [`Injector::steal`].
    thieves: Thieves,
}

impl<T> Injector<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self {
            queue: Arc::new(Queue {
                items: Mutex::new(VecDeque::new()),
                len: CachePadded::new(AtomicUsize::new(0)),
                thieves: Thieves::new(),
            }),
        }
    }

    /// Adds `item` at the back.
    pub fn push(&self, item: T) {
        self.queue.with(|items| items.push_back(item));
    }

    /// Adds what a ring gives away, which runs no code of the caller.
    pub(super) fn extend(&self, overflow: impl Iterator<Item = T>) {
        self.queue.with(|items| items.extend(overflow));
    }

    /// Takes the oldest item. Never [`Steal::Retry`].
    pub fn steal_one(&self) -> Steal<T> {
        self.take(VecDeque::pop_front)
    }

    /// Takes the oldest items, as many as `strategy` says and as `to` has room for, at least one:
    /// returns the oldest, and the others follow in `to`, in order. Call it on the thread that
    /// holds `to`. Never [`Steal::Retry`].
    ///
    /// For [`StealStrategy::Adaptive`] the thieves are those in a call of this function.
    pub fn steal(&self, to: &Worker<T>, strategy: StealStrategy) -> Steal<T> {
        let thief = self.queue.thieves.enter(strategy);
        self.take(|items| {
            let more = strategy.share(items.len(), thief.seen).saturating_sub(1);
            let item = items.pop_front()?;
            for item in items.drain(..more.min(to.ring.room())) {
                // Only thieves are at `to`, and they make room.
                if let Err(overflow) = to.ring.push(item) {
                    unreachable!("{overflow:?} from a ring with room");
                }
            }
            Some(item)
        })
    }

    fn take(&self, take: impl FnOnce(&mut VecDeque<T>) -> Option<T>) -> Steal<T> {
        if self.is_empty() {
            return Steal::Empty;
        }
        self.queue.with(take).map_or(Steal::Empty, Steal::Success)
    }

    /// How many items are queued: a hint, read without the lock.
    #[must_use]
    pub fn len(&self) -> usize {
        // Relaxed: orders nothing; a thread sees what it pushed or was told of.
        self.queue.len.load(Ordering::Relaxed)
    }

    /// Whether nothing is queued; see [`len`](Self::len).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Queue<T> {
    fn with<R>(&self, f: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        let mut items = self.items.lock();
        let result = f(&mut items);
        self.len.store(items.len(), Ordering::Relaxed);
        result
    }
}

impl<T> Clone for Injector<T> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<T> Default for Injector<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Injector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injector").field("len", &self.len()).finish_non_exhaustive()
    }
}
