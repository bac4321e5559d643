//! The command line, as typed. What it means for a given input is `plan`'s to say.

use crate::codec;
use crate::container::CHUNK_BYTES;
use clap::{Args, Parser, Subcommand, ValueEnum};
use moirai_pipeline::{CHANNEL_DEPTH_DEFAULT, CHANNEL_DEPTH_MAX};
use std::path::PathBuf;

/// Packs files into plain zstd archives and restores them, on all CPUs, in bounded memory.
#[derive(Debug, Parser)]
#[command(name = "moirai", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compress a file into an archive that `zstd -d` can read too
    #[command(after_help = AFTER_HELP)]
    Pack(PackArgs),
    /// Restore the file in an archive, if every byte of the archive is as it was written
    #[command(visible_alias = "restore", after_help = AFTER_HELP)]
    Unpack(UnpackArgs),
}

/// `moirai pack`.
#[derive(Args, Debug)]
pub struct PackArgs {
    /// Options of both commands.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Compression level of zstd: 1 is fast, 19 is small, up to 22 takes much memory, negative is faster still
    #[arg(short, long, default_value_t = 3, allow_negative_numbers = true, value_parser = level)]
    pub level: i32,
    /// Bytes per chunk, 64K to 64M [default: 1M to 8M, after the size of the input and the level]
    #[arg(long, value_name = "SIZE", value_parser = chunk_bytes)]
    pub chunk_size: Option<u32>,
}

/// `moirai unpack`.
#[derive(Args, Debug)]
pub struct UnpackArgs {
    /// Options of both commands.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Options of both commands.
#[derive(Args, Debug)]
pub struct CommonArgs {
    /// The input; `-` or nothing is the standard input
    #[arg(value_name = "IN")]
    pub input: Option<PathBuf>,
    /// The output; `-` is the standard output [default: IN with `.zst` added or removed]
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Threads that compress or decompress; 0 is one per CPU
    #[arg(short = 'T', long, default_value_t = 0, value_name = "N", value_parser = threads)]
    pub threads: usize,
    /// Chunks that may wait between two stages
    #[arg(long, default_value_t = CHANNEL_DEPTH_DEFAULT, value_name = "N", value_parser = depth)]
    pub channel_depth: usize,
    /// Replace an existing output, and write archives to a terminal
    #[arg(short, long)]
    pub force: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Print what would be done and the most memory it would take; do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object about the run on the standard output, or on standard error if the data goes there
    #[arg(long)]
    pub json: bool,
    /// Show a progress bar on standard error; `auto` is if that is a terminal
    #[arg(long, value_enum, default_value_t = ProgressWhen::Auto, value_name = "WHEN")]
    pub progress: ProgressWhen,
}

/// When to show a progress bar.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum ProgressWhen {
    /// If standard error is a terminal.
    Auto,
    /// Also into a file or a pipe.
    Always,
    /// Not at all.
    Never,
}

impl Command {
    /// The options of both commands.
    #[must_use]
    pub const fn common(&self) -> &CommonArgs {
        match self {
            Self::Pack(args) => &args.common,
            Self::Unpack(args) => &args.common,
        }
    }

    /// The command's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pack(_) => "pack",
            Self::Unpack(_) => "unpack",
        }
    }
}

fn level(text: &str) -> Result<i32, String> {
    let levels = codec::levels();
    match text.parse() {
        Ok(level) if levels.contains(&level) => Ok(level),
        _ => Err(format!("expected a number from {} to {}", levels.start(), levels.end())),
    }
}

fn threads(text: &str) -> Result<usize, String> {
    at_most(text, 0, THREADS_MAX)
}

fn depth(text: &str) -> Result<usize, String> {
    at_most(text, 1, CHANNEL_DEPTH_MAX)
}

fn at_most(text: &str, min: usize, max: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {min} to {max}")),
    }
}

fn chunk_bytes(text: &str) -> Result<u32, String> {
    let expected = || "expected a size from 64K to 64M, such as 1M, 512KiB or 1048576".to_owned();
    let bytes = size(text).and_then(|bytes| u32::try_from(bytes).ok()).ok_or_else(expected)?;
    if CHUNK_BYTES.contains(&bytes) { Ok(bytes) } else { Err(expected()) }
}

/// A number of bytes with an optional unit: `K`, `M`, `G`, each also as `KiB` or `KB`, all powers of 1024.
fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// The most worker threads that can be asked for.
pub const THREADS_MAX: usize = 256;

const AFTER_HELP: &str = "\
Examples:
  moirai pack big.tar                      big.tar.zst, also readable by `zstd -d`
  moirai unpack big.tar.zst -o copy.tar    refuses an archive with even one bit changed
  tar c dir | moirai pack > dir.tar.zst    from a pipe into a pipe
  moirai pack --dry-run -l 19 big.tar      what would be done, in how much memory

Exit codes:
    0  done
    1  another failure, such as no memory or no threads
   64  the command line is wrong, or data would go to a terminal
   65  the archive is corrupt, truncated, or not an archive of ours
   66  the input does not exist or is a directory
   73  the output exists, is the input, or cannot be created
   74  reading or writing failed, for instance on a full disk
   75  the input changed while it was read
   77  the input may not be read
  130  interrupted (SIGINT); 129 SIGHUP, 143 SIGTERM
  141  the reader of the standard output is gone (no message)

After a failure no output is left, and one that was there before is as it was.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_take_units_in_powers_of_1024() {
        for (text, bytes) in [
            ("65536", 65536),
            ("64K", 65536),
            ("64kib", 65536),
            ("1 MB", 1 << 20),
            ("64M", 64 << 20),
        ] {
            assert_eq!(chunk_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "K", "65535", "65M", "-1M", "1.5M", "1T", "1MM", "99999999999999999999"] {
            assert!(chunk_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_hold_at_the_limit_and_one_past_it() {
        assert_eq!(level("22"), Ok(22));
        assert_eq!(level("-131072"), Ok(-131_072));
        assert!(level("23").is_err() && level("-131073").is_err() && level("x").is_err());
        assert!(threads("0").is_ok() && threads("256").is_ok() && threads("257").is_err());
        assert!(depth("1").is_ok() && depth("1024").is_ok());
        assert!(depth("0").is_err() && depth("1025").is_err());
    }

    #[test]
    fn a_negative_level_is_not_taken_for_a_flag() {
        let cli = Cli::try_parse_from(["moirai", "pack", "-l", "-5", "file"]).unwrap();
        let Command::Pack(args) = cli.command else { panic!("{cli:?}") };
        assert_eq!(args.level, -5);
    }

    #[test]
    fn restore_is_unpack() {
        let cli = Cli::try_parse_from(["moirai", "restore", "file"]).unwrap();
        assert_eq!(cli.command.name(), "unpack");
    }
}
