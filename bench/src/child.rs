//! Cases whose figures belong to a process: every sample is taken in a child process in which one
//! runtime is alone. The child is this program; it prints a figure, or why there is none.

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use crate::harness::{Entrant, Failure, Outcome, Sample, Workload};

/// The word on the command line that makes this program a child; a case and a peer follow.
pub(crate) const WORD: &str = "child";

/// The exit code of a child whose peer computed a wrong result.
const WRONG: u8 = 2;

/// A peer whose samples of `case` are taken by child processes.
pub(crate) fn entrant(case: &'static str, peer: &'static str) -> Entrant {
    let workload: Workload = Arc::new(move |_| {
        let start = Instant::now();
        let value = of_child(case, peer)?;
        Ok(Sample { elapsed: start.elapsed(), value })
    });
    Entrant { peer, workload: Ok(workload) }
}

fn of_child(case: &str, peer: &str) -> Result<f64, Failure> {
    let program = env::current_exe().map_err(|error| Failure::Refused(error.to_string()))?;
    let output = Command::new(program)
        .args([WORD, case, peer])
        .output()
        .map_err(|error| Failure::Refused(format!("cannot start the child process: {error}")))?;
    understood(&String::from_utf8_lossy(&output.stdout), output.status.code())
}

/// What the child's output and exit code mean: the reverse of [`answer`].
fn understood(said: &str, code: Option<i32>) -> Result<f64, Failure> {
    match said.trim() {
        "" => Err(Failure::Refused(format!("the child process said nothing (code {code:?})"))),
        what if code == Some(WRONG.into()) => Err(Failure::Wrong(what.to_owned())),
        said => said.parse().map_err(|_| Failure::Refused(said.to_owned())),
    }
}

/// What the child prints, and its exit code.
pub(crate) fn answer(outcome: Outcome) -> (String, u8) {
    match outcome {
        Ok(sample) => (sample.value.to_string(), 0),
        Err(Failure::Refused(why)) => (why, 1),
        Err(Failure::Wrong(what)) => (what, WRONG),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_child_is_understood_whatever_it_answers() {
        let said = |outcome| {
            let (said, code) = answer(outcome);
            understood(&format!("{said}\n"), Some(code.into()))
        };
        let sample = Sample { elapsed: Duration::from_secs(5), value: 0.125 };
        assert_eq!(said(Ok(sample)), Ok(0.125));
        for failure in [Failure::Refused("queue full".to_owned()), Failure::Wrong("1".to_owned())] {
            assert_eq!(said(Err(failure.clone())), Err(failure));
        }
    }

    #[test]
    fn a_child_that_died_silently_is_a_refusal() {
        let died = understood("", None);
        assert!(matches!(died, Err(Failure::Refused(_))), "{died:?}");
    }
}
