//! Cases `idle_10k_sleepers` and `waiting_65536` of suite `exec`: what it costs to wait for nothing.
//!
//! Each peer is watched in a [`child`] process. The clock starts when all tasks have been polled and
//! the runtime has settled.

use std::future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{checked, join_all, sum_below};
use crate::child;
use crate::harness::{Case, Effort, Entrant, Failure, Outcome, Sample};
use crate::machine;
use crate::peer::floor::Floor;
use crate::peer::moirai::Moirai;
use crate::peer::moirai_0_10::{self, Moirai010};
use crate::peer::smol::Smol;
use crate::peer::tokio_ct::TokioCt;
use crate::peer::tokio_mt::TokioMt;
use crate::peer::{Channels, Peer, Spawner, Timers};

/// The names of the cases.
pub(super) const SLEEPERS_CASE: &str = "idle_10k_sleepers";
pub(super) const WAITING_CASE: &str = "waiting_65536";

/// The tasks of each case, and how long those of the first one sleep.
const SLEEPERS: u64 = 10_000;
const SLEEP: Duration = Duration::from_secs(60);
const WAITING: u64 = 65_536;

/// How long the tasks are watched, and how long the runtime has to settle before that.
const WATCHED: Duration = Duration::from_secs(5);
const SETTLING: Duration = Duration::from_millis(500);

/// Both cases look at the same.
const WHAT: &str = "of processor time in 5 s";

/// Why the peer without timers is left out: it could not watch its own tasks.
const NO_TIMERS: &str = "not supported: it has no timers";

/// Processor time of 10,000 sleeping tasks.
pub(super) fn sleepers_case() -> Case {
    let of = |peer| child::entrant(SLEEPERS_CASE, peer);
    let entrants = vec![
        of(Moirai::NAME),
        of(TokioMt::NAME),
        of(TokioCt::NAME),
        of(Smol::NAME),
        of(Moirai010::NAME),
        Entrant::refusing(Floor::NAME, NO_TIMERS),
    ];
    Case { name: SLEEPERS_CASE, unit: "us", what: WHAT, effort: Effort::Long, entrants }
}

/// Processor time of 65,536 tasks that wait for a message, each on a channel of its own.
pub(super) fn waiting_case() -> Case {
    let of = |peer| child::entrant(WAITING_CASE, peer);
    let entrants = vec![
        of(Moirai::NAME),
        of(TokioMt::NAME),
        of(TokioCt::NAME),
        of(Smol::NAME),
        Entrant::refusing(Moirai010::NAME, moirai_0_10::NO_CHANNELS),
        Entrant::refusing(Floor::NAME, NO_TIMERS),
    ];
    Case { name: WAITING_CASE, unit: "us", what: WHAT, effort: Effort::Long, entrants }
}

/// The child's side of [`sleepers_case`].
pub(super) fn sleepers(peer: &str) -> Outcome {
    match peer {
        Moirai::NAME => sleep::<Moirai>(),
        TokioMt::NAME => sleep::<TokioMt>(),
        TokioCt::NAME => sleep::<TokioCt>(),
        Smol::NAME => sleep::<Smol>(),
        Moirai010::NAME => sleep::<Moirai010>(),
        _ => Err(Failure::Refused(format!("no peer with timers is called `{peer}`"))),
    }
}

/// The child's side of [`waiting_case`].
pub(super) fn waiting(peer: &str) -> Outcome {
    match peer {
        Moirai::NAME => wait::<Moirai>(WAITING, WATCHED),
        TokioMt::NAME => wait::<TokioMt>(WAITING, WATCHED),
        TokioCt::NAME => wait::<TokioCt>(WAITING, WATCHED),
        Smol::NAME => wait::<Smol>(WAITING, WATCHED),
        _ => Err(Failure::Refused(format!("no peer with channels is called `{peer}`"))),
    }
}

fn sleep<P: Timers>() -> Outcome {
    let peer = P::start().map_err(Failure::Refused)?;
    let asleep = Arc::new(AtomicU64::new(0));
    let sleeper = |_| {
        let asleep = Arc::clone(&asleep);
        peer.spawner().spawn(async move {
            noting(P::sleep(SLEEP), asleep).await;
            0
        })
    };
    let _handles: Vec<_> = (0..SLEEPERS).map(sleeper).collect();
    let used = watch(&peer, &asleep, SLEEPERS, WATCHED);
    Ok(Sample { elapsed: WATCHED, value: microseconds(used) })
}

fn wait<P: Channels + Timers>(tasks: u64, watched: Duration) -> Outcome {
    let peer = P::start().map_err(Failure::Refused)?;
    let waiting = Arc::new(AtomicU64::new(0));
    let mut senders = Vec::new();
    let waiter = |_| {
        let (sender, mut receiver) = P::one_slot();
        senders.push(sender);
        let waiting = Arc::clone(&waiting);
        peer.spawner().spawn(async move { noting(P::recv(&mut receiver), waiting).await })
    };
    let handles: Vec<_> = (0..tasks).map(waiter).collect();
    let used = watch(&peer, &waiting, tasks, watched);

    // Now each of them gets its message, to show that it was there all the time.
    let sum = peer.block_on(async {
        for (message, sender) in (0..).zip(&mut senders) {
            P::send(sender, message).await;
        }
        join_all::<P::Spawner>(handles).await
    });
    let sample = checked(watched, tasks, sum, sum_below(tasks))?;
    Ok(Sample { value: microseconds(used), ..sample })
}

/// Processor time of this process while `watched` passes, once all `tasks` are pending.
fn watch<P: Timers>(peer: &P, pending: &AtomicU64, tasks: u64, watched: Duration) -> Duration {
    peer.block_on(async {
        while pending.load(Ordering::Relaxed) < tasks {
            P::sleep(Duration::from_millis(1)).await;
        }
        P::sleep(SETTLING).await;
        let before = machine::cpu_time();
        P::sleep(watched).await;
        machine::cpu_time() - before
    })
}

/// Runs `future` and counts it in `pending` when it first has to wait.
async fn noting<F: Future>(future: F, pending: Arc<AtomicU64>) -> F::Output {
    let mut future = pin!(future);
    let mut first = true;
    future::poll_fn(|context| {
        let poll = future.as_mut().poll(context);
        if poll.is_pending() && std::mem::take(&mut first) {
            pending.fetch_add(1, Ordering::Relaxed);
        }
        poll
    })
    .await
}

fn microseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_waiting_task_gets_its_message_in_the_end() {
        let watched = Duration::from_millis(1);
        for outcome in [wait::<Moirai>(100, watched), wait::<TokioCt>(100, watched)] {
            assert_eq!(outcome.unwrap().elapsed, watched);
        }
    }
}
