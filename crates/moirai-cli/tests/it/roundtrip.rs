//! What goes in comes out, and stock zstd agrees.

use crate::harness::{Dir, end, has, noise, skip, spawn, stock_decode, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const CHUNK: usize = 64 << 10;

#[test]
fn every_size_around_a_chunk_comes_back_from_files_and_pipes() {
    let dir = Dir::new();
    for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 100 * CHUNK + 1] {
        for content in [text(len, len as u64), noise(len, len as u64)] {
            dir.write("file", &content);
            dir.run(["pack", "-f", "--chunk-size", "64K", "file"]).succeeded();
            dir.run(["unpack", "-f", "file.zst", "-o", "copy"]).succeeded();
            assert_eq!(dir.read("copy"), content, "{len} bytes");
            let archive = dir.pack(&content);
            assert_eq!(archive, dir.read("file.zst"), "a pipe makes the same archive as a file");
            assert_eq!(stock_decode(&archive), content, "{len} bytes by zstd");
            let restored = dir.run_with_stdin(["restore", "-q"], &archive);
            restored.succeeded();
            assert_eq!(restored.stdout, content, "{len} bytes through pipes");
        }
    }
    assert_eq!(dir.names(), ["copy", "file", "file.zst"]);
}

#[test]
fn every_level_and_number_of_threads_comes_back() {
    let dir = Dir::new();
    let content = text(5 * CHUNK + 77, 1);
    dir.write("file", &content);
    for level in ["-100", "-1", "0", "1", "3", "12", "19", "22"] {
        for threads in ["1", "2", "8"] {
            let args = ["pack", "-fq", "--chunk-size", "64K", "-l", level, "-T", threads, "file"];
            dir.run(args).succeeded();
            assert_eq!(stock_decode(&dir.read("file.zst")), content, "level {level}");
            dir.run(["unpack", "-fq", "-T", threads, "file.zst", "-o", "copy"]).succeeded();
            assert_eq!(dir.read("copy"), content, "level {level}, {threads} threads");
        }
    }
}

#[test]
fn the_archive_does_not_depend_on_threads_or_depth() {
    let dir = Dir::new();
    dir.write("file", text(40 * CHUNK + 1, 2));
    let pack = |threads, depth| {
        let wide = ["-T", threads, "--channel-depth", depth];
        let packed =
            dir.run([&["pack", "-q", "--chunk-size", "64K", "file", "-o-"], &wide[..]].concat());
        packed.succeeded();
        packed.stdout
    };
    let first = pack("1", "1");
    assert_eq!(first, pack("2", "4"));
    assert_eq!(first, pack("8", "1"));
}

#[test]
fn chunks_of_many_sizes_come_back() {
    let dir = Dir::new();
    let content = text(3 << 20, 3);
    dir.write("file", &content);
    for size in ["64K", "65537", "1000000", "1M", "8M", "64M"] {
        dir.run(["pack", "-fq", "--chunk-size", size, "file"]).succeeded();
        dir.run(["unpack", "-fq", "file.zst", "-o", "copy"]).succeeded();
        assert_eq!(dir.read("copy"), content, "{size}");
    }
    dir.run(["pack", "-fq", "file"]).succeeded();
    dir.run(["unpack", "-fq", "file.zst"]).succeeded();
    assert_eq!(dir.read("file"), content);
}

#[test]
fn the_zstd_program_restores_and_tests_our_archives() {
    if !has("zstd") {
        return skip("there is no zstd program here");
    }
    let dir = Dir::new();
    for len in [0, 1, 3 * CHUNK + 5] {
        let content = text(len, 4);
        dir.write("archive.zst", dir.pack(&content));
        let zstd = |args: &[&str]| {
            let mut command = Command::new("zstd");
            end(spawn(command.args(args).arg(dir.path("archive.zst"))))
        };
        zstd(&["-t", "-q"]).succeeded();
        let restored = zstd(&["-dc", "-q"]);
        restored.succeeded();
        assert_eq!(restored.stdout, content);
    }
}

#[test]
fn permission_bits_go_with_the_file_but_not_setuid() {
    let dir = Dir::new();
    dir.write("file", "content");
    let mode = |name| fs::metadata(dir.path(name)).unwrap().permissions().mode() & 0o7777;
    fs::set_permissions(dir.path("file"), fs::Permissions::from_mode(0o4750)).unwrap();
    dir.run(["pack", "-q", "file"]).succeeded();
    assert_eq!(mode("file.zst"), 0o750);
    dir.run(["unpack", "-q", "file.zst", "-o", "copy"]).succeeded();
    assert_eq!(mode("copy"), 0o750);
}

#[test]
fn pack_and_unpack_report_the_same_digest() {
    let dir = Dir::new();
    dir.write("file", text(3 * CHUNK, 5));
    let packed = dir.run(["pack", "--json", "file"]).json();
    let restored = dir.run(["unpack", "--json", "file.zst", "-o", "copy"]).json();
    assert_eq!(packed["digest"], restored["digest"]);
    assert_eq!(packed["digest"].as_str().unwrap().len(), 64);
}

#[test]
fn an_endless_pipe_of_zeros_takes_one_frame_per_chunk() {
    let dir = Dir::new();
    let zeros = vec![0; 32 << 20];
    let packed = dir.run_with_stdin(["pack", "--json", "--chunk-size", "64K"], &zeros);
    packed.succeeded();
    let json: serde_json::Value = serde_json::from_str(&packed.stderr).unwrap();
    assert_eq!(json["frames"], 512);
    assert!(packed.stdout.len() < 64 << 10);
    let restored = dir.run_with_stdin(["unpack", "-q"], &packed.stdout);
    assert!(restored.stdout == zeros);
}
