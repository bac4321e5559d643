//! A send that waits, and a place that is kept for one.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::alarm::Set;
use crate::queue::{Part, PushError};
use crate::strand;
use crate::waitlist::{Asker, Taken, Ticket};

use super::error::{SendError, SendTimeoutError, TrySendError};
use super::nudge::Nudge;
use super::rendezvous::{OfferId, Offered, Rendezvous};
use super::shared::{Flavour, Shared, Side};
use super::suspended::Suspended;

/// A send that is waiting; dropping it takes its message back.
#[derive(Debug)]
pub(super) struct Sending<'a, T> {
    shared: &'a Shared<T>,
    message: Option<T>,
    /// The part of the queue that the message is for.
    part: Part,
    /// Where the message is, once it was left with a rendezvous channel.
    offer: Option<OfferId>,
}

impl<'a, T> Sending<'a, T> {
    pub(super) fn new(shared: &'a Shared<T>, message: T) -> Self {
        Self { shared, message: Some(message), part: Part::Any, offer: None }
    }

    /// A send that was tried in vain, of what that has left behind.
    pub(super) fn unsent(shared: &'a Shared<T>, message: Option<T>) -> Self {
        Self { shared, message, part: Part::Any, offer: None }
    }

    /// A send to a part of the queue.
    pub(super) fn to_part(shared: &'a Shared<T>, part: Part, message: T) -> Self {
        Self { shared, message: Some(message), part, offer: None }
    }

    /// Waits on the current strand.
    pub(super) fn wait(mut self, deadline: Option<Instant>) -> Result<(), SendTimeoutError<T>> {
        let (shared, part) = (self.shared, self.part);
        let (message, offer) = (&mut self.message, &mut self.offer);
        let mut nudge = Nudge::default();
        let deadline = shared.limit(deadline);
        let sent = match &shared.flavour {
            Flavour::Rendezvous(rendezvous) => strand::wait(deadline, |cx| {
                poll_offer(shared, rendezvous, &mut nudge, cx, message, offer)
            }),
            _ => shared.wait(Side::Senders, deadline, |_| attempt(shared, part, message)),
        };
        shared.watched(&mut nudge.watch);
        match sent {
            Some(result) => Ok(result?),
            // In the last moment somebody may have taken it.
            None => match self.take_back() {
                Some(message) => Err(SendTimeoutError::Timeout(message)),
                None => Ok(()),
            },
        }
    }

    /// Waits in a task.
    pub(super) async fn suspend(mut self) -> Result<(), SendError<T>> {
        let (shared, part) = (self.shared, self.part);
        let (message, offer) = (&mut self.message, &mut self.offer);
        let mut nudge = Nudge::default();
        match &shared.flavour {
            Flavour::Rendezvous(rendezvous) => {
                poll_fn(|cx| match poll_offer(shared, rendezvous, &mut nudge, cx, message, offer) {
                    Poll::Pending => last_offer(rendezvous, &nudge, offer),
                    result => result,
                })
                .await
            }
            _ => {
                let mut limit = None;
                let attempt = |_: Asker<'_>| match attempt(shared, part, message) {
                    Poll::Pending if shared.extras.is_some() => last(shared, &mut limit, message),
                    result => result,
                };
                Suspended::new(shared, Side::Senders, attempt).await
            }
        }
    }

    /// Gives up; `None` if the message has been received meanwhile.
    fn take_back(&mut self) -> Option<T> {
        match (&self.shared.flavour, self.offer.take()) {
            (Flavour::Rendezvous(rendezvous), Some(id)) => rendezvous.withdraw(id),
            _ => self.message.take(),
        }
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        drop(self.take_back());
    }
}

/// Sends what is in `message`; takes it out unless the result is pending.
fn attempt<T>(
    shared: &Shared<T>,
    part: Part,
    message: &mut Option<T>,
) -> Poll<Result<(), SendError<T>>> {
    let Some(taken) = message.take() else { unreachable!("polled after the message was sent") };
    let result = match part {
        Part::Any => shared.try_send(taken),
        part => shared.try_send_to(part, taken),
    };
    sent(result, message)
}

/// The result of a send: of a full channel it is pending, and `message` holds what was not sent.
pub(super) fn sent<T>(
    result: Result<(), TrySendError<T>>,
    message: &mut Option<T>,
) -> Poll<Result<(), SendError<T>>> {
    match result {
        Ok(()) => Poll::Ready(Ok(())),
        Err(TrySendError::Disconnected(message)) => Poll::Ready(Err(SendError(message))),
        Err(TrySendError::Full(back)) => {
            *message = Some(back);
            Poll::Pending
        }
    }
}

#[cold]
#[inline(never)]
fn poll_offer<T>(
    shared: &Shared<T>,
    rendezvous: &Rendezvous<T>,
    nudge: &mut Nudge,
    cx: &mut Context<'_>,
    message: &mut Option<T>,
    offer: &mut Option<OfferId>,
) -> Poll<Result<(), SendError<T>>> {
    if let Some(message) = message.take() {
        return match rendezvous.offer(message, cx.waker(), shared.receivers_waiting()) {
            Offered::Delivered => Poll::Ready(Ok(())),
            Offered::Closed(message) => Poll::Ready(Err(SendError(message))),
            Offered::Waiting(id) => {
                *offer = Some(id);
                before_sleep(shared, nudge, cx);
                Poll::Pending
            }
        };
    }
    let Some(id) = *offer else { unreachable!("polled after the message was sent") };
    let result = rendezvous.poll_offer(id, cx.waker()).map_err(SendError);
    match result {
        Poll::Ready(_) => {
            *offer = None;
            shared.watched(&mut nudge.watch);
        }
        Poll::Pending => before_sleep(shared, nudge, cx),
    }
    result
}

fn before_sleep<T>(shared: &Shared<T>, nudge: &mut Nudge, cx: &Context<'_>) {
    shared.nudge_other(Side::Senders, nudge, cx);
    if shared.extras.is_some() {
        // Who may be too late looks at the clock.
        let _: Set = shared.watch(Side::Senders, &mut nudge.watch, cx);
    }
}

/// What an attempt in vain gives: once the strategy's limit has passed, it was the last one.
#[cold]
fn last<T>(
    shared: &Shared<T>,
    limit: &mut Option<Instant>,
    message: &mut Option<T>,
) -> Poll<Result<(), SendError<T>>> {
    *limit = limit.or_else(|| shared.limit(None));
    match limit.is_some_and(|limit| strand::now() >= limit) {
        true => {
            message.take().map_or(Poll::Pending, |message| Poll::Ready(Err(SendError(message))))
        }
        false => Poll::Pending,
    }
}

/// As [`last`], of an offer.
fn last_offer<T>(
    rendezvous: &Rendezvous<T>,
    nudge: &Nudge,
    offer: &mut Option<OfferId>,
) -> Poll<Result<(), SendError<T>>> {
    match (offer.as_ref(), nudge.is_over()) {
        (Some(id), true) => {
            let message = rendezvous.withdraw(*id);
            *offer = None;
            Poll::Ready(message.map_or(Ok(()), |message| Err(SendError(message))))
        }
        _ => Poll::Pending,
    }
}

/// A place in a channel, kept for one message; from [`Sender::reserve`](super::Sender::reserve).
///
/// Sending into it neither waits nor fails. It outlives a close of the channel: receivers see the
/// end only once no permit is left. In a rendezvous channel it keeps a waiting receiver.
///
/// # Examples
///
/// ```
/// use moirai_sync::channel::{self, TrySendError};
///
/// let (sender, receiver) = channel::bounded(1);
/// let permit = sender.reserve().unwrap();
/// assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
/// permit.send(2);
/// assert_eq!(receiver.recv(), Ok(2));
/// ```
#[must_use = "dropping a permit gives the place back"]
pub struct Permit<'a, T> {
    shared: &'a Shared<T>,
    kept: Kept,
}

/// What a permit holds.
enum Kept {
    Place,
    /// A receiver that was taken out of its list and not woken yet.
    Receiver(Taken),
    /// Used up.
    Nothing,
}

impl<'a, T> Permit<'a, T> {
    /// Keeps a place if there is one.
    pub(super) fn try_new(shared: &'a Shared<T>) -> Result<Self, TrySendError<()>> {
        let kept = match &shared.flavour {
            Flavour::Rendezvous(rendezvous) => {
                Kept::Receiver(rendezvous.reserve(shared.receivers_waiting())?)
            }
            _ => match shared.queue.reserve() {
                Ok(()) => Kept::Place,
                Err(PushError::Full(())) => return Err(TrySendError::Full(())),
                Err(PushError::Closed(())) => {
                    // For a moment a receiver may have thought that a message would follow.
                    shared.tell_receivers_all();
                    return Err(TrySendError::Disconnected(()));
                }
            },
        };
        Ok(Self { shared, kept })
    }

    /// For a receiver that has asked for a message, under the name of `ticket`.
    pub(crate) fn for_ticket(shared: &'a Shared<T>, ticket: Ticket) -> Self {
        Self { shared, kept: Kept::Receiver(Taken::asking(ticket)) }
    }

    /// Sends `message`.
    ///
    /// If all receivers are gone meanwhile, it is dropped with the channel.
    pub fn send(mut self, message: T) {
        match (std::mem::replace(&mut self.kept, Kept::Nothing), &self.shared.flavour) {
            (Kept::Receiver(receiver), Flavour::Rendezvous(rendezvous)) => {
                rendezvous.deliver(message, receiver.claimed);
                receiver.wake();
                // It may be gone, and another one may be waiting.
                self.shared.receivers_waiting().notify_one();
            }
            _ => {
                self.shared.queue.push_reserved(message);
                self.shared.tell_receiver();
            }
        }
        self.end();
    }

    /// Of a closed channel, tells the receivers that no message will follow from here.
    fn end(&self) {
        if self.shared.is_closed() {
            self.shared.tell_receivers_all();
        }
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.kept, Kept::Nothing) {
            Kept::Nothing => return,
            Kept::Place => {
                self.shared.queue.unreserve();
                self.shared.senders_waiting.notify_one_fenced();
            }
            // It finds nothing and waits again, before all others.
            Kept::Receiver(receiver) => {
                if let Flavour::Rendezvous(rendezvous) = &self.shared.flavour {
                    rendezvous.unreserve(receiver.claimed);
                }
                receiver.wake();
            }
        }
        self.end();
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
