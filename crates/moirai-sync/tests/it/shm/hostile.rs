//! Files that are no rings, and processes that write what they may not.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, symlink};
use std::process::Command;
use std::time::Duration;

use moirai_sync::shm::{OpenError, Ring, TransferError};
use proptest::prelude::*;
use rustix::fs::{MemfdFlags, memfd_create};

use super::Name;

/// A ring, and the file behind it, which anybody can write who has it.
fn ring(capacity: usize) -> (Ring<u64>, File) {
    let ring = Ring::anonymous(capacity).unwrap();
    let file = File::from(ring.as_fd().try_clone_to_owned().unwrap());
    (ring, file)
}

/// What `Ring::<u64>::open` says of a ring for 4 messages after `change`.
fn opened(change: impl FnOnce(&File)) -> Result<(), OpenError> {
    let name = Name::new();
    let ring = Ring::<u64>::create(&name, 4).unwrap();
    change(&File::options().write(true).open(&name).unwrap());
    let opened = Ring::<u64>::open(&name).map(drop);
    drop(ring);
    opened
}

fn write(file: &File, offset: u64, word: u64) {
    file.write_all_at(&word.to_ne_bytes(), offset).unwrap();
}

// Where the words lie, as the module's documentation says.
const MAGIC: u64 = 0;
const VERSION: u64 = 8;
const MESSAGE_BYTES: u64 = 16;
const MESSAGE_ALIGN: u64 = 24;
const CAPACITY: u64 = 32;
const SENT: u64 = 128;
const RECEIVED: u64 = 256;
const SIDES: u64 = 384;
const PLACES: u64 = 4096;
const FILE_BYTES: u64 = PLACES + 4 * 8;
const POSITION_MAX: u64 = 1 << 61;

#[test]
fn a_file_that_is_not_as_it_should_be_is_refused_with_the_reason() {
    assert!(opened(|_| {}).is_ok());
    assert!(matches!(opened(|file| write(file, MAGIC, 0)), Err(OpenError::NotARing)));
    assert!(matches!(
        opened(|file| write(file, VERSION, 2)),
        Err(OpenError::Version { found: 2, expected: 1 })
    ));
    assert!(matches!(
        opened(|file| write(file, MESSAGE_BYTES, 16)),
        Err(OpenError::Message { found: (16, 8), expected: (8, 8) })
    ));
    assert!(matches!(
        opened(|file| write(file, MESSAGE_ALIGN, 4)),
        Err(OpenError::Message { found: (8, 4), expected: (8, 8) })
    ));
    assert!(matches!(
        opened(|file| write(file, CAPACITY, 5)),
        Err(OpenError::Length { found: FILE_BYTES, expected }) if expected == FILE_BYTES + 8
    ));
    for capacity in [0, 1 << 38, 1 << 61, u64::MAX] {
        let opened = opened(|file| write(file, CAPACITY, capacity));
        assert!(matches!(opened, Err(OpenError::Capacity { .. })), "{opened:?}");
    }
}

#[test]
fn a_file_of_another_length_is_refused() {
    for length in [FILE_BYTES - 1, FILE_BYTES + 1, PLACES, 40] {
        let opened = opened(|file| file.set_len(length).unwrap());
        assert!(
            matches!(opened, Err(OpenError::Length { found, expected: FILE_BYTES }) if found == length)
        );
    }
    for length in [39, 1, 0] {
        let opened = opened(|file| file.set_len(length).unwrap());
        assert!(matches!(opened, Err(OpenError::NotARing)), "{length}");
    }
}

/// A file with holes, for nobody has a terabyte.
#[test]
fn a_terabyte_is_mapped_and_a_byte_more_is_not() {
    const TERABYTE: u64 = 1 << 40;
    let most = (TERABYTE - PLACES) / 8;
    let opened = |capacity: u64| {
        opened(|file| {
            write(file, CAPACITY, capacity);
            file.set_len(PLACES + 8 * capacity).unwrap();
        })
    };
    assert!(opened(most).is_ok());
    assert!(matches!(opened(most + 1), Err(OpenError::Capacity { .. })));
}

#[test]
fn what_is_no_file_of_ours_is_refused_without_a_wait() {
    let (name, target) = (Name::new(), Name::new());
    assert!(Command::new("mkfifo").arg(name.as_ref()).status().unwrap().success());
    assert!(matches!(Ring::<u64>::open(&name), Err(OpenError::NotARing)));
    fs::remove_file(&name).unwrap();

    let _ring = Ring::<u64>::create(&target, 4).unwrap();
    symlink(&target, &name).unwrap();
    assert!(matches!(Ring::<u64>::open(&name), Err(OpenError::Io { .. })));
    assert!(matches!(Ring::<u64>::open("/dev/zero"), Err(OpenError::NotARing)));
    assert!(matches!(Ring::<u64>::open("/dev/shm"), Err(OpenError::Io { .. })));
}

#[test]
fn memory_that_can_become_shorter_is_refused_and_ours_cannot() {
    let (_ring, file) = ring(4);
    assert!(file.set_len(0).is_err());
    assert!(file.set_len(1 << 20).is_err());

    let unsealed = memfd_create("unsealed", MemfdFlags::CLOEXEC).unwrap();
    assert!(matches!(Ring::<u64>::from_fd(unsealed), Err(OpenError::Unsealed)));
    let name = Name::new();
    let ring = Ring::<u64>::create(&name, 4).unwrap();
    let named = ring.as_fd().try_clone_to_owned().unwrap();
    assert!(matches!(Ring::<u64>::from_fd(named), Err(OpenError::Unsealed)));
    let no_file = OwnedFd::from(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
    assert!(matches!(Ring::<u64>::from_fd(no_file), Err(OpenError::Unsealed)));
}

#[test]
fn a_position_that_cannot_be_is_an_error_until_it_can() {
    let (ring, file) = ring(4);
    let (mut sender, mut receiver) = (ring.sender().unwrap(), ring.receiver().unwrap());
    sender.send(&7).unwrap();
    for sent in [5, 1 << 40, u64::MAX] {
        write(&file, SENT, sent);
        assert_eq!(receiver.try_recv(), Err(TransferError::Corrupt));
        assert_eq!(receiver.recv(), Err(TransferError::Corrupt));
    }
    // The sender knows its own by heart.
    sender.send(&8).unwrap();
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(7), Ok(8)));

    (0..4).for_each(|n| sender.send(&n).unwrap());
    for received in [1, 7, u64::MAX] {
        write(&file, RECEIVED, received);
        assert_eq!(sender.try_send(&4), Err(TransferError::Corrupt));
        assert_eq!(sender.send(&4), Err(TransferError::Corrupt));
    }
    assert_eq!(receiver.recv(), Ok(0));
    assert_eq!(sender.try_send(&4), Ok(()));
    (1..5).for_each(|n| assert_eq!(receiver.recv(), Ok(n)));
}

#[test]
fn nobody_goes_on_from_positions_that_cannot_be() {
    let (ring, file) = ring(4);
    for (received, sent) in [(0, 5), (1, 0), (POSITION_MAX + 1, POSITION_MAX + 1), (0, u64::MAX)] {
        write(&file, RECEIVED, received);
        write(&file, SENT, sent);
        assert!(matches!(ring.sender(), Err(OpenError::Corrupt)), "{received} {sent}");
        assert!(matches!(ring.receiver(), Err(OpenError::Corrupt)), "{received} {sent}");
    }
    // The last ones that can be, and on from there.
    write(&file, RECEIVED, POSITION_MAX);
    write(&file, SENT, POSITION_MAX);
    let (mut sender, mut receiver) = (ring.sender().unwrap(), ring.receiver().unwrap());
    for n in 0..20 {
        sender.send(&n).unwrap();
        assert_eq!(receiver.recv(), Ok(n));
    }
}

/// Where the other process says that nobody sleeps, a wait ends by its limit.
#[test]
fn a_wait_ends_also_if_nobody_rings() {
    let (ring, file) = ring(1);
    let (sender, mut receiver) = (ring.sender().unwrap(), ring.receiver().unwrap());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| receiver.recv_timeout(Duration::from_secs(60)));
        // As if a sender wrote a message and its position, and rang nobody; over and over, for whoever
        // begins to wait later.
        write(&file, PLACES, 7);
        write(&file, SENT, 1);
        assert_eq!(waiting.join().unwrap(), Ok(7));
    });
    drop(sender);
}

/// What somebody does to a ring of four.
#[derive(Clone, Debug)]
enum Step {
    Send,
    Receive,
    Wait,
    NewSender,
    NewReceiver,
    Write(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let places = prop_oneof![
        Just(SENT),
        Just(RECEIVED),
        (0..4_u64).prop_map(|word| SIDES + 4 * word),
        (0..FILE_BYTES - 8),
    ];
    let words = prop_oneof![0..10_u64, any::<u64>(), (0..9_u64).prop_map(|n| POSITION_MAX - 4 + n)];
    prop_oneof![
        Just(Step::Send),
        Just(Step::Receive),
        Just(Step::Wait),
        Just(Step::NewSender),
        Just(Step::NewReceiver),
        (places, words).prop_map(|(place, word)| Step::Write(place, word)),
    ]
}

proptest! {
    #![proptest_config(crate::cases(500, 0))]

    /// Whatever is written, every call comes back, and nothing overflows or lies outside.
    #[test]
    fn whatever_is_written_into_a_ring_breaks_nobody(
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let (ring, file) = ring(4);
        let (mut sender, mut receiver) = (ring.sender().ok(), ring.receiver().ok());
        for step in steps {
            match step {
                Step::Send => drop(sender.as_mut().map(|sender| (sender.try_send(&7), sender.len()))),
                Step::Receive => drop(receiver.as_mut().map(|it| (it.try_recv(), it.len()))),
                Step::Wait => {
                    let moment = Duration::from_micros(1);
                    let _ = sender.as_mut().map(|sender| sender.send_timeout(&7, moment));
                    let _ = receiver.as_mut().map(|receiver| receiver.recv_timeout(moment));
                }
                Step::NewSender => {
                    drop(sender.take());
                    sender = ring.sender().ok();
                }
                Step::NewReceiver => {
                    drop(receiver.take());
                    receiver = ring.receiver().ok();
                }
                Step::Write(place, word) => write(&file, place, word),
            }
        }
    }

    /// Whatever the header says, it is refused, or it is that of a ring of its length.
    #[test]
    fn whatever_the_header_says_nothing_breaks(
        words in prop::collection::vec((0..5_u64, prop_oneof![0..9_u64, any::<u64>()]), 0..3),
        length in prop_oneof![Just(FILE_BYTES), 0..2 * FILE_BYTES],
    ) {
        let opened = opened(|file| {
            words.iter().for_each(|(place, word)| write(file, 8 * place, *word));
            file.set_len(length).unwrap();
        });
        if opened.is_ok() {
            prop_assert_eq!(length, FILE_BYTES);
        }
    }
}
