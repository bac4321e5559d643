//! A ring whose values everybody reads: what a broadcast channel keeps.
//!
//! A value has a position, and lies in slot `position % capacity` until the value a whole ring later is
//! put in its place. Nothing else takes it out, so that a reader who comes late finds the last
//! `capacity` values.
//!
//! ```text
//!   oldest ....... a reader's place ....... tail          what lies in the ring
//!             read               to be read                tail - oldest <= capacity
//! ```
//!
//! **A reader's place keeps its slot.** Each reader shows, on a line of its own, the position that it
//! reads next, and a push puts nothing in the place of that value. So values are read where they lie,
//! by all at once and without a lock of the slot. A push knows how far it may go before it must look at
//! any place again (`limit`), and looks only at those that were last seen where it wants to write.
//!
//! **A reader that must not hold up the rest** ([`Overflow::Lag`]) reads under a lock, its own. A push
//! that finds it in the way takes that lock, which waits for the end of one read at most, and marks the
//! reader as outrun; from then on it keeps nothing, until it asks, and is told how much it has missed.
//!
//! ```text
//!            1 outrun (a push)
//!   IN TIME ─────────────────► OUTRUN
//!      ▲                         │ 2 catch_up (the reader): on to the oldest value
//!      └─────────────────────────┘
//! ```
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `tail` swap in `push` | SeqCst | the readers' Acquire load: the value is there |
//! | `tail` closed | SeqCst | the same load: what was pushed before the end is there |
//! | `at` store or swap in `Reading::drop` | Release, SeqCst | the Acquire load in `make_room`: the slot was read |
//! | all else | | under `pushing`, or a reader's own lock, in this order |
//!
//! Where a push may wait for readers ([`Overflow::Block`]), `at` moves by a read-modify-write with a
//! full fence after it, as in every queue: who then looks for waiters needs none of its own. This file
//! waits for nobody.

#![allow(
    unsafe_code,
    reason = "slots are read by many and written by one; model: src/model/broadcast.rs"
)]

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Deref;

use crate::cache_padded::{Apart, FAR};
use crate::prim::atomic::{AtomicU64, Ordering};
use crate::prim::{Arc, Mutex, MutexGuard, UnsafeCell, fence_after_rmw};

use super::ring::CAPACITY_MAX;
use super::{Close, PushError};

/// What becomes of a message for which there is no room, because a receiver is slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It takes the place of the oldest one, and who has not received that misses it, and is told how
    /// many it has missed.
    #[default]
    Lag,
    /// Its sender waits for the slowest receiver.
    Block,
    /// It is left out: nobody gets it.
    DropNewest,
}

#[repr(C)] // in this order: what is only read shares no line with what is written
pub(crate) struct Log<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    overflow: Apart<Overflow, FAR>,
    /// How many were pushed, and the bit [`CLOSED`].
    tail: Apart<AtomicU64, FAR>,
    pushing: Mutex<Pushing>,
}

/// What only who pushes, joins, leaves or catches up needs.
struct Pushing {
    /// As `Log::tail`, without the bit.
    tail: u64,
    /// The slot of `tail`.
    index: usize,
    /// No reader keeps a slot from a push before this position.
    limit: u64,
    readers: Vec<Known>,
}

/// A reader, and where it was last seen, which it may have left since; [`NOWHERE`] if it is outrun.
struct Known {
    at: u64,
    place: Arc<Place>,
}

/// Where a reader is.
#[repr(C)]
struct Place {
    _before: Apart<()>,
    /// The position that it reads next.
    at: AtomicU64,
    /// Held while it reads, if it may be outrun.
    run: Apart<Mutex<Run>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    InTime,
    Outrun,
}

/// Whether there is a slot for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Room {
    Some,
    None,
}

/// Where a new reader begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Oldest,
    Tail,
}

/// What came of a push.
#[derive(Debug)]
#[must_use = "to be dropped after the readers were told"]
pub(crate) struct Pushed<T> {
    /// How many read it.
    pub(crate) readers: usize,
    /// What was in its place, for the caller to drop once it has told the readers.
    pub(crate) _before: Option<T>,
}

/// Why there is nothing to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    Empty,
    /// Empty, and no push can follow.
    Closed,
    /// So many are gone; the next read gets the oldest that is left.
    Lagged(u64),
}

/// One who reads every value.
pub(crate) struct Reader<T> {
    log: Arc<Log<T>>,
    place: Arc<Place>,
    next: u64,
    /// The slot of `next`.
    index: usize,
    /// What was last seen of the tail.
    seen: u64,
}

/// A value that is being read. With its end it counts as read, whatever came of it.
pub(crate) struct Reading<'a, T> {
    // In this order: the place moves on before the lock is free.
    step: Step<'a, T>,
    _in_time: Option<MutexGuard<'a, Run>>,
}

/// Moves a reader on when it goes.
struct Step<'a, T> {
    log: &'a Log<T>,
    place: &'a Place,
    next: &'a mut u64,
    index: &'a mut usize,
}

// SAFETY: values are moved in by one thread and out by another (`T: Send`), and read by many at once
// (`T: Sync`).
unsafe impl<T: Send + Sync> Send for Log<T> {}
// SAFETY: as above; who may reach a slot is said at `slots`' uses.
unsafe impl<T: Send + Sync> Sync for Log<T> {}

impl<T> Log<T> {
    /// A log of the last `capacity` values, at least 1 and at most [`CAPACITY_MAX`].
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        let capacity = capacity.clamp(1, CAPACITY_MAX);
        Self {
            slots: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
            overflow: Apart::new(overflow),
            tail: Apart::new(AtomicU64::new(0)),
            pushing: Mutex::new(Pushing { tail: 0, index: 0, limit: NOWHERE, readers: Vec::new() }),
        }
    }

    /// Puts `value` at the end, if somebody reads it and there is room.
    pub(crate) fn push(&self, value: T) -> Result<Pushed<T>, PushError<T>> {
        let mut pushing = self.pushing.lock();
        if pushing.readers.is_empty() || self.is_closed() {
            return Err(PushError::Closed(value));
        }
        if pushing.tail == pushing.limit && self.make_room(&mut pushing) == Room::None {
            return Err(PushError::Full(value));
        }
        let full = pushing.tail >= self.capacity();
        let before = self.slots[pushing.index].with_mut(|slot| {
            // SAFETY: we hold `pushing`, so nobody else writes. Nobody reads either: a reader reads the
            // value at its place only, and before the tail; none has its place here, for the tail is
            // below `limit`, or is in time, for who has was marked as outrun, under its lock. The slot
            // holds a value once the ring has been full.
            unsafe {
                let before = full.then(|| (*slot).assume_init_read());
                (*slot).write(value);
                before
            }
        });
        pushing.tail += 1;
        pushing.index = self.after(pushing.index);
        // SeqCst: pairs with the Acquire in `Reader::read`: the value is there. No close comes in
        // between, for it takes the lock.
        self.tail.swap(pushing.tail, Ordering::SeqCst);
        fence_after_rmw();
        Ok(Pushed { readers: pushing.readers.len(), _before: before })
    }

    /// Moves `limit` as far as the readers allow; outruns who may be outrun and is in the way.
    #[cold]
    fn make_room(&self, pushing: &mut Pushing) -> Room {
        let oldest = pushing.tail - self.capacity();
        let mut slowest = NOWHERE;
        for Known { at, place } in &mut pushing.readers {
            if *at == oldest {
                // Acquire: pairs with the Release in `Step::drop`: the slots before were read.
                *at = place.at.load(Ordering::Acquire);
            }
            if *at == oldest {
                match *self.overflow {
                    Overflow::Lag => *at = place.outrun(oldest),
                    Overflow::Block | Overflow::DropNewest => return Room::None,
                }
            }
            slowest = slowest.min(*at);
        }
        pushing.limit = slowest.saturating_add(self.capacity());
        Room::Some
    }

    /// Whether a push would find room now.
    pub(crate) fn room(&self) -> Room {
        let mut pushing = self.pushing.lock();
        match *self.overflow {
            Overflow::Lag => Room::Some,
            _ if pushing.tail != pushing.limit => Room::Some,
            _ => self.make_room(&mut pushing),
        }
    }

    /// Whether whoever has read the value at `position` was in the way of a push.
    #[inline]
    pub(crate) fn is_oldest(&self, position: u64) -> bool {
        // Relaxed: the fence in `Step::drop` comes before, and pairs with that of whoever waits for
        // room: what made the ring full is seen, or our step is.
        position + self.capacity() == self.tail.load(Ordering::Relaxed) & !CLOSED
    }

    /// Forbids later pushes.
    pub(crate) fn close(&self) -> Close {
        let _pushing = self.pushing.lock();
        // SeqCst: as in `push`.
        let before = self.tail.fetch_or(CLOSED, Ordering::SeqCst);
        fence_after_rmw();
        if before & CLOSED == 0 { Close::Closed } else { Close::AlreadyClosed }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with the SeqCst in `close`.
        self.tail.load(Ordering::Acquire) & CLOSED != 0
    }

    /// How many values there are for who comes now.
    pub(crate) fn len(&self) -> u64 {
        self.pushed().min(self.capacity())
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    pub(crate) fn overflow(&self) -> Overflow {
        *self.overflow
    }

    /// How many read.
    pub(crate) fn readers(&self) -> usize {
        self.pushing.lock().readers.len()
    }

    /// A new reader.
    pub(crate) fn join(log: &Arc<Self>, start: Start) -> Reader<T> {
        Self::join_at(log, |pushing| match start {
            Start::Oldest => pushing.tail.saturating_sub(log.capacity()),
            Start::Tail => pushing.tail,
        })
    }

    fn join_at(log: &Arc<Self>, position: impl FnOnce(&Pushing) -> u64) -> Reader<T> {
        let mut pushing = log.pushing.lock();
        let next = position(&pushing);
        let (at, run) = match next + log.capacity() < pushing.tail {
            false => (next, Run::InTime),
            true => (NOWHERE, Run::Outrun),
        };
        let place = Arc::new(Place {
            _before: Apart::new(()),
            at: AtomicU64::new(next),
            run: Apart::new(Mutex::new(run)),
        });
        pushing.readers.push(Known { at, place: Arc::clone(&place) });
        pushing.limit = pushing.limit.min(at.saturating_add(log.capacity()));
        let index = (next % log.capacity()) as usize;
        Reader { log: Arc::clone(log), place, next, index, seen: pushing.tail }
    }

    /// Moves a reader that is outrun on to the oldest value; says its position, its slot, and the tail.
    #[cold]
    fn catch_up(&self, place: &Arc<Place>) -> (u64, usize, u64) {
        let mut pushing = self.pushing.lock();
        // The ring is full, so the oldest value lies where the next one will.
        let oldest = pushing.tail - self.capacity();
        *place.run.lock() = Run::InTime;
        // Relaxed: others read it under `pushing`.
        place.at.store(oldest, Ordering::Relaxed);
        pushing.limit = pushing.tail;
        let known = pushing.readers.iter_mut().find(|known| Arc::ptr_eq(&known.place, place));
        known.into_iter().for_each(|known| known.at = oldest);
        (oldest, pushing.index, pushing.tail)
    }

    /// How many were pushed.
    fn pushed(&self) -> u64 {
        // Acquire: pairs with the swap in `push`.
        self.tail.load(Ordering::Acquire) & !CLOSED
    }

    /// The slot after that of `index`.
    #[inline]
    fn after(&self, index: usize) -> usize {
        if index + 1 == self.slots.len() { 0 } else { index + 1 }
    }
}

impl Place {
    /// Marks the reader as outrun if it is still at `oldest`; says where it is. Waits for the end of
    /// what it reads.
    fn outrun(&self, oldest: u64) -> u64 {
        let mut run = self.run.lock();
        // Relaxed: the reader moves under its lock.
        let at = self.at.load(Ordering::Relaxed);
        if at != oldest {
            return at;
        }
        *run = Run::Outrun;
        NOWHERE
    }
}

impl<T> Reader<T> {
    /// The next value, where it lies.
    #[inline]
    pub(crate) fn read(&mut self) -> Result<Reading<'_, T>, ReadError> {
        let Self { log, place, next, index, seen } = self;
        if *next == *seen {
            // Acquire: pairs with the swap in `push`: the values before the tail are there.
            let tail = log.tail.load(Ordering::Acquire);
            *seen = tail & !CLOSED;
            if *next == *seen {
                let closed = tail & CLOSED != 0;
                return Err(if closed { ReadError::Closed } else { ReadError::Empty });
            }
        }
        let mut in_time = None;
        if *log.overflow == Overflow::Lag {
            let run = place.run.lock();
            if *run == Run::Outrun {
                drop(run);
                let oldest;
                (oldest, *index, *seen) = log.catch_up(place);
                let missed = oldest - *next;
                *next = oldest;
                return Err(ReadError::Lagged(missed));
            }
            in_time = Some(run);
        }
        Ok(Reading { step: Step { log, place, next, index }, _in_time: in_time })
    }

    /// The position of the next value.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// Whether a read would say anything but that nothing is there.
    pub(crate) fn is_ready(&self) -> bool {
        // Acquire: pairs with the swap in `push`.
        let tail = self.log.tail.load(Ordering::Acquire);
        tail & CLOSED != 0 || tail != self.next
    }

    /// How many values were pushed that this one has not read, whether or not they are still there.
    pub(crate) fn lag(&self) -> u64 {
        self.log.pushed() - self.next
    }

    /// Another reader at the same place.
    pub(crate) fn duplicate(&self) -> Self {
        Log::join_at(&self.log, |_| self.next)
    }

    /// Another reader, of what is pushed from now on.
    pub(crate) fn at_tail(&self) -> Self {
        Log::join(&self.log, Start::Tail)
    }
}

impl<T> Deref for Reading<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the value was pushed, for it lies before the tail that `read` has seen, and no push
        // puts another in its place: the reader's place is here until the step, and who may be outrun
        // holds its lock since it has seen that it is not.
        self.step.log.slots[*self.step.index].with(|slot| unsafe { (*slot).assume_init_ref() })
    }
}

impl<T> Drop for Step<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.next += 1;
        *self.index = self.log.after(*self.index);
        match *self.log.overflow {
            Overflow::Block => {
                // SeqCst: pairs with the Acquire in `make_room`: the slot was read.
                self.place.at.swap(*self.next, Ordering::SeqCst);
                fence_after_rmw();
            }
            // Release: as above.
            _ => self.place.at.store(*self.next, Ordering::Release),
        }
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        let mut pushing = self.log.pushing.lock();
        let known = pushing.readers.iter().position(|known| Arc::ptr_eq(&known.place, &self.place));
        let gone = known.map(|index| pushing.readers.swap_remove(index));
        drop(pushing);
        drop(gone);
    }
}

impl<T> Drop for Log<T> {
    fn drop(&mut self) {
        if !std::mem::needs_drop::<T>() {
            return;
        }
        let filled = self.len() as usize;
        // Out of their slots first: if one panics in its drop, the others are dropped all the same.
        let values: Vec<T> = self.slots[..filled]
            .iter()
            // SAFETY: nobody reads any more, and the first slots were filled, once each.
            .map(|slot| slot.with_mut(|slot| unsafe { (*slot).assume_init_read() }))
            .collect();
        drop(values);
    }
}

impl<T> fmt::Debug for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("len", &self.len()).field("closed", &self.is_closed()).finish()
    }
}

const CLOSED: u64 = 1 << 63;

/// Where no push ever comes: what keeps nothing is there.
const NOWHERE: u64 = u64::MAX;
