//! The table for people and the JSON lines for programs.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::statistics::{median, minimum, ratio};
use super::{CaseResult, Row};

/// Whom the report compares, by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// The peer that all others are divided by.
    pub(crate) ours: &'static str,
    /// The peers that are limits rather than rivals.
    pub(crate) limits: &'static [&'static str],
}

impl Standing {
    /// Whether `peer` is one of ours: by its name, or by its name and where it runs, after an `@`.
    pub(crate) fn is_ours(&self, peer: &str) -> bool {
        is_or_runs_at(peer, self.ours)
    }

    fn is_rival(&self, peer: &str) -> bool {
        !self.is_ours(peer) && !self.limits.iter().any(|limit| is_or_runs_at(peer, limit))
    }
}

fn is_or_runs_at(peer: &str, name: &str) -> bool {
    peer.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

/// One row as one JSON object.
#[derive(Serialize)]
struct Line<'a> {
    suite: &'a str,
    case: &'a str,
    peer: &'a str,
    unit: &'a str,
    #[serde(flatten)]
    figures: Figures<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Figures<'a> {
    Samples { median: f64, min: f64, samples: Vec<f64> },
    Error { error: &'a str },
}

/// One JSON object per row, each on a line of its own.
///
/// # Errors
///
/// If a figure has no form in JSON.
pub(crate) fn json_lines(suite: &str, result: &CaseResult) -> serde_json::Result<String> {
    let mut lines = String::new();
    for row in &result.rows {
        let figures = match summary(row) {
            Ok((median, min, samples)) => {
                let samples = samples.iter().copied().map(rounded).collect();
                Figures::Samples { median: rounded(median), min: rounded(min), samples }
            }
            Err(error) => Figures::Error { error },
        };
        let line = Line { suite, case: result.case, peer: row.peer, unit: result.unit, figures };
        lines.push_str(&serde_json::to_string(&line)?);
        lines.push('\n');
    }
    Ok(lines)
}

/// The table of one case.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    pub(crate) result: &'a CaseResult,
    pub(crate) standing: Standing,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { result, standing } = self;
        writeln!(f, "{}  [{}, {}]", result.case, result.unit, result.what)?;
        let vs_ours = format!("/ {}", standing.ours);
        let names = result.rows.iter().map(|row| row.peer.len());
        let width = names.max().unwrap_or(0).max(12) + 2;
        writeln!(f, "  {:<width$}{:>12}{:>12}{:>12}", "peer", "median", "min", vs_ours)?;
        let ours = best(result, |peer| standing.is_ours(peer)).map(|(_, samples)| samples);
        for row in &result.rows {
            match summary(row) {
                Ok((median, min, samples)) => {
                    let against = ours.and_then(|ours| ratio(samples, ours));
                    let against = against.map_or_else(|| "-".to_owned(), figure);
                    let (median, min) = (figure(median), figure(min));
                    writeln!(f, "  {:<width$}{median:>12}{min:>12}{against:>12}", row.peer)?;
                }
                Err(error) => writeln!(f, "  {:<width$}error: {error}", row.peer)?,
            }
        }
        if let Some((rival, ratio)) = best_rival(result, *standing) {
            writeln!(f, "  {} / best rival ({rival}): {}", standing.ours, figure(ratio))?;
        }
        Ok(())
    }
}

/// The rival with the lowest median, and the median of our per-round ratio to it.
fn best_rival(result: &CaseResult, standing: Standing) -> Option<(&'static str, f64)> {
    let (_, ours) = best(result, |peer| standing.is_ours(peer))?;
    let (rival, theirs) = best(result, |peer| standing.is_rival(peer))?;
    Some((rival, ratio(ours, theirs)?))
}

/// The peer with the lowest median among those that `takes`, and its samples.
fn best(result: &CaseResult, takes: impl Fn(&str) -> bool) -> Option<(&'static str, &[f64])> {
    let rows = result.rows.iter().filter(|row| takes(row.peer));
    let medians = rows.filter_map(|row| {
        summary(row).ok().map(|(median, _, samples)| (median, row.peer, samples))
    });
    let (_, peer, samples) = medians.min_by(|(a, ..), (b, ..)| a.total_cmp(b))?;
    Some((peer, samples))
}

/// Median, minimum and samples, or the reason for their absence.
fn summary(row: &Row) -> Result<(f64, f64, &[f64]), &str> {
    let samples = row.samples.as_deref().map_err(String::as_str)?;
    match (median(samples), minimum(samples)) {
        (Some(median), Some(minimum)) => Ok((median, minimum, samples)),
        _ => Err("no samples"),
    }
}

/// To a thousandth: no clock here is finer, and a line stays readable.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// Three significant digits and thousands separators.
fn figure(value: f64) -> String {
    let decimals = match value {
        ..0.1 => 3,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    if decimals > 0 {
        return format!("{value:.decimals$}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        let _ = grouped.write_char(digit); // a String accepts everything
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDING: Standing = Standing { ours: "moirai", limits: &["floor"] };

    fn result() -> CaseResult {
        let row = |peer, samples: &[f64]| Row { peer, samples: Ok(samples.to_vec()) };
        let refused = Row { peer: "old", samples: Err("queue \"full\"".to_owned()) };
        CaseResult {
            case: "spawn_one",
            unit: "ns",
            what: "per task",
            rows: vec![
                row("moirai", &[100.0, 1000.0, 120.0]),
                row("tokio-mt", &[200.0, 2000.0, 120.0]),
                row("smol", &[400.0, 4000.0, 480.0]),
                row("floor", &[10.0, 10.0, 10.0]),
                refused,
            ],
        }
    }

    #[test]
    fn a_json_line_holds_exactly_the_documented_fields() {
        let lines = json_lines("exec", &result()).unwrap();
        assert_eq!(
            lines.lines().next(),
            Some(
                r#"{"suite":"exec","case":"spawn_one","peer":"moirai","unit":"ns","median":120.0,"min":100.0,"samples":[100.0,1000.0,120.0]}"#
            )
        );
        assert_eq!(lines.lines().count(), 5);
        assert!(lines.ends_with('\n'));
    }

    #[test]
    fn json_figures_are_rounded_to_a_thousandth() {
        let mut result = result();
        result.rows = vec![Row { peer: "smol", samples: Ok(vec![1.0 / 3.0, 369.43399999999997]) }];
        let line = json_lines("exec", &result).unwrap();
        assert!(line.contains(r#""samples":[0.333,369.434]"#), "{line}");
    }

    #[test]
    fn a_refusal_is_a_json_line_with_its_reason() {
        let lines = json_lines("exec", &result()).unwrap();
        assert_eq!(
            lines.lines().last(),
            Some(
                r#"{"suite":"exec","case":"spawn_one","peer":"old","unit":"ns","error":"queue \"full\""}"#
            )
        );
    }

    #[test]
    fn the_best_rival_is_neither_us_nor_the_limit() {
        let (rival, ratio) = best_rival(&result(), STANDING).unwrap();
        assert_eq!((rival, ratio), ("tokio-mt", 0.5));
    }

    #[test]
    fn ours_and_limits_may_run_anywhere() {
        assert!(STANDING.is_ours("moirai") && STANDING.is_ours("moirai@threads"));
        assert!(!STANDING.is_ours("moirai-0.10"));
        assert!(!STANDING.is_rival("floor@threads") && STANDING.is_rival("smol"));
    }

    #[test]
    fn the_table_shows_every_peer_also_those_that_refused() {
        let table = Table { result: &result(), standing: STANDING }.to_string();
        let rows: Vec<Vec<&str>> =
            table.lines().map(|row| row.split_whitespace().collect()).collect();
        assert!(rows.contains(&vec!["moirai", "120", "100", "1.00"]), "{table}");
        assert!(rows.contains(&vec!["tokio-mt", "200", "120", "2.00"]), "{table}");
        assert!(rows.contains(&vec!["old", "error:", "queue", "\"full\""]), "{table}");
        assert!(table.contains("moirai / best rival (tokio-mt): 0.50"), "{table}");
    }

    #[test]
    fn without_our_samples_there_is_no_ratio() {
        let mut result = result();
        result.rows[0].samples = Err("panicked".to_owned());
        let table = Table { result: &result, standing: STANDING }.to_string();
        assert!(!table.contains("best rival"), "{table}");
        assert!(table.contains(" -\n"), "{table}");
    }

    #[test]
    fn figures_keep_three_digits_and_group_thousands() {
        assert_eq!(figure(0.0123), "0.012");
        assert_eq!(figure(1.234), "1.23");
        assert_eq!(figure(56.78), "56.8");
        assert_eq!(figure(999.6), "1,000");
        assert_eq!(figure(1_234_567.0), "1,234,567");
    }
}
