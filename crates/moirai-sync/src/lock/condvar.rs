//! Waiting, with a mutex given up meanwhile, until somebody says that something has changed.

use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use super::mutex::MutexGuard;
use super::notify::{Notified, Notify, Unheard};

/// Lets whoever holds a [`Mutex`](super::Mutex) wait for a change that another one makes under it.
///
/// As with every condition variable, what is waited for is looked at again after each wait, for
/// which there is [`wait_while`](Self::wait_while): whoever is told has to take the lock like any
/// other, and somebody may have changed it back meanwhile. Nobody is told for no reason.
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::{Condvar, Mutex};
///
/// static JOBS: Mutex<Vec<u32>> = Mutex::new(Vec::new());
/// static CHANGED: Condvar = Condvar::new();
///
/// std::thread::spawn(|| {
///     JOBS.lock().push(7);
///     CHANGED.notify_one();
/// });
/// let mut jobs = CHANGED.wait_while(JOBS.lock(), |jobs| jobs.is_empty());
/// assert_eq!(jobs.pop(), Some(7));
/// ```
#[derive(Debug, Default)]
pub struct Condvar {
    notify: Notify,
}

/// Whether a wait with a limit was told of a change.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::lock::{Condvar, Mutex, Waited};
///
/// let (mutex, changed) = (Mutex::new(0), Condvar::new());
/// let (_guard, waited) = changed.wait_timeout(mutex.lock(), Duration::from_millis(1));
/// assert_eq!(waited, Waited::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// It was told.
    Notified,
    /// The time had passed.
    TimedOut,
}

impl Condvar {
    maybe_const! {
        /// Nobody waits.
        pub fn new() -> Self {
            Self { notify: Notify::new() }
        }
    }

    /// Gives the lock up, waits until told, on the current strand, and locks again.
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.wait_until(guard, None).0
    }

    /// Waits as long as `condition` holds.
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while condition(&mut *guard) {
            guard = self.wait(guard);
        }
        guard
    }

    /// As [`wait`](Self::wait), for at most `timeout`, and then as long as the lock takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::lock::{Condvar, Mutex, Waited};
    ///
    /// let (mutex, changed) = (Mutex::new(()), Condvar::new());
    /// let (_guard, waited) = changed.wait_timeout(mutex.lock(), Duration::from_millis(1));
    /// assert_eq!(waited, Waited::TimedOut);
    /// ```
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> (MutexGuard<'a, T>, Waited) {
        self.wait_until(guard, Instant::now().checked_add(timeout))
    }

    /// As [`wait`](Self::wait), until `deadline` at most, and then as long as the lock takes.
    pub fn wait_deadline<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
    ) -> (MutexGuard<'a, T>, Waited) {
        self.wait_until(guard, Some(deadline))
    }

    fn wait_until<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> (MutexGuard<'a, T>, Waited) {
        let mutex = MutexGuard::mutex(&guard);
        let waited = {
            let mut notified = pin!(self.notify.notified_or(Unheard::Lost));
            Self::unlock_in_line(notified.as_mut(), guard);
            match notified.wait_until(deadline) {
                Some(()) => Waited::Notified,
                None => Waited::TimedOut,
            }
        };
        (mutex.lock(), waited)
    }

    /// As [`wait`](Self::wait), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the lock up; if it was told of a change, it tells the next one.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::lock::{Condvar, Mutex};
    /// use moirai_sync::strand;
    ///
    /// let (mutex, changed) = (Mutex::new(0), Condvar::new());
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         *mutex.lock() += 1;
    ///         changed.notify_all();
    ///     });
    ///     strand::block_on(async {
    ///         let mut guard = mutex.lock_async().await;
    ///         while *guard == 0 {
    ///             guard = changed.wait_async(guard).await;
    ///         }
    ///     });
    /// });
    /// ```
    pub async fn wait_async<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let mutex = MutexGuard::mutex(&guard);
        {
            let mut notified = pin!(self.notify.notified_or(Unheard::Lost));
            Self::unlock_in_line(notified.as_mut(), guard);
            notified.await;
        }
        mutex.lock_async().await
    }

    /// Tells whoever has waited longest.
    #[inline]
    pub fn notify_one(&self) {
        if self.notify.has_line() {
            self.notify.notify_waiting(Unheard::Lost);
        }
    }

    /// Tells all who wait.
    #[inline]
    pub fn notify_all(&self) {
        if self.notify.has_line() {
            self.notify.notify_waiters();
        }
    }

    /// Stands in line before the lock is given up: who changes something under the lock after that
    /// finds the line, for the lock orders the two.
    fn unlock_in_line<T: ?Sized>(notified: Pin<&mut Notified<'_>>, guard: MutexGuard<'_, T>) {
        notified.enable();
        drop(guard);
    }
}
