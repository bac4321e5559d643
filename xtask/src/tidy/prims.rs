//! Concurrency primitives are named in `prim.rs` and nowhere else, so that the same code runs on
//! the standard library, under loom and under shuttle. Knows the list; models and tests are free.

use super::paths;
use super::{Tree, Violation};

/// No file of the modelled crates but `prim.rs` names a primitive.
pub(crate) fn primitives_are_named_only_in_prim(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, source) in tree.sources() {
        let modelled = MODELLED.iter().any(|folder| file.starts_with(folder));
        if !modelled || file.ends_with("/src/prim.rs") {
            continue;
        }
        for path in paths::of(source).paths {
            let names: Vec<_> = path.segments.iter().map(String::as_str).collect();
            if is_primitive(&names) {
                let shown = path.segments.join("::");
                violations.push(Violation::new(
                    file,
                    path.line,
                    format!("`{shown}` is named outside `prim.rs`, where no model would see it"),
                ));
            }
        }
    }
    violations
}

fn is_primitive(path: &[&str]) -> bool {
    match path {
        ["loom" | "shuttle", ..] => true,
        ["std" | "core" | "alloc", rest @ ..] => match rest {
            ["thread", ..] | ["sync", "atomic", ..] | ["cell", "UnsafeCell" | "*", ..] => true,
            // The bare module would let `sync::Mutex` through.
            ["sync" | "cell"] | ["sync", "*"] => true,
            ["sync", name, ..] => BLOCKING.iter().any(|blocking| name.starts_with(blocking)),
            _ => false,
        },
        _ => false,
    }
}

/// The crates that are model-checked.
const MODELLED: [&str; 2] = ["crates/moirai-sync/src/", "crates/moirai-runtime/src/"];

/// Primitives of `std::sync` that a model checker must see, and what comes with them, such as
/// `MutexGuard`. `Arc`, `Weak` and the one-time cells of process globals are free.
const BLOCKING: [&str; 6] = ["Mutex", "Condvar", "RwLock", "Barrier", "mpsc", "mpmc"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, code: &str, count: usize) {
        let found = primitives_are_named_only_in_prim(&Tree::of(&[(file, code)]));
        assert_eq!(found.len(), count, "{code}: {found:?}");
    }

    const FILE: &str = "crates/moirai-sync/src/parker.rs";

    #[test]
    fn every_way_to_name_a_primitive_is_refused() {
        for code in [
            "use std::sync::atomic::{AtomicU32, Ordering};",
            "fn f() { core::sync::atomic::fence(x); }",
            "use std::{cell::UnsafeCell, fmt};",
            "use std::sync::Mutex;",
            "use std::sync::MutexGuard;",
            "use std::sync::*;",
            "use std::sync; fn f(m: sync::Mutex<u8>) {}",
            "fn f() { std::thread::park(); }",
            "use loom::model;",
            "use ::shuttle::thread::spawn;",
        ] {
            let found = primitives_are_named_only_in_prim(&Tree::of(&[(FILE, code)]));
            assert!(!found.is_empty(), "{code}");
        }
    }

    #[test]
    fn shared_pointers_time_and_tests_are_free() {
        check(FILE, "use std::sync::{Arc, OnceLock, Weak}; use std::time::Instant;", 0);
        check(FILE, "use crate::prim::atomic::AtomicU32; // std::sync::atomic", 0);
        check(FILE, "#[cfg(test)] mod tests { use std::thread; }", 0);
        check("crates/moirai-sync/src/model/ring.rs", "use loom::thread;", 0);
        check("crates/moirai-sync/src/prim.rs", "pub use std::sync::atomic;", 0);
        check("crates/moirai-cli/src/main.rs", "use std::thread;", 0);
    }
}
