//! Values that belong to a task and not to the thread that happens to run it.
//!
//! A [`LocalScope`] holds the value between polls and lends it to a thread-local while its future is
//! polled or dropped, so a value costs two swaps a poll and nothing is shared.

#![allow(unsafe_code, reason = "pins a field of a pinned future, which no thread shares")]

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Declares task-local values: statics of the type [`LocalKey`].
///
/// # Examples
///
/// ```
/// use moirai_runtime::{block_on, spawn, task_local};
///
/// task_local! {
///     /// Whom the task works for.
///     static USER: &'static str;
/// }
///
/// async fn greet() -> String {
///     format!("good morning, {}", USER.get())
/// }
///
/// let (ada, bob) = (spawn(USER.scope("Ada", greet())), spawn(USER.scope("Bob", greet())));
/// assert_eq!(ada.join().unwrap(), "good morning, Ada");
/// assert_eq!(bob.join().unwrap(), "good morning, Bob");
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $visible:vis static $name:ident : $type:ty; $($rest:tt)*) => {
        $crate::task_local! { $(#[$attribute])* $visible static $name: $type }
        $crate::task_local! { $($rest)* }
    };
    ($(#[$attribute:meta])* $visible:vis static $name:ident : $type:ty) => {
        $(#[$attribute])*
        $visible static $name: $crate::LocalKey<$type> = {
            ::std::thread_local! {
                static SLOT: ::std::cell::RefCell<::std::option::Option<$type>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::LocalKey::__new(|f| {
                let _: ::std::result::Result<(), _> = SLOT.try_with(|slot| f(slot));
            })
        };
    };
}

/// A task-local value, declared by [`task_local!`](crate::task_local).
///
/// The value is there within [`scope`](Self::scope) and [`sync_scope`](Self::sync_scope) only. A
/// task that is spawned there does not inherit it.
pub struct LocalKey<T: 'static> {
    access: Access<T>,
}

/// Where a thread keeps the value for the time of a poll.
type Slot<T> = RefCell<Option<T>>;

/// What is done with a slot.
type Visit<'a, T> = dyn FnMut(&Slot<T>) + 'a;

/// Calls the function with this thread's slot, unless the thread-locals are gone.
type Access<T> = fn(&mut Visit<'_, T>);

/// There is no value: the code does not run in a scope of the key. From [`LocalKey::try_with`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn __new(access: Access<T>) -> Self {
        Self { access }
    }

    /// Runs `future` with `value` as this key's, also when it is dropped. A scope within a scope
    /// hides the outer value.
    ///
    /// # Panics
    ///
    /// When it is polled inside of a [`with`](Self::with) of the same key.
    ///
    /// # Cancel safety
    ///
    /// As that of `future`, which is dropped with this one.
    ///
    /// # Examples
    ///
    /// ```
    /// moirai_runtime::task_local! { static DEPTH: u32; }
    ///
    /// moirai_runtime::block_on(DEPTH.scope(1, async {
    ///     DEPTH.scope(2, async { assert_eq!(DEPTH.get(), 2) }).await;
    ///     assert_eq!(DEPTH.get(), 1);
    /// }));
    /// assert!(DEPTH.try_with(|_| ()).is_err());
    /// ```
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> LocalScope<T, F> {
        LocalScope { key: self, value: Some(value), future: Some(future) }
    }

    /// Calls `f` with `value` as this key's.
    ///
    /// # Panics
    ///
    /// Inside of a [`with`](Self::with) of the same key.
    ///
    /// # Examples
    ///
    /// ```
    /// moirai_runtime::task_local! { static DEPTH: u32; }
    ///
    /// assert_eq!(DEPTH.sync_scope(7, || DEPTH.get() + 1), 8);
    /// ```
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        self.inside(&mut Some(value), f)
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    ///
    /// If there is none: outside of every scope of the key.
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls `f` with the value, if there is one.
    ///
    /// # Errors
    ///
    /// [`AccessError`] outside of every scope of the key.
    ///
    /// # Examples
    ///
    /// ```
    /// moirai_runtime::task_local! { static REQUEST: u64; }
    ///
    /// let id = || REQUEST.try_with(|id| *id).unwrap_or(0);
    /// assert_eq!((id(), REQUEST.sync_scope(7, id)), (0, 7));
    /// ```
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let (mut f, mut result) = (Some(f), None);
        (self.access)(&mut |slot| {
            if let (Some(value), Some(f)) = (slot.borrow().as_ref(), f.take()) {
                result = Some(f(value));
            }
        });
        result.ok_or(AccessError)
    }

    /// A copy of the value.
    ///
    /// # Panics
    ///
    /// As [`with`](Self::with).
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// Calls `f` with `value` in the slot, and takes it back.
    fn inside<R>(&'static self, value: &mut Option<T>, f: impl FnOnce() -> R) -> R {
        self.swap(value);
        let _restore = Restore { key: self, value };
        f()
    }

    fn swap(&self, value: &mut Option<T>) {
        (self.access)(&mut |slot| match slot.try_borrow_mut() {
            Ok(mut slot) => mem::swap(&mut *slot, value),
            Err(_) => panic!("a task-local value is in use where its scope begins"),
        });
    }
}

struct Restore<'a, T: 'static> {
    key: &'static LocalKey<T>,
    value: &'a mut Option<T>,
}

impl<T> Drop for Restore<'_, T> {
    fn drop(&mut self) {
        self.key.swap(self.value);
    }
}

/// A future with a task-local value; from [`LocalKey::scope`].
#[must_use = "futures do nothing unless they are polled"]
pub struct LocalScope<T: 'static, F> {
    key: &'static LocalKey<T>,
    value: Option<T>,
    /// `None` once it is ready: it is dropped inside.
    future: Option<F>,
}

impl<T, F: Future> Future for LocalScope<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: nothing is moved out of `future` here.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the field is pinned with the whole: it has no other way out of a pinned `LocalScope`,
        // whose drop leaves it in its place, and which is `Unpin` only if the field is.
        let mut future = unsafe { Pin::new_unchecked(&mut this.future) };
        this.key.inside(&mut this.value, || {
            let Some(running) = future.as_mut().as_pin_mut() else {
                panic!("a future is polled after it was ready");
            };
            let poll = running.poll(cx);
            if poll.is_ready() {
                future.set(None);
            }
            poll
        })
    }
}

impl<T, F> Drop for LocalScope<T, F> {
    fn drop(&mut self) {
        if self.future.is_some() {
            // SAFETY: the field may be pinned, and is dropped in its place.
            let mut future = unsafe { Pin::new_unchecked(&mut self.future) };
            self.key.inside(&mut self.value, || future.set(None));
        }
    }
}

// The value is moved in and out, never pinned.
impl<T, F: Unpin> Unpin for LocalScope<T, F> {}

impl<T, F> fmt::Debug for LocalScope<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalScope")
            .field("finished", &self.future.is_none())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a task-local value is read outside of its scope")
    }
}

impl std::error::Error for AccessError {}
