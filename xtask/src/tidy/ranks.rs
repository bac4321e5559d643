//! The order of things: which crate stands on which, and which module may name which.
//!
//! These tables are the law that `floors` and `modules` enforce and ARCHITECTURE.md explains. A
//! crate or a runtime module that is missing here is an error, so that the tables stay complete.

/// The floor of each crate. A crate names only crates of lower floors.
pub(crate) const FLOORS: &[(&str, usize)] = &[
    ("moirai-sync", 0),
    ("moirai-runtime", 1),
    ("moirai-macros", 1),
    ("moirai-pipeline", 2),
    ("moirai", 3),
    ("moirai-console", 3),
    ("moirai-cli", 4),
    // The repository's own commands stand beside the building, on nothing.
    ("xtask", 0),
];

/// How the modules of one crate are ordered.
#[derive(Debug)]
pub(crate) struct Order {
    /// The crate's name.
    pub(crate) package: &'static str,
    /// A module names modules of its own rank or lower.
    pub(crate) ranks: &'static [(&'static str, usize)],
    /// Modules whose children are ranked one by one.
    pub(crate) split: &'static [&'static str],
    /// The rank of modules that the table does not list; without one they are an error.
    pub(crate) unlisted: Option<usize>,
}

/// The crates whose modules are ranked. In all others only cycles are refused.
pub(crate) const ORDERS: &[Order] = &[
    Order {
        package: "moirai-sync",
        ranks: &[("prim", 0), ("backoff", 1), ("cache_padded", 1), ("wake", 1)],
        split: &[],
        unlisted: Some(2),
    },
    Order {
        package: "moirai-runtime",
        ranks: &[
            ("error", 0),
            ("fork", 0),
            ("hooks", 0),
            ("prim", 0),
            ("stack", 0),
            ("topology", 0),
            ("trace", 0),
            ("unwind", 0),
            ("sched", 1), // itself only a text and re-exports; its children follow
            ("sched::work", 1),
            ("slab", 2),
            ("sched::strategy", 1),
            ("sched::signal", 2),
            ("sched::slot", 2),
            ("sched::place", 2),
            ("sched::post", 2),
            ("sched::latch", 2),
            ("sched::offers", 2),
            ("sched::guests", 2),
            ("sched::lanes", 2),
            ("sched::local", 2),
            ("sched::lone", 2),
            ("blocking", 2),
            ("sched::deque", 2),
            ("sched::injector", 2),
            ("sched::mailbox", 2),
            ("sched::homes", 2),
            ("sched::idle", 2),
            ("sched::driver", 2),
            ("sched::cpu_clock", 2),
            ("sched::patience", 2),
            ("sched::permit", 2),
            ("sched::permits", 2),
            ("sched::remote", 2),
            ("sched::waits", 2),
            ("sched::watch", 2),
            ("sched::watcher", 3),
            ("sched::worker", 3),
            ("sched::pool", 3),
            ("sched::current", 3),
            ("sched::visitor", 3),
            ("sched::forks", 3),
            ("sched::edge", 3),
            ("deque", 3),
            ("metrics", 4),
            ("task", 4),
            ("join", 4),
            ("local", 0),
            ("local_set", 4),
            ("node", 4),
            ("yield_now", 0),
            ("par", 4),
            ("coroutine", 4),
            ("time", 4),
            ("net", 4),
            ("builder", 4),
            ("global", 4),
            ("runtime", 5),
            ("group", 5),
            ("sim", 5),
        ],
        split: &["sched"],
        unlisted: None,
    },
];

impl Order {
    /// The rank of `module`, or `None` if the table must be told about it.
    pub(crate) fn rank(&self, module: &str) -> Option<usize> {
        let listed = self.ranks.iter().find(|(name, _)| *name == module);
        listed.map(|&(_, rank)| rank).or(self.unlisted)
    }
}
