//! Which work waits for which in a blocking join, so that a circle is found before it closes.
//!
//! Work is an address here, of a header that stays where it is while it runs or is waited for;
//! nothing is read there. A join of a thread that runs no work is in no circle and is not noted. The
//! circles of one runtime are found; one that goes through another, or through an `await`, is not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use moirai_sync::__prim::Mutex;

/// The work that runs on one thread's stack: what the thread took out of a queue, and what has been
/// joined in place on top of it.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    outermost: Cell<Option<usize>>,
    inline: RefCell<Vec<usize>>,
}

/// Who waits for whom.
#[derive(Debug)]
pub(crate) struct Waits(Mutex<BTreeMap<usize, usize>>);

/// Whether a wait would close a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Circle {
    Closed,
    Open,
}

impl Frames {
    /// Work out of a queue begins on this thread; or, with `None`, has ended.
    #[inline]
    pub(crate) fn run(&self, work: Option<usize>) {
        self.outermost.set(work);
    }

    /// Calls `f`, which runs `work` in place.
    pub(crate) fn inside(&self, work: usize, f: impl FnOnce()) {
        self.inline.borrow_mut().push(work);
        f();
        self.inline.borrow_mut().pop();
    }

    /// How many run in place, on top of each other.
    pub(crate) fn depth(&self) -> usize {
        self.inline.borrow().len()
    }

    fn all(&self) -> Vec<usize> {
        self.outermost.get().into_iter().chain(self.inline.borrow().iter().copied()).collect()
    }
}

impl Waits {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// All of `frames` is about to wait for `target`, unless that waits for one of them.
    pub(crate) fn begin(&self, frames: &Frames, target: usize) -> Circle {
        let frames = frames.all();
        if frames.is_empty() {
            return Circle::Open;
        }
        let mut waits = self.0.lock();
        let mut at = Some(target);
        while let Some(work) = at {
            if frames.contains(&work) {
                return Circle::Closed;
            }
            at = waits.get(&work).copied();
        }
        waits.extend(frames.into_iter().map(|frame| (frame, target)));
        Circle::Open
    }

    /// The wait of `frames` is over.
    pub(crate) fn end(&self, frames: &Frames) {
        let frames = frames.all();
        if !frames.is_empty() {
            let mut waits = self.0.lock();
            for frame in frames {
                waits.remove(&frame);
            }
        }
    }
}
