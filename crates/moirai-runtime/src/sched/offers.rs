//! What a thread has forked and not come back to yet: a list that is its own, before a few places
//! that everybody reaches.
//!
//! A fork puts a half of itself in, runs the other one, and then wants the first back. Nearly always
//! it is there, so that must cost next to nothing: the list is linked through the forks' own frames,
//! nobody else reaches it, and pushing and popping are plain loads and stores: three stores in all. The
//! oldest forks, which hold the most work, are in the [`Post`]'s places, where others take them.
//!
//! ```text
//!   oldest ................................................ newest
//!   ┌─────────────── places of the post ──────┐ ┌───── list ─────┐
//!   │ taken by others, or back by the owner,  │ │ the owner only │
//!   │ with an exchange                        │ │                │
//!   └─────────────────────────────────────────┘ └────────────────┘
//!      ▲ publish, if the list is empty              │ push, else
//!      └──────────────── promote ◄──────────────────┘
//!                  when somebody is hungry
//! ```
//!
//! **Forks nest**, so the owner wants them back in the opposite order, and promotion takes the oldest
//! of the list. What leaves the list for a place is noted in it, and what is still there when its owner
//! comes back to it is the newest there: all that are newer have been popped.
//!
//! **Every fork is in the list or in a place,** however fine it seems: what is only called can be offered
//! to nobody, and whether it is fine shows when it is too late (its other half may wait for it). So there
//! is always something to promote while a thread has forks that have not begun.
//!
//! **Links towards the newer are made when they are needed:** the owner pushes and pops by `older` alone,
//! for a store into another frame costs as much as all the rest. `promote` goes down from the newest and
//! links, until it meets one from which everything is linked already. That is noted in its `older`; so
//! each is gone over once, however deep the list is and how often it is asked for.
//!
//! ```text
//!                    push                        promote: link                promote, the oldest
//!   (in a frame) ───────────► UNTOUCHED ─────────────────────────► LINKED ─────────────────────────┐
//!        │                        │                                   │                            ▼
//!        │                        │ pop_kept                          │ pop_touched           PUBLISHED
//!        │                        ▼                                   ▼                            ▲
//!        │                     (own)                               (own)  ◄──── pop_touched ───────┤
//!        └─────────────────────────── publish ─────────────────────────────────────────────────────┘
//! ```
//!
//! **Who may touch an [`Offer`].** The owner, until it is in a place and after it has been taken back;
//! whoever took it out of a place, until that one says that it has done. What a taker reads of it is
//! written before it gets there.

#![allow(unsafe_code, reason = "a list through frames of the stack; model: src/model/join.rs")]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use super::latch::Latch;
use super::place::TakenBack;
use super::post::{At, PLACES, Post};
use super::work::{Header, Work};

/// The head of what can be offered.
#[repr(C)]
pub(crate) struct Offer {
    /// First, so that a pointer to it is a pointer to the offer. Its link is the next newer one, where
    /// that has the mark.
    header: Header,
    /// The next older one in the list, and in its low bits what has been done to this one; written when
    /// it gets there, or to a place.
    older: Cell<MaybeUninit<*const Self>>,
    /// Written when it leaves the list, which few do.
    published: Cell<MaybeUninit<Published>>,
}

struct Published {
    /// For the owner, to take it back.
    at: At,
    /// For whoever takes it.
    tree: Tree,
    /// For the owner, once it was taken.
    latch: Latch,
}

/// What belongs together: everything that was forked below one fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    /// 0 for none.
    pub(crate) id: u64,
    pub(crate) interrupts: Interrupts,
}

/// Whether a worker may poll other tasks in the middle of this work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupts {
    Allowed,
    Refused,
}

/// The owner's part.
#[derive(Debug)]
pub(crate) struct Offers<'a> {
    /// The post of the thread, if it has one; without one nothing is offered.
    post: Option<&'a Post>,
    /// Null if the list is empty.
    newest: Cell<*const Offer>,
    /// Of the list, unless it is empty.
    oldest: Cell<*const Offer>,
}

/// A list that was put aside.
#[derive(Debug)]
#[must_use = "what is in it is lost unless it is brought back"]
pub(crate) struct Aside {
    newest: *const Offer,
    oldest: *const Offer,
}

/// Whether anything was done to an offer before its owner came back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Kept {
    /// Nothing, and it is the owner's, to run.
    Untouched,
    /// It was linked or published.
    Touched,
}

/// Where an offer was when its owner came back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Popped {
    /// It is the owner's, to run.
    Own,
    /// Somebody else runs it.
    Taken,
}

/// What has become of a request for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Promoted {
    /// Another offer is in a place.
    Yes,
    /// No place is empty, or the list is.
    No,
}

impl Tree {
    pub(crate) const NONE: Self = Self { id: 0, interrupts: Interrupts::Refused };
}

impl Offer {
    pub(crate) fn new(header: Header) -> Self {
        let (older, published) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        Self { header, older: Cell::new(older), published: Cell::new(published) }
    }

    /// Tells apart where in the program an offer is made, as far as its types differ.
    pub(crate) fn site(&self) -> u64 {
        self.header.vtable_ptr().addr().get() as u64
    }

    /// The tree that it belongs to.
    ///
    /// # Safety
    ///
    /// The caller has taken it out of a place.
    pub(crate) unsafe fn tree(&self) -> Tree {
        // SAFETY: it was published.
        unsafe { (*self.published()).tree }
    }

    /// Says that it was run.
    ///
    /// # Safety
    ///
    /// `this` is there until the latch is set, and was published.
    pub(crate) unsafe fn latch(this: *const Self) -> *const Latch {
        // SAFETY: the caller says so.
        unsafe { &raw const (*(*this).published()).latch }
    }

    /// What `publish` has written, if it has.
    fn published(&self) -> *const Published {
        self.published.as_ptr().cast_const().cast()
    }

    /// # Safety
    ///
    /// The offer was pushed or published, by the caller.
    #[inline(always)]
    unsafe fn older(&self) -> *const Self {
        // SAFETY: written when it got there.
        unsafe { self.older.get().assume_init() }
    }

    #[inline(always)]
    fn set_older(&self, older: *const Self) {
        self.older.set(MaybeUninit::new(older));
    }
}

/// In `older`: everything older is linked, up to the next that has this or is the oldest.
const LINKED: usize = 1;
/// In `older`: it is in a place, or was taken from there.
const PUBLISHED: usize = 2;

const _: () = assert!(align_of::<Offer>() > LINKED | PUBLISHED);

fn linked(older: *const Offer) -> *const Offer {
    older.map_addr(|addr| addr | LINKED)
}

fn unlinked(older: *const Offer) -> *const Offer {
    older.map_addr(|addr| addr & !LINKED)
}

impl<'a> Offers<'a> {
    pub(crate) fn new(post: Option<&'a Post>) -> Self {
        Self { post, newest: Cell::new(ptr::null()), oldest: Cell::new(ptr::null()) }
    }

    #[inline(always)]
    pub(crate) fn post(&self) -> Option<&'a Post> {
        self.post
    }

    /// Whether the owner keeps nothing for itself.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.newest.get().is_null()
    }

    /// Empties the list, for what is not to be mixed with it, until it is brought back.
    pub(crate) fn put_aside(&self) -> Aside {
        Aside { newest: self.newest.replace(ptr::null()), oldest: self.oldest.get() }
    }

    /// Everything that was added since then has been popped.
    pub(crate) fn bring_back(&self, aside: &Aside) {
        debug_assert!(self.is_empty(), "what is forked last is popped first");
        self.newest.set(aside.newest);
        self.oldest.set(aside.oldest);
    }

    /// Adds `offer` to the list, which is not empty.
    ///
    /// # Safety
    ///
    /// `offer` points to an offer with the provenance of all that it heads. It stays there, and
    /// nobody else uses it, until [`pop_kept`](Self::pop_kept) has returned [`Kept::Untouched`]
    /// for it, or [`pop_touched`](Self::pop_touched) [`Popped::Own`], or that [`Popped::Taken`] and then
    /// whoever has taken it says that it has done. Everything that is added later is popped before.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, offer: *const Offer) {
        debug_assert!(!self.is_empty(), "the first is published");
        // SAFETY: it is the caller's, who leaves it to us.
        unsafe { (*offer).set_older(self.newest.replace(offer)) };
    }

    /// Offers `offer` to everybody, if one of the first `among` places is empty; else adds it to the list.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub(crate) unsafe fn publish(&self, offer: *const Offer, tree: Tree, among: usize) -> Promoted {
        let place = self.post.and_then(|post| Some((post, post.empty_place(among)?)));
        let Some((post, at)) = place else {
            let newest = self.newest.replace(offer);
            if newest.is_null() {
                self.oldest.set(offer);
            }
            // SAFETY: the caller says so.
            unsafe { (*offer).set_older(newest) };
            return Promoted::No;
        };
        // SAFETY: the caller says so: it is there, and ours until it is in its place.
        unsafe {
            let latch = Latch::new();
            (*offer).set_older(ptr::without_provenance(PUBLISHED));
            (*offer).published.set(MaybeUninit::new(Published { at, tree, latch }));
            let work = Work::from_header(NonNull::new_unchecked(offer.cast_mut()).cast());
            post.put(at, work, tree.id);
        }
        Promoted::Yes
    }

    /// Offers the oldest of the list to everybody.
    pub(crate) fn promote(&self, tree: Tree) -> Promoted {
        let (newest, oldest) = (self.newest.get(), self.oldest.get());
        if newest.is_null() || self.post.and_then(|post| post.empty_place(PLACES)).is_none() {
            return Promoted::No;
        }
        if newest == oldest {
            self.newest.set(ptr::null());
        } else {
            let _linked: usize = self.link();
            // SAFETY: it is in the list and not the last there, so it is linked to another one; what
            // is in the list is ours.
            unsafe {
                let newer: *const Offer = Work::linked(oldest.cast_mut().cast()).cast();
                (*newer).set_older(ptr::null());
                self.oldest.set(newer);
            }
        }
        // SAFETY: it was pushed, under the same contract, and is not in the list any more.
        unsafe { self.publish(oldest, tree, PLACES) }
    }

    /// Links all of the list towards the newest; returns how many were not yet.
    fn link(&self) -> usize {
        let (mut at, oldest, mut count) = (self.newest.get(), self.oldest.get(), 0);
        while at != oldest {
            // SAFETY: it is in the list, and so is the next, for it is not the oldest.
            unsafe {
                let older = (*at).older();
                if older != unlinked(older) {
                    break;
                }
                Work::link(older.cast_mut().cast(), at.cast_mut().cast());
                (*at).set_older(linked(older));
                at = older;
            }
            count += 1;
        }
        count
    }

    /// Whether `offer` is as it was pushed; if so, it leaves the list.
    ///
    /// # Safety
    ///
    /// `offer` was pushed or published here, and all that were later have been popped.
    #[inline(always)]
    pub(crate) unsafe fn pop_kept(&self, offer: *const Offer) -> Kept {
        // SAFETY: its frame is the caller's.
        let older = unsafe { (*offer).older() };
        if older.addr() & (LINKED | PUBLISHED) != 0 {
            return Kept::Touched;
        }
        debug_assert_eq!(self.newest.get(), offer, "what is forked last is popped first");
        // Null if it is the oldest there.
        self.newest.set(older);
        Kept::Untouched
    }

    /// As [`pop_kept`](Self::pop_kept), for an offer that was linked or published.
    ///
    /// # Safety
    ///
    /// As for [`pop_kept`](Self::pop_kept), which has returned [`Kept::Touched`].
    pub(crate) unsafe fn pop_touched(&self, offer: *const Offer) -> Popped {
        // SAFETY: its frame is the caller's.
        let older = unsafe { (*offer).older() };
        if older.addr() & PUBLISHED == 0 {
            debug_assert_eq!(self.newest.get(), offer, "what is forked last is popped first");
            self.newest.set(unlinked(older));
            return Popped::Own;
        }
        let Some(post) = self.post else {
            unreachable!("without a post, an offer stays in the list");
        };
        // SAFETY: it was published. The frame is the caller's.
        let at = unsafe { (*(*offer).published()).at };
        // SAFETY: it was put there by `publish`, and is ours if it still is there.
        let back = unsafe {
            let header: NonNull<Header> = NonNull::new_unchecked(offer.cast_mut()).cast();
            post.take_back(at, header)
        };
        match back {
            TakenBack::Yes => Popped::Own,
            TakenBack::No => Popped::Taken,
        }
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::hash::{BuildHasher as _, RandomState};

    use super::*;
    use crate::sched::work::{Kind, VTable};

    static VTABLE: VTable =
        VTable { run: |_| (), shutdown: |_| (), describe: || "a half", kind: Kind::Job };

    fn offer() -> Box<Offer> {
        // SAFETY: the table is a static.
        Box::new(Offer::new(unsafe { Header::new(NonNull::from(&VTABLE)) }))
    }

    fn tree() -> Tree {
        Tree { id: 1, ..Tree::NONE }
    }

    fn fork(offers: &Offers<'_>, open: &mut Vec<*const Offer>) {
        let offer = Box::into_raw(offer()).cast_const();
        open.push(offer);
        // SAFETY: the box is there until it is popped below, the newest first.
        unsafe {
            if offers.is_empty() {
                let _: Promoted = offers.publish(offer, tree(), PLACES);
            } else {
                offers.push(offer);
            }
        }
    }

    /// Pops the newest fork, and says where it was.
    fn pop(offers: &Offers<'_>, open: &mut Vec<*const Offer>) -> Option<Popped> {
        let offer = open.pop()?;
        // SAFETY: the newest fork; nobody runs those that were taken.
        let popped = unsafe {
            match offers.pop_kept(offer) {
                Kept::Untouched => Popped::Own,
                Kept::Touched => offers.pop_touched(offer),
            }
        };
        // SAFETY: nobody else has it, or looks at it any more.
        drop(unsafe { Box::from_raw(offer.cast_mut()) });
        Some(popped)
    }

    /// Against a model: forks are taken in the order in which they were forked, whatever the owner has
    /// popped and promoted in between, and it gets back exactly those that were not.
    #[test]
    fn the_oldest_is_promoted_whatever_was_pushed_and_popped_before() {
        let seed = RandomState::new().hash_one(0) | 1;
        println!("seed {seed}");
        let mut random = seed;
        let mut draw = |n: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % n
        };
        let post = Post::new(0);
        let offers = Offers::new(Some(&post));
        // Those that are open, and of them those that were taken, both by number.
        let (mut open, mut numbers, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        for step in 0..if cfg!(miri) { 300 } else { 30_000 } {
            match draw(8) {
                0..=2 => {
                    fork(&offers, &mut open);
                    numbers.push(step);
                }
                3..=4 => {
                    let popped = pop(&offers, &mut open);
                    let number = numbers.pop();
                    let expected = number.map(|number| match taken.last() {
                        Some(&last) if last == number => Popped::Taken,
                        _ => Popped::Own,
                    });
                    assert_eq!(popped, expected, "step {step}");
                    taken.retain(|taken| Some(*taken) != number);
                }
                5..=6 => drop(offers.promote(tree())),
                _ => {
                    if let Some(work) = post.take() {
                        let at = open.iter().position(|&offer| {
                            ptr::eq(offer.cast(), work.as_ptr().as_ptr().cast_const())
                        });
                        let number = numbers[at.unwrap()];
                        // A place that is emptied is filled before those behind it are, so only
                        // the list itself is in order.
                        taken.push(number);
                        taken.sort_unstable();
                    }
                }
            }
        }
        while pop(&offers, &mut open).is_some() {}
        assert!(offers.is_empty() && !post.offers());
    }

    #[test]
    fn what_is_not_offered_unasked_is_offered_when_somebody_asks() {
        let post = Post::new(0);
        let offers = Offers::new(Some(&post));
        let narrow = || {
            let offer = Box::into_raw(offer()).cast_const();
            // SAFETY: the box is there until it is popped below, the newest first.
            (offer, unsafe { offers.publish(offer, tree(), 1) })
        };
        let (first, published) = narrow();
        assert_eq!(published, Promoted::Yes);
        let (second, published) = narrow();
        assert_eq!(published, Promoted::No, "one place, and it is full");
        assert_eq!(offers.promote(tree()), Promoted::Yes);
        let taken = [post.take(), post.take(), post.take()].map(|work| {
            let work = work?;
            Some(work.as_ptr().as_ptr().cast_const().cast())
        });
        assert_eq!(taken, [Some(first), Some(second), None], "the oldest first");
        let mut open = vec![first, second];
        assert_eq!(pop(&offers, &mut open), Some(Popped::Taken));
        assert_eq!(pop(&offers, &mut open), Some(Popped::Taken));
        assert!(offers.is_empty());
    }

    #[test]
    fn each_fork_is_gone_over_once_however_often_a_deep_list_is_asked() {
        let post = Post::new(0);
        let offers = Offers::new(Some(&post));
        let mut open = Vec::new();
        let depth = if cfg!(miri) { 50 } else { 10_000 };
        (0..depth).for_each(|_| fork(&offers, &mut open));
        assert_eq!(offers.link(), depth - PLACES - 1);
        for _ in 0..depth / 3 {
            assert!(post.take().is_some());
            assert_eq!(offers.promote(tree()), Promoted::Yes);
            assert_eq!(offers.link(), 0);
            let _: Option<Popped> = pop(&offers, &mut open);
            fork(&offers, &mut open);
            assert_eq!(offers.link(), 1, "the new one");
        }
        while pop(&offers, &mut open).is_some() {}
    }
}
