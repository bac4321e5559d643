//! In which order a select tries its arms.
//!
//! An order is drawn while it is tried: the draw for the second place is made only if the first arm
//! was not ready. A fair order is a random permutation, so among the arms that are ready each is
//! first equally often, whichever they are. (A random start alone would not do: an arm behind arms
//! that are never ready gets their turns.)

use crate::prim;

/// Tries the arms of a select, in its order.
pub trait Order {
    /// Calls `attempt` with cases until it gives a result.
    fn first<R>(&mut self, attempt: impl FnMut(usize) -> Option<R>) -> Option<R>;
}

/// Each of the ready arms is taken equally often.
#[derive(Clone, Copy, Debug)]
pub struct Fair<const N: usize>;

/// The first of the ready arms is taken.
#[derive(Clone, Copy, Debug)]
pub struct Biased<const N: usize>;

/// Each of the ready arms is taken as often as its weight says.
#[derive(Clone, Copy, Debug)]
pub struct Weighted<const N: usize>(pub [u32; N]);

/// The ready arm of the highest priority is taken; of equal ones, the first.
#[derive(Clone, Copy, Debug)]
pub struct Priority<const N: usize>(pub [i32; N]);

impl<const N: usize> Order for Fair<N> {
    #[inline]
    fn first<R>(&mut self, attempt: impl FnMut(usize) -> Option<R>) -> Option<R> {
        first_of_shuffled(&mut identity::<N>(), attempt)
    }
}

impl<const N: usize> Order for Biased<N> {
    #[inline]
    fn first<R>(&mut self, attempt: impl FnMut(usize) -> Option<R>) -> Option<R> {
        (0..N).find_map(attempt)
    }
}

impl<const N: usize> Order for Weighted<N> {
    fn first<R>(&mut self, mut attempt: impl FnMut(usize) -> Option<R>) -> Option<R> {
        let mut cases = identity::<N>();
        let weight = |case: u32| u64::from(self.0[case as usize]);
        let mut total: u64 = cases.iter().map(|&case| weight(case)).sum();
        for place in 0..N {
            let mut draw = prim::random_below(total);
            // Where only weights of 0 are left, the next one.
            let mut chosen = place;
            while draw >= weight(cases[chosen]) && chosen + 1 < N {
                draw -= weight(cases[chosen]);
                chosen += 1;
            }
            if total == 0 {
                chosen = place;
            }
            cases.swap(place, chosen);
            total -= weight(cases[place]);
            let result = attempt(cases[place] as usize);
            if result.is_some() {
                return result;
            }
        }
        None
    }
}

impl<const N: usize> Order for Priority<N> {
    fn first<R>(&mut self, mut attempt: impl FnMut(usize) -> Option<R>) -> Option<R> {
        let mut cases = identity::<N>();
        // Stable, so that equal ones stay in the order they are written in.
        cases.sort_by_key(|&case| std::cmp::Reverse(self.0[case as usize]));
        cases.into_iter().find_map(|case| attempt(case as usize))
    }
}

/// Tries `cases`, which may be in any order, in a random one.
#[inline]
pub(super) fn first_of_shuffled<R>(
    cases: &mut [u32],
    mut attempt: impl FnMut(usize) -> Option<R>,
) -> Option<R> {
    for place in 0..cases.len() {
        let left = (cases.len() - place) as u64;
        cases.swap(place, place + prim::random_below(left) as usize);
        let result = attempt(cases[place] as usize);
        if result.is_some() {
            return result;
        }
    }
    None
}

fn identity<const N: usize>() -> [u32; N] {
    std::array::from_fn(|case| case as u32)
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use crate::channel;
    use crate::{select, select_weighted};

    use super::*;

    /// All arms ready so often.
    const MESSAGES: usize = if cfg!(miri) { 100 } else { 1_000_000 };
    /// A percent; chance alone makes more of a hundred.
    const SLACK: usize = if cfg!(miri) { MESSAGES / 4 } else { MESSAGES / 100 };

    const ROUNDS: u32 = if cfg!(miri) { 500 } else { 100_000 };

    /// Begins a sequence of draws, and prints its seed; replay it in `MOIRAI_SEED`.
    #[allow(clippy::print_stdout, reason = "a random test prints its seed")]
    fn seeded() {
        let given = std::env::var("MOIRAI_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
        println!("seed {seed}");
        prim::seed_random(seed);
    }

    /// How often each case was the first of those in `ready`.
    fn firsts<const N: usize>(mut order: impl Order, ready: [bool; N]) -> [u32; N] {
        seeded();
        let mut counts = [0; N];
        for _ in 0..ROUNDS {
            if let Some(case) = order.first(|case| ready[case].then_some(case)) {
                counts[case] += 1;
            }
        }
        counts
    }

    fn assert_share(count: u32, share: f64) {
        let expected = f64::from(ROUNDS) * share;
        let off = (f64::from(count) - expected).abs();
        // Six standard deviations: once in 500 million.
        let limit = 6.0 * (expected * (1.0 - share)).sqrt();
        assert!(off <= limit, "{count} instead of {expected}");
    }

    #[test]
    fn a_fair_order_favours_nobody_behind_arms_that_are_not_ready() {
        let [a, b, c, d] = firsts(Fair::<4>, [true, false, false, true]);
        assert_eq!((b, c), (0, 0));
        assert_share(a, 0.5);
        assert_share(d, 0.5);
        firsts(Fair::<5>, [true; 5]).into_iter().for_each(|count| assert_share(count, 0.2));
    }

    /// All arms ready, a million times: each message comes once, and each arm has its share.
    #[test]
    fn with_all_arms_ready_nothing_is_lost_and_every_arm_is_taken_equally_often() {
        seeded();
        let channels = [(); 4].map(|()| channel::bounded(MESSAGES));
        for (sender, _) in &channels {
            (0..MESSAGES).for_each(|n| sender.send(n).unwrap());
        }
        let [a, b, c, d] = channels.each_ref().map(|(_, receiver)| receiver);
        let mut next = [0_usize; 4];
        for _ in 0..MESSAGES {
            let (arm, n) = select! {
                recv(a) -> n => (0, n.unwrap()),
                recv(b) -> n => (1, n.unwrap()),
                recv(c) -> n => (2, n.unwrap()),
                recv(d) -> n => (3, n.unwrap()),
            };
            assert_eq!(n, next[arm]);
            next[arm] += 1;
        }
        assert_eq!(next.iter().sum::<usize>(), MESSAGES);
        for (taken, (_, receiver)) in next.into_iter().zip(&channels) {
            assert_eq!(taken + receiver.len(), MESSAGES);
            assert!(taken.abs_diff(MESSAGES / 4) < SLACK, "{next:?}");
        }
    }

    #[test]
    fn weights_of_three_to_one_are_kept_within_a_percent() {
        seeded();
        let (first, a) = channel::bounded(MESSAGES);
        let (second, b) = channel::bounded(MESSAGES);
        (0..MESSAGES).for_each(|n| first.send(n).unwrap());
        (0..MESSAGES).for_each(|n| second.send(n).unwrap());
        let mut taken = [0_usize; 2];
        for _ in 0..MESSAGES {
            select_weighted! {
                weight(3) => n = a.recv() => { n.unwrap(); taken[0] += 1 },
                weight(1) => n = b.recv() => { n.unwrap(); taken[1] += 1 },
            }
        }
        assert_eq!(taken, [MESSAGES - a.len(), MESSAGES - b.len()]);
        assert!(taken[0].abs_diff(MESSAGES * 3 / 4) < SLACK, "{taken:?}");
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let drawn = || {
            prim::seed_random(42);
            [(); 20].map(|()| Weighted([3, 5, 1]).first(Some))
        };
        let first = drawn();
        prim::random_below(7);
        assert_eq!(first, drawn());
    }

    #[test]
    fn a_biased_order_takes_the_first_only() {
        assert_eq!(firsts(Biased::<3>, [false, true, true]), [0, ROUNDS, 0]);
    }

    #[test]
    fn weights_count_among_the_ready_ones() {
        let [a, b, c] = firsts(Weighted([3, 5, 1]), [true, false, true]);
        assert_eq!(b, 0);
        assert_share(a, 0.75);
        assert_share(c, 0.25);
    }

    #[test]
    fn a_weight_of_zero_waits_for_all_others() {
        assert_eq!(firsts(Weighted([0, 1, 0]), [true; 3]), [0, ROUNDS, 0]);
        assert_eq!(firsts(Weighted([0, 1, 0]), [true, false, true]), [ROUNDS, 0, 0]);
        assert_eq!(firsts(Weighted([u32::MAX; 2]), [false, true]), [0, ROUNDS]);
    }

    #[test]
    fn the_highest_priority_is_first_and_equal_ones_keep_their_order() {
        assert_eq!(firsts(Priority([1, 7, 7, -3]), [true; 4]), [0, ROUNDS, 0, 0]);
        assert_eq!(firsts(Priority([1, 7, 7, -3]), [true, false, false, true]), [ROUNDS, 0, 0, 0]);
    }

    #[test]
    fn every_case_is_tried_once() {
        let tried = |order: &dyn Fn(&mut Vec<usize>)| {
            let mut cases = Vec::new();
            order(&mut cases);
            cases.sort_unstable();
            assert_eq!(cases, [0, 1, 2, 3]);
        };
        fn all(mut order: impl Order, cases: &mut Vec<usize>) {
            let none: Option<()> = order.first(|case| {
                cases.push(case);
                None
            });
            assert_eq!(none, None);
        }
        tried(&|cases| all(Fair::<4>, cases));
        tried(&|cases| all(Biased::<4>, cases));
        tried(&|cases| all(Weighted([2, 0, 9, 1]), cases));
        tried(&|cases| all(Priority([2, 0, 9, 1]), cases));
    }
}
