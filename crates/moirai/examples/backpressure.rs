//! A fast thread and a slow task: the channel between them holds four messages, and the thread
//! waits when they are taken.
//!
//! `cargo run --example backpressure`

#![allow(clippy::print_stdout, reason = "a program")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use moirai::channel;

const MESSAGES: usize = 50;
const DEPTH: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sender, receiver) = channel::bounded(DEPTH);
    let sent = Arc::new(AtomicUsize::new(0));

    let producer = std::thread::spawn({
        let sent = Arc::clone(&sent);
        move || {
            for n in 0..MESSAGES {
                if sender.send(n).is_err() {
                    return; // the consumer is gone
                }
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    });

    let consumer = moirai::spawn(async move {
        let (mut received, mut lead_max) = (0, 0);
        while receiver.recv_async().await.is_ok() {
            received += 1;
            lead_max = lead_max.max(sent.load(Ordering::Relaxed).saturating_sub(received));
            moirai::sleep(Duration::from_micros(200)).await;
        }
        (received, lead_max)
    });

    let (received, lead_max) = consumer.join()?;
    producer.join().map_err(|_| "the producer panicked")?;
    assert_eq!(received, MESSAGES);
    assert!(lead_max <= DEPTH);
    println!("{received} messages; the producer was never more than {lead_max} ahead");
    Ok(())
}
