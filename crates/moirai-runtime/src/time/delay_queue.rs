//! Values that wait for their time.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use moirai_sync::__prim::{Key, NEVER, Step, Ticks, Wheel};
use moirai_sync::{coop, strand};

use super::sleep::Sleep;

/// Keeps values until their time has come, and yields them in that order: entries of a cache that
/// grow old, requests to try again, sessions that expire.
///
/// Inserting, removing and changing the time of a value take constant time, whatever the number, and
/// all values share one timer. Moments that lie less than about a quarter of a millisecond apart may be
/// yielded in the order in which they were inserted.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_runtime::time::DelayQueue;
///
/// moirai_runtime::block_on(async {
///     let (mut queue, ms) = (DelayQueue::new(), Duration::from_millis);
///     queue.insert("last", ms(9));
///     let soon = queue.insert("first", ms(3));
///     let gone = queue.insert("never", ms(1));
///     assert_eq!(queue.remove(gone), Some("never"));
///     queue.reset(soon, ms(4));
///
///     let mut order = Vec::new();
///     while let Some(expired) = queue.next_expired().await {
///         order.push(expired.into_inner());
///     }
///     assert_eq!(order, ["first", "last"]);
/// });
/// ```
pub struct DelayQueue<T> {
    wheel: Wheel<Delayed<T>>,
    ticks: Ticks,
    /// Until the wheel wants to be looked at.
    sleep: Sleep,
}

struct Delayed<T> {
    value: T,
    /// `None`: never.
    deadline: Option<Instant>,
}

/// Names a value in a [`DelayQueue`], from its insertion until it is yielded or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DelayKey(Key);

/// A value whose time has come; from [`DelayQueue::next_expired`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired<T> {
    value: T,
    deadline: Instant,
}

impl<T> DelayQueue<T> {
    /// An empty queue.
    pub fn new() -> Self {
        let ticks = Ticks::since(strand::now());
        Self { wheel: Wheel::new(), ticks, sleep: Sleep::until(None) }
    }

    /// Adds a value that is yielded `delay` from now. One too long for an [`Instant`] stays until it
    /// is removed.
    pub fn insert(&mut self, value: T, delay: Duration) -> DelayKey {
        self.add(value, strand::now().checked_add(delay))
    }

    /// Adds a value that is yielded at `deadline`, or at once if that has passed.
    pub fn insert_at(&mut self, value: T, deadline: Instant) -> DelayKey {
        self.add(value, Some(deadline))
    }

    fn add(&mut self, value: T, deadline: Option<Instant>) -> DelayKey {
        let key = self.wheel.insert(self.tick_of(deadline), Delayed { value, deadline });
        self.look_no_later();
        DelayKey(key)
    }

    /// Takes a value out before its time; `None` if it has been yielded or removed.
    pub fn remove(&mut self, key: DelayKey) -> Option<T> {
        self.wheel.remove(key.0).map(|delayed| delayed.value)
    }

    /// Has a value yielded `delay` from now instead; returns it, or `None` if it has been yielded or
    /// removed.
    pub fn reset(&mut self, key: DelayKey, delay: Duration) -> Option<&mut T> {
        self.set(key, strand::now().checked_add(delay))
    }

    /// Has a value yielded at `deadline` instead; returns it, or `None` if it has been yielded or
    /// removed.
    pub fn reset_at(&mut self, key: DelayKey, deadline: Instant) -> Option<&mut T> {
        self.set(key, Some(deadline))
    }

    fn set(&mut self, key: DelayKey, deadline: Option<Instant>) -> Option<&mut T> {
        let tick = self.tick_of(deadline);
        self.wheel.reset(key.0, tick)?.deadline = deadline;
        self.look_no_later();
        self.get_mut(key)
    }

    /// A value that waits, if it does.
    pub fn get(&self, key: DelayKey) -> Option<&T> {
        self.wheel.get(key.0).map(|delayed| &delayed.value)
    }

    /// A value that waits, if it does.
    pub fn get_mut(&mut self, key: DelayKey) -> Option<&mut T> {
        self.wheel.get_mut(key.0).map(|delayed| &mut delayed.value)
    }

    /// When a value will be yielded, if it waits and is to be yielded ever.
    pub fn deadline(&self, key: DelayKey) -> Option<Instant> {
        self.wheel.get(key.0).and_then(|delayed| delayed.deadline)
    }

    /// How many values wait.
    pub fn len(&self) -> usize {
        self.wheel.len()
    }

    /// Whether no value waits.
    pub fn is_empty(&self) -> bool {
        self.wheel.is_empty()
    }

    /// Drops all values.
    pub fn clear(&mut self) {
        while self.wheel.pop().is_some() {}
        self.sleep.set(None);
    }

    /// Waits for the next value whose time has come; `None` at once if no value waits.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no value.
    pub fn next_expired(&mut self) -> NextExpired<'_, T> {
        NextExpired { queue: self }
    }

    /// As [`next_expired`](Self::next_expired), for a future that is written by hand.
    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Option<Expired<T>>> {
        ready!(coop::poll_proceed(cx));
        loop {
            let now = strand::now();
            match self.wheel.step(self.ticks.before(now)) {
                Step::Due(Delayed { value, deadline }) => {
                    let deadline = deadline.unwrap_or(now);
                    return Poll::Ready(Some(Expired { value, deadline }));
                }
                Step::Moved => {}
                Step::Done if self.is_empty() => {
                    self.sleep.set(None);
                    return Poll::Ready(None);
                }
                Step::Done => {
                    self.sleep.set(self.ticks.time_of(self.wheel.next()));
                    ready!(Pin::new(&mut self.sleep).poll(cx));
                }
            }
        }
    }

    /// What is never yielded waits on the last tick, which does not come.
    fn tick_of(&self, deadline: Option<Instant>) -> u64 {
        deadline.map_or(NEVER - 1, |deadline| self.ticks.after(deadline))
    }

    /// Whoever waits for the next value is woken for what has just been added.
    fn look_no_later(&mut self) {
        let next = self.ticks.time_of(self.wheel.next());
        let waits_until = self.sleep.deadline();
        if next.is_some_and(|next| waits_until.is_none_or(|until| next < until)) {
            self.sleep.set(next);
        }
    }
}

impl<T> Default for DelayQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for DelayQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DelayQueue").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<T> Expired<T> {
    /// The value.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// When it was to be yielded.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// Waits for a value; from [`DelayQueue::next_expired`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct NextExpired<'a, T> {
    queue: &'a mut DelayQueue<T>,
}

impl<T> Future for NextExpired<'_, T> {
    type Output = Option<Expired<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.queue.poll_expired(cx)
    }
}
