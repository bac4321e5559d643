//! Puts numbered items back into order.
//!
//! Knows numbers only. It cannot overflow in a run, because the source is admitted by the same
//! window: item `i` is not begun before item `i - window` has left.

use std::collections::VecDeque;

/// Items that came before their turn.
#[derive(Debug)]
pub(crate) struct Reorder<T> {
    /// The number of the next item to leave.
    next: u64,
    /// Slot `i` holds item `next + i`.
    slots: VecDeque<Option<T>>,
    window: usize,
    waiting: usize,
    waiting_max: usize,
}

impl<T> Reorder<T> {
    pub(crate) fn new(window: usize) -> Self {
        Self { next: 0, slots: VecDeque::new(), window, waiting: 0, waiting_max: 0 }
    }

    /// Takes in item `number`.
    ///
    /// # Panics
    ///
    /// If the number is outside the window or came before: a stage made items up.
    pub(crate) fn insert(&mut self, number: u64, item: T) {
        let ahead = number.checked_sub(self.next).map_or(usize::MAX, |ahead| ahead as usize);
        assert!(ahead < self.window, "item {number} at {} + {}", self.next, self.window);
        if ahead >= self.slots.len() {
            self.slots.resize_with(ahead + 1, || None);
        }
        let before = self.slots[ahead].replace(item);
        assert!(before.is_none(), "item {number} came twice");
        self.waiting += 1;
        self.waiting_max = self.waiting_max.max(self.waiting);
    }

    /// The next item with its number, if it is here.
    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        let item = self.slots.front_mut()?.take()?;
        self.slots.pop_front();
        self.waiting -= 1;
        self.next += 1;
        Some((self.next - 1, item))
    }

    /// The most items that ever waited here at once.
    pub(crate) const fn waiting_max(&self) -> usize {
        self.waiting_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_leave_in_order_whatever_order_they_come_in() {
        let mut order = Reorder::new(4);
        let mut left = Vec::new();
        for number in [2, 0, 1, 3, 6, 5, 4] {
            order.insert(number, number * 10);
            while let Some(item) = order.pop() {
                left.push(item);
            }
        }
        assert_eq!(left, (0..7).map(|number| (number, number * 10)).collect::<Vec<_>>());
        assert_eq!(order.waiting_max(), 3);
    }

    #[test]
    #[should_panic(expected = "item 4 at 0 + 4")]
    fn an_item_past_the_window_is_refused() {
        let mut order = Reorder::new(4);
        order.insert(3, ());
        order.insert(4, ());
    }

    #[test]
    #[should_panic(expected = "item 1 came twice")]
    fn an_item_that_came_before_is_refused() {
        let mut order = Reorder::new(4);
        order.insert(1, ());
        order.insert(1, ());
    }
}
