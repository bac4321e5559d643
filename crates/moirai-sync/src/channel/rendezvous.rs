//! A channel that holds nothing: a send and a receive meet, and the message goes from one to the
//! other.
//!
//! ```text
//!   a blocked receiver waits:   send ─► `delivered` ─► the receiver that was taken out of its list
//!   a future does, or nobody:   send ─► `offers`    ─► the next receive; the sender may take it back
//! ```
//!
//! **A send that succeeded was received.** A blocked receiver that was taken out of its list comes for
//! its message, also if its time is up meanwhile. A future may go away instead, so it is only told of
//! the offer. A send that cannot wait (`try_send`, a permit, hence a select's) delivers to a future as
//! well; where that goes away, the message is left to the next receive, as in a channel with places.
//!
//! Both queues are under one lock, which also covers taking a receiver out of the list: so there are
//! never more delivered messages and permits than receivers that were claimed. A receiver asks under it
//! whether it was claimed, and leaves the list under it with what it takes: an offer is never taken in place
//! of what came before it. Who is claimed and goes
//! away tells the next waiting receiver; so does a select that was claimed for a message still being
//! made, and has done something else when it comes.
//!
//! A receiver that was claimed may look before its message is made, woken by something else. It keeps its
//! claim then, takes nothing else, and leaves its waker here ([`promise`](Rendezvous::promise)):
//!
//! ```text
//!            reserve                looks: nothing yet                  deliver: all are woken
//!   waits ────────────► claimed ───────────────────────► in `early` ──────────────────────────► takes it
//!                         ▲                                  │ unreserve: one of them waits as before
//!                         └────── another one took it ◄──────┘
//! ```
//!
//! Claims have no names: a message that is there is for any of those that were claimed. Whoever finds none
//! left looks whether one still comes for it, which is so while there are as many permits as claims.
//!
//! A sender that waits leaves its message here, with its waker: whoever comes takes it without
//! waking the sender first. A select cannot do that, for its message is made only once the case is
//! chosen; it waits in the channel's list and tries again when a receiver begins to wait.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::task::{Poll, Waker};

use crate::prim::Mutex;
use crate::waitlist::{Asker, Claimed, Claims, Taken, WaitList, Waiter};
use crate::wake::wake;

use super::error::{TryRecvError, TrySendError};
use crate::queue::Close;

/// The state of a rendezvous channel.
#[derive(Debug)]
pub(super) struct Rendezvous<T>(Mutex<Meeting<T>>);

#[derive(Debug)]
struct Meeting<T> {
    delivered: VecDeque<T>,
    offers: VecDeque<Offer<T>>,
    /// Of receivers that were claimed for messages to come.
    permits: usize,
    /// Of those receivers, who has looked too soon.
    early: Vec<Early>,
    next_id: u64,
    closed: bool,
}

#[derive(Debug)]
struct Offer<T> {
    id: OfferId,
    message: T,
    sender: Waker,
}

/// A receiver that waits for its message to be made, by the address of its waiter.
#[derive(Debug)]
struct Early {
    waiter: usize,
    waker: Waker,
}

/// Which offer; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OfferId(u64);

/// What a receiver that was claimed may count on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Promise {
    /// A message comes, of which it will be told.
    Open,
    /// There is a message for those that were claimed.
    Kept,
    /// No message comes for it, which is claimed no more.
    Broken,
}

/// What became of a sender that offers its message.
#[must_use]
pub(super) enum Offered<T> {
    /// A waiting receiver has it.
    Delivered,
    /// It waits under this name.
    Waiting(OfferId),
    /// The channel is closed.
    Closed(T),
}

impl<T> Rendezvous<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Meeting {
            delivered: VecDeque::new(),
            offers: VecDeque::new(),
            permits: 0,
            early: Vec::new(),
            next_id: 0,
            closed: false,
        }))
    }

    /// Hands `message` to one of the waiting `receivers`.
    pub(super) fn try_send(&self, message: T, receivers: &WaitList) -> Result<(), TrySendError<T>> {
        let mut meeting = self.0.lock();
        if meeting.closed {
            return Err(TrySendError::Disconnected(message));
        }
        let Some(receiver) = receivers.take_oldest(Claims::Anybody) else {
            return Err(TrySendError::Full(message));
        };
        meeting.delivered.push_back(message);
        drop(meeting);
        receiver.wake();
        Ok(())
    }

    /// Takes one of the waiting `receivers` out, for whom [`deliver`](Self::deliver) will bring a
    /// message, unless [`unreserve`](Self::unreserve) says that none comes; the caller wakes it then.
    pub(super) fn reserve(&self, receivers: &WaitList) -> Result<Taken, TrySendError<()>> {
        let mut meeting = self.0.lock();
        if meeting.closed {
            return Err(TrySendError::Disconnected(()));
        }
        let receiver = receivers.take_oldest(Claims::Anybody).ok_or(TrySendError::Full(()))?;
        meeting.permits += 1;
        Ok(receiver)
    }

    /// Leaves a message for a receiver that was taken out, or for the next one; the caller wakes.
    pub(super) fn deliver(&self, message: T) {
        let mut meeting = self.0.lock();
        meeting.delivered.push_back(message);
        let early = meeting.end_permit();
        drop(meeting);
        early.into_iter().for_each(|early| wake(early.waker));
    }

    /// No message comes for a receiver that was taken out.
    pub(super) fn unreserve(&self) {
        let early = self.0.lock().end_permit();
        early.into_iter().for_each(|early| wake(early.waker));
    }

    /// What `waiter`, one of `receivers` that was claimed and has found nothing, may count on. It is woken
    /// by `waker` when a permit ends, be it another one's.
    pub(super) fn promise(
        &self,
        waker: &Waker,
        waiter: Pin<&Waiter<'_>>,
        receivers: &WaitList,
    ) -> Promise {
        let waker = waker.clone();
        let address = std::ptr::from_ref(waiter.get_ref()).addr();
        let mut meeting = self.0.lock();
        if !meeting.delivered.is_empty() {
            return Promise::Kept;
        }
        if meeting.permits < receivers.claimed() {
            // Under the lock, so that no two do for one.
            waiter.unclaim();
            return Promise::Broken;
        }
        let replaced = match meeting.early.iter_mut().find(|early| early.waiter == address) {
            Some(early) => Some(mem::replace(&mut early.waker, waker)),
            None => {
                meeting.early.push(Early { waiter: address, waker });
                None
            }
        };
        drop(meeting);
        drop(replaced);
        Promise::Open
    }

    /// Hands `message` to one of the waiting `receivers` if that is sure to come for it, or leaves it
    /// here until one comes, who wakes `sender`.
    pub(super) fn offer(&self, message: T, sender: &Waker, receivers: &WaitList) -> Offered<T> {
        let sender = sender.clone();
        let mut meeting = self.0.lock();
        if meeting.closed {
            return Offered::Closed(message);
        }
        let receiver = receivers.take_oldest(Claims::Blocked);
        let offered = match receiver {
            Some(Taken { claimed: Claimed::Yes, .. }) => {
                meeting.delivered.push_back(message);
                Offered::Delivered
            }
            Some(_) | None => Offered::Waiting(meeting.offer(message, sender)),
        };
        drop(meeting);
        receiver.into_iter().for_each(Taken::wake);
        offered
    }

    /// Whether somebody has taken the offer; if not, `sender` is woken when one does. The message
    /// comes back if the channel was closed.
    pub(super) fn poll_offer(&self, id: OfferId, sender: &Waker) -> Poll<Result<(), T>> {
        let sender = sender.clone();
        let mut meeting = self.0.lock();
        if meeting.closed {
            let offer = meeting.withdraw(id);
            drop(meeting);
            return Poll::Ready(offer.map_or(Ok(()), |offer| Err(offer.message)));
        }
        match meeting.offers.iter_mut().find(|offer| offer.id == id) {
            None => Poll::Ready(Ok(())),
            Some(offer) => {
                let replaced = mem::replace(&mut offer.sender, sender);
                drop(meeting);
                drop(replaced);
                Poll::Pending
            }
        }
    }

    /// Takes an offer back, unless somebody has taken it.
    pub(super) fn withdraw(&self, id: OfferId) -> Option<T> {
        let offer = self.0.lock().withdraw(id);
        offer.map(|offer| offer.message)
    }

    /// Takes what was delivered, else the oldest offer. What was delivered is for the `receivers` that
    /// were claimed, who take nothing else; anybody else takes what they have left when they went away.
    /// Whoever waits and has taken something is claimed for nothing more.
    pub(super) fn try_recv(
        &self,
        asker: Asker<'_>,
        receivers: &WaitList,
    ) -> Result<T, TryRecvError> {
        let mut meeting = self.0.lock();
        // Under the lock, as it is claimed: a moment ago it may not have been.
        let claimed = asker.claimed();
        if (claimed == Claimed::Yes || meeting.has_orphan(receivers))
            && let Some(message) = meeting.delivered.pop_front()
        {
            asker.retire();
            return Ok(message);
        }
        if claimed == Claimed::Yes {
            return Err(TryRecvError::Empty);
        }
        // A closed channel's offers are refused: their senders are about to take them back.
        if meeting.closed {
            return Err(meeting.end());
        }
        let Some(offer) = meeting.offers.pop_front() else { return Err(TryRecvError::Empty) };
        asker.retire();
        drop(meeting);
        wake(offer.sender);
        Ok(offer.message)
    }

    /// Whether a receive would find something, be it the end.
    pub(super) fn has_message(&self, receivers: &WaitList) -> bool {
        let meeting = self.0.lock();
        meeting.has_orphan(receivers) || !meeting.offers.is_empty() || meeting.is_over()
    }

    /// Whether there is something for a receiver that has been told.
    pub(super) fn has_delivery(&self) -> bool {
        !self.0.lock().delivered.is_empty()
    }

    /// How many senders wait with a message.
    pub(super) fn offers(&self) -> usize {
        self.0.lock().offers.len()
    }

    /// Forbids later sends and wakes those who offer; what was delivered can still be received.
    pub(super) fn close(&self) -> Close {
        let mut meeting = self.0.lock();
        if mem::replace(&mut meeting.closed, true) {
            return Close::AlreadyClosed;
        }
        let take = |offer: &mut Offer<T>| mem::replace(&mut offer.sender, Waker::noop().clone());
        let senders: Vec<Waker> = meeting.offers.iter_mut().map(take).collect();
        drop(meeting);
        senders.into_iter().for_each(wake);
        Close::Closed
    }

    /// Drops what was delivered: no receiver is left.
    pub(super) fn discard(&self) {
        let delivered = mem::take(&mut self.0.lock().delivered);
        drop(delivered);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }
}

impl<T> Meeting<T> {
    fn offer(&mut self, message: T, sender: Waker) -> OfferId {
        let id = OfferId(self.next_id);
        self.next_id += 1;
        self.offers.push_back(Offer { id, message, sender });
        id
    }

    /// Counts one permit less; the caller wakes those who have looked too soon.
    fn end_permit(&mut self) -> Vec<Early> {
        self.permits -= 1;
        mem::take(&mut self.early)
    }

    /// Whether more was delivered than there are receivers that have been claimed for it and will
    /// come.
    fn has_orphan(&self, receivers: &WaitList) -> bool {
        !self.delivered.is_empty() && self.delivered.len() + self.permits > receivers.claimed()
    }

    /// Whether nothing can follow: what was delivered may yet be left to another receiver.
    fn is_over(&self) -> bool {
        self.closed && self.delivered.is_empty() && self.permits == 0
    }

    /// Why nothing is received from a closed channel.
    fn end(&self) -> TryRecvError {
        if self.is_over() { TryRecvError::Disconnected } else { TryRecvError::Empty }
    }

    fn withdraw(&mut self, id: OfferId) -> Option<Offer<T>> {
        let place = self.offers.iter().position(|offer| offer.id == id)?;
        self.offers.remove(place)
    }
}
