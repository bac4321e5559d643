//! Forking on a thread that is no worker.
//!
//! It takes a seat in the pool for as long as its outermost fork lasts, see `sched::guests`: it
//! computes itself, and workers take what it offers. If it gets none (as many threads do the same
//! already, or the pool has ended), it forks nothing: both halves run here.

use std::cell::Cell;
use std::sync::Arc;

use moirai_sync::__prim as prim;
use moirai_sync::strand::{self, Clock, Hooks};

use crate::global;
use crate::sched::current::{self, Context};
use crate::sched::guests::Guest;
use crate::sched::pool::Pool;

/// Calls `f` with a seat in the current pool, else in that of the global runtime.
#[cold]
#[inline(never)]
pub(super) fn anywhere<R>(f: impl FnOnce(Option<&Context<'_>>) -> R) -> R {
    match current::pool() {
        Some(pool) => with_context(&pool, f),
        None => with_context(global::pool(), f),
    }
}

/// Calls `f` with a seat in `pool`.
#[cold]
#[inline(never)]
pub(super) fn with_context<R>(pool: &Pool, f: impl FnOnce(Option<&Context<'_>>) -> R) -> R {
    if pool.refuses() {
        return f(None);
    }
    let Some(guest) = pool.guests.sit_down() else { return f(None) };
    strand::hooks(|outer| {
        let seated = Seated { pool, guest, outer, blocking_depth: Cell::new(0) };
        pool.admit(&seated.guest);
        let context = Context::of_guest(&seated.guest, pool);
        strand::with_hooks(&seated, || current::enter(&context, || f(Some(&context))))
    })
}

/// Leaves when it is dropped, and computes nothing while it blocks: then a worker may have its permit.
struct Seated<'a> {
    pool: &'a Pool,
    guest: Guest<'a>,
    /// Of whatever the thread runs for.
    outer: Option<&'a dyn Hooks>,
    blocking_depth: Cell<u32>,
}

impl Hooks for Seated<'_> {
    fn blocking_begin(&self) {
        if self.blocking_depth.replace(self.blocking_depth.get() + 1) == 0 {
            self.pool.dismiss(&self.guest);
        }
        self.outer.into_iter().for_each(Hooks::blocking_begin);
    }

    fn blocking_end(&self) {
        self.outer.into_iter().for_each(Hooks::blocking_end);
        // Zero if the guard is that of a guest before, at the same place.
        let depth = self.blocking_depth.get();
        self.blocking_depth.set(depth.saturating_sub(1));
        if depth == 1 {
            self.pool.admit(&self.guest);
        }
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        match self.outer {
            Some(outer) => outer.clock(),
            None => prim::timer_thread(),
        }
    }
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        self.pool.dismiss(&self.guest);
    }
}
