//! How a select waits: the same steps for every macro and type, blocking and async.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::strand::{self, Timer};
use crate::waitlist::{Finished, Group, Waiter};

use super::arms::Arms;
use super::order::Order;

/// Does one of the arms; waits while none can be done.
///
/// # Panics
///
/// If every arm is disabled: nothing could ever end the wait.
pub fn block<const N: usize, A: Arms>(arms: &A, order: &impl Order<N>) -> A::Output {
    match try_now(arms, order) {
        Some(output) => output,
        None => match block_until::<N, A>(arms, order, None) {
            Some(output) => output,
            None => unreachable!("a select without a deadline ended without a result"),
        },
    }
}

/// Does one of the arms if one can be done now.
#[inline]
pub fn try_now<const N: usize, A: Arms>(arms: &A, order: &impl Order<N>) -> Option<A::Output> {
    order.first(|case| arms.attempt(case))
}

/// Does one of the arms; waits for at most `timeout` while none can be done.
pub fn block_for<const N: usize, A: Arms>(
    arms: &A,
    order: &impl Order<N>,
    timeout: Duration,
) -> Option<A::Output> {
    match try_now(arms, order) {
        Some(output) => Some(output),
        None => block_until(arms, order, Limit::after(timeout)),
    }
}

/// As [`block`], in a future.
///
/// # Panics
///
/// If every arm is disabled.
pub async fn wait<const N: usize, A: Arms>(arms: &A, order: &impl Order<N>) -> A::Output {
    match try_now(arms, order) {
        Some(output) => output,
        None => match wait_until(arms, order, None).await {
            Some(output) => output,
            None => unreachable!("a select without a deadline ended without a result"),
        },
    }
}

/// As [`block_for`], in a future.
pub async fn wait_for<const N: usize, A: Arms>(
    arms: &A,
    order: &impl Order<N>,
    timeout: Duration,
) -> Option<A::Output> {
    match try_now(arms, order) {
        Some(output) => Some(output),
        None => wait_until(arms, order, Limit::after(timeout)).await,
    }
}

/// When a select gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// At this time.
    At(Instant),
    /// The timeout leads beyond what an `Instant` can hold.
    Never,
}

impl Limit {
    fn after(timeout: Duration) -> Option<Self> {
        Some(strand::now().checked_add(timeout).map_or(Self::Never, Self::At))
    }
}

fn deadline(limit: Option<Limit>) -> Option<Instant> {
    match limit {
        Some(Limit::At(at)) => Some(at),
        Some(Limit::Never) | None => None,
    }
}

fn require_an_arm<A: Arms>(arms: &A, limit: Option<Limit>) {
    assert!(limit.is_some() || arms.is_enabled(), "every arm of the select is disabled");
}

fn places<const N: usize, A: Arms>(arms: &A) -> Group<'_, [Option<Waiter<'_>>; N]> {
    Group::new(std::array::from_fn(|case| arms.place(case).0.map(Waiter::new)))
}

#[cold]
fn block_until<const N: usize, A: Arms>(
    arms: &A,
    order: &impl Order<N>,
    limit: Option<Limit>,
) -> Option<A::Output> {
    require_an_arm(arms, limit);
    let group = pin!(places::<N, A>(arms));
    strand::wait(deadline(limit), |cx| poll(arms, order, group.as_ref(), cx))
}

async fn wait_until<const N: usize, A: Arms>(
    arms: &A,
    order: &impl Order<N>,
    limit: Option<Limit>,
) -> Option<A::Output> {
    require_an_arm(arms, limit);
    let group = pin!(places::<N, A>(arms));
    let mut alarm = Alarm::default();
    poll_fn(|cx| match poll(arms, order, group.as_ref(), cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => match alarm.set(deadline(limit), cx) {
            Set::Ahead => Poll::Pending,
            Set::Passed => Poll::Ready(None),
        },
    })
    .await
}

/// One poll of any select; see `waitlist/group.rs` for why no wake-up is lost.
pub(super) fn poll<'a, const N: usize, A: Arms, W: AsRef<[Option<Waiter<'a>>]>>(
    arms: &A,
    order: &impl Order<N>,
    group: Pin<&Group<'a, W>>,
    cx: &mut Context<'_>,
) -> Poll<A::Output> {
    let attempt = |case| arms.attempt(case).map(|output| (case, output));
    let mut backoff = Backoff::new();
    loop {
        let told = group.close();
        // What was handed to this select is not left lying for the sake of the order.
        let handed = told.filter(|&case| arms.is_handed_over(case));
        if let Some((case, output)) = handed.and_then(attempt).or_else(|| order.first(attempt)) {
            if group.finish(case) == Finished::Waited && arms.is_ready(case) {
                // There is more, and perhaps somebody else who waits for it.
                if let Some(list) = arms.place(case).0 {
                    list.notify_one();
                }
            }
            return Poll::Ready(output);
        }
        group.open(cx.waker());
        // Nothing is taken while the claim is open: somebody else might be giving us something.
        if !(0..N).any(|case| arms.is_ready(case)) {
            arms.before_sleep();
            return Poll::Pending;
        }
        backoff.snooze();
    }
}

/// The timer of a select in a future.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<(Instant, Waker, Timer)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Set {
    /// The future will be woken.
    Ahead,
    /// The time is up.
    Passed,
}

impl Alarm {
    /// Sets the alarm to `at`, unless that is where it stands.
    pub(super) fn set(&mut self, at: Option<Instant>, cx: &Context<'_>) -> Set {
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
