//! The list itself: nodes that point to each other in a circle, in order of arrival.

#![allow(unsafe_code, reason = "intrusive nodes; model: src/model/waitlist.rs")]

use std::ptr;

use super::{Kind, Links, Node, Target};

/// From the oldest node to the youngest, which the oldest one follows.
pub(super) struct Queue {
    youngest: *const Node,
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
    pub(super) const EMPTY: Self = Self { youngest: ptr::null() };

    /// The oldest node, or null.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    #[inline]
    pub(super) unsafe fn oldest(&self) -> *const Node {
        // SAFETY: a queued node is alive, and its links are reached under the lock only.
        unsafe { self.youngest.as_ref().map_or(ptr::null(), |node| node.links().next) }
    }

    /// The node that came after `node`, or null.
    ///
    /// # Safety
    ///
    /// The caller holds the lock; `node` is in this queue.
    #[inline]
    pub(super) unsafe fn after(&self, node: &Node) -> *const Node {
        if ptr::eq(node, self.youngest) {
            return ptr::null();
        }
        // SAFETY: links are reached under the lock only.
        unsafe { node.links().next }
    }

    /// Whether one of the nodes is as `wanted`. A queue is reached under its lock only.
    pub(super) fn any(&self, wanted: impl Fn(Kind, &Target) -> bool) -> bool {
        // SAFETY: whoever has the queue holds the lock.
        let mut next = unsafe { self.oldest() };
        // SAFETY: a node in a queue is alive: its drop takes the lock to leave it.
        while let Some(node) = unsafe { next.as_ref() } {
            // SAFETY: `target` is reached under the lock only.
            if node.target.with(|target| wanted(node.kind, unsafe { &*target })) {
                return true;
            }
            // SAFETY: as above; the node is in this queue.
            next = unsafe { self.after(node) };
        }
        false
    }

    /// # Safety
    ///
    /// The caller holds the lock; `node` is pinned, not in a queue, and leaves it before its end.
    #[inline]
    pub(super) unsafe fn push(&mut self, node: *const Node, end: End) {
        // SAFETY: `node` is alive, and so are its neighbours, which are in the queue; all links
        // are reached under the lock only.
        unsafe {
            let links = match self.youngest.as_ref() {
                None => Links { prev: node, next: node },
                Some(youngest) => {
                    let oldest = youngest.links().next;
                    youngest.links.with_mut(|links| (*links).next = node);
                    (*oldest).links.with_mut(|links| (*links).prev = node);
                    Links { prev: youngest, next: oldest }
                }
            };
            (*node).links.with_mut(|place| *place = links);
        }
        if self.youngest.is_null() || matches!(end, End::Tail) {
            self.youngest = node;
        }
    }

    /// # Safety
    ///
    /// The caller holds the lock; `node` is in this queue.
    #[inline]
    pub(super) unsafe fn unlink(&mut self, node: *const Node) {
        // SAFETY: `node` and its neighbours are in the queue, hence alive; links are reached under
        // the lock only.
        unsafe {
            let Links { prev, next } = (*node).links();
            if ptr::eq(next, node) {
                self.youngest = ptr::null();
                return;
            }
            (*prev).links.with_mut(|links| (*links).next = next);
            (*next).links.with_mut(|links| (*links).prev = prev);
            if ptr::eq(node, self.youngest) {
                self.youngest = prev;
            }
        }
    }
}

impl Node {
    /// # Safety
    ///
    /// The caller holds the lock of the list that the node is in.
    #[inline]
    unsafe fn links(&self) -> Links {
        // SAFETY: as the caller says.
        self.links.with(|links| unsafe { *links })
    }
}
