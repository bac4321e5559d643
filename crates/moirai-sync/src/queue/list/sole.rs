//! What the only receiver of a list does: no read-modify-write, and few looks at what senders write.

#![allow(unsafe_code, reason = "one thread alone moves `head`; model: src/model/spsc.rs")]

use std::ptr::NonNull;

use crate::backoff::Backoff;
use crate::prim::atomic::Ordering;

use super::super::PopError;
use super::slots::take_ready;
use super::{Block, List, STEP, offset};

impl<T> List<T> {
    /// [`pop`](Self::pop), without a read-modify-write: nobody waits for room in a list, so nobody
    /// needs to be told.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile.
    #[inline]
    pub(crate) unsafe fn pop_sole(&self) -> Result<T, PopError> {
        // SAFETY: as the caller says.
        if unsafe { self.at_hand() } == 0 {
            // SAFETY: as above.
            unsafe { self.look() }?;
        }
        // SAFETY: as above.
        unsafe { self.pop_at_hand() }.ok_or(PopError::Empty)
    }

    /// [`pop_sole`](Self::pop_sole) of a value that was [seen](Self::look) to be ready.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile.
    #[inline]
    pub(crate) unsafe fn pop_at_hand(&self) -> Option<T> {
        // SAFETY: as the caller says.
        let left = unsafe { self.at_hand() }.checked_sub(1)?;
        // SAFETY: the receiver's own field.
        self.head.at_hand.with_mut(|at_hand| unsafe { *at_hand = left });
        // Relaxed, both: nobody else moves it.
        let head = self.head.position.index.load(Ordering::Relaxed);
        let block = self.head.position.block.load(Ordering::Relaxed);
        // SAFETY: a value was seen in it.
        let block = unsafe { NonNull::new_unchecked(block) };
        // SAFETY: it is ready, and we move `head` past it below, so that it is read once.
        let value = unsafe { take_ready(block, offset(head)) };
        // SAFETY: the block is alive, and this is our last access.
        unsafe { self.passed(block, head, 1) };
        Some(value)
    }

    /// How many values an only receiver has seen to be ready.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile.
    #[inline]
    pub(crate) unsafe fn at_hand(&self) -> usize {
        // SAFETY: the receiver's own field.
        self.head.at_hand.with(|at_hand| unsafe { *at_hand })
    }

    /// Whether an only receiver stands where it has just left a block.
    #[inline]
    pub(crate) fn is_at_block(&self) -> bool {
        // Relaxed: nobody else moves it.
        offset(self.head.position.index.load(Ordering::Relaxed)) == 0
    }

    /// Counts how many values are ready, in one block: at least one, for which it waits if a sender is
    /// about to write it.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile.
    pub(crate) unsafe fn look(&self) -> Result<usize, PopError> {
        // Relaxed: nobody else moves it.
        let head = self.head.position.index.load(Ordering::Relaxed);
        let first = offset(head);
        let block = match self.ready_at(first) {
            Some(block) => block,
            None => self.wait_at(head)?,
        };
        // SAFETY: the block that `head` stands in is freed by the pops only.
        let ready = |offset: &usize| unsafe { block.as_ref() }.is_ready(*offset);
        let n = 1 + (first + 1..Self::BLOCK).take_while(ready).count();
        // SAFETY: the receiver's own field.
        self.head.at_hand.with_mut(|at_hand| unsafe { *at_hand = n });
        Ok(n)
    }

    /// The block that `head` stands in, if the value at its `offset` is there.
    #[inline]
    fn ready_at(&self, offset: usize) -> Option<NonNull<Block<T>>> {
        // Acquire: pairs with the Release in `first_block`.
        let block = NonNull::new(self.head.position.block.load(Ordering::Acquire))?;
        // SAFETY: the block that `head` stands in is freed by the pops only.
        unsafe { block.as_ref() }.is_ready(offset).then_some(block)
    }

    /// [`ready_at`](Self::ready_at), waiting for a sender that is about to write the value.
    #[cold]
    #[inline(never)]
    fn wait_at(&self, head: usize) -> Result<NonNull<Block<T>>, PopError> {
        let mut backoff = Backoff::new();
        loop {
            self.nothing_at(head)?;
            if let Some(block) = self.ready_at(offset(head)) {
                return Ok(block);
            }
            backoff.snooze();
        }
    }

    /// Moves `head` on by `n` values of `block`, which are taken; those that were the last of it free
    /// it. Where one thread takes them all in turn, nobody needs to count them.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile; `head` stands in `block`, which the caller uses no more.
    #[inline]
    unsafe fn passed(&self, block: NonNull<Block<T>>, head: usize, n: usize) {
        let next = head.wrapping_add(n * STEP);
        if offset(next) == Self::BLOCK {
            // SAFETY: as the caller says.
            unsafe { self.passed_block(block, next) };
        } else {
            // Release: pairs with the Acquire loads of an index.
            self.head.position.index.store(next, Ordering::Release);
        }
    }

    /// [`passed`](Self::passed) at the end of `block`.
    ///
    /// # Safety
    ///
    /// As there.
    #[cold]
    #[inline(never)]
    unsafe fn passed_block(&self, block: NonNull<Block<T>>, next: usize) {
        // SAFETY: nobody else frees it.
        unsafe { self.leave_block(block, next) };
        // SAFETY: all its values are taken, hence all senders are done with it, and `head` and
        // `tail` have left it.
        unsafe { self.give_back(block) };
    }

    /// [`pop_batch`](Self::pop_batch), as [`pop_sole`](Self::pop_sole) is to `pop`.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile.
    pub(crate) unsafe fn pop_batch_sole(
        &self,
        values: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, PopError> {
        // SAFETY: as the caller says.
        let n = unsafe { self.look() }?.min(max);
        values.reserve(n);
        // SAFETY: as above. The push does not allocate, so it does not panic.
        values.extend((0..n).map_while(|_| unsafe { self.pop_at_hand() }));
        Ok(n)
    }
}
