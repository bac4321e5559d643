//! What is computed beside the tasks: units of equal work, divided as finely as the case says.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How a unit is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Unit {
    /// Forks down to leaves of a microsecond.
    Fine,
    /// One parallel iterator over a million numbers.
    Iter,
    /// 16 leaves of about 100 µs.
    Leaf100Us,
    /// 4 leaves of about 10 ms.
    Leaf10Ms,
}

/// Units to be computed until somebody says stop.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) unit: Unit,
    pub(super) stop: Arc<AtomicBool>,
    /// How many have been.
    pub(super) done: Arc<AtomicU64>,
}

impl Load {
    pub(super) fn new(unit: Unit) -> Self {
        Self { unit, stop: Arc::default(), done: Arc::default() }
    }

    /// Computes one unit after the other with `compute`.
    pub(super) fn run(&self, compute: impl Fn(Unit) -> u64) {
        while !self.stop.load(Ordering::Relaxed) {
            black_box(compute(self.unit));
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Unit {
    /// The depth of the tree of forks, and the steps of a leaf.
    fn tree(self) -> (u32, u64) {
        match self {
            Self::Fine => (10, 500),
            Self::Iter => (0, 0),
            Self::Leaf100Us => (4, 50_000),
            Self::Leaf10Ms => (2, 5_000_000),
        }
    }

    pub(super) fn with_moirai(self) -> u64 {
        fn grow(depth: u32, leaf: u64) -> u64 {
            if depth == 0 {
                return steps(leaf);
            }
            let (a, b) = moirai_runtime::join(|| grow(depth - 1, leaf), || grow(depth - 1, leaf));
            a ^ b
        }
        if self == Self::Iter {
            use moirai_runtime::par::{IntoParallelIterator as _, ParallelIterator as _};
            return (0..NUMBERS).into_par_iter().map(number).sum();
        }
        let (depth, leaf) = self.tree();
        grow(depth, leaf)
    }

    pub(super) fn with_rayon(self) -> u64 {
        fn grow(depth: u32, leaf: u64) -> u64 {
            if depth == 0 {
                return steps(leaf);
            }
            let (a, b) = rayon::join(|| grow(depth - 1, leaf), || grow(depth - 1, leaf));
            a ^ b
        }
        if self == Self::Iter {
            use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
            return (0..NUMBERS).into_par_iter().map(number).sum();
        }
        let (depth, leaf) = self.tree();
        grow(depth, leaf)
    }

    pub(super) fn alone(self) -> u64 {
        fn grow(depth: u32, leaf: u64) -> u64 {
            if depth == 0 { steps(leaf) } else { grow(depth - 1, leaf) ^ grow(depth - 1, leaf) }
        }
        if self == Self::Iter {
            return (0..NUMBERS).map(number).sum();
        }
        let (depth, leaf) = self.tree();
        grow(depth, leaf)
    }
}

/// Of a unit of [`Unit::Iter`].
const NUMBERS: u64 = 1_000_000;

fn number(n: u64) -> u64 {
    let mut x = n | 1;
    x ^= x << 13;
    x ^= x >> 7;
    x ^ x << 17
}

/// A computation that nobody shortens: each step needs the one before (Marsaglia's xorshift).
pub(super) fn steps(n: u64) -> u64 {
    (0..n).fold(black_box(1), |x, _| number(x))
}
