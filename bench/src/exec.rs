//! Suite `exec`: what a task costs to spawn, to join, to wake, to leave asleep.
//!
//! The workloads are written once and run by every runtime through [`Peer`]. Each checks the results of
//! its tasks. The runtimes are started once, before anything is timed, and sit idle while others run.

mod chain;
mod idle;
pub(crate) mod memory;
mod scaling;
mod wake;

use std::collections::VecDeque;
use std::future;
use std::hint::black_box;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use moirai_runtime::Metering;

use self::chain::ChainedSpawn;
use self::wake::WakeLatency;
use crate::harness::statistics::percentile;
use crate::harness::{Case, CaseResult, Effort, Entrant, Failure, Outcome, Row, Sample, Workload};
use crate::peer::floor::Floor;
use crate::peer::moirai::Moirai;
use crate::peer::moirai_0_10::{self, Moirai010};
use crate::peer::smol::Smol;
use crate::peer::tokio_ct::TokioCt;
use crate::peer::tokio_mt::TokioMt;
use crate::peer::{Channels, Peer, Spawner};

/// The name of the suite.
pub(crate) const NAME: &str = "exec";

/// Tasks per wave of the `spawn_join` cases.
const WAVE: u64 = 1_000;

/// Outstanding tasks in the cases of `flat`.
const FLAT: [(&str, u64); 4] =
    [("flat_1", 1), ("flat_100", 100), ("flat_1000", 1_000), ("flat_10000", 10_000)];

/// The name of our runtime with one worker.
const ONE_WORKER: &str = "one worker";

/// Outstanding tasks while `flat_p99` looks at each of them.
const FLAT_P99_OUTSTANDING: u64 = 100;

/// Tasks of `yield`, and how often each of them yields.
const YIELDERS: u64 = 100;
const YIELDS: u64 = 1_000;

/// Cases that share their rounds.
#[derive(Debug)]
pub(crate) struct Group {
    /// The name on the command line; a group of one has its case's name.
    pub(crate) name: &'static str,
    /// The cases.
    pub(crate) cases: Vec<Case>,
    /// Makes one more result of those of the group.
    pub(crate) derive: Option<fn(&[CaseResult]) -> CaseResult>,
}

impl Group {
    /// One case that shares its rounds with no other.
    pub(crate) fn alone(case: Case) -> Self {
        Self { name: case.name, cases: vec![case], derive: None }
    }
}

/// All runtimes, running.
pub(crate) struct Runtimes {
    moirai: Arc<Moirai>,
    one_worker: Arc<Moirai>,
    metered: [(&'static str, Arc<Moirai>); 3],
    tokio_mt: Arc<TokioMt>,
    tokio_ct: Arc<TokioCt>,
    smol: Arc<Smol>,
    moirai_0_10: Arc<Moirai010>,
    floor: Arc<Floor>,
}

impl Runtimes {
    /// Starts every runtime.
    ///
    /// # Errors
    ///
    /// The name of the runtime that does not start, and its reason.
    pub(crate) fn start() -> Result<Self, String> {
        Ok(Self {
            moirai: start()?,
            one_worker: Moirai::with(|it| it.worker_threads(1))?.into(),
            metered: [
                ("counts", Moirai::with(|it| it.task_metering(Metering::Counts))?.into()),
                ("times", Moirai::with(|it| it.task_metering(Metering::Times))?.into()),
                ("retained", Moirai::with(|it| it.task_retention(1000))?.into()),
            ],
            tokio_mt: start()?,
            tokio_ct: start()?,
            smol: start()?,
            moirai_0_10: start()?,
            floor: start()?,
        })
    }

    /// The groups of the suite, in the order in which they run.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let alone = Group::alone;
        let flat = FLAT.map(|(name, outstanding)| {
            let task = SpawnJoinInside { outstanding };
            let mut case = self.case(name, "per task", task);
            // What a second worker takes off the many is no difference in what a task costs.
            case.entrants.push(Entrant { peer: ONE_WORKER, ..entrant(&self.one_worker, task) });
            case
        });
        vec![
            alone(self.case("spawn_join_outside", "per task", SpawnJoinOutside)),
            alone(self.case(
                "spawn_join_inside",
                "per task",
                SpawnJoinInside { outstanding: WAVE },
            )),
            alone(self.case("spawn_one", "per spawn and wait", SpawnOne)),
            alone(self.case("spawn_one_p99", "99th percentile of spawn and wait", SpawnOneP99)),
            alone(self.ping_pong()),
            alone(self.case("yield", "per yield", Yield)),
            alone(self.case("chained_spawn", "per task that spawns the next", ChainedSpawn)),
            alone(self.case("block_on_ready", "per block_on of a ready future", BlockOnReady)),
            alone(self.wake_latency("wake_latency_p50", "median of wake to poll, asleep", 50)),
            alone(self.wake_latency("wake_latency_p99", "99th percentile of the same", 99)),
            Group { name: "flat", cases: flat.into(), derive: Some(worst_by_best) },
            alone(self.case("flat_p99", "99th percentile of spawn to joined", FlatP99)),
            alone(self.metering()),
            alone(scaling::case()),
            alone(oneshot()),
            alone(memory::bytes_case()),
            alone(memory::allocations_case()),
            alone(idle::sleepers_case()),
            alone(idle::waiting_case()),
        ]
    }

    fn case(&self, name: &'static str, what: &'static str, task: impl Task) -> Case {
        let entrants = vec![
            entrant(&self.moirai, task),
            entrant(&self.tokio_mt, task),
            entrant(&self.tokio_ct, task),
            entrant(&self.smol, task),
            entrant(&self.moirai_0_10, task),
            entrant(&self.floor, task),
        ];
        Case { name, unit: "ns", what, effort: Effort::Calibrated, entrants }
    }

    fn wake_latency(&self, name: &'static str, what: &'static str, percent: usize) -> Case {
        let mut case = self.case(name, what, WakeLatency { percent });
        case.effort = Effort::Once;
        case.entrants.retain(|entrant| entrant.peer != Floor::NAME);
        let why = "not supported: its one thread never sleeps";
        case.entrants.push(Entrant::refusing(Floor::NAME, why));
        case
    }

    /// What it costs to note something about each task: ours against ours.
    fn metering(&self) -> Case {
        let task = SpawnJoinInside { outstanding: WAVE };
        let metered = self
            .metered
            .iter()
            .map(|(metering, peer)| Entrant { peer: metering, ..entrant(peer, task) });
        let entrants = std::iter::once(entrant(&self.moirai, task)).chain(metered).collect();
        let what = "per task, with counts or times noted, or its end retained";
        Case { name: "metering_counts", unit: "ns", what, effort: Effort::Calibrated, entrants }
    }

    fn ping_pong(&self) -> Case {
        let entrants = vec![
            player(&self.moirai),
            player(&self.tokio_mt),
            player(&self.tokio_ct),
            player(&self.smol),
            Entrant::refusing(Moirai010::NAME, moirai_0_10::NO_CHANNELS),
            player(&self.floor),
        ];
        let effort = Effort::Calibrated;
        Case { name: "ping_pong", unit: "ns", what: "per round trip", effort, entrants }
    }
}

/// One sample of `case` by `peer` in this process, if it is a case of child processes.
pub(crate) fn sample_alone(case: &str, peer: &str) -> Option<Outcome> {
    match case {
        idle::SLEEPERS_CASE => Some(idle::sleepers(peer)),
        idle::WAITING_CASE => Some(idle::waiting(peer)),
        memory::BYTES_CASE => Some(memory::bytes(peer)),
        memory::ALLOCATIONS_CASE => Some(memory::allocations(peer)),
        _ => None,
    }
}

fn start<P: Peer>() -> Result<Arc<P>, String> {
    P::start().map(Arc::new).map_err(|why| format!("{} does not start: {why}", P::NAME))
}

fn entrant<P: Peer + Send + Sync>(peer: &Arc<P>, task: impl Task) -> Entrant {
    let peer = Arc::clone(peer);
    let workload: Workload = Arc::new(move |iterations| task.run(&*peer, iterations));
    Entrant { peer: P::NAME, workload: Ok(workload) }
}

fn player<P: Channels + Send + Sync>(peer: &Arc<P>) -> Entrant {
    let peer = Arc::clone(peer);
    let workload: Workload = Arc::new(move |rounds| ping_pong(&*peer, rounds));
    Entrant { peer: P::NAME, workload: Ok(workload) }
}

/// A workload that every runtime can be given.
trait Task: Copy + Send + Sync + 'static {
    /// Does `iterations` of it on `peer`.
    fn run<P: Peer>(self, peer: &P, iterations: u64) -> Outcome;
}

/// Spawns a wave of tasks from outside the runtime, then waits for all of them.
#[derive(Clone, Copy)]
struct SpawnJoinOutside;

impl Task for SpawnJoinOutside {
    fn run<P: Peer>(self, peer: &P, iterations: u64) -> Outcome {
        let spawner = peer.spawner();
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..iterations {
            let handles: Vec<_> = (0..WAVE).map(|value| spawn_value(spawner, value)).collect();
            sum += peer.block_on(join_all::<P::Spawner>(handles));
        }
        checked(start.elapsed(), iterations * WAVE, sum, iterations * sum_below(WAVE))
    }
}

/// The same from inside: a task spawns the wave and waits for it.
#[derive(Clone, Copy)]
struct SpawnJoinInside {
    outstanding: u64,
}

impl Task for SpawnJoinInside {
    fn run<P: Peer>(self, peer: &P, iterations: u64) -> Outcome {
        let (spawner, wave) = (peer.spawner().clone(), self.outstanding);
        let start = Instant::now();
        let root = peer.spawner().spawn(async move {
            let mut sum = 0;
            // One for all waves, and nothing is done once for each: of one task that would cost as much as
            // a part of the task.
            let mut handles = VecDeque::new();
            for _ in 0..iterations {
                for value in 0..wave {
                    handles.push_back(spawn_value(&spawner, value));
                }
                while let Some(handle) = handles.pop_front() {
                    sum += P::Spawner::join(handle).await;
                }
            }
            sum
        });
        let sum = peer.block_on(P::Spawner::join(root));
        checked(start.elapsed(), iterations * wave, sum, iterations * sum_below(wave))
    }
}

/// Spawns one task from outside and waits for it.
#[derive(Clone, Copy)]
struct SpawnOne;

impl Task for SpawnOne {
    fn run<P: Peer>(self, peer: &P, iterations: u64) -> Outcome {
        let start = Instant::now();
        let mut sum = 0;
        for value in 0..iterations {
            let handle = spawn_value(peer.spawner(), value);
            sum += peer.block_on(P::Spawner::join(handle));
        }
        checked(start.elapsed(), iterations, sum, sum_below(iterations))
    }
}

/// [`SpawnOne`], looking at the slowest of a hundred.
#[derive(Clone, Copy)]
struct SpawnOneP99;

impl Task for SpawnOneP99 {
    fn run<P: Peer>(self, peer: &P, iterations: u64) -> Outcome {
        let start = Instant::now();
        let mut latencies = Vec::new();
        let mut sum = 0;
        for value in 0..iterations {
            let spawned = Instant::now();
            let handle = spawn_value(peer.spawner(), value);
            sum += peer.block_on(P::Spawner::join(handle));
            latencies.push(nanoseconds(spawned.elapsed()));
        }
        let sample = checked(start.elapsed(), iterations, sum, sum_below(iterations))?;
        Ok(Sample { value: percentile_of(&mut latencies, 99), ..sample })
    }
}

/// The time from the spawn of each task to its result in the hands of the spawner, with a hundred
/// of them outstanding, inside the runtime; the slowest of a hundred.
#[derive(Clone, Copy)]
struct FlatP99;

impl Task for FlatP99 {
    fn run<P: Peer>(self, peer: &P, iterations: u64) -> Outcome {
        let spawner = peer.spawner().clone();
        let (found, latencies) = std::sync::mpsc::channel();
        let start = Instant::now();
        let root = peer.spawner().spawn(async move {
            let (mut sum, mut latencies) = (0, Vec::new());
            for _ in 0..iterations {
                let spawn = |value| (Instant::now(), spawn_value(&spawner, value));
                let handles: Vec<_> = (0..FLAT_P99_OUTSTANDING).map(spawn).collect();
                for (spawned, handle) in handles {
                    sum += P::Spawner::join(handle).await;
                    latencies.push(nanoseconds(spawned.elapsed()));
                }
            }
            // Nobody listens only if the sample has been given up.
            let _ = found.send(latencies);
            sum
        });
        let sum = peer.block_on(P::Spawner::join(root));
        let expected = iterations * sum_below(FLAT_P99_OUTSTANDING);
        let sample = checked(start.elapsed(), iterations, sum, expected)?;
        let mut latencies = latencies.recv().unwrap_or_default();
        Ok(Sample { value: percentile_of(&mut latencies, 99), ..sample })
    }
}

/// A hundred tasks that each yield a thousand times, all by the same self-waking future.
#[derive(Clone, Copy)]
struct Yield;

impl Task for Yield {
    fn run<P: Peer>(self, peer: &P, iterations: u64) -> Outcome {
        let spawner = peer.spawner();
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..iterations {
            let yielder = |_| {
                spawner.spawn(async {
                    let mut yields = 0;
                    for _ in 0..YIELDS {
                        yield_now().await;
                        yields += 1;
                    }
                    black_box(yields)
                })
            };
            let handles: Vec<_> = (0..YIELDERS).map(yielder).collect();
            sum += peer.block_on(join_all::<P::Spawner>(handles));
        }
        let yields = iterations * YIELDERS * YIELDS;
        checked(start.elapsed(), yields, sum, yields)
    }
}

/// Runs a future that is ready, from a thread that is not inside any runtime.
#[derive(Clone, Copy)]
struct BlockOnReady;

impl Task for BlockOnReady {
    fn run<P: Peer>(self, peer: &P, iterations: u64) -> Outcome {
        let start = Instant::now();
        let ready = |value| peer.block_on(black_box(future::ready(black_box(value))));
        let sum = (0..iterations).map(ready).sum();
        checked(start.elapsed(), iterations, sum, sum_below(iterations))
    }
}

/// Two tasks send a message to and fro through two channels of one slot each.
fn ping_pong<P: Channels>(peer: &P, rounds: u64) -> Outcome {
    let (mut ping, mut pings) = P::one_slot();
    let (mut pong, mut pongs) = P::one_slot();
    let start = Instant::now();
    let echo = peer.spawner().spawn(async move {
        for _ in 0..rounds {
            let message = P::recv(&mut pings).await;
            P::send(&mut pong, message + 1).await;
        }
        rounds
    });
    let serve = peer.spawner().spawn(async move {
        let mut sum = 0;
        for message in 0..rounds {
            P::send(&mut ping, message).await;
            sum += P::recv(&mut pongs).await;
        }
        sum
    });
    let sum = peer.block_on(join_all::<P::Spawner>(vec![serve, echo]));
    checked(start.elapsed(), rounds, sum, sum_below(rounds) + 2 * rounds)
}

/// Creates a one-shot channel, sends and receives, all on one thread.
fn oneshot() -> Case {
    let channel = |peer, round_trip: fn(u64) -> u64| {
        let workload: Workload = Arc::new(move |iterations| {
            let start = Instant::now();
            let sum = (0..iterations).map(|value| black_box(round_trip(black_box(value)))).sum();
            checked(start.elapsed(), iterations, sum, sum_below(iterations))
        });
        Entrant { peer, workload: Ok(workload) }
    };
    let entrants = vec![
        channel(Moirai::NAME, |value| {
            let (sender, receiver) = moirai_sync::result_channel();
            sender.send(value).expect("the receiver is alive");
            receiver.recv().expect("the value was sent")
        }),
        channel("oneshot", |value| {
            let (sender, receiver) = oneshot::channel();
            sender.send(value).expect("the receiver is alive");
            receiver.recv().expect("the value was sent")
        }),
        // Its `blocking_recv` would pay for entering a runtime, too.
        channel("tokio-oneshot", |value| {
            let (sender, mut receiver) = tokio::sync::oneshot::channel();
            sender.send(value).expect("the receiver is alive");
            receiver.try_recv().expect("the value was sent")
        }),
    ];
    let effort = Effort::Calibrated;
    Case { name: "oneshot", unit: "ns", what: "per create, send, receive", effort, entrants }
}

/// Per peer and round: the worst of the group's cases divided by the best.
fn worst_by_best(results: &[CaseResult]) -> CaseResult {
    let peers = results.first().map_or(&[][..], |result| &result.rows);
    let rows = peers.iter().enumerate().map(|(peer, first)| {
        let mut rounds: Vec<Vec<f64>> = Vec::new();
        for result in results {
            match &result.rows[peer].samples {
                Ok(samples) => {
                    rounds.resize_with(samples.len(), Vec::new);
                    rounds.iter_mut().zip(samples).for_each(|(round, &sample)| round.push(sample));
                }
                Err(why) => {
                    return Row {
                        peer: first.peer,
                        samples: Err(format!("{}: {why}", result.case)),
                    };
                }
            }
        }
        let spread = |round: Vec<f64>| {
            let worst = round.iter().copied().fold(f64::MIN, f64::max);
            worst / round.iter().copied().fold(f64::MAX, f64::min)
        };
        Row { peer: first.peer, samples: Ok(rounds.into_iter().map(spread).collect()) }
    });
    CaseResult { case: "flat", unit: "ratio", what: "worst / best", rows: rows.collect() }
}

fn spawn_value<S: Spawner>(spawner: &S, value: u64) -> S::Handle {
    spawner.spawn(async move { black_box(value) })
}

async fn join_all<S: Spawner>(handles: Vec<S::Handle>) -> u64 {
    let mut sum = 0;
    for handle in handles {
        sum += S::join(handle).await;
    }
    black_box(sum)
}

/// Wakes its own task and lets the others run first.
fn yield_now() -> impl Future<Output = ()> + Send {
    let mut yielded = false;
    future::poll_fn(move |context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// The sum of the values that `count` tasks return.
fn sum_below(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}

fn checked(elapsed: Duration, operations: u64, found: u64, expected: u64) -> Outcome {
    if found != expected {
        return Err(Failure::Wrong(format!("the sum is {found}, expected {expected}")));
    }
    Ok(Sample { elapsed, value: elapsed.as_secs_f64() * 1e9 / operations as f64 })
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn percentile_of(latencies: &mut [u64], percent: usize) -> f64 {
    percentile(latencies, percent).map_or(f64::NAN, |latency| latency as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Driver;

    fn result(case: &'static str, samples: Result<Vec<f64>, String>) -> CaseResult {
        CaseResult { case, unit: "ns", what: "", rows: vec![Row { peer: "peer", samples }] }
    }

    #[test]
    fn flat_is_the_worst_case_by_the_best_of_the_same_round() {
        let results =
            [result("flat_1", Ok(vec![10.0, 100.0])), result("flat_100", Ok(vec![20.0, 100.0]))];
        assert_eq!(worst_by_best(&results).rows[0].samples, Ok(vec![2.0, 1.0]));
    }

    #[test]
    fn flat_names_the_case_that_a_peer_refused() {
        let results =
            [result("flat_1", Ok(vec![10.0])), result("flat_100", Err("queue full".to_owned()))];
        let samples = &worst_by_best(&results).rows[0].samples;
        assert_eq!(samples, &Err("flat_100: queue full".to_owned()));
    }

    #[test]
    fn no_runtime_computes_a_wrong_result_in_any_workload() {
        let (runtimes, mut driver) = (Runtimes::start().unwrap(), Driver::new());
        for group in runtimes.groups() {
            for case in group.cases.iter().filter(|case| case.effort == Effort::Calibrated) {
                for entrant in &case.entrants {
                    let Ok(workload) = &entrant.workload else { continue };
                    // The predecessor may refuse: it panics when its queues are full.
                    match driver.run(workload, 2) {
                        Err(Failure::Refused(_)) if entrant.peer == Moirai010::NAME => {}
                        outcome => assert!(outcome.is_ok(), "{} {outcome:?}", entrant.peer),
                    }
                }
            }
        }
    }

    #[test]
    fn a_wrong_sum_is_no_sample() {
        let outcome = checked(Duration::from_secs(1), 10, 44, 45);
        assert_eq!(outcome, Err(Failure::Wrong("the sum is 44, expected 45".to_owned())));
    }
}
