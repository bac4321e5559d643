//! What both ends are: a side of a ring, and the wait for the other one.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::spin::{Prospect, spin};
use crate::strand;

use super::bell::Look;
use super::error::{OpenError, TransferError};
use super::map::Mapping;
use super::ring::{Corrupt, Life, Role};
use super::seat::{Peer, Seat};

/// One side of a ring, until it is dropped.
#[derive(Debug)]
pub(super) struct End {
    pub(super) mapping: Arc<Mapping>,
    seat: Seat,
    role: Role,
    /// When `peer` was last asked by somebody who does not wait.
    asked: Option<Instant>,
}

impl End {
    /// The side of `seat`, which has been taken; what the ring holds is what `resume` makes of it.
    pub(super) fn new<R>(
        mapping: &Arc<Mapping>,
        seat: Seat,
        role: Role,
        resume: impl FnOnce(&Mapping) -> Result<R, Corrupt>,
    ) -> Result<(Self, R), OpenError> {
        let resumed = resume(mapping).map_err(|Corrupt| OpenError::Corrupt)?;
        mapping.shared().attach(role);
        let end = Self { mapping: Arc::clone(mapping), seat, role, asked: None };
        Ok((end, resumed))
    }

    pub(super) fn peer(&self) -> Peer {
        self.seat.peer(self.role.other(), self.mapping.shared())
    }

    /// How many messages there are; as far as that can be said.
    pub(super) fn len(&self) -> usize {
        let len = self.mapping.shared().len(&self.mapping.places());
        len.map_or(0, |len| usize::try_from(len).unwrap_or(usize::MAX))
    }

    pub(super) fn capacity(&self) -> usize {
        usize::try_from(self.mapping.places().capacity).unwrap_or(usize::MAX)
    }

    /// Makes an attempt that yields nothing if it must wait. Then it finds out who is not there; whether one
    /// that is there lives takes a call of the system, which is made no more often than by an end that waits.
    pub(super) fn attempt<T>(
        &mut self,
        mut attempt: impl FnMut(&Mapping) -> Result<Option<T>, TransferError>,
    ) -> Result<T, TransferError> {
        if let Some(result) = attempt(&self.mapping)? {
            return Ok(result);
        }
        if let Life::There(_) = self.mapping.shared().life(self.role.other()) {
            let now = Instant::now();
            if self.asked.is_some_and(|asked| now.duration_since(asked) < CHECK_EVERY) {
                return Err(TransferError::WouldBlock);
            }
            self.asked = Some(now);
        }
        let gone = gone(self.peer());
        if gone.is_some() {
            self.asked = None;
        }
        // What came before its end is there by now.
        attempt(&self.mapping)?.ok_or(gone.unwrap_or(TransferError::WouldBlock))
    }

    /// Makes attempts until one yields something, `deadline` has passed, or nobody is there to wait for.
    pub(super) fn wait<T>(
        &self,
        deadline: Option<Instant>,
        mut attempt: impl FnMut(&Mapping) -> Result<Option<T>, TransferError>,
    ) -> Result<T, TransferError> {
        let mut attempt = || attempt(&self.mapping).transpose();
        let mut result = attempt();
        if result.is_none() {
            result =
                spin(Prospect::Open, deadline, || attempt().map_or(Poll::Pending, Poll::Ready));
        }
        match result {
            Some(result) => result,
            None => self.sleep(deadline, attempt, |peer| gone(peer).map(Err)),
        }
    }

    /// Waits until somebody is on the other side.
    pub(super) fn wait_for_peer(&self, deadline: Option<Instant>) -> Result<(), TransferError> {
        self.sleep(deadline, || None, |peer| (peer == Peer::Present).then_some(Ok(())))
    }

    /// Sleeps until an attempt yields something, or who is there decides, or `deadline` has passed.
    #[cold]
    fn sleep<T>(
        &self,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Option<Result<T, TransferError>>,
        decide: impl Fn(Peer) -> Option<Result<T, TransferError>>,
    ) -> Result<T, TransferError> {
        // Nobody wakes a task here: the thread sleeps, and a runtime's worker hands on its work before.
        let _blocking = strand::blocking();
        let shared = self.mapping.shared();
        let bell = shared.side(self.role).bell();
        loop {
            let before = shared.life(self.role.other());
            let decided = decide(self.peer());
            let left = deadline.map_or(CHECK_EVERY, |deadline| {
                deadline.saturating_duration_since(Instant::now()).min(CHECK_EVERY)
            });
            let late = left.is_zero().then_some(Err(TransferError::TimedOut));
            // What came before its end, or the limit, is there by now.
            if let Some(end) = decided.or(late) {
                return attempt().unwrap_or(end);
            }
            let mut result = None;
            let look = || {
                result = attempt();
                let somebody_came_or_went = shared.life(self.role.other()) != before;
                if result.is_some() || somebody_came_or_went { Look::Ready } else { Look::Nothing }
            };
            bell.sleep_unless(look, left);
            if let Some(result) = result.or_else(&mut attempt) {
                return result;
            }
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // Before the lock is given back.
        self.mapping.shared().leave(self.role);
    }
}

/// Whether it makes no sense to wait for `peer`.
fn gone(peer: Peer) -> Option<TransferError> {
    match peer {
        Peer::Left => Some(TransferError::Disconnected),
        Peer::Died => Some(TransferError::PeerDied),
        Peer::Absent | Peer::Present => None,
    }
}

/// When a limit in time ends; one beyond what an `Instant` can hold is none.
pub(super) fn until(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// How often a waiting end asks whether the process on the other side lives.
const CHECK_EVERY: Duration = Duration::from_millis(250);

const _: () =
    assert!(CHECK_EVERY.as_millis() <= 500, "a death is noticed within a second, late or not");
