//! Nurseries whose children come and go on several threads.

use std::future::pending;
use std::sync::Arc;

use shuttle::thread;

use super::{Count, dawdle, draw, explore, pool};
use crate::group::{Nursery, NurseryBuilder};
use crate::runtime::Handle;

/// Counts its drop.
struct Dropped(Count);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.up();
    }
}

/// Starts children that never end by themselves.
fn spawn_some(nursery: &Nursery<u32>, made: &Count, dropped: &Count) {
    for _ in 0..2 {
        made.up();
        let dropped = Dropped(dropped.clone());
        drop(nursery.spawn(async move {
            let _dropped = dropped;
            pending::<Result<(), u32>>().await
        }));
    }
}

/// A thread spawns into a nursery while another cancels it, or a child fails: whenever a child comes,
/// it is cancelled, and the nursery ends.
#[test]
fn a_nursery_ends_whenever_children_come() {
    explore(1000, || {
        let pool = pool(2);
        let handle = Handle::of(Arc::clone(&pool));
        let (made, dropped) = (Count::default(), Count::default());
        let mut threads = None;
        let run = NurseryBuilder::new().on(&handle).run(async |nursery| {
            let spawning = thread::spawn({
                let (nursery, made, dropped) = (nursery.clone(), made.clone(), dropped.clone());
                move || spawn_some(&nursery, &made, &dropped)
            });
            let cancelling = thread::spawn({
                let nursery = nursery.clone();
                move || {
                    dawdle(40);
                    if draw(2) == 0 {
                        nursery.cancel();
                    } else {
                        drop(nursery.spawn(async { Err::<(), u32>(7) }));
                    }
                }
            });
            threads = Some([spawning, cancelling]);
            pending::<Result<(), u32>>().await
        });
        let _: Result<(), _> = handle.block_on(run);
        threads.into_iter().flatten().for_each(|thread| thread.join().unwrap());
        pool.close();
        assert_eq!(made.get(), dropped.get());
    });
}

/// A nursery within a child of another, which is cancelled: the outer one ends after the children of
/// the inner one, whether that was dropped or has ended.
#[test]
fn the_children_of_a_dropped_nursery_end_before_the_one_around_it() {
    explore(1000, || {
        let pool = pool(2);
        let handle = Handle::of(Arc::clone(&pool));
        let (made, dropped) = (Count::default(), Count::default());
        let outer = NurseryBuilder::new().on(&handle).run(async |nursery| {
            let (inner, made, dropped) = (handle.clone(), made.clone(), dropped.clone());
            drop(nursery.spawn(async move {
                let within = NurseryBuilder::new().on(&inner).run(async |nursery| {
                    spawn_some(&nursery, &made, &dropped);
                    pending::<Result<(), u32>>().await
                });
                within.await.map_err(|_| 7)
            }));
            dawdle(40);
            nursery.cancel();
            Ok(())
        });
        let _: Result<(), _> = handle.block_on(outer);
        assert_eq!(made.get(), dropped.get());
        pool.close();
    });
}
