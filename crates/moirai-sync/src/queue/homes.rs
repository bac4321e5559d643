//! A list for each worker, beside the one that all share.
//!
//! ```text
//!   push for a worker ─► its list          push for anybody ─► the common one
//!   pop  ◄─ the worker's own ◄─ empty: the common one ◄─ empty: the other workers', in a circle
//! ```
//!
//! What is for anybody costs what it does in a list without workers, and nobody looks at another's list
//! while there is something for all; nor at any of them before something was pushed for a worker at all
//! (`addressed`). Knows the common list only as what it is given.
//!
//! **Nobody's values wait for ever.** Whoever takes its own takes one that is for anybody after each
//! [`OWN_MAX`]; and whoever is nobody's begins one time of [`FAIR_EVERY`] with what is a worker's.
//!
//! **Close.** The workers' lists first, then the common one, which says whether it is done; so whoever
//! finds a worker's list closed closes the rest before it says so, and no push succeeds after one has
//! failed.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `own`, `from` | Relaxed | nothing: hints, for whoever receives there; two may have the same |
//! | `addressed` | Relaxed | written before the push, whose fence pairs with that of whoever is about to wait: who is not told sees it |
//! | `closed` swap | SeqCst | itself; then the fence: who waits is told after the lists were closed |

use crate::cache_padded::CachePadded;
use crate::prim::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::prim::{fence_after_rmw, random_below};

use super::Close;
use super::list::List;

#[derive(Debug)]
pub(super) struct Homes<T> {
    homes: Box<[Home<T>]>,
    /// Whether anything was ever pushed for a worker. Read in every pop, and written once.
    addressed: AtomicBool,
    /// Set once, by the close that counts.
    closed: AtomicBool,
}

/// What is one worker's.
#[derive(Debug)]
struct Home<T> {
    list: List<T>,
    receiver: CachePadded<Hints>,
}

/// What whoever receives at a home remembers.
#[derive(Debug, Default)]
struct Hints {
    /// How many values of its own it has taken since one that was for anybody.
    own: AtomicUsize,
    /// At which worker it has found something last.
    from: AtomicUsize,
}

impl<T> Homes<T> {
    pub(super) fn new(homes: usize) -> Self {
        let home = |_| Home { list: List::new(), receiver: CachePadded::default() };
        Self {
            homes: (0..homes).map(home).collect(),
            addressed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.homes.len()
    }

    /// Appends `value` to the list at `home`; gives it back if the lists are closed.
    pub(super) fn push(&self, home: usize, value: T, common: &List<T>) -> Result<(), T> {
        if !self.is_addressed() {
            // Relaxed: as the load.
            self.addressed.store(true, Ordering::Relaxed);
        }
        self.homes[home].list.push(value).inspect_err(|_| self.close_lists(common))
    }

    /// Whether anything was ever pushed for a worker. If not, all there is lies in the common list.
    #[inline]
    pub(super) fn is_addressed(&self) -> bool {
        // Relaxed: see above.
        self.addressed.load(Ordering::Relaxed)
    }

    /// Takes the oldest value at `home`, else of the common list, else of another one.
    pub(super) fn pop_at(&self, home: usize, common: &List<T>) -> Option<T> {
        let Home { list, receiver } = &self.homes[home];
        if !list.is_empty()
            && !receiver.is_sated()
            && let Some(value) = take(list)
        {
            return Some(value);
        }
        take(common).or_else(|| self.steal(home, receiver))
    }

    /// Takes the oldest value of the common list, else of any other.
    pub(super) fn pop(&self, common: &List<T>) -> Option<T> {
        if !self.is_addressed() {
            return take(common);
        }
        let home = random_below(self.homes.len() as u64) as usize;
        let steal = || self.steal(home, &self.homes[home].receiver);
        match random_below(FAIR_EVERY) {
            0 => steal().or_else(|| take(common)),
            _ => take(common).or_else(steal),
        }
    }

    /// Takes a value of any worker: the one at `home`, then from where the last one was.
    #[cold]
    #[inline(never)]
    fn steal(&self, home: usize, receiver: &Hints) -> Option<T> {
        // Relaxed, both: a hint.
        let from = receiver.from.load(Ordering::Relaxed).min(self.homes.len());
        let mut homes = std::iter::once(home).chain(from..self.homes.len()).chain(0..from);
        let (found, value) = homes.find_map(|at| {
            let list = &self.homes[at].list;
            // A look costs less than a pop that finds nothing.
            let value = if list.is_empty() { None } else { take(list) };
            Some((at, value?))
        })?;
        receiver.from.store(found, Ordering::Relaxed);
        Some(value)
    }

    /// Forbids every later push; what is in the lists can still be taken.
    pub(super) fn close(&self, common: &List<T>) -> Close {
        self.close_lists(common);
        // SeqCst: as the lists' own. Last: who is told that this call has closed wakes everybody.
        let closed = match self.closed.swap(true, Ordering::SeqCst) {
            true => Close::AlreadyClosed,
            false => Close::Closed,
        };
        fence_after_rmw();
        closed
    }

    fn close_lists(&self, common: &List<T>) {
        for list in self.lists().chain([common]) {
            let _: Close = list.close();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lists().map(List::len).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lists().all(List::is_empty)
    }

    fn lists(&self) -> impl Iterator<Item = &List<T>> {
        self.homes.iter().map(|home| &home.list)
    }
}

impl Hints {
    /// Counts a value of one's own, unless it is time for one that is for anybody.
    #[inline]
    fn is_sated(&self) -> bool {
        // Relaxed, both: a hint.
        let own = self.own.load(Ordering::Relaxed);
        self.own.store(if own == OWN_MAX { 0 } else { own + 1 }, Ordering::Relaxed);
        own == OWN_MAX
    }
}

/// Takes the oldest value. Not inlined here, or it would not be where there are no workers.
#[inline(never)]
fn take<T>(list: &List<T>) -> Option<T> {
    list.pop().ok()
}

/// How many values of its own a worker takes before one that is for anybody.
const OWN_MAX: usize = 63;

/// Of so many pops for nobody in particular, one begins with what is a worker's.
const FAIR_EVERY: u64 = 64;
