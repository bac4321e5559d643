//! The queues of suite `deque`, ours and others', behind one trait. Knows no workload.
//!
//! Ours is first in, first out, so that is what it is compared with; the others' last-in-first-out
//! kinds take part because an executor may choose either.

use moirai_runtime::deque::{Injector, StealStrategy, Stealer, Worker};

/// The most items that a theft of half takes from a batch of this suite.
const HALF_MAX: usize = 128;

/// Room in the rivals that are made with a fixed one; ours has as much.
const CAPACITY: usize = 256;

/// One owner's end, with which its thread also steals.
pub(super) trait Queue: Send + 'static {
    /// The peer's name.
    const NAME: &'static str;
    /// The end for thieves.
    type Stealer: Send;

    fn new() -> Self;
    fn stealer(&self) -> Self::Stealer;
    /// Adds an item; there is room.
    fn push(&self, item: u64);
    fn pop(&self) -> Option<u64>;
    /// Takes one item.
    fn steal_one(from: &Self::Stealer, to: &Self) -> Option<u64>;
    /// Takes half of the items: one comes back, the others go to `to`.
    fn steal_half(from: &Self::Stealer, to: &Self) -> Option<u64>;
}

pub(super) struct Moirai(Worker<u64>);

impl Queue for Moirai {
    const NAME: &'static str = <crate::peer::moirai::Moirai as crate::peer::Peer>::NAME;
    type Stealer = Stealer<u64>;

    fn new() -> Self {
        Self(Worker::new(&Injector::new()))
    }

    fn stealer(&self) -> Self::Stealer {
        self.0.stealer()
    }

    fn push(&self, item: u64) {
        self.0.push(item);
    }

    fn pop(&self) -> Option<u64> {
        self.0.pop()
    }

    fn steal_one(from: &Self::Stealer, _: &Self) -> Option<u64> {
        from.steal_one().success()
    }

    fn steal_half(from: &Self::Stealer, to: &Self) -> Option<u64> {
        from.steal(&to.0, StealStrategy::Half).success()
    }
}

/// A worker of crossbeam-deque of one order.
macro_rules! crossbeam {
    ($queue:ident, $new:ident, $name:literal) => {
        pub(super) struct $queue(crossbeam_deque::Worker<u64>);

        impl Queue for $queue {
            const NAME: &'static str = $name;
            type Stealer = crossbeam_deque::Stealer<u64>;

            fn new() -> Self {
                Self(crossbeam_deque::Worker::$new())
            }

            fn stealer(&self) -> Self::Stealer {
                self.0.stealer()
            }

            fn push(&self, item: u64) {
                self.0.push(item);
            }

            fn pop(&self) -> Option<u64> {
                self.0.pop()
            }

            fn steal_one(from: &Self::Stealer, _: &Self) -> Option<u64> {
                from.steal().success()
            }

            fn steal_half(from: &Self::Stealer, to: &Self) -> Option<u64> {
                // Without a limit of ours its own is 32.
                from.steal_batch_with_limit_and_pop(&to.0, HALF_MAX).success()
            }
        }
    };
}

crossbeam!(Crossbeam, new_fifo, "crossbeam");
crossbeam!(CrossbeamLifo, new_lifo, "crossbeam-lifo");

/// A worker of st3 of one order.
macro_rules! st3 {
    ($queue:ident, $order:ident, $name:literal) => {
        pub(super) struct $queue(st3::$order::Worker<u64>);

        impl Queue for $queue {
            const NAME: &'static str = $name;
            type Stealer = st3::$order::Stealer<u64>;

            fn new() -> Self {
                Self(st3::$order::Worker::new(CAPACITY))
            }

            fn stealer(&self) -> Self::Stealer {
                self.0.stealer()
            }

            fn push(&self, item: u64) {
                assert!(self.0.push(item).is_ok(), "the queue is full");
            }

            fn pop(&self) -> Option<u64> {
                self.0.pop()
            }

            fn steal_one(from: &Self::Stealer, to: &Self) -> Option<u64> {
                from.steal_and_pop(&to.0, |_| 1).ok().map(|(item, _)| item)
            }

            fn steal_half(from: &Self::Stealer, to: &Self) -> Option<u64> {
                from.steal_and_pop(&to.0, |len| len.div_ceil(2)).ok().map(|(item, _)| item)
            }
        }
    };
}

st3!(St3, fifo, "st3");
st3!(St3Lifo, lifo, "st3-lifo");
