//! How a long loop is told to end.

use std::sync::Arc;

use moirai_sync::__prim::atomic::{AtomicBool, Ordering};

/// Tells whether work shall end: the token of
/// [`with_cancel`](super::ParallelIterator::with_cancel).
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use moirai_runtime::par::*;
///
/// let token = AtomicBool::new(false);
/// token.store(true, Ordering::Relaxed);
/// assert!(token.is_cancelled());
/// assert_eq!((0..1000).into_par_iter().with_cancel(&token).count(), 0);
/// ```
pub trait Cancel: Sync {
    /// Whether it shall. Asked before every item, so it must be cheap.
    fn is_cancelled(&self) -> bool;
}

/// Cancelled once it is true.
impl Cancel for AtomicBool {
    fn is_cancelled(&self) -> bool {
        self.load(Ordering::Relaxed)
    }
}

impl<T: Cancel + Send> Cancel for Arc<T> {
    fn is_cancelled(&self) -> bool {
        (**self).is_cancelled()
    }
}
