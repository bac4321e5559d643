//! Operators that look at the time.

use std::fmt;
use std::ops::ControlFlow::{Break, Continue};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::alarm::{Alarm, Set};
use crate::strand;

use super::source::{Source, find};

/// From [`ChannelExt::debounce`](super::ChannelExt::debounce).
pub struct Debounce<S: Source> {
    source: S,
    quiet: Duration,
    /// The latest message, and when it was quiet for long enough after it: never, if that lies beyond
    /// what an `Instant` can hold.
    latest: Option<(S::Item, Option<Instant>)>,
    alarm: Alarm,
}

impl<S: Source> Debounce<S> {
    pub(super) fn new(source: S, quiet: Duration) -> Self {
        Self { source, quiet, latest: None, alarm: Alarm::default() }
    }
}

impl<S: Source> Source for Debounce<S> {
    type Item = S::Item;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { source, quiet, latest, alarm } = self;
        let ended = find(source, cx, |message| {
            let due = strand::now().checked_add(*quiet);
            // It may have been quiet before this one came, and nobody looked.
            match latest.replace((message, due)) {
                Some((before, Some(was_due))) if strand::now() >= was_due => Break(before),
                _ => Continue(()),
            }
        });
        if let Poll::Ready(made) = ended {
            return Poll::Ready(made.or_else(|| latest.take().map(|(message, _)| message)));
        }
        match latest {
            Some((_, due)) if alarm.set(*due, cx) == Set::Passed => {
                Poll::Ready(latest.take().map(|(message, _)| message))
            }
            _ => Poll::Pending,
        }
    }

    fn rest(&mut self) {
        self.alarm = Alarm::default();
        self.source.rest();
    }
}

impl<S: Source + fmt::Debug> fmt::Debug for Debounce<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debounce")
            .field("source", &self.source)
            .field("quiet", &self.quiet)
            .finish_non_exhaustive()
    }
}

/// From [`ChannelExt::throttle`](super::ChannelExt::throttle).
#[derive(Clone, Debug)]
pub struct Throttle<S> {
    source: S,
    period: Duration,
    from: From,
}

/// When the next message may pass.
#[derive(Clone, Copy, Debug)]
enum From {
    Now,
    Then(Instant),
    Never,
}

impl<S> Throttle<S> {
    pub(super) fn new(source: S, period: Duration) -> Self {
        Self { source, period, from: From::Now }
    }
}

impl<S: Source> Source for Throttle<S> {
    type Item = S::Item;

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let Self { source, period, from } = self;
        find(source, cx, |message| {
            let now = strand::now();
            match from {
                From::Then(then) if now < *then => Continue(()),
                From::Never => Continue(()),
                _ => {
                    *from = now.checked_add(*period).map_or(From::Never, From::Then);
                    Break(message)
                }
            }
        })
    }

    fn rest(&mut self) {
        self.source.rest();
    }
}
