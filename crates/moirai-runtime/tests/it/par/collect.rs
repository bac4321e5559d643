//! Collecting, against std.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::rc::Rc;
use std::sync::Arc;

use moirai_runtime::par::*;
use proptest::prelude::*;

use super::{config, items};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn collections_are_those_of_std(v in items(), max in 1..9_usize) {
        let exact = || v.par_iter().copied().with_max_len(max);
        let sieved = || exact().filter(|_| true);
        let pairs: Vec<(u8, usize)> = v.iter().enumerate().map(|(index, &n)| (n, index)).collect();
        let par_pairs = || exact().enumerate().map(|(index, n)| (n, index));
        macro_rules! same {
            ($($t:ty)*) => {$(
                let expected = v.iter().copied().collect::<$t>();
                prop_assert_eq!(&exact().collect::<$t>(), &expected);
                prop_assert_eq!(&sieved().collect::<$t>(), &expected);
            )*};
        }
        same!(Vec<u8> VecDeque<u8> LinkedList<u8> BTreeSet<u8> HashSet<u8> Box<[u8]> Rc<[u8]> Arc<[u8]>);
        prop_assert_eq!(exact().collect::<Cow<'_, [u8]>>(), Cow::Borrowed(&v[..]));
        prop_assert_eq!(exact().collect::<BinaryHeap<_>>().into_sorted_vec(), v.iter().copied().collect::<BinaryHeap<_>>().into_sorted_vec());
        // Of equal keys the last one stays.
        prop_assert_eq!(par_pairs().collect::<HashMap<_, _>>(), pairs.iter().copied().collect::<HashMap<_, _>>());
        prop_assert_eq!(par_pairs().collect::<BTreeMap<_, _>>(), pairs.iter().copied().collect::<BTreeMap<_, _>>());
        prop_assert_eq!(exact().map(drop).collect::<()>(), ());
    }

    #[test]
    fn texts_are_those_of_std(v in items(), max in 1..9_usize) {
        let par = || v.par_iter().with_max_len(max).map(|&n| char::from(n));
        let text: String = v.iter().map(|&n| char::from(n)).collect();
        prop_assert_eq!(par().collect::<String>(), text.clone());
        prop_assert_eq!(par().collect::<Box<str>>(), text.clone().into_boxed_str());
        prop_assert_eq!(par().collect::<Cow<'_, str>>(), text.clone());
        prop_assert_eq!(par().map(String::from).collect::<String>(), text.clone());
        prop_assert_eq!(par().map(|c| c.to_string().into_boxed_str()).collect::<String>(), text.clone());
        prop_assert_eq!(par().map(|c| Cow::<str>::Owned(c.to_string())).collect::<String>(), text.clone());
        prop_assert_eq!(par().map(|c| OsString::from(c.to_string())).collect::<OsString>(), OsString::from(&text));
        let parts: Vec<String> = par().map(String::from).collect();
        prop_assert_eq!(parts.par_iter().map(String::as_str).collect::<String>(), text);
    }

    #[test]
    fn adding_keeps_what_was_there(v in items(), w in items(), max in 1..9_usize) {
        macro_rules! same {
            ($($t:ty)*) => {$(
                let (mut ours, mut theirs): ($t, $t) = (v.iter().copied().collect(), v.iter().copied().collect());
                ours.par_extend(w.par_iter().with_max_len(max));
                ours.par_extend(w.clone());
                theirs.extend(&w);
                theirs.extend(w.clone());
                prop_assert_eq!(ours, theirs);
            )*};
        }
        same!(Vec<u8> VecDeque<u8> LinkedList<u8> BTreeSet<u8> HashSet<u8>);
        let mut into = v.clone();
        w.par_iter().copied().with_max_len(max).collect_into_vec(&mut into);
        prop_assert_eq!(into, w);
    }

    #[test]
    fn options_and_results_are_all_or_nothing(v in items(), max in 1..9_usize, limit in any::<u8>()) {
        let par = || v.par_iter().copied().with_max_len(max);
        let low = |n: u8| (n < limit).then_some(n);
        prop_assert_eq!(par().map(low).collect::<Option<Vec<_>>>(), v.iter().copied().map(low).collect::<Option<Vec<_>>>());
        let ours = par().map(|n| low(n).ok_or(n)).collect::<Result<Vec<_>, _>>();
        match ours {
            Ok(all) => prop_assert_eq!(all, v),
            Err(n) => prop_assert!(n >= limit && v.contains(&n)),
        }
    }

    #[test]
    fn halves_are_those_of_std(v in items(), max in 1..9_usize, limit in any::<u8>()) {
        let par = || v.par_iter().copied().with_max_len(max);
        let pair = |n: u8| (n, u16::from(n) * 2);
        let expected: (Vec<u8>, Vec<u16>) = v.iter().copied().map(pair).unzip();
        prop_assert_eq!(par().map(pair).unzip::<_, _, Vec<_>, Vec<_>>(), expected.clone());
        prop_assert_eq!(par().map(pair).filter(|_| true).unzip::<_, _, Vec<_>, Vec<_>>(), expected.clone());
        prop_assert_eq!(par().map(pair).collect::<(Vec<_>, Vec<_>)>(), expected.clone());
        let (mut a, mut b) = (vec![1], vec![2]);
        par().map(pair).unzip_into_vecs(&mut a, &mut b);
        prop_assert_eq!((a, b), expected.clone());
        let mut both = (vec![1], vec![2]);
        both.par_extend(par().map(pair));
        let behind = |both: &(Vec<u8>, Vec<u16>)| (both.0[1..].to_vec(), both.1[1..].to_vec());
        prop_assert_eq!(behind(&both), expected.clone());
        prop_assert_eq!((both.0[0], both.1[0]), (1, 2));
        // One side knows how many there are before, and the other one does not.
        let set: BTreeSet<u8> = v.iter().copied().collect();
        let of_both = (set.clone(), expected.1.clone());
        prop_assert_eq!(par().map(pair).unzip::<_, _, BTreeSet<_>, Vec<_>>(), of_both);
        let nested = par().map(|n| ((n, n), pair(n).1));
        type Nested = ((Vec<u8>, BTreeSet<u8>), Vec<u16>);
        prop_assert_eq!(nested.collect::<Nested>(), ((v.clone(), set), expected.1));

        let low = |n: &u8| *n < limit;
        let expected: (Vec<u8>, Vec<u8>) = v.iter().copied().partition(low);
        prop_assert_eq!(par().partition::<Vec<_>, Vec<_>, _>(low), expected.clone());
        let either = |n: u8| if low(&n) { Either::Left(n) } else { Either::Right(n) };
        prop_assert_eq!(par().partition_map::<Vec<_>, Vec<_>, _, _, _>(either), expected.clone());
        prop_assert_eq!(par().map(either).collect::<(Vec<_>, Vec<_>)>(), expected);
    }
}
