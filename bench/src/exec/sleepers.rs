//! Case `idle_10k_sleepers` of suite `exec`: what it costs to wait for nothing.
//!
//! Processor time belongs to a process, so every sample is taken in a child process in which one
//! runtime is alone. The clock starts when all tasks have been polled and the runtime has settled.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, future};

use crate::harness::{Case, Effort, Entrant, Failure, Outcome, Sample, Workload};
use crate::machine;
use crate::peer::floor::Floor;
use crate::peer::moirai::Moirai;
use crate::peer::moirai_0_10::Moirai010;
use crate::peer::smol::Smol;
use crate::peer::tokio_ct::TokioCt;
use crate::peer::tokio_mt::TokioMt;
use crate::peer::{Peer, Spawner, Timers};

/// The tasks, how long they sleep, how long they are watched, and how long the runtime has to settle
/// before that.
const SLEEPERS: u64 = 10_000;
const SLEEP: Duration = Duration::from_secs(60);
const WATCHED: Duration = Duration::from_secs(5);
const SETTLING: Duration = Duration::from_millis(500);

/// Processor time of 10,000 sleeping tasks, each runtime alone in a process of its own.
pub(crate) fn case() -> Case {
    let child = |peer: &'static str| {
        let workload: Workload = Arc::new(move |_| {
            let start = Instant::now();
            let value = of_child(peer).map_err(Failure::Refused)?;
            Ok(Sample { elapsed: start.elapsed(), value })
        });
        Entrant { peer, workload: Ok(workload) }
    };
    let entrants = vec![
        child(Moirai::NAME),
        child(TokioMt::NAME),
        child(TokioCt::NAME),
        child(Smol::NAME),
        child(Moirai010::NAME),
        Entrant::refusing(Floor::NAME, "not supported: it has no timers"),
    ];
    let what = "of processor time in 5 s";
    Case { name: "idle_10k_sleepers", unit: "us", what, effort: Effort::Long, entrants }
}

/// Runs this program as a child that measures one peer; gives back microseconds.
fn of_child(peer: &str) -> Result<f64, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args(["sleepers", peer])
        .output()
        .map_err(|error| format!("cannot start the child process: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.trim() {
        "" => Err(format!("the child process said nothing ({})", output.status)),
        figure_or_reason => figure_or_reason.parse().map_err(|_| figure_or_reason.to_owned()),
    }
}

/// The child's side of [`of_child`]: the microseconds that one peer's sleepers cost.
pub(crate) fn sample(peer: &str) -> Outcome {
    match peer {
        Moirai::NAME => watch::<Moirai>(),
        TokioMt::NAME => watch::<TokioMt>(),
        TokioCt::NAME => watch::<TokioCt>(),
        Smol::NAME => watch::<Smol>(),
        Moirai010::NAME => watch::<Moirai010>(),
        _ => Err(Failure::Refused(format!("no peer with timers is called `{peer}`"))),
    }
}

fn watch<P: Timers>() -> Outcome {
    let peer = P::start().map_err(Failure::Refused)?;
    let asleep = Arc::new(AtomicUsize::new(0));
    let sleeper = |_| {
        let asleep = Arc::clone(&asleep);
        peer.spawner().spawn(async move {
            let mut sleep = std::pin::pin!(P::sleep(SLEEP));
            let mut first = true;
            future::poll_fn(|context| {
                let poll = sleep.as_mut().poll(context);
                if poll.is_pending() && std::mem::take(&mut first) {
                    asleep.fetch_add(1, Ordering::Relaxed);
                }
                poll
            })
            .await;
            0
        })
    };
    let handles: Vec<_> = (0..SLEEPERS).map(sleeper).collect();
    let used = peer.block_on(async {
        while asleep.load(Ordering::Relaxed) < handles.len() {
            P::sleep(Duration::from_millis(1)).await;
        }
        P::sleep(SETTLING).await;
        let before = machine::cpu_time();
        P::sleep(WATCHED).await;
        machine::cpu_time() - before
    });
    Ok(Sample { elapsed: WATCHED, value: used.as_micros() as f64 })
}
