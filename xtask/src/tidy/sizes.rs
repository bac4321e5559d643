//! Long files. A question to the author, never a failure: a thought is not split for a counter.

use super::Tree;

/// A question for each file that is long without its tests.
pub(crate) fn long_files(tree: &Tree) -> Vec<String> {
    let long = tree.sources().filter_map(|(file, source)| {
        let lines = source.line_count_without_tests();
        (lines > LINES_WITHOUT_QUESTION_MAX)
            .then(|| format!("{file}: {lines} lines without tests; where is its seam?"))
    });
    long.collect()
}

const LINES_WITHOUT_QUESTION_MAX: usize = 700;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_are_no_tests_count() {
        let code = |lines: usize| "fn f() {}\n".repeat(lines);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", code(100));
        let at_limit = code(LINES_WITHOUT_QUESTION_MAX) + &tests;
        let above = code(LINES_WITHOUT_QUESTION_MAX + 1) + &tests;
        let questions = long_files(&Tree::of(&[("a/a.rs", &at_limit), ("a/b.rs", &above)]));
        assert_eq!(questions, ["a/b.rs: 701 lines without tests; where is its seam?"]);
    }
}
