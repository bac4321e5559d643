//! What the watcher reports: tasks that do not let go of their worker.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// Something that keeps a runtime from running its tasks; given to
/// [`Builder::on_stall`](crate::Builder::on_stall).
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use moirai_runtime::{Runtime, Stall};
///
/// let (reports, stalls) = mpsc::channel();
/// let runtime = Runtime::builder()
///     .stall_after(Duration::from_millis(2))
///     .on_stall(move |stall| drop(reports.send(stall.clone())))
///     .build()?;
/// // A call that blocks, in a task, and nobody was told.
/// let task = runtime.spawn(async { std::thread::sleep(Duration::from_millis(50)) });
/// let Stall::Task { task: name, .. } = stalls.recv().unwrap() else { unreachable!() };
/// assert!(name.contains("main"));
/// task.join().unwrap();
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stall {
    /// A future has been polled for long and has not returned. Reported once for each such poll.
    #[non_exhaustive]
    Task {
        /// The type of the future, which names the function it was written in.
        task: &'static str,
        /// What its spawner has called it, if the program's text has that name.
        name: Option<&'static str>,
        /// Where it was spawned; known if it has a name, or the runtime notes something about its
        /// tasks (see [`Builder::task_metering`](crate::Builder::task_metering)).
        spawned_at: Option<&'static Location<'static>>,
        /// What its thread does meanwhile.
        activity: Activity,
        /// How long it has been so when it was noticed.
        lasted: Duration,
        /// What has been done about it.
        relief: Relief,
    },
    /// Tasks wait, and every thread that the runtime may start is blocked: see
    /// [`Builder::spare_threads`](crate::Builder::spare_threads). Reported once until a thread is
    /// free again.
    #[non_exhaustive]
    Threads {
        /// How many threads the runtime has for its tasks.
        threads: usize,
        /// How long it has been so when it was noticed.
        lasted: Duration,
    },
}

/// What a thread does that does not come back to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// It waits: it uses hardly any processor time.
    Blocked,
    /// It computes.
    Spinning,
    /// The system does not say (anywhere but on Linux).
    Unknown,
}

/// What the watcher has done about a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relief {
    /// Nothing: no other task waits for the worker.
    NotNeeded,
    /// Another thread runs the tasks that wait.
    Lent,
    /// Tasks wait, and as many threads compute already as the runtime lets.
    Refused,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task { task, name, spawned_at, activity, lasted, relief } => {
                match name {
                    Some(name) => write!(f, "task `{name}` ({task})")?,
                    None => write!(f, "task {task}")?,
                }
                if let Some(location) = spawned_at {
                    write!(f, ", spawned at {location},")?;
                }
                let doing = match activity {
                    Activity::Blocked => "blocked",
                    Activity::Spinning => "computed",
                    Activity::Unknown => "held",
                };
                write!(f, " has {doing} its worker for {lasted:.1?}")?;
                f.write_str(match relief {
                    Relief::NotNeeded => "",
                    Relief::Lent => "; another thread runs the tasks behind it",
                    Relief::Refused => "; tasks wait behind it",
                })
            }
            Self::Threads { threads, lasted } => write!(
                f,
                "all {threads} threads of the runtime are blocked, and tasks have waited for \
                 {lasted:.1?}"
            ),
        }
    }
}
