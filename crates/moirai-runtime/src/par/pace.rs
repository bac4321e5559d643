//! How large the next block is, and when a piece is divided.
//!
//! A block is what runs between two looks at the clock and at what others want of this worker. The
//! first blocks are tiny and grow until it is known what an item costs. Work that is at its end by
//! then was not worth waking anybody; the rest is divided once per doubling of the workers, and
//! later wherever an idle worker asks.
//!
//! Knows no items, only how many there are.

use std::time::Instant;

use moirai_sync::__prim::HAS_CLOCK;

use crate::join::{Demand, checkpoint, current_num_workers};

/// The pace of one piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    min_len: usize,
    max_len: usize,
    forks: Forks,
    /// What an item costs; before the first block, and where that was too short to tell, too much.
    item_ns: f32,
    /// When the last block ended.
    clock: Clock,
}

/// How often a piece is to be divided without being asked.
#[derive(Clone, Copy, Debug)]
enum Forks {
    /// Unknown: the piece is the whole, and may be too small to be divided at all.
    Probing,
    Left(u32),
}

/// What comes after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Next {
    Block,
    /// Divide the rest.
    Fork,
}

impl Pace {
    pub(super) fn new(min_len: usize, max_len: usize) -> Self {
        let (min_len, max_len) = (min_len.max(1), max_len.max(1));
        let clock = Clock::STOPPED;
        Self { min_len, max_len, forks: Forks::Probing, item_ns: PROBE_NS_MAX, clock }
    }

    /// Whether a piece of `size` is divided before anything of it runs.
    pub(super) fn forks_at_once(&self, size: usize) -> bool {
        let due = matches!(self.forks, Forks::Left(1..)) && self.is_worth_it(size);
        self.is_divisible(size) && (due || size > self.max_len)
    }

    /// How many of `size` items run next.
    pub(super) fn block(&mut self, size: usize) -> usize {
        if !self.clock.is_running() {
            self.clock = Clock::now();
        }
        let items = |ns: f32| (ns / self.item_ns) as usize;
        let block = match self.forks {
            Forks::Probing => items(PROBE_NS_MAX),
            // Towards the end they become smaller, so that one can still be helped.
            Forks::Left(_) => {
                items(BLOCK_NS_MAX).min((size / BLOCKS_OF_REST).max(items(BLOCK_NS_MIN)))
            }
        };
        block.max(self.min_len).min(self.max_len.max(self.min_len))
    }

    /// After a block: what is to be done with the `size` items that are left.
    pub(super) fn fed(&mut self, block: usize, size: usize) -> Next {
        let now = Clock::now();
        let block_ns = now.ns_since(self.clock);
        self.clock = now;
        // One interruption does not make the next blocks tiny, nor an easy stretch huge.
        let (least, most) = (self.item_ns / GROWTH_MAX, self.item_ns * GROWTH_MAX);
        self.item_ns = (block_ns / block as f32).clamp(least.max(ITEM_NS_MIN), most);
        let due = match self.forks {
            Forks::Probing if block_ns < PROBE_NS_MIN => return Next::Block,
            Forks::Probing => {
                self.forks = Forks::Left(current_num_workers().next_power_of_two().ilog2());
                true
            }
            Forks::Left(_) => false,
        };
        // Also does what else others want of this worker.
        let wanted = checkpoint() == Demand::Split;
        match (due || wanted) && self.is_divisible(size) && self.is_worth_it(size) {
            true => Next::Fork,
            false => Next::Block,
        }
    }

    /// The pace of each half of a piece.
    pub(super) fn half(self) -> Self {
        let forks = match self.forks {
            Forks::Probing => Forks::Probing,
            Forks::Left(left) => Forks::Left(left.saturating_sub(1)),
        };
        Self { forks, clock: Clock::STOPPED, ..self }
    }

    /// The pace of a piece that another worker has taken: more of them may be idle.
    pub(super) fn taken(self) -> Self {
        match self.forks {
            Forks::Probing => self,
            Forks::Left(left) => Self { forks: Forks::Left(left.max(1)), ..self },
        }
    }

    fn is_divisible(&self, size: usize) -> bool {
        size / 2 >= self.min_len
    }

    fn is_worth_it(&self, size: usize) -> bool {
        self.item_ns * size as f32 >= FORK_NS_MIN
    }
}

/// A moment, or none yet. In a model every block takes as long as it should.
#[derive(Clone, Copy, Debug)]
struct Clock(Option<Instant>);

impl Clock {
    const STOPPED: Self = Self(None);

    fn now() -> Self {
        Self(HAS_CLOCK.then(Instant::now))
    }

    fn is_running(self) -> bool {
        self.0.is_some()
    }

    fn ns_since(self, earlier: Self) -> f32 {
        match (self.0, earlier.0) {
            (Some(now), Some(earlier)) => now.duration_since(earlier).as_nanos() as f32,
            _ => PROBE_NS_MAX,
        }
    }
}

/// A block that took at least this long tells what an item costs, so the whole is divided.
const PROBE_NS_MIN: f32 = 1_000.0;
/// What a block of the probe aims at.
const PROBE_NS_MAX: f32 = 2_000.0;
/// The longest block: how long an async task waits for a worker that computes.
const BLOCK_NS_MAX: f32 = 20_000.0;
/// The shortest: a hundred times what its end costs.
const BLOCK_NS_MIN: f32 = 4_000.0;
/// A block is at most this part of what is left, or the shortest.
const BLOCKS_OF_REST: usize = 8;
/// A block is at most so many times as large as the one before.
const GROWTH_MAX: f32 = 8.0;
/// Nothing is cheaper: it keeps the next block finite.
const ITEM_NS_MIN: f32 = 0.01;
/// Less work than this is not divided: to hand it over costs a tenth of it.
const FORK_NS_MIN: f32 = 5_000.0;
