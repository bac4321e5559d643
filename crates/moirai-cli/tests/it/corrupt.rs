//! Archives that are not what they were.

use crate::harness::{Dir, noise, text};
use moirai_cli::container::Reader;
use moirai_cli::error::Error;
use moirai_cli::flow::Context;
use moirai_cli::plan::Limits;
use moirai_cli::progress::Progress;
use moirai_cli::signal::Interrupts;
use moirai_cli::unpack::{ReadFrames, WriteChunks, decompress};
use moirai_runtime::Runtime;
use std::io::{self, Cursor};
use std::ops::Range;

const CHUNK: usize = 64 << 10;

/// Where each frame of an archive lies, and where the end frame begins.
fn frames(archive: &[u8]) -> (Vec<Range<usize>>, usize) {
    let mut reader = Reader::open(archive).unwrap();
    let mut buffer = vec![0; reader.frame_bytes_max()];
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame(&mut buffer).unwrap() {
        let start = frame.offset as usize;
        frames.push(start..start + frame.frame_bytes);
    }
    (frames, reader.trailer().unwrap().offset as usize)
}

/// Restores `archive` through the program and asserts that it refuses it without leaving anything.
#[track_caller]
fn refused(archive: &[u8], parts: &[&str]) {
    let dir = Dir::new();
    dir.write("bad.zst", archive);
    dir.write("old", "old content");
    dir.run(["unpack", "bad.zst"]).failed(65, &[&["bad.zst: corrupt at offset"], parts].concat());
    dir.run(["unpack", "-f", "bad.zst", "-o", "old"]).failed(65, parts);
    assert_eq!(dir.read("old"), b"old content");
    assert_eq!(dir.names(), ["bad.zst", "old"]);
    let piped = dir.run_with_stdin(["unpack"], archive);
    piped.failed(65, &[&["standard input: corrupt at offset"], parts].concat());
}

#[test]
fn a_truncated_archive_is_refused_at_its_end() {
    let archive = Dir::new().pack(&text(3 * CHUNK, 1));
    let (frames, end) = frames(&archive);
    let inside_frame = frames[1].start + 20;
    refused(
        &archive[..inside_frame],
        &[&format!("offset {inside_frame}, frame 1: the archive ends")],
    );
    refused(&archive[..frames[2].start], &["ends inside the space between frames"]);
    refused(&archive[..end], &["the archive ends"]);
    refused(&archive[..end + 10], &["ends inside the end frame"]);
    refused(&archive[..archive.len() - 1], &["ends inside the seek table"]);
    refused(&archive[..10], &["ends inside the header"]);
    refused(&[], &["this is not a Moirai archive"]);
}

#[test]
fn a_flipped_bit_is_refused_with_its_frame() {
    let mut archive = Dir::new().pack(&noise(3 * CHUNK, 2));
    let (frames, _) = frames(&archive);
    archive[frames[1].start + CHUNK / 2] ^= 4;
    let place = format!("offset {}, frame 1: frame does not decode", frames[1].start);
    refused(&archive, &[&place]);
}

#[test]
fn dropped_swapped_and_foreign_frames_are_refused() {
    let dir = Dir::new();
    let archive = dir.pack(&noise(3 * CHUNK, 3));
    let (at, end) = frames(&archive);
    let dropped = [&archive[..at[1].start], &archive[at[1].end..]].concat();
    refused(
        &dropped,
        &[&format!("offset {}", end - at[1].len()), "frame count 3, the frames say 2"],
    );
    let last_dropped = [&archive[..at[2].start], &archive[at[2].end..]].concat();
    refused(&last_dropped, &["frame count 3, the frames say 2"]);

    let mut swapped = archive.clone();
    swapped[at[0].clone()].copy_from_slice(&archive[at[1].clone()]);
    swapped[at[1].clone()].copy_from_slice(&archive[at[0].clone()]);
    assert_eq!(frames(&swapped).0, at, "every frame is whole, and the seek table fits");
    refused(&swapped, &[&format!("offset {end}: the frames do not match the root hash")]);

    let other = dir.pack(&noise(3 * CHUNK, 4));
    let mut foreign = archive;
    foreign[at[1].clone()].copy_from_slice(&other[at[1].clone()]);
    refused(&foreign, &["do not match the root hash"]);
}

#[test]
fn a_missing_end_and_trailing_bytes_are_refused() {
    let archive = Dir::new().pack(&noise(3 * CHUNK, 5));
    let (_, end) = frames(&archive);
    let table = end + 66;
    let without_end = [&archive[..end], &archive[table..]].concat();
    refused(&without_end, &[&format!("offset {end}: expected a frame or the end")]);
    refused(&archive[..table], &["ends inside the seek table"]);
    let longer = [&archive[..], b"x"].concat();
    refused(&longer, &[&format!("offset {}: bytes follow", archive.len())]);
    refused(&[&archive[..], &archive[..]].concat(), &["bytes follow"]);
}

#[test]
fn a_plain_zstd_file_is_refused_with_advice() {
    let mut plain = vec![0; 1000];
    let length = zstd_safe::compress(&mut plain[..], b"hello", 3).unwrap();
    refused(&plain[..length], &["offset 0", "`zstd -d` reads it"]);
    refused(b"PK\x03\x04", &["offset 0", "this is not a Moirai archive"]);
}

#[test]
fn a_declared_size_above_the_limit_is_refused_before_memory_is_taken() {
    let mut archive = Dir::new().pack(&text(1000, 6));
    archive[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(&archive, &["the chunk size in the header is 4294967295"]);
}

/// The graph of `unpack` in this process, into nothing.
struct Unpack {
    runtime: Runtime,
    interrupts: Interrupts,
}

impl Unpack {
    fn new() -> Self {
        let runtime = Runtime::builder().worker_threads(2).blocking_threads(4).build().unwrap();
        Self { runtime, interrupts: Interrupts::never() }
    }

    fn check(&self, archive: Vec<u8>) -> Result<u64, Error> {
        let reader = Reader::open(Cursor::new(archive))
            .map_err(|error| Error::read_archive("archive", error))?;
        let sink = WriteChunks::new(io::sink(), reader.header_frame(), "nothing");
        let source = ReadFrames::new(reader, "archive", Progress::hidden());
        let context = Context { runtime: &self.runtime, interrupts: &self.interrupts };
        let limits = Limits { threads: 2, channel_depth: 1, window: 4 };
        decompress(&context, &limits, source, sink).map(|(totals, _)| totals.raw_bytes)
    }

    #[track_caller]
    fn refuses(&self, archive: Vec<u8>, what: &str) {
        match self.check(archive) {
            Err(error @ Error::Corrupt { .. }) => assert_eq!(error.exit_code(), 65),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn every_flipped_bit_and_every_truncation_is_refused() {
    let unpack = Unpack::new();
    // Three frames: Huffman and sequences, raw, run-length.
    let content = [&text(CHUNK, 7)[..], &noise(300, 8), &[9; CHUNK - 300], &[9; 1000]].concat();
    let archive = Dir::new().pack(&content);
    assert_eq!(unpack.check(archive.clone()).unwrap(), content.len() as u64);
    // Every bit where bytes have structure, one bit of each byte of the long compressed body.
    let (at, _) = frames(&archive);
    let body = at[0].start + 100..at[0].end - 100;
    let mut tried = 0;
    for place in 0..archive.len() {
        let bits = if body.contains(&place) { place % 8..place % 8 + 1 } else { 0..8 };
        for bit in bits {
            let mut flipped = archive.clone();
            flipped[place] ^= 1 << bit;
            unpack.refuses(flipped, &format!("bit {bit} of byte {place}"));
            tried += 1;
        }
        unpack.refuses(archive[..place].to_vec(), &format!("cut to {place}"));
    }
    println!("{tried} flips and {} truncations of {} bytes", archive.len(), archive.len());
}
