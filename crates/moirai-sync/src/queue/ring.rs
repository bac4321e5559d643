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
//!   tail, head:  | lap .............. | closed | index |      (only `tail` has the closed bit)
//! ```
//!
//! One compare-exchange per operation, and none on the line of the other side unless the ring
//! looks full or empty. The closed bit shares a word with `tail`, so no push can follow a close.
//! A sender that stops between its two steps (position taken, stamp not yet written) makes
//! receivers of that slot wait for it: they spin, then yield.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `stamp` load in push | Acquire | Release store in pop: the slot was read before it is written again |
//! | `stamp` load in pop | Acquire | Release store in push: the value is there |
//! | `head`, `tail` exchange | SeqCst | each other: full and empty are decided in one order |

#![allow(unsafe_code, reason = "slots are written and read once a lap; model: src/model/ring.rs")]

use std::fmt;
use std::mem::MaybeUninit;

use crate::CachePadded;
use crate::backoff::Backoff;
use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::prim::{UnsafeCell, fence_after_rmw};

use super::{Close, PopError, PushError};

/// The largest capacity: positions keep at least this many bits for the lap.
pub(crate) const CAPACITY_MAX: usize = 1 << (usize::BITS / 2 - 2);

pub(crate) struct Ring<T> {
    head: CachePadded<AtomicUsize>,
    tail: CachePadded<AtomicUsize>,
    slots: Box<[Slot<T>]>,
    /// The closed bit, just above the index; also one more than the largest index.
    closed_bit: usize,
    /// What a lap adds to a position: twice the closed bit.
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

impl<T> Ring<T> {
    /// A ring for `capacity` values, at least 1 and at most [`CAPACITY_MAX`].
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, CAPACITY_MAX);
        let closed_bit = (capacity + 1).next_power_of_two();
        let slots = (0..capacity)
            .map(|index| Slot {
                stamp: AtomicUsize::new(index),
                value: UnsafeCell::new(MaybeUninit::uninit()),
            })
            .collect();
        Self {
            head: CachePadded::new(AtomicUsize::new(0)),
            tail: CachePadded::new(AtomicUsize::new(0)),
            slots,
            closed_bit,
            one_lap: closed_bit * 2,
        }
    }

    /// The position after `position`: the next index, or index 0 of the next lap.
    #[inline]
    fn after(&self, position: usize) -> usize {
        let index = position & (self.closed_bit - 1);
        if index + 1 < self.slots.len() {
            position + 1
        } else {
            (position & !(self.one_lap - 1)).wrapping_add(self.one_lap)
        }
    }

    #[inline]
    fn slot(&self, position: usize) -> &Slot<T> {
        &self.slots[position & (self.closed_bit - 1)]
    }

    pub(crate) fn push(&self, value: T) -> Result<(), PushError<T>> {
        let mut backoff = Backoff::new();
        // Relaxed: a guess, checked against the stamp and by the exchange.
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            if tail & self.closed_bit != 0 {
                return Err(PushError::Closed(value));
            }
            let slot = self.slot(tail);
            // Acquire: pairs with the Release store in `pop`.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == tail {
                // SeqCst: one order with `close` and with the exchange in `pop`.
                match self.tail.compare_exchange_weak(
                    tail,
                    self.after(tail),
                    Ordering::SeqCst,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        fence_after_rmw();
                        // SAFETY: moving `tail` past this position gave us the slot, which is
                        // free: its stamp was the position.
                        slot.value.with_mut(|place| unsafe { (*place).write(value) });
                        // Release: pairs with the Acquire load in `pop`.
                        slot.stamp.store(tail + 1, Ordering::Release);
                        return Ok(());
                    }
                    Err(current) => {
                        tail = current;
                        backoff.spin();
                    }
                }
            } else if stamp.wrapping_add(self.one_lap) == tail.wrapping_add(1) {
                // The slot holds the value of the lap before. SeqCst: one order with the exchange
                // of `head` in `pop`: Full is said only if it was so after `tail` was read.
                let head = self.head.load(Ordering::SeqCst);
                if head.wrapping_add(self.one_lap) == tail {
                    return Err(PushError::Full(value));
                }
                backoff.snooze();
                tail = self.tail.load(Ordering::Relaxed);
            } else {
                backoff.snooze();
                tail = self.tail.load(Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn pop(&self) -> Result<T, PopError> {
        let mut backoff = Backoff::new();
        // Relaxed: a guess, checked against the stamp and by the exchange.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let slot = self.slot(head);
            // Acquire: pairs with the Release store in `push`.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == head.wrapping_add(1) {
                // SeqCst: one order with the exchange of `tail` in `push`.
                match self.head.compare_exchange_weak(
                    head,
                    self.after(head),
                    Ordering::SeqCst,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        fence_after_rmw();
                        // SAFETY: moving `head` past this position gave us the slot, which is
                        // full: its stamp was the position plus one.
                        let value = slot.value.with(|place| unsafe { (*place).assume_init_read() });
                        // Release: pairs with the Acquire load in `push`.
                        slot.stamp.store(head.wrapping_add(self.one_lap), Ordering::Release);
                        return Ok(value);
                    }
                    Err(current) => {
                        head = current;
                        backoff.spin();
                    }
                }
            } else if stamp == head {
                // Nothing written here yet. SeqCst: one order with the exchange of `tail` in
                // `push`: Empty is said only if it was so after `head` was read.
                let tail = self.tail.load(Ordering::SeqCst);
                if tail & !self.closed_bit == head {
                    let closed = tail & self.closed_bit != 0;
                    return Err(if closed { PopError::Closed } else { PopError::Empty });
                }
                // A sender has taken this position and not written its value yet.
                backoff.snooze();
                head = self.head.load(Ordering::Relaxed);
            } else {
                backoff.snooze();
                head = self.head.load(Ordering::Relaxed);
            }
        }
    }

    /// Forbids every later push; what is in the ring can still be taken.
    pub(crate) fn close(&self) -> Close {
        // SeqCst: one order with the exchange in `push`.
        let before = self.tail.fetch_or(self.closed_bit, Ordering::SeqCst);
        if before & self.closed_bit == 0 { Close::Closed } else { Close::AlreadyClosed }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // SeqCst: one order with `close`.
        self.tail.load(Ordering::SeqCst) & self.closed_bit != 0
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
            if self.tail.load(Ordering::SeqCst) != tail {
                continue;
            }
            let (head_index, tail_index) =
                (head & (self.closed_bit - 1), tail & (self.closed_bit - 1));
            return if head_index < tail_index {
                tail_index - head_index
            } else if head_index > tail_index {
                self.slots.len() - head_index + tail_index
            } else if tail & !self.closed_bit == head {
                0
            } else {
                self.slots.len()
            };
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        // SeqCst: in one order with the exchanges.
        let head = self.head.load(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::SeqCst);
        tail & !self.closed_bit == head
    }

    pub(crate) fn is_full(&self) -> bool {
        // SeqCst: in one order with the exchanges.
        let tail = self.tail.load(Ordering::SeqCst);
        let head = self.head.load(Ordering::SeqCst);
        head.wrapping_add(self.one_lap) == tail & !self.closed_bit
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while self.pop().is_ok() {}
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
            ring.head = CachePadded::new(AtomicUsize::new(start));
            ring.tail = CachePadded::new(AtomicUsize::new(start));
            for (index, slot) in ring.slots.iter().enumerate() {
                slot.stamp.store(start + index, Ordering::Relaxed);
            }
            for i in 0..20 {
                ring.push(i).unwrap();
                assert_eq!((ring.len(), ring.pop()), (1, Ok(i)));
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
