//! From what was typed to what will be done: names, limits and the memory bound.
//!
//! Looks at files (`stat`) but opens none, so that every refusal comes before any work. Whether the
//! output is the input is decided here by device and inode, never by name.

use crate::args::{CommonArgs, PackArgs, THREADS_MAX, UnpackArgs};
use crate::codec;
use crate::container::CHUNK_BYTES;
use crate::error::Error;
use moirai_pipeline::Footprint;
use std::fs::{self, File, Metadata};
use std::io::{self, IsTerminal, Seek};
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What `moirai pack` will do.
#[derive(Debug)]
pub struct PackPlan {
    /// From where to where.
    pub files: Files,
    /// How wide the pipeline is.
    pub limits: Limits,
    /// The zstd level.
    pub level: i32,
    /// The chunk size.
    pub chunk_bytes: u32,
}

/// What `moirai unpack` will do. The chunk size stands in the archive.
#[derive(Debug)]
pub struct UnpackPlan {
    /// From where to where.
    pub files: Files,
    /// How wide the pipeline is.
    pub limits: Limits,
}

impl PackPlan {
    /// Decides what the command line means.
    ///
    /// # Errors
    ///
    /// Everything that can be refused before any work.
    pub fn new(args: &PackArgs) -> Result<Self, Error> {
        let input = Input::find(&args.common)?;
        let default = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(SUFFIX);
            Ok(PathBuf::from(name))
        };
        let output = Target::find(&args.common, &input, default)?;
        if matches!(output, Target::Stdout) && io::stdout().is_terminal() && !args.common.force {
            let message =
                "an archive is not for a terminal; name a file with -o, or insist with -f";
            return Err(Error::Usage(message.to_owned()));
        }
        let limits = Limits::new(&args.common);
        let level = if args.level == 0 { LEVEL_ZERO } else { args.level };
        let chunk_bytes = args
            .chunk_size
            .unwrap_or_else(|| chunk_bytes_default(input.bytes(), limits.threads, level));
        Ok(Self { files: Files { input, output }, limits, level, chunk_bytes })
    }

    /// The most memory that the process will take.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let context = codec::encoder_context_bytes(self.level, self.chunk_bytes as usize);
        let frames = self.files.input.bytes().map(|bytes| bytes.div_ceil(self.chunk_bytes.into()));
        Memory::new(self.chunk_bytes, &self.limits, context, frames)
    }
}

impl UnpackPlan {
    /// Decides what the command line means.
    ///
    /// # Errors
    ///
    /// Everything that can be refused before any work.
    pub fn new(args: &UnpackArgs) -> Result<Self, Error> {
        let input = Input::find(&args.common)?;
        let default = |path: &Path| match path.extension() {
            Some(extension) if extension == &SUFFIX[1..] => Ok(path.with_extension("")),
            _ => Err(Error::Usage(format!(
                "{} does not end in {SUFFIX}, so name the output with -o",
                path.display()
            ))),
        };
        let output = Target::find(&args.common, &input, default)?;
        Ok(Self { files: Files { input, output }, limits: Limits::new(&args.common) })
    }

    /// The most memory that the process will take, for an archive of chunks of `chunk_bytes`.
    #[must_use]
    pub fn memory_of(limits: &Limits, chunk_bytes: u32) -> Memory {
        Memory::new(chunk_bytes, limits, codec::decoder_context_bytes(), None)
    }
}

/// From where to where.
#[derive(Debug)]
pub struct Files {
    /// From where.
    pub input: Input,
    /// To where.
    pub output: Target,
}

/// Where the data comes from.
#[derive(Debug)]
pub struct Input {
    path: Option<PathBuf>,
    /// Of a file, or of whatever the standard input is.
    meta: Option<Metadata>,
    /// How much there is to read, if that can be known.
    bytes: Option<u64>,
}

impl Input {
    fn find(args: &CommonArgs) -> Result<Self, Error> {
        match args.input.as_deref() {
            Some(path) if path != Path::new(STREAM) => Self::find_file(path),
            None if io::stdin().is_terminal() => Err(Error::Usage(
                "no input: name a file, or pipe data in; `-` reads from the terminal".to_owned(),
            )),
            _ => Self::find_stdin(),
        }
    }

    fn find_file(path: &Path) -> Result<Self, Error> {
        let open = |error| Error::open(&path.display().to_string(), error);
        let meta = fs::metadata(path).map_err(open)?;
        if meta.is_dir() {
            return Err(open(io::ErrorKind::IsADirectory.into()));
        }
        let bytes = meta.is_file().then_some(meta.len());
        Ok(Self { path: Some(path.to_owned()), meta: Some(meta), bytes })
    }

    fn find_stdin() -> Result<Self, Error> {
        let open = |error| Error::open(STDIN_NAME, error);
        let mut stdin = standard_file(&io::stdin()).map_err(open)?;
        let meta = stdin.metadata().map_err(open)?;
        if meta.is_dir() {
            return Err(open(io::ErrorKind::IsADirectory.into()));
        }
        let is_file = meta.is_file();
        let bytes = match stdin.stream_position() {
            Ok(position) if is_file => Some(meta.len().saturating_sub(position)),
            _ => None,
        };
        Ok(Self { path: None, meta: Some(meta), bytes })
    }

    /// Opens it. Waits, if it is a FIFO that nobody writes to.
    ///
    /// # Errors
    ///
    /// [`Error::NoInput`] and [`Error::Permission`].
    pub fn open(&self) -> Result<File, Error> {
        match &self.path {
            Some(path) => File::open(path),
            None => standard_file(&io::stdin()),
        }
        .map_err(|error| Error::open(&self.name(), error))
    }

    /// The path, or what the standard input is called in messages.
    #[must_use]
    pub fn name(&self) -> String {
        self.path
            .as_deref()
            .map_or_else(|| STDIN_NAME.to_owned(), |path| path.display().to_string())
    }

    /// Whether it is the standard input.
    #[must_use]
    pub const fn is_stdin(&self) -> bool {
        self.path.is_none()
    }

    /// How many bytes there are to read, if that can be known.
    #[must_use]
    pub const fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// The permission bits that the output inherits: none from a stream.
    #[must_use]
    pub fn mode(&self) -> Option<u32> {
        let meta = self.meta.as_ref().filter(|meta| self.path.is_some() && meta.is_file());
        meta.map(|meta| meta.mode() & MODE_MASK)
    }

    fn is_same_file(&self, other: &Metadata) -> bool {
        let same = |meta: &Metadata| meta.dev() == other.dev() && meta.ino() == other.ino();
        other.is_file() && self.meta.as_ref().is_some_and(same)
    }
}

/// Where the data goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// The standard output.
    Stdout,
    /// Something that exists and is no regular file, such as a FIFO or `/dev/null`: written to as it is.
    Special(PathBuf),
    /// A file, put in place whole at the end.
    File {
        /// Its final path.
        path: PathBuf,
        /// Whether a file there is replaced.
        replace: Replace,
    },
}

/// What happens to a file that is in the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replace {
    /// It is replaced, in one step.
    Yes,
    /// It stays, and the run fails.
    No,
}

impl Target {
    fn find(
        args: &CommonArgs,
        input: &Input,
        default: impl FnOnce(&Path) -> Result<PathBuf, Error>,
    ) -> Result<Self, Error> {
        let path = match (args.output.as_deref(), input.path.as_deref()) {
            (Some(path), _) if path != Path::new(STREAM) => path.to_owned(),
            (None, Some(path)) => default(path)?,
            _ => return Self::find_stdout(input),
        };
        let name = path.display().to_string();
        let create = |source| Error::Create { output: name.clone(), source };
        let link = match fs::symlink_metadata(&path) {
            Ok(link) => link,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let replace = Replace::No;
                return Ok(Self::File { path, replace });
            }
            // A name that is too long, say: better now than after all the work.
            Err(error) => return Err(create(error)),
        };
        match fs::metadata(&path) {
            Ok(meta) if input.is_same_file(&meta) => Err(Error::SameFile { output: name }),
            Ok(meta) if meta.is_dir() => Err(create(io::ErrorKind::IsADirectory.into())),
            Ok(meta) if !meta.is_file() => Ok(Self::Special(path)),
            _ if !args.force => Err(Error::Exists { output: name }),
            Ok(_) if link.is_symlink() => {
                // The link stays; what it points to is replaced.
                let path = fs::canonicalize(&path).map_err(create)?;
                Ok(Self::File { path, replace: Replace::Yes })
            }
            _ => Ok(Self::File { path, replace: Replace::Yes }),
        }
    }

    fn find_stdout(input: &Input) -> Result<Self, Error> {
        let meta = standard_file(&io::stdout()).and_then(|stdout| stdout.metadata());
        match meta {
            Ok(meta) if input.is_same_file(&meta) => {
                Err(Error::SameFile { output: STDOUT_NAME.to_owned() })
            }
            _ => Ok(Self::Stdout),
        }
    }

    /// The path, or what the standard output is called in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Stdout => STDOUT_NAME.to_owned(),
            Self::Special(path) | Self::File { path, .. } => path.display().to_string(),
        }
    }
}

/// How wide the pipeline is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Worker threads, and chunks being worked on at once.
    pub threads: usize,
    /// Chunks that may wait between two stages.
    pub channel_depth: usize,
    /// Chunks that may be between reading and writing.
    pub window: usize,
}

impl Limits {
    fn new(args: &CommonArgs) -> Self {
        let cpus = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        // More CPUs than may be asked for are not asked for.
        let threads = if args.threads == 0 { cpus().min(THREADS_MAX) } else { args.threads };
        let channel_depth = args.channel_depth;
        Self { threads, channel_depth, window: threads + 2 * channel_depth }
    }
}

/// The most memory that a run takes, by what takes it. All in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Memory {
    /// The program, its threads, and the sizes of the frames for the seek table.
    pub base: u64,
    /// Chunks and frames between reading and writing.
    pub buffers: u64,
    /// zstd's tables.
    pub contexts: u64,
}

impl Memory {
    fn new(chunk_bytes: u32, limits: &Limits, context: usize, frames: Option<u64>) -> Self {
        // An input of few chunks cannot fill the window; the read that finds the end takes a buffer too.
        let begun = frames.map_or(u64::MAX, |frames| frames.saturating_add(1));
        let window = limits.window.min(usize::try_from(begun).unwrap_or(usize::MAX));
        // One pool serves both sides, so every buffer has room for the larger of the two.
        let buffer = codec::frame_bytes_max(chunk_bytes as usize) as u64;
        let buffers = Footprint { input_bytes: buffer, output_bytes: buffer, worker_bytes: 0 };
        let contexts = Footprint { input_bytes: 0, output_bytes: 0, worker_bytes: context as u64 };
        let frames = frames.unwrap_or(0).max(INDEX_FRAMES_COUNTED);
        Self {
            base: BASE_BYTES
                + THREAD_BYTES * limits.threads as u64
                + INDEX_BYTES_PER_FRAME * frames,
            buffers: buffers.bound_bytes(window, limits.threads.min(window)),
            contexts: contexts.bound_bytes(0, limits.threads),
        }
    }

    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.base.saturating_add(self.buffers).saturating_add(self.contexts)
    }
}

/// Large chunks compress better, but four per thread keep every thread busy to the end.
fn chunk_bytes_default(len: Option<u64>, threads: usize, level: i32) -> u32 {
    let most = if level >= LEVEL_LARGE_WINDOW { CHUNK_BYTES_AUTO_MAX } else { CHUNK_BYTES_AUTO };
    let share = len.map_or(u64::MAX, |len| len / (4 * threads as u64));
    let share = u32::try_from(share).unwrap_or(u32::MAX).min(most);
    share.next_power_of_two().clamp(CHUNK_BYTES_AUTO_MIN, most)
}

/// A standard stream as a file: unbuffered, and usable from any thread.
///
/// # Errors
///
/// If the process has too many open files, or was started without that stream.
pub fn standard_file(stream: &impl AsFd) -> io::Result<File> {
    stream.as_fd().try_clone_to_owned().map(File::from)
}

/// Means a standard stream where a path could stand.
const STREAM: &str = "-";
const STDIN_NAME: &str = "standard input";
const STDOUT_NAME: &str = "standard output";
const SUFFIX: &str = ".zst";
/// Read, write, execute; neither setuid nor setgid nor sticky.
const MODE_MASK: u32 = 0o777;
/// What level 0 means to zstd.
const LEVEL_ZERO: i32 = 3;
/// From here on zstd's window is larger than 4 MiB.
const LEVEL_LARGE_WINDOW: i32 = 17;
const CHUNK_BYTES_AUTO_MIN: u32 = 1 << 20;
const CHUNK_BYTES_AUTO: u32 = 4 << 20;
const CHUNK_BYTES_AUTO_MAX: u32 = 8 << 20;
/// The program itself.
const BASE_BYTES: u64 = 12 << 20;
/// A thread with its stack and its share of the allocator.
const THREAD_BYTES: u64 = 256 << 10;
/// Four bytes, times two because a vector doubles.
const INDEX_BYTES_PER_FRAME: u64 = 8;
/// Every bound has room for the index of this many frames: 2 TiB of content in chunks of 4 MiB.
const INDEX_FRAMES_COUNTED: u64 = 1 << 19;

const _: () = assert!(CHUNK_BYTES_AUTO_MIN >= *CHUNK_BYTES.start());
const _: () = assert!(CHUNK_BYTES_AUTO_MAX <= *CHUNK_BYTES.end());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_chunk_follows_the_input_the_threads_and_the_level() {
        for (len, threads, level, expected) in [
            (None, 2, 3, 4 << 20),
            (None, 2, 19, 8 << 20),
            (Some(0), 2, 3, 1 << 20),
            (Some(10 << 20), 2, 3, 2 << 20),
            (Some(1 << 40), 2, 3, 4 << 20),
            (Some(1 << 40), 2, 19, 8 << 20),
            (Some(64 << 20), 16, 3, 1 << 20),
        ] {
            assert_eq!(chunk_bytes_default(len, threads, level), expected, "{len:?} {threads}");
        }
    }

    #[test]
    fn the_memory_bound_adds_up() {
        let limits = Limits { threads: 2, channel_depth: 4, window: 10 };
        let memory = Memory::new(4 << 20, &limits, 1000, None);
        let buffer = codec::frame_bytes_max(4 << 20) as u64;
        assert_eq!(memory.buffers, (10 + 2) * buffer);
        assert_eq!(memory.contexts, 2000);
        assert_eq!(memory.total(), memory.base + memory.buffers + memory.contexts);
        let small = Memory::new(4 << 20, &limits, 1000, Some(1));
        assert_eq!(small.buffers, (2 + 2) * buffer, "one chunk, and the read that finds the end");
    }
}
