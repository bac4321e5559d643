//! The first success of several.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use moirai_sync::__prim::Mutex;
use moirai_sync::TaskError;

use super::error::{Failure, NurseryError};
use super::nursery::{Nursery, NurseryBuilder};

/// Runs `body`, which starts the contestants; returns the first success, when all others have ended:
/// they are cancelled, and so is the body at its next await.
///
/// A contestant that fails or panics leaves the others in the race.
///
/// # Errors
///
/// [`NurseryError`] with every failure, if nobody succeeds; with
/// [`TaskError::ResultNotFound`] if there was nobody.
///
/// # Panics
///
/// If `body` panics, with its payload, after all contestants have ended.
///
/// # Cancel safety
///
/// As that of [`nursery`](super::nursery()).
///
/// # Examples
///
/// Two addresses, of which the second gets its chance if the first does not answer at once:
///
/// ```
/// use std::time::Duration;
/// use moirai_runtime::{block_on, race, sleep};
///
/// async fn connect(address: &str, answers_after: u64) -> Result<&str, String> {
///     sleep(Duration::from_millis(answers_after)).await;
///     Ok(address)
/// }
///
/// let winner = block_on(race(async |r| {
///     r.spawn(connect("far", 10_000));
///     sleep(Duration::from_millis(5)).await;
///     r.spawn(connect("near", 1));
/// }));
/// assert_eq!(winner.unwrap(), "near");
/// ```
pub async fn race<B, T, E>(body: B) -> Result<T, NurseryError<E>>
where
    B: AsyncFnOnce(Race<T, E>),
    T: Send + 'static,
    E: Send + 'static,
{
    let winner = Arc::new(Mutex::new(None));
    let shared = Arc::clone(&winner);
    let ended = NurseryBuilder::new().collect_all().run(async move |nursery| {
        body(Race { nursery, winner: shared }).await;
        Ok(())
    });
    let ended = ended.await;
    let winner = winner.lock().take();
    match (winner, ended) {
        (Some(value), _) => Ok(value),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => {
            Err(NurseryError::new(Failure::Task(TaskError::ResultNotFound), Vec::new()))
        }
    }
}

/// Starts contestants, see [`race()`].
pub struct Race<T, E> {
    nursery: Nursery<E>,
    winner: Arc<Mutex<Option<T>>>,
}

impl<T: Send + 'static, E: Send + 'static> Race<T, E> {
    /// Starts a contestant. Once the race is won, none is started: the future is dropped.
    #[track_caller]
    pub fn spawn<F>(&self, future: F)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let race = self.clone();
        self.nursery.spawn(async move {
            let value = future.await?;
            race.won_by(value);
            Ok(())
        });
    }

    /// Starts a contestant that blocks. Once it runs, it is waited for, also if another one wins.
    #[track_caller]
    pub fn spawn_blocking<F>(&self, f: F)
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
    {
        let race = self.clone();
        self.nursery.spawn_blocking(move || f().map(|value| race.won_by(value)));
    }

    fn won_by(&self, value: T) {
        let second = {
            let mut winner = self.winner.lock();
            match *winner {
                None => winner.replace(value),
                Some(_) => Some(value),
            }
        };
        // Dropped without the lock.
        drop(second);
        self.nursery.cancel();
    }
}

impl<T, E> Clone for Race<T, E> {
    fn clone(&self) -> Self {
        Self { nursery: self.nursery.clone(), winner: Arc::clone(&self.winner) }
    }
}

// A panic elsewhere leaves nothing half changed.
impl<T, E> UnwindSafe for Race<T, E> {}
impl<T, E> RefUnwindSafe for Race<T, E> {}

impl<T, E> fmt::Debug for Race<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").field("nursery", &self.nursery).finish_non_exhaustive()
    }
}
