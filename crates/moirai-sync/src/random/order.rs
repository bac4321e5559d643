//! Order under random schedules: what one sender has sent is received in the order of its sends, whichever
//! way it sends and whichever way others receive.
//!
//! With several receivers that means: nothing is received before a receive begins that gets what the same
//! sender has sent earlier. A receive takes its times from a clock that everybody moves on.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::thread;

use super::{draw, explore, poll_and_cancel};
use crate::channel::{
    Permit, Receiver, SendError, Sender, TryRecvError, bounded, mpsc, priority, rendezvous, spsc,
    unbounded,
};
use crate::{Select, SelectSet, select, select_biased, strand};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Message {
    sender: u32,
    /// What has a level comes in order with what has the same.
    level: u32,
    number: u32,
}

/// What was sent, and what was received when.
#[derive(Default)]
struct Ledger {
    clock: AtomicU32,
    sent: Mutex<Vec<Message>>,
    received: Mutex<Vec<Receipt>>,
}

#[derive(Clone, Copy, Debug)]
struct Receipt {
    message: Message,
    began: u32,
    ended: u32,
}

impl Ledger {
    fn tick(&self) -> u32 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    fn sent(&self, messages: &[Message]) {
        self.sent.lock().unwrap().extend(messages);
    }

    fn received(&self, began: u32, messages: &[Message]) {
        for (place, message) in messages.iter().enumerate() {
            let is_later = |other: &&Message| is_before(message, other);
            let later = messages[..place].iter().find(is_later);
            assert!(later.is_none(), "{later:?} came before {message:?}, in one batch");
        }
        let ended = self.tick();
        let receipts = messages.iter().map(|&message| Receipt { message, began, ended });
        self.received.lock().unwrap().extend(receipts);
    }

    /// All that was sent was received once, and in order.
    fn check(&self) {
        let received = self.received.lock().unwrap();
        for message in self.sent.lock().unwrap().iter() {
            let times = received.iter().filter(|receipt| receipt.message == *message).count();
            assert_eq!(times, 1, "{message:?} was received {times} times");
        }
        for later in received.iter() {
            let earlier = received.iter().find(|earlier| {
                is_before(&earlier.message, &later.message) && later.ended < earlier.began
            });
            assert!(earlier.is_none(), "{later:?} came before {earlier:?}");
        }
    }
}

fn is_before(one: &Message, other: &Message) -> bool {
    let of_one_kind = one.sender == other.sender && one.level == other.level;
    of_one_kind && one.number < other.number
}

/// Whether receives are given up that may have been brought something. At a rendezvous that is left to
/// others then, and may come later than what was sent after it; unless senders wait until they are met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Receives {
    Stay,
    Leave,
}

/// How many of the first ways to send wait until they are met.
const WAYS_MET: u32 = 5;

/// Sends some of `messages` in one way; says how many, from the front.
fn send(sender: &Sender<Message>, ways: u32, messages: &[Message]) -> usize {
    let message = messages[0];
    let keep = |permit: Result<Permit<'_, Message>, SendError<()>>| match permit {
        Ok(permit) if draw(4) > 0 => {
            permit.send(message);
            true
        }
        _ => false,
    };
    let mut batch = messages.to_vec();
    let sent = match draw(ways) {
        0 | 1 => sender.send(message).is_ok(),
        2 => sender.send_timeout(message, SOON).is_ok(),
        3 => strand::block_on(sender.send_async(message)).is_ok(),
        // Perhaps it was.
        4 => poll_and_cancel(sender.send_async(message), draw(3)).is_some_and(|sent| sent.is_ok()),
        5 | 6 => sender.try_send(message).is_ok(),
        7 => keep(sender.reserve()),
        8 => keep(strand::block_on(sender.reserve_async())),
        9 => keep(sender.try_reserve().map_err(|_| SendError(()))),
        10 => select! { send(sender, message) -> sent => sent.is_ok() },
        11 => select! { send(sender, message) -> sent => sent.is_ok(), default => false },
        12 => select_biased! {
            send(sender, message) -> sent => sent.is_ok(),
            default(SOON) => false,
        },
        13 => strand::block_on(async {
            select!(async { send(sender, message) -> sent => sent.is_ok() }).await
        }),
        14 => {
            let mut select = Select::new();
            select.send(sender);
            select.select().send(sender, message).is_ok()
        }
        15 => {
            let mut set = SelectSet::new();
            set.send(sender);
            set.ready();
            sender.try_send(message).is_ok()
        }
        way => {
            match way {
                16 => sender.send_batch(&mut batch).unwrap(),
                _ => strand::block_on(sender.send_batch_async(&mut batch)).unwrap(),
            }
            return messages.len();
        }
    };
    usize::from(sent)
}

const WAYS_TO_SEND: u32 = 18;

/// Sends messages of some levels, each in its own way.
fn send_levels(sender: &Sender<Message>, levels: u32, me: u32, ledger: &Ledger) {
    for number in 0..MESSAGES {
        let message = Message { sender: me, level: draw(levels), number };
        let level = message.level as u8;
        let sent = match draw(3) {
            0 => sender.try_send_priority(message, level).is_ok(),
            1 => sender.send_priority(message, level).is_ok(),
            _ => strand::block_on(sender.send_priority_async(message, level)).is_ok(),
        };
        ledger.sent(&[message][..usize::from(sent)]);
    }
}

/// Sends messages with `send`, each in its own way; what is not sent is left out.
fn send_all(me: u32, ledger: &Ledger, mut send: impl FnMut(&[Message]) -> usize) {
    let messages: Vec<_> =
        (0..MESSAGES).map(|number| Message { sender: me, level: 0, number }).collect();
    let mut left = &messages[..];
    while !left.is_empty() {
        let n = send(left);
        ledger.sent(&left[..n]);
        left = &left[n.max(1)..];
    }
}

/// What a receive gave: messages, nothing, or the end.
type Got = Result<Vec<Message>, End>;
struct End;

fn got(result: Result<Message, impl Sized>) -> Got {
    result.map(|message| vec![message]).map_err(|_| End)
}

fn tried(result: Result<Message, TryRecvError>) -> Got {
    match result {
        Ok(message) => Ok(vec![message]),
        Err(TryRecvError::Empty) => Ok(Vec::new()),
        Err(TryRecvError::Disconnected) => Err(End),
    }
}

/// Receives in one way.
fn receive(receiver: &Receiver<Message>, receives: Receives) -> Got {
    let mut batch = Vec::new();
    match draw(if receives == Receives::Stay { 16 } else { 18 }) {
        0 | 1 => got(receiver.recv()),
        2 => tried(receiver.try_recv()),
        3 | 4 => match receiver.recv_timeout(SOON) {
            Err(error) if error.is_timeout() => Ok(Vec::new()),
            result => got(result),
        },
        5 | 6 => got(strand::block_on(receiver.recv_async())),
        7 => select! { recv(receiver) -> message => got(message) },
        8 => select! { recv(receiver) -> message => got(message), default => Ok(Vec::new()) },
        9 => select! { recv(receiver) -> message => got(message), default(SOON) => Ok(Vec::new()) },
        10 => strand::block_on(async {
            select!(async { recv(receiver) -> message => got(message) }).await
        }),
        11 => {
            let mut select = Select::new();
            select.recv(receiver);
            got(select.select().recv(receiver))
        }
        12 => {
            let mut select = Select::new();
            select.recv(receiver);
            select.ready();
            tried(receiver.try_recv())
        }
        13 => {
            let mut set = SelectSet::new();
            set.recv(receiver);
            set.ready();
            tried(receiver.try_recv())
        }
        14 => receiver.recv_batch(&mut batch, 2).map(|_| batch).map_err(|_| End),
        15 => {
            let received = strand::block_on(receiver.recv_batch_async(&mut batch, 2));
            received.map(|_| batch).map_err(|_| End)
        }
        16 => poll_and_cancel(receiver.recv_async(), draw(3)).map_or(Ok(Vec::new()), got),
        _ => {
            let select =
                async { select!(async { recv(receiver) -> message => got(message) }).await };
            poll_and_cancel(select, draw(3)).unwrap_or(Ok(Vec::new()))
        }
    }
}

/// Receives with `receive` until the end.
fn receive_all(ledger: &Ledger, mut receive: impl FnMut() -> Got) {
    loop {
        let began = ledger.tick();
        match receive() {
            Ok(messages) if messages.is_empty() => thread::yield_now(),
            Ok(messages) => ledger.received(began, &messages),
            Err(End) => return,
        }
    }
}

/// One or two senders, each a thread that calls `send_all`, and one or two receivers.
fn meet(
    (sender, receiver): (Sender<Message>, Receiver<Message>),
    receives: Receives,
    send_all: impl Fn(&Sender<Message>, u32, &Ledger) + Clone + Send + 'static,
) {
    let ledger = Arc::new(Ledger::default());
    let mut threads = Vec::new();
    for me in 0..1 + draw(2) {
        let (sender, ledger, send_all) = (sender.clone(), Arc::clone(&ledger), send_all.clone());
        threads.push(thread::spawn(move || send_all(&sender, me, &ledger)));
    }
    drop(sender);
    for _ in 0..1 + draw(2) {
        let (receiver, ledger) = (receiver.clone(), Arc::clone(&ledger));
        threads.push(thread::spawn(move || {
            receive_all(&ledger, || receive(&receiver, receives));
        }));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    ledger.check();
}

#[test]
fn at_a_rendezvous_messages_come_in_order_from_each_sender() {
    explore(SCHEDULES, || {
        meet(rendezvous(), Receives::Stay, |sender, me, ledger| {
            send_all(me, ledger, |messages| send(sender, WAYS_TO_SEND, messages));
        });
    });
}

#[test]
fn at_a_rendezvous_whoever_leaves_disturbs_no_order_of_those_who_are_met() {
    explore(SCHEDULES, || {
        meet(rendezvous(), Receives::Leave, |sender, me, ledger| {
            send_all(me, ledger, |messages| send(sender, WAYS_MET, messages));
        });
    });
}

#[test]
fn in_a_queue_messages_come_in_order_from_each_sender() {
    explore(SCHEDULES, || {
        let channel = if draw(4) == 0 { unbounded() } else { bounded(1 + draw(3) as usize) };
        meet(channel, Receives::Leave, |sender, me, ledger| {
            send_all(me, ledger, |messages| send(sender, WAYS_TO_SEND, messages));
        });
    });
}

#[test]
fn of_one_level_messages_come_in_order_from_each_sender() {
    explore(SCHEDULES, || {
        let levels = 1 + draw(2);
        let channel = match draw(3) {
            0 => priority::unbounded(levels as usize),
            places => priority::bounded(levels as usize, places as usize),
        };
        meet(channel, Receives::Leave, move |sender, me, ledger| {
            send_levels(sender, levels, me, ledger);
        });
    });
}

/// Receives in one of the ways of an only receiver.
fn receive_alone(receiver: &mut spsc::Receiver<Message>) -> Got {
    let mut batch = Vec::new();
    match draw(10) {
        0 | 1 => got(receiver.recv()),
        2 => tried(receiver.try_recv()),
        3 => match receiver.recv_timeout(SOON) {
            Err(error) if error.is_timeout() => Ok(Vec::new()),
            result => got(result),
        },
        4 => got(strand::block_on(receiver.recv_async())),
        5 => poll_and_cancel(receiver.recv_async(), draw(3)).map_or(Ok(Vec::new()), got),
        6 => select! { recv(receiver) -> message => got(message) },
        7 => select! { recv(receiver) -> message => got(message), default(SOON) => Ok(Vec::new()) },
        8 => strand::block_on(async {
            select!(async { recv(receiver) -> message => got(message) }).await
        }),
        _ => receiver.recv_batch(&mut batch, 2).map(|_| batch).map_err(|_| End),
    }
}

/// Sends some of `messages` in one of the ways of an only sender; says how many, from the front.
fn send_alone(sender: &mut spsc::Sender<Message>, messages: &[Message]) -> usize {
    let message = messages[0];
    let mut batch = messages.to_vec();
    let sent = match draw(6) {
        0 => sender.send(message).is_ok(),
        1 => sender.try_send(message).is_ok(),
        2 => sender.send_timeout(message, SOON).is_ok(),
        3 => strand::block_on(sender.send_async(message)).is_ok(),
        4 => poll_and_cancel(sender.send_async(message), draw(3)).is_some_and(|sent| sent.is_ok()),
        _ => {
            sender.send_batch(&mut batch).unwrap();
            return messages.len();
        }
    };
    usize::from(sent)
}

#[test]
fn an_only_receiver_gets_messages_in_order_from_each_sender() {
    explore(SCHEDULES, || {
        let ledger = Arc::new(Ledger::default());
        let capacity = draw(3) as usize;
        let mut threads = Vec::new();
        let mut receiver = if draw(2) == 0 {
            let (mut sender, receiver) =
                if capacity == 0 { spsc::unbounded() } else { spsc::bounded(capacity) };
            let ledger = Arc::clone(&ledger);
            threads.push(thread::spawn(move || {
                send_all(0, &ledger, |messages| send_alone(&mut sender, messages));
            }));
            receiver
        } else {
            let (sender, receiver) =
                if capacity == 0 { mpsc::unbounded() } else { mpsc::bounded(capacity) };
            for me in 0..2 {
                let (sender, ledger) = (sender.clone(), Arc::clone(&ledger));
                threads.push(thread::spawn(move || {
                    send_all(me, &ledger, |messages| send(&sender, WAYS_TO_SEND, messages));
                }));
            }
            receiver
        };
        receive_all(&ledger, || receive_alone(&mut receiver));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        ledger.check();
    });
}

/// Of each sender.
const MESSAGES: u32 = 4;

/// In a model that is one yield.
const SOON: Duration = Duration::from_millis(1);

const SCHEDULES: usize = 10_000;
