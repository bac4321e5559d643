//! The two positions of a queue for one sender and one receiver, and how such a queue ends.
//!
//! Each side has its index and remembers what it last saw of the other's, on a line of its own: it
//! looks at the other's line only when the queue seems full or empty. There are no stamps: a value is
//! published by the sender's index, and its place given back by the receiver's. Where a value lies is
//! the queue's business.
//!
//! ```text
//!   head ............ tail          values[head..tail] are the receiver's, the other places the sender's
//! ```
//!
//! **Fences.** Whoever has moved an index looks for waiters next, which takes a full fence in between.
//! With [`Fence::Full`] the move is a read-modify-write, and that fence. It also waits until the line
//! has come back from the other side, and everything behind it with it: 16 ns a message between two
//! cores. With [`Fence::Light`] the move is a store, which waits for nothing: 5 ns. Then whoever waits,
//! or closes, pays for the fence; see [`asymmetric`].
//!
//! **Close.** `end` says where the queue ends, once that is known:
//!
//! ```text
//!          1 close              2 after a heavy fence        3 the receiver, at an empty queue
//!   OPEN ───────────► CLOSING ────────────────────► CLOSED ─────────────────────────────────┐
//!                        │                             │                                    ▼
//!                        └──────────────┬──────────────┘ 4 the sender, which has         a position
//!                                       └─────────────────  published meanwhile ────────────▲
//! ```
//! A send that begins after 1 fails. One that had begun looks at `end` after it has moved `tail`, and
//! at least one is true: it sees 1, or the receiver, after 2, sees the new `tail`. If it sees 1, the first
//! of 3 and 4 decides: 4 says that the message counts, 3 that the sender takes it back, for the receiver
//! looks no further.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `tail` swap or store in `publish` | SeqCst, Release | the receiver's SeqCst load: the values are there |
//! | `head` swap or store in `release` | SeqCst, Release | the sender's SeqCst load: the places were read |
//! | `end` exchanges | SeqCst | each other: one decides; and with `publish`, by the fences of both |

#![allow(unsafe_code, reason = "each side has fields of its own; model: src/model/spsc.rs")]

use crate::asymmetric;
use crate::cache_padded::{Apart, FAR};
use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::prim::{UnsafeCell, fence_after_rmw};

use super::{Close, PopError, PushError};

/// Positions count up to this and begin anew.
pub(super) const POSITION_MAX: usize = usize::MAX / 2;

// Values of `end` that are no positions.
const OPEN: usize = usize::MAX;
const CLOSING: usize = usize::MAX - 1;
const CLOSED: usize = usize::MAX - 2;

/// What lies between the move of an index and a look for waiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    Full,
    /// [`asymmetric::light`]: who waits or closes fences for both.
    Light,
}

/// The sides, each of which has an `O` of its own.
#[repr(C)] // in this order: what is only read shares no line with what is written
pub(super) struct Pair<O> {
    _before: Apart<()>,
    pub(super) head: Apart<Side<O>, FAR>,
    pub(super) tail: Apart<Side<O>>,
    /// OPEN, CLOSING, CLOSED, or the position behind the last value.
    end: AtomicUsize,
}

pub(super) struct Side<O> {
    pub(super) index: AtomicUsize,
    /// What this side last saw of the other's position.
    pub(super) other: UnsafeCell<usize>,
    /// What nobody but this side uses.
    pub(super) own: UnsafeCell<O>,
}

/// Whether the queue was still open when values were published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Published {
    InTime,
    /// [`Pair::settle`] says whether they count.
    Late,
}

/// `last - first`.
#[inline]
pub(super) fn between(first: usize, last: usize) -> usize {
    last.wrapping_sub(first) & POSITION_MAX
}

/// The position `n` behind `position`.
#[inline]
pub(super) fn behind(position: usize, n: usize) -> usize {
    position.wrapping_add(n) & POSITION_MAX
}

impl<O> Pair<O> {
    #[inline]
    pub(super) fn new(own: impl Fn() -> O) -> Self {
        let side = || Side {
            index: AtomicUsize::new(0),
            other: UnsafeCell::new(0),
            own: UnsafeCell::new(own()),
        };
        let (head, tail) = (Apart::new(side()), Apart::new(side()));
        Self { _before: Apart::new(()), head, tail, end: AtomicUsize::new(OPEN) }
    }

    /// The sender's position.
    #[inline]
    pub(super) fn tail(&self) -> usize {
        // Relaxed: for the sender, which alone moves it.
        self.tail.index.load(Ordering::Relaxed)
    }

    /// The receiver's position.
    #[inline]
    pub(super) fn head(&self) -> usize {
        // Relaxed: for the receiver, which alone moves it.
        self.head.index.load(Ordering::Relaxed)
    }

    /// The sender's position and how many of `capacity` places are free from there on: at least 1, and
    /// `wanted` if there are so many.
    ///
    /// # Safety
    ///
    /// Only for the sender.
    #[inline]
    pub(super) unsafe fn free(
        &self,
        capacity: usize,
        wanted: usize,
    ) -> Result<(usize, usize), PushError<()>> {
        if self.is_closed() {
            return Err(PushError::Closed(()));
        }
        let tail = self.tail();
        // SAFETY: the sender's own field.
        let head = self.tail.other.with(|other| unsafe { *other });
        let used = between(head, tail);
        if capacity - used >= wanted {
            return Ok((tail, capacity - used));
        }
        // SeqCst: pairs with the move in `release`: the places before `head` were read.
        let head = self.head.index.load(Ordering::SeqCst);
        // SAFETY: as above.
        self.tail.other.with_mut(|other| unsafe { *other = head });
        let used = between(head, tail);
        if used < capacity { Ok((tail, capacity - used)) } else { Err(PushError::Full(())) }
    }

    /// Hands the `n` values at `tail` to the receiver, unless they came late.
    ///
    /// # Safety
    ///
    /// Only for the sender, which has written them.
    #[inline]
    pub(super) unsafe fn publish(&self, tail: usize, n: usize, by: Fence) -> Published {
        move_to(&self.tail.index, behind(tail, n), by);
        if self.is_closed() { Published::Late } else { Published::InTime }
    }

    /// Whether what was published while the queue was closed counts; an error says that the values are
    /// still the sender's.
    ///
    /// # Safety
    ///
    /// Only for the sender, after it has published `n` values at `tail`.
    #[cold]
    pub(super) unsafe fn settle(&self, tail: usize, n: usize) -> Result<(), PushError<()>> {
        let after = behind(tail, n);
        // SeqCst: see the module's doc. It fails if the receiver has come to an end, or this was closed
        // in the second step just now.
        let decide = |end| match end {
            CLOSING | CLOSED => Some(after),
            _ => None,
        };
        let decided = self.end.fetch_update(Ordering::SeqCst, Ordering::SeqCst, decide);
        match decided {
            Ok(_) => Ok(()),
            Err(end) if end == after => Ok(()),
            Err(_) => {
                // Relaxed: the receiver does not look there any more.
                self.tail.index.store(tail, Ordering::Relaxed);
                Err(PushError::Closed(()))
            }
        }
    }

    /// The receiver's position and how many values are there: at least 1, and `wanted` if there are
    /// so many.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    pub(super) unsafe fn filled(&self, wanted: usize) -> Result<(usize, usize), PopError> {
        let head = self.head();
        // SAFETY: the receiver's own field.
        let tail = self.head.other.with(|other| unsafe { *other });
        if between(head, tail) >= wanted {
            return Ok((head, between(head, tail)));
        }
        // SeqCst: pairs with the move in `publish`: the values before `tail` are there.
        let tail = self.tail.index.load(Ordering::SeqCst);
        // SeqCst: after `tail`, or a value that the sender has taken back would be taken.
        let tail = match self.end.load(Ordering::SeqCst) {
            OPEN | CLOSING => tail,
            CLOSED if tail != head => tail,
            CLOSED => self.find_end(head),
            end => end,
        };
        // SAFETY: as above.
        self.head.other.with_mut(|other| unsafe { *other = tail });
        match between(head, tail) {
            0 if self.has_ended() => Err(PopError::Closed),
            0 => Err(PopError::Empty),
            filled => Ok((head, filled)),
        }
    }

    /// Ends a closed queue at `head`, where nothing is, unless the sender has published something.
    #[cold]
    fn find_end(&self, head: usize) -> usize {
        // SeqCst: now that it is CLOSED, this shows all that the sender has not seen the close after.
        let tail = self.tail.index.load(Ordering::SeqCst);
        if tail != head {
            return tail;
        }
        // SeqCst: see the module's doc.
        let ended = self.end.compare_exchange(CLOSED, head, Ordering::SeqCst, Ordering::SeqCst);
        ended.map_or_else(|end| end, |_| head)
    }

    /// Whether it is closed and empty, and the receiver has seen that.
    pub(super) fn has_ended(&self) -> bool {
        // SeqCst: one order with the exchanges.
        self.end.load(Ordering::SeqCst) == self.head()
    }

    /// How many values the receiver knows of, without a look at the sender's line.
    ///
    /// # Safety
    ///
    /// Only for the receiver.
    #[inline]
    pub(super) unsafe fn at_hand(&self) -> usize {
        // SAFETY: the receiver's own field.
        between(self.head(), self.head.other.with(|other| unsafe { *other }))
    }

    /// Gives the `n` places at `head` back to the sender.
    ///
    /// # Safety
    ///
    /// Only for the receiver, which has read them.
    #[inline]
    pub(super) unsafe fn release(&self, head: usize, n: usize, by: Fence) {
        move_to(&self.head.index, behind(head, n), by);
    }

    /// Forbids every later push; what is in the queue can still be taken. `fence` is the counterpart of
    /// the fence in the sender's pushes.
    pub(super) fn close(&self, fence: impl FnOnce()) -> Close {
        let step = |from, to| {
            // SeqCst: see the module's doc.
            self.end.compare_exchange(from, to, Ordering::SeqCst, Ordering::Relaxed)
        };
        if step(OPEN, CLOSING).is_err() {
            return Close::AlreadyClosed;
        }
        fence();
        // It fails if the sender has found the end meanwhile.
        let _: Result<usize, usize> = step(CLOSING, CLOSED);
        Close::Closed
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        // SeqCst: one order with the exchanges.
        self.end.load(Ordering::SeqCst) != OPEN
    }

    pub(super) fn len(&self) -> usize {
        loop {
            // SeqCst: all loads in one order with the exchanges; an unchanged tail makes them a
            // snapshot.
            let tail = self.tail.index.load(Ordering::SeqCst);
            let head = self.head.index.load(Ordering::SeqCst);
            let end = self.end.load(Ordering::SeqCst);
            if self.tail.index.load(Ordering::SeqCst) == tail {
                return between(head, if end > POSITION_MAX { tail } else { end });
            }
        }
    }

    /// As if so many values had passed.
    #[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
    pub(super) fn start_at(&mut self, position: usize) {
        for side in [&mut *self.head, &mut *self.tail] {
            side.index = AtomicUsize::new(position);
            side.other = UnsafeCell::new(position);
        }
    }
}

/// Moves an index, so that a look for waiters comes after it.
#[inline]
fn move_to(index: &AtomicUsize, position: usize, by: Fence) {
    match by {
        Fence::Full => {
            // SeqCst: see the table above.
            index.swap(position, Ordering::SeqCst);
            fence_after_rmw();
        }
        Fence::Light => {
            // Release: see the table above.
            index.store(position, Ordering::Release);
            asymmetric::light();
        }
    }
}
