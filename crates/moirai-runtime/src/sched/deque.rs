//! The ring of one worker: it pushes and pops, others steal half.
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
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `tail` store in push | Release | Acquire load of `tail` by a thief: the slots are written |
//! | `head` exchange by a thief, twice | AcqRel | the owner's Acquire load of `head` in push: slots are read before they are written again |
//! | `head` exchange in pop | AcqRel | the thieves' exchanges: one taker a slot |
//! | `slots` | Relaxed | ordered by the three above; atomic only because a late thief may read a slot that is being rewritten, and then fails its exchange |
//!
//! Positions wrap at 2^32. This file knows no worker: a full ring gives half of itself back as a
//! [`Chain`].

#![allow(unsafe_code, reason = "turns slots back into work; model: src/model/deque.rs")]

use std::ptr;

use moirai_sync::__prim::Arc;
use moirai_sync::__prim::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use moirai_sync::CachePadded;

use super::work::{Chain, Header, Work};

/// How many tasks a ring holds.
pub(crate) const RING_CAPACITY: usize = if cfg!(moirai_loom) { 4 } else { 256 };

const MASK: u32 = RING_CAPACITY as u32 - 1;

#[derive(Debug)]
struct Ring {
    head: CachePadded<AtomicU64>,
    tail: CachePadded<AtomicU32>,
    slots: Box<[AtomicPtr<Header>]>,
}

/// The owner's end. Not `Clone`, and used by one thread at a time.
#[derive(Debug)]
pub(crate) struct Local {
    ring: Arc<Ring>,
    /// Not `Sync`: two threads must not push at once.
    _owner: std::marker::PhantomData<std::cell::Cell<()>>,
}

/// The end of everybody else.
#[derive(Clone, Debug)]
pub(crate) struct Stealer {
    ring: Arc<Ring>,
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
pub(crate) fn ring() -> (Local, Stealer) {
    ring_at(0)
}

/// As [`ring`], with the positions starting at `start`.
pub(crate) fn ring_at(start: u32) -> (Local, Stealer) {
    let ring = Arc::new(Ring {
        head: CachePadded::new(AtomicU64::new(Head { steal: start, real: start }.word())),
        tail: CachePadded::new(AtomicU32::new(start)),
        slots: (0..RING_CAPACITY).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
    });
    (Local { ring: Arc::clone(&ring), _owner: std::marker::PhantomData }, Stealer { ring })
}

impl Ring {
    fn slot(&self, position: u32) -> &AtomicPtr<Header> {
        &self.slots[(position & MASK) as usize]
    }

    fn len(&self) -> usize {
        // Acquire: as the thieves' loads below. A hint to all but the owner.
        let head = Head::from_word(self.head.load(Ordering::Acquire));
        let tail = self.tail.load(Ordering::Acquire);
        // A stale tail may lie behind the head.
        (tail.wrapping_sub(head.real) as i32).max(0) as usize
    }
}

impl Local {
    /// Adds `work` at the tail. If the ring is full, half of it comes back, and `work` with it.
    #[inline]
    pub(crate) fn push(&self, work: Work) -> Result<(), Chain> {
        let ring = &*self.ring;
        // Relaxed: only the owner writes `tail`.
        let tail = ring.tail.load(Ordering::Relaxed);
        // Acquire: pairs with the thieves' exchanges: they have read the slots they free.
        let head = Head::from_word(ring.head.load(Ordering::Acquire));
        if tail.wrapping_sub(head.steal) < RING_CAPACITY as u32 {
            ring.slot(tail).store(work.into_raw(), Ordering::Relaxed);
            // Release: pairs with the thieves' Acquire loads of `tail`.
            ring.tail.store(tail.wrapping_add(1), Ordering::Release);
            return Ok(());
        }
        Err(self.overflow(work, head))
    }

    #[cold]
    fn overflow(&self, work: Work, head: Head) -> Chain {
        let mut chain = Chain::new();
        if head.steal == head.real {
            let half = RING_CAPACITY as u32 / 2;
            let next = head.real.wrapping_add(half);
            // AcqRel: as in `pop`. It fails when a thief was quicker; then there is room soon.
            let taken = self.ring.head.compare_exchange(
                head.word(),
                Head { steal: next, real: next }.word(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if taken.is_ok() {
                for i in 0..half {
                    let raw = self.ring.slot(head.real.wrapping_add(i)).load(Ordering::Relaxed);
                    // SAFETY: the exchange gave us these slots, each holding work pushed before.
                    chain.push(unsafe { Work::from_raw(raw) });
                }
            }
        }
        chain.push(work);
        chain
    }

    /// Takes the work at the head: the oldest.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Work> {
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
                Ok(_) => {
                    let raw = ring.slot(head.real).load(Ordering::Relaxed);
                    // SAFETY: the exchange gave us the slot, which lies before `tail`: it holds
                    // work pushed by this thread.
                    return Some(unsafe { Work::from_raw(raw) });
                }
                Err(current) => word = current,
            }
        }
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

impl Stealer {
    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// Moves half of the ring, rounded up, to `to`, and returns the last of it to be run at once.
    pub(crate) fn steal_half(&self, to: &Local) -> Option<Work> {
        // At least half a ring of room, so that whatever half is taken fits.
        if to.room() < RING_CAPACITY / 2 {
            return None;
        }
        let to_tail = to.ring.tail.load(Ordering::Relaxed);
        let (first, n) = self.claim()?;
        for i in 0..n {
            let raw = self.ring.slot(first.wrapping_add(i)).load(Ordering::Relaxed);
            to.ring.slot(to_tail.wrapping_add(i)).store(raw, Ordering::Relaxed);
        }
        self.release();
        let last = to.ring.slot(to_tail.wrapping_add(n - 1)).load(Ordering::Relaxed);
        // Release: pairs with the Acquire loads of `tail` by those who steal from `to`.
        to.ring.tail.store(to_tail.wrapping_add(n - 1), Ordering::Release);
        // SAFETY: the claim gave us the slot, which held work pushed by the ring's owner.
        Some(unsafe { Work::from_raw(last) })
    }

    /// Marks half of the ring as being stolen; returns where it starts and how much it is.
    fn claim(&self) -> Option<(u32, u32)> {
        // Acquire: pairs with the AcqRel exchanges, so that `tail` below is not older than `head`.
        let mut word = self.ring.head.load(Ordering::Acquire);
        loop {
            let head = Head::from_word(word);
            if head.steal != head.real {
                return None; // another thief is at it
            }
            // Acquire: pairs with the Release store in `push`: the slots are written.
            let tail = self.ring.tail.load(Ordering::Acquire);
            let len = tail.wrapping_sub(head.real);
            let n = len - len / 2;
            if n == 0 || n as usize > RING_CAPACITY / 2 {
                return None; // empty, or the two loads are of different times
            }
            // AcqRel: pairs with the owner's exchange in `pop`: a slot has one taker.
            match self.ring.head.compare_exchange(
                word,
                Head { steal: head.steal, real: head.real.wrapping_add(n) }.word(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some((head.real, n)),
                Err(current) => word = current,
            }
        }
    }

    /// Frees the claimed slots for the owner.
    fn release(&self) {
        let mut word = self.ring.head.load(Ordering::Relaxed);
        loop {
            let head = Head::from_word(word);
            // AcqRel: pairs with the owner's Acquire load in `push`: the slots have been read.
            match self.ring.head.compare_exchange(
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
