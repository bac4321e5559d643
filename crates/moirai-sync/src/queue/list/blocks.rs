//! Where the blocks of a list come from, and where they go.
//!
//! **Memory comes back.** The first block comes with the first push; each block is left as soon as its
//! last value was taken. Some of those are filled again ([`shelf`](super::super::shelf)), and what is
//! left over is freed by a pop that finds nothing. So a list that was found empty holds one block at
//! most, and frees it when it is dropped.

#![allow(
    unsafe_code,
    reason = "a block is freed once, when nobody uses it; model: src/model/list.rs"
)]

use std::ptr::NonNull;

use crate::prim::atomic::Ordering;

use super::slots::Head;
use super::{Block, List};

impl<T> List<T> {
    /// A block to be filled.
    pub(super) fn empty_block(&self) -> NonNull<Block<T>> {
        let block = match self.shelf.take() {
            Some(block) => {
                // SAFETY: from the shelf, hence ours.
                unsafe { block.as_ref() }.clear();
                block
            }
            None => Block::new(Head::new(), Self::BLOCK),
        };
        Block::fetch_to_fill(block.as_ptr(), Self::BLOCK);
        Block::fetch_to_fill(self.shelf.peek(), Self::BLOCK);
        block
    }

    /// Leaves an empty block to whoever needs one.
    ///
    /// # Safety
    ///
    /// All values of `block` are taken, and nobody uses it.
    pub(super) unsafe fn give_back(&self, block: NonNull<Block<T>>) {
        if let Err(block) = self.shelf.put(block) {
            // SAFETY: as the caller says.
            unsafe { Block::free(block, Self::BLOCK) };
        }
    }

    /// There was nothing to be taken: it may take long until somebody needs a block.
    #[cold]
    pub(super) fn clear_shelf(&self) {
        while let Some(block) = self.shelf.take() {
            // SAFETY: what is on the shelf holds no value, and is ours now.
            unsafe { Block::free(block, Self::BLOCK) };
        }
    }
}

impl<T> Drop for List<T> {
    #[inline]
    fn drop(&mut self) {
        // Relaxed: nobody else is here. Most lists that are made and dropped for nothing end here.
        if !self.tail.block.load(Ordering::Relaxed).is_null() {
            self.drop_blocks();
        }
    }
}

impl<T> List<T> {
    #[cold]
    #[inline(never)]
    fn drop_blocks(&mut self) {
        let mut at_hand = 0;
        // SAFETY: `&mut self` says that nobody else is here.
        while unsafe { self.pop_sole(&mut at_hand) }.is_ok() {}
        self.clear_shelf();
        // The block that `head` stands in was not left by the pops; it never came to the first one if
        // that was installed for nothing.
        let block = self.head.position.block.load(Ordering::Relaxed);
        let last = NonNull::new(block).or(NonNull::new(self.first.load(Ordering::Relaxed)));
        if let Some(block) = last {
            // SAFETY: its values are all taken, and `&mut self` says that nobody uses it.
            unsafe { Block::free(block, Self::BLOCK) };
        }
    }
}
