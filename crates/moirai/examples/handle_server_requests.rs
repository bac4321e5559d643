//! A server that limits each request's time, gives up what takes longer, and ends without losing what
//! it has accepted.
//!
//! `cargo run --example handle_server_requests`

#![allow(clippy::print_stdout, reason = "a program")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moirai::time::{sleep, timeout};
use moirai::{Runtime, TaskError, channel};

const REQUESTS: u32 = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Runtime::builder()
        .worker_threads(2)
        .name("server")
        .on_stall(|stall| eprintln!("{stall}"))
        .build()?;
    let open = Arc::new(AtomicU32::new(0));
    let (connect, connections) = channel::bounded::<u32>(16);
    let server = runtime.spawn({
        let open = Arc::clone(&open);
        async move {
            let (mut served, mut given_up) = (0, 0);
            let mut running = Vec::new();
            while let Ok(request) = connections.recv_async().await {
                let open = Guard::new(&open);
                // Whoever drops the handle drops the request.
                running.push(moirai::spawn(serve(request, open)).cancel_on_drop());
            }
            for request in running {
                match request.await? {
                    Some(_) => served += 1,
                    None => given_up += 1,
                }
            }
            Ok::<_, TaskError>((served, given_up))
        }
    });
    // A client that blocks, as most do.
    for request in 0..REQUESTS {
        connect.send(request)?;
    }
    drop(connect);
    let (served, given_up) = server.join()??;
    println!("{served} requests served, {given_up} took too long");
    assert_eq!(served + given_up, REQUESTS);
    assert!(given_up >= REQUESTS / 10, "every tenth takes for ever");
    assert_eq!(open.load(Ordering::Relaxed), 0);
    runtime.shutdown_timeout(Duration::from_secs(10))?;
    Ok(())
}

async fn serve(request: u32, _open: Guard) -> Option<u32> {
    let work = async {
        let slow =
            if request.is_multiple_of(10) { Duration::MAX } else { Duration::from_millis(1) };
        sleep(slow).await;
        request
    };
    timeout(Duration::from_secs(1), work).await.ok()
}

/// Counts the requests that are open.
struct Guard(Arc<AtomicU32>);

impl Guard {
    fn new(open: &Arc<AtomicU32>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
