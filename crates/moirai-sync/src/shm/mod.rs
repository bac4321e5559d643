//! Messages between processes: a ring in memory that both have mapped.
//!
//! A [`Ring`] is a file, with a name ([`create`](Ring::create), [`open`](Ring::open)) or without one
//! ([`anonymous`](Ring::anonymous), [`from_fd`](Ring::from_fd)). It has one [`Sender`] and one [`Receiver`] at
//! a time, in any two processes of the machine, or in one. A message is plain data
//! ([`Pod`]), copied into the ring and out of it; nothing else is copied, and no call of
//! the system is made unless somebody waits. Needs the feature `shm`, and 64-bit Linux.
//!
//! ```no_run
//! use moirai_sync::shm::{Ring, TransferError};
//!
//! // One process:
//! let ring = Ring::<[f64; 2]>::create("/dev/shm/prices", 1024)?;
//! let mut sender = ring.sender()?;
//! sender.send(&[17.5, 3.0])?;
//!
//! // Another one:
//! let ring = Ring::<[f64; 2]>::open("/dev/shm/prices")?;
//! let mut receiver = ring.receiver()?;
//! loop {
//!     match receiver.recv() {
//!         Ok([price, amount]) => println!("{amount} at {price}"),
//!         Err(TransferError::Disconnected) => break, // it has left
//!         Err(TransferError::PeerDied) => receiver.wait_for_peer(std::time::Duration::MAX)?, // a new one
//!         Err(error) => return Err(error.into()),
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When a process ends
//!
//! | it | then the other side |
//! |---|---|
//! | drops its end | receives what is there, then gets [`Disconnected`](TransferError::Disconnected) |
//! | is killed, with its end in its hands | the same, then [`PeerDied`](TransferError::PeerDied), a quarter of a second later at most if it waits |
//! | is stopped, or does nothing | waits |
//!
//! The ring outlives them, and whoever takes the side next goes on where the last one left off: what was
//! sent whole is received, and what was being written is not there. A message that was being received when
//! the receiver was killed may be received again. Who has a side is known to the kernel, by a lock that
//! ends with the process; a child that is forked, and does not `exec`, inherits it.
//!
//! # Who may be trusted
//!
//! The other process may write anything anywhere in the ring, by mistake or on purpose. Then the messages
//! are nonsense, or there is an [`error`](TransferError::Corrupt), or an end waits although there is a
//! message; but nothing in this process is read or written that should not be. A file with a name can be
//! cut off by whoever may write to it, which kills who uses it (SIGBUS): it is made for its owner only, who
//! could do that anyway. The memory of [`anonymous`](Ring::anonymous) is sealed, so that nobody can.
//!
//! # Waiting
//!
//! An end that waits tries for some microseconds, then sleeps until the other process wakes it; four times a
//! second it asks whether that one lives. There are no async methods: nothing wakes a task from another
//! process without a thread that waits for it. So wait on a thread that may block (`spawn_blocking` of
//! `moirai-runtime`); on one of its workers it is allowed as well, for the worker's permit goes to another
//! thread meanwhile. A task of another executor can use [`try_recv`](Receiver::try_recv).
//!
//! # How it is built
//!
//! `layout` is the file, version 1; `ring` who moves what in it, and `bell` how a process sleeps: they are
//! modelled, and hold no `unsafe`. `map` makes memory of the file, `seat` knows who is there and who has
//! died, and `end` waits for the other side.

pub(crate) mod bell;
mod end;
mod error;
mod layout;
mod map;
mod receiver;
pub(crate) mod ring;
mod seat;
mod sender;

pub use error::{OpenError, TransferError};
pub use receiver::Receiver;
pub use seat::Peer;
pub use sender::Sender;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::Pod;
use rustix::fs::{AtFlags, CWD, FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags};

use end::End;
use layout::{FACTS_BYTES, Layout};
use map::Mapping;
use ring::{Consumer, Producer, Role};
use seat::Seat;

/// A ring of messages of type `T` that processes share; see the [module](self).
///
/// It is the way to the two ends, which live on without it. Who has made a name with
/// [`create`](Self::create) removes it by dropping this.
///
/// # Examples
///
/// ```
/// use moirai_sync::shm::{OpenError, Ring};
///
/// let path = std::env::temp_dir().join(format!("ring-{}", std::process::id()));
/// let ring = Ring::<u64>::create(&path, 8)?;
/// let mut sender = ring.sender()?;
/// sender.send(&7)?;
/// assert!(matches!(ring.sender(), Err(OpenError::Taken { .. })));
///
/// let theirs = Ring::<u64>::open(&path)?; // as another process would
/// assert_eq!(theirs.receiver()?.recv(), Ok(7));
/// assert!(matches!(Ring::<u32>::open(&path), Err(OpenError::Message { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "MemoryMappedRing")]
pub struct Ring<T> {
    mapping: Arc<Mapping>,
    file: File,
    /// What `create` has made.
    name: Option<PathBuf>,
    messages: PhantomData<fn(T) -> T>,
}

impl<T: Pod> Ring<T> {
    /// Makes a ring for `capacity` messages, as a file at `path`, for processes of the same user. Its memory
    /// is taken now. The name is removed when this is dropped, unless another file has it by then; if
    /// this process is killed, the name stays.
    ///
    /// Best below `/dev/shm`, which is memory only.
    ///
    /// # Errors
    ///
    /// [`OpenError::Capacity`]; [`OpenError::Io`] if the name is taken, the memory is not there, or the file
    /// system has no files without a name (`O_TMPFILE`), as which this one begins.
    pub fn create(path: impl AsRef<Path>, capacity: usize) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let mut ring = Self::make(path, capacity)?;
        ring.name = Some(path.to_owned());
        Ok(ring)
    }

    /// Opens the ring at `path`.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is not as it should be.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        // No terminal becomes ours, no pipe blocks, and no link leads elsewhere.
        let flags =
            OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = rustix::fs::open(path.as_ref(), flags, Mode::empty());
        let file = file.map_err(|error| OpenError::io("open the ring")(error.into()))?;
        Self::check(File::from(file))
    }

    /// Opens the ring at `path`, or makes it for `capacity` messages if there is none: for processes of which
    /// any may be the first. The name stays, until somebody removes it as any other file.
    ///
    /// # Errors
    ///
    /// As of [`open`](Self::open) and [`create`](Self::create). A ring that is there may have another
    /// capacity.
    pub fn open_or_create(path: impl AsRef<Path>, capacity: usize) -> Result<Self, OpenError> {
        let path = path.as_ref();
        for _ in 0..RACES_MAX {
            match Self::open(path) {
                Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
            match Self::make(path, capacity) {
                Err(OpenError::Io { source, .. })
                    if source.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made,
            }
        }
        Self::open(path)
    }

    /// Makes a ring without a name, for a process that is given its descriptor ([`AsFd`]): as one of its
    /// standard streams, or through a socket. Its memory is taken now, and sealed.
    ///
    /// # Errors
    ///
    /// [`OpenError::Capacity`]; [`OpenError::Io`] if the memory is not there.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::fd::AsFd;
    /// use moirai_sync::shm::Ring;
    ///
    /// let ring = Ring::<u64>::anonymous(8)?;
    /// let fd = ring.as_fd().try_clone_to_owned()?; // given to another process
    /// let theirs = Ring::<u64>::from_fd(fd)?;
    /// theirs.sender()?.send(&7)?;
    /// assert_eq!(ring.receiver()?.recv(), Ok(7));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn anonymous(capacity: usize) -> Result<Self, OpenError> {
        let layout = Layout::of::<T>(capacity)?;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("moirai-ring", flags);
        let file =
            file.map_err(|error| OpenError::io("make memory without a name")(error.into()))?;
        let file = File::from(file);
        fill(&file, &layout)?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals)
            .map_err(|error| OpenError::io("seal the memory")(error.into()))?;
        Self::map(file, layout)
    }

    /// Opens the ring that `fd` is of: one that [`anonymous`](Self::anonymous) has made.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is not as it should be; [`OpenError::Unsealed`] if it can become shorter.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, OpenError> {
        // Other files have no seals.
        let seals = rustix::fs::fcntl_get_seals(&fd).unwrap_or(SealFlags::empty());
        if !seals.contains(SealFlags::SHRINK) {
            return Err(OpenError::Unsealed);
        }
        Self::check(File::from(fd))
    }

    /// Takes the sending side, and goes on where the last sender has left off.
    ///
    /// # Errors
    ///
    /// [`OpenError::Taken`] while a living process has it, be it this one; [`OpenError::Corrupt`].
    pub fn sender(&self) -> Result<Sender<T>, OpenError> {
        let seat = Seat::take(self.file.as_fd(), Role::Sender)?;
        let resume = |mapping: &Mapping| Producer::resume(mapping.shared(), &mapping.places());
        let (end, producer) = End::new(&self.mapping, seat, Role::Sender, resume)?;
        Ok(Sender::new(end, producer))
    }

    /// Takes the receiving side, and goes on where the last receiver has left off.
    ///
    /// # Errors
    ///
    /// [`OpenError::Taken`] while a living process has it, be it this one; [`OpenError::Corrupt`].
    pub fn receiver(&self) -> Result<Receiver<T>, OpenError> {
        let seat = Seat::take(self.file.as_fd(), Role::Receiver)?;
        let resume = |mapping: &Mapping| Consumer::resume(mapping.shared(), &mapping.places());
        let (end, consumer) = End::new(&self.mapping, seat, Role::Receiver, resume)?;
        Ok(Receiver::new(end, consumer))
    }

    /// How many messages the ring holds at most.
    pub fn capacity(&self) -> usize {
        usize::try_from(self.mapping.places().capacity).unwrap_or(usize::MAX)
    }

    /// Makes the file without a name, and gives it one when it is whole: nobody sees half a ring, and
    /// nothing is left of one.
    fn make(path: &Path, capacity: usize) -> Result<Self, OpenError> {
        let layout = Layout::of::<T>(capacity)?;
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR);
        let file = file.map_err(|error| OpenError::io("make a file for the ring")(error.into()))?;
        let file = File::from(file);
        fill(&file, &layout)?;
        let ring = Self::map(file, layout)?;
        let from = seat::path_of(ring.file.as_fd());
        rustix::fs::linkat(CWD, from, CWD, path, AtFlags::SYMLINK_FOLLOW)
            .map_err(|error| OpenError::io("give the ring its name")(error.into()))?;
        Ok(ring)
    }

    /// Maps a file once it is known to be a ring of such messages.
    fn check(file: File) -> Result<Self, OpenError> {
        let metadata = file.metadata().map_err(OpenError::io("ask for the length of the ring"))?;
        if !metadata.is_file() {
            return Err(OpenError::NotARing);
        }
        let mut header = [0; FACTS_BYTES];
        match file.read_exact_at(&mut header, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(OpenError::NotARing);
            }
            read => read.map_err(OpenError::io("read the header of the ring"))?,
        }
        let layout = Layout::read::<T>(&header, metadata.len())?;
        Self::map(file, layout)
    }

    fn map(file: File, layout: Layout) -> Result<Self, OpenError> {
        let mapping = Mapping::new(file.as_fd(), layout).map_err(OpenError::io("map the ring"))?;
        Ok(Self { mapping: Arc::new(mapping), file, name: None, messages: PhantomData })
    }
}

/// Makes an empty ring of an empty file, and takes its memory: what is full later cannot be an error
/// any more, but kills.
fn fill(file: &File, layout: &Layout) -> Result<(), OpenError> {
    let bytes = layout.file_bytes().unwrap_or_default();
    rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes)
        .map_err(|error| OpenError::io("take the memory of the ring")(error.into()))?;
    file.write_all_at(&layout.header(), 0).map_err(OpenError::io("write the header of the ring"))
}

impl<T> AsFd for Ring<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        let Some(name) = &self.name else { return };
        let named = fs::symlink_metadata(name).map(|named| (named.dev(), named.ino()));
        let ours = self.file.metadata().map(|ours| (ours.dev(), ours.ino()));
        if named.is_ok_and(|named| ours.is_ok_and(|ours| named == ours)) {
            // If it cannot be removed, it stays, as if we had been killed.
            let _ = fs::remove_file(name);
        }
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How often somebody else may make or remove the name between two looks.
const RACES_MAX: usize = 16;
