//! A value that one has at a time. Who has it, and who is next, is in `raw_mutex`.

#![allow(unsafe_code, reason = "references to what the lock guards; model: src/model/mutex.rs")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use crate::prim::UnsafeCell;

use super::raw_mutex::RawMutex;

/// A value that one thread or task has at a time.
///
/// Whoever finds it free takes it; so a thread that locks again and again is not made to wait for
/// others to wake up. Who was told several times that it is free, and each time came too late, keeps
/// newcomers out until it has had it: nobody waits for ever.
///
/// **No poison.** A panic while it is locked unlocks it, and the next one finds the value as it was
/// left. Half-changed values come also from futures that are dropped at an `await`, which no poison
/// would tell of; and a task's panic is told by its handle.
///
/// The guard may be kept across an `await` and dropped on another thread. A guard that is kept by a
/// future which nobody polls keeps the lock.
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::Mutex;
/// use moirai_sync::strand;
///
/// static TOTAL: Mutex<u64> = Mutex::new(0);
///
/// let thread = std::thread::spawn(|| *TOTAL.lock() += 40);         // blocks the thread
/// strand::block_on(async { *TOTAL.lock_async().await += 2 });      // suspends the task
/// thread.join().unwrap();
/// assert_eq!(*TOTAL.lock(), 42);
/// ```
#[repr(C)]
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

/// The same as [`Mutex`].
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::FastMutex;
///
/// let count = FastMutex::new(1);
/// *count.lock() += 1;
/// assert_eq!(count.into_inner(), 2);
/// ```
pub type FastMutex<T> = Mutex<T>;

// SAFETY: the value goes with the mutex.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: a shared mutex gives the value to one thread at a time, which needs `Send`; never to two,
// which would need `Sync`.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// The lock of a [`Mutex`], given up when this is dropped; on whatever thread.
///
/// What it guards must be `Sync` where the guard is shared:
///
/// ```compile_fail
/// fn shared<T: Sync>() {}
/// shared::<moirai_sync::lock::MutexGuard<'static, std::cell::Cell<u32>>>();
/// ```
#[must_use = "the mutex is unlocked when this is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// `Send` and `Sync` as a `&mut T` is.
    _value: PhantomData<&'a mut T>,
}

/// The lock of a [`Mutex`], with a part of what it guards; from [`MutexGuard::map`].
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::{Mutex, MutexGuard};
///
/// let pair = Mutex::new((1, "one"));
/// let mut number = MutexGuard::map(pair.lock(), |pair| &mut pair.0);
/// *number += 1;
/// drop(number);
/// assert_eq!(pair.into_inner(), (2, "one"));
/// ```
#[must_use = "the mutex is unlocked when this is dropped"]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    raw: &'a RawMutex,
    value: NonNull<T>,
    _value: PhantomData<&'a mut T>,
}

// SAFETY: as a `&mut T`: the pointer is to what the lock guards, and nobody else uses it meanwhile.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: a shared guard gives out `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}

impl<T> Mutex<T> {
    maybe_const! {
        /// A mutex around `value`, unlocked.
        pub fn new(value: T) -> Self {
            Self { raw: RawMutex::new(), value: UnsafeCell::new(value) }
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock, on the current strand.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        match self.raw.lock(None) {
            Some(()) => self.guard(),
            None => unreachable!("a wait without a deadline ended without a result"),
        }
    }

    /// Takes the lock if nobody has it, also if others wait for it.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = moirai_sync::lock::Mutex::new(1);
    /// let guard = mutex.lock();
    /// assert!(mutex.try_lock().is_none());
    /// drop(guard);
    /// assert_eq!(mutex.try_lock().map(|guard| *guard), Some(1));
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.raw.try_lock().map(|()| self.guard())
    }

    /// As [`lock`](Self::lock), for at most `timeout`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mutex = moirai_sync::lock::Mutex::new(1);
    /// let guard = mutex.lock();
    /// assert!(mutex.lock_timeout(Duration::from_millis(1)).is_none());
    /// ```
    pub fn lock_timeout(&self, timeout: Duration) -> Option<MutexGuard<'_, T>> {
        self.raw.lock(Instant::now().checked_add(timeout)).map(|()| self.guard())
    }

    /// As [`lock`](Self::lock), until `deadline` at most.
    pub fn lock_deadline(&self, deadline: Instant) -> Option<MutexGuard<'_, T>> {
        self.raw.lock(Some(deadline)).map(|()| self.guard())
    }

    /// As [`lock`](Self::lock), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets that it waited; if it was told that the lock is free, it tells the
    /// next one.
    #[inline]
    pub async fn lock_async(&self) -> MutexGuard<'_, T> {
        self.raw.lock_async().await;
        self.guard()
    }

    /// Whether somebody has the lock now.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The value, which nobody else can have now.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: we have the only reference to the mutex, so there is no guard.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// The caller has locked.
    #[inline]
    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, _value: PhantomData }
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Keeps the lock, for a part of what it guards. An associated function, for `T` may have a
    /// method `map`.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::lock::{Mutex, MutexGuard};
    ///
    /// let pair = Mutex::new((1, "one"));
    /// let mut name = MutexGuard::map(pair.lock(), |pair| &mut pair.1);
    /// *name = "eins";
    /// drop(name);
    /// assert_eq!(pair.into_inner(), (1, "eins"));
    /// ```
    pub fn map<U: ?Sized>(
        mut this: Self,
        part: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        // If this panics, the lock is given up with `this`.
        let value = NonNull::from(part(&mut *this));
        let this = ManuallyDrop::new(this);
        MappedMutexGuard { raw: &this.mutex.raw, value, _value: PhantomData }
    }

    /// The mutex that this is the lock of.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.raw.unlock();
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: who has the guard has the lock, so nobody else reaches the value; the reference
        // borrows the guard.
        self.mutex.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; the guard is borrowed for this reference alone.
        self.mutex.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized> Drop for MappedMutexGuard<'_, T> {
    fn drop(&mut self) {
        self.raw.unlock();
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it is a part of what the lock guards, which we have; made from a `&mut` that
        // nobody has used since.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; the guard is borrowed for this reference alone.
        unsafe { self.value.as_mut() }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(value) => debug.field("value", &&*value).finish(),
            None => debug.finish_non_exhaustive(),
        }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MappedMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
