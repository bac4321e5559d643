//! A number of permits, for threads and tasks. Who waits, and how, is in `turns`.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::{AcquireTimeoutError, Closed, TryAcquireError};
use super::permit::{OwnedSemaphorePermit, SemaphorePermit};
use super::turns::{PERMITS_MAX, Turns};

/// So many at once and no more: a number of permits, handed out first come, first served.
///
/// While somebody waits, nobody else takes a permit: who wants many is not passed by those who want
/// few. So what a future was granted is its own until it is polled or dropped; one that is kept and
/// never polled again keeps it.
///
/// Closing is final: from then on nobody gets a permit, whatever is added, given back or forgotten.
/// Permits that somebody has stay good.
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::Semaphore;
/// use moirai_sync::strand;
///
/// static CONNECTIONS: Semaphore = Semaphore::new(2);
///
/// let first = CONNECTIONS.acquire()?;                                    // blocks the thread
/// let second = strand::block_on(CONNECTIONS.acquire_async())?;           // suspends the task
/// assert!(CONNECTIONS.try_acquire().is_err());
/// drop((first, second));
/// assert_eq!(CONNECTIONS.available_permits(), 2);
/// # Ok::<(), moirai_sync::lock::Closed>(())
/// ```
pub struct Semaphore {
    turns: Turns,
}

impl Semaphore {
    /// The most permits that nobody has at a time; more count as so many.
    pub const PERMITS_MAX: usize = PERMITS_MAX;

    maybe_const! {
        /// With `permits` permits.
        pub fn new(permits: usize) -> Self {
            Self { turns: Turns::new(permits) }
        }
    }

    /// How many permits nobody has. If others wait for more than these, one cannot have them either.
    pub fn available_permits(&self) -> usize {
        self.turns.available()
    }

    /// Waits for a permit, on the current strand.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the semaphore is, also while waiting.
    #[inline]
    pub fn acquire(&self) -> Result<SemaphorePermit<'_>, Closed> {
        self.acquire_many(1)
    }

    /// Waits for `permits` permits, on the current strand. For more than there are, it waits until
    /// some are added.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the semaphore is, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::lock::Semaphore;
    ///
    /// let megabytes = Semaphore::new(100);
    /// let mut permit = megabytes.acquire_many(60)?;
    /// drop(permit.split(20));
    /// assert_eq!((permit.num_permits(), megabytes.available_permits()), (40, 60));
    /// # Ok::<(), moirai_sync::lock::Closed>(())
    /// ```
    #[inline]
    pub fn acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, Closed> {
        self.wait(permits, None).unwrap_or(Err(Closed))?;
        Ok(SemaphorePermit::new(self, permits as usize))
    }

    /// Takes a permit, if there is one and nobody waits.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says why not.
    #[inline]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `permits` permits, if there are as many and nobody waits.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says why not.
    #[inline]
    pub fn try_acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.turns.try_acquire(permits as usize)?;
        Ok(SemaphorePermit::new(self, permits as usize))
    }

    /// As [`acquire`](Self::acquire), for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`AcquireTimeoutError`] says why there is no permit.
    pub fn acquire_timeout(
        &self,
        timeout: Duration,
    ) -> Result<SemaphorePermit<'_>, AcquireTimeoutError> {
        self.acquire_many_until(1, Instant::now().checked_add(timeout))
    }

    /// As [`acquire`](Self::acquire), until `deadline` at most.
    ///
    /// # Errors
    ///
    /// [`AcquireTimeoutError`] says why there is no permit.
    pub fn acquire_deadline(
        &self,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, AcquireTimeoutError> {
        self.acquire_many_until(1, Some(deadline))
    }

    /// As [`acquire_many`](Self::acquire_many), for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`AcquireTimeoutError`] says why there are no permits.
    pub fn acquire_many_timeout(
        &self,
        permits: u32,
        timeout: Duration,
    ) -> Result<SemaphorePermit<'_>, AcquireTimeoutError> {
        self.acquire_many_until(permits, Instant::now().checked_add(timeout))
    }

    /// As [`acquire_many`](Self::acquire_many), until `deadline` at most.
    ///
    /// # Errors
    ///
    /// [`AcquireTimeoutError`] says why there are no permits.
    pub fn acquire_many_deadline(
        &self,
        permits: u32,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>, AcquireTimeoutError> {
        self.acquire_many_until(permits, Some(deadline))
    }

    fn acquire_many_until(
        &self,
        permits: u32,
        deadline: Option<Instant>,
    ) -> Result<SemaphorePermit<'_>, AcquireTimeoutError> {
        self.wait(permits, deadline).ok_or(AcquireTimeoutError::Timeout)??;
        Ok(SemaphorePermit::new(self, permits as usize))
    }

    /// As [`acquire`](Self::acquire), suspending the async task.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the semaphore is, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line, and no permit.
    #[inline]
    pub async fn acquire_async(&self) -> Result<SemaphorePermit<'_>, Closed> {
        self.acquire_many_async(1).await
    }

    /// As [`acquire_many`](Self::acquire_many), suspending the async task.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the semaphore is, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line, and no permit.
    #[inline]
    pub async fn acquire_many_async(&self, permits: u32) -> Result<SemaphorePermit<'_>, Closed> {
        self.turns.acquire_async(permits as usize).await?;
        Ok(SemaphorePermit::new(self, permits as usize))
    }

    /// As [`acquire`](Self::acquire), with a permit that borrows nothing.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the semaphore is, also while waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use moirai_sync::lock::Semaphore;
    ///
    /// let at_once = Arc::new(Semaphore::new(2));
    /// let threads: Vec<_> = (0..4)
    ///     .map(|n| {
    ///         let permit = Arc::clone(&at_once).acquire_owned()?;
    ///         Ok(std::thread::spawn(move || {
    ///             let _permit = permit;
    ///             n * n
    ///         }))
    ///     })
    ///     .collect::<Result<_, _>>()?;
    /// let sum: i32 = threads.into_iter().filter_map(|thread| thread.join().ok()).sum();
    /// assert_eq!(sum, 14);
    /// # Ok::<(), moirai_sync::lock::Closed>(())
    /// ```
    pub fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, Closed> {
        self.acquire_many_owned(1)
    }

    /// As [`acquire_many`](Self::acquire_many), with permits that borrow nothing.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the semaphore is, also while waiting.
    pub fn acquire_many_owned(
        self: Arc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, Closed> {
        self.wait(permits, None).unwrap_or(Err(Closed))?;
        Ok(OwnedSemaphorePermit::new(self, permits as usize))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that borrows nothing.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says why not.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), with permits that borrow nothing.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says why not.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.turns.try_acquire(permits as usize)?;
        Ok(OwnedSemaphorePermit::new(self, permits as usize))
    }

    /// As [`acquire_async`](Self::acquire_async), with a permit that borrows nothing.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the semaphore is, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line, and no permit.
    pub async fn acquire_owned_async(self: Arc<Self>) -> Result<OwnedSemaphorePermit, Closed> {
        self.acquire_many_owned_async(1).await
    }

    /// As [`acquire_many_async`](Self::acquire_many_async), with permits that borrow nothing.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the semaphore is, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line, and no permit.
    pub async fn acquire_many_owned_async(
        self: Arc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, Closed> {
        self.turns.acquire_async(permits as usize).await?;
        Ok(OwnedSemaphorePermit::new(self, permits as usize))
    }

    /// Adds permits, also to a closed semaphore, which gives none away. Beyond
    /// [`PERMITS_MAX`](Self::PERMITS_MAX) they are lost.
    pub fn add_permits(&self, permits: usize) {
        self.turns.add(permits);
    }

    /// Takes away up to `permits` permits that nobody has; returns how many.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::lock::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// let _permit = semaphore.acquire()?;
    /// assert_eq!(semaphore.forget_permits(5), 2);
    /// # Ok::<(), moirai_sync::lock::Closed>(())
    /// ```
    pub fn forget_permits(&self, permits: usize) -> usize {
        self.turns.forget(permits)
    }

    /// From now on, and for ever, nobody gets a permit; whoever waits is told so.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::lock::{Closed, Semaphore};
    ///
    /// let semaphore = Semaphore::new(0);
    /// std::thread::scope(|scope| {
    ///     let waiting = scope.spawn(|| semaphore.acquire().map(drop));
    ///     semaphore.close();
    ///     assert_eq!(waiting.join().ok(), Some(Err(Closed)));
    /// });
    /// ```
    pub fn close(&self) {
        self.turns.close();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.turns.is_closed()
    }

    #[inline]
    fn wait(&self, permits: u32, deadline: Option<Instant>) -> Option<Result<(), Closed>> {
        self.turns.acquire(permits as usize, deadline)
    }

    #[inline]
    pub(super) fn release(&self, permits: usize) {
        self.turns.release(permits);
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
