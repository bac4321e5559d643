//! Work that has a home: only the holder of one permit runs it.
//!
//! Each permit has a queue, which nobody steals from. Its holder looks in before every other run, so
//! that neither this queue nor the worker's own starves, and whoever sends something to a permit that
//! is free wakes a thread for it, with that permit.
//!
//! **No work is forgotten.** A sender pushes, fences, and looks whether the permit is free; whoever
//! gives a permit back puts its number among the free ones, fences, and looks at the queues of all that
//! are free (`Pool::wake_homes`). One of them sees the other. A holder comes by itself; one that does
//! not come back loses the permit to another thread, and the work goes with the permit.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `used` | Relaxed | set before the push that it is set for; ordered by the fences above |
//!
//! Model: `what_is_sent_home_is_run_although_the_permit_moves` in `src/model/permit.rs`.

use moirai_sync::__prim::atomic::{AtomicBool, Ordering};

use super::injector::Injector;
use super::permits::PermitId;
use super::work::{Chain, Work};

#[derive(Debug)]
pub(crate) struct Homes {
    /// By permit.
    queues: Box<[Injector]>,
    /// Whether anything has ever been sent home: most pools need not look.
    used: AtomicBool,
}

impl Homes {
    pub(crate) fn new(permits: usize) -> Self {
        let queues = (0..permits).map(|_| Injector::new()).collect();
        Self { queues, used: AtomicBool::new(false) }
    }

    /// Adds `work`; it comes back if the pool has ended.
    pub(crate) fn push(&self, home: PermitId, work: Work) -> Result<(), Work> {
        self.use_them();
        self.queues[home.index()].push(work)
    }

    /// Adds all of `works`; they come back if the pool has ended.
    pub(crate) fn push_all(&self, home: PermitId, works: Vec<Work>) -> Result<(), Vec<Work>> {
        self.use_them();
        self.queues[home.index()].push_all(works)
    }

    fn use_them(&self) {
        // Looked at first: the line is everybody's.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Takes the oldest work of a permit; for its holder.
    pub(crate) fn pop(&self, home: PermitId) -> Option<Work> {
        self.queues[home.index()].pop()
    }

    /// Whether there may be any work here.
    #[inline]
    pub(crate) fn are_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether work waits for the holder of this permit; a hint.
    pub(crate) fn has_work(&self, home: PermitId) -> bool {
        self.are_used() && !self.queues[home.index()].is_empty()
    }

    /// The permits whose holders work waits for; a hint.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = PermitId> {
        let queues = if self.are_used() { &*self.queues } else { &[] };
        let filled = queues.iter().enumerate().filter(|(_, queue)| !queue.is_empty());
        filled.map(|(index, _)| PermitId::new(index))
    }

    /// Refuses work from now on; returns what is queued.
    pub(crate) fn close(&self) -> Chain {
        let mut rest = Chain::new();
        self.queues.iter().for_each(|queue| rest.append(queue.close()));
        rest
    }
}
