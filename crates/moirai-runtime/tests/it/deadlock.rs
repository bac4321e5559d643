//! Tasks that wait for each other in a circle are told so, instead of waiting for ever.

use std::sync::mpsc::{self, Receiver, Sender};

use moirai_runtime::{Runtime, TaskError, TaskHandle, TaskResult};

use crate::{runtime, watch, works_on};

/// What a task of a circle ends with: how many of the tasks it waited for, one behind the other, had
/// ended with a result.
type Joined = TaskHandle<u32>;

/// A task that waits to be told whom to join, and reports what it ends with.
fn member(runtime: &Runtime, blocking: Blocking, report: &Sender<u32>) -> (Sender<Joined>, Joined) {
    let (tell, told) = mpsc::channel();
    let report = report.clone();
    let run = move || {
        let joined = join(&told);
        report.send(joined).unwrap();
        joined
    };
    let handle = match blocking {
        Blocking::No => runtime.spawn(async move { run() }),
        Blocking::Yes => runtime.spawn_blocking(run),
    };
    (tell, handle)
}

#[derive(Clone, Copy)]
enum Blocking {
    Yes,
    No,
}

fn join(told: &Receiver<Joined>) -> u32 {
    match told.recv().unwrap().join() {
        Ok(joined) => joined + 1,
        Err(TaskError::Deadlock) => 0,
        Err(other) => panic!("{other}"),
    }
}

/// Members that each join the next one, and the last the first: one of them finds the circle, and
/// the others end one after the other.
fn circle(runtime: &Runtime, kinds: &[Blocking]) {
    let (report, reports) = mpsc::channel();
    let (tells, mut handles): (Vec<_>, Vec<_>) =
        kinds.iter().map(|blocking| member(runtime, *blocking, &report)).unzip();
    handles.rotate_left(1);
    for (tell, next) in tells.iter().zip(handles) {
        tell.send(next).unwrap();
    }
    drop(report);
    let mut joined: Vec<_> = reports.iter().collect();
    joined.sort_unstable();
    assert!(joined.iter().copied().eq(0..kinds.len() as u32), "{joined:?}");
}

#[test]
fn a_circle_of_joins_ends() {
    for workers in [1, 2, 4] {
        for members in 1..=if cfg!(miri) { 3 } else { 5 } {
            watch(move || {
                let runtime = runtime(workers);
                circle(&runtime, &vec![Blocking::No; members]);
                works_on(&runtime);
            });
        }
    }
}

#[test]
fn so_does_one_through_the_blocking_pool() {
    watch(|| {
        let runtime = runtime(2);
        circle(&runtime, &[Blocking::Yes, Blocking::No, Blocking::Yes]);
        circle(&runtime, &[Blocking::Yes]);
        works_on(&runtime);
    });
}

/// A task that is joined in place, on top of the one it joins.
#[test]
fn a_task_that_runs_inside_a_join_may_not_join_the_one_below_it() {
    watch(|| {
        let runtime = runtime(1);
        let (tell, told) = mpsc::channel::<TaskHandle<TaskResult<()>>>();
        let (inner_tell, inner_told) = mpsc::channel::<TaskHandle<TaskResult<()>>>();
        let outer = runtime.spawn(async move {
            let inner = moirai_runtime::spawn(async move {
                let outer = inner_told.recv().unwrap();
                outer.join().map(drop)
            });
            inner_tell.send(told.recv().unwrap()).unwrap();
            let found = inner.join().unwrap();
            assert!(matches!(found, Err(TaskError::Deadlock)), "{found:?}");
            Ok(())
        });
        tell.send(outer).unwrap();
        works_on(&runtime);
    });
}

/// In a chain nobody waits for himself, however long it is.
#[test]
fn a_chain_of_joins_is_no_circle() {
    for workers in [1, 2] {
        watch(move || {
            let runtime = runtime(workers);
            let (report, _reports) = mpsc::channel();
            let (tells, handles): (Vec<_>, Vec<_>) =
                (0..40).map(|_| member(&runtime, Blocking::No, &report)).unzip();
            let mut handles = handles.into_iter();
            let first = handles.next().unwrap();
            for (tell, next) in tells.iter().zip(handles) {
                tell.send(next).unwrap();
            }
            tells.last().unwrap().send(runtime.spawn(async { 2 })).unwrap();
            assert_eq!(first.join().unwrap(), 42);
        });
    }
}
