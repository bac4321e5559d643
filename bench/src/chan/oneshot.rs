//! One message, once: on one thread, awaited by a task, across threads.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use moirai_sync::result_channel;

use super::{case, checked};
use crate::harness::{Case, Entrant, Workload};

/// Channels that are on their way at once in `oneshot_cross256`.
const BATCH: u64 = 256;

/// A rival's one-shot channel.
trait Oneshot: 'static {
    type Tx: Send + 'static;
    type Rx: Send + 'static;

    fn pair() -> (Self::Tx, Self::Rx);
    fn send(sender: Self::Tx, value: u64);
    /// Waits on the thread.
    fn wait(receiver: Self::Rx) -> u64;
    /// Takes what is there.
    fn take(receiver: Self::Rx) -> u64;
}

/// Unwraps what the receiver's future brings.
struct Expected<F>(F);

impl<F: Future<Output = Result<u64, E>> + Unpin, E> Future for Expected<F> {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        Pin::new(&mut self.0).poll(cx).map(|result| result.ok().expect("the value was sent"))
    }
}

struct Ours;
struct Oneshot02;
/// Its awaiting receiver is another type.
struct Oneshot02Async;
struct Tokio;
struct Crossfire;

impl Oneshot for Ours {
    type Tx = moirai_sync::ResultSender<u64>;
    type Rx = Expected<moirai_sync::ResultReceiver<u64>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        let (sender, receiver) = result_channel();
        (sender, Expected(receiver))
    }

    fn send(sender: Self::Tx, value: u64) {
        sender.send(value).expect("the receiver is alive");
    }

    fn wait(receiver: Self::Rx) -> u64 {
        receiver.0.recv().expect("the value was sent")
    }

    fn take(receiver: Self::Rx) -> u64 {
        receiver.0.recv().expect("the value was sent")
    }
}

impl Oneshot for Oneshot02 {
    type Tx = oneshot::Sender<u64>;
    type Rx = oneshot::Receiver<u64>;

    fn pair() -> (Self::Tx, Self::Rx) {
        oneshot::channel()
    }

    fn send(sender: Self::Tx, value: u64) {
        sender.send(value).expect("the receiver is alive");
    }

    fn wait(receiver: Self::Rx) -> u64 {
        receiver.recv().expect("the value was sent")
    }

    fn take(receiver: Self::Rx) -> u64 {
        receiver.recv().expect("the value was sent")
    }
}

impl Oneshot for Oneshot02Async {
    type Tx = oneshot::Sender<u64>;
    type Rx = Expected<oneshot::AsyncReceiver<u64>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        let (sender, receiver) = oneshot::async_channel();
        (sender, Expected(receiver))
    }

    fn send(sender: Self::Tx, value: u64) {
        sender.send(value).expect("the receiver is alive");
    }

    fn wait(receiver: Self::Rx) -> u64 {
        moirai_sync::strand::block_on(receiver)
    }

    fn take(receiver: Self::Rx) -> u64 {
        moirai_sync::strand::block_on(receiver)
    }
}

impl Oneshot for Tokio {
    type Tx = tokio::sync::oneshot::Sender<u64>;
    type Rx = Expected<tokio::sync::oneshot::Receiver<u64>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        (sender, Expected(receiver))
    }

    fn send(sender: Self::Tx, value: u64) {
        sender.send(value).expect("the receiver is alive");
    }

    fn wait(receiver: Self::Rx) -> u64 {
        receiver.0.blocking_recv().expect("the value was sent")
    }

    fn take(mut receiver: Self::Rx) -> u64 {
        receiver.0.try_recv().expect("the value was sent")
    }
}

impl Oneshot for Crossfire {
    type Tx = crossfire::oneshot::TxOneshot<u64>;
    type Rx = Expected<crossfire::oneshot::RxOneshot<u64>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        let (sender, receiver) = crossfire::oneshot::oneshot();
        (sender, Expected(receiver))
    }

    fn send(sender: Self::Tx, value: u64) {
        sender.send(value);
    }

    fn wait(receiver: Self::Rx) -> u64 {
        receiver.0.recv().expect("the value was sent")
    }

    fn take(mut receiver: Self::Rx) -> u64 {
        receiver.0.try_recv().expect("the value was sent")
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("oneshot_same_thread", "per create, send, receive", same_thread()),
        case("oneshot_awaited", "per create, poll, send, poll", awaited()),
        case("oneshot_cross256", "per message, 256 on their way", cross()),
    ]
}

fn same_thread() -> Vec<Entrant> {
    fn entrant<O: Oneshot>(peer: &'static str) -> Entrant {
        each(peer, |value| {
            let (sender, receiver) = O::pair();
            O::send(sender, value);
            O::take(receiver)
        })
    }
    vec![
        entrant::<Ours>("moirai"),
        entrant::<Oneshot02>("oneshot"),
        entrant::<Tokio>("tokio"),
        entrant::<Crossfire>("crossfire"),
    ]
}

fn awaited() -> Vec<Entrant> {
    fn entrant<O: Oneshot<Rx: Future<Output = u64>>>(peer: &'static str) -> Entrant {
        each(peer, |value| {
            let (sender, receiver) = O::pair();
            let mut receiver = pin!(receiver);
            let mut cx = Context::from_waker(Waker::noop());
            assert!(receiver.as_mut().poll(&mut cx).is_pending());
            O::send(sender, value);
            match receiver.poll(&mut cx) {
                Poll::Ready(value) => value,
                Poll::Pending => panic!("the value was sent"),
            }
        })
    }
    vec![
        entrant::<Ours>("moirai"),
        entrant::<Oneshot02Async>("oneshot"),
        entrant::<Tokio>("tokio"),
        entrant::<Crossfire>("crossfire"),
    ]
}

/// One thread makes the channels and waits, another one sends.
fn cross() -> Vec<Entrant> {
    fn entrant<O: Oneshot>(peer: &'static str) -> Entrant {
        let workload: Workload = Arc::new(|iterations| {
            let (to_sender, work) = mpsc::sync_channel::<Vec<(O::Tx, u64)>>(2);
            let start = Instant::now();
            let sum = thread::scope(|scope| {
                scope.spawn(move || {
                    for batch in work {
                        batch.into_iter().for_each(|(sender, value)| O::send(sender, value));
                    }
                });
                let (mut sum, mut next) = (0, 0);
                while next < iterations {
                    let end = (next + BATCH).min(iterations);
                    let (senders, receivers): (Vec<_>, Vec<_>) = (next..end)
                        .map(|value| {
                            let (sender, receiver) = O::pair();
                            ((sender, value), receiver)
                        })
                        .unzip();
                    to_sender.send(senders).ok()?;
                    sum += receivers.into_iter().map(O::wait).sum::<u64>();
                    next = end;
                }
                drop(to_sender);
                Some(sum)
            });
            checked(start.elapsed(), iterations, sum)
        });
        Entrant { peer, workload: Ok(workload) }
    }
    vec![
        entrant::<Ours>("moirai"),
        entrant::<Oneshot02>("oneshot"),
        entrant::<Tokio>("tokio"),
        entrant::<Crossfire>("crossfire"),
    ]
}

fn each(peer: &'static str, round: impl Fn(u64) -> u64 + Send + Sync + 'static) -> Entrant {
    let workload: Workload = Arc::new(move |iterations| {
        let start = Instant::now();
        let sum = (0..iterations).map(|value| black_box(round(black_box(value)))).sum();
        checked(start.elapsed(), iterations, Some(sum))
    });
    Entrant { peer, workload: Ok(workload) }
}
