//! The queues of work that is not of normal priority, shared by all workers.
//!
//! Normal work lies in the rings, the slots and the injector; this is for the rest, which is
//! rare. A worker looks at one word to see that nothing urgent waits.
//!
//! **Order and aging.** Critical before high before normal before low, but nobody starves: after
//! [`URGENT_STREAK_MAX`] urgent works in a row a worker runs one that is not, every
//! [`HIGH_TURN`]-th urgent one is a high one first, and whenever a worker looks outside of its own
//! queue, a low one has its chance.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `urgent` | Relaxed | a hint, raised before the push; who must not miss work fences before and looks at the queues (see `idle`) |

use moirai_sync::__prim::atomic::{AtomicUsize, Ordering};
use moirai_sync::{CachePadded, Priority};

use super::injector::Injector;
use super::work::{Chain, Work};

#[derive(Debug)]
pub(crate) struct Lanes {
    /// How much lies in the upper two queues, or is about to.
    urgent: CachePadded<AtomicUsize>,
    critical: Injector,
    high: Injector,
    low: Injector,
}

/// Which queue work of other than normal priority waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Low,
    High,
    Critical,
}

impl Lane {
    /// None for normal work.
    pub(crate) fn of(priority: Priority) -> Option<Self> {
        match priority {
            Priority::Low => Some(Self::Low),
            Priority::Normal => None,
            Priority::High => Some(Self::High),
            Priority::Critical => Some(Self::Critical),
        }
    }
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Self {
            urgent: CachePadded::new(AtomicUsize::new(0)),
            critical: Injector::new(),
            high: Injector::new(),
            low: Injector::new(),
        }
    }

    fn queue(&self, lane: Lane) -> &Injector {
        match lane {
            Lane::Low => &self.low,
            Lane::High => &self.high,
            Lane::Critical => &self.critical,
        }
    }

    /// Adds `work`; it comes back if the lanes are closed.
    pub(crate) fn push(&self, lane: Lane, work: Work) -> Result<(), Work> {
        if lane != Lane::Low {
            self.urgent.fetch_add(1, Ordering::Relaxed);
        }
        self.queue(lane).push(work)
    }

    /// Whether something urgent waits.
    #[inline]
    pub(crate) fn has_urgent(&self) -> bool {
        self.urgent.load(Ordering::Relaxed) != 0
    }

    /// The next urgent work of a worker that has run `streak` urgent ones in a row.
    pub(crate) fn pop_urgent(&self, streak: u32) -> Option<Work> {
        let order = if streak % HIGH_TURN == HIGH_TURN - 1 {
            [&self.high, &self.critical]
        } else {
            [&self.critical, &self.high]
        };
        let work = order.into_iter().find_map(Injector::pop)?;
        self.urgent.fetch_sub(1, Ordering::Relaxed);
        Some(work)
    }

    pub(crate) fn pop_low(&self) -> Option<Work> {
        self.low.pop()
    }

    /// Whether nothing waits; as a hint.
    pub(crate) fn is_empty(&self) -> bool {
        self.critical.is_empty() && self.high.is_empty() && self.low.is_empty()
    }

    /// Refuses work from now on; returns what is queued.
    pub(crate) fn close(&self) -> Chain {
        let mut rest = self.critical.close();
        rest.append(self.high.close());
        rest.append(self.low.close());
        rest
    }
}

/// So many urgent works in a row, and one that is not has its turn.
pub(crate) const URGENT_STREAK_MAX: u32 = 8;

/// Of so many urgent works in a row, one is a high one first.
const HIGH_TURN: u32 = 4;
