//! Suite `stall`: what must not stand still. Timers by the hundred thousand, jobs that block, and the
//! other tasks beside one that keeps its worker.
//!
//! Every sample is taken in a child process ([`child`](crate::child)) in which one runtime is alone,
//! so processor time belongs to it, and whoever blocks or spins disturbs no other peer.

mod held;
mod jobs;
mod timers;

use crate::child;
use crate::exec::Group;
use crate::harness::{Case, Effort, Failure, Outcome};
use crate::peer::Peer as _;
use crate::peer::moirai::Moirai;
use crate::peer::smol::Smol;
use crate::peer::tokio_mt::TokioMt;

/// The name of the suite.
pub(crate) const NAME: &str = "stall";

/// The groups of the suite, in the order in which they run.
pub(crate) fn groups() -> Vec<Group> {
    let cases = [
        case("asleep", "ms", "99th percentile of a 1 ms ticker's lateness, each worker asleep 1 s"),
        case("spinning", "ms", "the same, each worker computing 1 s"),
        blocked(),
        case("timers100k", "ns", "processor time per timer, 100,000 of 1..=200 ms"),
        case("timers100k_p99", "us", "99th percentile of how late they wake"),
        case("timers_cancelled", "ns", "processor time per timer that is polled once and dropped"),
        case("blocking10k", "ms", "for 10,000 blocking jobs that sleep 1 ms"),
    ];
    cases.into_iter().map(Group::alone).collect()
}

/// One sample of `case` by `peer` in this process, if it is a case of this suite.
pub(crate) fn sample_alone(case: &str, peer: &str) -> Option<Outcome> {
    let [ours, tokio_mt, smol]: [fn() -> Outcome; 3] = match case {
        "asleep" => [held::asleep::<Moirai>, held::asleep::<TokioMt>, held::asleep::<Smol>],
        "spinning" => [held::spinning::<Moirai>, held::spinning::<TokioMt>, held::spinning::<Smol>],
        BLOCKED => [held::blocked::<Moirai>, held::blocked::<TokioMt>, held::blocked::<Smol>],
        "timers100k" => [timers::cpu::<Moirai>, timers::cpu::<TokioMt>, timers::cpu::<Smol>],
        "timers100k_p99" => [timers::late::<Moirai>, timers::late::<TokioMt>, timers::late::<Smol>],
        "timers_cancelled" => {
            [timers::cancelled::<Moirai>, timers::cancelled::<TokioMt>, timers::cancelled::<Smol>]
        }
        "blocking10k" => [jobs::run::<Moirai>, jobs::run::<TokioMt>, jobs::run::<Smol>],
        _ => return None,
    };
    Some(match peer {
        Moirai::NAME => ours(),
        TokioMt::NAME => tokio_mt(),
        Smol::NAME => smol(),
        THREADS if case == BLOCKED => held::blocked_threads(),
        _ => Err(Failure::Refused(format!("no peer of this suite is called `{peer}`"))),
    })
}

fn case(name: &'static str, unit: &'static str, what: &'static str) -> Case {
    let peers = [Moirai::NAME, TokioMt::NAME, Smol::NAME];
    let entrants = peers.map(|peer| child::entrant(name, peer)).into();
    Case { name, unit, what, effort: Effort::Once, entrants }
}

/// Beside the others, threads that block each for itself.
fn blocked() -> Case {
    let mut case = case(BLOCKED, "ms", "for 100 tasks that each wait 100 ms in a blocking receive");
    case.entrants.push(child::entrant(BLOCKED, THREADS));
    case
}

const BLOCKED: &str = "blocked100";

/// Threads of the standard library.
const THREADS: &str = "threads";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_of_the_suite_is_one_of_child_processes() {
        for group in groups() {
            assert!(sample_alone(group.name, "nope").is_some(), "{}", group.name);
        }
    }
}
