//! What stands before a queue that many push to: who alone may pop, and whether its length is looked at,
//! for what a channel's metrics tell of it.
//!
//! How many values were pushed and popped is what the queue's own ends say, for nothing. Only how long it
//! has been at most nobody can say afterwards. It can be longer than ever only when its tail has come past
//! the place that lies so far from where its head was seen last: to be *enough* of a reason to look at the
//! head, which is the receivers' line. All else costs a push one comparison; and a ring that has been full
//! is not looked at again.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `enough` exchange in `learn` | AcqRel | that in `forget_most`: the later one sees what `most` has become |
//! | all else | Relaxed | nothing: the values are not read through it |

use crate::prim::atomic::{AtomicUsize, Ordering};

/// Who alone may go out, and who looks at those that come in.
#[derive(Debug)]
pub(super) struct Gate {
    /// Who may pop alone; 0: everybody may pop; [`TO_HOMES`](Gate::TO_HOMES): everybody, elsewhere too.
    consumer: u64,
    watch: Option<Box<Watch>>,
}

/// How long a queue has been.
#[derive(Debug)]
struct Watch {
    most: AtomicUsize,
    /// As long as the queue's [`mark`](Ends::mark) is not past this, it is no longer than `most`.
    enough: AtomicUsize,
}

/// What a queue knows of its ends.
pub(super) trait Ends {
    /// Where its tail is: more, for what `isize` holds, with each push.
    fn mark(&self) -> usize;

    /// What [`mark`](Self::mark) is when so many values have been pushed.
    fn mark_at(&self, pushed: usize) -> usize;

    /// How many values were ever pushed, modulo at least 2^46 where a pointer has 64 bits.
    fn pushed(&self) -> usize;

    /// How many values were ever popped; as [`pushed`](Self::pushed).
    fn popped(&self) -> usize;

    /// `None`: as many as the memory holds.
    fn capacity(&self) -> Option<usize>;
}

impl Gate {
    pub(super) const OPEN: Self = Self::for_one(0);

    /// For workers, who pop from lists of their own as well. No key has this number.
    pub(super) const TO_HOMES: Self = Self::for_one(u64::MAX);

    /// For the holder of the key `consumer` to pop alone.
    pub(super) const fn for_one(consumer: u64) -> Self {
        Self { consumer, watch: None }
    }

    #[inline]
    pub(super) fn check_consumer(&self, key: u64) {
        assert!(self.consumer == key, "another receiver has this queue to itself");
    }

    /// Whether everybody may pop, and there is nothing else to be popped.
    #[inline]
    pub(super) fn lets_all_out(&self) -> bool {
        self.consumer == 0
    }

    /// Has [`look`](Self::look) look from now on, at an empty queue.
    pub(super) fn watch(&mut self) {
        let watch = Watch { most: AtomicUsize::new(0), enough: AtomicUsize::new(0) };
        self.watch = Some(Box::new(watch));
    }

    /// Values were pushed: looks how long the queue is, if somebody wants to know.
    #[inline]
    pub(super) fn look(&self, queue: &(impl Ends + ?Sized)) {
        if let Some(watch) = &self.watch
            // Relaxed: nothing is read through it.
            && is_past(queue.mark(), watch.enough.load(Ordering::Relaxed))
        {
            watch.learn(queue);
        }
    }

    /// How long the queue has been at most; 0 unless it is watched.
    pub(super) fn most(&self) -> usize {
        // Relaxed: nothing is read through it.
        self.watch.as_ref().map_or(0, |watch| watch.most.load(Ordering::Relaxed))
    }

    /// From now on, [`most`](Self::most) is how long the queue will have been.
    pub(super) fn forget_most(&self, queue: &dyn Ends) {
        if let Some(watch) = &self.watch {
            watch.most.swap(0, Ordering::Relaxed);
            // AcqRel: whose exchange in `learn` comes after this one sees this `most`, and tries again.
            watch.enough.swap(queue.mark_at(queue.popped()), Ordering::AcqRel);
            watch.learn(queue);
        }
    }
}

impl Watch {
    #[cold]
    #[inline(never)]
    fn learn(&self, queue: &(impl Ends + ?Sized)) {
        // In this order: the length is what it was at one time at least, but for what others have pushed
        // and received since, which makes it less; then it counts as negative.
        let (pushed, popped) = (queue.pushed(), queue.popped());
        let length = pushed.wrapping_sub(popped);
        let length = if length <= usize::MAX / 2 { length } else { 0 };
        let capacity = queue.capacity().unwrap_or(usize::MAX);
        loop {
            let most = self.most.fetch_max(length, Ordering::Relaxed).max(length);
            let enough = match most < capacity {
                true => queue.mark_at(popped.wrapping_add(most)),
                false => queue.mark().wrapping_add(usize::MAX / 4),
            };
            // AcqRel: pairs with the exchange in `forget_most`. The load after it sees what came before.
            self.enough.swap(enough, Ordering::AcqRel);
            if self.most.load(Ordering::Relaxed) == most {
                return;
            }
        }
    }
}

/// Whether `mark` has come past `enough`, where both may wrap around.
#[inline]
fn is_past(mark: usize, enough: usize) -> bool {
    (enough.wrapping_sub(mark) as isize) < 0
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::super::front::Front;
    use super::super::list::List;
    use super::super::{Part, Queue};
    use super::*;

    /// What is done to a queue, and to the length that it should have.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Push(usize),
        Batch(usize),
        Reserved(usize),
        Pop(usize),
        Forget,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..40_usize).prop_map(Step::Push),
            (0..40_usize).prop_map(Step::Batch),
            (0..4_usize).prop_map(Step::Reserved),
            (0..80_usize).prop_map(Step::Pop),
            (0..80_usize).prop_map(Step::Pop),
            Just(Step::Forget),
        ];
        proptest::collection::vec(step, 0..if cfg!(miri) { 10 } else { 40 })
    }

    fn queues() -> [Queue<usize>; 7] {
        [
            Queue::unbounded(),
            Queue::bounded(1),
            Queue::bounded(30),
            Queue::bounded(64),
            Queue::levels(3, None, None),
            Queue::levels(2, None, Some(30)),
            Queue::of_threads(2, None),
        ]
    }

    proptest! {
        // Under Miri few cases, and no file of those that failed.
        #![proptest_config(if cfg!(miri) {
            ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() }
        } else {
            ProptestConfig::default()
        })]

        #[test]
        fn the_most_is_exact_where_one_thread_does_it_all(steps in steps()) {
            for queue in queues() {
                let queue = queue.watched();
                let most = steps.iter().fold(0, |most, step| {
                    match *step {
                        Step::Push(n) => (0..n).for_each(|i| {
                            let _full = queue.push_to(Part::Level(i % 3), i);
                        }),
                        Step::Batch(n) => {
                            let _full = queue.push_batch(&mut Front::new(&mut vec![7; n]));
                        }
                        Step::Reserved(n) => {
                            let kept = (0..n).filter(|_| queue.reserve().is_ok()).count();
                            (0..kept).for_each(|i| queue.push_reserved(i));
                        }
                        Step::Pop(n) => (0..n).for_each(|_| {
                            queue.pop();
                        }),
                        Step::Forget => {
                            queue.forget_most();
                            return queue.len();
                        }
                    }
                    // A step only pushes, or only pops.
                    most.max(queue.len())
                });
                prop_assert_eq!(queue.most(), most, "{:?}", queue);
            }
        }
    }

    /// Places are counted in laps, which hold less than they count; it has to notice each push.
    #[test]
    fn a_queue_that_is_longest_at_the_end_of_each_lap_is_looked_at_there() {
        for queue in queues() {
            let queue = queue.watched();
            for length in (1..=LENGTH_MAX).step_by(if cfg!(miri) { 13 } else { 1 }) {
                fill(&queue, length);
                let expected = length.min(queue.capacity().unwrap_or(length));
                assert_eq!((queue.len(), queue.most()), (expected, expected), "{queue:?}");
                while queue.pop().is_some() {}
            }
        }
    }

    const LENGTH_MAX: usize = if cfg!(miri) { 40 } else { 3 * List::<usize>::BLOCK };

    /// Pushes so many, of which only those go in that there is room for.
    fn fill(queue: &Queue<usize>, n: usize) {
        for i in 0..n {
            let _full = queue.push(i);
        }
    }

    #[test]
    fn marks_may_wrap_around() {
        assert!(is_past(1, 0) && is_past(0, usize::MAX) && is_past(usize::MAX / 2, 0));
        assert!(!is_past(0, 0) && !is_past(0, usize::MAX / 4) && !is_past(usize::MAX, 0));
    }

    #[test]
    fn a_ring_that_was_full_is_looked_at_again_once_that_is_forgotten() {
        let queue = Queue::bounded(4).watched();
        for _ in 0..10 {
            fill(&queue, 4);
            assert_eq!(queue.most(), 4);
            while queue.pop().is_some() {}
        }
        queue.forget_most();
        assert_eq!(queue.most(), 0);
        fill(&queue, 2);
        assert_eq!(queue.most(), 2);
    }
}
