//! Who waits uses no processor. A wait begins with a few microseconds of trying; what is measured here
//! is the processor time of the thread that waits, which is its own whatever else the machine does.

#![allow(clippy::unwrap_used, reason = "what a test calls")]

use std::thread;
use std::time::Duration;

use moirai_sync::channel::{self, mpsc, spsc};
use moirai_sync::{CancelToken, result_channel, select};
use rustix::time::{ClockId, clock_gettime};

/// How long each wait lasts.
const WAIT: Duration = Duration::from_millis(500);

/// What it may cost: a hundred times what it does, and a fiftieth of what it would without sleeping.
const COST_MAX: Duration = Duration::from_millis(10);

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// Calls `wait` on a thread of its own, and checks what it has cost there.
fn idle(name: &'static str, wait: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let before = processor_time();
        wait();
        let cost = processor_time() - before;
        assert!(cost <= COST_MAX, "{name} used the processor for {cost:?} in {WAIT:?}");
    })
}

fn join_all(waits: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    waits.into_iter().for_each(|wait| wait.join().unwrap());
}

#[test]
fn a_thread_that_waits_with_a_limit_uses_no_processor() {
    join_all([
        idle("receive", || {
            let (_sender, receiver) = channel::bounded::<u8>(4);
            receiver.recv_timeout(WAIT).unwrap_err();
        }),
        idle("receive a batch", || {
            let (_sender, receiver) = channel::unbounded::<u8>();
            receiver.recv_batch_timeout(&mut Vec::new(), 9, WAIT).unwrap_err();
        }),
        idle("receive from many", || {
            let (_sender, mut receiver) = mpsc::unbounded::<u8>();
            receiver.recv_timeout(WAIT).unwrap_err();
        }),
        idle("receive from one", || {
            let (_sender, mut receiver) = spsc::bounded::<u8>(4);
            receiver.recv_timeout(WAIT).unwrap_err();
        }),
        idle("send", || {
            let (sender, _receiver) = channel::bounded(1);
            sender.send(1).unwrap();
            sender.send_timeout(2, WAIT).unwrap_err();
        }),
        idle("send to one", || {
            let (mut sender, _receiver) = spsc::bounded(1);
            sender.send(1).unwrap();
            sender.send_timeout(2, WAIT).unwrap_err();
        }),
        idle("send at a rendezvous", || {
            let (sender, _receiver) = channel::rendezvous();
            sender.send_timeout(1, WAIT).unwrap_err();
        }),
        idle("receive at a rendezvous", || {
            let (_sender, receiver) = channel::rendezvous::<u8>();
            receiver.recv_timeout(WAIT).unwrap_err();
        }),
        idle("select", || {
            let (_one, first) = channel::bounded::<u8>(1);
            let (second, _two) = channel::rendezvous::<u8>();
            select! {
                recv(first) -> _message => panic!("nobody sends"),
                send(second, 1) -> _result => panic!("nobody receives"),
                default(WAIT) => {}
            }
        }),
    ]);
}

/// Each waits for what another thread does once its own limit has passed.
#[test]
fn a_thread_that_waits_for_another_uses_no_processor() {
    let (message, receiver) = channel::unbounded();
    let (full, room) = channel::bounded(1);
    full.send(1).unwrap();
    let (met, meeting) = channel::rendezvous();
    let (result, awaited) = result_channel();
    let cancel = CancelToken::new();
    let (selected, arm) = channel::bounded(1);
    let cancelled = cancel.clone();
    join_all([
        idle("receive", move || assert_eq!(receiver.recv(), Ok(7))),
        idle("send", move || full.send(2).unwrap()),
        idle("receive at a rendezvous", move || assert_eq!(meeting.recv(), Ok(7))),
        idle("wait for a result", move || assert_eq!(awaited.recv().unwrap(), 7)),
        idle("wait for a cancel", move || {
            cancelled.wait();
        }),
        idle("select", move || assert_eq!(select! { recv(arm) -> message => message }, Ok(7))),
        idle("the one who lets them wait", move || {
            let (_sender, nobody) = channel::bounded::<u8>(1);
            nobody.recv_timeout(WAIT).unwrap_err();
            message.send(7).unwrap();
            // Both, so that it does not go before the second one has come.
            assert_eq!((room.recv(), room.recv()), (Ok(1), Ok(2)));
            met.send(7).unwrap();
            result.send(7).unwrap();
            cancel.cancel();
            selected.send(7).unwrap();
        }),
    ]);
}
