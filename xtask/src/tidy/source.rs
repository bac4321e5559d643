//! One Rust file with its code and its comments apart.
//!
//! Knows Rust's lexical grammar, just enough that no rule is fooled by a word in a string or by a
//! comment, and which lines are test code. Knows no rule and no grammar beyond tokens.

use super::tokens::{self, Token};

/// A Rust file, taken apart.
#[derive(Debug)]
pub(crate) struct Source {
    /// The file with comments and literals blanked out: same length, same lines.
    code: String,
    /// For each line, whether a comment covers part of it.
    comments: Vec<bool>,
    /// For each line, whether only `cfg(test)` compiles it.
    tests: Vec<bool>,
}

impl Source {
    /// Takes the file at `path` apart.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let Blanked { code, comments } = blank(text);
        let tests = test_lines(path, &code, comments.len());
        Self { code, comments, tests }
    }

    /// The tokens of the code, literals left out.
    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        tokens::of(&self.code)
    }

    /// The code alone.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Whether a comment covers part of `line` (counted from 1).
    pub(crate) fn has_comment(&self, line: usize) -> bool {
        at(&self.comments, line)
    }

    /// Whether `line` (counted from 1) is test code.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        at(&self.tests, line)
    }

    /// How many lines are not test code.
    pub(crate) fn line_count_without_tests(&self) -> usize {
        self.tests.iter().filter(|&&test| !test).count()
    }
}

fn at(lines: &[bool], line: usize) -> bool {
    line.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or(false)
}

/// A file with everything but code replaced by spaces.
struct Blanked {
    code: String,
    comments: Vec<bool>,
}

/// Walks the file once; `rest` always starts at a token boundary.
fn blank(text: &str) -> Blanked {
    let mut code = String::with_capacity(text.len());
    let mut comments = vec![false; text.lines().count()];
    let (mut rest, mut line) = (text, 0);
    while let Some(first) = rest.chars().next() {
        let comment = comment_len(rest);
        let literal = literal_len(rest, code.chars().next_back());
        let (taken, tail) = rest.split_at(comment.or(literal).unwrap_or(first.len_utf8()));
        let newlines = taken.matches('\n').count();
        match (comment, literal) {
            (Some(_), _) => {
                comments.iter_mut().skip(line).take(newlines + 1).for_each(|seen| *seen = true);
                push_blank(&mut code, taken);
            }
            (None, Some(_)) => push_blank(&mut code, taken),
            (None, None) => push_code(&mut code, first),
        }
        (rest, line) = (tail, line + newlines);
    }
    Blanked { code, comments }
}

fn push_blank(code: &mut String, text: &str) {
    code.extend(text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
}

/// Keeps ASCII; a letter beyond it becomes as many `_` as it has bytes, so that offsets stay.
fn push_code(code: &mut String, letter: char) {
    if letter.is_ascii() {
        code.push(letter);
    } else {
        code.extend(std::iter::repeat_n('_', letter.len_utf8()));
    }
}

/// The length of the comment that `rest` starts with. Block comments nest.
fn comment_len(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let bytes = rest.as_bytes();
    let (mut depth, mut index) = (0_usize, 0);
    while index < bytes.len() {
        if bytes[index..].starts_with(b"/*") {
            (depth, index) = (depth + 1, index + 2);
        } else if bytes[index..].starts_with(b"*/") {
            (depth, index) = (depth - 1, index + 2);
            if depth == 0 {
                return Some(index);
            }
        } else {
            index += 1;
        }
    }
    Some(bytes.len())
}

/// The length of the string or character literal that `rest` starts with. `before` tells a prefix
/// (`b"`, `r#"`) from the end of a name.
fn literal_len(rest: &str, before: Option<char>) -> Option<usize> {
    let in_name = before.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    let prefix = rest.len() - rest.trim_start_matches(['b', 'r', 'c']).len();
    if rest.starts_with('"') {
        return Some(quoted_len(rest));
    }
    if rest.starts_with('\'') {
        return char_len(rest);
    }
    if in_name || prefix == 0 || prefix > 2 {
        return None;
    }
    let (letters, tail) = rest.split_at(prefix);
    if letters.contains('r') {
        let hashes = tail.len() - tail.trim_start_matches('#').len();
        if !tail[hashes..].starts_with('"') {
            return None; // a raw identifier, or just a name
        }
        let end = format!("\"{}", "#".repeat(hashes));
        let body = prefix + hashes + 1;
        return Some(rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len()));
    }
    match tail.chars().next() {
        Some('"') => Some(prefix + quoted_len(tail)),
        Some('\'') if letters == "b" => char_len(tail).map(|length| prefix + length),
        _ => None,
    }
}

fn quoted_len(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut index = 1;
    while index < bytes.len() {
        match bytes[index] {
            b'\\' => index += 2,
            b'"' => return index + 1,
            _ => index += 1,
        }
    }
    bytes.len()
}

/// `'x'` and `'\n'` are characters; `'x` alone is a lifetime.
fn char_len(rest: &str) -> Option<usize> {
    let mut letters = rest.char_indices().skip(1);
    let (_, first) = letters.next()?;
    if first == '\\' {
        letters.next();
        return letters.find(|&(_, letter)| letter == '\'').map(|(at, _)| at + 1);
    }
    letters.next().and_then(|(at, letter)| (letter == '\'').then_some(at + 1))
}

/// Marks the lines of items under `#[cfg(test)]`, and whole files that are tests.
fn test_lines(path: &str, code: &str, lines: usize) -> Vec<bool> {
    if is_test_file(path) {
        return vec![true; lines];
    }
    let tokens = tokens::of(code);
    let mut tests = vec![false; lines];
    let mut index = 0;
    while index < tokens.len() {
        let Some(attribute) = tokens::attribute_at(&tokens, index) else {
            index += 1;
            continue;
        };
        if !is_test_attribute(&tokens[attribute.body.clone()]) {
            index = attribute.end;
            continue;
        }
        if attribute.inner {
            return vec![true; lines];
        }
        let end = tokens::item_end(&tokens, attribute.end);
        let last = tokens.get(end.saturating_sub(1)).map_or(lines, |token| token.line);
        for test in &mut tests[tokens[index].line - 1..last] {
            *test = true;
        }
        index = end;
    }
    tests
}

fn is_test_file(path: &str) -> bool {
    let folder =
        |name: &str| path.contains(&format!("/{name}/")) || path.starts_with(&format!("{name}/"));
    let tests = ["tests", "model", "random"].into_iter().any(folder);
    tests || path.ends_with("/tests.rs")
}

/// `cfg(test)` or `cfg(all(.., test, ..))`: conditions that do not hold without `test`.
fn is_test_attribute(body: &[Token<'_>]) -> bool {
    let words: Vec<_> = body.iter().map(|token| token.text).collect();
    match words.as_slice() {
        ["cfg", "(", "test", ")"] => true,
        ["cfg", "(", "all", "(", conditions @ ..] => {
            let mut depth = 0_usize;
            conditions.iter().any(|&word| {
                match word {
                    "(" => depth += 1,
                    ")" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                depth == 0 && word == "test"
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_code(text: &str, expected: &str) {
        let source = Source::parse("a.rs", text);
        assert_eq!(source.code.len(), text.len(), "offsets stay");
        let words: Vec<_> = source.tokens().iter().map(|token| token.text).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn comments_strings_and_characters_are_no_code() {
        check_code("let a = 1; // fn b", "let a = 1 ;");
        check_code("a /* x /* y */ z */ b", "a b");
        check_code(r#"a("fn \" x", 'f', '\'', b'x', b"y") c"#, "a ( , , , , ) c");
        check_code("r#\"one \" two\"# three", "three");
        check_code("&'a str, '}', 'b: loop", "& ' a str , , ' b : loop");
        check_code("br\"x\" r#type par\"", "r # type par");
    }

    #[test]
    fn every_line_under_a_comment_is_marked() {
        let source = Source::parse("a.rs", "a // x\nb\n/* c\nd */ e\nf\n");
        let marked: Vec<_> = (0..=6).map(|line| source.has_comment(line)).collect();
        assert_eq!(marked, [false, true, false, true, true, false, false]);
    }

    #[track_caller]
    fn check_tests(path: &str, text: &str, expected: &[usize]) {
        let source = Source::parse(path, text);
        let lines = 1..=text.lines().count();
        assert_eq!(lines.filter(|&line| source.is_test(line)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn test_code_ends_where_its_item_ends() {
        check_tests("a.rs", "a\n#[cfg(test)]\nmod tests {\n { }\n}\nb", &[2, 3, 4, 5]);
        check_tests("a.rs", "#[cfg(test)]\nuse a::{b, c};\nd", &[1, 2]);
        check_tests("a.rs", "#[cfg(all(test, moirai_loom))] mod model;\nb", &[1]);
        check_tests("a.rs", "#[cfg(all(test, not(any(a, b))))]\nfn f() {}\nb", &[1, 2]);
        check_tests("a.rs", "#[cfg(test)]\n#[inline]\nfn f() -> [u8; 3] {\n}\nb", &[1, 2, 3, 4]);
    }

    #[test]
    fn code_that_also_ships_is_not_test_code() {
        check_tests("a.rs", "#[cfg(not(test))]\nfn a() {}", &[]);
        check_tests("a.rs", "#[cfg(any(test, moirai_loom))]\nfn a() {}", &[]);
        check_tests("a.rs", "#[cfg(all(not(test), unix))]\nfn a() {}", &[]);
    }

    #[test]
    fn folders_of_tests_and_models_are_test_code_throughout() {
        check_tests("crates/x/tests/it/main.rs", "fn a() {}", &[1]);
        check_tests("crates/x/src/model/ring.rs", "fn a() {}", &[1]);
        check_tests("crates/x/src/random/park.rs", "fn a() {}", &[1]);
        check_tests("a.rs", "#![cfg(test)]\nfn a() {}", &[1, 2]);
    }
}
