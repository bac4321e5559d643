//! A process that is forked while a runtime is alive: the child has the memory and none of the
//! threads.

#![allow(unsafe_code, reason = "fork, wait and exit")]

use std::future::pending;
use std::process::Command;
use std::time::{Duration, Instant};

use moirai_runtime::{Runtime, SpawnFailed, TaskError, TaskHandle, sleep};

use crate::{runtime, watch};

/// What the parent had before the fork.
struct Inherited {
    runtime: Runtime,
    idle: TaskHandle<()>,
    done: TaskHandle<u8>,
}

/// What a child does, before it drops what it has inherited; each in a process of its own.
type Child = fn(Inherited);

const CHILDREN: [(&str, Child); 6] = [
    ("spawn", |inherited| {
        let task = inherited.runtime.spawn(async { 7 });
        assert!(refused(task.join()));
        assert!(refused(inherited.runtime.spawn_parallel(|| 7).join()));
        assert!(refused(inherited.runtime.spawn_blocking(|| 7).join()));
    }),
    ("join", |mut inherited| {
        let result = inherited.idle.join_timeout(Duration::MAX);
        assert!(matches!(result, Err(TaskError::Cancelled)));
        assert_eq!(inherited.done.join().unwrap(), 7);
        inherited.idle.cancel();
    }),
    ("own", |inherited| {
        let own = runtime(2);
        let task = own.spawn(async {
            sleep(Duration::from_millis(1)).await;
            7
        });
        assert_eq!(own.block_on(task).unwrap(), 7);
        assert_eq!(own.spawn_blocking(|| 7).join().unwrap(), 7);
        assert!(matches!(own.block_on(inherited.idle), Err(TaskError::Cancelled)));
        drop(own);
    }),
    ("drop", |inherited| drop(inherited)),
    ("drop the handles first", |inherited| {
        drop((inherited.idle, inherited.done));
        drop(inherited.runtime);
    }),
    ("block_on", |inherited| {
        let run = || inherited.runtime.block_on(sleep(Duration::from_millis(1)));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        assert!(result.is_err());
    }),
];

fn refused<T>(result: Result<T, TaskError>) -> bool {
    matches!(result, Err(TaskError::SpawnFailed(SpawnFailed::ShutDown)))
}

/// In a process that was started for it, so that nothing else is forked along. Fails if a pool does
/// not look whether its process is that of its threads.
#[test]
#[cfg_attr(miri, ignore = "Miri has no fork")]
fn a_forked_child_gets_errors_or_makes_a_runtime_of_its_own_and_does_not_hang() {
    const NAME: &str =
        "fork::a_forked_child_gets_errors_or_makes_a_runtime_of_its_own_and_does_not_hang";
    if std::env::var_os(FORKS).is_some() {
        return fork_all();
    }
    watch(|| {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args([NAME, "--exact", "--test-threads=1", "--nocapture"]).env(FORKS, "1");
        let output = again.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    });
}

fn fork_all() {
    let mut failed = Vec::new();
    for (name, child) in CHILDREN {
        let runtime = runtime(2);
        let idle = runtime.spawn(pending());
        let done = runtime.spawn(async { 7 });
        while !done.is_finished() {
            std::thread::yield_now();
        }
        let inherited = Inherited { runtime, idle, done };
        // SAFETY: the child uses what a child of a process with threads may not rely on, which is
        // what is tested; it ends by `_exit`.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            let run = std::panic::AssertUnwindSafe(|| child(inherited));
            let code = i32::from(std::panic::catch_unwind(run).is_err());
            // SAFETY: ends the child here.
            unsafe { libc::_exit(code) };
        }
        let end = wait(pid);
        eprintln!("{name}: {end:?}");
        if end != Some(0) {
            failed.push(name);
        }
        // The parent's goes on.
        assert_eq!(inherited.runtime.spawn(async { 7 }).join().unwrap(), 7);
    }
    assert!(failed.is_empty(), "{failed:?}");
}

/// How the child ends; nothing if it hangs.
fn wait(pid: libc::pid_t) -> Option<i32> {
    let deadline = Instant::now() + HANG;
    let mut status = 0;
    loop {
        // SAFETY: the status is ours.
        if unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == pid {
            return libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
        }
        if Instant::now() > deadline {
            // SAFETY: our own child, which has not been waited for.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            // SAFETY: as above.
            unsafe { libc::waitpid(pid, &raw mut status, 0) };
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Tells the process that it is to fork.
const FORKS: &str = "MOIRAI_TEST_FORKS";
const HANG: Duration = Duration::from_secs(5);
