//! What the owner, the handles and the children of one nursery share.
//!
//! ```text
//!                    close, once nothing is left           abandon, from any state
//!   open, children come and go ──────────────► closed ◄────────────── open
//! ```
//!
//! **Who does what.** A child notes its own failure and cancels the token, so that it is known at
//! once; all else is the owner's: it alone takes children out and cancels their tasks, when it is
//! polled. So a place is never looked at by two.
//!
//! **Orphans.** A future that is dropped cannot wait. If a nursery is dropped before its end, inside
//! a child of another one, its children are cancelled and become the other's, which waits for them
//! as for its own: so cancelling a tree of nurseries ends when all of it has ended.
//!
//! The lock is held for a few steps; no future, value, error or handle is dropped under it, and no
//! waker is called.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::sync::Arc;

use moirai_sync::__prim::{Mutex, thread_local};
use moirai_sync::channel::{self, Receiver};
use moirai_sync::{CancelToken, TaskError};

use crate::local::LocalKey;
use crate::runtime::Handle;
use crate::task::TaskHandle;
use crate::trace::TaskStatus;

use super::error::{Failure, NurseryError};
use super::members::{Inserted, Left, Members};

/// The nursery whose child the running code is. As [`task_local!`](crate::task_local) makes it, of a
/// thread-local that random schedules know.
pub(super) static ENCLOSING: LocalKey<Arc<dyn Enclosing>> = {
    type Slot = RefCell<Option<Arc<dyn Enclosing>>>;
    #[cfg(moirai_loom)]
    thread_local! {
        static SLOT: Slot = RefCell::new(None);
    }
    #[cfg(not(moirai_loom))]
    thread_local! {
        static SLOT: Slot = const { RefCell::new(None) };
    }
    LocalKey::__new(|f| {
        let _: Result<(), _> = SLOT.try_with(|slot| f(slot));
    })
};

/// A nursery of whatever error.
pub(super) trait Enclosing: Send + Sync {
    fn token(&self) -> &CancelToken;

    /// Takes over children that are cancelled; else they come back, with the next nursery to ask.
    fn adopt(&self, orphans: Orphans) -> Result<(), (Orphans, Option<Arc<dyn Enclosing>>)>;
}

pub(super) type Orphans = Vec<TaskHandle<()>>;

/// What a failure means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    FailFast,
    CollectAll,
}

pub(super) struct Core<E> {
    pub(super) token: CancelToken,
    pub(super) runtime: Handle,
    /// The places of children that have ended; the owner's.
    pub(super) ended: Receiver<usize>,
    policy: Policy,
    enclosing: Option<Arc<dyn Enclosing>>,
    state: Mutex<State<E>>,
}

struct State<E> {
    phase: Phase,
    children: Members<()>,
    failures: Vec<Failure<E>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closed,
}

/// Whether a nursery has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Close {
    Closed,
    /// There are children.
    Busy,
}

impl<E: Send + 'static> Core<E> {
    pub(super) fn new(policy: Policy, within: Option<&CancelToken>, runtime: Handle) -> Arc<Self> {
        let enclosing = ENCLOSING.try_with(Arc::clone).ok();
        let above = within.or_else(|| enclosing.as_deref().map(Enclosing::token));
        let token = above.map_or_else(CancelToken::new, CancelToken::child);
        let (sender, ended) = channel::unbounded();
        let state =
            State { phase: Phase::Open, children: Members::new(sender), failures: Vec::new() };
        Arc::new(Self { token, runtime, ended, policy, enclosing, state: Mutex::new(state) })
    }

    /// Takes in a task that was just spawned for this nursery. One that comes too late is cancelled,
    /// and waited for unless the nursery has ended.
    pub(super) fn insert(&self, child: TaskHandle<()>) {
        let id = child.id();
        let mut state = self.state.lock();
        if state.phase == Phase::Closed {
            drop(state);
            return child.cancel();
        }
        let inserted = state.children.insert(child);
        drop(state);
        inserted.tell();
        // Whoever cancels the children does it after the token, under the lock: this one was seen
        // there, or the token is seen cancelled here.
        if self.token.is_cancelled() {
            let _: TaskStatus = self.runtime.cancel_task(id);
        }
    }

    /// Notes what went wrong. Comes back from a nursery that was dropped.
    pub(super) fn fail(&self, failure: Failure<E>) -> Option<Failure<E>> {
        {
            let mut state = self.state.lock();
            if state.phase == Phase::Closed {
                return Some(failure);
            }
            state.failures.push(failure);
        }
        if self.policy == Policy::FailFast {
            self.token.cancel();
        }
        None
    }

    /// Takes a child that has ended out of its place. The owner's, who says whether it has cancelled
    /// the children.
    pub(super) fn reap(&self, place: usize, stopping: Stopping) {
        let left = self.state.lock().children.take(place);
        match left {
            Some(Left { result: Err(TaskError::Cancelled), .. }) if stopping == Stopping::Yes => {}
            Some(Left { result: Err(error), .. }) => drop(self.fail(Failure::Task(error))),
            Some(Left { result: Ok(()), .. }) | None => {}
        }
    }

    /// Cancels the tasks of all children. The owner's, after the token.
    pub(super) fn cancel_children(&self) {
        let children = self.state.lock().children.lend();
        // Without the lock: a runtime that ends drops their futures here.
        children.iter().for_each(|(_, child)| child.cancel());
        self.state.lock().children.give_back(children);
    }

    /// Ends the nursery if there is nobody left. The owner's.
    pub(super) fn close(&self) -> Close {
        let mut state = self.state.lock();
        if state.children.len() != 0 {
            return Close::Busy;
        }
        state.phase = Phase::Closed;
        Close::Closed
    }

    /// What went wrong, once the nursery is closed.
    pub(super) fn take_error(&self) -> Option<NurseryError<E>> {
        let failures = mem::take(&mut self.state.lock().failures);
        let mut failures = failures.into_iter();
        let first = failures.next()?;
        Some(NurseryError::new(first, failures.collect()))
    }

    /// The owner goes away, perhaps before the end.
    pub(super) fn abandon(&self) {
        let (mut orphans, failures) = {
            let mut state = self.state.lock();
            if state.phase == Phase::Closed {
                return;
            }
            state.phase = Phase::Closed;
            (state.children.drain(), mem::take(&mut state.failures))
        };
        self.token.cancel();
        orphans.iter().for_each(TaskHandle::cancel);
        let mut next = self.enclosing.clone();
        while let Some(enclosing) = next {
            match enclosing.adopt(orphans) {
                Ok(()) => return,
                Err((refused, further)) => (orphans, next) = (refused, further),
            }
        }
        drop(failures);
    }
}

impl<E: Send + 'static> Enclosing for Core<E> {
    fn token(&self) -> &CancelToken {
        &self.token
    }

    fn adopt(&self, orphans: Orphans) -> Result<(), (Orphans, Option<Arc<dyn Enclosing>>)> {
        let mut inserted = Vec::with_capacity(orphans.len());
        {
            let mut state = self.state.lock();
            if state.phase == Phase::Closed {
                drop(state);
                return Err((orphans, self.enclosing.clone()));
            }
            inserted.extend(orphans.into_iter().map(|orphan| state.children.insert(orphan)));
        }
        inserted.into_iter().for_each(Inserted::tell);
        Ok(())
    }
}

/// Whether the owner has cancelled the children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    Yes,
    No,
}

impl<E> fmt::Debug for Core<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Nursery")
            .field("children", &state.children.len())
            .field("failures", &state.failures.len())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
