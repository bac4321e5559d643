//! Inputs and outputs that cannot be used, and outputs that must not be lost.

use crate::harness::{Dir, end, exists, has, noise, skip, spawn, text};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

#[test]
fn a_missing_input_is_66() {
    let dir = Dir::new();
    dir.run(["pack", "nothing"]).failed(66, &["cannot open nothing", "No such file"]);
    dir.run(["unpack", "nothing.zst"]).failed(66, &["cannot open nothing.zst"]);
    assert!(dir.names().is_empty());
}

#[test]
fn a_directory_as_input_is_66() {
    let dir = Dir::new();
    fs::create_dir(dir.path("folder.zst")).unwrap();
    dir.run(["pack", "folder.zst"]).failed(66, &["cannot open folder.zst", "directory"]);
    dir.run(["unpack", "folder.zst"]).failed(66, &["cannot open folder.zst", "directory"]);
    let stdin = fs::File::open(dir.path("folder.zst")).unwrap();
    let piped = end(spawn(dir.moirai().arg("pack").stdin(stdin)));
    piped.failed(66, &["cannot open standard input", "directory"]);
    assert_eq!(dir.names(), ["folder.zst"]);
}

#[test]
fn an_input_that_may_not_be_read_is_77() {
    let dir = Dir::new();
    dir.write("secret", "content");
    fs::set_permissions(dir.path("secret"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(dir.path("."), fs::Permissions::from_mode(0o777)).unwrap();
    let run = if fs::read(dir.path("secret")).is_err() {
        dir.run(["pack", "secret"])
    } else if has("setpriv") {
        // The superuser may read everything, so be somebody else; the program lies where others may not look.
        fs::copy(env!("CARGO_BIN_EXE_moirai"), dir.path("moirai")).unwrap();
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "./moirai",
            "pack",
            "secret",
        ]);
        let run = end(spawn(command.current_dir(dir.path("."))));
        fs::remove_file(dir.path("moirai")).unwrap();
        run
    } else {
        return skip("the superuser may read everything, and there is no setpriv");
    };
    run.failed(77, &["cannot open secret", "Permission denied"]);
    assert_eq!(dir.names(), ["secret"]);
}

#[test]
fn an_existing_output_is_73_and_stays() {
    let dir = Dir::new();
    dir.write("file", "content");
    dir.write("file.zst", "old");
    dir.run(["pack", "file"]).failed(73, &["file.zst exists", "-f replaces it"]);
    assert_eq!(dir.read("file.zst"), b"old");
    dir.run(["pack", "-f", "file"]).succeeded();
    dir.run(["unpack", "file.zst"]).failed(73, &["file exists"]);
    dir.write("other", "old");
    dir.run(["unpack", "file.zst", "-o", "other"]).failed(73, &["other exists"]);
    assert_eq!(dir.read("other"), b"old");
    // A dangling link is in the way, too.
    symlink("nowhere", dir.path("link")).unwrap();
    dir.run(["unpack", "file.zst", "-o", "link"]).failed(73, &["link exists"]);
    assert_eq!(dir.names(), ["file", "file.zst", "link", "other"]);
}

#[test]
fn the_input_as_output_is_73_by_any_name_and_even_with_force() {
    let dir = Dir::new();
    dir.write("file", "content");
    fs::hard_link(dir.path("file"), dir.path("hard")).unwrap();
    symlink("file", dir.path("soft")).unwrap();
    for name in ["file", "./file", "hard", "soft"] {
        for command in ["pack", "unpack"] {
            let run = dir.run([command, "-f", "file", "-o", name]);
            run.failed(73, &[&format!("{name} is the input itself")]);
        }
    }
    let stdin = || fs::File::open(dir.path("file")).unwrap();
    let piped = end(spawn(dir.moirai().args(["pack", "-f", "-o", "hard"]).stdin(stdin())));
    piped.failed(73, &["hard is the input itself"]);
    let append = fs::OpenOptions::new().append(true).open(dir.path("file")).unwrap();
    let mut command = dir.moirai();
    let both = command.arg("pack").stdin(stdin()).stdout(append).stderr(Stdio::piped());
    end(both.spawn().unwrap()).failed(73, &["standard output is the input itself"]);
    assert_eq!(dir.read("file"), b"content");
    assert_eq!(dir.names(), ["file", "hard", "soft"]);
}

#[test]
fn an_output_that_cannot_be_created_is_73() {
    let dir = Dir::new();
    dir.write("file", "content");
    fs::create_dir(dir.path("folder")).unwrap();
    dir.run(["pack", "file", "-o", "nowhere/out"]).failed(73, &["cannot create nowhere/out"]);
    dir.run(["pack", "-f", "file", "-o", "folder"])
        .failed(73, &["cannot create folder", "directory"]);
    dir.run(["pack", "file", "-o", "file/out"]).failed(73, &["cannot create file/out"]);
    // Even a dry run knows that there can be no such name.
    let long = "n".repeat(300);
    dir.run(["pack", "--dry-run", "file", "-o", &long]).failed(73, &["File name too long"]);
    assert_eq!(dir.names(), ["file", "folder"]);
}

#[test]
fn force_replaces_the_file_that_a_link_points_to() {
    let dir = Dir::new();
    dir.write("file", "content");
    fs::create_dir(dir.path("folder")).unwrap();
    dir.write("folder/real", "old");
    symlink("folder/real", dir.path("link")).unwrap();
    dir.run(["pack", "-fq", "file", "-o", "link"]).succeeded();
    assert!(dir.path("link").is_symlink());
    dir.run(["unpack", "-q", "folder/real", "-o", "copy"]).succeeded();
    assert_eq!(dir.read("copy"), b"content");
}

#[test]
fn a_device_as_output_stays_a_device() {
    let dir = Dir::new();
    dir.write("file", text(1 << 20, 1));
    dir.run(["pack", "-f", "file", "-o", "/dev/null"]).succeeded();
    dir.run(["pack", "-f", "file", "-o", "/dev/full"])
        .failed(74, &["cannot write /dev/full at offset 0", "No space left"]);
    for name in ["/dev/null", "/dev/full"] {
        assert!(!fs::metadata(name).unwrap().is_file(), "{name}");
    }
}

#[test]
fn an_output_above_the_file_size_limit_is_74_and_removed() {
    let dir = Dir::new();
    dir.write("file", noise(3 << 20, 2));
    dir.write("old", "old content");
    dir.write("file.zst", dir.pack(&noise(3 << 20, 3)));
    let program = env!("CARGO_BIN_EXE_moirai");
    for command in ["pack -f file -o old", "unpack -f file.zst -o old", "pack file -o new"] {
        // The limit's signal must not kill the program, whether or not it was ignored before.
        for trap in ["", "trap '' XFSZ;"] {
            let script = format!("{trap} ulimit -f 1024; exec {program} {command}");
            let mut command = Command::new("sh");
            let run = end(spawn(command.args(["-c", &script]).current_dir(dir.path("."))));
            run.failed(74, &["cannot write", "at offset", "File too large"]);
        }
    }
    assert_eq!(dir.read("old"), b"old content");
    assert_eq!(dir.names(), ["file", "file.zst", "old"]);
}

#[test]
fn memory_that_runs_out_is_1_and_leaves_nothing() {
    let dir = Dir::new();
    fs::File::create(dir.path("file")).unwrap().set_len(65 << 20).unwrap();
    dir.run(["pack", "-q", "--chunk-size", "64M", "file"]).succeeded();
    let program = env!("CARGO_BIN_EXE_moirai");
    // Room for the program and the first buffer of 64 MiB, but not for the second.
    for command in ["pack -T1 --chunk-size 64M file -o new", "unpack -T1 file.zst -o new"] {
        let script = format!("ulimit -v 120000; exec {program} {command}");
        let run = end(spawn(Command::new("sh").args(["-c", &script]).current_dir(dir.path("."))));
        run.failed(1, &["cannot take memory for a chunk: out of memory"]);
    }
    assert_eq!(dir.names(), ["file", "file.zst"]);
}

#[test]
fn a_directory_that_may_be_written_but_not_read_is_no_failure() {
    if !has("setpriv") {
        return skip("there is no setpriv");
    }
    let dir = Dir::new();
    fs::copy(env!("CARGO_BIN_EXE_moirai"), dir.path("moirai")).unwrap();
    dir.write("file", "content");
    fs::create_dir(dir.path("drop")).unwrap();
    fs::set_permissions(dir.path("drop"), fs::Permissions::from_mode(0o333)).unwrap();
    fs::set_permissions(dir.path("."), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.args(["./moirai", "pack", "file", "-o", "drop/out"]);
    let run = end(spawn(command.current_dir(dir.path("."))));
    if run.stderr.starts_with("setpriv:") {
        return skip("may not become another user");
    }
    run.succeeded();
    fs::set_permissions(dir.path("drop"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(fs::read_dir(dir.path("drop")).unwrap().count(), 1);
}

#[test]
fn a_full_disk_is_74_with_the_output_removed_and_the_old_one_intact() {
    let dir = Dir::new();
    let disk = dir.path("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "moirai-test"])
        .arg(&disk)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        return skip("cannot mount a small file system here");
    }
    dir.write("file", noise(3 << 20, 4));
    dir.write("disk/old", "old content");
    let runs = [
        dir.run(["pack", "file", "-o", "disk/new"]),
        dir.run(["pack", "-f", "file", "-o", "disk/old"]),
    ];
    let left: Vec<_> =
        fs::read_dir(&disk).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let old = dir.read("disk/old");
    let unmounted = Command::new("umount").arg(&disk).status().unwrap();
    assert!(unmounted.success());
    for run in runs {
        run.failed(74, &["cannot write disk/", "at offset", "No space left"]);
    }
    assert_eq!((left.len(), &old[..]), (1, &b"old content"[..]));
}

#[test]
fn a_name_without_the_suffix_needs_an_output() {
    let dir = Dir::new();
    dir.write("archive", dir.pack(b"content"));
    dir.run(["unpack", "archive"]).failed(64, &["does not end in .zst", "-o"]);
    dir.run(["unpack", "archive", "-o", "file"]).succeeded();
    assert!(exists(&dir.path("file")));
}
