//! Models of the queues with parts: the mask of levels, the bound, the close, the lists of workers.

use loom::sync::Arc;
use loom::thread;

use crate::Priority;
use crate::channel::{priority, work_stealing};
use crate::queue::{Close, Part, Queue};

/// A pop that finds a level empty clears its bit while a push leaves it set: the level is not
/// forgotten, or the value below it would go first.
#[test]
fn a_level_that_is_cleared_and_pushed_to_goes_first() {
    loom::model(|| {
        let levels = Arc::new(Queue::levels(2, None, None));
        levels.push_to(Part::Level(1), 0).unwrap();
        assert_eq!(levels.pop_part(), Some((0, 1))); // its bit stays behind
        levels.push_to(Part::Level(0), 1).unwrap();
        let pushing = thread::spawn({
            let levels = Arc::clone(&levels);
            move || levels.push_to(Part::Level(1), 2).unwrap()
        });
        let first = levels.pop_part();
        pushing.join().unwrap();
        levels.push_to(Part::Level(0), 3).unwrap();
        match first {
            Some((1, 0)) => assert_eq!(levels.pop_part(), Some((2, 1))),
            first => {
                assert_eq!(first, Some((2, 1)));
                assert_eq!(levels.pop_part(), Some((1, 0)));
            }
        }
        assert_eq!((levels.pop_part(), levels.pop_part()), (Some((3, 0)), None));
    });
}

/// Two pops clear the same bit, and one value comes to that level: one of them gets it, or it is first
/// afterwards.
#[test]
fn two_pops_that_clear_hide_no_value() {
    loom::model(|| {
        let levels = Arc::new(Queue::levels(2, None, None));
        levels.push_to(Part::Level(1), 0).unwrap();
        assert_eq!(levels.pop_part(), Some((0, 1)));
        let popping = thread::spawn({
            let levels = Arc::clone(&levels);
            move || levels.pop_part()
        });
        let pushing = thread::spawn({
            let levels = Arc::clone(&levels);
            move || levels.push_to(Part::Level(1), 1).unwrap()
        });
        let popped = levels.pop_part();
        let other = popping.join().unwrap();
        pushing.join().unwrap();
        levels.push_to(Part::Level(0), 2).unwrap();
        match popped.or(other) {
            Some(value) => assert_eq!(value, (1, 1)),
            None => assert_eq!(levels.pop_part(), Some((1, 1))),
        }
        assert_eq!((levels.pop_part(), levels.pop_part()), (Some((2, 0)), None));
    });
}

/// A receiver goes to sleep while messages of two levels come: it is told of both.
#[test]
fn a_receiver_that_sleeps_hears_of_every_level() {
    loom::model(|| {
        let (sender, receiver) = priority::unbounded(2);
        let sending = thread::spawn(move || {
            sender.send_priority(1, Priority::Normal).unwrap();
            sender.send_priority(2, Priority::Low).unwrap();
        });
        assert_eq!(receiver.recv_priority(), Ok((1, Priority::Normal)));
        assert_eq!(receiver.recv_priority(), Ok((2, Priority::Low)));
        sending.join().unwrap();
    });
}

/// One place for two levels: both sides wait.
#[test]
fn a_bound_of_one_passes_two_messages() {
    loom::model(|| {
        let (sender, receiver) = priority::bounded(2, 1);
        let sending = thread::spawn(move || {
            sender.send_priority(1, Priority::Low).unwrap();
            sender.send_priority(2, Priority::Normal).unwrap();
        });
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        sending.join().unwrap();
    });
}

/// No push succeeds after one has failed, whatever their levels; one close counts.
#[test]
fn a_close_is_one_for_all_levels() {
    loom::model(|| {
        let levels = Arc::new(Queue::levels(2, None, None));
        let closing = [(); 2].map(|()| {
            let levels = Arc::clone(&levels);
            thread::spawn(move || levels.close(|| ()))
        });
        let (low, high) =
            (levels.push_to(Part::Level(0), 1).is_ok(), levels.push_to(Part::Level(1), 2).is_ok());
        assert!(low || !high);
        assert!(low && high || levels.is_closed());
        let closed = closing.map(|thread| thread.join().unwrap());
        assert!(closed.contains(&Close::Closed) && closed.contains(&Close::AlreadyClosed));
        let popped: Vec<_> = std::iter::from_fn(|| levels.pop_part()).collect();
        assert_eq!(popped.len(), usize::from(low) + usize::from(high));
    });
}

/// A message for a worker that stalls comes while another one goes to sleep: it is woken, and steals.
#[test]
fn a_sleeping_worker_hears_of_anothers_message() {
    loom::model(|| {
        let (sender, mut workers) = work_stealing(2);
        let idle = workers.remove(0);
        let receiving = thread::spawn(move || idle.recv());
        sender.send_to_worker(1, 7).unwrap();
        assert_eq!(receiving.join().unwrap(), Ok(7));
    });
}

/// Whoever finds a worker's list closed says so only when all are.
#[test]
fn a_close_is_one_for_all_workers() {
    loom::model(|| {
        let queue = Arc::new(Queue::for_workers(1));
        let closing = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.close(|| ())
        });
        let own = queue.push_to(Part::Home(0), 1).is_ok();
        let (any, own_again) = (queue.push(2).is_ok(), queue.push_to(Part::Home(0), 3).is_ok());
        assert!((own || !any) && (any || !own_again));
        assert_eq!(closing.join().unwrap(), Close::Closed);
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop_at(0)).collect();
        let pushed = [own, any, own_again].into_iter().filter(|pushed| *pushed).count();
        assert!(popped.len() == pushed && queue.has_ended());
    });
}
