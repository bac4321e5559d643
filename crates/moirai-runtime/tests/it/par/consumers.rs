//! What ends an iterator, against std.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::task::Poll;

use moirai_runtime::par::*;
use proptest::prelude::*;

use super::{config, items};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn totals_are_those_of_std(v in items(), max in 1..9_usize) {
        let par = || v.par_iter().copied().with_max_len(max);
        let std = || v.iter().copied();
        prop_assert_eq!(par().map(u64::from).sum::<u64>(), std().map(u64::from).sum::<u64>());
        let small = |n: u8| i128::from(n % 3) - 1;
        prop_assert_eq!(par().map(small).product::<i128>(), std().map(small).product::<i128>());
        prop_assert_eq!(par().count(), v.len());
        prop_assert_eq!(par().filter(|n| n % 2 == 0).count(), std().filter(|n| n % 2 == 0).count());
        prop_assert_eq!(par().max(), std().max());
        prop_assert_eq!(par().min(), std().min());
        let checked = par().map(|n| (n < 250).then_some(u64::from(n))).sum::<Option<u64>>();
        prop_assert_eq!(checked, std().map(|n| (n < 250).then_some(u64::from(n))).sum::<Option<u64>>());
    }

    #[test]
    fn of_equals_the_same_is_chosen_as_in_std(v in items(), max in 1..9_usize) {
        let par = || v.par_iter().enumerate().with_max_len(max);
        let std = || v.iter().enumerate();
        let by = |a: &(usize, &u8), b: &(usize, &u8)| (a.1 / 16).cmp(&(b.1 / 16));
        let key = |a: &(usize, &u8)| a.1 / 16;
        prop_assert_eq!(par().min_by(by), std().min_by(by));
        prop_assert_eq!(par().max_by(by), std().max_by(by));
        prop_assert_eq!(par().min_by_key(key), std().min_by_key(key));
        prop_assert_eq!(par().max_by_key(key), std().max_by_key(key));
    }

    #[test]
    fn folds_keep_the_order(v in items(), max in 1..9_usize) {
        let par = || v.par_iter().copied().with_max_len(max);
        let push = |mut all: Vec<u8>, n| {
            all.push(n);
            all
        };
        let append = |a: Vec<u8>, b: Vec<u8>| [a, b].concat();
        prop_assert_eq!(par().fold(Vec::new, push).reduce(Vec::new, append), v.clone());
        prop_assert_eq!(par().fold_with(Vec::new(), push).reduce(Vec::new, append), v.clone());
        let with = par().map(|n| vec![n]).reduce_with(append);
        prop_assert_eq!(with, (!v.is_empty()).then(|| v.clone()));
        let try_push = |all, n| Some(push(all, n));
        prop_assert_eq!(par().try_fold(Vec::new, try_push).try_reduce(Vec::new, |a, b| Some(append(a, b))), Some(v.clone()));
        prop_assert_eq!(par().try_fold_with(Vec::new(), try_push).try_reduce(Vec::new, |a, b| Some(append(a, b))), Some(v.clone()));
    }

    #[test]
    fn searches_find_what_those_of_std_find(v in items(), max in 1..9_usize, limit in any::<u8>()) {
        let par = || v.par_iter().copied().with_max_len(max);
        let std = || v.iter().copied();
        let low = |n: &u8| *n < limit;
        prop_assert_eq!(par().enumerate().find_first(|(_, n)| low(n)), std().enumerate().find(|(_, n)| low(n)));
        prop_assert_eq!(par().enumerate().find_last(|(_, n)| low(n)), std().enumerate().rfind(|(_, n)| low(n)));
        prop_assert_eq!(par().find_any(low).is_some(), std().any(|n| low(&n)));
        prop_assert!(par().find_any(low).is_none_or(|n| low(&n)));
        prop_assert_eq!(par().any(|n| low(&n)), std().any(|n| low(&n)));
        prop_assert_eq!(par().all(|n| low(&n)), std().all(|n| low(&n)));
        let half = |n: u8| low(&n).then_some(n / 2);
        prop_assert_eq!(par().find_map_first(half), std().find_map(half));
        prop_assert_eq!(par().find_map_last(half), std().rev().find_map(half));
        prop_assert_eq!(par().find_map_any(half).is_some(), std().find_map(half).is_some());
        prop_assert_eq!(par().filter(low).find_first(|n| n % 2 == 0), std().filter(low).find(|n| n % 2 == 0));
    }

    #[test]
    fn what_fails_is_a_failure_of_an_item(v in items(), max in 1..9_usize, limit in any::<u8>()) {
        let par = || v.par_iter().copied().with_max_len(max);
        let fails = v.iter().any(|&n| n >= limit);
        let check = |n: u8| if n < limit { Ok(()) } else { Err(n) };
        let is_right = |result: Result<(), u8>| match result {
            Ok(()) => !fails,
            Err(n) => v.contains(&n) && n >= limit,
        };
        prop_assert!(is_right(par().try_for_each(check)));
        prop_assert!(is_right(par().try_for_each_with((), |(), n| check(n))));
        prop_assert!(is_right(par().try_for_each_init(|| (), |(), n| check(n))));
        prop_assert!(is_right(par().map(check).try_reduce_with(|(), ()| Ok(())).unwrap_or(Ok(()))));
        prop_assert!(is_right(par().map(check).collect::<Result<(), u8>>()));
        let flow = |n| if n < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(n) };
        prop_assert_eq!(par().try_for_each(flow).is_break(), fails);
        let poll = |n| Poll::Ready(check(n));
        let polled = par().map(poll).try_reduce(|| Poll::Ready(()), |_, _| Poll::Ready(Ok(())));
        prop_assert_eq!(matches!(polled, Poll::Ready(Err(_))), fails);
    }

    #[test]
    fn comparisons_are_those_of_std(v in items(), w in items(), same in any::<bool>(), max in 1..9_usize) {
        let w = if same { v.clone() } else { w };
        let par = || v.par_iter().with_max_len(max);
        prop_assert_eq!(par().cmp(&w), v.iter().cmp(&w));
        prop_assert_eq!(par().partial_cmp(&w), v.iter().partial_cmp(&w));
        prop_assert_eq!(par().eq(&w), v == w);
        prop_assert_eq!(par().ne(&w), v != w);
        prop_assert_eq!(par().lt(&w), v < w);
        prop_assert_eq!(par().le(&w), v <= w);
        prop_assert_eq!(par().gt(&w), v > w);
        prop_assert_eq!(par().ge(&w), v >= w);
    }
}

#[test]
fn what_cannot_be_compared_is_neither_less_nor_more() {
    let (nan, one) = ([1.0, f64::NAN, 2.0], [1.0, 1.0, 1.0]);
    assert_eq!(nan.par_iter().partial_cmp(&one), None);
    assert!(!nan.par_iter().lt(&one) && !nan.par_iter().ge(&one));
    assert_eq!(one.par_iter().partial_cmp(&[1.0]), Some(Ordering::Greater));
}
