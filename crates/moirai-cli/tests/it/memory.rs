//! The bound that `--dry-run` prints holds.

use crate::harness::{Dir, noise};

#[test]
fn peak_memory_stays_below_the_printed_bound() {
    let dir = Dir::new();
    // Noise fills the buffers of both sides.
    dir.write("file", noise(96 << 20, 1));
    for (threads, level, chunk) in [
        ("1", "1", "4M"),
        ("2", "3", "4M"),
        ("8", "1", "4M"),
        ("2", "1", "64K"),
        ("2", "-3", "32M"),
    ] {
        let plan = ["-f", "-T", threads, "--json"];
        let pack = ["pack", "-l", level, "--chunk-size", chunk, "file"];
        let planned = dir.run([&pack[..], &plan, &["--dry-run"]].concat()).json();
        let packed = dir.run([&pack[..], &plan].concat()).json();
        let unpack = ["unpack", "file.zst", "-o", "copy"];
        let restored = dir.run([&unpack[..], &plan].concat()).json();
        let case = format!("-T{threads} -l{level} --chunk-size {chunk}");
        for (run, bound) in [(&packed, &planned), (&restored, &restored)] {
            let peak = run["usage"]["peak_rss_bytes"].as_u64().unwrap();
            let bound = bound["memory"]["bound_bytes"].as_u64().unwrap();
            println!("{case}: {} of {} MiB", peak >> 20, bound >> 20);
            assert!(peak <= bound, "{case}: {peak} > {bound}");
        }
    }
}
