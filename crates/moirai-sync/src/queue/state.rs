//! What a queue says of itself, and its end.

use super::gate::{Ends, Gate};
use super::{Close, Key, Kind, Queue};

impl<T> Queue<T> {
    /// Forbids every later push; what is queued can still be taken. `fence` is the counterpart of the
    /// fences in the pushes of an only producer.
    pub(crate) fn close(&self, fence: impl FnOnce()) -> Close {
        match &self.0 {
            Kind::Ring(_, ring) => ring.close(),
            Kind::List(_, list, None) => list.close(),
            Kind::List(_, list, Some(homes)) => homes.close(list),
            Kind::Parts(_, parts) => parts.close(),
            Kind::Spsc(_, ring) => ring.close(fence),
            Kind::Chain(_, chain) => chain.close(fence),
            Kind::Nothing => Close::AlreadyClosed,
        }
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        match &self.0 {
            Kind::Ring(_, ring) => ring.is_closed(),
            Kind::List(_, list, _) => list.is_closed(),
            Kind::Parts(_, parts) => parts.is_closed(),
            Kind::Spsc(_, ring) => ring.is_closed(),
            Kind::Chain(_, chain) => chain.is_closed(),
            Kind::Nothing => false,
        }
    }

    /// # Panics
    ///
    /// Unless `key` is that of the only consumer.
    #[inline]
    pub(crate) fn assert_consumer(&self, key: &Key) {
        match &self.0 {
            Kind::Ring(gate, _) | Kind::List(gate, ..) => gate.check_consumer(key.id),
            Kind::Spsc(locks, _) | Kind::Chain(locks, _) => locks.check_consumer(key.id),
            Kind::Parts(..) | Kind::Nothing => {
                unreachable!("such a queue has many consumers")
            }
        }
    }

    /// Whether it is open and empty, where that is seen at once: what a select finds most often.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        match &self.0 {
            Kind::Ring(_, ring) => ring.is_idle(),
            _ => false,
        }
    }

    /// Whether it is empty, and nothing can follow. To be asked after a pop that found nothing.
    pub(crate) fn has_ended(&self) -> bool {
        match &self.0 {
            Kind::Spsc(_, ring) => return ring.has_ended(),
            Kind::Chain(_, chain) => return chain.has_ended(),
            _ => {}
        }
        // In this order: a closed queue with nothing reserved gets no more, so that it stays empty.
        self.is_closed() && !self.has_reserved() && self.is_empty()
    }

    /// Whether a value may follow a close.
    pub(crate) fn has_reserved(&self) -> bool {
        match &self.0 {
            Kind::Ring(_, ring) => ring.has_reserved(),
            Kind::List(_, list, _) => list.has_reserved(),
            Kind::Parts(_, parts) => parts.has_reserved(),
            Kind::Spsc(..) | Kind::Chain(..) | Kind::Nothing => false,
        }
    }

    /// How many values are queued, including those that a sender is still writing.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Kind::Ring(_, ring) => ring.len(),
            Kind::List(_, list, homes) => {
                list.len() + homes.as_ref().map_or(0, |homes| homes.len())
            }
            Kind::Parts(_, parts) => parts.len(),
            Kind::Spsc(_, ring) => ring.len(),
            Kind::Chain(_, chain) => chain.len(),
            Kind::Nothing => 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.0 {
            Kind::Ring(_, ring) => ring.is_empty(),
            Kind::List(_, list, homes) => {
                list.is_empty() && homes.as_ref().is_none_or(|homes| homes.is_empty())
            }
            Kind::Parts(_, parts) => parts.is_empty(),
            Kind::Spsc(_, ring) => ring.len() == 0,
            Kind::Chain(_, chain) => chain.len() == 0,
            Kind::Nothing => true,
        }
    }

    /// Whether every place is taken or reserved.
    pub(crate) fn is_full(&self) -> bool {
        match &self.0 {
            Kind::Ring(_, ring) => ring.is_full(),
            Kind::List(..) | Kind::Chain(..) => false,
            Kind::Parts(_, parts) => parts.is_full(),
            Kind::Spsc(_, ring) => ring.len() == ring.capacity(),
            Kind::Nothing => true,
        }
    }

    /// Whether more than half of the places are taken: a sender that can still wait a little does.
    pub(crate) fn is_crowded(&self) -> bool {
        self.capacity().is_some_and(|capacity| self.len() > capacity / 2)
    }

    /// `None`: as many as the memory holds.
    pub(crate) fn capacity(&self) -> Option<usize> {
        match &self.0 {
            Kind::Ring(_, ring) => Some(ring.capacity()),
            Kind::List(..) | Kind::Chain(..) => None,
            Kind::Parts(_, parts) => parts.capacity(),
            Kind::Spsc(_, ring) => Some(ring.capacity()),
            Kind::Nothing => Some(0),
        }
    }

    /// How many workers there are that have a list of their own.
    pub(crate) fn homes(&self) -> usize {
        match &self.0 {
            Kind::List(_, _, Some(homes)) => homes.count(),
            _ => 0,
        }
    }

    /// Whether a push would stay at the thread's home, if the queue has homes.
    pub(crate) fn has_local_room(&self) -> bool {
        match &self.0 {
            Kind::Parts(_, parts) => parts.has_local_room(),
            _ => true,
        }
    }

    /// How many values were ever pushed, as its tail says: modulo what positions can count, which is
    /// at least 2^46 where a pointer has 64 bits.
    pub(crate) fn pushed(&self) -> usize {
        self.ends().map_or(0, |(_, ends)| ends.pushed())
    }

    /// How many values were ever popped; as [`pushed`](Self::pushed).
    pub(crate) fn popped(&self) -> usize {
        self.ends().map_or(0, |(_, ends)| ends.popped())
    }

    /// How long it has been at most; 0 unless it is watched.
    pub(crate) fn most(&self) -> usize {
        self.ends().map_or(0, |(gate, _)| gate.most())
    }

    /// From now on, [`most`](Self::most) is how long it will have been.
    pub(crate) fn forget_most(&self) {
        self.ends().iter().for_each(|(gate, ends)| gate.forget_most(*ends));
    }

    /// What says how many came and went, where many push.
    fn ends(&self) -> Option<(&Gate, &dyn Ends)> {
        match &self.0 {
            Kind::Ring(gate, ring) => Some((gate, ring)),
            Kind::List(gate, list, _) => Some((gate, list)),
            Kind::Parts(gate, parts) => Some((gate, &**parts)),
            Kind::Spsc(..) | Kind::Chain(..) | Kind::Nothing => None,
        }
    }
}
