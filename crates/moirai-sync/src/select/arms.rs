//! What a select may do: one arm for each operation, and a list of arms whose types differ.
//!
//! An arm can be tried, says whether a try would succeed, and where one waits for that. `select!`
//! builds the list and takes its result apart again, so both are known at compile time and nothing
//! is boxed:
//!
//! ```text
//!   recv(a) -> ..                Cons(RecvArm a,            Pick::Here(message)
//!   send(b, m) -> ..       ───►  Cons(SendArm b,      ───►  Pick::There(Pick::Here(permit))
//!   recv(c) -> ..                Cons(RecvArm c, End)))     Pick::There(Pick::There(Pick::Here(..)))
//! ```

use std::sync::Arc;
use std::task::Poll;

use crate::channel::{
    Attending, Permit, Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError,
    broadcast, spsc, watch,
};
use crate::waitlist::{Asker, Look, Own, Ticket, WaitList};

/// One operation of a select.
pub trait Arm {
    /// What the operation gives.
    type Output;

    /// Does it now, if it can be done now.
    fn attempt(&self) -> Option<Self::Output>;

    /// Does it, if somebody who is waiting can be asked to make that possible. Only for a select
    /// that does not wait itself.
    fn meet(&self) -> Option<Self::Output> {
        self.attempt()
    }

    /// Whether it can be done now, with somebody other than the select itself.
    fn is_ready(&self, own: Oneself) -> bool;

    /// Where one waits for that.
    fn place(&self) -> Place<'_>;

    /// Whether the arm takes part.
    fn is_enabled(&self) -> bool;

    /// The select is about to sleep.
    fn before_sleep(&self, own: Oneself);

    /// Where those wait who could go on and depend on a select that sleeps; see `channel/nudge.rs`.
    fn left_behind(&self, _: Oneself) -> Place<'_> {
        Place(None)
    }

    /// Takes what was brought to the select, which was woken for this arm.
    fn take_handed_over(&self, _: Handed) -> Option<Self::Output> {
        None
    }
}

/// The select itself, which must not meet itself.
#[derive(Clone, Copy, Debug)]
pub struct Oneself(pub(super) Own);

/// What was brought to the select, by name.
#[derive(Clone, Copy, Debug)]
pub struct Handed(pub(super) Ticket, pub(super) Look);

/// Where an arm waits, if anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a>(pub(super) Option<&'a WaitList>);

/// The arms of a select, by their numbers.
pub trait Arms {
    /// What one of them gives.
    type Output;

    /// [`Arm::attempt`] of one.
    fn attempt(&self, case: usize) -> Option<Self::Output>;

    /// [`Arm::meet`] of one.
    fn meet(&self, case: usize) -> Option<Self::Output>;

    /// [`Arm::is_ready`] of one.
    fn is_ready(&self, case: usize, own: Oneself) -> bool;

    /// [`Arm::place`] of one.
    fn place(&self, case: usize) -> Place<'_>;

    /// Whether one of them can be done now.
    fn any_ready(&self, own: Oneself) -> bool;

    /// Whether one of them takes part.
    fn is_enabled(&self) -> bool;

    /// [`Arm::before_sleep`] of all.
    fn before_sleep(&self, own: Oneself);

    /// [`Arm::left_behind`] of the first that names a place.
    fn left_behind(&self, own: Oneself) -> Place<'_>;

    /// [`Arm::take_handed_over`] of one.
    fn take_handed_over(&self, case: usize, handed: Handed) -> Option<Self::Output>;
}

/// An arm and those after it.
#[derive(Debug)]
pub struct Cons<A, R>(pub A, pub R);

/// No further arm.
#[derive(Debug)]
pub struct End;

/// What the first arm of a list gave, or one of the others.
#[derive(Debug)]
pub enum Pick<A, R> {
    /// The first one.
    Here(A),
    /// One of the others.
    There(R),
}

/// What no arm can give.
#[derive(Debug)]
pub enum Never {}

impl<A: Arm, R: Arms> Arms for Cons<A, R> {
    type Output = Pick<A::Output, R::Output>;

    #[inline]
    fn attempt(&self, case: usize) -> Option<Self::Output> {
        match case {
            0 => self.0.attempt().map(Pick::Here),
            _ => self.1.attempt(case - 1).map(Pick::There),
        }
    }

    fn meet(&self, case: usize) -> Option<Self::Output> {
        match case {
            0 => self.0.meet().map(Pick::Here),
            _ => self.1.meet(case - 1).map(Pick::There),
        }
    }

    #[inline]
    fn is_ready(&self, case: usize, own: Oneself) -> bool {
        match case {
            0 => self.0.is_ready(own),
            _ => self.1.is_ready(case - 1, own),
        }
    }

    #[inline]
    fn place(&self, case: usize) -> Place<'_> {
        match case {
            0 => self.0.place(),
            _ => self.1.place(case - 1),
        }
    }

    fn any_ready(&self, own: Oneself) -> bool {
        self.0.is_ready(own) || self.1.any_ready(own)
    }

    fn is_enabled(&self) -> bool {
        self.0.is_enabled() || self.1.is_enabled()
    }

    fn before_sleep(&self, own: Oneself) {
        self.0.before_sleep(own);
        self.1.before_sleep(own);
    }

    fn left_behind(&self, own: Oneself) -> Place<'_> {
        Place(self.0.left_behind(own).0.or_else(|| self.1.left_behind(own).0))
    }

    fn take_handed_over(&self, case: usize, handed: Handed) -> Option<Self::Output> {
        match case {
            0 => self.0.take_handed_over(handed).map(Pick::Here),
            _ => self.1.take_handed_over(case - 1, handed).map(Pick::There),
        }
    }
}

impl Arms for End {
    type Output = Never;

    fn attempt(&self, _: usize) -> Option<Never> {
        None
    }

    fn meet(&self, _: usize) -> Option<Never> {
        None
    }

    fn is_ready(&self, _: usize, _: Oneself) -> bool {
        false
    }

    fn place(&self, _: usize) -> Place<'_> {
        Place(None)
    }

    fn any_ready(&self, _: Oneself) -> bool {
        false
    }

    fn is_enabled(&self) -> bool {
        false
    }

    fn before_sleep(&self, _: Oneself) {}

    fn left_behind(&self, _: Oneself) -> Place<'_> {
        Place(None)
    }

    fn take_handed_over(&self, _: usize, _: Handed) -> Option<Never> {
        None
    }
}

/// A receive; `None` where its guard says no.
#[derive(Debug)]
pub struct RecvArm<'a, T>(Option<&'a Receiver<T>>);

impl<T> Receiver<T> {
    /// An arm that receives. A method, so that whatever dereferences to a receiver has it.
    #[doc(hidden)]
    #[inline]
    pub fn __recv_arm(&self, enabled: bool) -> RecvArm<'_, T> {
        RecvArm(enabled.then_some(self))
    }
}

impl<T> Arm for RecvArm<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn attempt(&self) -> Option<Self::Output> {
        received(self.0?.try_take(Asker::Passing))
    }

    fn meet(&self) -> Option<Self::Output> {
        received(self.0?.try_recv())
    }

    #[inline]
    fn is_ready(&self, _: Oneself) -> bool {
        self.0.is_some_and(Receiver::is_ready)
    }

    #[inline]
    fn place(&self) -> Place<'_> {
        Place(self.0.map(Receiver::waiting))
    }

    fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    fn before_sleep(&self, own: Oneself) {
        if let Some(receiver) = self.0 {
            receiver.before_sleep(own.0);
        }
    }

    fn left_behind(&self, own: Oneself) -> Place<'_> {
        Place(self.0.and_then(|receiver| receiver.left_behind(own.0)))
    }

    fn take_handed_over(&self, handed: Handed) -> Option<Self::Output> {
        let receiver = self.0.filter(|receiver| receiver.is_rendezvous())?;
        received(receiver.try_take(Asker::Claimed(handed.0, handed.1)))
    }
}

/// A receive by the only receiver of a channel; `None` where its guard says no.
#[derive(Debug)]
pub struct SoleRecvArm<'a, T>(Option<Attending<'a, T>>);

impl<T> spsc::Receiver<T> {
    /// An arm that receives. A method, so that whatever dereferences to a receiver has it.
    #[doc(hidden)]
    #[inline]
    pub fn __recv_arm(&mut self, enabled: bool) -> SoleRecvArm<'_, T> {
        SoleRecvArm(enabled.then(|| self.attend()))
    }
}

impl<T> Arm for SoleRecvArm<'_, T> {
    type Output = Result<T, RecvError>;

    fn attempt(&self) -> Option<Self::Output> {
        received(self.0.as_ref()?.try_recv())
    }

    fn is_ready(&self, _: Oneself) -> bool {
        self.0.as_ref().is_some_and(Attending::is_ready)
    }

    fn place(&self) -> Place<'_> {
        Place(self.0.as_ref().map(Attending::waiting))
    }

    fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    fn before_sleep(&self, _: Oneself) {}

    fn left_behind(&self, own: Oneself) -> Place<'_> {
        Place(self.0.as_ref().and_then(|receiver| receiver.left_behind(own.0)))
    }
}

/// A send; `None` where its guard says no.
#[derive(Debug)]
pub struct SendArm<'a, T>(Option<&'a Sender<T>>);

/// A place for one message, or none, for the channel is closed.
#[derive(Debug)]
pub struct Reserved<'a, T>(Option<Permit<'a, T>>);

impl<T> Reserved<'_, T> {
    /// Sends the message that the place was reserved for.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `message` if the channel is closed.
    #[inline]
    pub fn send(self, message: T) -> Result<(), SendError<T>> {
        match self.0 {
            Some(permit) => {
                permit.send(message);
                Ok(())
            }
            None => Err(SendError(message)),
        }
    }
}

impl<T> Sender<T> {
    /// An arm that sends. A method, so that whatever dereferences to a sender has it.
    #[doc(hidden)]
    #[inline]
    pub fn __send_arm(&self, enabled: bool) -> SendArm<'_, T> {
        SendArm(enabled.then_some(self))
    }
}

impl<'a, T> Arm for SendArm<'a, T> {
    type Output = Reserved<'a, T>;

    #[inline]
    fn attempt(&self) -> Option<Self::Output> {
        match self.0?.try_reserve() {
            Ok(permit) => Some(Reserved(Some(permit))),
            Err(TrySendError::Disconnected(())) => Some(Reserved(None)),
            Err(TrySendError::Full(())) => None,
        }
    }

    #[inline]
    fn is_ready(&self, own: Oneself) -> bool {
        self.0.is_some_and(|sender| sender.is_ready(own.0))
    }

    #[inline]
    fn place(&self) -> Place<'_> {
        Place(self.0.map(Sender::waiting))
    }

    fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    fn before_sleep(&self, _: Oneself) {}

    fn left_behind(&self, own: Oneself) -> Place<'_> {
        Place(self.0.and_then(|sender| sender.left_behind(own.0)))
    }

    fn take_handed_over(&self, handed: Handed) -> Option<Self::Output> {
        Some(Reserved(Some(self.0?.asked(handed.0))))
    }
}

/// A receive of a newer value; `None` where its guard says no.
#[derive(Debug)]
pub struct WatchArm<'a, T>(Option<&'a watch::Receiver<T>>);

impl<T> watch::Receiver<T> {
    /// An arm that receives.
    #[doc(hidden)]
    #[inline]
    pub fn __recv_arm(&self, enabled: bool) -> WatchArm<'_, T> {
        WatchArm(enabled.then_some(self))
    }
}

impl<T> Arm for WatchArm<'_, T> {
    type Output = Result<Arc<T>, RecvError>;

    fn attempt(&self) -> Option<Self::Output> {
        received(self.0?.try_recv())
    }

    fn is_ready(&self, _: Oneself) -> bool {
        self.0.is_some_and(|receiver| receiver.has_newer() || receiver.is_closed())
    }

    fn place(&self) -> Place<'_> {
        Place(self.0.map(watch::Receiver::waiting))
    }

    fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    fn before_sleep(&self, _: Oneself) {}
}

/// A receive from a broadcast channel; `None` where its guard says no.
#[derive(Debug)]
pub struct BroadcastArm<'a, T>(Option<broadcast::Listening<'a, T>>);

impl<T> broadcast::BroadcastReceiver<T> {
    /// An arm that receives. A method, so that whatever dereferences to a receiver has it.
    #[doc(hidden)]
    pub fn __recv_arm(&mut self, enabled: bool) -> BroadcastArm<'_, T> {
        BroadcastArm(enabled.then(|| self.listen()))
    }
}

impl<T: Clone> Arm for BroadcastArm<'_, T> {
    type Output = Result<T, broadcast::RecvError>;

    fn attempt(&self) -> Option<Self::Output> {
        match self.0.as_ref()?.attempt() {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    fn is_ready(&self, _: Oneself) -> bool {
        self.0.as_ref().is_some_and(broadcast::Listening::is_ready)
    }

    fn place(&self) -> Place<'_> {
        Place(self.0.as_ref().map(broadcast::Listening::waiting))
    }

    fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    fn before_sleep(&self, _: Oneself) {}
}

/// A receive that found nothing has not been done.
#[inline]
fn received<T>(result: Result<T, TryRecvError>) -> Option<Result<T, RecvError>> {
    match result {
        Ok(message) => Some(Ok(message)),
        Err(TryRecvError::Disconnected) => Some(Err(RecvError)),
        Err(TryRecvError::Empty) => None,
    }
}
