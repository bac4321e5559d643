//! The sizes that cells come in: four steps to each doubling, so at most a fifth is left over.

use std::alloc::Layout;

/// A size of cells; in a chunk all are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class(u8);

/// What a type of cell needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CellLayout {
    pub(super) class: Class,
    pub(super) layout: Layout,
}

impl CellLayout {
    /// That of a cell that is a `T`.
    pub(crate) const fn of<T>() -> Self {
        let layout = Layout::new::<T>();
        Self { class: Class::of(layout), layout }
    }

    /// What such a cell takes of its chunk.
    pub(crate) const fn bytes(&self) -> usize {
        if self.class.is_solo() { self.layout.size() } else { self.class.bytes() }
    }
}

impl Class {
    /// Of a cell that has a chunk of its own.
    pub(super) const SOLO: Self = Self(u8::MAX);

    const fn of(layout: Layout) -> Self {
        if layout.size() > CELL_BYTES_MAX || layout.align() > CELL_ALIGN_MAX {
            return Self::SOLO;
        }
        let mut class = 0;
        while class < CLASS_COUNT {
            let bytes = bytes_of(class);
            // Cells lie side by side: their size must keep the alignment.
            if bytes >= layout.size() && bytes.is_multiple_of(layout.align()) {
                return Self(class as u8);
            }
            class += 1;
        }
        Self::SOLO
    }

    pub(super) const fn is_solo(self) -> bool {
        self.0 == Self::SOLO.0
    }

    /// Its place in a table of [`CLASS_COUNT`]; `None` for a cell of its own.
    pub(super) const fn index(self) -> Option<usize> {
        if self.is_solo() { None } else { Some(self.0 as usize) }
    }

    /// The size of its cells; zero for a cell of its own.
    pub(super) const fn bytes(self) -> usize {
        if self.is_solo() { 0 } else { bytes_of(self.0 as usize) }
    }
}

const fn bytes_of(class: usize) -> usize {
    if class == 0 {
        return CELL_BYTES_MIN;
    }
    let (doubling, step) = ((class - 1) / 4, (class - 1) % 4);
    (CELL_BYTES_MIN << doubling) + (step + 1) * ((CELL_BYTES_MIN << doubling) / 4)
}

/// A line of the cache: tasks that run at once do not share one.
const CELL_BYTES_MIN: usize = 64;

/// Larger cells are few and live long; a chunk would hold but a handful.
const CELL_BYTES_MAX: usize = 5120;

/// A chunk's first cell is aligned to this.
pub(super) const CELL_ALIGN_MAX: usize = 256;

/// 64, 80, 96, 112, 128, 160, .. 4096, 5120.
pub(super) const CLASS_COUNT: usize = 26;

const _: () = assert!(bytes_of(CLASS_COUNT - 1) == CELL_BYTES_MAX);

#[cfg(all(test, not(moirai_loom)))]
mod tests {
    use super::*;

    /// Miri takes its time.
    const STEP: usize = if cfg!(miri) { 37 } else { 1 };

    #[track_caller]
    fn class(size: usize, align: usize) -> Class {
        match Layout::from_size_align(size, align) {
            Ok(layout) => Class::of(layout),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_cell_fits_its_class_and_wastes_a_fifth_at_most() {
        for size in (1..=CELL_BYTES_MAX).step_by(STEP) {
            let bytes = class(size, 8).bytes();
            assert!(bytes >= size && bytes.is_multiple_of(16), "{size} in {bytes}");
            assert!(size <= 64 || (bytes - size) * 5 <= bytes, "{size} in {bytes}");
        }
        assert_eq!(class(64, 8).bytes(), 64);
        assert_eq!(class(65, 8).bytes(), 80);
    }

    #[test]
    fn an_aligned_cell_gets_a_size_that_keeps_the_alignment() {
        for align in [16, 32, 64, 128, 256] {
            for size in (align..4096).step_by(align * STEP) {
                assert!(class(size, align).bytes().is_multiple_of(align), "{size} at {align}");
            }
        }
    }

    #[test]
    fn what_is_too_large_or_too_strictly_aligned_has_a_chunk_of_its_own() {
        assert!(!class(CELL_BYTES_MAX, CELL_ALIGN_MAX).is_solo());
        assert!(class(CELL_BYTES_MAX + 1, 8).is_solo());
        assert!(class(CELL_ALIGN_MAX * 2, CELL_ALIGN_MAX * 2).is_solo());
    }
}
