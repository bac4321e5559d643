//! What a run tells: the summary line, the dry run, and the JSON document.
//!
//! # The JSON document
//!
//! One object on one line. Sizes are in bytes, times in seconds. Keys without a value are left out; new ones
//! may come, none changes its meaning without a new `schema`.
//!
//! | key | in | meaning |
//! |---|---|---|
//! | `schema` | always | 1 |
//! | `command` | always, but for a wrong command line | `"pack"` or `"unpack"` |
//! | `status` | always | `"done"`, `"planned"` (`--dry-run`) or `"failed"` |
//! | `exit` | always | the exit code |
//! | `error` | failed | `kind` (stable), `message`, `causes` (outermost first), `offset`, `frame` |
//! | `input`, `output` | done, planned | `name`, `bytes` (planned: of the input, if it is known) |
//! | `ratio` | done | content bytes per archive byte |
//! | `frames`, `digest` | done | number of frames, and the root hash in hexadecimal, the same for pack and unpack |
//! | `plan` | done, planned | `level` (pack), `chunk_bytes`, `threads`, `channel_depth`, `window` |
//! | `memory` | done, planned | `bound_bytes`, and its parts `base_bytes`, `buffers_bytes`, `contexts_bytes` |
//! | `stages` | done | per stage: `name`, `tasks`, `items`, `busy_s`, `wait_receive_s`, `wait_send_s`, summed over its tasks |
//! | `reorder_max` | done | the most chunks that waited for their turn to be written |
//! | `usage` | done, failed | `wall_s`, `user_s`, `system_s`, `peak_rss_bytes` |

use crate::container::Totals;
use crate::error::Error;
use crate::plan::{Limits, Memory};
use moirai_pipeline::{Report, StageReport};
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::fs;
use std::time::Instant;

/// The JSON document.
#[derive(Debug, Serialize)]
pub struct Document {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'static str>,
    status: &'static str,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    plan: Option<Planned>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    done: Option<Done>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

/// What is known before a run.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// From where.
    pub input: Side,
    /// To where.
    pub output: Side,
    /// How.
    #[serde(rename = "plan")]
    pub settings: Settings,
    /// In how much memory.
    pub memory: MemoryParts,
}

/// One end of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// Its path, or the stream's name.
    pub name: String,
    /// Its size, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// How a run works.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// The zstd level, for pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<i32>,
    /// The chunk size.
    pub chunk_bytes: u32,
    /// Worker threads.
    pub threads: usize,
    /// Chunks between two stages.
    pub channel_depth: usize,
    /// Chunks between reading and writing.
    pub window: usize,
}

impl Settings {
    /// The settings of a run with `limits`.
    #[must_use]
    pub const fn new(limits: &Limits, level: Option<i32>, chunk_bytes: u32) -> Self {
        let Limits { threads, channel_depth, window } = *limits;
        Self { level, chunk_bytes, threads, channel_depth, window }
    }
}

/// The memory bound and its parts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MemoryParts {
    bound_bytes: u64,
    base_bytes: u64,
    buffers_bytes: u64,
    contexts_bytes: u64,
}

impl From<Memory> for MemoryParts {
    fn from(memory: Memory) -> Self {
        Self {
            bound_bytes: memory.total(),
            base_bytes: memory.base,
            buffers_bytes: memory.buffers,
            contexts_bytes: memory.contexts,
        }
    }
}

#[derive(Debug, Serialize)]
struct Failure {
    kind: &'static str,
    message: String,
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Done {
    ratio: f64,
    frames: u64,
    digest: String,
    stages: Vec<Stage>,
    reorder_max: usize,
}

#[derive(Debug, Serialize)]
struct Stage {
    name: String,
    tasks: usize,
    items: u64,
    busy_s: f64,
    wait_receive_s: f64,
    wait_send_s: f64,
}

impl From<&StageReport> for Stage {
    fn from(stage: &StageReport) -> Self {
        Self {
            name: stage.name.clone(),
            tasks: stage.tasks,
            items: stage.items,
            busy_s: stage.busy.as_secs_f64(),
            wait_receive_s: stage.wait_receive.as_secs_f64(),
            wait_send_s: stage.wait_send.as_secs_f64(),
        }
    }
}

impl Document {
    const fn new(command: Option<&'static str>, status: &'static str, exit: u8) -> Self {
        let (error, plan, done, usage) = (None, None, None, None);
        Self { schema: SCHEMA, command, status, exit, error, plan, done, usage }
    }

    /// A run that was only planned.
    #[must_use]
    pub fn planned(command: &'static str, plan: Planned) -> Self {
        Self { plan: Some(plan), ..Self::new(Some(command), "planned", 0) }
    }

    /// A run that did what it was asked.
    #[must_use]
    pub fn done(
        command: &'static str,
        plan: Planned,
        totals: &Totals,
        report: &Report,
        usage: Usage,
    ) -> Self {
        let done = Done {
            ratio: ratio(totals),
            frames: totals.frames,
            digest: totals.root.to_hex().to_string(),
            stages: report.stages.iter().map(Stage::from).collect(),
            reorder_max: report.reorder_max,
        };
        let (plan, done, usage) = (Some(plan), Some(done), Some(usage));
        Self { plan, done, usage, ..Self::new(Some(command), "done", 0) }
    }

    /// A run that failed.
    #[must_use]
    pub fn failed(command: Option<&'static str>, error: &Error, usage: Usage) -> Self {
        let mut causes = error.chain();
        let message = causes.remove(0);
        let failure = Failure {
            kind: error.kind(),
            message,
            causes,
            offset: error.offset(),
            frame: error.frame(),
        };
        let document = Self::new(command, "failed", error.exit_code());
        Self { error: Some(failure), usage: Some(usage), ..document }
    }

    /// The document on one line.
    ///
    /// # Errors
    ///
    /// None for the documents that this module makes; serde's signature has one.
    pub fn to_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// What the process has used up.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Usage {
    wall_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_rss_bytes: Option<u64>,
}

impl Usage {
    /// From `begun` until now.
    #[must_use]
    pub fn since(begun: Instant) -> Self {
        let times = cpu_seconds();
        Self {
            wall_s: begun.elapsed().as_secs_f64(),
            user_s: times.map(|(user, _)| user),
            system_s: times.map(|(_, system)| system),
            peak_rss_bytes: peak_rss_bytes(),
        }
    }
}

/// User and system time of this process; none where there is no `/proc`.
fn cpu_seconds() -> Option<(f64, f64)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Some((user as f64 / per_second, system as f64 / per_second))
}

/// The most memory that this process ever had resident; none where there is no `/proc`.
fn peak_rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

fn ratio(totals: &Totals) -> f64 {
    totals.raw_bytes as f64 / totals.archive_bytes as f64
}

/// The line that ends a run.
#[must_use]
pub fn summary(plan: &Planned, totals: &Totals, usage: &Usage) -> String {
    let size = |side: &Side| Size(side.bytes.unwrap_or(0));
    let speed = Size((totals.raw_bytes as f64 / usage.wall_s.max(f64::EPSILON)) as u64);
    let mut line = format!(
        "{}: {} -> {} ({:.2}x) in {:.2} s, {speed}/s",
        plan.output.name,
        size(&plan.input),
        size(&plan.output),
        ratio(totals),
        usage.wall_s,
    );
    if let Some(peak) = usage.peak_rss_bytes {
        let bound = Size(plan.memory.bound_bytes);
        let _ = write!(line, ", peak memory {} of {bound}", Size(peak));
    }
    line
}

/// What `--dry-run` prints: one fact per line.
#[must_use]
pub fn dry_run(command: &str, plan: &Planned, note: Option<&str>) -> String {
    let Settings { level, chunk_bytes, threads, channel_depth, window } = plan.settings;
    let MemoryParts { bound_bytes, base_bytes, buffers_bytes, contexts_bytes } = plan.memory;
    let bytes = plan.input.bytes.map_or_else(|| "size unknown".to_owned(), |n| Size(n).to_string());
    let mut text = String::new();
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<9}{value}");
    };
    fact("command", command.to_owned());
    fact("input", format!("{} ({bytes})", plan.input.name));
    fact("output", plan.output.name.clone());
    if let Some(level) = level {
        fact("level", level.to_string());
    }
    fact("chunk", format!("{chunk_bytes} bytes ({})", Size(chunk_bytes.into())));
    fact("threads", threads.to_string());
    fact("window", format!("{window} chunks, {channel_depth} in each channel"));
    fact("memory", format!("at most {bound_bytes} bytes ({})", Size(bound_bytes)));
    fact("", format!("= {base_bytes} program + {buffers_bytes} buffers + {contexts_bytes} zstd"));
    if let Some(note) = note {
        fact("note", note.to_owned());
    }
    text
}

/// A size in bytes, for people.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

const SCHEMA: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (4 << 20, "4.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_failure_says_where_and_why() {
        let error = Error::Corrupt {
            input: "a.zst".to_owned(),
            offset: 77,
            frame: Some(3),
            source: crate::container::Corruption::Root,
        };
        let usage = Usage::since(Instant::now());
        let line = Document::failed(Some("unpack"), &error, usage).to_line().unwrap();
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["exit"], 65);
        assert_eq!(json["error"]["kind"], "corrupt");
        assert_eq!(json["error"]["offset"], 77);
        assert_eq!(json["error"]["frame"], 3);
        assert_eq!(json["error"]["message"], "a.zst: corrupt at offset 77, frame 3");
        assert!(json["error"]["causes"][0].as_str().unwrap().contains("root hash"));
    }
}
