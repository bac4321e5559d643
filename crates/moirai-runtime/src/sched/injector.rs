//! Work from outside of the workers: any amount, without an allocation, since the work links itself.
//!
//! Whoever pushes does one exchange on a stack, the *inbox*, and never waits for a worker. A worker
//! that finds the list empty takes the whole inbox, turns it round, and serves itself from there:
//!
//! ```text
//!   push ──► inbox: newest ─► .. ─► oldest        one word, pushed to and taken whole
//!                         │ taken whole, turned round
//!                         ▼
//!   list: oldest ─► .. ─► newest ──► pop_batch    behind a lock that only workers take
//! ```
//!
//! A stack that is only pushed to and taken whole has no ABA problem (Treiber, *Systems programming:
//! coping with parallelism*, 1986). A closed inbox holds [`CLOSED`], for ever.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `inbox` exchange in push | Release | the Acquire exchange that takes it: the links are written |
//! | `inbox` exchange in close | AcqRel | as above, and pushes that find it closed |
//! | `inbox`, `len` in `is_empty` | Relaxed | a hint; who must not miss work fences before (see `idle`) |

#![allow(unsafe_code, reason = "turns links back into work; model: src/model/injector.rs")]

use std::ptr;

use moirai_sync::__prim::Mutex;
use moirai_sync::__prim::atomic::{AtomicPtr, AtomicUsize, Ordering};
use moirai_sync::CachePadded;

use super::work::{Chain, Header, Work};

#[derive(Debug)]
pub(crate) struct Injector {
    inbox: CachePadded<AtomicPtr<Header>>,
    list: Mutex<Chain>,
    /// The length of the list, readable without the lock.
    len: AtomicUsize,
}

/// What a closed inbox holds: no header is there.
const CLOSED: *mut Header = ptr::without_provenance_mut(1);

impl Injector {
    pub(crate) fn new() -> Self {
        Self {
            inbox: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
            list: Mutex::new(Chain::new()),
            len: AtomicUsize::new(0),
        }
    }

    /// Adds `work`; it comes back if the injector is closed.
    #[inline]
    pub(crate) fn push(&self, work: Work) -> Result<(), Work> {
        let raw = work.into_raw();
        // Relaxed: a guess, checked by the exchange; nothing behind it is read.
        let mut head = self.inbox.load(Ordering::Relaxed);
        loop {
            if head == CLOSED {
                // SAFETY: from `into_raw` above, turned back once.
                return Err(unsafe { Work::from_raw(raw) });
            }
            // SAFETY: until the exchange `raw` is ours.
            unsafe { Work::link(raw, head) };
            // Release: pairs with the Acquire in `take_inbox` and `close`.
            match self.inbox.compare_exchange_weak(head, raw, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(current) => head = current,
            }
        }
    }

    /// Adds all of `chain`; it comes back if the injector is closed.
    pub(crate) fn push_chain(&self, chain: Chain) -> Result<(), Chain> {
        let mut list = self.list.lock();
        // Relaxed: `close` takes the lock after it has closed the inbox.
        if self.inbox.load(Ordering::Relaxed) == CLOSED {
            return Err(chain);
        }
        list.append(chain);
        self.publish(&list);
        Ok(())
    }

    /// Takes the oldest work, and up to `more` after it.
    pub(crate) fn pop_batch(&self, more: impl FnOnce(usize) -> usize) -> Option<(Work, Chain)> {
        if self.is_empty() {
            return None;
        }
        let mut list = self.list.lock();
        if list.len() == 0 {
            list.append(self.take_inbox());
        }
        let first = list.pop()?;
        let mut rest = Chain::new();
        for _ in 0..more(list.len()) {
            match list.pop() {
                Some(work) => rest.push(work),
                None => break,
            }
        }
        self.publish(&list);
        Some((first, rest))
    }

    fn take_inbox(&self) -> Chain {
        // Relaxed: a guess, checked by the exchange.
        let mut head = self.inbox.load(Ordering::Relaxed);
        while !head.is_null() && head != CLOSED {
            // Acquire: pairs with the Release in `push`. Not a swap: CLOSED must stay.
            match self.inbox.compare_exchange_weak(
                head,
                ptr::null_mut(),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                // SAFETY: the exchange gave us the whole list, linked by `push`.
                Ok(_) => return unsafe { Chain::reversed(head) },
                Err(current) => head = current,
            }
        }
        Chain::new()
    }

    /// Refuses work from now on; returns what is queued.
    pub(crate) fn close(&self) -> Chain {
        // Acquire: pairs with the Release in `push`. Release: what came before the close is seen
        // by a push that is refused.
        let head = self.inbox.swap(CLOSED, Ordering::AcqRel);
        let mut list = self.list.lock();
        let mut rest = std::mem::replace(&mut *list, Chain::new());
        self.publish(&list);
        if head != CLOSED {
            // SAFETY: the swap gave us the whole list, linked by `push`.
            rest.append(unsafe { Chain::reversed(head) });
        }
        rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: a hint; who must not miss work puts a fence before (see `idle`).
        let head = self.inbox.load(Ordering::Relaxed);
        (head.is_null() || head == CLOSED) && self.len.load(Ordering::Relaxed) == 0
    }

    fn publish(&self, list: &Chain) {
        // Relaxed: written under the lock; read as a hint.
        self.len.store(list.len(), Ordering::Relaxed);
    }
}

#[cfg(all(test, not(moirai_loom)))]
mod tests {
    use super::*;
    use crate::sched::work::Tally;

    fn run_all(injector: &Injector) {
        while let Some((work, mut rest)) = injector.pop_batch(|left| left / 2) {
            work.run();
            while let Some(work) = rest.pop() {
                work.run();
            }
        }
    }

    #[test]
    fn work_leaves_in_the_order_in_which_it_came() {
        let (injector, tally) = (Injector::new(), Tally::default());
        (0..5).for_each(|n| injector.push(tally.work(n)).unwrap());
        let (first, mut rest) = injector.pop_batch(|left| left / 2).unwrap();
        first.run();
        (5..9).for_each(|n| injector.push(tally.work(n)).unwrap());
        while let Some(work) = rest.pop() {
            work.run();
        }
        run_all(&injector);
        assert!(tally.ran().into_iter().eq(0..9));
        assert!(injector.is_empty());
    }

    #[test]
    fn a_closed_injector_gives_back_what_it_had_and_what_comes_later() {
        let (injector, tally) = (Injector::new(), Tally::default());
        let mut chain = Chain::new();
        chain.push(tally.work(0));
        injector.push_chain(chain).unwrap();
        injector.push(tally.work(1)).unwrap();
        let mut rest = injector.close();
        assert_eq!(rest.len(), 2);
        while let Some(work) = rest.pop() {
            work.run();
        }
        injector.push(tally.work(2)).unwrap_err().run();
        let mut chain = Chain::new();
        chain.push(tally.work(3));
        injector.push_chain(chain).unwrap_err().pop().unwrap().run();
        assert_eq!(injector.close().len(), 0);
        assert!(injector.is_empty());
        assert!(injector.pop_batch(|left| left).is_none());
        assert_eq!(tally.ran(), [0, 1, 2, 3]);
    }

    #[test]
    fn many_threads_push_while_others_take_and_one_closes() {
        let count = if cfg!(miri) { 20 } else { 5_000 };
        let (injector, tally) = (Injector::new(), Tally::default());
        let refused = std::thread::scope(|scope| {
            let pushers = [0, 1].map(|n| {
                let (injector, tally) = (&injector, &tally);
                scope.spawn(move || {
                    let mut refused = 0;
                    for i in 0..count {
                        match injector.push(tally.work(n * count + i)) {
                            Ok(()) => {}
                            Err(work) => {
                                work.run();
                                refused += 1;
                            }
                        }
                    }
                    refused
                })
            });
            scope.spawn(|| (0..count).for_each(|_| run_all(&injector)));
            let mut rest = injector.close();
            while let Some(work) = rest.pop() {
                work.run();
            }
            pushers.into_iter().map(|pusher| pusher.join().unwrap()).sum::<u32>()
        });
        println!("{refused} refused");
        let mut ran = tally.ran();
        ran.sort_unstable();
        assert!(ran.into_iter().eq(0..2 * count));
    }
}
