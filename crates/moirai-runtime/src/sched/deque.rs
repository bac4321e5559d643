//! The ring of one worker: it pushes and pops, others steal a share.
//!
//! The algorithm is that of Go's run queue as tokio extended it: `head` is two 32-bit positions in
//! one word, so a thief claims a run of slots with one exchange, copies them, and then frees them
//! with a second one, while the owner goes on.
//!
//! ```text
//!             steal          real                    tail
//!   slots: ... │ being copied │ to pop or steal       │ free ...
//!              └──────────────┴── head, one word      └── written by the owner only
//! ```
//! `steal == real` unless a theft is under way. The owner pushes with a load and two stores.
//!
//! **Who may touch a slot.** Before `tail` and from `real` on: nobody, until an exchange of `head`
//! has claimed it; so it needs no atomic and may hold any type. Between `steal` and `real`: the one
//! who moved `real`, a thief or the owner giving half away. Elsewhere: the owner. It never writes a
//! slot that a thief still reads, because it stops a whole ring after `steal`, and `steal` moves on
//! only when the thief has done.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `tail` store in push and steal | Release | Acquire load of `tail` by a thief: the slots are written |
//! | `head` exchange that claims | AcqRel | all other exchanges: one taker a slot; and a later claim sees a `tail` not older than this one's |
//! | `head` exchange that frees | AcqRel | the owner's Acquire load of `head` in push: slots are read before they are written again |
//! | `head` exchange in pop | AcqRel | the thieves' exchanges: one taker a slot |
//!
//! Positions wrap at 2^32: a thief that is stopped between its look at `head` and its exchange while
//! exactly a multiple of 2^32 items pass would take the new `head` for the old one. Go and tokio
//! live with the same distance.
//!
//! This file knows neither work nor workers: a full ring gives half of itself back as an
//! [`Overflow`], and a caller says how much a thief takes.

#![allow(unsafe_code, reason = "slots of any type, claimed by exchange; model: src/model/deque.rs")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};

use moirai_sync::__prim::atomic::{AtomicU32, AtomicU64, Ordering};
use moirai_sync::__prim::{Arc, UnsafeCell};
use moirai_sync::CachePadded;

/// How many items a ring holds: 16 KiB of pointers. What a ring does not hold goes through the injector,
/// where workers meet: with 256 a thousand tasks at a time cost each half as much again, shared out between
/// two workers, as ten thousand.
pub(crate) const RING_CAPACITY: usize =
    if cfg!(any(moirai_loom, moirai_shuttle)) { 4 } else { 2048 };

const MASK: u32 = RING_CAPACITY as u32 - 1;

struct Ring<T> {
    head: CachePadded<AtomicU64>,
    tail: CachePadded<AtomicU32>,
    slots: Box<[Slot<T>; RING_CAPACITY]>,
}

/// As large as a `T`, and initialised from `steal` or `real` to `tail`.
type Slot<T> = UnsafeCell<MaybeUninit<T>>;

// SAFETY: the ends of a ring move items to the threads that they are on, hence `T: Send`. No `T` is
// ever shared: a slot is reached by one thread at a time, as the module's docs say.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

/// The owner's end. Not `Clone`, and used by one thread at a time.
pub(crate) struct Local<T> {
    ring: Arc<Ring<T>>,
    /// Not `Sync`: two threads must not push at once.
    _owner: PhantomData<std::cell::Cell<()>>,
}

/// The end of everybody else.
pub(crate) struct Stealer<T> {
    ring: Arc<Ring<T>>,
}

/// Why nothing was stolen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// There was nothing.
    Empty,
    /// Somebody else is at it.
    Busy,
}

/// Half of a full ring and what did not fit, the oldest first. The half is claimed and not yet
/// freed: until this is used up, the ring takes no more and nobody can steal from it.
#[must_use = "what did not fit is dropped with it"]
pub(crate) struct Overflow<'a, T> {
    ring: &'a Ring<T>,
    /// The claimed slots that are still full.
    claimed: Claimed,
    last: Option<T>,
}

/// A run of slots that the holder alone may read, each once.
#[derive(Clone, Copy, Debug)]
struct Claimed {
    first: u32,
    len: u32,
}

/// The two positions in `head`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    steal: u32,
    real: u32,
}

impl Head {
    fn from_word(word: u64) -> Self {
        Self { steal: (word >> 32) as u32, real: word as u32 }
    }

    fn word(self) -> u64 {
        u64::from(self.steal) << 32 | u64::from(self.real)
    }
}

/// A ring and its two ends.
pub(crate) fn ring<T>() -> (Local<T>, Stealer<T>) {
    ring_at(0)
}

/// As [`ring`], with the positions starting at `start`.
pub(crate) fn ring_at<T>(start: u32) -> (Local<T>, Stealer<T>) {
    let slots: Box<[Slot<T>]> =
        (0..RING_CAPACITY).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect();
    let Ok(slots) = slots.try_into() else { unreachable!("as many as were asked for") };
    let ring = Arc::new(Ring {
        head: CachePadded::new(AtomicU64::new(Head { steal: start, real: start }.word())),
        tail: CachePadded::new(AtomicU32::new(start)),
        slots,
    });
    (Local { ring: Arc::clone(&ring), _owner: PhantomData }, Stealer { ring })
}

impl<T> Ring<T> {
    fn slot(&self, position: u32) -> &Slot<T> {
        &self.slots[(position & MASK) as usize]
    }

    /// Fills a slot.
    ///
    /// # Safety
    ///
    /// The caller is the owner's thread, and `position` is free: at or after `tail`, and less than
    /// a ring after a `steal` that was loaded with Acquire.
    #[inline]
    unsafe fn write(&self, position: u32, item: T) {
        // SAFETY: the slot is the owner's, says the caller, so nobody else has a pointer to it.
        self.slot(position).with_mut(|slot| unsafe { (*slot).write(item) });
    }

    /// Empties a slot.
    ///
    /// # Safety
    ///
    /// An exchange of `head` has given `position` to the caller, who reads it once; `tail`, loaded
    /// by the owner or with Acquire, lay after it.
    #[inline]
    unsafe fn read(&self, position: u32) -> T {
        // SAFETY: filled before `tail` passed it; claimed, so it is read by nobody else and written
        // by nobody until it is freed. (Mutable, so that a model refuses two readers at once.)
        self.slot(position).with_mut(|slot| unsafe { (*slot).assume_init_read() })
    }

    fn len(&self) -> usize {
        // Acquire: as in `claim`. A hint to all but the owner.
        let head = Head::from_word(self.head.load(Ordering::Acquire));
        let tail = self.tail.load(Ordering::Acquire);
        // A stale tail may lie behind the head.
        (tail.wrapping_sub(head.real) as i32).max(0) as usize
    }

    /// Claims the oldest `share(len)` items, at least one.
    #[inline]
    fn claim(&self, share: impl Fn(usize) -> usize) -> Result<Claimed, Missed> {
        // Acquire: pairs with the AcqRel exchanges, so that `tail` below is not older than `head`.
        let mut word = self.head.load(Ordering::Acquire);
        loop {
            let head = Head::from_word(word);
            if head.steal != head.real {
                return Err(Missed::Busy);
            }
            // Acquire: pairs with the Release stores of `tail`: the slots are written.
            let tail = self.tail.load(Ordering::Acquire);
            let len = tail.wrapping_sub(head.real) as usize;
            if len == 0 {
                return Err(Missed::Empty);
            }
            if len > RING_CAPACITY {
                return Err(Missed::Busy); // the two loads are of different times
            }
            let taken = share(len).clamp(1, len) as u32;
            // AcqRel: pairs with the owner's exchange in `pop`: a slot has one taker.
            match self.head.compare_exchange(
                word,
                Head { steal: head.steal, real: head.real.wrapping_add(taken) }.word(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(Claimed { first: head.real, len: taken }),
                Err(current) => word = current,
            }
        }
    }

    /// Gives the claimed slots, which have been read, back to the owner. Only whoever has claimed
    /// them may call this.
    fn free(&self) {
        let mut word = self.head.load(Ordering::Relaxed);
        loop {
            let head = Head::from_word(word);
            // AcqRel: pairs with the owner's Acquire load in `push`: the slots have been read.
            match self.head.compare_exchange(
                word,
                Head { steal: head.real, real: head.real }.word(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(current) => word = current,
            }
        }
    }
}

impl<T> Drop for Ring<T> {
    /// Drops what nobody took. What lies in claimed slots belongs to an [`Overflow`] that was
    /// forgotten, and is.
    fn drop(&mut self) {
        if !mem::needs_drop::<T>() {
            return;
        }
        // Relaxed: the last end is gone, and its count has ordered all others before.
        let head = Head::from_word(self.head.load(Ordering::Relaxed));
        let tail = self.tail.load(Ordering::Relaxed);
        for offset in 0..tail.wrapping_sub(head.real) {
            // SAFETY: filled and not claimed, and no end is left that could claim it.
            drop(unsafe { self.read(head.real.wrapping_add(offset)) });
        }
    }
}

impl<T> Local<T> {
    /// Adds `item` at the tail. If the ring is full, half of it comes back, and `item` with it.
    #[inline]
    pub(crate) fn push(&self, item: T) -> Result<(), Overflow<'_, T>> {
        let ring = &*self.ring;
        // Relaxed: only the owner writes `tail`.
        let tail = ring.tail.load(Ordering::Relaxed);
        // Acquire: pairs with the exchanges in `free`: the slots before `steal` have been read.
        let head = Head::from_word(ring.head.load(Ordering::Acquire));
        if tail.wrapping_sub(head.steal) < RING_CAPACITY as u32 {
            // SAFETY: this is the owner, and the place is free by the line above.
            unsafe { ring.write(tail, item) };
            // Release: pairs with the thieves' Acquire loads of `tail`.
            ring.tail.store(tail.wrapping_add(1), Ordering::Release);
            return Ok(());
        }
        Err(self.overflow(item, head))
    }

    /// Claims half of the ring, as a thief does.
    #[cold]
    fn overflow(&self, item: T, head: Head) -> Overflow<'_, T> {
        let mut claimed = Claimed { first: head.real, len: 0 };
        if head.steal == head.real {
            let half = RING_CAPACITY as u32 / 2;
            // AcqRel: as in `pop`. It fails when a thief was quicker; then there is room soon.
            let taken = self.ring.head.compare_exchange(
                head.word(),
                Head { steal: head.steal, real: head.real.wrapping_add(half) }.word(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if taken.is_ok() {
                claimed.len = half;
            }
        }
        Overflow { ring: &self.ring, claimed, last: Some(item) }
    }

    /// Takes the item at the head: the oldest.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        let ring = &*self.ring;
        // Relaxed: only the owner writes `tail`; `head` is checked by the exchange.
        let tail = ring.tail.load(Ordering::Relaxed);
        let mut word = ring.head.load(Ordering::Relaxed);
        loop {
            let head = Head::from_word(word);
            if head.real == tail {
                return None;
            }
            let real = head.real.wrapping_add(1);
            let steal = if head.steal == head.real { real } else { head.steal };
            // AcqRel: pairs with the thieves' exchanges: a slot has one taker.
            match ring.head.compare_exchange(
                word,
                Head { steal, real }.word(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                // SAFETY: the exchange gave us the slot, which lies before our own `tail`; we read
                // it before we push again.
                Ok(_) => return Some(unsafe { ring.read(head.real) }),
                Err(current) => word = current,
            }
        }
    }

    /// Another end for others.
    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer { ring: Arc::clone(&self.ring) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// How many more the ring is sure to take.
    pub(crate) fn room(&self) -> usize {
        // Acquire: as in `push`.
        let head = Head::from_word(self.ring.head.load(Ordering::Acquire));
        let tail = self.ring.tail.load(Ordering::Relaxed);
        RING_CAPACITY - tail.wrapping_sub(head.steal) as usize
    }
}

impl<T> Stealer<T> {
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Takes the oldest item.
    pub(crate) fn steal_one(&self) -> Result<T, Missed> {
        let claimed = self.ring.claim(|_| 1)?;
        // SAFETY: claimed above.
        let item = unsafe { self.ring.read(claimed.first) };
        self.ring.free();
        Ok(item)
    }

    /// Takes `share(len)` of the oldest items, at least one and no more than there is room for:
    /// returns the oldest, and the others follow in `to`. If `to` is the victim itself, it pops.
    pub(crate) fn steal(&self, to: &Local<T>, share: impl Fn(usize) -> usize) -> Result<T, Missed> {
        if Arc::ptr_eq(&self.ring, &to.ring) {
            return to.pop().ok_or(Missed::Empty);
        }
        // The first needs no place.
        let fits = to.room() + 1;
        let Claimed { first, len } = self.ring.claim(|len| share(len).min(fits))?;
        // SAFETY: claimed above.
        let item = unsafe { self.ring.read(first) };
        // Relaxed: we are on the thread of the owner of `to`, which alone writes it.
        let mut tail = to.ring.tail.load(Ordering::Relaxed);
        for offset in 1..len {
            // SAFETY: claimed above.
            let item = unsafe { self.ring.read(first.wrapping_add(offset)) };
            // SAFETY: `to` is here, so we are its owner; `room` has found the place to be free.
            unsafe { to.ring.write(tail, item) };
            tail = tail.wrapping_add(1);
        }
        self.ring.free();
        // Release: pairs with the Acquire loads of `tail` by those who steal from `to`.
        to.ring.tail.store(tail, Ordering::Release);
        Ok(item)
    }
}

impl<T> Iterator for Overflow<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let Claimed { first, len } = self.claimed;
        if len == 0 {
            return self.last.take();
        }
        self.claimed = Claimed { first: first.wrapping_add(1), len: len - 1 };
        // SAFETY: claimed by `overflow`, and the line above sees to it that it is read once.
        let item = unsafe { self.ring.read(first) };
        if len == 1 {
            self.ring.free();
        }
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.claimed.len as usize + usize::from(self.last.is_some());
        (left, Some(left))
    }
}

impl<T> Drop for Overflow<'_, T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Self { ring: Arc::clone(&self.ring) }
    }
}

impl<T> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Stealer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stealer").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Overflow<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overflow").field("len", &self.size_hint().0).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_slot_is_as_large_as_a_pointer() {
        assert_eq!(size_of::<Slot<Box<u8>>>(), size_of::<usize>());
    }

    /// Counts itself while it lives.
    #[derive(Debug, PartialEq)]
    struct Counted<'a>(&'a Cell<usize>);

    impl<'a> Counted<'a> {
        fn new(alive: &'a Cell<usize>) -> Self {
            alive.set(alive.get() + 1);
            Self(alive)
        }
    }

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    fn full(start: u32, alive: &Cell<usize>) -> (Local<Counted<'_>>, Stealer<Counted<'_>>) {
        let (local, stealer) = ring_at(start);
        for _ in 0..RING_CAPACITY {
            assert!(local.push(Counted::new(alive)).is_ok());
        }
        (local, stealer)
    }

    #[test]
    fn a_dropped_overflow_drops_what_it_holds_and_makes_room() {
        let alive = Cell::new(0);
        let (local, stealer) = full(u32::MAX - 10, &alive);
        drop(local.push(Counted::new(&alive)).unwrap_err());
        assert_eq!(alive.get(), RING_CAPACITY / 2);
        assert_eq!(local.room(), RING_CAPACITY / 2);
        drop((local, stealer));
        assert_eq!(alive.get(), 0);
    }

    #[test]
    fn while_an_overflow_is_used_up_the_ring_is_busy() {
        let alive = Cell::new(0);
        let (local, stealer) = full(7, &alive);
        let mut overflow = local.push(Counted::new(&alive)).unwrap_err();
        assert_eq!(overflow.size_hint().0, RING_CAPACITY / 2 + 1);
        drop(overflow.next());
        assert_eq!(stealer.steal_one(), Err(Missed::Busy));
        let inner = local.push(Counted::new(&alive)).unwrap_err();
        assert_eq!(inner.count(), 1, "no slot is free yet, and none can be claimed");
        assert!(local.pop().is_some());
        assert_eq!(overflow.count(), RING_CAPACITY / 2);
        assert_eq!(stealer.len(), RING_CAPACITY / 2 - 1);
        assert!(stealer.steal_one().is_ok());
        drop((local, stealer));
        assert_eq!(alive.get(), 0);
    }

    #[test]
    #[allow(clippy::mem_forget, reason = "what it leaks is the point")]
    fn a_forgotten_overflow_leaks_and_nothing_comes_out_twice() {
        let alive = Cell::new(0);
        let (local, stealer) = full(0, &alive);
        mem::forget(local.push(Counted::new(&alive)).unwrap_err());
        let popped = std::iter::from_fn(|| local.pop()).count();
        assert_eq!(popped, RING_CAPACITY / 2);
        for _ in 0..popped {
            assert_eq!(local.push(Counted::new(&alive)).unwrap_err().count(), 1);
        }
        drop((local, stealer));
        assert_eq!(alive.get(), RING_CAPACITY / 2 + 1);
    }
}
