//! Suite `deque`: what an item costs its owner and its thief, in the queues that executors are built
//! from.
//!
//! Items are words. Every workload adds up what it takes out. In the cases with a thief, the owner
//! fills the queue while the thief waits, and the thief drains it on a thread of its own: the figure
//! is the time of the draining alone, with the way of the items from one core to the other.

mod rivals;

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::rivals::{Crossbeam, CrossbeamLifo, Moirai, Queue, St3, St3Lifo};
use crate::exec::Group;
use crate::harness::{Case, Effort, Entrant, Failure, Outcome, Sample, Workload};

/// The name of the suite.
pub(crate) const NAME: &str = "deque";

/// Items that lie in a queue at once: every rival here has room for them.
const BATCH: u64 = 200;

/// Looks at the other side before the processor is given away.
const SPINS_MAX: u32 = 1_000;

/// The groups of the suite, in the order in which they run.
pub(crate) fn groups() -> Vec<Group> {
    let cases = [
        case("push_pop", "per item pushed and popped, one at a time", |peer| pushed(peer, 1)),
        case("push_pop_200", "per item, 200 pushed and then popped", |peer| pushed(peer, BATCH)),
        case("steal_one", "per item, one thief draining 200, one a theft", |peer| {
            drained(peer, Theft::One)
        }),
        case("steal_half", "per item, one thief draining 200, half a theft", |peer| {
            drained(peer, Theft::Half)
        }),
    ];
    cases.into_iter().map(Group::alone).collect()
}

/// How much a theft takes.
#[derive(Clone, Copy, Debug)]
enum Theft {
    One,
    /// Half, and the thief pops what it took.
    Half,
}

/// The workloads of one peer.
#[derive(Clone, Copy)]
struct Peer {
    name: &'static str,
    push_pop: fn(u64, u64) -> Outcome,
    drain: fn(Theft, u64) -> Outcome,
}

impl Peer {
    const fn of<Q: Queue>() -> Self {
        Self { name: Q::NAME, push_pop: push_pop::<Q>, drain: drain::<Q> }
    }
}

fn case(name: &'static str, what: &'static str, workload: fn(Peer) -> Workload) -> Case {
    let peers = [
        Peer::of::<Moirai>(),
        Peer::of::<Crossbeam>(),
        Peer::of::<CrossbeamLifo>(),
        Peer::of::<St3>(),
        Peer::of::<St3Lifo>(),
    ];
    let entrants =
        peers.map(|peer| Entrant { peer: peer.name, workload: Ok(workload(peer)) }).into();
    Case { name, unit: "ns", what, effort: Effort::Calibrated, entrants }
}

fn pushed(peer: Peer, batch: u64) -> Workload {
    Arc::new(move |iterations| (peer.push_pop)(batch, iterations))
}

fn drained(peer: Peer, theft: Theft) -> Workload {
    Arc::new(move |iterations| (peer.drain)(theft, iterations))
}

/// Pushes `batch` items and pops them, so often.
fn push_pop<Q: Queue>(batch: u64, iterations: u64) -> Outcome {
    let queue = Q::new();
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..iterations {
        (0..batch).for_each(|item| queue.push(black_box(item)));
        for _ in 0..batch {
            sum += queue.pop().ok_or_else(|| Failure::Wrong("an item is missing".to_owned()))?;
        }
    }
    let elapsed = start.elapsed();
    checked(elapsed, elapsed, iterations, batch, sum)
}

/// Fills the queue and has a thief on another thread drain it, so often.
fn drain<Q: Queue>(theft: Theft, iterations: u64) -> Outcome {
    let queue = Q::new();
    let stealer = queue.stealer();
    // Even: the owner's turn; odd: the thief's.
    let turn = &AtomicU64::new(0);
    let start = Instant::now();
    let (sum, drained) = thread::scope(|scope| {
        let thief = scope.spawn(move || {
            let (mine, mut sum, mut drained) = (Q::new(), 0, Duration::ZERO);
            for round in 0..iterations {
                wait_for(turn, 2 * round + 1);
                let start = Instant::now();
                let mut left = BATCH;
                while left > 0 {
                    let stolen = match theft {
                        Theft::One => Q::steal_one(&stealer, &mine),
                        Theft::Half => Q::steal_half(&stealer, &mine),
                    };
                    let mut next = stolen;
                    while let Some(item) = next {
                        sum += item;
                        left -= 1;
                        next = match theft {
                            Theft::One => None,
                            Theft::Half => mine.pop(),
                        };
                    }
                }
                drained += start.elapsed();
                // Release: pairs with the owner's Acquire in `wait_for`.
                turn.store(2 * round + 2, Ordering::Release);
            }
            (sum, drained)
        });
        for round in 0..iterations {
            wait_for(turn, 2 * round);
            (0..BATCH).for_each(|item| queue.push(black_box(item)));
            // Release: pairs with the thief's Acquire in `wait_for`.
            turn.store(2 * round + 1, Ordering::Release);
        }
        thief.join()
    })
    .map_err(|_| Failure::Refused("the thief panicked".to_owned()))?;
    checked(start.elapsed(), drained, iterations, BATCH, sum)
}

fn wait_for(turn: &AtomicU64, mine: u64) {
    let mut spins = 0;
    // Acquire: pairs with the Release by the other side: its turn is over.
    while turn.load(Ordering::Acquire) != mine {
        spins += 1;
        if spins < SPINS_MAX { spin_loop() } else { thread::yield_now() }
    }
}

fn checked(
    elapsed: Duration,
    measured: Duration,
    iterations: u64,
    batch: u64,
    sum: u64,
) -> Outcome {
    let expected = iterations * (batch * (batch - 1) / 2);
    if sum != expected {
        return Err(Failure::Wrong(format!("the sum is {sum}, expected {expected}")));
    }
    Ok(Sample { elapsed, value: measured.as_secs_f64() * 1e9 / (iterations * batch) as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Driver;

    #[test]
    fn every_queue_gives_every_item_back_in_every_workload() {
        let mut driver = Driver::new();
        for case in groups().iter().flat_map(|group| &group.cases) {
            for entrant in &case.entrants {
                let workload = entrant.workload.as_ref().unwrap();
                let outcome = driver.run(workload, 5);
                assert!(outcome.is_ok(), "{} {}: {outcome:?}", case.name, entrant.peer);
            }
        }
    }

    #[test]
    fn a_lost_item_is_no_sample() {
        let second = Duration::from_secs(1);
        let outcome = checked(second, second, 2, 10, 89);
        assert_eq!(outcome, Err(Failure::Wrong("the sum is 89, expected 90".to_owned())));
    }
}
