//! A thread per core: each worker keeps a shard of the data, bound to where its memory is, and tasks
//! go to the shard that they ask for.
//!
//! `cargo run --example shards`

#![allow(clippy::print_stdout, reason = "a program")]

use std::collections::HashMap;

use moirai::channel::{self, Sender};
use moirai::{Affinity, ResultSender, Runtime, TaskContext, Topology, result_channel};

/// Adds to a word's count, and answers with the new one.
struct Add {
    word: String,
    answer: ResultSender<u32>,
}

/// The data of one worker, which no other touches.
async fn shard(worker: usize, requests: channel::Receiver<Add>) -> usize {
    let mut counts: HashMap<String, u32> = HashMap::new();
    while let Ok(Add { word, answer }) = requests.recv_async().await {
        let here = TaskContext::current().and_then(|context| context.worker());
        assert_eq!(here, Some(worker), "nobody steals it");
        let count = counts.entry(word).or_default();
        *count += 1;
        // Whoever has asked may be gone.
        let _ = answer.send(*count);
    }
    counts.len()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let here = Topology::detect()?;
    println!("{} processors on {} nodes", here.cpus(), here.nodes().len());
    // A machine of two nodes, whether this one has them or not.
    let topology = Topology::synthetic(2, 2);
    let builder = Runtime::builder().topology(topology).affinity(Affinity::Numa);
    let runtime = builder.thread_per_core().build()?;

    let workers = runtime.handle().metrics().worker_threads;
    let (requests, shards): (Vec<Sender<Add>>, Vec<_>) = (0..workers)
        .map(|worker| {
            let (sender, receiver) = channel::bounded(16);
            (sender, runtime.spawn_on(worker, shard(worker, receiver)))
        })
        .unzip();

    let text = "the quick brown fox jumps over the lazy dog and the cat";
    let last = runtime.block_on(async {
        let mut last = 0;
        for word in text.split(' ') {
            let (answer, count) = result_channel();
            let home = word.len() % workers;
            let add = Add { word: word.to_owned(), answer };
            if requests[home].send_async(add).await.is_err() {
                unreachable!("a shard ends with its senders");
            }
            if word == "the" {
                last = count.await?;
            }
        }
        Ok::<_, moirai::TaskError>(last)
    })?;
    assert_eq!(last, 3);

    drop(requests); // and so the shards end
    let mut words = 0;
    for shard in shards {
        words += shard.join()?;
    }
    assert_eq!(words, 10);
    let metrics = runtime.handle().metrics();
    assert_eq!(metrics.thefts(), (0, 0));
    println!("{words} words, of which one was there {last} times");
    Ok(())
}
