//! The machine as Linux describes it in files.
//!
//! ```text
//!   cpu/online                              processors that run: 0-3,8-11
//!   cpu/cpu8/topology/thread_siblings_list  those that share its core
//!   node/online                             nodes of memory
//!   node/node1/cpulist                      the processors that are near to it; none, maybe
//! ```
//!
//! Any of the files may be missing: a kernel without NUMA has no nodes, a container may hide all of
//! it, and a processor that was switched off has no siblings. What is there must make sense.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use super::{CpuSet, Node, Origin, SYSTEM, Topology, TopologyError, list};

/// The topology of `system`, without the processors that are not `allowed`.
pub(super) fn read(system: &Path, allowed: Option<&CpuSet>) -> Result<Topology, TopologyError> {
    let usable = |cpu: &usize| allowed.is_none_or(|allowed| allowed.contains(*cpu));
    let mut left: BTreeSet<usize> = online(system)?.into_iter().filter(usable).collect();
    let mut nodes: Vec<Node> = Vec::new();
    for id in list_at(&system.join("node/online"))?.unwrap_or_default() {
        let cpus = list_at(&system.join(format!("node/node{id}/cpulist")))?.unwrap_or_default();
        if let Some((cpu, node)) = claimed_before(&nodes, &cpus) {
            return Err(TopologyError::Shared { cpu, nodes: [node, id] });
        }
        let cpus: BTreeSet<usize> = cpus.into_iter().filter(|cpu| left.remove(cpu)).collect();
        if !cpus.is_empty() {
            nodes.push(Node { id, cores: cores(system, cpus)? });
        }
    }
    if !left.is_empty() {
        // Of no node that is known, so they are as near to the first as to any.
        let rest = cores(system, left)?;
        match nodes.first_mut() {
            Some(first) => first.cores.extend(rest),
            None => nodes.push(Node { id: 0, cores: rest }),
        }
    }
    if nodes.is_empty() {
        return Err(TopologyError::Empty { path: system.to_path_buf() });
    }
    Ok(Topology { nodes, origin: Origin::Machine })
}

/// Whether the machine has more than one node of memory, as far as it can be seen. That does not
/// change while a process lives, so it is looked up once.
pub(super) fn has_nodes() -> bool {
    static HAS_NODES: OnceLock<bool> = OnceLock::new();
    // Under Miri there is nothing to be seen, and to look is an error.
    !cfg!(miri)
        && *HAS_NODES.get_or_init(|| {
            let nodes = list_at(&Path::new(SYSTEM).join("node/online"));
            nodes.is_ok_and(|nodes| nodes.is_some_and(|nodes| nodes.len() > 1))
        })
}

/// The processors that run; where no list says so, all that have a folder.
fn online(system: &Path) -> Result<Vec<usize>, TopologyError> {
    let cpu = system.join("cpu");
    if let Some(online) = list_at(&cpu.join("online"))? {
        return Ok(online);
    }
    // What cannot be listed is not there.
    let folders = cpu.read_dir().into_iter().flatten().flatten();
    let names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let cpus = names.filter_map(|name| list::parse(name.strip_prefix("cpu")?));
    // `cpu` itself would be an empty list, and `cpu0-3` one of four.
    Ok(cpus.filter(|cpu| cpu.len() == 1).flatten().collect())
}

/// A processor among `cpus` that a node has already, and that node.
fn claimed_before(nodes: &[Node], cpus: &[usize]) -> Option<(usize, usize)> {
    nodes.iter().find_map(|node| {
        let cpu = node.cpus().find(|cpu| cpus.contains(cpu))?;
        Some((cpu, node.id))
    })
}

/// `cpus`, by core.
fn cores(system: &Path, mut cpus: BTreeSet<usize>) -> Result<Vec<Vec<usize>>, TopologyError> {
    let mut cores = Vec::new();
    while let Some(first) = cpus.pop_first() {
        let path = system.join(format!("cpu/cpu{first}/topology/thread_siblings_list"));
        let mut core = vec![first];
        core.extend(list_at(&path)?.unwrap_or_default().iter().filter_map(|cpu| cpus.take(cpu)));
        cores.push(core);
    }
    Ok(cores)
}

/// The list in a file, if there is such a file.
fn list_at(path: &Path) -> Result<Option<Vec<usize>>, TopologyError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(source) => return Err(TopologyError::Unreadable { path: path.to_path_buf(), source }),
    };
    let text = String::from_utf8_lossy(&bytes);
    list::parse(&text).map(Some).ok_or_else(|| TopologyError::Malformed {
        path: path.to_path_buf(),
        text: text.chars().take(SHOWN_MAX).collect(),
    })
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// So much of a file that makes no sense is shown.
const SHOWN_MAX: usize = 64;

#[cfg(all(test, not(any(miri, moirai_loom, moirai_shuttle))))]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A folder with these files, gone at the end of the test.
    struct Fixture(PathBuf);

    #[allow(clippy::unwrap_used, reason = "part of the tests")]
    impl Fixture {
        fn new(files: &[(&str, &str)]) -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let n = COUNT.fetch_add(1, Ordering::Relaxed);
            let folder = format!("moirai-topology-{}-{n}", std::process::id());
            let path = std::env::temp_dir().join(folder);
            for (file, text) in files {
                let file = path.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
            Self(path)
        }

        fn read(&self) -> Result<Topology, TopologyError> {
            Topology::read(&self.0)
        }

        /// Each node's number and cores.
        fn nodes(&self) -> Vec<(usize, Vec<Vec<usize>>)> {
            shape(&self.read().unwrap())
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn shape(topology: &Topology) -> Vec<(usize, Vec<Vec<usize>>)> {
        let node = |node: &Node| (node.id(), node.cores().map(<[usize]>::to_vec).collect());
        topology.nodes().iter().map(node).collect()
    }

    /// Two sockets of two cores with two threads each.
    fn two_sockets() -> Fixture {
        let mut files = vec![
            ("cpu/online".to_owned(), "0-7\n"),
            ("node/online".to_owned(), "0-1\n"),
            ("node/node0/cpulist".to_owned(), "0-1,4-5\n"),
            ("node/node1/cpulist".to_owned(), "2-3,6-7\n"),
        ];
        for cpu in 0..8 {
            let siblings = ["0,4\n", "1,5\n", "2,6\n", "3,7\n"][cpu % 4];
            files.push((format!("cpu/cpu{cpu}/topology/thread_siblings_list"), siblings));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        Fixture::new(&files)
    }

    #[test]
    fn processors_are_grouped_by_node_and_core() {
        let nodes = two_sockets().nodes();
        let expected = [(0, vec![vec![0, 4], vec![1, 5]]), (1, vec![vec![2, 6], vec![3, 7]])];
        assert_eq!(nodes, expected);
    }

    #[test]
    fn what_the_process_may_not_use_is_left_out_and_so_are_empty_nodes() {
        let fixture = two_sockets();
        let allowed: CpuSet = [2, 3, 6].into_iter().collect();
        let topology = read(&fixture.0, Some(&allowed)).unwrap();
        assert_eq!(shape(&topology), [(1, vec![vec![2, 6], vec![3]])]);
        let nothing: CpuSet = [99].into_iter().collect();
        assert!(matches!(read(&fixture.0, Some(&nothing)), Err(TopologyError::Empty { .. })));
    }

    #[test]
    fn processors_that_are_off_and_nodes_of_memory_alone_are_left_out() {
        let fixture = Fixture::new(&[
            ("cpu/online", "0,2-3"),
            ("node/online", "0-2"),
            ("node/node0/cpulist", "0-1"),
            ("node/node1/cpulist", "\n"),
            ("node/node2/cpulist", "2-3"),
        ]);
        assert_eq!(fixture.nodes(), [(0, vec![vec![0]]), (2, vec![vec![2], vec![3]])]);
    }

    #[test]
    fn without_nodes_all_processors_are_of_one() {
        let fixture = Fixture::new(&[("cpu/online", "0-1")]);
        assert_eq!(fixture.nodes(), [(0, vec![vec![0], vec![1]])]);
    }

    #[test]
    fn without_a_list_of_those_that_run_each_folder_is_a_processor() {
        let fixture = Fixture::new(&[
            ("cpu/cpu1/uevent", ""),
            ("cpu/cpu10/uevent", ""),
            ("cpu/cpufreq/policy0", ""),
            ("cpu/cpu0-3/uevent", ""),
        ]);
        assert_eq!(fixture.nodes(), [(0, vec![vec![1], vec![10]])]);
    }

    #[test]
    fn a_processor_of_no_node_goes_to_the_first() {
        let fixture = Fixture::new(&[
            ("cpu/online", "0-2"),
            ("node/online", "0-1"),
            ("node/node0/cpulist", "0"),
            ("node/node1/cpulist", "1"),
        ]);
        assert_eq!(fixture.nodes(), [(0, vec![vec![0], vec![2]]), (1, vec![vec![1]])]);
    }

    #[test]
    fn a_node_without_a_list_has_no_processors() {
        let fixture = Fixture::new(&[
            ("cpu/online", "0"),
            ("node/online", "0-1"),
            ("node/node0/cpulist", "0"),
        ]);
        assert_eq!(fixture.nodes(), [(0, vec![vec![0]])]);
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_file() {
        let fixture = Fixture::new(&[
            ("cpu/online", "0-3"),
            ("node/online", "0"),
            ("node/node0/cpulist", "0-banana"),
        ]);
        let error = fixture.read().unwrap_err();
        let text = error.to_string();
        assert!(
            text.ends_with("node/node0/cpulist is no list of processors: \"0-banana\""),
            "{text}"
        );
        let long = "7".repeat(1 << 20);
        let fixture = Fixture::new(&[("cpu/online", long.as_str())]);
        assert!(fixture.read().unwrap_err().to_string().len() < 300);
        let fixture = Fixture::new(&[("cpu/online", "0\u{0}\u{ffff}")]);
        assert!(matches!(fixture.read(), Err(TopologyError::Malformed { .. })));
    }

    #[test]
    fn a_processor_of_two_nodes_is_an_error() {
        let fixture = Fixture::new(&[
            ("cpu/online", "0-3"),
            ("node/online", "0-1"),
            ("node/node0/cpulist", "0-2"),
            ("node/node1/cpulist", "2-3"),
        ]);
        let error = fixture.read().unwrap_err().to_string();
        assert_eq!(error, "processor 2 is both of node 0 and of node 1");
    }

    #[test]
    fn a_folder_in_the_place_of_a_file_is_unreadable_and_an_empty_folder_names_no_processor() {
        let fixture = Fixture::new(&[("cpu/online/0", "")]);
        assert!(matches!(fixture.read(), Err(TopologyError::Unreadable { .. })));
        let fixture = Fixture::new(&[("unrelated", "")]);
        assert!(matches!(fixture.read(), Err(TopologyError::Empty { .. })));
        let off = Fixture::new(&[("cpu/online", "\n")]);
        assert!(matches!(off.read(), Err(TopologyError::Empty { .. })));
    }
}
