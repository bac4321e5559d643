//! Panics that must not get further.

use std::any::Any;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a closure returned, or the payload of its panic.
pub(crate) type Caught<R> = Result<R, Box<dyn Any + Send>>;

/// Calls `f`, whose panic goes on elsewhere.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Caught<R> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Drops `value`; if that panics, the panic ends here, and so does one from its payload's drop.
pub(crate) fn drop_contained<T>(value: T) {
    call_contained(|| drop(value));
}

/// The same with a call.
pub(crate) fn call_contained(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        let second = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        // A payload whose drop panics with another such payload is leaked.
        let _leaked: ManuallyDrop<Caught<()>> = ManuallyDrop::new(second);
    }
}
