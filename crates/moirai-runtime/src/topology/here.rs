//! The node of memory of the processor that a thread runs on at this moment.

#![allow(unsafe_code, reason = "asks the system; it has no states to model")]

use std::path::Path;
use std::sync::OnceLock;

use super::{SYSTEM, Topology, sysfs};

/// Its place among the nodes of this machine, counted from 0; 0 where the system does not tell. The
/// thread may run elsewhere by the time this returns.
pub(crate) fn node_of_this_processor() -> usize {
    static NODES: OnceLock<Box<[u16]>> = OnceLock::new();
    // That there is one node only is looked up once.
    if !sysfs::has_nodes() {
        return 0;
    }
    // Also of processors that this thread may not use: others may.
    let nodes = NODES.get_or_init(|| {
        sysfs::read(Path::new(SYSTEM), None)
            .map_or_else(|_| Box::default(), |machine| by_processor(&machine))
    });
    processor().and_then(|cpu| nodes.get(cpu)).copied().unwrap_or_default().into()
}

/// The place of the node of each processor.
fn by_processor(machine: &Topology) -> Box<[u16]> {
    let mut places = Vec::new();
    for (place, node) in machine.nodes().iter().enumerate() {
        for cpu in node.cpus() {
            if places.len() <= cpu {
                places.resize(cpu + 1, 0);
            }
            places[cpu] = u16::try_from(place).unwrap_or(u16::MAX);
        }
    }
    places.into()
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
fn processor() -> Option<usize> {
    // SAFETY: it takes nothing and returns a number, negative where the system does not tell.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
fn processor() -> Option<usize> {
    None
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn every_processor_has_the_place_of_its_node() {
        assert_eq!(*by_processor(&Topology::synthetic(2, 3)), [0, 0, 0, 1, 1, 1]);
        assert_eq!(*by_processor(&Topology::synthetic(0, 3)), []);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no such files")]
    fn this_processor_is_of_a_node_of_this_machine() {
        let nodes = sysfs::read(Path::new(SYSTEM), None).map_or(1, |machine| machine.nodes().len());
        assert!(node_of_this_processor() < nodes);
        if let Some(cpu) = processor() {
            assert!(cpu < super::super::CPUS_MAX);
        }
    }
}
