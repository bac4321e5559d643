//! A timer that wakes whoever polls: what a poll with a deadline needs between two polls.

use std::task::{Context, Waker};
use std::time::Instant;

use crate::strand::{self, Timer};

/// A timer of somebody who polls, or none.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<(Instant, Waker, Timer)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Set {
    /// The future will be woken.
    Ahead,
    /// The time is up.
    Passed,
}

impl Alarm {
    /// Sets the alarm to `at`, unless that is where it stands.
    pub(crate) fn set(&mut self, at: Option<Instant>, cx: &Context<'_>) -> Set {
        let Some(at) = at else {
            self.0 = None;
            return Set::Ahead;
        };
        if strand::now() >= at {
            return Set::Passed;
        }
        let stands =
            matches!(&self.0, Some((old, waker, _)) if *old == at && waker.will_wake(cx.waker()));
        if !stands {
            self.0 = None;
            self.0 = Some((at, cx.waker().clone(), strand::timer(at, cx.waker())));
        }
        Set::Ahead
    }
}
