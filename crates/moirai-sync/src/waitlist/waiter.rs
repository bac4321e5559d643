//! One place in a list, from its owner's side: it joins, is told, and leaves. The states and the
//! orderings stand in [`waitlist`](super); what is done to them under the list's lock by others is
//! written there, too.

#![allow(unsafe_code, reason = "intrusive nodes; model: src/model/waitlist.rs")]

use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::Waker;

use super::{CLAIMED, Claimed, IDLE, Kind, NOTIFIED, Node, QUEUED, Target, Ticket, WaitList};
use crate::circle::{End, Links};
use crate::prim::UnsafeCell;
use crate::prim::atomic::{AtomicU32, Ordering};

/// One place in a [`WaitList`]; dropping it leaves the list and passes on an unused baton.
pub(crate) struct Waiter<'a> {
    pub(super) list: &'a WaitList,
    pub(super) node: Node,
}

// SAFETY: `state` is atomic; `target` (of Send + Sync types) and `links` are reached only under the
// lock of `list`, which outlives the node, or by the owner once no list holds the node.
unsafe impl Send for Waiter<'_> {}
// SAFETY: as above; a shared waiter offers only `register` and `finish`, which take the lock.
unsafe impl Sync for Waiter<'_> {}

/// Whether a waiter had to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Finished {
    /// It was never in the list: no notification can have been meant for it.
    Idle,
    /// It was in the list, perhaps notified. There may be more to take for others.
    Waited,
}

/// Who tries to take something that may have been brought for one waiter.
#[derive(Clone, Copy)]
pub(crate) enum Asker<'a> {
    /// Somebody who is in no list.
    Passing,
    Waiting(Pin<&'a Waiter<'a>>),
    /// A waiter that was claimed under this name.
    Claimed(Ticket, Look),
}

/// Whether one that was claimed looks again if it finds nothing. If not, its claim ends with the look, and what
/// is brought for it from then on is for whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Again,
    Last,
}

impl Asker<'_> {
    pub(crate) fn claimed(self) -> Claimed {
        match self {
            Self::Passing => Claimed::No,
            Self::Waiting(waiter) => waiter.claimed(),
            Self::Claimed(ticket, _) => Claimed::Yes(ticket),
        }
    }

    /// Under which name it is claimed no more if it finds nothing.
    pub(crate) fn gives_up(self) -> Option<Ticket> {
        match self {
            Self::Claimed(ticket, Look::Last) => Some(ticket),
            _ => None,
        }
    }

    /// It has got something, and is to be claimed for nothing else.
    pub(crate) fn retire(self) {
        if let Self::Waiting(waiter) = self {
            waiter.retire();
        }
    }
}

impl<'a> Waiter<'a> {
    /// A waiter that is not in the list yet.
    pub(crate) fn new(list: &'a WaitList) -> Self {
        Self::of(list, Kind::Future)
    }

    /// A waiter of a blocked strand: it does not leave a notification unused for long, so while it
    /// has one nobody else is woken. It passes on what it does not need, as all do.
    pub(crate) fn blocked(list: &'a WaitList) -> Self {
        Self::of(list, Kind::Blocked)
    }

    /// A waiter of a blocked strand that waits in other lists as well.
    pub(crate) fn blocked_select(list: &'a WaitList) -> Self {
        Self::of(list, Kind::BlockedSelect)
    }

    /// A waiter of a blocked strand that waits in other lists as well, and takes nothing.
    pub(crate) fn blocked_look(list: &'a WaitList) -> Self {
        Self::of(list, Kind::BlockedLook)
    }

    fn of(list: &'a WaitList, kind: Kind) -> Self {
        let node = Node {
            state: AtomicU32::new(IDLE),
            kind,
            target: UnsafeCell::new(Target::Nobody),
            links: UnsafeCell::new(Links::NONE),
            _pin: PhantomPinned,
        };
        Self { list, node }
    }

    /// Joins the list, or stays in it with a new waker. Afterwards the caller must **try again**
    /// before it sleeps: what it waits for may have come before it was in the list.
    ///
    /// A notified waiter that found nothing goes back to the head: it has waited longest.
    pub(crate) fn register(self: Pin<&Self>, waker: &Waker) {
        drop(self.join(Target::Waker(waker.clone())));
        self.list.fence();
    }

    /// Joins the list, or stays in it, and returns whom a notification was for until now. A place of a
    /// select that was told since its claim was opened keeps what it was told.
    pub(super) fn join(self: Pin<&Self>, target: Target) -> Target {
        let mut lines = self.list.lines.lock();
        // Relaxed: under the lock nobody else writes a queued node's state.
        let state = self.node.state.load(Ordering::Relaxed);
        let end = match state {
            QUEUED => None,
            // A claim is given up by `unclaim` and by going away only.
            CLAIMED => return target,
            NOTIFIED if target.has_won() => return target,
            NOTIFIED => Some(End::Head),
            _ => Some(End::Tail),
        };
        if let Some(end) = end {
            // SAFETY: we hold the lock; the node is pinned, in no queue (its state says so), and
            // `drop` takes it out before the memory goes.
            unsafe { lines.queue.push(&raw const self.node, end) };
            self.list.raise_count(self.node.kind);
            self.node.state.store(QUEUED, Ordering::Relaxed);
            self.arrive(state);
        }
        // SAFETY: `target` is reached under the lock only.
        self.node.target.with_mut(|place| unsafe { std::mem::replace(&mut *place, target) })
    }

    /// Leaves the list, because what was waited for is taken. A baton is used up by this; if there
    /// is more to take, the caller passes one on.
    pub(crate) fn finish(self: Pin<&Self>) -> Finished {
        match self.leave() {
            IDLE => Finished::Idle,
            _ => Finished::Waited,
        }
    }

    /// A waiter whose state was `state` uses or leaves what it was told of.
    fn arrive(&self, state: u32) {
        if state == NOTIFIED {
            self.list.kept(self.node.kind);
        }
    }

    /// Whether somebody brings something for this waiter.
    pub(crate) fn claimed(&self) -> Claimed {
        // Acquire: pairs with the Release in `pop`.
        if self.node.state.load(Ordering::Acquire) != CLAIMED {
            return Claimed::No;
        }
        // SAFETY: nobody else writes the `target` of a node that is claimed.
        self.node.target.with(|target| match unsafe { &*target } {
            Target::Claimed(ticket) => Claimed::Yes(*ticket),
            _ => unreachable!("claimed without a name"),
        })
    }

    /// Somebody was asked to bring something for this waiter, which has waited for nothing yet: it is claimed.
    pub(crate) fn claim(self: Pin<&Self>, ticket: Ticket) {
        let mut lines = self.list.lines.lock();
        debug_assert_eq!(self.node.state.load(Ordering::Relaxed), IDLE);
        // SAFETY: we hold the lock; the node is pinned, in no queue, and `drop` takes it out before the memory
        // goes.
        unsafe { lines.claimed.push(&raw const self.node, End::Tail) };
        // SAFETY: `target` is reached under the lock only; a node in no queue has none that is dropped.
        self.node.target.with_mut(|target| unsafe { *target = Target::Claimed(ticket) });
        self.node.state.store(CLAIMED, Ordering::Relaxed);
    }

    /// Nothing is brought for this waiter, which is claimed, after all: it was told, no more.
    pub(crate) fn unclaim(self: Pin<&Self>) {
        self.leave_claimed();
        self.tell_oneself();
    }

    /// Leaves the queue as one that was told: it has found something, and tells the next one of what is left.
    fn retire(self: Pin<&Self>) {
        let mut lines = self.list.lines.lock();
        if self.node.state.load(Ordering::Relaxed) == QUEUED {
            // SAFETY: we hold the lock, and a node in state QUEUED is in its list's queue.
            unsafe { lines.queue.unlink(&raw const self.node) };
            self.list.lower_count(self.node.kind);
            self.tell_oneself();
        }
    }

    fn tell_oneself(&self) {
        if self.node.kind == Kind::Blocked {
            self.list.promised.fetch_add(1, Ordering::Relaxed);
        }
        self.node.state.store(NOTIFIED, Ordering::Relaxed);
    }

    /// Leaves the list, for the time is up, and passes on an unused baton; unless somebody brings
    /// something for this waiter.
    pub(crate) fn give_up(self: Pin<&Self>) -> Claimed {
        // Acquire: pairs with the Release in `pop`, as in `leave`.
        let state = match self.node.state.load(Ordering::Acquire) {
            QUEUED => self.leave_queue(),
            state => state,
        };
        if state == CLAIMED {
            return self.claimed();
        }
        if self.left(state) == NOTIFIED {
            self.list.notify_one();
        }
        Claimed::No
    }

    /// Leaves the list; tells the next one of what this one was told of, or is brought.
    #[inline]
    pub(super) fn go_away(&self) {
        if matches!(self.leave(), NOTIFIED | CLAIMED) {
            self.list.notify_one();
        }
    }

    /// Tells the next one of what this one was told of, if it was.
    pub(super) fn pass_on(&self) {
        // Acquire: pairs with the Release in `pop`, as in `leave`.
        let state = self.node.state.load(Ordering::Acquire);
        if state == NOTIFIED {
            self.left(state);
            self.list.notify_one();
        }
    }

    /// Returns once whoever took this waiter out of the list has done with it.
    pub(super) fn settle(&self) {
        // Acquire: pairs with the Release in `pop`.
        if self.node.state.load(Ordering::Acquire) == QUEUED {
            // A notifier sets the state under the lock.
            drop(self.list.lines.lock());
        }
    }

    /// Leaves the list; returns the state before.
    #[inline]
    pub(super) fn leave(&self) -> u32 {
        // Acquire: pairs with the Release in `pop`: its accesses come before ours. A node that
        // is not queued is ours alone.
        match self.node.state.load(Ordering::Acquire) {
            IDLE => IDLE,
            QUEUED => {
                let state = self.leave_queue();
                self.left(state)
            }
            state => self.left(state),
        }
    }

    /// Leaves the queue, unless somebody takes this waiter out first; returns the state before.
    #[cold]
    fn leave_queue(&self) -> u32 {
        let mut lines = self.list.lines.lock();
        let state = self.node.state.load(Ordering::Relaxed);
        if state != QUEUED {
            return state;
        }
        // SAFETY: we hold the lock, and a node in state QUEUED is in its list's queue.
        unsafe { lines.queue.unlink(&raw const self.node) };
        self.list.lower_count(self.node.kind);
        // SAFETY: `target` is reached under the lock only.
        let target = self.node.target.with_mut(|target| unsafe { (*target).take() });
        drop(lines);
        drop(target);
        state
    }

    /// Leaves those that are claimed, of which it is one.
    #[cold]
    fn leave_claimed(&self) {
        // SAFETY: we hold the lock, and a node in state CLAIMED, which its owner alone changes, is there.
        unsafe { self.list.lines.lock().claimed.unlink(&raw const self.node) };
    }

    /// This waiter is not in the queue any more, and was told so if `state` says that.
    fn left(&self, state: u32) -> u32 {
        if state == CLAIMED {
            self.leave_claimed();
        }
        self.node.state.store(IDLE, Ordering::Relaxed);
        self.arrive(state);
        state
    }
}

impl Drop for Waiter<'_> {
    #[inline]
    fn drop(&mut self) {
        self.go_away();
    }
}
