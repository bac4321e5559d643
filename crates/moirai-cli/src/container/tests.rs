//! The format, written by `Writer` and bent by hand, as `Reader` sees it.

use super::*;
use crate::codec::{Encoder, frame_bytes_max};
use crate::testing::text;

const CHUNK: usize = 64 << 10;

/// An archive of `chunks`, made without any pipeline.
fn archive(chunks: &[&[u8]]) -> Vec<u8> {
    let encoder = Encoder::new(1);
    let mut writer =
        Writer::new(Vec::new(), &Header { chunk_bytes: CHUNK as u32, level: 1 }).unwrap();
    for chunk in chunks {
        let mut frame = vec![0; frame_bytes_max(chunk.len())];
        let length = encoder.encode(chunk, &mut frame).unwrap();
        frame.truncate(length);
        writer.push(&frame, chunk.len() as u32, &blake3::hash(&frame)).unwrap();
    }
    let (bytes, totals) = writer.finish().unwrap();
    assert_eq!(totals.archive_bytes, bytes.len() as u64);
    bytes
}

/// Walks an archive to its end and returns its frames and its trailer.
fn walk(bytes: &[u8]) -> Result<(Vec<FrameAt>, Trailer), ReadError> {
    let mut reader = Reader::open(bytes)?;
    let mut buffer = vec![0; reader.frame_bytes_max()];
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame(&mut buffer)? {
        frames.push(frame);
    }
    assert_eq!(reader.offset(), bytes.len() as u64);
    Ok((frames, *reader.trailer().unwrap()))
}

fn why(bytes: &[u8]) -> Corruption {
    match walk(bytes) {
        Err(ReadError::Corrupt { source, .. }) => source,
        other => panic!("not refused as corrupt: {other:?}"),
    }
}

#[test]
fn what_the_writer_writes_the_reader_reads() {
    for (chunks, last) in [(0, 0), (1, 1), (1, CHUNK), (3, 5), (3, CHUNK)] {
        let whole = text(CHUNK, 1);
        let data: Vec<&[u8]> =
            (1..=chunks).map(|i| if i == chunks { &whole[..last] } else { &whole[..] }).collect();
        let (frames, trailer) = walk(&archive(&data)).unwrap();
        assert_eq!(frames.len(), chunks);
        assert_eq!(trailer.frames, chunks as u64);
        assert_eq!(trailer.raw_bytes as usize, data.iter().map(|chunk| chunk.len()).sum::<usize>());
    }
}

#[test]
fn zstds_own_seek_table_reader_agrees_with_ours() {
    let whole = text(CHUNK, 2);
    let bytes = archive(&[&whole, &whole, &whole[..10]]);
    let mut reference = zstd_safe::seekable::Seekable::try_create().unwrap();
    reference.init_buff(&bytes).unwrap();
    assert_eq!(reference.num_frames(), 5);
    let (frames, _) = walk(&bytes).unwrap();
    for frame in &frames {
        let entry = frame.index as u32 + 1;
        assert_eq!(reference.frame_compressed_offset(entry).unwrap(), frame.offset);
        assert_eq!(reference.frame_compressed_size(entry).unwrap(), frame.frame_bytes);
        assert_eq!(reference.frame_decompressed_size(entry).unwrap(), frame.raw_bytes as usize);
    }
    let mut middle = [0; 100];
    let start = CHUNK as u64 - 50;
    assert_eq!(reference.decompress(&mut middle[..], start).unwrap(), 100);
    assert_eq!(middle[..50], whole[CHUNK - 50..]);
    assert_eq!(middle[50..], whole[..50]);
}

#[test]
fn stock_zstd_decoding_skips_everything_but_the_frames() {
    let whole = text(CHUNK, 3);
    for data in [vec![], vec![&whole[..100]], vec![&whole[..], &whole[..1]]] {
        let bytes = archive(&data);
        let content = data.concat();
        let mut out = vec![0; content.len() + 1];
        let length = zstd_safe::decompress(&mut out[..], &bytes).unwrap();
        assert_eq!(out[..length], content);
    }
}

#[test]
fn every_truncation_is_refused() {
    let whole = text(CHUNK, 4);
    let bytes = archive(&[&whole, &whole[..9]]);
    for length in 0..bytes.len() {
        let cut = why(&bytes[..length]);
        assert!(
            matches!(cut, Corruption::Truncated { .. }) || length < SKIPPABLE_PREFIX_BYTES,
            "{length}: {cut}"
        );
    }
}

#[test]
fn dropped_frames_missing_ends_and_trailing_bytes_are_refused() {
    let whole = text(CHUNK, 5);
    let bytes = archive(&[&whole, &whole, &whole]);
    let (frames, trailer) = walk(&bytes).unwrap();
    let cut = |from: u64, to: u64| [&bytes[..from as usize], &bytes[to as usize..]].concat();
    for frame in &frames {
        let dropped = cut(frame.offset, frame.offset + frame.frame_bytes as u64);
        assert!(matches!(why(&dropped), Corruption::End { what: "frame count", .. }));
    }
    let end = trailer.offset + (SKIPPABLE_PREFIX_BYTES + END_BYTES) as u64;
    assert!(matches!(why(&cut(trailer.offset, end)), Corruption::Magic { .. }));
    assert!(matches!(
        why(&bytes[..end as usize]),
        Corruption::Truncated { inside: "the seek table" }
    ));
    assert_eq!(why(&[&bytes[..], &[0]].concat()), Corruption::Trailing);
    assert_eq!(why(&[&bytes[..], &bytes[..]].concat()), Corruption::Trailing);
}

#[test]
fn a_frame_after_a_short_one_is_refused() {
    let whole = text(CHUNK, 6);
    let (short, long) = (archive(&[&whole[..9]]), archive(&[&whole]));
    let (frame, _) = walk(&short).unwrap();
    let at = frame[0].offset as usize;
    let joined = [&short[..at + frame[0].frame_bytes], &long[at..]].concat();
    assert_eq!(why(&joined), Corruption::FrameAfterShort);
}

#[test]
fn plain_zstd_files_are_told_from_garbage() {
    let mut plain = [0; 100];
    let length = zstd_safe::compress(&mut plain[..], b"hello", 3).unwrap();
    assert_eq!(why(&plain[..length]), Corruption::ForeignZstd);
    assert_eq!(why(b"\x50\x2a\x4d\x18\0\0\0\0"), Corruption::ForeignZstd);
    assert_eq!(why(b"PK\x03\x04 and more"), Corruption::NotAnArchive);
    assert_eq!(why(b""), Corruption::NotAnArchive);
}

/// A header frame with `fields` after its fixed part, and `patch` applied to its content.
fn header_with(fields: &[u8], patch: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut frame = Header { chunk_bytes: CHUNK as u32, level: 3 }.encode();
    frame.extend_from_slice(fields);
    let length = (frame.len() - SKIPPABLE_PREFIX_BYTES) as u32;
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    patch(&mut frame[SKIPPABLE_PREFIX_BYTES..]);
    frame
}

#[test]
fn unknown_fields_are_skipped_unless_marked_critical() {
    let known = header_with(&[0x34, 0x12, 2, 0, b'a', b'b'], |_| {});
    assert_eq!(Reader::open(&known[..]).unwrap().header().chunk_bytes as usize, CHUNK);
    let critical = header_with(&[0x34, 0x92, 0, 0], |_| {});
    assert_eq!(why(&critical), Corruption::CriticalField { tag: 0x9234 });
    for fields in [&[0x34, 0x12, 3, 0, b'a', b'b'][..], &[0x34, 0x12, 0]] {
        assert!(matches!(why(&header_with(fields, |_| {})), Corruption::HeaderField { .. }));
    }
}

#[test]
fn header_limits_hold_at_the_limit_and_one_past_it() {
    let chunk = |bytes: u32| header_with(&[], |at| at[8..12].copy_from_slice(&bytes.to_le_bytes()));
    for bytes in [*CHUNK_BYTES.start(), *CHUNK_BYTES.end()] {
        assert!(Reader::open(&chunk(bytes)[..]).is_ok());
    }
    for bytes in [0, *CHUNK_BYTES.start() - 1, *CHUNK_BYTES.end() + 1, u32::MAX] {
        assert!(matches!(
            why(&chunk(bytes)),
            Corruption::HeaderField { what: "the chunk size", .. }
        ));
    }
    // 16 fields of 4095 bytes and their heads make 64 KiB less 16; one more of 12 fills it up.
    let field =
        |length: u16| [&[1, 0][..], &length.to_le_bytes(), &vec![0; length.into()]].concat();
    let mut fields = vec![field(4092); 16].concat();
    assert_eq!(fields.len(), FIELDS_BYTES_MAX);
    assert!(Reader::open(&header_with(&fields, |_| {})[..]).is_ok());
    fields.extend_from_slice(&field(0));
    assert!(matches!(
        why(&header_with(&fields, |_| {})),
        Corruption::HeaderField { what: "the length", .. }
    ));
    assert_eq!(why(&header_with(&[], |at| at[6] = 2)), Corruption::Version { found: 2 });
    assert!(matches!(
        why(&header_with(&[], |at| at[7] = 1)),
        Corruption::HeaderField { what: "the flags byte", .. }
    ));
}

/// A header followed by one frame whose bytes after the magic number are `rest`.
fn with_frame(rest: &[u8]) -> Vec<u8> {
    [&header_with(&[], |_| {})[..], &ZSTD_MAGIC.to_le_bytes(), rest].concat()
}

#[test]
fn frames_that_the_writer_never_writes_are_refused_before_their_body_is_read() {
    let header = |rest: &[u8]| match why(&with_frame(rest)) {
        Corruption::FrameHeader { problem } => problem,
        other => panic!("{other}"),
    };
    assert_eq!(header(&[0b0000_0100]), "does not declare a content size");
    assert_eq!(header(&[0b0010_0101]), "asks for a dictionary");
    assert_eq!(header(&[0b0010_0000]), "declares no checksum");
    assert_eq!(header(&[0b0010_1100]), "has reserved bits set");
    let window = |byte| with_frame(&[&[0b1000_0100, byte, 9, 0, 0, 0][..], &[1, 0, 0]].concat());
    assert!(matches!(why(&window((27 - 10) << 3)), Corruption::Truncated { .. }));
    assert!(matches!(why(&window((27 - 10) << 3 | 1)), Corruption::FrameHeader { .. }));

    let size =
        |bytes: u64| with_frame(&[&[0b1110_0100][..], &bytes.to_le_bytes(), &[1, 0, 0]].concat());
    for bytes in [1, CHUNK as u64] {
        assert!(matches!(why(&size(bytes)), Corruption::Truncated { .. }));
    }
    for bytes in [0, CHUNK as u64 + 1, 1 << 32 | 1, u64::MAX] {
        assert!(matches!(why(&size(bytes)), Corruption::ContentBytes { .. }), "{bytes}");
    }
}

#[test]
fn a_frame_may_not_be_longer_than_its_chunk_can_need() {
    let raw_block = |bytes: u32| (bytes << 3).to_le_bytes()[..3].to_vec();
    let head = [&[0b1010_0100][..], &(CHUNK as u32).to_le_bytes()].concat();
    assert_eq!(
        why(&with_frame(&[&head[..], &raw_block(128 << 10 | 1)].concat())),
        Corruption::Block
    );
    assert_eq!(why(&with_frame(&[&head[..], &[0b110, 0, 0]].concat())), Corruption::Block);
    // Endless empty blocks.
    let empty = [&head[..], &vec![0; 2 * CHUNK]].concat();
    assert!(matches!(why(&with_frame(&empty)), Corruption::FrameTooLong { .. }));
    let max = frame_bytes_max(CHUNK);
    let long = [&head[..], &raw_block(max as u32), &vec![0; max]].concat();
    assert_eq!(why(&with_frame(&long)), Corruption::FrameTooLong { max });
}
