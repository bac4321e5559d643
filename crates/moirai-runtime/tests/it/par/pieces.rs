//! How many pieces there are, and how large.

use moirai_runtime::par::*;
use proptest::prelude::*;

use super::{config, slow};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_piece_is_smaller_than_asked(len in 0..200_usize, min in 1..80_usize) {
        let pieces = slow((0..len).into_par_iter().with_min_len(min)).fold(|| 0, |count, _| count + 1);
        let pieces: Vec<usize> = pieces.collect();
        prop_assert_eq!(pieces.iter().sum::<usize>(), len);
        prop_assert!(pieces.iter().all(|&count| count >= min.min(len)), "{:?}", pieces);
    }

    #[test]
    fn no_piece_is_larger_than_asked(len in 0..200_usize, max in 1..80_usize) {
        let pieces = (0..len).into_par_iter().with_max_len(max).fold(|| 0, |count, _| count + 1);
        let pieces: Vec<usize> = pieces.collect();
        prop_assert_eq!(pieces.iter().sum::<usize>(), len);
        prop_assert!(pieces.iter().all(|&count| count <= max), "{:?}", pieces);
    }
}

#[test]
fn work_of_a_microsecond_is_one_piece() {
    let pieces = (0..100_u64).into_par_iter().fold(|| 0_u64, |sum, n| sum + n);
    // Unless the thread was interrupted meanwhile.
    let fewest = (0..10).map(|_| pieces.clone().count()).min();
    assert_eq!(fewest, Some(1));
}
