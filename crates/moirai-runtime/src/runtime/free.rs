//! What is called on the runtime that the calling code runs on, or else on the global one.

use std::pin::pin;
use std::time::Duration;

use moirai_sync::strand;

use crate::global;
use crate::sched::current;
use crate::task::{self, TaskBuilder, TaskHandle};
use crate::time::Sleep;

use super::Handle;

/// Runs `future` to its end on the calling strand; see [`Handle::block_on`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::block_on(async { 40 + 2 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    Handle::current().block_on(pin!(future))
}

/// Starts an async task on the current runtime; see [`Handle::spawn`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::spawn(async { 40 + 2 }).join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    current::with_pool_or(|| global::pool(), |pool| task::spawn_future(pool, future))
}

/// Starts an async task for one worker of the current runtime; see [`Handle::spawn_on`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::spawn_on(0, async { 40 + 2 }).join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn_on<F>(worker: usize, future: F) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Handle::current().spawn_on(worker, future)
}

/// The same as [`spawn`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::spawn_async(async { 40 + 2 }).join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn_async<F>(future: F) -> TaskHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    current::with_pool_or(|| global::pool(), |pool| task::spawn_future(pool, future))
}

/// Runs a closure that computes on the current runtime's workers; see [`Handle::spawn_parallel`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::spawn_parallel(|| 40 + 2).join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn_parallel<F, T>(f: F) -> TaskHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    current::with_pool_or(|| global::pool(), |pool| task::spawn_parallel(pool, f))
}

/// Runs a closure that blocks on a thread of its own; see [`Handle::spawn_blocking`].
///
/// # Examples
///
/// ```
/// assert!(moirai_runtime::spawn_blocking(|| std::fs::read("Cargo.toml")).join().is_ok());
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> TaskHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    current::with_pool_or(|| global::pool(), |pool| task::spawn_blocking(pool, f))
}

/// A task of the current runtime with options; see [`Handle::task`].
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_runtime::task().name("answer").spawn(async { 40 + 2 }).join().unwrap(), 42);
/// ```
pub fn task() -> TaskBuilder {
    Handle::current().task()
}

/// Runs `f`, which may block its thread, without keeping a worker from its tasks: others run them
/// meanwhile. For calls that the runtime knows nothing of (files, locks, foreign code); what this
/// library waits for, it announces itself. On a thread that is no worker it only calls `f`.
///
/// Unlike [`spawn_blocking`], it needs no second thread to run `f`, and `f` may borrow; but the
/// task's own other branches (of a `select` or a `join`) wait for it.
///
/// # Examples
///
/// ```
/// let handle = moirai_runtime::spawn(async {
///     let name = String::from("Cargo.toml");
///     moirai_runtime::block_in_place(|| std::fs::read(&name)).map(|bytes| bytes.len())
/// });
/// assert!(handle.join().unwrap().is_ok());
/// ```
pub fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    let _blocking = strand::blocking();
    f()
}

/// Waits for `duration` without blocking the thread; see [`time::sleep`](crate::time::sleep).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// moirai_runtime::block_on(moirai_runtime::sleep(Duration::from_millis(1)));
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    crate::time::sleep(duration)
}
