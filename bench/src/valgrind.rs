//! What a storm costs by cachegrind's count: instructions and misses of caches, which are the same
//! today and tomorrow, on an idle machine and on a busy one.

use std::path::Path;
use std::process::Command;

use crate::peer;
use crate::storm::{Storm, WORD};

/// The first cache that is simulated, small and near as that of a core.
const D1: &str = "--D1=32768,8,64";

/// The last cache that is simulated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LastCache {
    /// 1 MiB, as much as a core has to itself.
    OfCore,
    /// 32 MiB, as much as cores share.
    Shared,
}

/// Costs of one task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Costs {
    /// Instructions.
    pub(crate) instructions: f64,
    /// Reads and writes that the first cache did not have.
    pub(crate) d1_misses: f64,
    /// Those that the last one did not have either.
    pub(crate) last_misses: f64,
}

impl Costs {
    /// Of both caches.
    pub(crate) fn data_misses(self) -> f64 {
        self.d1_misses + self.last_misses
    }
}

/// Why there are no figures, if valgrind is not there.
pub(crate) fn missing() -> Option<String> {
    let version = Command::new("valgrind").arg("--version").output();
    let why = match version {
        Ok(output) if output.status.success() => return None,
        Ok(output) => output.status.to_string(),
        Err(error) => error.to_string(),
    };
    Some(format!("valgrind cannot be run ({why}); `apt-get install valgrind` brings it"))
}

/// What a task of `storm` costs in `program`, a build of this program: how much more so many waves
/// cost than those before them, in which a runtime warms up.
///
/// # Errors
///
/// What valgrind says where it says no figures.
pub(crate) fn per_task(program: &Path, storm: Storm, last: LastCache) -> Result<Costs, String> {
    let of = |waves| totals(program, Storm { waves, uncounted: u64::MAX, ..storm }, last);
    let (start, all) = (of(WAVES_BEFORE)?, of(WAVES_BEFORE + storm.waves)?);
    let tasks = (storm.outstanding * storm.waves) as f64;
    let each = |of: fn(&Costs) -> f64| (of(&all) - of(&start)) / tasks;
    Ok(Costs {
        instructions: each(|costs| costs.instructions),
        d1_misses: each(|costs| costs.d1_misses),
        last_misses: each(|costs| costs.last_misses),
    })
}

/// Waves of a storm that are not looked at.
pub(crate) const WAVES_BEFORE: u64 = 10;

/// Of the whole process.
fn totals(program: &Path, storm: Storm, last: LastCache) -> Result<Costs, String> {
    let last = match last {
        LastCache::OfCore => "--LL=1048576,16,64",
        LastCache::Shared => "--LL=33554432,16,64",
    };
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=yes", D1, last])
        .arg("--cachegrind-out-file=/dev/stdout")
        .arg(program)
        .arg(WORD)
        .args(storm.words())
        // Else the program would start itself anew, out of valgrind's sight.
        .env(peer::smol::THREADS, peer::WORKERS.to_string())
        .output()
        .map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match costs(&said) {
        Some(costs) if output.status.success() => Ok(costs),
        _ => Err(format!(
            "`valgrind {}` said no figures ({}): {}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim(),
        )),
    }
}

/// The totals in a file of cachegrind's.
fn costs(file: &str) -> Option<Costs> {
    let line = |name: &str| file.lines().find_map(|line| line.strip_prefix(name));
    let (events, summary) = (line("events:")?, line("summary:")?);
    let total = |wanted: &str| {
        let at = events.split_whitespace().position(|event| event == wanted)?;
        summary.split_whitespace().nth(at)?.parse::<f64>().ok()
    };
    Some(Costs {
        instructions: total("Ir")?,
        d1_misses: total("D1mr")? + total("D1mw")?,
        last_misses: total("DLmr")? + total("DLmw")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found_by_the_names_of_their_events() {
        let file = "desc: D1 cache: 32768 B\nevents: Ir I1mr Dr D1mr DLmr Dw D1mw DLmw\nfn=main\n\
                    3 9 9 9 9 9 9 9 9\nsummary: 1000 7 500 20 2 300 10 1\n";
        let found = Costs { instructions: 1000.0, d1_misses: 30.0, last_misses: 3.0 };
        assert_eq!(costs(file), Some(found));
        assert_eq!(costs("events: Ir\nsummary: 7\n"), None);
        assert_eq!(costs("10000 tasks\n"), None);
    }
}
