//! What the machine looks like: which processors share a node of memory, which share a core.
//!
//! | file | knows |
//! |---|---|
//! | `list` | the kernel's notation for sets of processors, `0-3,8-11` |
//! | `sysfs` | where Linux writes what it knows |
//! | `cpu_set` | which processors a thread may use |
//! | `placement` | which worker belongs where |
//! | `here` | on which node a thread runs at this moment |
//!
//! It knows no worker and starts nothing: a topology is a value.

mod cpu_set;
mod here;
mod list;
mod placement;
mod sysfs;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use cpu_set::CpuSet;
pub(crate) use here::node_of_this_processor;
pub use placement::Affinity;
pub(crate) use placement::{Domain, Placement, Unbind};

/// The processors of a machine, by node of memory and by core; for
/// [`Builder::topology`](crate::Builder::topology).
///
/// # Examples
///
/// ```
/// use moirai_runtime::Topology;
///
/// let here = Topology::detect()?;
/// for node in here.nodes() {
///     println!("node {}: processors {:?}", node.id(), node.cpus().collect::<Vec<_>>());
/// }
/// assert!(here.cpus() >= 1);
///
/// let large = Topology::synthetic(2, 8);
/// assert_eq!((large.nodes().len(), large.cpus()), (2, 16));
/// # Ok::<(), moirai_runtime::TopologyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    nodes: Vec<Node>,
    origin: Origin,
}

/// Where a topology comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Machine,
    /// So many nodes of so many cores.
    Synthetic(usize, usize),
}

/// Processors that are near to the same memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    id: usize,
    cores: Vec<Vec<usize>>,
}

/// An error from [`Topology::detect`] or [`Topology::read`]: what the system says makes no sense.
#[derive(Debug)]
#[non_exhaustive]
pub enum TopologyError {
    /// A file is there and cannot be read.
    #[non_exhaustive]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no list of processors.
    #[non_exhaustive]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is in it, or the beginning of that.
        text: String,
    },
    /// Two nodes claim the same processor.
    #[non_exhaustive]
    Shared {
        /// The processor.
        cpu: usize,
        /// The nodes.
        nodes: [usize; 2],
    },
    /// There is no processor at all.
    #[non_exhaustive]
    Empty {
        /// The folder that was read.
        path: PathBuf,
    },
}

impl Topology {
    /// That of this machine, as far as the calling thread may use it: processors that its affinity
    /// mask leaves out do not appear, and neither do nodes without any. Where the system does not
    /// tell (anywhere but on Linux), all processors are of one node.
    ///
    /// # Errors
    ///
    /// [`TopologyError`] if what the system says makes no sense. What it does not say at all is no
    /// error.
    pub fn detect() -> Result<Self, TopologyError> {
        match CpuSet::of_this_thread() {
            Some(allowed) => match sysfs::read(Path::new(SYSTEM), Some(&allowed)) {
                // No such folder, as in some containers.
                Err(TopologyError::Empty { .. }) => Ok(Self::flat(allowed.iter())),
                read => read,
            },
            None => Ok(Self::flat(0..available())),
        }
    }

    /// That of the machine whose folder `/sys/devices/system` is at `path`: a copy of another
    /// machine's, say.
    ///
    /// # Errors
    ///
    /// [`TopologyError`] if what is there makes no sense, or names no processor.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{Topology, TopologyError};
    ///
    /// let nothing = Topology::read("Cargo.toml").unwrap_err();
    /// assert!(matches!(nothing, TopologyError::Empty { .. }));
    /// ```
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TopologyError> {
        sysfs::read(path.as_ref(), None)
    }

    /// A machine that is not there, of so many nodes with so many cores each: to see how a program
    /// would be placed on it, and for tests. Its processors are those of the real machine, dealt out
    /// in order, so that workers can be bound to them.
    ///
    /// Whether the numbers make sense is checked when the runtime is [built](crate::Builder::build):
    /// at least one of each, and 65,536 processors at most.
    pub fn synthetic(nodes: usize, cores: usize) -> Self {
        let cpus = nodes.saturating_mul(cores);
        let sane = (1..=CPUS_MAX).contains(&cpus);
        let node =
            |id| Node { id, cores: (id * cores..(id + 1) * cores).map(|n| vec![n]).collect() };
        let nodes_made = if sane { (0..nodes).map(node).collect() } else { Vec::new() };
        Self { nodes: nodes_made, origin: Origin::Synthetic(nodes, cores) }
    }

    /// All of `cpus` in one node, each a core.
    pub(crate) fn flat(cpus: impl Iterator<Item = usize>) -> Self {
        let node = Node { id: 0, cores: cpus.map(|cpu| vec![cpu]).collect() };
        Self { nodes: vec![node], origin: Origin::Machine }
    }

    pub(crate) fn is_synthetic(&self) -> bool {
        matches!(self.origin, Origin::Synthetic(..))
    }

    /// The nodes that have processors.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// How many processors there are in all.
    pub fn cpus(&self) -> usize {
        match self.origin {
            Origin::Machine => self.nodes.iter().map(|node| node.cpus().count()).sum(),
            Origin::Synthetic(nodes, cores) => nodes.saturating_mul(cores),
        }
    }
}

impl Node {
    /// Its number, as the system counts.
    pub fn id(&self) -> usize {
        self.id
    }

    /// Its cores, each with the numbers of its processors: more than one, if it runs several threads
    /// at once.
    pub fn cores(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        self.cores.iter().map(Vec::as_slice)
    }

    /// The numbers of its processors, those of the same core next to each other.
    pub fn cpus(&self) -> impl Iterator<Item = usize> {
        self.cores.iter().flatten().copied()
    }
}

/// How many processors there are to use, where nothing more is known.
fn available() -> usize {
    moirai_sync::__prim::available_parallelism()
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::Malformed { path, text } => {
                write!(f, "{} is no list of processors: {text:?}", path.display())
            }
            Self::Shared { cpu, nodes: [first, second] } => {
                write!(f, "processor {cpu} is both of node {first} and of node {second}")
            }
            Self::Empty { path } => write!(f, "{} names no processor", path.display()),
        }
    }
}

impl std::error::Error for TopologyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Malformed { .. } | Self::Shared { .. } | Self::Empty { .. } => None,
        }
    }
}

/// Where Linux says what it knows of the machine.
const SYSTEM: &str = "/sys/devices/system";

/// More processors than any machine has, and no number from outside goes beyond it.
pub(crate) const CPUS_MAX: usize = 1 << 16;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_synthetic_machine_has_the_nodes_and_cores_it_was_asked_for() {
        let topology = Topology::synthetic(2, 3);
        let cpus: Vec<Vec<usize>> =
            topology.nodes().iter().map(|node| node.cpus().collect()).collect();
        assert_eq!(cpus, [[0, 1, 2], [3, 4, 5]]);
        assert_eq!(topology.nodes()[1].id(), 1);
    }

    #[test]
    fn a_synthetic_machine_of_absurd_size_takes_no_memory() {
        for (nodes, cores) in [(0, 4), (4, 0), (usize::MAX, 2), (1, CPUS_MAX + 1)] {
            let topology = Topology::synthetic(nodes, cores);
            assert_eq!(topology.nodes().len(), 0);
            assert_eq!(topology.cpus(), nodes.saturating_mul(cores));
        }
        let most = if cfg!(miri) { 100 } else { CPUS_MAX };
        assert_eq!(Topology::synthetic(most, 1).nodes().len(), most);
    }

    #[test]
    fn this_machine_has_the_processors_that_the_thread_may_use() {
        let topology = Topology::detect().unwrap();
        let mut cpus: Vec<usize> = topology.nodes().iter().flat_map(Node::cpus).collect();
        cpus.sort_unstable();
        assert_eq!(topology.cpus(), cpus.len());
        match CpuSet::of_this_thread() {
            Some(allowed) => assert_eq!(cpus, allowed.iter().collect::<Vec<_>>()),
            None => assert_eq!(cpus.len(), available()),
        }
    }
}
