//! The bounded channel against a `VecDeque`: after every operation both agree.
//!
//! One thread, so every result is determined: a message that is there is received, in order, and a
//! place that is free is taken. Waiting futures are polled by hand, kept across other operations
//! and dropped at any point, which is where messages and wake-ups are lost if they ever are.
//! Threads that race are the models' business, not this file's.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use arbitrary::Arbitrary;
use moirai_sync::channel::{
    self, Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError,
};

/// A capacity, and what to do with the channel.
#[derive(Debug, Arbitrary)]
pub struct Input {
    /// Taken modulo [`CAPACITY_MAX`], plus 1.
    pub capacity: u8,
    /// In this order.
    pub operations: Vec<Operation>,
}

/// One thing that a program does with a channel. Which handle or future, among those there are, is
/// the index modulo their number.
#[derive(Debug, Arbitrary)]
pub enum Operation {
    /// `try_send` through a sender.
    TrySend(u8),
    /// `try_recv` through a receiver.
    TryRecv(u8),
    /// A new `send_async`, polled once and kept if it waits.
    StartSend(u8),
    /// A new `recv_async`, polled once and kept if it waits.
    StartRecv(u8),
    /// One more poll of a send that waits.
    PollSend(u8),
    /// One more poll of a receive that waits.
    PollRecv(u8),
    /// A send that waits is cancelled.
    CancelSend(u8),
    /// A receive that waits is cancelled.
    CancelRecv(u8),
    /// Everything that was woken is polled again, until nothing is.
    Settle,
    /// One more sender.
    CloneSender(u8),
    /// One more receiver.
    CloneReceiver(u8),
    /// One sender less.
    DropSender(u8),
    /// One receiver less.
    DropReceiver(u8),
    /// Closed by a sender.
    CloseBySender(u8),
    /// Closed by a receiver.
    CloseByReceiver(u8),
}

/// The most messages a channel holds here: small, so that it is full and empty often.
pub const CAPACITY_MAX: u8 = 5;

/// Runs `input`.
///
/// # Panics
///
/// When the channel and the model disagree.
pub fn run(input: Input) {
    let capacity = usize::from(input.capacity % CAPACITY_MAX) + 1;
    let (sender, receiver) = channel::bounded(capacity);
    let mut world = World {
        senders: vec![sender],
        receivers: vec![receiver],
        sends: Vec::new(),
        receives: Vec::new(),
        model: Model { queue: VecDeque::new(), capacity, closed: false },
        next_message: 0,
    };
    for operation in input.operations {
        world.step(operation);
        world.agree();
    }
    world.settle();
    world.agree();
}

/// What the channel should be.
struct Model {
    queue: VecDeque<u32>,
    capacity: usize,
    closed: bool,
}

type SendFuture = Pin<Box<dyn Future<Output = Result<(), SendError<u32>>>>>;
type RecvFuture = Pin<Box<dyn Future<Output = Result<u32, RecvError>>>>;

/// A future that has returned `Pending`, and whether it was woken since.
struct Waiting<F> {
    future: F,
    message: u32,
    woken: Arc<Flag>,
}

struct World {
    senders: Vec<Sender<u32>>,
    receivers: Vec<Receiver<u32>>,
    sends: Vec<Waiting<SendFuture>>,
    receives: Vec<Waiting<RecvFuture>>,
    model: Model,
    next_message: u32,
}

impl World {
    fn step(&mut self, operation: Operation) {
        use Operation as Op;
        match operation {
            Op::TrySend(sender) => self.try_send(sender),
            Op::TryRecv(receiver) => self.try_recv(receiver),
            Op::StartSend(sender) => self.start_send(sender),
            Op::StartRecv(receiver) => self.start_recv(receiver),
            Op::PollSend(index) => {
                if let Some(at) = pick(index, &self.sends) {
                    self.poll_send(at);
                }
            }
            Op::PollRecv(index) => {
                if let Some(at) = pick(index, &self.receives) {
                    self.poll_recv(at);
                }
            }
            Op::CancelSend(index) => {
                pick(index, &self.sends).map(|at| self.sends.remove(at));
            }
            Op::CancelRecv(index) => {
                pick(index, &self.receives).map(|at| self.receives.remove(at));
            }
            Op::Settle => self.settle(),
            Op::CloneSender(sender) => {
                if let Some(at) = pick(sender, &self.senders) {
                    self.senders.push(self.senders[at].clone());
                }
            }
            Op::CloneReceiver(receiver) => {
                if let Some(at) = pick(receiver, &self.receivers) {
                    self.receivers.push(self.receivers[at].clone());
                }
            }
            Op::DropSender(sender) => {
                pick(sender, &self.senders).map(|at| self.senders.remove(at));
            }
            Op::DropReceiver(receiver) => {
                pick(receiver, &self.receivers).map(|at| self.receivers.remove(at));
            }
            Op::CloseBySender(sender) => {
                if let Some(at) = pick(sender, &self.senders) {
                    assert_eq!(self.senders[at].close(), !self.model.closed);
                    self.model.closed = true;
                }
            }
            Op::CloseByReceiver(receiver) => {
                if let Some(at) = pick(receiver, &self.receivers) {
                    assert_eq!(self.receivers[at].close(), !self.model.closed);
                    self.model.closed = true;
                }
            }
        }
        self.drop_of_the_last();
    }

    /// A waiting future holds a handle too: a side is gone when it has neither.
    fn drop_of_the_last(&mut self) {
        if self.senders.is_empty() && self.sends.is_empty() {
            self.model.closed = true;
        }
        if self.receivers.is_empty() && self.receives.is_empty() {
            self.model.closed = true;
            self.model.queue.clear();
        }
    }

    fn new_message(&mut self) -> u32 {
        self.next_message += 1;
        self.next_message
    }

    fn try_send(&mut self, sender: u8) {
        let message = self.new_message();
        let Some(at) = pick(sender, &self.senders) else { return };
        let result = self.senders[at].try_send(message);
        let expected = match self.model.push(message) {
            Push::Queued => Ok(()),
            Push::Full => Err(TrySendError::Full(message)),
            Push::Closed => Err(TrySendError::Disconnected(message)),
        };
        assert_eq!(result, expected);
    }

    fn try_recv(&mut self, receiver: u8) {
        let Some(at) = pick(receiver, &self.receivers) else { return };
        let result = self.receivers[at].try_recv();
        let expected = match self.model.pop() {
            Pop::Message(message) => Ok(message),
            Pop::Empty => Err(TryRecvError::Empty),
            Pop::Closed => Err(TryRecvError::Disconnected),
        };
        assert_eq!(result, expected);
    }

    fn start_send(&mut self, sender: u8) {
        let message = self.new_message();
        let Some(at) = pick(sender, &self.senders) else { return };
        let sender = self.senders[at].clone();
        let future = Box::pin(async move { sender.send_async(message).await });
        self.sends.push(Waiting { future, message, woken: Arc::default() });
        self.poll_send(self.sends.len() - 1);
    }

    fn start_recv(&mut self, receiver: u8) {
        let Some(at) = pick(receiver, &self.receivers) else { return };
        let receiver = self.receivers[at].clone();
        let future = Box::pin(async move { receiver.recv_async().await });
        self.receives.push(Waiting { future, message: 0, woken: Arc::default() });
        self.poll_recv(self.receives.len() - 1);
    }

    fn poll_send(&mut self, at: usize) {
        let Waiting { future, message, woken } = &mut self.sends[at];
        let result = woken.poll(future);
        let expected = match self.model.push(*message) {
            Push::Queued => Poll::Ready(Ok(())),
            Push::Full => Poll::Pending,
            Push::Closed => Poll::Ready(Err(SendError(*message))),
        };
        assert_eq!(result, expected);
        if result.is_ready() {
            drop(self.sends.remove(at));
        }
    }

    fn poll_recv(&mut self, at: usize) {
        let Waiting { future, woken, .. } = &mut self.receives[at];
        let result = woken.poll(future);
        let expected = match self.model.pop() {
            Pop::Message(message) => Poll::Ready(Ok(message)),
            Pop::Empty => Poll::Pending,
            Pop::Closed => Poll::Ready(Err(RecvError)),
        };
        assert_eq!(result, expected);
        if result.is_ready() {
            drop(self.receives.remove(at));
        }
    }

    /// Polls what was woken, as an executor would. What still waits afterwards must have nothing
    /// to wait for: otherwise a wake-up was lost.
    fn settle(&mut self) {
        loop {
            if let Some(at) = self.sends.iter().position(|waiting| waiting.woken.take()) {
                self.poll_send(at);
            } else if let Some(at) = self.receives.iter().position(|waiting| waiting.woken.take()) {
                self.poll_recv(at);
            } else {
                break;
            }
            self.drop_of_the_last();
        }
        if !self.sends.is_empty() {
            assert!(!self.model.closed, "a send sleeps in a closed channel");
            assert_eq!(self.model.queue.len(), self.model.capacity, "a send sleeps beside a place");
        }
        if !self.receives.is_empty() {
            assert!(!self.model.closed, "a receive sleeps in a closed channel");
            assert!(self.model.queue.is_empty(), "a receive sleeps beside a message");
        }
    }

    /// Every handle sees the model.
    fn agree(&self) {
        let Model { queue, capacity, closed } = &self.model;
        let expected = (queue.len(), queue.is_empty(), queue.len() == *capacity, *closed);
        for s in &self.senders {
            assert_eq!((s.len(), s.is_empty(), s.is_full(), s.is_closed()), expected);
            assert_eq!(s.capacity(), Some(*capacity));
        }
        for r in &self.receivers {
            assert_eq!((r.len(), r.is_empty(), r.is_full(), r.is_closed()), expected);
            assert_eq!(r.capacity(), Some(*capacity));
        }
    }
}

enum Push {
    Queued,
    Full,
    Closed,
}

enum Pop {
    Message(u32),
    Empty,
    Closed,
}

impl Model {
    fn push(&mut self, message: u32) -> Push {
        if self.closed {
            return Push::Closed;
        }
        if self.queue.len() == self.capacity {
            return Push::Full;
        }
        self.queue.push_back(message);
        Push::Queued
    }

    fn pop(&mut self) -> Pop {
        match self.queue.pop_front() {
            Some(message) => Pop::Message(message),
            None if self.closed => Pop::Closed,
            None => Pop::Empty,
        }
    }
}

/// A waker that only remembers.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn poll<F: Future + ?Sized>(self: &Arc<Self>, future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(self));
        future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn pick<T>(index: u8, from: &[T]) -> Option<usize> {
    (!from.is_empty()).then(|| usize::from(index) % from.len())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use arbitrary::Unstructured;

    use super::*;

    /// xorshift64*, enough for bytes.
    struct Random(u64);

    impl Random {
        fn bytes(&mut self, count: usize) -> Vec<u8> {
            let next = || {
                self.0 ^= self.0 >> 12;
                self.0 ^= self.0 << 25;
                self.0 ^= self.0 >> 27;
                (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8
            };
            std::iter::repeat_with(next).take(count).collect()
        }
    }

    #[test]
    fn random_sequences_agree_with_the_model() {
        let (start, budget, mut rounds) = (Instant::now(), Duration::from_secs(2), 0_u64);
        while start.elapsed() < budget {
            let seed = rounds.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let bytes = Random(seed).bytes(400);
            let input = Input::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
            let shown = format!("seed {seed}: {input:?}");
            if std::panic::catch_unwind(|| run(input)).is_err() {
                panic!("{shown}");
            }
            rounds += 1;
        }
        println!("{rounds} sequences");
    }
}
