//! loom models of the files that hold `unsafe`. Run by `cargo xtask loom`.
