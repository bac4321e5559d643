//! Counts the lines in some folders with tokei, and with its copy that runs on Moirai; fails if they do
//! not tell the same of every file.
//!
//! `cargo xtask tokei` makes the copy, and runs this.

use std::process::ExitCode;

use serde_json::Value;

/// What a counter tells of the folders, and of a notebook, whose cells are counted in parallel.
macro_rules! count {
    ($counter:ident, $folders:expr) => {{
        use $counter::{Config, LanguageType, Languages};

        let config = Config::default();
        let mut languages = Languages::new();
        languages.get_statistics($folders, &[], &config);
        let notebook = LanguageType::Jupyter.parse_from_str(notebook(), &config);
        let value = |told: serde_json::Result<Value>| sorted(told.unwrap_or_default());
        (value(serde_json::to_value(&languages)), value(serde_json::to_value(&notebook)))
    }};
}

fn main() -> ExitCode {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    if folders.is_empty() {
        eprintln!("expected the folders to count in");
        return ExitCode::FAILURE;
    }
    let (original, original_notebook) = count!(original, &folders);
    let (ported, ported_notebook) = count!(ported, &folders);
    if show(&original) == 0 || original_notebook["code"].as_u64() != Some(u64::from(CELLS)) {
        println!(
            "what there is to count was not counted on rayon (a notebook: {original_notebook})"
        );
        return ExitCode::FAILURE;
    }
    if original == ported && original_notebook == ported_notebook {
        println!("the same on rayon and on Moirai");
        return ExitCode::SUCCESS;
    }
    println!("differs on Moirai (a notebook: {original_notebook}, {ported_notebook}):");
    show(&ported);
    ExitCode::FAILURE
}

/// The value with the reports on files, which come in any order, sorted by the names of the files.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(mut values) => {
            values.sort_by_key(|report| report["name"].as_str().map(str::to_owned));
            Value::Array(values.into_iter().map(sorted).collect())
        }
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        value => value,
    }
}

/// Prints a line for each language; returns how many lines there are.
fn show(languages: &Value) -> u64 {
    println!("{:<16} {:>8} {:>8} {:>8} {:>8}", "", "files", "blanks", "code", "comments");
    let mut total = 0;
    for (name, language) in languages.as_object().into_iter().flatten() {
        let files = language["reports"].as_array().map_or(0, Vec::len);
        let lines = |kind: &str| language[kind].as_u64().unwrap_or(0);
        let (blanks, code, comments) = (lines("blanks"), lines("code"), lines("comments"));
        println!("{name:<16} {files:>8} {blanks:>8} {code:>8} {comments:>8}");
        total += blanks + code + comments;
    }
    total
}

/// A notebook of cells with a line of code each.
fn notebook() -> String {
    let cell = r#"{"cell_type": "code", "source": ["x = 1\n"]}"#;
    let cells = vec![cell; CELLS as usize].join(",");
    format!(r#"{{"cells": [{cells}], "metadata": {{"kernelspec": {{}}, "language_info": {{}}}}}}"#)
}

const CELLS: u32 = 10_000;
