//! The options of a runtime, checked once.

use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use moirai_sync::__prim as prim;
use moirai_sync::strand;

use crate::blocking::{self, BlockingPool};
use crate::error::BuildError;
use crate::hooks::{Hook, ThreadHooks};
use crate::sched::driver::TimeDriver;
use crate::sched::offers::Interrupts;
use crate::sched::permits::PERMITS_MAX;
use crate::sched::pool::{Config, Pool, Sharing, Watching, Workers};
use crate::sched::strategy::StealStrategy;
use crate::sched::work::Header;
use crate::sched::{visitor, watcher, worker};
use crate::slab::TaskPool;
use crate::task::{self, TaskContext};
use crate::topology::{Affinity, CPUS_MAX, Placement, Topology};
use crate::trace::{Metering, Stall};

/// Options of a runtime; from [`Runtime::builder`](crate::Runtime::builder).
///
/// # Examples
///
/// ```
/// use moirai_runtime::{BuildError, Runtime};
///
/// let runtime = Runtime::builder().worker_threads(2).name("ingest").build()?;
/// assert_eq!(runtime.block_on(runtime.spawn(async { 40 + 2 })).unwrap(), 42);
///
/// let none = Runtime::builder().worker_threads(0).build();
/// assert_eq!(none.unwrap_err().to_string(), "`worker_threads` is 0, expected 1..=1024");
/// # Ok::<(), BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder builds nothing until `build` is called"]
pub struct Builder {
    worker_threads: Option<usize>,
    topology: Option<Topology>,
    affinity: Affinity,
    workers: Workers,
    spare_threads: usize,
    blocking_threads: usize,
    blocking_queue_depth: usize,
    blocking_idle_timeout: Duration,
    thread_stack_bytes: Option<usize>,
    blocking_stack_bytes: Option<usize>,
    task_pool_kept_bytes: usize,
    steal: StealStrategy,
    sharing: Sharing,
    between_forks: Interrupts,
    task_metering: Metering,
    task_retention: usize,
    stall_after: Duration,
    on_stall: Hook<Stall>,
    thread_hooks: ThreadHooks,
    work_begins: Hook<NonNull<Header>>,
    work_ends: Hook<NonNull<Header>>,
    name: String,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            worker_threads: None,
            topology: None,
            affinity: Affinity::None,
            workers: Workers::Started,
            spare_threads: SPARE_THREADS_DEFAULT,
            blocking_threads: BLOCKING_THREADS_DEFAULT,
            blocking_queue_depth: BLOCKING_QUEUE_DEPTH_DEFAULT,
            blocking_idle_timeout: BLOCKING_IDLE_TIMEOUT_DEFAULT,
            thread_stack_bytes: None,
            blocking_stack_bytes: None,
            task_pool_kept_bytes: TASK_POOL_KEPT_BYTES_DEFAULT,
            steal: StealStrategy::default(),
            sharing: Sharing::All,
            between_forks: Interrupts::Refused,
            task_metering: Metering::Off,
            task_retention: 0,
            stall_after: STALL_AFTER_DEFAULT,
            on_stall: Hook::default(),
            thread_hooks: ThreadHooks::default(),
            work_begins: Hook::default(),
            work_ends: Hook::default(),
            name: "moirai".into(),
        }
    }

    /// How many workers run at once; without this, as many as the calling thread may use processors,
    /// which respects affinity masks and cgroup quotas
    /// ([`available_parallelism`](std::thread::available_parallelism)), and no more than a given
    /// [`topology`](Self::topology) has.
    pub fn worker_threads(mut self, count: usize) -> Self {
        self.worker_threads = Some(count);
        self
    }

    /// What the machine looks like; without this, what [`Topology::detect`] says, and one node if that
    /// makes no sense.
    ///
    /// Workers of the same node share a queue for what comes from outside, take each other's work
    /// first, and wake each other first; a worker looks into other nodes when there is nothing in its
    /// own, at first soon, later the less often it pays. [`WorkerMetrics`](crate::WorkerMetrics) counts
    /// both kinds of thefts. A machine of one node costs nothing of this.
    ///
    /// # Examples
    ///
    /// How a program does on two nodes can be seen on a machine that has one:
    ///
    /// ```
    /// use moirai_runtime::{Runtime, Topology};
    ///
    /// let runtime = Runtime::builder().topology(Topology::synthetic(2, 4)).build()?;
    /// let metrics = runtime.handle().metrics();
    /// let nodes: Vec<usize> = metrics.workers.iter().map(|worker| worker.domain).collect();
    /// assert_eq!(nodes, [0, 0, 0, 0, 1, 1, 1, 1]);
    ///
    /// let nonsense = Runtime::builder().topology(Topology::synthetic(0, 4)).build();
    /// assert_eq!(nonsense.unwrap_err().to_string(), "`topology` is 0, expected 1..=65536");
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    #[doc(alias = "NumaAwareScheduler")]
    #[doc(alias = "AdaptiveBackoff")]
    pub fn topology(mut self, topology: Topology) -> Self {
        self.topology = Some(topology);
        self
    }

    /// Which processors each worker may use; without this, all that the process may.
    ///
    /// The binding belongs to the worker's number and not to a thread: a thread that stands in for a
    /// worker which blocks moves to where that one ran. Threads of
    /// [`spawn_blocking`](crate::Handle::spawn_blocking) are not bound; a thread that a task starts by
    /// itself inherits the binding of its worker, as everywhere on Linux. On other systems this has no
    /// effect.
    ///
    /// It helps programs that keep memory close to who uses it, on a machine that they have for
    /// themselves. Elsewhere the system knows better: a worker bound to a processor that another
    /// program uses waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{Affinity, Runtime};
    ///
    /// let runtime = Runtime::builder().affinity(Affinity::Numa).build()?;
    /// assert_eq!(runtime.spawn(async { 40 + 2 }).join().unwrap(), 42);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn affinity(mut self, affinity: Affinity) -> Self {
        self.affinity = affinity;
        self
    }

    /// Starts no worker: whoever calls [`block_on`](crate::Handle::block_on) is the only one, for as
    /// long as that takes. What concerns the threads of workers has no effect then (their number,
    /// stacks and places, spares, stalls): there is nobody who could stand in for a task that blocks.
    /// See [`Runtime::current_thread`](crate::Runtime::current_thread).
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = moirai_runtime::Runtime::builder().current_thread().name("small").build()?;
    /// let here = std::thread::current().id();
    /// let task = runtime.spawn(async { std::thread::current().id() });
    /// assert_eq!(runtime.block_on(task).unwrap(), here);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn current_thread(mut self) -> Self {
        self.workers = Workers::Blocked;
        self
    }

    /// How many threads may be started beyond the workers, to stand in for those that block or do
    /// not come back; without this, 256. A blocked thread takes no core, but a stack. Where all of
    /// them are blocked, tasks wait until one is not, and the stall is
    /// [reported](Self::on_stall).
    pub fn spare_threads(mut self, count: usize) -> Self {
        self.spare_threads = count;
        self
    }

    /// Has a worker that computes in a closure of [`spawn_parallel`](crate::Handle::spawn_parallel)
    /// poll tasks that wait by itself, wherever the closure forks, when no worker is free. Without
    /// this, it lends its place to another thread for them, which costs two switches of threads.
    ///
    /// Only for programs whose tasks never block: one that does blocks on top of the computation it
    /// has interrupted, and if it waits for that, both wait for ever. See
    /// [`parallel_uninterruptible`](crate::parallel_uninterruptible) for parts that hold a lock.
    pub fn poll_between_forks(mut self) -> Self {
        self.between_forks = Interrupts::Allowed;
        self
    }

    /// How long a task may keep its worker, before another thread runs the tasks that wait behind
    /// it; without this, 5 ms. A closure that computes has a tenth of that, for wherever it forks it
    /// lends its place by itself; one that does neither is not reported. A call of this library that blocks tells the runtime so, and needs no
    /// such time; what else may block is better done in
    /// [`block_in_place`](crate::block_in_place) or
    /// [`spawn_blocking`](crate::Handle::spawn_blocking).
    pub fn stall_after(mut self, duration: Duration) -> Self {
        self.stall_after = duration;
        self
    }

    /// Has `f` called when something keeps the runtime from running its tasks: see [`Stall`]. It is
    /// called on a thread that watches over all workers, and so must neither block nor take long; a
    /// panic in it is dropped. With the feature `tracing`, there is an event for each stall as well,
    /// a warning with the target `moirai::stall`.
    ///
    /// # Examples
    ///
    /// ```
    /// let builder = moirai_runtime::Runtime::builder().on_stall(|stall| eprintln!("{stall}"));
    /// # builder.build()?;
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn on_stall(mut self, f: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.on_stall = Hook::new(f);
        self
    }

    /// How many threads `spawn_blocking` may use at once.
    pub fn blocking_threads(mut self, count: usize) -> Self {
        self.blocking_threads = count;
        self
    }

    /// How many `spawn_blocking` jobs may wait for a thread; more are refused.
    pub fn blocking_queue_depth(mut self, jobs: usize) -> Self {
        self.blocking_queue_depth = jobs;
        self
    }

    /// How long a thread of `spawn_blocking` stays without a job; without this, ten seconds. Zero
    /// ends each thread with its last job, [`Duration::MAX`] none before the runtime ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_runtime::Runtime;
    ///
    /// let runtime = Runtime::builder().blocking_idle_timeout(Duration::ZERO).build()?;
    /// runtime.spawn_blocking(|| ()).join().unwrap();
    /// while runtime.handle().metrics().blocking.threads > 0 {
    ///     std::thread::yield_now();
    /// }
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn blocking_idle_timeout(mut self, timeout: Duration) -> Self {
        self.blocking_idle_timeout = timeout;
        self
    }

    /// The stack of each worker, in bytes; without this, the standard library's default.
    pub fn thread_stack_bytes(mut self, bytes: usize) -> Self {
        self.thread_stack_bytes = Some(bytes);
        self
    }

    /// The stack of each `spawn_blocking` thread, in bytes; without this, the standard library's
    /// default.
    pub fn blocking_stack_bytes(mut self, bytes: usize) -> Self {
        self.blocking_stack_bytes = Some(bytes);
        self
    }

    /// How much memory of ended tasks is kept for new ones, in bytes; what is beyond goes back to
    /// the system. Rounded down to whole chunks ([`TaskPool::CHUNK_BYTES`](crate::TaskPool)); the
    /// chunks that threads allocate from come on top, one for each size of task.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = moirai_runtime::Runtime::builder().task_pool_kept_bytes(0).build()?;
    /// let handles: Vec<_> = (0..10_000).map(|i| runtime.spawn(async move { i })).collect();
    /// handles.into_iter().for_each(|handle| drop(handle.join()));
    /// assert_eq!(runtime.handle().task_pool().kept_chunks, 0);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn task_pool_kept_bytes(mut self, bytes: usize) -> Self {
        self.task_pool_kept_bytes = bytes;
        self
    }

    /// How much a worker without work takes from another's queue; without this,
    /// [`StealStrategy::Half`]. For [`StealStrategy::Adaptive`], the thieves are the workers that
    /// search at that moment; at most half of the running ones do.
    pub fn steal(mut self, strategy: StealStrategy) -> Self {
        self.steal = strategy;
        self
    }

    /// A thread per core: every task stays on one worker, as if it had been spawned with
    /// [`spawn_on`](crate::Handle::spawn_on). Without this, workers take tasks from each other.
    ///
    /// What a task spawns is for the task's own worker; what comes from outside is dealt out to the
    /// workers in turn. Workers steal no tasks, and do not look at priorities. For programs that cut
    /// their work into shards by themselves: their data stays in one core's cache, and what one shard
    /// does costs the others nothing; but nobody helps a worker that has more to do than the others.
    /// Parts of a computation ([`join`](crate::join()), [`scope`](crate::scope()), loops of
    /// [`par`](crate::par)) are no tasks, and still run on every worker that is idle.
    ///
    /// Goes well with [`affinity`](Self::affinity).
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{Affinity, Runtime, TaskContext, spawn};
    ///
    /// let builder = Runtime::builder().worker_threads(2).thread_per_core();
    /// let runtime = builder.affinity(Affinity::Cores).build()?;
    /// let worker = || TaskContext::current().unwrap().worker();
    /// let tasks = [0, 1].map(|_| {
    ///     runtime.spawn(async move { (worker(), spawn(async move { worker() }).await.unwrap()) })
    /// });
    /// let workers = tasks.map(|task| task.join().unwrap());
    /// assert_eq!(workers, [(Some(0), Some(0)), (Some(1), Some(1))]);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn thread_per_core(mut self) -> Self {
        self.sharing = Sharing::Nothing;
        self
    }

    /// What is noted about each task, for [`TaskHandle::metrics`](crate::TaskHandle::metrics);
    /// without this, nothing. A task takes 40 bytes more where it is counted, and 64 where
    /// times are noted.
    pub fn task_metering(mut self, metering: Metering) -> Self {
        self.task_metering = metering;
        self
    }

    /// How many ended tasks are remembered, for
    /// [`Handle::task_status`](crate::Handle::task_status): so many of those that ended last, of all
    /// together; without this, none, and a task is known as long as it lives or somebody has its handle.
    ///
    /// At most 1,048,576. Each takes eight bytes, at once and for ever; and each task of the runtime takes
    /// 56 bytes more, and an atomic addition at its end.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{Runtime, TaskStatus};
    ///
    /// let runtime = Runtime::builder().task_retention(1).build()?;
    /// let names = [1, 2].map(|n| {
    ///     let task = runtime.spawn(async move { n });
    ///     let name = task.id();
    ///     task.join().unwrap();
    ///     name
    /// });
    /// let status = names.map(|name| runtime.handle().task_status(name));
    /// assert_eq!(status, [TaskStatus::Unknown, TaskStatus::Completed]);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn task_retention(mut self, tasks: usize) -> Self {
        self.task_retention = tasks;
        self
    }

    /// Has `f` called on each thread of the runtime that runs tasks or blocking jobs, before the
    /// first of them. A panic in it is dropped, here and in the other hooks.
    pub fn on_thread_start(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.thread_hooks.start = Hook::new(move |()| f());
        self
    }

    /// Has `f` called on each such thread, after the last of them.
    pub fn on_thread_stop(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.thread_hooks.stop = Hook::new(move |()| f());
        self
    }

    /// Has `f` called on a worker that has found nothing to run and is about to sleep.
    pub fn on_thread_park(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.thread_hooks.park = Hook::new(move |()| f());
        self
    }

    /// Has `f` called on a worker that has slept.
    pub fn on_thread_unpark(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.thread_hooks.unpark = Hook::new(move |()| f());
        self
    }

    /// Has `f` called for each task of any kind when it is spawned, before it is queued, on the thread
    /// that spawns it. Each task takes 40 bytes more then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// let alive = Arc::new(AtomicU32::new(0));
    /// let (more, less) = (Arc::clone(&alive), Arc::clone(&alive));
    /// let runtime = moirai_runtime::Runtime::builder()
    ///     .on_task_spawn(move |_| _ = more.fetch_add(1, Ordering::Relaxed))
    ///     .on_task_end(move |_| _ = less.fetch_sub(1, Ordering::Relaxed))
    ///     .build()?;
    /// runtime.spawn(async {}).join().unwrap();
    /// assert_eq!(alive.load(Ordering::Relaxed), 0);
    /// # Ok::<(), moirai_runtime::BuildError>(())
    /// ```
    pub fn on_task_spawn(mut self, f: impl Fn(&TaskContext) + Send + Sync + 'static) -> Self {
        self.work_begins = task::hook(f);
        self
    }

    /// Has `f` called for each task that has ended, however it did, on the thread that has ended it
    /// and before anybody is told its result.
    pub fn on_task_end(mut self, f: impl Fn(&TaskContext) + Send + Sync + 'static) -> Self {
        self.work_ends = task::hook(f);
        self
    }

    /// What the threads' names begin with; a NUL in it, which no thread's name may have, ends it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        if let Some(end) = self.name.find('\0') {
            self.name.truncate(end);
        }
        self
    }

    /// A pool and its workers; whoever holds it must [`close`](Pool::close) it.
    pub(crate) fn start(self) -> Result<Arc<Pool>, BuildError> {
        strand::find_hooks_with(visitor::find);
        let pool = self.into_pool()?;
        pool.start().map_err(|(worker, source)| {
            // Ends the threads that were started.
            pool.close();
            BuildError::SpawnWorker { worker, source }
        })?;
        Ok(pool)
    }

    /// Checks the options; the pool has no threads yet.
    pub(crate) fn into_pool(self) -> Result<Arc<Pool>, BuildError> {
        let Self {
            worker_threads,
            topology,
            affinity,
            workers,
            spare_threads,
            blocking_threads,
            blocking_queue_depth,
            blocking_idle_timeout,
            thread_stack_bytes,
            blocking_stack_bytes,
            task_pool_kept_bytes,
            steal,
            sharing,
            between_forks,
            task_metering,
            task_retention,
            stall_after,
            on_stall,
            thread_hooks,
            work_begins,
            work_ends,
            name,
        } = self;
        let watching = Watching { start: watcher::start, stall_after, on_stall };
        let (worker_threads, spare_threads, watching) = match workers {
            Workers::Started => (worker_threads, spare_threads, Some(watching)),
            // Nothing that it sees could be helped.
            Workers::Blocked => (Some(1), 0, None),
        };
        let cpus = topology.as_ref().map_or(CPUS_MAX, Topology::cpus);
        check("topology", cpus, 1, CPUS_MAX)?;
        let worker_threads =
            worker_threads.unwrap_or_else(|| default_worker_threads(topology.as_ref()));
        check("worker_threads", worker_threads, 1, WORKER_THREADS_MAX)?;
        check("spare_threads", spare_threads, 0, SPARE_THREADS_MAX)?;
        check("blocking_threads", blocking_threads, 1, BLOCKING_THREADS_MAX)?;
        check("blocking_queue_depth", blocking_queue_depth, 1, BLOCKING_QUEUE_DEPTH_MAX)?;
        check("task_retention", task_retention, 0, TASK_RETENTION_MAX)?;
        for (option, bytes) in [
            ("thread_stack_bytes", thread_stack_bytes),
            ("blocking_stack_bytes", blocking_stack_bytes),
        ] {
            bytes.map_or(Ok(()), |bytes| check(option, bytes, STACK_BYTES_MIN, STACK_BYTES_MAX))?;
        }
        let placement = match &topology {
            // Its worker is anybody's thread.
            _ if workers == Workers::Blocked => Placement::flat(1),
            Some(topology) => Placement::new(topology, worker_threads, affinity),
            None => Placement::here(worker_threads, affinity),
        };
        let blocking = BlockingPool::new(blocking::Config {
            name: name.clone(),
            threads_max: blocking_threads,
            queue_max: blocking_queue_depth,
            idle_timeout: blocking_idle_timeout,
            stack_bytes: blocking_stack_bytes,
            hooks: thread_hooks.clone(),
            unbind: placement.unbind(),
            start: blocking::start,
        });
        let config = Config {
            worker_threads,
            placement,
            workers,
            spare_threads,
            name,
            stack_bytes: thread_stack_bytes,
            task_chunks_kept: task_pool_kept_bytes / TaskPool::CHUNK_BYTES,
            steal,
            sharing,
            task_metering,
            task_retention,
            between_forks,
            thread_hooks,
            work_begins,
            work_ends,
            start: worker::start,
            watching,
        };
        Ok(Pool::new(config, TimeDriver::new(worker_threads), blocking))
    }
}

fn check(option: &'static str, value: usize, min: usize, max: usize) -> Result<(), BuildError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(BuildError::OutOfRange { option, value, min, max })
    }
}

/// As many as there are processors to use, by what the standard library knows: it asks for the
/// calling thread's affinity mask and for the quotas of its cgroups, of both versions.
fn default_worker_threads(topology: Option<&Topology>) -> usize {
    let available = prim::available_parallelism().min(WORKER_THREADS_MAX);
    match topology {
        None => available,
        Some(synthetic) if synthetic.is_synthetic() => synthetic.cpus().min(WORKER_THREADS_MAX),
        Some(machine) => machine.cpus().min(available),
    }
}

const WORKER_THREADS_MAX: usize = PERMITS_MAX;
/// One word of the scheduler counts them all, with the workers, in 16 bits.
const SPARE_THREADS_MAX: usize = 32_768;
const SPARE_THREADS_DEFAULT: usize = 256;
/// Far longer than a poll should take, far shorter than what a user notices.
const STALL_AFTER_DEFAULT: Duration = Duration::from_millis(5);
/// Blocking threads mostly sleep; beyond this a process rarely gets them from the system.
const BLOCKING_THREADS_MAX: usize = 32_768;
const BLOCKING_THREADS_DEFAULT: usize = 512;
const BLOCKING_QUEUE_DEPTH_MAX: usize = usize::MAX;
/// A job is a few hundred bytes: this many wait in well under a gigabyte.
const BLOCKING_QUEUE_DEPTH_DEFAULT: usize = 1 << 20;
/// A thread costs tens of microseconds to start and, asleep, some pages: it should outlive the pauses
/// of a busy program, and not the night. It is also what users of tokio are used to.
const BLOCKING_IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// Enough that a program which spawns and joins thousands of tasks in waves asks the system rarely.
const TASK_POOL_KEPT_BYTES_DEFAULT: usize = 768 << 10;
/// Whoever asks for a task that is gone looks at all that are remembered: a millisecond, for so many.
const TASK_RETENTION_MAX: usize = 1 << 20;
/// The least that a thread of a debug build gets through a panic with.
const STACK_BYTES_MIN: usize = 64 << 10;
/// What the system refuses, it refuses by itself.
const STACK_BYTES_MAX: usize = 1 << 40;

#[cfg(all(test, target_os = "linux", not(any(miri, moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;
    use crate::topology::CpuSet;

    /// How many workers a runtime would have.
    fn workers(builder: Builder) -> usize {
        let pool = builder.into_pool().expect("the options are sane");
        pool.close();
        pool.config().worker_threads
    }

    /// What the standard library counts: quotas of cgroups, and the mask of the thread that asks.
    #[test]
    fn without_a_number_there_are_as_many_workers_as_the_builders_thread_may_use() {
        let available = std::thread::available_parallelism().unwrap().get();
        assert_eq!(workers(Builder::new()), available.min(WORKER_THREADS_MAX));
        let bound = std::thread::spawn(|| {
            let first: CpuSet = CpuSet::of_this_thread().unwrap().iter().take(1).collect();
            first.bind_this_thread();
            workers(Builder::new())
        });
        assert_eq!(bound.join().unwrap(), 1);
    }

    #[test]
    fn without_a_number_there_are_no_more_workers_than_the_topology_has_processors() {
        let builder = |topology| Builder::new().topology(topology);
        assert_eq!(workers(builder(Topology::synthetic(3, 5))), 15);
        assert_eq!(workers(builder(Topology::synthetic(300, 5))), WORKER_THREADS_MAX);
        assert_eq!(workers(builder(Topology::flat(0..1))), 1);
        let here = Topology::detect().unwrap();
        assert_eq!(workers(builder(here)), workers(Builder::new()));
    }
}
