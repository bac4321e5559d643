//! Suite `mixed`: how long a task waits after its wake-up while all cores compute.
//!
//! A task waits for one wake after the other: by turns from a second thread through its waker, from there
//! through a channel, and from the runtime's own timer. The sample is the time from the wake, or from when
//! the timer was due, to the poll that 99 of 100 stay below. (tokio's timer goes by milliseconds: see it
//! without load.) The same run also counts what a unit of the computation costs in processor time, whoever
//! it is spent by: the price of the wakes included. There are as many of those in a second for everybody,
//! one each [`PERIOD`]: if the next came as soon as the last was answered, who answers in half the time
//! would pay for twice as many in a unit. The row of `moirai-between` is that of
//! `Builder::poll_between_forks`: what the switch to another thread costs that the default makes, so that
//! a task may block.

mod load;
mod rivals;

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use self::load::{Load, Unit};
use self::rivals::{Mixed, Moirai, MoiraiBetween, TokioBlocking, TokioRayon};
use crate::exec::Group;
use crate::harness::report::Standing;
use crate::harness::statistics::percentile;
use crate::harness::{Case, Effort, Entrant, Failure, Outcome, Sample, Workload};
use crate::machine;

/// The name of the suite.
pub(crate) const NAME: &str = "mixed";

/// Whom the tables compare.
pub(crate) const STANDING: Standing =
    Standing { ours: Moirai::NAME, limits: &[MoiraiBetween::NAME] };

/// Wakes of one sample.
const WAKES: u32 = 1_000;

/// From one wake to the next, on average. No multiple of the millisecond that the timers of tokio go by, or
/// they would all be late by the same.
const PERIOD: Duration = Duration::from_micros(1_010);

/// Between a poll and the next wake, at least; a late one has the time of those after it.
const PAUSE: Duration = Duration::from_micros(300);

/// How long the computation runs before the first wake.
const WARM_UP: Duration = Duration::from_millis(20);

/// A wake that takes longer is lost.
const LOST: Duration = Duration::from_secs(10);

/// The groups of the suite, in the order in which they run: for each load the latency, and what a unit
/// of the same runs took.
pub(crate) fn groups() -> Vec<Group> {
    let group = |name, unit, p99, cpu| Group {
        name,
        cases: vec![
            case(p99, "us", "99th percentile of wake to poll", Kind::Latency(Some(unit))),
            case(cpu, "ns", "processor time per unit of the same runs", Kind::Cost(unit)),
        ],
        derive: None,
    };
    vec![
        Group::alone(case(
            "p99_us_no_load",
            "us",
            "99th percentile of wake to poll, idle",
            Kind::Latency(None),
        )),
        group("fine", Unit::Fine, "p99_us_fine", "cpu_ns_per_unit_fine"),
        group("iter", Unit::Iter, "p99_us_iter", "cpu_ns_per_unit_iter"),
        group("leaf100us", Unit::Leaf100Us, "p99_us_leaf100us", "cpu_ns_per_unit_leaf100us"),
        group("leaf10ms", Unit::Leaf10Ms, "p99_us_leaf10ms", "cpu_ns_per_unit_leaf10ms"),
    ]
}

/// What a sample is.
#[derive(Clone, Copy)]
enum Kind {
    Latency(Option<Unit>),
    /// Of the latency's run in the same round.
    Cost(Unit),
}

fn case(name: &'static str, unit: &'static str, what: &'static str, kind: Kind) -> Case {
    let entrants = vec![
        entrant::<Moirai>(kind),
        entrant::<MoiraiBetween>(kind),
        entrant::<TokioRayon>(kind),
        entrant::<TokioBlocking>(kind),
    ];
    Case { name, unit, what, effort: Effort::Once, entrants }
}

fn entrant<P: Mixed>(kind: Kind) -> Entrant {
    let peer: Arc<OnceLock<Result<P, String>>> = Arc::default();
    let workload: Workload = Arc::new(move |_| {
        let peer =
            peer.get_or_init(P::start).as_ref().map_err(|why| Failure::Refused(why.clone()))?;
        sample(peer, kind)
    });
    Entrant { peer: P::NAME, workload: Ok(workload) }
}

/// Processor time per unit of each peer's last run, in nanoseconds.
static COSTS: LazyLock<Mutex<HashMap<(&'static str, Unit), f64>>> = LazyLock::new(Mutex::default);

fn sample<P: Mixed>(peer: &P, kind: Kind) -> Outcome {
    let start = Instant::now();
    let value = match kind {
        Kind::Latency(None) => p99(wakes(peer)?)?,
        Kind::Latency(Some(unit)) => p99(beside(peer, unit)?)?,
        Kind::Cost(unit) => {
            let costs = COSTS.lock().unwrap_or_else(PoisonError::into_inner);
            let cost = costs.get(&(P::NAME, unit)).copied();
            cost.ok_or_else(|| Failure::Refused("there was no run".to_owned()))?
        }
    };
    Ok(Sample { elapsed: start.elapsed(), value })
}

fn p99(mut latencies: Vec<u64>) -> Result<f64, Failure> {
    let p99 = percentile(&mut latencies, 99);
    p99.map(|ns| ns as f64 / 1e3).ok_or_else(|| Failure::Refused("no wakes".to_owned()))
}

/// The same as [`wakes`] while the peer computes; notes what a unit cost.
fn beside<P: Mixed>(peer: &P, unit: Unit) -> Result<Vec<u64>, Failure> {
    let load = Load::new(unit);
    let ended = peer.compute(load.clone());
    thread::sleep(WARM_UP);
    let (cpu, units) = (machine::cpu_time(), load.done.load(Ordering::Relaxed));
    let latencies = wakes(peer);
    let cpu = machine::cpu_time() - cpu;
    let units = load.done.load(Ordering::Relaxed) - units;
    load.stop.store(true, Ordering::Relaxed);
    // Until all have gone.
    while ended.recv_timeout(LOST).is_ok() {}
    let cost = cpu.as_nanos() as f64 / units.max(1) as f64;
    COSTS.lock().unwrap_or_else(PoisonError::into_inner).insert((P::NAME, unit), cost);
    latencies
}

/// When the task was woken, and whom to wake.
#[derive(Default)]
struct Bell {
    rung: Option<Instant>,
    waker: Option<Waker>,
}

/// Wakes a task from this thread again and again: how long each poll took to come, in nanoseconds.
fn wakes<P: Mixed>(peer: &P) -> Result<Vec<u64>, Failure> {
    let bell: Arc<Mutex<Bell>> = Arc::default();
    let (send, receive) = async_channel::bounded::<Instant>(1);
    let (found, latencies) = mpsc::channel();
    peer.spawn({
        let bell = Arc::clone(&bell);
        async move {
            for turn in 0..WAKES {
                let rung = if turn % 3 == 0 {
                    poll_fn(|cx| {
                        let mut bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
                        match bell.rung.take() {
                            Some(rung) => Poll::Ready(rung),
                            None => {
                                bell.waker = Some(cx.waker().clone());
                                Poll::Pending
                            }
                        }
                    })
                    .await
                } else if turn % 3 == 1 {
                    let Ok(rung) = receive.recv().await else { return };
                    rung
                } else {
                    let due = Instant::now() + PAUSE;
                    P::sleep(PAUSE).await;
                    due
                };
                // Nobody listens only after a wake that was thought lost.
                let _ = found.send(rung.elapsed());
            }
        }
    });
    let mut all = Vec::new();
    let start = Instant::now();
    for turn in 0..WAKES {
        if turn % 3 != 2 {
            thread::sleep((PERIOD * turn).saturating_sub(start.elapsed()).max(PAUSE));
        }
        if turn % 3 == 0 {
            let waker = {
                let mut bell = bell.lock().unwrap_or_else(PoisonError::into_inner);
                bell.rung = Some(Instant::now());
                bell.waker.take()
            };
            waker.into_iter().for_each(Waker::wake);
        } else if turn % 3 == 1 {
            let full = send.try_send(Instant::now());
            full.map_err(|error| Failure::Wrong(error.to_string()))?;
        }
        let latency = latencies.recv_timeout(LOST);
        let latency = latency.map_err(|_| Failure::Refused("a wake was lost".to_owned()))?;
        all.push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }
    Ok(all)
}
