//! What a thread decides when it forks: what it offers to whom, whom it wakes, and when it looks up.
//!
//! **Whom to wake.** A fork that finds a place is seen by every worker that is awake. To wake one costs
//! as much as ten thousand forks, and most trees end sooner, so a tree is private for its first
//! [`PRIVATE_US`]. But a tree may consist of two long halves, and its owner looks up from neither. So
//! the first fork of a tree wakes somebody *unless the last tree that began at this place in the
//! program was short*: one bit for each place, hashed by the type of the closure. A tree that turns
//! out long wakes at one of its later forks; the next one from there wakes at once.
//!
//! **How much to offer.** A fork that goes through a place costs ten times as much as one that does not,
//! and of a lopsided tree a third would: those with few open forks below them. So where forks follow
//! each other fast and nobody has asked lately, all but the oldest wait in the list until somebody does,
//! which is heard at once. A tree of long parts fills all places, since its owner may not come to hear
//! that somebody asks; and so does each at its beginning.
//!
//! **When to look up.** A clock costs as much as five forks, so it is read every so many: as many as
//! pass in [`LOOK_US`] at the present pace, but no more than [`STRIDE_MAX`], for a pace changes.
//!
//! This file knows no task and no join: what is done with the time is `edge`'s affair.

#![allow(unsafe_code, reason = "passes on the contract of `offers`; model: src/model/join.rs")]

use std::cell::Cell;
use std::ptr;
use std::time::{Duration, Instant};

use moirai_sync::__prim::HAS_CLOCK;

use super::offers::{Aside, Interrupts, Kept, Offer, Offers, Popped, Promoted, Tree};
use super::pool::Pool;
use super::post::{PLACES, Post};
use super::signal::Ask;

/// Of one thread, for itself.
#[derive(Debug)]
pub(crate) struct Forks<'a> {
    offers: Offers<'a>,
    branch: Branch,
    /// Forks until the clock is read, and out of how many.
    ticks: Cell<u32>,
    stride: Cell<u32>,
    /// When they began.
    began: Cell<Option<Instant>>,
    looked: Cell<Option<Instant>>,
    /// Whether somebody has asked for work since the clock was read, and when somebody had before that.
    fed: Cell<bool>,
    hungry: Cell<Option<Instant>>,
    /// Tasks are polled again no earlier.
    resume: Cell<Option<Instant>>,
    /// One bit for each hash of a place in the program: the last tree from there was short.
    short: Cell<u64>,
}

/// The piece of a tree that the thread works on.
#[derive(Clone, Debug)]
struct Branch {
    tree: Cell<Tree>,
    /// Whether the tree began here.
    own: Cell<bool>,
    /// The first fork in it, if it was published.
    root: Cell<*const Offer>,
    /// When that was, if somebody slept then.
    began: Cell<Option<Instant>>,
    /// Nobody is woken before.
    wake: Cell<Option<Instant>>,
    /// How many places are filled unasked.
    width: Cell<usize>,
}

/// Whether it is time for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Due {
    Yes,
    No,
}

impl Branch {
    fn new(tree: Tree) -> Self {
        Self {
            tree: Cell::new(tree),
            own: Cell::new(false),
            root: Cell::new(ptr::null()),
            began: Cell::new(None),
            wake: Cell::new(None),
            width: Cell::new(PLACES),
        }
    }

    fn swap(&self, other: &Self) {
        self.tree.swap(&other.tree);
        self.own.swap(&other.own);
        self.root.swap(&other.root);
        self.began.swap(&other.began);
        self.wake.swap(&other.wake);
        self.width.swap(&other.width);
    }
}

impl<'a> Forks<'a> {
    pub(crate) fn new(post: Option<&'a Post>) -> Self {
        Self {
            offers: Offers::new(post),
            branch: Branch::new(Tree::NONE),
            ticks: Cell::new(1),
            stride: Cell::new(1),
            began: Cell::new(None),
            looked: Cell::new(None),
            fed: Cell::new(false),
            hungry: Cell::new(None),
            resume: Cell::new(None),
            short: Cell::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn post(&self) -> Option<&'a Post> {
        self.offers.post()
    }

    /// Whether nothing is kept back that could be offered.
    pub(crate) fn keeps_nothing(&self) -> bool {
        self.offers.is_empty()
    }

    pub(crate) fn tree(&self) -> Tree {
        self.branch.tree.get()
    }

    /// The tree that the thread works on, or a new one to go on [`within`](Self::within).
    pub(crate) fn tree_or_new(&self) -> Tree {
        let tree = self.tree();
        if tree.id != 0 {
            return tree;
        }
        // Without a post nothing is offered, so nobody asks what belongs to which tree.
        Tree { id: self.post().map_or(1, Post::new_tree), ..tree }
    }

    /// Whether tasks may be polled in the middle of what this thread does from now on.
    #[inline]
    pub(crate) fn interrupts(&self, interrupts: Interrupts) {
        self.branch.tree.set(Tree { interrupts, ..self.tree() });
    }

    /// Calls `f` as a part of `tree`, on top of whatever the thread was at. If that refuses to be
    /// interrupted, so does `f`; if it belongs to another tree, nothing of it is offered meanwhile,
    /// for it would pass for a part of this one.
    pub(crate) fn within<R>(&self, tree: Tree, f: impl FnOnce() -> R) -> R {
        let outer = self.tree();
        let interrupts = match outer.interrupts {
            Interrupts::Allowed => tree.interrupts,
            Interrupts::Refused => Interrupts::Refused,
        };
        let kept = (outer.id != tree.id).then(|| self.offers.put_aside());
        let branch = Branch::new(Tree { interrupts, ..tree });
        let _restore = Restore { forks: self, outer: branch, kept };
        self.branch.swap(&_restore.outer);
        self.describe();
        f()
    }

    /// Counts a fork; whether there is more to be done about it than to [`keep`](Self::keep) it.
    #[inline(always)]
    pub(crate) fn count(&self, post: &Post) -> Due {
        if self.tick(post) == Due::Yes || self.offers.is_empty() { Due::Yes } else { Due::No }
    }

    /// Adds a fork to those that the thread will come back to, of which some are in the list.
    ///
    /// # Safety
    ///
    /// As for [`Offers::push`].
    #[inline(always)]
    pub(crate) unsafe fn keep(&self, offer: *const Offer) {
        // SAFETY: the caller says so.
        unsafe { self.offers.push(offer) };
    }

    /// Adds a fork to those that the thread will come back to.
    ///
    /// # Safety
    ///
    /// As for [`Offers::push`].
    pub(crate) unsafe fn push(&self, pool: &Pool, offer: *const Offer) {
        // SAFETY: the caller says so.
        unsafe {
            if self.offers.is_empty() {
                self.publish(pool, offer);
            } else {
                self.offers.push(offer);
            }
        }
    }

    /// # Safety
    ///
    /// As for [`Offers::push`].
    unsafe fn publish(&self, pool: &Pool, offer: *const Offer) {
        let branch = &self.branch;
        let tree = self.tree_or_new();
        let begins = branch.tree.replace(tree).id == 0;
        if begins {
            branch.width.set(PLACES);
            self.describe();
        }
        // SAFETY: the caller says so.
        if unsafe { self.offers.publish(offer, tree, branch.width.get()) } == Promoted::No {
            // What lies below has taken the places. It is in the list, and of this tree.
            return;
        }
        if branch.root.get().is_null() {
            branch.root.set(offer);
            if begins {
                branch.own.set(true);
                pool.somebody_forks();
            }
            // SAFETY: the caller's frame, of which a taker only reads.
            self.wake_for_root(pool, unsafe { &*offer });
        } else {
            self.wake(pool);
        }
    }

    /// Whether the newest fork is as it was kept, as nearly always; then it leaves the list.
    ///
    /// # Safety
    ///
    /// As for [`Offers::pop_kept`].
    #[inline(always)]
    pub(crate) unsafe fn pop_kept(&self, offer: *const Offer) -> Kept {
        // SAFETY: the caller says so.
        unsafe { self.offers.pop_kept(offer) }
    }

    /// Whether a fork that is not as it was kept is still in the list or in its place; then it leaves
    /// that.
    ///
    /// # Safety
    ///
    /// As for [`Offers::pop_touched`].
    pub(crate) unsafe fn pop_touched(&self, offer: *const Offer) -> Popped {
        // SAFETY: the caller says so.
        unsafe { self.offers.pop_touched(offer) }
    }

    /// The fork is over: for one that was published, once its owner has it back or it has been run.
    pub(crate) fn ended(&self, offer: &Offer) {
        if !ptr::eq(self.branch.root.get(), offer) {
            return;
        }
        let branch = &self.branch;
        branch.root.set(ptr::null());
        branch.wake.set(None);
        if let Some(began) = branch.began.take() {
            let site = site(offer);
            let short = began.elapsed() < PRIVATE;
            self.short.set(if short { self.short.get() | site } else { self.short.get() & !site });
        }
        if branch.own.take() {
            branch.tree.set(Tree { id: 0, ..self.tree() });
            self.describe();
            // Nothing is left to be had, and the next tree may be a small one.
            if let Some(post) = self.post()
                && !post.signal.peek().is_none()
            {
                post.signal.forget(Ask::Hungry);
            }
        }
    }

    /// Does what a hungry worker has asked for.
    pub(crate) fn feed(&self, pool: &Pool) {
        self.fed.set(true);
        self.branch.width.set(PLACES);
        if self.offers.promote(self.tree()) == Promoted::Yes {
            pool.wake_for_offers();
        }
    }

    /// Sleeping workers get a share of a tree that takes long.
    pub(crate) fn spread(&self, pool: &Pool) {
        if !pool.somebody_sleeps() {
            return;
        }
        let promoted = self.offers.promote(self.tree());
        if promoted == Promoted::Yes || self.post().is_some_and(Post::offers) {
            self.wake(pool);
        }
    }

    /// Counts a step; whether it is time to look up.
    #[inline(always)]
    pub(crate) fn tick(&self, post: &Post) -> Due {
        self.ticks.set(self.ticks.get() - 1);
        self.due(post)
    }

    /// Whether it is time to look up: somebody has asked for something, or the clock is to be read.
    #[inline(always)]
    pub(crate) fn due(&self, post: &Post) -> Due {
        if self.ticks.get() == 0 || !post.signal.peek().is_none() { Due::Yes } else { Due::No }
    }

    /// Whether so much time has passed since this said so last that it is time to look up.
    pub(crate) fn look_due(&self, now: Instant) -> Due {
        if self.fed.take() {
            self.hungry.set(Some(now));
        }
        if self.ticks.get() == 0 {
            self.pace(now);
        }
        let looked = self.looked.get();
        if looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK) {
            return Due::No;
        }
        self.looked.set(Some(now));
        Due::Yes
    }

    /// So many forks have passed as the clock was to be read after: as many follow as a look is to come
    /// after; a pace that changes is met within a few.
    fn pace(&self, now: Instant) {
        let since = |then: Instant| now.saturating_duration_since(then);
        let (stride, width) = (self.stride.get(), &self.branch.width);
        let stride = match self.began.replace(Some(now)).map(since) {
            Some(passed) if passed < LOOK => {
                if stride == STRIDE_MAX && self.hungry.get().is_none_or(|then| since(then) >= LOOK)
                {
                    width.set(WIDTH_OF_FINE);
                }
                (stride * 2).min(STRIDE_MAX)
            }
            Some(passed) if passed < LOOK * 2 => stride,
            _ => {
                width.set(PLACES);
                (stride / 4).max(1)
            }
        };
        self.stride.set(stride);
        self.ticks.set(stride);
    }

    /// Whether tasks may be polled again: they take no more than half of the time.
    pub(crate) fn may_resume(&self, now: Instant) -> Due {
        match self.resume.get() {
            Some(resume) if now < resume => Due::No,
            _ => Due::Yes,
        }
    }

    /// Tasks were polled from `began` to now.
    pub(crate) fn polled(&self, began: Instant, now: Instant) {
        self.resume.set(Some(now + now.saturating_duration_since(began).min(YIELD_MAX)));
        self.looked.set(Some(now));
    }

    fn describe(&self) {
        if let Some(post) = self.post() {
            let tree = self.tree();
            post.describe(tree.id);
        }
    }

    fn wake_for_root(&self, pool: &Pool, offer: &Offer) {
        if !pool.somebody_sleeps() {
            return;
        }
        if HAS_CLOCK {
            let now = Instant::now();
            self.branch.began.set(Some(now));
            if self.short.get() & site(offer) != 0 {
                self.branch.wake.set(Some(now + PRIVATE));
                return;
            }
            self.branch.wake.set(Some(now + WAKE_INTERVAL));
        }
        pool.wake_idle();
    }

    fn wake(&self, pool: &Pool) {
        if !pool.somebody_sleeps() {
            return;
        }
        if HAS_CLOCK {
            let now = Instant::now();
            if self.branch.wake.get().is_some_and(|wake| now < wake) {
                return;
            }
            self.branch.wake.set(Some(now + WAKE_INTERVAL));
        }
        pool.wake_idle();
    }
}

struct Restore<'f, 'a> {
    forks: &'f Forks<'a>,
    outer: Branch,
    /// What the outer branch offers, if it is of another tree.
    kept: Option<Aside>,
}

impl Drop for Restore<'_, '_> {
    fn drop(&mut self) {
        self.forks.branch.swap(&self.outer);
        self.kept.iter().for_each(|kept| self.forks.offers.bring_back(kept));
        self.forks.describe();
    }
}

/// One of 64 bits for where in the program a fork is: each has closures of its own types, and so a
/// vtable of its own.
fn site(offer: &Offer) -> u64 {
    // Fibonacci hashing: the upper bits of the product depend on all of the address.
    1 << (offer.site().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

/// For so long a tree is its owner's, in microseconds, if those before it were short: about what it
/// costs the waker to wake a sleeping worker.
pub(crate) const PRIVATE_US: u64 = 20;
const PRIVATE: Duration = Duration::from_micros(PRIVATE_US);

/// At least so long between two workers that one thread wakes for its tree.
const WAKE_INTERVAL: Duration = Duration::from_micros(50);

/// How often a thread that forks looks at what else there is to do, in microseconds.
pub(crate) const LOOK_US: u64 = 25;
const LOOK: Duration = Duration::from_micros(LOOK_US);

/// The most forks between two looks at the clock.
const STRIDE_MAX: u32 = 256;

/// How many places a tree fills unasked whose forks are so fine that [`STRIDE_MAX`] of them pass within
/// [`LOOK_US`].
const WIDTH_OF_FINE: usize = 1;

/// The longest time for which a thread does not poll tasks because it has done so for as long.
const YIELD_MAX: Duration = Duration::from_millis(1);

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    /// As if so many forks as the clock is read after had passed `us` after `now`; when that is.
    fn pass(forks: &Forks<'_>, now: Instant, us: u64) -> Instant {
        let now = now + Duration::from_micros(us);
        forks.ticks.set(0);
        let _: Due = forks.look_due(now);
        now
    }

    #[test]
    fn all_but_the_oldest_are_kept_back_where_forks_are_fine_and_nobody_is_hungry() {
        let forks = Forks::new(None);
        let width = || forks.branch.width.get();
        let mut now = Instant::now();
        let mut strides = 0;
        while width() == PLACES {
            now = pass(&forks, now, LOOK_US - 1);
            strides += 1;
        }
        assert_eq!(
            (forks.stride.get(), strides),
            (STRIDE_MAX, 10),
            "one, then twice as many each time"
        );
        assert_eq!(width(), WIDTH_OF_FINE);
        // A little slower is not fine, but not coarse either.
        now = pass(&forks, now, LOOK_US);
        assert_eq!(width(), WIDTH_OF_FINE);
        now = pass(&forks, now, LOOK_US * 2);
        assert_eq!(width(), PLACES, "coarse");
        while width() == PLACES {
            now = pass(&forks, now, LOOK_US - 1);
        }
        forks.fed.set(true);
        forks.branch.width.set(PLACES);
        now = pass(&forks, now, LOOK_US - 1);
        now = pass(&forks, now, LOOK_US - 1);
        assert_eq!(width(), PLACES, "somebody was hungry a moment ago");
        let _later = pass(&forks, now, 1);
        assert_eq!(width(), WIDTH_OF_FINE);
    }

    /// Requests that are answered between two readings say nothing about the pace.
    #[test]
    fn the_pace_is_that_of_forks_whatever_is_asked_in_between() {
        let forks = Forks::new(None);
        let mut now = Instant::now();
        for _ in 0..100 {
            now += Duration::from_micros(1);
            let _: Due = forks.look_due(now);
        }
        assert_eq!((forks.stride.get(), forks.ticks.get()), (1, 1));
    }

    /// A tree may last while its thread begins many others on top of it, and workers that help with
    /// one of them must not take parts of that.
    #[test]
    fn a_tree_has_an_id_that_no_later_one_gets() {
        let posts = [Post::new(0), Post::new(1)];
        let of = |post| Forks::new(Some(post)).tree_or_new().id;
        let lasting = of(&posts[0]);
        assert_ne!(lasting, 0);
        // More than 16 bits count; and the same post serves one thread after the other.
        for _ in 0..if cfg!(miri) { 100 } else { 100_000 } {
            assert_ne!(of(&posts[0]), lasting);
        }
        let next = of(&posts[0]);
        assert!((0..1000).all(|_| of(&posts[1]) != next));
    }
}
