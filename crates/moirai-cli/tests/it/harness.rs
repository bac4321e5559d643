//! A directory to run the program in, and what a run leaves behind.

use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

/// No run of any test takes this long, unless it hangs.
const WATCHDOG: Duration = Duration::from_secs(60);

/// A temporary directory, the working directory of every run in it.
pub(crate) struct Dir(tempfile::TempDir);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Dir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Everything in the directory, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn moirai(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_moirai"));
        command.current_dir(self.0.path());
        command
    }

    /// Runs the program without any input.
    pub(crate) fn run<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Ended {
        self.run_with_stdin(args, b"")
    }

    /// Runs the program with `input` in a pipe.
    pub(crate) fn run_with_stdin<I: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = I>,
        input: &[u8],
    ) -> Ended {
        let mut child = spawn(self.moirai().args(args).stdin(Stdio::piped()));
        let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
        // A program that ends early breaks the pipe.
        let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
        let ended = end(child);
        feeder.join().unwrap();
        ended
    }

    /// An archive of `content`, in chunks of 64 KiB.
    pub(crate) fn pack(&self, content: &[u8]) -> Vec<u8> {
        let packed = self.run_with_stdin(["pack", "--chunk-size", "64K", "-q"], content);
        assert_eq!(packed.code, Some(0), "{packed:?}");
        packed.stdout
    }
}

impl Ended {
    /// Asserts that the run failed with `code` and that its message has all of `parts`.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in {:?}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }

    #[track_caller]
    pub(crate) fn succeeded(&self) {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap()
    }
}

/// Starts `command` with its outputs in pipes.
pub(crate) fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for `child` with its outputs; kills it if it hangs.
#[track_caller]
pub(crate) fn end(child: Child) -> Ended {
    let pid = Pid::from_child(&child);
    let (send, ended) = mpsc::channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    match ended.recv_timeout(WATCHDOG) {
        Ok(output) => {
            let output = output.unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            Ended { code: output.status.code(), stdout: output.stdout, stderr }
        }
        Err(_) => {
            let _ = kill_process(pid, Signal::KILL);
            panic!("the program hangs");
        }
    }
}

/// Waits until `is_so`, and fails when it takes as long as a hang.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < WATCHDOG, "never: {what}");
        thread::yield_now();
    }
}

/// `len` bytes that do not compress, different for each `seed`.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// `len` bytes that compress well, different for each `seed`.
pub(crate) fn text(len: usize, seed: u64) -> Vec<u8> {
    let mut words = noise(len / 4 + 1, seed);
    words.iter_mut().for_each(|byte| *byte &= 7);
    let mut bytes: Vec<u8> =
        words.iter().flat_map(|&word| [b'a' + word, b'n', b'd', b' ']).collect();
    bytes.truncate(len);
    bytes
}

/// Skips a test where the machine cannot run it, and says so.
pub(crate) fn skip(why: &str) {
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "SKIPPED {}: {why}", thread::current().name().unwrap_or("a test"));
}

/// Whether `program` can be run.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The content of an archive according to zstd itself.
pub(crate) fn stock_decode(archive: &[u8]) -> Vec<u8> {
    let mut context = zstd_safe::DCtx::create();
    let mut input = zstd_safe::InBuffer::around(archive);
    let (mut content, mut piece) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let mut output = zstd_safe::OutBuffer::around(&mut piece[..]);
        let hint = context.decompress_stream(&mut output, &mut input).unwrap();
        content.extend_from_slice(output.as_slice());
        let is_drained = output.pos() < output.capacity();
        if input.pos() == archive.len() && is_drained {
            assert_eq!(hint, 0, "zstd waits for more");
            return content;
        }
    }
}

/// The content of `file`, read without trusting its size.
pub(crate) fn read_all(mut file: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Whether `path` is there, be it a file or a dangling link.
pub(crate) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
