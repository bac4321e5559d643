//! Each adaptor against the one of std, on pieces of every length.

use std::iter::once;

use moirai_runtime::par::*;
use proptest::prelude::*;

use super::{config, items};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn adaptors_of_one_item_each_do_as_in_std(v in items(), max in 1..9_usize) {
        let par = || v.par_iter().with_max_len(max);
        prop_assert_eq!(
            par().map(|&n| u32::from(n) * 2).collect::<Vec<_>>(),
            v.iter().map(|&n| u32::from(n) * 2).collect::<Vec<_>>()
        );
        prop_assert_eq!(par().cloned().collect::<Vec<_>>(), v.clone());
        prop_assert_eq!(par().copied().collect::<Vec<_>>(), v.clone());
        prop_assert_eq!(par().panic_fuse().copied().collect::<Vec<_>>(), v.clone());
        let doubled: Vec<u8> = v.iter().map(|n| n.wrapping_mul(2)).collect();
        let update = |n: &mut u8| *n = n.wrapping_mul(2);
        prop_assert_eq!(par().copied().update(update).collect::<Vec<_>>(), doubled.clone());
        prop_assert_eq!(
            par().copied().update(update).rev().collect::<Vec<_>>(),
            doubled.iter().rev().copied().collect::<Vec<_>>()
        );
        let with = |&mut by: &mut u8, &n: &u8| n.wrapping_mul(by);
        prop_assert_eq!(par().map_with(2, with).collect::<Vec<_>>(), doubled.clone());
        prop_assert_eq!(par().map_init(|| 2, with).collect::<Vec<_>>(), doubled.clone());
        let reversed: Vec<u8> = doubled.iter().rev().copied().collect();
        prop_assert_eq!(par().map_with(2, with).rev().collect::<Vec<_>>(), reversed.clone());
        prop_assert_eq!(par().map_init(|| 2, with).rev().collect::<Vec<_>>(), reversed);
        prop_assert_eq!(par().map(|&n| n).panic_fuse().rev().count(), v.len());
    }

    #[test]
    fn inspect_sees_each_item_once(v in items(), max in 1..9_usize) {
        let seen = std::sync::Mutex::new(Vec::new());
        let count = v.par_iter().with_max_len(max).inspect(|&&n| seen.lock().unwrap().push(n)).count();
        let (mut seen, mut all) = (seen.into_inner().unwrap(), v.clone());
        seen.sort_unstable();
        all.sort_unstable();
        prop_assert_eq!((count, seen), (v.len(), all));
    }

    #[test]
    fn sieves_do_as_in_std(v in items(), max in 1..9_usize, limit in any::<u8>()) {
        let par = || v.par_iter().with_max_len(max).copied();
        let std = || v.iter().copied();
        prop_assert_eq!(
            par().filter(|&n| n < limit).collect::<Vec<_>>(),
            std().filter(|&n| n < limit).collect::<Vec<_>>()
        );
        let half = |n: u8| (n < limit).then_some(n / 2);
        prop_assert_eq!(
            par().filter_map(half).collect::<Vec<_>>(),
            std().filter_map(half).collect::<Vec<_>>()
        );
        let down = |n: u8| 0..n % 5;
        let flat: Vec<u8> = std().flat_map(down).collect();
        prop_assert_eq!(par().flat_map_iter(down).collect::<Vec<_>>(), flat.clone());
        prop_assert_eq!(par().flat_map(|n| down(n).into_par_iter()).collect::<Vec<_>>(), flat.clone());
        prop_assert_eq!(par().map(down).flatten().collect::<Vec<_>>(), flat.clone());
        prop_assert_eq!(par().map(down).flatten_iter().collect::<Vec<_>>(), flat.clone());
        let inner = |n: u8| down(n).into_par_iter().with_max_len(1);
        prop_assert_eq!(par().flat_map(inner).find_first(|&n| n > 1), flat.iter().find(|&&n| n > 1).copied());
        prop_assert_eq!(par().flat_map(inner).find_last(|&n| n > 1), flat.iter().rfind(|&&n| n > 1).copied());
    }

    #[test]
    fn order_and_limits_do_as_in_std(v in items(), max in 1..9_usize, n in 0..80_usize, step in 1..9_usize) {
        let par = || v.par_iter().with_max_len(max);
        let std = || v.iter();
        prop_assert_eq!(par().rev().collect::<Vec<_>>(), std().rev().collect::<Vec<_>>());
        prop_assert_eq!(par().enumerate().collect::<Vec<_>>(), std().enumerate().collect::<Vec<_>>());
        prop_assert_eq!(par().enumerate().rev().collect::<Vec<_>>(), std().enumerate().rev().collect::<Vec<_>>());
        prop_assert_eq!(par().rev().enumerate().collect::<Vec<_>>(), std().rev().enumerate().collect::<Vec<_>>());
        prop_assert_eq!(par().skip(n).collect::<Vec<_>>(), std().skip(n).collect::<Vec<_>>());
        prop_assert_eq!(par().take(n).collect::<Vec<_>>(), std().take(n).collect::<Vec<_>>());
        prop_assert_eq!(par().skip(n).take(3).rev().collect::<Vec<_>>(), std().skip(n).take(3).rev().collect::<Vec<_>>());
        prop_assert_eq!(par().step_by(step).collect::<Vec<_>>(), std().step_by(step).collect::<Vec<_>>());
        prop_assert_eq!(par().step_by(step).rev().collect::<Vec<_>>(), std().step_by(step).rev().collect::<Vec<_>>());
        prop_assert_eq!(par().skip(n).len(), std().skip(n).len());
        prop_assert_eq!(par().step_by(step).len(), std().step_by(step).len());
    }

    #[test]
    fn two_iterators_side_by_side_do_as_in_std(v in items(), w in items(), max in 1..9_usize) {
        let par = || v.par_iter().with_max_len(max);
        prop_assert_eq!(par().zip(&w).collect::<Vec<_>>(), v.iter().zip(&w).collect::<Vec<_>>());
        prop_assert_eq!(par().zip(&w).rev().collect::<Vec<_>>(), v.iter().zip(&w).rev().collect::<Vec<_>>());
        prop_assert_eq!(par().zip_eq(&v).collect::<Vec<_>>(), v.iter().zip(&v).collect::<Vec<_>>());
        let triples: Vec<_> = v.iter().zip(&w).zip(0_u16..).map(|((a, b), c)| (a, b, c)).collect();
        let tuple = (&v, &w, 0..200_u16).into_par_iter();
        prop_assert_eq!(tuple.clone().with_max_len(max).collect::<Vec<_>>(), triples.clone());
        prop_assert_eq!(tuple.rev().collect::<Vec<_>>(), triples.into_iter().rev().collect::<Vec<_>>());
        let chained: Vec<&u8> = v.iter().chain(&w).collect();
        prop_assert_eq!(par().chain(&w).collect::<Vec<_>>(), chained.clone());
        prop_assert_eq!(par().chain(&w).rev().with_max_len(max).collect::<Vec<_>>(), chained.iter().rev().copied().collect::<Vec<_>>());
        prop_assert_eq!(par().filter(|_| true).chain(&w).collect::<Vec<_>>(), chained.clone());
        prop_assert_eq!(par().chain(&w).find_last(|_| true), chained.last().copied());
        prop_assert_eq!(par().chain(&w).skip(3).len(), chained.len().saturating_sub(3));
    }

    #[test]
    fn iterators_in_turn_are_those_of_a_loop(v in items(), w in items(), max in 1..9_usize) {
        let mut expected = Vec::new();
        for index in 0..v.len().max(w.len()) {
            expected.extend(v.get(index));
            expected.extend(w.get(index));
        }
        let par = || v.par_iter().interleave(&w).with_max_len(max);
        prop_assert_eq!(par().copied().collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(par().rev().copied().collect::<Vec<_>>(), expected.into_iter().rev().collect::<Vec<_>>());

        let mut shortest = Vec::new();
        let (a, mut b) = (v.iter(), w.iter());
        for item in a {
            shortest.push(*item);
            match b.next() {
                Some(item) => shortest.push(*item),
                None => break,
            }
        }
        let par = || v.par_iter().interleave_shortest(&w).with_max_len(max);
        prop_assert_eq!(par().copied().collect::<Vec<_>>(), shortest.clone());
        prop_assert_eq!(par().rev().copied().collect::<Vec<_>>(), shortest.into_iter().rev().collect::<Vec<_>>());
    }

    #[test]
    fn a_separator_stands_between_any_two_items_and_nowhere_else(v in items(), max in 1..9_usize, limit in any::<u8>()) {
        let expected = |items: &[u8]| {
            let pairs = items.iter().flat_map(|&n| once(999).chain(once(u16::from(n))));
            pairs.skip(1).collect::<Vec<u16>>()
        };
        let par = || v.par_iter().with_max_len(max).map(|&n| u16::from(n));
        prop_assert_eq!(par().intersperse(999).collect::<Vec<_>>(), expected(&v));
        prop_assert_eq!(par().intersperse(999).len(), expected(&v).len());
        let turned: Vec<u8> = v.iter().rev().copied().collect();
        prop_assert_eq!(par().intersperse(999).rev().with_max_len(max).collect::<Vec<_>>(), expected(&turned));
        let kept: Vec<u8> = v.iter().copied().filter(|&n| n < limit).collect();
        prop_assert_eq!(par().filter(|&n| n < u16::from(limit)).intersperse(999).collect::<Vec<_>>(), expected(&kept));
    }

    #[test]
    fn groups_are_those_of_chunks(v in items(), max in 1..9_usize, len in 1..9_usize) {
        let chunks: Vec<Vec<u8>> = v.chunks(len).map(Vec::from).collect();
        let par = || v.par_iter().copied().with_max_len(max);
        prop_assert_eq!(par().chunks(len).collect::<Vec<_>>(), chunks.clone());
        prop_assert_eq!(par().chunks(len).rev().collect::<Vec<_>>(), chunks.iter().rev().cloned().collect::<Vec<_>>());
        prop_assert_eq!(par().chunks(len).with_max_len(1).len(), chunks.len());
        let push = |mut all: Vec<u8>, n: u8| {
            all.push(n);
            all
        };
        prop_assert_eq!(par().fold_chunks(len, Vec::new, push).collect::<Vec<_>>(), chunks.clone());
        prop_assert_eq!(par().fold_chunks_with(len, Vec::new(), push).collect::<Vec<_>>(), chunks);
    }

    #[test]
    fn what_passes_a_gate_is_of_the_right_number_and_in_order(v in items(), max in 1..9_usize, n in 0..80_usize) {
        let par = || v.par_iter().enumerate().map(|(index, _)| index).with_max_len(max);
        let taken: Vec<usize> = par().take_any(n).collect();
        prop_assert_eq!(taken.len(), n.min(v.len()));
        prop_assert!(taken.is_sorted());
        let rest: Vec<usize> = par().skip_any(n).collect();
        prop_assert_eq!(rest.len(), v.len().saturating_sub(n));
        prop_assert!(rest.is_sorted());
        prop_assert!(par().take_any_while(|&index| index < n).all(|index| index < n));
        let late: Vec<usize> = par().skip_any_while(|&index| index < n).collect();
        prop_assert!(late.is_sorted() && (n..v.len()).all(|index| late.contains(&index)));
        prop_assert_eq!(par().map(Some).while_some().count(), v.len());
        let until = par().map(|index| (index != n).then_some(index)).while_some();
        prop_assert!(until.collect::<Vec<_>>().iter().all(|&index| index != n));
    }

    #[test]
    fn blocks_one_after_another_are_all_items(v in items(), len in 1..9_usize) {
        let par = || v.par_iter().copied();
        prop_assert_eq!(par().by_uniform_blocks(len).collect::<Vec<_>>(), v.clone());
        prop_assert_eq!(par().by_exponential_blocks().collect::<Vec<_>>(), v.clone());
        prop_assert_eq!(par().by_uniform_blocks(len).find_first(|&n| n > 9), v.iter().copied().find(|&n| n > 9));
        prop_assert_eq!(par().by_exponential_blocks().find_last(|&n| n > 9), v.iter().copied().rfind(|&n| n > 9));
    }

    #[test]
    fn positions_are_those_of_a_loop(v in items(), max in 1..9_usize, limit in any::<u8>()) {
        let par = || v.par_iter().copied().with_max_len(max);
        let all: Vec<usize> = v.iter().enumerate().filter(|&(_, &n)| n < limit).map(|(index, _)| index).collect();
        prop_assert_eq!(par().positions(|n| n < limit).collect::<Vec<_>>(), all.clone());
        prop_assert_eq!(par().position_first(|n| n < limit), all.first().copied());
        prop_assert_eq!(par().position_last(|n| n < limit), all.last().copied());
        let any = par().position_any(|n| n < limit);
        prop_assert!(any.map_or(all.is_empty(), |index| all.contains(&index)));
    }

    #[test]
    fn either_is_whichever_it_is(v in items(), max in 1..9_usize, left in any::<bool>()) {
        let par = || match left {
            true => Either::Left(v.par_iter()),
            false => Either::Right(v.par_iter().rev()),
        };
        let expected: Vec<&u8> = if left { v.iter().collect() } else { v.iter().rev().collect() };
        prop_assert_eq!(par().collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(par().zip(vec![(); 99]).with_max_len(max).map(|(n, ())| n).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn lengths_that_cannot_be_are_refused() {
    let refused = |f: fn()| std::panic::catch_unwind(f).unwrap_err();
    refused(|| drop((0..3).into_par_iter().step_by(0)));
    refused(|| drop((0..3).into_par_iter().chunks(0)));
    refused(|| drop((0..3).into_par_iter().by_uniform_blocks(0)));
    refused(|| drop((0..3).into_par_iter().zip_eq(0..4)));
    refused(|| drop([1, 2].par_chunks(0)));
    refused(|| drop([1, 2].par_windows(0)));
    refused(|| drop([1, 2].par_array_windows::<0>()));
    refused(|| drop(vec![1, 2].par_drain(1..3)));
    let huge = || iter::repeat_n((), usize::MAX).chain(iter::once(()));
    assert_eq!(huge().opt_len(), None);
    refused(|| assert_ne!(iter::repeat_n((), usize::MAX).chain(iter::once(())).len(), 0));
}
