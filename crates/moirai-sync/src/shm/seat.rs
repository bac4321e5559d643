//! Who has a side, and whether he lives: a lock on a byte of the file, which the kernel gives back when a
//! process ends in whatever way.
//!
//! The lock belongs to an open file description, so each end opens the file anew: two ends in one process
//! are two owners, and nothing is lost when another descriptor of the file is closed. It cannot be forged
//! by what the other process writes into memory, and needs no number of a process, which another one may
//! have by now, or which means nothing in another container.
//!
//! ```text
//!             lock of the byte   `life`               the other side sees
//!   nobody      free               0                    Absent
//!   there       held               odd                  Present
//!   left        free               even                 Left
//!   killed      free               odd                  Died
//! ```
//! Who comes takes the lock first, then changes `life`; who leaves changes `life`, then frees the lock. So
//! only who has died leaves a free lock beside an odd number, which is looked at before and after the
//! lock.

#![allow(unsafe_code, reason = "libc's fcntl, whose locks rustix does not have")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{Mode, OFlags};

use super::error::OpenError;
use super::ring::{Life, Role, Shared};

/// One side of a ring, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    /// The only descriptor of its description, but for those of children that this process forks.
    file: File,
}

/// Who is on the other side of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// Nobody, and nobody has been.
    Absent,
    /// A living process.
    Present,
    /// Nobody: the last one has dropped its end.
    Left,
    /// Nobody: the last one has ended with its end in its hands.
    Died,
}

impl Seat {
    /// Takes the side `role` of the ring in `file`.
    pub(super) fn take(file: BorrowedFd<'_>, role: Role) -> Result<Self, OpenError> {
        let file = reopen(file).map_err(OpenError::io("open the ring again"))?;
        match lock(&file, libc::F_OFD_SETLK, role) {
            Ok(_) => Ok(Self { file }),
            Err(error) if is_taken(&error) => Err(OpenError::taken(role)),
            Err(error) => Err(OpenError::io("lock a side of the ring")(error)),
        }
    }

    /// Who has the side `role`, which is not this one.
    pub(super) fn peer(&self, role: Role, shared: &Shared) -> Peer {
        loop {
            let there = match shared.life(role) {
                Life::Nobody => return Peer::Absent,
                Life::Left => return Peer::Left,
                there @ Life::There(_) => there,
            };
            // Where the system does not say, nobody is called dead.
            let holder = lock(&self.file, libc::F_OFD_GETLK, role);
            if holder.is_ok_and(|holder| i32::from(holder.l_type) != libc::F_UNLCK) {
                return Peer::Present;
            }
            // It may have left meanwhile, or another one have come.
            if shared.life(role) == there {
                return Peer::Died;
            }
        }
    }
}

/// Opens what `file` is of anew: for a lock of its own.
fn reopen(file: BorrowedFd<'_>) -> io::Result<File> {
    let path = path_of(file);
    let file = rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    Ok(File::from(file))
}

/// A path to whatever `file` is of, also if it has no name.
pub(super) fn path_of(file: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES))
}

/// Locks the byte of `role`, or finds out who has.
fn lock(file: &File, command: libc::c_int, role: Role) -> io::Result<libc::flock> {
    // SAFETY: plain numbers, all of which may be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = match role {
        Role::Sender => 0,
        Role::Receiver => 1,
    };
    lock.l_len = 1;
    // SAFETY: an open descriptor, and a lock that lives for the call, as both commands want.
    let result = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), command, &raw mut lock) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(lock) }
}
