//! Locks that threads and tasks take alike.
//!
//! | to | use | who is first |
//! |---|---|---|
//! | have a value to oneself | [`Mutex`] | whoever finds it free; who has waited long keeps newcomers out |
//! | let so many in at once | [`Semaphore`] | first come, first served |
//!
//! Each has the same four ways to wait: `x()` blocks the strand (on a worker of the runtime, another
//! thread goes on with its tasks meanwhile), `x_async()` suspends the task, `x_timeout` and
//! `x_deadline` give up; and `try_x` does not wait. All may be mixed on one lock.
//!
//! A future of these can be dropped at any time: what it was given goes on to the next one.

mod error;
mod line;
mod mutex;
mod permit;
mod raw_mutex;
mod semaphore;
mod turns;

pub use error::{AcquireTimeoutError, Closed, TryAcquireError};
pub use mutex::{FastMutex, MappedMutexGuard, Mutex, MutexGuard};
pub use permit::{OwnedSemaphorePermit, Permit, SemaphorePermit};
pub use semaphore::Semaphore;
