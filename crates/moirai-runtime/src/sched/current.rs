//! Which pool the calling thread belongs to, and its ring if it is a worker.
//!
//! A saved and restored stack: entering a runtime inside another's task hides the outer one until
//! the guard is dropped. `schedule` compares: work goes to this thread's ring only if it belongs
//! to this thread's pool.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use moirai_sync::__prim::thread_local;

use super::deque::Local;
use super::pool::Pool;
use super::work::Work;

/// Where the calling thread stands.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) pool: Arc<Pool>,
    /// The ring, on a worker's thread.
    pub(crate) local: Option<Local>,
    /// Set while work is published that this thread will look at next: no one else is woken.
    pub(crate) quiet: Cell<bool>,
    /// How many joined tasks run inside each other on this stack.
    pub(crate) inline_depth: Cell<u32>,
}

impl Context {
    pub(crate) fn new(pool: Arc<Pool>, local: Option<Local>) -> Rc<Self> {
        Rc::new(Self { pool, local, quiet: Cell::new(false), inline_depth: Cell::new(0) })
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

/// Queues `work` of `pool`: in this thread's ring if it is a worker of that pool, else in the
/// injector. Wakes a worker if need be. A closed pool shuts it down at once.
#[inline]
pub(crate) fn schedule(pool: &Arc<Pool>, work: Work) {
    let mut work = Some(work);
    with(|context| {
        let Some(local) = &context.local else { return };
        if !Arc::ptr_eq(&context.pool, pool) {
            return;
        }
        if let Some(work) = work.take()
            && let Err(overflow) = local.push(work)
        {
            pool.inject_chain(overflow);
        }
        if !context.quiet.get() {
            pool.wake_one();
        }
    });
    if let Some(work) = work {
        pool.inject(work);
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
