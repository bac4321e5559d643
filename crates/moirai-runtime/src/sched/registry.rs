//! Everything that has been spawned and not freed, so that shutdown finds it.
//!
//! A task that waits for a foreign waker is in no queue; without this list it would outlive its
//! runtime. The list holds no reference: work leaves it before it is freed.
//!
//! Sharded by a number the caller gives, so that threads spawning at once rarely meet.

#![allow(unsafe_code, reason = "intrusive links; model: src/model/registry.rs")]

use std::ptr::{self, NonNull};

use moirai_sync::__prim::Mutex;

use super::work::{Header, Links, Registered, Work};

#[derive(Debug)]
pub(crate) struct Registry {
    shards: [Mutex<Shard>; SHARD_COUNT],
}

#[derive(Debug)]
struct Shard {
    head: *const Header,
    closed: bool,
}

// SAFETY: the headers are reached under the shard's lock only, while they are registered.
unsafe impl Send for Shard {}

impl Registry {
    pub(crate) fn new() -> Self {
        let shard = || Mutex::new(Shard { head: ptr::null(), closed: false });
        Self { shards: std::array::from_fn(|_| shard()) }
    }

    fn shard(&self, key: u64) -> &Mutex<Shard> {
        // The key counts up, so neighbours land in different shards.
        &self.shards[key as usize % SHARD_COUNT]
    }

    /// Adds `header`, unless the registry is closed.
    ///
    /// # Safety
    ///
    /// `header` is allocated, in no registry, and removed with the same `key` before it is freed.
    pub(crate) unsafe fn insert(&self, key: u64, header: NonNull<Header>) -> Registered {
        let mut shard = self.shard(key).lock();
        if shard.closed {
            return Registered::Closed;
        }
        let links = Links { prev: ptr::null(), next: shard.head };
        // SAFETY: `header` and the shard's head are allocated; links are reached under the lock.
        unsafe {
            if let Some(next) = links.next.as_ref() {
                next.links.with_mut(|links| (*links).prev = header.as_ptr());
            }
            header.as_ref().links.with_mut(|place| *place = links);
        }
        shard.head = header.as_ptr();
        Registered::Yes
    }

    /// Takes `header` out.
    ///
    /// # Safety
    ///
    /// It is in this registry, added with `key`.
    pub(crate) unsafe fn remove(&self, key: u64, header: NonNull<Header>) {
        let mut shard = self.shard(key).lock();
        // SAFETY: `header` and its neighbours are in the shard, hence allocated; links are reached
        // under the lock.
        unsafe {
            let (prev, next) = header.as_ref().links.with(|links| ((*links).prev, (*links).next));
            match prev.as_ref() {
                Some(prev) => prev.links.with_mut(|links| (*links).next = next),
                None => shard.head = next,
            }
            if let Some(next) = next.as_ref() {
                next.links.with_mut(|links| (*links).prev = prev);
            }
        }
    }

    /// Refuses new work from now on, and shuts down all that is there.
    pub(crate) fn close(&self) {
        for shard in &self.shards {
            let mut alive = Vec::new();
            {
                let mut shard = shard.lock();
                shard.closed = true;
                let mut at = shard.head;
                while let Some(header) = NonNull::new(at.cast_mut()) {
                    // SAFETY: `header` is registered, and we hold its shard's lock.
                    unsafe {
                        alive.extend(Header::acquire(header));
                        at = header.as_ref().links.with(|links| (*links).next);
                    }
                }
            }
            // Outside of the lock: what is dropped here may free other work of this shard.
            alive.into_iter().for_each(Work::shutdown);
        }
    }
}

const SHARD_COUNT: usize = 16;
