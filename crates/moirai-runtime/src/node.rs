//! Where a thread is, for channels that keep messages near: see [`numa`](moirai_sync::channel::numa()).

use crate::sched::current;
use crate::topology::{self, Topology, TopologyError};

/// The node of memory of the calling thread, counted from 0, for
/// [`channel::numa`](moirai_sync::channel::numa()).
///
/// On a worker it is the worker's own, by the [`Topology`] of its runtime: among the nodes that have
/// workers, wherever the system runs the thread unless an [`Affinity`](crate::Affinity) binds it. On any
/// other thread it is that of the processor that it runs on just now, as far as the system tells.
///
/// # Examples
///
/// ```
/// use moirai_runtime::{Runtime, Topology, current_node};
/// use moirai_sync::channel;
///
/// let machine = Topology::synthetic(2, 2); // two nodes of two cores, which need not be there
/// let (sender, receiver) = channel::numa(machine.nodes().len(), 300, current_node);
/// let runtime = Runtime::builder().topology(machine).build()?;
/// assert_eq!(runtime.spawn_on(3, async { current_node() }).join().unwrap(), 1);
///
/// // What is sent on a node stays there while a worker of that node receives.
/// runtime.spawn_on(3, async move { sender.send_local("near") }).join().unwrap().unwrap();
/// let near = runtime.spawn_on(2, async move { receiver.try_recv() });
/// assert_eq!(near.join().unwrap(), Ok("near"));
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
pub fn current_node() -> usize {
    let of_worker = current::with(|context| context.remote().map(|_| context.domain().index()));
    of_worker.flatten().unwrap_or_else(topology::node_of_this_processor)
}

/// The same as [`Topology::detect`].
///
/// # Errors
///
/// [`TopologyError`] if what the system says makes no sense.
///
/// # Examples
///
/// ```
/// use moirai_runtime::{current_node, detect_numa_topology};
/// use moirai_sync::channel;
///
/// // A channel with a queue for each node of this machine.
/// let nodes = detect_numa_topology()?.nodes().len();
/// let (sender, receiver) = channel::numa(nodes, 1000, current_node);
/// sender.send(7)?;
/// assert_eq!(receiver.recv(), Ok(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn detect_numa_topology() -> Result<Topology, TopologyError> {
    Topology::detect()
}
