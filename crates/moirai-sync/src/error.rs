//! Why a result did not come: the one error type of task handles and result channels.

use std::any::Any;
use std::fmt;

use crate::prim::Mutex;

/// What waiting for a result yields.
pub type TaskResult<T> = Result<T, TaskError>;

/// Why there is no result.
///
/// # Examples
///
/// ```
/// use moirai_sync::{TaskError, result_channel};
///
/// let (sender, receiver) = result_channel::<u32>();
/// drop(sender);
/// assert!(matches!(receiver.recv(), Err(TaskError::ResultNotFound)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// The time given to wait has passed; the task goes on and its handle can be asked again.
    ExecutionTimeout,
    /// Nobody will ever send the result: the sender was dropped unsent, or the result was taken
    /// before.
    ResultNotFound,
    /// The task was refused and never ran.
    SpawnFailed(SpawnFailed),
    /// The task was cancelled before it ended.
    Cancelled,
    /// The task panicked.
    Panicked(Panicked),
    /// The task waits for the one that asks, so neither would end. The task goes on.
    Deadlock,
}

/// Why a task was refused.
#[derive(Debug)]
#[non_exhaustive]
// Whole words: a result is moved by whole words.
#[repr(usize)]
pub enum SpawnFailed {
    /// The runtime was shut down before.
    ShutDown,
    /// The blocking pool's queue is as long as it may be.
    QueueFull {
        /// How many jobs wait.
        limit: usize,
    },
    /// The operating system refused the first thread of the blocking pool.
    NoThread(std::io::Error),
    /// It was to run on a worker that does not exist.
    NoSuchWorker {
        /// The worker's number, from 0, or the largest that fits.
        worker: u32,
        /// How many workers there are.
        workers: u32,
    },
}

/// A panic, caught: its payload and its message.
pub struct Panicked(Box<Caught>);

/// In a box, so that a task whose result is small is no larger for what it may have to say.
struct Caught {
    message: Option<Box<str>>,
    /// In a mutex only to be `Sync`; a payload need not be.
    payload: Mutex<Box<dyn Any + Send>>,
}

impl Panicked {
    /// Keeps what `catch_unwind` returned.
    ///
    /// # Examples
    ///
    /// ```
    /// let payload = std::panic::catch_unwind(|| panic!("no disk")).unwrap_err();
    /// assert_eq!(moirai_sync::Panicked::new(payload).message(), "no disk");
    /// ```
    pub fn new(payload: Box<dyn Any + Send>) -> Self {
        let message =
            payload.downcast_ref::<&str>().map(|message| Box::from(*message)).or_else(|| {
                payload.downcast_ref::<String>().map(|message| Box::from(message.as_str()))
            });
        Self(Box::new(Caught { message, payload: Mutex::new(payload) }))
    }

    /// What was given to `panic!`, or a stand-in where that was no text.
    pub fn message(&self) -> &str {
        self.0.message.as_deref().unwrap_or("a payload that is no text")
    }

    /// The payload, to go on unwinding with `std::panic::resume_unwind`.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        // Swapped out and not unwrapped: a model's mutex cannot be taken apart.
        std::mem::replace(&mut *self.0.payload.lock(), Box::new(()))
    }
}

impl fmt::Debug for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panicked").field("message", &self.message()).finish_non_exhaustive()
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExecutionTimeout => f.write_str("the result did not come in time"),
            Self::ResultNotFound => f.write_str("nobody will send the result"),
            Self::SpawnFailed(_) => f.write_str("the task was refused"),
            Self::Cancelled => f.write_str("the task was cancelled"),
            Self::Panicked(panic) => write!(f, "the task panicked: {}", panic.message()),
            Self::Deadlock => f.write_str("the task waits for the one that would wait for it"),
        }
    }
}

impl std::error::Error for TaskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::SpawnFailed(reason) => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for SpawnFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShutDown => f.write_str("the runtime has been shut down"),
            Self::QueueFull { limit } => write!(f, "{limit} blocking jobs wait already"),
            Self::NoThread(_) => f.write_str("the operating system refused a thread"),
            Self::NoSuchWorker { worker, workers } => {
                write!(f, "there is no worker {worker} among {workers}")
            }
        }
    }
}

impl std::error::Error for SpawnFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoThread(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn errors_are_small_and_shareable() {
        fn check<T: Send + Sync + std::error::Error + 'static>() {}
        check::<TaskError>();
        assert!(size_of::<TaskError>() <= 16);
    }

    #[test]
    fn a_panic_keeps_its_message_and_its_payload() {
        let formatted = Panicked::new(catch_unwind(|| panic!("disk {}", 7)).unwrap_err());
        assert_eq!(formatted.message(), "disk 7");
        let odd = Panicked::new(catch_unwind(|| std::panic::panic_any(7_u8)).unwrap_err());
        assert_eq!(odd.message(), "a payload that is no text");
        assert_eq!(odd.into_payload().downcast_ref::<u8>(), Some(&7));
    }
}
