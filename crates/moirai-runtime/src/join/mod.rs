//! Fork-join: two closures that may run at the same time, on the workers that run the tasks.
//!
//! [`join`] runs its first closure here and offers the second one to whoever is idle; what nobody
//! has taken by then runs here, too.

mod context;

#[allow(unused_imports, reason = "for loops that are long")]
pub(crate) use context::{Demand, checkpoint};
pub use context::{FnContext, current_num_workers, join_context};

/// Calls both closures, at the same time if a worker is free, and returns both results.
///
/// The first one runs on the calling thread, and so does the second unless another worker has taken
/// it by the time that the first has ended. Either may call `join` again; so may what they call.
///
/// # Panics
///
/// If a closure panics, with its payload; the other one is run to its end all the same, before. If
/// both do, with the first one's.
///
/// # Examples
///
/// ```
/// fn sum(numbers: &[u64]) -> u64 {
///     if numbers.len() <= 1024 {
///         return numbers.iter().sum();
///     }
///     let (left, right) = numbers.split_at(numbers.len() / 2);
///     let (left, right) = moirai_runtime::join(|| sum(left), || sum(right));
///     left + right
/// }
///
/// let numbers: Vec<u64> = (0..10_000).collect();
/// assert_eq!(sum(&numbers), 49_995_000);
/// ```
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    join_context(|_| a(), |_| b())
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::join;

    #[test]
    fn both_halves_run_also_when_one_panics_and_the_first_panic_wins() {
        for (first, second) in [(true, false), (false, true), (true, true)] {
            let (mut a, mut b) = (0, 0);
            let joined = catch_unwind(AssertUnwindSafe(|| {
                join(
                    || {
                        a = 1;
                        assert!(!first, "the first");
                    },
                    || {
                        b = 1;
                        assert!(!second, "the second");
                    },
                )
            }));
            assert_eq!((a, b), (1, 1));
            let expected = if first { "the first" } else { "the second" };
            assert_eq!(joined.unwrap_err().downcast_ref(), Some(&expected));
        }
    }
}
