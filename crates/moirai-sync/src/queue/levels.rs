//! A queue for each level of priority, and a mask of those that may hold something.
//!
//! ```text
//!   mask     0 .. 0 1 0 1      a pop takes from the queue of the highest bit
//!                   │   │
//!   queues   3    2    1    0  a push goes to the one of its level
//!                 ▲    ▲
//!                 └────┴─ first in, first out within each
//! ```
//!
//! **The mask is a hint,** which a pop believes only where it says that there is something. A queue
//! that turns out to be empty loses its bit, and is *looked at again after that*: a push that found the
//! bit still set has left it. Where the whole mask is 0, a pop looks into every queue before it says
//! that there is nothing, so a bit that is missing for a moment hides no message from who goes to
//! sleep. The order that must not be turned round is this one:
//!
//! ```text
//!   push:  into the queue ─ fence ─ is the bit set? leave it : set it
//!   pop:   clear the bit  ─ fence ─ is the queue empty? go on : set it again
//! ```
//! At least one of them sees the other.
//!
//! **What is highest** is decided when a queue has been found not to be empty: whoever has pushed to a
//! higher one before that value came has set its bit, which is looked for then.
//!
//! **Several receivers:** between the two steps of a pop that clears a bit, another one may take from a
//! lower level. Where one thread receives, or two do one after the other, the highest goes first.
//!
//! **A bound** is one for all levels: a count of the places that are taken, from before a push until
//! after the pop.
//!
//! **Close.** From the lowest level up; the highest one says whether it is done, so whoever finds a
//! queue closed closes the rest before it says so: no push succeeds after one has failed.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | fence before the load of `mask` in `mark` (the push's own) | SeqCst | the fence in `clear` |
//! | `mask` subtraction and fence in `clear` | SeqCst | the fence of whoever has pushed |
//! | `mask` loads | Relaxed | ordered by the queue's Acquire before the one that counts |
//! | `taken` in `Places` | SeqCst | itself: full is decided in one order; then the fence, for who waits |

use crate::prim::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::prim::fence_after_rmw;

use super::{Close, Least, PushError, Queue};

/// The most levels: the bits of the mask.
pub(crate) const LEVELS_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Levels<T> {
    /// Each without a bound; the lowest first.
    queues: Box<[Queue<T>]>,
    mask: AtomicU64,
    places: Option<Places>,
    /// Set once, by the close that counts.
    closed: AtomicBool,
}

impl<T> Levels<T> {
    /// `levels` levels, at least 1 and at most [`LEVELS_MAX`], for at most `capacity` values.
    pub(crate) fn new(levels: usize, capacity: Option<usize>) -> Self {
        let levels = levels.clamp(1, LEVELS_MAX);
        Self {
            queues: (0..levels).map(|_| Queue::unbounded()).collect(),
            mask: AtomicU64::new(0),
            places: capacity.map(Places::new),
            closed: AtomicBool::new(false),
        }
    }

    /// Appends `value` to a level, or to the highest if there are fewer; gives it back if all places
    /// are taken, or the queue is closed.
    pub(crate) fn push(&self, level: usize, value: T) -> Result<(), T> {
        let level = self.existing(level);
        if self.take_place().is_err() {
            return Err(value);
        }
        self.queues[level].push(value).map(|()| self.mark(level)).inspect_err(|_| {
            self.give_places_back(1);
            self.close_queues();
        })
    }

    /// Takes the oldest value of the highest level that has one; says which that was.
    pub(crate) fn pop(&self) -> Option<(T, usize)> {
        loop {
            let level = self.highest().or_else(|| self.search())?;
            if self.queues[level].is_empty() {
                self.clear(level);
                continue;
            }
            // Something higher may have come before what is here: its bit was set before that.
            if self.highest() != Some(level) {
                continue;
            }
            if let Some(value) = self.queues[level].pop() {
                self.give_places_back(1);
                return Some((value, level));
            }
        }
    }

    /// Takes the oldest value of the lowest level, up to `level`, that has one.
    pub(crate) fn pop_least(&self, level: usize) -> Result<T, Least> {
        let value = self.queues[..=self.existing(level)].iter().find_map(Queue::pop);
        if value.is_some() {
            self.give_places_back(1);
        }
        value.ok_or_else(|| if self.is_empty() { Least::Nothing } else { Least::MoreUrgent })
    }

    /// The highest level whose bit is set.
    fn highest(&self) -> Option<usize> {
        // Relaxed: a hint; what it is compared with was read before, with Acquire.
        self.mask.load(Ordering::Relaxed).checked_ilog2().map(|level| level as usize)
    }

    /// A level that has a value, whatever the mask says; `None` if all are empty.
    #[cold]
    fn search(&self) -> Option<usize> {
        let level = self.queues.iter().rposition(|queue| !queue.is_empty())?;
        self.mark(level);
        Some(level)
    }

    /// The queue of `level` is not empty: a value was pushed before, with a full fence after it, or
    /// was seen there.
    fn mark(&self, level: usize) {
        let bit = 1 << level;
        // Relaxed: if it is set, whoever clears it sees the value afterwards (see the top).
        if self.mask.load(Ordering::Relaxed) & bit == 0 {
            // Relaxed: a hint.
            self.mask.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// The queue of `level` was empty.
    #[cold]
    fn clear(&self, level: usize) {
        // SeqCst: with the fence, before the look at the queue; pairs with the fence of a push.
        self.mask.fetch_and(!(1 << level), Ordering::SeqCst);
        fence_after_rmw();
        if !self.queues[level].is_empty() {
            self.mark(level);
        }
    }

    /// Keeps a place for [`push_reserved`](Self::push_reserved) or [`unreserve`](Self::unreserve).
    pub(crate) fn reserve(&self, level: usize) -> Result<(), PushError<()>> {
        self.take_place().map_err(|()| match self.is_closed() {
            true => PushError::Closed(()),
            false => PushError::Full(()),
        })?;
        self.queues[self.existing(level)].reserve().inspect_err(|_| {
            self.give_places_back(1);
            self.close_queues();
        })
    }

    /// Pushes into a place that was reserved on the same level, also after a close.
    pub(crate) fn push_reserved(&self, level: usize, value: T) {
        let level = self.existing(level);
        self.queues[level].push_reserved(value);
        self.mark(level);
    }

    /// Gives a place back that was reserved on `level`.
    pub(crate) fn unreserve(&self, level: usize) {
        self.queues[self.existing(level)].unreserve();
        self.give_places_back(1);
    }

    /// Forbids every later push; what is queued can still be taken.
    pub(crate) fn close(&self) -> Close {
        self.close_queues();
        // SeqCst: as the queues' own. Last: who is told that this call has closed wakes everybody.
        let closed = match self.closed.swap(true, Ordering::SeqCst) {
            true => Close::AlreadyClosed,
            false => Close::Closed,
        };
        fence_after_rmw();
        closed
    }

    fn close_queues(&self) {
        for queue in &self.queues {
            let _: Close = queue.close();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queues.last().is_some_and(Queue::is_closed)
    }

    /// Whether a value may follow a close.
    pub(crate) fn has_reserved(&self) -> bool {
        self.queues.iter().any(Queue::has_reserved)
    }

    pub(crate) fn len(&self) -> usize {
        self.queues.iter().map(Queue::len).sum()
    }

    /// How many values were ever pushed.
    pub(crate) fn pushed(&self) -> usize {
        self.queues.iter().map(Queue::pushed).fold(0, usize::wrapping_add)
    }

    /// How many values were ever popped.
    pub(crate) fn popped(&self) -> usize {
        self.queues.iter().map(Queue::popped).fold(0, usize::wrapping_add)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queues.iter().all(Queue::is_empty)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.places.as_ref().is_some_and(Places::are_taken)
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        self.places.as_ref().map(|places| places.capacity)
    }

    fn existing(&self, level: usize) -> usize {
        level.min(self.queues.len() - 1)
    }

    fn take_place(&self) -> Result<(), ()> {
        self.places.as_ref().map_or(Ok(()), Places::take)
    }

    fn give_places_back(&self, n: usize) {
        self.places.iter().for_each(|places| places.give_back(n));
    }
}

/// How many places there are, and how many are taken.
#[derive(Debug)]
struct Places {
    taken: AtomicUsize,
    capacity: usize,
}

impl Places {
    fn new(capacity: usize) -> Self {
        Self { taken: AtomicUsize::new(0), capacity: capacity.max(1) }
    }

    /// Takes a place if there is one.
    fn take(&self) -> Result<(), ()> {
        let one_more = |taken| (taken < self.capacity).then_some(taken + 1);
        // SeqCst: full is decided in one order with `give_back`.
        let taken = self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more);
        taken.map(drop).map_err(drop)
    }

    /// Gives `n` places back; whoever waits for one can be told after that.
    fn give_back(&self, n: usize) {
        // SeqCst: as in `take`.
        self.taken.fetch_sub(n, Ordering::SeqCst);
        fence_after_rmw();
    }

    fn are_taken(&self) -> bool {
        // SeqCst: as in `take`.
        self.taken.load(Ordering::SeqCst) >= self.capacity
    }
}
