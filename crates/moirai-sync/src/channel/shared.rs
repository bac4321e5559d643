//! Where a queue and two wait lists meet: what all handles do.
//!
//! Every operation is an *attempt*, and waiting is: try, register, **try again**, sleep. After a push
//! one waiting receiver is notified, after a pop one waiting sender; a waiter that got what it wanted
//! and sees more passes the word on. The loop is written once ([`Shared::poll`]), and every way to
//! wait goes through it: a thread spins a little and parks, a task is suspended. This file knows
//! neither threads nor tasks.
//!
//! **Hysteresis.** A sender that still spins goes on when the queue is half empty. One that sleeps is told of the
//! first place: whoever receives may take one message and then wait for that very sender by other means, and the
//! queue would never be half empty.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::alarm::Set;
use crate::coop;
use crate::prim::atomic::{AtomicBool, AtomicU32};
use crate::queue::Queue;
use crate::spin::{Prospect, spin};
use crate::strand;
use crate::waitlist::{Asker, Claimed, Finished, Look, Own, Seat, WaitList, Waiter};

use super::error::{RecvError, TryRecvError};
use super::extras::Extras;
use super::nudge::{self, Nudge};
use super::rendezvous::{Promise, Rendezvous};
use super::suspended::Suspended;
use super::timer::Timer;

#[derive(Debug)]
pub(crate) struct Shared<T> {
    pub(super) queue: Queue<T>,
    pub(super) flavour: Flavour<T>,
    /// What only some channels have.
    pub(super) extras: Option<Box<Extras>>,
    /// See [`receivers_waiting`](Self::receivers_waiting).
    pub(super) receivers_waiting: WaitList,
    /// Where an only receiver waits, unless it does so in a select.
    pub(super) receiver_seat: Seat,
    pub(super) senders_waiting: WaitList,
    /// How many handles of a side there are.
    pub(super) senders: AtomicU32,
    pub(super) receivers: AtomicU32,
    /// Whether a weak sender was ever made.
    pub(super) has_weak: AtomicBool,
    /// Who frees it; see [`Hold`](super::hold::Hold).
    pub(super) holds: AtomicU32,
}

/// What stands in for the queue.
#[derive(Debug)]
pub(super) enum Flavour<T> {
    /// Nothing does.
    Queue,
    Rendezvous(Box<Rendezvous<T>>),
    /// Has no senders.
    Timer(Box<Timer<T>>),
    /// Neither has this one; it only knows whether it is closed.
    Never(AtomicBool),
}

impl<T> Flavour<T> {
    pub(super) fn rendezvous() -> Self {
        Self::Rendezvous(Box::new(Rendezvous::new()))
    }

    pub(super) fn timer(timer: Timer<T>) -> Self {
        Self::Timer(Box::new(timer))
    }

    pub(super) fn never() -> Self {
        Self::Never(AtomicBool::new(false))
    }
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Senders,
    Receivers,
}

/// Whether an attempt has just been made, in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    Yes,
    No,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Senders => Self::Receivers,
            Self::Receivers => Self::Senders,
        }
    }
}

impl<T> Shared<T> {
    /// Makes attempts until one is ready; between two of them, somebody on the other side has done
    /// something. Who has just tried is in the list before it tries again.
    #[inline]
    pub(super) fn poll<R>(
        &self,
        side: Side,
        mut tried: Tried,
        waiter: Pin<&Waiter<'_>>,
        nudge: &mut Nudge,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(Asker<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let result = loop {
            if tried == Tried::Yes {
                waiter.register(cx.waker());
            }
            let mut result = attempt(Asker::Waiting(waiter));
            if result.is_ready() {
                break result;
            }
            if waiter.claimed() != Claimed::No {
                match self.promised(waiter, cx, &mut attempt) {
                    Some(result) => break result,
                    // Claimed in vain, and in no list.
                    None => {
                        tried = Tried::Yes;
                        continue;
                    }
                }
            }
            if tried == Tried::Yes {
                if side == Side::Receivers {
                    self.before_receiver_sleeps(Own::NONE);
                }
                self.nudge_other(side, nudge, cx);
                if self.extras.is_some() && self.watch(side, &mut nudge.watch, cx) == Set::Passed {
                    result = attempt(Asker::Waiting(waiter));
                }
                break result;
            }
            tried = Tried::Yes;
        };
        if result.is_ready()
            && self.finish(side, waiter) == Finished::Waited
            && self.extras.is_some()
        {
            self.watched(&mut nudge.watch);
        }
        result
    }

    /// What `waiter` waited for is done; passes the word on if there is more.
    fn finish(&self, side: Side, waiter: Pin<&Waiter<'_>>) -> Finished {
        let finished = waiter.finish();
        if finished == Finished::Waited && self.has_more(side) {
            self.waiting(side).notify_one();
        }
        finished
    }

    /// What `waiter` gets that was claimed: a message, if it has been made, or the promise of one. `None`
    /// if none comes, and it is claimed no more.
    #[cold]
    fn promised<R>(
        &self,
        waiter: Pin<&Waiter<'_>>,
        cx: &Context<'_>,
        attempt: &mut impl FnMut(Asker<'_>) -> Poll<R>,
    ) -> Option<Poll<R>> {
        let Flavour::Rendezvous(rendezvous) = &self.flavour else {
            unreachable!("claimed where nobody claims")
        };
        loop {
            let result = attempt(Asker::Waiting(waiter));
            if result.is_ready() {
                return Some(result);
            }
            let Claimed::Yes(ticket) = waiter.claimed() else {
                unreachable!("unclaimed by others")
            };
            match rendezvous.promise(cx.waker(), waiter, ticket) {
                Promise::Open => return Some(Poll::Pending),
                // Made since.
                Promise::Kept => {}
                Promise::Broken => return None,
            }
        }
    }

    /// [`poll`](Self::poll) on the current strand, which tries at once, then spins a little if that has
    /// paid lately; `None` if `deadline` passes first. At a rendezvous it does neither: who tries to send
    /// there sees only those who are in the list, and on a busy machine a spin may take a second.
    pub(super) fn wait<R>(
        &self,
        side: Side,
        deadline: Option<Instant>,
        mut attempt: impl FnMut(Asker<'_>) -> Poll<R>,
    ) -> Option<R> {
        let prospect = match side {
            Side::Senders => Prospect::Near,
            Side::Receivers => Prospect::Open,
        };
        if !self.is_rendezvous() {
            if let Poll::Ready(result) = attempt(Asker::Passing) {
                return Some(result);
            }
            let spun = spin(prospect, deadline, || match side {
                // One place at a time, the two sides would take turns for each message.
                Side::Senders if self.queue.is_crowded() => Poll::Pending,
                _ => attempt(Asker::Passing),
            });
            if spun.is_some() {
                return spun;
            }
        }
        let waiter = pin!(Waiter::blocked(self.waiting(side)));
        let mut nudge = Nudge::default();
        let met = strand::wait(deadline, |cx| {
            self.poll(side, Tried::No, waiter.as_ref(), &mut nudge, cx, &mut attempt)
        });
        self.watched(&mut nudge.watch);
        if met.is_some() || waiter.as_ref().give_up() == Claimed::No {
            return met;
        }
        // In the last moment somebody has brought something, or is about to, and counts on us. Where that
        // does not come either, the drop of the waiter tells the next one.
        let deadline = Instant::now() + MEET_MAX;
        let met = self.wait_for_promise(waiter.as_ref(), Some(deadline), &mut attempt);
        match waiter.claimed() {
            Claimed::Yes(ticket) if met.is_none() => {
                match attempt(Asker::Claimed(ticket, Look::Last)) {
                    Poll::Ready(result) => {
                        let _: Finished = self.finish(side, waiter.as_ref());
                        Some(result)
                    }
                    Poll::Pending => None,
                }
            }
            _ => met,
        }
    }

    /// Waits on the current strand for what `waiter` gets that was claimed; `None` if that does not come, or
    /// not until `deadline`.
    pub(super) fn wait_for_promise<R>(
        &self,
        waiter: Pin<&Waiter<'_>>,
        deadline: Option<Instant>,
        attempt: &mut impl FnMut(Asker<'_>) -> Poll<R>,
    ) -> Option<R> {
        let met = strand::wait(deadline, |cx| match self.promised(waiter, cx, attempt) {
            Some(result) => result.map(Some),
            None => Poll::Ready(None),
        });
        let met = met.flatten()?;
        let _: Finished = self.finish(Side::Receivers, waiter);
        Some(met)
    }

    /// [`poll`](Self::poll) in a task, as one operation of its budget.
    pub(super) async fn suspend<R>(
        &self,
        side: Side,
        mut attempt: impl FnMut(Asker<'_>) -> Poll<R>,
    ) -> R {
        coop::consume_budget().await;
        match attempt(Asker::Passing) {
            Poll::Ready(result) => result,
            Poll::Pending => Suspended::new(self, side, attempt).await,
        }
    }

    /// Somebody of `side` is about to sleep. If the other side could go on, those who were told so
    /// may be futures that are never polled again, and others wait behind them.
    #[inline]
    pub(super) fn nudge_other(&self, side: Side, nudge: &mut Nudge, cx: &Context<'_>) {
        let other = self.waiting(side.other());
        nudge.before_sleep(other, || self.has_more(side.other()), cx);
    }

    /// Who waits on the other side of the select `own`, where somebody there could go on and may not be
    /// told so.
    pub(super) fn left_behind(&self, side: Side, own: Own) -> Option<&WaitList> {
        nudge::left_behind(self.waiting(side.other()), || match side {
            Side::Senders => self.has_message(),
            Side::Receivers => self.has_room(own),
        })
    }

    pub(super) fn waiting(&self, side: Side) -> &WaitList {
        match side {
            Side::Senders => &self.senders_waiting,
            Side::Receivers => self.receivers_waiting(),
        }
    }

    /// Who waits to receive.
    #[inline]
    pub(crate) fn receivers_waiting(&self) -> &WaitList {
        match &self.flavour {
            Flavour::Timer(timer) => timer.waiting(),
            _ => &self.receivers_waiting,
        }
    }

    /// Tells whoever makes the message that somebody waits for it.
    pub(crate) fn before_receiver_sleeps(&self, own: Own) {
        match &self.flavour {
            Flavour::Queue | Flavour::Never(_) => {}
            // Who waits to send without having left a message finds a receiver now.
            Flavour::Rendezvous(_) => self.senders_waiting.notify_other(own),
            Flavour::Timer(timer) => timer.set_alarm(),
        }
    }

    pub(crate) fn is_rendezvous(&self) -> bool {
        matches!(self.flavour, Flavour::Rendezvous(_))
    }

    /// Whether this is the channel of [`never`](super::never), all of which count as one.
    pub(crate) fn is_never(&self) -> bool {
        matches!(self.flavour, Flavour::Never(_))
    }

    /// Whether another one of `side` would find what it waits for.
    fn has_more(&self, side: Side) -> bool {
        match side {
            Side::Senders => self.has_room(Own::NONE),
            Side::Receivers => self.has_message(),
        }
    }

    /// Whether there is a place for a message, or a receiver other than the select `own`.
    pub(super) fn has_room(&self, own: Own) -> bool {
        match &self.flavour {
            Flavour::Queue => !self.queue.is_full(),
            Flavour::Rendezvous(_) => self.receivers_waiting.has_other(own),
            Flavour::Timer(_) | Flavour::Never(_) => false,
        }
    }

    /// Whether a receive would not wait: there is a message, or none can follow.
    pub(super) fn has_message_or_end(&self) -> bool {
        let ended = match &self.flavour {
            Flavour::Queue => self.queue.is_closed() && !self.queue.has_reserved(),
            Flavour::Rendezvous(_) => false, // counts as a message
            Flavour::Timer(_) | Flavour::Never(_) => self.is_closed(),
        };
        ended || self.has_message()
    }

    /// Whether a receive would find a message.
    pub(super) fn has_message(&self) -> bool {
        match &self.flavour {
            Flavour::Queue => !self.queue.is_empty(),
            Flavour::Rendezvous(rendezvous) => rendezvous.has_message(&self.receivers_waiting),
            Flavour::Timer(timer) => timer.has_message(),
            Flavour::Never(_) => false,
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.flavour {
            Flavour::Timer(timer) => usize::from(timer.has_message()),
            _ => self.queue.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match &self.flavour {
            Flavour::Timer(timer) => !timer.has_message(),
            _ => self.queue.is_empty(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        match &self.flavour {
            Flavour::Timer(timer) => timer.has_message(),
            _ => self.queue.is_full(),
        }
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        match &self.flavour {
            Flavour::Timer(_) => Some(1),
            _ => self.queue.capacity(),
        }
    }
}

/// The result of a receive: an empty channel is pending.
#[inline]
pub(super) fn received<V>(result: Result<V, TryRecvError>) -> Poll<Result<V, RecvError>> {
    match result {
        Ok(message) => Poll::Ready(Ok(message)),
        Err(TryRecvError::Disconnected) => Poll::Ready(Err(RecvError)),
        Err(TryRecvError::Empty) => Poll::Pending,
    }
}

/// For how long a receive whose time is up waits for the message of somebody who has claimed it in the last
/// moment: as long as a busy machine may take to run a thread.
const MEET_MAX: Duration = Duration::from_millis(50);

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::task::Waker;

    use super::super::error::TrySendError;
    use super::super::hold::Hold;
    use super::super::rendezvous::Offered;
    use super::*;

    /// So that a thread keeps it for its next one.
    #[test]
    fn a_channel_without_a_message_takes_at_most_512_bytes() {
        assert!(size_of::<Shared<u64>>() <= 512, "{}", size_of::<Shared<u64>>());
    }

    fn rendezvous() -> Hold<u32> {
        Hold::pair(Queue::nothing, Flavour::rendezvous(), None).0
    }

    #[test]
    fn whoever_waits_at_a_rendezvous_is_seen_before_it_tries_again() {
        let shared = rendezvous();
        let mut tries = 0;
        let seen = shared.wait(Side::Receivers, None, |_| {
            tries += 1;
            if shared.receivers_waiting.len() == 1 { Poll::Ready(tries) } else { Poll::Pending }
        });
        assert_eq!(seen, Some(2));
    }

    fn offer(shared: &Shared<u32>, message: u32) {
        let Flavour::Rendezvous(rendezvous) = &shared.flavour else { unreachable!() };
        let offered = rendezvous.offer(message, Waker::noop(), &shared.receivers_waiting);
        assert!(matches!(offered, Offered::Waiting(_)));
    }

    #[test]
    fn whoever_is_claimed_just_before_it_looks_takes_what_it_was_brought() {
        let shared = rendezvous();
        let taken = shared.wait(Side::Receivers, None, |asker| {
            if shared.receivers_waiting.len() == 1 {
                assert!(shared.try_send(1).is_ok());
                offer(&shared, 2);
            }
            received(shared.try_take(asker))
        });
        assert_eq!(taken, Some(Ok(1)));
        assert_eq!(shared.try_recv(), Ok(2));
    }

    #[test]
    fn whoever_has_taken_something_is_brought_nothing_more() {
        let shared = rendezvous();
        let taken = shared.wait(Side::Receivers, None, |asker| {
            if shared.receivers_waiting.len() == 0 {
                offer(&shared, 1);
                return Poll::Pending;
            }
            let taken = received(shared.try_take(asker));
            if taken.is_ready() {
                assert_eq!(shared.try_send(2), Err(TrySendError::Full(2)));
            }
            taken
        });
        assert_eq!(taken, Some(Ok(1)));
        assert_eq!(shared.receivers_waiting.len(), 0);
    }
}
