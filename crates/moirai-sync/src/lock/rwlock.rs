//! A value that many read or one writes: a reader has one of the permits, a writer all of them.

#![allow(unsafe_code, reason = "references to what the lock guards; model: src/model/rwlock.rs")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use crate::prim::UnsafeCell;

use super::turns::Turns;

/// A value that many read at a time, or one writes.
///
/// First come, first served: a reader that comes after a writer waits behind it, so that writers are
/// not starved. So whoever reads and asks to read once more may wait for itself, if a writer has come
/// between. As a [`Mutex`](super::Mutex), it knows no poison; its guards may be kept across an
/// `await` and dropped on another thread.
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::RwLock;
/// use moirai_sync::strand;
///
/// static ROUTES: RwLock<Vec<&str>> = RwLock::new(Vec::new());
///
/// ROUTES.write().push("/");                                              // blocks the thread
/// strand::block_on(async { ROUTES.write_async().await.push("/metrics") }); // suspends the task
/// let (one, other) = (ROUTES.read(), ROUTES.read());
/// assert_eq!((one.len(), other[0]), (2, "/"));
/// ```
pub struct RwLock<T: ?Sized> {
    turns: Turns,
    value: UnsafeCell<T>,
}

/// As many may read at a time; one more waits.
const READERS_MAX: usize = (1 << 29) - 1;

const NEVER_CLOSED: &str = "a wait without a deadline ended without a turn";

// SAFETY: the value goes with the lock.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: a shared lock gives `&T` to many threads (Sync) and `&mut T` to one of them (Send).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

/// The right to read, given up when this is dropped.
#[must_use = "the right to read is given up when this is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// `Send` and `Sync` as a `&T` is.
    _value: PhantomData<&'a T>,
}

/// The right to write, given up when this is dropped.
///
/// What it guards must be `Sync` where the guard is shared:
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<moirai_sync::lock::RwLockWriteGuard<'static, std::cell::Cell<u32>>>();
/// ```
#[must_use = "the right to write is given up when this is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// `Send` and `Sync` as a `&mut T` is.
    _value: PhantomData<&'a mut T>,
}

impl<T> RwLock<T> {
    maybe_const! {
        /// A lock around `value`.
        pub fn new(value: T) -> Self {
            Self { turns: Turns::new(READERS_MAX), value: UnsafeCell::new(value) }
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits for the right to read, on the current strand.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        let Some(()) = self.wait(1, None) else { unreachable!("{NEVER_CLOSED}") };
        self.reading()
    }

    /// Waits for the right to write, on the current strand.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        let Some(()) = self.wait(READERS_MAX, None) else { unreachable!("{NEVER_CLOSED}") };
        self.writing()
    }

    /// The right to read, if nobody writes or waits to.
    #[inline]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.turns.try_acquire(1).ok().map(|()| self.reading())
    }

    /// The right to write, if nobody reads or writes.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = moirai_sync::lock::RwLock::new(1);
    /// let reader = lock.read();
    /// assert!(lock.try_read().is_some() && lock.try_write().is_none());
    /// drop(reader);
    /// assert!(lock.try_write().is_some());
    /// ```
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.turns.try_acquire(READERS_MAX).ok().map(|()| self.writing())
    }

    /// As [`read`](Self::read), for at most `timeout`.
    pub fn read_timeout(&self, timeout: Duration) -> Option<RwLockReadGuard<'_, T>> {
        self.wait(1, Instant::now().checked_add(timeout)).map(|()| self.reading())
    }

    /// As [`read`](Self::read), until `deadline` at most.
    pub fn read_deadline(&self, deadline: Instant) -> Option<RwLockReadGuard<'_, T>> {
        self.wait(1, Some(deadline)).map(|()| self.reading())
    }

    /// As [`write`](Self::write), for at most `timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = moirai_sync::lock::RwLock::new(1);
    /// let _reader = lock.read();
    /// assert!(lock.write_timeout(Duration::from_millis(1)).is_none());
    /// ```
    pub fn write_timeout(&self, timeout: Duration) -> Option<RwLockWriteGuard<'_, T>> {
        self.wait(READERS_MAX, Instant::now().checked_add(timeout)).map(|()| self.writing())
    }

    /// As [`write`](Self::write), until `deadline` at most.
    pub fn write_deadline(&self, deadline: Instant) -> Option<RwLockWriteGuard<'_, T>> {
        self.wait(READERS_MAX, Some(deadline)).map(|()| self.writing())
    }

    /// As [`read`](Self::read), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line; what it was given goes to the next ones.
    #[inline]
    pub async fn read_async(&self) -> RwLockReadGuard<'_, T> {
        let Ok(()) = self.turns.acquire_async(1).await else { unreachable!("{NEVER_CLOSED}") };
        self.reading()
    }

    /// As [`write`](Self::write), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line; what it was given goes to the next ones.
    #[inline]
    pub async fn write_async(&self) -> RwLockWriteGuard<'_, T> {
        let all = self.turns.acquire_async(READERS_MAX).await;
        let Ok(()) = all else { unreachable!("{NEVER_CLOSED}") };
        self.writing()
    }

    /// The value, which nobody else can have now.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: we have the only reference to the lock, so there is no guard.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    #[inline]
    fn wait(&self, permits: usize, deadline: Option<Instant>) -> Option<()> {
        self.turns.acquire(permits, deadline).and_then(Result::ok)
    }

    /// The caller has one permit.
    #[inline]
    fn reading(&self) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard { lock: self, _value: PhantomData }
    }

    /// The caller has all permits.
    #[inline]
    fn writing(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard { lock: self, _value: PhantomData }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Goes on reading, and lets others read; nobody writes between. An associated function, for
    /// `T` may have a method `downgrade`.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::lock::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut writer = lock.write();
    /// *writer = 2;
    /// let reader = RwLockWriteGuard::downgrade(writer);
    /// assert_eq!((*reader, lock.try_read().map(|reader| *reader)), (2, Some(2)));
    /// ```
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let lock = ManuallyDrop::new(this).lock;
        lock.turns.release(READERS_MAX - 1);
        lock.reading()
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.turns.release(1);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.turns.release(READERS_MAX);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: while this has a permit nobody has all, so nobody writes; the reference borrows
        // the guard.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this has all permits, so nobody else reaches the value; the reference borrows the
        // guard.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; the guard is borrowed for this reference alone.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RwLock");
        match self.try_read() {
            Some(value) => debug.field("value", &&*value).finish(),
            None => debug.finish_non_exhaustive(),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
