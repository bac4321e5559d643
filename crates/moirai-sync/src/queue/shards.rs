//! A part for each home: of a thread or a node of memory.
//!
//! ```text
//!   push ─► the part at home ── has its share already ──► the common one, if there is one
//!   pop  ◄─ the part at home ◄─ empty: the common one ◄─ empty: the others in a circle
//! ```
//!
//! Each part is first in, first out for whoever takes from it. Which home is meant says the thread.
//! Knows neither threads nor nodes.
//!
//! **In runs.** Who takes from another's part does so up to [`RUN`] times before it looks at home again.
//! Otherwise the two sides would meet at each value: a receiver that empties its own part, then waits at
//! it for the next value, has the lines that the sender is writing to, while all the rest piles up
//! elsewhere.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `Theft` | Relaxed | nothing: a hint, for whoever receives at that home; two of them may both take a run |

use crate::cache_padded::CachePadded;
use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::prim::{Counter, random_below, thread_local};

use super::Queue;

/// The most homes.
pub(crate) const HOMES_MAX: usize = 1024;

#[derive(Debug)]
pub(super) struct Shards {
    homes: usize,
    /// How many values a part at home takes before they go to the common one, which follows the homes.
    share: Option<usize>,
    /// Where the thread is.
    home: fn() -> usize,
    /// Of each home.
    thefts: Box<[CachePadded<Theft>]>,
}

/// Where whoever receives at a home takes what is others': `part * RUN + left`, where `left` is how
/// often it does so before it looks at home again.
#[derive(Debug, Default)]
struct Theft(AtomicUsize);

impl Shards {
    /// Whose homes are threads.
    pub(super) fn of_threads(homes: usize) -> Self {
        Self::new(homes, None, thread_number)
    }

    /// Whose homes are what `home` says, modulo their number; each takes `share` values before the
    /// common part does.
    pub(super) fn with_common(homes: usize, share: usize, home: fn() -> usize) -> Self {
        Self::new(homes, Some(share), home)
    }

    fn new(homes: usize, share: Option<usize>, home: fn() -> usize) -> Self {
        let thefts = (0..homes).map(|_| CachePadded::default()).collect();
        Self { homes, share, home, thefts }
    }

    /// Where a value goes.
    #[inline]
    pub(super) fn part_for<T>(&self, queues: &[Queue<T>]) -> usize {
        let home = self.home_of(self.home);
        match self.share {
            Some(share) if queues[home].len() >= share => self.homes,
            _ => home,
        }
    }

    /// The home that a number stands for.
    #[inline]
    fn home_of(&self, number: impl FnOnce() -> usize) -> usize {
        // Of 32 bits, which is less than half the work. There are at most `HOMES_MAX`.
        (number() as u32 % self.homes as u32) as usize
    }

    /// Whether a value that is for no home would go to the thread's own.
    pub(super) fn has_room_at_home<T>(&self, queues: &[Queue<T>]) -> bool {
        let home = self.home_of(self.home);
        self.share.is_none_or(|share| queues[home].len() < share)
    }

    /// Takes the oldest value at home, else of another part.
    #[inline]
    pub(super) fn pop<T>(&self, queues: &[Queue<T>]) -> Option<T> {
        let home = self.receiver_home();
        let theft = &self.thefts[home].0;
        let (part, left) = split(theft.load(Ordering::Relaxed));
        if left != 0 {
            if let Some(value) = queues[part].pop() {
                theft.store(joined(part, left - 1), Ordering::Relaxed);
                return Some(value);
            }
            theft.store(joined(part, 0), Ordering::Relaxed);
        }
        queues[home].pop().or_else(|| self.steal(theft, part, queues))
    }

    /// Where a receiver begins.
    fn receiver_home(&self) -> usize {
        // Nobody's values wait for ever: now and then, a receiver begins anywhere.
        match random_below(FAIR_EVERY) {
            0 => random_below(self.homes as u64) as usize,
            _ => self.home_of(self.home),
        }
    }

    /// Begins a run at the first part that has a value: the common one, then from `last` on.
    #[inline(never)]
    fn steal<T>(&self, theft: &AtomicUsize, last: usize, queues: &[Queue<T>]) -> Option<T> {
        let common = self.homes..queues.len();
        let mut parts = common.chain(last..self.homes).chain(0..last.min(self.homes));
        let (part, value) = parts.find_map(|part| Some((part, queues[part].pop()?)))?;
        theft.store(joined(part, RUN - 1), Ordering::Relaxed);
        Some(value)
    }
}

/// A part, and how often one still takes from there.
fn split(theft: usize) -> (usize, usize) {
    (theft / RUN, theft % RUN)
}

fn joined(part: usize, left: usize) -> usize {
    part * RUN + left
}

thread_local! {
    static NUMBER: usize = THREADS.take(1) as usize;
}

/// Threads that have been given a number.
static THREADS: Counter = Counter::new(0);

/// A number of this thread's own; 0 where its thread-locals are gone.
fn thread_number() -> usize {
    NUMBER.try_with(|number| *number).unwrap_or(0)
}

/// How many values are taken from another's part before the own is looked at: enough that the two sides
/// meet seldom.
const RUN: usize = 64;

/// One receive of so many does not begin at home.
const FAIR_EVERY: u64 = 64;
