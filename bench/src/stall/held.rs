//! Cases `asleep`, `spinning` and `blocked100`: tasks that keep their worker, and what becomes of the
//! others.

use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::channel::{self, Receiver};

use crate::harness::statistics::percentile;
use crate::harness::{Failure, Outcome, Sample};
use crate::peer::{Spawner, Timers, WORKERS};

/// How long a worker is kept.
const HELD: Duration = Duration::from_secs(1);

/// Between two ticks of the task that wants to go on.
const TICK: Duration = Duration::from_millis(1);

/// Tasks that each block once, and for how long.
const BLOCKED: u64 = 100;
const BLOCKED_FOR: Duration = Duration::from_millis(100);

/// The 99th percentile of how late a ticker is while every worker has a task that sleeps.
pub(super) fn asleep<P: Timers>() -> Outcome {
    ticks_beside::<P>(|| thread::sleep(HELD))
}

/// The same while every worker has a task that computes.
pub(super) fn spinning<P: Timers>() -> Outcome {
    ticks_beside::<P>(|| {
        let start = Instant::now();
        while start.elapsed() < HELD {
            std::hint::spin_loop();
        }
    })
}

fn ticks_beside<P: Timers>(hold: fn()) -> Outcome {
    let peer = P::start().map_err(Failure::Refused)?;
    let spawner = peer.spawner();
    let (ticking, started) = std::sync::mpsc::channel();
    let (found, lateness) = std::sync::mpsc::channel();
    let start = Instant::now();
    let ticker = spawner.spawn(async move {
        let ticks = u32::try_from(HELD.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX);
        let mut late = Vec::new();
        P::sleep(TICK).await;
        let start = Instant::now();
        drop(ticking);
        for tick in 1..=ticks {
            // On a schedule, so that one long pause makes many ticks late, as it does the requests
            // that arrive meanwhile.
            let due = start + TICK * tick;
            let left = due.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                P::sleep(left).await;
            }
            let by = Instant::now().saturating_duration_since(due);
            late.push(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX));
        }
        drop(found.send(late));
        0
    });
    // It says so by hanging up.
    let _: Result<(), _> = started.recv();
    let held: Vec<_> = (0..WORKERS)
        .map(|_| {
            spawner.spawn(async move {
                hold();
                0
            })
        })
        .collect();
    peer.block_on(async {
        for task in held {
            P::Spawner::join(task).await;
        }
        P::Spawner::join(ticker).await;
    });
    let mut late = lateness.recv().unwrap_or_default();
    let late = percentile(&mut late, 99).ok_or(Failure::Wrong("it never ticked".to_owned()))?;
    Ok(Sample { elapsed: start.elapsed(), value: late as f64 / 1e6 })
}

/// Until tasks that each block in our channel have all ended.
pub(super) fn blocked<P: Timers>() -> Outcome {
    let peer = P::start().map_err(Failure::Refused)?;
    let (_sender, receiver) = channel::bounded::<u64>(1);
    let start = Instant::now();
    let tasks: Vec<_> = (0..BLOCKED)
        .map(|_| {
            let receiver = receiver.clone();
            peer.spawner().spawn(async move { block(&receiver) })
        })
        .collect();
    let timeouts = peer.block_on(async {
        let mut timeouts = 0;
        for task in tasks {
            timeouts += P::Spawner::join(task).await;
        }
        timeouts
    });
    sample(start.elapsed(), timeouts)
}

/// The same, each on a thread of its own.
pub(super) fn blocked_threads() -> Outcome {
    let (_sender, receiver) = channel::bounded::<u64>(1);
    let start = Instant::now();
    let threads: Vec<_> = (0..BLOCKED)
        .map(|_| {
            let receiver = receiver.clone();
            thread::spawn(move || block(&receiver))
        })
        .collect();
    let timeouts = threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum();
    sample(start.elapsed(), timeouts)
}

/// Waits for a message that does not come.
fn block(receiver: &Receiver<u64>) -> u64 {
    u64::from(receiver.recv_timeout(BLOCKED_FOR).is_err())
}

fn sample(elapsed: Duration, timeouts: u64) -> Outcome {
    if timeouts != BLOCKED {
        return Err(Failure::Wrong(format!("{timeouts} tasks waited, expected {BLOCKED}")));
    }
    Ok(Sample { elapsed, value: elapsed.as_secs_f64() * 1e3 })
}
