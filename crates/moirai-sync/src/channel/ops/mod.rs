//! Operators: what makes of the messages of a channel other messages.
//!
//! [`ChannelExt`] has them for every receiver. Their result, [`Messages`], is received from as a
//! channel is: it blocks a thread ([`recv`](Messages::recv), `for`), suspends a task
//! ([`recv_async`](Messages::recv_async), or with the feature `futures` its `stream`), or waits for so
//! long only; and it has the operators in turn.
//!
//! ```
//! use moirai_sync::channel::{self, ChannelExt};
//!
//! let (sender, receiver) = channel::bounded(8);
//! std::thread::spawn(move || (1..=7).try_for_each(|n| sender.send(n)));
//! let batches = receiver.filter(|n| n % 2 == 1).map(|n| n * 10).batch(3);
//! assert_eq!(batches.into_iter().collect::<Vec<_>>(), [vec![10, 30, 50], vec![70]]);
//! ```
//!
//! - **Nothing runs by itself.** An operator receives when it is received from, and what it keeps
//!   (half a batch, half a pair) it keeps: a wait that is dropped or is too long loses nothing.
//! - **The end** of what an operator receives from comes after all that it still holds.
//! - **Time** is the strand's: of the runtime where there is one, else the system's.
//! - Between two receives nobody waits: what comes meanwhile goes to other receivers as well.
//!
//! All of it is one poll function, [`Source::poll_recv`]; `source` has those at the beginning, each of
//! the other files some operators.

mod adapt;
mod pair;
mod source;
mod timed;

pub use adapt::{Batch, Dedup, Distinct, Filter, Map, Scan, Skip, Take};
pub use pair::{CombineLatest, Either, Merge, Zip};
pub use source::{ReceiverSource, SoleSource, Source, SubscriberSource};
pub use timed::{Debounce, Throttle};

use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::coop;
use crate::strand;

use super::broadcast::BroadcastReceiver;
use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use super::{Receiver, sole};

/// A function that wraps the second of two sources.
type Wrap<A, B> = fn(A) -> B;

/// The operators.
pub trait ChannelExt: Sized {
    /// What is received.
    type Item;

    /// Where it comes from.
    type Source: Source<Item = Self::Item>;

    /// The messages as they come.
    fn messages(self) -> Messages<Self::Source>;

    /// `f` of each message.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// sender.send("7").unwrap();
    /// assert_eq!(receiver.map(str::parse).recv(), Ok(Ok(7)));
    /// ```
    fn map<U, F: FnMut(Self::Item) -> U>(self, f: F) -> Messages<Map<Self::Source, F>> {
        self.with(|source| Map::new(source, f))
    }

    /// The messages of which `keep` says so.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// (1..=4).for_each(|n| sender.send(n).unwrap());
    /// assert_eq!(receiver.filter(|n| n % 2 == 0).recv(), Ok(2));
    /// ```
    fn filter<F: FnMut(&Self::Item) -> bool>(self, keep: F) -> Messages<Filter<Self::Source, F>> {
        self.with(|source| Filter::new(source, keep))
    }

    /// The first `n` messages. The others stay where they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// (1..=5).for_each(|n| sender.send(n).unwrap());
    /// assert_eq!(receiver.clone().skip(1).take(2).into_iter().collect::<Vec<_>>(), [2, 3]);
    /// assert_eq!(receiver.recv(), Ok(4));
    /// ```
    fn take(self, n: usize) -> Messages<Take<Self::Source>> {
        self.with(|source| Take::new(source, n))
    }

    /// The messages after the first `n`, which are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// (1..=4).for_each(|n| sender.send(n).unwrap());
    /// assert_eq!(receiver.skip(3).recv(), Ok(4));
    /// ```
    fn skip(self, n: usize) -> Messages<Skip<Self::Source>> {
        self.with(|source| Skip::new(source, n))
    }

    /// What `f` makes of each message and of a state, which is `first` at first; `None` ends it.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// (1..=4).for_each(|n| sender.send(n).unwrap());
    /// let sums = receiver.scan(0, |sum, n| {
    ///     *sum += n;
    ///     (*sum < 10).then_some(*sum)
    /// });
    /// assert_eq!(sums.into_iter().collect::<Vec<_>>(), [1, 3, 6]);
    /// ```
    fn scan<St, U, F>(self, first: St, f: F) -> Messages<Scan<Self::Source, St, F>>
    where
        F: FnMut(&mut St, Self::Item) -> Option<U>,
    {
        self.with(|source| Scan::new(source, first, f))
    }

    /// The messages that have not come before. It keeps a clone of each, so its memory grows with
    /// them; see also [`dedup`](Self::dedup).
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// [1, 2, 1].into_iter().for_each(|n| sender.send(n).unwrap());
    /// drop(sender);
    /// assert_eq!(receiver.distinct().into_iter().collect::<Vec<_>>(), [1, 2]);
    /// ```
    fn distinct(self) -> Messages<Distinct<Self::Source>>
    where
        Self::Item: Clone + Eq + Hash,
    {
        self.with(Distinct::new)
    }

    /// The messages that differ from the one before.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// [1, 1, 2, 1].into_iter().for_each(|n| sender.send(n).unwrap());
    /// drop(sender);
    /// assert_eq!(receiver.dedup().into_iter().collect::<Vec<_>>(), [1, 2, 1]);
    /// ```
    fn dedup(self) -> Messages<Dedup<Self::Source>>
    where
        Self::Item: Clone + PartialEq,
    {
        self.with(Dedup::new)
    }

    /// Messages by `n` (0 counts as 1); the last ones before the end may be fewer.
    ///
    /// It waits for all of them. What is there, without waiting for more, is
    /// [`recv_batch`](Receiver::recv_batch).
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// (1..=3).for_each(|n| sender.send(n).unwrap());
    /// drop(sender);
    /// assert_eq!(receiver.batch(2).into_iter().collect::<Vec<_>>(), [vec![1, 2], vec![3]]);
    /// ```
    fn batch(self, n: usize) -> Messages<Batch<Self::Source>> {
        self.with(|source| Batch::new(source, n))
    }

    /// The last of the messages that follow each other within less than `quiet`, once no other has
    /// come for so long; at the end at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// "abc".chars().for_each(|key| sender.send(key).unwrap());
    /// let mut typed = receiver.debounce(Duration::from_millis(1));
    /// assert_eq!(typed.recv(), Ok('c'));
    /// ```
    fn debounce(self, quiet: Duration) -> Messages<Debounce<Self::Source>> {
        self.with(|source| Debounce::new(source, quiet))
    }

    /// At most one message in each `period`, the first; the others are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// (1..=3).for_each(|n| sender.send(n).unwrap());
    /// drop(sender);
    /// let some = receiver.throttle(Duration::from_secs(3600));
    /// assert_eq!(some.into_iter().collect::<Vec<_>>(), [1]);
    /// ```
    fn throttle(self, period: Duration) -> Messages<Throttle<Self::Source>> {
        self.with(|source| Throttle::new(source, period))
    }

    /// The messages of both, in turns where both have some; it ends with the second end.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let ((one, first), (two, second)) = (channel::unbounded(), channel::unbounded());
    /// (1..=2).for_each(|n| one.send(n).unwrap());
    /// two.send(3).unwrap();
    /// drop((one, two));
    /// assert_eq!(first.merge(second).into_iter().collect::<Vec<_>>(), [1, 3, 2]);
    /// ```
    fn merge<R>(self, other: R) -> Messages<Merge<Self::Source, R::Source>>
    where
        R: ChannelExt<Item = Self::Item>,
    {
        self.with(|source| Merge::new(source, other.messages().0))
    }

    /// As [`merge`](Self::merge), of messages of two types.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::ops::Either;
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let ((numbers, left), (words, right)) = (channel::unbounded(), channel::unbounded());
    /// numbers.send(1).unwrap();
    /// words.send("two").unwrap();
    /// let mut both = left.merge_either(right);
    /// assert_eq!(both.recv(), Ok(Either::Left(1)));
    /// assert_eq!(both.recv(), Ok(Either::Right("two")));
    /// ```
    fn merge_either<R: ChannelExt>(self, other: R) -> Messages<MergeEither<Self, R>> {
        let wrap: Wrap<_, _> = Either::Left;
        let wrap_other: Wrap<_, _> = Either::Right;
        self.map(wrap).merge(other.map(wrap_other))
    }

    /// Pairs of messages, one of each; it ends with the first end.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let ((one, first), (two, second)) = (channel::unbounded(), channel::unbounded());
    /// (1..=2).for_each(|n| one.send(n).unwrap());
    /// two.send("a").unwrap();
    /// drop(two);
    /// assert_eq!(first.zip(second).into_iter().collect::<Vec<_>>(), [(1, "a")]);
    /// ```
    fn zip<R: ChannelExt>(self, other: R) -> Messages<Zip<Self::Source, R::Source>> {
        self.with(|source| Zip::new(source, other.messages().0))
    }

    /// The latest messages of both, each time that one has a new one and both have any.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let ((width, left), (height, right)) = (channel::unbounded(), channel::unbounded());
    /// let mut size = left.combine_latest(right);
    /// width.send(3).unwrap();
    /// height.send(4).unwrap();
    /// assert_eq!(size.recv(), Ok((3, 4)));
    /// width.send(5).unwrap();
    /// assert_eq!(size.recv(), Ok((5, 4)));
    /// ```
    fn combine_latest<R>(self, other: R) -> Messages<CombineLatest<Self::Source, R::Source>>
    where
        R: ChannelExt<Item: Clone>,
        Self::Item: Clone,
    {
        self.with(|source| CombineLatest::new(source, other.messages().0))
    }

    /// What `operator` makes of the source: for operators of one's own.
    fn with<S: Source>(self, operator: impl FnOnce(Self::Source) -> S) -> Messages<S> {
        Messages(operator(self.messages().0))
    }
}

/// What [`ChannelExt::merge_either`] makes of two sources.
pub type MergeEither<A, B> = Merge<
    Map<<A as ChannelExt>::Source, Wrap<<A as ChannelExt>::Item, EitherOf<A, B>>>,
    Map<<B as ChannelExt>::Source, Wrap<<B as ChannelExt>::Item, EitherOf<A, B>>>,
>;

/// A message of one of two sources.
pub type EitherOf<A, B> = Either<<A as ChannelExt>::Item, <B as ChannelExt>::Item>;

impl<T> ChannelExt for Receiver<T> {
    type Item = T;
    type Source = ReceiverSource<T>;

    fn messages(self) -> Messages<ReceiverSource<T>> {
        Messages(ReceiverSource::new(self))
    }
}

impl<T> ChannelExt for sole::Receiver<T> {
    type Item = T;
    type Source = SoleSource<T>;

    fn messages(self) -> Messages<SoleSource<T>> {
        Messages(SoleSource::new(self))
    }
}

/// Where messages were missed, it goes on with the next.
impl<T: Clone> ChannelExt for BroadcastReceiver<T> {
    type Item = T;
    type Source = SubscriberSource<T>;

    fn messages(self) -> Messages<SubscriberSource<T>> {
        Messages(SubscriberSource::new(self))
    }
}

impl<S: Source> ChannelExt for Messages<S> {
    type Item = S::Item;
    type Source = S;

    fn messages(self) -> Self {
        self
    }
}

/// What operators make of the messages of a channel, to be received.
#[must_use = "nothing is received unless this is"]
pub struct Messages<S>(S);

impl<S: Source> Messages<S> {
    /// The next message, waiting while there is none.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if none can follow.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// std::thread::spawn(move || sender.send(7));
    /// let mut doubled = receiver.map(|n| 2 * n);
    /// assert_eq!(doubled.recv(), Ok(14));
    /// assert!(doubled.recv().is_err());
    /// ```
    pub fn recv(&mut self) -> Result<S::Item, RecvError> {
        self.recv_until(None).map_err(|_| RecvError)
    }

    /// The next message if it is there now.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] says whether a message may still come. An operator that has dropped a thousand
    /// messages in a row says that none is there, before it goes on.
    pub fn try_recv(&mut self) -> Result<S::Item, TryRecvError> {
        let mut cx = Context::from_waker(Waker::noop());
        let polled = coop::unlimited(|| self.0.poll_recv(&mut cx));
        self.0.rest();
        match polled {
            Poll::Ready(Some(message)) => Ok(message),
            Poll::Ready(None) => Err(TryRecvError::Disconnected),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }

    /// The next message, waiting at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError`] if none came in time, or none can follow.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::channel::{self, ChannelExt, RecvTimeoutError};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// let mut pairs = receiver.batch(2);
    /// sender.send(1).unwrap();
    /// let half = pairs.recv_timeout(Duration::from_millis(1));
    /// assert_eq!(half, Err(RecvTimeoutError::Timeout));
    /// sender.send(2).unwrap();
    /// assert_eq!(pairs.recv(), Ok(vec![1, 2]));
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<S::Item, RecvTimeoutError> {
        // A deadline beyond what an Instant can hold is none.
        self.recv_until(Instant::now().checked_add(timeout))
    }

    /// The next message, waiting until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<S::Item, RecvTimeoutError> {
        self.recv_until(Some(deadline))
    }

    fn recv_until(&mut self, deadline: Option<Instant>) -> Result<S::Item, RecvTimeoutError> {
        let waiting = Resting(&mut self.0);
        let received = strand::wait(deadline, |cx| waiting.0.poll_recv(cx));
        received.ok_or(RecvTimeoutError::Timeout)?.ok_or(RecvTimeoutError::Disconnected)
    }

    /// The next message, suspending the async task while there is none.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// A message is taken by the poll that returns it, and what an operator has gathered by then stays
    /// in it: dropping the future before loses nothing, and passes its turn to the next waiting
    /// receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::channel::{self, ChannelExt};
    /// use moirai_sync::strand;
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// std::thread::spawn(move || sender.send(7));
    /// let mut doubled = receiver.map(|n| 2 * n);
    /// assert_eq!(strand::block_on(doubled.recv_async()), Ok(14));
    /// ```
    pub async fn recv_async(&mut self) -> Result<S::Item, RecvError> {
        let waiting = Resting(&mut self.0);
        poll_fn(|cx| waiting.0.poll_recv(cx)).await.ok_or(RecvError)
    }

    /// An iterator that waits for messages, until none can follow.
    pub fn iter(&mut self) -> impl Iterator<Item = S::Item> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }

    /// An iterator over the messages that are there, without waiting.
    pub fn try_iter(&mut self) -> impl Iterator<Item = S::Item> + '_ {
        std::iter::from_fn(|| self.try_recv().ok())
    }

    /// The messages as a stream. (A type of its own, so that the operators of streams are no others'.)
    #[cfg(feature = "futures")]
    pub fn stream(self) -> MessageStream<S> {
        MessageStream(self.0)
    }
}

/// A source that nobody waits for once this is gone.
struct Resting<'a, S: Source>(&'a mut S);

impl<S: Source> Drop for Resting<'_, S> {
    fn drop(&mut self) {
        self.0.rest();
    }
}

impl<S: Source> IntoIterator for Messages<S> {
    type Item = S::Item;
    type IntoIter = IntoIter<S>;

    fn into_iter(self) -> IntoIter<S> {
        IntoIter(self)
    }
}

/// Messages as they come; from [`Messages`].
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct IntoIter<S>(Messages<S>);

impl<S: Source> Iterator for IntoIter<S> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        self.0.recv().ok()
    }
}

/// Messages as a stream; from [`Messages::stream`].
#[cfg(feature = "futures")]
#[must_use = "streams are lazy"]
pub struct MessageStream<S>(S);

#[cfg(feature = "futures")]
impl<S: Source + Unpin> futures_core::Stream for MessageStream<S> {
    type Item = S::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<S::Item>> {
        let polled = self.0.poll_recv(cx);
        if polled.is_ready() {
            self.0.rest();
        }
        polled
    }
}

#[cfg(feature = "futures")]
impl<S> fmt::Debug for MessageStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageStream").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Messages<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "futures", not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::pin::Pin;

    use futures_core::Stream;

    use super::*;
    use crate::channel;

    #[test]
    fn a_stream_of_messages_waits_goes_on_and_ends() {
        let (sender, receiver) = channel::unbounded();
        let mut stream = receiver.clone().map(|n| 2 * n).batch(2).stream();
        let mut cx = Context::from_waker(Waker::noop());
        let mut next = || Pin::new(&mut stream).poll_next(&mut cx);
        assert!(next().is_pending());
        (1..=3).for_each(|n| sender.send(n).unwrap());
        assert_eq!(next(), Poll::Ready(Some(vec![2, 4])));
        assert!(next().is_pending());
        drop(sender);
        assert_eq!(next(), Poll::Ready(Some(vec![6])));
        assert_eq!((next(), next()), (Poll::Ready(None), Poll::Ready(None)));
    }

    #[test]
    fn a_stream_that_is_always_ready_uses_up_the_budget() {
        let (sender, receiver) = channel::unbounded();
        (0..1000).for_each(|n| sender.send(n).unwrap());
        let mut stream = receiver.filter(|_| true).stream();
        let mut cx = Context::from_waker(Waker::noop());
        let mut next = || Pin::new(&mut stream).poll_next(&mut cx).is_ready();
        let taken = coop::limited(|| (0..1000).filter(|_| next()).count());
        assert_eq!(taken, coop::BUDGET as usize);
    }
}
