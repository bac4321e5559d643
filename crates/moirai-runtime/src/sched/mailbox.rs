//! Work for one worker and no other.
//!
//! The worker looks in between two tasks, before it sleeps, and while it waits for a part of its own
//! work; it needs no permit for what it finds, which is short or worth it. Once the worker has ended,
//! the box takes nothing more.

use std::task::Waker;

use moirai_sync::__prim::Mutex;
use moirai_sync::__prim::atomic::{AtomicBool, Ordering};

use super::work::{Chain, Work};

#[derive(Debug)]
pub(crate) struct Mailbox {
    inside: Mutex<Inside>,
    /// Whether it is worth looking; changed under the lock.
    full: AtomicBool,
}

#[derive(Debug)]
struct Inside {
    mail: Chain,
    closed: bool,
    /// Of an owner that waits elsewhere than in its bed.
    waiter: Option<Waker>,
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        let inside = Inside { mail: Chain::new(), closed: false, waiter: None };
        Self { inside: Mutex::new(inside), full: AtomicBool::new(false) }
    }

    /// Puts `work` in; it comes back if the worker has ended. The caller rouses the worker.
    pub(crate) fn push(&self, work: Work) -> Result<(), Work> {
        let waiter = {
            let mut inside = self.inside.lock();
            if inside.closed {
                return Err(work);
            }
            inside.mail.push(work);
            // Relaxed: who must not miss it fences or is woken, see `Pool::rouse`.
            self.full.store(true, Ordering::Relaxed);
            inside.waiter.take()
        };
        waiter.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Whether nothing is there; to all but the owner, a hint.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.full.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Work> {
        if self.is_empty() { None } else { self.pop_full() }
    }

    #[cold]
    fn pop_full(&self) -> Option<Work> {
        let mut inside = self.inside.lock();
        let work = inside.mail.pop();
        self.full.store(inside.mail.len() != 0, Ordering::Relaxed);
        work
    }

    /// Takes what is there; if nothing is, `waiter` is woken when something comes.
    pub(crate) fn pop_or_wait(&self, waiter: &Waker) -> Option<Work> {
        let waiter = waiter.clone();
        let mut inside = self.inside.lock();
        let work = inside.mail.pop();
        self.full.store(inside.mail.len() != 0, Ordering::Relaxed);
        let before = match work {
            Some(_) => Some(waiter),
            None => inside.waiter.replace(waiter),
        };
        drop(inside);
        drop(before);
        work
    }

    /// The worker ends: it runs what is left.
    pub(crate) fn close(&self) -> Chain {
        let mut inside = self.inside.lock();
        inside.closed = true;
        std::mem::replace(&mut inside.mail, Chain::new())
    }
}
