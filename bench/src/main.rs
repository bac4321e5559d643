//! Moirai and its rivals, side by side: `cargo run --release --manifest-path bench/Cargo.toml -- exec`.
//!
//! One process, one command, a table per case and JSON lines. A suite is a file (`exec`, `deque`,
//! `stall`; those that count and do not time: `sizes`, `slab`,
//! `counters`, `instructions`), a rival is a file
//! (`peer/`), and what makes the figures comparable is `harness/`.

mod args;
mod chan;
mod child;
mod counters;
mod deque;
mod exec;
mod harness;
mod instructions;
mod join;
mod lock;
mod machine;
mod mixed;
mod peer;
mod sizes;
mod slab;
mod stall;
mod valgrind;
mod variant;

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{env, process};

use args::{Command, Selection};
use exec::{Group, Runtimes};
use harness::report::{Standing, Table, json_lines};
use harness::{
    CaseResult, Driver, Effort, Failure, Outcome, Workload, catch_panic_messages, measure,
};
use moirai_storm::{self as storm, allocations};
use peer::Peer as _;

/// Whom the tables compare.
const STANDING: Standing =
    Standing { ours: peer::moirai::Moirai::NAME, limits: &[peer::floor::Floor::NAME] };

/// How long all runtimes together are watched doing nothing, at the end.
const IDLE_WATCHED: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let command = match args::parse(env::args().skip(1)) {
        Ok(command) => command,
        Err(complaint) => {
            eprintln!("moirai-bench: {complaint}\n\n{}", args::USAGE);
            return ExitCode::from(USAGE_ERROR);
        }
    };
    match with_smol_threads().and_then(|()| run(command)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("moirai-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts this program anew with the size of smol's global executor in the environment, the only
/// place where smol looks for it, unless it is there.
fn with_smol_threads() -> Result<(), Box<dyn Error>> {
    let (name, wanted) = (peer::smol::THREADS, peer::WORKERS.to_string());
    if env::var(name).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let program = env::current_exe()?;
    // `exec` returns only if it fails.
    Err(process::Command::new(program).args(env::args_os().skip(1)).env(name, wanted).exec().into())
}

fn run(command: Command) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Storm(storm) => println!("{}", storm.run()?),
        Command::Help => print!("{}", args::USAGE),
        Command::Child { case, peer } => return Ok(alone(case, peer)),
        Command::Sizes(json) => {
            let sizes = sizes::measure()?;
            counted(sizes::NAME, &sizes, &sizes.results(), json.as_deref())?;
            sizes.check()?;
        }
        Command::Slab(json) => {
            let comparison = slab::measure()?;
            counted(slab::NAME, &comparison, &comparison.results(), json.as_deref())?;
        }
        Command::Counters(json) => {
            let cost = counters::measure()?;
            counted(counters::NAME, &cost, &cost.results(), json.as_deref())?;
        }
        Command::Instructions { against, json } => {
            let found = instructions::measure(against.as_deref())?;
            counted(instructions::NAME, &found, &found.results(), json.as_deref())?;
        }
        Command::Exec(selection) => {
            let runtimes = Runtimes::start()?;
            return suite(exec::NAME, runtimes.groups(), STANDING, &selection);
        }
        Command::Stall(selection) => {
            return suite(stall::NAME, stall::groups(), STANDING, &selection);
        }
        Command::Deque(selection) => {
            return suite(deque::NAME, deque::groups(), STANDING, &selection);
        }
        Command::Mixed(selection) => {
            return suite(mixed::NAME, mixed::groups(), mixed::STANDING, &selection);
        }
        Command::Join(selection) => {
            return suite(join::NAME, join::groups(), join::STANDING, &selection);
        }
        Command::Lock(selection) => {
            let executors = lock::Executors::start()?;
            return suite(lock::NAME, executors.groups(), lock::STANDING, &selection);
        }
        Command::Chan(selection) => {
            let executors = chan::Executors::start()?;
            return suite(chan::NAME, executors.groups(), chan::STANDING, &selection);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A child process: says the figure of its one sample, or why there is none.
fn alone(case: String, peer: String) -> ExitCode {
    catch_panic_messages();
    let sample: Workload = Arc::new(move |_| sample_alone(&case, &peer));
    let (said, code) = child::answer(Driver::new().run(&sample, 1));
    println!("{said}");
    ExitCode::from(code)
}

fn sample_alone(case: &str, peer: &str) -> Outcome {
    let sample = exec::sample_alone(case, peer)
        .or_else(|| stall::sample_alone(case, peer))
        .or_else(|| join::sample_alone(case, peer));
    let why = || Failure::Refused(format!("no case of child processes is called `{case}`"));
    sample.unwrap_or_else(|| Err(why()))
}

/// Says the figures of a suite that counts, without rounds and rivals.
fn counted(
    name: &str,
    table: &dyn Display,
    results: &[CaseResult],
    json: Option<&Path>,
) -> Result<(), Box<dyn Error>> {
    println!("{}\n\n{table}", machine::describe());
    match json {
        Some(path) => write_json(&mut create(path)?, name, results),
        None => Ok(()),
    }
}

fn write_json(json: &mut File, suite: &str, results: &[CaseResult]) -> Result<(), Box<dyn Error>> {
    for result in results {
        json.write_all(json_lines(suite, result)?.as_bytes())?;
    }
    Ok(())
}

fn suite(
    name: &str,
    groups: Vec<Group>,
    standing: Standing,
    selection: &Selection,
) -> Result<ExitCode, Box<dyn Error>> {
    let groups = selected(selection, groups)?;
    if selection.list {
        list(&groups);
        return Ok(ExitCode::SUCCESS);
    }
    let mut json = selection.json.as_deref().map(create).transpose()?;
    println!("{}", machine::describe());

    catch_panic_messages();
    let mut driver = Driver::new();
    let mut ours_complete = true;
    for group in &groups {
        let mut results = measure(&mut driver, &group.cases, rounds(selection, group))?;
        results.extend(group.derive.map(|derive| derive(&results)));
        for result in &results {
            println!("\n{}", Table { result, standing });
            ours_complete &= !ours_failed(result, standing);
        }
        if let Some(json) = &mut json {
            write_json(json, name, &results)?;
        }
    }
    let used = machine::idle_cpu_time(IDLE_WATCHED).as_micros();
    println!("all that runs, idle: {used} us of processor time in {IDLE_WATCHED:?}");
    Ok(if ours_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn create(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The groups and peers that were asked for.
fn selected(selection: &Selection, groups: Vec<Group>) -> Result<Vec<Group>, String> {
    let cases = groups.iter().flat_map(names);
    let peers = groups.iter().flat_map(|group| &group.cases).flat_map(|case| &case.entrants);
    known("case", &selection.cases, cases.chain(groups.iter().map(|group| group.name)).collect())?;
    known("peer", &selection.peers, peers.map(|entrant| entrant.peer).collect())?;

    let mut chosen = groups;
    chosen.retain(|group| selection.takes_group(group.name, &names(group).collect::<Vec<_>>()));
    for case in chosen.iter_mut().flat_map(|group| &mut group.cases) {
        case.entrants.retain(|entrant| selection.takes_peer(entrant.peer));
    }
    chosen.retain(|group| group.cases.iter().any(|case| !case.entrants.is_empty()));
    Ok(chosen)
}

fn names(group: &Group) -> impl Iterator<Item = &'static str> {
    group.cases.iter().map(|case| case.name)
}

fn known(kind: &str, asked: &[String], names: Vec<&str>) -> Result<(), String> {
    match asked.iter().find(|name| !names.contains(&name.as_str())) {
        Some(unknown) => Err(format!("no {kind} is called `{unknown}`; `--list` names them all")),
        None => Ok(()),
    }
}

fn list(groups: &[Group]) {
    for group in groups {
        let cases: Vec<&str> = names(group).collect();
        let peers = group.cases.first().map_or(&[][..], |case| &case.entrants);
        let peers: Vec<&str> = peers.iter().map(|entrant| entrant.peer).collect();
        println!("{:<20} cases: {}; peers: {}", group.name, cases.join(" "), peers.join(" "));
    }
}

fn rounds(selection: &Selection, group: &Group) -> usize {
    let slow = group.cases.iter().any(|case| case.effort == Effort::Long);
    let default = if slow { args::SLOW_ROUNDS_DEFAULT } else { args::ROUNDS_DEFAULT };
    selection.rounds.unwrap_or(default)
}

fn ours_failed(result: &CaseResult, standing: Standing) -> bool {
    result.rows.iter().any(|row| standing.is_ours(row.peer) && row.samples.is_err())
}

/// The exit code of a command line that was not understood.
const USAGE_ERROR: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_case_or_peer_is_refused_by_name() {
        let refused = |kind: &str| known(kind, &["nope".to_owned()], vec!["yield"]).unwrap_err();
        assert_eq!(refused("case"), "no case is called `nope`; `--list` names them all");
        assert_eq!(refused("peer"), "no peer is called `nope`; `--list` names them all");
        assert_eq!(known("case", &["yield".to_owned()], vec!["yield"]), Ok(()));
    }

    #[test]
    fn a_child_refuses_an_unknown_case_or_peer_by_name() {
        for (case, peer) in [("nope", "smol"), ("bytes_per_task", "nope"), ("timers100k", "nope")] {
            let Err(Failure::Refused(why)) = sample_alone(case, peer) else {
                panic!("not refused")
            };
            assert!(why.contains("`nope`"), "{why}");
        }
    }
}
