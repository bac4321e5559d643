//! How values get out of a list, where several may take them: a position is taken, then its slot is read.
//!
//! **A receiver remembers where `tail` was,** and looks again only when it has come there: as long as it
//! does not look, no sender has to fetch that line back.
//!
//! Who takes the last position of a block moves `head` into the next one. Who is last to have read
//! its slot leaves the block to be filled again.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `head` exchange | SeqCst | the SeqCst loads in `len`, `is_empty` |
//! | `tail` in `nothing_at` and `pop_batch`, `reserved` | SeqCst | the `tail` exchange in push, `close`, `unreserve`: empty and closed are decided in one order |
//! | `index` to the next block, after `block` | Release | the Acquire loads of an index: its block is there |
//! | `first` | Acquire | the Release in `first_block`: the block is initialised |
//! | `seen` | Relaxed | nothing: a place that `tail` has passed; the value is read through `ready` |
//! | `taken` | AcqRel | itself: the last one out sees that the others are done, and frees |

#![allow(
    unsafe_code,
    reason = "a slot is read once, a block freed by its last reader; model: src/model/list.rs"
)]

use std::ptr::{self, NonNull};

use crate::backoff::Backoff;
use crate::prim::atomic::Ordering;

use super::super::PopError;
use super::slots::take;
use super::{Block, FLAG, List, Receivers, lap, offset};

impl<T> List<T> {
    /// Takes the oldest value.
    #[inline(always)] // into the few functions that others call
    pub(crate) fn pop(&self) -> Result<T, PopError> {
        if self.head.crowd.is_met() {
            self.meet();
        }
        let mut backoff = Backoff::new();
        loop {
            // Acquire: pairs with the Release in `leave_block`, as in `push`.
            let head = self.head.position.index.load(Ordering::Acquire);
            let block = self.head.position.block.load(Ordering::Acquire);
            let offset = offset(head);
            if offset == Self::BLOCK {
                self.nothing_at(head)?;
                if block.is_null() {
                    self.enter(head);
                }
                backoff.snooze();
                continue;
            }
            let mut next = head + 1;
            if head & FLAG == 0 {
                // Relaxed: `tail` was there once, and only moves on; what was pushed before it is read
                // through `ready`.
                let mut tail = self.head.seen.load(Ordering::Relaxed);
                if (tail.wrapping_sub(head) as isize) < 1 {
                    self.nothing_at(head)?;
                    // Acquire: as for `head`; only its lap matters.
                    tail = self.tail.index.load(Ordering::Acquire) & !FLAG;
                    self.head.seen.store(tail, Ordering::Relaxed);
                }
                if lap(head) != lap(tail) {
                    next |= FLAG;
                }
            }
            // SAFETY: only at the start there is none.
            let block = unsafe { NonNull::new_unchecked(block) };
            // SeqCst: one order with the loads of `len`.
            let moved = self.head.position.index.compare_exchange_weak(
                head,
                next,
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            if moved.is_err() {
                backoff.outrun();
                continue;
            }
            if offset + 1 == Self::BLOCK {
                // SAFETY: our slot is not taken yet, so the block is not freed.
                unsafe { self.leave_block(block, next) };
            }
            // SAFETY: moving `head` past this position gave us the slot, once.
            let value = unsafe { take(block, offset) };
            // SAFETY: the block is alive, and this is our last access.
            unsafe { self.taken(block, 1) };
            return Ok(value);
        }
    }

    /// Another receiver was here.
    #[cold]
    #[inline(never)]
    fn meet(&self) {
        let Receivers { position, seen, crowd } = &*self.head;
        // Relaxed, both: hints.
        let at = || Self::before(position.index.load(Ordering::Relaxed));
        let left = Self::before(seen.load(Ordering::Relaxed)).wrapping_sub(at()) as isize;
        crowd.meet(left.max(0) as usize, at);
    }

    /// Says why nothing is at `head`, if that is so.
    #[inline]
    pub(super) fn nothing_at(&self, head: usize) -> Result<(), PopError> {
        // SeqCst: one order with the exchange in `push`.
        let tail = self.tail.index.load(Ordering::SeqCst);
        if Self::between(head, tail) != 0 {
            return Ok(());
        }
        self.clear_shelf();
        // SeqCst, in this order: what was reserved is appended before it counts as such no more.
        if tail & FLAG == 0 || self.reserved.load(Ordering::SeqCst) != 0 {
            return Err(PopError::Empty);
        }
        if self.tail.index.load(Ordering::SeqCst) == tail { Err(PopError::Closed) } else { Ok(()) }
    }

    /// Takes up to `max` values, at the end of `values`; says how many. They are of one block.
    pub(crate) fn pop_batch(&self, values: &mut Vec<T>, max: usize) -> Result<usize, PopError> {
        let mut backoff = Backoff::new();
        loop {
            // Acquire: as in `pop`.
            let head = self.head.position.index.load(Ordering::Acquire);
            let block = self.head.position.block.load(Ordering::Acquire);
            let first = offset(head);
            if first == Self::BLOCK {
                self.nothing_at(head)?;
                if block.is_null() {
                    self.enter(head);
                }
                backoff.snooze();
                continue;
            }
            // SeqCst: one order with the exchange in `push`.
            let tail = self.tail.index.load(Ordering::SeqCst);
            let (end, later) = match lap(head) == lap(tail) {
                true => (offset(tail), 0),
                false => (Self::BLOCK, FLAG),
            };
            if end <= first {
                self.nothing_at(head)?;
                continue;
            }
            // SAFETY: as in `pop`.
            let block = unsafe { NonNull::new_unchecked(block) };
            let n = max.min(end - first);
            values.reserve(n);
            let next = (head + n) | later;
            // SeqCst: as in `pop`.
            let moved = self.head.position.index.compare_exchange_weak(
                head,
                next,
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            if moved.is_err() {
                backoff.outrun();
                continue;
            }
            if first + n == Self::BLOCK {
                // SAFETY: our slots are not taken yet, so the block is not freed.
                unsafe { self.leave_block(block, next) };
            }
            for offset in first..first + n {
                // SAFETY: moving `head` past these positions gave us their slots, once. The push
                // does not allocate, so it does not panic.
                values.push(unsafe { take(block, offset) });
            }
            // SAFETY: the block is alive, and this is our last access.
            unsafe { self.taken(block, n) };
            return Ok(n);
        }
    }

    /// Moves `head` from the position after `block` to the next one, for the thread that took the
    /// last value of `block`.
    ///
    /// # Safety
    ///
    /// `block` is not freed meanwhile.
    pub(super) unsafe fn leave_block(&self, block: NonNull<Block<T>>, index: usize) {
        // SAFETY: the caller says that the block is alive.
        let next = unsafe { block.as_ref() }.wait_for_next();
        Block::fetch_to_empty(next.as_ptr(), Self::BLOCK);
        self.head.position.block.store(next.as_ptr(), Ordering::Release);
        // `tail` is in the block `next` at least, where the flag says "later".
        // SAFETY: `next` holds values that are not taken: `head` is not there yet.
        let later = !unsafe { next.as_ref() }.next.load(Ordering::Relaxed).is_null();
        let index = (index & !FLAG).wrapping_add(Self::SKIP) | if later { FLAG } else { 0 };
        // Release: pairs with the Acquire load in `pop`: the block belongs to this index.
        self.head.position.index.store(index, Ordering::Release);
    }

    /// Counts `n` values that were taken; who takes the last ones leaves the block to others.
    ///
    /// # Safety
    ///
    /// The caller has taken them from `block`, and uses it no more.
    #[inline]
    unsafe fn taken(&self, block: NonNull<Block<T>>, n: usize) {
        // AcqRel: Release for our accesses to the block, Acquire for those of the others.
        // SAFETY: not freed before the last value was counted.
        let before = unsafe { block.as_ref() }.taken.fetch_add(n, Ordering::AcqRel);
        if before + n == Self::BLOCK {
            // SAFETY: all values are taken, hence all senders are done with the block too, and
            // `head` and `tail` have left it.
            unsafe { self.give_back(block) };
        }
    }

    /// Moves `head`, which stands at the start, to the first block, unless another receiver does. Pushes
    /// may follow where `tail` is no more at the start, so that there is one.
    #[cold]
    pub(super) fn enter(&self, start: usize) {
        // Acquire: pairs with the Release in `first_block`.
        let first = self.first.load(Ordering::Acquire);
        // Release: as in `leave_block`.
        let entered = self.head.position.block.compare_exchange(
            ptr::null_mut(),
            first,
            Ordering::Release,
            Ordering::Relaxed,
        );
        if !first.is_null() && entered.is_ok() {
            let index = start.wrapping_add(Self::SKIP);
            // Release: as in `leave_block`.
            self.head.position.index.store(index, Ordering::Release);
        }
    }
}
