//! Locks that threads and tasks take alike.
//!
//! | to | use | who is first |
//! |---|---|---|
//! | have a value to oneself | [`Mutex`] | whoever finds it free; who has waited long keeps newcomers out |
//! | read with others, or write alone | [`RwLock`] | first come, first served |
//! | let so many in at once | [`Semaphore`] | first come, first served |
//! | wait for a change under a mutex | [`Condvar`] | who has waited longest is told first |
//! | wait until something happens | [`Notify`] | as above |
//! | make a value once | [`OnceCell`], [`Once`] | whoever comes first; if that fails, who has waited longest |
//! | wait until so many have come | [`Barrier`] | all pass together |
//! | let so many through in a period | [`RateLimiter`] | first come, first served |
//!
//! Each has the same ways to wait: `x()` blocks the strand (on a worker of the runtime, another
//! thread goes on with its tasks meanwhile), `x_async()` suspends the task, `x_timeout` and
//! `x_deadline` give up; and `try_x` does not wait. All may be mixed on one lock.
//!
//! There is one path on every platform, and no futex of our own: who waits is a [`Waker`] in a line, and a
//! thread behind it sleeps by [`std::thread::park`]. So the tests, the models and the random schedules run
//! the path that is shipped.
//!
//! [`Waker`]: std::task::Waker
//!
//! A future of these can be dropped at any time: what it was given goes on to the next one. None of
//! them is poisoned by a panic. All but the rate limiter can be statics.
//!
//! | here | in tokio | in std, parking_lot |
//! |---|---|---|
//! | `mutex.lock_async().await`, `mutex.lock()` | `lock().await`, `blocking_lock()` | `lock()`, without poison |
//! | `lock.read_async().await`, `lock.write()` | `read().await`, `blocking_write()` | `write()` |
//! | `semaphore.acquire_async().await` | `acquire().await` | |
//! | `notify.notified().await`, `notify.wait()` | `notified().await` | |
//! | `cell.get_or_init_async(make).await` | `get_or_init(make).await` | `get_or_init` |
//! | `guard = condvar.wait_async(guard).await` | | `wait` |

mod barrier;
mod condvar;
mod error;
mod line;
mod mutex;
mod notify;
mod once;
mod permit;
mod rate_limiter;
mod raw_mutex;
mod raw_once;
mod rwlock;
mod semaphore;
mod told;
mod turns;

pub use barrier::{Barrier, Passed};
pub use condvar::{Condvar, Waited};
pub use error::{AcquireTimeoutError, Closed, TryAcquireError};
pub use mutex::{FastMutex, MappedMutexGuard, Mutex, MutexGuard};
pub use notify::{Notified, Notify};
pub use once::{Once, OnceCell};
pub use permit::{OwnedSemaphorePermit, Permit, SemaphorePermit};
pub use rate_limiter::RateLimiter;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::Semaphore;
