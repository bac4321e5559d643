//! Nodes that point to each other in a circle, in order of arrival: a queue that allocates nothing, and
//! that one can leave from anywhere. Knows neither who waits nor for what.

#![allow(unsafe_code, reason = "intrusive nodes; models: src/model/{waitlist,mutex,notify}.rs")]

use std::ptr;

use crate::prim::UnsafeCell;

/// From the oldest node to the youngest, which the oldest one follows.
pub(crate) struct Circle<N> {
    youngest: *const N,
}

// SAFETY: the pointers are to nodes that are reached under the lock of the circle only.
unsafe impl<N: Sync> Send for Circle<N> {}

/// A node's neighbours. Meaningless where it is in no circle.
pub(crate) struct Links<N> {
    prev: *const N,
    next: *const N,
}

/// What a circle is made of.
pub(crate) trait Linked: Sized {
    /// Where the neighbours stand, which the circle alone reaches.
    fn links(&self) -> &UnsafeCell<Links<Self>>;
}

/// Where a node joins the circle.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Head,
    Tail,
}

impl<N> Clone for Links<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Links<N> {}

impl<N> Links<N> {
    pub(crate) const NONE: Self = Self { prev: ptr::null(), next: ptr::null() };
}

impl<N: Linked> Circle<N> {
    pub(crate) const EMPTY: Self = Self { youngest: ptr::null() };

    pub(crate) fn is_empty(&self) -> bool {
        self.youngest.is_null()
    }

    /// The oldest node, or null.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    #[inline]
    pub(crate) unsafe fn oldest(&self) -> *const N {
        // SAFETY: a node in the circle is alive, and its links are reached under the lock only.
        unsafe { self.youngest.as_ref().map_or(ptr::null(), |node| links(node).next) }
    }

    /// The node that came after `node`, or null.
    ///
    /// # Safety
    ///
    /// The caller holds the lock; `node` is in this circle.
    #[inline]
    pub(crate) unsafe fn after(&self, node: &N) -> *const N {
        if ptr::eq(node, self.youngest) {
            return ptr::null();
        }
        // SAFETY: links are reached under the lock only.
        unsafe { links(node).next }
    }

    /// Whether one of the nodes is as `wanted`.
    ///
    /// # Safety
    ///
    /// The caller holds the lock.
    pub(crate) unsafe fn any(&self, wanted: impl Fn(&N) -> bool) -> bool {
        // SAFETY: as the caller says.
        let mut next = unsafe { self.oldest() };
        // SAFETY: a node in a circle is alive: its drop takes the lock to leave it.
        while let Some(node) = unsafe { next.as_ref() } {
            if wanted(node) {
                return true;
            }
            // SAFETY: as above; the node is in this circle.
            next = unsafe { self.after(node) };
        }
        false
    }

    /// # Safety
    ///
    /// The caller holds the lock; `node` is pinned, not in a circle, and leaves it before its end.
    #[inline]
    pub(crate) unsafe fn push(&mut self, node: *const N, end: End) {
        // SAFETY: `node` is alive, and so are its neighbours, which are in the circle; all links
        // are reached under the lock only.
        unsafe {
            let links = match self.youngest.as_ref() {
                None => Links { prev: node, next: node },
                Some(youngest) => {
                    let oldest = links(youngest).next;
                    youngest.links().with_mut(|links| (*links).next = node);
                    (*oldest).links().with_mut(|links| (*links).prev = node);
                    Links { prev: youngest, next: oldest }
                }
            };
            (*node).links().with_mut(|place| *place = links);
        }
        if self.youngest.is_null() || matches!(end, End::Tail) {
            self.youngest = node;
        }
    }

    /// # Safety
    ///
    /// The caller holds the lock; `node` is in this circle.
    #[inline]
    pub(crate) unsafe fn unlink(&mut self, node: *const N) {
        // SAFETY: `node` and its neighbours are in the circle, hence alive; links are reached under
        // the lock only.
        unsafe {
            let Links { prev, next } = links(&*node);
            if ptr::eq(next, node) {
                self.youngest = ptr::null();
                return;
            }
            (*prev).links().with_mut(|links| (*links).next = next);
            (*next).links().with_mut(|links| (*links).prev = prev);
            if ptr::eq(node, self.youngest) {
                self.youngest = prev;
            }
        }
    }
}

/// # Safety
///
/// The caller holds the lock of the circle that the node is in.
#[inline]
unsafe fn links<N: Linked>(node: &N) -> Links<N> {
    // SAFETY: as the caller says.
    node.links().with(|links| unsafe { *links })
}
