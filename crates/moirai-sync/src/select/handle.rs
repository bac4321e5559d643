//! The end of a channel whose messages may be anything.

use crate::channel::{Receiver, RecvError, Sender};
use crate::waitlist::{Own, WaitList};

use super::arms::{Arm, Handed, Reserved};
use super::erased::Erased;

/// A channel end, whatever its messages are.
pub(super) trait Handle: Send + Sync {
    /// Begins the operation, if it need not wait.
    fn begin(&self) -> Option<Begun<'_>>;
    /// As [`begin`](Self::begin), with the help of somebody who waits.
    fn meet(&self) -> Option<Begun<'_>>;
    fn is_ready(&self, own: Own) -> bool;
    fn waiting(&self) -> &WaitList;
    fn before_sleep(&self, own: Own);
    /// [`Arm::left_behind`].
    fn left_behind(&self, own: Own) -> Option<&WaitList>;
    /// [`Arm::take_handed_over`].
    fn take_handed_over(&self, handed: Handed) -> Option<Begun<'_>>;
}

/// An operation that was begun: what it got, and at which end.
#[derive(Debug)]
pub(super) struct Begun<'a> {
    pub(super) end: End,
    pub(super) got: Erased<'a>,
}

/// One side of one channel, by the address of the channel's state. While a handle of it exists, equal
/// ones are of the same channel, hence of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Sender(*const ()),
    Receiver(*const ()),
}

impl<T: Send> Handle for Receiver<T> {
    #[inline]
    fn begin(&self) -> Option<Begun<'_>> {
        // Out of line: what saves registers, and most often has nothing to do.
        if self.is_idle() { None } else { begin_receive(self) }
    }

    fn meet(&self) -> Option<Begun<'_>> {
        let got: Result<T, RecvError> = self.__recv_arm(true).meet()?;
        Some(Begun { end: End::Receiver(self.channel()), got: Erased::new(got) })
    }

    #[inline]
    fn is_ready(&self, _: Own) -> bool {
        self.is_ready()
    }

    fn waiting(&self) -> &WaitList {
        self.waiting()
    }

    fn before_sleep(&self, own: Own) {
        self.before_sleep(own);
    }

    fn left_behind(&self, own: Own) -> Option<&WaitList> {
        self.left_behind(own)
    }

    fn take_handed_over(&self, handed: Handed) -> Option<Begun<'_>> {
        let got: Result<T, RecvError> = self.__recv_arm(true).take_handed_over(handed)?;
        Some(Begun { end: End::Receiver(self.channel()), got: Erased::new(got) })
    }
}

#[inline(never)]
fn begin_receive<T: Send>(receiver: &Receiver<T>) -> Option<Begun<'_>> {
    let got: Result<T, RecvError> = receiver.__recv_arm(true).attempt()?;
    Some(Begun { end: End::Receiver(receiver.channel()), got: Erased::new(got) })
}

impl<T: Send> Handle for Sender<T> {
    #[inline]
    fn begin(&self) -> Option<Begun<'_>> {
        let got: Reserved<'_, T> = self.__send_arm(true).attempt()?;
        Some(Begun { end: End::Sender(self.channel()), got: Erased::new(got) })
    }

    fn meet(&self) -> Option<Begun<'_>> {
        self.begin()
    }

    #[inline]
    fn is_ready(&self, own: Own) -> bool {
        self.is_ready(own)
    }

    fn waiting(&self) -> &WaitList {
        self.waiting()
    }

    fn before_sleep(&self, _: Own) {}

    fn left_behind(&self, own: Own) -> Option<&WaitList> {
        self.left_behind(own)
    }

    fn take_handed_over(&self, handed: Handed) -> Option<Begun<'_>> {
        let got: Reserved<'_, T> = self.__send_arm(true).take_handed_over(handed)?;
        Some(Begun { end: End::Sender(self.channel()), got: Erased::new(got) })
    }
}
