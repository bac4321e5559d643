//! Who holds a channel, and who frees it.
//!
//! A channel is held by all its senders together, by all its receivers together, and by each that only
//! knows it: a weak sender, a waiter that outlives a wait. Whoever gives the last hold back frees it.
//!
//! ```text
//!   pair ──► holds = 2 ──── Hold::clone, drop ────► holds = 0, freed
//!              │  │
//!              │  └ the receivers': receivers = 1 ── Handle::clone, drop ──► 0: gone, then the hold goes
//!              └─── the senders':     senders = 1 ── clone, drop, revive ──► 0: as above, and never 1 again
//! ```
//!
//! So a handle that comes or goes changes one count, where an `Arc` beside the two would be a second. Who
//! is the only one that counts needs no read-modify-write to see it, and to make a channel takes none at
//! all: of making one and dropping its handles, what is left are the close and one hold.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | subtraction in `remove` | AcqRel | itself: what was done through any handle comes before the close by the last one, or with any hold before it is freed |
//! | load in `leave` | Acquire | the subtractions of those that went before |
//! | `has_weak` | Relaxed | written by a sender: who then finds itself the only one has seen that one go, and reads it |
//! | all additions | Relaxed | nothing: what is added to is kept from 0 by whoever adds |

#![allow(unsafe_code, reason = "memory that the last of many frees; model: src/model/hold.rs")]

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::free_list;
use crate::prim::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::queue::Queue;
use crate::waitlist::{Owner, Seat, WaitList};

use super::extras::Extras;
use super::shared::{Flavour, Shared};

/// Keeps a channel in memory, not open.
pub(super) struct Hold<T>(NonNull<Shared<T>>);

// SAFETY: as an `Arc` of the same.
unsafe impl<T> Send for Hold<T> where Shared<T>: Send + Sync {}
// SAFETY: as above.
unsafe impl<T> Sync for Hold<T> where Shared<T>: Send + Sync {}

impl<T> Hold<T> {
    /// A channel of which the first handle of each side is there.
    #[inline]
    pub(super) fn pair(
        queue: impl FnOnce() -> Queue<T>,
        flavour: Flavour<T>,
        extras: Option<Box<Extras>>,
    ) -> (Self, Self) {
        let hold = free_list::place::<Shared<T>>();
        let place = hold.as_ptr();
        // Field by field: made as a whole, it would be made on the stack and copied, in pieces of which
        // each waits until those that it overlaps are written.
        //
        // SAFETY: freshly allocated, and nobody else knows of it. If `queue` panics, it leaks.
        unsafe {
            (&raw mut (*place).queue).write(queue());
            (&raw mut (*place).flavour).write(flavour);
            (&raw mut (*place).extras).write(extras);
            (&raw mut (*place).receivers_waiting).write(WaitList::new());
            (&raw mut (*place).receiver_seat).write(Seat::new());
            (&raw mut (*place).senders_waiting).write(WaitList::new());
            (&raw mut (*place).senders).write(AtomicU32::new(1));
            (&raw mut (*place).receivers).write(AtomicU32::new(1));
            (&raw mut (*place).has_weak).write(AtomicBool::new(false));
            (&raw mut (*place).holds).write(AtomicU32::new(2));
        }
        (Self(hold), Self(hold))
    }

    /// Whether both hold one channel.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    #[cold]
    #[inline(never)]
    fn free(&mut self) {
        /// If a message panics in its drop, its channel is freed as well.
        struct Free<T>(NonNull<Shared<T>>);
        impl<T> Drop for Free<T> {
            fn drop(&mut self) {
                // SAFETY: allocated in `pair`; its fields are dropped, or were when one panicked.
                unsafe { free_list::free(self.0) };
            }
        }
        let free = Free(self.0);
        // SAFETY: written in `pair`; the last hold drops it, once.
        unsafe { free.0.drop_in_place() };
    }
}

/// No field of a channel is left out where they are written one by one.
fn _fields<T>(
    Shared {
        queue: _,
        flavour: _,
        extras: _,
        receivers_waiting: _,
        receiver_seat: _,
        senders_waiting: _,
        senders: _,
        receivers: _,
        has_weak: _,
        holds: _,
    }: &Shared<T>,
) {
}

impl<T> Deref for Hold<T> {
    type Target = Shared<T>;

    #[inline(always)]
    fn deref(&self) -> &Shared<T> {
        // SAFETY: written in `pair`, and not freed while it is held.
        unsafe { self.0.as_ref() }
    }
}

// SAFETY: the channel stays where it is until it is freed, and nobody gets it exclusively before.
unsafe impl<T> Owner for Hold<T> {}

impl<T> Clone for Hold<T> {
    fn clone(&self) -> Self {
        add(&self.holds);
        Self(self.0)
    }
}

impl<T> Drop for Hold<T> {
    #[inline]
    fn drop(&mut self) {
        // A hold is made from another one.
        if leave(&self.holds, || Weak::Never) == Last::Yes {
            self.free();
        }
    }
}

/// One of a side's handles, which hold the channel together.
pub(super) struct Handle<T, S: HandleSide> {
    /// The side's, which its last handle drops.
    hold: ManuallyDrop<Hold<T>>,
    side: PhantomData<S>,
}

/// A side of which there may be many handles.
pub(super) trait HandleSide: Sized {
    /// How many there are.
    fn count<T>(shared: &Shared<T>) -> &AtomicU32;

    /// Counts one less.
    fn leave<T>(shared: &Shared<T>) -> Last;

    /// The last one is gone.
    fn gone<T>(shared: &Shared<T>);
}

/// The side of the senders.
pub(super) enum Senders {}

/// The side of the receivers.
pub(super) enum Receivers {}

impl HandleSide for Senders {
    #[inline]
    fn count<T>(shared: &Shared<T>) -> &AtomicU32 {
        &shared.senders
    }

    #[inline]
    fn leave<T>(shared: &Shared<T>) -> Last {
        // Relaxed: see above.
        leave(&shared.senders, || match shared.has_weak.load(Ordering::Relaxed) {
            true => Weak::Perhaps,
            false => Weak::Never,
        })
    }

    fn gone<T>(shared: &Shared<T>) {
        shared.senders_gone();
    }
}

impl HandleSide for Receivers {
    #[inline]
    fn count<T>(shared: &Shared<T>) -> &AtomicU32 {
        &shared.receivers
    }

    #[inline]
    fn leave<T>(shared: &Shared<T>) -> Last {
        leave(&shared.receivers, || Weak::Never)
    }

    fn gone<T>(shared: &Shared<T>) {
        shared.receivers_gone();
    }
}

impl<T, S: HandleSide> Handle<T, S> {
    /// The first one, with its side's hold.
    #[inline]
    pub(super) fn first(hold: Hold<T>) -> Self {
        Self { hold: ManuallyDrop::new(hold), side: PhantomData }
    }

    /// The hold, for what is compared or cloned of it.
    pub(super) fn hold(&self) -> &Hold<T> {
        &self.hold
    }
}

impl<T> Handle<T, Senders> {
    /// A hold that may [revive](Self::revive) the side.
    pub(super) fn downgrade(&self) -> Hold<T> {
        // Relaxed: see above.
        self.has_weak.store(true, Ordering::Relaxed);
        Hold::clone(&self.hold)
    }

    /// One more, unless all of them are gone.
    pub(super) fn revive(hold: &Hold<T>) -> Option<Self> {
        match revive(&hold.senders) {
            // There was one, so its side holds the channel.
            Revived::Yes => Some(Self::first(Hold(hold.0))),
            Revived::No => None,
        }
    }
}

impl<T, S: HandleSide> Deref for Handle<T, S> {
    type Target = Shared<T>;

    #[inline(always)]
    fn deref(&self) -> &Shared<T> {
        &self.hold
    }
}

impl<T, S: HandleSide> Clone for Handle<T, S> {
    fn clone(&self) -> Self {
        add(S::count(self));
        Self::first(Hold(self.hold.0))
    }
}

impl<T, S: HandleSide> Drop for Handle<T, S> {
    #[inline]
    fn drop(&mut self) {
        if S::leave(self) == Last::Yes {
            // SAFETY: the last handle of the side, which has the hold that the first one came with; it is
            // used no more.
            let hold = unsafe { ManuallyDrop::take(&mut self.hold) };
            S::gone(&*hold);
        }
    }
}

/// Whether somebody may have a weak handle.
#[must_use]
enum Weak {
    Perhaps,
    Never,
}

/// Whether nobody is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Last {
    Yes,
    No,
}

/// Whether there was still somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Revived {
    Yes,
    No,
}

/// Counts one more of those that `count` counts.
///
/// # Panics
///
/// Aborts the process at [`HANDLES_MAX`], before the count could overflow.
pub(super) fn add(count: &AtomicU32) {
    // Relaxed: the new one is made from an existing one.
    if count.fetch_add(1, Ordering::Relaxed) >= HANDLES_MAX {
        std::process::abort();
    }
}

/// [`add`], unless nobody is left.
pub(super) fn revive(count: &AtomicU32) -> Revived {
    // Relaxed: as in `add`, where there is one.
    let raised = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| match count {
        0 => None,
        HANDLES_MAX.. => std::process::abort(),
        count => Some(count + 1),
    });
    if raised.is_ok() { Revived::Yes } else { Revived::No }
}

/// Counts one less; says whether it was the last.
pub(super) fn remove(count: &AtomicU32) -> Last {
    // AcqRel: what was done through any of them comes before what the last one does.
    match count.fetch_sub(1, Ordering::AcqRel) {
        1 => Last::Yes,
        _ => Last::No,
    }
}

/// [`remove`] where the only handle of a side needs no read-modify-write to know that it is: where nobody
/// has ever made a weak one, nobody makes a handle but from another.
#[inline]
fn leave(count: &AtomicU32, weak: impl FnOnce() -> Weak) -> Last {
    // In this order: from then on nobody but us could make a weak one.
    // Acquire: pairs with the Release of those that went before, as in `remove`.
    if count.load(Ordering::Acquire) == 1
        && let Weak::Never = weak()
    {
        // Relaxed: nobody is left who counts; others only ask.
        count.store(0, Ordering::Relaxed);
        return Last::Yes;
    }
    remove(count)
}

/// The only handle of a side, which was never more than one, is gone.
#[inline]
pub(super) fn leave_sole(count: &AtomicU32) {
    // Relaxed: nobody else counts; others only ask.
    count.store(0, Ordering::Relaxed);
}

/// More handles than this can only be a leak of handles.
const HANDLES_MAX: u32 = u32::MAX / 2;
