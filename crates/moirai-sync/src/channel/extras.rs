//! What only some channels have: a strategy for a full channel, a name, metrics. For all others it is a
//! pointer that is looked at where they would wait anyway.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::alarm::{Alarm, Set};
use crate::prim::Mutex;
use crate::prim::atomic::{AtomicU64, Ordering};
use crate::queue::{Least, Part};
use crate::strand;

use super::builder::BackpressureStrategy;
use super::error::TrySendError;
use super::metrics::ChannelMetrics;
use super::shared::{Flavour, Shared, Side};

#[derive(Debug)]
pub(super) struct Extras {
    strategy: BackpressureStrategy,
    name: Option<Box<str>>,
    /// Messages that were dropped instead of being queued.
    refused: AtomicU64,
    /// Messages that were taken out to be dropped.
    evicted: AtomicU64,
    /// Messages that went from a sender to a receiver without a queue.
    handed_over: AtomicU64,
    waited_nanos: AtomicU64,
    metering: Metering,
    /// What the metrics would be, had they not been reset.
    at_reset: Mutex<ChannelMetrics>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metering {
    Off,
    Counts,
    CountsAndWaits,
}

impl Extras {
    pub(super) fn new(
        strategy: BackpressureStrategy,
        name: Option<Box<str>>,
        metering: Metering,
    ) -> Self {
        Self {
            strategy,
            name,
            refused: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            handed_over: AtomicU64::new(0),
            waited_nanos: AtomicU64::new(0),
            metering,
            at_reset: Mutex::new(ChannelMetrics::default()),
        }
    }

    /// Until when a send waits.
    #[cold]
    fn limit(&self) -> Option<Instant> {
        match self.strategy {
            BackpressureStrategy::Error => Some(strand::now()),
            BackpressureStrategy::Timeout(timeout) => strand::now().checked_add(timeout),
            _ => None,
        }
    }
}

/// Counts one more. Relaxed: nothing is read through it.
fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What a wait has where the channel has extras.
#[derive(Debug)]
pub(super) struct Watch {
    since: Instant,
    limit: Option<Instant>,
    alarm: Alarm,
}

impl Watch {
    /// Whether the wait has lasted for as long as the strategy lets it.
    pub(super) fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| strand::now() >= limit)
    }
}

impl<T> Shared<T> {
    pub(super) fn name(&self) -> Option<&str> {
        self.extras.as_ref()?.name.as_deref()
    }

    /// What becomes of a message for which there is no place.
    #[inline(never)]
    pub(super) fn overflow(&self, part: Part, message: T) -> Result<(), TrySendError<T>> {
        let Some(extras) = &self.extras else { return Err(TrySendError::Full(message)) };
        match extras.strategy {
            BackpressureStrategy::DropNewest => {
                count(&extras.refused);
                Ok(()) // and the message is dropped
            }
            BackpressureStrategy::DropOldest => self.replace_oldest(extras, part, message),
            _ => Err(TrySendError::Full(message)),
        }
    }

    /// Drops old messages until there is a place for `message`. Others may take a place that was made,
    /// but then one more message was sent for each that is dropped.
    fn replace_oldest(
        &self,
        extras: &Extras,
        part: Part,
        mut message: T,
    ) -> Result<(), TrySendError<T>> {
        loop {
            let oldest = match self.queue.pop_least(part) {
                Ok(oldest) => {
                    count(&extras.evicted);
                    Some(oldest)
                }
                Err(Least::MoreUrgent) => {
                    count(&extras.refused);
                    return Ok(()); // and the message is dropped
                }
                Err(Least::Nothing) => None,
            };
            match self.queue.push_to(part, message) {
                Ok(()) => {
                    self.tell_receiver();
                    return Ok(()); // and the oldest is dropped, when everybody was told
                }
                Err(back) => message = back,
            }
            self.senders_waiting.notify_one();
            if self.queue.is_closed() {
                return Err(TrySendError::Disconnected(message));
            }
            if oldest.is_none() && self.queue.is_empty() {
                return Err(TrySendError::Full(message)); // permits have all the places
            }
        }
    }

    /// Counts a message that was taken out to be dropped.
    pub(super) fn count_evicted(&self) {
        self.extras.iter().for_each(|extras| count(&extras.evicted));
    }

    /// Counts a message that no queue has held.
    pub(super) fn count_handed_over(&self) {
        self.extras.iter().for_each(|extras| count(&extras.handed_over));
    }

    /// Until when a send waits: `deadline` if the call has one, else what the strategy says.
    #[inline]
    pub(super) fn limit(&self, deadline: Option<Instant>) -> Option<Instant> {
        match &self.extras {
            None => deadline,
            Some(extras) => deadline.or_else(|| extras.limit()),
        }
    }

    /// Somebody of `side` is about to sleep: is woken when the strategy's limit has passed, and says
    /// whether it has.
    #[cold]
    pub(super) fn watch(
        &self,
        side: Side,
        watch: &mut Option<Box<Watch>>,
        cx: &Context<'_>,
    ) -> Set {
        let watch = watch.get_or_insert_with(|| {
            let limit = if side == Side::Senders { self.limit(None) } else { None };
            Box::new(Watch { since: strand::now(), limit, alarm: Alarm::default() })
        });
        watch.alarm.set(watch.limit, cx)
    }

    /// Counts how long a wait was that has ended.
    #[cold]
    pub(super) fn watched(&self, watch: &mut Option<Box<Watch>>) {
        if let (Some(extras), Some(watch)) = (&self.extras, watch.take())
            && extras.metering == Metering::CountsAndWaits
        {
            let waited = strand::now().saturating_duration_since(watch.since);
            // Relaxed: as of every counter here.
            extras.waited_nanos.fetch_add(waited.as_nanos() as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn metrics(&self) -> Option<ChannelMetrics> {
        let extras = self.extras.as_ref().filter(|extras| extras.metering != Metering::Off)?;
        let base = extras.at_reset.lock().clone();
        let now = self.totals(extras);
        Some(ChannelMetrics {
            messages_sent: now.messages_sent.wrapping_sub(base.messages_sent),
            messages_received: now.messages_received.wrapping_sub(base.messages_received),
            messages_dropped: now.messages_dropped.wrapping_sub(base.messages_dropped),
            total_wait_time: now.total_wait_time.saturating_sub(base.total_wait_time),
            ..now
        })
    }

    pub(super) fn reset_metrics(&self) {
        if let Some(extras) = &self.extras {
            let mut base = extras.at_reset.lock();
            *base = self.totals(extras);
            self.queue.forget_most();
        }
    }

    /// Since the channel was made.
    fn totals(&self, extras: &Extras) -> ChannelMetrics {
        // Relaxed: each is right by itself, and no two are read at the same moment.
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // In this order: no message is received before it is sent.
        let evicted = load(&extras.evicted);
        let popped = self.queue.popped() as u64;
        let pushed = self.queue.pushed() as u64;
        let handed_over = load(&extras.handed_over);
        let blocked_senders = match &self.flavour {
            Flavour::Rendezvous(rendezvous) => rendezvous.offers(),
            _ => 0,
        };
        ChannelMetrics {
            messages_sent: pushed + handed_over,
            messages_received: popped.saturating_sub(evicted) + handed_over,
            messages_dropped: load(&extras.refused) + evicted,
            current_queue_size: self.len(),
            max_queue_size: self.queue.most(),
            total_wait_time: Duration::from_nanos(load(&extras.waited_nanos)),
            blocked_senders: self.senders_waiting.len() + blocked_senders,
            blocked_receivers: self.receivers_waiting().len(),
        }
    }
}

/// The result of `future`, unless `deadline` passes first.
pub(super) async fn by<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    let (mut future, mut alarm) = (pin!(future), Alarm::default());
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => match alarm.set(deadline, cx) {
            Set::Ahead => Poll::Pending,
            Set::Passed => Poll::Ready(None),
        },
    })
    .await
}
