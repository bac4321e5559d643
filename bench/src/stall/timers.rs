//! Cases `timers100k`, `timers100k_p99` and `timers_cancelled`: a task for each timer, and timers that
//! nobody waits for to the end, as those of a timeout that was not needed.

use std::future;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::harness::statistics::percentile;
use crate::harness::{Failure, Outcome, Sample};
use crate::machine;
use crate::peer::{Spawner, Timers};

/// Timers of a wave.
const TIMERS: u64 = 100_000;

/// They take 1..=200 ms, drawn evenly and the same for every peer.
const LONGEST_MS: u64 = 200;

/// How long a timer takes that is dropped before.
const CANCELLED: Duration = Duration::from_secs(10);

/// Processor time per timer.
pub(super) fn cpu<P: Timers>() -> Outcome {
    let wave = run::<P>(TIMERS)?;
    Ok(Sample { elapsed: wave.elapsed, value: per_timer(wave.used, TIMERS) })
}

/// The 99th percentile of the lateness.
pub(super) fn late<P: Timers>() -> Outcome {
    let mut wave = run::<P>(TIMERS)?;
    let late = percentile(&mut wave.late, 99).unwrap_or(u64::MAX);
    Ok(Sample { elapsed: wave.elapsed, value: late as f64 / 1e3 })
}

/// What one wave showed.
struct Wave {
    elapsed: Duration,
    /// Processor time.
    used: Duration,
    /// How late each timer was, in nanoseconds.
    late: Vec<u64>,
}

/// Two waves: the first finds the memory that the second, which counts, reuses.
fn run<P: Timers>(timers: u64) -> Result<Wave, Failure> {
    let peer = P::start().map_err(Failure::Refused)?;
    wave(&peer, timers)?;
    wave(&peer, timers)
}

fn wave<P: Timers>(peer: &P, timers: u64) -> Result<Wave, Failure> {
    let spawner = peer.spawner().clone();
    let (found, lateness) = std::sync::mpsc::channel();
    let (start, before) = (Instant::now(), machine::cpu_time());
    let root = peer.spawner().spawn(async move {
        let mut random = 0x9e37_79b9_u64;
        let spawn = |_| {
            // Marsaglia's xorshift.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            spawner.spawn(sleeper::<P>(Duration::from_millis(1 + random % LONGEST_MS)))
        };
        let handles: Vec<_> = (0..timers).map(spawn).collect();
        let mut late = Vec::with_capacity(handles.len());
        for handle in handles {
            late.push(P::Spawner::join(handle).await);
        }
        // Nobody listens only if the sample has been given up.
        let _ = found.send(late);
        0
    });
    peer.block_on(P::Spawner::join(root));
    let (elapsed, used) = (start.elapsed(), machine::cpu_time() - before);
    let late = lateness.recv().unwrap_or_default();
    if late.contains(&EARLY) {
        return Err(Failure::Wrong("a timer woke early".to_owned()));
    }
    Ok(Wave { elapsed, used, late })
}

/// Sleeps; how late it woke.
async fn sleeper<P: Timers>(duration: Duration) -> u64 {
    let deadline = Instant::now() + duration;
    P::sleep(duration).await;
    match Instant::now().checked_duration_since(deadline) {
        Some(late) => u64::try_from(late.as_nanos()).unwrap_or(EARLY - 1),
        None => EARLY,
    }
}

const EARLY: u64 = u64::MAX;

/// Processor time of making a timer, polling it once and dropping it.
pub(super) fn cancelled<P: Timers>() -> Outcome {
    let peer = P::start().map_err(Failure::Refused)?;
    cancel::<P>(&peer, TIMERS)?;
    cancel::<P>(&peer, TIMERS)
}

fn cancel<P: Timers>(peer: &P, timers: u64) -> Outcome {
    let (start, before) = (Instant::now(), machine::cpu_time());
    let root = peer.spawner().spawn(async move {
        let mut pending = 0;
        for _ in 0..timers {
            let mut sleep = pin!(P::sleep(CANCELLED));
            pending += future::poll_fn(|context| {
                Poll::Ready(u64::from(sleep.as_mut().poll(context).is_pending()))
            })
            .await;
        }
        pending
    });
    let pending = peer.block_on(P::Spawner::join(root));
    let (elapsed, used) = (start.elapsed(), machine::cpu_time() - before);
    if pending != timers {
        return Err(Failure::Wrong(format!("{pending} timers ran, expected {timers}")));
    }
    Ok(Sample { elapsed, value: per_timer(used, timers) })
}

fn per_timer(used: Duration, timers: u64) -> f64 {
    used.as_nanos() as f64 / timers as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer as _;
    use crate::peer::moirai::Moirai;
    use crate::peer::smol::Smol;
    use crate::peer::tokio_mt::TokioMt;

    #[test]
    fn every_timer_of_a_wave_wakes_and_none_is_early() {
        for wave in [run::<Moirai>(500), run::<TokioMt>(500), run::<Smol>(500)] {
            let wave = wave.map_err(|why| format!("{why:?}")).unwrap();
            assert_eq!(wave.late.len(), 500);
            assert!(wave.elapsed >= Duration::from_millis(LONGEST_MS / 2));
        }
    }

    #[test]
    fn a_cancelled_timer_has_been_running() {
        let peer = Moirai::start().unwrap();
        assert!(cancel::<Moirai>(&peer, 500).is_ok());
    }
}
