//! Any iterator: `par_bridge`.

use std::cell::Cell;
use std::iter;

use moirai_sync::__prim::atomic::{AtomicUsize, Ordering};
use moirai_sync::__prim::{Mutex, thread_local};

use crate::join::{current_num_workers, join};
use crate::par::ParallelIterator;
use crate::par::pace::Pace;
use crate::par::plumbing::Consumer;

/// Makes a parallel iterator of any iterator.
///
/// # Examples
///
/// ```
/// use moirai_runtime::par::*;
///
/// let words = std::iter::successors(Some(1_u64), |n| Some(n * 3)).take(5);
/// assert_eq!(words.par_bridge().map(|n| n + 1).sum::<u64>(), 126);
/// ```
pub trait ParallelBridge: Sized {
    /// The items, taken one by one by whichever worker is free: in no stated order. Taking one is
    /// serial, so this pays where what is done with it takes longer.
    ///
    /// Of an iterator that waits for something, the workers that want its items wait, too.
    fn par_bridge(self) -> IterBridge<Self>;
}

impl<I: Iterator<Item: Send> + Send> ParallelBridge for I {
    fn par_bridge(self) -> IterBridge<I> {
        IterBridge { items: self }
    }
}

/// The iterator of [`ParallelBridge::par_bridge`].
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct IterBridge<I> {
    items: I,
}

impl<I: Iterator<Item: Send> + Send> ParallelIterator for IterBridge<I> {
    type Item = I::Item;

    fn drive<C: Consumer<I::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let items = Mutex::new(Items { items: self.items, state: State::MayHaveMore });
        let shared = Shared { items, taker: AtomicUsize::new(NOBODY) };
        spread(&shared, consumer, part, current_num_workers())
    }
}

/// One piece for each of so many workers.
fn spread<I, C>(shared: &Shared<I>, consumer: &C, part: C::Part, workers: usize) -> C::Result
where
    I: Iterator<Item: Send> + Send,
    C: Consumer<I::Item>,
{
    if workers <= 1 {
        return take_all(shared, consumer, part);
    }
    let (left, right) = consumer.split(part, workers / 2, workers);
    let (left, right) = join(
        || spread(shared, consumer, left, workers / 2),
        || spread(shared, consumer, right, workers - workers / 2),
    );
    consumer.reduce(left, right)
}

fn take_all<I, C>(shared: &Shared<I>, consumer: &C, part: C::Part) -> C::Result
where
    I: Iterator<Item: Send>,
    C: Consumer<I::Item>,
{
    let ended = Cell::new(false);
    let next = || {
        let item = shared.next();
        ended.set(item.is_none());
        item
    };
    let mut pace = Pace::new(1, usize::MAX);
    let mut state = consumer.begin(part);
    while !ended.get() && !consumer.is_full(&state) {
        let block = pace.block(usize::MAX);
        state = consumer.feed(state, iter::from_fn(next).take(block));
        // What others want of this worker is done in there; they take their items themselves.
        let _ = pace.fed(block, 0);
    }
    consumer.finish(state).0
}

struct Shared<I> {
    items: Mutex<Items<I>>,
    /// The thread that is inside the iterator.
    taker: AtomicUsize,
}

struct Items<I> {
    items: I,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    MayHaveMore,
    /// Also while the iterator runs, so that nobody asks one that has panicked.
    Ended,
}

impl<I: Iterator> Shared<I> {
    fn next(&self) -> Option<I::Item> {
        let me = this_thread();
        // Only this thread itself can have written its own number.
        if self.taker.load(Ordering::Relaxed) == me {
            // The iterator has forked, and this thread does other work of its tree meanwhile: that
            // ends here, and whoever called the iterator goes on.
            return None;
        }
        let mut items = self.items.lock();
        if items.state == State::Ended {
            return None;
        }
        let _taking = Taking::by(&self.taker, me);
        items.state = State::Ended;
        let item = items.items.next()?;
        items.state = State::MayHaveMore;
        Some(item)
    }
}

struct Taking<'s>(&'s AtomicUsize);

impl<'s> Taking<'s> {
    fn by(taker: &'s AtomicUsize, thread: usize) -> Self {
        taker.store(thread, Ordering::Relaxed);
        Self(taker)
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        self.0.store(NOBODY, Ordering::Relaxed);
    }
}

/// A number that no other living thread has: the address of something of its own.
fn this_thread() -> usize {
    THREAD.with(|here| std::ptr::from_ref(here).addr())
}

#[cfg(moirai_loom)]
thread_local! {
    static THREAD: Cell<u8> = Cell::new(0);
}
#[cfg(not(moirai_loom))]
thread_local! {
    static THREAD: Cell<u8> = const { Cell::new(0) };
}

const NOBODY: usize = 0;
