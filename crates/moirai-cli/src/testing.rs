//! What the unit tests share: reproducible data.

/// `len` bytes that zstd cannot compress, different for each `seed`.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// `len` bytes that compress well but not to nothing.
pub(crate) fn text(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 16);
    let mut state = seed | 1;
    while bytes.len() < len {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(format!("line {} ", state >> 54).as_bytes());
    }
    bytes.truncate(len);
    bytes
}
