//! What holds messages. Nothing here waits for a message or wakes anybody; that is `channel`'s.
//!
//! | queue | capacity | ends | one message costs |
//! |---|---|---|---|
//! | [`ring`] | fixed | many and many | a compare-exchange each to push and to pop |
//! | [`list`] | none | many and many | a compare-exchange to push, two read-modify-writes to pop |
//! | [`list`] | none | many and one | a compare-exchange to push |
//! | [`spsc`] | fixed | one and one | a swap to push and to pop; a store each while nobody waits |
//! | [`chain`] | none | one and one | a swap to push; a store while nobody waits |
//! | [`homes`] | none | many and workers | as a list |
//! | [`parts`] | either | many and many | as a list, and two read-modify-writes more where it has a bound |
//!
//! Every queue has the same few operations. A push moves the queue's tail and a pop its head by a
//! SeqCst read-modify-write followed by a full fence (or a store and a lighter one, of which waiters
//! know), so whoever then looks for waiters needs no fence of its own, and "empty" and "full" are decided
//! by head and tail alone: a value that is still being written counts as there.
//!
//! Those for one and one share their positions and their end ([`pair`]), those without a capacity their
//! blocks (`block`, and `shelf` for blocks on their way back).
//!
//! **Code.** Here a queue is chosen by a branch, in every send and receive, and what is short is inlined
//! for each. What has loops is called: inlined, it would make all the others save registers.
//!
//! Beside them stands [`log`], whose values everybody reads and nobody takes: it is no such queue.
//!
//! **One end alone.** What only one thread at a time may do is faster. The right to do it is a
//! [`Key`]: there is one for each side of a queue that has it, the operations borrow it exclusively,
//! and those for many are refused.

#![allow(
    unsafe_code,
    reason = "calls what only one thread may do, with its key; model: src/model/spsc.rs"
)]

mod block;
pub(crate) mod chain;
mod crowd;
pub(crate) mod front;
mod gate;
mod homes;
mod key;
pub(crate) mod levels;
mod lines;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod pair;
pub(crate) mod parts;
pub(crate) mod ring;
pub(crate) mod shards;
mod shelf;
mod slot;
pub(crate) mod spsc;
mod state;

use crate::backoff::Backoff;

use chain::Chain;
use front::Front;
use gate::Gate;
use homes::Homes;
use key::Locks;
pub(crate) use key::{BeginLight, Key};
use levels::LEVELS_MAX;
use list::List;
use parts::Parts;
use ring::Ring;
use shards::{HOMES_MAX, Shards};
use slot::Lent;
pub(crate) use slot::{FilledSlot, FreeSlot};
use spsc::Spsc;

/// Why a push did not happen; the value comes back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PushError<T> {
    Full(T),
    Closed(T),
}

impl<T> PushError<T> {
    /// The value that was not pushed.
    #[inline]
    pub(crate) fn into_inner(self) -> T {
        let (Self::Full(value) | Self::Closed(value)) = self;
        value
    }
}

/// What a push has come to that does only what is quick.
#[must_use]
pub(crate) enum Quick<T> {
    Done,
    /// Somebody else was quicker. Two that try again at once pass a line to and fro.
    Lost(T),
    /// It takes longer, or there is no room.
    No(T),
}

/// Why a pop found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PopError {
    Empty,
    /// Empty, and no push can follow.
    Closed,
}

/// Whether this call closed the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Close {
    Closed,
    AlreadyClosed,
}

impl From<Close> for bool {
    fn from(close: Close) -> Self {
        close == Close::Closed
    }
}

/// One of the queues, chosen when the channel is made.
#[derive(Debug)]
pub(crate) struct Queue<T>(Kind<T>);

/// The gates and locks stand beside each queue: outside of the enum they would take a line of their own.
#[derive(Debug)]
enum Kind<T> {
    Ring(Gate, Ring<T>),
    /// Some workers may have lists of their own beside it.
    List(Gate, List<T>, Option<Box<Homes<T>>>),
    Spsc(Locks, Spsc<T>),
    Chain(Locks, Chain<T>),
    /// Made of queues. Whatever is short for the others is a call for this one.
    Parts(Gate, Box<Parts<T>>),
    /// Holds nothing and has no room; the channel does everything.
    Nothing,
}

/// To which part of a queue a value goes, where it has such parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Whichever the queue chooses.
    Any,
    Level(usize),
    Home(usize),
}

/// Why there is no message that might go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Least {
    /// There is none at all.
    Nothing,
    /// All are of higher levels.
    MoreUrgent,
}

impl<T> Queue<T> {
    /// A queue for many on both sides.
    #[inline]
    pub(crate) fn bounded(capacity: usize) -> Self {
        Self(Kind::Ring(Gate::OPEN, Ring::new(capacity)))
    }

    /// A queue for many on both sides.
    #[inline]
    pub(crate) fn unbounded() -> Self {
        Self(Kind::List(Gate::OPEN, List::new(), None))
    }

    /// A queue for many on both sides, with a level for each value; each level has a part for each of
    /// `homes`, if there are any.
    pub(crate) fn levels(levels: usize, homes: Option<usize>, capacity: Option<usize>) -> Self {
        let level = |_| homes.map_or_else(Self::unbounded, |homes| Self::of_threads(homes, None));
        let queues = (0..levels.clamp(1, LEVELS_MAX)).map(level).collect();
        Self(Kind::Parts(Gate::OPEN, Box::new(Parts::levels(queues, capacity))))
    }

    /// A queue for many on both sides, some of whom are workers: each of these takes what is its own
    /// first, then what is for anybody, then what is another one's.
    pub(crate) fn for_workers(workers: usize) -> Self {
        let homes = Homes::new(workers.clamp(1, HOMES_MAX));
        Self(Kind::List(Gate::TO_HOMES, List::new(), Some(Box::new(homes))))
    }

    /// A queue for many on both sides, of which each thread receives first what threads of its home
    /// have pushed.
    pub(crate) fn of_threads(homes: usize, capacity: Option<usize>) -> Self {
        let homes = homes.clamp(1, HOMES_MAX);
        Self::shards(homes, Shards::of_threads(homes), capacity)
    }

    /// As [`of_threads`](Self::of_threads), for homes that `home` names; of `capacity` places, each has
    /// an equal share, and so have all together.
    pub(crate) fn of_nodes(homes: usize, capacity: usize, home: fn() -> usize) -> Self {
        let homes = homes.clamp(1, HOMES_MAX);
        let share = (capacity / (homes + 1)).max(1);
        Self::shards(homes + 1, Shards::with_common(homes, share, home), Some(capacity))
    }

    fn shards(parts: usize, shards: Shards, capacity: Option<usize>) -> Self {
        let queues = (0..parts).map(|_| Self::unbounded()).collect();
        Self(Kind::Parts(Gate::OPEN, Box::new(Parts::shards(queues, shards, capacity))))
    }

    /// No queue at all.
    pub(crate) fn nothing() -> Self {
        Self(Kind::Nothing)
    }

    /// A queue with one consumer, and its key.
    #[inline]
    pub(crate) fn mpsc_bounded(capacity: usize) -> (Self, Key) {
        let consumer = Key::new();
        (Self(Kind::Ring(Gate::for_one(consumer.id), Ring::new(capacity))), consumer)
    }

    /// A queue with one consumer, and its key.
    #[inline]
    pub(crate) fn mpsc_unbounded() -> (Self, Key) {
        let consumer = Key::new();
        (Self(Kind::List(Gate::for_one(consumer.id), List::new(), None)), consumer)
    }

    /// A queue with one producer and one consumer, and their keys in this order.
    #[inline]
    pub(crate) fn spsc_bounded(capacity: usize) -> (Self, Key, Key) {
        let (producer, consumer) = (Key::of_spsc(), Key::of_spsc());
        let locks = Locks { producer: producer.id, consumer: consumer.id };
        (Self(Kind::Spsc(locks, Spsc::new(capacity))), producer, consumer)
    }

    /// A queue with one producer and one consumer, and their keys in this order.
    #[inline]
    pub(crate) fn spsc_unbounded() -> (Self, Key, Key) {
        // Nobody waits for what the consumer does.
        let (producer, consumer) = (Key::of_spsc(), Key::new());
        let locks = Locks { producer: producer.id, consumer: consumer.id };
        (Self(Kind::Chain(locks, Chain::new())), producer, consumer)
    }

    /// Pushes `value`, or gives it back: then the queue is closed ([`is_closed`](Self::is_closed)) or
    /// was full.
    #[inline]
    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        match &self.0 {
            Kind::List(gate, list, _) => {
                list.push(value)?;
                gate.look(list);
                Ok(())
            }
            Kind::Ring(gate, ring) => {
                ring.push(value).map_err(PushError::into_inner)?;
                gate.look(ring);
                Ok(())
            }
            _ => self.push_elsewhere(Part::Any, value),
        }
    }

    /// [`push`](Self::push) where that takes no more than an exchange. Nothing in it is called, so that
    /// whoever inlines it saves no registers.
    #[inline(always)]
    pub(crate) fn push_quickly(&self, value: T) -> Quick<T> {
        match &self.0 {
            Kind::List(gate, list, _) => {
                let pushed = list.push_quickly(value);
                if matches!(pushed, Quick::Done) {
                    gate.look(list);
                }
                pushed
            }
            Kind::Ring(gate, ring) => {
                let pushed = ring.push_quickly(value);
                if matches!(pushed, Quick::Done) {
                    gate.look(ring);
                }
                pushed
            }
            _ => Quick::No(value),
        }
    }

    /// After [`Quick::Lost`]: lets the other one do many more before the line has to move again.
    pub(crate) fn stand_back(&self) {
        let mut backoff = Backoff::new();
        match &self.0 {
            Kind::List(..) => backoff.outrun(),
            _ => backoff.contended(),
        }
    }

    /// [`push`](Self::push) where it is not short: out of line, or it would be longer for the others.
    #[cold]
    #[inline(never)]
    fn push_elsewhere(&self, part: Part, value: T) -> Result<(), T> {
        let Kind::Parts(gate, parts) = &self.0 else { return Err(value) };
        parts.push(part, value)?;
        gate.look(&**parts);
        Ok(())
    }

    /// [`push`](Self::push), to a part of a queue that has parts, or to the one that it chooses.
    pub(crate) fn push_to(&self, part: Part, value: T) -> Result<(), T> {
        match &self.0 {
            Kind::List(_, list, Some(homes)) if let Part::Home(home) = part => {
                homes.push(home, value, list)
            }
            Kind::List(..) | Kind::Ring(..) => self.push(value),
            _ => self.push_elsewhere(part, value),
        }
    }

    /// [`push`](Self::push) for the only producer.
    #[inline]
    pub(crate) fn push_sole(&self, key: &mut Key, value: T) -> Result<(), T> {
        match &self.0 {
            Kind::Spsc(locks, ring) => {
                locks.check_producer(key.id);
                // SAFETY: the only key for this side, borrowed exclusively.
                unsafe { ring.push(value, key.fence()) }.map_err(PushError::into_inner)
            }
            Kind::Chain(locks, chain) => {
                locks.check_producer(key.id);
                // SAFETY: as above.
                unsafe { chain.push(value, key.fence()) }
            }
            Kind::List(..) | Kind::Ring(..) | Kind::Parts(..) | Kind::Nothing => Err(value),
        }
    }

    /// Pushes as many of `values` as there is room for.
    pub(crate) fn push_batch(&self, values: &mut Front<'_, T>) -> Result<(), PushError<()>> {
        match &self.0 {
            Kind::Ring(gate, ring) => {
                let result = ring.push_batch(values);
                gate.look(ring);
                result
            }
            Kind::List(gate, list, _) => {
                let result = list.push_batch(values);
                gate.look(list);
                result
            }
            Kind::Parts(..) => self.push_each(values),
            Kind::Spsc(..) | Kind::Chain(..) | Kind::Nothing => Err(PushError::Full(())),
        }
    }

    fn push_each(&self, values: &mut Front<'_, T>) -> Result<(), PushError<()>> {
        while values.left() > 0 {
            if let Err(value) = self.push(values.take()) {
                values.put_back(value);
                return Err(match self.is_closed() {
                    true => PushError::Closed(()),
                    false => PushError::Full(()),
                });
            }
        }
        Ok(())
    }

    /// Pushes as many of `values` as there is room for.
    pub(crate) fn push_batch_sole(
        &self,
        key: &mut Key,
        values: &mut Front<'_, T>,
    ) -> Result<(), PushError<()>> {
        match &self.0 {
            Kind::Spsc(locks, ring) => {
                locks.check_producer(key.id);
                // SAFETY: as in `push_sole`.
                unsafe { ring.push_batch(values) }
            }
            Kind::Chain(locks, chain) => {
                locks.check_producer(key.id);
                // SAFETY: as in `push_sole`.
                unsafe { chain.push_batch(values) }
            }
            Kind::List(..) | Kind::Ring(..) | Kind::Parts(..) | Kind::Nothing => {
                Err(PushError::Full(()))
            }
        }
    }

    /// Takes the oldest value; if there was none, one may still come unless the queue
    /// [has ended](Self::has_ended).
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        match &self.0 {
            Kind::List(gate, list, _) if gate.lets_all_out() => list.pop().ok(),
            Kind::Ring(gate, ring) if gate.lets_all_out() => ring.pop().ok(),
            _ => self.pop_elsewhere(),
        }
    }

    /// [`pop`](Self::pop) where it is not short; as [`push_elsewhere`](Self::push_elsewhere).
    #[cold]
    #[inline(never)]
    fn pop_elsewhere(&self) -> Option<T> {
        match &self.0 {
            Kind::Parts(_, parts) => parts.pop(),
            Kind::List(_, list, Some(homes)) => homes.pop(list),
            Kind::List(gate, ..) | Kind::Ring(gate, _) => {
                gate.check_consumer(0);
                None
            }
            Kind::Spsc(..) | Kind::Chain(..) | Kind::Nothing => None,
        }
    }

    /// [`pop`](Self::pop), for the worker `home`, one of the [`homes`](Self::homes).
    #[inline]
    pub(crate) fn pop_at(&self, home: usize) -> Option<T> {
        match &self.0 {
            Kind::List(_, list, Some(homes)) if !homes.is_addressed() => list.pop().ok(),
            _ => self.pop_addressed_at(home),
        }
    }

    /// [`pop_at`](Self::pop_at) where anything was pushed for a worker.
    #[inline(never)]
    fn pop_addressed_at(&self, home: usize) -> Option<T> {
        match &self.0 {
            Kind::List(_, list, Some(homes)) => homes.pop_at(home, list),
            _ => self.pop(),
        }
    }

    /// [`pop`](Self::pop), and of which part the value was.
    pub(crate) fn pop_part(&self) -> Option<(T, usize)> {
        match &self.0 {
            Kind::Parts(_, parts) => parts.pop_part(),
            Kind::List(..) | Kind::Ring(..) | Kind::Spsc(..) | Kind::Chain(..) | Kind::Nothing => {
                self.pop().map(|value| (value, LEVEL))
            }
        }
    }

    /// [`pop`](Self::pop) for the only consumer.
    #[inline]
    pub(crate) fn pop_sole(&self, key: &mut Key) -> Result<T, PopError> {
        match &self.0 {
            Kind::List(gate, list, _) => {
                gate.check_consumer(key.id);
                // SAFETY: the only key for this side, borrowed exclusively; `at_hand` is this list's.
                unsafe { list.pop_sole(&mut key.at_hand) }
            }
            Kind::Ring(gate, ring) => {
                gate.check_consumer(key.id);
                // SAFETY: as above.
                unsafe { ring.pop_sole() }
            }
            Kind::Spsc(locks, ring) => {
                locks.check_consumer(key.id);
                // SAFETY: as above.
                unsafe { ring.pop(key.fence()) }
            }
            Kind::Chain(locks, chain) => {
                locks.check_consumer(key.id);
                // SAFETY: as above.
                unsafe { chain.pop() }
            }
            Kind::Parts(..) | Kind::Nothing => Err(PopError::Empty),
        }
    }

    /// [`pop_at_hand`](Self::pop_at_hand) of a list, where it is a few instructions.
    #[inline(always)]
    pub(crate) fn pop_listed(&self, key: &mut Key) -> Option<T> {
        match &self.0 {
            Kind::List(gate, list, _) if key.at_hand != 0 => {
                gate.check_consumer(key.id);
                // SAFETY: as in `pop_sole`.
                Some(unsafe { list.pop_at_hand(&mut key.at_hand) })
            }
            _ => None,
        }
    }

    /// [`look_sole`](Self::look_sole) of a list.
    #[inline]
    pub(crate) fn look_listed(&self, key: &mut Key, pause: impl FnOnce()) -> Option<(T, usize)> {
        let Kind::List(gate, list, _) = &self.0 else { return None };
        gate.check_consumer(key.id);
        // There, it goes on with the look into the block before.
        if !list.is_behind_block() {
            pause();
        }
        // SAFETY: as in `pop_sole`.
        let found = unsafe { list.look() }.ok()?;
        key.at_hand = found;
        // SAFETY: as above.
        Some((unsafe { list.pop_at_hand(&mut key.at_hand) }, found))
    }

    /// [`pop_sole`](Self::pop_sole) of what is known without a look at the producers' side, where that
    /// is kept apart. `None`: [`look_sole`](Self::look_sole) may find more.
    #[inline]
    pub(crate) fn pop_at_hand(&self, key: &mut Key) -> Option<T> {
        match &self.0 {
            Kind::List(..) => self.pop_listed(key),
            Kind::Spsc(locks, ring) => {
                locks.check_consumer(key.id);
                // SAFETY: as in `pop_sole`.
                unsafe { ring.pop_at_hand(key.fence()) }
            }
            Kind::Chain(locks, chain) => {
                locks.check_consumer(key.id);
                // SAFETY: as in `pop_sole`.
                unsafe { chain.pop_at_hand() }
            }
            _ => self.pop_sole(key).ok(),
        }
    }

    /// [`pop_sole`](Self::pop_sole) where nothing is at hand: with a `pause` before the look, where it may
    /// let more come; and how many the look has found.
    #[inline]
    pub(crate) fn look_sole(&self, key: &mut Key, pause: impl FnOnce()) -> Option<(T, usize)> {
        match &self.0 {
            Kind::Spsc(locks, ring) => {
                locks.check_consumer(key.id);
                pause();
                // SAFETY: as in `pop_sole`.
                unsafe { Some((ring.pop(key.fence()).ok()?, ring.at_hand() + 1)) }
            }
            Kind::Chain(locks, chain) => {
                locks.check_consumer(key.id);
                pause();
                // SAFETY: as in `pop_sole`.
                unsafe { Some((chain.pop().ok()?, chain.at_hand() + 1)) }
            }
            Kind::List(..) => self.look_listed(key, pause),
            // Whoever found nothing has looked.
            Kind::Ring(..) | Kind::Parts(..) | Kind::Nothing => None,
        }
    }

    /// Takes up to `max` values, at the end of `values`; says how many.
    pub(crate) fn pop_batch(&self, values: &mut Vec<T>, max: usize) -> Result<usize, PopError> {
        match &self.0 {
            Kind::Ring(gate, ring) => {
                gate.check_consumer(0);
                ring.pop_batch(values, max)
            }
            Kind::Parts(..) | Kind::List(_, _, Some(_)) => self.pop_each(values, max),
            Kind::List(gate, list, None) => {
                gate.check_consumer(0);
                list.pop_batch(values, max)
            }
            Kind::Spsc(..) | Kind::Chain(..) | Kind::Nothing => Err(PopError::Empty),
        }
    }

    fn pop_each(&self, values: &mut Vec<T>, max: usize) -> Result<usize, PopError> {
        let before = values.len();
        values.extend(std::iter::from_fn(|| self.pop()).take(max));
        match values.len() - before {
            0 if self.has_ended() => Err(PopError::Closed),
            0 => Err(PopError::Empty),
            n => Ok(n),
        }
    }

    /// Takes up to `max` values, at the end of `values`; says how many.
    pub(crate) fn pop_batch_sole(
        &self,
        key: &mut Key,
        values: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, PopError> {
        match &self.0 {
            Kind::Ring(gate, ring) => {
                gate.check_consumer(key.id);
                ring.pop_batch(values, max)
            }
            Kind::List(gate, list, _) => {
                gate.check_consumer(key.id);
                // SAFETY: as in `pop_sole`.
                unsafe { list.pop_batch_sole(&mut key.at_hand, values, max) }
            }
            Kind::Spsc(locks, ring) => {
                locks.check_consumer(key.id);
                // SAFETY: as in `pop_sole`.
                unsafe { ring.pop_batch(values, max) }
            }
            Kind::Chain(locks, chain) => {
                locks.check_consumer(key.id);
                // SAFETY: as in `pop_sole`.
                unsafe { chain.pop_batch(values, max) }
            }
            Kind::Parts(..) | Kind::Nothing => Err(PopError::Empty),
        }
    }

    /// Keeps a place for [`push_reserved`](Self::push_reserved) or
    /// [`unreserve`](Self::unreserve), which is not yet closed then.
    pub(crate) fn reserve(&self) -> Result<(), PushError<()>> {
        match &self.0 {
            Kind::Ring(_, ring) => ring.reserve(),
            Kind::List(_, list, _) => list.reserve(),
            Kind::Parts(_, parts) => parts.reserve(),
            Kind::Spsc(..) | Kind::Chain(..) | Kind::Nothing => Err(PushError::Full(())),
        }
    }

    /// Pushes into a reserved place, also after a close.
    pub(crate) fn push_reserved(&self, value: T) {
        match &self.0 {
            Kind::Ring(gate, ring) => {
                ring.push_reserved(value);
                gate.look(ring);
            }
            Kind::List(gate, list, _) => {
                list.push_reserved(value);
                gate.look(list);
            }
            Kind::Parts(gate, parts) => {
                parts.push_reserved(value);
                gate.look(&**parts);
            }
            Kind::Spsc(..) | Kind::Chain(..) | Kind::Nothing => {
                unreachable!("a place that nobody could reserve")
            }
        }
    }

    /// Gives a reserved place back.
    pub(crate) fn unreserve(&self) {
        match &self.0 {
            Kind::Ring(_, ring) => ring.unreserve(),
            Kind::List(_, list, _) => list.unreserve(),
            Kind::Parts(_, parts) => parts.unreserve(),
            Kind::Spsc(..) | Kind::Chain(..) | Kind::Nothing => {
                unreachable!("a place that nobody could reserve")
            }
        }
    }

    /// Whether this is an unbounded queue for many producers.
    #[inline(always)]
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.0, Kind::List(..))
    }

    /// Takes the value that can be missed most: the oldest of the lowest level, up to `part`, that has
    /// one.
    pub(crate) fn pop_least(&self, part: Part) -> Result<T, Least> {
        match &self.0 {
            Kind::Parts(_, parts) => parts.pop_least(part),
            _ => self.pop().ok_or(Least::Nothing),
        }
    }

    /// This queue, with its length looked at in every push; one that many push to.
    pub(crate) fn watched(mut self) -> Self {
        if let Kind::Ring(gate, _) | Kind::List(gate, ..) | Kind::Parts(gate, _) = &mut self.0 {
            gate.watch();
        }
        self
    }

    /// Borrows the slot that the next push would fill.
    ///
    /// # Panics
    ///
    /// If this is not a bounded queue for one producer.
    pub(crate) fn lend<'a>(&'a self, key: &'a mut Key) -> Result<FreeSlot<'a, T>, PushError<()>> {
        let Kind::Spsc(locks, ring) = &self.0 else { panic!("{NO_LOANS}") };
        locks.check_producer(key.id);
        // SAFETY: the only key for this side, borrowed exclusively as long as the slot is.
        let place = unsafe { ring.free_slot() }?;
        Ok(FreeSlot { ring, slot: Lent::new(place) })
    }

    /// Borrows the oldest value in its slot.
    ///
    /// # Panics
    ///
    /// If this is not a bounded queue for one producer.
    pub(crate) fn peek<'a>(&'a self, key: &'a mut Key) -> Result<FilledSlot<'a, T>, PopError> {
        let Kind::Spsc(locks, ring) = &self.0 else { panic!("{NO_LOANS}") };
        locks.check_consumer(key.id);
        // SAFETY: the only key for this side, borrowed exclusively as long as the slot is.
        let place = unsafe { ring.filled_slot() }?;
        Ok(FilledSlot { ring, slot: Lent::new(place.cast()) })
    }
}

/// The level of what is pushed without one.
pub(crate) const LEVEL: usize = crate::Priority::Normal as usize;

const NO_LOANS: &str = "only a bounded spsc channel lends its places";
