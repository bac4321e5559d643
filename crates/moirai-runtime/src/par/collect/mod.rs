//! Collecting: into place where the number of items is known, else piece by piece.

mod extend;
mod from;
mod halves;
mod list;
mod slots;

pub(super) use halves::{partition, unzip, unzip_into_vecs};
pub(super) use list::VecList;

use super::parallel::ParallelIterator;

/// Adds all items to `target`, in order.
fn append<T: Send>(target: &mut Vec<T>, items: impl ParallelIterator<Item = T>) {
    match items.opt_len() {
        Some(len) => slots::append(target, items, len),
        None => list::append(target, items),
    }
}
