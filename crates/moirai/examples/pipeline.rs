//! Read, compute in parallel, write in order: never more than the window in memory, and the first
//! error ends it all.
//!
//! `cargo run --example pipeline`

#![allow(clippy::print_stdout, reason = "a program")]

use moirai::pipeline;

#[moirai::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Good input: results come out in the order of their items.
    let mut numbers = 1..=20_u64;
    let done = pipeline()
        .parallel_stage(|n: u64| Ok::<_, std::io::Error>((n, (1..=n).product::<u64>())))
        .name("factorial")
        .concurrency(4)
        .ordered()
        .channel_depth(2)
        .run(move || Ok(numbers.next()), {
            let mut expected = 1;
            move |(n, product)| {
                assert_eq!(n, expected);
                expected += 1;
                println!("{n}! = {product}");
                Ok(())
            }
        })
        .await?;
    assert_eq!(done.report.items, 20);

    // Bad input: the error says where.
    let mut words = ["1", "2", "three", "4"].into_iter();
    let failed = pipeline()
        .parallel_stage(|word: &str| word.parse::<u64>())
        .name("parse")
        .ordered()
        .run(move || Ok(words.next()), |_| Ok(()))
        .await;
    let Err(error) = failed else { return Err("bad input was accepted".into()) };
    println!("refused: {error}");
    Ok(())
}
