//! Which worker belongs to which node, and on which processors it runs.
//!
//! Workers are spread over the processors in order: node after node, core after core. With half as
//! many workers as processors each has a core of its own, and every node has its share.

use std::ops::Range;
use std::sync::Arc;

use super::{CpuSet, Topology, sysfs};

/// Which processors a worker may use; for [`Builder::affinity`](crate::Builder::affinity).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Affinity {
    /// All that the process may: the system decides, and moves it as it sees fit.
    #[default]
    None,
    /// One for each worker, as far apart as there is room: on cores of their own, if there are
    /// enough.
    Cores,
    /// Those of one node of memory: the system moves it within, where its memory stays near.
    Numa,
}

/// Where the workers of one runtime belong, by their number.
#[derive(Debug)]
pub(crate) struct Placement {
    /// By worker.
    domains: Box<[Domain]>,
    /// The workers of each domain.
    members: Box<[Range<usize>]>,
    bindings: Option<Arc<Bindings>>,
}

/// Workers that share a node of memory, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Domain(u16);

#[derive(Debug)]
struct Bindings {
    /// By worker.
    workers: Box<[CpuSet]>,
    /// What a thread may use that is no worker.
    process: CpuSet,
}

/// Lets a thread that is no worker use what the process may. A thread starts with the binding of the
/// thread that has started it, which may have been a worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unbind(Option<Arc<Bindings>>);

impl Unbind {
    /// Of the calling thread.
    pub(crate) fn this_thread(&self) {
        if let Some(bindings) = &self.0 {
            bindings.process.bind_this_thread();
        }
    }
}

impl Domain {
    /// The first of several, or the only one.
    pub(crate) const FIRST: Self = Self(0);

    pub(crate) fn new(index: usize) -> Self {
        Self(u16::try_from(index).unwrap_or(u16::MAX))
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Placement {
    /// Spreads `workers` over `topology`. Where the system does not say which processors there are,
    /// no worker is bound to any.
    pub(crate) fn new(topology: &Topology, workers: usize, affinity: Affinity) -> Self {
        let nodes = topology.nodes().iter().enumerate();
        let cpus: Vec<(usize, usize)> =
            nodes.flat_map(|(node, of)| of.cpus().map(move |cpu| (node, cpu))).collect();
        let at =
            |worker: usize| cpus.get(worker * cpus.len() / workers).copied().unwrap_or_default();
        // Nodes without a worker are no domains.
        let mut used: Vec<usize> = (0..workers).map(|worker| at(worker).0).collect();
        used.dedup();
        let domain = |worker: usize| {
            let place = used.iter().position(|&node| node == at(worker).0).unwrap_or_default();
            Domain::new(place)
        };
        let bindings = match affinity {
            Affinity::None => None,
            Affinity::Cores | Affinity::Numa => CpuSet::of_this_thread().map(|process| {
                let real = topology.real(&process);
                let set = |worker: usize| -> CpuSet {
                    let (node, cpu) = at(worker);
                    let of_node = |other: &(usize, usize)| other.0 == node;
                    match affinity {
                        Affinity::Numa => {
                            cpus.iter().copied().filter(of_node).map(|(_, cpu)| real(cpu)).collect()
                        }
                        Affinity::Cores | Affinity::None => [real(cpu)].into_iter().collect(),
                    }
                };
                let workers = (0..workers).map(set).collect();
                Arc::new(Bindings { workers, process: process.clone() })
            }),
        };
        let domains: Box<[Domain]> = (0..workers).map(domain).collect();
        // They are in order.
        let of = |n| domains.partition_point(|domain| domain.index() < n);
        let members = (0..used.len()).map(|n| of(n)..of(n + 1)).collect();
        Self { domains, members, bindings }
    }

    /// Spreads `workers` over this machine, which is looked at only if that matters.
    pub(crate) fn here(workers: usize, affinity: Affinity) -> Self {
        if affinity == Affinity::None && !sysfs::has_nodes() {
            return Self::flat(workers);
        }
        // What makes no sense is as good as nothing; who wants to know asks `Topology::detect`.
        match Topology::detect() {
            Ok(topology) => Self::new(&topology, workers, affinity),
            Err(_) => match CpuSet::of_this_thread() {
                Some(allowed) => Self::new(&Topology::flat(allowed.iter()), workers, affinity),
                None => Self::flat(workers),
            },
        }
    }

    /// One domain, and no worker is bound.
    pub(crate) fn flat(workers: usize) -> Self {
        Self::new(&Topology::flat(0..1), workers, Affinity::None)
    }

    /// How many domains there are: at least one.
    #[inline]
    pub(crate) fn domains(&self) -> usize {
        self.members.len()
    }

    /// The workers of a domain.
    pub(crate) fn members(&self, domain: Domain) -> Range<usize> {
        self.members[domain.index()].clone()
    }

    /// The domain of a worker.
    #[inline]
    pub(crate) fn domain(&self, worker: usize) -> Domain {
        self.domains[worker]
    }

    /// Binds the calling thread to the processors of a worker.
    pub(crate) fn bind(&self, worker: usize) {
        if let Some(bindings) = &self.bindings {
            bindings.workers[worker].bind_this_thread();
        }
    }

    /// For threads that are no workers.
    pub(crate) fn unbind(&self) -> Unbind {
        Unbind(self.bindings.clone())
    }
}

impl Topology {
    /// The processor of the machine that each of this topology stands for.
    fn real<'a>(&'a self, process: &CpuSet) -> impl Fn(usize) -> usize + 'a {
        let there: Vec<usize> = process.iter().collect();
        let cpus = self.cpus();
        move |cpu| match self.origin {
            super::Origin::Machine => cpu,
            super::Origin::Synthetic(..) => there[cpu * there.len() / cpus],
        }
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    fn domains(topology: &Topology, workers: usize) -> Vec<usize> {
        let placement = Placement::new(topology, workers, Affinity::None);
        (0..workers).map(|worker| placement.domain(worker).index()).collect()
    }

    #[test]
    fn workers_are_spread_over_all_nodes_in_order() {
        let topology = Topology::synthetic(2, 2);
        assert_eq!(domains(&topology, 4), [0, 0, 1, 1]);
        assert_eq!(domains(&topology, 2), [0, 1]);
        assert_eq!(domains(&topology, 1), [0]);
        assert_eq!(domains(&topology, 3), [0, 0, 1]);
        assert_eq!(domains(&topology, 8), [0, 0, 0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn a_node_without_a_worker_is_no_domain() {
        let topology = Topology::synthetic(8, 1);
        assert_eq!(domains(&topology, 2), [0, 1]);
        let placement = Placement::new(&topology, 2, Affinity::None);
        assert_eq!((placement.domains(), placement.members(Domain::new(1))), (2, 1..2));
    }

    #[test]
    fn every_worker_of_a_large_machine_is_in_one_of_its_domains() {
        for (nodes, cores, workers) in [(8, 16, 128), (8, 16, 100), (3, 5, 1024), (64, 1, 7)] {
            let domains = domains(&Topology::synthetic(nodes, cores), workers);
            assert!(domains.is_sorted());
            assert_eq!(domains[workers - 1] + 1, nodes.min(workers));
            let largest = (0..nodes).map(|n| domains.iter().filter(|d| **d == n).count()).max();
            assert!(largest.unwrap() <= workers.div_ceil(nodes.min(workers)) + 1);
        }
    }

    /// The system is asked nothing here but which processors there are.
    #[cfg(all(target_os = "linux", not(miri)))]
    #[test]
    fn half_as_many_workers_as_processors_have_cores_of_their_own() {
        let here: Vec<usize> = CpuSet::of_this_thread().unwrap().iter().collect();
        let sets = |topology: &Topology, workers, affinity| -> Vec<Vec<usize>> {
            let placement = Placement::new(topology, workers, affinity);
            let bindings = placement.bindings.unwrap();
            bindings.workers.iter().map(|set| set.iter().collect()).collect()
        };
        let two_threads_each = Topology {
            nodes: vec![
                super::super::Node { id: 0, cores: vec![vec![0, 4], vec![1, 5]] },
                super::super::Node { id: 1, cores: vec![vec![2, 6], vec![3, 7]] },
            ],
            origin: super::super::Origin::Machine,
        };
        assert_eq!(sets(&two_threads_each, 4, Affinity::Cores), [[0], [1], [2], [3]]);
        assert_eq!(sets(&two_threads_each, 8, Affinity::Cores)[..3], [[0], [4], [1]]);
        assert_eq!(sets(&two_threads_each, 2, Affinity::Numa), [[0, 1, 4, 5], [2, 3, 6, 7]]);
        // One that is not there stands for those that are.
        let synthetic = Topology::synthetic(2, 1);
        let [first, second] = &sets(&synthetic, 2, Affinity::Cores)[..] else { panic!() };
        assert_eq!([first[0], second[0]], [here[0], here[here.len() / 2]]);
    }
}
