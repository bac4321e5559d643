//! A part for each level of priority, and a mask of those that may hold something.
//!
//! ```text
//!   mask     0 .. 0 1 0 1      a pop takes from the part of the highest bit
//!                   │   │
//!   parts    3    2    1    0  a push goes to the one of its level
//!                 ▲    ▲
//!                 └────┴─ first in, first out within each
//! ```
//!
//! **The mask is a hint,** which a pop believes only where it says that there is something. A part that
//! turns out to be empty loses its bit, and is *looked at again after that*: a push that found the bit
//! still set has left it. Where the whole mask is 0, a pop looks into every part before it says that
//! there is nothing, so a bit that is missing for a moment hides no message from who goes to sleep. The
//! order that must not be turned round is this one:
//!
//! ```text
//!   push:  into the part  ─ fence ─ is the bit set? leave it : set it
//!   pop:   clear the bit  ─ fence ─ is the part empty? go on : set it again
//! ```
//! At least one of them sees the other.
//!
//! **What is highest** is decided when a part has been found not to be empty: whoever has pushed to a
//! higher one before that value came has set its bit, which is looked for then.
//!
//! **Several receivers:** between the two steps of a pop that clears a bit, another one may take from a
//! lower level. Where one thread receives, or two do one after the other, the highest goes first.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | fence before the load of `mask` in `mark` (the push's own) | SeqCst | the fence in `clear` |
//! | `mask` subtraction and fence in `clear` | SeqCst | the fence of whoever has pushed |
//! | `mask` loads | Relaxed | ordered by the part's Acquire before the one that counts |

use crate::prim::atomic::{AtomicU64, Ordering};
use crate::prim::fence_after_rmw;

use super::Queue;

/// The most levels: the bits of the mask.
pub(crate) const LEVELS_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Levels {
    mask: AtomicU64,
}

impl Levels {
    pub(super) fn new() -> Self {
        Self { mask: AtomicU64::new(0) }
    }

    /// Takes the oldest value of the highest level that has one; says which that was.
    pub(super) fn pop<T>(&self, queues: &[Queue<T>]) -> Option<(T, usize)> {
        loop {
            let level = self.highest().or_else(|| self.search(queues))?;
            if queues[level].is_empty() {
                self.clear(level, queues);
                continue;
            }
            // Something higher may have come before what is here: its bit was set before that.
            if self.highest() != Some(level) {
                continue;
            }
            if let Some(value) = queues[level].pop() {
                return Some((value, level));
            }
        }
    }

    /// The highest level whose bit is set.
    fn highest(&self) -> Option<usize> {
        // Relaxed: a hint; what it is compared with was read before, with Acquire.
        self.mask.load(Ordering::Relaxed).checked_ilog2().map(|level| level as usize)
    }

    /// A level that has a value, whatever the mask says; `None` if all are empty.
    #[cold]
    fn search<T>(&self, queues: &[Queue<T>]) -> Option<usize> {
        let level = queues.iter().rposition(|queue| !queue.is_empty())?;
        self.mark(level);
        Some(level)
    }

    /// The part of `level` is not empty: a value was pushed before, with a full fence after it, or was
    /// seen there.
    pub(super) fn mark(&self, level: usize) {
        let bit = 1 << level;
        // Relaxed: if it is set, whoever clears it sees the value afterwards (see the top).
        if self.mask.load(Ordering::Relaxed) & bit == 0 {
            // Relaxed: a hint.
            self.mask.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// The part of `level` was empty.
    #[cold]
    fn clear<T>(&self, level: usize, queues: &[Queue<T>]) {
        // SeqCst: with the fence, before the look at the part; pairs with the fence of a push.
        self.mask.fetch_and(!(1 << level), Ordering::SeqCst);
        fence_after_rmw();
        if !queues[level].is_empty() {
            self.mark(level);
        }
    }
}
