//! Forking on a thread that is no worker.
//!
//! It takes a seat in the pool for as long as its outermost fork lasts, see `sched::guests`: it
//! computes itself, and workers take what it offers. If it gets none (as many threads do the same
//! already, or the pool has ended), it forks nothing: both halves run here.

use crate::global;
use crate::sched::current::{self, Context};
use crate::sched::guests::Guest;
use crate::sched::pool::Pool;

/// Calls `f` with a seat in the global runtime's pool.
#[cold]
#[inline(never)]
pub(super) fn anywhere<R>(f: impl FnOnce(Option<&Context<'_>>) -> R) -> R {
    with_context(global::pool(), f)
}

/// Calls `f` with a seat in `pool`.
#[cold]
#[inline(never)]
pub(super) fn with_context<R>(pool: &Pool, f: impl FnOnce(Option<&Context<'_>>) -> R) -> R {
    if pool.refuses() {
        return f(None);
    }
    let Some(guest) = pool.guests.sit_down() else { return f(None) };
    let seated = Seated { pool, guest };
    pool.lend_permit(&seated.guest);
    let context = Context::of_guest(&seated.guest, pool);
    current::enter(&context, || f(Some(&context)))
}

/// Leaves when it is dropped.
struct Seated<'a> {
    pool: &'a Pool,
    guest: Guest<'a>,
}

impl Drop for Seated<'_> {
    fn drop(&mut self) {
        self.pool.take_permit_back(&self.guest);
    }
}
