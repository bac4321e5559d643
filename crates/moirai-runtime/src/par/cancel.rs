//! How a long loop is told to end.

use std::sync::Arc;

use moirai_sync::__prim::atomic::{AtomicBool, Ordering};
use moirai_sync::CancelToken;

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

/// With a deadline each look reads the clock.
///
/// ```
/// use moirai_runtime::par::*;
/// use moirai_sync::CancelToken;
///
/// let token = CancelToken::new();
/// let long = (0..u64::MAX).into_par_iter().with_cancel(&token);
/// long.for_each(|n| if n == 1000 { token.cancel() });
/// assert!(token.is_cancelled());
/// ```
impl Cancel for CancelToken {
    fn is_cancelled(&self) -> bool {
        Self::is_cancelled(self)
    }
}

impl<T: Cancel + Send> Cancel for Arc<T> {
    fn is_cancelled(&self) -> bool {
        (**self).is_cancelled()
    }
}
