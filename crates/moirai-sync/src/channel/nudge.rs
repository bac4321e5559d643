//! What keeps futures that nobody polls from stopping a channel.
//!
//! A message is told to one waiting receiver, and a place to one waiting sender. Where that is a
//! future which was forgotten, or is not polled for long, others behind it would sleep on: with as many
//! such futures as a channel has places, nobody tells anybody of anything any more. So a side that goes
//! to sleep while the other one could go on, and has somebody who waits, looks again after a
//! millisecond, and tells the next one then.
//!
//! ```text
//!   sleep ─► the other side could go on, and waits? ── no ──► no alarm
//!              ▲      │ yes
//!              │      ▼
//!              └─ an alarm in 1 ms ─► tell the next one of the other side
//! ```
//!
//! A select does so for all of its channels.
//!
//! Each nudge takes a waiter out of its list, and that goes on or is one that was forgotten; so they
//! end. Where only threads wait there is none: a thread tries again soon.

use std::task::Context;
use std::time::{Duration, Instant};

use crate::alarm::{Alarm, Set};
use crate::prim;
use crate::strand;
use crate::waitlist::WaitList;

use super::extras::Watch;

/// Of one wait.
#[derive(Debug, Default)]
pub(crate) struct Nudge {
    /// Set, and for when.
    alarm: Option<Box<(Alarm, Instant)>>,
    pub(super) watch: Option<Box<Watch>>,
}

impl Nudge {
    /// The strand of `cx` is about to sleep, until somebody of the `other` side does something.
    #[inline]
    pub(super) fn before_sleep(
        &mut self,
        other: &WaitList,
        could_go_on: impl Fn() -> bool,
        cx: &Context<'_>,
    ) {
        if other.len() != 0 || self.alarm.is_some() {
            self.before_sleep_among(|| left_behind(other, &could_go_on), cx);
        }
    }

    /// [`before_sleep`](Self::before_sleep) of one who waits for several others: of a list in which
    /// somebody is left behind, if there is one.
    #[cold]
    pub(crate) fn before_sleep_among<'a>(
        &mut self,
        left_behind: impl Fn() -> Option<&'a WaitList>,
        cx: &Context<'_>,
    ) {
        // A model, without a clock, would nudge all the time.
        while prim::HAS_CLOCK
            && let Some(other) = left_behind()
        {
            let set = || Box::new((Alarm::default(), strand::now() + EVERY));
            let (alarm, at) = &mut **self.alarm.get_or_insert_with(set);
            match alarm.set(Some(*at), cx) {
                Set::Ahead => return,
                Set::Passed => {
                    self.alarm = None;
                    other.notify_one();
                }
            }
        }
        self.alarm = None;
    }

    /// Whether the wait has lasted for as long as the channel's strategy lets it.
    pub(super) fn is_over(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.is_over())
    }
}

/// `other`, if somebody there waits who could go on, and may not be told so.
#[inline]
pub(super) fn left_behind(other: &WaitList, could_go_on: impl Fn() -> bool) -> Option<&WaitList> {
    (other.len() != 0 && other.may_forget() && could_go_on()).then_some(other)
}

/// For how long those who were told have time to come before the next one is told.
const EVERY: Duration = Duration::from_millis(1);
