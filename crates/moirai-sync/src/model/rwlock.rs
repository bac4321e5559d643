//! Models of the lock of readers and writers, over the permits of `turns`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use loom::thread;

use super::{explore, poll_once};
use crate::lock::{RwLock, RwLockWriteGuard};

#[test]
fn who_reads_sees_all_of_a_write_or_nothing() {
    explore(1000, || {
        let lock = Arc::new(RwLock::new((0, 0)));
        let writer = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                let mut guard = lock.write();
                guard.0 += 1;
                guard.1 += 1;
                let reading = RwLockWriteGuard::downgrade(guard);
                assert_eq!(*reading, (1, 1));
            }
        });
        let reader = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                let guard = lock.read();
                assert_eq!(guard.0, guard.1);
            }
        });
        {
            let guard = lock.read();
            assert_eq!(guard.0, guard.1);
        }
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(*lock.read(), (1, 1));
    });
}

/// A writer that waits keeps later readers out; while the reader before it goes, it goes as well: a
/// reader behind it is let in, and then a writer, by whomever.
#[test]
fn a_writer_that_gives_up_lets_in_who_waits_behind_it() {
    explore(300, || {
        let lock = Arc::new(RwLock::new(0));
        let reading = lock.read();
        let giving_up = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                poll_once(lock.write_async())
                    .map_or(0, |mut guard| std::mem::replace(&mut *guard, 1))
            }
        });
        let reader = thread::spawn({
            let lock = Arc::clone(&lock);
            move || *lock.read()
        });
        drop(reading);
        let (_, read) = (giving_up.join().unwrap(), reader.join().unwrap());
        assert!(read <= *lock.try_read().expect("nobody writes any more"));
        *lock.try_write().expect("nobody is in line any more") += 1;
    });
}

/// Two writers, one of which has a limit: the time of one is never that of the other.
#[test]
fn writers_are_alone_whoever_gives_up() {
    explore(1000, || {
        let lock = Arc::new(RwLock::new(0));
        let reading = lock.read();
        let waiting = thread::spawn({
            let lock = Arc::clone(&lock);
            move || *lock.write() += 1
        });
        let limited = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                lock.write_deadline(Instant::now() + Duration::MAX / 4).map(|mut guard| *guard += 1)
            }
        });
        assert_eq!(*reading, 0);
        drop(reading);
        waiting.join().unwrap();
        let written = 1 + i32::from(limited.join().unwrap().is_some());
        assert_eq!(*lock.read(), written);
    });
}
