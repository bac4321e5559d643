//! loom models of the files that hold `unsafe`. Run by `cargo xtask loom`.
//!
//! A lost wake-up shows as a deadlock, a race on a cell as a failed access, a wrong ordering as an
//! assertion on a stale value.

mod broadcast;
mod cancel;
mod channel;
mod group;
mod levels;
mod list;
mod mutex;
mod notify;
mod once;
mod oneshot;
mod ops;
mod parker;
mod ready;
mod ring;
mod rwlock;
mod semaphore;
#[cfg(all(feature = "shm", target_os = "linux", target_pointer_width = "64"))]
mod shm;
mod spsc;
mod timer;
mod wait_group;
mod waitlist;
mod watch;
