//! Items without size and with a large alignment, where memory is divided by hand.

use moirai_runtime::par::*;

const LEN: usize = if cfg!(miri) { 20 } else { 1000 };

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(align(128))]
struct Aligned(u8);

#[test]
fn items_without_size_are_counted_right() {
    let items = || vec![(); LEN].into_par_iter().with_max_len(3);
    assert_eq!(items().collect::<Vec<()>>().len(), LEN);
    assert_eq!(items().count(), LEN);
    assert_eq!(items().rev().skip(5).collect::<Vec<()>>().len(), LEN - 5);
    let mut vec = vec![(); LEN];
    assert_eq!(vec.par_drain(3..7).count(), 4);
    assert_eq!(vec.len(), LEN - 4);
    let all: Vec<[(); 0]> = (0..LEN).into_par_iter().with_max_len(3).map(|_| []).collect();
    assert_eq!(all.len(), LEN);
}

#[test]
fn items_of_a_large_alignment_stay_whole() {
    let items: Vec<Aligned> = (0..LEN).map(|n| Aligned(n as u8)).collect();
    let copies: Vec<Aligned> = items.par_iter().with_max_len(3).copied().collect();
    assert_eq!(copies, items);
    assert_eq!(copies.into_par_iter().with_max_len(3).rev().rev().collect::<Vec<_>>(), items);
    let mut rest = items.clone();
    assert_eq!(rest.par_drain(3..7).collect::<Vec<_>>(), items[3..7]);
    assert_eq!(rest.len(), LEN - 4);
}
