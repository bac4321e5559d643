//! Who waits, in order of arrival.
//!
//! A [`Waiter`] is a node that lives where its owner waits: in the future, or on the stack of the
//! blocked thread. [`WaitList::notify_one`] takes the oldest one out and wakes it.
//!
//! ```text
//!            1 register                2 notify
//!   IDLE ───────────────► QUEUED ────────────────────► NOTIFIED
//!     ▲                      │                            │
//!     │                      │ 3 finish, drop             │ 4 finish    the baton is used up
//!     ├──────────────────────┘                            │ 5 drop      it goes to the next waiter
//!     └───────────────────────────────────────────────────┤
//!                  QUEUED, at the head ◄──────────────────┘ 6 register  it found nothing
//! ```
//!
//! **A notification is a baton, not the message.** It says: try again. What is waited for stays
//! where it is until somebody takes it, so dropping a waiter at any time loses nothing, and a
//! notified waiter that is never polled again costs one wake-up. Where it is the last one, those behind
//! it depend on whoever waits for them; see `channel/nudge.rs`.
//!
//! **No wake-up is lost.** Both sides put a full fence between what they write and what they read:
//!
//! ```text
//!   waiter:   count += 1 (register) ─ fence ─ try again ─ sleep
//!   notifier: publish               ─ fence ─ count == 0 ? return : lock, notify
//! ```
//! At least one of them sees the other. Where only one publishes, the waiter may pay for both fences
//! (`light`; see `asymmetric.rs`).
//!
//! **One at a time.** A blocked thread that was notified tries again soon, and tells the next one of
//! what is left: as long as it has not (`promised`), nobody else is woken, or each message of a
//! burst would wake a thread. A future may never be polled again, so it promises nothing, and where
//! one waits (`futures`) everybody is woken as if there were no promises. So does a select, which may
//! do something else.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `promised` subtraction and fence in `kept` | SeqCst | the fences of who publishes: either the publisher finds no promise, or who promised finds what was published |
//! | fence in `fence_if` | SeqCst | the fences in `notify_one`, `notify_all` |
//! | `state` store in `pop` | Release | the owner's Acquire loads: the notifier has done with the node |
//! | fence in `begin_light` | SeqCst | the fence in `fence_if`: a waiter knows of it, or is seen |
//! | `light` | Release, Acquire | each other: with the end of the light fences, what was published with them |
//! | `count`, `futures` | Relaxed | ordered by the fences above, else by the lock |
//!
//! **Who may touch what.** `target` and `links`: whoever holds the list's lock; what a node was claimed
//! under, its owner may read without. `state`: written under the lock while the node is in a queue, read by
//! the owner at any time; setting it to NOTIFIED is the last thing a notifier does to a node, for from then
//! on the owner may free it without the lock.
//! Wakers are cloned, dropped and called outside of the lock. This file knows no queue and no
//! message.
//!
//! **Something for one waiter.** A rendezvous channel [takes](WaitList::take_oldest) the waiter that
//! it brings a message for; that one is CLAIMED, which is NOTIFIED under a name of its own (a [`Ticket`]), until
//! it comes or goes, or learns that nothing is brought:
//!
//! ```text
//!            take_oldest              finish, drop, give_up
//!   QUEUED ───────────────► CLAIMED ────────────────────────► IDLE
//!                           │  ▲  │ unclaim
//!                  register └──┘  └─────────► NOTIFIED ◄── QUEUED
//!                                                     retire
//! ```
//! Whoever finds something before it is claimed retires, under the lock of who claims: it is brought nothing
//! else, and passes the word on as if it had been told. Who is claimed stands in a second queue under the
//! list's lock, so that whoever brings something can ask whether it still [comes](WaitList::comes).
//!
//! **A select** waits in several lists with one waker, which its [`Group`]'s claim holds: a notifier
//! that takes its node out and loses the claim has told nobody, and goes on to the next waiter. A set
//! ([`ReadySet`]) stays in its lists between waits, so it has a bit for each of them as well.
//!
//! **An only waiter** needs no list, but a [`Seat`].
//!
//! **A waiter that outlives a wait** ([`OwnedWaiter`]) holds what its list lies in.

#![allow(unsafe_code, reason = "intrusive nodes; model: src/model/waitlist.rs")]

mod claim;
mod group;
mod owned;
mod ready;
mod seat;
mod waiter;

use std::fmt;
use std::marker::PhantomPinned;
use std::ptr;
use std::task::Waker;

use crate::asymmetric::{self, Support};
use crate::circle::{Circle, End, Linked, Links};
use crate::prim::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use crate::prim::{Mutex, UnsafeCell, fence_after_rmw};
use crate::wake::wake;

use claim::{Claim, Won};
pub(crate) use group::Group;
pub(crate) use owned::{OwnedWaiter, Owner};
pub(crate) use ready::ReadySet;
pub(crate) use seat::Seat;
pub(crate) use waiter::{Asker, Finished, Look, Waiter};

const IDLE: u32 = 0;
const QUEUED: u32 = 1;
const NOTIFIED: u32 = 2;
/// Notified, by somebody who brings something for this very waiter.
const CLAIMED: u32 = 3;

/// A first-in, first-out list of waiters.
pub(crate) struct WaitList {
    /// The length of `queue`: all that a notifier reads when nobody waits.
    count: AtomicU32,
    /// How many of those may not try again soon, once notified.
    futures: AtomicU32,
    /// Whether there has been a future.
    may_forget: AtomicBool,
    /// Batons of blocked threads that have not tried again yet.
    promised: AtomicU32,
    /// Whether somebody publishes with a [light](asymmetric::light) fence.
    light: AtomicBool,
    lines: Mutex<Lines>,
}

/// What the lock of a list guards.
struct Lines {
    /// Who is QUEUED.
    queue: Circle<Node>,
    /// Who is CLAIMED.
    claimed: Circle<Node>,
}

/// Names a claim; never used twice in one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(pub(crate) u64);

/// Whether somebody brings something for this very waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    Yes(Ticket),
    No,
}

impl Claimed {
    pub(crate) fn ticket(self) -> Option<Ticket> {
        match self {
            Self::Yes(ticket) => Some(ticket),
            Self::No => None,
        }
    }
}

/// Who is to be CLAIMED, where others are only NOTIFIED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    Nobody,
    /// A blocked strand, which comes for what it is brought.
    Blocked(Ticket),
    /// Also a future, which may go away instead.
    Anybody(Ticket),
    /// A blocked select, which comes for what it is brought; all others stay where they are.
    Select(Ticket),
}

/// A waiter that was taken out; the caller wakes it.
#[must_use]
pub(crate) struct Taken {
    pub(crate) claimed: Claimed,
    waker: Option<Waker>,
}

impl Taken {
    /// A waiter that has asked for what it is brought, and is awake or listens elsewhere.
    pub(crate) fn asking(ticket: Ticket) -> Self {
        Self { claimed: Claimed::Yes(ticket), waker: None }
    }

    pub(crate) fn wake(self) {
        self.waker.into_iter().for_each(wake);
    }
}

struct Node {
    state: AtomicU32,
    kind: Kind,
    target: UnsafeCell<Target>,
    links: UnsafeCell<Links<Self>>,
    /// Neighbours point here.
    _pin: PhantomPinned,
}

// SAFETY: `state` is atomic; `target` (of Send + Sync types) and `links` are reached only under the lock of
// the node's list, or by its owner once no list holds it.
unsafe impl Sync for Node {}

impl Linked for Node {
    fn links(&self) -> &UnsafeCell<Links<Self>> {
        &self.links
    }
}

/// Who waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A future, which may never be polled again.
    Future,
    /// A blocked strand: once it is notified, it tries again, and tells the next one of what is left.
    Blocked,
    /// A blocked strand that waits in several lists, and may do something else.
    BlockedSelect,
    /// One that asks only where there is something to do. What it is told of is for whoever takes it.
    BlockedLook,
}

/// Whom a notification of a node is for.
enum Target {
    Nobody,
    Waker(Waker),
    /// One case of a select, whose claim outlives the node's time in the queue.
    Case(*const Claim, u32),
    /// One member of a set, whose word outlives the node's time in the queue.
    Member(*const ready::Word, u32),
    /// Of a node that is CLAIMED: under which name.
    Claimed(Ticket),
}

/// Names a select, so that it does not meet itself where it both sends and receives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own(*const Claim);

impl Own {
    /// No select.
    pub(crate) const NONE: Self = Self(ptr::null());
}

impl WaitList {
    maybe_const! {
        /// An empty list.
        pub(crate) fn new() -> Self {
            Self {
                count: AtomicU32::new(0),
                futures: AtomicU32::new(0),
                may_forget: AtomicBool::new(false),
                promised: AtomicU32::new(0),
                light: AtomicBool::new(false),
                lines: Mutex::new(Lines { queue: Circle::EMPTY, claimed: Circle::EMPTY }),
            }
        }
    }

    /// Wakes the oldest waiter. To be called after what it waits for has been published.
    #[inline]
    pub(crate) fn notify_one(&self) {
        // SeqCst fence: pairs with the one in `Waiter::register`.
        fence(Ordering::SeqCst);
        self.notify_one_fenced();
    }

    /// As [`notify_one`](Self::notify_one), for a caller that has published by a read-modify-write
    /// with a full fence after it, as every queue does.
    #[inline]
    pub(crate) fn notify_one_fenced(&self) {
        if self.count.load(Ordering::Relaxed) != 0 && !self.is_promised() {
            self.notify_oldest();
        }
    }

    /// The fence between joining this list and a look at what is waited for; also between a close and a
    /// look at what was published before it.
    #[inline]
    pub(crate) fn fence(&self) {
        Self::fence_if(|| self.is_light());
    }

    /// As [`fence`](Self::fence), for lists of which some may be `light`.
    #[inline]
    fn fence_if(light: impl FnOnce() -> bool) {
        // SeqCst fence: pairs with the ones in `notify_one`, `notify_all` and `begin_light`.
        fence(Ordering::SeqCst);
        if light() {
            asymmetric::heavy();
        }
    }

    /// As [`fence`](Self::fence), for a caller who has joined by a SeqCst read-modify-write.
    #[inline]
    pub(crate) fn fence_after_rmw(&self) {
        // Pairs with what `fence` pairs with.
        fence_after_rmw();
        if self.is_light() {
            asymmetric::heavy();
        }
    }

    #[inline]
    fn is_light(&self) -> bool {
        // Acquire: pairs with the Release in `end_light`. If it was never begun, the fence in
        // `begin_light` comes after that of the caller.
        self.light.load(Ordering::Acquire)
    }

    /// From now on the caller, the only one who publishes for this list, may do so with a
    /// [light](asymmetric::light) fence, if this says [`Support::Yes`].
    pub(crate) fn begin_light(&self) -> Support {
        let support = asymmetric::support();
        if support == Support::Yes {
            self.light.store(true, Ordering::Relaxed);
            // SeqCst fence: pairs with the one in `fence_if`: either that sees the store, or who waits
            // is seen by whoever looks from now on.
            fence(Ordering::SeqCst);
        }
        support
    }

    /// From now on the caller publishes with full fences again.
    pub(crate) fn end_light(&self) {
        // Release: pairs with the Acquire in `is_light`: what was published with a light fence is seen.
        self.light.store(false, Ordering::Release);
    }

    /// Whether somebody will tell the next one, who does the same in turn: a future among them might
    /// never be polled again, and all behind it would sleep.
    fn is_promised(&self) -> bool {
        self.promised.load(Ordering::Relaxed) != 0 && self.futures.load(Ordering::Relaxed) == 0
    }

    /// Takes the oldest waiter out, claimed or notified, for a caller that wakes it once it has let
    /// go of its own lock. What the waiter is told of is published under that lock, which the waiter
    /// takes after it has registered.
    pub(crate) fn take_oldest(&self, claims: Claims) -> Option<Taken> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.pop_other(&mut self.lines.lock(), Own::NONE, claims)
    }

    /// Wakes every waiter that is in the list now.
    pub(crate) fn notify_all(&self) {
        // SeqCst fence: pairs with the one in `Waiter::register`.
        fence(Ordering::SeqCst);
        self.notify_all_fenced();
    }

    /// As [`notify_all`](Self::notify_all), for a caller that has published by a read-modify-write
    /// with a full fence after it.
    #[inline]
    pub(crate) fn notify_all_fenced(&self) {
        if self.count.load(Ordering::Relaxed) != 0 {
            self.notify_each();
        }
    }

    /// Wakes the oldest waiter that is not a place of the select `own`.
    pub(crate) fn notify_other(&self, own: Own) {
        // SeqCst fence: pairs with the one in `Group::open`.
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::Relaxed) != 0 {
            let taken = self.pop_other(&mut self.lines.lock(), own, Claims::Nobody);
            taken.into_iter().for_each(Taken::wake);
        }
    }

    /// Whether somebody could be notified who is not the select `own`.
    pub(crate) fn has_other(&self, own: Own) -> bool {
        let is_it = |target: &Target| target.is_open() && !target.is_of(own);
        self.count.load(Ordering::Relaxed) != 0 && any(&self.lines.lock().queue, is_it)
    }

    /// Whether futures may have been notified that are never polled again: any has waited here.
    pub(crate) fn may_forget(&self) -> bool {
        // Relaxed: set before the future in question is notified, under the lock.
        self.may_forget.load(Ordering::Relaxed)
    }

    /// Whether the waiter that was [claimed](Self::take_oldest) under the name of `ticket` is there, and has
    /// neither come nor gone.
    pub(crate) fn comes(&self, ticket: Ticket) -> bool {
        let is_it = |target: &Target| matches!(target, Target::Claimed(its) if *its == ticket);
        any(&self.lines.lock().claimed, is_it)
    }

    /// How many wait.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed) as usize
    }

    #[cold]
    fn notify_oldest(&self) {
        let taken = self.pop(&mut self.lines.lock());
        taken.into_iter().for_each(Taken::wake);
    }

    /// All under one lock: a count taken before, or between two locks, would be wrong once somebody
    /// has joined at the head, and would leave the last one asleep.
    #[cold]
    fn notify_each(&self) {
        let mut all = Vec::new();
        {
            let mut lines = self.lines.lock();
            while let Some(taken) = self.pop(&mut lines) {
                all.push(taken);
            }
        }
        all.into_iter().for_each(Taken::wake);
    }

    /// Takes the oldest waiter out, notified; selects that are taken or busy leave the queue as well
    /// and are told nothing. `lines` are this list's, locked.
    fn pop(&self, lines: &mut Lines) -> Option<Taken> {
        self.pop_other(lines, Own::NONE, Claims::Nobody)
    }

    /// As [`pop`](Self::pop), but leaves the places of the select `own` where they are, and claims
    /// who is to be claimed.
    fn pop_other(&self, lines: &mut Lines, own: Own, claims: Claims) -> Option<Taken> {
        let Lines { queue, claimed: claimed_queue } = lines;
        // SAFETY: the caller holds the lock.
        let mut next = unsafe { queue.oldest() };
        // SAFETY: a queued node is alive: its drop takes this lock to leave the queue.
        while let Some(node) = unsafe { next.as_ref() } {
            // SAFETY: as above.
            next = unsafe { queue.after(node) };
            // SAFETY: `target` is reached under the lock only.
            let is_own = node.target.with(|target| unsafe { (*target).is_of(own) });
            if is_own || (matches!(claims, Claims::Select(_)) && node.kind != Kind::BlockedSelect) {
                continue;
            }
            // SAFETY: we hold the lock, and the node is in this queue.
            unsafe { queue.unlink(node) };
            self.lower_count(node.kind);
            // SAFETY: `target` is reached under the lock only.
            let target = node.target.with_mut(|target| unsafe { (*target).take() });
            let claimed = match (claims, node.kind) {
                // What is told to a set or another look is for whoever asks.
                _ if matches!(target, Target::Member(..)) => Claimed::No,
                (Claims::Nobody, _) | (_, Kind::BlockedLook) => Claimed::No,
                (Claims::Blocked(_), Kind::Future | Kind::BlockedSelect) => Claimed::No,
                (Claims::Blocked(ticket) | Claims::Anybody(ticket) | Claims::Select(ticket), _) => {
                    Claimed::Yes(ticket)
                }
            };
            let won = match target {
                Target::Nobody | Target::Claimed(_) => Won::Yes(None),
                Target::Waker(waker) => Won::Yes(Some(waker)),
                // SAFETY: the claim's group takes this lock to get the node out before it ends.
                Target::Case(claim, case) => unsafe { (*claim).win(case) },
                // SAFETY: the set takes this lock to get the node out before the word ends.
                Target::Member(word, index) => unsafe { (*word).tell(index) },
            };
            let told = match won {
                Won::Yes(waker) => Some(waker),
                Won::No => None,
            };
            let state = match (&told, claimed) {
                (None, _) => IDLE,
                (Some(_), Claimed::No) => NOTIFIED,
                (Some(_), Claimed::Yes(ticket)) => {
                    // SAFETY: we hold the lock; the node is in no queue now, and leaves this one before its
                    // end, as it would have left the other.
                    unsafe { claimed_queue.push(node, End::Tail) };
                    // SAFETY: `target` is reached under the lock only.
                    node.target.with_mut(|target| unsafe { *target = Target::Claimed(ticket) });
                    CLAIMED
                }
            };
            if state == NOTIFIED && node.kind == Kind::Blocked {
                // Relaxed: who reads it has published before, with a fence; so does `kept`.
                self.promised.fetch_add(1, Ordering::Relaxed);
            }
            // Release: pairs with the Acquire loads of the owner, which may free the node, and the
            // claim, without the lock as soon as it reads this. The last access to either.
            node.state.store(state, Ordering::Release);
            if let Some(waker) = told {
                return Some(Taken { claimed, waker });
            }
        }
        None
    }

    /// A blocked strand that was notified is about to try again, or to tell the next one: from now
    /// on, others must be notified of what comes.
    fn kept(&self, kind: Kind) {
        if kind == Kind::Blocked {
            // SeqCst: pairs with the fence of whoever publishes and finds the promise: what it has
            // published, we see in what we try after this.
            self.promised.fetch_sub(1, Ordering::SeqCst);
            fence_after_rmw();
        }
    }

    fn lower_count(&self, kind: Kind) {
        self.change_count(kind, |count| count - 1);
    }

    fn raise_count(&self, kind: Kind) {
        self.change_count(kind, |count| count + 1);
    }

    fn change_count(&self, kind: Kind, change: impl Fn(u32) -> u32) {
        // Relaxed: only changed under the lock; `register`'s fence orders the reads without.
        let change = |count: &AtomicU32| {
            count.store(change(count.load(Ordering::Relaxed)), Ordering::Relaxed);
        };
        change(&self.count);
        if kind != Kind::Blocked {
            change(&self.futures);
        }
        if kind == Kind::Future {
            self.may_forget.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether one of those in `circle` is as `wanted`. It is reached under its lock only, which the caller holds.
fn any(circle: &Circle<Node>, wanted: impl Fn(&Target) -> bool) -> bool {
    // SAFETY: the caller holds the lock, which `target` is reached under as well.
    unsafe { circle.any(|node| node.target.with(|target| wanted(&*target))) }
}

impl Target {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Nobody)
    }

    fn is_of(&self, own: Own) -> bool {
        matches!(self, Self::Case(claim, _) if *claim == own.0)
    }

    /// Whether this is the case that its select was told of, and has not looked at yet.
    fn has_won(&self) -> bool {
        match self {
            Self::Nobody | Self::Waker(_) | Self::Member(..) | Self::Claimed(_) => false,
            // SAFETY: the claim outlives the node's time in the queue.
            Self::Case(claim, case) => unsafe { (**claim).is_won_by(*case) },
        }
    }

    /// Whether a notification would reach somebody now.
    fn is_open(&self) -> bool {
        match self {
            Self::Nobody | Self::Waker(_) | Self::Member(..) | Self::Claimed(_) => true,
            // SAFETY: the claim outlives the node's time in the queue.
            Self::Case(claim, _) => unsafe { (**claim).is_open() },
        }
    }
}

impl fmt::Debug for WaitList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitList").field("waiting", &self.len()).finish()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Woken {
        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn woken() -> (Arc<Woken>, Waker) {
        let woken = Arc::<Woken>::default();
        (Arc::clone(&woken), woken.into())
    }

    #[test]
    fn waiters_are_notified_in_order_of_arrival() {
        let list = WaitList::new();
        let (first, second) = (pin!(Waiter::new(&list)), pin!(Waiter::new(&list)));
        let ((one, waker_one), (two, waker_two)) = (woken(), woken());
        first.as_ref().register(&waker_one);
        second.as_ref().register(&waker_two);
        list.notify_one();
        assert_eq!((one.count(), two.count(), list.len()), (1, 0, 1));
        list.notify_one();
        assert_eq!((one.count(), two.count(), list.len()), (1, 1, 0));
    }

    #[test]
    fn a_dropped_notified_waiter_passes_its_baton_on() {
        let list = WaitList::new();
        let second = pin!(Waiter::new(&list));
        let ((_, waker_one), (two, waker_two)) = (woken(), woken());
        {
            let first = pin!(Waiter::new(&list));
            first.as_ref().register(&waker_one);
            second.as_ref().register(&waker_two);
            list.notify_one();
            assert_eq!(two.count(), 0);
        }
        assert_eq!(two.count(), 1);
    }

    #[test]
    fn one_blocked_strand_at_a_time_is_woken_unless_a_future_waits_too() {
        let list = WaitList::new();
        let wakers = [woken(), woken(), woken()];
        let register = |waiter: Pin<&Waiter<'_>>, n: usize| waiter.register(&wakers[n].1);
        let (first, last) = (pin!(Waiter::blocked(&list)), pin!(Waiter::blocked(&list)));
        let future = pin!(Waiter::new(&list));
        register(first.as_ref(), 0);
        register(future.as_ref(), 1);
        register(last.as_ref(), 2);
        let counts = || [0, 1, 2].map(|n: usize| wakers[n].0.count());
        list.notify_one();
        list.notify_one();
        assert_eq!(counts(), [1, 1, 0]);
        list.notify_one();
        assert_eq!(counts(), [1, 1, 0]);
        // The first one sees that there is more; the future is never polled again.
        assert_eq!(first.as_ref().finish(), Finished::Waited);
        list.notify_one();
        assert_eq!(counts(), [1, 1, 1]);
    }

    #[test]
    fn a_dropped_queued_waiter_leaves_the_list_from_any_place() {
        for gone in 0..3 {
            let list = WaitList::new();
            let wakers = [woken(), woken(), woken()];
            let mut waiters: Vec<_> = (0..3).map(|_| Box::pin(Waiter::new(&list))).collect();
            for (waiter, (_, waker)) in waiters.iter().zip(&wakers) {
                waiter.as_ref().register(waker);
            }
            drop(waiters.remove(gone));
            assert_eq!(list.len(), 2);
            list.notify_all();
            for (i, (woken, _)) in wakers.iter().enumerate() {
                assert_eq!(woken.count(), usize::from(i != gone));
            }
        }
    }

    #[test]
    fn a_notified_waiter_that_found_nothing_waits_at_the_head() {
        let list = WaitList::new();
        let (first, second) = (pin!(Waiter::new(&list)), pin!(Waiter::new(&list)));
        let ((one, waker_one), (two, waker_two)) = (woken(), woken());
        first.as_ref().register(&waker_one);
        second.as_ref().register(&waker_two);
        list.notify_one();
        first.as_ref().register(&waker_one);
        list.notify_one();
        assert_eq!((one.count(), two.count()), (2, 0));
    }

    #[test]
    fn registering_again_replaces_the_waker() {
        let list = WaitList::new();
        let waiter = pin!(Waiter::new(&list));
        let ((one, waker_one), (two, waker_two)) = (woken(), woken());
        waiter.as_ref().register(&waker_one);
        waiter.as_ref().register(&waker_two);
        assert_eq!(list.len(), 1);
        list.notify_one();
        assert_eq!((one.count(), two.count()), (0, 1));
    }

    #[test]
    fn notify_all_wakes_everybody() {
        let list = WaitList::new();
        let (woken, waker) = woken();
        let waiters: Vec<_> = (0..100).map(|_| Box::pin(Waiter::new(&list))).collect();
        waiters.iter().for_each(|waiter| waiter.as_ref().register(&waker));
        list.notify_all();
        assert_eq!(woken.count(), 100);
        assert!(waiters.iter().all(|waiter| waiter.as_ref().finish() == Finished::Waited));
    }

    #[test]
    fn a_waker_may_use_the_list_it_is_woken_from() {
        struct Reenter(WaitList);
        impl Wake for Reenter {
            fn wake(self: Arc<Self>) {
                self.0.notify_all();
                let waiter = pin!(Waiter::new(&self.0));
                waiter.as_ref().register(Waker::noop());
            }
        }
        let shared = Arc::new(Reenter(WaitList::new()));
        let waiter = pin!(Waiter::new(&shared.0));
        waiter.as_ref().register(&Arc::clone(&shared).into());
        shared.0.notify_one();
        assert_eq!(shared.0.len(), 0);
    }
}
