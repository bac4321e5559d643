//! Functions of the user that are called when something happens to a thread or a task.
//!
//! A panic of such a function ends with it. This file knows neither threads nor tasks.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::unwind::{catch, drop_contained};

/// A function, if there is one.
pub(crate) struct Hook<A>(Option<Arc<Function<A>>>);

type Function<A> = dyn Fn(&A) + Send + Sync;

/// What is called on the threads of a runtime.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadHooks {
    pub(crate) start: Hook<()>,
    pub(crate) stop: Hook<()>,
    pub(crate) park: Hook<()>,
    pub(crate) unpark: Hook<()>,
}

impl<A> Hook<A> {
    pub(crate) fn new(f: impl Fn(&A) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(f)))
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn call(&self, argument: &A) {
        if let Some(f) = &self.0 {
            drop_contained(catch(|| f(argument)));
        }
    }
}

impl<A> Clone for Hook<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A> Default for Hook<A> {
    fn default() -> Self {
        Self(None)
    }
}

// A panic of the function does not unwind to anybody who holds it.
impl<A> UnwindSafe for Hook<A> {}
impl<A> RefUnwindSafe for Hook<A> {}

impl<A> fmt::Debug for Hook<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_set() { "Hook(..)" } else { "Hook(none)" })
    }
}
