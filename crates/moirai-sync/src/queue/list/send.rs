//! How values get into a list: a position is taken, then its slot is written.
//!
//! Who takes the last position of a block appends the next one, which it has allocated before. A value
//! that was announced by `reserve` may follow even after a close.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `tail` exchange | SeqCst | the SeqCst loads of `tail`, and `close`: empty and closed are decided in one order |
//! | `index` to the next block, after `block` | Release | the Acquire loads of an index: its block is there |
//! | `first` | Release | the Acquire in `enter`: the block is initialised |
//! | `next`, after `tail` has moved on | Release | the Acquire in `wait_for_next`: the block is initialised, and `head` stays behind `tail` |
//! | `reserved` | SeqCst | the loads in `nothing_at` and `has_reserved`: a value is there before it is announced no more |

#![allow(
    unsafe_code,
    reason = "a slot is written once, by who took its position; model: src/model/list.rs"
)]

use std::ptr::{self, NonNull};

use crate::backoff::Backoff;
use crate::prim::atomic::Ordering;
use crate::prim::fence_after_rmw;

use super::super::front::Front;
use super::super::{PushError, Quick};
use super::slots::put;
use super::{Block, FLAG, List, ONE_LAP, offset};

impl<T> List<T> {
    /// Appends `value` where that takes nothing but an exchange.
    #[inline]
    pub(crate) fn push_quickly(&self, value: T) -> Quick<T> {
        // Acquire: as in `push_unless`.
        let tail = self.tail.index.load(Ordering::Acquire);
        let block = self.tail.block.load(Ordering::Acquire);
        // The flag counts as an offset beyond all others.
        let offset = tail % ONE_LAP;
        if offset + 1 >= Self::BLOCK {
            return Quick::No(value);
        }
        // SeqCst: as in `push_unless`.
        let moved =
            self.tail.index.compare_exchange(tail, tail + 1, Ordering::SeqCst, Ordering::Relaxed);
        if moved.is_err() {
            return Quick::Lost(value);
        }
        fence_after_rmw();
        // SAFETY: only at the start there is no block, and `tail` did not stand there. The rest is as in
        // `push_unless`.
        unsafe { put(NonNull::new_unchecked(block), offset, value) };
        Quick::Done
    }

    /// Appends `value`; gives it back if the list is closed.
    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        let mut backoff = Backoff::new();
        match self.push_quickly(value) {
            Quick::Done => Ok(()),
            Quick::Lost(value) => {
                backoff.outrun();
                self.push_unless(FLAG, value, backoff)
            }
            Quick::No(value) => self.push_unless(FLAG, value, backoff),
        }
    }

    /// Appends `value` wherever `tail` stands, unless it has one of the flags in `refused`.
    #[cold]
    #[inline(never)]
    fn push_unless(&self, refused: usize, value: T, mut backoff: Backoff) -> Result<(), T> {
        let mut spare = Spare(None);
        loop {
            // Acquire: pairs with the Release in `next_block`: the block read below is that of this
            // index or, if the index has moved on, of a later one; then the exchange fails.
            let tail = self.tail.index.load(Ordering::Acquire);
            let block = self.tail.block.load(Ordering::Acquire);
            if tail & refused != 0 {
                return Err(value);
            }
            let Some(block) = NonNull::new(block) else {
                self.first_block(&mut spare);
                continue;
            };
            let offset = offset(tail);
            if offset == Self::BLOCK {
                backoff.snooze();
                continue;
            }
            // Allocated before the exchange, so that nobody waits for malloc.
            if offset + 1 == Self::BLOCK && spare.0.is_none() {
                spare.0 = Some(self.empty_block());
            }
            // SeqCst: one order with `close`, and with the loads that decide what is empty.
            let moved = self.tail.index.compare_exchange_weak(
                tail,
                tail + 1,
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            if moved.is_err() {
                backoff.outrun();
                continue;
            }
            fence_after_rmw();
            if offset + 1 == Self::BLOCK {
                // SAFETY: our slot is not ready yet, so the block is not freed.
                unsafe { self.append_block(block, &mut spare) };
            }
            // SAFETY: moving `tail` past this position gave us the slot. The block is alive: it is
            // freed after all its values were taken, ours included.
            unsafe { put(block, offset, value) };
            return Ok(());
        }
    }

    /// Appends all of `values`; an error says that the list was closed before the rest.
    pub(crate) fn push_batch(&self, values: &mut Front<'_, T>) -> Result<(), PushError<()>> {
        let mut backoff = Backoff::new();
        let mut spare = Spare(None);
        while values.left() > 0 {
            // Acquire: as in `push`.
            let tail = self.tail.index.load(Ordering::Acquire);
            let block = self.tail.block.load(Ordering::Acquire);
            if tail & FLAG != 0 {
                return Err(PushError::Closed(()));
            }
            let Some(block) = NonNull::new(block) else {
                self.first_block(&mut spare);
                continue;
            };
            let offset = offset(tail);
            if offset == Self::BLOCK {
                backoff.snooze();
                continue;
            }
            let n = values.left().min(Self::BLOCK - offset);
            if offset + n == Self::BLOCK && spare.0.is_none() {
                spare.0 = Some(self.empty_block());
            }
            // SeqCst: as in `push_unless`.
            let moved = self.tail.index.compare_exchange_weak(
                tail,
                tail + n,
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            if moved.is_err() {
                backoff.outrun();
                continue;
            }
            fence_after_rmw();
            if offset + n == Self::BLOCK {
                // SAFETY: our slots are not ready yet, so the block is not freed.
                unsafe { self.append_block(block, &mut spare) };
            }
            for offset in offset..offset + n {
                // SAFETY: as in `push`, for each of our slots.
                unsafe { put(block, offset, values.take()) };
            }
        }
        Ok(())
    }

    /// Lets one value follow even after a close: by [`push_reserved`](Self::push_reserved), unless
    /// [`unreserve`](Self::unreserve) comes.
    pub(crate) fn reserve(&self) -> Result<(), PushError<()>> {
        // SeqCst: one order with `close` and with `nothing_at`, which reads it after `tail`.
        self.reserved.fetch_add(1, Ordering::SeqCst);
        fence_after_rmw();
        if self.is_closed() {
            self.unreserve();
            return Err(PushError::Closed(()));
        }
        Ok(())
    }

    /// Appends a value that was announced by [`reserve`](Self::reserve).
    pub(crate) fn push_reserved(&self, value: T) {
        if self.push_unless(0, value, Backoff::new()).is_err() {
            unreachable!("nothing was refused");
        }
        self.unreserve();
    }

    /// Gives up what [`reserve`](Self::reserve) has announced.
    pub(crate) fn unreserve(&self) {
        // SeqCst: after the value, if there is one, in the order of `nothing_at`.
        self.reserved.fetch_sub(1, Ordering::SeqCst);
        fence_after_rmw();
    }

    /// Links and installs the block after `block`, for the thread that took its last position.
    ///
    /// # Safety
    ///
    /// `block` is not freed meanwhile.
    unsafe fn append_block(&self, block: NonNull<Block<T>>, spare: &mut Spare<T>) {
        let next = spare.0.take().unwrap_or_else(|| self.empty_block());
        // Release: pairs with the Acquire loads of `block`: it is initialised.
        self.tail.block.store(next.as_ptr(), Ordering::Release);
        // Release: pairs with the Acquire loads of an index. An addition: the list may have been
        // closed meanwhile. It wraps around after the last lap.
        self.tail.index.fetch_add(Self::SKIP, Ordering::Release);
        // The link comes last: `head` follows it, and must not get ahead of `tail`, or the next
        // receiver would take a value that nobody has pushed.
        // Release: pairs with the Acquire in `wait_for_next`: `tail` has moved on.
        // SAFETY: the caller says that it is alive.
        unsafe { block.as_ref() }.next.store(next.as_ptr(), Ordering::Release);
    }

    /// Installs the first block, or leaves `spare` to its owner.
    #[cold]
    fn first_block(&self, spare: &mut Spare<T>) {
        let block = spare.0.take().unwrap_or_else(|| self.empty_block());
        // Release: pairs with the Acquire loads of `block`: it is initialised.
        let installed = self.tail.block.compare_exchange(
            ptr::null_mut(),
            block.as_ptr(),
            Ordering::Release,
            Ordering::Relaxed,
        );
        if installed.is_err() {
            spare.0 = Some(block);
            return;
        }
        // Release: pairs with the Acquire in `enter`: it is initialised.
        self.first.store(block.as_ptr(), Ordering::Release);
        // Release: as in `append_block`.
        self.tail.index.fetch_add(Self::SKIP, Ordering::Release);
    }
}

/// A block that a push has allocated and perhaps not needed.
struct Spare<T>(Option<NonNull<Block<T>>>);

impl<T> Drop for Spare<T> {
    fn drop(&mut self) {
        if let Some(block) = self.0.take() {
            // SAFETY: from `empty_block` and never shared.
            unsafe { Block::free(block, List::<T>::BLOCK) };
        }
    }
}
