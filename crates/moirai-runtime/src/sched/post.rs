//! What others see of a thread that forks: what it offers, and where they leave their requests.
//!
//! The owner puts work in; whoever is idle takes it out, the oldest first as far as the places tell;
//! the owner takes back what is still there when it comes to it. There are as many places as a tree
//! is deep where its parts are large, so that a few large parts find takers although their owner
//! looks up from none of them.

#![allow(
    unsafe_code,
    reason = "passes on the contract of `place`; models: src/model/{join,place}.rs"
)]

use std::ptr::NonNull;

use moirai_sync::__prim::atomic::{AtomicU64, Ordering};
use moirai_sync::CachePadded;

use super::place::{Place, TakenBack};
use super::signal::{Ask, Raised, Signal};
use super::work::{Header, Work};

#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) signal: CachePadded<Signal>,
    places: CachePadded<[Place; PLACES]>,
    about: CachePadded<About>,
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
    /// The number of the next tree that begins here.
    next_tree: AtomicU64,
}

/// One of a post's places, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At(u8);

/// Whether a worker was asked for a part of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Begged {
    Yes,
    /// It has been asked a moment ago, or has nothing.
    No,
}

impl Post {
    /// The post of the thread `number` of a pool.
    pub(crate) fn new(number: usize) -> Self {
        Self {
            signal: CachePadded::new(Signal::new()),
            places: CachePadded::new(std::array::from_fn(|_| Place::new())),
            about: CachePadded::new(About {
                tree: AtomicU64::new(0),
                asked: AtomicU64::new(0),
                asks: AtomicU64::new(0),
                next_tree: AtomicU64::new((number as u64) << TREE_BITS),
            }),
        }
    }

    /// A place for one more offer, among the first `among`. To be called by the owner only, so it stays
    /// empty.
    pub(crate) fn empty_place(&self, among: usize) -> Option<At> {
        let at = self.places.iter().take(among).position(Place::is_empty)?;
        Some(At(at as u8))
    }

    /// Offers `work`, a part of `tree`, to everybody. To be called by the owner only.
    pub(crate) fn put(&self, at: At, work: Work, tree: u64) {
        self.places[usize::from(at.0)].put(work, tree);
    }

    /// Takes an offer back if nobody has taken it.
    ///
    /// # Safety
    ///
    /// `header` was put there by the caller, and the caller owns it again if it is still there.
    #[inline]
    pub(crate) unsafe fn take_back(&self, at: At, header: NonNull<Header>) -> TakenBack {
        // SAFETY: the caller says so.
        unsafe { self.places[usize::from(at.0)].take_back(header) }
    }

    /// Takes what is offered, the oldest first.
    pub(crate) fn take(&self) -> Option<Work> {
        self.places.iter().find_map(Place::take)
    }

    /// The same of one tree.
    pub(crate) fn take_of(&self, tree: u64) -> Option<Work> {
        self.places.iter().find_map(|place| place.take_of(tree))
    }

    /// A hint.
    pub(crate) fn offers(&self) -> bool {
        self.places.iter().any(|place| !place.is_empty())
    }

    /// An id that no other tree of the pool has, and none of those before: not 0. To be called by the
    /// owner only.
    pub(crate) fn new_tree(&self) -> u64 {
        // Relaxed, both: an exchange of one post's owner for the next orders them.
        let tree = self.about.next_tree.load(Ordering::Relaxed) + 1;
        self.about.next_tree.store(tree, Ordering::Relaxed);
        tree
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
/// so many levels of a tree of long parts find takers at once.
pub(crate) const PLACES: usize = if cfg!(any(moirai_loom, moirai_shuttle)) { 1 } else { 4 };

/// So many bits of a tree's id count those that began at one post: at a million a second it takes
/// nine years until they run into those of the next.
const TREE_BITS: u32 = 48;

/// The least time between two requests for work of one thread, in microseconds.
pub(crate) const ASK_INTERVAL_US: u64 = 5;
