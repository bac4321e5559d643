//! Which work waits for which in a blocking join, so that a circle is found before it closes.
//!
//! Work is an address here, of a header that stays where it is while it runs or is waited for;
//! nothing is read there. A join of a thread that runs no work is in no circle and is not noted. The
//! circles of one runtime are found; one that goes through another, or through an `await`, is not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;

use moirai_sync::__prim::Mutex;

use super::work::Header;

/// The work that runs on one thread's stack: what the thread took out of a queue, and what has been
/// joined in place on top of it.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    outermost: Cell<Option<NonNull<Header>>>,
    inline: RefCell<Vec<NonNull<Header>>>,
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
    pub(crate) fn run(&self, work: Option<NonNull<Header>>) {
        self.outermost.set(work);
    }

    /// Calls `f`, which runs `work` in place.
    pub(crate) fn inside(&self, work: NonNull<Header>, f: impl FnOnce()) {
        self.inline.borrow_mut().push(work);
        f();
        self.inline.borrow_mut().pop();
    }

    /// Whether `work` came out of a queue, and runs on top.
    #[inline]
    pub(crate) fn is_alone(&self, work: &Header) -> bool {
        self.outermost.get() == Some(NonNull::from(work)) && self.depth() == 0
    }

    /// How many run in place, on top of each other.
    pub(crate) fn depth(&self) -> usize {
        self.inline.borrow().len()
    }

    /// The work that runs on top.
    pub(crate) fn innermost(&self) -> Option<NonNull<Header>> {
        self.inline.borrow().last().copied().or(self.outermost.get())
    }

    fn all(&self) -> Vec<usize> {
        let inline = self.inline.borrow();
        self.outermost.get().into_iter().chain(inline.iter().copied()).map(address).collect()
    }
}

impl Waits {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// All of `frames` is about to wait for `target`, unless that waits for one of them.
    pub(crate) fn begin(&self, frames: &Frames, target: NonNull<Header>) -> Circle {
        let target = address(target);
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

fn address(work: NonNull<Header>) -> usize {
    work.addr().get()
}
