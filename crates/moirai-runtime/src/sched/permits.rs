//! Which permits are free, by number.
//!
//! `Idle` counts the free permits, and this says which they are. Whoever gives one back puts its
//! number in and then counts it; whoever has counted one off takes a number out, and finds one: there
//! are never fewer numbers here than permits that are counted, or counted off by somebody who has not
//! taken a number yet.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | every access | Relaxed | the exchanges of `Idle`'s word order a number with its count; who must know whether one permit is free puts a fence before (see `homes`) |
//!
//! Model: `every_permit_that_is_counted_has_a_number` in `src/model/permit.rs`.

use std::ops::Range;

use moirai_sync::__prim::atomic::{AtomicU64, Ordering};
use moirai_sync::__prim::spin_loop;

/// The number of a permit: what a user calls the number of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PermitId(u16);

impl PermitId {
    pub(crate) const FIRST: Self = Self(0);

    /// # Panics
    ///
    /// If there may never be so many.
    #[inline]
    pub(crate) fn new(index: usize) -> Self {
        assert!(index < PERMITS_MAX, "permit {index} of {PERMITS_MAX}");
        Self(index as u16)
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[derive(Debug)]
pub(crate) struct FreePermits {
    words: Box<[AtomicU64]>,
}

impl FreePermits {
    /// None is free of so many.
    pub(crate) fn none_of(permits: usize) -> Self {
        Self { words: (0..permits.div_ceil(WORD_BITS)).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The permit is free; the caller counts it next.
    pub(crate) fn put(&self, id: PermitId) {
        self.words[id.index() / WORD_BITS].fetch_or(bit(id), Ordering::Relaxed);
    }

    /// Whether the permit is free.
    pub(crate) fn contains(&self, id: PermitId) -> bool {
        self.words[id.index() / WORD_BITS].load(Ordering::Relaxed) & bit(id) != 0
    }

    /// A permit for who has counted one off: `last` if it is `near` and free, else one that is, else
    /// any.
    pub(crate) fn take(&self, last: PermitId, near: &Range<usize>) -> PermitId {
        let everywhere = 0..self.words.len() * WORD_BITS;
        loop {
            let preferred = if near.contains(&last.index()) { self.take_one(last) } else { None };
            let taken = preferred
                .or_else(|| self.take_in(near))
                .or_else(|| self.take_one(last))
                .or_else(|| self.take_in(&everywhere));
            match taken {
                Some(id) => return id,
                // Somebody else has taken one that we saw, and left us one that we had passed.
                None => spin_loop(),
            }
        }
    }

    fn take_one(&self, id: PermitId) -> Option<PermitId> {
        let word = &self.words[id.index() / WORD_BITS];
        let taken = self.contains(id) && word.fetch_and(!bit(id), Ordering::Relaxed) & bit(id) != 0;
        taken.then_some(id)
    }

    fn take_in(&self, range: &Range<usize>) -> Option<PermitId> {
        let words = range.start / WORD_BITS..range.end.div_ceil(WORD_BITS).min(self.words.len());
        words.into_iter().find_map(|at| {
            let first = at * WORD_BITS;
            let below = |n: usize| match n.saturating_sub(first) {
                n if n < WORD_BITS => (1 << n) - 1,
                _ => u64::MAX,
            };
            let mask = below(range.end) & !below(range.start);
            loop {
                let free = self.words[at].load(Ordering::Relaxed) & mask;
                if free == 0 {
                    return None;
                }
                let id = PermitId::new(first + free.trailing_zeros() as usize);
                if let Some(id) = self.take_one(id) {
                    return Some(id);
                }
            }
        })
    }
}

fn bit(id: PermitId) -> u64 {
    1 << (id.index() % WORD_BITS)
}

const WORD_BITS: usize = u64::BITS as usize;

/// Far more workers than any machine has cores; each costs a thread and a ring.
pub(crate) const PERMITS_MAX: usize = 1024;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_last_permit_is_taken_if_it_is_near_else_one_that_is_else_any() {
        let free = FreePermits::none_of(200);
        let put = |ids: &[usize]| ids.iter().for_each(|&id| free.put(PermitId::new(id)));
        let take = |last, near| free.take(PermitId::new(last), &near).index();
        put(&[0, 63, 64, 130, 199]);
        assert_eq!(take(130, 64..192), 130);
        assert_eq!(take(130, 64..192), 64);
        assert_eq!(take(199, 64..192), 199);
        assert_eq!(take(199, 60..64), 63);
        assert_eq!(take(199, 1..200), 0);
        assert!((0..200).all(|id| !free.contains(PermitId::new(id))));
    }

    #[test]
    fn as_many_as_there_may_be_have_numbers() {
        let free = FreePermits::none_of(PERMITS_MAX);
        (0..PERMITS_MAX).for_each(|id| free.put(PermitId::new(id)));
        let last = PermitId::new(PERMITS_MAX - 1);
        assert_eq!(free.take(last, &(0..PERMITS_MAX)), last);
        for expected in 0..PERMITS_MAX - 1 {
            assert_eq!(free.take(last, &(0..PERMITS_MAX)).index(), expected);
        }
    }

    #[test]
    #[should_panic = "permit 1024 of 1024"]
    fn one_more_has_none() {
        let _one_more = PermitId::new(PERMITS_MAX);
    }
}
