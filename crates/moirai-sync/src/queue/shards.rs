//! A part for each home: of a worker, a thread or a node of memory.
//!
//! ```text
//!   push ─► the part at home ── has its share already ──► the common one, if there is one
//!   pop  ◄─ the part at home ◄─ empty: the common one ◄─ empty: the others, in turn
//! ```
//!
//! Each part is first in, first out for whoever takes from it. Where nobody says which home is meant,
//! it is the thread's, or each in turn. Knows neither workers nor nodes.

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
}

/// Where a sender is that does not say.
#[derive(Debug)]
enum Senders {
    AtHome,
    /// Each in turn.
    Anywhere(CachePadded<AtomicUsize>),
}

impl Shards {
    /// For senders that are nowhere: each value goes to the next home.
    pub(super) fn in_turn(homes: usize) -> Self {
        let senders = Senders::Anywhere(CachePadded::new(AtomicUsize::new(0)));
        Self { homes, senders, share: None, home: thread_number }
    }

    /// Whose homes are threads.
    pub(super) fn of_threads(homes: usize) -> Self {
        Self { homes, senders: Senders::AtHome, share: None, home: thread_number }
    }

    /// Whose homes are what `home` says, modulo their number; each takes `share` values before the
    /// common part does.
    pub(super) fn with_common(homes: usize, share: usize, home: fn() -> usize) -> Self {
        Self { homes, senders: Senders::AtHome, share: Some(share), home }
    }

    pub(super) fn homes(&self) -> usize {
        self.homes
    }

    /// Where a value goes.
    pub(super) fn part_for<T>(&self, part: Part, queues: &[Queue<T>]) -> usize {
        let home = match (part, &self.senders) {
            (Part::Home(home), _) => home,
            (_, Senders::AtHome) => (self.home)(),
            // Relaxed: a turn orders nothing.
            (_, Senders::Anywhere(turn)) => turn.fetch_add(1, Ordering::Relaxed),
        } % self.homes;
        match self.share {
            Some(share) if queues[home].len() >= share => self.homes,
            _ => home,
        }
    }

    /// Whether a value that is for no home would go to the thread's own.
    pub(super) fn has_room_at_home<T>(&self, queues: &[Queue<T>]) -> bool {
        let home = (self.home)() % self.homes;
        self.share.is_none_or(|share| queues[home].len() < share)
    }

    /// Takes the oldest value at `home`, else of the common part, else of another one.
    pub(super) fn pop<T>(&self, home: Option<usize>, queues: &[Queue<T>]) -> Option<T> {
        let home = match home {
            Some(home) => home,
            // Nobody's values wait for ever: now and then, a receiver begins anywhere.
            None if random_below(FAIR_EVERY) == 0 => random_below(self.homes as u64) as usize,
            None => (self.home)(),
        } % self.homes;
        let (before, after) = (0..home, home + 1..self.homes);
        let common = self.homes..queues.len();
        let parts = std::iter::once(home).chain(common).chain(after).chain(before);
        parts.into_iter().find_map(|part| queues[part].pop())
    }
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

/// One receive of so many does not begin at home.
const FAIR_EVERY: u64 = 64;
