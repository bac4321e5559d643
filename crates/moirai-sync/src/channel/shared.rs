//! Where a queue and two wait lists meet: what all handles do.
//!
//! Every operation is an *attempt*, and waiting is: try, register, **try again**, sleep. After a push
//! one waiting receiver is notified, after a pop one waiting sender; a waiter that got what it wanted
//! and sees more passes the word on. The loop is written once ([`Shared::poll`]), and every way to
//! wait goes through it: a thread spins a little and parks, a task is suspended. This file knows
//! neither threads nor tasks.

use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::alarm::Set;
use crate::backoff::Backoff;
use crate::coop;
use crate::prim::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::queue::front::Front;
use crate::queue::{Key, LEVEL, Part, PopError, PushError, Queue, Quick};
use crate::spin::{Prospect, spin};
use crate::strand;
use crate::waitlist::{Claimed, Finished, Own, Seat, WaitList, Waiter};

use super::error::{RecvError, TryRecvError, TrySendError};
use super::extras::Extras;
use super::nudge::{self, Nudge};
use super::rendezvous::{Promise, Rendezvous};
use super::suspended::Suspended;
use super::telling::{notify, told};
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
    pub(super) senders: AtomicU32,
    pub(super) receivers: AtomicU32,
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
    #[inline]
    pub(super) fn queue(queue: Queue<T>) -> Self {
        Self::new(queue, Flavour::Queue)
    }

    pub(super) fn rendezvous() -> Self {
        Self::new(Queue::nothing(), Flavour::Rendezvous(Box::new(Rendezvous::new())))
    }

    pub(super) fn timer(timer: Timer<T>) -> Self {
        Self::new(Queue::nothing(), Flavour::Timer(Box::new(timer)))
    }

    pub(super) fn never() -> Self {
        Self::new(Queue::nothing(), Flavour::Never(AtomicBool::new(false)))
    }

    #[inline]
    fn new(queue: Queue<T>, flavour: Flavour<T>) -> Self {
        Self {
            queue,
            flavour,
            extras: None,
            receivers_waiting: WaitList::new(),
            receiver_seat: Seat::new(),
            senders_waiting: WaitList::new(),
            senders: AtomicU32::new(1),
            receivers: AtomicU32::new(1),
        }
    }

    // Attempts.

    /// Sends if there is a queue with room; else gives the message back, and
    /// [`try_send`](Self::try_send) says why.
    #[inline]
    pub(super) fn send_now(&self, message: T) -> Result<(), T> {
        match self.send_quickly(message) {
            Quick::Done => Ok(()),
            Quick::Lost(message) => {
                stand_back();
                self.send_slowly(message)
            }
            Quick::No(message) => self.send_slowly(message),
        }
    }

    /// [`send_now`](Self::send_now) where that is quick. Nothing is called on the way, so that a send
    /// which goes on out of line saves no registers.
    #[inline(always)]
    pub(super) fn send_quickly(&self, message: T) -> Quick<T> {
        let pushed = self.queue.push_quickly(message);
        if matches!(pushed, Quick::Done)
            && (self.receiver_seat.is_taken() || self.receivers_waiting.len() != 0)
        {
            self.tell_waiting_receiver();
        }
        pushed
    }

    #[cold]
    #[inline(never)]
    fn tell_waiting_receiver(&self) {
        self.tell_receiver();
    }

    #[cold]
    #[inline(never)]
    fn send_slowly(&self, message: T) -> Result<(), T> {
        self.queue.push(message)?;
        self.tell_receiver();
        Ok(())
    }

    /// [`send_now`](Self::send_now) for the only sender.
    #[inline]
    pub(super) fn send_now_sole(&self, key: &mut Key, message: T) -> Result<(), T> {
        self.queue.push_sole(key, message)?;
        self.told_receiver(key);
        Ok(())
    }

    #[inline]
    pub(super) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.send_now(message).or_else(|message| self.not_queued(Part::Any, message))
    }

    /// [`try_send`](Self::try_send), to a part of a queue that has parts.
    pub(super) fn try_send_to(&self, part: Part, message: T) -> Result<(), TrySendError<T>> {
        if let Err(message) = self.queue.push_to(part, message) {
            return self.not_queued(part, message);
        }
        self.tell_receiver();
        Ok(())
    }

    /// [`try_send`](Self::try_send) for a send that may wait: a rendezvous does not deliver to who may
    /// not come.
    #[inline]
    pub(super) fn begin_send(&self, message: T) -> Result<(), TrySendError<T>> {
        match self.flavour {
            Flavour::Rendezvous(_) => Err(TrySendError::Full(message)),
            // Whoever comes here has tried what is quick.
            _ => self.send_slowly(message).or_else(|message| self.not_queued(Part::Any, message)),
        }
    }

    /// [`begin_send`](Self::begin_send), to a part of a queue that has parts.
    pub(super) fn begin_send_to(&self, part: Part, message: T) -> Result<(), TrySendError<T>> {
        match self.flavour {
            Flavour::Queue => self.try_send_to(part, message),
            _ => self.begin_send(message),
        }
    }

    #[inline]
    pub(super) fn try_send_sole(&self, key: &mut Key, message: T) -> Result<(), TrySendError<T>> {
        self.send_now_sole(key, message).or_else(|message| self.not_queued(Part::Any, message))
    }

    /// What becomes of a message that no queue has taken: there is none, or it is full or closed.
    #[cold]
    fn not_queued(&self, part: Part, message: T) -> Result<(), TrySendError<T>> {
        match &self.flavour {
            Flavour::Queue if self.queue.is_closed() => Err(TrySendError::Disconnected(message)),
            Flavour::Queue if self.extras.is_some() => self.overflow(part, message),
            Flavour::Queue => Err(TrySendError::Full(message)),
            Flavour::Rendezvous(meeting) => meeting.try_send(message, &self.receivers_waiting),
            Flavour::Timer(_) | Flavour::Never(_) => Err(TrySendError::Disconnected(message)),
        }
    }

    /// Takes a message if there is a queue with one; else [`try_take`](Self::try_take) says more.
    #[inline]
    pub(super) fn take_now(&self) -> Option<T> {
        let message = self.queue.pop()?;
        self.senders_waiting.notify_one_fenced();
        Some(message)
    }

    /// [`take_at_hand`](Self::take_at_hand) of a list, where nobody waits for room, so that nobody is told.
    #[inline(always)]
    pub(super) fn take_listed(&self, key: &mut Key) -> Option<T> {
        self.queue.pop_listed(key)
    }

    /// [`take_now`](Self::take_now) for the only receiver, of what needs no look at the senders' side, where that is
    /// kept apart.
    #[inline(always)]
    pub(super) fn take_at_hand(&self, key: &mut Key) -> Option<T> {
        let message = self.queue.pop_at_hand(key)?;
        told(&self.senders_waiting, key);
        Some(message)
    }

    /// [`take_at_hand`](Self::take_at_hand) where nothing is, with a `pause` before the look if
    /// that may let more come; and how many the look has found.
    #[inline]
    pub(super) fn look_now_sole(&self, key: &mut Key, pause: impl FnOnce()) -> Option<(T, usize)> {
        let found = self.queue.look_sole(key, pause)?;
        told(&self.senders_waiting, key);
        Some(found)
    }

    #[inline]
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        match (self.try_take(Claimed::No), &self.flavour) {
            (Err(TryRecvError::Empty), Flavour::Rendezvous(_)) => self.try_meet(),
            (result, _) => result,
        }
    }

    /// As [`try_recv`](Self::try_recv), but does not wait for the message of a select. Who has been
    /// told may take what was delivered to a receiver.
    #[inline]
    pub(super) fn try_take(&self, claimed: Claimed) -> Result<T, TryRecvError> {
        match (self.take_now(), &self.flavour) {
            (Some(message), _) => Ok(message),
            // What a select over many finds most often.
            (None, Flavour::Queue) if !self.queue.is_closed() => Err(TryRecvError::Empty),
            (None, _) => self.not_taken(claimed),
        }
    }

    /// [`try_recv`](Self::try_recv), and of which part of the queue the message was.
    pub(super) fn try_recv_part(&self) -> Result<(T, usize), TryRecvError> {
        match self.flavour {
            Flavour::Queue => self.try_take_part(Claimed::No),
            _ => self.try_recv().map(|message| (message, LEVEL)),
        }
    }

    /// [`try_take`](Self::try_take), and of which part of the queue the message was.
    pub(super) fn try_take_part(&self, claimed: Claimed) -> Result<(T, usize), TryRecvError> {
        match self.queue.pop_part() {
            Some(taken) => {
                self.senders_waiting.notify_one_fenced();
                Ok(taken)
            }
            None => self.not_taken(claimed).map(|message| (message, LEVEL)),
        }
    }

    /// [`take_now`](Self::take_now) for the worker `home`.
    #[inline]
    pub(super) fn take_now_at(&self, home: usize) -> Option<T> {
        let message = self.queue.pop_at(home)?;
        self.senders_waiting.notify_one_fenced();
        Some(message)
    }

    /// [`try_take`](Self::try_take) for the worker `home`.
    pub(super) fn try_take_at(&self, home: usize) -> Result<T, TryRecvError> {
        self.take_now_at(home).map_or_else(|| self.not_taken(Claimed::No), Ok)
    }

    /// What a receive finds where no queue has given a message: there is none, or it is empty.
    #[cold]
    fn not_taken(&self, claimed: Claimed) -> Result<T, TryRecvError> {
        match &self.flavour {
            Flavour::Queue if self.queue.has_ended() => Err(TryRecvError::Disconnected),
            Flavour::Queue => Err(TryRecvError::Empty),
            Flavour::Rendezvous(rendezvous) => {
                let taken = rendezvous.try_recv(claimed, &self.receivers_waiting);
                taken.inspect(|_| self.count_handed_over())
            }
            Flavour::Timer(timer) => timer.try_recv(),
            // Relaxed: nothing is read through it.
            Flavour::Never(closed) if closed.load(Ordering::Relaxed) => {
                Err(TryRecvError::Disconnected)
            }
            Flavour::Never(_) => Err(TryRecvError::Empty),
        }
    }

    #[inline]
    pub(super) fn try_recv_sole(&self, key: &mut Key) -> Result<T, TryRecvError> {
        match self.queue.pop_sole(key) {
            Ok(message) => {
                told(&self.senders_waiting, key);
                Ok(message)
            }
            Err(PopError::Empty) => Err(TryRecvError::Empty),
            Err(PopError::Closed) => Err(TryRecvError::Disconnected),
        }
    }

    /// A select that waits to send has no message yet: it makes one when somebody begins to receive,
    /// so whoever only looks has to wait for it a moment. Not for one in a future, which may need
    /// this very thread.
    fn try_meet(&self) -> Result<T, TryRecvError> {
        if !self.senders_waiting.has_blocked() {
            return Err(TryRecvError::Empty);
        }
        let mut nudge = Nudge::default();
        let waiter = pin!(Waiter::new(&self.receivers_waiting));
        let deadline = Instant::now() + MEET_MAX;
        let met = strand::wait(Some(deadline), |cx| {
            self.poll(Side::Receivers, Tried::No, waiter.as_ref(), &mut nudge, cx, |claimed| {
                received(self.not_taken(claimed))
            })
        });
        met.ok_or(TryRecvError::Empty)?.map_err(TryRecvError::from)
    }

    /// Sends what fits of `messages`, which may be less than all.
    pub(super) fn try_send_batch(
        &self,
        messages: &mut Front<'_, T>,
    ) -> Result<(), TrySendError<()>> {
        if self.is_rendezvous() {
            return self.try_send_each(messages);
        }
        let before = messages.left();
        let result = self.queue.push_batch(messages);
        match self.pushed_batch(before - messages.left(), result) {
            // The strategy may know what to do with the rest.
            Err(TrySendError::Full(())) if self.extras.is_some() => self.try_send_each(messages),
            result => result,
        }
    }

    fn try_send_each(&self, messages: &mut Front<'_, T>) -> Result<(), TrySendError<()>> {
        while messages.left() > 0 {
            self.try_send(messages.take()).map_err(|error| match error {
                TrySendError::Full(message) => {
                    messages.put_back(message);
                    TrySendError::Full(())
                }
                TrySendError::Disconnected(message) => {
                    messages.put_back(message);
                    TrySendError::Disconnected(())
                }
            })?;
        }
        Ok(())
    }

    pub(super) fn try_send_batch_sole(
        &self,
        key: &mut Key,
        messages: &mut Front<'_, T>,
    ) -> Result<(), TrySendError<()>> {
        let before = messages.left();
        let result = self.queue.push_batch_sole(key, messages);
        self.pushed_batch(before - messages.left(), result)
    }

    /// Tells as many receivers as there are new messages.
    fn pushed_batch(
        &self,
        n: usize,
        result: Result<(), PushError<()>>,
    ) -> Result<(), TrySendError<()>> {
        self.tell_receivers(n);
        match result {
            Ok(()) => Ok(()),
            Err(PushError::Full(())) => Err(TrySendError::Full(())),
            Err(PushError::Closed(())) => Err(TrySendError::Disconnected(())),
        }
    }

    /// Receives up to `max` messages that are there, at the end of `messages`; says how many.
    pub(super) fn try_recv_batch(
        &self,
        messages: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, TryRecvError> {
        match &self.flavour {
            Flavour::Queue => {
                drain(max, |left| self.popped_batch(self.queue.pop_batch(messages, left)))
            }
            _ => drain(max, |_| {
                messages.push(self.try_recv()?);
                Ok(1)
            }),
        }
    }

    /// [`try_recv_batch`](Self::try_recv_batch) for who waits otherwise; whoever was claimed was so for one
    /// message.
    pub(super) fn try_take_batch(
        &self,
        mut claimed: Claimed,
        messages: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, TryRecvError> {
        match &self.flavour {
            Flavour::Queue => self.try_recv_batch(messages, max),
            _ => drain(max, |_| {
                messages.push(self.try_take(mem::replace(&mut claimed, Claimed::No))?);
                Ok(1)
            }),
        }
    }

    pub(super) fn try_recv_batch_sole(
        &self,
        key: &mut Key,
        messages: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, TryRecvError> {
        drain(max, |left| self.popped_batch(self.queue.pop_batch_sole(key, messages, left)))
    }

    /// Tells as many senders as places were made.
    fn popped_batch(&self, result: Result<usize, PopError>) -> Result<usize, TryRecvError> {
        match result {
            Ok(n) => {
                notify(&self.senders_waiting, n);
                Ok(n)
            }
            Err(PopError::Empty) => Err(TryRecvError::Empty),
            Err(PopError::Closed) => Err(TryRecvError::Disconnected),
        }
    }

    // Waiting.

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
        mut attempt: impl FnMut(Claimed) -> Poll<R>,
    ) -> Poll<R> {
        let result = loop {
            if tried == Tried::Yes {
                waiter.register(cx.waker());
            }
            if waiter.claimed() == Claimed::Yes {
                match self.promised(waiter, cx, &mut attempt) {
                    Some(result) => break result,
                    // Claimed in vain, and in no list.
                    None => {
                        tried = Tried::Yes;
                        continue;
                    }
                }
            }
            let mut result = attempt(Claimed::No);
            if result.is_ready() {
                break result;
            }
            if tried == Tried::Yes {
                if side == Side::Receivers {
                    self.before_receiver_sleeps(Own::NONE);
                }
                self.nudge_other(side, nudge, cx);
                if self.extras.is_some() && self.watch(side, &mut nudge.watch, cx) == Set::Passed {
                    result = attempt(Claimed::No);
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
        attempt: &mut impl FnMut(Claimed) -> Poll<R>,
    ) -> Option<Poll<R>> {
        let Flavour::Rendezvous(rendezvous) = &self.flavour else {
            unreachable!("claimed where nobody claims")
        };
        loop {
            let result = attempt(Claimed::Yes);
            if result.is_ready() {
                return Some(result);
            }
            match rendezvous.promise(cx.waker(), waiter, &self.receivers_waiting) {
                Promise::Open => return Some(Poll::Pending),
                // Made since, or taken by another one that was claimed.
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
        mut attempt: impl FnMut(Claimed) -> Poll<R>,
    ) -> Option<R> {
        let prospect = match side {
            Side::Senders => Prospect::Near,
            Side::Receivers => Prospect::Open,
        };
        if !self.is_rendezvous() {
            if let Poll::Ready(result) = attempt(Claimed::No) {
                return Some(result);
            }
            let spun = spin(prospect, deadline, || match side {
                // One place at a time, the two sides would take turns for each message.
                Side::Senders if self.queue.is_crowded() => Poll::Pending,
                _ => attempt(Claimed::No),
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
        // In the last moment somebody has brought something, or is about to, and counts on us.
        let deadline = Instant::now() + MEET_MAX;
        let met = strand::wait(Some(deadline), |cx| {
            match self.promised(waiter.as_ref(), cx, &mut attempt) {
                Some(result) => result.map(Some),
                None => Poll::Ready(None),
            }
        });
        // Else the drop of the waiter tells the next one.
        let met = met.flatten();
        if met.is_some() {
            let _: Finished = self.finish(side, waiter.as_ref());
        }
        met
    }

    /// [`poll`](Self::poll) in a task, as one operation of its budget.
    pub(super) async fn suspend<R>(
        &self,
        side: Side,
        mut attempt: impl FnMut(Claimed) -> Poll<R>,
    ) -> R {
        coop::consume_budget().await;
        match attempt(Claimed::No) {
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

    /// Whether something was delivered, to whomever.
    pub(super) fn has_delivery(&self) -> bool {
        match &self.flavour {
            Flavour::Rendezvous(rendezvous) => rendezvous.has_delivery(),
            _ => false,
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

/// After somebody else was quicker: lets him do many more before the line has to move again.
pub(super) fn stand_back() {
    Backoff::new().contended();
}

/// Calls `take` with how many are missing to `max` until there is no more; says how many there were.
fn drain(
    max: usize,
    mut take: impl FnMut(usize) -> Result<usize, TryRecvError>,
) -> Result<usize, TryRecvError> {
    let mut taken = 0;
    while taken < max {
        match take(max - taken) {
            Ok(n) => taken += n,
            Err(error) if taken == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(taken)
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

/// For how long a receive that does not wait, or not any more, waits for the message of a select that it
/// has woken, or that has claimed it: as long as a busy machine may take to run a thread.
const MEET_MAX: Duration = Duration::from_millis(50);

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    /// With the two counts that stand before it.
    #[test]
    fn a_channel_without_a_message_takes_at_most_512_bytes() {
        assert!(size_of::<Shared<u64>>() + 16 <= 512, "{}", size_of::<Shared<u64>>());
    }

    #[test]
    fn whoever_waits_at_a_rendezvous_is_seen_before_it_tries_again() {
        let shared = Shared::<u32>::rendezvous();
        let mut tries = 0;
        let seen = shared.wait(Side::Receivers, None, |_| {
            tries += 1;
            if shared.receivers_waiting.len() == 1 { Poll::Ready(tries) } else { Poll::Pending }
        });
        assert_eq!(seen, Some(2));
    }
}
