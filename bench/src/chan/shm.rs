//! Messages of 8 bytes through memory that two processes may share, beside what else goes between
//! processes. Both ends are threads here: what passes between them is the same.

use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use moirai_sync::shm::{Receiver, Ring, Sender};

use super::ends::{BlockingRx, BlockingTx};
use super::{case, on_threads, one_each};
use crate::harness::Case;

const CAPACITY: usize = 1024;

impl BlockingTx for Sender<u64> {
    fn send(&mut self, message: u64) {
        Self::send(self, &message).expect("the receiver is there");
    }
}

impl BlockingRx for Receiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        Self::recv(self).ok()
    }
}

/// What takes and gives bytes, a message at a time.
macro_rules! bytes {
    ($tx:ty, $rx:ty) => {
        impl BlockingTx for $tx {
            fn send(&mut self, message: u64) {
                self.write_all(&message.to_ne_bytes()).expect("the reader is there");
            }
        }

        impl BlockingRx for $rx {
            fn recv(&mut self) -> Option<u64> {
                let mut bytes = [0; 8];
                self.read_exact(&mut bytes).ok()?;
                Some(u64::from_ne_bytes(bytes))
            }
        }
    };
}

bytes!(PipeWriter, PipeReader);
bytes!(UnixStream, UnixStream);

pub(super) fn case_shm() -> Case {
    let entrants = vec![
        on_threads("moirai@threads", || {
            let ring = Ring::anonymous(CAPACITY).expect("the memory is there");
            let ends = ring.sender().and_then(|sender| Ok((sender, ring.receiver()?)));
            one_each(ends.expect("nobody else has it"))
        }),
        on_threads("pipe@threads", || {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            one_each((writer, reader))
        }),
        on_threads("socket@threads", || one_each(UnixStream::pair().expect("two sockets"))),
    ];
    case("shm", "per message of 8 bytes, 1:1, between processes", entrants)
}
