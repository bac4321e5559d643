//! How a select waits: the same steps for every macro and type, blocking and async.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::alarm::{Alarm, Set};
use crate::backoff::Backoff;
use crate::channel::nudge::Nudge;
use crate::coop;
use crate::strand;
use crate::waitlist::{Finished, Group, Look, Ticket, WaitList, Waiter};

use super::arms::{Arms, Handed, Oneself};
use super::order::Order;

/// Does one of the arms; waits while none can be done.
///
/// # Panics
///
/// If every arm is disabled: nothing could ever end the wait.
pub fn block<const N: usize, A: Arms>(arms: &A, order: &mut impl Order) -> A::Output {
    match attempt(arms, order) {
        Some(output) => output,
        None => block_in(arms, order, places::<N, A>(arms, Waiter::blocked_select)),
    }
}

/// Does one of the arms if one can be done now.
#[inline]
pub fn try_now<A: Arms>(arms: &A, order: &mut impl Order) -> Option<A::Output> {
    attempt(arms, order).or_else(|| order.first(|case| arms.meet(case)))
}

/// Does one of the arms if one can be done now, for a caller that waits otherwise.
#[inline]
pub(super) fn attempt<A: Arms>(arms: &A, order: &mut impl Order) -> Option<A::Output> {
    order.first(|case| arms.attempt(case))
}

/// Does one of the arms; waits for at most `timeout` while none can be done.
pub fn block_for<const N: usize, A: Arms>(
    arms: &A,
    order: &mut impl Order,
    timeout: Duration,
) -> Option<A::Output> {
    match attempt(arms, order) {
        Some(output) => Some(output),
        None => {
            let group = places::<N, A>(arms, Waiter::blocked_select);
            block_in_until(arms, order, group, deadline(timeout))
        }
    }
}

/// As [`block`], in a future.
///
/// # Panics
///
/// If every arm is disabled.
pub async fn wait<const N: usize, A: Arms>(arms: &A, order: &mut impl Order) -> A::Output {
    coop::consume_budget().await;
    match attempt(arms, order) {
        Some(output) => output,
        None => {
            require_an_arm(arms);
            // Not `as_ref`: a shared borrow of what is not `Sync` would keep the future off a runtime.
            let mut group = pin!(places::<N, A>(arms, Waiter::new));
            let mut nudge = Nudge::default();
            poll_fn(|cx| poll(arms, order, group.as_mut().into_ref(), &mut nudge, cx)).await
        }
    }
}

/// As [`block_for`], in a future.
pub async fn wait_for<const N: usize, A: Arms>(
    arms: &A,
    order: &mut impl Order,
    timeout: Duration,
) -> Option<A::Output> {
    let deadline = deadline(timeout);
    coop::consume_budget().await;
    if let Some(output) = attempt(arms, order) {
        return Some(output);
    }
    let mut group = pin!(places::<N, A>(arms, Waiter::new));
    let (mut alarm, mut nudge) = (Alarm::default(), Nudge::default());
    poll_fn(|cx| match poll(arms, order, group.as_mut().into_ref(), &mut nudge, cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => match alarm.set(deadline, cx) {
            Set::Ahead => Poll::Pending,
            Set::Passed => Poll::Ready(give_up(arms, group.as_mut().into_ref())),
        },
    })
    .await
}

/// When a timeout that begins now ends; `None` if it leads beyond what an `Instant` can hold.
pub(super) fn deadline(timeout: Duration) -> Option<Instant> {
    strand::now().checked_add(timeout)
}

/// Waits in the places of `group` until one of the arms is done.
#[cold]
pub(super) fn block_in<'a, A: Arms, W: AsRef<[Option<Waiter<'a>>]>>(
    arms: &A,
    order: &mut impl Order,
    group: Group<'a, W>,
) -> A::Output {
    require_an_arm(arms);
    match block_in_until(arms, order, group, None) {
        Some(output) => output,
        None => unreachable!("a wait without a deadline ended without a result"),
    }
}

/// As [`block_in`], but not beyond `deadline`.
#[cold]
pub(super) fn block_in_until<'a, A: Arms, W: AsRef<[Option<Waiter<'a>>]>>(
    arms: &A,
    order: &mut impl Order,
    group: Group<'a, W>,
    deadline: Option<Instant>,
) -> Option<A::Output> {
    let group = pin!(group);
    let mut nudge = Nudge::default();
    strand::wait(deadline, |cx| poll(arms, order, group.as_ref(), &mut nudge, cx))
        .or_else(|| give_up(arms, group.as_ref()))
}

/// The time is up, and in the last moment somebody may have brought something, and counts on this select.
fn give_up<'a, A: Arms, W: AsRef<[Option<Waiter<'a>>]>>(
    arms: &A,
    group: Pin<&Group<'a, W>>,
) -> Option<A::Output> {
    let (case, ticket) = group.close()?;
    // Else the drop of the group tells the next one.
    let output = handed_over(arms, case, ticket)?;
    finish(arms, group, case);
    Some(output)
}

/// One of the arms was done.
fn finish<'a, A: Arms, W: AsRef<[Option<Waiter<'a>>]>>(
    arms: &A,
    group: Pin<&Group<'a, W>>,
    case: usize,
) {
    if group.finish(case) == Finished::Waited && arms.is_ready(case, Oneself(group.own())) {
        // There is more, and perhaps somebody else who waits for it.
        if let Some(list) = arms.place(case).0 {
            list.notify_one();
        }
    }
}

fn require_an_arm<A: Arms>(arms: &A) {
    assert!(arms.is_enabled(), "a select without an arm that is enabled would wait for ever");
}

fn places<'a, const N: usize, A: Arms>(
    arms: &'a A,
    waiter: fn(&'a WaitList) -> Waiter<'a>,
) -> Group<'a, [Option<Waiter<'a>>; N]> {
    Group::new(std::array::from_fn(|case| arms.place(case).0.map(waiter)))
}

/// What was brought to this select for `case`. Who brings it may be a select as well, whose message is made
/// once it has chosen: so that is waited for, as long as it is about to come. Else this select would give
/// up its claim, and the message would be for anybody, even for who has sent it.
fn handed_over<A: Arms>(arms: &A, case: usize, ticket: Ticket) -> Option<A::Output> {
    let mut backoff = Backoff::new();
    let early = (1..HANDED_LOOKS_MAX).find_map(|_| {
        let output = arms.take_handed_over(case, Handed(ticket, Look::Again));
        if output.is_none() {
            backoff.snooze();
        }
        output
    });
    early.or_else(|| arms.take_handed_over(case, Handed(ticket, Look::Last)))
}

/// So often a select looks for the message that it is promised: all but the first few looks give the core
/// away in between. About a millisecond where nobody else wants it; where somebody does, so much longer.
const HANDED_LOOKS_MAX: u32 = if cfg!(any(moirai_loom, moirai_shuttle)) { 2 } else { 1000 };

/// One poll of any select; see `waitlist/group.rs` for why no wake-up is lost.
fn poll<'a, A: Arms, W: AsRef<[Option<Waiter<'a>>]>>(
    arms: &A,
    order: &mut impl Order,
    group: Pin<&Group<'a, W>>,
    nudge: &mut Nudge,
    cx: &mut Context<'_>,
) -> Poll<A::Output> {
    let attempt = |case| arms.attempt(case).map(|output| (case, output));
    let own = Oneself(group.own());
    let mut backoff = Backoff::new();
    loop {
        // What was brought to this select is not left lying for the sake of the order.
        let handed =
            group.close().and_then(|(case, ticket)| match handed_over(arms, case, ticket) {
                Some(output) => Some((case, output)),
                None => {
                    group.let_go(case);
                    None
                }
            });
        if let Some((case, output)) = handed.or_else(|| order.first(attempt)) {
            finish(arms, group, case);
            return Poll::Ready(output);
        }
        group.open(cx.waker());
        // Nothing is taken while the claim is open: somebody else might be giving us something.
        if !arms.any_ready(own) {
            arms.before_sleep(own);
            nudge.before_sleep_among(|| arms.left_behind(own).0, cx);
            return Poll::Pending;
        }
        backoff.snooze();
    }
}
