//! A queue whose length is looked at in every push, for what a channel's metrics tell of it.

use crate::prim::atomic::{AtomicUsize, Ordering};

use super::Queue;

/// A queue, and how long it has been.
#[derive(Debug)]
pub(super) struct Watched<T> {
    pub(super) queue: Queue<T>,
    pub(super) most: AtomicUsize,
    /// What [`Queue::popped`] has said at the last look, which costs a transfer of that line.
    pub(super) popped: AtomicUsize,
}

impl<T> Watched<T> {
    /// Something was pushed.
    pub(super) fn look(&self) {
        // Relaxed, all of them: counts that nothing is read through. With what was popped until the last
        // look, this is the most that it can be.
        let (pushed, most) = (self.queue.pushed(), self.most.load(Ordering::Relaxed));
        if pushed.wrapping_sub(self.popped.load(Ordering::Relaxed)) > most {
            let popped = self.queue.popped();
            self.popped.store(popped, Ordering::Relaxed);
            // What others have pushed and received since counts as negative.
            let length = pushed.wrapping_sub(popped);
            if length > most && length <= usize::MAX / 2 {
                self.most.fetch_max(length, Ordering::Relaxed);
            }
        }
    }
}
