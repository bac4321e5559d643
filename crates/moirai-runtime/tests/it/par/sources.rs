//! Each source against std's iterator of the same.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};

use moirai_runtime::par::*;
use proptest::prelude::*;

use super::{config, items, slow};

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn slices_vectors_and_arrays_yield_their_items(mut v in items(), max in 1..9_usize) {
        prop_assert_eq!(v.par_iter().with_max_len(max).collect::<Vec<_>>(), v.iter().collect::<Vec<_>>());
        prop_assert_eq!(v.clone().into_par_iter().with_max_len(max).collect::<Vec<_>>(), v.clone());
        prop_assert_eq!(v.clone().into_par_iter().rev().collect::<Vec<_>>(), v.iter().rev().copied().collect::<Vec<_>>());
        prop_assert_eq!(v.clone().into_boxed_slice().into_par_iter().collect::<Vec<_>>(), v.clone());
        let expected: Vec<u8> = v.iter().map(|n| n.wrapping_add(1)).collect();
        v.par_iter_mut().with_max_len(max).for_each(|n| *n = n.wrapping_add(1));
        prop_assert_eq!(v, expected);
    }

    #[test]
    fn parts_of_a_slice_are_those_of_std(mut v in items(), max in 1..5_usize, len in 1..9_usize) {
        macro_rules! same {
            ($($par:ident $std:ident)*) => {$(
                prop_assert_eq!(v.$par(len).with_max_len(max).collect::<Vec<_>>(), v.$std(len).collect::<Vec<_>>());
                prop_assert_eq!(v.$par(len).rev().with_max_len(max).collect::<Vec<_>>(), v.$std(len).rev().collect::<Vec<_>>());
                prop_assert_eq!(v.$par(len).len(), v.$std(len).len());
            )*};
        }
        same!(par_chunks chunks par_chunks_exact chunks_exact par_rchunks rchunks par_rchunks_exact rchunks_exact par_windows windows);
        prop_assert_eq!(v.par_array_windows().with_max_len(max).collect::<Vec<&[u8; 3]>>(), v.array_windows().collect::<Vec<_>>());
        prop_assert_eq!(v.par_array_windows::<3>().rev().len(), v.array_windows::<3>().len());
        let mut w = v.clone();
        macro_rules! same_mut {
            ($($par:ident $std:ident)*) => {$(
                v.$par(len).with_max_len(max).enumerate().for_each(|(index, part)| part.fill(index as u8));
                w.$std(len).enumerate().for_each(|(index, part)| part.fill(index as u8));
                prop_assert_eq!(&v, &w);
            )*};
        }
        same_mut!(par_chunks_mut chunks_mut par_chunks_exact_mut chunks_exact_mut par_rchunks_mut rchunks_mut par_rchunks_exact_mut rchunks_exact_mut);
    }

    #[test]
    fn parts_that_the_items_decide_are_those_of_std(v in items(), every in 1..9_u8) {
        let cut = |n: &u8| n.is_multiple_of(every);
        let same = |a: &u8, b: &u8| a / 64 == b / 64;
        prop_assert_eq!(slow(v.par_split(cut)).collect::<Vec<_>>(), v.split(cut).collect::<Vec<_>>());
        prop_assert_eq!(slow(v.par_split_inclusive(cut)).collect::<Vec<_>>(), v.split_inclusive(cut).collect::<Vec<_>>());
        prop_assert_eq!(slow(v.par_chunk_by(same)).collect::<Vec<_>>(), v.chunk_by(same).collect::<Vec<_>>());
        let (mut a, mut b) = (v.clone(), v.clone());
        let touch = |part: &mut [u8]| part.iter_mut().for_each(|n| *n = n.wrapping_add(1));
        prop_assert_eq!(slow(a.par_split_mut(cut)).map(|part| part.len()).collect::<Vec<_>>(), b.split_mut(cut).map(|part| part.len()).collect::<Vec<_>>());
        a.par_split_mut(cut).for_each(touch);
        b.split_mut(cut).for_each(touch);
        prop_assert_eq!(&a, &b);
        slow(a.par_split_inclusive_mut(cut)).for_each(touch);
        b.split_inclusive_mut(cut).for_each(touch);
        prop_assert_eq!(&a, &b);
        slow(a.par_chunk_by_mut(same)).for_each(|part| part[0] = 7);
        b.chunk_by_mut(same).for_each(|part| part[0] = 7);
        prop_assert_eq!(a, b);
    }

    #[test]
    fn ranges_yield_their_numbers(a in any::<i8>(), b in any::<i8>(), max in 1..40_usize) {
        macro_rules! same {
            ($($t:ident)*) => {$(
                let (a, b) = (a as $t, b as $t);
                let (low, high) = (a.min(b), a.max(b).min(a.min(b).saturating_add(if cfg!(miri) { 5 } else { 100 })));
                for range in [low..high, high..low] {
                    prop_assert_eq!(range.clone().into_par_iter().collect::<Vec<_>>(), range.clone().collect::<Vec<_>>());
                    prop_assert_eq!(slow(range.clone().into_par_iter()).collect::<Vec<_>>(), range.collect::<Vec<_>>());
                }
                for range in [low..=high, high..=low, low..=low, $t::MAX - 3..=$t::MAX, $t::MIN..=$t::MIN + 3] {
                    prop_assert_eq!(range.clone().into_par_iter().collect::<Vec<_>>(), range.clone().collect::<Vec<_>>());
                    prop_assert_eq!(slow(range.clone().into_par_iter()).collect::<Vec<_>>(), range.collect::<Vec<_>>());
                }
            )*};
        }
        same!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
        let range = i8::MIN..=i8::MAX;
        prop_assert_eq!(range.clone().into_par_iter().rev().with_max_len(max).collect::<Vec<_>>(), range.rev().collect::<Vec<_>>());
        prop_assert_eq!((a..b).into_par_iter().with_max_len(max).rev().collect::<Vec<_>>(), (a..b).rev().collect::<Vec<_>>());
        let (low, high) = (a.min(b), a.max(b));
        prop_assert_eq!((low..high).into_par_iter().len(), (low..high).len());
    }

    #[test]
    fn collections_yield_their_items(v in items()) {
        let pairs = || v.iter().map(|&n| (n, u16::from(n)));
        let (mut map, mut tree): (HashMap<u8, u16>, BTreeMap<u8, u16>) = (pairs().collect(), pairs().collect());
        map.par_iter_mut().for_each(|(_, n)| *n += 1);
        tree.par_iter_mut().for_each(|(_, n)| *n += 1);
        prop_assert_eq!(sorted(map.par_iter().collect::<Vec<_>>()), sorted(&map));
        prop_assert_eq!(tree.par_iter().collect::<Vec<_>>(), tree.iter().collect::<Vec<_>>());
        prop_assert_eq!(sorted(map.clone().into_par_iter().collect::<Vec<_>>()), tree.clone().into_iter().collect::<Vec<_>>());
        prop_assert_eq!(tree.clone().into_par_iter().collect::<Vec<_>>(), sorted(map.par_drain().collect::<Vec<_>>()));
        prop_assert!(map.is_empty());

        let (mut set, ordered): (HashSet<u8>, BTreeSet<u8>) = (v.iter().copied().collect(), v.iter().copied().collect());
        prop_assert_eq!(sorted(set.par_iter().copied().collect::<Vec<_>>()), ordered.par_iter().copied().collect::<Vec<_>>());
        prop_assert_eq!(sorted(set.par_drain().collect::<Vec<_>>()), ordered.into_par_iter().collect::<Vec<_>>());

        let mut deque: VecDeque<u8> = v.iter().copied().collect();
        deque.rotate_left(v.len() / 2);
        deque.extend([1, 2]);
        deque.par_iter_mut().for_each(|n| *n = n.wrapping_add(1));
        prop_assert_eq!(deque.par_iter().collect::<Vec<_>>(), deque.iter().collect::<Vec<_>>());
        prop_assert_eq!(deque.clone().into_par_iter().collect::<Vec<_>>(), deque.iter().copied().collect::<Vec<_>>());
        let mut drained = deque.clone();
        prop_assert_eq!(deque.par_drain(1..).collect::<Vec<_>>(), drained.drain(1..).collect::<Vec<_>>());
        prop_assert_eq!(deque, drained);

        let mut heap: BinaryHeap<u8> = v.iter().copied().collect();
        prop_assert_eq!(sorted(heap.par_iter().copied().collect::<Vec<_>>()), heap.clone().into_sorted_vec());
        prop_assert_eq!(sorted(heap.clone().into_par_iter().collect::<Vec<_>>()), sorted(heap.par_drain().collect::<Vec<_>>()));

        let mut list: LinkedList<u8> = v.iter().copied().collect();
        list.par_iter_mut().for_each(|n| *n = n.wrapping_add(1));
        prop_assert_eq!(list.par_iter().collect::<Vec<_>>(), list.iter().collect::<Vec<_>>());
        prop_assert_eq!(list.clone().into_par_iter().collect::<Vec<_>>(), list.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_drained_range_leaves_the_rest(v in items(), a in 0..70_usize, b in 0..70_usize, max in 1..9_usize) {
        let (start, end) = (a.min(b).min(v.len()), a.max(b).min(v.len()));
        let (mut ours, mut theirs) = (v.clone(), v.clone());
        prop_assert_eq!(ours.par_drain(start..end).with_max_len(max).collect::<Vec<_>>(), theirs.drain(start..end).collect::<Vec<_>>());
        prop_assert_eq!(&ours, &theirs);
        drop(ours.par_drain(..ours.len() / 2));
        drop(theirs.drain(..theirs.len() / 2));
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn texts_fall_into_what_they_fall_into_in_std(text in "[a-cäß€😀 ,\n\r\t]{0,40}") {
        let text = text.as_str();
        macro_rules! same {
            ($($par:ident $std:ident $(($pattern:expr))?;)*) => {$(
                prop_assert_eq!(slow(text.$par($($pattern)?)).collect::<Vec<_>>(), text.$std($($pattern)?).collect::<Vec<_>>());
            )*};
        }
        same! {
            par_chars chars;
            par_char_indices char_indices;
            par_bytes bytes;
            par_encode_utf16 encode_utf16;
            par_lines lines;
            par_split_whitespace split_whitespace;
            par_split_ascii_whitespace split_ascii_whitespace;
            par_split split (',');
            par_split split ('ß');
            par_split split (&[',', 'ä'][..]);
            par_split split (['€', 'ä']);
            par_split split (&['€', 'a']);
            par_split split (char::is_whitespace);
            par_split_inclusive split_inclusive (',');
            par_split_inclusive split_inclusive ('😀');
            par_split_terminator split_terminator (',');
            par_split_terminator split_terminator ('ä');
            par_matches matches (char::is_alphabetic);
            par_match_indices match_indices ('ä');
            par_match_indices match_indices (char::is_alphabetic);
        }
        let mut drained = String::from(text);
        prop_assert_eq!(drained.par_drain(..).collect::<String>(), text);
        prop_assert!(drained.is_empty());
    }

    #[test]
    fn characters_come_without_the_gap_in_their_numbers(a in any::<char>(), len in 0..60_u32) {
        let b = char::from_u32(u32::from(a).saturating_add(len)).unwrap_or('\u{e000}');
        for (a, b) in [(a, b), ('\u{d7f0}', '\u{e010}'), ('\u{d7ff}', '\u{e000}')] {
            prop_assert_eq!(slow((a..b).into_par_iter()).collect::<Vec<_>>(), (a..b).collect::<Vec<_>>());
            prop_assert_eq!(slow((a..=b).into_par_iter()).collect::<Vec<_>>(), (a..=b).collect::<Vec<_>>());
            prop_assert_eq!((a..b).into_par_iter().opt_len(), Some((a..b).count()));
        }
    }

    #[test]
    fn a_bridge_yields_every_item_once(v in items()) {
        prop_assert_eq!(sorted(slow(v.iter().par_bridge()).collect::<Vec<_>>()), sorted(&v));
        prop_assert_eq!(v.iter().par_bridge().count(), v.len());
    }

    #[test]
    fn few_items_are_those_of_std(n in 0..70_usize, max in 1..9_usize) {
        prop_assert_eq!(iter::repeat_n(7, n).with_max_len(max).collect::<Vec<_>>(), vec![7; n]);
        prop_assert_eq!(iter::repeat(7).take(n).rev().collect::<Vec<_>>(), vec![7; n]);
        prop_assert_eq!(iter::once(n).chain(iter::empty()).chain(Some(1)).chain(Err(2).or(Ok::<_, ()>(3))).collect::<Vec<_>>(), [n, 1, 3]);
        prop_assert_eq!(iter::repeat(7).zip(vec![1; n]).count(), n);
        prop_assert_eq!((&None::<u8>, &mut Some(n)).into_par_iter().count(), 0);
        prop_assert_eq!(Ok::<_, ()>(n).par_iter().chain(&Err::<usize, _>(3)).count(), 1);
    }
}

#[test]
fn an_endless_iterator_ends_where_something_is_found() {
    assert_eq!(iter::repeat(7).find_any(|&n| n == 7), Some(7));
    assert_eq!((0_u64..).par_bridge().find_any(|&n| n == 1000), Some(1000));
    assert_eq!((0..u128::MAX).into_par_iter().find_first(|&n| n == 1000), Some(1000));
}

#[test]
fn a_bridge_whose_iterator_forks_does_not_hang() {
    super::super::watch(|| {
        let items = (0..20_u64).inspect(|_| {
            assert_eq!(slow((0..20_u64).into_par_iter()).sum::<u64>(), 190);
        });
        assert_eq!(slow(items.par_bridge()).sum::<u64>(), 190);
    });
}
