//! Channels with a queue for each worker, of which the others take what it does not get to. What that means
//! stands with [`work_stealing`].

use std::fmt;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use crate::queue::{Part, Queue};
use crate::waitlist::Asker;

use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use super::shared::{Side, received};
use super::{Receiver, Sender, handles};

/// Makes a channel with a queue for each of so many workers, at least 1 and at most 1024; less counts
/// as 1, and more as 1024.
///
/// A message is sent to one worker, or to whichever has time: then it goes into a queue that all share,
/// and costs what it does in every other channel. A worker receives what is its own, oldest first; where
/// that is nothing, what is for anybody; and where that is nothing either, what is another's, oldest first
/// as well. So a worker that stalls holds up nobody's messages, and none that is busy looks at the others'
/// queues.
///
/// - **Order.** Messages for one worker are received in the order in which they were sent, by whomever;
///   one that was stolen may be done with before or after its neighbours. So are messages for anybody; but
///   a message for one worker may go before one for anybody that was sent earlier.
/// - **Waiting.** Whoever has waited longest is woken for a message, not the worker that it is for.
/// - **Starvation.** A worker that always has messages of its own takes one for anybody after each 63. One
///   that stalls while all others are busy keeps its messages for that long.
/// - **The sender** is that of every other channel; it never waits, for there is no bound.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel;
///
/// let (sender, workers) = channel::work_stealing(2);
/// sender.send_to_worker(0, "for the first").unwrap();
/// sender.send_to_worker(0, "for whoever has time").unwrap();
/// assert_eq!(workers[0].recv(), Ok("for the first"));
/// assert_eq!(workers[1].recv(), Ok("for whoever has time")); // stolen
/// ```
pub fn work_stealing<T>(workers: usize) -> (Sender<T>, Vec<WorkerReceiver<T>>) {
    let queue = Queue::for_workers(workers);
    let workers = queue.homes();
    let (sender, receiver) = handles(|| queue);
    let receivers = (1..workers).map(|id| WorkerReceiver { receiver: receiver.clone(), id });
    let receivers: Vec<_> = receivers.collect();
    let first = WorkerReceiver { receiver, id: 0 };
    (sender, std::iter::once(first).chain(receivers).collect())
}

/// An error from [`Sender::send_to_worker`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendToWorkerError<T> {
    /// The channel has no worker of that number.
    NoWorker(T),
    /// No receiver is left, or the channel was closed.
    Disconnected(T),
}

impl<T> SendToWorkerError<T> {
    /// The message.
    pub fn into_inner(self) -> T {
        let (Self::NoWorker(message) | Self::Disconnected(message)) = self;
        message
    }
}

// Debug without `T: Debug`, as of the other errors.
impl<T> fmt::Debug for SendToWorkerError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoWorker(_) => "NoWorker(..)",
            Self::Disconnected(_) => "Disconnected(..)",
        })
    }
}

impl<T> fmt::Display for SendToWorkerError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoWorker(_) => "the channel has no worker of that number",
            Self::Disconnected(_) => "sending on a closed channel",
        })
    }
}

impl<T> std::error::Error for SendToWorkerError<T> {}

impl<T> Sender<T> {
    /// Sends `message` to the worker `worker`, counted from 0, of a [`work_stealing`] channel.
    ///
    /// # Errors
    ///
    /// [`SendToWorkerError`] returns `message` if there is no such worker, as in every other channel,
    /// or the channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, SendToWorkerError};
    ///
    /// let (sender, workers) = channel::work_stealing(2);
    /// sender.send_to_worker(1, "job").unwrap();
    /// assert_eq!(workers[1].recv(), Ok("job"));
    /// assert_eq!(sender.send_to_worker(2, "job"), Err(SendToWorkerError::NoWorker("job")));
    /// ```
    pub fn send_to_worker(&self, worker: usize, message: T) -> Result<(), SendToWorkerError<T>> {
        if worker >= self.shared().queue.homes() {
            return Err(SendToWorkerError::NoWorker(message));
        }
        let sent = self.shared().try_send_to(Part::Home(worker), message);
        sent.map_err(|error| SendToWorkerError::Disconnected(error.into_inner()))
    }
}

/// A worker's receiving end; from [`work_stealing`].
///
/// For batches, and as an arm of a select, there is the [`Receiver`] within, which is no worker's: it
/// takes what is for anybody first, but one time of 64 what is for a worker.
///
/// # Examples
///
/// ```
/// let (sender, workers) = moirai_sync::channel::work_stealing(4);
/// (0..100).for_each(|i| sender.send(i).unwrap());
/// drop(sender);
/// let threads = workers
///     .into_iter()
///     .map(|worker| std::thread::spawn(move || worker.iter().sum::<u32>()));
/// let threads: Vec<_> = threads.collect();
/// assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>(), 4950);
/// ```
#[derive(Debug)]
#[must_use = "dropping the last receiver closes the channel"]
pub struct WorkerReceiver<T> {
    receiver: Receiver<T>,
    id: usize,
}

impl<T> WorkerReceiver<T> {
    /// Which worker this is, counted from 0.
    pub fn id(&self) -> usize {
        self.id
    }

    /// The end that is no worker's.
    pub fn as_receiver(&self) -> &Receiver<T> {
        &self.receiver
    }

    /// Takes the worker's oldest message, else one for anybody or another one's, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        let now = self.receiver.shared().take_now_at(self.id);
        now.map_or_else(|| self.recv_later(None).map_err(|_| RecvError), Ok)
    }

    /// Takes the worker's oldest message, else one for anybody or another one's, if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] says whether a message may still come.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receiver.shared().try_take_at(self.id)
    }

    /// [`recv`](Self::recv), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        // A deadline beyond what an Instant can hold is none.
        self.recv_until(Instant::now().checked_add(timeout))
    }

    /// [`recv`](Self::recv), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or the channel is empty and closed.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_until(Some(deadline))
    }

    /// [`recv`](Self::recv), suspending the async task while there is no message.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the channel is empty and closed, also while waiting.
    ///
    /// # Cancel safety
    ///
    /// As of [`Receiver::recv_async`]: nothing is lost.
    pub async fn recv_async(&self) -> Result<T, RecvError> {
        let shared = self.receiver.shared();
        shared.suspend(Side::Receivers, |_| received(shared.try_take_at(self.id))).await
    }

    fn recv_until(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let now = self.receiver.shared().take_now_at(self.id);
        now.map_or_else(|| self.recv_later(deadline), Ok)
    }

    #[cold]
    #[inline(never)]
    fn recv_later(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        let shared = self.receiver.shared();
        let attempt = |_: Asker<'_>| received(shared.try_take_at(self.id));
        let result = shared.wait(Side::Receivers, deadline, attempt);
        Ok(result.ok_or(RecvTimeoutError::Timeout)??)
    }

    /// An iterator that waits for messages and ends when the channel is empty and closed.
    pub fn iter(&self) -> WorkerIter<'_, T> {
        WorkerIter { worker: self }
    }
}

impl<'a, T> IntoIterator for &'a WorkerReceiver<T> {
    type Item = T;
    type IntoIter = WorkerIter<'a, T>;

    fn into_iter(self) -> WorkerIter<'a, T> {
        self.iter()
    }
}

/// Messages as they come; from [`WorkerReceiver::iter`].
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct WorkerIter<'a, T> {
    worker: &'a WorkerReceiver<T>,
}

impl<T> Iterator for WorkerIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.worker.recv().ok()
    }
}

impl<T> FusedIterator for WorkerIter<'_, T> {}
