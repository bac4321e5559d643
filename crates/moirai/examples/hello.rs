//! Three kinds of work, one kind of handle.
//!
//! `cargo run --example hello`

#![allow(clippy::print_stdout, reason = "a program")]

use std::time::Duration;

#[moirai::main]
async fn main() -> Result<(), moirai::TaskError> {
    // Waits, without holding a worker.
    let waiting = moirai::spawn(async {
        moirai::sleep(Duration::from_millis(5)).await;
        "awake"
    });
    // Computes, on a worker.
    let sum = moirai::spawn_parallel(|| (1..=1000_u64).sum::<u64>());
    // Blocks, on a thread of its own.
    let name = moirai::spawn_blocking(|| std::fs::read_to_string("/etc/hostname"));

    let sum = sum.await?;
    assert_eq!(sum, 500_500);
    println!("{}, {sum}, {}", waiting.await?, name.await?.unwrap_or_default().trim());
    Ok(())
}
