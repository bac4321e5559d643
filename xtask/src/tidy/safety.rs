//! The paper trail of dangerous code: why a file may hold `unsafe`, which model checks it, and
//! whom each ordering pairs with. Only that the trail exists; whether it is right is for readers.

use super::tokens;
use super::{Tree, Violation};

/// A file that allows `unsafe` gives a reason, and the model that the reason names exists.
pub(crate) fn unsafe_files_say_why(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, source) in tree.sources() {
        let tokens = source.tokens();
        for index in 0..tokens.len() {
            let Some(attribute) = tokens::attribute_at(&tokens, index) else { continue };
            let body = &tokens[attribute.body.clone()];
            let words: Vec<_> = body.iter().map(|token| token.text).collect();
            let allows = matches!(words.first(), Some(&("allow" | "expect")));
            if !allows || !words.contains(&"unsafe_code") {
                continue;
            }
            let (line, start) = (tokens[index].line, tokens[index].offset);
            let end = tokens.get(attribute.end).map_or(source.code().len(), |token| token.offset);
            let text = tree.text(file).and_then(|text| text.get(start..end)).unwrap_or_default();
            let why = |what: String| Violation::new(file, line, what);
            match reason(text) {
                _ if !attribute.inner => violations.push(why(
                    "`unsafe` is allowed for a whole file at its top or not at all, so that one \
                     sees which files hold it"
                        .to_owned(),
                )),
                None => violations.push(why(
                    "a file that allows `unsafe` says why: `reason = \"..\"`".to_owned(),
                )),
                Some(reason) => violations.extend(
                    models(reason)
                        .filter(|model| tree.text(&beside_sources(file, model)).is_none())
                        .map(|model| why(format!("its model `{model}` does not exist"))),
                ),
            }
        }
    }
    violations
}

/// The text after `reason = ` in an attribute.
fn reason(attribute: &str) -> Option<&str> {
    let (_, tail) = attribute.split_once("reason")?;
    let (_, tail) = tail.split_once('"')?;
    let reason = tail.rsplit_once('"').map_or(tail, |(reason, _)| reason).trim();
    (!reason.is_empty()).then_some(reason)
}

/// The files that a reason names as models: every `src/model/x.rs` or `src/model/{x,y}.rs` in it.
fn models(reason: &str) -> impl Iterator<Item = String> {
    reason.split(MODELS).skip(1).flat_map(|rest| {
        let (names, tail) = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((names, tail)) => (names, tail),
            None => ("", rest),
        };
        let end = tail.find(|letter: char| !letter.is_alphanumeric() && !"_./".contains(letter));
        let tail = tail[..end.unwrap_or(tail.len())].trim_end_matches('.').to_owned();
        names.split(',').map(move |name| format!("{MODELS}{}{tail}", name.trim()))
    })
}

/// `path` in the package that `file` belongs to.
fn beside_sources(file: &str, path: &str) -> String {
    let package = file.split_once("/src/").map_or("", |(package, _)| package);
    format!("{package}/{path}")
}

/// Each ordering stronger than `Relaxed` has a comment beside or above it, which is where its
/// partner is named.
pub(crate) fn orderings_name_their_partner(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, source) in tree.sources() {
        if !ORDERED.iter().any(|folder| file.starts_with(folder)) {
            continue;
        }
        let mut importing = false;
        for token in source.tokens() {
            match token.text {
                "use" => importing = true,
                ";" => importing = false,
                name if ORDERINGS.contains(&name) && !importing && !source.is_test(token.line) => {
                    let first = token.line.saturating_sub(COMMENT_DISTANCE_MAX);
                    if !(first..=token.line).any(|line| source.has_comment(line)) {
                        let what = format!("`{name}` without a comment that names its partner");
                        violations.push(Violation::new(file, token.line, what));
                    }
                }
                _ => {}
            }
        }
    }
    violations
}

/// Where models live, inside a package.
const MODELS: &str = "src/model/";

const ORDERED: [&str; 2] = ["crates/moirai-sync/src/", "crates/moirai-runtime/src/"];
const ORDERINGS: [&str; 4] = ["Acquire", "Release", "AcqRel", "SeqCst"];
/// How many lines above an ordering its comment may stand.
const COMMENT_DISTANCE_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "crates/moirai-sync/src/ring.rs";

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Violation>, code: &str, expected: &[&str]) {
        let model = ("crates/moirai-sync/src/model/ring.rs", "");
        let found = rule(&Tree::of(&[(FILE, code), model]));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(&format!("{FILE}:{expected}")), "{found}");
        }
    }

    #[test]
    fn a_file_with_unsafe_gives_a_reason() {
        check(unsafe_files_say_why, "#![allow(unsafe_code)]", &["1: a file that allows"]);
        check(unsafe_files_say_why, "//! x\n#![allow(unsafe_code, reason = \"\")]", &["2: a file"]);
        check(unsafe_files_say_why, "#![allow(unsafe_code, reason = \"cells\")]", &[]);
        check(unsafe_files_say_why, "// #![allow(unsafe_code)]\n#![allow(dead_code)]", &[]);
    }

    #[test]
    fn unsafe_is_not_allowed_piecemeal() {
        let code = "#[allow(unsafe_code, reason = \"just here\")] fn f() {}";
        check(unsafe_files_say_why, code, &["1: `unsafe` is allowed for a whole file"]);
    }

    #[test]
    fn a_model_that_the_reason_names_exists() {
        let with = |model: &str| {
            format!(
                "#![allow(\n    unsafe_code,\n    reason = \"slots; model: {model}\"\n)]\nfn f() {{}}"
            )
        };
        check(unsafe_files_say_why, &with("src/model/ring.rs."), &[]);
        let gone = "1: its model `src/model/gone.rs`";
        check(unsafe_files_say_why, &with("src/model/gone.rs, and more"), &[gone]);
        check(unsafe_files_say_why, &with("src/model/{ring,gone}.rs"), &[gone]);
    }

    #[test]
    fn an_ordering_without_a_comment_is_refused() {
        check(
            orderings_name_their_partner,
            "use X::{Acquire, SeqCst};\n\n\n\n\n\n\na.load(Ordering::Acquire);",
            &["8: `Acquire`"],
        );
        check(orderings_name_their_partner, "fence(SeqCst);", &["1: `SeqCst`"]);
    }

    #[test]
    fn a_comment_beside_or_up_to_six_lines_above_will_do() {
        check(orderings_name_their_partner, "a.load(Acquire); // pairs with `put`", &[]);
        check(orderings_name_their_partner, "// pairs with `put`\n\n\n\n\n\na.load(Acquire);", &[]);
        let seven = "// pairs with `put`\n\n\n\n\n\n\na.load(Acquire);";
        check(orderings_name_their_partner, seven, &["8: `Acquire`"]);
    }

    #[test]
    fn relaxed_and_tests_need_none() {
        let code = "a.load(Relaxed);\n#[cfg(test)]\nmod tests { fn f() { a.load(SeqCst); } }";
        check(orderings_name_their_partner, code, &[]);
    }
}
