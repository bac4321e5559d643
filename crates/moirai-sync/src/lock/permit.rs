//! Permits of a semaphore, borrowed or with a share of it.

use std::fmt;
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;

use super::semaphore::Semaphore;

/// Permits of a [`Semaphore`], given back when this is dropped: a [`SemaphorePermit`] or an
/// [`OwnedSemaphorePermit`].
#[must_use = "the permits are given back when this is dropped"]
pub struct Permit<S: Deref<Target = Semaphore> + Clone> {
    semaphore: S,
    permits: usize,
}

/// Permits that borrow their [`Semaphore`].
pub type SemaphorePermit<'a> = Permit<&'a Semaphore>;

/// Permits with a share of their [`Semaphore`]: they may go into a task.
pub type OwnedSemaphorePermit = Permit<Arc<Semaphore>>;

impl<S: Deref<Target = Semaphore> + Clone> Permit<S> {
    pub(super) fn new(semaphore: S, permits: usize) -> Self {
        Self { semaphore, permits }
    }

    /// How many permits these are.
    pub fn num_permits(&self) -> usize {
        self.permits
    }

    /// The semaphore that they are of.
    pub fn semaphore(&self) -> &S {
        &self.semaphore
    }

    /// Does not give them back: the semaphore has as many fewer from now on.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::lock::Semaphore;
    ///
    /// let semaphore = Semaphore::new(2);
    /// semaphore.acquire()?.forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<(), moirai_sync::lock::Closed>(())
    /// ```
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Takes `permits` of them apart; `None` if there are not as many.
    pub fn split(&mut self, permits: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(permits)?;
        Some(Self { semaphore: self.semaphore.clone(), permits })
    }

    /// Adds those of `other`.
    ///
    /// # Errors
    ///
    /// `other`, if it is of another semaphore.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::lock::Semaphore;
    ///
    /// let (ours, other) = (Semaphore::new(2), Semaphore::new(1));
    /// let mut permit = ours.acquire()?;
    /// assert!(permit.merge(ours.acquire()?).is_ok());
    /// assert!(permit.merge(other.acquire()?).is_err());
    /// assert_eq!(permit.num_permits(), 2);
    /// # Ok::<(), moirai_sync::lock::Closed>(())
    /// ```
    pub fn merge(&mut self, mut other: Self) -> Result<(), Self> {
        if !ptr::eq(&raw const *self.semaphore, &raw const *other.semaphore) {
            return Err(other);
        }
        self.permits += std::mem::take(&mut other.permits);
        Ok(())
    }
}

impl<S: Deref<Target = Semaphore> + Clone> Drop for Permit<S> {
    fn drop(&mut self) {
        if self.permits != 0 {
            self.semaphore.release(self.permits);
        }
    }
}

impl<S: Deref<Target = Semaphore> + Clone> fmt::Debug for Permit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("permits", &self.permits).finish_non_exhaustive()
    }
}
