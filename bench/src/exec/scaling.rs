//! What a second worker is worth: the same independent chunks of computation with one worker and with
//! two, one right after the other. The sample is the time of two over the time of one, the median of a
//! few such pairs, for whatever else wants the second core takes part of a pair. So a machine whose second
//! core is busy, or none, is as bad for everybody; std's threads say what it has to give.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use moirai_runtime::Runtime;

use crate::harness::{Case, Effort, Entrant, Failure, Outcome, Sample, Workload};
use crate::peer::Peer;
use crate::peer::moirai::Moirai;
use crate::peer::tokio_mt::TokioMt;

/// Chunks of one run.
const CHUNKS: u64 = 128;

/// Steps of a chunk, about a quarter of a millisecond.
const STEPS: u64 = 125_000;

/// Pairs of runs for one sample; an odd number.
const PAIRS: usize = 5;

/// The case.
pub(super) fn case() -> Case {
    let runtimes = [1, 2].map(|workers| Runtime::builder().worker_threads(workers).build());
    let moirai = match runtimes {
        [Ok(one), Ok(two)] => {
            entrant(Moirai::NAME, move |workers| on_moirai(if workers == 1 { &one } else { &two }))
        }
        _ => Entrant::refusing(Moirai::NAME, "it does not start"),
    };
    let runtimes = [1, 2]
        .map(|workers| tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build());
    let tokio = match runtimes {
        [Ok(one), Ok(two)] => {
            entrant(TokioMt::NAME, move |workers| on_tokio(if workers == 1 { &one } else { &two }))
        }
        _ => Entrant::refusing(TokioMt::NAME, "it does not start"),
    };
    let entrants = vec![moirai, tokio, entrant("std-threads", on_threads)];
    let what = "time of 128 chunks on two workers over that on one";
    Case { name: "scaling", unit: "ratio", what, effort: Effort::Once, entrants }
}

fn entrant(peer: &'static str, run: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Entrant {
    let workload: Workload = Arc::new(move |_| two_over_one(&run));
    Entrant { peer, workload: Ok(workload) }
}

/// The median of some pairs.
fn two_over_one(run: impl Fn(u64) -> u64) -> Outcome {
    let pairs: Result<Vec<Sample>, Failure> = (0..PAIRS).map(|_| pair(&run)).collect();
    let mut pairs = pairs?;
    let elapsed = pairs.iter().map(|pair| pair.elapsed).sum();
    pairs.sort_by(|a, b| a.value.total_cmp(&b.value));
    Ok(Sample { elapsed, value: pairs[PAIRS / 2].value })
}

/// Runs all chunks on one worker, and on two.
fn pair(run: impl Fn(u64) -> u64) -> Outcome {
    let mut times = [Duration::ZERO; 2];
    for (time, workers) in times.iter_mut().zip(1..) {
        let start = Instant::now();
        let ran = run(workers);
        *time = start.elapsed();
        if ran != CHUNKS {
            return Err(Failure::Wrong(format!("{ran} chunks, expected {CHUNKS}")));
        }
    }
    let [one, two] = times;
    Ok(Sample { elapsed: one + two, value: two.as_secs_f64() / one.as_secs_f64() })
}

/// One chunk; each step needs the one before (Marsaglia's xorshift). It never comes to zero.
fn chunk() -> u64 {
    let end = (0..STEPS).fold(black_box(1), |mut x: u64, _| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^ x << 17
    });
    u64::from(black_box(end) != 0)
}

fn on_moirai(runtime: &Runtime) -> u64 {
    let chunks: Vec<_> = (0..CHUNKS).map(|_| runtime.spawn_parallel(chunk)).collect();
    chunks.into_iter().map(|chunk| chunk.join().unwrap_or(0)).sum()
}

fn on_tokio(runtime: &tokio::runtime::Runtime) -> u64 {
    let chunks: Vec<_> = (0..CHUNKS).map(|_| runtime.spawn(async { chunk() })).collect();
    chunks.into_iter().map(|chunk| runtime.block_on(chunk).unwrap_or(0)).sum()
}

fn on_threads(threads: u64) -> u64 {
    let (left, ran) = (AtomicU64::new(CHUNKS), AtomicU64::new(0));
    let take =
        || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while take().is_ok() {
                    ran.fetch_add(chunk(), Ordering::Relaxed);
                }
            });
        }
    });
    ran.into_inner()
}
