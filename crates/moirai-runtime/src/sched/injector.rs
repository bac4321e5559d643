//! Work from outside of the workers: a list behind a lock, without a bound and without an
//! allocation, since the work links itself.

use moirai_sync::__prim::Mutex;
use moirai_sync::__prim::atomic::{AtomicUsize, Ordering};

use super::work::{Chain, Work};

#[derive(Debug)]
pub(crate) struct Injector {
    list: Mutex<List>,
    /// The length of the list, readable without the lock.
    len: AtomicUsize,
}

#[derive(Debug)]
struct List {
    chain: Chain,
    closed: bool,
}

impl Injector {
    pub(crate) fn new() -> Self {
        let list = List { chain: Chain::new(), closed: false };
        Self { list: Mutex::new(list), len: AtomicUsize::new(0) }
    }

    /// Adds `work`; it comes back if the injector is closed.
    pub(crate) fn push(&self, work: Work) -> Result<(), Work> {
        let mut list = self.list.lock();
        if list.closed {
            return Err(work);
        }
        list.chain.push(work);
        self.publish(&list);
        Ok(())
    }

    /// Adds all of `chain`; it comes back if the injector is closed.
    pub(crate) fn push_chain(&self, chain: Chain) -> Result<(), Chain> {
        let mut list = self.list.lock();
        if list.closed {
            return Err(chain);
        }
        list.chain.append(chain);
        self.publish(&list);
        Ok(())
    }

    /// Takes the oldest work, and up to `more` after it.
    pub(crate) fn pop_batch(&self, more: impl FnOnce(usize) -> usize) -> Option<(Work, Chain)> {
        if self.is_empty() {
            return None;
        }
        let mut list = self.list.lock();
        let first = list.chain.pop()?;
        let mut rest = Chain::new();
        for _ in 0..more(list.chain.len()) {
            match list.chain.pop() {
                Some(work) => rest.push(work),
                None => break,
            }
        }
        self.publish(&list);
        Some((first, rest))
    }

    /// Refuses work from now on; returns what is queued.
    pub(crate) fn close(&self) -> Chain {
        let mut list = self.list.lock();
        list.closed = true;
        let rest = std::mem::replace(&mut list.chain, Chain::new());
        self.publish(&list);
        rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: a hint; who must not miss work puts a fence before (see `idle`).
        self.len.load(Ordering::Relaxed) == 0
    }

    fn publish(&self, list: &List) {
        // Relaxed: written under the lock; read as a hint.
        self.len.store(list.chain.len(), Ordering::Relaxed);
    }
}
