//! Case `blocking10k`: jobs that sleep on threads of their own, all of them spawned at once.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Failure, Outcome, Sample};
use crate::peer::Blocking;

const JOBS: u64 = 10_000;

/// How long each job blocks.
const BLOCKED: Duration = Duration::from_millis(1);

/// From the first spawn to the last result.
pub(super) fn run<P: Blocking>() -> Outcome {
    let peer = P::start().map_err(Failure::Refused)?;
    wave(&peer, JOBS)
}

fn wave<P: Blocking>(peer: &P, jobs: u64) -> Outcome {
    let start = Instant::now();
    let sum = peer.block_on(async {
        let job = |value| {
            peer.unblock(move || {
                thread::sleep(BLOCKED);
                value
            })
        };
        let running: Vec<_> = (0..jobs).map(job).collect();
        let mut sum = 0;
        for job in running {
            sum += job.await;
        }
        sum
    });
    let elapsed = start.elapsed();
    let expected = jobs * (jobs - 1) / 2;
    if sum != expected {
        return Err(Failure::Wrong(format!("the sum is {sum}, expected {expected}")));
    }
    Ok(Sample { elapsed, value: elapsed.as_secs_f64() * 1e3 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer as _;
    use crate::peer::moirai::Moirai;
    use crate::peer::smol::Smol;
    use crate::peer::tokio_mt::TokioMt;

    #[test]
    fn every_job_returns_its_value() {
        assert!(wave(&Moirai::start().unwrap(), 50).is_ok());
        assert!(wave(&TokioMt::start().unwrap(), 50).is_ok());
        assert!(wave(&Smol::start().unwrap(), 50).is_ok());
    }
}
