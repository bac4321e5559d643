//! Who stands in line, in order of arrival, under a lock of the owner's.
//!
//! ```text
//!            push                 leave_front             take
//!   (free) ────────► in line ─────────────────► told ────────────► (free)
//!                       └────────────────────── take ────────────────▲
//! ```
//! A place belongs to whoever waits until it [takes](Line::take) its value out, also after it has
//! left the line: what was decided for it lies there. Safe code: places are indices, of a vector
//! that grows to the greatest number who have ever waited together, and is given back when it was
//! large and nobody waits. This file knows no waker and no lock.

/// A first-in, first-out line of values; each can be taken out of the middle.
#[derive(Debug)]
pub(super) struct Line<T> {
    places: Vec<Place<T>>,
    first: usize,
    last: usize,
    /// The first of the free places, which are linked by `next`.
    free: usize,
    used: usize,
}

#[derive(Debug)]
struct Place<T> {
    /// `None` where the place is free.
    value: Option<T>,
    standing: Standing,
    prev: usize,
    next: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    InLine,
    Out,
}

/// Names a place, for the one who waits there.
#[derive(Debug)]
pub(super) struct Ticket(usize);

const NONE: usize = usize::MAX;

/// How many places are kept when nobody waits.
const PLACES_KEPT_MAX: usize = 64;

impl<T> Line<T> {
    /// Nobody waits.
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), first: NONE, last: NONE, free: NONE, used: 0 }
    }

    /// Stands behind all others.
    pub(super) fn push(&mut self, value: T) -> Ticket {
        let place =
            Place { value: Some(value), standing: Standing::InLine, prev: self.last, next: NONE };
        let index = match self.free {
            NONE => {
                self.places.push(place);
                self.places.len() - 1
            }
            free => {
                self.free = self.places[free].next;
                self.places[free] = place;
                free
            }
        };
        match self.last {
            NONE => self.first = index,
            last => self.places[last].next = index,
        }
        self.last = index;
        self.used += 1;
        Ticket(index)
    }

    /// The value of whoever is first.
    pub(super) fn front(&mut self) -> Option<&mut T> {
        self.places.get_mut(self.first)?.value.as_mut()
    }

    /// Lets the first one leave the line; its value stays in its place.
    pub(super) fn leave_front(&mut self) {
        if self.first != NONE {
            self.unlink(self.first);
        }
    }

    /// The value in a place.
    pub(super) fn get(&mut self, ticket: &Ticket) -> Option<&mut T> {
        self.places.get_mut(ticket.0)?.value.as_mut()
    }

    /// Leaves the line, if it still stands there, and the place.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<T> {
        let Ticket(index) = ticket;
        if self.places.get(index)?.standing == Standing::InLine {
            self.unlink(index);
        }
        let value = self.places[index].value.take();
        self.places[index].next = self.free;
        self.free = index;
        self.used -= 1;
        if self.used == 0 && self.places.len() > PLACES_KEPT_MAX {
            *self = Self::new();
        }
        value
    }

    fn unlink(&mut self, index: usize) {
        let Place { prev, next, .. } = self.places[index];
        self.places[index].standing = Standing::Out;
        match prev {
            NONE => self.first = next,
            prev => self.places[prev].next = next,
        }
        match next {
            NONE => self.last = prev,
            next => self.places[next].prev = prev,
        }
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Under Miri few cases, and no file of those that failed.
        #![proptest_config(if cfg!(miri) {
            ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() }
        } else {
            ProptestConfig::default()
        })]

        /// Against a vector of who is in line, and one of who was told and has not come.
        #[test]
        fn a_line_is_a_queue_that_one_can_leave_from_anywhere(
            steps in proptest::collection::vec((0_u8..4, any::<proptest::sample::Index>()), 0..200)
        ) {
            let mut line = Line::new();
            let mut waiting: Vec<(u32, Ticket)> = Vec::new();
            let mut told: Vec<(u32, Ticket)> = Vec::new();
            let mut number = 0;
            for (step, index) in steps {
                match step {
                    0 | 1 => {
                        waiting.push((number, line.push(number)));
                        number += 1;
                    }
                    2 if !waiting.is_empty() => {
                        line.leave_front();
                        told.push(waiting.remove(0));
                    }
                    _ => {
                        let from = if step == 2 { &mut told } else { &mut waiting };
                        if !from.is_empty() {
                            let (number, ticket) = from.remove(index.index(from.len()));
                            prop_assert_eq!(line.get(&ticket).copied(), Some(number));
                            prop_assert_eq!(line.take(ticket), Some(number));
                        }
                    }
                }
                prop_assert_eq!(line.front().copied(), waiting.first().map(|(number, _)| *number));
            }
        }
    }

    #[test]
    fn a_long_line_gives_its_memory_back_when_all_have_gone() {
        for (waiting, kept) in [(PLACES_KEPT_MAX, PLACES_KEPT_MAX), (PLACES_KEPT_MAX + 1, 0)] {
            let mut line = Line::new();
            let tickets: Vec<_> = (0..waiting).map(|n| line.push(n)).collect();
            assert!(
                tickets.into_iter().enumerate().all(|(n, ticket)| line.take(ticket) == Some(n))
            );
            assert_eq!(line.places.len(), kept);
        }
    }
}
