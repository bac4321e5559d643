//! The list itself: nodes that point to each other, in order of arrival.

#![allow(unsafe_code, reason = "intrusive nodes; model: src/model/waitlist.rs")]

use std::ptr;

use super::{Links, Node};

/// From the oldest node to the youngest.
pub(super) struct Queue {
    pub(super) head: *const Node,
    pub(super) tail: *const Node,
}

// SAFETY: the pointers are to nodes whose fields are reached only under the mutex (see `Waiter`).
unsafe impl Send for Queue {}

/// Where a node joins the queue.
#[derive(Clone, Copy)]
pub(super) enum End {
    Head,
    Tail,
}

impl Queue {
    /// # Safety
    ///
    /// The caller holds the lock; `node` is pinned, not in a queue, and leaves it before its end.
    pub(super) unsafe fn push(&mut self, node: *const Node, end: End) {
        let links = match end {
            End::Head => Links { prev: ptr::null(), next: self.head },
            End::Tail => Links { prev: self.tail, next: ptr::null() },
        };
        // SAFETY: `node` is alive, and so are its neighbours, which are in the queue; all links
        // are reached under the lock only.
        unsafe {
            match links.prev.as_ref() {
                Some(prev) => prev.links.with_mut(|links| (*links).next = node),
                None => self.head = node,
            }
            match links.next.as_ref() {
                Some(next) => next.links.with_mut(|links| (*links).prev = node),
                None => self.tail = node,
            }
            (*node).links.with_mut(|place| *place = links);
        }
    }

    /// # Safety
    ///
    /// The caller holds the lock; `node` is in this queue.
    pub(super) unsafe fn unlink(&mut self, node: *const Node) {
        // SAFETY: `node` and its neighbours are in the queue, hence alive; links are reached under
        // the lock only.
        unsafe {
            let (prev, next) = (*node).links.with(|links| ((*links).prev, (*links).next));
            match prev.as_ref() {
                Some(prev) => prev.links.with_mut(|links| (*links).next = next),
                None => self.head = next,
            }
            match next.as_ref() {
                Some(next) => next.links.with_mut(|links| (*links).prev = prev),
                None => self.tail = prev,
            }
        }
    }
}
