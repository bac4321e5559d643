//! Answers while it computes: a loop that ends only when it is told to keeps every core busy, and a task
//! on the same workers has its turn every millisecond.
//!
//! `cargo run --release --example responsive`

#![allow(clippy::print_stdout, reason = "a program")]

use std::time::{Duration, Instant};

use moirai::par::*;
use moirai::{CancelToken, TaskError, sleep};

const TICK: Duration = Duration::from_millis(1);
const TICKS: u32 = 300;
/// Hours of them; and none that leaves 64 bits on its way.
const NUMBERS: u64 = 1 << 40;

#[moirai::main]
async fn main() -> Result<(), TaskError> {
    let enough = CancelToken::new();
    let computation = moirai::spawn_parallel({
        let enough = enough.clone();
        move || (1..NUMBERS).into_par_iter().with_cancel(&enough).map(steps_to_one).max()
    });
    // It is never waited for: who computes looks up between two blocks of the loop.
    let mut late = moirai::spawn(ticker()).await?;

    enough.cancel();
    let longest = computation.await?;
    late.sort_unstable();
    let of_100 = |percent| late[(late.len() - 1) * percent / 100];
    println!("longest way to one so far: {longest:?} steps");
    println!("{TICKS} ticks, {:?} late at the median, 99 of 100 {:?}", of_100(50), of_100(99));
    Ok(())
}

/// How late each tick came.
async fn ticker() -> Vec<Duration> {
    let mut late = Vec::new();
    for _ in 0..TICKS {
        let due = Instant::now() + TICK;
        sleep(TICK).await;
        late.push(due.elapsed());
    }
    late
}

/// Collatz's way: half of what is even, three times what is odd and one more.
fn steps_to_one(mut n: u64) -> u32 {
    let mut steps = 0;
    while n > 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}
