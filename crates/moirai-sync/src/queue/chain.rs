//! An unbounded list of blocks for one sender and one receiver.
//!
//! The sender fills one block after the other, the receiver empties them in turn; neither needs a
//! read-modify-write for a value while nobody waits. Positions, and the close, are those of
//! [`pair`](super::pair): a value lies in the block that its side has come to, at its position modulo
//! [`Chain::BLOCK`].
//!
//! ```text
//!   head.own                          tail.own
//!      ▼                                 ▼
//!    block ── next ──► block ── next ──► block       first: the link that leads to the first block
//!      └──────► shelf ──────────────────► ┘
//!     once all its values are taken, and there is a next one
//! ```
//!
//! **Memory comes back.** The first block comes with the first push. The receiver leaves a block when it
//! takes the first value of the next one; some that it has left are filled again ([`shelf`](super::shelf)), and
//! those that are left over are freed when it finds nothing. So a list that was found empty holds one
//! block at most.
//!
//! A link is set before the first position behind it is published, and followed after that was seen; so
//! all orderings are those of `pair` and `shelf`.

#![allow(unsafe_code, reason = "blocks belong to one side at a time; model: src/model/chain.rs")]

use std::fmt;
use std::ptr::{self, NonNull};

use crate::prim::atomic::{AtomicPtr, Ordering};

use super::block::{self, values_in_block};
use super::front::Front;
use super::pair::{Fence, Pair, Published};
use super::shelf::Shelf;
use super::{Close, PopError, PushError};

/// The most values in a block; a power of two, as all numbers of them are.
const BLOCK_MAX: usize = if cfg!(moirai_loom) { 2 } else { 32 };

type Block<T> = block::Block<Link<T>, T>;

/// Where the next block is, once there is one.
struct Link<T>(AtomicPtr<Block<T>>);

#[repr(C)] // in this order: what is only read shares no line with what is written
pub(crate) struct Chain<T> {
    /// Each side's own: the block that it has come to; null before the first.
    pair: Pair<*mut Block<T>>,
    first: Link<T>,
    shelf: Shelf<Block<T>>,
}

// SAFETY: a value is moved in by one thread and out by another, each with exclusive access to its
// place; no reference to a value is shared. Blocks change hands by links and the shelf.
unsafe impl<T: Send> Send for Chain<T> {}
// SAFETY: as above; what only one side may do is `unsafe` to call.
unsafe impl<T: Send> Sync for Chain<T> {}

impl<T> Link<T> {
    const fn none() -> *mut Block<T> {
        ptr::null_mut()
    }

    fn get(&self) -> Option<NonNull<Block<T>>> {
        // Relaxed: set before a position in that block was published.
        NonNull::new(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, to: *mut Block<T>) {
        // Relaxed: as in `get`.
        self.0.store(to, Ordering::Relaxed);
    }
}

impl<T> Chain<T> {
    /// Values in a block.
    pub(crate) const BLOCK: usize = {
        let n = values_in_block::<T>(BLOCK_MAX);
        1 << n.ilog2()
    };

    /// An empty list, without a block.
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            pair: Pair::new(Link::none),
            first: Link(AtomicPtr::new(Link::none())),
            shelf: Shelf::new(),
        }
    }

    /// Appends a block behind the `last` one.
    ///
    /// # Safety
    ///
    /// Only for the sender.
    unsafe fn append_block(&self, last: Option<NonNull<Block<T>>>) -> NonNull<Block<T>> {
        let block = match self.shelf.take() {
            Some(block) => {
                // SAFETY: from the shelf, hence ours.
                unsafe { block.as_ref() }.set(Link::none());
                block
            }
            None => Block::new(Link(AtomicPtr::new(Link::none())), Self::BLOCK),
        };
        Block::fetch_to_fill(block.as_ptr(), Self::BLOCK);
        Block::fetch_to_fill(self.shelf.peek(), Self::BLOCK);
        let link = match &last {
            // SAFETY: the receiver has not left it: there is no next one yet.
            Some(last) => unsafe { last.as_ref() },
            None => &self.first,
        };
        link.set(block.as_ptr());
        // SAFETY: the sender's own field.
        self.pair.tail.own.with_mut(|own| unsafe { *own = block.as_ptr() });
        block
    }

    /// Appends `value`; gives it back if the list is closed.
    ///
    /// # Safety
    ///
    /// Only for the sender.
    #[inline]
    pub(crate) unsafe fn push(&self, value: T, by: Fence) -> Result<(), T> {
        let tail = self.pair.tail();
        if self.is_closed() || tail.is_multiple_of(Self::BLOCK) {
            // SAFETY: as the caller says.
            return unsafe { self.push_first(value, by) };
        }
        // SAFETY: the sender's own field; inside of a block there is one.
        let block = self.pair.tail.own.with(|own| unsafe { NonNull::new_unchecked(*own) });
        // SAFETY: as the caller says; the block is alive: the receiver leaves it once all its values
        // are taken.
        unsafe { self.push_at(block, tail, value, by) }
    }

    /// [`push`](Self::push) at the beginning of a block, or to a closed list.
    #[cold]
    #[inline(never)]
    unsafe fn push_first(&self, value: T, by: Fence) -> Result<(), T> {
        if self.is_closed() {
            return Err(value);
        }
        let tail = self.pair.tail();
        // SAFETY: as in `push`.
        unsafe { self.push_at(self.block_to_fill(tail), tail, value, by) }
    }

    /// # Safety
    ///
    /// Only for the sender, whose position `tail` lies in `block`.
    #[inline]
    unsafe fn push_at(
        &self,
        block: NonNull<Block<T>>,
        tail: usize,
        value: T,
        by: Fence,
    ) -> Result<(), T> {
        // SAFETY: the block is alive, as the caller says.
        let place = unsafe { Block::value(block, tail % Self::BLOCK) };
        // SAFETY: not published yet, so the place is the sender's.
        place.with_mut(|place| unsafe { (*place).write(value) });
        // SAFETY: just written.
        match unsafe { self.pair.publish(tail, 1, by) } {
            Published::InTime => Ok(()),
            // SAFETY: just published; if it does not count, the block was not left.
            Published::Late => unsafe { self.settle(block, tail) },
        }
    }

    /// Says whether the value counts that was published late at `tail`, or gives it back.
    ///
    /// # Safety
    ///
    /// Only for the sender, which has just published it in `block`.
    #[cold]
    #[inline(never)]
    unsafe fn settle(&self, block: NonNull<Block<T>>, tail: usize) -> Result<(), T> {
        // SAFETY: as the caller says.
        unsafe { self.pair.settle(tail, 1) }.map_err(|_| {
            // SAFETY: the receiver has not come so far, so the block is alive.
            let place = unsafe { Block::value(block, tail % Self::BLOCK) };
            // SAFETY: not received, so the value is still the sender's.
            place.with(|place| unsafe { (*place).assume_init_read() })
        })
    }

    /// The block of the sender's next value, at `tail`.
    ///
    /// # Safety
    ///
    /// Only for the sender.
    unsafe fn block_to_fill(&self, tail: usize) -> NonNull<Block<T>> {
        // SAFETY: the sender's own field.
        let block = self.pair.tail.own.with(|own| unsafe { *own });
        match NonNull::new(block) {
            Some(block) if !tail.is_multiple_of(Self::BLOCK) => block,
            // SAFETY: as the caller says.
            last => unsafe { self.append_block(last) },
        }
    }

    /// Appends all of `values`; an error says that the list was closed before the rest.
    ///
    /// # Safety
    ///
    /// Only for the sender.
    pub(crate) unsafe fn push_batch(&self, values: &mut Front<'_, T>) -> Result<(), PushError<()>> {
        while values.left() > 0 {
            if self.is_closed() {
                return Err(PushError::Closed(()));
            }
            let tail = self.pair.tail();
            let offset = tail % Self::BLOCK;
            let n = values.left().min(Self::BLOCK - offset);
            // SAFETY: the caller is the sender.
            let block = unsafe { self.block_to_fill(tail) };
            for i in 0..n {
                // SAFETY: as in `push`.
                let place = unsafe { Block::value(block, offset + i) };
                // SAFETY: as in `push`.
                place.with_mut(|place| unsafe { (*place).write(values.take()) });
            }
            // SAFETY: all written.
            let published = unsafe { self.pair.publish(tail, n, Fence::Full) };
            // SAFETY: just published.
            if published == Published::Late && unsafe { self.pair.settle(tail, n) }.is_err() {
                for i in (0..n).rev() {
                    // SAFETY: as in `push`.
                    let place = unsafe { Block::value(block, offset + i) };
                    // SAFETY: not published, so still the sender's.
                    values.put_back(place.with(|place| unsafe { (*place).assume_init_read() }));
                }
                return Err(PushError::Closed(()));
            }
        }
        Ok(())
    }

    /// The block of the value at `head`, which is published.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    unsafe fn block_to_empty(&self, head: usize) -> NonNull<Block<T>> {
        // SAFETY: the receiver's own field.
        let block = self.pair.head.own.with(|own| unsafe { *own });
        match NonNull::new(block) {
            Some(block) if !head.is_multiple_of(Self::BLOCK) => block,
            // SAFETY: as the caller says.
            emptied => unsafe { self.next_block(emptied) },
        }
    }

    /// Goes on to the next block, and leaves the one that was `emptied`.
    ///
    /// # Safety
    ///
    /// Only for the receiver, if a value is published behind those of the block that was `emptied`.
    unsafe fn next_block(&self, emptied: Option<NonNull<Block<T>>>) -> NonNull<Block<T>> {
        let link = match &emptied {
            // SAFETY: nobody but us frees it.
            Some(emptied) => unsafe { emptied.as_ref() },
            None => &self.first,
        };
        let Some(next) = link.get() else { unreachable!("a value is published in no block") };
        // SAFETY: the receiver's own field.
        self.pair.head.own.with_mut(|own| unsafe { *own = next.as_ptr() });
        Block::fetch_to_empty(next.as_ptr(), Self::BLOCK);
        if let Some(Err(emptied)) = emptied.map(|emptied| self.shelf.put(emptied)) {
            // SAFETY: all its values are taken, and the sender has left it: there is a next one.
            unsafe { Block::free(emptied, Self::BLOCK) };
        }
        next
    }

    /// Says how many values are published, and where; or frees what is on the shelf.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    unsafe fn filled(&self, wanted: usize) -> Result<(usize, usize), PopError> {
        // SAFETY: as the caller says.
        let filled = unsafe { self.pair.filled(wanted) };
        if filled.is_err() {
            self.clear_shelf();
        }
        filled
    }

    #[cold]
    fn clear_shelf(&self) {
        while let Some(block) = self.shelf.take() {
            // SAFETY: what is on the shelf holds no value, and is ours now.
            unsafe { Block::free(block, Self::BLOCK) };
        }
    }

    /// Takes the oldest value, if the receiver knows of one.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    pub(crate) unsafe fn pop_at_hand(&self) -> Option<T> {
        // SAFETY: the caller is the receiver.
        if unsafe { self.at_hand() } == 0 {
            return None;
        }
        let head = self.pair.head();
        if head.is_multiple_of(Self::BLOCK) {
            // SAFETY: as above.
            return unsafe { self.pop() }.ok();
        }
        // SAFETY: the receiver's own field; inside of a block there is one.
        let block = self.pair.head.own.with(|own| unsafe { NonNull::new_unchecked(*own) });
        // SAFETY: as above; the value is published.
        Some(unsafe { self.pop_at(block, head) })
    }

    /// Takes the oldest value.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline(never)]
    pub(crate) unsafe fn pop(&self) -> Result<T, PopError> {
        // SAFETY: the caller is the receiver.
        let (head, _) = unsafe { self.filled(1) }?;
        // SAFETY: as above; the value is published.
        Ok(unsafe { self.pop_at(self.block_to_empty(head), head) })
    }

    /// # Safety
    ///
    /// Only for the receiver, whose position `head` lies in `block` and is published.
    #[inline]
    unsafe fn pop_at(&self, block: NonNull<Block<T>>, head: usize) -> T {
        // SAFETY: the block is alive: only the receiver leaves it.
        let place = unsafe { Block::value(block, head % Self::BLOCK) };
        // SAFETY: a published value is the receiver's, and read once: the next line gives it back.
        let value = place.with(|place| unsafe { (*place).assume_init_read() });
        // Light: nobody waits for room in a list.
        // SAFETY: just read.
        unsafe { self.pair.release(head, 1, Fence::Light) };
        value
    }

    /// Takes up to `max` values, at the end of `values`; says how many. They are of one block.
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
        let first = head % Self::BLOCK;
        let n = filled.min(max).min(Self::BLOCK - first);
        values.reserve(n);
        // SAFETY: as above; values are published.
        let block = unsafe { self.block_to_empty(head) };
        for offset in first..first + n {
            // SAFETY: as in `pop`.
            let place = unsafe { Block::value(block, offset) };
            // SAFETY: as in `pop`. The push does not allocate, so it does not panic in between.
            values.push(place.with(|place| unsafe { (*place).assume_init_read() }));
        }
        // SAFETY: just read.
        unsafe { self.pair.release(head, n, Fence::Light) };
        Ok(n)
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

    /// Whether it is closed and empty, and the receiver has seen that.
    pub(crate) fn has_ended(&self) -> bool {
        self.pair.has_ended()
    }

    /// Forbids every later push; what is in the list can still be taken. `fence` is the counterpart of
    /// the fence in the sender's pushes.
    pub(crate) fn close(&self, fence: impl FnOnce()) -> Close {
        self.pair.close(fence)
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.pair.is_closed()
    }

    pub(crate) fn len(&self) -> usize {
        self.pair.len()
    }
}

impl<T> Drop for Chain<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: there is neither a sender nor a receiver.
        while unsafe { self.pop() }.is_ok() {}
        self.clear_shelf();
        // SAFETY: as above.
        let emptied = self.pair.head.own.with(|own| unsafe { *own });
        let mut next = NonNull::new(emptied).or_else(|| self.first.get());
        // A push that came too late may have appended one.
        while let Some(block) = next {
            // SAFETY: it is in the list, which nobody uses.
            next = unsafe { block.as_ref() }.get();
            // SAFETY: as above; all values were taken.
            unsafe { Block::free(block, Self::BLOCK) };
        }
    }
}

impl<T> fmt::Debug for Chain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("len", &self.len())
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
    fn push<T>(chain: &Chain<T>, value: T) -> Result<(), T> {
        // SAFETY: the tests of this module have one thread.
        unsafe { chain.push(value, Fence::Full) }
    }

    fn pop<T>(chain: &Chain<T>) -> Result<T, PopError> {
        // SAFETY: as above.
        unsafe { chain.pop() }
    }

    #[test]
    fn a_block_has_fewer_places_for_large_values() {
        assert_eq!(Chain::<()>::BLOCK, 32);
        assert_eq!(Chain::<u64>::BLOCK, 32);
        assert_eq!(Chain::<[u8; 1000]>::BLOCK, 4);
        assert_eq!(Chain::<[u8; 1400]>::BLOCK, 2);
        assert_eq!(Chain::<[u8; 4097]>::BLOCK, 1);
    }

    #[test]
    fn values_of_any_shape_pass() {
        fn passes<T: Clone + PartialEq + fmt::Debug>(value: T) {
            let chain = Chain::new();
            for _ in 0..3 {
                for _ in 0..70 {
                    push(&chain, value.clone()).unwrap();
                }
                assert_eq!(chain.len(), 70);
                for _ in 0..70 {
                    assert_eq!(pop(&chain), Ok(value.clone()));
                }
                assert_eq!(pop(&chain), Err(PopError::Empty));
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
    fn close_lets_what_is_queued_be_taken_wherever_a_block_ends() {
        for n in [0, 1, 31, 32, 33, 64] {
            let chain = Chain::new();
            (0..n).for_each(|i| push(&chain, i).unwrap());
            assert_eq!(chain.close(|| ()), Close::Closed);
            assert_eq!(chain.close(|| ()), Close::AlreadyClosed);
            assert_eq!(push(&chain, 7), Err(7));
            (0..n).for_each(|i| assert_eq!(pop(&chain), Ok(i)));
            assert_eq!(pop(&chain), Err(PopError::Closed));
        }
    }

    #[test]
    fn dropping_the_chain_drops_what_is_in_it() {
        let value = Arc::new(());
        for taken in [0, 1, 31, 32, 33, 40, 100] {
            let chain = Chain::new();
            for _ in 0..100 {
                push(&chain, Arc::clone(&value)).unwrap();
            }
            for _ in 0..taken {
                pop(&chain).unwrap();
            }
            drop(chain);
            assert_eq!(Arc::strong_count(&value), 1);
        }
    }

    #[test]
    fn what_was_emptied_is_filled_again_and_freed_where_nothing_comes() {
        let chain = Chain::new();
        for i in 0..=2 * Chain::<usize>::BLOCK {
            push(&chain, i).unwrap();
        }
        for i in 0..=2 * Chain::<usize>::BLOCK {
            assert_eq!(pop(&chain), Ok(i));
        }
        let block = chain.shelf.take().unwrap();
        assert_eq!(chain.shelf.put(block), Ok(()));
        assert_eq!(pop(&chain), Err(PopError::Empty));
        assert_eq!(chain.shelf.take(), None);
    }

    #[test]
    fn positions_may_wrap_around() {
        let mut chain = Chain::new();
        chain.pair.start_at(POSITION_MAX & !(Chain::<usize>::BLOCK - 1));
        for i in 0..5 * Chain::<usize>::BLOCK {
            push(&chain, i).unwrap();
            push(&chain, i).unwrap();
            assert_eq!((pop(&chain), chain.len(), pop(&chain)), (Ok(i), 1, Ok(i)));
        }
    }

    proptest! {
        // Under Miri few cases, and no file of those that failed.
        #![proptest_config(if cfg!(miri) {
            ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() }
        } else {
            ProptestConfig::default()
        })]

        #[test]
        fn behaves_like_a_vec_deque(steps in proptest::collection::vec(0..4_usize, 0..200)) {
            let (chain, mut model) = (Chain::new(), VecDeque::new());
            for (i, step) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        push(&chain, i).unwrap();
                        model.push_back(i);
                    }
                    1 => prop_assert_eq!(pop(&chain), model.pop_front().ok_or(PopError::Empty)),
                    2 => {
                        let mut values = vec![i; 40];
                        // SAFETY: one thread.
                        unsafe { chain.push_batch(&mut Front::new(&mut values)) }.unwrap();
                        prop_assert!(values.is_empty());
                        model.extend(vec![i; 40]);
                    }
                    _ => {
                        let mut values = Vec::new();
                        // SAFETY: one thread.
                        let taken = unsafe { chain.pop_batch(&mut values, 30) };
                        prop_assert_eq!(taken.is_ok(), !model.is_empty());
                        let expected: Vec<_> = model.drain(..values.len()).collect();
                        prop_assert_eq!(values, expected);
                    }
                }
                prop_assert_eq!(chain.len(), model.len());
            }
        }
    }
}
