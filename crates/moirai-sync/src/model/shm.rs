//! Models of the ring that two processes share: messages are whole, and nobody sleeps for ever. Between two
//! threads of a model, for which the orderings mean what they mean between two processes.

use std::sync::Arc;

use loom::sync::atomic::AtomicU64;
use loom::thread;

use crate::shm::bell::Look;
use crate::shm::ring::{Consumer, Life, Places, Pop, Producer, Push, Role, Shared};

/// What is mapped.
struct Memory {
    shared: Shared,
    words: Vec<AtomicU64>,
    capacity: u64,
}

impl Memory {
    fn new(capacity: u64) -> Arc<Self> {
        let words = (0..capacity * WORDS_EACH as u64).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { shared: Shared::new(), words, capacity })
    }

    fn places(&self) -> Places<'_> {
        Places { words: &self.words, words_each: WORDS_EACH, capacity: self.capacity }
    }
}

/// A message of which half would be seen.
fn message(n: u8) -> [u8; BYTES] {
    [n; BYTES]
}

const BYTES: usize = 12;
const WORDS_EACH: usize = 2;

/// Sleeps until `attempt` yields something; nobody asks for the time, so a wake-up that is lost is seen.
fn wait<T>(memory: &Memory, role: Role, mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        let mut result = attempt();
        if result.is_none() {
            memory.shared.side(role).bell().sleep_unless(
                || {
                    result = attempt();
                    if result.is_some() { Look::Ready } else { Look::Nothing }
                },
                std::time::Duration::MAX,
            );
        }
        if let Some(result) = result {
            return result;
        }
    }
}

fn send(memory: &Memory, producer: &mut Producer, n: u8) {
    wait(memory, Role::Sender, || {
        match producer.push(&memory.shared, &memory.places(), &message(n)).unwrap() {
            Push::Done => Some(()),
            Push::Full => None,
        }
    });
}

/// The next message, or nothing if the sender has left.
fn receive(memory: &Memory, consumer: &mut Consumer) -> Option<u8> {
    wait(memory, Role::Receiver, || {
        // Before the attempt: what was sent before the sender left is there.
        let life = memory.shared.life(Role::Sender);
        let mut received = message(0);
        match consumer.pop(&memory.shared, &memory.places(), &mut received).unwrap() {
            Pop::Done => {
                assert_eq!(received, message(received[0]), "torn");
                Some(Some(received[0]))
            }
            Pop::Empty if life == Life::Left => Some(None),
            Pop::Empty => None,
        }
    })
}

fn ends(memory: &Memory) -> (Producer, Consumer) {
    let places = memory.places();
    let producer = Producer::resume(&memory.shared, &places).unwrap();
    (producer, Consumer::resume(&memory.shared, &places).unwrap())
}

/// Both sides come to sleep: the sender at a full ring, the receiver at an empty one.
#[test]
fn two_sides_of_one_place_wake_each_other() {
    loom::model(|| {
        let memory = Memory::new(1);
        let (mut producer, mut consumer) = ends(&memory);
        let other = Arc::clone(&memory);
        let sender = thread::spawn(move || (1..=2).for_each(|n| send(&other, &mut producer, n)));
        assert_eq!(receive(&memory, &mut consumer), Some(1));
        assert_eq!(receive(&memory, &mut consumer), Some(2));
        sender.join().unwrap();
    });
}

/// Who leaves has sent what it sent, and wakes who waits for more.
#[test]
fn a_sender_that_leaves_is_noticed_after_its_last_message() {
    loom::model(|| {
        let memory = Memory::new(2);
        let (mut producer, mut consumer) = ends(&memory);
        memory.shared.attach(Role::Sender);
        let other = Arc::clone(&memory);
        let sender = thread::spawn(move || {
            send(&other, &mut producer, 1);
            other.shared.leave(Role::Sender);
        });
        assert_eq!(receive(&memory, &mut consumer), Some(1));
        assert_eq!(receive(&memory, &mut consumer), None);
        sender.join().unwrap();
    });
}

/// Who waits for somebody to come is woken by that.
#[test]
fn who_comes_wakes_who_waits_for_him() {
    loom::model(|| {
        let memory = Memory::new(1);
        let other = Arc::clone(&memory);
        let coming = thread::spawn(move || other.shared.attach(Role::Receiver));
        let life = wait(&memory, Role::Sender, || match memory.shared.life(Role::Receiver) {
            Life::Nobody => None,
            life => Some(life),
        });
        assert_eq!(life, Life::There(1));
        coming.join().unwrap();
    });
}

/// The next sender goes on while the receiver takes what the last one has sent.
#[test]
fn a_sender_goes_on_where_the_last_one_left_off() {
    loom::model(|| {
        let memory = Memory::new(2);
        let (mut producer, mut consumer) = ends(&memory);
        send(&memory, &mut producer, 1);
        let other = Arc::clone(&memory);
        let next = thread::spawn(move || {
            let mut producer = Producer::resume(&other.shared, &other.places()).unwrap();
            send(&other, &mut producer, 2);
            send(&other, &mut producer, 3);
        });
        (1..=3).for_each(|n| assert_eq!(receive(&memory, &mut consumer), Some(n)));
        next.join().unwrap();
    });
}
