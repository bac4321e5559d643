//! Suite `instructions`: what it takes to spawn a task and join it, inside, on one worker, in
//! instructions: a figure that a change of ten shows in, on any machine.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use moirai_runtime::Metering;

use crate::harness::{CaseResult, Row};
use crate::storm::Storm;
use crate::valgrind::{self, LastCache};

/// The name of the suite.
pub(crate) const NAME: &str = "instructions";

/// Outstanding tasks: one that runs at once, as many as a worker's own queue holds, and more; and what
/// it takes to note something about each of them.
const CASES: [(&str, u64, Metering); 6] = [
    ("spawn_join_1", 1, Metering::Off),
    ("spawn_join_100", 100, Metering::Off),
    ("spawn_join_1000", 1_000, Metering::Off),
    ("spawn_join_10000", 10_000, Metering::Off),
    ("counted_100", 100, Metering::Counts),
    ("timed_100", 100, Metering::Times),
];

/// Tasks that are counted, in each case.
const TASKS: u64 = 200_000;

/// Instructions per task of this build, and of another.
#[derive(Debug)]
struct Figure {
    case: &'static str,
    this: f64,
    other: Option<f64>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Instructions(Vec<Figure>);

/// Counts in this program, and in another build of it if there is one.
///
/// # Errors
///
/// If valgrind is missing, or a program says no figures.
pub(crate) fn measure(other: Option<&Path>) -> Result<Instructions, String> {
    if let Some(why) = valgrind::missing() {
        return Err(why);
    }
    let this: PathBuf = env::current_exe().map_err(|error| error.to_string())?;
    let figure = |(case, outstanding, metering)| {
        let storm =
            Storm { outstanding, waves: TASKS / outstanding, uncounted: u64::MAX, metering };
        let count = |program: &Path| {
            valgrind::per_task(program, storm, LastCache::Shared).map(|costs| costs.instructions)
        };
        // It may be from before there was any metering.
        let other = other.filter(|_| metering == Metering::Off);
        Ok(Figure { case, this: count(&this)?, other: other.map(count).transpose()? })
    };
    CASES.into_iter().map(figure).collect::<Result<_, _>>().map(Instructions)
}

impl Instructions {
    /// The suite's results, as those of the others.
    pub(crate) fn results(&self) -> Vec<CaseResult> {
        let result = |&Figure { case, this, other }: &Figure| {
            let row = |peer, value| Row { peer, samples: Ok(vec![value]) };
            let rows = [Some(row("moirai", this)), other.map(|other| row("against", other))];
            let rows = rows.into_iter().flatten().collect();
            CaseResult { case, unit: "instructions", what: "per task spawned and joined", rows }
        };
        self.0.iter().map(result).collect()
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "instructions  [per task spawned and joined inside, one worker]")?;
        writeln!(f, "  {:<18}{:>10}{:>10}{:>10}", "case", "this", "against", "more")?;
        for Figure { case, this, other } in &self.0 {
            match other {
                Some(other) => {
                    let more = this - other;
                    writeln!(f, "  {case:<18}{this:>10.1}{other:>10.1}{more:>+10.1}")?;
                }
                None => writeln!(f, "  {case:<18}{this:>10.1}{:>10}{:>10}", "-", "-")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_builds_stand_beside_each_other() {
        let figure = |other| Figure { case: "spawn_join_1", this: 250.0, other };
        let table = Instructions(vec![figure(Some(240.5)), figure(None)]).to_string();
        let rows: Vec<Vec<&str>> =
            table.lines().skip(2).map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["spawn_join_1", "250.0", "240.5", "+9.5"]);
        assert_eq!(rows[1], ["spawn_join_1", "250.0", "-", "-"]);
    }
}
