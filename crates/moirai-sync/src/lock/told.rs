//! Who stands in line, in order of arrival, and what each of them was told.
//!
//! ```text
//!            join                 tell_first              leave, or join again
//!   APART ─────────► IN LINE ──────────────────► TOLD ────────────────────────► APART, IN LINE
//!     ▲                 │
//!     └── leave, drop ──┘
//! ```
//! A [`Place`] lies where its owner waits: in the future, or on the stack of the blocked thread. What
//! it was told lies there as well, so that the owner learns it by a load, without the lock.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `standing` set by `tell_first` | Release | the Acquire loads in `standing`: what came before it was told is seen, and who told has done with the place |
//! | all others | Relaxed | ordered by the lock, or the owner's own |
//!
//! **Who may touch what.** `links` and `waker`: whoever holds the lock. `standing`: written under the
//! lock while the place is in line, and else by its owner, who may read it at any time. To set it is the
//! last thing that is done to a place by who tells: from then on the owner may free it without the lock.
//!
//! Wakers are cloned before the lock, and called and dropped after it. This file knows not what is
//! waited for, and wakes nobody.

#![allow(unsafe_code, reason = "intrusive places; models: src/model/mutex.rs, src/model/notify.rs")]

use std::fmt;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr;
use std::task::Waker;

use crate::circle::{Circle, End, Linked, Links};
use crate::prim::atomic::{AtomicU32, Ordering};
use crate::prim::{Mutex, MutexGuard, UnsafeCell};

/// A first-in, first-out line of places, of each of which one knows a `T`; and an `S` under the same lock.
pub(super) struct Line<T, S> {
    inner: Mutex<Inner<T, S>>,
}

struct Inner<T, S> {
    circle: Circle<Node<T>>,
    state: S,
}

/// A line under its lock.
pub(super) struct Locked<'a, T, S> {
    line: &'a Line<T, S>,
    inner: MutexGuard<'a, Inner<T, S>>,
}

/// One place in a [`Line`]; dropping it leaves the line. What it was told, its owner passes on before.
pub(super) struct Place<'a, T: Copy, S> {
    line: &'a Line<T, S>,
    node: Node<T>,
}

/// What the owner of a place was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Something for it alone: if it goes away, somebody else is to be told.
    One,
    /// Something that all who stood in line were told.
    All,
}

/// Where the owner of a place stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Apart,
    InLine,
    Told(Told),
}

struct Node<T> {
    standing: AtomicU32,
    who: T,
    waker: UnsafeCell<Option<Waker>>,
    links: UnsafeCell<Links<Self>>,
    /// Neighbours point here.
    _pin: PhantomPinned,
}

// SAFETY: `standing` is atomic, and `who` is only read; `waker` (which is Send) and `links` are reached
// under the lock of the line only, or by the owner once the line does not hold the node.
unsafe impl<T: Send + Sync> Send for Node<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Node<T> {}

impl<T> Linked for Node<T> {
    fn links(&self) -> &UnsafeCell<Links<Self>> {
        &self.links
    }
}

const APART: u32 = 0;
const IN_LINE: u32 = 1;
const TOLD_ONE: u32 = 2;
const TOLD_ALL: u32 = 3;

impl<T: Copy, S> Line<T, S> {
    maybe_const! {
        /// Nobody waits.
        pub(super) fn new(state: S) -> Self {
            Self { inner: Mutex::new(Inner { circle: Circle::EMPTY, state }) }
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> Locked<'_, T, S> {
        Locked { line: self, inner: self.inner.lock() }
    }
}

impl<T: Copy, S> Locked<'_, T, S> {
    pub(super) fn state(&mut self) -> &mut S {
        &mut self.inner.state
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inner.circle.is_empty()
    }

    /// Who is first.
    #[inline]
    pub(super) fn first(&self) -> Option<T> {
        // SAFETY: we hold the lock, and a node in line is alive: its drop takes the lock to leave.
        unsafe { self.inner.circle.oldest().as_ref().map(|node| node.who) }
    }

    /// Lets whoever is first leave the line with what it is told; the caller wakes it.
    #[inline]
    pub(super) fn tell_first(&mut self, told: Told) -> Option<Waker> {
        // SAFETY: as in `first`.
        let node = unsafe { self.inner.circle.oldest().as_ref()? };
        // SAFETY: we hold the lock, and the node is in this line.
        unsafe { self.inner.circle.unlink(node) };
        // SAFETY: `waker` is reached under the lock only.
        let waker = node.waker.with_mut(|waker| unsafe { (*waker).take() });
        let told = match told {
            Told::One => TOLD_ONE,
            Told::All => TOLD_ALL,
        };
        // Release: pairs with the Acquire in `Place::standing`. The last access to the node.
        node.standing.store(told, Ordering::Release);
        waker
    }

    /// Stands in line, and has `waker` woken when it is told, if there is one.
    #[inline]
    pub(super) fn join(&mut self, place: Pin<&Place<'_, T, S>>, end: End, waker: Option<Waker>) {
        assert!(place.is_of(self.line) && !place.is_in_line(), "one stands in one line at a time");
        // SAFETY: we hold the lock; the node is pinned, in no line, and its drop leaves this one.
        unsafe { self.inner.circle.push(&raw const place.node, end) };
        place.node.standing.store(IN_LINE, Ordering::Relaxed);
        // SAFETY: `waker` is reached under the lock only; it is `None` where a place is in no line.
        place.node.waker.with_mut(|place| unsafe { *place = waker });
    }

    /// Has `waker` woken from now on, if the place is in line; returns what is to be dropped.
    pub(super) fn replace(&mut self, place: &Place<'_, T, S>, waker: Waker) -> Option<Waker> {
        assert!(place.is_of(self.line), "a place is in its own line");
        if !place.is_in_line() {
            return Some(waker);
        }
        // SAFETY: `waker` is reached under the lock only.
        place.node.waker.with_mut(|place| unsafe { (*place).replace(waker) })
    }

    /// As [`Place::leave`]; returns also what is to be dropped.
    pub(super) fn leave(&mut self, place: &Place<'_, T, S>) -> (Standing, Option<Waker>) {
        assert!(place.is_of(self.line), "a place is in its own line");
        let standing = place.standing();
        if standing == Standing::InLine {
            // SAFETY: we hold the lock, and a place that is in line is in its own.
            unsafe { self.inner.circle.unlink(&raw const place.node) };
        }
        place.node.standing.store(APART, Ordering::Relaxed);
        // SAFETY: `waker` is reached under the lock only.
        (standing, place.node.waker.with_mut(|waker| unsafe { (*waker).take() }))
    }
}

impl<'a, T: Copy, S> Place<'a, T, S> {
    /// A place that is not in line yet.
    #[inline]
    pub(super) fn new(line: &'a Line<T, S>, who: T) -> Self {
        let node = Node {
            standing: AtomicU32::new(APART),
            who,
            waker: UnsafeCell::new(None),
            links: UnsafeCell::new(Links::NONE),
            _pin: PhantomPinned,
        };
        Self { line, node }
    }

    /// Whose place it is.
    pub(super) fn who(&self) -> T {
        self.node.who
    }

    #[inline]
    pub(super) fn standing(&self) -> Standing {
        // Acquire: pairs with the Release in `tell_first`.
        match self.node.standing.load(Ordering::Acquire) {
            APART => Standing::Apart,
            IN_LINE => Standing::InLine,
            TOLD_ONE => Standing::Told(Told::One),
            _ => Standing::Told(Told::All),
        }
    }

    /// Leaves the line, or forgets what it was told; returns how it stood until now.
    #[inline]
    pub(super) fn leave(&self) -> Standing {
        match self.standing() {
            Standing::Apart => Standing::Apart,
            Standing::InLine => self.leave_line(),
            told => {
                self.node.standing.store(APART, Ordering::Relaxed);
                told
            }
        }
    }

    #[cold]
    fn leave_line(&self) -> Standing {
        let (standing, _waker) = self.line.lock().leave(self);
        standing
    }

    fn is_of(&self, line: &Line<T, S>) -> bool {
        ptr::eq(self.line, line)
    }

    /// To be asked under the lock, where nobody else changes it.
    fn is_in_line(&self) -> bool {
        self.node.standing.load(Ordering::Relaxed) == IN_LINE
    }
}

impl<T: Copy, S> Drop for Place<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        let _: Standing = self.leave();
    }
}

impl<T, S> fmt::Debug for Line<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl<T: Copy, S> fmt::Debug for Place<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.standing()).finish()
    }
}
