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

use crate::channel::{Receiver, RecvError, TryRecvError};
use crate::waitlist::WaitList;

/// One operation of a select.
pub trait Arm {
    /// What the operation gives.
    type Output;

    /// Does it now, if it can be done now.
    fn attempt(&self) -> Option<Self::Output>;

    /// Whether it can be done now.
    fn is_ready(&self) -> bool;

    /// Where one waits for that.
    fn place(&self) -> Place<'_>;

    /// Whether the arm takes part.
    fn is_enabled(&self) -> bool;

    /// The select is about to sleep.
    fn before_sleep(&self);

    /// Whether one that was woken for this arm has been given what nobody else gets.
    fn is_handed_over(&self) -> bool;
}

/// Where an arm waits, if anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a>(pub(super) Option<&'a WaitList>);

/// The arms of a select, by their numbers.
pub trait Arms {
    /// What one of them gives.
    type Output;

    /// [`Arm::attempt`] of one.
    fn attempt(&self, case: usize) -> Option<Self::Output>;

    /// [`Arm::is_ready`] of one.
    fn is_ready(&self, case: usize) -> bool;

    /// [`Arm::place`] of one.
    fn place(&self, case: usize) -> Place<'_>;

    /// Whether one of them takes part.
    fn is_enabled(&self) -> bool;

    /// [`Arm::before_sleep`] of all.
    fn before_sleep(&self);

    /// [`Arm::is_handed_over`] of one.
    fn is_handed_over(&self, case: usize) -> bool;
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

    #[inline]
    fn is_ready(&self, case: usize) -> bool {
        match case {
            0 => self.0.is_ready(),
            _ => self.1.is_ready(case - 1),
        }
    }

    #[inline]
    fn place(&self, case: usize) -> Place<'_> {
        match case {
            0 => self.0.place(),
            _ => self.1.place(case - 1),
        }
    }

    fn is_enabled(&self) -> bool {
        self.0.is_enabled() || self.1.is_enabled()
    }

    fn before_sleep(&self) {
        self.0.before_sleep();
        self.1.before_sleep();
    }

    fn is_handed_over(&self, case: usize) -> bool {
        match case {
            0 => self.0.is_handed_over(),
            _ => self.1.is_handed_over(case - 1),
        }
    }
}

impl Arms for End {
    type Output = Never;

    fn attempt(&self, _: usize) -> Option<Never> {
        None
    }

    fn is_ready(&self, _: usize) -> bool {
        false
    }

    fn place(&self, _: usize) -> Place<'_> {
        Place(None)
    }

    fn is_enabled(&self) -> bool {
        false
    }

    fn before_sleep(&self) {}

    fn is_handed_over(&self, _: usize) -> bool {
        false
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
        match self.0?.try_recv() {
            Ok(message) => Some(Ok(message)),
            Err(TryRecvError::Disconnected) => Some(Err(RecvError)),
            Err(TryRecvError::Empty) => None,
        }
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.0.is_some_and(Receiver::is_ready)
    }

    #[inline]
    fn place(&self) -> Place<'_> {
        Place(self.0.map(Receiver::waiting))
    }

    fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    fn before_sleep(&self) {
        if let Some(receiver) = self.0 {
            receiver.before_sleep();
        }
    }

    fn is_handed_over(&self) -> bool {
        self.0.is_some_and(Receiver::is_rendezvous)
    }
}
