//! Which pool the calling thread belongs to, and its queue if it is a worker.
//!
//! A saved and restored stack: entering a runtime inside another's task hides the outer one until
//! the guard is dropped. `schedule` compares: work goes to this thread's queue only if it belongs
//! to this thread's pool.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

use moirai_sync::__prim::thread_local;

use super::local::{LocalQueue, Pushed};
use super::pool::Pool;
use super::work::Work;

/// Where the calling thread stands.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) pool: Arc<Pool>,
    /// The queue, on a worker's thread.
    pub(crate) local: Option<LocalQueue>,
    /// Set while the driver wakes tasks on this thread, which looks at them next: they keep their
    /// order, and no one else is woken.
    pub(crate) quiet: Cell<bool>,
    /// How many joined tasks run inside each other on this stack.
    pub(crate) inline_depth: Cell<u32>,
}

/// How soon scheduled work is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Right after the running task, on the same worker: it has just been given something.
    Next,
    /// After what is queued, on whichever worker gets to it.
    Back,
}

impl Context {
    pub(crate) fn new(pool: Arc<Pool>, local: Option<LocalQueue>) -> Rc<Self> {
        Rc::new(Self { pool, local, quiet: Cell::new(false), inline_depth: Cell::new(0) })
    }

    /// Queues `work` of this context's pool.
    #[inline]
    pub(crate) fn schedule(&self, work: Work, place: Place) {
        let Some(local) = &self.local else { return self.pool.inject(work) };
        let pushed = match place {
            Place::Next if !self.quiet.get() => local.push_next(work),
            _ => local.push_back(work),
        };
        match pushed {
            Pushed::Next => {}
            Pushed::Ring if self.quiet.get() => {}
            Pushed::Ring => self.pool.wake_one(),
            Pushed::Overflow(overflow) => self.pool.inject_chain(overflow),
        }
    }

    /// The thread will not come to its next task soon: others may have it, and one is woken for it.
    /// (A thread that has a permit to give back wakes somebody anyway; one without must not leave
    /// its task behind.)
    pub(crate) fn share_next(&self) {
        match self.local.as_ref().map(LocalQueue::share_next) {
            None | Some(Pushed::Next) => {}
            Some(Pushed::Ring) => self.pool.wake_one(),
            Some(Pushed::Overflow(overflow)) => self.pool.inject_chain(overflow),
        }
    }
}

/// Makes `context` the current one until the guard is dropped.
pub(crate) fn enter(context: Rc<Context>) -> Entered {
    let outer = CURRENT.try_with(|current| current.borrow_mut().replace(context)).ok().flatten();
    Entered { outer }
}

/// The time until the outer context is restored.
#[must_use = "dropping it restores the outer context"]
pub(crate) struct Entered {
    outer: Option<Rc<Context>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let outer = self.outer.take();
        // Dropped outside of the borrow: the last reference may end a pool.
        let inner = CURRENT.try_with(|current| current.replace(outer));
        drop(inner);
    }
}

/// Calls `f` with the current context, if there is one.
pub(crate) fn with<R>(f: impl FnOnce(&Context) -> R) -> Option<R> {
    // Cloned out: `f` may enter another context.
    let context = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()?;
    Some(f(&context))
}

/// The current pool.
pub(crate) fn pool() -> Option<Arc<Pool>> {
    with(|context| Arc::clone(&context.pool))
}

/// The calling thread's context, if it is a worker of `pool`.
#[inline]
pub(crate) fn worker_of(pool: &Pool) -> Option<Rc<Context>> {
    CURRENT
        .try_with(|current| {
            let current = current.borrow();
            let context = current.as_ref()?;
            let ours = context.local.is_some() && ptr::eq(&*context.pool, pool);
            ours.then(|| Rc::clone(context))
        })
        .ok()
        .flatten()
}

/// Queues `work` of `pool`: with this thread if it is a worker of that pool, else in the injector.
/// Wakes a worker if need be. A closed pool shuts it down at once.
#[inline]
pub(crate) fn schedule(pool: &Pool, work: Work, place: Place) {
    match worker_of(pool) {
        Some(context) => context.schedule(work, place),
        None => pool.inject(work),
    }
}

#[cfg(moirai_loom)]
thread_local! {
    static CURRENT: RefCell<Option<Rc<Context>>> = RefCell::new(None);
}
#[cfg(not(moirai_loom))]
thread_local! {
    static CURRENT: RefCell<Option<Rc<Context>>> = const { RefCell::new(None) };
}
