//! One source, many workers, one result: the handles of the workers bring their sums back.
//!
//! `cargo run --example fan_out`

#![allow(clippy::print_stdout, reason = "a program")]

use moirai::channel;

#[moirai::main]
async fn main() -> Result<(), moirai::TaskError> {
    let (jobs, queue) = channel::bounded::<u64>(16);
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let queue = queue.clone();
            moirai::spawn(async move {
                let mut sum = 0;
                // Each job goes to one of the receivers.
                while let Ok(n) = queue.recv_async().await {
                    sum += n * n;
                }
                sum
            })
        })
        .collect();
    for n in 1..=1000 {
        if jobs.send_async(n).await.is_err() {
            unreachable!("main holds a receiver");
        }
    }
    drop(jobs); // the last sender: the workers' loops end

    let mut total = 0;
    for worker in workers {
        total += worker.await?;
    }
    assert_eq!(total, 333_833_500);
    println!("the squares up to 1000 add up to {total}");
    Ok(())
}
