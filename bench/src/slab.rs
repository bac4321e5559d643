//! Suite `slab`: a storm of tasks in the slab, and the same with a `malloc` for each: how often memory is
//! asked for, and how often the caches miss.
//!
//! Counts, no times: both sides run on one worker, and a run is as good as many.

use std::fmt;
use std::path::Path;

use moirai_runtime::Metering;

use crate::harness::{CaseResult, Row};
use crate::storm::{self, Asked, Storm};
use crate::valgrind::{self, Costs, LastCache};
use crate::variant::Variant;

/// The name of the suite.
pub(crate) const NAME: &str = "slab";

/// The storm.
const OUTSTANDING: u64 = 10_000;
const WAVES: u64 = 100;
const STORM: Storm =
    Storm { outstanding: OUTSTANDING, waves: WAVES, uncounted: u64::MAX, metering: Metering::Off };

/// Smaller ones: of one that fits a first cache, and of one that does not.
const SMALLER: [(&str, &str, u64); 2] = [
    ("data_misses_300", "of both caches, 300 outstanding", 300),
    ("data_misses_1000", "of both caches, 1000 outstanding", 1_000),
];

/// Both sides, by name.
const SIDES: [&str; 2] = ["slab", "malloc"];

/// The most that the slab may ask for or miss, by what `malloc` does.
const ALLOCATIONS_GOAL: f64 = 0.2;
const MISSES_GOAL: f64 = 0.5;

/// A figure of both sides, per task.
#[derive(Debug)]
struct Figure {
    case: &'static str,
    unit: &'static str,
    what: &'static str,
    sides: [f64; 2],
    goal: Option<f64>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Comparison {
    figures: Vec<Figure>,
    /// Why there are no misses among them.
    skipped: Option<String>,
}

/// Builds both sides and compares.
///
/// # Errors
///
/// If a side cannot be built, or a storm says no figures.
pub(crate) fn measure() -> Result<Comparison, String> {
    let programs = [Variant::Shipped.storm()?, Variant::MallocCells.storm()?];
    let asked = |side: usize| asked(&programs[side]);
    let asked = [asked(0)?, asked(1)?];
    let mut figures = vec![Figure {
        case: "allocations",
        unit: "allocations",
        what: "on the heap, and chunks of the system",
        sides: asked.map(|Asked { allocations, chunks }| {
            (allocations + chunks) as f64 / (OUTSTANDING * WAVES) as f64
        }),
        goal: Some(ALLOCATIONS_GOAL),
    }];
    let skipped = valgrind::missing();
    if skipped.is_none() {
        let costs = |side: usize, last| valgrind::per_task(&programs[side], STORM, last);
        let core = [costs(0, LastCache::OfCore)?, costs(1, LastCache::OfCore)?];
        let shared = [costs(0, LastCache::Shared)?, costs(1, LastCache::Shared)?];
        for (case, what, outstanding) in SMALLER {
            let storm =
                Storm { outstanding, waves: OUTSTANDING * WAVES / outstanding / 4, ..STORM };
            let costs = |side: usize| valgrind::per_task(&programs[side], storm, LastCache::Shared);
            let sides = [costs(0)?, costs(1)?].map(Costs::data_misses);
            figures.push(Figure { case, unit: "misses", what, sides, goal: Some(MISSES_GOAL) });
        }
        figures.extend(misses(core, shared));
    }
    Ok(Comparison { figures, skipped })
}

fn misses(core: [Costs; 2], shared: [Costs; 2]) -> [Figure; 5] {
    let figure = |case, unit, what, sides| Figure { case, unit, what, sides, goal: None };
    let all = shared.map(Costs::data_misses);
    [
        Figure {
            goal: Some(MISSES_GOAL),
            ..figure("data_misses", "misses", "of both caches", all)
        },
        figure("d1_misses", "misses", "of 32 KiB", shared.map(|costs| costs.d1_misses)),
        figure("l2_misses", "misses", "of 1 MiB behind it", core.map(|costs| costs.last_misses)),
        figure("l3_misses", "misses", "of 32 MiB instead", shared.map(|costs| costs.last_misses)),
        figure("instructions", "instructions", "", shared.map(|costs| costs.instructions)),
    ]
}

/// What the storm asks for in `program`, once the runtime has warmed up.
fn asked(program: &Path) -> Result<Asked, String> {
    let uncounted = valgrind::WAVES_BEFORE;
    storm::of_child(program, Storm { waves: uncounted + WAVES, uncounted, ..STORM })
}

impl Comparison {
    /// The suite's results, as those of the others.
    pub(crate) fn results(&self) -> Vec<CaseResult> {
        let result = |&Figure { case, unit, what, sides, .. }: &Figure| {
            let row = |side: usize| Row { peer: SIDES[side], samples: Ok(vec![sides[side]]) };
            CaseResult { case, unit, what, rows: vec![row(0), row(1)] }
        };
        self.figures.iter().map(result).collect()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "slab  [per task, {OUTSTANDING} outstanding, {WAVES} waves, one worker]")?;
        let [slab, malloc] = SIDES;
        writeln!(
            f,
            "  {:<18}{:<39}{slab:>9}{malloc:>9}{:>8}{:>7}",
            "case", "what", "ratio", "goal"
        )?;
        for Figure { case, what, sides: [slab, malloc], goal, .. } in &self.figures {
            let ratio = slab / malloc;
            let (shown, verdict) = match goal {
                Some(goal) if ratio <= *goal => (format!("{goal:.2}"), ""),
                Some(goal) => (format!("{goal:.2}"), "  missed"),
                None => ("-".to_owned(), ""),
            };
            let ratio = if ratio.is_finite() { format!("{ratio:.3}") } else { "-".to_owned() };
            writeln!(
                f,
                "  {case:<18}{what:<39}{slab:>9.3}{malloc:>9.3}{ratio:>8}{shown:>7}{verdict}"
            )?;
        }
        match &self.skipped {
            Some(why) => writeln!(f, "  skipped, the misses: {why}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(slab: f64) -> String {
        let costs = |d1_misses| Costs { instructions: 100.0, d1_misses, last_misses: 0.0 };
        let sides = [costs(slab), costs(6.0)];
        Comparison { figures: misses(sides, sides).into(), skipped: None }.to_string()
    }

    #[test]
    fn a_goal_that_is_missed_is_marked() {
        let (kept, missed) = (comparison(3.0), comparison(3.5));
        assert!(kept.contains(" 0.500   0.50\n") && !kept.contains("missed"), "{kept}");
        assert!(missed.contains(" 0.583   0.50  missed\n"), "{missed}");
    }

    #[test]
    fn a_ratio_to_nothing_is_none() {
        let table = comparison(3.0);
        let misses = table.lines().find(|line| line.trim_start().starts_with("l3_misses"));
        assert!(
            misses.is_some_and(|row| row.ends_with(" 0.000    0.000       -      -")),
            "{table}"
        );
    }
}
