//! A model of what a queue remembers of its length: it is forgotten while it is learned.

use loom::sync::Arc;
use loom::thread;

use super::explore;
use crate::queue::Queue;

/// A push that has seen how long the queue was notes it while that is being forgotten: later pushes are
/// looked at nevertheless.
#[test]
fn what_was_forgotten_hides_no_later_length() {
    explore(20, || {
        let queue = Arc::new(Queue::unbounded().watched());
        (0..2).for_each(|i| queue.push(i).unwrap());
        while queue.pop().is_some() {}
        let pushing = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(2).unwrap()
        });
        queue.forget_most();
        pushing.join().unwrap();
        queue.push(3).unwrap();
        assert_eq!((queue.len(), queue.most()), (2, 2));
    });
}
