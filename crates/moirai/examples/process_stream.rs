//! A stream whose items are processed side by side and come out in order, with a bounded number in
//! flight: what is slow at the end stops the source, and nothing is lost when it ends.
//!
//! `cargo run --example process_stream`

#![allow(clippy::print_stdout, reason = "a program")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moirai::pipeline;

const ITEMS: u64 = 20_000;
const IN_FLIGHT_MAX: u64 = 1000;

#[moirai::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let in_flight = Arc::new(AtomicU64::new(0));
    let (entered, left) = (Arc::clone(&in_flight), Arc::clone(&in_flight));
    let (mut next, mut expected) = (0, 0);
    let done = pipeline()
        .parallel_stage(|item: u64| Ok::<_, std::io::Error>((item, work(item))))
        .name("work")
        .concurrency(4)
        .ordered()
        .window(512)
        .run(
            move || {
                if next == ITEMS {
                    return Ok(None);
                }
                let now = entered.fetch_add(1, Ordering::Relaxed) + 1;
                assert!(now <= IN_FLIGHT_MAX, "{now} items are in flight");
                next += 1;
                Ok(Some(next - 1))
            },
            move |(item, result)| {
                assert_eq!((item, result), (expected, work(expected)));
                expected += 1;
                left.fetch_sub(1, Ordering::Relaxed);
                Ok(())
            },
        )
        .await?;
    assert_eq!((done.report.items, in_flight.load(Ordering::Relaxed)), (ITEMS, 0));
    println!("{ITEMS} items came out in order, and none was left behind");
    Ok(())
}

/// Takes longer for some items than for others.
fn work(item: u64) -> u64 {
    (0..item % 64).fold(item, |hash, n| hash.rotate_left(7) ^ n)
}
