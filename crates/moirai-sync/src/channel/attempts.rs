//! What handles try: to send and to receive, one or several, without waiting, or before they do.
//!
//! Each attempt that changes the queue tells the other side of it ([`telling`](super::telling)); how one waits
//! between two of them stands in [`shared`](super::shared).

use std::mem;
use std::pin::pin;

use crate::prim::atomic::Ordering;
use crate::queue::front::Front;
use crate::queue::{Key, LEVEL, Part, PopError, PushError, Quick};
use crate::waitlist::{Asker, Waiter};

use super::error::{TryRecvError, TrySendError};
use super::rendezvous::Rendezvous;
use super::shared::{Flavour, Shared, received};
use super::telling::{notify, told};

impl<T> Shared<T> {
    /// Sends if there is a queue with room; else gives the message back, and
    /// [`try_send`](Self::try_send) says why.
    #[inline]
    pub(super) fn send_now(&self, message: T) -> Result<(), T> {
        match self.send_quickly(message) {
            Quick::Done => Ok(()),
            Quick::Lost(message) => {
                self.queue.stand_back();
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
        match (self.try_take(Asker::Passing), &self.flavour) {
            (Err(TryRecvError::Empty), Flavour::Rendezvous(rendezvous)) => {
                self.try_meet(rendezvous)
            }
            (result, _) => result,
        }
    }

    /// As [`try_recv`](Self::try_recv), but does not wait for the message of a select. Who has been
    /// told may take what was delivered to a receiver.
    #[inline]
    pub(super) fn try_take(&self, asker: Asker<'_>) -> Result<T, TryRecvError> {
        match (self.take_now(), &self.flavour) {
            (Some(message), _) => Ok(message),
            // What a select over many finds most often.
            (None, Flavour::Queue) if !self.queue.is_closed() => Err(TryRecvError::Empty),
            (None, _) => self.not_taken(asker),
        }
    }

    /// [`try_recv`](Self::try_recv), and of which part of the queue the message was.
    pub(super) fn try_recv_part(&self) -> Result<(T, usize), TryRecvError> {
        match self.flavour {
            Flavour::Queue => self.try_take_part(Asker::Passing),
            _ => self.try_recv().map(|message| (message, LEVEL)),
        }
    }

    /// [`try_take`](Self::try_take), and of which part of the queue the message was.
    pub(super) fn try_take_part(&self, asker: Asker<'_>) -> Result<(T, usize), TryRecvError> {
        match self.queue.pop_part() {
            Some(taken) => {
                self.senders_waiting.notify_one_fenced();
                Ok(taken)
            }
            None => self.not_taken(asker).map(|message| (message, LEVEL)),
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
        self.take_now_at(home).map_or_else(|| self.not_taken(Asker::Passing), Ok)
    }

    /// What a receive finds where no queue has given a message: there is none, or it is empty.
    #[cold]
    fn not_taken(&self, asker: Asker<'_>) -> Result<T, TryRecvError> {
        match &self.flavour {
            Flavour::Queue if self.queue.has_ended() => Err(TryRecvError::Disconnected),
            Flavour::Queue => Err(TryRecvError::Empty),
            Flavour::Rendezvous(rendezvous) => {
                let taken = rendezvous.try_recv(asker, &self.receivers_waiting);
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

    /// A select that waits to send has no message yet: it makes one when somebody begins to receive. So whoever
    /// only looks asks one that is blocked, and waits until it has made its message or has thrown its permit
    /// away. Not one in a future, which may need this very thread.
    #[cold]
    fn try_meet(&self, rendezvous: &Rendezvous<T>) -> Result<T, TryRecvError> {
        loop {
            let waiter = pin!(Waiter::blocked(&self.receivers_waiting));
            let asked = rendezvous.ask(waiter.as_ref(), &self.senders_waiting);
            asked.ok_or(TryRecvError::Empty)?.wake();
            let mut attempt = |asker: Asker<'_>| received(self.not_taken(asker));
            if let Some(met) = self.wait_for_promise(waiter.as_ref(), None, &mut attempt) {
                return met.map_err(TryRecvError::from);
            }
        }
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
        mut asker: Asker<'_>,
        messages: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, TryRecvError> {
        match &self.flavour {
            Flavour::Queue => self.try_recv_batch(messages, max),
            _ => drain(max, |_| {
                messages.push(self.try_take(mem::replace(&mut asker, Asker::Passing))?);
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
