//! The command line. It knows the names it is given, not what they do.

use std::path::PathBuf;

use crate::chan::NAME as CHAN;
use crate::child::WORD as CHILD;
use crate::counters::NAME as COUNTERS;
use crate::deque::NAME as DEQUE;
use crate::exec::NAME as EXEC;
use crate::instructions::NAME as INSTRUCTIONS;
use crate::join::NAME as JOIN;
use crate::lock::NAME as LOCK;
use crate::mixed::NAME as MIXED;
use crate::sizes::NAME as SIZES;
use crate::slab::NAME as SLAB;
use crate::stall::NAME as STALL;
use crate::storm::{Storm, WORD as STORM};

/// The text of `--help`.
pub(crate) const USAGE: &str = "\
Usage: moirai-bench exec [OPTIONS]
       moirai-bench deque [OPTIONS]
       moirai-bench join [OPTIONS]
       moirai-bench mixed [OPTIONS]
       moirai-bench chan [OPTIONS]
       moirai-bench lock [OPTIONS]
       moirai-bench stall [OPTIONS]
       moirai-bench sizes [--json FILE]
       moirai-bench slab [--json FILE]
       moirai-bench counters [--json FILE]
       moirai-bench instructions [--against PROGRAM] [--json FILE]

exec          measures Moirai and its rivals in one process, rounds interleaved; lower is better
              everywhere
deque         the same for the queues of an executor: push, pop, steal
join          the same for fork-join: what a fork costs, and whether it forks
mixed         the same for tasks that are woken while all cores compute
stall         the same for what must not stand still: timers, blocking jobs, other tasks beside one
              that blocks; every sample in a process of its own
chan          the same for channels: on threads and on every executor that they support
lock          the same for locks: on threads, and in tasks
sizes         the bytes that a task of Moirai takes, beside the goals; fails where one is missed
slab          allocations and cache misses of a storm of tasks, with the slab and with a malloc for
              each
counters      instructions of a spawn and join with the counters that are always on, and without
instructions  instructions of a spawn and join, also of another build of this program: PROGRAM

The misses and instructions are counted by valgrind. What slab and counters compare with is built for
that.

Options of exec, deque, join, mixed, chan, lock and stall:
  --case NAME    only this case, or the group that holds it; may be repeated
  --peer NAME    only this peer; may be repeated
  --rounds N     samples per case and peer (default 9; 3 for cases that take seconds)
  --json FILE    also write one JSON object per row to FILE
  --list         print the names of all cases and peers
  --help         print this text
";

/// All there are.
const SUITES: [&str; 11] =
    [EXEC, DEQUE, JOIN, MIXED, CHAN, LOCK, STALL, SIZES, SLAB, COUNTERS, INSTRUCTIONS];

/// Rounds, unless told otherwise.
pub(crate) const ROUNDS_DEFAULT: usize = 9;

/// Rounds of a case whose samples take seconds, unless told otherwise.
pub(crate) const SLOW_ROUNDS_DEFAULT: usize = 3;

/// The most rounds that may be asked for.
pub(crate) const ROUNDS_MAX: usize = 10_000;

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// Run the suite `exec`.
    Exec(Selection),
    /// Run the suite `deque`.
    Deque(Selection),
    /// Run the suite `join`.
    Join(Selection),
    /// Run the suite `mixed`.
    Mixed(Selection),
    /// Run the suite `stall`.
    Stall(Selection),
    /// Run the suite `chan`.
    Chan(Selection),
    /// Run the suite `lock`.
    Lock(Selection),
    /// Run the suite `sizes`, with a file for the JSON lines.
    Sizes(Option<PathBuf>),
    /// Run the suite `slab`, with a file for the JSON lines.
    Slab(Option<PathBuf>),
    /// Run the suite `counters`, with a file for the JSON lines.
    Counters(Option<PathBuf>),
    /// Run the suite `instructions`.
    Instructions {
        /// Another build of this program.
        against: Option<PathBuf>,
        /// Where the JSON lines go.
        json: Option<PathBuf>,
    },
    /// Be a child process: take one sample of a case by one peer, alone.
    Child {
        /// The case.
        case: String,
        /// The peer.
        peer: String,
    },
    /// Be a child process that runs a storm.
    Storm(Storm),
    /// Print [`USAGE`].
    Help,
}

/// What to run, and where to write it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Selection {
    /// Names of cases or groups; empty: all.
    pub(crate) cases: Vec<String>,
    /// Names of peers; empty: all.
    pub(crate) peers: Vec<String>,
    /// Rounds, if given.
    pub(crate) rounds: Option<usize>,
    /// Where the JSON lines go.
    pub(crate) json: Option<PathBuf>,
    /// Print names instead of measuring.
    pub(crate) list: bool,
}

impl Selection {
    /// Whether a peer of this name was asked for.
    pub(crate) fn takes_peer(&self, name: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|peer| peer == name)
    }

    /// Whether a group of this name, with these cases, was asked for.
    pub(crate) fn takes_group(&self, name: &str, cases: &[&str]) -> bool {
        let asked_for = |asked: &String| asked == name || cases.contains(&asked.as_str());
        self.cases.is_empty() || self.cases.iter().any(asked_for)
    }
}

/// Reads the arguments after the program's name.
///
/// # Errors
///
/// A message that names the argument it does not understand.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = args.into_iter();
    let suite: fn(Selection) -> Command = match args.next().as_deref() {
        Some(EXEC) => Command::Exec,
        Some(DEQUE) => Command::Deque,
        Some(JOIN) => Command::Join,
        Some(MIXED) => Command::Mixed,
        Some(CHAN) => Command::Chan,
        Some(LOCK) => Command::Lock,
        Some(STALL) => Command::Stall,
        Some(SIZES) => return json_only(args).map(Command::Sizes),
        Some(SLAB) => return json_only(args).map(Command::Slab),
        Some(COUNTERS) => return json_only(args).map(Command::Counters),
        Some(INSTRUCTIONS) => return instructions(args),
        Some(CHILD) => return child(args),
        Some(STORM) => return storm(args),
        Some("--help" | "-h") | None => return Ok(Command::Help),
        Some(other) => {
            return Err(format!(
                "unknown suite `{other}`, expected one of `{}`",
                SUITES.join("`, `")
            ));
        }
    };
    let mut selection = Selection::default();
    while let Some(option) = args.next() {
        let mut value = || value(&option, args.next());
        match option.as_str() {
            "--case" => selection.cases.push(value()?),
            "--peer" => selection.peers.push(value()?),
            "--rounds" => selection.rounds = Some(rounds(&value()?)?),
            "--json" => selection.json = Some(value()?.into()),
            "--list" => selection.list = true,
            "--help" | "-h" => return Ok(Command::Help),
            _ => return Err(unknown_option(&option)),
        }
    }
    Ok(suite(selection))
}

fn instructions(mut args: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut against, mut json) = (None, None);
    while let Some(option) = args.next() {
        match option.as_str() {
            "--against" => against = Some(value(&option, args.next())?.into()),
            "--json" => json = Some(value(&option, args.next())?.into()),
            _ => return Err(unknown_option(&option)),
        }
    }
    Ok(Command::Instructions { against, json })
}

/// The options of a suite without cases and rivals to choose from.
fn json_only(mut args: impl Iterator<Item = String>) -> Result<Option<PathBuf>, String> {
    let mut json = None;
    while let Some(option) = args.next() {
        match option.as_str() {
            "--json" => json = Some(value(&option, args.next())?.into()),
            _ => return Err(unknown_option(&option)),
        }
    }
    Ok(json)
}

fn value(option: &str, value: Option<String>) -> Result<String, String> {
    value.ok_or_else(|| format!("`{option}` needs a value"))
}

fn child(mut args: impl Iterator<Item = String>) -> Result<Command, String> {
    match (args.next(), args.next(), args.next()) {
        (Some(case), Some(peer), None) => Ok(Command::Child { case, peer }),
        _ => Err(format!("`{CHILD}` needs a case and a peer")),
    }
}

fn storm(args: impl Iterator<Item = String>) -> Result<Command, String> {
    Storm::of_words(args).map(Command::Storm).ok_or_else(|| {
        format!(
            "`{STORM}` needs three numbers (outstanding tasks, waves, uncounted waves), and may be told \
             `counts` or `times`"
        )
    })
}

fn unknown_option(option: &str) -> String {
    format!("unknown option `{option}`")
}

fn rounds(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rounds @ 1..=ROUNDS_MAX) => Ok(rounds),
        _ => Err(format!("`--rounds` is {text}, expected 1..={ROUNDS_MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use moirai_runtime::Metering;

    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_suite_is_understood_and_explained() {
        for suite in SUITES {
            assert!(parsed(suite).is_ok_and(|command| command != Command::Help), "{suite}");
            assert!(USAGE.contains(&format!("\n{suite} ")), "{suite}");
        }
    }

    #[test]
    fn names_may_be_repeated() {
        let Ok(Command::Exec(selection)) =
            parsed("exec --case flat --case yield --peer smol --rounds 5 --json out.jsonl")
        else {
            panic!("not understood")
        };
        assert_eq!(selection.cases, ["flat", "yield"]);
        assert!(selection.takes_peer("smol") && !selection.takes_peer("tokio-mt"));
        assert_eq!(selection.rounds, Some(5));
        assert_eq!(selection.json, Some("out.jsonl".into()));
    }

    #[test]
    fn a_group_is_chosen_by_its_name_or_by_one_of_its_cases() {
        let Ok(Command::Exec(selection)) = parsed("exec --case flat_100") else {
            panic!("not understood")
        };
        assert!(selection.takes_group("flat", &["flat_1", "flat_100"]));
        assert!(!selection.takes_group("yield", &["yield"]));
        assert!(Selection::default().takes_group("yield", &["yield"]));
    }

    #[test]
    fn rounds_outside_the_limits_are_refused() {
        assert!(parsed("exec --rounds 0").is_err());
        assert!(parsed("exec --rounds 10001").is_err());
        assert!(parsed("exec --rounds 10000").is_ok());
        assert!(parsed("exec --rounds few").is_err());
    }

    #[test]
    fn a_child_is_told_its_case_and_its_peer() {
        let (case, peer) = ("bytes_per_task".to_owned(), "smol".to_owned());
        assert_eq!(parsed("child bytes_per_task smol"), Ok(Command::Child { case, peer }));
        assert!(parsed("child bytes_per_task").is_err());
        assert!(parsed("child bytes_per_task smol more").is_err());
    }

    #[test]
    fn sizes_takes_a_file_for_its_figures_and_nothing_else() {
        assert_eq!(parsed("sizes"), Ok(Command::Sizes(None)));
        assert_eq!(parsed("sizes --json out"), Ok(Command::Sizes(Some("out".into()))));
        assert_eq!(parsed("sizes --json"), Err("`--json` needs a value".to_owned()));
        assert_eq!(parsed("sizes --rounds 3"), Err("unknown option `--rounds`".to_owned()));
    }

    #[test]
    fn a_storm_has_three_numbers() {
        let metering = Metering::Off;
        let storm = Storm { outstanding: 10, waves: 3, uncounted: 1, metering };
        assert_eq!(parsed("storm 10 3 1"), Ok(Command::Storm(storm)));
        assert!(parsed("storm 10 3").is_err() && parsed("storm 10 3 x").is_err());
    }

    #[test]
    fn instructions_may_be_held_against_another_build() {
        let against = Some("old/moirai-bench".into());
        let expected = Command::Instructions { against, json: None };
        assert_eq!(parsed("instructions --against old/moirai-bench"), Ok(expected));
        assert!(parsed("instructions --against").is_err());
    }

    #[test]
    fn an_unknown_word_is_named_in_the_error() {
        assert_eq!(parsed("exec --fast"), Err("unknown option `--fast`".to_owned()));
        assert_eq!(parsed("exec --peer"), Err("`--peer` needs a value".to_owned()));
        let unknown = parsed("nope").unwrap_err();
        assert!(unknown.starts_with("unknown suite `nope`, expected one of `exec`, `deque`"));
        assert_eq!(parsed("sizes --fast"), Err("unknown option `--fast`".to_owned()));
    }
}
