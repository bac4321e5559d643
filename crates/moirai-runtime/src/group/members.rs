//! Tasks in numbered places, and a queue of the places whose tasks have ended.
//!
//! ```text
//!            insert               its task ends: the place is sent         take
//!   Free ─────────────► Running ─────────────────────────────────► .. ──────────► Free
//!                         │  ▲
//!                    lend └──┘ give_back
//! ```
//! A place keeps its [`Notice`], which is the waker of whatever task is there: a group whose tasks
//! come and go allocates nothing. A notice that rings late, for a task that has left the place, makes
//! the owner look once in vain.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `rung` set in `ring` | Release | the Acquire in `take`: a ring that found it set is seen by the look that follows |
//!
//! Knows no policy: what an end means is the group's affair. Nothing here calls a waker but
//! [`Notice::ring`], so members may be kept under a lock.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use moirai_sync::__prim::atomic::{AtomicBool, Ordering};
use moirai_sync::TaskResult;
use moirai_sync::channel::Sender;

use crate::task::TaskHandle;

#[derive(Debug)]
pub(super) struct Members<T> {
    places: Vec<Place<T>>,
    free: Vec<usize>,
    /// Those that are not free.
    taken: usize,
    ended: Sender<usize>,
}

#[derive(Debug)]
struct Place<T> {
    notice: Arc<Notice>,
    member: Member<T>,
}

#[derive(Debug)]
enum Member<T> {
    Free,
    Running(TaskHandle<T>),
    /// Its handle is elsewhere for a moment.
    Lent,
    /// It had ended before it came.
    Ended(TaskHandle<T>, TaskResult<T>),
}

/// Tells the group that the task in a place has ended.
#[derive(Debug)]
pub(super) struct Notice {
    place: usize,
    /// Whether the place is in the queue.
    rung: AtomicBool,
    ended: Sender<usize>,
}

/// What has come of putting a task into a group.
#[derive(Debug)]
#[must_use]
pub(super) enum Inserted {
    Running,
    /// It has ended already: to be rung where no lock is held.
    Ended(Arc<Notice>),
}

/// A task that has left its group.
#[derive(Debug)]
pub(super) struct Left<T> {
    /// To be dropped where no lock is held: it may be the runtime's last.
    pub(super) handle: TaskHandle<T>,
    pub(super) result: TaskResult<T>,
}

impl<T> Members<T> {
    /// The places of tasks that have ended are sent to `ended`.
    pub(super) fn new(ended: Sender<usize>) -> Self {
        Self { places: Vec::new(), free: Vec::new(), taken: 0, ended }
    }

    pub(super) fn len(&self) -> usize {
        self.taken
    }

    pub(super) fn insert(&mut self, mut handle: TaskHandle<T>) -> Inserted {
        let index = self.free.pop().unwrap_or_else(|| self.add_place());
        let place = &mut self.places[index];
        let waker = Waker::from(Arc::clone(&place.notice));
        let (member, inserted) = match Pin::new(&mut handle).poll(&mut Context::from_waker(&waker))
        {
            Poll::Pending => (Member::Running(handle), Inserted::Running),
            Poll::Ready(result) => {
                (Member::Ended(handle, result), Inserted::Ended(Arc::clone(&place.notice)))
            }
        };
        place.member = member;
        self.taken += 1;
        inserted
    }

    fn add_place(&mut self) -> usize {
        let place = self.places.len();
        let rung = AtomicBool::new(false);
        let notice = Arc::new(Notice { place, rung, ended: self.ended.clone() });
        self.places.push(Place { notice, member: Member::Free });
        place
    }

    /// Takes the task out of a place that was sent, if it has ended.
    pub(super) fn take(&mut self, index: usize) -> Option<Left<T>> {
        let place = self.places.get_mut(index)?;
        // Before the look: a task that ends after it rings again. Acquire: pairs with the Release
        // in `ring`.
        place.notice.rung.swap(false, Ordering::Acquire);
        let left = match mem::replace(&mut place.member, Member::Free) {
            Member::Ended(handle, result) => Some(Left { handle, result }),
            Member::Running(mut handle) => match handle.try_join() {
                Some(result) => Some(Left { handle, result }),
                None => {
                    place.member = Member::Running(handle);
                    None
                }
            },
            member => {
                place.member = member;
                None
            }
        };
        if left.is_some() {
            self.free.push(index);
            self.taken -= 1;
        }
        left
    }

    /// Every handle, for a caller that is about to drop the members.
    pub(super) fn drain(&mut self) -> Vec<TaskHandle<T>> {
        self.taken = 0;
        let mut handles = Vec::with_capacity(self.places.len());
        self.free.clear();
        for (index, place) in self.places.iter_mut().enumerate() {
            self.free.push(index);
            match mem::replace(&mut place.member, Member::Free) {
                Member::Running(handle) | Member::Ended(handle, _) => handles.push(handle),
                Member::Free | Member::Lent => {}
            }
        }
        handles
    }

    /// The handles of those that run, to be used where no lock is held. Until they are given back,
    /// [`take`](Self::take) finds nothing in their places.
    pub(super) fn lend(&mut self) -> Vec<(usize, TaskHandle<T>)> {
        let mut lent = Vec::with_capacity(self.taken);
        for (index, place) in self.places.iter_mut().enumerate() {
            match mem::replace(&mut place.member, Member::Lent) {
                Member::Running(handle) => lent.push((index, handle)),
                member => place.member = member,
            }
        }
        lent
    }

    pub(super) fn give_back(&mut self, lent: Vec<(usize, TaskHandle<T>)>) {
        for (index, handle) in lent {
            self.places[index].member = Member::Running(handle);
        }
    }

    /// Calls `f` with each handle.
    pub(super) fn for_each(&self, mut f: impl FnMut(&TaskHandle<T>)) {
        for place in &self.places {
            if let Member::Running(handle) | Member::Ended(handle, _) = &place.member {
                f(handle);
            }
        }
    }
}

impl Notice {
    /// Sends the place, unless it is on its way.
    pub(super) fn ring(&self) {
        // Release: pairs with the Acquire in `take`, so that the task's end is seen by the look
        // that follows, whoever rang first.
        if !self.rung.swap(true, Ordering::Release) {
            // Nobody waits in a group that is gone.
            let _ = self.ended.send(self.place);
        }
    }
}

impl Inserted {
    /// To be called where no lock is held.
    pub(super) fn tell(self) {
        if let Self::Ended(notice) = self {
            notice.ring();
        }
    }
}

impl Wake for Notice {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
