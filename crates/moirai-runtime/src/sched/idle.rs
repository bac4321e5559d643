//! Who may run, who searches, who sleeps.
//!
//! **A permit is the right to run tasks.** There are as many as workers were asked for; a thread
//! without one sleeps. A worker that finds nothing gives its permit back and sleeps; a worker whose
//! task is about to block gives it back and blocks. Whoever publishes work hands a free permit to
//! a sleeper, or has a spare thread started if there is none:
//!
//! ```text
//!                 grant (by `wake_one`)
//!   SLEEPING ───────────────────────────► RUNNING, searching
//!      ▲   ▲                                 │          │
//!      │   └───────── sleep ─────────────────┘          │ found work: end_search
//!      │                                                ▼
//!      │         release            try_acquire       RUNNING
//!      │   BLOCKED ◄──────────────────────────────────────┘│
//!      │      │   ──────────────────────────────────►  │   │
//!      │      │        no permit is free               ▼   │
//!      └──────┴──────────────────── WITHOUT ◄──────────────┘  sleeps at its next scheduling point
//!             sleep_without
//! ```
//!
//! One word counts the free permits and the searchers; the sleepers themselves are a list behind a
//! lock that is only taken to sleep or to wake. Permits have numbers, `permits`: where work waits for
//! one of them, or near to one, that one is preferred, and a sleeper that held it last.
//!
//! **A thread that rests** computes, has lent its permit, and leaves its core to whom it was lent to, for
//! a moment. It gets the next permit that a thread gives back, and is no sleeper: it has no use for
//! work.
//!
//! **No work is forgotten.** Both sides put a full fence between what they write and what they
//! read. The publisher: push, fence, read the word; it wakes nobody if somebody searches or no permit
//! is free. The last searcher to find work, and everybody who gives a permit back: change the word
//! (SeqCst), look at every queue, and wake somebody if there is work. Checked by the models
//! `park_against_publish`, `the_sleeper_looks_again`, `release_against_publish`.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | fence in `wake_one` | SeqCst | the exchanges of `end_search`, `sleep`, `release`, and the fence in `Pool::has_work` that follows them |
//! | every change of the word | SeqCst | each other: one order of who searches and what is free |
//! | loads of hints | Relaxed | checked by an exchange, or only a hint |

use std::collections::VecDeque;
use std::ops::Range;

use moirai_sync::__prim::Mutex;
use moirai_sync::__prim::atomic::{AtomicU32, Ordering, fence};

use super::permits::{FreePermits, PermitId};

#[derive(Debug)]
pub(crate) struct Idle {
    /// `free << 16 | searching`.
    word: AtomicU32,
    /// Those that are free.
    free: FreePermits,
    sleepers: Mutex<Sleepers>,
    /// How many rest; changed under the lock.
    resting: AtomicU32,
    permits: u32,
}

#[derive(Debug)]
struct Sleepers {
    /// Last in, first out; who waits for the driver lies at the bottom.
    list: Vec<Sleeper>,
    /// Those who rest; who has rested longest comes first.
    resting: VecDeque<Sleeper>,
    /// Threads that may still be started.
    startable: usize,
    /// The worker that the next started thread becomes.
    next_id: usize,
}

#[derive(Clone, Copy, Debug)]
struct Sleeper {
    id: usize,
    /// The permit that it has held last.
    last: PermitId,
}

/// Where a sleeper lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bed {
    /// It waits for the driver, and is woken last: somebody should watch the clock.
    Driver,
    Own,
}

/// Whether a worker searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    Yes,
    No,
}

/// Whether a searcher that stopped was the last one, and must look at every queue once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum LastSearcher {
    Yes,
    No,
}

/// Who has been given a permit, and which; it counts as searching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the permit is lost unless its holder is woken or started"]
pub(crate) enum Grant {
    /// To wake.
    Sleeper(usize, PermitId),
    /// To start.
    Spare(usize, PermitId),
}

/// Who has rested and has been given a permit, and which: to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the permit is lost unless its holder is woken"]
pub(crate) struct Rested(pub(crate) usize, pub(crate) PermitId);

/// Whether a permit was to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Acquired {
    Yes(PermitId),
    No,
}

/// Whether a thread that slept or rested got up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Rose {
    Yes,
    /// It is about to be woken with a permit.
    No,
}

#[derive(Clone, Copy)]
struct Word {
    free: u32,
    searching: u32,
}

impl Word {
    fn of(word: u32) -> Self {
        Self { free: word >> 16, searching: word & 0xffff }
    }
}

const ONE_FREE: u32 = 1 << 16;
const ONE_SEARCHING: u32 = 1;

impl Idle {
    /// All `permits` held by workers 0.. that are about to start; `spares` more threads may follow.
    pub(crate) fn new(permits: usize, spares: usize) -> Self {
        let sleepers = Sleepers {
            list: Vec::with_capacity(permits + spares),
            resting: VecDeque::new(),
            startable: spares,
            next_id: permits,
        };
        Self {
            word: AtomicU32::new(0),
            free: FreePermits::none_of(permits),
            sleepers: Mutex::new(sleepers),
            resting: AtomicU32::new(0),
            permits: permits as u32,
        }
    }

    /// Called after work was published: who is to be woken for it, if anybody. A permit that is
    /// `near` is preferred.
    #[inline]
    pub(crate) fn wake_one(&self, near: impl FnOnce() -> Range<usize>) -> Option<Grant> {
        // SeqCst fence: pairs with the SeqCst exchanges of `end_search`, `sleep` and `release`.
        fence(Ordering::SeqCst);
        let word = Word::of(self.word.load(Ordering::Relaxed));
        if word.free == 0 || word.searching != 0 {
            return None;
        }
        self.grant(Throttle::OneSearcher, &near())
    }

    /// Called after work was published that only the holder of `permit` runs: who is to be woken for
    /// it, if that permit is free. The caller has fenced in between. If somebody else takes the permit
    /// just now, that one sees the work, and who is woken gets another permit, or nobody is.
    pub(crate) fn wake_for(&self, permit: PermitId) -> Option<Grant> {
        if !self.free.contains(permit) {
            return None;
        }
        self.grant(Throttle::None, &(permit.index()..permit.index() + 1))
    }

    #[cold]
    fn grant(&self, throttle: Throttle, near: &Range<usize>) -> Option<Grant> {
        let mut sleepers = self.sleepers.lock();
        if sleepers.list.is_empty() && sleepers.startable == 0 {
            return None;
        }
        // SeqCst: one order with the other changes of the word; free permits may go without the
        // lock (`try_acquire`).
        self.word
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| {
                let Word { free, searching } = Word::of(word);
                let enough = throttle == Throttle::OneSearcher && searching != 0;
                (free != 0 && !enough).then(|| word - ONE_FREE + ONE_SEARCHING)
            })
            .ok()?;
        let first = near.start.min(self.permits as usize - 1);
        Some(match sleepers.rise_near(near) {
            Some(Sleeper { id, last }) => Grant::Sleeper(id, self.free.take(last, near)),
            None => {
                sleepers.startable -= 1;
                sleepers.next_id += 1;
                let permit = self.free.take(PermitId::new(first), near);
                Grant::Spare(sleepers.next_id - 1, permit)
            }
        })
    }

    /// Takes back the grant of a spare that could not be started; no further one is tried. It
    /// counted as searching, so the caller looks at every queue once more.
    pub(crate) fn spare_failed(&self, permit: PermitId) {
        let mut sleepers = self.sleepers.lock();
        sleepers.startable = 0;
        self.free.put(permit);
        // SeqCst: as in `end_search`.
        self.word.fetch_add(ONE_FREE - ONE_SEARCHING, Ordering::SeqCst);
    }

    /// A running worker starts to search, unless half of the running ones do already.
    pub(crate) fn begin_search(&self) -> Search {
        let word = Word::of(self.word.load(Ordering::Relaxed));
        if word.searching * 2 >= self.permits.saturating_sub(word.free) {
            return Search::No;
        }
        // SeqCst: one order with the other changes of the word.
        self.word.fetch_add(ONE_SEARCHING, Ordering::SeqCst);
        Search::Yes
    }

    /// How many permits nobody holds; a hint.
    pub(crate) fn free(&self) -> usize {
        Word::of(self.word.load(Ordering::Relaxed)).free as usize
    }

    /// Whether nobody holds this permit; a hint.
    pub(crate) fn is_free(&self, permit: PermitId) -> bool {
        self.free.contains(permit)
    }

    /// How many search; a hint.
    pub(crate) fn searchers(&self) -> usize {
        Word::of(self.word.load(Ordering::Relaxed)).searching as usize
    }

    /// Whether somebody sleeps who may be woken.
    pub(crate) fn has_sleeper(&self) -> bool {
        !self.sleepers.lock().list.is_empty()
    }

    /// Whether nobody sleeps and nobody may be started: who is there runs, searches or blocks.
    pub(crate) fn has_nobody(&self) -> bool {
        let sleepers = self.sleepers.lock();
        sleepers.list.is_empty() && sleepers.startable == 0 && self.searchers() == 0
    }

    /// Whether a searcher is the only one; a hint.
    pub(crate) fn is_only_searcher(&self) -> bool {
        self.searchers() == 1
    }

    /// A searcher has found work.
    pub(crate) fn end_search(&self) -> LastSearcher {
        // SeqCst: pairs with the fence in `wake_one`: who saw us searching has published before.
        let before = self.word.fetch_sub(ONE_SEARCHING, Ordering::SeqCst);
        last(before)
    }

    /// A worker gives its permit back and lies down; returns who has rested and has the permit now.
    /// The caller looks at every queue once more before it sleeps: what was published just before found
    /// no free permit and woke nobody.
    pub(crate) fn sleep(
        &self,
        id: usize,
        permit: PermitId,
        bed: Bed,
        search: Search,
    ) -> Option<Rested> {
        let mut sleepers = self.sleepers.lock();
        sleepers.lie_down(Sleeper { id, last: permit }, bed);
        let rested = self.pop_rested(&mut sleepers, permit);
        if rested.is_none() {
            self.free.put(permit);
        }
        let freed = if rested.is_none() { ONE_FREE } else { 0 };
        let searched = if search == Search::Yes { ONE_SEARCHING } else { 0 };
        // SeqCst: as in `end_search`.
        self.word.fetch_add(freed.wrapping_sub(searched), Ordering::SeqCst);
        rested
    }

    /// A thread that has lent its permit takes a free one, or begins to rest.
    pub(crate) fn rest(&self, id: usize, last: PermitId) -> Acquired {
        let mut sleepers = self.sleepers.lock();
        let acquired = self.try_acquire(last);
        if acquired == Acquired::No {
            sleepers.resting.push_back(Sleeper { id, last });
            self.resting.fetch_add(1, Ordering::Relaxed);
        }
        acquired
    }

    /// A thread that rests goes on without a permit, unless it has been given one meanwhile: then it
    /// must wait for its wake-up.
    pub(crate) fn end_rest(&self, id: usize) -> Rose {
        let mut sleepers = self.sleepers.lock();
        match sleepers.resting.iter().position(|resting| resting.id == id) {
            Some(place) => {
                sleepers.resting.remove(place);
                self.resting.fetch_sub(1, Ordering::Relaxed);
                Rose::Yes
            }
            None => Rose::No,
        }
    }

    /// Whether anybody rests; a hint.
    pub(crate) fn somebody_rests(&self) -> bool {
        self.resting.load(Ordering::Relaxed) != 0
    }

    /// Gives a free permit to who has rested longest, if anybody does.
    pub(crate) fn wake_rested(&self) -> Option<Rested> {
        let mut sleepers = self.sleepers.lock();
        let last = sleepers.resting.front()?.last;
        match self.try_acquire(last) {
            Acquired::Yes(permit) => self.pop_rested(&mut sleepers, permit),
            Acquired::No => None,
        }
    }

    fn pop_rested(&self, sleepers: &mut Sleepers, permit: PermitId) -> Option<Rested> {
        let rested = sleepers.resting.pop_front()?;
        self.resting.fetch_sub(1, Ordering::Relaxed);
        Some(Rested(rested.id, permit))
    }

    /// A thread without a permit takes one, or lies down to wait for one; rather the one it held
    /// `last`.
    pub(crate) fn sleep_without(&self, id: usize, last: PermitId) -> Acquired {
        let mut sleepers = self.sleepers.lock();
        let acquired = self.try_acquire(last);
        if acquired == Acquired::No {
            sleepers.lie_down(Sleeper { id, last }, Bed::Own);
        }
        acquired
    }

    /// A sleeper that woke by itself gets up if a permit is free. If it has been granted one
    /// meanwhile, it is no sleeper any more and must wait for its wake-up.
    pub(crate) fn get_up(&self, id: usize) -> Acquired {
        let mut sleepers = self.sleepers.lock();
        let Some(place) = sleepers.position(id) else { return Acquired::No };
        let acquired = self.try_acquire(sleepers.list[place].last);
        if acquired != Acquired::No {
            sleepers.list.remove(place);
        }
        acquired
    }

    /// A sleeper gets up without a permit, for work that needs none, unless it has been granted one
    /// meanwhile: then it must wait for its wake-up.
    pub(crate) fn rise(&self, id: usize) -> Rose {
        let mut sleepers = self.sleepers.lock();
        match sleepers.position(id) {
            Some(place) => {
                sleepers.list.remove(place);
                Rose::Yes
            }
            None => Rose::No,
        }
    }

    /// A running thread gives its permit back without lying down: it is about to block.
    pub(crate) fn release(&self, permit: PermitId) {
        self.free.put(permit);
        // SeqCst: pairs with the fence in `wake_one`: who found no free permit has published
        // before, and our caller looks at the queues now.
        self.word.fetch_add(ONE_FREE, Ordering::SeqCst);
    }

    /// Takes a free permit; rather the one that was held `last`.
    pub(crate) fn try_acquire(&self, last: PermitId) -> Acquired {
        // SeqCst: one order with the other changes of the word.
        let taken = self.word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| {
            (Word::of(word).free != 0).then(|| word - ONE_FREE)
        });
        match taken {
            Ok(_) => Acquired::Yes(self.free.take(last, &(0..self.permits as usize))),
            Err(_) => Acquired::No,
        }
    }

    /// Forgets every sleeper and starts no more threads; returns who is to be woken to end.
    pub(crate) fn close(&self) -> Vec<usize> {
        let mut sleepers = self.sleepers.lock();
        sleepers.startable = 0;
        std::mem::take(&mut sleepers.list).into_iter().map(|sleeper| sleeper.id).collect()
    }
}

impl Sleepers {
    fn lie_down(&mut self, sleeper: Sleeper, bed: Bed) {
        match bed {
            Bed::Driver => self.list.insert(0, sleeper),
            Bed::Own => self.list.push(sleeper),
        }
    }

    /// Takes the last one to lie down of those whose permit was `near`, else of all.
    fn rise_near(&mut self, near: &Range<usize>) -> Option<Sleeper> {
        let place = self.list.iter().rposition(|sleeper| near.contains(&sleeper.last.index()));
        match place {
            Some(place) => Some(self.list.remove(place)),
            None => self.list.pop(),
        }
    }

    fn position(&self, id: usize) -> Option<usize> {
        self.list.iter().position(|sleeper| sleeper.id == id)
    }
}

/// Whether one who searches is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Throttle {
    OneSearcher,
    None,
}

fn last(before: u32) -> LastSearcher {
    if Word::of(before).searching == 1 { LastSearcher::Yes } else { LastSearcher::No }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    /// What `Idle` should know, in plain words.
    #[derive(Debug, Default)]
    struct Model {
        /// By number.
        free: Vec<usize>,
        searching: usize,
        asleep: Vec<usize>,
        /// Threads that run without searching, with a permit.
        running: Vec<(usize, PermitId)>,
        /// Those that run without a permit: they block, or have come back.
        without: Vec<(usize, PermitId)>,
        /// Those of them that wait for the next one that is given back.
        resting: VecDeque<(usize, PermitId)>,
        searchers: Vec<(usize, PermitId)>,
        startable: usize,
        next_id: usize,
    }

    impl Model {
        fn check(&self, idle: &Idle, permits: usize) {
            assert_eq!((idle.free(), idle.searchers()), (self.free.len(), self.searching));
            let held = self.running.iter().chain(&self.searchers).map(|(_, permit)| permit.index());
            let mut all: Vec<usize> = held.chain(self.free.iter().copied()).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..permits), "permits are neither lost nor made");
            assert!(self.free.iter().all(|&free| idle.is_free(PermitId::new(free))));
            assert_eq!(idle.has_sleeper(), !self.asleep.is_empty());
            assert_eq!(idle.somebody_rests(), !self.resting.is_empty());
        }

        fn take(&mut self, permit: PermitId) {
            let place = self.free.iter().position(|&free| free == permit.index());
            self.free.swap_remove(place.expect("it was free"));
        }

        /// A worker has lain down: who has rested longest has its permit, or it is free.
        fn lain_down(&mut self, id: usize, permit: PermitId, rested: Option<Rested>) {
            self.asleep.push(id);
            let first = self.resting.pop_front();
            assert_eq!(rested, first.map(|(id, _)| Rested(id, permit)));
            match first {
                Some((id, _)) => self.running.push((id, permit)),
                None => self.free.push(permit.index()),
            }
        }

        /// A permit given to a thread that slept or is new: it searches.
        fn granted(&mut self, grant: Grant) {
            let (id, permit) = match grant {
                Grant::Sleeper(id, permit) => {
                    let place = self.asleep.iter().position(|&sleeper| sleeper == id);
                    self.asleep.remove(place.expect("it slept"));
                    (id, permit)
                }
                Grant::Spare(id, permit) => {
                    assert_eq!(id, self.next_id, "ids are given out in order, once");
                    self.next_id += 1;
                    self.startable -= 1;
                    (id, permit)
                }
            };
            self.take(permit);
            self.searching += 1;
            self.searchers.push((id, permit));
        }

        fn can_wake(&self) -> bool {
            !self.free.is_empty() && (!self.asleep.is_empty() || self.startable != 0)
        }
    }

    /// Every operation in every order, against the model above; and closing is final: nobody is
    /// woken or started after it, whatever else is done.
    #[test]
    fn permits_are_conserved_and_a_close_is_final() {
        let seed = RandomState::new().hash_one(0) | 1;
        eprintln!("seed {seed}");
        let mut random = seed;
        let mut below = |n: usize| {
            // Marsaglia's xorshift.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) as usize % n
        };
        for _ in 0..if cfg!(miri) { 5 } else { 200 } {
            let (permits, spares) = (1 + below(3), below(3));
            let idle = Idle::new(permits, spares);
            let mut model = Model {
                running: (0..permits).map(|id| (id, PermitId::new(id))).collect(),
                startable: spares,
                next_id: permits,
                ..Model::default()
            };
            let close_at = below(100);
            for step in 0..120 {
                if step == close_at {
                    let mut woken = idle.close();
                    woken.sort_unstable();
                    let mut asleep = std::mem::take(&mut model.asleep);
                    asleep.sort_unstable();
                    assert_eq!(woken, asleep, "everybody who slept is to be woken");
                    model.startable = 0;
                }
                match below(9) {
                    0 => {
                        let some = model.can_wake() && model.searching == 0;
                        let grant = idle.wake_one(|| 0..permits);
                        assert_eq!(grant.is_some(), some);
                        if let Some(grant) = grant {
                            assert!(step < close_at, "closing is final");
                            model.granted(grant);
                        }
                    }
                    1 => {
                        if let Some(searcher) = model.searchers.pop() {
                            model.searching -= 1;
                            let last = model.searching == 0;
                            assert_eq!(idle.end_search() == LastSearcher::Yes, last);
                            model.running.push(searcher);
                        }
                    }
                    2 => {
                        if !model.running.is_empty()
                            && step < close_at
                            && idle.begin_search() == Search::Yes
                        {
                            let place = below(model.running.len());
                            model.searchers.push(model.running.swap_remove(place));
                            model.searching += 1;
                        }
                    }
                    // Whoever lies down after the close is not there to be woken: a worker looks
                    // whether the pool is closed before.
                    3 if step < close_at => {
                        let bed = if below(2) == 0 { Bed::Own } else { Bed::Driver };
                        if let Some((id, permit)) = model.searchers.pop() {
                            model.searching -= 1;
                            let rested = idle.sleep(id, permit, bed, Search::Yes);
                            model.lain_down(id, permit, rested);
                        } else if let Some((id, permit)) = model.running.pop() {
                            let rested = idle.sleep(id, permit, bed, Search::No);
                            model.lain_down(id, permit, rested);
                        }
                    }
                    4 => {
                        if let Some((id, permit)) = model.running.pop() {
                            idle.release(permit);
                            model.free.push(permit.index());
                            model.without.push((id, permit));
                        }
                    }
                    5 => {
                        let wanted = PermitId::new(below(permits));
                        let some = model.can_wake() && model.free.contains(&wanted.index());
                        let grant = idle.wake_for(wanted);
                        assert_eq!(grant.is_some(), some);
                        if let Some(grant) = grant {
                            assert!(step < close_at, "closing is final");
                            let (Grant::Sleeper(_, permit) | Grant::Spare(_, permit)) = grant;
                            assert_eq!(permit, wanted);
                            model.granted(grant);
                        }
                    }
                    6 => {
                        if let Some((id, last)) = model.without.pop() {
                            match idle.rest(id, last) {
                                Acquired::Yes(permit) => {
                                    model.take(permit);
                                    model.running.push((id, permit));
                                }
                                Acquired::No => {
                                    assert!(model.free.is_empty());
                                    model.resting.push_back((id, last));
                                }
                            }
                        } else if let Some((id, last)) = model.resting.pop_back() {
                            assert_eq!(idle.end_rest(id), Rose::Yes);
                            model.without.push((id, last));
                        }
                    }
                    7 => match idle.wake_rested() {
                        Some(Rested(id, permit)) => {
                            assert_eq!(model.resting.pop_front().map(|(id, _)| id), Some(id));
                            model.take(permit);
                            model.running.push((id, permit));
                        }
                        None => assert!(model.free.is_empty() || model.resting.is_empty()),
                    },
                    _ if step < close_at => {
                        let free = !model.free.is_empty();
                        if let Some((id, last)) = model.without.pop() {
                            match idle.sleep_without(id, last) {
                                Acquired::Yes(permit) => {
                                    assert_eq!(permit == last, model.free.contains(&last.index()));
                                    model.take(permit);
                                    model.running.push((id, permit));
                                }
                                Acquired::No => {
                                    assert!(!free);
                                    model.asleep.push(id);
                                }
                            }
                        } else if let Some(id) = model.asleep.first().copied() {
                            match idle.get_up(id) {
                                Acquired::Yes(permit) => {
                                    model.asleep.remove(0);
                                    model.take(permit);
                                    model.running.push((id, permit));
                                }
                                Acquired::No => assert!(!free),
                            }
                        }
                    }
                    _ => {
                        if let Acquired::Yes(permit) = idle.try_acquire(PermitId::new(0)) {
                            model.take(permit);
                            // Of another thread each time.
                            model.running.push((usize::MAX - step, permit));
                        }
                    }
                }
                model.check(&idle, permits);
            }
        }
    }

    /// The one who lay down last of those near by, not of all.
    #[test]
    fn a_sleeper_near_by_is_woken_before_others() {
        let idle = Idle::new(4, 0);
        for id in 0..4 {
            assert_eq!(idle.sleep(id, PermitId::new(id), Bed::Own, Search::No), None);
        }
        let near = |span: Range<usize>| match idle.wake_one(|| span) {
            Some(Grant::Sleeper(id, permit)) => {
                let _: LastSearcher = idle.end_search();
                (id, permit.index())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(near(0..2), (1, 1));
        assert_eq!(near(0..2), (0, 0));
        assert_eq!(near(0..2), (3, 3), "nobody else is near");
        assert_eq!(near(0..4), (2, 2));
    }
}
