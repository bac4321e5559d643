//! What others see of a thread that forks: what it offers, and where they leave their requests.
//!
//! The owner puts work in; whoever is idle takes it out, the oldest first as far as the places tell;
//! the owner takes back what is still there when it comes to it. There are as many places as a tree
//! is deep where its parts are large, so that a few large parts find takers although their owner
//! looks up from none of them.

#![allow(unsafe_code, reason = "passes on the contract of `slot`; model: src/model/join.rs")]

use std::ptr::NonNull;

use moirai_sync::__prim::atomic::{AtomicU64, Ordering};
use moirai_sync::CachePadded;

use super::signal::{Ask, Raised, Signal};
use super::slot::{Slot, TakenBack};
use super::work::{Header, Work};

#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) signal: CachePadded<Signal>,
    places: CachePadded<[Offered; PLACES]>,
    about: CachePadded<About>,
}

/// A place, and the tree of what was put there last: a hint.
#[derive(Debug)]
struct Offered {
    slot: Slot,
    tree: AtomicU64,
}

/// What makes the owner worth asking; all of it hints.
#[derive(Debug)]
struct About {
    /// The tree that the owner works on, or 0.
    tree: AtomicU64,
    /// When it was last asked for work, in units of [`ASK_INTERVAL_US`].
    asked: AtomicU64,
    /// How often it was.
    asks: AtomicU64,
}

/// One of a post's places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u8);

/// Whether a worker was asked for a part of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Begged {
    Yes,
    /// It has been asked a moment ago, or has nothing.
    No,
}

impl Post {
    pub(crate) fn new() -> Self {
        Self {
            signal: CachePadded::new(Signal::new()),
            places: CachePadded::new(std::array::from_fn(|_| Offered {
                slot: Slot::new(),
                tree: AtomicU64::new(0),
            })),
            about: CachePadded::new(About {
                tree: AtomicU64::new(0),
                asked: AtomicU64::new(0),
                asks: AtomicU64::new(0),
            }),
        }
    }

    /// A place for one more offer. To be called by the owner only, so it stays empty.
    pub(crate) fn empty_place(&self) -> Option<Place> {
        let at = self.places.iter().position(|place| place.slot.is_empty())?;
        Some(Place(at as u8))
    }

    /// Offers `work`, a part of `tree`, to everybody. To be called by the owner only.
    pub(crate) fn put(&self, place: Place, work: Work, tree: u64) {
        let place = &self.places[usize::from(place.0)];
        place.tree.store(tree, Ordering::Relaxed);
        let displaced = place.slot.put(work);
        debug_assert!(displaced.is_none(), "only the owner fills a place, and this one was empty");
    }

    /// Takes an offer back if nobody has taken it.
    ///
    /// # Safety
    ///
    /// `header` was put at `place` by the caller, and the caller owns it again if it is still there.
    #[inline]
    pub(crate) unsafe fn take_back(&self, place: Place, header: NonNull<Header>) -> TakenBack {
        // SAFETY: the caller says so.
        unsafe { self.places[usize::from(place.0)].slot.take_back(header) }
    }

    /// Takes what is offered, the oldest first.
    pub(crate) fn take(&self) -> Option<Work> {
        self.places.iter().find_map(|place| place.slot.take())
    }

    /// The same of one tree. It may turn out to be of another: the owner works on something else
    /// by the time that it is taken.
    pub(crate) fn take_of(&self, tree: u64) -> Option<Work> {
        let mut places = self.places.iter();
        places.find_map(|place| {
            if place.tree.load(Ordering::Relaxed) == tree { place.slot.take() } else { None }
        })
    }

    /// A hint.
    pub(crate) fn offers(&self) -> bool {
        self.places.iter().any(|place| !place.slot.is_empty())
    }

    /// Says which tree the owner works on from now on.
    pub(crate) fn describe(&self, tree: u64) {
        self.about.tree.store(tree, Ordering::Relaxed);
    }

    /// The tree that the owner works on, or 0; a hint.
    pub(crate) fn tree(&self) -> u64 {
        self.about.tree.load(Ordering::Relaxed)
    }

    /// Whether the owner forks, and so would look up if it were asked to; a hint.
    pub(crate) fn forks(&self) -> bool {
        self.tree() != 0
    }

    /// Asks the owner for a part of its work, unless it was asked less than [`ASK_INTERVAL_US`] ago:
    /// however many are idle, it is interrupted no more often. `now_us` is the pool's time.
    pub(crate) fn beg(&self, now_us: u64) -> Begged {
        let now = now_us / ASK_INTERVAL_US + 1;
        let last = self.about.asked.load(Ordering::Relaxed);
        if self.tree() == 0 || last >= now {
            return Begged::No;
        }
        // Relaxed: it only says who of several asks.
        let first =
            self.about.asked.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_err() || self.signal.raise(Ask::Hungry) == Raised::Already {
            return Begged::No;
        }
        // Relaxed: a count.
        self.about.asks.fetch_add(1, Ordering::Relaxed);
        Begged::Yes
    }

    /// How often the owner was asked for a part of its work.
    pub(crate) fn asks(&self) -> u64 {
        self.about.asks.load(Ordering::Relaxed)
    }
}

/// How many works one thread offers at once; the rest of a tree it keeps until it is asked. The first
/// so many levels of a tree of long parts find takers at once; with twice as many, a third of the
/// forks of a fine tree would go through the places, at five times the price.
pub(crate) const PLACES: usize = if cfg!(any(moirai_loom, moirai_shuttle)) { 1 } else { 4 };

/// The least time between two requests for work of one thread, in microseconds.
pub(crate) const ASK_INTERVAL_US: u64 = 5;
