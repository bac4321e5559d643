//! The `moirai` program as a library, so that every part of it can be tested alone.
//!
//! ```text
//!   args ──► plan ──► pack / unpack ──► flow (the pipeline) ──► output
//!                       │  chunk, codec, container, buffer
//!                       └─ progress, report
//! ```
//! [`run`] is the whole program but for its exit. The other modules are public for tests and fuzzing
//! and promise no stability.

pub mod args;
pub mod buffer;
pub mod chunk;
pub mod codec;
pub mod container;
pub mod error;
pub mod flow;
pub mod output;
pub mod pack;
pub mod plan;
pub mod progress;
pub mod report;
pub mod signal;
pub mod unpack;

#[cfg(test)]
mod testing;

use crate::args::{Cli, Command, CommonArgs};
use crate::container::{CHUNK_BYTES, Reader, Totals};
use crate::error::{Error, exit};
use crate::flow::Context;
use crate::output::Cleanup;
use crate::plan::{Files, Limits, PackPlan, Target, UnpackPlan};
use crate::progress::Progress;
use crate::report::{Document, Planned, Settings, Side, Usage};
use crate::signal::Interrupts;
use clap::Parser;
use moirai_pipeline::Report;
use moirai_runtime::Runtime;
use std::ffi::OsString;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::time::Instant;

/// Runs the program with the command line `args`, the program's name first, and returns its exit code.
///
/// Threads may still be at work when this returns after a failure: end the process.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let begun = Instant::now();
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(message) => return usage(&args, &message, begun),
    };
    let (command, common) = (cli.command.name(), cli.command.common());
    let console = Console::new(common);
    match execute(&cli.command, &console, begun) {
        Ok(()) => exit::OK,
        Err(error) => {
            console.error(&error);
            let document = || Document::failed(Some(command), &error, Usage::since(begun));
            // An error on the way to tell of an error has no way to be told.
            let _ = console.document(document);
            error.exit_code()
        }
    }
}

/// Help and version are no errors; everything else clap says is one.
fn usage(args: &[OsString], message: &clap::Error, begun: Instant) -> u8 {
    let _ = message.print();
    if !message.use_stderr() {
        return exit::OK;
    }
    if args.iter().any(|arg| arg == "--json") {
        let text = message.to_string();
        let error = Error::Usage(text.lines().next().unwrap_or_default().to_owned());
        if let Ok(line) = Document::failed(None, &error, Usage::since(begun)).to_line() {
            let _ = writeln!(io::stdout(), "{line}");
        }
    }
    exit::USAGE
}

fn execute(command: &Command, console: &Console, begun: Instant) -> Result<(), Error> {
    let finished = match command {
        Command::Pack(args) => {
            let plan = PackPlan::new(args)?;
            let settings = Settings::new(&plan.limits, Some(plan.level), plan.chunk_bytes);
            let planned = planned(&plan.files, settings, plan.memory());
            if args.common.dry_run {
                return console.dry_run("pack", planned, None);
            }
            let progress = console.progress(&args.common, "packing", plan.files.input.bytes());
            let limits = plan.limits;
            let (totals, report) = with_runtime(&limits, &progress, |context, cleanup| {
                pack::pack(plan, context, &progress, cleanup)
            })?;
            Finished { planned, totals, report, sizes: (totals.raw_bytes, totals.archive_bytes) }
        }
        Command::Unpack(args) => {
            let plan = UnpackPlan::new(args)?;
            if args.common.dry_run {
                return dry_run_unpack(&plan, console);
            }
            let (input, output) = (plan.files.input.name(), plan.files.output.name());
            let progress = console.progress(&args.common, "restoring", plan.files.input.bytes());
            let limits = plan.limits;
            let done = with_runtime(&limits, &progress, |context, cleanup| {
                unpack::unpack(plan, context, &progress, cleanup)
            })?;
            let unpack::Unpacked { totals, report, chunk_bytes } = done;
            let planned = Planned {
                input: Side { name: input, bytes: None },
                output: Side { name: output, bytes: None },
                settings: Settings::new(&limits, None, chunk_bytes),
                memory: UnpackPlan::memory_of(&limits, chunk_bytes).into(),
            };
            Finished { planned, totals, report, sizes: (totals.archive_bytes, totals.raw_bytes) }
        }
    };
    console.finished(command.name(), finished, Usage::since(begun))
}

/// Starts what a run needs, does it, and takes the progress bar away however it ended.
fn with_runtime<T>(
    limits: &Limits,
    progress: &Progress,
    work: impl FnOnce(&Context<'_>, Cleanup) -> Result<T, Error>,
) -> Result<T, Error> {
    let cleanup = Cleanup::default();
    let watch = |source| Error::System { action: "watch for signals", source };
    let interrupts = Interrupts::watch(cleanup.clone()).map_err(watch)?;
    let runtime = Runtime::builder()
        .worker_threads(limits.threads)
        .blocking_threads(BLOCKING_THREADS)
        .name("moirai")
        .build()?;
    // Not dropped: that would wait for chunks that nobody wants any more. The process ends soon.
    let runtime = ManuallyDrop::new(runtime);
    let result = work(&Context { runtime: &runtime, interrupts: &interrupts }, cleanup.clone());
    if result.is_err() {
        // A blocking call that nobody waits for any more may have the output.
        cleanup.run();
    }
    progress.clear();
    result
}

fn planned(files: &Files, settings: Settings, memory: plan::Memory) -> Planned {
    Planned {
        input: Side { name: files.input.name(), bytes: files.input.bytes() },
        output: Side { name: files.output.name(), bytes: None },
        settings,
        memory: memory.into(),
    }
}

/// Of a file, the header is read: without it nothing is known of the chunks.
fn dry_run_unpack(plan: &UnpackPlan, console: &Console) -> Result<(), Error> {
    let input = &plan.files.input;
    let (chunk_bytes, note) = if input.bytes().is_some() && !input.is_stdin() {
        let archive = Reader::open(input.open()?)
            .map_err(|error| Error::read_archive(&input.name(), error))?;
        (archive.header().chunk_bytes, None)
    } else {
        (
            *CHUNK_BYTES.end(),
            Some("the chunk size of a stream is not known yet; this is the largest"),
        )
    };
    let settings = Settings::new(&plan.limits, None, chunk_bytes);
    let memory = UnpackPlan::memory_of(&plan.limits, chunk_bytes);
    console.dry_run("unpack", planned(&plan.files, settings, memory), note)
}

/// A run that ended well, to be told.
struct Finished {
    planned: Planned,
    totals: Totals,
    report: Report,
    /// In and out.
    sizes: (u64, u64),
}

/// Who is told what, and where.
#[derive(Debug)]
struct Console {
    is_quiet: bool,
    json: Option<Stream>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

impl Console {
    fn new(args: &CommonArgs) -> Self {
        let is_stream = |path: Option<&Path>| path == Some(Path::new("-"));
        let is_data_on_stdout = match args.output.as_deref() {
            None => args.input.is_none() || is_stream(args.input.as_deref()),
            output => is_stream(output),
        };
        // A dry run writes no data anywhere.
        let stream =
            if is_data_on_stdout && !args.dry_run { Stream::Stderr } else { Stream::Stdout };
        Self { is_quiet: args.quiet, json: args.json.then_some(stream) }
    }

    fn progress(&self, args: &CommonArgs, label: &'static str, len: Option<u64>) -> Progress {
        if self.is_quiet { Progress::hidden() } else { Progress::new(args.progress, label, len) }
    }

    /// The message with its causes, also with `-q`, unless standard error is for JSON alone or nobody reads on.
    fn error(&self, error: &Error) {
        if self.json == Some(Stream::Stderr) || matches!(error, Error::BrokenPipe { .. }) {
            return;
        }
        let _ = writeln!(io::stderr(), "moirai: {}", error.chain().join(": "));
    }

    fn finished(&self, command: &'static str, run: Finished, usage: Usage) -> Result<(), Error> {
        let Finished { mut planned, totals, report, sizes } = run;
        (planned.input.bytes, planned.output.bytes) = (Some(sizes.0), Some(sizes.1));
        if !self.is_quiet && self.json.is_none() {
            let _ = writeln!(io::stderr(), "{}", report::summary(&planned, &totals, &usage));
        }
        self.document(|| Document::done(command, planned, &totals, &report, usage))
    }

    fn dry_run(
        &self,
        command: &'static str,
        planned: Planned,
        note: Option<&str>,
    ) -> Result<(), Error> {
        if self.json.is_some() {
            return self.document(|| Document::planned(command, planned));
        }
        let text = report::dry_run(command, &planned, note);
        io::stdout().write_all(text.as_bytes()).map_err(write_error)
    }

    fn document(&self, document: impl FnOnce() -> Document) -> Result<(), Error> {
        let Some(stream) = self.json else { return Ok(()) };
        let line = document().to_line().map_err(|error| write_error(error.into()))?;
        match stream {
            Stream::Stdout => writeln!(io::stdout(), "{line}"),
            Stream::Stderr => writeln!(io::stderr(), "{line}"),
        }
        .map_err(write_error)
    }
}

fn write_error(error: io::Error) -> Error {
    Error::write(&Target::Stdout.name(), 0, error)
}

/// One for the source, one for the sink, and one that a read which never returns may keep.
const BLOCKING_THREADS: usize = 4;
