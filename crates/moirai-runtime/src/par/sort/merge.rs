//! Two sorted runs become one.
//!
//! A long merge is divided where the middle item of the longer run belongs in the other. A short one
//! runs from both ends at once, so that the processor has two chains of comparisons to work on, and
//! without a branch that depends on the items. The steps in one round are too few to exhaust a run,
//! whatever the comparisons say, so that each item is copied once even if they contradict each other.

#![allow(unsafe_code, reason = "moves items between a slice and a buffer, divided among workers")]

use std::ptr;

use super::Lent;
use crate::join::join;

/// Copies the sorted items of both runs to `to`, in order; of equals those of the left one first.
/// Where they come from they stay as they are, also if `is_less` panics.
///
/// # Safety
///
/// Each run is a pointer to so many items, `to` one to memory for all of them, apart from theirs, and
/// nobody else uses any of them.
pub(super) unsafe fn merge<T: Send, F: Fn(&T, &T) -> bool + Sync>(
    is_less: &F,
    left: (*mut T, usize),
    right: (*mut T, usize),
    to: *mut T,
) {
    let ((l, l_len), (r, r_len)) = (left, right);
    if l_len + r_len <= MERGE_LEN_MAX || l_len == 0 || r_len == 0 {
        // SAFETY: as the caller says.
        return unsafe { merge_here(is_less, left, right, to) };
    }
    // SAFETY: the caller's runs, for as long as we look at them here.
    let (ls, rs) =
        unsafe { (&*ptr::slice_from_raw_parts(l, l_len), &*ptr::slice_from_raw_parts(r, r_len)) };
    let (i, j) = if l_len >= r_len {
        let i = l_len / 2;
        (i, rs.partition_point(|item| is_less(item, &ls[i])))
    } else {
        let j = r_len / 2;
        (ls.partition_point(|item| !is_less(&rs[j], item)), j)
    };
    // SAFETY: `i` and `j` lie within the runs, and their sum within `to`.
    let (l2, r2, to2) = unsafe { (Lent(l.add(i)), Lent(r.add(j)), Lent(to.add(i + j))) };
    let (l1, r1, to1) = (Lent(l), Lent(r), Lent(to));
    join(
        // SAFETY: the first parts of each.
        || unsafe { merge(is_less, (l1.get(), i), (r1.get(), j), to1.get()) },
        // SAFETY: the second parts.
        || unsafe { merge(is_less, (l2.get(), l_len - i), (r2.get(), r_len - j), to2.get()) },
    );
}

/// As [`merge`], on this worker.
///
/// # Safety
///
/// As of [`merge`].
unsafe fn merge_here<T, F: Fn(&T, &T) -> bool>(
    is_less: &F,
    (mut l, l_len): (*mut T, usize),
    (mut r, r_len): (*mut T, usize),
    mut to: *mut T,
) {
    // SAFETY: `l..l_end` and `r..r_end` are the items that have not been copied, and there is memory
    // for as many in `to..to_end`. A step copies one item from an end of either run to the same end
    // of the memory, and leaves it out from then on. A round of `steps` from both ends takes at most
    // twice as many from a run, which it has.
    unsafe {
        let (mut l_end, mut r_end) = (l.add(l_len), r.add(r_len));
        let mut to_end = to.add(l_len + r_len);
        loop {
            let (l_left, r_left) = (l_end.offset_from_unsigned(l), r_end.offset_from_unsigned(r));
            let steps = l_left.min(r_left) / 2;
            if steps == 0 {
                break;
            }
            for _ in 0..steps {
                let right = is_less(&*r, &*l);
                ptr::copy_nonoverlapping(if right { r } else { l }, to, 1);
                r = r.add(usize::from(right));
                l = l.add(usize::from(!right));
                to = to.add(1);

                let (l_last, r_last) = (l_end.sub(1), r_end.sub(1));
                let left = is_less(&*r_last, &*l_last);
                to_end = to_end.sub(1);
                ptr::copy_nonoverlapping(if left { l_last } else { r_last }, to_end, 1);
                l_end = l_end.sub(usize::from(left));
                r_end = r_end.sub(usize::from(!left));
            }
        }
        while l < l_end && r < r_end {
            let right = is_less(&*r, &*l);
            ptr::copy_nonoverlapping(if right { r } else { l }, to, 1);
            r = r.add(usize::from(right));
            l = l.add(usize::from(!right));
            to = to.add(1);
        }
        let rest = l_end.offset_from_unsigned(l);
        ptr::copy_nonoverlapping(l, to, rest);
        ptr::copy_nonoverlapping(r, to.add(rest), r_end.offset_from_unsigned(r));
    }
}

/// Longer merges are divided: this many take some 20 µs. Under Miri, see `LEAF_LEN_MIN`.
const MERGE_LEN_MAX: usize = if cfg!(miri) { 128 } else { 8192 };
