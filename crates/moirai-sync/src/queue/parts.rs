//! Several queues that are one: one bound, one close, one end.
//!
//! To which part a value goes, and from which the next one is taken, is the [`Order`]'s to say.
//!
//! **A bound** is one for all parts: a count of the places that are taken, from before a push until
//! after the pop. The parts have none of their own.
//!
//! **Close.** From the first part to the last, and the last one says whether it is done; so whoever finds
//! a part closed closes the rest before it says so, and no push succeeds after one has failed.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `taken` in `Places` | SeqCst | itself: full is decided in one order; then the fence, for who waits |
//! | `closed` swap | SeqCst | itself; then the fence: who waits is told after the parts were closed |

use crate::prim::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::prim::fence_after_rmw;

use super::gate::Ends;
use super::levels::Levels;
use super::shards::Shards;
use super::{Close, LEVEL, Least, Part, PushError, Queue};

#[derive(Debug)]
pub(crate) struct Parts<T> {
    /// Each without a bound; at least one.
    pub(super) queues: Box<[Queue<T>]>,
    order: Order,
    places: Option<Places>,
    /// Set once, by the close that counts.
    closed: AtomicBool,
}

/// Which part is next.
#[derive(Debug)]
enum Order {
    /// The last one that has a value.
    Levels(Levels),
    /// The one at home, then any.
    Shards(Shards),
}

impl<T> Parts<T> {
    pub(super) fn levels(queues: Box<[Queue<T>]>, capacity: Option<usize>) -> Self {
        Self::new(queues, Order::Levels(Levels::new()), capacity)
    }

    pub(super) fn shards(queues: Box<[Queue<T>]>, shards: Shards, capacity: Option<usize>) -> Self {
        Self::new(queues, Order::Shards(shards), capacity)
    }

    fn new(queues: Box<[Queue<T>]>, order: Order, capacity: Option<usize>) -> Self {
        let (places, closed) = (capacity.map(Places::new), AtomicBool::new(false));
        Self { queues, order, places, closed }
    }

    /// Appends `value` to a part, or to one that the order chooses; gives it back if all places are
    /// taken, or the queue is closed.
    #[inline]
    pub(super) fn push(&self, part: Part, value: T) -> Result<(), T> {
        if self.take_place() == Place::None {
            return Err(value);
        }
        let part = match &self.order {
            Order::Levels(_) => self.level(part),
            Order::Shards(shards) => shards.part_for(&self.queues),
        };
        self.queues[part].push(value).map(|()| self.pushed_to(part)).inspect_err(|_| {
            self.give_place_back();
            self.close_parts();
        })
    }

    /// Takes the value that is next.
    #[inline]
    pub(super) fn pop(&self) -> Option<T> {
        let popped = match &self.order {
            Order::Levels(levels) => levels.pop(&self.queues).map(|(value, _)| value),
            Order::Shards(shards) => shards.pop(&self.queues),
        };
        popped.inspect(|_| self.give_place_back())
    }

    /// Takes the value that is next; says of which level it was.
    pub(super) fn pop_part(&self) -> Option<(T, usize)> {
        let popped = match &self.order {
            Order::Levels(levels) => levels.pop(&self.queues),
            Order::Shards(shards) => shards.pop(&self.queues).map(|value| (value, LEVEL)),
        };
        popped.inspect(|_| self.give_place_back())
    }

    /// Takes the oldest value of the lowest level, up to that of `part`, which has one; where there are
    /// no levels, of any part.
    pub(super) fn pop_least(&self, part: Part) -> Result<T, Least> {
        let popped = match &self.order {
            Order::Levels(_) => {
                self.queues[..=self.level(part)].iter().find_map(|queue| queue.pop_least(part).ok())
            }
            Order::Shards(shards) => shards.pop(&self.queues),
        };
        if popped.is_some() {
            self.give_place_back();
        }
        popped.ok_or_else(|| match (&self.order, self.is_empty()) {
            (Order::Levels(_), false) => Least::MoreUrgent,
            _ => Least::Nothing,
        })
    }

    /// Something was pushed to `part`.
    fn pushed_to(&self, part: usize) {
        match &self.order {
            Order::Levels(levels) => levels.mark(part),
            Order::Shards(_) => {}
        }
    }

    /// The level of `part`, or the highest if there are fewer.
    fn level(&self, part: Part) -> usize {
        let level = match part {
            Part::Level(level) => level,
            Part::Any | Part::Home(_) => LEVEL,
        };
        level.min(self.queues.len() - 1)
    }

    /// Whether a value would go to the part at the thread's home, where there are such parts.
    pub(super) fn has_local_room(&self) -> bool {
        match &self.order {
            Order::Levels(_) => true,
            Order::Shards(shards) => shards.has_room_at_home(&self.queues),
        }
    }

    /// Keeps a place for [`push_reserved`](Self::push_reserved) or [`unreserve`](Self::unreserve).
    pub(super) fn reserve(&self) -> Result<(), PushError<()>> {
        if self.take_place() == Place::None {
            return Err(match self.is_closed() {
                true => PushError::Closed(()),
                false => PushError::Full(()),
            });
        }
        self.queues[self.reserving()].reserve().inspect_err(|_| {
            self.give_place_back();
            self.close_parts();
        })
    }

    /// Pushes into a place that was reserved, also after a close.
    pub(super) fn push_reserved(&self, value: T) {
        self.queues[self.reserving()].push_reserved(value);
        self.pushed_to(self.reserving());
    }

    /// Gives a place back that was reserved.
    pub(super) fn unreserve(&self) {
        self.queues[self.reserving()].unreserve();
        self.give_place_back();
    }

    /// The part in which places are reserved.
    fn reserving(&self) -> usize {
        match &self.order {
            Order::Levels(_) => self.level(Part::Any),
            Order::Shards(_) => self.queues.len() - 1,
        }
    }

    /// Forbids every later push; what is queued can still be taken.
    pub(super) fn close(&self) -> Close {
        self.close_parts();
        // SeqCst: as the queues' own. Last: who is told that this call has closed wakes everybody.
        let closed = match self.closed.swap(true, Ordering::SeqCst) {
            true => Close::AlreadyClosed,
            false => Close::Closed,
        };
        fence_after_rmw();
        closed
    }

    fn close_parts(&self) {
        for queue in &self.queues {
            // They have many senders each.
            let _: Close = queue.close(|| ());
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queues.last().is_some_and(Queue::is_closed)
    }

    /// Whether a value may follow a close.
    pub(super) fn has_reserved(&self) -> bool {
        self.queues[self.reserving()].has_reserved()
    }

    pub(super) fn len(&self) -> usize {
        self.queues.iter().map(Queue::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.iter().all(Queue::is_empty)
    }

    pub(super) fn is_full(&self) -> bool {
        self.places.as_ref().is_some_and(Places::are_taken)
    }

    fn take_place(&self) -> Place {
        self.places.as_ref().map_or(Place::Taken, Places::take)
    }

    fn give_place_back(&self) {
        self.places.iter().for_each(Places::give_back);
    }
}

impl<T> Ends for Parts<T> {
    fn mark(&self) -> usize {
        self.pushed()
    }

    fn mark_at(&self, pushed: usize) -> usize {
        pushed
    }

    fn pushed(&self) -> usize {
        self.queues.iter().map(Queue::pushed).fold(0, usize::wrapping_add)
    }

    fn popped(&self) -> usize {
        self.queues.iter().map(Queue::popped).fold(0, usize::wrapping_add)
    }

    fn capacity(&self) -> Option<usize> {
        self.places.as_ref().map(|places| places.capacity)
    }
}

/// Whether there was a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Place {
    Taken,
    None,
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
    fn take(&self) -> Place {
        let one_more = |taken| (taken < self.capacity).then_some(taken + 1);
        // SeqCst: full is decided in one order with `give_back`.
        match self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more) {
            Ok(_) => Place::Taken,
            Err(_) => Place::None,
        }
    }

    /// Gives a place back; whoever waits for one can be told after that.
    fn give_back(&self) {
        // SeqCst: as in `take`.
        self.taken.fetch_sub(1, Ordering::SeqCst);
        fence_after_rmw();
    }

    fn are_taken(&self) -> bool {
        // SeqCst: as in `take`.
        self.taken.load(Ordering::SeqCst) >= self.capacity
    }
}
