//! Models of the injector: every push is taken once, or comes back.

use std::sync::Arc;

use loom::thread;

use crate::sched::injector::Injector;
use crate::sched::work::{Chain, Tally, Work};

fn run_all(mut chain: Chain) {
    while let Some(work) = chain.pop() {
        work.run();
    }
}

fn pop(injector: &Injector) {
    let mut rest = Vec::new();
    if let Some(work) = injector.pop_batch(|left| left, |work| rest.push(work)) {
        work.run();
        rest.into_iter().for_each(Work::run);
    }
}

fn all_ran(tally: &Tally, count: u32) {
    let mut ran = tally.ran();
    ran.sort_unstable();
    assert!(ran.into_iter().eq(0..count));
}

#[test]
fn two_push_while_one_takes() {
    loom::model(|| {
        let (injector, tally) = (Arc::new(Injector::new()), Tally::default());
        let pushers = [0, 1].map(|n| {
            let (injector, work) = (Arc::clone(&injector), tally.work(n));
            thread::spawn(move || injector.push(work).unwrap())
        });
        pop(&injector);
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
        pop(&injector);
        pop(&injector);
        all_ran(&tally, 2);
    });
}

#[test]
fn two_take_what_was_pushed() {
    loom::model(|| {
        let (injector, tally) = (Arc::new(Injector::new()), Tally::default());
        let taker = {
            let injector = Arc::clone(&injector);
            thread::spawn(move || pop(&injector))
        };
        injector.push(tally.work(0)).unwrap();
        injector.push(tally.work(1)).unwrap();
        pop(&injector);
        taker.join().unwrap();
        pop(&injector);
        all_ran(&tally, 2);
    });
}

#[test]
fn close_against_push_and_take() {
    loom::model(|| {
        let (injector, tally) = (Arc::new(Injector::new()), Tally::default());
        let pusher = {
            let (injector, work) = (Arc::clone(&injector), tally.work(0));
            thread::spawn(move || injector.push(work).unwrap_or_else(|work| work.run()))
        };
        let taker = {
            let injector = Arc::clone(&injector);
            thread::spawn(move || pop(&injector))
        };
        run_all(injector.close());
        pusher.join().unwrap();
        taker.join().unwrap();
        pop(&injector);
        all_ran(&tally, 1);
    });
}

#[test]
fn close_against_an_array_and_one_who_takes() {
    loom::model(|| {
        let (injector, tally) = (Arc::new(Injector::new()), Tally::default());
        injector.push(tally.work(0)).unwrap();
        let pusher = {
            let (injector, works) = (Arc::clone(&injector), vec![tally.work(1), tally.work(2)]);
            thread::spawn(move || {
                if let Err(works) = injector.push_all(works) {
                    works.into_iter().for_each(Work::run);
                }
            })
        };
        let taker = {
            let injector = Arc::clone(&injector);
            thread::spawn(move || pop(&injector))
        };
        run_all(injector.close());
        pusher.join().unwrap();
        taker.join().unwrap();
        assert!(injector.pop().is_none());
        all_ran(&tally, 3);
    });
}
