//! Market data: every tick goes to a strategy by instrument, the latest price is there for whoever
//! asks, and an alarm overtakes what waits.
//!
//! `cargo run --example process_market_data`

#![allow(clippy::print_stdout, reason = "a program")]

use moirai::channel::{self, watch};
use moirai::{Priority, select};

#[derive(Clone, Copy, Debug)]
struct Tick {
    instrument: usize,
    price: u64,
}

const INSTRUMENTS: usize = 4;
const TICKS: u64 = 10_000;

#[moirai::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (latest, board) = watch::channel(0_u64);
    let (alarm, alarms) = channel::bounded::<Tick>(16);
    let mut feeds = Vec::new();
    let mut strategies = Vec::new();
    for instrument in 0..INSTRUMENTS {
        let (feed, ticks) = channel::bounded::<Tick>(64);
        let alarm = alarm.clone();
        feeds.push(feed);
        strategies.push(moirai::task().name("strategy").spawn(async move {
            let (mut count, mut highest) = (0, 0);
            while let Ok(tick) = ticks.recv_async().await {
                assert_eq!(tick.instrument, instrument);
                count += 1;
                highest = highest.max(tick.price);
                if tick.price % 1000 == 999 && alarm.send_async(tick).await.is_err() {
                    break; // nobody listens
                }
            }
            (count, highest)
        }));
    }
    drop(alarm); // the strategies hold the others
    let (stop, stopped) = channel::bounded::<()>(1);
    let watchman = moirai::task().name("watchman").priority(Priority::Critical).spawn(async move {
        let mut rung = 0;
        loop {
            select!(async {
                recv(alarms) -> tick => match tick {
                    Ok(_) => rung += 1,
                    Err(_) => return rung, // no strategy is left, and every alarm was heard
                },
                recv(stopped) -> _ => return rung,
            })
            .await
        }
    });

    for price in 0..TICKS {
        let instrument = price as usize % INSTRUMENTS;
        latest.send(price)?;
        feeds[instrument].send_async(Tick { instrument, price }).await?;
    }
    drop(feeds);
    let mut count = 0;
    for strategy in strategies {
        let (ticks, highest) = strategy.await?;
        assert!(highest >= TICKS - INSTRUMENTS as u64);
        count += ticks;
    }
    assert_eq!((count, *board.get()), (TICKS, TICKS - 1));
    assert_eq!(watchman.await?, TICKS / 1000);
    drop(stop);
    println!("{count} ticks, the last price is {}", board.get());
    Ok(())
}
