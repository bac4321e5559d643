//! A bounded multi-producer, multi-consumer ring.
//!
//! Dmitry Vyukov's queue (*Bounded MPMC queue*, 1024cores.net) with the lap counter that
//! crossbeam-channel added, so that any capacity works, 1 included. `head` and `tail` count
//! positions; a position is a lap and an index into the slots. Each slot has a *stamp* that says
//! whose turn it is:
//!
//! ```text
//!   stamp == position          free: the sender that moves `tail` past this position writes
//!   stamp == position + 1      full: the receiver that moves `head` past it reads
//!   stamp == position + lap    free again, one lap later
//!
//!   tail, head:  | lap ........ | reserved | closed | index |      (only `tail` has the middle two)
//! ```
//!
//! One compare-exchange per operation, and none on the line of the other side unless the ring
//! looks full or empty. The closed bit and the number of reserved places share a word with `tail`:
//! no push can follow a close, and none can take a place that somebody has reserved. While a place
//! is reserved, a push also looks at `head`, and a closed ring is not at its end yet.
//! A sender that stops between its two steps (position taken, stamp not yet written) makes
//! receivers of that slot wait for it: they spin, then yield. Whoever loses stands back for half a
//! microsecond, so that the winner does many more operations while it has the lines to itself.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `stamp` load in push | Acquire | Release store in pop: the slot was read before it is written again |
//! | `stamp` load in pop | Acquire | Release store in push: the value is there |
//! | `head`, `tail` exchange | SeqCst | each other: full and empty are decided in one order |

#![allow(unsafe_code, reason = "slots are written and read once a lap; model: src/model/ring.rs")]

use std::fmt;
use std::mem::MaybeUninit;

use crate::backoff::Backoff;
use crate::cache_padded::{Apart, FAR};
use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::prim::{UnsafeCell, fence_after_rmw};

use super::front::Front;
use super::gate::Ends;
use super::{Close, PopError, PushError, Quick};

/// The most places that are reserved at once; whoever wants one more finds the ring full.
pub(crate) const RESERVED_MAX: usize = (1 << RESERVED_BITS) - 1;

const RESERVED_BITS: u32 = usize::BITS / 4;

/// The largest capacity: positions keep a few bits for the lap.
pub(crate) const CAPACITY_MAX: usize = 1 << (usize::BITS / 2 - 2);

#[repr(C)] // in this order: what is only read shares no line with what is written
pub(crate) struct Ring<T> {
    _before: Apart<()>,
    head: Apart<AtomicUsize, FAR>,
    tail: Apart<AtomicUsize>,
    slots: Box<[Slot<T>]>,
    /// The closed bit, just above the index; also one more than the largest index.
    closed_bit: usize,
    /// What a lap adds to a position.
    one_lap: usize,
}

struct Slot<T> {
    stamp: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: a value is moved in by one thread and out by another, each with exclusive access to its
// slot (see the stamps above); no reference to a value is shared.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

/// Whether there is a place for one more.
#[must_use]
enum Room {
    Yes,
    No,
    /// `tail` has moved on since.
    Unknown,
}

impl<T> Ring<T> {
    /// A ring for `capacity` values, at least 1 and at most [`CAPACITY_MAX`].
    #[inline]
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, CAPACITY_MAX);
        let closed_bit = (capacity + 1).next_power_of_two();
        let mut slots = Box::new_uninit_slice(capacity);
        for (index, slot) in slots.iter_mut().enumerate() {
            let value = UnsafeCell::new(MaybeUninit::uninit());
            slot.write(Slot { stamp: AtomicUsize::new(index), value });
        }
        // SAFETY: all are written.
        let slots = unsafe { slots.assume_init() };
        Self {
            _before: Apart::new(()),
            head: Apart::new(AtomicUsize::new(0)),
            tail: Apart::new(AtomicUsize::new(0)),
            slots,
            closed_bit,
            one_lap: closed_bit << (RESERVED_BITS + 1),
        }
    }

    /// The position `n` after `position`, at most a lap.
    #[inline]
    fn after(&self, position: usize, n: usize) -> usize {
        let index = (position & (self.closed_bit - 1)) + n;
        if index < self.slots.len() {
            position + n
        } else {
            (position & !(self.one_lap - 1)).wrapping_add(self.one_lap) + index - self.slots.len()
        }
    }

    #[inline]
    fn slot(&self, position: usize) -> &Slot<T> {
        let index = position & (self.closed_bit - 1);
        debug_assert!(index < self.slots.len());
        // SAFETY: positions are 0 and what `after` makes of them, which keeps their index below the
        // number of slots; marks lie above the index.
        unsafe { self.slots.get_unchecked(index) }
    }

    /// What a reserved place adds to `tail`.
    fn one_reserved(&self) -> usize {
        self.closed_bit * 2
    }

    fn reserved(&self, tail: usize) -> usize {
        (tail & (self.one_lap - 1)) / self.one_reserved()
    }

    /// The bits of `tail` that belong to no position.
    #[inline]
    fn marks(&self, tail: usize) -> usize {
        tail & (self.one_lap - self.closed_bit)
    }

    /// How many values lie between two positions, at most a lap apart.
    fn between(&self, head: usize, tail: usize) -> usize {
        let (first, last) = (head & (self.closed_bit - 1), tail & (self.closed_bit - 1));
        if first < last {
            last - first
        } else if first > last || head != tail {
            self.slots.len() - first + last
        } else {
            0
        }
    }

    /// Whether the ring has a place that is neither taken nor reserved.
    fn room(&self, tail: usize) -> Room {
        // SeqCst: one order with the exchanges; an unchanged tail makes the two a snapshot.
        let head = self.head.load(Ordering::SeqCst);
        if self.tail.load(Ordering::SeqCst) != tail {
            return Room::Unknown;
        }
        let used = self.between(head, tail - self.marks(tail)) + self.reserved(tail);
        if used < self.slots.len() { Room::Yes } else { Room::No }
    }

    /// [`push`](Self::push) where that takes nothing but an exchange.
    #[inline]
    pub(crate) fn push_quickly(&self, value: T) -> Quick<T> {
        // Relaxed: a guess, checked against the stamp and by the exchange.
        let tail = self.tail.load(Ordering::Relaxed);
        if self.marks(tail) != 0 {
            return Quick::No(value);
        }
        let slot = self.slot(tail);
        // Acquire: pairs with the Release store in `empty`.
        if slot.stamp.load(Ordering::Acquire) != tail {
            return Quick::No(value);
        }
        let next = self.after(tail, 1);
        // SeqCst: one order with `close` and with the exchange in `pop`.
        match self.tail.compare_exchange(tail, next, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(_) => {
                fence_after_rmw();
                // SAFETY: moving `tail` past this position gave us the slot, and its stamp has said
                // that it is free.
                unsafe { Self::fill(slot, tail, value) };
                Quick::Done
            }
            Err(_) => Quick::Lost(value),
        }
    }

    #[inline]
    pub(crate) fn push(&self, value: T) -> Result<(), PushError<T>> {
        let mut backoff = Backoff::new();
        match self.push_quickly(value) {
            Quick::Done => Ok(()),
            Quick::Lost(value) => {
                backoff.contended();
                self.push_anywhere(value, backoff)
            }
            Quick::No(value) => self.push_anywhere(value, backoff),
        }
    }

    /// [`push`](Self::push) wherever `tail` stands, and whatever marks it has.
    #[cold]
    #[inline(never)]
    fn push_anywhere(&self, value: T, mut backoff: Backoff) -> Result<(), PushError<T>> {
        // Relaxed: as in `push`.
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            let marks = self.marks(tail);
            if marks != 0 {
                if tail & self.closed_bit != 0 {
                    return Err(PushError::Closed(value));
                }
                match self.room(tail) {
                    Room::Yes => {}
                    Room::No => return Err(PushError::Full(value)),
                    Room::Unknown => {
                        tail = self.tail.load(Ordering::Relaxed);
                        continue;
                    }
                }
            }
            let position = tail - marks;
            let slot = self.slot(position);
            // Acquire: pairs with the Release store in `empty`.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == position {
                // SeqCst: one order with `close` and with the exchange in `pop`.
                match self.tail.compare_exchange_weak(
                    tail,
                    self.after(position, 1) | marks,
                    Ordering::SeqCst,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        fence_after_rmw();
                        self.write(position, value);
                        return Ok(());
                    }
                    Err(current) => {
                        tail = current;
                        backoff.contended();
                    }
                }
                continue;
            }
            if stamp.wrapping_add(self.one_lap) == position.wrapping_add(1) {
                // The slot holds the value of the lap before. SeqCst: one order with the exchange
                // of `head` in `pop`: Full is said only if it was so after `tail` was read.
                let head = self.head.load(Ordering::SeqCst);
                if head.wrapping_add(self.one_lap) == position {
                    return Err(PushError::Full(value));
                }
            }
            backoff.stand_back();
            tail = self.tail.load(Ordering::Relaxed);
        }
    }

    /// Writes into the slot of a position that `tail` was moved past, once it is free.
    #[inline]
    fn write(&self, position: usize, value: T) {
        let slot = self.slot(position);
        let mut backoff = Backoff::new();
        // Acquire: pairs with the Release store in `empty`, which is about to come.
        while slot.stamp.load(Ordering::Acquire) != position {
            backoff.snooze();
        }
        // SAFETY: moving `tail` past this position gave us the slot, which is free: its stamp is
        // the position.
        unsafe { Self::fill(slot, position, value) };
    }

    /// Writes into a free slot.
    ///
    /// # Safety
    ///
    /// The caller has moved `tail` past `position`, whose slot this is; it is free, and filled once.
    #[inline]
    unsafe fn fill(slot: &Slot<T>, position: usize, value: T) {
        // SAFETY: the caller's, and nobody reads it before the stamp says so.
        slot.value.with_mut(|place| unsafe { (*place).write(value) });
        // Release: pairs with the Acquire loads in `pop` and `read`.
        slot.stamp.store(position + 1, Ordering::Release);
    }

    /// Pushes as many of `values` as there is room for.
    pub(crate) fn push_batch(&self, values: &mut Front<'_, T>) -> Result<(), PushError<()>> {
        let mut backoff = Backoff::new();
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            let marks = self.marks(tail);
            if tail & self.closed_bit != 0 {
                return Err(PushError::Closed(()));
            }
            // SeqCst: one order with the exchanges, as in `room`.
            let head = self.head.load(Ordering::SeqCst);
            if self.tail.load(Ordering::SeqCst) != tail {
                tail = self.tail.load(Ordering::Relaxed);
                continue;
            }
            let position = tail - marks;
            let used = self.between(head, position) + self.reserved(tail);
            let n = values.left().min(self.slots.len().saturating_sub(used));
            if n == 0 {
                return if values.left() == 0 { Ok(()) } else { Err(PushError::Full(())) };
            }
            // SeqCst: as in `push`.
            match self.tail.compare_exchange_weak(
                tail,
                self.after(position, n) | marks,
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    fence_after_rmw();
                    (0..n).for_each(|i| self.write(self.after(position, i), values.take()));
                    return Ok(());
                }
                Err(current) => {
                    tail = current;
                    backoff.spin();
                }
            }
        }
    }

    /// Keeps a place for one value, for [`push_reserved`](Self::push_reserved) or
    /// [`unreserve`](Self::unreserve).
    pub(crate) fn reserve(&self) -> Result<(), PushError<()>> {
        let mut backoff = Backoff::new();
        loop {
            let tail = self.tail.load(Ordering::Relaxed);
            if tail & self.closed_bit != 0 {
                return Err(PushError::Closed(()));
            }
            match self.room(tail) {
                Room::Yes if self.reserved(tail) < RESERVED_MAX => {}
                Room::Yes | Room::No => return Err(PushError::Full(())),
                Room::Unknown => continue,
            }
            // SeqCst: one order with `push` and `pop`, as a push itself.
            let reserved = self.tail.compare_exchange_weak(
                tail,
                tail + self.one_reserved(),
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            if reserved.is_ok() {
                return Ok(());
            }
            backoff.spin();
        }
    }

    /// Pushes into a place that [`reserve`](Self::reserve) has kept; also after a close.
    pub(crate) fn push_reserved(&self, value: T) {
        let mut backoff = Backoff::new();
        loop {
            let tail = self.tail.load(Ordering::Relaxed);
            let marks = self.marks(tail);
            // SeqCst: as in `push`. There is room, for it was kept.
            let moved = self.tail.compare_exchange_weak(
                tail,
                self.after(tail - marks, 1) | (marks - self.one_reserved()),
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            if moved.is_ok() {
                fence_after_rmw();
                self.write(tail - marks, value);
                return;
            }
            backoff.spin();
        }
    }

    /// Gives a reserved place back.
    pub(crate) fn unreserve(&self) {
        // SeqCst: one order with the loads that decide what is full, and what is at its end.
        self.tail.fetch_sub(self.one_reserved(), Ordering::SeqCst);
        fence_after_rmw();
    }

    /// Whether it is open and empty, as far as that is seen at once.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        // Relaxed: a guess, checked against the stamp.
        let head = self.head.load(Ordering::Relaxed);
        // Acquire and SeqCst: as in `pop`. A `tail` with marks is no `head`.
        self.slot(head).stamp.load(Ordering::Acquire) == head
            && self.tail.load(Ordering::SeqCst) == head
    }

    #[inline]
    pub(crate) fn pop(&self) -> Result<T, PopError> {
        // Relaxed: a guess, checked against the stamp and by the exchange.
        let head = self.head.load(Ordering::Relaxed);
        let slot = self.slot(head);
        // Acquire: pairs with the Release store in `fill`.
        let stamp = slot.stamp.load(Ordering::Acquire);
        if stamp != head.wrapping_add(1) {
            // SeqCst: as in `nothing_at`. A select asks many that are empty.
            if stamp == head && self.tail.load(Ordering::SeqCst) == head {
                return Err(PopError::Empty);
            }
            return self.pop_anywhere(Backoff::new());
        }
        let next = self.after(head, 1);
        // SeqCst: one order with the exchange of `tail` in `push`.
        match self.head.compare_exchange(head, next, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(_) => {
                fence_after_rmw();
                // SAFETY: moving `head` past this position gave us the slot, and its stamp has said
                // that it is full.
                Ok(unsafe { self.empty(slot, head) })
            }
            Err(_) => {
                let mut backoff = Backoff::new();
                backoff.contended();
                self.pop_anywhere(backoff)
            }
        }
    }

    /// [`pop`](Self::pop) wherever `head` stands.
    #[cold]
    #[inline(never)]
    fn pop_anywhere(&self, mut backoff: Backoff) -> Result<T, PopError> {
        // Relaxed: as in `pop`.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let slot = self.slot(head);
            // Acquire: pairs with the Release store in `fill`.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == head.wrapping_add(1) {
                // SeqCst: one order with the exchange of `tail` in `push`.
                match self.head.compare_exchange_weak(
                    head,
                    self.after(head, 1),
                    Ordering::SeqCst,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        fence_after_rmw();
                        // SAFETY: moving `head` past this position gave us the slot.
                        return Ok(unsafe { self.read(head) });
                    }
                    Err(current) => {
                        head = current;
                        backoff.contended();
                    }
                }
                continue;
            }
            if stamp == head {
                // Nothing written here yet.
                self.nothing_at(head)?;
            }
            // A sender has taken this position and not written its value yet.
            backoff.stand_back();
            head = self.head.load(Ordering::Relaxed);
        }
    }

    /// Says why nothing is at `head`, if that is so.
    #[inline]
    fn nothing_at(&self, head: usize) -> Result<(), PopError> {
        // SeqCst: one order with the exchange of `tail` in `push`: Empty is said only if it was so
        // after `head` was read.
        let tail = self.tail.load(Ordering::SeqCst);
        let marks = self.marks(tail);
        if tail - marks != head {
            return Ok(());
        }
        // A closed ring has ended when no place is reserved either.
        Err(if marks == self.closed_bit { PopError::Closed } else { PopError::Empty })
    }

    /// [`pop`](Self::pop), without a compare-exchange.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile.
    #[inline]
    pub(crate) unsafe fn pop_sole(&self) -> Result<T, PopError> {
        // Relaxed: nobody else moves it.
        let head = self.head.load(Ordering::Relaxed);
        let slot = self.slot(head);
        // Acquire: pairs with the Release store in `fill`.
        if slot.stamp.load(Ordering::Acquire) != head.wrapping_add(1) {
            self.wait_at(head)?;
        }
        // SeqCst: as in `pop`.
        self.head.swap(self.after(head, 1), Ordering::SeqCst);
        fence_after_rmw();
        // SAFETY: we have moved `head` past this position, whose slot is full.
        Ok(unsafe { self.empty(slot, head) })
    }

    /// Waits for the sender that is about to write the value at `head`, if there is one.
    #[cold]
    #[inline(never)]
    fn wait_at(&self, head: usize) -> Result<(), PopError> {
        let mut backoff = Backoff::new();
        loop {
            self.nothing_at(head)?;
            // Acquire: pairs with the Release store in `fill`.
            if self.slot(head).stamp.load(Ordering::Acquire) == head.wrapping_add(1) {
                return Ok(());
            }
            backoff.snooze();
        }
    }

    /// Takes up to `max` values, at the end of `values`; says how many.
    pub(crate) fn pop_batch(&self, values: &mut Vec<T>, max: usize) -> Result<usize, PopError> {
        let mut backoff = Backoff::new();
        loop {
            // SeqCst: both in one order with the exchanges; the exchange checks `head`.
            let head = self.head.load(Ordering::SeqCst);
            let tail = self.tail.load(Ordering::SeqCst);
            let position = tail - self.marks(tail);
            if position == head {
                if self.head.load(Ordering::SeqCst) == head {
                    self.nothing_at(head)?;
                }
                continue;
            }
            // Both loads may be of different times, and then the exchange fails.
            let n = self.between(head, position).min(self.slots.len()).min(max);
            values.reserve(n);
            match self.head.compare_exchange_weak(
                head,
                self.after(head, n),
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    fence_after_rmw();
                    // SAFETY: moving `head` past these positions gave us their slots.
                    values.extend((0..n).map(|i| unsafe { self.read(self.after(head, i)) }));
                    return Ok(n);
                }
                Err(_) => backoff.spin(),
            }
        }
    }

    /// Moves the value out of a slot, waiting until its sender has written it.
    ///
    /// # Safety
    ///
    /// The caller has moved `head` past `position`, and reads it once.
    #[inline]
    unsafe fn read(&self, position: usize) -> T {
        let slot = self.slot(position);
        let mut backoff = Backoff::new();
        // Acquire: pairs with the Release store in `fill`, which is about to come.
        while slot.stamp.load(Ordering::Acquire) != position.wrapping_add(1) {
            backoff.snooze();
        }
        // SAFETY: full, as the stamp says, and the caller's.
        unsafe { self.empty(slot, position) }
    }

    /// Moves the value out of a full slot.
    ///
    /// # Safety
    ///
    /// The caller has moved `head` past `position`, whose slot this is; it is full, and emptied once.
    #[inline]
    unsafe fn empty(&self, slot: &Slot<T>, position: usize) -> T {
        // SAFETY: full, and the caller's.
        let value = slot.value.with(|place| unsafe { (*place).assume_init_read() });
        // Release: pairs with the Acquire loads in `push` and `write`.
        slot.stamp.store(position.wrapping_add(self.one_lap), Ordering::Release);
        value
    }

    /// Forbids every later push; what is in the ring can still be taken.
    pub(crate) fn close(&self) -> Close {
        // SeqCst: one order with the exchange in `push`.
        let before = self.tail.fetch_or(self.closed_bit, Ordering::SeqCst);
        fence_after_rmw();
        if before & self.closed_bit == 0 { Close::Closed } else { Close::AlreadyClosed }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // SeqCst: one order with `close`.
        self.tail.load(Ordering::SeqCst) & self.closed_bit != 0
    }

    /// Whether a value may follow a close.
    pub(crate) fn has_reserved(&self) -> bool {
        // SeqCst: one order with `reserve` and `push_reserved`.
        self.reserved(self.tail.load(Ordering::SeqCst)) != 0
    }

    /// Values before a position: whole laps, and its index.
    fn before(&self, position: usize) -> usize {
        let laps = position >> self.one_lap.trailing_zeros();
        (laps * self.slots.len()).wrapping_add(position & (self.closed_bit - 1))
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many values are in the ring, including those that a sender is still writing.
    pub(crate) fn len(&self) -> usize {
        loop {
            // SeqCst: both loads in one order with the exchanges; an unchanged tail makes them a
            // snapshot.
            let tail = self.tail.load(Ordering::SeqCst);
            let head = self.head.load(Ordering::SeqCst);
            if self.tail.load(Ordering::SeqCst) == tail {
                return self.between(head, tail - self.marks(tail));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        // SeqCst: in one order with the exchanges.
        let head = self.head.load(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::SeqCst);
        tail - self.marks(tail) == head
    }

    /// Whether every place is taken or reserved.
    pub(crate) fn is_full(&self) -> bool {
        loop {
            match self.room(self.tail.load(Ordering::SeqCst)) {
                Room::Yes => return false,
                Room::No => return true,
                Room::Unknown => {}
            }
        }
    }
}

impl<T> Ends for Ring<T> {
    /// Reserved places make it seem later than it is.
    #[inline]
    fn mark(&self) -> usize {
        // Relaxed: nothing is read through it.
        self.tail.load(Ordering::Relaxed)
    }

    fn mark_at(&self, pushed: usize) -> usize {
        let (laps, index) = (pushed / self.slots.len(), pushed % self.slots.len());
        laps.wrapping_mul(self.one_lap) + index
    }

    fn pushed(&self) -> usize {
        // SeqCst: as in `len`.
        self.before(self.tail.load(Ordering::SeqCst))
    }

    fn popped(&self) -> usize {
        // SeqCst: as in `len`.
        self.before(self.head.load(Ordering::SeqCst))
    }

    fn capacity(&self) -> Option<usize> {
        Some(self.slots.len())
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while !self.is_empty() {
            drop(self.pop());
        }
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_capacity_has_a_floor_and_a_ceiling() {
        assert_eq!(Ring::<()>::new(0).capacity(), 1);
        assert_eq!(Ring::<()>::new(5).capacity(), 5);
        assert_eq!(CAPACITY_MAX, 1 << 30);
    }

    #[test]
    fn close_lets_what_is_queued_be_taken() {
        let ring = Ring::new(2);
        ring.push(1).unwrap();
        assert_eq!(ring.close(), Close::Closed);
        assert_eq!(ring.close(), Close::AlreadyClosed);
        assert_eq!(ring.push(2), Err(PushError::Closed(2)));
        assert_eq!((ring.pop(), ring.pop()), (Ok(1), Err(PopError::Closed)));
    }

    #[test]
    fn dropping_the_ring_drops_what_is_in_it() {
        let value = std::sync::Arc::new(());
        let ring = Ring::new(4);
        for _ in 0..3 {
            ring.push(value.clone()).unwrap();
        }
        drop(ring.pop());
        drop(ring);
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    }

    #[test]
    fn positions_may_wrap_around() {
        for capacity in 1..5 {
            let mut ring = Ring::new(capacity);
            // Start one lap before the counters overflow.
            let start = 0_usize.wrapping_sub(ring.one_lap);
            ring.head = Apart::new(AtomicUsize::new(start));
            ring.tail = Apart::new(AtomicUsize::new(start));
            for (index, slot) in ring.slots.iter().enumerate() {
                slot.stamp.store(start + index, Ordering::Relaxed);
            }
            for i in 0..20 {
                ring.push(i).unwrap();
                assert_eq!((ring.len(), ring.pop()), (1, Ok(i)));
            }
        }
    }

    #[test]
    fn a_reserved_place_is_nobody_elses() {
        let ring = Ring::new(2);
        ring.reserve().unwrap();
        ring.push(1).unwrap();
        assert!(ring.is_full());
        assert_eq!(ring.len(), 1);
        assert_eq!(ring.push(2), Err(PushError::Full(2)));
        assert_eq!(ring.reserve(), Err(PushError::Full(())));
        ring.push_reserved(3);
        assert_eq!((ring.pop(), ring.pop()), (Ok(1), Ok(3)));
        ring.reserve().unwrap();
        ring.reserve().unwrap();
        ring.unreserve();
        ring.push(4).unwrap();
        assert_eq!(ring.push(5), Err(PushError::Full(5)));
        ring.unreserve();
        ring.push(5).unwrap();
        assert_eq!((ring.pop(), ring.pop()), (Ok(4), Ok(5)));
    }

    #[test]
    fn a_closed_ring_waits_for_what_was_reserved() {
        let ring = Ring::new(2);
        ring.reserve().unwrap();
        ring.reserve().unwrap();
        assert_eq!(ring.close(), Close::Closed);
        assert_eq!(ring.pop(), Err(PopError::Empty));
        ring.push_reserved(1);
        assert_eq!((ring.pop(), ring.pop()), (Ok(1), Err(PopError::Empty)));
        ring.unreserve();
        assert_eq!(ring.pop(), Err(PopError::Closed));
        assert_eq!(ring.reserve(), Err(PushError::Closed(())));
    }

    #[test]
    #[cfg_attr(miri, ignore = "tens of thousands of places, one by one")]
    fn so_many_places_are_reserved_and_not_one_more() {
        let ring = Ring::<()>::new(RESERVED_MAX + 1);
        (0..RESERVED_MAX).for_each(|_| ring.reserve().unwrap());
        assert_eq!(ring.reserve(), Err(PushError::Full(())));
        ring.push(()).unwrap();
        (0..RESERVED_MAX).for_each(|_| ring.unreserve());
        assert_eq!(ring.len(), 1);
    }

    #[test]
    fn batches_take_what_there_is_and_keep_the_order() {
        let ring = Ring::new(3);
        let (mut source, mut sink) = (vec![1, 2, 3, 4, 5], vec![0]);
        let mut front = Front::new(&mut source);
        assert_eq!((ring.push_batch(&mut front), front.taken()), (Ok(()), 3));
        assert_eq!(ring.push_batch(&mut front), Err(PushError::Full(())));
        assert_eq!(ring.pop_batch(&mut sink, 2), Ok(2));
        assert_eq!((ring.push_batch(&mut front), front.taken()), (Ok(()), 5));
        assert_eq!(ring.push_batch(&mut front), Ok(()));
        assert_eq!(ring.pop_batch(&mut sink, 9), Ok(3));
        assert_eq!(ring.pop_batch(&mut sink, 9), Err(PopError::Empty));
        assert_eq!(sink, [0, 1, 2, 3, 4, 5]);
        drop(front);
        source.push(6);
        let _ = ring.close();
        let late = ring.push_batch(&mut Front::new(&mut source));
        assert_eq!(late, Err(PushError::Closed(())));
        assert_eq!(ring.pop_batch(&mut sink, 9), Err(PopError::Closed));
    }

    proptest! {
        // Under Miri few cases, and no file of those that failed.
        #![proptest_config(if cfg!(miri) {
            ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() }
        } else {
            ProptestConfig::default()
        })]

        #[test]
        fn behaves_like_a_vec_deque(
            capacity in 1_usize..9,
            pushes in proptest::collection::vec(any::<bool>(), 0..200),
        ) {
            let (ring, mut model) = (Ring::new(capacity), VecDeque::new());
            for (i, push) in pushes.into_iter().enumerate() {
                if push {
                    let expected = if model.len() < capacity {
                        model.push_back(i);
                        Ok(())
                    } else {
                        Err(PushError::Full(i))
                    };
                    prop_assert_eq!(ring.push(i), expected);
                } else {
                    prop_assert_eq!(ring.pop(), model.pop_front().ok_or(PopError::Empty));
                }
                prop_assert_eq!(ring.len(), model.len());
                prop_assert_eq!(ring.is_empty(), model.is_empty());
                prop_assert_eq!(ring.is_full(), model.len() == capacity);
            }
        }
    }
}
