//! Suite `counters`: what the counters that are always on cost a task, in instructions, beside a build
//! without them.
//!
//! A worker's count of runs is in both: it is the tick by which the worker is fair and the watcher
//! sees that it goes on.

use std::fmt;

use moirai_runtime::Metering;

use crate::harness::{CaseResult, Row};
use crate::storm::Storm;
use crate::valgrind::{self, LastCache};
use crate::variant::Variant;

/// The name of the suite.
pub(crate) const NAME: &str = "counters";

/// Outstanding tasks: one that runs at once, as many as a worker's own queue holds, and more, which go
/// through the injector and are counted there.
const CASES: [(&str, u64); 4] =
    [("counted_1", 1), ("counted_100", 100), ("counted_1000", 1_000), ("counted_10000", 10_000)];

/// Tasks that are counted in, in each case.
const TASKS: u64 = 200_000;

/// Both sides, by name.
const SIDES: [&str; 2] = ["with", "without"];

/// The most that a task may cost, by what it costs without.
const GOAL: f64 = 1.01;

/// Instructions per task, with and without.
#[derive(Debug)]
struct Figure {
    case: &'static str,
    sides: [f64; 2],
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Cost(Vec<Figure>);

/// Builds both sides and counts.
///
/// # Errors
///
/// If valgrind is missing, a side cannot be built, or it says no figures.
pub(crate) fn measure() -> Result<Cost, String> {
    if let Some(why) = valgrind::missing() {
        return Err(why);
    }
    let programs = [Variant::Shipped.storm()?, Variant::NoCounters.storm()?];
    let figure = |(case, outstanding)| {
        let waves = TASKS / outstanding;
        let storm = Storm { outstanding, waves, uncounted: u64::MAX, metering: Metering::Off };
        let count = |side: usize| {
            valgrind::per_task(&programs[side], storm, LastCache::Shared)
                .map(|costs| costs.instructions)
        };
        Ok(Figure { case, sides: [count(0)?, count(1)?] })
    };
    CASES.into_iter().map(figure).collect::<Result<_, _>>().map(Cost)
}

impl Cost {
    /// The suite's results, as those of the others.
    pub(crate) fn results(&self) -> Vec<CaseResult> {
        let result = |&Figure { case, sides }: &Figure| {
            let row = |side: usize| Row { peer: SIDES[side], samples: Ok(vec![sides[side]]) };
            let rows = vec![row(0), row(1)];
            CaseResult { case, unit: "instructions", what: "per task spawned and joined", rows }
        };
        self.0.iter().map(result).collect()
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [with, without] = SIDES;
        writeln!(f, "counters  [instructions per task spawned and joined inside, one worker]")?;
        writeln!(f, "  {:<18}{with:>10}{without:>10}{:>8}{:>7}", "case", "ratio", "goal")?;
        for Figure { case, sides: [with, without] } in &self.0 {
            let ratio = with / without;
            let verdict = if ratio <= GOAL { "" } else { "  missed" };
            writeln!(f, "  {case:<18}{with:>10.1}{without:>10.1}{ratio:>8.4}{GOAL:>7.2}{verdict}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_cost_more_than_a_hundredth_are_marked() {
        let figure = |with| Figure { case: "counted_1", sides: [with, 500.0] };
        let table = Cost(vec![figure(505.0), figure(505.5)]).to_string();
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert!(rows[0].ends_with("1.0100   1.01") && rows[1].ends_with("missed"), "{table}");
    }
}
