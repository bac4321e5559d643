//! What the program says, where, and to whom.

use crate::harness::{Dir, text};

#[test]
fn help_has_examples_and_every_exit_code() {
    let dir = Dir::new();
    for args in [&["--help"][..], &["pack", "--help"], &["unpack", "-h"]] {
        let help = dir.run(args);
        help.succeeded();
        let out = String::from_utf8(help.stdout).unwrap();
        for part in ["Usage: moirai", "Examples:", "Exit codes:"] {
            assert!(out.contains(part), "{args:?}: no {part}");
        }
        for code in ["0", "1", "64", "65", "66", "73", "74", "75", "77", "130", "141"] {
            let line = |line: &str| line.trim_start().starts_with(&format!("{code}  "));
            assert!(out.lines().any(line), "{args:?}: no exit code {code}");
        }
        assert!(help.stderr.is_empty());
    }
    assert!(dir.run(["--version"]).stdout.starts_with(b"moirai "));
}

#[test]
fn nonsense_on_the_command_line_is_64() {
    let dir = Dir::new();
    dir.write("file", "content");
    for args in [
        &[][..],
        &["frobnicate"],
        &["pack", "--frobnicate", "file"],
        &["pack", "-l", "23", "file"],
        &["pack", "-l", "x", "file"],
        &["pack", "-T", "257", "file"],
        &["pack", "-T", "-1", "file"],
        &["pack", "--chunk-size", "63K", "file"],
        &["pack", "--chunk-size", "65M", "file"],
        &["pack", "--channel-depth", "0", "file"],
        &["pack", "--progress", "maybe", "file"],
        &["pack", "file", "file"],
        &["unpack", "-l", "3", "file"],
    ] {
        let run = dir.run(args);
        run.failed(64, &["help"]);
        assert!(run.stdout.is_empty(), "{args:?}");
    }
    assert_eq!(dir.names(), ["file"]);
    let run = dir.run(["pack", "--json", "-l", "23", "file"]);
    assert_eq!((run.code, &run.json()["exit"]), (Some(64), &64.into()));
}

#[test]
fn quiet_runs_say_nothing_unless_they_fail() {
    let dir = Dir::new();
    dir.write("file", text(100_000, 1));
    let run = dir.run(["pack", "-q", "file"]);
    run.succeeded();
    assert!(run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");
    dir.run(["pack", "-q", "file"]).failed(73, &["moirai: file.zst exists"]);
}

#[test]
fn a_run_ends_with_one_line_on_standard_error() {
    let dir = Dir::new();
    dir.write("file", text(1 << 20, 2));
    let run = dir.run(["pack", "file"]);
    run.succeeded();
    assert!(run.stdout.is_empty());
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    for part in ["file.zst: 1.0 MiB -> ", "x) in ", "/s, peak memory "] {
        assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
    }
}

#[test]
fn a_dry_run_does_nothing_and_says_what_would_be_done() {
    let dir = Dir::new();
    dir.write("file", text(10 << 20, 3));
    let run = dir.run(["pack", "--dry-run", "-T2", "-l19", "file"]);
    run.succeeded();
    let out = String::from_utf8(run.stdout).unwrap();
    for part in ["file (10.0 MiB)", "file.zst", "19", "2097152 bytes", "10 chunks", "at most "] {
        assert!(out.contains(part), "no {part:?} in {out}");
    }
    let json = dir.run(["pack", "--dry-run", "--json", "-T2", "file"]).json();
    assert_eq!(json["status"], "planned");
    assert_eq!(json["plan"]["window"], 10);
    assert_eq!(json["input"]["bytes"], 10 << 20);
    assert!(json["memory"]["bound_bytes"].as_u64().unwrap() > 10 << 20);
    assert_eq!(dir.names(), ["file"]);
    // It refuses what the real run would refuse.
    dir.write("file.zst", "old");
    dir.run(["pack", "--dry-run", "file"]).failed(73, &["exists"]);
    dir.run(["unpack", "--dry-run", "file.zst", "-o", "x"]).failed(65, &["corrupt at offset 0"]);
    let piped = dir.run(["unpack", "--dry-run"]);
    assert!(String::from_utf8(piped.stdout).unwrap().contains("not known yet"));
}

#[test]
fn json_tells_everything_about_a_run() {
    let dir = Dir::new();
    dir.write("file", text(1 << 20, 4));
    let run = dir.run(["pack", "--json", "--chunk-size", "64K", "-T2", "file"]);
    run.succeeded();
    assert!(run.stderr.is_empty());
    let packed = run.json();
    assert_eq!(packed["schema"], 1);
    assert_eq!((&packed["status"], &packed["exit"]), (&"done".into(), &0.into()));
    assert_eq!(packed["input"]["bytes"], 1 << 20);
    assert_eq!(packed["output"]["bytes"], dir.read("file.zst").len());
    assert_eq!(packed["frames"], 16);
    assert!(packed["ratio"].as_f64().unwrap() > 1.0);
    let names: Vec<_> = packed["stages"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    assert_eq!(names, ["read", "compress", "write"]);
    for stage in packed["stages"].as_array().unwrap() {
        assert_eq!(stage["items"], 16);
        for time in ["busy_s", "wait_receive_s", "wait_send_s"] {
            assert!(stage[time].as_f64().unwrap() >= 0.0);
        }
    }
    for key in ["wall_s", "user_s", "system_s", "peak_rss_bytes"] {
        assert!(packed["usage"][key].is_number(), "{key}");
    }
    let restored = dir.run(["unpack", "--json", "file.zst", "-o", "copy"]).json();
    assert_eq!(restored["output"]["bytes"], 1 << 20);
    assert_eq!(restored["plan"]["chunk_bytes"], 65536);
}

#[test]
fn json_goes_to_standard_error_when_the_data_goes_to_standard_output() {
    let dir = Dir::new();
    let run = dir.run_with_stdin(["pack", "--json"], b"content");
    run.succeeded();
    let json: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(json["output"]["name"], "standard output");
    assert_eq!(crate::harness::stock_decode(&run.stdout), b"content");
    let run = dir.run_with_stdin(["unpack", "--json"], b"rubbish");
    let json: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!((run.code, &json["exit"]), (Some(65), &65.into()));
}

#[test]
fn json_tells_of_failures_beside_the_message() {
    let dir = Dir::new();
    let mut archive = dir.pack(&text(200_000, 5));
    archive.truncate(100);
    dir.write("bad.zst", &archive);
    let run = dir.run(["unpack", "--json", "bad.zst"]);
    run.failed(65, &["moirai: bad.zst: corrupt at offset 100"]);
    let json = run.json();
    assert_eq!(json["error"]["kind"], "corrupt");
    assert_eq!(json["error"]["offset"], 100);
    assert_eq!(json["error"]["frame"], 0);
    let missing = dir.run(["pack", "--json", "nothing"]);
    assert_eq!(missing.json()["error"]["kind"], "no_input");
}

#[test]
fn progress_is_shown_when_asked_for_and_only_then() {
    let dir = Dir::new();
    dir.write("file", text(20 << 20, 6));
    let shown = dir.run(["pack", "-f", "--progress", "always", "file"]);
    shown.succeeded();
    assert!(shown.stderr.contains("packing [") && shown.stderr.contains('%'), "{}", shown.stderr);
    assert!(!shown.stderr.contains('\u{1b}'), "no escape codes into a pipe");
    for when in ["auto", "never"] {
        let run = dir.run(["pack", "-f", "--progress", when, "file"]);
        assert!(!run.stderr.contains("packing ["), "{when}: {}", run.stderr);
    }
}
