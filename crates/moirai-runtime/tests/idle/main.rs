//! A process whose tasks all wait uses no processor: its own binary, for the time of the whole process.

#![cfg(all(unix, not(miri)))]
#![allow(clippy::unwrap_used, reason = "what a test calls")]

use std::time::Duration;

use moirai_runtime::{Runtime, time};
use moirai_sync::channel::{self, mpsc};
use moirai_sync::select;
use rustix::time::{ClockId, clock_gettime};

/// How long all of them wait.
const WAIT: Duration = Duration::from_millis(500);

/// What that may cost, of all threads: a fiftieth of one processor.
const COST_MAX: Duration = Duration::from_millis(10);

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// One test, so that nothing else runs meanwhile.
#[test]
fn a_process_whose_tasks_all_wait_uses_no_processor() {
    let runtime = Runtime::builder().worker_threads(2).build().unwrap();
    let before = processor_time();
    let (queued, receiver) = channel::bounded(1);
    let (full, room) = channel::bounded(1);
    let (unbounded, mut sole) = mpsc::unbounded();
    let (met, meeting) = channel::rendezvous();
    let (selected, arm) = channel::bounded(1);
    let (_other, other_arm) = channel::rendezvous::<u8>();
    let (blocked, from_task) = channel::bounded(1);
    full.send(1).unwrap();
    let tasks = [
        runtime.spawn(async move { receiver.recv_async().await.unwrap() }),
        runtime.spawn(async move { full.send_async(7).await.map(|()| 7).unwrap() }),
        runtime.spawn(async move { sole.recv_async().await.unwrap() }),
        runtime.spawn(async move { meeting.recv_async().await.unwrap() }),
        runtime.spawn(async move {
            select!(async { recv(arm) -> n => n.unwrap(), recv(other_arm) -> n => n.unwrap() })
                .await
        }),
        // One that blocks its worker.
        runtime.spawn(async move { from_task.recv().unwrap() }),
    ];
    runtime.block_on(time::sleep(WAIT));
    let cost = processor_time() - before;
    println!("{cost:?} in {WAIT:?}");
    assert!(cost <= COST_MAX, "the processor was used for {cost:?} in {WAIT:?}");
    assert_eq!(room.recv(), Ok(1));
    for sender in [queued, met, selected, blocked] {
        sender.send(7).unwrap();
    }
    unbounded.send(7).unwrap();
    assert!(tasks.into_iter().all(|task| task.join().unwrap() == 7));
}
