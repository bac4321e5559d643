//! The end of a pool: nothing more is taken, and everything that waits is ended.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `closed` | SeqCst | the moves to IDLE of tasks: see `shut_down_idle` |

#![allow(unsafe_code, reason = "takes the slab's cells for work; model: src/model/task.rs")]

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use moirai_sync::__prim::atomic::{Ordering, fence};
use moirai_sync::__prim::thread::{JoinHandle, ThreadId};
use moirai_sync::__prim::{self as prim, thread};
use moirai_sync::strand::{self, Clock, Hooks};

use crate::sched::local::LocalQueue;
use crate::sched::work::{Chain, Work};
use crate::slab;

use super::{Pool, shut_down};

impl Pool {
    /// Ends the pool: refuses new work, shuts down what there is, and waits for the threads, but
    /// for the calling one. A second call waits for nothing.
    pub(crate) fn close(&self) {
        self.close_for(thread::current().id());
    }

    /// The same on behalf of the thread `me`, which waits for the caller.
    pub(crate) fn close_for(&self, me: ThreadId) {
        if self.begin_to_close() == Closing::Now {
            self.outlive_threads(Some(me));
        }
    }

    /// The same for code that the pool itself runs. It waits for no thread, for that may wait for it:
    /// as the owner of a fork does for its other half. Another thread waits.
    pub(crate) fn close_from_inside(&self) {
        if self.begin_to_close() == Closing::Now
            && self.leave_to_another(|pool| pool.outlive_threads(None)).is_err()
        {
            self.outlive_threads(Some(thread::current().id()));
        }
    }

    /// Ends everything but the threads, which hear of it.
    fn begin_to_close(&self) -> Closing {
        // What a fork's child has inherited is its parent's to end.
        // SeqCst: pairs with `is_closed`.
        if self.is_forked() || self.closed.swap(true, Ordering::SeqCst) {
            return Closing::Before;
        }
        for id in self.idle.close() {
            self.remote(id).into_iter().for_each(|remote| self.rouse(remote));
        }
        self.watch.rouse(&*self.driver);
        self.end(|| {
            self.injectors.iter().for_each(|injector| shut_down(injector.close()));
            shut_down(self.lanes.close());
            shut_down(self.homes.close());
            shut_down(self.blocking.close());
        });
        self.shut_down_idle();
        // After the idle tasks, whose timers are gone with them.
        self.driver.close();
        Closing::Now
    }

    /// Waits for all threads but `me`, and ends what is left then.
    fn outlive_threads(&self, me: Option<ThreadId>) {
        if let Some(local) = self.lone.as_ref().and_then(|lone| lone.close(me)) {
            self.end(|| self.empty(&local));
        }
        // One by one: a thread may start another before it ends.
        loop {
            let Some(thread) = self.threads.lock().pop() else { break };
            if Some(thread.thread().id()) != me {
                // A worker catches the panics of what it runs; its own would be reported by the hook.
                drop(thread.join());
            }
        }
        // All of it has been ended as idle, but for what was spawned meanwhile.
        let late = self.late.lock().take();
        late.into_iter().for_each(shut_down);
        slab::leave(self);
        self.slab.close();
    }

    /// The worker of a pool without threads ends, or is nobody: shuts down what it would have run.
    pub(crate) fn empty(&self, local: &LocalQueue) {
        let mut mail = self.remote(0).map(|remote| remote.mailbox.close());
        while let Some(work) = mail.as_mut().and_then(Chain::pop) {
            work.run();
        }
        while let Some(work) = local.pop() {
            work.shutdown();
        }
    }

    /// Ends the tasks that are in no queue, since they wait for a wake-up from elsewhere; called
    /// once the pool is closed. A task that runs meanwhile ends at its next scheduling point. One
    /// that goes idle meanwhile may be missed: whoever ran it finds the pool closed after that, and
    /// calls this again.
    #[cold]
    pub(crate) fn shut_down_idle(&self) {
        // SeqCst fence: the close, then the look at the tasks; pairs with `is_closed` after a run.
        fence(Ordering::SeqCst);
        self.end(|| {
            self.slab.for_each_live(|cell| {
                // SAFETY: the pool's cells start with a header, and a reference has been counted.
                unsafe { Work::from_header(cell.cast()) }.shutdown();
            });
        });
    }

    /// Calls `f`, which ends tasks. A future whose drop blocks may wait for a task that `f` has not
    /// come to: then another thread goes on.
    fn end(&self, f: impl FnOnce()) {
        strand::hooks(|outer| {
            let ending = Ending { pool: self, outer, relieved: Cell::new(false) };
            strand::with_hooks(&ending, f);
        });
    }

    /// Starts a thread that ends what is left; without one, as with too many, the tasks wait.
    fn relieve(&self) {
        let mut threads = self.threads.lock();
        let limit = self.config.worker_threads + self.config.spare_threads + RELIEFS_MAX;
        if threads.len() < limit {
            threads.extend(self.leave_to_another(Self::shut_down_idle));
        }
    }

    /// Starts a thread for a part of the shutdown.
    fn leave_to_another(
        &self,
        f: impl FnOnce(&Self) + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let pool = self.arc();
        let builder = thread::Builder::new().name(format!("{}-shutdown", self.config.name));
        builder.spawn(move || {
            pool.placement().unbind().this_thread();
            f(&pool);
        })
    }
}

/// Whether the pool was open until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Closing {
    Now,
    Before,
}

/// A thread that ends tasks.
struct Ending<'a> {
    pool: &'a Pool,
    outer: Option<&'a dyn Hooks>,
    /// Whether another thread does it by now.
    relieved: Cell<bool>,
}

impl Hooks for Ending<'_> {
    fn blocking_begin(&self) {
        if !self.relieved.replace(true) {
            self.pool.relieve();
        }
        self.outer.into_iter().for_each(Hooks::blocking_begin);
    }

    fn blocking_end(&self) {
        self.outer.into_iter().for_each(Hooks::blocking_end);
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        // Not the pool's: nobody watches it.
        match self.outer {
            Some(outer) => outer.clock(),
            None => prim::timer_thread(),
        }
    }
}

/// Threads that the end of a pool may start because drops of futures block.
const RELIEFS_MAX: usize = 256;
