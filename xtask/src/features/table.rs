//! The file format of the feature table: the part of TOML that it needs, and no more.
//! Knows keys and values; must never know which ids exist or what shows that one is done.

/// One feature as the table states it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Feature {
    /// The id, such as `A3`.
    pub(crate) id: String,
    /// The line of its header.
    pub(crate) line: usize,
    /// What it is.
    pub(crate) title: String,
    /// Whether it is there.
    pub(crate) status: Status,
    /// Names of tests.
    pub(crate) tests: Vec<String>,
    /// The path of a file with an example.
    pub(crate) example: Option<String>,
    /// Cases as `suite/case`, or the one word `none`.
    pub(crate) bench: Vec<String>,
}

/// Whether a feature is there.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not there; the other keys are not looked at.
    #[default]
    Planned,
    /// There, and shown.
    Done,
}

/// Why the table cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Error {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// What is wrong with it.
    pub(crate) what: String,
}

/// Reads the table.
pub(crate) fn parse(text: &str) -> Result<Vec<Feature>, Error> {
    let mut features: Vec<Feature> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let error = |what: String| Error { line: index + 1, what };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(id) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            features.push(Feature { id: id.to_owned(), line: index + 1, ..Feature::default() });
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| error(format!("expected `[id]` or `key = value`, found `{line}`")))?;
        let mut value = value.trim().to_owned();
        // An array may go on over the next lines.
        while value.starts_with('[') && !value.ends_with(']') {
            let (_, more) =
                lines.next().ok_or_else(|| error("this array has no end".to_owned()))?;
            value.push_str(more.trim());
        }
        let feature =
            features.last_mut().ok_or_else(|| error("a key before the first id".to_owned()))?;
        feature.set(key.trim(), &value).map_err(error)?;
    }
    Ok(features)
}

impl Feature {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "title" => self.title = string(value)?,
            "status" => {
                self.status = match string(value)?.as_str() {
                    "planned" => Status::Planned,
                    "done" => Status::Done,
                    other => {
                        return Err(format!(
                            "a status is \"planned\" or \"done\", not \"{other}\""
                        ));
                    }
                }
            }
            "tests" => self.tests = strings(value)?,
            "example" => self.example = Some(string(value)?),
            "bench" if value.starts_with('"') => self.bench = vec![string(value)?],
            "bench" => self.bench = strings(value)?,
            other => return Err(format!("no key is called `{other}`")),
        }
        Ok(())
    }
}

fn string(value: &str) -> Result<String, String> {
    let inside = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inside.filter(|inside| !inside.contains(['"', '\\'])) {
        Some(inside) => Ok(inside.to_owned()),
        None => Err(format!("expected a string in quotes, found `{value}`")),
    }
}

fn strings(value: &str) -> Result<Vec<String>, String> {
    let inside = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inside = inside.ok_or_else(|| format!("expected a list of strings, found `{value}`"))?;
    let items = inside.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_arrays_may_span_lines() {
        let text = "# note\n\n[A1]\ntitle = \"a = b\"\nstatus = \"done\"\n\
                    tests = [\n  \"x\",\n  \"y\",\n]\nexample = \"e.rs\"\nbench = \"none\"\n";
        let feature = Feature {
            id: "A1".to_owned(),
            line: 3,
            title: "a = b".to_owned(),
            status: Status::Done,
            tests: vec!["x".to_owned(), "y".to_owned()],
            example: Some("e.rs".to_owned()),
            bench: vec!["none".to_owned()],
        };
        assert_eq!(parse(text), Ok(vec![feature]));
    }

    #[track_caller]
    fn check_error(text: &str, line: usize, what: &str) {
        assert_eq!(parse(text), Err(Error { line, what: what.to_owned() }));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_line() {
        check_error("title = \"x\"", 1, "a key before the first id");
        check_error("[A1]\ntitel = \"x\"", 2, "no key is called `titel`");
        check_error("[A1]\ntitle = x", 2, "expected a string in quotes, found `x`");
        check_error("[A1]\ntests = \"x\"", 2, "expected a list of strings, found `\"x\"`");
        check_error("[A1]\ntests = [\n\"x\",", 2, "this array has no end");
        check_error("[A1]\nhello", 2, "expected `[id]` or `key = value`, found `hello`");
    }
}
