//! Who is told of a message that was sent, and of a place that was made.
//!
//! After a full fence one looks who waits, and tells the oldest. Who is alone on its side remembers in its
//! key how long nobody has waited: then its fences become [light](crate::asymmetric).

use crate::asymmetric::Support;
use crate::queue::pair::Fence;
use crate::queue::{BeginLight, Key};
use crate::waitlist::WaitList;

use super::shared::Shared;

impl<T> Shared<T> {
    /// Wakes a receiver. To be called after a message was published, by a read-modify-write with a full
    /// fence after it.
    #[inline]
    pub(super) fn tell_receiver(&self) {
        self.receiver_seat.call_if_taken();
        self.receivers_waiting.notify_one_fenced();
    }

    /// As [`tell_receiver`](Self::tell_receiver), for `n` messages.
    pub(super) fn tell_receivers(&self, n: usize) {
        if n > 0 && self.receiver_seat.is_taken() {
            self.receiver_seat.call();
        }
        notify(&self.receivers_waiting, n);
    }

    /// Wakes every receiver.
    pub(super) fn tell_receivers_all(&self) {
        // With a fence, which is for the seat as well.
        self.receivers_waiting().notify_all();
        self.receiver_seat.call();
    }

    /// What the only sender does where the only receiver has sat down.
    #[cold]
    #[inline(never)]
    fn call_receiver(&self, key: &mut Key) {
        if key.stir(Support::Yes) == Fence::Light {
            self.receivers_waiting.end_light();
        }
        self.receiver_seat.call();
        if self.receivers_waiting.len() != 0 {
            self.receivers_waiting.notify_one();
        }
    }

    /// As [`tell_receiver`](Self::tell_receiver), for the only sender.
    #[inline]
    pub(super) fn told_receiver(&self, key: &mut Key) {
        if self.receiver_seat.is_taken() {
            self.call_receiver(key);
        } else {
            told(&self.receivers_waiting, key);
        }
    }
}

/// Tells the oldest of those who wait for what the holder of `key` has just done, or learns that nobody
/// does.
#[inline]
pub(super) fn told(waiting: &WaitList, key: &mut Key) {
    if waiting.len() != 0 {
        tell(waiting, key);
    } else if key.calm() == BeginLight::Yes {
        begin_light(waiting, key);
    }
}

#[cold]
#[inline(never)]
fn begin_light(waiting: &WaitList, key: &mut Key) {
    let support = waiting.begin_light();
    if support != Support::Yes {
        key.stir(support);
    }
}

#[cold]
#[inline(never)]
fn tell(waiting: &WaitList, key: &mut Key) {
    match key.stir(Support::Yes) {
        Fence::Full => waiting.notify_one_fenced(),
        Fence::Light => {
            waiting.end_light();
            waiting.notify_one();
        }
    }
}

/// Wakes one waiter for each of `n` things that there are to take.
pub(super) fn notify(waiting: &WaitList, n: usize) {
    for _ in 0..n {
        if waiting.len() == 0 {
            break;
        }
        waiting.notify_one_fenced();
    }
}
