//! A thread that is none of a pool's, and waits in `block_on`.

use std::sync::Arc;

use moirai_sync::strand::{Clock, Hooks};

use super::current;
use super::pool::Pool;

/// Its hooks. To install them takes longer than a future that is ready: where nothing else is installed
/// they are [found](find) when they are asked for.
pub(crate) struct Visitor<'a> {
    pub(crate) pool: &'a Pool,
    /// Of the runtime whose thread this is, if any: it must still hear of blocking.
    pub(crate) outer: Option<&'a dyn Hooks>,
}

impl Hooks for Visitor<'_> {
    fn blocking_begin(&self) {
        if let Some(outer) = self.outer {
            outer.blocking_begin();
        }
    }

    fn blocking_end(&self) {
        if let Some(outer) = self.outer {
            outer.blocking_end();
        }
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.pool.clock
    }
}

/// Calls `f` with the hooks of a thread that has entered a pool and installed none.
pub(crate) fn find(f: &mut dyn FnMut(&dyn Hooks)) {
    current::with_pool(|pool| f(&Visitor { pool, outer: None }));
}
