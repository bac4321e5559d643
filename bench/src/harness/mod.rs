//! Rounds, statistics, the table and the JSON lines. It knows no runtime and no suite.
//!
//! A *case* is one workload, a *peer* is who does it. In every round each peer takes one sample of
//! each case of the group; the order changes from round to round ([`statistics::turns`]). The number
//! of iterations of a sample is found per peer before the first round and then stays.

mod driver;
pub(crate) mod report;
pub(crate) mod statistics;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use driver::{Driver, Failure, catch_panic_messages};

/// How long one calibrated sample takes, about.
pub(crate) const SAMPLE_TIME: Duration = Duration::from_millis(30);

/// Calibration multiplies the iterations by at most this, a step.
const GROWTH_MAX: f64 = 16.0;

/// What one sample measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Time of all iterations: what calibration looks at.
    pub(crate) elapsed: Duration,
    /// The figure, in the unit of the case; lower is better.
    pub(crate) value: f64,
}

/// A sample, or why there is none.
pub(crate) type Outcome = Result<Sample, Failure>;

/// One peer's way through one case: does so many iterations, checks the results, tells the time.
pub(crate) type Workload = Arc<dyn Fn(u64) -> Outcome + Send + Sync>;

/// A peer in a case.
#[derive(Clone)]
pub(crate) struct Entrant {
    /// The peer's name.
    pub(crate) peer: &'static str,
    /// What it does, or why it cannot.
    pub(crate) workload: Result<Workload, String>,
}

impl Entrant {
    /// A peer that cannot take part.
    pub(crate) fn refusing(peer: &'static str, why: &str) -> Self {
        Self { peer, workload: Err(why.to_owned()) }
    }
}

impl fmt::Debug for Entrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refusal = self.workload.as_ref().err();
        f.debug_struct("Entrant").field("peer", &self.peer).field("refusal", &refusal).finish()
    }
}

/// How many iterations a sample has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effort {
    /// As many as take [`SAMPLE_TIME`].
    Calibrated,
    /// One: the workload has a size of its own.
    Once,
    /// One, and it takes seconds: there are fewer rounds.
    Long,
}

/// One workload and everybody who takes part.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The name in tables, in JSON and on the command line.
    pub(crate) name: &'static str,
    /// The unit of every sample.
    pub(crate) unit: &'static str,
    /// What one unit is spent on.
    pub(crate) what: &'static str,
    /// The length of a sample.
    pub(crate) effort: Effort,
    /// The peers, in the same order in all cases of a group.
    pub(crate) entrants: Vec<Entrant>,
}

/// One peer's samples of one case, one per round, or why there are none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// The peer's name.
    pub(crate) peer: &'static str,
    /// One sample per round.
    pub(crate) samples: Result<Vec<f64>, String>,
}

/// All rows of one case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CaseResult {
    /// See [`Case::name`].
    pub(crate) case: &'static str,
    /// See [`Case::unit`].
    pub(crate) unit: &'static str,
    /// See [`Case::what`].
    pub(crate) what: &'static str,
    /// One row per peer.
    pub(crate) rows: Vec<Row>,
}

/// A wrong result: it ends the run.
#[derive(Debug, PartialEq)]
pub(crate) struct WrongResult {
    case: &'static str,
    peer: &'static str,
    what: String,
}

impl fmt::Display for WrongResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} computed a wrong result in {}: {}", self.peer, self.case, self.what)
    }
}

impl std::error::Error for WrongResult {}

/// Takes `rounds` samples of every case of `group` by every peer.
///
/// # Errors
///
/// [`WrongResult`] as soon as a workload says that its results are wrong.
pub(crate) fn measure(
    driver: &mut Driver,
    group: &[Case],
    rounds: usize,
) -> Result<Vec<CaseResult>, WrongResult> {
    let mut lanes: Vec<Vec<Lane>> = Vec::new();
    for case in group {
        lanes.push(case.entrants.iter().map(|entrant| Lane::new(case, entrant)).collect());
    }
    for lane in lanes.iter_mut().flatten() {
        lane.calibrate(driver)?;
    }
    let peers = group.first().map_or(0, |case| case.entrants.len());
    for round in 0..rounds {
        for peer in statistics::turns(round, peers) {
            for case in &mut lanes {
                case[peer].sample(driver)?;
            }
        }
    }
    let results = group.iter().zip(lanes).map(|(case, lanes)| CaseResult {
        case: case.name,
        unit: case.unit,
        what: case.what,
        rows: lanes
            .into_iter()
            .map(|lane| Row { peer: lane.peer, samples: lane.samples })
            .collect(),
    });
    Ok(results.collect())
}

/// One peer on its way through one case.
struct Lane {
    case: &'static str,
    peer: &'static str,
    effort: Effort,
    workload: Option<Workload>,
    iterations: u64,
    samples: Result<Vec<f64>, String>,
}

impl Lane {
    fn new(case: &Case, entrant: &Entrant) -> Self {
        let (workload, samples) = match &entrant.workload {
            Ok(workload) => (Some(Arc::clone(workload)), Ok(Vec::new())),
            Err(why) => (None, Err(why.clone())),
        };
        let (case, effort) = (case.name, case.effort);
        Self { case, peer: entrant.peer, effort, workload, iterations: 1, samples }
    }

    /// Finds the number of iterations; this is the warm-up, too.
    fn calibrate(&mut self, driver: &mut Driver) -> Result<(), WrongResult> {
        while self.effort == Effort::Calibrated {
            let Some(sample) = self.run(driver)? else { break };
            let missing = SAMPLE_TIME.as_secs_f64() / sample.elapsed.as_secs_f64().max(1e-9);
            let factor = missing.min(GROWTH_MAX);
            self.iterations = ((self.iterations as f64 * factor).ceil() as u64).max(1);
            if factor < 2.0 {
                break;
            }
        }
        Ok(())
    }

    /// Takes one sample.
    fn sample(&mut self, driver: &mut Driver) -> Result<(), WrongResult> {
        let sample = self.run(driver)?;
        if let (Ok(samples), Some(sample)) = (&mut self.samples, sample) {
            samples.push(sample.value);
        }
        Ok(())
    }

    /// `None` once the peer has failed.
    fn run(&mut self, driver: &mut Driver) -> Result<Option<Sample>, WrongResult> {
        let Some(workload) = &self.workload else { return Ok(None) };
        match driver.run(workload, self.iterations) {
            Ok(sample) => Ok(Some(sample)),
            Err(Failure::Refused(why)) => {
                self.workload = None;
                self.samples = Err(why);
                Ok(None)
            }
            Err(Failure::Wrong(what)) => {
                Err(WrongResult { case: self.case, peer: self.peer, what })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn case(effort: Effort, entrants: Vec<(&'static str, Workload)>) -> Case {
        let entrants = entrants
            .into_iter()
            .map(|(peer, workload)| Entrant { peer, workload: Ok(workload) })
            .collect();
        Case { name: "case", unit: "ns", what: "op", effort, entrants }
    }

    /// A workload whose iteration takes `cost`, on a clock that nobody has to wait for.
    fn costs(cost: Duration) -> Workload {
        Arc::new(move |iterations| {
            let elapsed = cost * u32::try_from(iterations).unwrap();
            Ok(Sample { elapsed, value: iterations as f64 })
        })
    }

    #[test]
    fn calibration_finds_the_iterations_that_fill_a_sample_and_keeps_them() {
        let group = [case(
            Effort::Calibrated,
            vec![
                ("fast", costs(Duration::from_nanos(300))),
                ("slow", costs(Duration::from_secs(1))),
            ],
        )];
        let results = measure(&mut Driver::new(), &group, 3).unwrap();
        assert_eq!(results[0].rows[0].samples, Ok(vec![100_000.0; 3]));
        assert_eq!(results[0].rows[1].samples, Ok(vec![1.0; 3]));
    }

    #[test]
    fn rounds_interleave_the_peers_and_rotate_them() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let noting = |peer: &'static str| -> (&'static str, Workload) {
            let order = Arc::clone(&order);
            let workload = move |_| {
                order.lock().unwrap().push(peer);
                Ok(Sample { elapsed: Duration::ZERO, value: 0.0 })
            };
            (peer, Arc::new(workload))
        };
        let group = [case(Effort::Once, vec![noting("a"), noting("b"), noting("c")])];
        measure(&mut Driver::new(), &group, 2).unwrap();
        assert_eq!(*order.lock().unwrap(), ["a", "b", "c", "b", "a", "c"]);
    }

    #[test]
    fn a_refusal_leaves_the_other_peers_their_samples() {
        let rounds_done = AtomicU64::new(0);
        let failing: Workload =
            Arc::new(move |_| match rounds_done.fetch_add(1, Ordering::Relaxed) {
                0 => Ok(Sample { elapsed: Duration::ZERO, value: 1.0 }),
                _ => Err(Failure::Refused("queue full".to_owned())),
            });
        let group =
            [case(Effort::Once, vec![("bad", failing), ("good", costs(Duration::from_secs(1)))])];
        let results = measure(&mut Driver::new(), &group, 4).unwrap();
        assert_eq!(results[0].rows[0].samples, Err("queue full".to_owned()));
        assert_eq!(results[0].rows[1].samples, Ok(vec![1.0; 4]));
    }

    #[test]
    fn a_wrong_result_ends_the_run() {
        let wrong: Workload = Arc::new(|_| Err(Failure::Wrong("sum 1, expected 2".to_owned())));
        let group = [case(Effort::Once, vec![("liar", wrong)])];
        let error = measure(&mut Driver::new(), &group, 1).unwrap_err();
        assert_eq!(error.to_string(), "liar computed a wrong result in case: sum 1, expected 2");
    }
}
