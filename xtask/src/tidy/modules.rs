//! Which module names which: ranks and cycles.
//!
//! Builds each crate's modules from its files, follows every path through re-exports to the module
//! that owns the item, and compares with the tables in `ranks`. A node is a top-level module, or
//! one level deeper below a module that the table splits. Lines by which a module re-exports its
//! own descendants are its front page, not a dependency. The root stands above all modules, so no
//! module may need an item of the root's own.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{self, Names, Path};
use super::ranks::{ORDERS, Order};
use super::{Tree, Violation};

/// A file below `src/` that no `mod` declares is never compiled, however green the tests are.
pub(crate) fn every_file_is_declared(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in packages(tree) {
        for module in package.modules.values().filter(|module| !module.file.is_empty()) {
            let Some((name, parent)) = module.path.split_last() else { continue };
            let parent = package.modules.get(parent);
            if !parent.is_some_and(|parent| parent.children.contains(name)) {
                let what = format!("no `mod {name};` declares this file, so it is never compiled");
                violations.push(Violation::new(&module.file, 1, what));
            }
        }
    }
    violations
}

/// A module names modules of its own rank or lower.
pub(crate) fn modules_depend_only_downward(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in packages(tree) {
        violations.extend(package.root_uses());
        let Some(order) = package.order else { continue };
        for module in package.modules.values().filter(|module| module.shipped) {
            let node = package.node(&module.path);
            if !node.is_empty() && order.rank(&node).is_none() {
                let what = format!("module `{node}` has no rank: add it to `tidy/ranks.rs`");
                violations.push(Violation::new(&module.file, 1, what));
            }
        }
        for edge in package.edges() {
            let (Some(from), Some(to)) = (order.rank(&edge.from), order.rank(&edge.to)) else {
                continue;
            };
            if to > from {
                let Edge { from: lower, to: upper, .. } = &edge;
                let what = format!("`{lower}` (rank {from}) names `{upper}` (rank {to}) above it");
                violations.push(Violation::new(&edge.file, edge.line, what));
            }
        }
    }
    violations
}

/// No module needs itself by way of others.
pub(crate) fn no_module_cycles(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in packages(tree) {
        let edges = package.edges();
        let mut reported = BTreeSet::new();
        for edge in &edges {
            let Some(way_back) = shortest_way(&edges, &edge.to, &edge.from) else { continue };
            let members: BTreeSet<_> =
                way_back.iter().map(|step| step.from.clone()).chain([edge.from.clone()]).collect();
            if reported.insert(members) {
                let mut what = format!("modules form a cycle: `{}` needs `{}`", edge.from, edge.to);
                for step in way_back {
                    let Edge { from, to, file, line } = step;
                    what.push_str(&format!(", `{from}` needs `{to}` ({file}:{line})"));
                }
                violations.push(Violation::new(&edge.file, edge.line, what));
            }
        }
    }
    violations
}

/// The edges from `from` to `to` in order, by breadth-first search.
fn shortest_way<'a>(edges: &'a [Edge], from: &str, to: &str) -> Option<Vec<&'a Edge>> {
    let mut ways: Vec<(&str, Vec<&Edge>)> = vec![(from, Vec::new())];
    let mut seen = BTreeSet::from([from]);
    let mut next = 0;
    while let Some((node, way)) = ways.get(next).cloned() {
        if node == to {
            return Some(way);
        }
        for edge in edges.iter().filter(|edge| edge.from == node) {
            if seen.insert(&edge.to) {
                let longer = way.iter().copied().chain([edge]).collect();
                ways.push((&edge.to, longer));
            }
        }
        next += 1;
    }
    None
}

/// "`from` names `to`", and the first place where it does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    file: String,
    line: usize,
}

/// One crate: its modules by their path from the root.
struct Package {
    order: Option<&'static Order>,
    modules: BTreeMap<Vec<String>, Module>,
}

#[derive(Default)]
struct Module {
    path: Vec<String>,
    /// Empty for an inline module.
    file: String,
    /// Whether this is a file with more in it than tests.
    shipped: bool,
    children: BTreeSet<String>,
    /// What each `use` binds, and the globs.
    bindings: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    macros: BTreeSet<String>,
    paths: Vec<Path>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// To an item of this module, or to the module itself.
    Module(Vec<String>),
    /// Out of the crate, or to something that is no path to an item.
    Elsewhere,
}

fn packages(tree: &Tree) -> Vec<Package> {
    let mut packages: BTreeMap<&str, Package> = BTreeMap::new();
    for (file, source) in tree.sources() {
        let Some((folder, inside)) = file.split_once("/src/") else { continue };
        let name = folder.rsplit('/').next().unwrap_or(folder);
        let order = ORDERS.iter().find(|order| order.package == name);
        let package =
            packages.entry(folder).or_insert_with(|| Package { order, modules: BTreeMap::new() });
        let module = package.module(&module_path(inside));
        file.clone_into(&mut module.file);
        module.shipped = source.line_count_without_tests() > 0;
        package.add(&module_path(inside), paths::of(source));
    }
    packages.into_values().collect()
}

/// The module that the file `inside` the source folder holds.
fn module_path(inside: &str) -> Vec<String> {
    let stem = inside.strip_suffix(".rs").unwrap_or(inside);
    if stem.starts_with("bin/") {
        return Vec::new(); // a root of its own
    }
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if matches!(stem, "lib" | "main") {
        return Vec::new();
    }
    stem.split('/').map(String::from).collect()
}

fn join(base: &[String], more: &[String]) -> Vec<String> {
    base.iter().chain(more).cloned().collect()
}

impl Package {
    fn add(&mut self, path: &[String], names: Names) {
        for declaration in &names.modules {
            let parent = join(path, &declaration.context);
            self.module(&parent).children.insert(declaration.name.clone());
            if declaration.inline {
                self.module(&join(&parent, std::slice::from_ref(&declaration.name)));
            }
        }
        for (name, context) in &names.macros {
            self.module(&join(path, context)).macros.insert(name.clone());
        }
        for import in &names.paths {
            let Some(binding) = &import.binding else { continue };
            let module = self.module(&join(path, &import.context));
            let segments = import.segments.clone();
            if binding == "*" {
                module.globs.push(segments[..segments.len() - 1].to_vec());
            } else {
                module.bindings.insert(binding.clone(), segments);
            }
        }
        // A crate with a `main.rs` beside its `lib.rs` has two roots; both stand above.
        self.module(path).paths.extend(names.paths);
    }

    fn module(&mut self, path: &[String]) -> &mut Module {
        let module = self.modules.entry(path.to_vec()).or_default();
        module.path = path.to_vec();
        module
    }

    /// The node of the graph that `module` belongs to; empty for the root.
    fn node(&self, module: &[String]) -> String {
        let split = self.order.map_or(&[] as &[&str], |order| order.split);
        match module {
            [first, second, ..] if split.contains(&first.as_str()) => format!("{first}::{second}"),
            [first, ..] => first.clone(),
            [] => String::new(),
        }
    }

    /// Every dependency between two different nodes, once.
    fn edges(&self) -> Vec<Edge> {
        let mut edges: Vec<Edge> = Vec::new();
        for module in self.modules.values() {
            for path in &module.paths {
                let here = join(&module.path, &path.context);
                let Target::Module(target) = self.resolve(&here, &path.segments) else { continue };
                let (from, to) = (self.node(&here), self.node(&target));
                let front_page = path.exported && target.starts_with(&here);
                if from.is_empty() || to.is_empty() || from == to || front_page {
                    continue;
                }
                if !edges.iter().any(|edge| edge.from == from && edge.to == to) {
                    edges.push(Edge { from, to, file: module.file.clone(), line: path.line });
                }
            }
        }
        edges
    }

    /// Modules that need an item of the root's own.
    fn root_uses(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for module in self.modules.values() {
            for path in module.paths.iter().filter(|path| is_relative(path)) {
                let here = join(&module.path, &path.context);
                let at_root = self.resolve(&here, &path.segments) == Target::Module(Vec::new());
                if at_root && !self.node(&here).is_empty() {
                    let shown = path.segments.join("::");
                    violations.push(Violation::new(
                        &module.file,
                        path.line,
                        format!("`{shown}` is an item of the crate's root, which stands above"),
                    ));
                }
            }
        }
        violations
    }

    /// Follows `segments` as written in module `here`.
    fn resolve(&self, here: &[String], segments: &[String]) -> Target {
        self.resolve_within(here, segments, FOLLOW_MAX)
    }

    fn resolve_within(&self, here: &[String], segments: &[String], left: usize) -> Target {
        let Some((first, rest)) = segments.split_first() else { return Target::Elsewhere };
        let module = self.modules.get(here);
        match first.as_str() {
            "crate" => self.walk(Vec::new(), rest, left),
            "self" => self.walk(here.to_vec(), rest, left),
            "super" => {
                let parent = here.split_last().map_or(here, |(_, parent)| parent);
                match rest.first().map(String::as_str) {
                    Some("super") => self.resolve_within(parent, rest, left),
                    _ => self.walk(parent.to_vec(), rest, left),
                }
            }
            name if module.is_some_and(|module| module.children.contains(name)) => {
                self.walk(here.to_vec(), segments, left)
            }
            name => {
                let bound = module.and_then(|module| module.bindings.get(name));
                match bound {
                    // `use a::b;` then `b::c`: the same as `a::b::c`.
                    Some(full) if left > 0 && full.as_slice() != segments => {
                        self.resolve_within(here, &join(full, rest), left - 1)
                    }
                    _ => Target::Elsewhere,
                }
            }
        }
    }

    /// Descends from `at` along `rest`, through re-exports, to the module that owns the item.
    fn walk(&self, mut at: Vec<String>, rest: &[String], left: usize) -> Target {
        for (index, name) in rest.iter().enumerate() {
            let Some(module) = self.modules.get(&at) else { break };
            if module.children.contains(name) {
                at.push(name.clone());
                continue;
            }
            if left == 0 {
                break;
            }
            let tail = &rest[index + 1..];
            if let Some(full) = module.bindings.get(name) {
                return match self.resolve_within(&at, &join(full, tail), left - 1) {
                    // A foreign name is at home where the crate re-exports it; the root, which
                    // only passes it on, is no home.
                    Target::Elsewhere if !at.is_empty() => Target::Module(at),
                    target => target,
                };
            }
            if let [glob] = module.globs.as_slice() {
                let full = join(glob, &rest[index..]);
                let target = self.resolve_within(&at, &full, left - 1);
                return if target == Target::Elsewhere { Target::Module(at) } else { target };
            }
            if at.is_empty() {
                let home = self.modules.values().find(|module| module.macros.contains(name));
                at = home.map_or(at, |module| module.path.clone());
            }
            break;
        }
        Target::Module(at)
    }
}

fn is_relative(path: &Path) -> bool {
    matches!(path.segments.first().map(String::as_str), Some("crate" | "super"))
}

/// How many re-exports a path is followed through; a longer chain is a loop.
const FOLLOW_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Violation>, files: &[(&str, &str)], expected: &[&str]) {
        let found: Vec<_> = rule(&Tree::of(files)).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    const SCHED: (&str, &str) = (
        "crates/moirai-runtime/src/sched/mod.rs",
        "mod work; mod deque; mod worker; pub(crate) use worker::Worker;",
    );
    const ROOT: (&str, &str) =
        ("crates/moirai-runtime/src/lib.rs", "mod sched; mod task; mod builder;");

    #[test]
    fn an_upward_use_is_refused_where_it_stands() {
        check(
            modules_depend_only_downward,
            &[ROOT, SCHED, ("crates/moirai-runtime/src/sched/deque.rs", "\nuse crate::task::Id;")],
            &["crates/moirai-runtime/src/sched/deque.rs:2: `sched::deque` (rank 2) names `task` \
               (rank 4) above it"],
        );
    }

    #[test]
    fn an_inline_path_and_super_count_as_much_as_a_use() {
        check(
            modules_depend_only_downward,
            &[
                ROOT,
                SCHED,
                ("crates/moirai-runtime/src/sched/work.rs", "fn f() { super::deque::push(); }"),
                ("crates/moirai-runtime/src/sched/deque.rs", "fn f() { crate::task::id(); }"),
            ],
            &[
                "crates/moirai-runtime/src/sched/deque.rs:1: `sched::deque` (rank 2) names `task` \
                 (rank 4) above it",
                "crates/moirai-runtime/src/sched/work.rs:1: `sched::work` (rank 1) names \
                 `sched::deque` (rank 2) above it",
            ],
        );
    }

    #[test]
    fn a_reexport_leads_to_the_module_behind_it() {
        check(
            modules_depend_only_downward,
            &[
                ROOT,
                SCHED,
                ("crates/moirai-runtime/src/sched/deque.rs", "use crate::sched::Worker;"),
            ],
            &["crates/moirai-runtime/src/sched/deque.rs:1: `sched::deque` (rank 2) names \
               `sched::worker` (rank 3) above it"],
        );
    }

    #[test]
    fn downward_uses_and_test_code_are_free() {
        check(
            modules_depend_only_downward,
            &[
                ROOT,
                SCHED,
                (
                    "crates/moirai-runtime/src/sched/deque.rs",
                    "use super::work::Work;\n#[cfg(test)] mod tests { use crate::task::Id; }",
                ),
                (
                    "crates/moirai-runtime/src/task/mod.rs",
                    "use crate::sched::{Worker, work::Work};",
                ),
            ],
            &[],
        );
    }

    #[test]
    fn a_runtime_module_outside_the_table_is_refused() {
        check(
            modules_depend_only_downward,
            &[
                ("crates/moirai-runtime/src/lib.rs", "mod misc;"),
                ("crates/moirai-runtime/src/misc.rs", "fn f() {}"),
            ],
            &["crates/moirai-runtime/src/misc.rs:1: module `misc` has no rank: add it to \
               `tidy/ranks.rs`"],
        );
    }

    #[test]
    fn the_shim_of_the_floor_below_names_nothing() {
        check(
            modules_depend_only_downward,
            &[
                ("crates/moirai-sync/src/lib.rs", "mod prim; mod parker; mod backoff;"),
                ("crates/moirai-sync/src/prim.rs", "use crate::backoff::Backoff;"),
                ("crates/moirai-sync/src/backoff.rs", "use crate::prim::AtomicU32;"),
                ("crates/moirai-sync/src/parker.rs", "use crate::{backoff::Backoff, prim::Mutex};"),
            ],
            &[
                "crates/moirai-sync/src/prim.rs:1: `prim` (rank 0) names `backoff` (rank 1) above it",
            ],
        );
    }

    #[test]
    fn an_item_of_the_root_is_refused_but_a_reexport_is_followed() {
        check(
            modules_depend_only_downward,
            &[
                ("crates/a/src/lib.rs", "mod b; mod c; pub use c::C; pub use std::fmt; struct R;"),
                ("crates/a/src/b.rs", "use crate::C;\nuse crate::fmt;\nuse crate::R;"),
                ("crates/a/src/c.rs", ""),
            ],
            &["crates/a/src/b.rs:3: `crate::R` is an item of the crate's root, which stands above"],
        );
    }

    #[test]
    fn a_cycle_is_named_with_each_step() {
        check(
            no_module_cycles,
            &[
                ("crates/a/src/lib.rs", "mod b; mod c; mod d;"),
                ("crates/a/src/b.rs", "use crate::c::C;"),
                ("crates/a/src/c.rs", "\nuse super::d;"),
                ("crates/a/src/d/mod.rs", "mod e;"),
                ("crates/a/src/d/e.rs", "use super::super::b::B;"),
            ],
            &["crates/a/src/b.rs:1: modules form a cycle: `b` needs `c`, `c` needs `d` \
               (crates/a/src/c.rs:2), `d` needs `b` (crates/a/src/d/e.rs:1)"],
        );
    }

    #[test]
    fn a_cycle_through_a_reexport_is_found() {
        check(
            no_module_cycles,
            &[
                ("crates/a/src/lib.rs", "mod b; mod c; pub use b::B;"),
                ("crates/a/src/b.rs", "use crate::c;\nfn f() { c::g() }"),
                ("crates/a/src/c.rs", "use crate::B;"),
            ],
            &["crates/a/src/b.rs:1: modules form a cycle: `b` needs `c`, `c` needs `b` \
               (crates/a/src/c.rs:1)"],
        );
    }

    #[test]
    fn modules_inside_one_node_may_name_each_other() {
        check(
            no_module_cycles,
            &[
                ("crates/a/src/lib.rs", "mod b;"),
                ("crates/a/src/b/mod.rs", "mod c; mod d; use c::C; fn f() { d::g() }"),
                ("crates/a/src/b/c.rs", "use super::d::D;"),
                ("crates/a/src/b/d.rs", "use super::f;"),
            ],
            &[],
        );
    }

    #[test]
    fn a_file_that_no_mod_declares_is_refused() {
        check(
            every_file_is_declared,
            &[
                ("crates/a/src/lib.rs", "#[cfg(all(test, moirai_loom))] mod model;"),
                ("crates/a/src/model/mod.rs", "mod ring;"),
                ("crates/a/src/model/ring.rs", ""),
                ("crates/a/src/model/slot.rs", ""),
            ],
            &["crates/a/src/model/slot.rs:1: no `mod slot;` declares this file, so it is never \
               compiled"],
        );
    }

    #[test]
    fn an_exported_macro_is_at_home_where_it_is_written() {
        let files = [
            ("crates/a/src/lib.rs", "mod b; mod c;"),
            ("crates/a/src/b.rs", "macro_rules! go { () => {} } use crate::c::C;"),
            ("crates/a/src/c.rs", "use crate::go;"),
        ];
        assert_eq!(modules_depend_only_downward(&Tree::of(&files)), []);
        assert_eq!(no_module_cycles(&Tree::of(&files)).len(), 1);
    }
}
