//! A bounded ring for one sender and one receiver.
//!
//! Each side has its index and remembers what it last saw of the other's, on a line of its own: it
//! looks at the other's line only when the ring seems full or empty. There are no stamps: a value is
//! published by the sender's index, and its slot given back by the receiver's.
//!
//! ```text
//!   head ............ tail          slots[head..tail] are the receiver's, the others the sender's
//! ```
//!
//! Each side fetches the lines of slots some way ahead, where the other one was last: else a
//! read-modify-write, which waits for all stores before it, would wait for each of those lines.
//!
//! **Fences.** Whoever has moved an index looks for waiters next, which takes a full fence in between.
//! With [`Fence::Full`] the move is a read-modify-write, and that fence. It also waits until the line
//! has come back from the other side, and everything behind it with it: 16 ns a message between two
//! cores. With [`Fence::Light`] the move is a store, which waits for nothing: 5 ns. Then whoever waits,
//! or closes, pays for the fence; see [`asymmetric`].
//!
//! **Close.** `end` says where the ring ends, once that is known:
//!
//! ```text
//!          1 close              2 after a heavy fence        3 the receiver, at an empty ring
//!   OPEN ───────────► CLOSING ────────────────────► CLOSED ─────────────────────────────────┐
//!                        │                             │                                    ▼
//!                        └──────────────┬──────────────┘ 4 the sender, which has         a position
//!                                       └─────────────────  published meanwhile ────────────▲
//! ```
//! A send that begins after 1 fails. One that had begun looks at `end` after it has moved `tail`, and
//! at least one is true: it sees 1, or the receiver, after 2, sees the new `tail`. If it sees 1, the first
//! of 3 and 4 decides: 4 says that the message counts, 3 that the sender takes it back, for the receiver
//! looks no further.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `tail` swap or store in `publish` | SeqCst, Release | the receiver's SeqCst load: the values are there |
//! | `head` swap or store in `release` | SeqCst, Release | the sender's SeqCst load: the slots were read |
//! | `end` exchanges | SeqCst | each other: one decides; and with `publish`, by the fences of both |

#![allow(unsafe_code, reason = "slots change hands by two indices; model: src/model/spsc.rs")]

use std::fmt;
use std::mem::MaybeUninit;

use crate::asymmetric;
use crate::cache_padded::{Apart, FAR};
use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::prim::{UnsafeCell, fence_after_rmw, prefetch_read, prefetch_write};

use super::front::Front;
use super::ring::CAPACITY_MAX;
use super::{Close, PopError, PushError};

/// So far ahead the sides fetch lines: about as many as are on their way at once.
const AHEAD_BYTES: usize = 256;

/// Positions count up to this and begin anew.
const POSITION_MAX: usize = usize::MAX / 2;

// Values of `end` that are no positions.
const OPEN: usize = usize::MAX;
const CLOSING: usize = usize::MAX - 1;
const CLOSED: usize = usize::MAX - 2;

/// What lies between the move of an index and a look for waiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    Full,
    /// [`asymmetric::light`]: who waits or closes fences for both.
    Light,
}

#[repr(C)] // in this order: what is only read shares no line with what is written
pub(crate) struct Spsc<T> {
    _before: Apart<()>,
    head: Apart<Side, FAR>,
    tail: Apart<Side>,
    /// A power of two of them, so that positions may wrap around.
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    capacity: usize,
    /// OPEN, CLOSING, CLOSED, or the position behind the last value.
    end: AtomicUsize,
}

struct Side {
    index: AtomicUsize,
    /// What this side last saw of the other's position.
    other: UnsafeCell<usize>,
}

// SAFETY: a value is moved in by one thread and out by another, each with exclusive access to its
// slot; no reference to a value is shared.
unsafe impl<T: Send> Send for Spsc<T> {}
// SAFETY: as above; what only one side may do is `unsafe` to call.
unsafe impl<T: Send> Sync for Spsc<T> {}

/// `last - first`.
fn between(first: usize, last: usize) -> usize {
    last.wrapping_sub(first) & POSITION_MAX
}

/// The position `n` behind `position`.
fn behind(position: usize, n: usize) -> usize {
    position.wrapping_add(n) & POSITION_MAX
}

impl<T> Spsc<T> {
    /// A ring for `capacity` values, at least 1 and at most [`CAPACITY_MAX`].
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, CAPACITY_MAX);
        let slots = (0..capacity.next_power_of_two())
            .map(|_| UnsafeCell::new(MaybeUninit::uninit()))
            .collect();
        let side = || Side { index: AtomicUsize::new(0), other: UnsafeCell::new(0) };
        let (head, tail) = (Apart::new(side()), Apart::new(side()));
        let end = AtomicUsize::new(OPEN);
        Self { _before: Apart::new(()), head, tail, slots, capacity, end }
    }

    #[inline]
    fn slot(&self, position: usize) -> &UnsafeCell<MaybeUninit<T>> {
        &self.slots[position & (self.slots.len() - 1)]
    }

    /// The sender's position and how many slots are free from there on: at least 1, and `wanted` if
    /// there are so many.
    ///
    /// # Safety
    ///
    /// Only for the sender.
    #[inline]
    unsafe fn free(&self, wanted: usize) -> Result<(usize, usize), PushError<()>> {
        if self.is_closed() {
            return Err(PushError::Closed(()));
        }
        // Relaxed: only the sender moves it.
        let tail = self.tail.index.load(Ordering::Relaxed);
        // SAFETY: the sender's own field.
        let head = self.tail.other.with(|other| unsafe { *other });
        let used = between(head, tail);
        if self.capacity - used >= wanted {
            return Ok((tail, self.capacity - used));
        }
        // SeqCst: pairs with the move in `release`: the slots before `head` were read.
        let head = self.head.index.load(Ordering::SeqCst);
        // SAFETY: as above.
        self.tail.other.with_mut(|other| unsafe { *other = head });
        let used = between(head, tail);
        if used < self.capacity {
            Ok((tail, self.capacity - used))
        } else {
            Err(PushError::Full(()))
        }
    }

    /// The slot that a side comes to soon, unless the other one, `left` slots ahead, may be there.
    #[inline]
    fn ahead(&self, position: usize, left: usize) -> Option<&UnsafeCell<MaybeUninit<T>>> {
        // What is larger than that takes longer than its line takes to come.
        let n = AHEAD_BYTES / size_of::<T>().max(1);
        ((1..left).contains(&n)).then(|| self.slot(position.wrapping_add(n)))
    }

    /// Hands the `n` values at `tail` to the receiver. An error says that the ring was closed and
    /// they are still the sender's.
    ///
    /// # Safety
    ///
    /// Only for the sender, which has written them.
    #[inline]
    unsafe fn publish(&self, tail: usize, n: usize, by: Fence) -> Result<(), PushError<()>> {
        move_to(&self.tail.index, behind(tail, n), by);
        if self.is_closed() { self.publish_late(tail, n) } else { Ok(()) }
    }

    /// Whether what was published while the ring was closed counts.
    #[cold]
    fn publish_late(&self, tail: usize, n: usize) -> Result<(), PushError<()>> {
        let after = behind(tail, n);
        // SeqCst: see the module's doc. It fails if the receiver has come to an end, or this was closed
        // in the second step just now.
        let decide = |end| match end {
            CLOSING | CLOSED => Some(after),
            _ => None,
        };
        let decided = self.end.fetch_update(Ordering::SeqCst, Ordering::SeqCst, decide);
        match decided {
            Ok(_) => Ok(()),
            Err(end) if end == after => Ok(()),
            Err(_) => {
                // Relaxed: the receiver does not look there any more.
                self.tail.index.store(tail, Ordering::Relaxed);
                Err(PushError::Closed(()))
            }
        }
    }

    /// # Safety
    ///
    /// Only for the sender.
    #[inline]
    pub(crate) unsafe fn push(&self, value: T, by: Fence) -> Result<(), PushError<T>> {
        // SAFETY: the caller is the sender.
        let tail = match unsafe { self.free(1) } {
            Ok((tail, free)) => {
                if let Some(slot) = self.ahead(tail, free) {
                    slot.with(prefetch_write);
                }
                tail
            }
            Err(PushError::Full(())) => return Err(PushError::Full(value)),
            Err(PushError::Closed(())) => return Err(PushError::Closed(value)),
        };
        // SAFETY: a free slot is the sender's.
        self.slot(tail).with_mut(|slot| unsafe { (*slot).write(value) });
        // SAFETY: just written.
        if unsafe { self.publish(tail, 1, by) }.is_ok() {
            return Ok(());
        }
        // SAFETY: not published, so the value is still the sender's.
        Err(PushError::Closed(self.slot(tail).with(|slot| unsafe { (*slot).assume_init_read() })))
    }

    /// Pushes as many of `values` as there is room for.
    ///
    /// # Safety
    ///
    /// Only for the sender.
    pub(crate) unsafe fn push_batch(&self, values: &mut Front<'_, T>) -> Result<(), PushError<()>> {
        // SAFETY: the caller is the sender.
        let (tail, free) = unsafe { self.free(values.left().max(1)) }?;
        // Pushed one by one, a batch would be published one by one.
        let n = values.left().min(free);
        // A close that comes between is one that came before: then nothing is taken.
        for i in 0..n {
            let value = values.take();
            // SAFETY: a free slot is the sender's.
            self.slot(tail.wrapping_add(i)).with_mut(|slot| unsafe { (*slot).write(value) });
        }
        // SAFETY: all written.
        if unsafe { self.publish(tail, n, Fence::Full) }.is_err() {
            for i in (0..n).rev() {
                let slot = self.slot(tail.wrapping_add(i));
                // SAFETY: not published, so still the sender's.
                values.put_back(slot.with(|slot| unsafe { (*slot).assume_init_read() }));
            }
            return Err(PushError::Closed(()));
        }
        Ok(())
    }

    /// The receiver's position and how many values are there: at least 1, and `wanted` if there are
    /// so many.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    unsafe fn filled(&self, wanted: usize) -> Result<(usize, usize), PopError> {
        // Relaxed: only the receiver moves it.
        let head = self.head.index.load(Ordering::Relaxed);
        // SAFETY: the receiver's own field.
        let tail = self.head.other.with(|other| unsafe { *other });
        if between(head, tail) >= wanted {
            return Ok((head, between(head, tail)));
        }
        // SeqCst: pairs with the move in `publish`: the values before `tail` are there.
        let tail = self.tail.index.load(Ordering::SeqCst);
        // SeqCst: after `tail`, or a value that the sender has taken back would be taken.
        let tail = match self.end.load(Ordering::SeqCst) {
            OPEN | CLOSING => tail,
            CLOSED if tail != head => tail,
            CLOSED => self.find_end(head),
            end => end,
        };
        // SAFETY: as above.
        self.head.other.with_mut(|other| unsafe { *other = tail });
        match between(head, tail) {
            0 if self.has_ended() => Err(PopError::Closed),
            0 => Err(PopError::Empty),
            filled => Ok((head, filled)),
        }
    }

    /// Ends a closed ring at `head`, where nothing is, unless the sender has published something.
    #[cold]
    fn find_end(&self, head: usize) -> usize {
        // SeqCst: now that it is CLOSED, this shows all that the sender has not seen the close after.
        let tail = self.tail.index.load(Ordering::SeqCst);
        if tail != head {
            return tail;
        }
        // SeqCst: see the module's doc.
        let ended = self.end.compare_exchange(CLOSED, head, Ordering::SeqCst, Ordering::SeqCst);
        ended.map_or_else(|end| end, |_| head)
    }

    /// Whether it is closed and empty, and the receiver has seen that.
    pub(crate) fn has_ended(&self) -> bool {
        // SeqCst: one order with the exchanges. Relaxed: only the receiver moves `head`.
        self.end.load(Ordering::SeqCst) == self.head.index.load(Ordering::Relaxed)
    }

    /// How many values the receiver knows of, without a look at the sender's line.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    pub(crate) unsafe fn at_hand(&self) -> usize {
        // Relaxed: only the receiver moves it.
        let head = self.head.index.load(Ordering::Relaxed);
        // SAFETY: the receiver's own field.
        between(head, self.head.other.with(|other| unsafe { *other }))
    }

    /// Gives the `n` slots at `head` back to the sender.
    ///
    /// # Safety
    ///
    /// Only for the receiver, which has read them.
    #[inline]
    unsafe fn release(&self, head: usize, n: usize, by: Fence) {
        move_to(&self.head.index, behind(head, n), by);
    }

    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    pub(crate) unsafe fn pop(&self, by: Fence) -> Result<T, PopError> {
        // SAFETY: the caller is the receiver.
        let (head, filled) = unsafe { self.filled(1) }?;
        if let Some(slot) = self.ahead(head, filled) {
            slot.with(prefetch_read);
        }
        // SAFETY: a filled slot is the receiver's, and read once: the next line gives it back.
        let value = self.slot(head).with(|slot| unsafe { (*slot).assume_init_read() });
        // SAFETY: just read.
        unsafe { self.release(head, 1, by) };
        Ok(value)
    }

    /// Takes up to `max` values, at the end of `values`; says how many.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    pub(crate) unsafe fn pop_batch(
        &self,
        values: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, PopError> {
        // SAFETY: the caller is the receiver.
        let (head, filled) = unsafe { self.filled(max.max(1)) }?;
        let n = filled.min(max);
        values.reserve(n);
        for i in 0..n {
            let slot = self.slot(head.wrapping_add(i));
            // SAFETY: as in `pop`. The push does not allocate, so it does not panic in between.
            values.push(slot.with(|slot| unsafe { (*slot).assume_init_read() }));
        }
        // SAFETY: just read.
        unsafe { self.release(head, n, Fence::Full) };
        Ok(n)
    }

    /// The slot that the next push fills.
    ///
    /// # Safety
    ///
    /// Only for the sender, which does nothing else with the ring as long as it uses the slot.
    pub(crate) unsafe fn free_slot(&self) -> Result<*mut MaybeUninit<T>, PushError<()>> {
        // SAFETY: the caller is the sender.
        unsafe { self.free(1) }.map(|(tail, _)| self.slot(tail).with_mut(|slot| slot))
    }

    /// Hands the value in [`free_slot`](Self::free_slot) to the receiver; an error says that the
    /// ring was closed and it is still the sender's.
    ///
    /// # Safety
    ///
    /// Only for the sender, which has written it.
    pub(crate) unsafe fn publish_slot(&self) -> Result<(), PushError<()>> {
        // Relaxed: only the sender moves it.
        let tail = self.tail.index.load(Ordering::Relaxed);
        // SAFETY: the caller is the sender and has written it.
        unsafe { self.publish(tail, 1, Fence::Full) }
    }

    /// The slot that the next pop empties.
    ///
    /// # Safety
    ///
    /// Only for the receiver, which does nothing else with the ring as long as it uses the slot.
    pub(crate) unsafe fn filled_slot(&self) -> Result<*mut MaybeUninit<T>, PopError> {
        // SAFETY: the caller is the receiver.
        unsafe { self.filled(1) }.map(|(head, _)| self.slot(head).with_mut(|slot| slot))
    }

    /// Gives [`filled_slot`](Self::filled_slot) back to the sender.
    ///
    /// # Safety
    ///
    /// Only for the receiver, which has moved the value out or dropped it.
    pub(crate) unsafe fn release_slot(&self) {
        // Relaxed: only the receiver moves it.
        let head = self.head.index.load(Ordering::Relaxed);
        // SAFETY: the caller is the receiver and done with the value.
        unsafe { self.release(head, 1, Fence::Full) };
    }

    /// Forbids every later push; what is in the ring can still be taken. `fence` is the counterpart of
    /// the fence in the sender's pushes.
    pub(crate) fn close(&self, fence: impl FnOnce()) -> Close {
        let step = |from, to| {
            // SeqCst: see the module's doc.
            self.end.compare_exchange(from, to, Ordering::SeqCst, Ordering::Relaxed)
        };
        if step(OPEN, CLOSING).is_err() {
            return Close::AlreadyClosed;
        }
        fence();
        // It fails if the sender has found the end meanwhile.
        let _: Result<usize, usize> = step(CLOSING, CLOSED);
        Close::Closed
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // SeqCst: one order with the exchanges.
        self.end.load(Ordering::SeqCst) != OPEN
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        loop {
            // SeqCst: all loads in one order with the exchanges; an unchanged tail makes them a
            // snapshot.
            let tail = self.tail.index.load(Ordering::SeqCst);
            let head = self.head.index.load(Ordering::SeqCst);
            let end = self.end.load(Ordering::SeqCst);
            if self.tail.index.load(Ordering::SeqCst) == tail {
                return between(head, if end > POSITION_MAX { tail } else { end });
            }
        }
    }
}

/// Moves an index, so that a look for waiters comes after it.
#[inline]
fn move_to(index: &AtomicUsize, position: usize, by: Fence) {
    match by {
        Fence::Full => {
            // SeqCst: see the table above.
            index.swap(position, Ordering::SeqCst);
            fence_after_rmw();
        }
        Fence::Light => {
            // Release: see the table above.
            index.store(position, Ordering::Release);
            asymmetric::light();
        }
    }
}

impl<T> Drop for Spsc<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: there is neither a sender nor a receiver.
        while unsafe { self.pop(Fence::Full) }.is_ok() {}
    }
}

impl<T> fmt::Debug for Spsc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spsc")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    /// One thread, which is both sides.
    fn push<T>(ring: &Spsc<T>, value: T) -> Result<(), PushError<T>> {
        // SAFETY: the tests of this module have one thread.
        unsafe { ring.push(value, Fence::Full) }
    }

    fn pop<T>(ring: &Spsc<T>) -> Result<T, PopError> {
        // SAFETY: as above.
        unsafe { ring.pop(Fence::Full) }
    }

    #[test]
    fn close_lets_what_is_queued_be_taken() {
        let ring = Spsc::new(2);
        push(&ring, 1).unwrap();
        assert_eq!(ring.close(|| ()), Close::Closed);
        assert_eq!(ring.close(|| ()), Close::AlreadyClosed);
        assert_eq!(push(&ring, 2), Err(PushError::Closed(2)));
        assert_eq!((pop(&ring), pop(&ring)), (Ok(1), Err(PopError::Closed)));
    }

    #[test]
    fn dropping_the_ring_drops_what_is_in_it() {
        let value = Arc::new(());
        let ring = Spsc::new(3);
        for _ in 0..3 {
            push(&ring, Arc::clone(&value)).unwrap();
        }
        drop(pop(&ring));
        drop(ring);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn positions_may_wrap_around() {
        for capacity in 1..5 {
            let ring = Spsc::new(capacity);
            let start = POSITION_MAX & !7;
            ring.head.index.store(start, Ordering::Relaxed);
            ring.tail.index.store(start, Ordering::Relaxed);
            ring.head.other.with_mut(|other| {
                // SAFETY: nobody else is here.
                unsafe { *other = start }
            });
            ring.tail.other.with_mut(|other| {
                // SAFETY: as above.
                unsafe { *other = start }
            });
            for i in 0..20 {
                push(&ring, i).unwrap();
                assert_eq!((ring.len(), pop(&ring)), (1, Ok(i)));
            }
        }
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
            steps in proptest::collection::vec(0..4_usize, 0..200),
        ) {
            let (ring, mut model) = (Spsc::new(capacity), VecDeque::new());
            for (i, step) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        let expected = if model.len() < capacity {
                            model.push_back(i);
                            Ok(())
                        } else {
                            Err(PushError::Full(i))
                        };
                        prop_assert_eq!(push(&ring, i), expected);
                    }
                    1 => prop_assert_eq!(pop(&ring), model.pop_front().ok_or(PopError::Empty)),
                    2 => {
                        let mut values = vec![i; 3];
                        let mut front = Front::new(&mut values);
                        // SAFETY: one thread.
                        let result = unsafe { ring.push_batch(&mut front) };
                        let taken = front.taken();
                        prop_assert_eq!(taken, 3.min(capacity - model.len()));
                        prop_assert_eq!(result.is_ok(), taken > 0);
                        model.extend(vec![i; taken]);
                    }
                    _ => {
                        let mut values = Vec::new();
                        // SAFETY: one thread.
                        let _ = unsafe { ring.pop_batch(&mut values, 3) };
                        let expected: Vec<_> = model.drain(..model.len().min(3)).collect();
                        prop_assert_eq!(values, expected);
                    }
                }
                prop_assert_eq!(ring.len(), model.len());
            }
        }
    }
}
