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
//! **In order.** What is delivered is for the receiver that was claimed for it, by name, and that takes nothing
//! else: where several have been claimed, one that took another's message would get it after what was sent
//! later. What is for nobody any more comes before every offer, and nobody is claimed while it lies here.
//! Both queues are under one lock, which also covers claiming a receiver. A receiver asks under it whether it
//! was claimed, and leaves the list under it with what it takes: an offer is never taken in place of what came
//! before it. A receiver that was claimed, and has waited for its message for long enough, gives up under it: what
//! is made for it later is for nobody, at once, and nothing that is sent after it is brought to another before.
//! Who is claimed and goes away tells the next waiting receiver; so does a select that was claimed
//! for a message still being made, and has done something else when it comes.
//!
//! A receiver that was claimed may look before its message is made, woken by something else. It keeps its
//! claim then, and leaves its waker here ([`promise`](Rendezvous::promise)):
//!
//! ```text
//!            reserve                looks: nothing yet                deliver: it is woken
//!   waits ────────────► claimed ───────────────────────► in `early` ────────────────────────► takes it
//!     ▲                                                      │
//!     └───────────── unreserve: it is woken ◄────────────────┘
//! ```
//!
//! A sender that waits leaves its message here, with its waker: whoever comes takes it without
//! waking the sender first. A select cannot do that, for its message is made only once the case is
//! chosen; it waits in the channel's list and tries again when a receiver begins to wait. Whoever does not wait
//! [asks](Rendezvous::ask) one that is blocked: that is claimed in its list under the name under which the
//! receiver is claimed here, and finds its permit made.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::task::{Poll, Waker};

use crate::prim::Mutex;
use crate::waitlist::{Asker, Claimed, Claims, Taken, Ticket, WaitList, Waiter};
use crate::wake::wake;

use super::error::{TryRecvError, TrySendError};
use crate::queue::Close;

/// The state of a rendezvous channel.
#[derive(Debug)]
pub(super) struct Rendezvous<T>(Mutex<Meeting<T>>);

#[derive(Debug)]
struct Meeting<T> {
    delivered: VecDeque<Delivery<T>>,
    offers: VecDeque<Offer<T>>,
    /// For whom messages are still being made.
    permits: Vec<Option<Ticket>>,
    /// Of those receivers, who has looked too soon.
    early: Vec<Early>,
    /// Of offers and of claims.
    next_id: u64,
    closed: bool,
}

#[derive(Debug)]
struct Delivery<T> {
    message: T,
    /// Who was claimed for it; if that is gone, or if nobody was, it is for whoever comes.
    receiver: Option<Ticket>,
}

#[derive(Debug)]
struct Offer<T> {
    id: OfferId,
    message: T,
    sender: Waker,
}

/// A receiver that waits for its message to be made.
#[derive(Debug)]
struct Early {
    receiver: Ticket,
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
    /// It is there.
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
            permits: Vec::new(),
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
        let Some(taken) = meeting.take(Claims::Anybody, receivers) else {
            return Err(TrySendError::Full(message));
        };
        meeting.deliver(message, taken.claimed.ticket());
        drop(meeting);
        taken.wake();
        Ok(())
    }

    /// Takes one of the waiting `receivers` out, for whom [`deliver`](Self::deliver) will bring a
    /// message, unless [`unreserve`](Self::unreserve) says that none comes; the caller wakes it then.
    pub(super) fn reserve(&self, receivers: &WaitList) -> Result<Taken, TrySendError<()>> {
        let mut meeting = self.0.lock();
        if meeting.closed {
            return Err(TrySendError::Disconnected(()));
        }
        let taken = meeting.take(Claims::Anybody, receivers).ok_or(TrySendError::Full(()))?;
        meeting.permits.push(taken.claimed.ticket());
        Ok(taken)
    }

    /// Leaves a message for the receiver that was `claimed`, or for the next one; the caller wakes.
    pub(super) fn deliver(&self, message: T, claimed: Claimed) {
        let mut meeting = self.0.lock();
        let receiver = meeting.permitted(claimed);
        meeting.deliver(message, receiver);
        let early = meeting.end_permit(receiver);
        drop(meeting);
        early.into_iter().for_each(|early| wake(early.waker));
    }

    /// No message comes for the receiver that was `claimed`.
    pub(super) fn unreserve(&self, claimed: Claimed) {
        let mut meeting = self.0.lock();
        let receiver = meeting.permitted(claimed);
        let early = meeting.end_permit(receiver);
        drop(meeting);
        early.into_iter().for_each(|early| wake(early.waker));
    }

    /// Has one of the `senders`, a select that is blocked, make its message for `waiter`, which is in no list.
    /// The caller wakes it.
    pub(super) fn ask(&self, waiter: Pin<&Waiter<'_>>, senders: &WaitList) -> Option<Taken> {
        let mut meeting = self.0.lock();
        if meeting.closed {
            return None;
        }
        let ticket = meeting.ticket();
        let select = senders.take_oldest(Claims::Select(ticket))?;
        waiter.claim(ticket);
        meeting.permits.push(Some(ticket));
        Some(select)
    }

    /// What `waiter` may count on, which was claimed for `ticket` and has found nothing. It is woken by `waker`
    /// when its permit ends.
    pub(super) fn promise(
        &self,
        waker: &Waker,
        waiter: Pin<&Waiter<'_>>,
        ticket: Ticket,
    ) -> Promise {
        let waker = waker.clone();
        let mut meeting = self.0.lock();
        if meeting.delivery_for(ticket).is_some() {
            return Promise::Kept;
        }
        if !meeting.permits.contains(&Some(ticket)) {
            waiter.unclaim();
            return Promise::Broken;
        }
        let replaced = match meeting.early.iter_mut().find(|early| early.receiver == ticket) {
            Some(early) => Some(mem::replace(&mut early.waker, waker)),
            None => {
                meeting.early.push(Early { receiver: ticket, waker });
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
        let taken = meeting.take(Claims::Blocked, receivers);
        let offered = match taken.as_ref().and_then(|taken| taken.claimed.ticket()) {
            Some(ticket) => {
                meeting.deliver(message, Some(ticket));
                Offered::Delivered
            }
            None => Offered::Waiting(meeting.offer(message, sender)),
        };
        drop(meeting);
        taken.into_iter().for_each(Taken::wake);
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

    /// Takes what was delivered to one that was claimed; for anybody else, what is left of such as went away
    /// from the `receivers`, or the oldest offer. Whoever waits and has taken something is claimed for nothing
    /// more.
    pub(super) fn try_recv(
        &self,
        asker: Asker<'_>,
        receivers: &WaitList,
    ) -> Result<T, TryRecvError> {
        let mut meeting = self.0.lock();
        // Under the lock, as it is claimed: a moment ago it may not have been.
        let claimed = asker.claimed();
        let place = match claimed {
            Claimed::Yes(ticket) => meeting.delivery_for(ticket),
            Claimed::No => meeting.orphan(receivers),
        };
        if let Some(delivery) = place.and_then(|place| meeting.delivered.remove(place)) {
            asker.retire();
            return Ok(delivery.message);
        }
        if claimed != Claimed::No {
            let early = asker.gives_up().and_then(|ticket| meeting.give_up(ticket));
            drop(meeting);
            drop(early);
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
        meeting.orphan(receivers).is_some() || !meeting.offers.is_empty() || meeting.is_over()
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

    /// Takes one of the waiting `receivers` out. While something lies here that is for nobody, it is claimed
    /// for nothing else, but told.
    fn take(&mut self, claims: fn(Ticket) -> Claims, receivers: &WaitList) -> Option<Taken> {
        let ticket = self.ticket();
        let left = self.orphan(receivers).is_some();
        receivers.take_oldest(if left { Claims::Nobody } else { claims(ticket) })
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_id);
        self.next_id += 1;
        ticket
    }

    fn deliver(&mut self, message: T, receiver: Option<Ticket>) {
        self.delivered.push_back(Delivery { message, receiver });
    }

    /// For whom a message is that was made under a permit: for nobody if who was `claimed` has given up.
    fn permitted(&self, claimed: Claimed) -> Option<Ticket> {
        claimed.ticket().filter(|&ticket| self.permits.contains(&Some(ticket)))
    }

    /// What is made for a receiver that was claimed is for nobody from now on; the caller drops the waker that
    /// it has left.
    fn give_up(&mut self, receiver: Ticket) -> Option<Early> {
        let permit = self.permits.iter_mut().find(|permit| **permit == Some(receiver))?;
        *permit = None;
        let early = self.early.iter().position(|early| early.receiver == receiver)?;
        Some(self.early.swap_remove(early))
    }

    /// Ends a permit; the caller wakes who has looked too soon.
    fn end_permit(&mut self, receiver: Option<Ticket>) -> Option<Early> {
        let ended = self.permits.iter().position(|permit| *permit == receiver);
        ended.map(|place| self.permits.swap_remove(place));
        let early = self.early.iter().position(|early| Some(early.receiver) == receiver)?;
        Some(self.early.swap_remove(early))
    }

    /// Where the message lies that was delivered to one that was claimed.
    fn delivery_for(&self, receiver: Ticket) -> Option<usize> {
        self.delivered.iter().position(|delivery| delivery.receiver == Some(receiver))
    }

    /// Where the oldest message lies that was delivered, and that none of the `receivers` comes for.
    fn orphan(&self, receivers: &WaitList) -> Option<usize> {
        let comes =
            |delivery: &Delivery<T>| delivery.receiver.is_some_and(|it| receivers.comes(it));
        self.delivered.iter().position(|delivery| !comes(delivery))
    }

    /// Whether nothing can follow: what was delivered may yet be left to another receiver.
    fn is_over(&self) -> bool {
        self.closed && self.delivered.is_empty() && self.permits.is_empty()
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

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::waitlist::Look;

    #[test]
    fn what_is_made_for_one_that_has_given_up_is_for_nobody_at_once() {
        let (meeting, receivers) = (Rendezvous::new(), WaitList::new());
        let gives_up = pin!(Waiter::blocked(&receivers));
        gives_up.as_ref().register(Waker::noop());
        let claimed = meeting.reserve(&receivers).unwrap().claimed;
        let ticket = claimed.ticket().unwrap();
        let look = |look| meeting.try_recv(Asker::Claimed(ticket, look), &receivers);
        assert_eq!(look(Look::Again), Err(TryRecvError::Empty));
        assert_eq!(look(Look::Last), Err(TryRecvError::Empty));
        // It is still in the list as one that comes.
        meeting.deliver(0, claimed);
        let waits = pin!(Waiter::blocked(&receivers));
        waits.as_ref().register(Waker::noop());
        meeting.try_send(1, &receivers).unwrap();
        let waits = || meeting.try_recv(Asker::Waiting(waits.as_ref()), &receivers);
        assert_eq!([waits(), waits()], [Ok(0), Ok(1)]);
    }
}
