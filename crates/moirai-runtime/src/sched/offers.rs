//! What a thread has forked and not come back to yet: a list that is its own, before a few places
//! that everybody reaches.
//!
//! A fork puts a half of itself in, runs the other one, and then wants the first back. Nearly always
//! it is there, so that must cost next to nothing: the list is linked through the forks' own frames,
//! nobody else reaches it, and pushing and popping are plain loads and stores. The oldest forks, which
//! hold the most work, are in the [`Post`]'s places, where others take them.
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
//! of the list. So a fork is in the list exactly if it is the newest there when its owner comes back
//! to it: all that are newer have been popped, and had it been promoted, so had all before it.
//!
//! **Who may touch an [`Offer`].** The owner, until it is in a place and after it has been taken back;
//! whoever took it out of a place, until that one says that it has done. What a taker reads of it is
//! written before it gets there.

#![allow(unsafe_code, reason = "a list through frames of the stack; model: src/model/join.rs")]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use super::place::TakenBack;
use super::post::{At, Post};
use super::work::{Header, Work};

/// The head of what can be offered.
#[repr(C)]
pub(crate) struct Offer {
    /// First, so that a pointer to it is a pointer to the offer. Its link is the next newer one.
    header: Header,
    /// The next older one in the list.
    older: Cell<*const Self>,
    /// Written when it leaves the list, which few do.
    published: Cell<MaybeUninit<Published>>,
}

#[derive(Clone, Copy)]
struct Published {
    /// For the owner, to take it back.
    at: At,
    /// For whoever takes it.
    tree: Tree,
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
    /// The places are full, or the list is empty.
    No,
}

impl Tree {
    pub(crate) const NONE: Self = Self { id: 0, interrupts: Interrupts::Refused };
}

impl Offer {
    pub(crate) fn new(header: Header) -> Self {
        Self { header, older: Cell::new(ptr::null()), published: Cell::new(MaybeUninit::uninit()) }
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
        // SAFETY: written by `publish` before it came to its place.
        unsafe { self.published.get().assume_init() }.tree
    }
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

    /// Adds `offer` to the list.
    ///
    /// # Safety
    ///
    /// `offer` points to an offer with the provenance of all that it heads. It stays there, and
    /// nobody else uses it, until [`pop`](Self::pop) has returned [`Popped::Own`] for it, or
    /// [`Popped::Taken`] and then whoever has taken it says that it has done. Everything that is
    /// added later is popped before.
    #[inline(always)]
    pub(crate) unsafe fn push(&self, offer: *const Offer) {
        let newest = self.newest.replace(offer);
        if newest.is_null() {
            self.oldest.set(offer);
        } else {
            // SAFETY: both are in the list, which nobody else reaches.
            unsafe {
                Work::link(newest.cast_mut().cast(), offer.cast_mut().cast());
                (*offer).older.set(newest);
            }
        }
    }

    /// Offers `offer` to everybody, if a place is empty; else adds it to the list.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub(crate) unsafe fn publish(&self, offer: *const Offer, tree: Tree) -> Promoted {
        let place = self.post.and_then(|post| Some((post, post.empty_place()?)));
        let Some((post, at)) = place else {
            // SAFETY: the caller says so.
            unsafe { self.push(offer) };
            return Promoted::No;
        };
        // SAFETY: the caller says so: it is there, and ours until it is in its place.
        unsafe {
            (*offer).published.set(MaybeUninit::new(Published { at, tree }));
            let work = Work::from_header(NonNull::new_unchecked(offer.cast_mut()).cast());
            post.put(at, work, tree.id);
        }
        Promoted::Yes
    }

    /// Offers the oldest of the list to everybody.
    pub(crate) fn promote(&self, tree: Tree) -> Promoted {
        let (newest, oldest) = (self.newest.get(), self.oldest.get());
        if newest.is_null() || self.post.and_then(Post::empty_place).is_none() {
            return Promoted::No;
        }
        if newest == oldest {
            self.newest.set(ptr::null());
        } else {
            // SAFETY: it is in the list and not the last there, so it is linked to another one; what
            // is in the list is ours.
            unsafe {
                let newer: *const Offer = Work::linked(oldest.cast_mut().cast()).cast();
                (*newer).older.set(ptr::null());
                self.oldest.set(newer);
            }
        }
        // SAFETY: it was pushed, under the same contract, and is not in the list any more.
        unsafe { self.publish(oldest, tree) }
    }

    /// Whether `offer` is still in the list; if so, it leaves it.
    ///
    /// # Safety
    ///
    /// `offer` was pushed or published here, and all that were later have been popped.
    #[inline(always)]
    pub(crate) unsafe fn pop_kept(&self, offer: *const Offer) -> Popped {
        if self.newest.get() != offer {
            return Popped::Taken;
        }
        // SAFETY: it is in the list, so it is ours. Its link is null if it is the oldest there.
        self.newest.set(unsafe { (*offer).older.get() });
        Popped::Own
    }

    /// As [`pop_kept`](Self::pop_kept), for an offer that is not in the list: in its place or taken.
    ///
    /// # Safety
    ///
    /// As for [`pop_kept`](Self::pop_kept), which has returned [`Popped::Taken`].
    pub(crate) unsafe fn pop_offered(&self, offer: *const Offer) -> Popped {
        let Some(post) = self.post else {
            unreachable!("without a post, an offer stays in the list");
        };
        // SAFETY: what is not in the list has been published, which wrote this. The frame is the
        // caller's, and whoever has taken the offer only reads it.
        let at = unsafe { (*offer).published.get().assume_init() }.at;
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
