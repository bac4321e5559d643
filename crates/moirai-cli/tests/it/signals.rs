//! Ctrl-C and its relatives, in the moments where a program likes to hang.

use crate::harness::{Dir, Ended, end, exists, noise, spawn, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Sends `signal` to `child` once it catches it; the run must end soon after.
fn interrupt(child: Child, signal: Signal) -> Ended {
    let pid = Pid::from_child(&child);
    let process = child.id().to_string();
    wait_until("the handlers are installed", || is_in("SigCgt:", &process, signal));
    let sent = Instant::now();
    kill_process(pid, signal).unwrap();
    let ended = end(child);
    assert!(sent.elapsed() < Duration::from_secs(5), "{:?}", sent.elapsed());
    ended
}

/// Whether the signal is in this set of the process; see proc(5).
fn is_in(set: &str, process: &str, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix(set)).unwrap().trim();
    u64::from_str_radix(set, 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
}

/// Whether a temporary file is in `dir`: the pipeline is about to run.
fn has_temp(dir: &Dir) -> bool {
    dir.names().iter().any(|name| name.starts_with(".moirai-"))
}

#[test]
fn a_signal_during_a_stalled_pipe_ends_the_run_and_removes_the_temporary_file() {
    let signals = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
    // What these tests were started with ignored, as by `nohup`, the program ignores, too.
    for (signal, code) in
        signals.into_iter().filter(|&(signal, _)| !is_in("SigIgn:", "self", signal))
    {
        let dir = Dir::new();
        dir.write("old", "old content");
        let mut child = spawn(
            dir.moirai()
                .args(["pack", "-f", "--chunk-size", "64K", "-o", "old"])
                .stdin(Stdio::piped()),
        );
        // Some chunks, then silence.
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&noise(300_000, 1)).unwrap();
        wait_until("the output is begun", || has_temp(&dir));
        interrupt(child, signal).failed(code, &["interrupted by SIG"]);
        assert_eq!(dir.read("old"), b"old content");
        assert_eq!(dir.names(), ["old"]);
    }
}

#[test]
fn a_signal_while_unpack_waits_for_a_header_ends_the_run() {
    let dir = Dir::new();
    let mut child = spawn(dir.moirai().args(["unpack", "-o", "out"]).stdin(Stdio::piped()));
    let _stdin = child.stdin.take();
    interrupt(child, Signal::INT).failed(130, &["interrupted by SIGINT"]);
    assert!(dir.names().is_empty());
}

#[test]
fn a_signal_while_unpack_waits_for_a_frame_removes_the_temporary_file() {
    let dir = Dir::new();
    let archive = dir.pack(&noise(500_000, 2));
    let mut child = spawn(dir.moirai().args(["unpack", "-o", "out"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&archive[..300_000]).unwrap();
    wait_until("the output is begun", || has_temp(&dir));
    interrupt(child, Signal::INT).failed(130, &["interrupted by SIGINT"]);
    assert!(dir.names().is_empty());
}

#[test]
fn a_signal_while_nobody_opens_the_other_end_of_a_fifo_ends_the_run() {
    let dir = Dir::new();
    assert!(Command::new("mkfifo").arg(dir.path("in")).status().unwrap().success());
    let child = spawn(dir.moirai().args(["pack", "in", "-o", "out"]));
    interrupt(child, Signal::INT).failed(130, &["interrupted by SIGINT"]);
    assert_eq!(dir.names(), ["in"]);
}

#[test]
fn a_signal_while_nobody_reads_the_output_ends_the_run() {
    let dir = Dir::new();
    dir.write("file", noise(4 << 20, 3));
    let child = {
        let mut command = dir.moirai();
        command.args(["pack", "--chunk-size", "64K", "file", "-o-"]).stderr(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        // Held open and not read.
        let stdout = child.stdout.take();
        (child, stdout)
    };
    interrupt(child.0, Signal::INT).failed(130, &["interrupted by SIGINT"]);
    drop(child.1);
}

#[test]
fn a_signal_in_the_middle_of_a_slow_chunk_does_not_wait_for_it() {
    let dir = Dir::new();
    dir.write("file", noise(64 << 20, 4).iter().map(|byte| byte & 15).collect::<Vec<_>>());
    let child =
        spawn(dir.moirai().args(["pack", "-l", "22", "-T1", "--chunk-size", "64M", "file"]));
    wait_until("the output is begun", || has_temp(&dir));
    interrupt(child, Signal::INT).failed(130, &["interrupted by SIGINT"]);
    assert_eq!(dir.names(), ["file"]);
}

#[test]
fn a_signal_at_any_moment_leaves_the_output_whole_or_nothing() {
    let dir = Dir::new();
    let content = noise(4 << 20, 5);
    dir.write("file", &content);
    dir.write("file.zst", dir.pack(&content));
    for round in 0..60 {
        let args = match round % 2 {
            0 => ["pack", "--chunk-size=64K", "file", "-oout"],
            _ => ["unpack", "-T2", "file.zst", "-oout"],
        };
        let child = spawn(dir.moirai().args(args));
        let pid = Pid::from_child(&child);
        // Spread over the run: where the temporary file has grown to, and some yields.
        let temp_bytes = || {
            let entries = fs::read_dir(dir.path(".")).unwrap().flatten();
            let is_temp = |entry: &fs::DirEntry| {
                entry.file_name().to_str().is_some_and(|name| name.starts_with(".moirai-"))
            };
            entries.filter(is_temp).find_map(|entry| Some(entry.metadata().ok()?.len()))
        };
        wait_until("the output has grown, or is in place", || {
            temp_bytes().is_some_and(|bytes| bytes >= (round / 2 % 15) << 18)
                || exists(&dir.path("out"))
        });
        let _ = kill_process(pid, Signal::TERM);
        let ended = end(child);
        match ended.code {
            Some(0) => fs::remove_file(dir.path("out")).unwrap(),
            _ => ended.failed(143, &["interrupted by SIGTERM"]),
        }
        assert_eq!(dir.names(), ["file", "file.zst"], "round {round}");
    }
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let dir = Dir::new();
    let script = format!("trap '' INT; exec {} pack -q -o out", env!("CARGO_BIN_EXE_moirai"));
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(dir.path(".")).stdin(Stdio::piped());
    let mut child = spawn(&mut command);
    let stdin = child.stdin.take();
    wait_until("the output is begun", || has_temp(&dir));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    drop(stdin);
    end(child).succeeded();
    assert_eq!(dir.names(), ["out"]);
}
