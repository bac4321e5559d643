//! How the program can fail, and the exit code of each way.
//!
//! The exit code follows from the type alone, never from a message. A message says what failed and
//! where; [`Error::chain`] adds why.

use crate::container::{Corruption, ReadError};
use moirai_runtime::BuildError;
use moirai_sync::TaskError;
use std::error::Error as StdError;
use std::io;

/// Why the program did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// The archive is damaged, cut, or not an archive.
    #[error("{input}: {}", place(*.offset, *.frame))]
    Corrupt {
        /// The archive.
        input: String,
        /// Where the damage is.
        offset: u64,
        /// The zstd frame it is in, counted from 0.
        frame: Option<u64>,
        /// What is wrong.
        source: Corruption,
    },
    /// The input does not exist, or is not something that can be read as a file.
    #[error("cannot open {input}")]
    NoInput {
        /// Its path.
        input: String,
        /// Why.
        source: io::Error,
    },
    /// The input may not be read.
    #[error("cannot open {input}")]
    Permission {
        /// Its path.
        input: String,
        /// Why.
        source: io::Error,
    },
    /// The output is there already.
    #[error("{output} exists; -f replaces it")]
    Exists {
        /// Its path.
        output: String,
    },
    /// The output is the input.
    #[error("{output} is the input itself")]
    SameFile {
        /// Its path.
        output: String,
    },
    /// The output cannot be made.
    #[error("cannot create {output}")]
    Create {
        /// Its path.
        output: String,
        /// Why.
        source: io::Error,
    },
    /// Reading failed on the way.
    #[error("cannot read {input} at offset {offset}")]
    Read {
        /// Its path.
        input: String,
        /// Bytes read before.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// Writing failed on the way, or the output could not be put in place.
    #[error("cannot write {output} at offset {offset}")]
    Write {
        /// Its path.
        output: String,
        /// Bytes written before.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The output's place in its directory could not be made durable.
    #[error("cannot sync the directory of {output}{}", if *.is_in_place { ", which is in place" } else { "" })]
    Directory {
        /// Its path.
        output: String,
        /// Whether the output is there all the same: it replaced a file that cannot be brought back.
        is_in_place: bool,
        /// Why.
        source: io::Error,
    },
    /// The input was written to while it was read, so what was read never existed as a whole.
    #[error("{input} changed while it was read: {what}")]
    Changed {
        /// Its path.
        input: String,
        /// What changed.
        what: String,
    },
    /// Nobody reads the output any more.
    #[error("the reader of {output} is gone")]
    BrokenPipe {
        /// The stream.
        output: String,
    },
    /// A signal ended the run.
    #[error("interrupted by {}", signal_name(*.signal))]
    Interrupted {
        /// The signal's number.
        signal: i32,
    },
    /// zstd could not compress a chunk, which only lack of memory explains.
    #[error("cannot compress chunk {chunk} of {input}: {reason}")]
    Encode {
        /// The input.
        input: String,
        /// The chunk, counted from 0.
        chunk: u64,
        /// zstd's name for the problem.
        reason: &'static str,
    },
    /// A stage of the pipeline panicked or was refused.
    #[error("stage `{stage}` did not finish item {item}")]
    Stage {
        /// The stage's name.
        stage: String,
        /// The item, counted from 0.
        item: u64,
        /// How it ended.
        source: TaskError,
    },
    /// The pipeline could not run.
    #[error("cannot run the pipeline: {0}")]
    Pipeline(String),
    /// The runtime could not be started.
    #[error("cannot start the runtime")]
    Runtime(#[from] BuildError),
    /// Something else the operating system refused.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// The exit code, after `sysexits.h`, and 128 + the signal's number.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Encode { .. }
            | Self::Stage { .. }
            | Self::Pipeline(_)
            | Self::Runtime(_)
            | Self::System { .. } => exit::OTHER,
            Self::Usage(_) => exit::USAGE,
            Self::Corrupt { .. } => exit::CORRUPT,
            Self::NoInput { .. } => exit::NO_INPUT,
            Self::Exists { .. } | Self::SameFile { .. } | Self::Create { .. } => {
                exit::CANNOT_CREATE
            }
            Self::Read { .. } | Self::Write { .. } | Self::Directory { .. } => exit::IO,
            Self::Changed { .. } => exit::CHANGED,
            Self::Permission { .. } => exit::PERMISSION,
            Self::BrokenPipe { .. } => exit::SIGNAL_BASE + 13,
            Self::Interrupted { signal } => exit::SIGNAL_BASE + *signal as u8,
        }
    }

    /// A name for this kind of error that stays the same, for `--json`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Corrupt { .. } => "corrupt",
            Self::NoInput { .. } => "no_input",
            Self::Permission { .. } => "permission",
            Self::Exists { .. } => "exists",
            Self::SameFile { .. } => "same_file",
            Self::Create { .. } => "create",
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Directory { .. } => "directory",
            Self::Changed { .. } => "changed",
            Self::BrokenPipe { .. } => "broken_pipe",
            Self::Interrupted { .. } => "interrupted",
            Self::Encode { .. } => "encode",
            Self::Stage { .. } => "stage",
            Self::Pipeline(_) => "pipeline",
            Self::Runtime(_) => "runtime",
            Self::System { .. } => "system",
        }
    }

    /// Where in the input or output it happened, in bytes.
    #[must_use]
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Corrupt { offset, .. }
            | Self::Read { offset, .. }
            | Self::Write { offset, .. } => Some(*offset),
            _ => None,
        }
    }

    /// The zstd frame it happened in.
    #[must_use]
    pub const fn frame(&self) -> Option<u64> {
        match self {
            Self::Corrupt { frame, .. } => *frame,
            _ => None,
        }
    }

    /// The message and its causes, outermost first.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        let mut chain = vec![self.to_string()];
        let mut cause = self.source();
        while let Some(error) = cause {
            chain.push(error.to_string());
            cause = error.source();
        }
        chain
    }

    /// An error of opening `input`.
    #[must_use]
    pub fn open(input: &str, source: io::Error) -> Self {
        let input = input.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission { input, source },
            _ => Self::NoInput { input, source },
        }
    }

    /// An error of taking memory for a chunk.
    #[must_use]
    pub const fn memory(source: io::Error) -> Self {
        Self::System { action: "take memory for a chunk", source }
    }

    /// An error of reading the archive `input`.
    #[must_use]
    pub fn read_archive(input: &str, error: ReadError) -> Self {
        let input = input.to_owned();
        match error {
            ReadError::Io { offset, source } => Self::Read { input, offset, source },
            ReadError::Corrupt { offset, frame, source } => {
                Self::Corrupt { input, offset, frame, source }
            }
        }
    }

    /// An error of writing to `output` after `offset` bytes.
    #[must_use]
    pub fn write(output: &str, offset: u64, source: io::Error) -> Self {
        let output = output.to_owned();
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe { output },
            _ => Self::Write { output, offset, source },
        }
    }
}

fn place(offset: u64, frame: Option<u64>) -> String {
    match frame {
        Some(frame) => format!("corrupt at offset {offset}, frame {frame}"),
        None => format!("corrupt at offset {offset}"),
    }
}

fn signal_name(signal: i32) -> String {
    match signal {
        1 => "SIGHUP".to_owned(),
        2 => "SIGINT".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => format!("signal {other}"),
    }
}

/// The exit codes, named after `sysexits.h` where it has one.
pub mod exit {
    /// The run did what it was asked.
    pub const OK: u8 = 0;
    /// Anything that has no code of its own.
    pub const OTHER: u8 = 1;
    /// `EX_USAGE`: the command line is wrong.
    pub const USAGE: u8 = 64;
    /// `EX_DATAERR`: the archive is damaged, cut, or not an archive.
    pub const CORRUPT: u8 = 65;
    /// `EX_NOINPUT`: there is no such input, or it is a directory.
    pub const NO_INPUT: u8 = 66;
    /// `EX_CANTCREAT`: the output exists, is the input, or cannot be made.
    pub const CANNOT_CREATE: u8 = 73;
    /// `EX_IOERR`: reading or writing failed.
    pub const IO: u8 = 74;
    /// `EX_TEMPFAIL`: the input changed while it was read; try again.
    pub const CHANGED: u8 = 75;
    /// `EX_NOPERM`: the input may not be read.
    pub const PERMISSION: u8 = 77;
    /// A run that a signal ended exits with this plus the signal's number.
    pub const SIGNAL_BASE: u8 = 128;
}
