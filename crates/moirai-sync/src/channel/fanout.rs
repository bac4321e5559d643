//! One sending end for several channels, each with a worker behind it: who gets which message.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::coop;
use crate::prim::atomic::{AtomicU64, Ordering};
use crate::prim::random_below;
use crate::strand;
use crate::waitlist::{WaitList, Waiter};

use super::Sender;
use super::error::{SendError, SendTimeoutError, TrySendError};

/// Which worker gets a message.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{self, DistributionStrategy, FanoutChannel};
///
/// let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| channel::unbounded()).unzip();
/// let by_user = DistributionStrategy::Hash(|(user, _): &(u64, &str)| *user);
/// let fanout = FanoutChannel::new(senders, by_user);
/// for message in [(7, "logs in"), (8, "logs in"), (7, "logs out")] {
///     fanout.send(message).unwrap();
/// }
/// assert!(receivers[1].try_iter().eq([(7, "logs in"), (7, "logs out")]));
/// ```
#[derive(Default)]
pub enum DistributionStrategy<T> {
    /// One after the other: each gets as many as the others. Who is slow holds up the rest.
    #[default]
    RoundRobin,
    /// The one with the fewest messages queued: who is slow gets fewer.
    LeastLoaded,
    /// The one that the message's key names, a number made of it: messages of one key go to one worker,
    /// in their order. If that one is gone, to the next.
    Hash(fn(&T) -> u64),
    /// Any, each as probable as the others.
    Random,
}

/// One sending end for several channels, each with a worker behind it.
///
/// Each message goes to one worker. Which one is said by a [`DistributionStrategy`]; the share of a
/// worker that is gone goes to the next one. With [`DistributionStrategy::LeastLoaded`] a send waits for
/// room anywhere, with the others in the channel that was chosen.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{self, DistributionStrategy, FanoutChannel};
///
/// let (senders, receivers): (Vec<_>, Vec<_>) = (0..4).map(|_| channel::bounded(16)).unzip();
/// let workers: Vec<_> = receivers
///     .into_iter()
///     .map(|receiver| std::thread::spawn(move || receiver.iter().count()))
///     .collect();
/// let fanout = FanoutChannel::new(senders, DistributionStrategy::RoundRobin);
/// (0..1000).for_each(|job| fanout.send(job).unwrap());
/// drop(fanout);
/// assert!(workers.into_iter().all(|worker| worker.join().unwrap() == 250));
/// ```
pub struct FanoutChannel<T> {
    senders: Vec<Sender<T>>,
    strategy: DistributionStrategy<T>,
    /// Counts the messages.
    turn: AtomicU64,
    seed: u64,
}

impl<T> FanoutChannel<T> {
    /// Distributes among the receivers of `senders`.
    pub fn new(senders: Vec<Sender<T>>, strategy: DistributionStrategy<T>) -> Self {
        Self::with_seed(senders, strategy, random_below(u64::MAX))
    }

    /// As [`new`](Self::new), with what [`DistributionStrategy::Random`] draws determined by `seed`.
    pub fn with_seed(
        senders: Vec<Sender<T>>,
        strategy: DistributionStrategy<T>,
        seed: u64,
    ) -> Self {
        Self { senders, strategy, turn: AtomicU64::new(0), seed }
    }

    /// Sends `message` to a worker, waiting while its channel is full.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if no worker is left.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.send_until(message, None).map_err(|error| SendError(error.into_inner()))
    }

    /// Sends `message` to a worker if there is room now; with [`DistributionStrategy::LeastLoaded`]
    /// that is room anywhere, else in the channel whose turn it is.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] returns `message` if there is no room, or no worker is left.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.attempt(message)
    }

    /// As [`send`](Self::send), waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError`] returns `message` if there was no room in time, or no worker is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::{self, DistributionStrategy, FanoutChannel, SendTimeoutError};
    ///
    /// let (sender, _receiver) = channel::bounded(1);
    /// let fanout = FanoutChannel::new(vec![sender], DistributionStrategy::LeastLoaded);
    /// let timeout = Duration::from_millis(1);
    /// assert_eq!(fanout.send_timeout(1, timeout), Ok(()));
    /// assert_eq!(fanout.send_timeout(2, timeout), Err(SendTimeoutError::Timeout(2)));
    /// ```
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        // A deadline beyond what an Instant can hold is none.
        self.send_until(message, Instant::now().checked_add(timeout))
    }

    /// As [`send`](Self::send), waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, Some(deadline))
    }

    fn send_until(
        &self,
        mut message: T,
        deadline: Option<Instant>,
    ) -> Result<(), SendTimeoutError<T>> {
        if let DistributionStrategy::LeastLoaded = self.strategy {
            let mut waiting = Anywhere::new(self, message, Waiter::blocked);
            let sent = strand::wait(deadline, |cx| waiting.poll(cx));
            return match (sent, waiting.message) {
                (Some(result), _) => Ok(result?),
                (None, Some(message)) => Err(SendTimeoutError::Timeout(message)),
                (None, None) => unreachable!("a pending send keeps its message"),
            };
        }
        for sender in self.from(self.choose(&message)) {
            match sender.send_until(message, deadline) {
                Err(SendTimeoutError::Disconnected(back)) => message = back,
                result => return result,
            }
        }
        Err(SendTimeoutError::Disconnected(message))
    }

    /// As [`send`](Self::send), suspending the async task.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes drops `message` unsent and passes its turn to the next
    /// waiting sender.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, DistributionStrategy, FanoutChannel};
    /// use moirai_sync::strand;
    ///
    /// let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| channel::unbounded()).unzip();
    /// let fanout = FanoutChannel::new(senders, DistributionStrategy::Hash(|job: &u64| *job));
    /// strand::block_on(async { fanout.send_async(7).await }).unwrap();
    /// assert_eq!(receivers[1].try_recv(), Ok(7));
    /// ```
    pub async fn send_async(&self, mut message: T) -> Result<(), SendError<T>> {
        if let DistributionStrategy::LeastLoaded = self.strategy {
            coop::consume_budget().await;
            let mut waiting = Anywhere::new(self, message, Waiter::new);
            return poll_fn(|cx| waiting.poll(cx)).await;
        }
        for sender in self.from(self.choose(&message)) {
            match sender.send_async(message).await {
                Err(SendError(back)) => message = back,
                Ok(()) => return Ok(()),
            }
        }
        Err(SendError(message))
    }

    /// The senders, in the order in which they were given.
    pub fn senders(&self) -> &[Sender<T>] {
        &self.senders
    }

    /// How many messages are queued, in all channels together.
    pub fn len(&self) -> usize {
        self.senders.iter().map(Sender::len).sum()
    }

    /// Whether no message is queued anywhere.
    pub fn is_empty(&self) -> bool {
        self.senders.iter().all(Sender::is_empty)
    }

    /// Whether no worker is left.
    pub fn is_closed(&self) -> bool {
        self.senders.iter().all(Sender::is_closed)
    }

    /// Sends `message` where it belongs, or to the next who is there.
    fn attempt(&self, mut message: T) -> Result<(), TrySendError<T>> {
        let mut full = Full::No;
        for sender in self.from(self.choose(&message)) {
            match (sender.try_send(message), &self.strategy) {
                (Ok(()), _) => return Ok(()),
                (Err(TrySendError::Disconnected(back)), _) => message = back,
                (Err(TrySendError::Full(back)), DistributionStrategy::LeastLoaded) => {
                    (message, full) = (back, Full::Yes);
                }
                (Err(full), _) => return Err(full),
            }
        }
        Err(match full {
            Full::Yes => TrySendError::Full(message),
            Full::No => TrySendError::Disconnected(message),
        })
    }

    /// The number of the sender that `message` is for.
    fn choose(&self, message: &T) -> usize {
        // Without senders there is none to choose, and nobody asks which.
        let n = self.senders.len().max(1) as u64;
        let index = match self.strategy {
            DistributionStrategy::RoundRobin => self.turn() % n,
            DistributionStrategy::Hash(key) => key(message) % n,
            DistributionStrategy::Random => below(n, mix(self.seed, self.turn())),
            DistributionStrategy::LeastLoaded => return self.least_loaded(),
        };
        index as usize
    }

    /// Of those that are loaded alike, one after the other.
    fn least_loaded(&self) -> usize {
        let n = self.senders.len();
        let first = self.turn().checked_rem(n as u64).unwrap_or(0) as usize;
        let open = (first..n).chain(0..first).filter(|&i| !self.senders[i].is_closed());
        open.min_by_key(|&i| self.senders[i].len()).unwrap_or(0)
    }

    fn turn(&self) -> u64 {
        // Relaxed: only counted.
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// All senders, from that of `first` on.
    fn from(&self, first: usize) -> impl Iterator<Item = &Sender<T>> {
        self.senders[first..].iter().chain(&self.senders[..first])
    }
}

/// Whether anybody had no room.
#[derive(Clone, Copy)]
enum Full {
    Yes,
    No,
}

/// A send that waits for room in any of the channels.
struct Anywhere<'a, T> {
    fanout: &'a FanoutChannel<T>,
    message: Option<T>,
    /// One in the list of each channel, once it has to wait. They pass on what they were told and do
    /// not need.
    waiters: Vec<Pin<Box<Waiter<'a>>>>,
    waiter: fn(&'a WaitList) -> Waiter<'a>,
}

impl<'a, T> Anywhere<'a, T> {
    fn new(
        fanout: &'a FanoutChannel<T>,
        message: T,
        waiter: fn(&'a WaitList) -> Waiter<'a>,
    ) -> Self {
        Self { fanout, message: Some(message), waiters: Vec::new(), waiter }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let mut result = self.attempt();
        if result.is_pending() {
            if self.waiters.is_empty() {
                let lists = self.fanout.senders.iter().map(Sender::waiting);
                self.waiters = lists.map(|list| Box::pin((self.waiter)(list))).collect();
            }
            self.waiters.iter().for_each(|waiter| waiter.as_ref().register(cx.waker()));
            result = self.attempt();
        }
        if result.is_ready() {
            self.waiters.clear();
        }
        result
    }

    /// Sends the message; takes it out unless the result is pending.
    fn attempt(&mut self) -> Poll<Result<(), SendError<T>>> {
        let Some(message) = self.message.take() else {
            unreachable!("polled after the message was sent")
        };
        match self.fanout.attempt(message) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(TrySendError::Disconnected(message)) => Poll::Ready(Err(SendError(message))),
            Err(TrySendError::Full(message)) => {
                self.message = Some(message);
                Poll::Pending
            }
        }
    }
}

// The message is moved, the waiters are boxed.
impl<T> Unpin for Anywhere<'_, T> {}

/// A number in `0..n` made of 64 random bits, with a bias of n / 2^64.
fn below(n: u64, bits: u64) -> u64 {
    ((u128::from(bits) * u128::from(n)) >> 64) as u64
}

/// The `n`th number of a sequence that `seed` determines: splitmix64, by Steele, Lea and Flood, whose
/// state is a counter, so that many may draw from it.
fn mix(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl<T> Clone for DistributionStrategy<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for DistributionStrategy<T> {}

impl<T> fmt::Debug for DistributionStrategy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoundRobin => "RoundRobin",
            Self::LeastLoaded => "LeastLoaded",
            Self::Hash(_) => "Hash(..)",
            Self::Random => "Random",
        })
    }
}

impl<T> fmt::Debug for FanoutChannel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanoutChannel")
            .field("strategy", &self.strategy)
            .field("senders", &self.senders)
            .finish()
    }
}
