//! Rings that processes share: what passes, who is there, what is left of a name.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "what a test calls")]

mod hostile;
mod processes;

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use moirai_sync::channel;
use moirai_sync::shm::{OpenError, Peer, Receiver, Ring, Sender, TransferError};
use moirai_sync::strand::{self, Clock, Hooks};
use proptest::prelude::*;
use rustix::time::{ClockId, clock_gettime};

/// What is written in two halves would be seen.
type Frame = [u64; 64];

fn frame(n: u64) -> Frame {
    [n; 64]
}

fn number(frame: &[u64]) -> u64 {
    assert!(frame.iter().all(|n| *n == frame[0]), "torn");
    frame[0]
}

/// Longer than anything here takes on a machine that is busy.
const HANG: Duration = Duration::from_secs(60);

/// A name that no other test has; whatever has it is removed.
struct Name(PathBuf);

impl Name {
    fn new() -> Self {
        static NAMES: AtomicUsize = AtomicUsize::new(0);
        let n = NAMES.fetch_add(1, Ordering::Relaxed);
        Self(Path::new("/dev/shm").join(format!("moirai-test-{}-{n}", std::process::id())))
    }

    fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.0).is_ok()
    }
}

impl AsRef<Path> for Name {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn kind<T>(result: Result<T, OpenError>) -> io::ErrorKind {
    match result {
        Err(OpenError::Io { source, .. }) => source.kind(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("there is a ring"),
    }
}

fn ends<T: Pod>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let ring = Ring::anonymous(capacity).unwrap();
    (ring.sender().unwrap(), ring.receiver().unwrap())
}

#[test]
fn messages_of_any_size_come_whole_and_in_order() {
    fn check<T: Pod + PartialEq + std::fmt::Debug>(message: impl Fn(u8) -> T) {
        let (mut sender, mut receiver) = ends(3);
        assert_eq!((sender.capacity(), receiver.capacity()), (3, 3));
        for lap in 0..10_u8 {
            (0..3).for_each(|n| sender.try_send(&message(3 * lap + n)).unwrap());
            assert_eq!(sender.try_send(&message(0)), Err(TransferError::WouldBlock));
            assert_eq!((sender.len(), receiver.len()), (3, 3));
            (0..3).for_each(|n| assert_eq!(receiver.try_recv(), Ok(message(3 * lap + n))));
            assert_eq!(receiver.try_recv(), Err(TransferError::WouldBlock));
            assert!(sender.is_empty() && receiver.is_empty());
        }
    }
    check(|_| ());
    check(|n| n);
    check(|n| [n, n + 1, n + 2]);
    check(|n| u64::from(n) << 40);
    check(|n| [u32::from(n), 7, u32::MAX]);
    check(|n| u128::MAX - u128::from(n));
    check(|n| [n; 1024]);
    check(|n| frame(n.into()));
}

proptest! {
    #![proptest_config(crate::cases(300, 0))]

    /// With ends that come and go.
    #[test]
    fn any_sequence_of_operations_does_what_a_queue_would(
        capacity in 1..5_usize,
        steps in prop::collection::vec(0..6_u8, 0..80),
    ) {
        let ring = Ring::<[u32; 3]>::anonymous(capacity).unwrap();
        let (mut sender, mut receiver) = (ring.sender().ok(), ring.receiver().ok());
        let mut model = VecDeque::new();
        for (n, step) in (0..).zip(steps) {
            match (step, &mut sender, &mut receiver) {
                (0 | 1, Some(sender), receiver) => {
                    let sent = sender.try_send(&[n, n + 1, n + 2]);
                    let full = match receiver {
                        Some(_) => TransferError::WouldBlock,
                        None => TransferError::Disconnected,
                    };
                    let expected = if model.len() < capacity { Ok(()) } else { Err(full) };
                    prop_assert_eq!(sent, expected);
                    if sent.is_ok() {
                        model.push_back(n);
                    }
                }
                (2 | 3, sender, Some(receiver)) => {
                    let empty = match sender {
                        Some(_) => TransferError::WouldBlock,
                        None => TransferError::Disconnected,
                    };
                    let expected = model.pop_front().map(|n| [n, n + 1, n + 2]).ok_or(empty);
                    prop_assert_eq!(receiver.try_recv(), expected);
                }
                (4, sender, _) => *sender = match sender.take() {
                    Some(_) => None,
                    None => ring.sender().ok(),
                },
                (5, _, receiver) => *receiver = match receiver.take() {
                    Some(_) => None,
                    None => ring.receiver().ok(),
                },
                _ => {}
            }
        }
    }
}

#[test]
fn a_side_is_taken_once_and_free_again_when_it_is_dropped() {
    let ring = Ring::<u8>::anonymous(1).unwrap();
    let again = Ring::<u8>::from_fd(ring.as_fd().try_clone_to_owned().unwrap()).unwrap();
    for _ in 0..3 {
        let sender = ring.sender().unwrap();
        let receiver = again.receiver().unwrap();
        for ring in [&ring, &again] {
            assert!(matches!(ring.sender(), Err(OpenError::Taken { side: "sender" })));
            assert!(matches!(ring.receiver(), Err(OpenError::Taken { side: "receiver" })));
        }
        assert_eq!((sender.peer(), receiver.peer()), (Peer::Present, Peer::Present));
        drop(sender);
        assert_eq!(receiver.peer(), Peer::Left);
    }
}

#[test]
fn a_name_is_there_as_long_as_who_made_it_and_no_longer() {
    let name = Name::new();
    let ring = Ring::<u64>::create(&name, 4).unwrap();
    assert_eq!(kind(Ring::<u64>::create(&name, 4)), io::ErrorKind::AlreadyExists);
    let mut sender = Ring::<u64>::open(&name).unwrap().sender().unwrap();
    assert!(name.is_there());
    let mut receiver = ring.receiver().unwrap();
    drop(ring);
    assert!(!name.is_there());
    assert_eq!(kind(Ring::<u64>::open(&name)), io::ErrorKind::NotFound);
    // The ends live on.
    sender.send(&7).unwrap();
    assert_eq!(receiver.recv(), Ok(7));

    // What another one has put there meanwhile stays.
    let ring = Ring::<u64>::create(&name, 4).unwrap();
    fs::remove_file(&name).unwrap();
    fs::write(&name, "theirs").unwrap();
    drop(ring);
    assert_eq!(fs::read(&name).unwrap(), b"theirs");
}

#[test]
fn whoever_comes_first_makes_the_ring_and_its_name_stays() {
    let name = Name::new();
    let first = Ring::<u64>::open_or_create(&name, 4).unwrap();
    let second = Ring::<u64>::open_or_create(&name, 9).unwrap();
    assert_eq!((first.capacity(), second.capacity()), (4, 4));
    first.sender().unwrap().send(&7).unwrap();
    drop((first, second));
    assert!(name.is_there());
    let later = Ring::<u64>::open(&name).unwrap();
    assert_eq!(later.receiver().unwrap().recv(), Ok(7));

    // Also if all come at once.
    let name = Name::new();
    thread::scope(|scope| {
        let come =
            || scope.spawn(|| Ring::<u64>::open_or_create(&name, 4).unwrap().sender().is_ok());
        let came: Vec<_> = (0..8).map(|_| come()).collect();
        assert!(came.into_iter().any(|came| came.join().unwrap()));
    });
}

#[test]
fn a_relative_name_and_one_in_a_folder_that_is_not_there() {
    let relative = PathBuf::from(format!("moirai-test-{}", std::process::id()));
    let ring = Ring::<u8>::create(&relative, 1).unwrap();
    assert!(relative.exists());
    drop(ring);
    assert!(!relative.exists());
    assert_eq!(kind(Ring::<u8>::create("/dev/shm/not/there", 1)), io::ErrorKind::NotFound);
}

#[test]
fn a_capacity_is_refused_beyond_its_limits() {
    let is_refused = |ring| matches!(ring, Err(OpenError::Capacity { .. }));
    assert!(is_refused(Ring::<()>::anonymous(0).map(drop)));
    assert!(is_refused(Ring::<()>::anonymous(CAPACITY_MAX + 1).map(drop)));
    assert_eq!(Ring::<()>::anonymous(CAPACITY_MAX).unwrap().capacity(), CAPACITY_MAX);
    // With messages that have a size, the file is too long first.
    assert!(is_refused(Ring::<u64>::anonymous(CAPACITY_MAX / 8).map(drop)));
    assert!(is_refused(Ring::<u64>::anonymous(usize::MAX).map(drop)));
}

const CAPACITY_MAX: usize = 1 << 40;

#[test]
fn who_waits_gets_what_comes_and_no_more_than_his_time() {
    let soon = Duration::from_millis(1);
    let (mut sender, mut receiver) = ends::<u32>(1);
    assert_eq!(receiver.recv_timeout(soon), Err(TransferError::TimedOut));
    assert_eq!(receiver.recv_deadline(Instant::now()), Err(TransferError::TimedOut));
    sender.send_timeout(&1, Duration::MAX).unwrap();
    assert_eq!(sender.send_timeout(&2, soon), Err(TransferError::TimedOut));
    assert_eq!(sender.send_deadline(&2, Instant::now()), Err(TransferError::TimedOut));
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Ok(1));

    let ring = Ring::<u32>::anonymous(1).unwrap();
    let mut sender = ring.sender().unwrap();
    assert_eq!(sender.peer(), Peer::Absent);
    assert_eq!(sender.wait_for_peer(soon), Err(TransferError::TimedOut));
    // The first receiver is waited for.
    sender.send(&1).unwrap();
    thread::scope(|scope| {
        let sending = scope.spawn(|| sender.send_timeout(&2, HANG).and_then(|()| sender.send(&3)));
        let mut receiver = ring.receiver().unwrap();
        (1..=3).for_each(|n| assert_eq!(receiver.recv_timeout(HANG), Ok(n)));
        assert_eq!(sending.join().unwrap(), Ok(()));
    });
}

#[test]
fn who_leaves_leaves_what_he_sent_and_wakes_who_waits() {
    let ring = Ring::<u32>::anonymous(2).unwrap();
    let (mut sender, mut receiver) = (ring.sender().unwrap(), ring.receiver().unwrap());
    sender.send(&1).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let received = (receiver.recv_timeout(HANG), receiver.recv_timeout(HANG));
            (received, receiver)
        });
        drop(sender);
        let (received, receiver) = waiting.join().unwrap();
        assert_eq!(received, (Ok(1), Err(TransferError::Disconnected)));
        // A new one is waited for, and woken for.
        let waiting = scope.spawn(move || {
            receiver.wait_for_peer(HANG).unwrap();
            receiver
        });
        let mut sender = ring.sender().unwrap();
        drop(waiting.join().unwrap());
        (1..=2).for_each(|n| sender.send(&n).unwrap());
        assert_eq!(sender.send(&3), Err(TransferError::Disconnected));
        assert_eq!(sender.try_send(&3), Err(TransferError::Disconnected));
        // They wait for the next receiver.
        let mut receiver = ring.receiver().unwrap();
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
    });
}

/// What a runtime is told, and what keeps a thread from trying before it sleeps.
#[derive(Default)]
struct Told(Cell<[u32; 2]>);

impl Hooks for Told {
    fn blocking_begin(&self) {
        let [begun, ended] = self.0.get();
        self.0.set([begun + 1, ended]);
    }
    fn blocking_end(&self) {
        let [begun, ended] = self.0.get();
        self.0.set([begun, ended + 1]);
    }
    fn clock(&self) -> &Arc<dyn Clock> {
        unreachable!("nobody asks for the time here")
    }
}

/// Each wait sleeps. A wake-up that is lost would take as long as a look for the dead: all of them, longer
/// than a hang.
#[test]
fn no_wake_up_is_lost() {
    let (mut ping, mut pinged) = ends::<u64>(1);
    let (mut pong, mut ponged) = ends::<u64>(1);
    let end = Instant::now() + HANG;
    let other = thread::spawn(move || {
        strand::with_hooks(&Told::default(), || {
            while let Ok(n) = pinged.recv() {
                pong.send_timeout(&n, HANG).unwrap();
            }
        });
    });
    strand::with_hooks(&Told::default(), || {
        for n in 0..500 {
            ping.send_deadline(&n, end).unwrap();
            assert_eq!(ponged.recv_deadline(end), Ok(n));
        }
    });
    drop(ping);
    other.join().unwrap();
}

#[test]
fn a_process_that_waits_uses_no_processor() {
    let (sender, mut receiver) = ends::<u64>(1);
    let processor_time = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
    };
    let wait = Duration::from_millis(600);
    let before = processor_time();
    assert_eq!(receiver.recv_timeout(wait), Err(TransferError::TimedOut));
    let cost = processor_time() - before;
    // A sixtieth of the wait, and a hundred times what it is.
    assert!(cost < Duration::from_millis(10), "{cost:?}");
    drop(sender);
}

/// On a worker of a runtime, the permit goes to another thread.
#[test]
fn a_wait_is_told_to_the_runtime() {
    let (mut sender, mut receiver) = ends::<u64>(1);
    let told = Told::default();
    strand::with_hooks(&told, || {
        sender.send(&7).unwrap();
        assert_eq!(receiver.recv(), Ok(7));
        assert_eq!(told.0.get(), [0, 0]);
        assert_eq!(receiver.recv_timeout(Duration::from_millis(1)), Err(TransferError::TimedOut));
        assert_eq!(told.0.get(), [1, 1]);
    });
}

#[test]
fn ends_and_rings_cross_threads() {
    fn both<T: Send + Sync>() {}
    both::<Ring<u8>>();
    both::<Sender<u8>>();
    both::<Receiver<u8>>();
    // And messages go on into channels of every other kind.
    let (mut sender, mut receiver) = ends::<u64>(4);
    let (forward, forwarded) = channel::unbounded();
    let forwarding = thread::spawn(move || {
        while let Ok(n) = receiver.recv() {
            forward.send(n).unwrap();
        }
    });
    (0..100).for_each(|n| sender.send(&n).unwrap());
    drop(sender);
    assert!(forwarded.iter().eq(0..100));
    forwarding.join().unwrap();
}

#[test]
fn errors_and_ends_say_what_they_are() {
    let (sender, receiver) = ends::<u8>(1);
    assert_eq!(format!("{sender:?}"), "Sender { peer: Present, .. }");
    drop(sender);
    assert_eq!(format!("{receiver:?}"), "Receiver { peer: Left, .. }");
    let error = Ring::<u8>::anonymous(0).unwrap_err();
    assert!(error.to_string().starts_with("`capacity` is 0, expected 1..="), "{error}");
    let error = Ring::<u8>::open("/dev/shm").unwrap_err();
    assert_eq!(error.to_string(), "cannot open the ring");
    assert!(std::error::Error::source(&error).is_some());
    let said = TransferError::PeerDied.to_string();
    assert_eq!(said, "the process on the other side has died");
}
