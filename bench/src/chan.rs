//! Suite `chan`: what a message costs, beside every channel we know of.
//!
//! A row is a rival and where its ends run: `kanal@threads`, `kanal@tokio`, `kanal@smol`. Every
//! workload adds up what it receives. Rivals that only spin (`rtrb`, `ringbuf`) or run elsewhere
//! (`may`), and our own without loans (`by-value`), are printed for reference and are no rivals.

mod batch;
mod broadcast;
mod ends;
mod loan;
mod metrics;
mod numa;
mod oneshot;
mod priority;
mod rivals;
mod select;
mod shm;
mod size;
mod work_stealing;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use self::ends::{AsyncRx, AsyncTx, BlockingRx, BlockingTx};
use crate::exec::Group;
use crate::harness::report::Standing;
use crate::harness::{Case, Effort, Entrant, Failure, Outcome, Sample, Workload};
use crate::peer::moirai::Moirai;
use crate::peer::smol::Smol;
use crate::peer::tokio_mt::TokioMt;
use crate::peer::{Peer, Spawner};

/// The name of the suite.
pub(crate) const NAME: &str = "chan";

/// Ours against the best of the others, wherever they run.
pub(crate) const STANDING: Standing =
    Standing { ours: "moirai", limits: &["rtrb", "ringbuf", "may", "by-value", "moirai-awaited"] };

/// The executors that the channels are tried on.
pub(crate) struct Executors {
    moirai: Arc<Moirai>,
    tokio: Arc<TokioMt>,
    smol: Arc<Smol>,
}

impl Executors {
    /// Starts them.
    ///
    /// # Errors
    ///
    /// Why one does not start.
    pub(crate) fn start() -> Result<Self, String> {
        Ok(Self {
            moirai: Arc::new(Moirai::start()?),
            tokio: Arc::new(TokioMt::start()?),
            smol: Arc::new(Smol::start()?),
        })
    }

    /// The groups of the suite, in the order in which they run.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let mut cases = Vec::new();
        cases.extend(rivals::cases(self));
        cases.extend(batch::cases());
        cases.extend(oneshot::cases());
        cases.extend(select::cases());
        cases.extend(priority::cases());
        cases.push(broadcast::case_1_4());
        cases.push(loan::case_64k());
        cases.push(metrics::case_on());
        cases.push(work_stealing::case_4());
        cases.push(numa::case_1());
        cases.push(shm::case_shm());
        cases.push(size::empty_case());
        cases.into_iter().map(Group::alone).collect()
    }
}

fn case(name: &'static str, what: &'static str, entrants: Vec<Entrant>) -> Case {
    Case { name, unit: "ns", what, effort: Effort::Calibrated, entrants }
}

/// The ends of a channel: so many of each side.
type Ends<S, R> = (Vec<S>, Vec<R>);

/// Every end on a thread of its own.
fn on_threads<S: BlockingTx, R: BlockingRx>(
    peer: &'static str,
    ends: impl Fn() -> Ends<S, R> + Send + Sync + 'static,
) -> Entrant {
    let workload: Workload = Arc::new(move |iterations| {
        let (senders, receivers) = ends();
        let shares = shares(iterations, senders.len());
        let start = Instant::now();
        let sums: Option<u64> = thread::scope(|scope| {
            for (mut sender, share) in senders.into_iter().zip(shares) {
                scope.spawn(move || share.for_each(|message| sender.send(message)));
            }
            let receivers: Vec<_> = receivers
                .into_iter()
                .map(|mut receiver| {
                    scope.spawn(move || {
                        let mut sum = 0;
                        while let Some(message) = receiver.recv() {
                            sum += message;
                        }
                        sum
                    })
                })
                .collect();
            receivers.into_iter().map(|receiver| receiver.join().ok()).sum()
        });
        checked(start.elapsed(), iterations, sums)
    });
    Entrant { peer, workload: Ok(workload) }
}

/// Every end in a task of its own.
fn in_tasks<E: Peer + Send + Sync, S: AsyncTx, R: AsyncRx>(
    peer: &'static str,
    executor: &Arc<E>,
    ends: impl Fn() -> Ends<S, R> + Send + Sync + 'static,
) -> Entrant {
    let executor = Arc::clone(executor);
    let workload: Workload = Arc::new(move |iterations| {
        let (senders, receivers) = ends();
        let shares = shares(iterations, senders.len());
        let spawner = executor.spawner();
        let start = Instant::now();
        let receivers: Vec<_> = receivers
            .into_iter()
            .map(|mut receiver| {
                spawner.spawn(async move {
                    let mut sum = 0;
                    while let Some(message) = receiver.recv().await {
                        sum += message;
                    }
                    sum
                })
            })
            .collect();
        for (mut sender, share) in senders.into_iter().zip(shares) {
            spawner.spawn_detached(async move {
                for message in share {
                    sender.send(message).await;
                }
                0
            });
        }
        let sum = executor.block_on(async move {
            let mut sum = 0;
            for receiver in receivers {
                sum += E::Spawner::join(receiver).await;
            }
            sum
        });
        checked(start.elapsed(), iterations, Some(sum))
    });
    Entrant { peer, workload: Ok(workload) }
}

/// One message to and fro between two threads; two channels.
fn ping_pong_threads<S: BlockingTx, R: BlockingRx>(
    peer: &'static str,
    pair: impl Fn() -> (S, R) + Send + Sync + 'static,
) -> Entrant {
    let workload: Workload = Arc::new(move |iterations| {
        let ((mut ping, mut pinged), (mut pong, mut ponged)) = (pair(), pair());
        let start = Instant::now();
        let sum = thread::scope(|scope| {
            scope.spawn(move || {
                while let Some(message) = pinged.recv() {
                    pong.send(message);
                }
            });
            let sum = (0..iterations)
                .map(|message| {
                    ping.send(message);
                    ponged.recv()
                })
                .sum();
            drop(ping);
            sum
        });
        checked(start.elapsed(), iterations, sum)
    });
    Entrant { peer, workload: Ok(workload) }
}

/// One message to and fro between two tasks; two channels.
fn ping_pong_tasks<E: Peer + Send + Sync, S: AsyncTx, R: AsyncRx>(
    peer: &'static str,
    executor: &Arc<E>,
    pair: impl Fn() -> (S, R) + Send + Sync + 'static,
) -> Entrant {
    let executor = Arc::clone(executor);
    let workload: Workload = Arc::new(move |iterations| {
        let ((mut ping, mut pinged), (mut pong, mut ponged)) = (pair(), pair());
        let spawner = executor.spawner();
        let start = Instant::now();
        spawner.spawn_detached(async move {
            while let Some(message) = pinged.recv().await {
                pong.send(message).await;
            }
            0
        });
        let asking = spawner.spawn(async move {
            let mut sum = 0;
            for message in 0..iterations {
                ping.send(message).await;
                sum += ponged.recv().await.expect("the other end answers");
            }
            sum
        });
        let sum = executor.block_on(E::Spawner::join(asking));
        checked(start.elapsed(), iterations, Some(sum))
    });
    Entrant { peer, workload: Ok(workload) }
}

/// Creates a channel, and drops it.
fn create_drop<S, R>(
    peer: &'static str,
    pair: impl Fn() -> (S, R) + Send + Sync + 'static,
) -> Entrant {
    let workload: Workload = Arc::new(move |iterations| {
        let start = Instant::now();
        (0..iterations).for_each(|_| drop(std::hint::black_box(pair())));
        sample(start.elapsed(), iterations)
    });
    Entrant { peer, workload: Ok(workload) }
}

/// The numbers below `n`, in `count` parts.
fn shares(n: u64, count: usize) -> Vec<std::ops::Range<u64>> {
    let count = count as u64;
    (0..count).map(|part| n * part / count..n * (part + 1) / count).collect()
}

/// `n` senders and `m` receivers of one channel.
fn spread<S: Clone, R: Clone>((sender, receiver): (S, R), n: usize, m: usize) -> Ends<S, R> {
    (vec![sender; n], vec![receiver; m])
}

/// `n` senders and the receiver of one channel.
fn spread_senders<S: Clone, R>((sender, receiver): (S, R), n: usize) -> Ends<S, R> {
    (vec![sender; n], vec![receiver])
}

/// The two ends of one channel.
fn one_each<S, R>((sender, receiver): (S, R)) -> Ends<S, R> {
    (vec![sender], vec![receiver])
}

/// A sample whose messages were the numbers below `iterations`.
fn checked(elapsed: Duration, iterations: u64, sum: Option<u64>) -> Outcome {
    let expected = iterations * iterations.saturating_sub(1) / 2;
    match sum {
        None => Err(Failure::Refused("an end panicked".to_owned())),
        Some(sum) if sum == expected => sample(elapsed, iterations),
        Some(sum) => Err(Failure::Wrong(format!("the sum is {sum}, expected {expected}"))),
    }
}

fn sample(elapsed: Duration, iterations: u64) -> Outcome {
    Ok(Sample { elapsed, value: elapsed.as_secs_f64() * 1e9 / iterations as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Driver;

    #[test]
    fn every_rival_gives_every_message_back_in_every_workload() {
        let executors = Executors::start().unwrap();
        let mut driver = Driver::new();
        for case in executors.groups().iter().flat_map(|group| &group.cases) {
            for entrant in &case.entrants {
                let workload = entrant.workload.as_ref().unwrap();
                let outcome = driver.run(workload, 1_000);
                assert!(outcome.is_ok(), "{} {}: {outcome:?}", case.name, entrant.peer);
            }
        }
    }

    #[test]
    fn a_lost_message_is_no_sample() {
        let second = Duration::from_secs(1);
        assert!(matches!(checked(second, 10, Some(44)), Err(Failure::Wrong(_))));
        assert!(checked(second, 10, Some(45)).is_ok());
    }
}
