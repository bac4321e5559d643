//! Models of the lock of readers and writers, over the permits of `turns`.

use std::sync::Arc;

use loom::thread;

use crate::lock::{RwLock, RwLockWriteGuard};

#[test]
fn who_reads_sees_all_of_a_write_or_nothing() {
    loom::model(|| {
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
