//! The places of one select in the lists that it waits in.
//!
//! A select polls like this; between `close` and `open` notifiers pass it over:
//!
//! ```text
//!   close ─ try all cases ─ open ─ join every list ─ fence ─ try all again ─ sleep
//!               │ one did                                        │ one did
//!               └────────────────► finish ◄──────────────────────┘
//! ```
//!
//! No wake-up is lost: what is published before a case's place joined its list is found by the try
//! that follows, and what is published later finds the place, with the claim open. Whoever finds it
//! won or closed instead has told nobody and goes on to the next waiter; and the select, which is
//! awake or about to be woken, tries every case before it sleeps again.
//!
//! A baton that was won for one case while another one was taken is passed on by `finish`, or by the
//! waiter's drop where the select is cancelled. It may be won as soon as the claim is open, before the
//! case's place has joined its list again, where the place was still in it: then it does not join, for a
//! place in the list has no baton.

use std::cell::Cell;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::task::Waker;

use crate::prim;

use super::claim::Claim;
use super::{CLAIMED, Finished, IDLE, NOTIFIED, Own, Target, Ticket, WaitList, Waiter};

/// One waiter for each case, `None` where there is nothing to wait in; and what they share.
///
/// `W` is an array or a boxed slice: its elements stay where they are while it is pinned. A group is
/// not `Sync`, for its methods are a poll's, one at a time.
pub(crate) struct Group<'a, W: AsRef<[Option<Waiter<'a>>]>> {
    /// Before the claim: a waiter leaves its list while the claim is there.
    waiters: W,
    claim: Claim,
    _waiters: PhantomData<Waiter<'a>>,
    _one_poll_at_a_time: PhantomData<Cell<()>>,
    _pin: PhantomPinned,
}

impl<'a, W: AsRef<[Option<Waiter<'a>>]>> Group<'a, W> {
    /// A group that waits for nothing yet.
    pub(crate) fn new(waiters: W) -> Self {
        Self {
            waiters,
            claim: Claim::new(),
            _waiters: PhantomData,
            _one_poll_at_a_time: PhantomData,
            _pin: PhantomPinned,
        }
    }

    /// Begins a poll: from now on notifiers pass this select over. Says for which case somebody has
    /// brought something, and under which name, if that is what it was woken for.
    pub(crate) fn close(self: Pin<&Self>) -> Option<(usize, Ticket)> {
        let won = self.claim.close()? as usize;
        let waiter = self.waiters().nth(won)??;
        waiter.settle();
        Some((won, waiter.claimed().ticket()?))
    }

    /// Joins all lists, as what `waker` wakes. Afterwards every case must be **tried again** before
    /// the select sleeps. What a poll that did not [`close`](Self::close) was told is forgotten.
    pub(crate) fn open(self: Pin<&Self>, waker: &Waker) {
        let waker = waker.clone();
        let _claimed = self.close();
        // SAFETY: `close` has closed the claim and settled who won it last.
        drop(unsafe { self.claim.open(waker) });
        // Several cases may be in one list, and the first of them is told: not always the same.
        let waiters = self.waiters().enumerate();
        let first = prim::random_below(waiters.len() as u64) as usize;
        for (case, waiter) in waiters.clone().skip(first).chain(waiters.take(first)) {
            if let Some(waiter) = waiter {
                // What was there is no waker: dropping it under no lock is not needed.
                let _: Target = waiter.join(Target::Case(&raw const self.claim, case as u32));
            }
        }
        let mut lists = self.waiters().filter_map(|waiter| Some(waiter?.get_ref().list));
        WaitList::fence_if(|| lists.any(WaitList::is_light));
    }

    /// Leaves the list of `case`, for which somebody brings something: that is for the next one, who is
    /// told. Who joined the list again instead, and then took another case, would tell nobody.
    pub(crate) fn let_go(self: Pin<&Self>, case: usize) {
        if let Some(waiter) = self.waiters().nth(case).flatten()
            && waiter.leave() == CLAIMED
        {
            waiter.list.notify_one();
        }
    }

    /// Leaves every list, because `taken` was done; passes on what the other cases were told. As
    /// with [`Waiter::finish`], the baton of `taken` is used up.
    pub(crate) fn finish(self: Pin<&Self>, taken: usize) -> Finished {
        self.claim.close();
        let mut finished = Finished::Idle;
        for (case, waiter) in self.waiters().enumerate() {
            let Some(waiter) = waiter else { continue };
            match waiter.leave() {
                IDLE => {}
                NOTIFIED | CLAIMED if case != taken => waiter.list.notify_one(),
                _ if case == taken => finished = Finished::Waited,
                _ => {}
            }
        }
        finished
    }

    /// Names this select.
    pub(crate) fn own(self: Pin<&Self>) -> Own {
        Own(&raw const self.get_ref().claim)
    }

    fn waiters<'g>(
        self: Pin<&'g Self>,
    ) -> impl ExactSizeIterator<Item = Option<Pin<&'g Waiter<'a>>>> + Clone
    where
        W: 'g,
    {
        let waiters = self.get_ref().waiters.as_ref().iter();
        // SAFETY: the waiters are pinned with the group: `W` holds them in place, nobody gets a
        // `&mut W`, and they are dropped with it.
        waiters.map(|waiter| waiter.as_ref().map(|waiter| unsafe { Pin::new_unchecked(waiter) }))
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Dropped where a claim has just been opened with another waker.
    struct NotifyWhenDropped(Arc<WaitList>);

    impl Wake for NotifyWhenDropped {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for NotifyWhenDropped {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    #[test]
    fn what_a_select_is_told_while_it_joins_its_lists_is_passed_on() {
        let (taken, told) = (WaitList::new(), Arc::new(WaitList::new()));
        let group = pin!(Group::new([&taken, &*told].map(|list| Some(Waiter::new(list)))));
        let group = group.as_ref();
        group.open(&Waker::from(Arc::new(NotifyWhenDropped(Arc::clone(&told)))));
        let (next, woken) = (pin!(Waiter::new(&told)), Arc::<Woken>::default());
        next.as_ref().register(&Waker::from(Arc::clone(&woken)));
        assert_eq!(group.close(), None);
        group.open(Waker::noop());
        assert_eq!((told.len(), woken.0.load(Ordering::Relaxed)), (1, 0));
        let _: Finished = group.finish(0);
        assert_eq!((told.len(), woken.0.load(Ordering::Relaxed)), (0, 1));
    }
}
