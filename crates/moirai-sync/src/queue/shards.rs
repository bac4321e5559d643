//! A part for each home: of a worker, a thread or a node of memory.
//!
//! ```text
//!   push ─► the part at home ── has its share already ──► the common one, if there is one
//!   pop  ◄─ the part at home ◄─ empty: the common one ◄─ empty: the others in a circle
//! ```
//!
//! Each part is first in, first out for whoever takes from it. Where nobody says which home is meant,
//! it is the thread's, or each in turn. Knows neither workers nor nodes.
//!
//! **In runs.** What is for nobody goes to the same home [`RUN`] times before it goes to the next, and
//! who takes from another's part does so up to [`RUN`] times before it looks at home again. Otherwise
//! the two sides would meet at each value: a receiver that empties its own part, then waits at it for
//! the next value, has the lines that the sender is writing to, while all the rest piles up elsewhere.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `Theft` | Relaxed | nothing: a hint, for whoever receives at that home; two of them may both take a run |

use std::cell::Cell;

use crate::cache_padded::CachePadded;
use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::prim::{Counter, random_below, thread_local};

use super::{Part, Queue};

/// The most homes.
pub(crate) const HOMES_MAX: usize = 1024;

#[derive(Debug)]
pub(super) struct Shards {
    homes: usize,
    senders: Senders,
    /// How many values a part at home takes before they go to the common one, which follows the homes.
    share: Option<usize>,
    /// Where a receiver is that does not say.
    home: fn() -> usize,
    /// Of each home.
    thefts: Box<[CachePadded<Theft>]>,
}

/// Where whoever receives at a home takes what is others': `part * RUN + left`, where `left` is how
/// often it does so before it looks at home again.
#[derive(Debug, Default)]
struct Theft(AtomicUsize);

/// Where a sender is that does not say.
#[derive(Debug)]
enum Senders {
    AtHome,
    /// Each in turn, [`RUN`] at a time; every thread counts its own.
    Anywhere,
}

impl Shards {
    /// For senders that are nowhere: what they send goes to each home in turn.
    pub(super) fn in_turn(homes: usize) -> Self {
        Self::new(homes, Senders::Anywhere, None, thread_number)
    }

    /// Whose homes are threads.
    pub(super) fn of_threads(homes: usize) -> Self {
        Self::new(homes, Senders::AtHome, None, thread_number)
    }

    /// Whose homes are what `home` says, modulo their number; each takes `share` values before the
    /// common part does.
    pub(super) fn with_common(homes: usize, share: usize, home: fn() -> usize) -> Self {
        Self::new(homes, Senders::AtHome, Some(share), home)
    }

    fn new(homes: usize, senders: Senders, share: Option<usize>, home: fn() -> usize) -> Self {
        let thefts = (0..homes).map(|_| CachePadded::default()).collect();
        Self { homes, senders, share, home, thefts }
    }

    pub(super) fn homes(&self) -> usize {
        self.homes
    }

    /// Where a value goes.
    #[inline]
    pub(super) fn part_for<T>(&self, part: Part, queues: &[Queue<T>]) -> usize {
        let home = match (part, &self.senders) {
            (Part::Home(home), _) => home,
            (_, Senders::AtHome) => self.home_of(self.home),
            (_, Senders::Anywhere) => self.home_of(Turn::next),
        };
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

    /// Takes the oldest value at `home`, else of another part.
    #[inline]
    pub(super) fn pop<T>(&self, home: Option<usize>, queues: &[Queue<T>]) -> Option<T> {
        let home = match home {
            Some(home) => home,
            None => self.receiver_home(),
        };
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

    /// Where a receiver is that does not say.
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

// loom's thread-locals take no `const`.
#[cfg(moirai_loom)]
thread_local! {
    static TURN: Cell<Turn> = Cell::new(Turn::NONE);
}
#[cfg(not(moirai_loom))]
thread_local! {
    static TURN: Cell<Turn> = const { Cell::new(Turn::NONE) };
}

/// Whose turn it is among the homes, as seen by one sending thread.
#[derive(Clone, Copy)]
struct Turn {
    home: u32,
    /// How many values still go there.
    left: u32,
}

impl Turn {
    const NONE: Self = Self { home: 0, left: 0 };

    /// Counts one value, and says where it goes.
    #[inline]
    fn next() -> usize {
        // Where the thread's locals are gone, always to the same home.
        let home = TURN.try_with(|turn| {
            let Self { home, left } = turn.get();
            let next = match left {
                0 => Self::begin(home),
                _ => Self { home, left: left - 1 },
            };
            turn.set(next);
            next.home
        });
        home.unwrap_or(0) as usize
    }

    /// The next run, or the first: threads begin at different homes.
    #[cold]
    fn begin(last: u32) -> Self {
        let home = match last {
            0 => thread_number() as u32,
            _ => last,
        };
        Self { home: home.wrapping_add(1), left: RUN as u32 - 1 }
    }
}

/// Threads that have been given a number.
static THREADS: Counter = Counter::new(0);

/// A number of this thread's own; 0 where its thread-locals are gone.
fn thread_number() -> usize {
    NUMBER.try_with(|number| *number).unwrap_or(0)
}

/// How many values go to one home before the next has its turn, and how many are taken from another's
/// part before the own is looked at: enough that the two sides meet seldom.
pub(super) const RUN: usize = 64;

/// One receive of so many does not begin at home.
const FAIR_EVERY: u64 = 64;
