//! Runs `cargo` in the repository, and says so. Knows no command of ours.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::{Command, ExitStatus, Stdio};

use crate::failure::Failure;
use crate::repo;

/// One call of `cargo`, in the repository's root, with the terminal's streams.
#[derive(Debug)]
pub(crate) struct Cargo {
    command: Command,
    shown: String,
}

impl Cargo {
    /// The `cargo` that runs this program, or the one on the path.
    pub(crate) fn new(args: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        Self::of(Command::new(program), "cargo").args(args)
    }

    /// The `cargo` of another toolchain that rustup manages.
    pub(crate) fn of_toolchain(toolchain: &str) -> Self {
        let mut command = Command::new("rustup");
        // The outer cargo pins its own toolchain in these; the inner one must choose anew.
        command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        Self::of(command, "rustup").args(["run", toolchain, "cargo"])
    }

    fn of(mut command: Command, shown: &str) -> Self {
        command.current_dir(repo::root());
        Self { command, shown: shown.to_owned() }
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        for arg in args {
            self.command.arg(arg.as_ref());
            self.shown.push(' ');
            self.shown.push_str(arg.as_ref());
        }
        self
    }

    /// Sets a variable of the environment, and shows it as a shell would.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        let quote = if value.contains(' ') { "\"" } else { "" };
        self.shown = format!("{name}={quote}{value}{quote} {}", self.shown);
        self
    }

    /// Appends `flags` to `RUSTFLAGS` or `RUSTDOCFLAGS`, keeping what the caller has set.
    pub(crate) fn append_flags(self, name: &str, flags: &str) -> Self {
        let inherited = std::env::var(name).unwrap_or_default();
        let all = if inherited.is_empty() { flags.to_owned() } else { inherited + " " + flags };
        self.env(name, &all)
    }

    /// Runs the call to its end, says nothing, and returns what it printed.
    pub(crate) fn output(mut self) -> Result<String, Failure> {
        let failed = |why: String| Failure::Failed(format!("`{}` failed: {why}", self.shown));
        let output = self.command.output().map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// Prints the call, runs it to its end, and refuses an exit code other than 0.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        eprintln!("$ {}", self.shown);
        let status = self.command.status().map_err(|error| self.broken(&error))?;
        self.judge(status)
    }

    /// As [`run`](Self::run), and shows `each` every line that is printed, when it has ended.
    pub(crate) fn run_and_read(mut self, mut each: impl FnMut(&str)) -> Result<(), Failure> {
        eprintln!("$ {}", self.shown);
        self.command.stdout(Stdio::piped());
        let mut child = self.command.spawn().map_err(|error| self.broken(&error))?;
        let mut line = Vec::new();
        let mut buffer = [0; 4096];
        if let Some(mut output) = child.stdout.take() {
            loop {
                let read = output.read(&mut buffer).map_err(|error| self.broken(&error))?;
                let Some(new) = buffer.get(..read).filter(|new| !new.is_empty()) else { break };
                // At once: the line of a test that hangs does not end.
                let mut shown = std::io::stdout();
                shown.write_all(new).and_then(|()| shown.flush()).map_err(|e| self.broken(&e))?;
                line.extend_from_slice(new);
                while let Some(end) = line.iter().position(|&byte| byte == b'\n') {
                    each(&String::from_utf8_lossy(&line[..end]));
                    line.drain(..=end);
                }
            }
        }
        let status = child.wait().map_err(|error| self.broken(&error))?;
        self.judge(status)
    }

    fn broken(&self, error: &std::io::Error) -> Failure {
        Failure::Failed(format!("cannot run `{}`: {error}", self.shown))
    }

    fn judge(&self, status: ExitStatus) -> Result<(), Failure> {
        if status.success() {
            return Ok(());
        }
        Err(Failure::Failed(format!("`{}` failed ({status})", self.shown)))
    }
}
