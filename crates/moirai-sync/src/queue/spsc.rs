//! A bounded ring for one sender and one receiver.
//!
//! Its positions, and how it is closed, are those of [`pair`](super::pair); a value lies in the slot of
//! its position. Each side fetches the lines of slots some way ahead, where the other one was last: else
//! a read-modify-write, which waits for all stores before it, would wait for each of those lines.
//!
//! Large values: see [`lines`](super::lines).

#![allow(unsafe_code, reason = "slots change hands by two positions; model: src/model/spsc.rs")]

use std::fmt;
use std::mem::MaybeUninit;

use crate::prim::{UnsafeCell, prefetch_read, prefetch_write};

use super::front::Front;
use super::lines;
use super::pair::{Fence, Pair, Published};
use super::ring::CAPACITY_MAX;
use super::{Close, PopError, PushError};

/// So far ahead the sides fetch lines: about as many as are on their way at once.
const AHEAD_BYTES: usize = 256;

#[repr(C)] // in this order: what is only read shares no line with what is written
pub(crate) struct Spsc<T> {
    pair: Pair<()>,
    /// A power of two of them, so that positions may wrap around.
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    capacity: usize,
    /// Whether slots are given back with their lines.
    with_lines: bool,
}

// SAFETY: a value is moved in by one thread and out by another, each with exclusive access to its
// slot; no reference to a value is shared.
unsafe impl<T: Send> Send for Spsc<T> {}
// SAFETY: as above; what only one side may do is `unsafe` to call.
unsafe impl<T: Send> Sync for Spsc<T> {}

impl<T> Spsc<T> {
    /// A ring for `capacity` values, at least 1 and at most [`CAPACITY_MAX`].
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, CAPACITY_MAX);
        let slots = (0..capacity.next_power_of_two())
            .map(|_| UnsafeCell::new(MaybeUninit::uninit()))
            .collect();
        let with_lines = lines::are_many::<T>() && lines::are_dear();
        Self { pair: Pair::new(|| ()), slots, capacity, with_lines }
    }

    #[inline]
    fn slot(&self, position: usize) -> &UnsafeCell<MaybeUninit<T>> {
        &self.slots[position & (self.slots.len() - 1)]
    }

    /// The slot that a side comes to soon, unless the other one, `left` slots ahead, may be there.
    #[inline]
    fn ahead(&self, position: usize, left: usize) -> Option<&UnsafeCell<MaybeUninit<T>>> {
        // What is larger than that takes longer than its line takes to come.
        let n = AHEAD_BYTES / size_of::<T>().max(1);
        ((1..left).contains(&n)).then(|| self.slot(position.wrapping_add(n)))
    }

    /// # Safety
    ///
    /// Only for the sender.
    #[inline]
    pub(crate) unsafe fn push(&self, value: T, by: Fence) -> Result<(), PushError<T>> {
        // SAFETY: the caller is the sender.
        let tail = match unsafe { self.pair.free(self.capacity, 1) } {
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
        match unsafe { self.pair.publish(tail, 1, by) } {
            Published::InTime => Ok(()),
            // SAFETY: just published.
            Published::Late => unsafe { self.settle(tail) },
        }
    }

    /// Says whether the value counts that was published late at `tail`, or gives it back.
    ///
    /// # Safety
    ///
    /// Only for the sender, which has just published it.
    #[cold]
    #[inline(never)]
    unsafe fn settle(&self, tail: usize) -> Result<(), PushError<T>> {
        // SAFETY: as the caller says.
        unsafe { self.pair.settle(tail, 1) }.map_err(|_| {
            let slot = self.slot(tail);
            // SAFETY: not received, so the value is still the sender's.
            PushError::Closed(slot.with(|slot| unsafe { (*slot).assume_init_read() }))
        })
    }

    /// Pushes as many of `values` as there is room for.
    ///
    /// # Safety
    ///
    /// Only for the sender.
    pub(crate) unsafe fn push_batch(&self, values: &mut Front<'_, T>) -> Result<(), PushError<()>> {
        // SAFETY: the caller is the sender.
        let (tail, free) = unsafe { self.pair.free(self.capacity, values.left().max(1)) }?;
        // Pushed one by one, a batch would be published one by one.
        let n = values.left().min(free);
        // A close that comes between is one that came before: then nothing is taken.
        for i in 0..n {
            let value = values.take();
            // SAFETY: a free slot is the sender's.
            self.slot(tail.wrapping_add(i)).with_mut(|slot| unsafe { (*slot).write(value) });
        }
        // SAFETY: all written.
        let published = unsafe { self.pair.publish(tail, n, Fence::Full) };
        // SAFETY: just published.
        if published == Published::Late && unsafe { self.pair.settle(tail, n) }.is_err() {
            for i in (0..n).rev() {
                let slot = self.slot(tail.wrapping_add(i));
                // SAFETY: not published, so still the sender's.
                values.put_back(slot.with(|slot| unsafe { (*slot).assume_init_read() }));
            }
            return Err(PushError::Closed(()));
        }
        Ok(())
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.pair.has_ended()
    }

    /// How many values the receiver knows of, without a look at the sender's line.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    pub(crate) unsafe fn at_hand(&self) -> usize {
        // SAFETY: as the caller says.
        unsafe { self.pair.at_hand() }
    }

    /// [`pop`](Self::pop) of a value that the receiver knows of.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    pub(crate) unsafe fn pop_at_hand(&self, by: Fence) -> Option<T> {
        // SAFETY: the caller is the receiver.
        match unsafe { self.at_hand() } {
            0 => None,
            // SAFETY: as above; so many are there.
            filled => Some(unsafe { self.pop_one(self.pair.head(), filled, by) }),
        }
    }

    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    pub(crate) unsafe fn pop(&self, by: Fence) -> Result<T, PopError> {
        // SAFETY: the caller is the receiver.
        let (head, filled) = unsafe { self.pair.filled(1) }?;
        // SAFETY: as above; so many are there.
        Ok(unsafe { self.pop_one(head, filled, by) })
    }

    /// # Safety
    ///
    /// Only for the receiver, which stands at `head` and knows of `filled` values.
    #[inline]
    unsafe fn pop_one(&self, head: usize, filled: usize, by: Fence) -> T {
        if let Some(slot) = self.ahead(head, filled) {
            slot.with(prefetch_read);
        }
        // SAFETY: a filled slot is the receiver's, and read once: the next line gives it back.
        let value = self.slot(head).with(|slot| unsafe { (*slot).assume_init_read() });
        // SAFETY: just read.
        unsafe { self.release(head, 1, by) };
        value
    }

    /// Gives the `n` slots at `head` back to the sender, where the receiver knows of no other value perhaps
    /// with their lines.
    ///
    /// # Safety
    ///
    /// Only for the receiver, which has moved the values out or dropped them.
    #[inline]
    unsafe fn release(&self, head: usize, n: usize, by: Fence) {
        // SAFETY: the caller is the receiver. It counts those `n` still.
        if lines::are_many::<T>() && self.with_lines && unsafe { self.pair.at_hand() } <= n {
            for i in 0..n {
                let slot = self.slot(head.wrapping_add(i));
                // SAFETY: the slot is the receiver's, and there is no value in it.
                slot.with_mut(|slot| unsafe { lines::take(slot) });
            }
        }
        // SAFETY: as the caller says.
        unsafe { self.pair.release(head, n, by) };
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
        let (head, filled) = unsafe { self.pair.filled(max.max(1)) }?;
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
        unsafe { self.pair.free(self.capacity, 1) }
            .map(|(tail, _)| self.slot(tail).with_mut(|slot| slot))
    }

    /// Hands the value in [`free_slot`](Self::free_slot) to the receiver; an error says that the
    /// ring was closed and it is still the sender's.
    ///
    /// # Safety
    ///
    /// Only for the sender, which has written it.
    pub(crate) unsafe fn publish_slot(&self) -> Result<(), PushError<()>> {
        let tail = self.pair.tail();
        // SAFETY: the caller is the sender and has written it.
        match unsafe { self.pair.publish(tail, 1, Fence::Full) } {
            Published::InTime => Ok(()),
            // SAFETY: just published.
            Published::Late => unsafe { self.pair.settle(tail, 1) },
        }
    }

    /// The slot that the next pop empties.
    ///
    /// # Safety
    ///
    /// Only for the receiver, which does nothing else with the ring as long as it uses the slot.
    pub(crate) unsafe fn filled_slot(&self) -> Result<*mut MaybeUninit<T>, PopError> {
        // SAFETY: the caller is the receiver.
        unsafe { self.pair.filled(1) }.map(|(head, _)| self.slot(head).with_mut(|slot| slot))
    }

    /// Gives [`filled_slot`](Self::filled_slot) back to the sender.
    ///
    /// # Safety
    ///
    /// Only for the receiver, which has moved the value out or dropped it.
    pub(crate) unsafe fn release_slot(&self) {
        let head = self.pair.head();
        // SAFETY: the caller is the receiver and done with the value.
        unsafe { self.release(head, 1, Fence::Full) };
    }

    /// Forbids every later push; what is in the ring can still be taken. `fence` is the counterpart of
    /// the fence in the sender's pushes.
    pub(crate) fn close(&self, fence: impl FnOnce()) -> Close {
        self.pair.close(fence)
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.pair.is_closed()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.pair.len()
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

    use super::super::pair::POSITION_MAX;
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
            let mut ring = Spsc::new(capacity);
            ring.pair.start_at(POSITION_MAX & !7);
            for i in 0..20 {
                push(&ring, i).unwrap();
                assert_eq!((ring.len(), pop(&ring)), (1, Ok(i)));
            }
        }
    }

    #[test]
    fn large_values_come_out_whole_each_way() {
        type Large = [usize; 1 << 10];
        assert!(lines::are_many::<Large>());
        type Take = fn(&Spsc<Large>) -> Large;
        let lent: Take = |ring| {
            // SAFETY: one thread. The value is a copy.
            let value = unsafe { (*ring.filled_slot().unwrap()).assume_init() };
            // SAFETY: as above.
            unsafe { ring.release_slot() };
            value
        };
        let batch: Take = |ring| {
            let mut values = Vec::new();
            // SAFETY: one thread.
            assert_eq!(unsafe { ring.pop_batch(&mut values, 1) }, Ok(1));
            values[0]
        };
        for (take, with_lines) in [lent, batch, |ring| pop(ring).unwrap()]
            .into_iter()
            .flat_map(|take| [(take, true), (take, false)])
        {
            let mut ring = Spsc::new(3);
            ring.with_lines = with_lines;
            let (mut sent, mut taken) = (0..6, 0..6);
            for (pushes, takes) in [(3, 3), (2, 1), (1, 2)] {
                sent.by_ref().take(pushes).for_each(|value| push(&ring, [value; _]).unwrap());
                taken.by_ref().take(takes).for_each(|value| assert!(take(&ring) == [value; _]));
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
