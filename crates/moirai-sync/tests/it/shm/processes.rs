//! Two processes: the test, and itself started again for one side.

use std::env;
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::shm::{OpenError, Peer, Ring, TransferError};

use super::{Frame, HANG, Name, frame, number};

/// This program, for one test, which sees what it is to do in the environment.
struct Again(Child);

impl Again {
    fn start(test: &str, variables: &[(&str, &OsStr)], stdin: Stdio) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args([&format!("shm::processes::{test}"), "--exact", "--test-threads=1"]);
        command.envs(variables.iter().copied()).stdin(stdin).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The names of the rings; a process that has them in its environment is the other one.
const RING: &str = "MOIRAI_TEST_RING";
const ANSWERS: &str = "MOIRAI_TEST_ANSWERS";
const FIRST: &str = "MOIRAI_TEST_FIRST";

/// Numbers from a seed that is printed: xorshift64*.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let seed = RandomState::new().hash_one(0) | 1;
        println!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % n
    }
}

#[test]
fn messages_cross_processes_whole_and_in_order() {
    if let Some(name) = env::var_os(RING) {
        let mut sender = Ring::open(name).unwrap().sender().unwrap();
        return (0..20_000).for_each(|n| sender.send(&frame(n)).unwrap());
    }
    let name = Name::new();
    let ring = Ring::<Frame>::create(&name, 8).unwrap();
    let mut receiver = ring.receiver().unwrap();
    let test = "messages_cross_processes_whole_and_in_order";
    let _other = Again::start(test, &[(RING, name.0.as_os_str())], Stdio::null());
    for n in 0..20_000 {
        assert_eq!(receiver.recv_timeout(HANG).map(|it| number(&it)), Ok(n));
    }
    assert_eq!(receiver.recv_timeout(HANG), Err(TransferError::Disconnected));
}

/// The ring has no name: the other process finds it as its standard input.
#[test]
fn a_ring_without_a_name_is_inherited() {
    if env::var_os(RING).is_some() {
        let fd = io::stdin().as_fd().try_clone_to_owned().unwrap();
        let ring = Ring::<u64>::from_fd(fd).unwrap();
        return ring.sender().unwrap().send(&7).unwrap();
    }
    let ring = Ring::<u64>::anonymous(1).unwrap();
    let mut receiver = ring.receiver().unwrap();
    let stdin = Stdio::from(ring.as_fd().try_clone_to_owned().unwrap());
    let test = "a_ring_without_a_name_is_inherited";
    let _other = Again::start(test, &[(RING, OsStr::new("stdin"))], stdin);
    assert_eq!(receiver.recv_timeout(HANG), Ok(7));
    assert_eq!(receiver.recv_timeout(HANG), Err(TransferError::Disconnected));
}

/// Killed at any moment, in the middle of a message too: what was sent before is received, whole and in
/// order, then the death is told, and the next sender goes on.
#[test]
fn a_killed_sender_is_noticed_and_the_next_one_goes_on() {
    if let (Some(name), Ok(first)) = (env::var_os(RING), env::var(FIRST)) {
        let mut sender = Ring::open(name).unwrap().sender().unwrap();
        let first: u64 = first.parse().unwrap();
        return (first..).try_for_each(|n| sender.send(&[n; WORDS])).unwrap_or_default();
    }
    let mut random = Random::new();
    let name = Name::new();
    let ring = Ring::<[u64; WORDS]>::create(&name, 64).unwrap();
    let mut receiver = ring.receiver().unwrap();
    let (mut expected, mut longest) = (0, Duration::ZERO);
    for round in 0..ROUNDS {
        let first = expected.to_string();
        let variables = [(RING, name.0.as_os_str()), (FIRST, OsStr::new(&first))];
        let test = "a_killed_sender_is_noticed_and_the_next_one_goes_on";
        let mut other = Again::start(test, &variables, Stdio::null());
        receiver.wait_for_peer(HANG).unwrap();
        assert!(matches!(ring.sender(), Err(OpenError::Taken { .. })));
        for _ in 0..random.below(500) {
            assert_eq!(receiver.recv_timeout(HANG).map(|it| number(&it)), Ok(expected));
            expected += 1;
        }
        // There is room for as much as it writes meanwhile.
        let moment = Instant::now() + Duration::from_micros(random.below(500));
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        other.kill();
        let killed = Instant::now();
        loop {
            match receiver.recv_timeout(HANG) {
                Ok(frame) => assert_eq!(number(&frame), expected, "round {round}"),
                Err(error) => break assert_eq!(error, TransferError::PeerDied),
            }
            expected += 1;
        }
        longest = longest.max(killed.elapsed());
        assert_eq!(receiver.peer(), Peer::Died);
        // Without a wait, too; and for as long as nobody has come.
        assert_eq!(receiver.try_recv(), Err(TransferError::PeerDied));
        assert_eq!(receiver.recv(), Err(TransferError::PeerDied));
    }
    println!("{expected} messages, {ROUNDS} deaths noticed within {longest:?}");
}

/// The same for the other side: the sender hears of it once the ring is full, and what was not received is
/// there for the next.
#[test]
fn a_killed_receiver_is_noticed_and_the_next_one_goes_on() {
    if let (Some(name), Some(answers)) = (env::var_os(RING), env::var_os(ANSWERS)) {
        let mut receiver = Ring::<Frame>::open(name).unwrap().receiver().unwrap();
        let mut answers = Ring::open(answers).unwrap().sender().unwrap();
        while let Ok(frame) = receiver.recv() {
            answers.send(&number(&frame)).unwrap();
        }
        return;
    }
    let mut random = Random::new();
    let (name, answers) = (Name::new(), Name::new());
    let ring = Ring::<Frame>::create(&name, 8).unwrap();
    let answers_ring = Ring::<u64>::create(&answers, 8).unwrap();
    let mut answered = answers_ring.receiver().unwrap();
    let mut sender = ring.sender().unwrap();
    let (mut next, mut longest) = (0, Duration::ZERO);
    for round in 0..ROUNDS {
        let variables = [(RING, name.0.as_os_str()), (ANSWERS, answers.0.as_os_str())];
        let test = "a_killed_receiver_is_noticed_and_the_next_one_goes_on";
        let mut other = Again::start(test, &variables, Stdio::null());
        answered.wait_for_peer(HANG).unwrap();
        let kill_at = next + random.below(3000);
        let (first, mut last) = (next, None);
        let draining = thread::scope(|scope| {
            let draining = scope.spawn(|| {
                let mut numbers = Vec::new();
                loop {
                    match answered.recv_timeout(HANG) {
                        Ok(number) => numbers.push(number),
                        Err(error) => break (numbers, error),
                    }
                }
            });
            let mut killed = None;
            loop {
                if next == kill_at {
                    other.kill();
                    killed = Some(Instant::now());
                }
                match sender.send_timeout(&frame(next), HANG) {
                    Ok(()) => next += 1,
                    Err(error) => break assert_eq!(error, TransferError::PeerDied),
                }
            }
            longest = longest.max(killed.unwrap().elapsed());
            draining.join().unwrap()
        });
        let (numbers, error) = draining;
        assert_eq!(error, TransferError::PeerDied);
        for number in numbers {
            assert_eq!(number, last.map_or(first, |last| last + 1), "round {round}");
            last = Some(number);
        }
        // What it had taken and not answered is gone: one message, or none.
        let mut left = Vec::new();
        let mut receiver = ring.receiver().unwrap();
        while let Ok(frame) = receiver.try_recv() {
            left.push(number(&frame));
        }
        let unanswered = left[0] - last.map_or(first, |last| last + 1);
        assert!(unanswered <= 1, "round {round}: {unanswered}");
        assert!(left.iter().copied().eq(left[0]..next), "round {round}");
        assert_eq!(left.len(), 8, "the ring was full");
    }
    println!("{next} messages, {ROUNDS} deaths noticed within {longest:?}");
}

/// The name of a killed process stays, with what it has sent.
#[test]
fn what_a_killed_process_has_made_can_be_opened() {
    if let Some(name) = env::var_os(RING) {
        let ring = Ring::create(name, 2).unwrap();
        let mut sender = ring.sender().unwrap();
        sender.send(&7_u64).unwrap();
        sender.send(&8).unwrap();
        let full = sender.send(&9); // until it is killed
        unreachable!("{full:?}");
    }
    let name = Name::new();
    let test = "what_a_killed_process_has_made_can_be_opened";
    let mut other = Again::start(test, &[(RING, name.0.as_os_str())], Stdio::null());
    let end = Instant::now() + HANG;
    let ring = loop {
        match Ring::<u64>::open(&name) {
            Ok(ring) => break ring,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        thread::yield_now();
    };
    let mut receiver = ring.receiver().unwrap();
    assert_eq!(receiver.recv_timeout(HANG), Ok(7));
    other.kill();
    let rest: Vec<_> = std::iter::from_fn(|| receiver.recv_timeout(HANG).ok()).collect();
    assert!(rest == [8] || rest == [8, 9], "{rest:?}");
    assert!(name.is_there());
    assert!(matches!(Ring::<u64>::create(&name, 2), Err(OpenError::Io { .. })));
    drop(receiver);
    let again = Ring::<u64>::open_or_create(&name, 2).unwrap();
    again.sender().unwrap().send(&10).unwrap();
    assert_eq!(again.receiver().unwrap().recv(), Ok(10));
}

/// A message that is being written for most of the time, so that many a sender dies in the middle of one.
const WORDS: usize = 4096;
const ROUNDS: usize = 6;
