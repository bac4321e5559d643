//! The places of a set: channels that say by a bit that there is something to do.
//!
//! ```text
//!            1 arm                       2 notify
//!   READY ──────────────► QUEUED ────────────────────► READY
//!   bit set               bit clear, in its list       bit set, out of its list
//! ```
//!
//! A member joins its list when there was nothing to do, and not before each wait: a message that
//! comes for a member whose bit is set costs the set and the sender nothing.
//!
//! **A set holds one baton at most.** A bit is a mark, no more. As with every select, only the notifier
//! that wins the claim has told the set; one that finds it won or closed has set a bit on its way, and goes
//! on to the next waiter. The baton is for the member that it was won for: whoever goes for another one
//! first passes it on ([`go_for`](ReadySet::go_for)), and so does a wait that ends without a member
//! ([`leave`](ReadySet::leave)), and a member that goes.
//!
//! **No bit is lost.** The owner clears it before it joins the list, and looks at the channel after:
//! so what came before it was in the list is found, and what comes later sets the bit. A notifier
//! sets the bit, then competes for the set's claim; the owner opens the claim, then looks at the
//! bits.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | bit set by `tell` | Release | the Acquire in `next`: what the notifier did is seen |
//! | fence in `tell` | SeqCst | the one in `open`: bit or claim |
//! | bit cleared in `arm` | Relaxed | ordered by the lock of the list, which the member then joins |

use std::fmt;
use std::pin::Pin;
use std::task::Waker;

use crate::prim::Arc;
use crate::prim::atomic::{AtomicU64, Ordering, fence};

use super::claim::{Claim, Won};
use super::{Target, WaitList, Waiter};

/// Members of one word.
const WORD_BITS: usize = u64::BITS as usize;

/// Members, each with a waiter and a bit.
pub(crate) struct ReadySet<'a> {
    /// Before what they point to: a waiter leaves its list while its word is there.
    waiters: Vec<Option<Pin<Box<Waiter<'a>>>>>,
    words: Vec<Arc<Word>>,
    /// Each member is a case.
    claim: Arc<Claim>,
    /// The member for which the claim was won last, which may have a baton.
    told: Option<usize>,
}

/// The bits of 64 members.
pub(super) struct Word {
    bits: AtomicU64,
    /// The index of the member of the first bit.
    first: u32,
    claim: Arc<Claim>,
}

impl<'a> ReadySet<'a> {
    pub(crate) fn new() -> Self {
        Self { waiters: Vec::new(), words: Vec::new(), claim: Arc::new(Claim::new()), told: None }
    }

    /// Adds a member that counts as ready; returns its index.
    pub(crate) fn add(&mut self, list: &'a WaitList) -> usize {
        let index = self.waiters.len();
        if index == self.words.len() * WORD_BITS {
            let (first, claim) = (index as u32, Arc::clone(&self.claim));
            self.words.push(Arc::new(Word { bits: AtomicU64::new(0), first, claim }));
        }
        self.waiters.push(Some(Box::pin(Waiter::new(list))));
        self.mark(index);
        index
    }

    /// Removes a member, if it is there; its index is not used again.
    pub(crate) fn remove(&mut self, index: usize) -> bool {
        let there = self.waiters.get_mut(index).and_then(Option::take).is_some();
        if there {
            // The waiter has left its list: nobody else sets the bit.
            self.words[index / WORD_BITS].bits.fetch_and(!bit(index), Ordering::Relaxed);
        }
        there
    }

    /// The first member at or after `from`, or else before it, whose bit is set.
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        let (first, offset) = (from / WORD_BITS, from % WORD_BITS);
        let words = self.words.len();
        // The first word comes twice: from the offset on, and up to it.
        (0..=words).find_map(|step| {
            let word = (first + step) % words.max(1);
            let mask = match step {
                0 => u64::MAX << offset,
                step if step == words => !(u64::MAX << offset),
                _ => u64::MAX,
            };
            // Acquire: pairs with the Release in `tell`.
            let bits = self.words.get(word)?.bits.load(Ordering::Acquire) & mask;
            (bits != 0).then(|| word * WORD_BITS + bits.trailing_zeros() as usize)
        })
    }

    /// Clears the bit of a member that had nothing to do, and joins its list. Afterwards the caller
    /// must **look again**, and [`mark`](Self::mark) the member if there was something.
    pub(crate) fn arm(&self, index: usize) {
        let word = &*self.words[index / WORD_BITS];
        word.bits.fetch_and(!bit(index), Ordering::Relaxed);
        if let Some(waiter) = &self.waiters[index] {
            let target = Target::Member(word, (index % WORD_BITS) as u32);
            // What was there before was the same.
            let _: Target = waiter.as_ref().join(target);
            waiter.list.fence();
        }
    }

    /// Sets the bit of a member.
    pub(crate) fn mark(&self, index: usize) {
        self.words[index / WORD_BITS].bits.fetch_or(bit(index), Ordering::Relaxed);
    }

    /// From now on `waker` is woken when a bit is set. Afterwards the caller must look at the bits
    /// again before it sleeps.
    pub(crate) fn open(&mut self, waker: &Waker) {
        let waker = waker.clone();
        self.close();
        // SAFETY: the claim is closed, and `close` has settled who won it last.
        drop(unsafe { self.claim.open(waker) });
        // SeqCst fence: pairs with the one in `tell`.
        fence(Ordering::SeqCst);
    }

    /// From now on nobody is woken, and no baton is won.
    pub(crate) fn close(&mut self) {
        self.told = self.won().or(self.told);
    }

    /// Ends a wait that has named no member, and passes on what the set was told.
    pub(crate) fn leave(&mut self) {
        if let Some(won) = self.won() {
            self.pass_on(won);
        }
    }

    /// The owner goes for what there is at `index`: if the set was told of another member, that is for the
    /// next waiter. To be called with the claim closed.
    pub(crate) fn go_for(&mut self, index: usize) {
        if let Some(told) = self.told.take_if(|told| *told != index) {
            self.pass_on(told);
        }
    }

    /// Closes the claim; says for which member it was won.
    fn won(&self) -> Option<usize> {
        let won = self.claim.close()? as usize;
        // The winner may still be taking the waker.
        if let Some(waiter) = &self.waiters[won] {
            waiter.settle();
        }
        Some(won)
    }

    fn pass_on(&self, told: usize) {
        if let Some(waiter) = &self.waiters[told] {
            waiter.pass_on();
        }
    }
}

impl Word {
    /// Sets a bit, and competes for the set's attention. The caller holds the lock of the member's list,
    /// so the set is there.
    pub(super) fn tell(&self, index: u32) -> Won {
        // Release: pairs with the Acquire in `next`.
        self.bits.fetch_or(bit(index as usize), Ordering::Release);
        // SeqCst fence: pairs with the one in `open`.
        fence(Ordering::SeqCst);
        self.claim.win(self.first + index)
    }
}

fn bit(index: usize) -> u64 {
    1 << (index % WORD_BITS)
}

impl fmt::Debug for ReadySet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadySet").field("members", &self.waiters.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn bits_are_found_round_about_in_any_number_of_words() {
        for members in [1, 2, 63, 64, 65, 128, 200] {
            let list = WaitList::new();
            let mut set = ReadySet::new();
            (0..members).for_each(|index| assert_eq!(set.add(&list), index));
            for from in 0..members {
                assert_eq!(set.next(from), Some(from));
            }
            (0..members).for_each(|index| set.arm(index));
            assert_eq!((set.next(0), list.len()), (None, members));
            set.open(Waker::noop());
            list.notify_one();
            for from in 0..members {
                assert_eq!(set.next(from), Some(0));
            }
            set.close();
            set.mark(members - 1);
            assert_eq!(set.next(1.min(members - 1)), Some(members - 1));
            // A set that is at work is marked, and passed over.
            list.notify_one();
            assert_eq!(list.len(), 0);
            assert!((0..members).all(|from| set.next(from) == Some(from)));
            assert!(set.remove(members - 1));
            assert!(!set.remove(members - 1));
            drop(set);
            assert_eq!(list.len(), 0);
        }
        assert_eq!(ReadySet::new().next(0), None);
    }
}
