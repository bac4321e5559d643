//! Pipes that end, stall or break, and inputs that change under the reader.

use crate::harness::{Dir, end, noise, read_all, spawn, text};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;

#[test]
fn a_reader_that_goes_away_is_141_without_a_word() {
    let dir = Dir::new();
    dir.write("file", noise(4 << 20, 1));
    dir.write("file.zst", dir.pack(&dir.read("file")));
    for args in [["pack", "file", "-o-"], ["unpack", "file.zst", "-o-"]] {
        let mut child = spawn(dir.moirai().args(args));
        drop(child.stdout.take());
        let run = end(child);
        assert_eq!((run.code, &*run.stderr), (Some(141), ""), "{args:?}");
    }
    // The few lines of a dry run fit into a pipe: its reader is gone before they are written.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = dir.moirai();
    command.args(["pack", "--dry-run", "file", "-o", "x"]).stdout(writer).stderr(Stdio::piped());
    assert_eq!(end(command.spawn().unwrap()).code, Some(141));
}

#[test]
fn a_full_standard_output_is_74() {
    let dir = Dir::new();
    dir.write("file", text(1 << 20, 2));
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = dir.moirai();
    command.args(["pack", "file", "-o-"]).stdout(full).stderr(Stdio::piped());
    let run = end(command.spawn().unwrap());
    run.failed(74, &["cannot write standard output at offset 0", "No space left"]);
}

/// Packs `file` into a pipe that nobody reads until `change` has been done to it.
fn pack_while(dir: &Dir, change: impl FnOnce()) -> crate::harness::Ended {
    dir.write("file", noise(16 << 20, 3));
    let mut child = spawn(dir.moirai().args(["pack", "--chunk-size", "64K", "file", "-o-"]));
    let mut stdout = child.stdout.take().unwrap();
    // A first byte: the input is open. The window is far smaller than the file, so there is more to read.
    let mut first = [0];
    stdout.read_exact(&mut first).unwrap();
    change();
    let reader = thread::spawn(move || read_all(stdout));
    let run = end(child);
    let archive = [&first[..], &reader.join().unwrap()].concat();
    dir.write("archive", archive);
    dir.run(["unpack", "archive", "-o", "copy"]).failed(65, &["the archive ends"]);
    run
}

#[test]
fn an_input_that_changes_while_it_is_read_is_75_and_the_archive_is_not_whole() {
    let dir = Dir::new();
    let file = || OpenOptions::new().append(true).open(dir.path("file")).unwrap();
    let grown = pack_while(&dir, || file().write_all(b"more").unwrap());
    grown.failed(75, &["file changed while it was read", "grew past its 16777216 bytes"]);
    let shrunk = pack_while(&dir, || file().set_len(8 << 20).unwrap());
    shrunk.failed(75, &["file changed while it was read", "8388608 of its 16777216 bytes"]);
    let rewritten = pack_while(&dir, || {
        let mut file = OpenOptions::new().write(true).open(dir.path("file")).unwrap();
        file.write_all(b"other").unwrap();
    });
    rewritten.failed(75, &["file changed while it was read", "it was written to"]);
}

#[test]
fn a_file_on_standard_input_is_read_from_where_it_stands() {
    let dir = Dir::new();
    dir.write("file", text(300_000, 4));
    let mut file = File::open(dir.path("file")).unwrap();
    file.read_exact(&mut [0; 1000]).unwrap();
    let packed = end(spawn(dir.moirai().arg("pack").stdin(file)));
    packed.succeeded();
    let restored = dir.run_with_stdin(["unpack"], &packed.stdout);
    assert!(restored.stdout == dir.read("file")[1000..]);
}

#[test]
fn the_kernels_files_without_a_size_are_read_to_their_end() {
    let dir = Dir::new();
    dir.run(["pack", "/proc/self/mountinfo", "-o", "mounts.zst"]).succeeded();
    dir.run(["unpack", "mounts.zst"]).succeeded();
    assert!(fs::metadata(dir.path("mounts")).unwrap().len() > 0);
}

#[test]
fn a_fifo_can_be_both_ends() {
    let dir = Dir::new();
    let content = text(500_000, 5);
    for name in ["in", "out"] {
        let fifo = std::process::Command::new("mkfifo").arg(dir.path(name)).status().unwrap();
        assert!(fifo.success());
    }
    let child = spawn(dir.moirai().args(["pack", "in", "-o", "out"]));
    let (path, bytes) = (dir.path("in"), content.clone());
    let feeder = thread::spawn(move || fs::write(path, bytes).unwrap());
    let archive = fs::read(dir.path("out")).unwrap();
    feeder.join().unwrap();
    end(child).succeeded();
    assert!(crate::harness::stock_decode(&archive) == content);
    assert_eq!(dir.names(), ["in", "out"]);
}

#[test]
fn the_standard_streams_are_the_default_and_a_dash() {
    let dir = Dir::new();
    let content = text(200_000, 6);
    for args in [&["pack"][..], &["pack", "-"], &["pack", "-", "-o", "-"], &["pack", "-o-"]] {
        let packed = dir.run_with_stdin(args, &content);
        packed.succeeded();
        let restored = dir.run_with_stdin(["unpack", "-"], &packed.stdout);
        assert!(restored.stdout == content, "{args:?}");
    }
    dir.run_with_stdin(["pack", "-o", "file.zst"], &content).succeeded();
    assert_eq!(dir.names(), ["file.zst"]);
}
