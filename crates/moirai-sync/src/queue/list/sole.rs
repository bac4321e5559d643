//! What the only receiver of a list does: no read-modify-write, and few looks at what senders write.
//!
//! It remembers how many values it has seen to be ready (`at_hand`, in its key), all in the block that
//! `head` stands in: these it takes without a look at anything that senders write.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `head` store in `pop_at_hand` | Release | the Acquire loads of an index, and the loads in `len`: the value is out |
//! | `head`, `block` loads | Relaxed | nothing: nobody else moves it |
//!
//! What it shares with others (`ready`, `tail`, the blocks) stands in [`slots`](super::slots) and
//! [`receive`](super::receive).

#![allow(unsafe_code, reason = "one thread alone moves `head`; model: src/model/spsc.rs")]

use std::ptr::NonNull;

use crate::backoff::Backoff;
use crate::prim::atomic::Ordering;

use super::super::PopError;
use super::slots::take_ready;
use super::{List, offset};

impl<T> List<T> {
    /// [`pop`](Self::pop), without a read-modify-write: nobody waits for room in a list, so nobody
    /// needs to be told.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile. `at_hand` is 0, or what the last call of this, or of another one
    /// that takes it, has left there, for this list.
    #[inline]
    pub(crate) unsafe fn pop_sole(&self, at_hand: &mut usize) -> Result<T, PopError> {
        if *at_hand == 0 {
            // SAFETY: as the caller says.
            *at_hand = unsafe { self.look() }?;
        }
        // SAFETY: as above.
        Ok(unsafe { self.pop_at_hand(at_hand) })
    }

    /// [`pop_sole`](Self::pop_sole) of a value that was [seen](Self::look) to be ready.
    ///
    /// # Safety
    ///
    /// As there; and `at_hand` is not 0.
    #[inline]
    pub(crate) unsafe fn pop_at_hand(&self, at_hand: &mut usize) -> T {
        *at_hand -= 1;
        // Relaxed, both: nobody else moves it.
        let head = self.head.position.index.load(Ordering::Relaxed);
        let block = self.head.position.block.load(Ordering::Relaxed);
        // SAFETY: a value was seen in it.
        let block = unsafe { NonNull::new_unchecked(block) };
        // SAFETY: it is ready, and we move `head` past it below, so that it is read once.
        let value = unsafe { take_ready(block, offset(head)) };
        // Release: pairs with the Acquire loads of an index.
        self.head.position.index.store(head + 1, Ordering::Release);
        value
    }

    /// Whether an only receiver has emptied a block, and not left it yet.
    #[inline]
    pub(crate) fn is_behind_block(&self) -> bool {
        // Relaxed: nobody else moves it.
        offset(self.head.position.index.load(Ordering::Relaxed)) == Self::BLOCK
    }

    /// Counts how many values are ready, in one block: at least one, for which it waits if a sender is
    /// about to write it. Leaves the block before, if that is empty.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile.
    #[inline]
    pub(crate) unsafe fn look(&self) -> Result<usize, PopError> {
        // Relaxed: nobody else moves it.
        let mut head = self.head.position.index.load(Ordering::Relaxed);
        if offset(head) == Self::BLOCK {
            // SAFETY: as the caller says; all values before `head` are taken.
            head = unsafe { self.pass_block(head) }?;
        }
        let first = offset(head);
        // Relaxed: as above. SAFETY: an index in a block has one.
        let block =
            unsafe { NonNull::new_unchecked(self.head.position.block.load(Ordering::Relaxed)) };
        // SAFETY: the block that `head` stands in is freed by the pops only.
        let slots = unsafe { block.as_ref() };
        if !slots.is_ready(first) {
            self.wait_at(head, || slots.is_ready(first))?;
        }
        Ok(1 + (first + 1..Self::BLOCK).take_while(|offset| slots.is_ready(*offset)).count())
    }

    /// Moves `head`, which stands behind a block, to the next one, which was appended before the last
    /// value was there, and leaves the block to be filled again; says where `head` is then. Where one
    /// thread takes all values in turn, nobody needs to count them.
    ///
    /// # Safety
    ///
    /// No other thread pops meanwhile, and all values before `head` are taken.
    #[cold]
    #[inline(never)]
    unsafe fn pass_block(&self, head: usize) -> Result<usize, PopError> {
        // Relaxed: nobody else moves it.
        match NonNull::new(self.head.position.block.load(Ordering::Relaxed)) {
            Some(block) => {
                // SAFETY: nobody else frees it.
                unsafe { self.leave_block(block, head) };
                // SAFETY: all its values are taken, hence all senders are done with it, and `head` and
                // `tail` have left it.
                unsafe { self.give_back(block) };
            }
            None => {
                self.nothing_at(head)?;
                self.enter(head);
            }
        }
        // Relaxed: moved by this very thread.
        Ok(self.head.position.index.load(Ordering::Relaxed))
    }

    /// Waits for a sender that has moved `tail` past `head` and is about to make that `seen`.
    #[cold]
    #[inline(never)]
    fn wait_at(&self, head: usize, seen: impl Fn() -> bool) -> Result<(), PopError> {
        let mut backoff = Backoff::new();
        while !seen() {
            self.nothing_at(head)?;
            backoff.snooze();
        }
        Ok(())
    }

    /// [`pop_batch`](Self::pop_batch), as [`pop_sole`](Self::pop_sole) is to `pop`.
    ///
    /// # Safety
    ///
    /// As there.
    pub(crate) unsafe fn pop_batch_sole(
        &self,
        at_hand: &mut usize,
        values: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, PopError> {
        if *at_hand < max {
            // SAFETY: as the caller says.
            *at_hand = unsafe { self.look() }?;
        }
        let n = (*at_hand).min(max);
        values.reserve(n);
        // SAFETY: as above. The push does not allocate, so it does not panic.
        values.extend((0..n).map(|_| unsafe { self.pop_at_hand(at_hand) }));
        Ok(n)
    }
}
