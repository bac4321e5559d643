//! Every path that a file names: in `use` trees and in plain code.
//!
//! Knows the grammar of `use` and of inline modules. Must never know what a path means: where it
//! leads is the business of `modules`, whether it is allowed that of the rules.

use super::source::Source;
use super::tokens::Token;

/// One path as written, for example `crate::sched::work` or `std::sync::Arc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// The names between the `::`; a glob ends in `*`.
    pub(crate) segments: Vec<String>,
    /// The line of the first segment that is its own.
    pub(crate) line: usize,
    /// The inline modules around it, outermost first.
    pub(crate) context: Vec<String>,
    /// The name that a `use` binds it to; `None` in plain code and for `as _`.
    pub(crate) binding: Option<String>,
    /// Whether the statement is a `pub use` (with any restriction).
    pub(crate) exported: bool,
}

/// One `mod name;` or `mod name { .. }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declaration {
    /// The module's name.
    pub(crate) name: String,
    /// Whether its body is here.
    pub(crate) inline: bool,
    /// The inline modules around it, outermost first.
    pub(crate) context: Vec<String>,
}

/// What one file names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Every path outside test code.
    pub(crate) paths: Vec<Path>,
    /// Every module declaration, test modules included.
    pub(crate) modules: Vec<Declaration>,
    /// Every `macro_rules!` name, with the inline modules around it.
    pub(crate) macros: Vec<(String, Vec<String>)>,
}

/// Collects the names of `source`.
pub(crate) fn of(source: &Source) -> Names {
    let tokens = source.tokens();
    let mut walk = Walk { tokens: &tokens, names: Names::default(), open: Vec::new() };
    let mut index = 0;
    while index < tokens.len() {
        index = walk.step(index);
    }
    let mut names = walk.names;
    names.paths.retain(|path| !source.is_test(path.line));
    names
}

struct Walk<'a> {
    tokens: &'a [Token<'a>],
    names: Names,
    /// For each open brace, the inline module that it opened, if it opened one.
    open: Vec<Option<String>>,
}

impl Walk<'_> {
    fn text(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| token.text)
    }

    fn before(&self, index: usize, distance: usize) -> &str {
        index.checked_sub(distance).map_or("", |index| self.text(index))
    }

    fn context(&self) -> Vec<String> {
        self.open.iter().flatten().cloned().collect()
    }

    /// Handles the token at `index` and returns the index of the next one to look at.
    fn step(&mut self, index: usize) -> usize {
        match self.text(index) {
            "{" => self.open.push(None),
            "}" => drop(self.open.pop()),
            "mod" if self.tokens.get(index + 1).is_some_and(Token::is_word) => {
                return self.module(index);
            }
            "macro_rules" if self.text(index + 1) == "!" => {
                let name = self.text(index + 2).to_owned();
                let context = self.context();
                self.names.macros.push((name, context));
            }
            // `use<'a>` in a return type captures lifetimes and imports nothing.
            "use" if self.text(index + 1) != "<" => return self.import(index),
            _ if self.starts_path(index) => return self.plain(index),
            _ => {}
        }
        index + 1
    }

    fn module(&mut self, index: usize) -> usize {
        let name = self.text(index + 1).to_owned();
        let inline = self.text(index + 2) == "{";
        let context = self.context();
        if inline {
            self.open.push(Some(name.clone()));
        }
        self.names.modules.push(Declaration { name, inline, context });
        index + if inline { 3 } else { 2 }
    }

    /// A name before `::` that does not continue another path. `pub(in path)` names no dependency.
    fn starts_path(&self, index: usize) -> bool {
        let continues = self.before(index, 1) == "::"
            && (self.tokens[index.saturating_sub(2)].is_word() || self.before(index, 2) == ">");
        let restriction = self.before(index, 1) == "in" && self.before(index, 3) == "pub";
        self.tokens[index].is_word()
            && self.text(index + 1) == "::"
            && self.before(index, 1) != "."
            && !continues
            && !restriction
    }

    fn plain(&mut self, mut index: usize) -> usize {
        let line = self.tokens[index].line;
        let mut segments = vec![self.text(index).to_owned()];
        while self.text(index + 1) == "::" && self.tokens.get(index + 2).is_some_and(Token::is_word)
        {
            index += 2;
            segments.push(self.text(index).to_owned());
        }
        let context = self.context();
        let path = Path { segments, line, context, binding: None, exported: false };
        self.names.paths.push(path);
        index + 1
    }

    fn import(&mut self, index: usize) -> usize {
        let exported = self.before(index, 1) == "pub"
            || (self.before(index, 1) == ")" && self.is_restricted_pub(index));
        let end = (index..self.tokens.len()).find(|&at| self.text(at) == ";");
        let end = end.unwrap_or(self.tokens.len());
        let mut cursor = index + 1;
        self.tree(&mut cursor, end, &[], exported);
        end + 1
    }

    fn is_restricted_pub(&self, index: usize) -> bool {
        let open = (0..index).rev().find(|&at| self.text(at) == "(");
        open.is_some_and(|open| self.before(open, 1) == "pub")
    }

    /// Parses one branch of a `use` tree: a path that ends in a name, a glob or a group.
    fn tree(&mut self, cursor: &mut usize, end: usize, prefix: &[String], exported: bool) {
        let mut segments = prefix.to_vec();
        let mut line = self.tokens.get(*cursor).map_or(0, |token| token.line);
        while *cursor < end {
            match self.text(*cursor) {
                "::" => *cursor += 1,
                "{" => {
                    *cursor += 1;
                    while *cursor < end && self.text(*cursor) != "}" {
                        self.tree(cursor, end, &segments, exported);
                        *cursor += usize::from(self.text(*cursor) == ",");
                    }
                    *cursor += 1;
                    return;
                }
                "," | "}" | "as" => break,
                text => {
                    segments.push(text.to_owned());
                    line = self.tokens[*cursor].line;
                    *cursor += 1;
                }
            }
        }
        let mut binding = segments.last().cloned();
        if binding.as_deref() == Some("self") && segments.len() > 1 {
            segments.pop();
            binding = segments.last().cloned();
        }
        if self.text(*cursor) == "as" {
            binding = Some(self.text(*cursor + 1).to_owned());
            *cursor += 2;
        }
        let binding = binding.filter(|name| name != "_");
        let context = self.context();
        self.names.paths.push(Path { segments, line, context, binding, exported });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &[&str]) {
        let names = of(&Source::parse("a.rs", code));
        let shown: Vec<_> = names
            .paths
            .iter()
            .map(|path| {
                let exported = if path.exported { "pub " } else { "" };
                let context = path.context.iter().map(|name| format!("[{name}] "));
                let binding = path.binding.as_ref().map(|name| format!(" = {name}"));
                let segments = path.segments.join("::");
                let context: String = context.collect();
                format!("{context}{exported}{segments}{}", binding.unwrap_or_default())
            })
            .collect();
        assert_eq!(shown, expected, "{code}");
    }

    #[test]
    fn use_trees_are_taken_apart() {
        check("use crate::a::b;", &["crate::a::b = b"]);
        check(
            "pub(crate) use std::{self, sync::{Arc as Shared, atomic::*}, fmt::{self, Debug as _}};",
            &[
                "pub std = std",
                "pub std::sync::Arc = Shared",
                "pub std::sync::atomic::* = *",
                "pub std::fmt = fmt",
                "pub std::fmt::Debug",
            ],
        );
        check("use ::loom::thread;", &["loom::thread = thread"]);
        check("fn f<'a>() -> impl Fn() + use<'a> { }", &[]);
    }

    #[test]
    fn plain_code_names_paths_too() {
        check("fn f() { crate::a::b(); x.y::<u8>(); }", &["crate::a::b"]);
        check(
            "let a: ::std::thread::Thread = b::C::<D::E>::new();",
            &["std::thread::Thread", "b::C", "D::E"],
        );
        check("pub(in crate::a) fn f() {}", &[]);
    }

    #[test]
    fn inline_modules_are_remembered_and_tests_left_out() {
        check("mod m { mod n { use super::x; } } use y::z;", &["[m] [n] super::x = x", "y::z = z"]);
        check("use a::b;\n#[cfg(test)] mod tests { use super::*; }", &["a::b = b"]);
    }

    #[test]
    fn declarations_and_macros_are_collected() {
        let names = of(&Source::parse("a.rs", "mod a; pub mod b { macro_rules! c { () => {} } }"));
        let modules: Vec<_> = names.modules.iter().map(|m| (m.name.as_str(), m.inline)).collect();
        assert_eq!(modules, [("a", false), ("b", true)]);
        assert_eq!(names.macros, [("c".to_owned(), vec!["b".to_owned()])]);
    }
}
