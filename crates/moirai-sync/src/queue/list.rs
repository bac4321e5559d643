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
//! **Memory comes back.** The first block comes with the first push; each block is left as soon as its
//! last value was taken. Some of those are filled again ([`shelf`](super::shelf)), and what is left over
//! is freed by a pop that finds nothing. So a list that was found empty holds one block at most.
//!
//! **One receiver** moves `head` with a store, and counts what is ready without a look at `tail`; it
//! looks at the block's head, where senders write, again when it has taken that many, and leaves a
//! block at the look that follows its last value. Nobody needs to count what was taken. So a list is
//! emptied by the operations for one receiver or by those for many; only its end may follow on either.
//!
//! **A receiver remembers where `tail` was,** and looks again only when it has come there: as long as it
//! does not look, no sender has to fetch that line back.
//!
//! **Two senders at once** would pass the line of `tail` to and fro, a transfer for each message, and two
//! receivers that of `head`. So who loses the exchange stands back for long enough that the other does some
//! hundreds in the meantime: with every turn the lines of the block move as well.
//!
//! A sender that stops between its two steps (position taken, value not yet written) makes the
//! receiver of that slot wait for it: it spins, then yields.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `tail` exchange in push | SeqCst | the SeqCst loads of `tail`: empty and closed are decided in one order |
//! | `head` exchange in pop | SeqCst | the SeqCst loads in `len`, `is_empty` |
//! | `first` | Release, Acquire | each other: the block is initialised |
//! | `index` to the next block, after `block` | Release | the Acquire loads of an index: its block is there |
//! | `seen` | Relaxed | nothing: a place that `tail` has passed; the value is read through `ready` |
//! | `ready` | Release, Acquire | each other: the value is there |
//! | `next`, after `tail` has moved on | Release, Acquire | each other: the block is initialised, and `head` stays behind `tail` |
//! | `taken` | AcqRel | itself: the last one out sees that the others are done, and frees |

#![allow(
    unsafe_code,
    reason = "slots are written and read once, blocks freed by the last reader; model: src/model/list.rs"
)]

mod slots;
mod sole;

use std::fmt;
use std::ptr::{self, NonNull};

use crate::backoff::Backoff;
use crate::cache_padded::{Apart, FAR};
use crate::prim::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::prim::fence_after_rmw;

use super::block::{self, values_in_block};
use super::front::Front;
use super::gate::Ends;
use super::shelf::Shelf;
use super::{Close, PopError, PushError, Quick};
use slots::{Head, put, take};

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
        let receivers = Receivers { position: position(), seen: AtomicUsize::new(Self::START) };
        Self {
            _before: Apart::new(()),
            head: Apart::new(receivers),
            tail: Apart::new(position()),
            reserved: AtomicUsize::new(0),
            first: AtomicPtr::new(ptr::null_mut()),
            shelf: Shelf::new(),
        }
    }

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

    /// A block to be filled.
    fn empty_block(&self) -> NonNull<Block<T>> {
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
    unsafe fn give_back(&self, block: NonNull<Block<T>>) {
        if let Err(block) = self.shelf.put(block) {
            // SAFETY: as the caller says.
            unsafe { Block::free(block, Self::BLOCK) };
        }
    }

    /// There was nothing to be taken: it may take long until somebody needs a block.
    #[cold]
    fn clear_shelf(&self) {
        while let Some(block) = self.shelf.take() {
            // SAFETY: what is on the shelf holds no value, and is ours now.
            unsafe { Block::free(block, Self::BLOCK) };
        }
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

    /// Moves `head`, which stands at the start, to the first block, unless another receiver does. Pushes
    /// may follow where `tail` is no more at the start, so that there is one.
    #[cold]
    fn enter(&self, start: usize) {
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

    /// Takes the oldest value.
    #[inline(always)] // into the few functions that others call
    pub(crate) fn pop(&self) -> Result<T, PopError> {
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

    /// Says why nothing is at `head`, if that is so.
    #[inline]
    fn nothing_at(&self, head: usize) -> Result<(), PopError> {
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
    unsafe fn leave_block(&self, block: NonNull<Block<T>>, index: usize) {
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
