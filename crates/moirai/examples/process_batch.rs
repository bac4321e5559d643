//! A batch of a million items: as tasks of a thousand items each, and as one parallel loop.
//!
//! `cargo run --release --example process_batch`

#![allow(clippy::print_stdout, reason = "a program")]

use std::time::Instant;

use moirai::TaskError;
use moirai::par::*;

const ITEMS: u64 = 1_000_000;

fn main() -> Result<(), TaskError> {
    let items: Vec<u64> = (0..ITEMS).collect();
    let expected = items.iter().map(|item| process(*item)).fold(0, u64::wrapping_add);

    // Tasks own what they work on; each result comes back through the handle.
    let start = Instant::now();
    let tasks: Vec<_> = items
        .chunks(1000)
        .map(|chunk| {
            let chunk = chunk.to_vec();
            moirai::spawn_parallel(move || {
                chunk.into_iter().map(process).fold(0, u64::wrapping_add)
            })
        })
        .collect();
    let mut sum = 0_u64;
    for task in tasks {
        sum = sum.wrapping_add(task.join()?);
    }
    println!("{ITEMS} items in a thousand tasks: {:?}", start.elapsed());
    assert_eq!(sum, expected);

    // A loop borrows; it is cut where an idle worker asks for a part.
    let start = Instant::now();
    let sum = items.par_iter().map(|item| process(*item)).reduce(|| 0, u64::wrapping_add);
    println!("{ITEMS} items in one loop:         {:?}", start.elapsed());
    assert_eq!(sum, expected);
    Ok(())
}

/// A few dozen nanoseconds of work: the finaliser of splitmix64.
fn process(item: u64) -> u64 {
    let mut hash = item.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
