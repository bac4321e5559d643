//! The scheduler: it moves [`Work`](work::Work) to threads that may run it.
//!
//! **Search order** of a worker with a permit: what is urgent, the task that the last one woke, its
//! own ring, the injector, the rings of the others (a share of one, from a random start), then a short spin if that
//! has paid lately (which also takes the next task of a worker that computes), then sleep. Every
//! [`FAIRNESS_INTERVAL`](worker) runs it looks at the injector and the driver first, so that neither
//! starves behind a ring that refills itself.
//!
//! **What is woken** runs next on its worker, before what is queued: it has just been given
//! something. A task that is told of another's end goes behind what is queued, for it may wait for
//! that, too: a task that awaits a hundred others is polled once for all of them. Where nothing is
//! queued it is handed over, and runs without a way through any queue.
//!
//! **Wake rule.** Whoever publishes work wakes one sleeper, unless somebody searches already. The
//! last searcher to find work looks whether there is more, and wakes the next. At most half of the
//! running workers search. A sleeping runtime uses no CPU. **Somebody watches the clock**: a worker
//! that sleeps, a worker between two tasks, or the watcher.
//!
//! **What is fine stays.** Who has stolen tasks that were done as soon as their memory had come over leaves
//! the next ones with their owner for a few microseconds: he gets on with them sooner than both would,
//! each fetching what the other has written. See [`Loot`](patience).
//!
//! **Domains.** Workers near to the same memory share an injector, steal from each other first, and
//! are woken for each other first. A worker that finds nothing near looks around there a few times
//! more before it looks far: half as many times when that has paid, twice as many when it has not.
//! With one domain, as on most machines, there is no far.
//!
//! **Homes.** Work may belong to one permit: then only its holder runs it, and a holder that does not
//! come back loses the permit and that work with it. In a runtime that shares nothing all tasks have a
//! home, nobody steals from a ring, and whoever loses its permit leaves its ring at home.
//!
//! **Permits.** `idle` says who may run. A worker about to block gives its permit to another
//! thread; the [`Worker`](worker) itself never changes threads. From one that does not come back, the
//! [watcher] takes it.
//!
//! | file | knows |
//! |---|---|
//! | `work` | headers, vtables, chains |
//! | `deque`, `injector` | queues of work |
//! | `lanes` | queues of work that is not of normal priority |
//! | `strategy` | how much a thief takes |
//! | `slot` | a worker's next task |
//! | `local` | a worker's ring, and the slots for what it keeps |
//! | `homes` | work for the holder of one permit alone |
//! | `patience` | how long a worker looks for work |
//! | `permit` | whether one worker may run |
//! | `permits` | which permits are free |
//! | `remote` | what others see of a worker |
//! | `idle` | permits, searchers, sleepers |
//! | `driver` | the clock |
//! | `cpu_clock` | how much processor time a thread has used |
//! | `watch` | whether the watcher sleeps |
//! | `waits` | which work waits for which |
//! | `signal` | what others want of a worker that computes |
//! | `place` | where one part of a computation is offered |
//! | `post`, `offers` | what a thread has forked: the part that all see, the part that it keeps |
//! | `forks` | whom a thread wakes that forks, and when it looks up |
//! | `edge` | what it does then: feeds the hungry, polls tasks |
//! | `guests` | threads that fork and are no workers |
//! | `mailbox` | work for one worker alone |
//! | `lone` | the one worker of a pool without threads, while nobody is it |
//! | `pool` | what the workers share; starts threads through a function it is given |
//! | `current` | which pool and ring the calling thread belongs to; `schedule` |
//! | `visitor` | what a thread that only waits in `block_on` does for others |
//! | `worker` | the loop: find, run, sleep |
//! | `watcher` | who does not come back |
//!
//! It never names a task, a job or a coroutine. Rejected: one shared queue (contended from two
//! cores on); a dedicated timer thread (a context switch per timer); moving the worker's state to
//! another thread when it blocks (its address would change under everybody who holds it); letting a
//! thief watch how fast a ring empties before it steals (no difference on waves of tiny tasks).

pub(crate) mod cpu_clock;
pub(crate) mod current;
pub(crate) mod deque;
pub(crate) mod driver;
pub(crate) mod edge;
pub(crate) mod forks;
pub(crate) mod guests;
pub(crate) mod homes;
pub(crate) mod idle;
pub(crate) mod injector;
pub(crate) mod lanes;
pub(crate) mod latch;
pub(crate) mod local;
pub(crate) mod lone;
pub(crate) mod mailbox;
pub(crate) mod offers;
pub(crate) mod patience;
pub(crate) mod permit;
pub(crate) mod permits;
pub(crate) mod place;
pub(crate) mod pool;
pub(crate) mod post;
pub(crate) mod remote;
pub(crate) mod signal;
pub(crate) mod slot;
pub(crate) mod strategy;
pub(crate) mod visitor;
pub(crate) mod waits;
pub(crate) mod watch;
pub(crate) mod watcher;
pub(crate) mod work;
pub(crate) mod worker;
