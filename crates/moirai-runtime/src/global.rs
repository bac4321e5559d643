//! The runtime of code that runs on none: started by the first who asks, and never ended.

use std::sync::{Arc, OnceLock};

use crate::builder::Builder;
use crate::sched::pool::Pool;

/// # Panics
///
/// If it cannot be started: the system refuses threads.
pub(crate) fn pool() -> &'static Arc<Pool> {
    static GLOBAL: OnceLock<Arc<Pool>> = OnceLock::new();
    GLOBAL.get_or_init(|| match Builder::new().start() {
        Ok(pool) => pool,
        Err(error) => panic!("cannot start the global runtime: {error}"),
    })
}
