//! How items get from a source to a result: two traits, and the loop between them.
//!
//! ```text
//!   Source ──split_at──► Source, Source            what is to be done, cut into pieces
//!     │ into_iter                                    a block of it, as an iterator of std
//!     ▼
//!   Consumer::feed ──► State ──finish──► Result    what comes of a piece
//!                                        │ reduce    two neighbours' results, in order
//!                                        ▼
//!                                      Result
//! ```
//!
//! An adaptor that keeps the number of items is a [`Source`] around a source; one that does not is
//! a [`Consumer`] around a consumer. Either way a block reaches the loop that does the work as one
//! iterator of std, so that the compiler sees the whole loop.
//!
//! [`drive`] runs block after block, as long as nobody else has a use for the rest
//! (lazy binary splitting: Tzannes, Caragea, Barua, Vishkin, PPoPP 2010). It knows no adaptor.

use super::pace::{Next, Pace};
use crate::join::join_context;

/// Items that can be divided among workers.
///
/// Where [`Iter`](Self::Iter) knows its length and both ends, `size` counts its items and `split_at`
/// cuts exactly: then it is a [`Producer`].
pub trait Source: Sized + Send {
    /// What it consists of.
    type Item;
    /// The items of one piece, in order.
    type Iter: Iterator<Item = Self::Item>;

    /// How much there is: an estimate, in units of [`split_at`](Self::split_at). A source of a size
    /// below two is not divided.
    fn size(&self) -> usize;

    /// The first `at` units and the rest; `at` is at most the size.
    #[must_use]
    fn split_at(self, at: usize) -> (Self, Self);

    /// All of it, in order.
    fn into_iter(self) -> Self::Iter;

    /// No piece is made smaller.
    fn min_len(&self) -> usize {
        1
    }

    /// No piece is left larger.
    fn max_len(&self) -> usize {
        usize::MAX
    }
}

/// A source whose size is the exact number of its items, and which can be read from both ends.
pub trait Producer: Source<Iter: DoubleEndedIterator + ExactSizeIterator> {}

impl<S: Source<Iter: DoubleEndedIterator + ExactSizeIterator>> Producer for S {}

/// Makes a result of items, piece by piece.
///
/// One consumer serves all pieces of one operation, so it is shared; what belongs to one piece alone
/// is its [`Part`](Self::Part).
pub trait Consumer<T>: Sync {
    /// What one piece of the input owns: its place in the output, its clone of a value.
    type Part: Send;
    /// What a piece in progress consists of. It stays on its thread.
    type State;
    /// What a piece comes to.
    type Result: Send;

    /// Divides a part as the input is divided: after `at` of `of` units.
    fn split(&self, part: Self::Part, at: usize, of: usize) -> (Self::Part, Self::Part);

    /// Begins a piece.
    fn begin(&self, part: Self::Part) -> Self::State;

    /// Takes the next items of the piece. May leave some, if it will be full.
    fn feed<I: Iterator<Item = T>>(&self, state: Self::State, items: I) -> Self::State;

    /// Ends a piece; gives back the part for what has not been fed.
    fn finish(&self, state: Self::State) -> (Self::Result, Self::Part);

    /// One result of two neighbours'.
    fn reduce(&self, left: Self::Result, right: Self::Result) -> Self::Result;

    /// Whether further items of this piece would change nothing.
    fn is_full(&self, state: &Self::State) -> bool {
        let _ = state;
        false
    }

    /// Whether a piece with this part need not begin: its items would change nothing.
    fn is_done(&self, part: &Self::Part) -> bool {
        let _ = part;
        false
    }
}

/// Feeds all of `source` to `consumer`, on as many workers as are free.
///
/// # Panics
///
/// If the source or the consumer does; all other pieces have ended by then.
pub fn drive<S, C>(source: S, consumer: &C, part: C::Part) -> C::Result
where
    S: Source,
    C: Consumer<S::Item>,
{
    let pace = Pace::new(source.min_len(), source.max_len());
    run(source, consumer, part, pace)
}

/// One piece: block after block here, until it has ended or others shall have of it.
fn run<S, C>(mut source: S, consumer: &C, part: C::Part, mut pace: Pace) -> C::Result
where
    S: Source,
    C: Consumer<S::Item>,
{
    if consumer.is_done(&part) {
        return consumer.finish(consumer.begin(part)).0;
    }
    if pace.forks_at_once(source.size()) {
        return fork(source, consumer, part, pace);
    }
    let mut state = consumer.begin(part);
    loop {
        let size = source.size();
        let block = pace.block(size);
        let (head, rest) = if block < size {
            let (head, rest) = source.split_at(block);
            (head, Some(rest))
        } else {
            (source, None)
        };
        state = consumer.feed(state, head.into_iter());
        let Some(rest) = rest.filter(|_| !consumer.is_full(&state)) else {
            return consumer.finish(state).0;
        };
        match pace.fed(block, rest.size()) {
            Next::Block => source = rest,
            Next::Fork => {
                let (done, part) = consumer.finish(state);
                return consumer.reduce(done, fork(rest, consumer, part, pace));
            }
        }
    }
}

fn fork<S, C>(source: S, consumer: &C, part: C::Part, pace: Pace) -> C::Result
where
    S: Source,
    C: Consumer<S::Item>,
{
    let size = source.size();
    let (left, right) = source.split_at(size / 2);
    let (left_part, right_part) = consumer.split(part, size / 2, size);
    let pace = pace.half();
    let (left, right) = join_context(
        move |_| run(left, consumer, left_part, pace),
        move |context| {
            let pace = if context.migrated() { pace.taken() } else { pace };
            run(right, consumer, right_part, pace)
        },
    );
    consumer.reduce(left, right)
}
