//! Suite `join`: what a fork costs, and whether it forks: two closures and trees of them; loops and
//! sorts.
//!
//! The trees are written once and run by every peer through [`ForkJoin`], from a thread that belongs to
//! none of them. All have as many threads as there are cores. Every result is checked. forte's samples are
//! taken in processes of their own: a thread of its pool wakes all the time, and would disturb the others.

mod par;
mod rivals;

use std::hint::black_box;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use self::rivals::{Chili, ForkJoin, Forte, Moirai, Rayon, Sequential};
use crate::child;
use crate::exec::Group;
use crate::harness::report::Standing;
use crate::harness::{Case, Effort, Entrant, Failure, Outcome, SAMPLE_TIME, Sample, Workload};

/// The name of the suite.
pub(crate) const NAME: &str = "join";

/// Whom the tables compare; the limit is the same without forks.
pub(crate) const STANDING: Standing = Standing { ours: Moirai::NAME, limits: &[Sequential::NAME] };

/// Forks of a tree of [`fib`]: one less than its leaves.
const fn forks(n: u64) -> u64 {
    let (mut a, mut b, mut i) = (0, 1, 0);
    while i <= n {
        (a, b) = (b, a + b);
        i += 1;
    }
    a - 1
}

/// Nodes of the lopsided tree.
const NODES: u32 = 1_000_000;

/// Between two forks of `join_lone` and `join_coarse`: every idle thread sleeps by then.
const REST: Duration = Duration::from_millis(2);

/// Steps of a computation that takes about a millisecond.
const STEPS_PER_MS: u64 = 500_000;

/// The groups of the suite, in the order in which they run.
pub(crate) fn groups() -> Vec<Group> {
    FORKS.iter().map(case).chain(par::cases()).map(Group::alone).collect()
}

/// The child's side of the cases in which a peer is measured in a process of its own.
pub(crate) fn sample_alone(case: &str, peer: &str) -> Option<Outcome> {
    let case = FORKS.iter().find(|it| it.name == case).filter(|_| peer == Forte::NAME)?;
    let workload = (case.workload)(&Peer::of::<Forte>());
    // The first run starts the threads.
    Some(workload(1).and_then(|_| {
        let mut iterations = 1;
        loop {
            let sample = workload(iterations)?;
            if sample.elapsed >= SAMPLE_TIME {
                return Ok(sample);
            }
            iterations *= 2;
        }
    }))
}

/// A case of forks.
struct Forks {
    name: &'static str,
    unit: &'static str,
    what: &'static str,
    workload: fn(&Peer) -> fn(u64) -> Outcome,
}

const FORKS: [Forks; 6] = [
    Forks {
        name: "join_lone",
        unit: "us",
        what: "per join of 2 x 1 ms, all other threads asleep",
        workload: |peer| peer.lone,
    },
    Forks {
        name: "join_coarse",
        unit: "us",
        what: "per tree of 4 x 5 ms, as above",
        workload: |peer| peer.coarse,
    },
    Forks {
        name: "fib32",
        unit: "ns",
        what: "per fork, of 3.5 million at once",
        workload: |peer| peer.fib32,
    },
    Forks {
        name: "fib25",
        unit: "ns",
        what: "per fork, of 121 thousand at once",
        workload: |peer| peer.fib25,
    },
    Forks {
        name: "tree",
        unit: "ns",
        what: "per node of a lopsided tree of a million",
        workload: |peer| peer.tree,
    },
    Forks {
        name: "tiny",
        unit: "ns",
        what: "per tree of 88 forks, entered from outside",
        workload: |peer| peer.tiny,
    },
];

/// The workloads of one peer.
#[derive(Clone, Copy)]
struct Peer {
    name: &'static str,
    lone: fn(u64) -> Outcome,
    coarse: fn(u64) -> Outcome,
    fib32: fn(u64) -> Outcome,
    fib25: fn(u64) -> Outcome,
    tree: fn(u64) -> Outcome,
    tiny: fn(u64) -> Outcome,
}

impl Peer {
    const fn of<P: ForkJoin>() -> Self {
        Self {
            name: P::NAME,
            lone: |iterations| rested(iterations, || P::enter(coarse::<P>(1, 1))),
            coarse: |iterations| rested(iterations, || P::enter(coarse::<P>(2, 5))),
            fib32: |iterations| fibs::<P>(iterations, 32, forks(32)),
            fib25: |iterations| fibs::<P>(iterations, 25, forks(25)),
            tree: sums::<P>,
            tiny: |iterations| fibs::<P>(iterations, 10, 1),
        }
    }
}

fn case(forks: &Forks) -> Case {
    let here =
        [Peer::of::<Moirai>(), Peer::of::<Rayon>(), Peer::of::<Chili>(), Peer::of::<Sequential>()];
    let mut entrants: Vec<_> = here
        .iter()
        .map(|peer| {
            let workload: Workload = Arc::new((forks.workload)(peer));
            Entrant { peer: peer.name, workload: Ok(workload) }
        })
        .collect();
    entrants.insert(here.len() - 1, child::entrant(forks.name, Forte::NAME));
    let Forks { name, unit, what, .. } = *forks;
    Case { name, unit, what, effort: Effort::Calibrated, entrants }
}

/// A tree of `depth` levels with leaves of `ms` milliseconds; its result is that of [`steps`].
fn coarse<P: ForkJoin>(depth: u32, ms: u64) -> impl FnOnce(&mut P::Scope<'_>) -> u64 + Send {
    move |scope| grow::<P>(scope, depth, ms)
}

fn grow<P: ForkJoin>(scope: &mut P::Scope<'_>, depth: u32, ms: u64) -> u64 {
    if depth == 0 {
        return steps(ms * STEPS_PER_MS);
    }
    let half = |scope: &mut P::Scope<'_>| grow::<P>(scope, depth - 1, ms);
    let (a, b) = P::join(scope, half, half);
    // Both are the same.
    a | b
}

/// A computation that nobody shortens: each step needs the one before (Marsaglia's xorshift).
fn steps(n: u64) -> u64 {
    (0..n).fold(black_box(1), |mut x: u64, _| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^ x << 17
    })
}

/// Times `f` alone, with a rest before each call.
fn rested(iterations: u64, f: impl Fn() -> u64) -> Outcome {
    let mut elapsed = Duration::ZERO;
    let mut last = None;
    for _ in 0..iterations {
        thread::sleep(REST);
        let start = Instant::now();
        let result = f();
        elapsed += start.elapsed();
        if *last.get_or_insert(result) != result {
            return Err(Failure::Wrong(format!("{result} and {last:?} in the same tree")));
        }
    }
    let value = elapsed.as_secs_f64() * 1e6 / iterations as f64;
    Ok(Sample { elapsed, value })
}

fn fib<P: ForkJoin>(scope: &mut P::Scope<'_>, n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = P::join(scope, |scope| fib::<P>(scope, n - 1), |scope| fib::<P>(scope, n - 2));
    a + b
}

/// Trees with so many `units` each.
fn fibs<P: ForkJoin>(iterations: u64, n: u64, units: u64) -> Outcome {
    let (expected, start) = (forks(n - 1) + 1, Instant::now());
    for _ in 0..iterations {
        let sum = P::enter(|scope| fib::<P>(scope, black_box(n)));
        if sum != expected {
            return Err(Failure::Wrong(format!("fib({n}) is {sum}, expected {expected}")));
        }
    }
    per_unit(start.elapsed(), iterations * units)
}

fn per_unit(elapsed: Duration, units: u64) -> Outcome {
    Ok(Sample { elapsed, value: elapsed.as_secs_f64() * 1e9 / units as f64 })
}

/// A node of the lopsided tree.
struct Node {
    value: u64,
    left: Option<Box<Self>>,
    right: Option<Box<Self>>,
}

impl Node {
    /// A tree of `nodes`, a third of them on the left of each; its values count from `first` on.
    fn grown(nodes: u32, first: u64) -> Option<Box<Self>> {
        let below = nodes.checked_sub(1)?;
        let left = below / 3;
        Some(Box::new(Self {
            value: first,
            left: Self::grown(left, first + 1),
            right: Self::grown(below - left, first + 1 + u64::from(left)),
        }))
    }
}

fn sum<P: ForkJoin>(scope: &mut P::Scope<'_>, node: Option<&Node>) -> u64 {
    let Some(node) = node else { return 0 };
    let (left, right) = P::join(
        scope,
        |scope| sum::<P>(scope, node.left.as_deref()),
        |scope| sum::<P>(scope, node.right.as_deref()),
    );
    node.value + left + right
}

fn sums<P: ForkJoin>(iterations: u64) -> Outcome {
    static TREE: OnceLock<Option<Box<Node>>> = OnceLock::new();
    let tree = TREE.get_or_init(|| Node::grown(NODES, 1)).as_deref();
    let expected = u64::from(NODES) * u64::from(NODES + 1) / 2;
    let start = Instant::now();
    for _ in 0..iterations {
        let sum = P::enter(|scope| sum::<P>(scope, tree));
        if sum != expected {
            return Err(Failure::Wrong(format!("the nodes come to {sum}, expected {expected}")));
        }
    }
    per_unit(start.elapsed(), iterations * u64::from(NODES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_fib_has_as_many_forks_as_it_is_said_to_have() {
        fn count(n: u64) -> u64 {
            if n < 2 { 0 } else { 1 + count(n - 1) + count(n - 2) }
        }
        assert_eq!([forks(10), forks(25)], [count(10), count(25)]);
        assert_eq!(forks(9) + 1, 55, "fib(10)");
    }
}
