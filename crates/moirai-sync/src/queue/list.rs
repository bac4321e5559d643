//! An unbounded multi-producer, multi-consumer list of blocks.
//!
//! The scheme of crossbeam-channel's list: `head` and `tail` count positions, and each of them holds
//! the block that its position lies in. A block has room for [`List::BLOCK`] values; the position
//! after the last one belongs to nobody: while an index stands there, whoever moved it there is
//! fetching the next block, and the others wait. Both begin there, in a lap without a block.
//!
//! ```text
//!   index:      | lap (which block) | flag | offset in it |    flag of `tail`: closed
//!                                                              flag of `head`: `tail` is in a later block
//!   a block:    next ──► the block of the next lap
//!               ready[offset]: 0 ─ push has written ─► 1
//!               values[offset]
//! ```
//!
//! The flag stands above the offset, so that one comparison says that a push is as simple as most:
//! the list is open, there is a block, and no next one is needed.
//!
//! `ready` is one byte for each slot and not one bit: a push then publishes its value with a plain
//! store where a bitmap would need a second read-modify-write. For `u64` messages a block takes 10
//! bytes for each.
//!
//! Each part of its life has a file: how values get in (`send`), how several receivers get them out
//! (`receive`) and how an only one does (`sole`), how a value lies in its slot meanwhile (`slots`), and
//! where the blocks come from and go (`blocks`). This file knows the positions, and what they say
//! about the list: how much is in it, and whether it is closed.
//!
//! **One receiver** moves `head` with a store, and counts what is ready without a look at `tail`; it
//! looks at the block's head, where senders write, again when it has taken that many, and leaves a
//! block at the look that follows its last value. Nobody needs to count what was taken. So a list is
//! emptied by the operations for one receiver or by those for many; only its end may follow on either.
//!
//! **Two senders at once** would pass the line of `tail` to and fro, a transfer for each message, and two
//! receivers that of `head`. So who loses the exchange stands back for long enough that the other does some
//! hundreds in the meantime: with every turn the lines of the block move as well. Receivers that take turns
//! without losing one are told apart by their threads ([`crowd`](super::crowd)).
//!
//! A sender that stops between its two steps (position taken, value not yet written) makes the
//! receiver of that slot wait for it: it spins, then yields.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | flag of `tail` in `close` | SeqCst | the `tail` exchange in push: a push comes before the close, or fails |
//! | loads of `tail`, `head` | SeqCst | the exchanges in push and pop: what is counted was so at one time |
//! | load of `reserved` | SeqCst | `reserve`, `unreserve` |

#![allow(
    unsafe_code,
    reason = "values of a `Send` type are handed from thread to thread; model: src/model/list.rs"
)]

mod blocks;
mod receive;
mod send;
mod slots;
mod sole;

use std::fmt;
use std::ptr;

use crate::cache_padded::{Apart, FAR};
use crate::prim::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::prim::fence_after_rmw;

use super::Close;
use super::block::{self, values_in_block};
use super::crowd::Crowd;
use super::gate::Ends;
use super::shelf::Shelf;
use slots::Head;

/// Positions in a lap: a block's slots, and at least one that belongs to nobody. With 64 the bytes that say what
/// is ready fill about one line; with 32 a message from four tasks to one took a fifth longer.
const LAP: usize = if cfg!(moirai_loom) { 4 } else { 64 };

/// The most values in a block.
const BLOCK_SLOTS_MAX: usize = LAP - 1;

/// The flag of an index, above its offset.
const FLAG: usize = LAP;

/// What leads to the same offset of the next lap.
const ONE_LAP: usize = 2 * LAP;

type Block<T> = block::Block<Head<T>, T>;

#[repr(C)] // in this order: what is only read shares no line with what is written
pub(crate) struct List<T> {
    _before: Apart<()>,
    head: Apart<Receivers<T>, FAR>,
    tail: Apart<Position<T>>,
    /// Pushes that may still come after a close.
    reserved: AtomicUsize,
    /// The first of all blocks; of use only as long as `head` is at the start.
    first: AtomicPtr<Block<T>>,
    shelf: Shelf<Block<T>>,
}

struct Position<T> {
    index: AtomicUsize,
    /// The block of `index`; null at the start.
    block: AtomicPtr<Block<T>>,
}

struct Receivers<T> {
    position: Position<T>,
    /// Where a pop has seen `tail` last, without its flag.
    seen: AtomicUsize,
    crowd: Crowd,
}

// SAFETY: a value is moved in by one thread and out by another, each with exclusive access to its
// slot; no reference to a value is shared.
unsafe impl<T: Send> Send for List<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for List<T> {}

fn offset(index: usize) -> usize {
    index % LAP
}

fn lap(index: usize) -> usize {
    index / ONE_LAP
}

impl<T> List<T> {
    /// Values in a block.
    pub(crate) const BLOCK: usize = values_in_block::<T>(BLOCK_SLOTS_MAX);

    /// What leads from the position that belongs to nobody to the first one of the next lap.
    const SKIP: usize = ONE_LAP - Self::BLOCK;

    /// Where both begin: behind a lap that has no block.
    const START: usize = Self::BLOCK;

    /// An empty list, without a block.
    #[inline]
    pub(crate) fn new() -> Self {
        let position = || Position {
            index: AtomicUsize::new(Self::START),
            block: AtomicPtr::new(ptr::null_mut()),
        };
        let seen = AtomicUsize::new(Self::START);
        let receivers = Receivers { position: position(), seen, crowd: Crowd::new() };
        Self {
            _before: Apart::new(()),
            head: Apart::new(receivers),
            tail: Apart::new(position()),
            reserved: AtomicUsize::new(0),
            first: AtomicPtr::new(ptr::null_mut()),
            shelf: Shelf::new(),
        }
    }

    /// Forbids every later push; what is in the list can still be taken.
    pub(crate) fn close(&self) -> Close {
        // SeqCst: one order with the exchange in `push`.
        let before = self.tail.index.fetch_or(FLAG, Ordering::SeqCst);
        fence_after_rmw();
        if before & FLAG == 0 { Close::Closed } else { Close::AlreadyClosed }
    }

    pub(crate) fn is_closed(&self) -> bool {
        // SeqCst: one order with `close`.
        self.tail.index.load(Ordering::SeqCst) & FLAG != 0
    }

    /// Whether a value may follow a close.
    pub(crate) fn has_reserved(&self) -> bool {
        // SeqCst: one order with `reserve` and `unreserve`.
        self.reserved.load(Ordering::SeqCst) != 0
    }

    /// How many values are in the list, including those that a sender is still writing.
    pub(crate) fn len(&self) -> usize {
        loop {
            // SeqCst: both loads in one order with the exchanges; an unchanged tail makes them a
            // snapshot.
            let tail = self.tail.index.load(Ordering::SeqCst);
            let head = self.head.position.index.load(Ordering::SeqCst);
            if self.tail.index.load(Ordering::SeqCst) == tail {
                return Self::between(head, tail);
            }
        }
    }

    /// Values between two indices: whole blocks, and what the offsets say.
    #[inline]
    fn between(head: usize, tail: usize) -> usize {
        let laps = (tail & !(ONE_LAP - 1)).wrapping_sub(head & !(ONE_LAP - 1));
        (laps / ONE_LAP * Self::BLOCK).wrapping_add(offset(tail)).wrapping_sub(offset(head))
    }

    /// Values before an index.
    fn before(index: usize) -> usize {
        Self::between(Self::START, index)
    }

    pub(crate) fn is_empty(&self) -> bool {
        // SeqCst: in one order with the exchanges.
        let head = self.head.position.index.load(Ordering::SeqCst);
        let tail = self.tail.index.load(Ordering::SeqCst);
        Self::between(head, tail) == 0
    }
}

impl<T> Ends for List<T> {
    #[inline]
    fn mark(&self) -> usize {
        // Relaxed: nothing is read through it.
        self.tail.index.load(Ordering::Relaxed)
    }

    fn mark_at(&self, pushed: usize) -> usize {
        let (laps, offset) = (pushed / Self::BLOCK, pushed % Self::BLOCK);
        // The first values are of the second lap.
        (laps + 1).wrapping_mul(ONE_LAP) + offset
    }

    fn pushed(&self) -> usize {
        // SeqCst: as in `len`.
        Self::before(self.tail.index.load(Ordering::SeqCst))
    }

    fn popped(&self) -> usize {
        // SeqCst: as in `len`.
        Self::before(self.head.position.index.load(Ordering::SeqCst))
    }

    fn capacity(&self) -> Option<usize> {
        None
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("len", &self.len()).field("closed", &self.is_closed()).finish()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::front::Front;
    use super::super::{PopError, PushError};
    use super::*;

    #[test]
    fn a_block_has_fewer_slots_for_large_values() {
        assert_eq!(List::<()>::BLOCK, 63);
        assert_eq!(List::<u64>::BLOCK, 63);
        assert_eq!(List::<[u8; 1024]>::BLOCK, 4);
        assert_eq!(List::<[u8; 4097]>::BLOCK, 1);
    }

    #[test]
    fn values_of_any_shape_pass() {
        fn passes<T: Clone + PartialEq + fmt::Debug>(value: T) {
            let list = List::new();
            for _ in 0..3 {
                for _ in 0..70 {
                    list.push(value.clone()).unwrap();
                }
                assert_eq!(list.len(), 70);
                for _ in 0..70 {
                    assert_eq!(list.pop(), Ok(value.clone()));
                }
                assert_eq!(list.pop(), Err(PopError::Empty));
            }
        }
        #[derive(Clone, PartialEq, Debug)]
        #[repr(align(256))]
        struct Aligned(u8);
        passes(());
        passes(Aligned(7));
        passes(vec![1, 2, 3]);
        passes([7_u8; 5000]);
    }

    #[test]
    fn close_lets_what_is_queued_be_taken() {
        let list = List::new();
        list.push(1).unwrap();
        assert_eq!(list.close(), Close::Closed);
        assert_eq!(list.close(), Close::AlreadyClosed);
        assert_eq!(list.push(2), Err(2));
        assert_eq!((list.pop(), list.pop()), (Ok(1), Err(PopError::Closed)));
    }

    #[test]
    fn close_at_the_end_of_a_block_is_not_forgotten() {
        let list = List::new();
        for i in 0..List::<usize>::BLOCK {
            list.push(i).unwrap();
        }
        assert_eq!(list.close(), Close::Closed);
        assert_eq!(list.push(0), Err(0));
        for i in 0..List::<usize>::BLOCK {
            assert_eq!(list.pop(), Ok(i));
        }
        assert_eq!(list.pop(), Err(PopError::Closed));
    }

    #[test]
    fn a_closed_list_waits_for_what_was_reserved() {
        let list = List::new();
        list.reserve().unwrap();
        list.reserve().unwrap();
        assert_eq!(list.close(), Close::Closed);
        assert_eq!(list.pop(), Err(PopError::Empty));
        list.push_reserved(1);
        assert_eq!((list.pop(), list.pop()), (Ok(1), Err(PopError::Empty)));
        list.unreserve();
        assert_eq!(list.pop(), Err(PopError::Closed));
        assert_eq!(list.reserve(), Err(PushError::Closed(())));
    }

    #[test]
    fn one_receiver_and_batches_free_every_block() {
        let value = Arc::new(());
        let list = List::new();
        let (mut taken, mut at_hand) = (Vec::new(), 0);
        for round in 0..40 {
            let mut values = vec![Arc::clone(&value); 20 + round];
            list.push_batch(&mut Front::new(&mut values)).unwrap();
            assert!(values.is_empty());
            for _ in 0..10 {
                // SAFETY: one thread.
                drop(unsafe { list.pop_sole(&mut at_hand) }.unwrap());
            }
            // SAFETY: as above.
            unsafe { list.pop_batch_sole(&mut at_hand, &mut taken, 5) }.unwrap();
            taken.clear();
        }
        drop(list);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn dropping_the_list_drops_what_is_in_it() {
        let value = Arc::new(());
        for taken in [0, 1, 63, 64, 80] {
            let list = List::new();
            for _ in 0..100 {
                list.push(Arc::clone(&value)).unwrap();
            }
            for _ in 0..taken {
                list.pop().unwrap();
            }
            drop(list);
            assert_eq!(Arc::strong_count(&value), 1);
        }
    }

    #[test]
    fn positions_may_wrap_around() {
        let mut list = List::new();
        // A few laps before the counters overflow.
        let start = List::<usize>::START.wrapping_sub(3 * ONE_LAP);
        *list.head.position.index.get_mut() = start;
        *list.head.seen.get_mut() = start;
        *list.tail.index.get_mut() = start;
        for i in 0..5 * LAP {
            list.push(i).unwrap();
            list.push(i).unwrap();
            assert_eq!((list.pop(), list.len(), list.pop()), (Ok(i), 1, Ok(i)));
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
        fn behaves_like_a_vec_deque(pushes in proptest::collection::vec(any::<bool>(), 0..400)) {
            let (list, mut model) = (List::new(), VecDeque::new());
            for (i, push) in pushes.into_iter().enumerate() {
                if push {
                    list.push(i).unwrap();
                    model.push_back(i);
                } else {
                    prop_assert_eq!(list.pop(), model.pop_front().ok_or(PopError::Empty));
                }
                prop_assert_eq!(list.len(), model.len());
                prop_assert_eq!(list.is_empty(), model.is_empty());
            }
        }
    }
}
