//! A dataset that is cut in halves until a piece is small, by hand; and the same as a parallel loop.
//! Both borrow it from the stack.
//!
//! `cargo run --release --example process_large_dataset`

#![allow(clippy::print_stdout, reason = "a program")]

use moirai::par::*;

const ROWS: usize = 2_000_000;

/// What is asked about the rows.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Summary {
    count: usize,
    sum: u64,
    least: u32,
    greatest: u32,
}

const NOTHING: Summary = Summary { count: 0, sum: 0, least: u32::MAX, greatest: 0 };

impl Summary {
    fn with(self, row: u32) -> Self {
        Self {
            count: self.count + 1,
            sum: self.sum + u64::from(row),
            least: self.least.min(row),
            greatest: self.greatest.max(row),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }
}

fn main() {
    let mut row = 1_u32;
    let mut rows: Vec<u32> = (0..ROWS)
        .map(|_| {
            // Marsaglia's xorshift.
            row ^= row << 13;
            row ^= row >> 17;
            row ^= row << 5;
            row
        })
        .collect();
    let expected = rows.iter().fold(NOTHING, |summary, row| summary.with(*row));
    assert_eq!(halves(&rows), expected);
    let folded = rows
        .par_iter()
        .fold(|| NOTHING, |summary, row| summary.with(*row))
        .reduce(|| NOTHING, Summary::and);
    assert_eq!(folded, expected);

    rows.par_sort_unstable();
    assert!(rows.is_sorted());
    let frequent = rows.par_chunks(ROWS / 10).map(|part| part[part.len() / 2]).collect::<Vec<_>>();
    println!("{expected:?}, medians of the tenths: {frequent:?}");
}

fn halves(rows: &[u32]) -> Summary {
    if rows.len() <= 10_000 {
        return rows.iter().fold(NOTHING, |summary, row| summary.with(*row));
    }
    let (left, right) = rows.split_at(rows.len() / 2);
    let (left, right) = moirai::join(|| halves(left), || halves(right));
    left.and(right)
}
