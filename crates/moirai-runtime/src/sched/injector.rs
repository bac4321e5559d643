//! Work that no worker has: what comes from outside, and what workers have too much of.
//!
//! Whoever pushes from outside does one exchange on a stack, the *inbox*, allocates nothing, since the work
//! links itself, and never waits for a worker. What a full ring gives away comes as an array of pointers:
//! who has so much has left its lines behind long ago, and to link them, one after the other and under a
//! lock, would fetch each once more.
//!
//! ```text
//!   push ──► inbox: newest ─► .. ─► oldest        one word, pushed to and taken whole
//!                         │ taken whole, turned round
//!                         ▼
//!   backlog: [linked], [array], [array] .. ──► pop_batch    behind a lock that only workers take
//!                                 ▲
//!   push_all ─────────────────────┘
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

use std::collections::VecDeque;
use std::{iter, ptr, vec};

use moirai_sync::__prim::Mutex;
use moirai_sync::__prim::atomic::{AtomicPtr, AtomicUsize, Ordering};
use moirai_sync::CachePadded;

use super::work::{Chain, Header, Work};

#[derive(Debug)]
pub(crate) struct Injector {
    inbox: CachePadded<AtomicPtr<Header>>,
    backlog: Mutex<Backlog>,
    /// The length of the backlog, readable without the lock.
    len: AtomicUsize,
}

/// The oldest first.
#[derive(Debug, Default)]
struct Backlog {
    /// None is empty.
    batches: VecDeque<Batch>,
    len: usize,
}

/// What came together.
#[derive(Debug)]
enum Batch {
    Linked(Chain),
    Array(vec::IntoIter<Work>),
}

/// What a closed inbox holds: no header is there.
const CLOSED: *mut Header = ptr::without_provenance_mut(1);

impl Injector {
    pub(crate) fn new() -> Self {
        Self {
            inbox: CachePadded::new(AtomicPtr::new(ptr::null_mut())),
            backlog: Mutex::default(),
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

    /// Adds all of `works`; they come back if the injector is closed.
    pub(crate) fn push_all(&self, works: Vec<Work>) -> Result<(), Vec<Work>> {
        let mut backlog = self.backlog.lock();
        // Relaxed: `close` takes the lock after it has closed the inbox.
        if self.inbox.load(Ordering::Relaxed) == CLOSED {
            return Err(works);
        }
        self.empty_inbox(&mut backlog);
        backlog.push(Batch::Array(works.into_iter()));
        self.publish(&backlog);
        Ok(())
    }

    /// Takes the oldest work.
    pub(crate) fn pop(&self) -> Option<Work> {
        self.pop_batch(|_| 0, |_| unreachable!("more than none"))
    }

    /// Takes the oldest work, and gives up to `more` after it to `rest`, which is called under a lock.
    pub(crate) fn pop_batch(
        &self,
        more: impl FnOnce(usize) -> usize,
        mut rest: impl FnMut(Work),
    ) -> Option<Work> {
        if self.is_empty() {
            return None;
        }
        let mut backlog = self.backlog.lock();
        self.empty_inbox(&mut backlog);
        let first = backlog.pop()?;
        let more = more(backlog.len);
        backlog.take(more, &mut rest);
        self.publish(&backlog);
        Some(first)
    }

    /// What has come so far goes before what comes next.
    fn empty_inbox(&self, backlog: &mut Backlog) {
        backlog.push(Batch::Linked(self.take_inbox()));
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
        let mut backlog = self.backlog.lock();
        let mut rest = Chain::new();
        while let Some(work) = backlog.pop() {
            rest.push(work);
        }
        self.publish(&backlog);
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

    fn publish(&self, backlog: &Backlog) {
        // Relaxed: written under the lock; read as a hint.
        self.len.store(backlog.len, Ordering::Relaxed);
    }
}

impl Backlog {
    fn push(&mut self, batch: Batch) {
        let len = batch.len();
        if len == 0 {
            return;
        }
        self.len += len;
        match (self.batches.back_mut(), batch) {
            // As much as there may be from outside, in one place.
            (Some(Batch::Linked(last)), Batch::Linked(more)) => last.append(more),
            (_, batch) => self.batches.push_back(batch),
        }
    }

    fn pop(&mut self) -> Option<Work> {
        let mut first = None;
        self.take(1, &mut |work| first = Some(work));
        first
    }

    /// Gives the `n` oldest to `to`, or all.
    fn take(&mut self, n: usize, to: &mut impl FnMut(Work)) {
        let mut n = n.min(self.len);
        self.len -= n;
        while n != 0 {
            let Some(batch) = self.batches.front_mut() else {
                unreachable!("{n} fewer than were counted")
            };
            let taken = n.min(batch.len());
            match batch {
                Batch::Linked(chain) => {
                    iter::from_fn(|| chain.pop()).take(taken).for_each(&mut *to);
                }
                Batch::Array(works) => works.take(taken).for_each(&mut *to),
            }
            if batch.len() == 0 {
                self.batches.pop_front();
            }
            n -= taken;
        }
    }
}

impl Batch {
    fn len(&self) -> usize {
        match self {
            Self::Linked(chain) => chain.len(),
            Self::Array(works) => works.len(),
        }
    }
}

#[cfg(all(test, not(moirai_loom)))]
mod tests {
    use super::*;
    use crate::sched::work::Tally;

    /// Takes half of what there is, and runs it.
    fn run_half(injector: &Injector) -> bool {
        let mut rest = Vec::new();
        let Some(work) = injector.pop_batch(|left| left / 2, |work| rest.push(work)) else {
            return false;
        };
        work.run();
        rest.into_iter().for_each(Work::run);
        true
    }

    fn run_all(injector: &Injector) {
        while run_half(injector) {}
    }

    #[test]
    fn work_leaves_in_the_order_in_which_it_came() {
        let (injector, tally) = (Injector::new(), Tally::default());
        (0..5).for_each(|n| injector.push(tally.work(n)).unwrap());
        assert!(run_half(&injector));
        injector.push_all((5..9).map(|n| tally.work(n)).collect()).unwrap();
        (9..12).for_each(|n| injector.push(tally.work(n)).unwrap());
        assert!(run_half(&injector));
        (12..14).for_each(|n| injector.push(tally.work(n)).unwrap());
        injector.push_all((14..20).map(|n| tally.work(n)).collect()).unwrap();
        run_all(&injector);
        assert!(tally.ran().into_iter().eq(0..20));
        assert!(injector.is_empty());
    }

    #[test]
    fn a_closed_injector_gives_back_what_it_had_and_what_comes_later() {
        let (injector, tally) = (Injector::new(), Tally::default());
        injector.push_all(vec![tally.work(0)]).unwrap();
        injector.push(tally.work(1)).unwrap();
        let mut rest = injector.close();
        assert_eq!(rest.len(), 2);
        while let Some(work) = rest.pop() {
            work.run();
        }
        injector.push(tally.work(2)).unwrap_err().run();
        injector.push_all(vec![tally.work(3)]).unwrap_err().pop().unwrap().run();
        assert_eq!(injector.close().len(), 0);
        assert!(injector.is_empty());
        assert!(injector.pop().is_none());
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
