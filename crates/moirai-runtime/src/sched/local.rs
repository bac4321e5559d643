//! The queue of one worker as its owner sees it: a next-task slot before the ring.
//!
//! A task that the running one has just woken goes into the slot and runs next, while its data is
//! warm; nobody is woken for it. What it displaces goes to the back of the ring. Others cannot
//! reach the slot, so its owner empties it into the ring before it blocks, and after
//! [`NEXT_STREAK_MAX`] runs in a row from the slot the ring gets its turn.

use std::cell::Cell;
use std::fmt;

use super::deque::Local;
use super::work::{Chain, Work};

pub(crate) struct LocalQueue {
    next: Cell<Option<Work>>,
    /// Runs from the slot since the last one from the ring.
    streak: Cell<u32>,
    ring: Local,
}

/// Where pushed work went.
#[derive(Debug)]
#[must_use]
pub(crate) enum Pushed {
    /// Into the empty slot, where it runs next, or nowhere.
    Next,
    /// Something is in the ring that others may take.
    Ring,
    /// The ring was full: this is for the injector.
    Overflow(Chain),
}

impl LocalQueue {
    pub(crate) fn new(ring: Local) -> Self {
        Self { next: Cell::new(None), streak: Cell::new(0), ring }
    }

    /// Runs `work` next; what was to run next goes to the back.
    #[inline]
    pub(crate) fn push_next(&self, work: Work) -> Pushed {
        match self.next.replace(Some(work)) {
            None => Pushed::Next,
            Some(displaced) => self.push_back(displaced),
        }
    }

    #[inline]
    pub(crate) fn push_back(&self, work: Work) -> Pushed {
        match self.ring.push(work) {
            Ok(()) => Pushed::Ring,
            Err(overflow) => Pushed::Overflow(overflow),
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Work> {
        let streak = self.streak.get();
        if streak < NEXT_STREAK_MAX
            && let Some(work) = self.next.take()
        {
            self.streak.set(streak + 1);
            return Some(work);
        }
        self.streak.set(0);
        self.ring.pop().or_else(|| self.next.take())
    }

    /// Puts what is in the slot where others reach it.
    pub(crate) fn share_next(&self) -> Pushed {
        match self.next.take() {
            None => Pushed::Next,
            Some(work) => self.push_back(work),
        }
    }

    pub(crate) fn ring(&self) -> &Local {
        &self.ring
    }
}

impl fmt::Debug for LocalQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalQueue").field("ring", &self.ring).finish_non_exhaustive()
    }
}

/// So often in a row the slot goes before the ring: two tasks that wake each other keep a core
/// warm, and starve nobody.
pub(crate) const NEXT_STREAK_MAX: u32 = 3;
