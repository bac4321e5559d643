//! A value that is made once. Who makes it, and who waits for it, is in `raw_once`.

#![allow(unsafe_code, reason = "references to what was made once; model: src/model/once.rs")]

use std::convert::Infallible;
use std::fmt;

use crate::prim::UnsafeCell;

use super::raw_once::{Entered, RawOnce, Running};

/// A place for a value that is made once, by whoever needs it first; threads and tasks wait for it.
///
/// An initialiser that fails, panics or, if it is a future, is dropped leaves the place empty, and
/// whoever waits runs its own. One that asks for the value it makes waits for itself.
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::OnceCell;
/// use moirai_sync::strand;
///
/// static PORT: OnceCell<u16> = OnceCell::new();
///
/// assert!(PORT.get_or_try_init(|| "http".parse()).is_err());
/// assert_eq!(PORT.get_or_try_init(|| "80".parse()), Ok::<_, std::num::ParseIntError>(&80));
/// assert_eq!(strand::block_on(PORT.get_or_init_async(async || 8080)), &80);
/// ```
pub struct OnceCell<T> {
    once: RawOnce,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value goes with the cell.
unsafe impl<T: Send> Send for OnceCell<T> {}
// SAFETY: a shared cell takes a value of one thread (Send) and gives out `&T` to all (Sync).
unsafe impl<T: Send + Sync> Sync for OnceCell<T> {}

impl<T> OnceCell<T> {
    maybe_const! {
        /// An empty place.
        pub fn new() -> Self {
            Self { once: RawOnce::new(), value: UnsafeCell::new(None) }
        }
    }

    maybe_const! {
        /// A place with `value` in it.
        pub fn with_value(value: T) -> Self {
            Self { once: RawOnce::done(), value: UnsafeCell::new(Some(value)) }
        }
    }

    /// The value, if it has been made.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if !self.once.is_done() {
            return None;
        }
        // SAFETY: it was written before DONE, which `is_done` has seen, and is not written again
        // while the cell is shared.
        self.value.with(|value| unsafe { (*value).as_ref() })
    }

    /// The value, which nobody else can reach now.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: the only reference to the cell; what is there was written as a whole.
        self.value.with_mut(|value| unsafe { (*value).as_mut() })
    }

    /// Puts `value` in, unless one is there or is being made.
    ///
    /// # Errors
    ///
    /// `value`, if there was no place for it.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = moirai_sync::lock::OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!((cell.set(2), cell.get()), (Err(2), Some(&1)));
    /// ```
    pub fn set(&self, value: T) -> Result<(), T> {
        match self.once.try_enter() {
            Some(Entered::Mine(running)) => {
                self.put(running, value);
                Ok(())
            }
            _ => Err(value),
        }
    }

    /// The value; made by `make` if it is not there, or waited for, on the current strand, if
    /// another one makes it.
    ///
    /// # Panics
    ///
    /// If `make` does; then the place stays empty.
    #[inline]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match self.get_or_try_init(|| Ok::<T, Infallible>(make())) {
            Ok(value) => value,
        }
    }

    /// As [`get_or_init`](Self::get_or_init), with a `make` that may fail.
    ///
    /// # Errors
    ///
    /// That of `make`; the place stays empty, and the next one tries.
    ///
    /// # Panics
    ///
    /// If `make` does; then the place stays empty, too.
    #[inline]
    pub fn get_or_try_init<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get() {
            Some(value) => Ok(value),
            None => {
                if let Entered::Mine(running) = self.once.enter() {
                    // An error or a panic drops `running`, which lets in the next one.
                    let value = make()?;
                    self.put(running, value);
                }
                Ok(self.made())
            }
        }
    }

    /// As [`get_or_init`](Self::get_or_init), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the initialiser, if it runs, and lets in the next one.
    pub async fn get_or_init_async(&self, make: impl AsyncFnOnce() -> T) -> &T {
        match self.get_or_try_init_async(async || Ok::<T, Infallible>(make().await)).await {
            Ok(value) => value,
        }
    }

    /// As [`get_or_try_init`](Self::get_or_try_init), suspending the async task.
    ///
    /// # Errors
    ///
    /// That of `make`; the place stays empty, and the next one tries.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the initialiser, if it runs, and lets in the next one.
    pub async fn get_or_try_init_async<E>(
        &self,
        make: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<&T, E> {
        if self.get().is_none()
            && let Entered::Mine(running) = self.once.enter_async().await
        {
            let value = make().await?;
            self.put(running, value);
        }
        Ok(self.made())
    }

    /// Takes the value out; the place is empty again.
    pub fn take(&mut self) -> Option<T> {
        self.once.reset();
        // SAFETY: the only reference to the cell.
        self.value.with_mut(|value| unsafe { (*value).take() })
    }

    /// The value.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    fn put(&self, running: Running<'_>, value: T) {
        // SAFETY: who has `running` is alone until it is completed, and nobody reads before.
        self.value.with_mut(|place| unsafe { *place = Some(value) });
        running.complete();
    }

    /// The caller knows that it is there.
    fn made(&self) -> &T {
        match self.get() {
            Some(value) => value,
            None => unreachable!("completed without a value"),
        }
    }
}

/// Something that is done once, by whoever comes first; the others wait until it is done.
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::Once;
///
/// static LOGGING: Once = Once::new();
///
/// let mut started = 0;
/// (0..3).for_each(|_| LOGGING.call_once(|| started += 1));
/// assert!(started == 1 && LOGGING.is_completed());
/// ```
pub struct Once {
    done: OnceCell<()>,
}

impl Once {
    maybe_const! {
        /// It has not been done.
        pub fn new() -> Self {
            Self { done: OnceCell::new() }
        }
    }

    /// Calls `once`, unless that has been done; waits, on the current strand, if another one is at
    /// it.
    ///
    /// # Panics
    ///
    /// If `once` does; then the next one calls its own. There is no poison.
    #[inline]
    pub fn call_once(&self, once: impl FnOnce()) {
        self.done.get_or_init(once);
    }

    /// As [`call_once`](Self::call_once), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the call, if it runs, and lets in the next one.
    pub async fn call_once_async(&self, once: impl AsyncFnOnce()) {
        self.done.get_or_init_async(once).await;
    }

    /// Whether it has been done.
    pub fn is_completed(&self) -> bool {
        self.done.get().is_some()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceCell").field(&self.get()).finish()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("completed", &self.is_completed()).finish()
    }
}
