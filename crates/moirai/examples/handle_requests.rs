//! A request waits, computes and reads a file: three kinds of work, one kind of handle, and a result
//! that comes back through the task's own cell.
//!
//! `cargo run --example handle_requests`

#![allow(clippy::print_stdout, reason = "a program")]

use std::time::Duration;

use moirai::{ResultSender, TaskError, channel, result_channel, sleep};

struct Request {
    id: u64,
    reply: ResultSender<u64>,
}

#[moirai::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (clients, requests) = channel::bounded::<Request>(32);
    let server = moirai::spawn(async move {
        let mut served = 0;
        while let Ok(Request { id, reply }) = requests.recv_async().await {
            served += 1;
            moirai::spawn(async move {
                match handle(id).await {
                    Ok(answer) if reply.send(answer).is_ok() => {}
                    Ok(_) => println!("the client of request {id} has gone away"),
                    Err(error) => println!("request {id}: {error}"),
                }
            })
            .detach();
        }
        served
    });

    // Clients are plain threads as well as tasks; the channel serves both.
    let thread = std::thread::spawn({
        let clients = clients.clone();
        move || {
            let (reply, answer) = result_channel();
            clients.send(Request { id: 1000, reply }).map_err(|_| TaskError::ResultNotFound)?;
            answer.recv()
        }
    });
    let mut answers = Vec::new();
    for id in 0..100 {
        let (reply, answer) = result_channel();
        clients.send_async(Request { id, reply }).await.map_err(|_| "the server is gone")?;
        answers.push((id, answer));
    }
    for (id, answer) in answers {
        assert_eq!(answer.await?, expected(id));
    }
    let of_thread = moirai::spawn_blocking(|| thread.join()).await?;
    assert_eq!(of_thread.map_err(|_| "the client panicked")??, expected(1000));
    drop(clients);
    println!("{} requests served", server.await?);
    Ok(())
}

/// Waits for something, computes with it, and asks the disk.
async fn handle(id: u64) -> Result<u64, TaskError> {
    sleep(Duration::from_millis(id % 3)).await;
    let computed = moirai::spawn_parallel(move || (1..=id).map(|n| n * n).sum::<u64>());
    let read = moirai::spawn_blocking(|| std::env::temp_dir().is_dir());
    Ok(computed.await? + u64::from(read.await?))
}

fn expected(id: u64) -> u64 {
    (1..=id).map(|n| n * n).sum::<u64>() + u64::from(std::env::temp_dir().is_dir())
}
