//! The word of a chunk: who allocates from it, and what other threads have freed.
//!
//! ```text
//!   bits    31 ......... 16   15      14      11 ............ 0
//!           count             ORPHAN  LISTED  the newest of the free cells, or 0
//!
//!                    orphan                          adopt (it was LISTED)
//!   OWNED, count = ───────────► ORPHAN, count = ─────────────────────► OWNED
//!   freed by others             cells that live
//!                                    │ free, count reaches 0
//!                                    ▼
//!                                 the end: nobody but the one who freed the last cell
//!                                 may touch the chunk
//! ```
//!
//! An owner takes the whole list at once, so links are only followed by one thread. A stack that is
//! pushed to and taken whole has no ABA problem; `adopt` and `orphan` exchange the whole word and so
//! its count, and only the owner or the holder of the slab's lock calls them.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchange in `push` | AcqRel | Acquire in `take`, `adopt`, `orphan`: the freed cell's last use and its link are seen; and the other pushes: who frees the last cell has seen every use |
//! | exchange in `orphan` | AcqRel | Acquire in `adopt`: the owner's lists |
//!
//! This file knows no memory: it is a word and its verdicts. Model: `src/model/slab.rs`.

use moirai_sync::__prim::atomic::{AtomicU32, Ordering};

#[derive(Debug)]
pub(super) struct Remote(AtomicU32);

/// What a free is to the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Pushed {
    Done,
    /// It was the last live cell of an orphan: the chunk is the caller's.
    Last,
    /// The cell is not freed yet: a good part of the orphan is free, so it is to be listed first.
    OfferFirst,
}

/// A list of free cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) head: u32,
    /// Its length if the chunk was owned, else how many cells live.
    pub(super) count: u32,
}

/// What has become of a chunk without an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Orphaned {
    /// Too little of it is free, or ever will be.
    Full,
    /// It is marked as listed; the caller lists it.
    Listed,
    /// No cell lives: the chunk is the caller's.
    Empty,
}

const COUNT_ONE: u32 = 1 << 16;
const ORPHAN: u32 = 1 << 15;
const LISTED: u32 = 1 << 14;
const HEAD_MASK: u32 = 0xfff;

fn count(word: u32) -> u32 {
    word / COUNT_ONE
}

fn with_head(word: u32, head: u32) -> u32 {
    word & !HEAD_MASK | head
}

impl Remote {
    pub(super) fn owned() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Of a chunk that never had an owner and has one live cell.
    pub(super) fn orphan_of_one() -> Self {
        Self(AtomicU32::new(ORPHAN | COUNT_ONE))
    }

    /// Adds a free cell, after `link` has been called to make it point at the one before.
    pub(super) fn push(&self, cell: u32, capacity: u32, link: impl Fn(u32)) -> Pushed {
        // Relaxed: a guess, checked by the exchange.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (next, verdict) = if word & ORPHAN == 0 {
                (with_head(word, cell) + COUNT_ONE, Pushed::Done)
            } else if count(word) == 1 {
                (with_head(word, cell) - COUNT_ONE, Pushed::Last)
            } else if word & LISTED == 0 && is_worth_listing(count(word) - 1, capacity) {
                return Pushed::OfferFirst;
            } else {
                (with_head(word, cell) - COUNT_ONE, Pushed::Done)
            };
            link(word & HEAD_MASK);
            // AcqRel: see the table above.
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return verdict,
                Err(current) => word = current,
            }
        }
    }

    /// How many cells the owner would get; a hint.
    pub(super) fn waiting(&self) -> u32 {
        count(self.0.load(Ordering::Relaxed))
    }

    /// The owner takes what others have freed.
    pub(super) fn take(&self) -> List {
        // Acquire: pairs with `push`. A swap, so that the last push is the one it reads.
        let word = self.0.swap(0, Ordering::Acquire);
        List { head: word & HEAD_MASK, count: count(word) }
    }

    /// The owner leaves: `live` cells live, the others are in `free` or were never used. Fails if
    /// something has been freed meanwhile, which the owner then takes. One that is worn out is marked as
    /// listed, so that nobody offers it, and is not: it ends with its last cell.
    pub(super) fn orphan(
        &self,
        free: u32,
        live: u32,
        capacity: u32,
        is_worn_out: bool,
    ) -> Result<Orphaned, ()> {
        let (listed, verdict) = if live == 0 {
            (0, Orphaned::Empty)
        } else if is_worn_out {
            (LISTED, Orphaned::Full)
        } else if is_worth_listing(live, capacity) {
            (LISTED, Orphaned::Listed)
        } else {
            (0, Orphaned::Full)
        };
        let word = ORPHAN | listed | (live * COUNT_ONE) | free;
        // AcqRel: see the table above.
        let done = self.0.compare_exchange(0, word, Ordering::AcqRel, Ordering::Relaxed);
        done.map(|_| verdict).map_err(drop)
    }

    /// Marks an orphan as listed, under the slab's lock; says whether the caller is to list it.
    pub(super) fn list(&self) -> bool {
        // Relaxed: nothing is read through it, and the lock orders the lists.
        let listed = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            (word & (ORPHAN | LISTED) == ORPHAN).then_some(word | LISTED)
        });
        listed.is_ok()
    }

    /// Makes the caller the owner of a listed orphan, unless its last cell has been freed: then it
    /// belongs to who did that.
    pub(super) fn adopt(&self) -> Option<List> {
        // Acquire: pairs with `push` and `orphan`.
        let word = self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, |word| {
            (count(word) != 0).then_some(0)
        });
        word.ok().map(|word| List { head: word & HEAD_MASK, count: count(word) })
    }

    /// Makes the caller, who has the chunk to itself, the owner of one without a live cell.
    pub(super) fn revive(&self) -> List {
        // Acquire: pairs with `push` and `orphan`.
        let word = self.0.swap(0, Ordering::Acquire);
        List { head: word & HEAD_MASK, count: 0 }
    }

    /// How many cells of `used` live.
    pub(super) fn live(&self, used: u32) -> u32 {
        let word = self.0.load(Ordering::Relaxed);
        if word & ORPHAN == 0 { used.saturating_sub(count(word)) } else { count(word) }
    }
}

/// From a quarter on, so that whoever adopts the chunk does not come back at once.
fn is_worth_listing(live: u32, capacity: u32) -> bool {
    live <= capacity - capacity.div_ceil(4)
}

#[cfg(all(test, not(moirai_loom)))]
mod tests {
    use super::*;

    const CAPACITY: u32 = 8;

    fn free(remote: &Remote, cell: u32) -> Pushed {
        remote.push(cell, CAPACITY, |_| ())
    }

    #[test]
    fn an_owner_takes_what_others_have_freed_once() {
        let remote = Remote::owned();
        assert_eq!((free(&remote, 16), free(&remote, 20)), (Pushed::Done, Pushed::Done));
        assert_eq!(remote.take(), List { head: 20, count: 2 });
        assert_eq!(remote.take(), List { head: 0, count: 0 });
    }

    #[test]
    fn an_orphan_is_offered_at_a_quarter_and_ends_with_its_last_cell() {
        let remote = Remote::owned();
        assert_eq!(remote.orphan(0, CAPACITY, CAPACITY, false), Ok(Orphaned::Full));
        assert_eq!(free(&remote, 16), Pushed::Done);
        assert_eq!(free(&remote, 20), Pushed::OfferFirst);
        assert!(remote.list() && !remote.list());
        for cell in (20..44).step_by(4) {
            assert_eq!(free(&remote, cell), Pushed::Done);
        }
        assert_eq!(free(&remote, 44), Pushed::Last);
        assert_eq!(remote.adopt(), None);
    }

    #[test]
    fn an_orphan_that_is_worn_out_is_not_offered_and_ends_with_its_last_cell() {
        let remote = Remote::owned();
        assert_eq!(remote.orphan(0, 2, CAPACITY, true), Ok(Orphaned::Full));
        assert_eq!((free(&remote, 16), free(&remote, 20)), (Pushed::Done, Pushed::Last));
    }

    #[test]
    fn an_adopted_chunk_tells_how_many_cells_live() {
        let remote = Remote::owned();
        assert_eq!(remote.orphan(16, 3, CAPACITY, false), Ok(Orphaned::Listed));
        assert_eq!(free(&remote, 20), Pushed::Done);
        assert_eq!(remote.adopt(), Some(List { head: 20, count: 2 }));
        assert_eq!(remote.waiting(), 0);
    }

    #[test]
    fn an_owner_does_not_leave_over_what_was_freed_meanwhile() {
        let remote = Remote::owned();
        assert_eq!(free(&remote, 16), Pushed::Done);
        assert_eq!(remote.orphan(0, 4, CAPACITY, false), Err(()));
        assert_eq!(remote.take().count, 1);
        assert_eq!(remote.orphan(16, 0, CAPACITY, false), Ok(Orphaned::Empty));
    }

    #[test]
    fn a_chunk_of_one_ends_with_its_cell() {
        assert_eq!(Remote::orphan_of_one().push(16, 1, |_| ()), Pushed::Last);
    }
}
