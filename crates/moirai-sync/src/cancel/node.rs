//! One token of the tree. The states, the orderings, and why no child is missed, stand in [`super`].

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::prim::Mutex;
use crate::prim::atomic::{AtomicU32, Ordering};
use crate::strand::{self, Timer};
use crate::waitlist::{WaitList, Waiter};

use super::CancelReason;

const LIVE: u32 = 0;
const CANCELLED: u32 = 1;
const EXPIRED: u32 = 2;
/// The bits above.
const REASON: u32 = 3;
/// All below are marked, and whoever waited is woken.
const REACHED: u32 = 4;

/// Held by std's pointer, also in a model, whose own knows no weak ones: all that is in it is
/// behind atomics and mutexes, so the model sees every access.
pub(super) struct Node {
    state: AtomicU32,
    deadline: Option<Instant>,
    waiters: WaitList,
    children: Mutex<Children>,
    /// `None` at the root, for a child of a cancelled token, and once it has left.
    parent: Option<Membership>,
}

/// A place among a parent's children.
struct Membership {
    parent: Arc<Node>,
    place: usize,
}

/// A slab: each child keeps its place, and a place that is left is the next to be taken.
struct Children {
    places: Vec<Place>,
    free: usize,
    taken: usize,
}

enum Place {
    Taken(Weak<Node>),
    /// The next free place.
    Free(usize),
}

/// No place.
const NONE: usize = usize::MAX;

impl Node {
    pub(super) fn root(deadline: Option<Instant>) -> Arc<Self> {
        Arc::new(Self::new(LIVE, deadline, None))
    }

    fn new(state: u32, deadline: Option<Instant>, parent: Option<Membership>) -> Self {
        Self {
            state: AtomicU32::new(state),
            deadline,
            waiters: WaitList::new(),
            children: Mutex::new(Children::new()),
            parent,
        }
    }

    pub(super) fn child(self: &Arc<Self>, deadline: Option<Instant>) -> Arc<Self> {
        let deadline = earlier(deadline, self.deadline);
        let mut children = self.children.lock();
        // Acquire: pairs with the Release in `mark` and `expire`. Under the lock, which `cancel`
        // takes after it has marked: if there is no mark, it will find the child.
        let state = self.state.load(Ordering::Acquire) & REASON;
        if state != LIVE {
            // Nothing will ever be below it that needs a walk.
            return Arc::new(Self::new(state | REACHED, deadline, None));
        }
        // Under the lock to its end: before that, the weak pointer leads nowhere.
        Arc::new_cyclic(|child| {
            let place = children.insert(Weak::clone(child));
            Self::new(LIVE, deadline, Some(Membership { parent: Arc::clone(self), place }))
        })
    }

    pub(super) fn cancel(self: &Arc<Self>) {
        // Acquire: pairs with the Release below, so that all below are seen marked.
        if self.state.load(Ordering::Acquire) & REACHED != 0 {
            return;
        }
        let (mut to_visit, mut visited) = (vec![Arc::clone(self)], Vec::new());
        while let Some(node) = to_visit.pop() {
            // Acquire: as above.
            if node.state.load(Ordering::Acquire) & REACHED == 0 {
                node.mark();
                node.children.lock().collect(&mut to_visit);
                visited.push(node);
            }
        }
        visited.iter().for_each(|node| node.waiters.notify_all());
        for node in visited {
            // Release: pairs with the Acquire above.
            node.state.fetch_or(REACHED, Ordering::Release);
        }
    }

    fn mark(&self) {
        // Release: pairs with the Acquire in `reason`, so that what came before the cancel is seen
        // by who sees it. A token that has a reason keeps it.
        let _: Result<u32, u32> =
            self.state.compare_exchange(LIVE, CANCELLED, Ordering::Release, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn reason(&self) -> Option<CancelReason> {
        // Acquire: pairs with the Release in `mark`.
        match self.state.load(Ordering::Acquire) & REASON {
            LIVE if self.deadline.is_none() => None,
            LIVE => self.expire(),
            state => Some(reason_of(state)),
        }
    }

    /// Notices that the deadline has passed, if it has.
    #[cold]
    fn expire(&self) -> Option<CancelReason> {
        if strand::now() < self.deadline? {
            return None;
        }
        // Release: pairs with the Acquire in `reason`. Acquire if it fails: as that one.
        let noticed =
            self.state.compare_exchange(LIVE, EXPIRED, Ordering::Release, Ordering::Acquire);
        Some(reason_of(noticed.map_or_else(|state| state & REASON, |_| EXPIRED)))
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn waiters(&self) -> &WaitList {
        &self.waiters
    }

    /// `waiter` is one of this node's.
    pub(super) fn poll_cancelled(
        &self,
        waiter: Pin<&Waiter<'_>>,
        alarm: &mut Alarm,
        cx: &mut Context<'_>,
    ) -> Poll<CancelReason> {
        // A waiter that is registered stays so until the token is cancelled.
        if self.reason().is_none() && !alarm.is_set(cx.waker()) {
            waiter.register(cx.waker());
            alarm.set(cx.waker());
        }
        match self.reason() {
            Some(reason) => {
                // All are woken: there is nothing to pass on.
                let _ = waiter.finish();
                Poll::Ready(reason)
            }
            None => Poll::Pending,
        }
    }

    /// Takes this node out of its parent's list. Returns the parent.
    fn leave(&mut self) -> Option<Arc<Self>> {
        let Membership { parent, place } = self.parent.take()?;
        let left = parent.children.lock().remove(place);
        drop(left);
        Some(parent)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut parent = self.leave();
        // The last child of a chain frees all of it, here and not each in the drop of the next.
        while let Some(mut node) = parent.and_then(Arc::into_inner) {
            parent = node.leave();
        }
    }
}

impl Children {
    fn new() -> Self {
        Self { places: Vec::new(), free: NONE, taken: 0 }
    }

    fn insert(&mut self, child: Weak<Node>) -> usize {
        self.taken += 1;
        match self.places.get_mut(self.free) {
            None => {
                self.places.push(Place::Taken(child));
                self.places.len() - 1
            }
            Some(place) => match mem::replace(place, Place::Taken(child)) {
                Place::Free(next) => mem::replace(&mut self.free, next),
                Place::Taken(_) => unreachable!("a free place holds a child"),
            },
        }
    }

    /// What was there is for the caller to drop, without the lock.
    fn remove(&mut self, place: usize) -> (Place, Vec<Place>) {
        self.taken -= 1;
        let left = mem::replace(&mut self.places[place], Place::Free(self.free));
        self.free = place;
        if self.taken > 0 {
            return (left, Vec::new());
        }
        self.free = NONE;
        (left, mem::take(&mut self.places))
    }

    /// Those that are there. All of them: one pointer let go here may be the last, whose drop takes
    /// the lock.
    fn collect(&self, into: &mut Vec<Arc<Node>>) {
        into.extend(self.places.iter().filter_map(|place| match place {
            // One that is gone meanwhile leaves the list in its own drop.
            Place::Taken(child) => child.upgrade(),
            Place::Free(_) => None,
        }));
    }
}

/// Whom one wait has told, and the timer that wakes it.
pub(super) struct Alarm {
    /// Until when, if the wait needs a timer.
    deadline: Option<Instant>,
    set: Option<(Waker, Option<Timer>)>,
}

impl Alarm {
    pub(super) fn new(deadline: Option<Instant>) -> Self {
        Self { deadline, set: None }
    }

    /// Of a wait that is woken at the deadline anyway.
    pub(super) fn without_timer() -> Self {
        Self::new(None)
    }

    fn is_set(&self, waker: &Waker) -> bool {
        self.set.as_ref().is_some_and(|(old, _)| old.will_wake(waker))
    }

    fn set(&mut self, waker: &Waker) {
        let timer = self.deadline.map(|deadline| strand::timer(deadline, waker));
        self.set = Some((waker.clone(), timer));
    }
}

fn reason_of(state: u32) -> CancelReason {
    if state == EXPIRED { CancelReason::DeadlineExceeded } else { CancelReason::Cancelled }
}

/// The earlier of two moments, where `None` never comes.
pub(super) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    fn places(node: &Node) -> (usize, usize) {
        let children = node.children.lock();
        (children.taken, children.places.len())
    }

    #[test]
    fn a_place_that_is_left_is_taken_by_the_next_child_and_the_last_one_frees_all() {
        let root = Node::root(None);
        let mut children: Vec<_> = (0..100).map(|_| root.child(None)).collect();
        for n in [99, 50, 0, 97, 3] {
            drop(children.remove(n.min(children.len() - 1)));
            assert_eq!(places(&root), (99, 100));
            children.push(root.child(None));
            assert_eq!(places(&root), (100, 100));
        }
        drop(children);
        assert_eq!((places(&root), root.children.lock().places.capacity()), ((0, 0), 0));
    }

    #[test]
    fn a_child_of_a_cancelled_token_holds_nobody() {
        let root = Node::root(None);
        root.cancel();
        let child = root.child(None);
        assert_eq!((Arc::strong_count(&root), places(&root)), (1, (0, 0)));
        assert_eq!(child.reason(), Some(CancelReason::Cancelled));
    }
}
